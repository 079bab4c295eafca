// Package screen keeps the numbers of the big screen: it asks every store once a second, whoever watches and how many, and hands out snapshots.
//
// A store that is slow, down or not yet filled never holds up the others: each has a goroutine and a time limit of its own, and its tile keeps the last
// answer, marked with its age. A store whose answers take long is asked less often, so that the screen is never the load.
package screen

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// Poller asks one store.
type Poller interface {
	// Store is the store's name.
	Store() string
	// Poll asks it. The returned function puts the answer into a snapshot; it is called many times and does not block. An error leaves the tile as it was.
	Poll(ctx context.Context, now time.Time) (func(*Snapshot), error)
	// Fail marks the store's tiles.
	Fail(*Snapshot, Source)
	Close() error
}

// Config says how a Screen works.
type Config struct {
	Name     string
	Zone     *time.Location
	Interval time.Duration // between polls of a store and between snapshots
	Timeout  time.Duration // of a poll
	Log      *slog.Logger
	Jobs     func() JobTotals // may be nil
	Now      func() time.Time // may be nil
}

// Screen hands out snapshots while Run runs.
type Screen struct {
	cfg     Config
	pollers []*station

	mu      sync.Mutex
	now     *Snapshot
	changed chan struct{} // closed at the next change
}

// station is a poller with its last answer.
type station struct {
	Poller
	mu     sync.Mutex
	apply  func(*Snapshot)
	source Source
	at     time.Time // of the last answer
}

// New makes a screen of the stores. It closes the pollers when Run ends.
func New(cfg Config, pollers ...Poller) *Screen {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	s := &Screen{cfg: cfg, changed: make(chan struct{})}
	for _, p := range pollers {
		s.pollers = append(s.pollers, &station{Poller: p, source: Source{Store: p.Store(), Error: "not asked yet"}})
	}
	s.now = s.assemble()
	s.now.Version = 1
	return s
}

// Run polls until ctx ends.
func (s *Screen) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, p := range s.pollers {
		wg.Go(func() { s.poll(ctx, p) })
	}
	tick := time.NewTicker(s.cfg.Interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
			s.publish()
		case <-ctx.Done():
		}
	}
	wg.Wait()
	var errs []error
	for _, p := range s.pollers {
		errs = append(errs, p.Close())
	}
	return fault.Join(errs...)
}

func (s *Screen) poll(ctx context.Context, p *station) {
	for {
		began := time.Now()
		limited, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
		apply, err := p.Poll(limited, s.cfg.Now())
		cancel()
		if ctx.Err() != nil {
			return
		}
		p.mu.Lock()
		if err == nil {
			if !p.source.OK && !p.at.IsZero() {
				s.cfg.Log.Info("the store answers again", "store", p.Store())
			}
			p.apply, p.at, p.source = apply, s.cfg.Now(), Source{Store: p.Store(), OK: true}
		} else {
			if p.source.OK {
				s.cfg.Log.Warn("the store does not answer the big screen", "store", p.Store(), "err", err)
			}
			p.source = Source{Store: p.Store(), Error: err.Error()}
			if !p.at.IsZero() {
				p.source.Since = p.at.UnixMilli()
			}
		}
		p.mu.Unlock()
		// At most a fifth of the time of one connection of the store.
		pause := max(s.cfg.Interval-time.Since(began), 4*time.Since(began))
		if (fault.SystemClock{}).Sleep(ctx, min(pause, 30*time.Second)) != nil {
			return
		}
	}
}

// assemble builds a snapshot of all stations' last answers.
func (s *Screen) assemble() *Snapshot {
	now := s.cfg.Now()
	n := &Snapshot{Time: now.UnixMilli(), Name: s.cfg.Name, Zone: s.cfg.Zone.String(), Today: now.In(s.cfg.Zone).Format(time.DateOnly)}
	n.GMV.Today = "0"
	for _, p := range s.pollers {
		p.mu.Lock()
		apply, source := p.apply, p.source
		p.mu.Unlock()
		if apply != nil {
			apply(n)
		}
		p.Fail(n, source)
	}
	if s.cfg.Jobs != nil {
		n.Jobs = s.cfg.Jobs()
	}
	return n
}

func (s *Screen) publish() {
	n := s.assemble()
	s.mu.Lock()
	defer s.mu.Unlock()
	n.Version = s.now.Version
	if Changed(s.now, n) {
		n.Version++
		close(s.changed)
		s.changed = make(chan struct{})
	}
	s.now = n
}

// Snapshot is the newest one, not to be modified, and a channel that is closed when it has changed.
func (s *Screen) Snapshot() (*Snapshot, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now, s.changed
}
