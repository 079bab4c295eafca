// Package api is the platform's HTTP server: the web page and the interface that it lives on.
//
//	GET /api/v1/screen         the big screen's numbers, JSON (see screen.Snapshot)
//	GET /api/v1/screen/stream  the same as server-sent events, one at most a second and only when a number has changed
//	GET /api/v1/jobs           the jobs of this process, JSON
//	GET /                      the page
//
// It answers whatever state the stores are in; what it cannot know is marked in the answer. It has no accounts yet: listen on loopback, or behind a proxy that has them.
package api

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/pkg/warehouse"
	"github.com/freshet-dw/freshet/platform/internal/screen"
	"github.com/freshet-dw/freshet/platform/ui"
)

// Config is the platform's section of freshet.yaml.
type Config struct {
	Listen   string        `cfg:"listen" default:"127.0.0.1:8080" help:"Address of the web page and the API."`
	Interval time.Duration `cfg:"interval" default:"1s" help:"How often the stores are asked for the big screen's numbers, for all who watch together."`
	Timeout  time.Duration `cfg:"timeout" default:"3s" help:"How long a store may take to answer before its tile is marked."`
}

// Validate checks what concerns several keys.
func (c *Config) Validate() error {
	var errs []error
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		errs = append(errs, config.Invalid("listen", "%q is not host:port", c.Listen))
	}
	if c.Interval < 100*time.Millisecond {
		errs = append(errs, config.Invalid("interval", "must be at least 100ms"))
	}
	if c.Timeout < 100*time.Millisecond {
		errs = append(errs, config.Invalid("timeout", "must be at least 100ms"))
	}
	return fault.Join(errs...)
}

// Module is the target "platform".
func Module(d warehouse.Deps, c Config) service.Module {
	return service.Module{Name: "platform", Help: "web page with the big screen, and the API", Start: func(ctx context.Context, ready func()) error {
		s, err := newScreen(d, c)
		if err != nil {
			return err
		}
		life, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- s.Run(life) }()
		err = obs.Serve(ctx, c.Listen, Handler(s, d.Tel), func(a net.Addr) {
			d.Tel.Log.Info("big screen", "url", "http://"+a.String())
			ready()
		})
		stop()
		return fault.Join(err, <-done)
	}}
}

// newScreen makes the screen of the warehouse's stores.
func newScreen(d warehouse.Deps, c Config) (*screen.Screen, error) {
	zone, err := time.LoadLocation(d.Config.Zone)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "zone")
	}
	jobs := Jobs{d.Tel.Gatherer}
	kafka, kerr := screen.Kafka(d.Config.Kafka, d.Config.DeadLetter, jobs.misses)
	mysql, merr := screen.MySQL(d.Config.MySQL, zone)
	redis, rerr := screen.Redis(d.Config.Redis)
	if err := fault.Join(kerr, merr, rerr); err != nil {
		return nil, err
	}
	return screen.New(screen.Config{Name: d.Config.Name, Zone: zone, Interval: c.Interval, Timeout: c.Timeout, Log: d.Tel.Log, Jobs: jobs.Totals},
		kafka, mysql, redis, screen.HBase(d.Config.HBase, zone), screen.ClickHouse(d.Config.ClickHouse, zone)), nil
}

// Screen is where snapshots come from.
type Screen interface {
	Snapshot() (*screen.Snapshot, <-chan struct{})
}

// Handler serves the page and the API.
func Handler(s Screen, tel *obs.Telemetry) http.Handler {
	mux := http.NewServeMux()
	boot := strconv.FormatInt(time.Now().UnixMilli(), 36)
	mux.HandleFunc("GET /api/v1/screen", func(w http.ResponseWriter, _ *http.Request) {
		now, _ := s.Snapshot()
		answer(w, http.StatusOK, now)
	})
	mux.Handle("GET /api/v1/screen/stream", &stream{screen: s, boot: boot, heartbeat: heartbeat})
	mux.HandleFunc("GET /api/v1/jobs", func(w http.ResponseWriter, _ *http.Request) {
		jobs, err := Jobs{tel.Gatherer}.List()
		if err != nil {
			answer(w, http.StatusInternalServerError, problem{err.Error()})
			return
		}
		answer(w, http.StatusOK, map[string]any{"jobs": jobs})
	})
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusNotFound, problem{"there is no " + r.Method + " " + r.URL.Path})
	})
	files, built := ui.Page()
	mux.Handle("/", page(files, built))
	return mux
}

type problem struct {
	Error string `json:"error"`
}

func answer(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(text)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // the client has gone
}

// hashed tells whether a file's name holds the hash of its contents, so that it may be kept for ever.
func hashed(path string) bool { return strings.HasPrefix(path, "/assets/") }
