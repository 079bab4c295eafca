package screen

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// fake is a store whose answers the test decides.
type fake struct {
	name   string
	poll   func(ctx context.Context) (func(*Snapshot), error)
	source func(*Snapshot) *Source
	polls  atomic.Int64
	closed atomic.Bool
}

func (f *fake) Store() string { return f.name }
func (f *fake) Poll(ctx context.Context, _ time.Time) (func(*Snapshot), error) {
	f.polls.Add(1)
	return f.poll(ctx)
}
func (f *fake) Fail(s *Snapshot, what Source) { *f.source(s) = what }
func (f *fake) Close() error                  { f.closed.Store(true); return nil }

// until waits for a snapshot that satisfies ok.
func until(t *testing.T, s *Screen, what string, ok func(*Snapshot) bool) *Snapshot {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		n, changed := s.Snapshot()
		if ok(n) {
			return n
		}
		select {
		case <-changed:
		case <-deadline:
			text, _ := json.Marshal(n)
			t.Fatalf("%s: never; the last snapshot is %s", what, text)
		}
	}
}

func TestStoresDoNotHoldEachOtherUp(t *testing.T) {
	var down atomic.Bool
	mysql := &fake{name: "mysql", source: func(s *Snapshot) *Source { return &s.GMV.Source }, poll: func(context.Context) (func(*Snapshot), error) {
		if down.Load() {
			return nil, errors.New("connection refused")
		}
		return func(s *Snapshot) { s.GMV.Today, s.GMV.Orders = "12.30", 4 }, nil
	}}
	hanging := &fake{name: "hbase", source: func(s *Snapshot) *Source { return &s.UV.Source }, poll: func(ctx context.Context) (func(*Snapshot), error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	s := New(Config{Name: "shop", Interval: 5 * time.Millisecond, Timeout: 50 * time.Millisecond}, mysql, hanging)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()

	first, _ := s.Snapshot()
	if first.GMV.Source.OK || first.GMV.Source.Store != "mysql" || first.GMV.Today != "0" {
		t.Errorf("before the first answer: %+v", first.GMV)
	}
	n := until(t, s, "the store that answers", func(n *Snapshot) bool { return n.GMV.Source.OK })
	if n.GMV.Today != "12.30" || n.Name != "shop" || n.Zone != "UTC" {
		t.Errorf("snapshot %+v", n)
	}
	until(t, s, "the store that hangs is marked", func(n *Snapshot) bool { return strings.Contains(n.UV.Source.Error, "deadline") })

	down.Store(true)
	n = until(t, s, "the store that went away is marked", func(n *Snapshot) bool { return !n.GMV.Source.OK })
	if n.GMV.Orders != 4 || n.GMV.Source.Since == 0 || n.GMV.Source.Error != "connection refused" {
		t.Errorf("a store that went away must keep its numbers and show their age: %+v", n.GMV)
	}
	down.Store(false)
	until(t, s, "the store that came back", func(n *Snapshot) bool { return n.GMV.Source.OK })

	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !mysql.closed.Load() || !hanging.closed.Load() {
		t.Error("a store's connection stays open")
	}
}

func TestNothingNewIsNoChange(t *testing.T) {
	var gmv atomic.Int64
	store := &fake{name: "mysql", source: func(s *Snapshot) *Source { return &s.GMV.Source }}
	store.poll = func(context.Context) (func(*Snapshot), error) {
		orders := gmv.Load()
		return func(s *Snapshot) { s.GMV.Orders = orders }, nil
	}
	s := New(Config{Interval: 2 * time.Millisecond, Timeout: time.Second}, store)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	n := until(t, s, "an answer", func(n *Snapshot) bool { return n.GMV.Source.OK })
	polls, at := store.polls.Load(), n.Time
	for deadline := time.Now().Add(10 * time.Second); store.polls.Load() < polls+20 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if later, _ := s.Snapshot(); later.Version != n.Version || later.Time == at {
		t.Errorf("version %d at %d became %d at %d though nothing changed", n.Version, at, later.Version, later.Time)
	}
	gmv.Store(7)
	if later := until(t, s, "the change", func(n *Snapshot) bool { return n.GMV.Orders == 7 }); later.Version <= n.Version {
		t.Errorf("version %d after %d", later.Version, n.Version)
	}
	cancel()
	<-done
}

func TestLayerAge(t *testing.T) {
	now := time.UnixMilli(1_000_000_000_000)
	for _, c := range []struct {
		newest int64
		want   string
	}{
		{0, `{"known":false,"idle":false,"delay_ms":0,"newest":0}`},
		{now.UnixMilli() - 1200, `{"known":true,"idle":false,"delay_ms":1200,"newest":0}`},
		{now.UnixMilli() + 50, `{"known":true,"idle":false,"delay_ms":0,"newest":0}`},
		{now.UnixMilli() - 31_000, `{"known":true,"idle":true,"delay_ms":0,"newest":999999969000}`},
	} {
		var l Layer
		l.age(c.newest, now)
		got, err := json.Marshal(struct {
			Known   bool  `json:"known"`
			Idle    bool  `json:"idle"`
			DelayMS int64 `json:"delay_ms"`
			Newest  int64 `json:"newest"`
		}{l.Known, l.Idle, l.DelayMS, l.Newest})
		if err != nil || string(got) != c.want {
			t.Errorf("age of %d: %s, want %s", c.newest, got, c.want)
		}
	}
	for topic, want := range map[string]string{"ods_page_view": "ods", "dwd_order_detail": "dwd", "dm_trade_wide": "dm", "freshet_dead_letter": "", "odsx": ""} {
		if got := layerOf(topic); got != want {
			t.Errorf("layer of %s is %q", topic, got)
		}
	}
}

func TestMeter(t *testing.T) {
	var m meter
	at := time.Unix(100, 0)
	if r, _ := m.rate(1000, at); r != 0 {
		t.Errorf("the first total is no rate: %v", r)
	}
	if r, rates := m.rate(1500, at.Add(2*time.Second)); r != 250 || len(rates) != 1 {
		t.Errorf("rate %v, history %v", r, rates)
	}
	if r, _ := m.rate(1400, at.Add(3*time.Second)); r != 0 {
		t.Errorf("a total that shrinks, as of a topic made anew, is no negative rate: %v", r)
	}
	_, kept := m.rate(1400, at.Add(4*time.Second))
	before := append([]float64(nil), kept...)
	for i := range 3 * history {
		m.rate(int64(1400+i*i), at.Add(time.Duration(5+i)*time.Second))
	}
	if len(m.rates) != history {
		t.Errorf("history of %d", len(m.rates))
	}
	for i := range kept {
		if kept[i] != before[i] {
			t.Fatal("a history that was handed out changed")
		}
	}
}

func TestDay(t *testing.T) {
	shanghai := time.FixedZone("CST", 8*3600)
	now := time.Date(2026, 11, 23, 17, 30, 0, 0, time.UTC)
	if got := day(now, shanghai).UTC().Format(time.DateTime); got != "2026-11-23 16:00:00" {
		t.Errorf("the day in the warehouse's zone starts at %s", got)
	}
}
