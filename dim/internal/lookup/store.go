package lookup

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// Why a store was not asked.
var (
	// errDown: the store failed too often just now.
	errDown = fault.New(fault.Unavailable, "the store does not answer; it is tried again shortly")
	// errBusy: too many requests wait for the store. The caller should send less.
	errBusy = fault.New(fault.Transient, "too many requests wait for the store")
)

// store is one server behind any number of tables: it bounds what is asked of it at a time.
type store struct {
	name    string
	cfg     Store
	slots   chan struct{}
	waiting atomic.Int64
	breaker breaker
	now     func() time.Time
	latency prometheus.Observer
	errors  prometheus.Counter
	refused prometheus.Counter
}

func newStore(name string, cfg Store, m *metrics, now func() time.Time) *store {
	s := &store{
		name: name, cfg: cfg, slots: make(chan struct{}, cfg.MaxInFlight), now: now,
		breaker: breaker{failures: cfg.Failures, pause: cfg.Pause, now: now},
		latency: m.latency.WithLabelValues(name), errors: m.errors.WithLabelValues(name), refused: m.refused.WithLabelValues(name),
	}
	m.watch(s)
	return s
}

// do runs ask when it is its turn. Time in the queue and in ask together is bounded by the store's timeout.
func (s *store) do(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	if s.breaker.refuses() {
		s.refused.Inc()
		return errDown
	}
	if err := s.turn(ctx); err != nil {
		s.refused.Inc()
		return err
	}
	defer func() { <-s.slots }()
	if !s.breaker.allow() {
		s.refused.Inc()
		return errDown
	}
	start := s.now()
	err := ask(ctx)
	s.latency.Observe(s.now().Sub(start).Seconds())
	s.breaker.done(!down(err))
	if err == nil {
		return nil
	}
	s.errors.Inc()
	if down(err) {
		return fault.Wrap(fault.Unavailable, err, "ask %s", s.name)
	}
	return err
}

func (s *store) turn(ctx context.Context) error {
	select {
	case s.slots <- struct{}{}:
		return nil
	default:
	}
	if s.waiting.Add(1) > int64(s.cfg.MaxWaiting) {
		s.waiting.Add(-1)
		return errBusy
	}
	defer s.waiting.Add(-1)
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errBusy
	}
}

// down tells errors of the store from those of one row or of our own tables. A canceled call is our timeout: connectors repeat until then.
func down(err error) bool {
	switch fault.KindOf(err) {
	case fault.None, fault.Data, fault.Permanent, fault.Config:
		return false
	}
	return true
}
