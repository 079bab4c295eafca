package obs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// checkTimeout bounds one readiness check; Kubernetes' default probe allows one second in all.
const checkTimeout = 900 * time.Millisecond

// Health collects the readiness checks of a process. The zero value is ready.
type Health struct {
	mu     sync.Mutex
	checks map[string]func(context.Context) error
}

// Add registers a check under a name, replacing an earlier one, and returns
// the function that removes it. Checks run at each request to /readyz, all at
// once, and have 900 ms.
func (h *Health) Add(name string, check func(context.Context) error) (remove func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.checks == nil {
		h.checks = map[string]func(context.Context) error{}
	}
	h.checks[name] = check
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.checks, name)
	}
}

// Check runs all checks and returns the errors by name; none means ready.
func (h *Health) Check(ctx context.Context) map[string]error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	h.mu.Lock()
	checks := make(map[string]func(context.Context) error, len(h.checks))
	for name, f := range h.checks {
		checks[name] = f
	}
	h.mu.Unlock()

	type result struct {
		name string
		err  error
	}
	results := make(chan result, len(checks))
	for name, f := range checks {
		go func() { results <- result{name, f(ctx)} }()
	}
	bad := map[string]error{}
	for range len(checks) { // a number: checks shrinks on the way
		select {
		case r := <-results:
			if r.err != nil {
				bad[r.name] = r.err
			}
			delete(checks, r.name)
		case <-ctx.Done():
			// A check that ignores its context must not hang the probe.
			for name := range checks {
				bad[name] = fault.Wrap(fault.Transient, ctx.Err(), "no answer")
			}
			return bad
		}
	}
	return bad
}

// Admin is the mux of a process: /metrics (Prometheus and OpenMetrics text),
// /healthz (200 while the process can answer), /readyz (200, or 503 with a
// line per check that fails) and /debug/pprof.
func Admin(t *Telemetry, health *Health) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(t.Gatherer, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		bad := health.Check(r.Context())
		if len(bad) == 0 {
			fmt.Fprintln(w, "ok")
			return
		}
		var lines []string
		for name, err := range bad {
			lines = append(lines, fmt.Sprintf("%s: %v", name, err))
		}
		slices.Sort(lines)
		http.Error(w, strings.Join(lines, "\n"), http.StatusServiceUnavailable)
	})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// Serve answers HTTP on addr until ctx is done, then lets requests in flight
// finish for five seconds. It calls listening with the bound address first.
func Serve(ctx context.Context, addr string, h http.Handler, listening func(net.Addr)) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return fault.WithRemedy(fault.Wrap(fault.Config, err, "listen on %s", addr), "choose another address or stop the process that holds it")
	}
	if listening != nil {
		listening(l.Addr())
	}
	// Requests outlive ctx by the grace period; streams see ctx through BaseContext.
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return fault.Wrap(fault.Internal, err, "serve %s", addr)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = srv.Shutdown(grace)
	if err != nil {
		err = errors.Join(err, srv.Close())
	}
	<-done
	return fault.Wrap(fault.Transient, err, "stop serving %s", addr)
}
