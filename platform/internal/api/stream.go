package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/freshet-dw/freshet/platform/internal/screen"
)

// heartbeat is how often a quiet stream says that it lives.
const heartbeat = 10 * time.Second

// patience is how long a client may take to accept an event before it is dropped; a browser comes back by itself.
const patience = 15 * time.Second

// stream sends snapshots as server-sent events. An event's id is "<start of the server>-<version>"; a client that comes back with the id of the newest
// one is sent nothing until something changes. Missed snapshots are not sent again: each is whole.
type stream struct {
	screen    Screen
	boot      string
	heartbeat time.Duration
}

func (s *stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies must not hold events back
	c := http.NewResponseController(w)
	w.WriteHeader(http.StatusOK)
	if _, err := fmt.Fprint(w, "retry: 1000\n\n"); err != nil || c.Flush() != nil {
		return
	}
	beat := time.NewTicker(s.heartbeat)
	defer beat.Stop()
	seen := r.Header.Get("Last-Event-ID")
	for {
		now, changed := s.screen.Snapshot()
		if id := s.id(now); id != seen {
			if !s.send(w, c, "screen", id, now) {
				return
			}
			seen = id
			beat.Reset(s.heartbeat)
		}
		select {
		case <-changed:
		case <-beat.C:
			if !s.send(w, c, "heartbeat", "", map[string]int64{"time": time.Now().UnixMilli()}) {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

func (s *stream) id(n *screen.Snapshot) string { return fmt.Sprintf("%s-%d", s.boot, n.Version) }

// send writes an event and reports whether the client took it.
func (s *stream) send(w http.ResponseWriter, c *http.ResponseController, event, id string, v any) bool {
	data, err := json.Marshal(v)
	if err != nil {
		return false
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "event: %s\n", event)
	if id != "" {
		fmt.Fprintf(&b, "id: %s\n", id)
	}
	fmt.Fprintf(&b, "data: %s\n\n", data)
	_ = c.SetWriteDeadline(time.Now().Add(patience)) // test recorders have none
	if _, err := w.Write(b.Bytes()); err != nil {
		return false
	}
	return c.Flush() == nil
}
