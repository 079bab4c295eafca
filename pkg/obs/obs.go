// Package obs sets up what a process tells about itself: structured logs,
// Prometheus metrics, OpenTelemetry traces and the admin HTTP end points.
//
// Everything is passed in as a [Telemetry]; there is no global logger, registry
// or tracer provider, so that several instances run side by side in one process.
// Without a trace end point spans cost nothing and go nowhere.
package obs

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Config is the telemetry section of the configuration.
type Config struct {
	Level         string  `cfg:"level" default:"info" enum:"debug|info|warn|error" help:"Least severe log level that is written."`
	Format        string  `cfg:"format" default:"auto" enum:"auto|text|json" help:"Log format; auto is text on a terminal and json elsewhere."`
	TraceEndpoint string  `cfg:"trace_endpoint" help:"OTLP/HTTP end point for traces, as http://host:4318; empty switches tracing off."`
	TraceRatio    float64 `cfg:"trace_ratio" default:"0.01" help:"Share of root spans that are recorded, 0 to 1."`
}

// Telemetry is passed to every component. Copies are cheap and share the
// registry and the exporter.
type Telemetry struct {
	Log      *slog.Logger
	Metrics  prometheus.Registerer
	Gatherer prometheus.Gatherer
	Tracer   trace.Tracer

	shutdown func(context.Context) error
}

// New builds the telemetry of a process that calls itself service (as
// "freshet" or "dwd") at the version, writing logs to out. It connects to
// nothing: the exporter dials later and drops spans when it cannot.
func New(ctx context.Context, cfg Config, service, version string, out io.Writer) (*Telemetry, error) {
	level, err := ParseLevel(cfg.Level)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "freshet_build_info", Help: "Always 1; the labels tell what runs.",
		ConstLabels: prometheus.Labels{"service": service, "version": version},
	})
	build.Set(1)
	registry.MustRegister(build)

	t := &Telemetry{
		Log:      slog.New(Handler(out, cfg.Format, level)),
		Metrics:  registry,
		Gatherer: registry,
		Tracer:   noop.NewTracerProvider().Tracer(service),
		shutdown: func(context.Context) error { return nil },
	}
	if cfg.TraceEndpoint == "" {
		return t, nil
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(cfg.TraceEndpoint))
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "set up traces to %s", cfg.TraceEndpoint)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cfg.TraceRatio))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", service),
			attribute.String("service.version", version),
		)),
	)
	t.Tracer = provider.Tracer(service)
	t.shutdown = provider.Shutdown
	return t, nil
}

// Discard returns telemetry that goes nowhere, with a registry of its own.
func Discard() *Telemetry {
	registry := prometheus.NewRegistry()
	return &Telemetry{
		Log:      slog.New(slog.DiscardHandler),
		Metrics:  registry,
		Gatherer: registry,
		Tracer:   noop.NewTracerProvider().Tracer("discard"),
		shutdown: func(context.Context) error { return nil },
	}
}

// With returns telemetry whose log lines carry the module's name.
func (t *Telemetry) With(module string) *Telemetry {
	c := *t
	c.Log = t.Log.With("module", module)
	return &c
}

// WithLabels returns telemetry whose metrics, registered from now on, carry
// the labels.
func (t *Telemetry) WithLabels(labels prometheus.Labels) *Telemetry {
	c := *t
	c.Metrics = prometheus.WrapRegistererWith(labels, t.Metrics)
	return &c
}

// Close sends the spans that wait, for at most five seconds.
func (t *Telemetry) Close(ctx context.Context) error {
	if t.shutdown == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return fault.Wrap(fault.Transient, t.shutdown(ctx), "send last spans")
}

// Register adds c to reg and returns it, or the equal collector that is
// registered already: two instances of a component in one process then share
// their series instead of failing. It panics when the name is taken by a
// collector of another shape, which is a defect.
func Register[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	err := reg.Register(c)
	if err == nil {
		return c
	}
	var taken prometheus.AlreadyRegisteredError
	if errors.As(err, &taken) {
		if existing, ok := taken.ExistingCollector.(C); ok {
			return existing
		}
	}
	panic(err)
}

// ParseLevel reads debug, info, warn or error; empty is info.
func ParseLevel(s string) (slog.Level, error) {
	switch strings.ToLower(s) {
	case "", "info":
		return slog.LevelInfo, nil
	case "debug":
		return slog.LevelDebug, nil
	case "warn", "warning":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fault.WithRemedy(fault.Newf(fault.Config, "unknown log level %q", s), "use debug, info, warn or error")
}

// Handler returns the log handler for a format of auto, text or json. Errors
// logged under any key add a sibling "<key>_kind" with their fault kind, so
// that log searches need no message matching.
func Handler(out io.Writer, format string, level slog.Leveler) slog.Handler {
	opts := &slog.HandlerOptions{Level: level}
	if format == "text" || format != "json" && IsTerminal(out) {
		opts.ReplaceAttr = shortTime
		return kindHandler{slog.NewTextHandler(out, opts)}
	}
	return kindHandler{slog.NewJSONHandler(out, opts)}
}

// IsTerminal reports whether out is a character device.
func IsTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func shortTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.String(slog.TimeKey, a.Value.Time().Format("15:04:05.000"))
	}
	return a
}

type kindHandler struct{ slog.Handler }

func (h kindHandler) Handle(ctx context.Context, r slog.Record) error {
	var kinds []slog.Attr
	r.Attrs(func(a slog.Attr) bool {
		if err, ok := a.Value.Any().(error); ok && err != nil {
			kinds = append(kinds, slog.String(a.Key+"_kind", fault.KindOf(err).String()))
		}
		return true
	})
	if len(kinds) > 0 {
		r = r.Clone()
		r.AddAttrs(kinds...)
	}
	return h.Handler.Handle(ctx, r)
}

func (h kindHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return kindHandler{h.Handler.WithAttrs(attrs)}
}

func (h kindHandler) WithGroup(name string) slog.Handler {
	return kindHandler{h.Handler.WithGroup(name)}
}
