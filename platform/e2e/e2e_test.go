package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/platform/internal/shop"
	"github.com/freshet-dw/freshet/platform/internal/shop/account"
)

// size is how much the tests drive through the warehouse: FRESHET_E2E is full, small (the default) or tiny.
type size struct {
	orders, views int64
	limit         time.Duration // for all of it to arrive once the simulator is done
}

func sizes(t *testing.T) size {
	t.Helper()
	switch s := os.Getenv("FRESHET_E2E"); s {
	case "full":
		return size{20_000, 1_000_000, 6 * time.Minute}
	case "", "small":
		return size{2_000, 100_000, 2 * time.Minute}
	case "tiny":
		return size{200, 10_000, time.Minute}
	default:
		t.Fatalf("FRESHET_E2E is %q; it must be tiny, small or full", s)
	}
	return size{}
}

// seed is FRESHET_SEED, or a new one, which is told.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(time.Now().UnixNano()) % 1_000_000
	if s := os.Getenv("FRESHET_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("FRESHET_SEED: %v", err)
		}
	}
	t.Logf("seed %d: FRESHET_SEED=%[1]d repeats it", n)
	return n
}

type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Logf("%s", p)
	return len(p), nil
}

// simulator prepares the shop and waits until its dimensions are in the warehouse: from then on every look-up has one right answer.
func simulator(t *testing.T, w *warehouse, n size, seed uint64, pause time.Duration) *shop.Simulator {
	t.Helper()
	mysql, err := w.addr.MySQLConfig()
	if err != nil {
		t.Fatal(err)
	}
	mysql.Addr = w.mysql.addr()
	sim, err := shop.New(shop.Config{
		MySQL: mysql, Collector: "http://" + w.collector.addr(), NginxLog: w.addr.NginxLog, Seed: seed, TotalOrders: n.orders, TotalViews: n.views, Devices: int(n.views / 4), Faults: true, Pause: pause,
		Log: slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	if err := sim.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := connect(t, w)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if diffs := WaitForDimensions(ctx, s, sim.Account().Expect(), testLog{t}); len(diffs) > 0 {
		report(t, diffs)
		t.FailNow()
	}
	return sim
}

func connect(t *testing.T, w *warehouse) *Stores {
	t.Helper()
	s, err := Connect(t.Context(), w.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func report(t *testing.T, diffs []Difference) {
	t.Helper()
	for _, d := range diffs {
		t.Error(d)
	}
}

// finish compares when the simulator is done.
func finish(t *testing.T, w *warehouse, e account.Expected, n size, started time.Time) {
	t.Helper()
	changes := int64(0)
	for _, c := range e.Changes {
		changes += c.Total()
	}
	t.Logf("%d orders, %d changes, %d views simulated in %s", n.orders, changes, n.views, time.Since(started).Round(time.Second/10))
	s := connect(t, w)
	ctx, cancel := context.WithTimeout(t.Context(), n.limit)
	defer cancel()
	report(t, WaitFor(ctx, s, e, 2*time.Second, testLog{t}))
	t.Logf("all verified after %s", time.Since(started).Round(time.Second/10))
}

func TestEndToEnd(t *testing.T) { endToEnd(t) }

// endToEnd drives the shop through an undisturbed warehouse.
func endToEnd(t *testing.T) {
	t.Helper()
	n, seed := sizes(t), seed(t)
	w := startWarehouse(t, program(t))
	sim := simulator(t, w, n, seed, 0)
	broken, err := Break(t.Context(), w.addr, 5)
	if err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	if err := sim.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := sim.Account().Expect()
	e.Rejected[BrokenRecord] = broken
	finish(t, w, e, n, started)
}

// TestEndToEndKill kills everything three times while the shop goes on, and once more is not needed: whatever was acknowledged must be there.
func TestEndToEndKill(t *testing.T) { endToEndKill(t) }

func endToEndKill(t *testing.T) {
	t.Helper()
	n, seed := sizes(t), seed(t)
	w := startWarehouse(t, program(t))
	// Slow enough that kills come while things flow: ten orders' steps are a transaction, some hundred views a batch.
	sim := simulator(t, w, n, seed, min(15*time.Second*10/time.Duration(n.orders), 100*time.Millisecond))
	rng := rand.New(rand.NewPCG(seed, 0))
	moments := make([]float64, 3)
	for i := range moments {
		moments[i] = 0.05 + 0.9*rng.Float64()
	}
	slices.Sort(moments)
	started := time.Now()
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { done <- sim.Run(ctx) }()
	// A table of which nothing was committed before a kill is rightly copied after it, with its newest rows instead of all changes. So the first kill waits
	// until every table has been seen.
	if err := flowing(ctx, w.addr, sim.Account().Expect().Rows); err != nil {
		t.Fatal(err)
	}
	for i, moment := range moments {
		// A random while after the share of the work is done, so that it does not always hit the end of a batch.
		if err := reach(sim, n, moment, done); err != nil {
			t.Fatal(err)
		}
		pause := time.Duration(rng.Int64N(int64(700 * time.Millisecond)))
		time.Sleep(pause)
		p := sim.Progress()
		t.Logf("kill %d at %s: %d orders, %d views", i+1, time.Since(started).Round(time.Second/10), p.Orders, p.Views)
		if err := w.kill(); err != nil {
			t.Fatal(err)
		}
		if err := w.start(t.Context()); err != nil {
			t.Fatalf("start again: %v\n%s", err, w.tail())
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	finish(t, w, sim.Account().Expect(), n, started)
}

// flowing returns when the change topic of each table has committed records.
func flowing(ctx context.Context, a Addresses, tables map[string]int64) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for table := range tables {
		for seen := false; !seen; {
			err := readTopics(ctx, kafka.Config{Brokers: a.Kafka}, func(*kgo.Record) { seen = true }, "ods_shop_"+table)
			if sleep(ctx, 20*time.Millisecond) != nil {
				return fmt.Errorf("nothing comes into the topic of %s: %w", table, err)
			}
		}
	}
	return nil
}

// reach returns when the simulator has done the share of its work, or is done.
func reach(sim *shop.Simulator, n size, share float64, done chan error) error {
	for {
		p := sim.Progress()
		if float64(p.Orders)/float64(n.orders)+float64(p.Views)/float64(n.views) >= 2*share {
			return nil
		}
		select {
		case err := <-done:
			done <- err
			if err != nil {
				return fmt.Errorf("the simulator ended: %w", err)
			}
			return nil
		case <-time.After(5 * time.Millisecond):
		}
	}
}
