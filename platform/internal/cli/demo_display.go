package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/platform/internal/screen"
	"github.com/freshet-dw/freshet/platform/internal/shop"
)

// display writes the demo's progress, one line a fact.
type display struct {
	out   io.Writer
	began time.Time

	mu     sync.Mutex
	stores map[string]time.Time
	told   map[string]time.Time // errors by message
	lines  int
}

func newDisplay(out io.Writer) *display {
	return &display{out: out, began: time.Now(), stores: map[string]time.Time{}, told: map[string]time.Time{}}
}

func (d *display) say(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(d.out, "%7.1fs  %s\n", time.Since(d.began).Seconds(), fmt.Sprintf(format, args...))
	d.lines = 0
}

func (d *display) ready(what string, took time.Duration) {
	d.say("%-24s ready in %.1fs", what, took.Seconds())
}

// store is told of the stores' states.
func (d *display) store(name, state string) {
	d.mu.Lock()
	began, known := d.stores[name]
	if !known {
		d.stores[name] = time.Now()
	}
	d.mu.Unlock()
	switch {
	case state == "ready":
		d.ready(name, time.Since(began))
	case known:
		d.say("%-24s %s", name, state)
	}
}

// target is told of the targets' states. It reports whether all are ready.
func (d *display) target(e service.Event) bool {
	switch {
	case e.Module == service.All:
		return e.State == service.Ready
	case e.State == service.Ready:
		d.ready(e.Module, e.Elapsed)
	}
	return false
}

// tee gives a logger that shows errors too, each message at most once in ten seconds.
func (d *display) tee(log *slog.Logger) *slog.Logger {
	return slog.New(&teeHandler{log.Handler(), d, nil})
}

type teeHandler struct {
	slog.Handler
	d     *display
	attrs []slog.Attr
}

func (h *teeHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		h.d.problem(r, h.attrs)
	}
	return h.Handler.Handle(ctx, r)
}

func (h *teeHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &teeHandler{h.Handler.WithAttrs(attrs), h.d, append(slices.Clone(h.attrs), attrs...)}
}

func (h *teeHandler) WithGroup(name string) slog.Handler {
	return &teeHandler{h.Handler.WithGroup(name), h.d, h.attrs}
}

func (d *display) problem(r slog.Record, attrs []slog.Attr) {
	var b strings.Builder
	add := func(a slog.Attr) bool {
		fmt.Fprintf(&b, "  %s=%v", a.Key, a.Value)
		return true
	}
	for _, a := range attrs {
		add(a)
	}
	r.Attrs(add)
	text := r.Message + b.String()
	if first, _, more := strings.Cut(text, "\n"); more { // a stack, say: it is in the log
		text = first + " …"
	}
	d.mu.Lock()
	repeated := time.Since(d.told[text]) < 10*time.Second
	if !repeated {
		if len(d.told) > 1000 {
			clear(d.told)
		}
		d.told[text] = time.Now()
	}
	d.mu.Unlock()
	if !repeated {
		d.say("! %s", text)
	}
}

const figuresHead = "   time   orders/s  views/s     ods/s     dwd/s      dm/s       lag     ods     dwd      dm   store               GMV         UV"

// figures shows a line of numbers, with a heading now and then.
func (d *display) figures(s *screen.Snapshot, orders, views float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lines%25 == 0 {
		fmt.Fprintln(d.out, figuresHead)
	}
	d.lines++
	fmt.Fprintf(d.out, "%6.1fs %10.0f %8.0f", time.Since(d.began).Seconds(), orders, views)
	layers := map[string]screen.Layer{}
	for _, l := range s.Road.Layers {
		layers[l.Name] = l
	}
	for _, name := range []string{screen.ODSLayer, screen.DWDLayer, screen.DMLayer} {
		fmt.Fprintf(d.out, " %9s", thousands(layers[name].Rate))
	}
	fmt.Fprintf(d.out, " %9d", s.Road.Lag)
	for _, name := range []string{screen.ODSLayer, screen.DWDLayer, screen.DMLayer, screen.StoreLayer} {
		fmt.Fprintf(d.out, " %7s", delayText(layers[name]))
	}
	gmv, err := s.GMV.Today.Float64()
	if err != nil {
		gmv = 0
	}
	fmt.Fprintf(d.out, " %17.2f %10d", gmv, s.UV.Today)
	for _, source := range []screen.Source{s.Road.Source, s.GMV.Source, s.UV.Source, s.Top.Source, s.Trade.Source} {
		if !source.OK {
			fmt.Fprintf(d.out, "  %s n/a", source.Store)
		}
	}
	fmt.Fprintln(d.out)
}

func delayText(l screen.Layer) string {
	switch {
	case !l.Known:
		return "–"
	case l.Idle:
		return "idle"
	}
	return fmt.Sprintf("%.1fs", float64(l.DelayMS)/1000)
}

// watch shows the big screen's numbers every second until ctx ends.
func (d *demo) watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var before shop.Progress
	at := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var now shop.Progress
		if d.sim != nil {
			now = d.sim.Progress()
		}
		seconds := time.Since(at).Seconds()
		orders, views := float64(now.Orders-before.Orders)/seconds, float64(now.Views-before.Views)/seconds
		before, at = now, time.Now()
		s, err := fetchScreen(ctx, d.where.Page)
		if err != nil {
			if ctx.Err() == nil {
				d.show.say("! the big screen does not answer: %v", err)
			}
			continue
		}
		d.show.figures(s, orders, views)
	}
}

func fetchScreen(ctx context.Context, page string) (*screen.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page+"/api/v1/screen", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	s := &screen.Snapshot{}
	err = json.NewDecoder(resp.Body).Decode(s)
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	return s, err
}
