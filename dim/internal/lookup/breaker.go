package lookup

import (
	"sync"
	"time"
)

// breaker leaves a store alone after some failures in a row: then one request at a time probes it, and a success lets all through again.
type breaker struct {
	failures int
	pause    time.Duration
	now      func() time.Time

	mu      sync.Mutex
	failed  int // in a row
	retryAt time.Time
	probing bool
}

// States, as the metric gives them.
const (
	closed   = 0.0
	halfOpen = 1.0
	open     = 2.0
)

// allow tells whether a request may go to the store; who was let through must call done.
func (b *breaker) allow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed < b.failures {
		return true
	}
	if b.probing || b.now().Before(b.retryAt) {
		return false
	}
	b.probing = true
	return true
}

// refuses tells the same without asking for a turn.
func (b *breaker) refuses() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed >= b.failures && (b.probing || b.now().Before(b.retryAt))
}

func (b *breaker) done(ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ok {
		b.failed, b.probing = 0, false
		return
	}
	b.failed++
	if b.failed >= b.failures {
		b.retryAt, b.probing = b.now().Add(b.pause), false
	}
}

func (b *breaker) state() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.failed < b.failures:
		return closed
	case b.probing || !b.now().Before(b.retryAt):
		return halfOpen
	}
	return open
}
