package obs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/prometheus/client_golang/prometheus"
)

func TestLogFormats(t *testing.T) {
	var out bytes.Buffer
	tel, err := New(t.Context(), Config{Level: "warn"}, "test", "v1", &out)
	if err != nil {
		t.Fatal(err)
	}
	tel.Log.Info("hidden")
	tel.With("dwd").Log.Error("stop", "err", fault.New(fault.Fenced, "newer instance"))
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("a buffer is no terminal, want one JSON line: %v in %q", err, out.String())
	}
	if line["module"] != "dwd" || line["err_kind"] != "fenced" || line["err"] != "newer instance" {
		t.Fatalf("line = %v", line)
	}
	out.Reset()
	tel, err = New(t.Context(), Config{Format: "text", Level: "debug"}, "test", "v1", &out)
	if err != nil {
		t.Fatal(err)
	}
	tel.Log.Debug("seen", "n", 3)
	if s := out.String(); !strings.Contains(s, "level=DEBUG msg=seen n=3") {
		t.Fatalf("text line = %q", s)
	}
	if _, err := New(t.Context(), Config{Level: "loud"}, "test", "v1", &out); fault.KindOf(err) != fault.Config {
		t.Fatalf("bad level: %v", err)
	}
}

func TestAdmin(t *testing.T) {
	tel, err := New(t.Context(), Config{}, "test", "v1", io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	health := &Health{}
	srv := httptest.NewServer(Admin(tel, health))
	defer srv.Close()
	get := func(path string) (int, string) {
		t.Helper()
		resp, err := http.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	if code, body := get("/metrics"); code != 200 || !strings.Contains(body, `freshet_build_info{service="test",version="v1"} 1`) {
		t.Fatalf("/metrics %d %.200s", code, body)
	}
	if code, _ := get("/readyz"); code != 200 {
		t.Fatalf("/readyz without checks = %d", code)
	}
	remove := health.Add("kafka", func(context.Context) error { return errors.New("no broker") })
	health.Add("stuck", func(ctx context.Context) error { select {} })
	if code, body := get("/readyz"); code != 503 || !strings.Contains(body, "kafka: no broker") || !strings.Contains(body, "stuck: no answer") {
		t.Fatalf("/readyz %d %q", code, body)
	}
	remove()
	health.Add("stuck", func(ctx context.Context) error { return nil })
	if code, _ := get("/readyz"); code != 200 {
		t.Fatalf("/readyz after recovery = %d", code)
	}
	if code, _ := get("/healthz"); code != 200 {
		t.Fatalf("/healthz = %d", code)
	}
	if code, body := get("/debug/pprof/"); code != 200 || !strings.Contains(body, "goroutine") {
		t.Fatalf("/debug/pprof = %d", code)
	}
}

func TestRegisterShares(t *testing.T) {
	tel := Discard()
	opts := prometheus.CounterOpts{Name: "rows_total"}
	a := Register(tel.Metrics, prometheus.NewCounter(opts))
	b := Register(tel.Metrics, prometheus.NewCounter(opts))
	a.Inc()
	b.Inc()
	families, err := tel.Gatherer.Gather()
	if err != nil || len(families) != 1 || families[0].Metric[0].Counter.GetValue() != 2 {
		t.Fatalf("families %v err %v", families, err)
	}
	labelled := tel.WithLabels(prometheus.Labels{"job": "x"})
	Register(labelled.Metrics, prometheus.NewCounter(prometheus.CounterOpts{Name: "jobs_total"}))
	if families, err = tel.Gatherer.Gather(); err != nil || families[0].Metric[0].Label[0].GetValue() != "x" {
		t.Fatalf("labels missing: %v %v", families, err)
	}
}

func TestTracesAreExported(t *testing.T) {
	var posts atomic.Int32
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/traces" {
			posts.Add(1)
		}
	}))
	defer collector.Close()
	tel, err := New(t.Context(), Config{TraceEndpoint: collector.URL + "/v1/traces", TraceRatio: 1}, "test", "v1", io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	_, span := tel.Tracer.Start(t.Context(), "epoch")
	span.End()
	if err := tel.Close(t.Context()); err != nil || posts.Load() == 0 {
		t.Fatalf("posts=%d err=%v", posts.Load(), err)
	}
	_, span = Discard().Tracer.Start(t.Context(), "epoch")
	if span.IsRecording() {
		t.Fatal("discarded telemetry records spans")
	}
}

func TestServeStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addr, done := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		done <- Serve(ctx, "127.0.0.1:0", http.NotFoundHandler(), func(a net.Addr) { addr <- a })
	}()
	a := <-addr
	if err := Serve(t.Context(), a.String(), nil, nil); fault.KindOf(err) != fault.Config || fault.RemedyOf(err) == "" {
		t.Fatalf("port in use: %v", err)
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("server does not stop")
	}
}
