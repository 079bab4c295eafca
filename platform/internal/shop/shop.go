// Package shop simulates an online shop: it writes SQL transactions into a MySQL database, posts page views to the event collector and appends
// nginx log lines, and keeps an exact account of what it did.
//
// What is done follows from the seed alone: which rows, amounts, fates, events and faults. How SQL and HTTP interleave does not.
// The databases and the collector may go away at any time; transactions and batches are then repeated until they are certain,
// and a transaction whose commit was not answered is looked up. So the account stays exact as long as Run is let finish.
//
// An event batch that is posted twice reaches the topic twice, under the same event ids: the account counts ids, not records.
package shop

import (
	"context"
	"database/sql"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/mysql"
	"github.com/freshet-dw/freshet/platform/internal/shop/account"
)

// Config says what to simulate and where it goes.
type Config struct {
	MySQL     mysql.Config // the server; the account must be allowed to create databases
	Database  string       // default "shop"
	Collector string       // URL of the event collector, as http://127.0.0.1:8088; empty: no events
	NginxLog  string       // path of the access log; empty: no log

	Seed            uint64
	OrdersPerSecond float64 // 0: as fast as it goes, over a simulated Span
	ViewsPerSecond  float64 // 0: likewise
	TotalOrders     int64   // 0: none when ViewsPerSecond or TotalViews is set alone, else without end
	TotalViews      int64   // likewise

	Users    int // default 2000
	Products int // default 200
	Devices  int // default 20 for each user

	Start time.Time     // when the simulated time begins; default now, or Span ago for what runs as fast as it goes
	Span  time.Duration // simulated time that TotalOrders or TotalViews fill when no rate is given; default 2h

	Pause     time.Duration // least time between transactions, and between batches, when things go as fast as they can
	Faults    bool          // late, repeated, broken and unknown things
	BatchSize int           // events in a batch; default 500, fewer at low rates
	Posters   int           // batches in flight; default 4
	RotateLog int64         // log lines after which the file is rotated; default 20000
	HTTPWait  time.Duration // limit for a batch's answer, then it is sent again; default 20s
	Log       *slog.Logger

	grace       time.Duration // how long writes that are under way may take when the simulation is stopped
	afterCommit func()        // told of each transaction; for tests
}

func (c *Config) defaults() error {
	if c.Database == "" {
		c.Database = "shop"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	set(&c.Users, 2000)
	set(&c.Products, 200)
	set(&c.Devices, 20*c.Users)
	set(&c.BatchSize, 500)
	set(&c.Posters, 4)
	if c.RotateLog == 0 {
		c.RotateLog = 20000
	}
	if c.HTTPWait == 0 {
		c.HTTPWait = 20 * time.Second
	}
	if c.grace == 0 {
		c.grace = 10 * time.Second
	}
	if c.Span == 0 {
		c.Span = 2 * time.Hour
	}
	switch {
	case c.OrdersPerSecond < 0 || c.ViewsPerSecond < 0 || c.TotalOrders < 0 || c.TotalViews < 0:
		return fault.New(fault.Config, "simulate: rates and totals must not be negative")
	case c.Users < 1 || c.Products < 1 || c.Devices < 1:
		return fault.New(fault.Config, "simulate: there must be users, products and devices")
	case c.OrdersPerSecond == 0 && c.TotalOrders == 0 && c.ViewsPerSecond == 0 && c.TotalViews == 0:
		return fault.WithRemedy(fault.New(fault.Config, "simulate: nothing to do"), "give a rate or a total of orders or views")
	case c.orders() && c.Span < time.Second || c.views() && c.Span < time.Second:
		return fault.New(fault.Config, "simulate: the span must be at least 1s")
	case c.views() && c.Collector == "":
		return fault.New(fault.Config, "simulate: page views need the collector's address")
	}
	return nil
}

func (c *Config) orders() bool { return c.OrdersPerSecond > 0 || c.TotalOrders > 0 }
func (c *Config) views() bool  { return c.ViewsPerSecond > 0 || c.TotalViews > 0 }

// pace says when things happen: at simulated times, which the wall clock follows when a rate was asked for.
type pace struct {
	start time.Time
	gap   float64 // mean milliseconds between things
	real  bool    // wait for the wall clock
	pause time.Duration
}

func (c *Config) pace(rate float64, total int64, now time.Time) pace {
	p := pace{start: c.Start, real: rate > 0, pause: c.Pause}
	if rate > 0 {
		p.gap = 1000 / rate
		if p.start.IsZero() {
			p.start = now
		}
	} else {
		p.gap = float64(c.Span.Milliseconds()) / float64(max(total, 1))
		if p.start.IsZero() {
			p.start = now.Add(-c.Span)
		}
	}
	p.start = p.start.UTC().Truncate(time.Millisecond)
	return p
}

// wait returns when the wall clock reaches the simulated time, counted from began, or after the pause if no clock is followed.
func (p pace) wait(ctx context.Context, began time.Time, offset time.Duration) error {
	d := p.pause
	if p.real {
		d = time.Until(began.Add(offset))
	}
	if d <= 0 {
		return ctx.Err()
	}
	return fault.SystemClock{}.Sleep(ctx, d)
}

// Progress is how far the simulation is.
type Progress struct {
	Orders       int64 // created
	Transactions int64 // committed
	Changes      int64 // row changes
	Views        int64 // valid page views, each counted once
	Batches      int64 // acknowledged
	Retries      int64 // transactions and batches that were done again
	LogLines     int64
	Done         bool
}

type counters struct {
	orders, transactions, changes, views, batches, retries, lines atomic.Int64
	done                                                          atomic.Bool
}

// Simulator is one simulation. Prepare comes before Run.
type Simulator struct {
	cfg      Config
	db       *sql.DB
	client   *http.Client
	account  *account.Account
	count    counters
	run      int64 // number of this run on the database, from 1
	first    offsets
	prepared bool
}

// New checks the configuration; it does not connect.
func New(cfg Config) (*Simulator, error) {
	if err := cfg.defaults(); err != nil {
		return nil, err
	}
	db, err := mysql.Open(cfg.MySQL)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: cfg.Posters, DisableCompression: true}
	return &Simulator{cfg: cfg, db: db, client: &http.Client{Transport: transport}, account: account.New()}, nil
}

// Close frees connections. Run must have ended.
func (s *Simulator) Close() error {
	s.client.CloseIdleConnections()
	return s.db.Close()
}

// Account is the live account.
func (s *Simulator) Account() *account.Account { return s.account }

// Progress may be called at any time.
func (s *Simulator) Progress() Progress {
	c := &s.count
	return Progress{
		Orders: c.orders.Load(), Transactions: c.transactions.Load(), Changes: c.changes.Load(), Views: c.views.Load(), Batches: c.batches.Load(),
		Retries: c.retries.Load(), LogLines: c.lines.Load(), Done: c.done.Load(),
	}
}

// Run simulates until the totals are reached or ctx ends; the latter is an error of kind Canceled. Batches and transactions that are under way then
// get a few seconds to become certain; if one does not, the account is marked as partial.
func (s *Simulator) Run(ctx context.Context) error {
	if !s.prepared {
		if err := s.Prepare(ctx); err != nil {
			return err
		}
	}
	now := time.Now()
	// What is under way outlives ctx for a while; a failure of one part ends the others at once.
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	defer context.AfterFunc(ctx, func() {
		_ = fault.SystemClock{}.Sleep(work, s.cfg.grace)
		stop(fault.New(fault.Canceled, "the simulation was stopped and its last writes are not certain"))
	})()
	g, feed := errgroup.WithContext(ctx)
	log := newAccessLog(s.cfg, &s.count, s.account)
	if s.cfg.orders() {
		gen := newOrders(s.cfg, s.first, s.cfg.pace(s.cfg.OrdersPerSecond, s.cfg.TotalOrders, now))
		g.Go(func() error { return s.trade(feed, work, gen, now) })
	}
	if s.cfg.views() {
		gen := newViews(s.cfg, s.run, s.cfg.pace(s.cfg.ViewsPerSecond, s.cfg.TotalViews, now))
		g.Go(func() error { return s.browse(feed, work, gen, log, now) })
	}
	err := fault.Join(g.Wait(), log.close())
	if err == nil {
		s.count.done.Store(true)
		return nil
	}
	if work.Err() != nil {
		s.account.Partial(context.Cause(work).Error())
	}
	if ctx.Err() != nil && fault.KindOf(err) == fault.Canceled {
		return fault.Wrap(fault.Canceled, ctx.Err(), "simulate")
	}
	s.account.Partial(err.Error())
	return err
}
