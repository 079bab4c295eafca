package exec

import (
	"sync"
	"sync/atomic"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
)

// message is one piece of work for a worker: a chunk to decode, a batch that came through an exchange, or a command.
type message struct {
	node  int
	chunk *endpoint.Chunk
	batch *batch.Batch
	cmd   func(*worker) error
}

// queue is a worker's inbox. It is not bounded itself: only the coordinator admits new rows, and it admits them by the
// rows in flight, so workers never wait for one another and cannot deadlock.
type queue struct {
	mu     sync.Mutex
	ready  sync.Cond
	items  []message
	closed bool
}

func newQueue() *queue {
	q := &queue{}
	q.ready.L = &q.mu
	return q
}

func (q *queue) push(m message) {
	q.mu.Lock()
	q.items = append(q.items, m)
	q.mu.Unlock()
	q.ready.Signal()
}

// take waits for messages and gives all of them; ok is false when the queue was closed and is empty.
func (q *queue) take(buf []message) (items []message, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == 0 && !q.closed {
		q.ready.Wait()
	}
	items, q.items = q.items, buf[:0]
	return items, len(items) > 0
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.ready.Broadcast()
}

// flight counts the messages and source rows that are queued or in work.
type flight struct {
	messages atomic.Int64
	rows     atomic.Int64
	changed  chan struct{} // holds a token after rows fell or messages reached 0
}

func newFlight() *flight { return &flight{changed: make(chan struct{}, 1)} }

func (f *flight) add(rows int) {
	f.messages.Add(1)
	f.rows.Add(int64(rows))
}

func (f *flight) done(rows int) {
	if rows > 0 {
		f.rows.Add(-int64(rows))
	}
	if f.messages.Add(-1) == 0 || rows > 0 {
		select {
		case f.changed <- struct{}{}:
		default:
		}
	}
}
