package lookup

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// fakeStore is a store of id → name behind endpoint.Lookup. gate, if set, holds up every request until it can be read from.
type fakeStore struct {
	mu     sync.Mutex
	rows   map[int64]string
	err    error
	gate   chan struct{}
	asked  int // requests
	keys   int
	active int
	most   int // most requests at a time
}

func (f *fakeStore) set(id int64, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rows[id] = name
}

func (f *fakeStore) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fakeStore) counts() (requests, keys int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked, f.keys
}

type fakeLookup struct{ *fakeStore }

func (f fakeLookup) Close() error { return nil }

func (f fakeLookup) Lookup(ctx context.Context, keys *batch.Batch) (*batch.Batch, []int32, error) {
	f.mu.Lock()
	f.asked++
	f.keys += keys.N
	f.active++
	f.most = max(f.most, f.active)
	gate := f.gate
	f.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.active--
	if err := ctx.Err(); err != nil {
		return nil, nil, fault.Wrap(fault.Canceled, err, "fake")
	}
	if f.err != nil {
		return nil, nil, f.err
	}
	b := batch.NewBuilder(arrow.PrimitiveTypes.Int64, arrow.BinaryTypes.String)
	offsets := []int32{0}
	for i := range keys.N {
		id := keys.Cols[0].(*array.Int64).Value(i)
		if name, ok := f.rows[id]; ok {
			b.Cols[0].(*array.Int64Builder).Append(id)
			b.Cols[1].(*array.StringBuilder).Append(name)
			b.RowDone(batch.Insert, int32(i))
		}
		offsets = append(offsets, int32(b.Len()))
	}
	return b.Build(), offsets, nil
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func defaults(t testing.TB) Config {
	t.Helper()
	var c Config
	if err := config.Load(&c, config.Sources{}); err != nil {
		t.Fatal(err)
	}
	return c
}

// fixture is a service with the one table people (id BIGINT, name STRING) of a fake store with the rows 1 to 100: p1, p2, …
func fixture(t testing.TB, change func(*Config)) (*Service, *table, *fakeStore, *clock) {
	t.Helper()
	c := defaults(t)
	if change != nil {
		change(&c)
	}
	clk := &clock{t: time.Unix(1_700_000_000, 0)}
	s := newService(t.Context(), obs.Discard(), c, clk.now)
	store := &fakeStore{rows: map[int64]string{}}
	for i := int64(1); i <= 100; i++ {
		store.rows[i] = "p" + strconv.FormatInt(i, 10)
	}
	def := &catalog.Table{Name: "people", PrimaryKey: []int{0}, Options: map[string]string{"connector": "fake"},
		Columns: []catalog.Column{{Name: "id", Type: types.Of(types.BigInt)}, {Name: "name", Type: types.String()}}}
	tb, err := s.table(def, []int{0, 1}, time.UTC, func() (endpoint.Lookup, error) { return fakeLookup{store}, nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, tb, store, clk
}

// names looks keys up and prints the answers: "p1", "-" for no such key, "p1~" for a stale one.
func names(t testing.TB, s *Service, keys ...string) (string, error) {
	t.Helper()
	parts := make([][]string, len(keys))
	for i, k := range keys {
		parts[i] = []string{k}
	}
	_, _, answers, err := s.lookup(t.Context(), "people", parts, nil)
	out := ""
	for i, a := range answers {
		if i > 0 {
			out += " "
		}
		if a.row == nil {
			out += "-"
		} else {
			out += a.row[1].GetTextValue()
		}
		if a.stale {
			out += "~"
		}
	}
	return out, err
}

func want(t testing.TB, s *Service, expected string, keys ...string) {
	t.Helper()
	got, err := names(t, s, keys...)
	if err != nil || got != expected {
		t.Fatalf("%v: got %q, %v; want %q", keys, got, err, expected)
	}
}
