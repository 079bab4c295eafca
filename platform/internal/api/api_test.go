package api

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/platform/internal/screen"
	"github.com/prometheus/client_golang/prometheus"
)

// board is a screen that the test writes on.
type board struct {
	mu      sync.Mutex
	now     *screen.Snapshot
	changed chan struct{}
}

func newBoard() *board {
	return &board{now: &screen.Snapshot{Version: 1, GMV: screen.GMV{Today: "0"}}, changed: make(chan struct{})}
}

func (b *board) Snapshot() (*screen.Snapshot, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now, b.changed
}

func (b *board) set(orders int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := *b.now
	n.Version++
	n.GMV.Orders = orders
	b.now = &n
	close(b.changed)
	b.changed = make(chan struct{})
}

// event is one server-sent event.
type event struct{ name, id, data string }

// listen opens the stream and returns its events.
func listen(t *testing.T, url, lastID string) (<-chan event, http.Header, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	events := make(chan event, 16)
	go func() {
		defer close(events)
		var e event
		for in := bufio.NewScanner(resp.Body); in.Scan(); {
			key, value, _ := strings.Cut(in.Text(), ": ")
			switch key {
			case "event":
				e.name = value
			case "id":
				e.id = value
			case "data":
				e.data = value
			case "":
				if e.name != "" {
					events <- e
				}
				e = event{}
			}
		}
	}()
	return events, resp.Header, func() {
		cancel()
		_ = resp.Body.Close()
		for range events { // until the reader ends
		}
	}
}

func next(t *testing.T, events <-chan event) event {
	t.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			t.Fatal("the stream ended")
		}
		return e
	case <-time.After(10 * time.Second):
		t.Fatal("no event")
	}
	return event{}
}

func orders(t *testing.T, e event) int64 {
	t.Helper()
	var s screen.Snapshot
	if err := json.Unmarshal([]byte(e.data), &s); err != nil || e.name != "screen" {
		t.Fatalf("event %+v: %v", e, err)
	}
	return s.GMV.Orders
}

func TestStream(t *testing.T) {
	b := newBoard()
	srv := httptest.NewServer(Handler(b, obs.Discard()))
	defer srv.Close()
	url := srv.URL + "/api/v1/screen/stream"
	events, header, stop := listen(t, url, "")
	if header.Get("Content-Type") != "text/event-stream" || header.Get("Cache-Control") != "no-store" {
		t.Errorf("header %v", header)
	}
	first := next(t, events)
	if orders(t, first) != 0 || first.id == "" {
		t.Errorf("first event %+v", first)
	}
	b.set(3)
	second := next(t, events)
	if orders(t, second) != 3 || second.id == first.id {
		t.Errorf("second event %+v", second)
	}
	stop()

	// Who has seen the newest one is sent the next change only; who has not is sent the newest.
	events, _, stop = listen(t, url, second.id)
	b.set(4)
	if e := next(t, events); orders(t, e) != 4 {
		t.Errorf("resumed with %+v", e)
	}
	stop()
	events, _, stop = listen(t, url, first.id)
	if e := next(t, events); orders(t, e) != 4 {
		t.Errorf("resumed late with %+v", e)
	}
	stop()
	// A version of an earlier life of the server means nothing.
	events, _, stop = listen(t, url, "earlier-3")
	if e := next(t, events); orders(t, e) != 4 {
		t.Errorf("resumed over a restart with %+v", e)
	}
	stop()
}

func TestHeartbeat(t *testing.T) {
	b := newBoard()
	srv := httptest.NewServer(&stream{screen: b, boot: "a", heartbeat: 5 * time.Millisecond})
	defer srv.Close()
	events, _, stop := listen(t, srv.URL, "a-1")
	defer stop()
	if e := next(t, events); e.name != "heartbeat" || !strings.HasPrefix(e.data, `{"time":`) || e.id != "" {
		t.Errorf("quiet stream: %+v", e)
	}
	// A heartbeat must not make the client forget what it has seen.
	b.set(9)
	for {
		e := next(t, events)
		if e.name == "screen" {
			if orders(t, e) != 9 || e.id != "a-2" {
				t.Errorf("after heartbeats: %+v", e)
			}
			return
		}
	}
}

func TestStreamEndsWithServer(t *testing.T) {
	b := newBoard()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	address := make(chan string, 1)
	go func() {
		done <- obs.Serve(ctx, "127.0.0.1:0", Handler(b, obs.Discard()), func(a net.Addr) {
			address <- a.String()
		})
	}()
	events, _, stop := listen(t, "http://"+<-address+"/api/v1/screen/stream", "")
	defer stop()
	next(t, events)
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(4 * time.Second):
		t.Fatal("an open stream holds the server up")
	}
}

func get(t *testing.T, h http.Handler, method, path string) (*http.Response, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(body)
}

func TestAnswers(t *testing.T) {
	b := newBoard()
	b.set(12)
	tel := obs.Discard()
	up := obs.Register(tel.Metrics, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "freshet_job_up"}, []string{"job"}))
	up.WithLabelValues("dwd-b").Set(1)
	up.WithLabelValues("dwd-a").Set(0)
	bad := obs.Register(tel.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{Name: "freshet_job_bad_records_total"}, []string{"job", "table", "reason"}))
	bad.WithLabelValues("dwd-b", "t", "x").Add(2)
	bad.WithLabelValues("dwd-b", "t", "y").Add(3)
	h := Handler(b, tel)
	for _, c := range []struct {
		method, path string
		status       int
		contains     string
	}{
		{"GET", "/api/v1/screen", 200, `"orders":12`},
		{"GET", "/api/v1/jobs", 200, `{"jobs":[{"name":"dwd-a","up":false,`},
		{"GET", "/api/v1/jobs", 200, `"bad_records":5`},
		{"GET", "/api/v1/nothing", 404, `{"error":"there is no GET /api/v1/nothing"}`},
		{"POST", "/api/v1/screen", 404, `{"error":"there is no POST /api/v1/screen"}`},
	} {
		resp, body := get(t, h, c.method, c.path)
		if resp.StatusCode != c.status || !strings.Contains(body, c.contains) || resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %d %s", c.method, c.path, resp.StatusCode, body)
		}
	}
	if got := (Jobs{tel.Gatherer}).Totals(); got != (screen.JobTotals{Running: 1, Down: 1}) {
		t.Errorf("totals %+v", got)
	}
}

func TestPage(t *testing.T) {
	resp, body := get(t, page(fstest.MapFS{}, false), "GET", "/")
	if resp.StatusCode != 503 || !strings.Contains(body, "make ui build") {
		t.Errorf("a program without the page must tell how to build it: %d %s", resp.StatusCode, body)
	}
	files := fstest.MapFS{"index.html": {Data: []byte("<html>page")}, "assets/a-1.js": {Data: []byte("js")}}
	resp, body = get(t, page(files, true), "GET", "/")
	if resp.StatusCode != 200 || body != "<html>page" || resp.Header.Get("Cache-Control") != "no-cache" || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'self'") {
		t.Errorf("page: %d %s %v", resp.StatusCode, body, resp.Header)
	}
	resp, _ = get(t, page(files, true), "GET", "/assets/a-1.js")
	if resp.StatusCode != 200 || !strings.Contains(resp.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("asset: %d %v", resp.StatusCode, resp.Header)
	}
	if resp, _ = get(t, page(files, true), "GET", "/none"); resp.StatusCode != 404 {
		t.Errorf("missing file: %d", resp.StatusCode)
	}
}

func TestConfig(t *testing.T) {
	good := Config{Listen: "127.0.0.1:8080", Interval: time.Second, Timeout: time.Second}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	err := (&Config{Listen: "8080"}).Validate()
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("want three problems at once: %v", err)
	}
}
