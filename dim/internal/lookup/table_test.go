package lookup

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
)

var errStore = fault.New(fault.Unavailable, "connection refused")

func TestCacheLifetimes(t *testing.T) {
	s, _, store, clk := fixture(t, nil)
	want(t, s, "p2 - p1 p2", "2", "777", "1", "02")
	if n, k := store.counts(); n != 1 || k != 3 {
		t.Fatalf("%d requests of %d keys; one of 3 expected: 2 and 02 are one key", n, k)
	}
	store.set(1, "new")
	store.set(777, "found")
	want(t, s, "p1 -", "1", "777")
	clk.add(time.Minute + time.Second) // past missing, not past ttl
	want(t, s, "p1 found", "1", "777")
	clk.add(10 * time.Minute)
	want(t, s, "new", "1")
	if n, k := store.counts(); n != 3 || k != 5 {
		t.Fatalf("%d requests of %d keys, expected 3 of 5", n, k)
	}
}

func TestCacheDropsTheOldest(t *testing.T) {
	s, tb, store, _ := fixture(t, func(c *Config) { c.Cache.MaxRows = 3 })
	want(t, s, "p1 p2 p3", "1", "2", "3")
	want(t, s, "p1", "1")
	want(t, s, "p4", "4") // 2 was used longest ago
	if n := tb.cache.len(); n != 3 {
		t.Fatalf("%d keys kept", n)
	}
	_, before := store.counts()
	want(t, s, "p1 p3 p4", "1", "3", "4")
	if _, k := store.counts(); k != before {
		t.Fatalf("%d keys asked again", k-before)
	}
	want(t, s, "p2", "2")
	if _, k := store.counts(); k != before+1 {
		t.Fatal("2 was still kept")
	}
}

func TestNoCache(t *testing.T) {
	s, _, store, _ := fixture(t, func(c *Config) { c.Cache.MaxRows = 0 })
	want(t, s, "p1", "1")
	store.set(1, "new")
	want(t, s, "new", "1")
}

// Requests for keys that are being asked for wait for that answer; only the others go out.
func TestCoalescing(t *testing.T) {
	s, tb, store, _ := fixture(t, nil)
	store.gate = make(chan struct{})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() { want(t, s, "p1 p2", "1", strconv.Itoa(2)) })
		if i == 0 {
			eventually(t, func() bool { n, _ := store.counts(); return n == 1 })
		}
	}
	wg.Go(func() { want(t, s, "p2 p3", "2", "3") })
	eventually(t, func() bool { n, _ := store.counts(); return n == 2 })
	close(store.gate)
	wg.Wait()
	if n, k := store.counts(); n != 2 || k != 3 {
		t.Fatalf("%d requests of %d keys, expected 2 of 3", n, k)
	}
	if len(tb.flights) != 0 {
		t.Fatalf("%d flights left", len(tb.flights))
	}
}

// Who gives up waiting does not take the answer from the others.
func TestCanceledWaiterLeavesTheQuestion(t *testing.T) {
	s, tb, store, _ := fixture(t, nil)
	store.gate = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { _, err := tb.get(ctx, []string{"1"}); done <- err }()
	eventually(t, func() bool { n, _ := store.counts(); return n == 1 })
	cancel()
	if err := <-done; fault.KindOf(err) != fault.Canceled {
		t.Fatalf("err = %v", err)
	}
	go func() { _, err := tb.get(t.Context(), []string{"1"}); done <- err }()
	close(store.gate)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	want(t, s, "p1", "1")
	if n, _ := store.counts(); n != 1 {
		t.Fatalf("%d requests", n)
	}
}

func TestStaleAnswersWhileTheStoreIsDown(t *testing.T) {
	s, _, store, clk := fixture(t, nil)
	want(t, s, "p1 -", "1", "777")
	store.fail(errStore)
	clk.add(11 * time.Minute)
	want(t, s, "p1~ -~", "1", "777")
	if _, err := names(t, s, "1", "2"); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("a key that was never read: %v", err)
	}
	clk.add(time.Hour)
	if got, err := names(t, s, "1"); err == nil {
		t.Fatalf("older than max_stale: %s", got)
	}
	store.fail(nil)
	clk.add(time.Minute)
	want(t, s, "p1 p2", "1", "2")
}

func TestBreaker(t *testing.T) {
	s, tb, store, clk := fixture(t, nil)
	store.fail(errStore)
	for i := range 5 {
		if _, err := names(t, s, "1"); !strings.Contains(err.Error(), "connection refused") {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	if _, err := names(t, s, "1"); !errors.Is(err, errDown) {
		t.Fatalf("not open: %v", err)
	}
	if n, _ := store.counts(); n != 5 || tb.store.breaker.state() != open {
		t.Fatalf("%d requests, state %v", n, tb.store.breaker.state())
	}
	if err := s.check(t.Context()); err == nil {
		t.Fatal("ready without any store")
	}
	clk.add(1100 * time.Millisecond) // one probe, which fails, opens it again
	if _, err := names(t, s, "1"); errors.Is(err, errDown) || err == nil {
		t.Fatalf("no probe: %v", err)
	}
	if _, err := names(t, s, "1"); !errors.Is(err, errDown) {
		t.Fatalf("not open after the probe: %v", err)
	}
	store.fail(nil)
	clk.add(1100 * time.Millisecond)
	// While one request probes, others are refused.
	store.gate = make(chan struct{})
	done := make(chan error)
	go func() { _, err := tb.get(t.Context(), []string{"1"}); done <- err }()
	eventually(t, func() bool { n, _ := store.counts(); return n == 7 })
	if _, err := names(t, s, "2"); !errors.Is(err, errDown) {
		t.Fatalf("a second probe: %v", err)
	}
	close(store.gate)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	want(t, s, "p2", "2")
	if err := s.check(t.Context()); err != nil || tb.store.breaker.state() != closed {
		t.Fatal(err)
	}
}

// A row that cannot be read is no reason to leave the store alone.
func TestBadRowDoesNotOpenTheBreaker(t *testing.T) {
	s, tb, store, _ := fixture(t, nil)
	store.fail(fault.New(fault.Permanent, "field price is no number"))
	for range 10 {
		if _, err := names(t, s, "1"); fault.KindOf(err) != fault.Permanent {
			t.Fatalf("err = %v", err)
		}
	}
	if tb.store.breaker.state() != closed {
		t.Fatal("open")
	}
}

func TestBackPressure(t *testing.T) {
	s, tb, store, _ := fixture(t, func(c *Config) { c.Store.MaxInFlight, c.Store.MaxWaiting, c.Store.Timeout = 2, 3, 20*time.Second })
	store.gate = make(chan struct{})
	var wg sync.WaitGroup
	for i := 1; i <= 5; i++ {
		wg.Go(func() { want(t, s, "p"+strconv.Itoa(i), strconv.Itoa(i)) })
	}
	eventually(t, func() bool { n, _ := store.counts(); return n == 2 && tb.store.waiting.Load() == 3 })
	if _, err := names(t, s, "6"); !errors.Is(err, errBusy) {
		t.Fatalf("err = %v", err)
	}
	close(store.gate)
	wg.Wait()
	if store.most > 2 {
		t.Fatalf("%d requests at a time", store.most)
	}
}

func TestSlowStoreTimesOut(t *testing.T) {
	s, _, store, _ := fixture(t, func(c *Config) { c.Store.Timeout = 20 * time.Millisecond })
	store.gate = make(chan struct{})
	if _, err := names(t, s, "1"); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("err = %v", err)
	}
	close(store.gate)
	want(t, s, "p1", "1")
}

// A change comes before the store has it: what is read meanwhile must not stay.
func TestChangeAheadOfTheStore(t *testing.T) {
	at := partition{group: "job", topic: "ods_people", partition: 0}
	unknown := func(partition) (int64, bool) { return 0, false }
	s, tb, store, clk := fixture(t, nil)
	want(t, s, "p1 p2", "1", "2")
	tb.changed("1", at, 7)
	want(t, s, "p1", "1") // the job has not written yet
	store.set(1, "new")
	store.set(2, "unseen")
	clk.add(150 * time.Millisecond)
	want(t, s, "new p2", "1", "2")

	// The job lags: the mark stands longer than settle.
	tb.changed("1", at, 8)
	for range 5 {
		clk.add(time.Second)
		tb.cache.settle(func(partition) (int64, bool) { return 8, true })
	}
	want(t, s, "new", "1")
	store.set(1, "newer")
	clk.add(150 * time.Millisecond)
	want(t, s, "newer", "1")
	// It has committed: rows stay again.
	clk.add(150 * time.Millisecond)
	tb.cache.settle(func(partition) (int64, bool) { return 9, true })
	want(t, s, "newer", "1")
	store.set(1, "unseen")
	clk.add(time.Minute)
	want(t, s, "newer", "1")
	waiting := map[partition]bool{}
	tb.cache.waiting(waiting)
	if len(waiting) != 0 {
		t.Fatal("a mark still counts")
	}
	clk.add(2 * time.Minute)
	tb.cache.settle(unknown)
	if len(tb.cache.shard("1").marks) != 0 {
		t.Fatal("marks are left")
	}
}

func TestChangeOfUnknownKeysDropsAll(t *testing.T) {
	s, tb, store, clk := fixture(t, nil)
	want(t, s, "p1 p2", "1", "2")
	store.set(1, "new")
	store.set(2, "new")
	tb.changedEvery(partition{group: "job", topic: "ods_people"}, 7)
	want(t, s, "new new", "1", "2")
	store.set(1, "newer")
	clk.add(150 * time.Millisecond)
	want(t, s, "newer", "1")
}

// A question that is on its way at the change may bring the old row: who asks later must not wait for it.
func TestChangeDuringALookup(t *testing.T) {
	s, tb, store, _ := fixture(t, nil)
	gate := make(chan struct{})
	store.gate = gate
	first := make(chan error)
	go func() { _, err := tb.get(t.Context(), []string{"1"}); first <- err }()
	eventually(t, func() bool { n, _ := store.counts(); return n == 1 })
	tb.changed("1", partition{}, 1)
	store.mu.Lock()
	store.gate = nil
	store.rows[1] = "new"
	store.mu.Unlock()
	want(t, s, "new", "1")
	close(gate)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
}

// eventually waits for what other goroutines do.
func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not happen within 10s")
		}
	}
}
