// Package point answers lookups: it asks the store once for each distinct key of a batch that the cache does not know.
//
// A key with a null matches nothing. The cache holds encoded rows, also the absence of rows, for a time and up to a number of keys;
// the key that was used longest ago goes first.
package point

import (
	"container/list"
	"context"
	"fmt"
	"time"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/connector/option"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// Specs are the options of the cache; those without "partial" are the names of older Flink connectors.
var Specs = []option.Spec{
	{Key: "lookup.cache", Default: "NONE", Enum: []string{"NONE", "PARTIAL"}, Help: "Whether looked-up rows are kept for a while."},
	{Key: "lookup.partial-cache.max-rows", Kind: option.Int, Help: "Most keys kept, by each worker."},
	{Key: "lookup.partial-cache.expire-after-write", Kind: option.Duration, Help: "How long a row is kept at most."},
	{Key: "lookup.partial-cache.expire-after-access", Kind: option.Duration, Help: "How long a row is kept after its last use."},
	{Key: "lookup.partial-cache.cache-missing-key", Kind: option.Bool, Default: "true", Help: "Whether it is remembered that a key has no row."},
	{Key: "lookup.cache.max-rows", Kind: option.Int, Help: "Older name of lookup.partial-cache.max-rows; with it the cache is on."},
	{Key: "lookup.cache.ttl", Kind: option.Duration, Help: "Older name of lookup.partial-cache.expire-after-write; with it the cache is on."},
	{Key: "lookup.max-retries", Kind: option.Int, Help: "Taken for compatibility: a lookup waits for a store that is down."},
	{Key: "lookup.async", Kind: option.Bool, Help: "Taken for compatibility: lookups go in batches."},
}

const defaultMaxRows = 10_000

// Settings are the cache's options, read.
type Settings struct {
	On                      bool
	MaxRows                 int
	AfterWrite, AfterAccess time.Duration
	Missing                 bool
	Now                     func() time.Time
}

// Read reads the settings and checks how they go together.
func Read(v option.Values) (Settings, error) {
	s := Settings{On: v.Get("lookup.cache") == "PARTIAL", MaxRows: int(v.Int("lookup.partial-cache.max-rows")), Missing: v.Bool("lookup.partial-cache.cache-missing-key"),
		AfterWrite: v.Duration("lookup.partial-cache.expire-after-write"), AfterAccess: v.Duration("lookup.partial-cache.expire-after-access"), Now: time.Now}
	if v.Has("lookup.cache.max-rows") || v.Has("lookup.cache.ttl") {
		s.On = true
		s.MaxRows, s.AfterWrite = int(v.Int("lookup.cache.max-rows")), v.Duration("lookup.cache.ttl")
	}
	for _, k := range []string{"lookup.partial-cache.max-rows", "lookup.partial-cache.expire-after-write", "lookup.partial-cache.expire-after-access"} {
		if v.Has(k) && !s.On {
			return s, fault.WithRemedy(v.Errorf(k, "option '%s' has no effect without a cache", k), "add 'lookup.cache' = 'PARTIAL'")
		}
	}
	if s.MaxRows < 0 {
		return s, v.Errorf("lookup.partial-cache.max-rows", "the cache cannot hold %d rows", s.MaxRows)
	}
	if s.MaxRows == 0 {
		s.MaxRows = defaultMaxRows
	}
	return s, nil
}

// Fetch asks the store for distinct keys without nulls. It appends the rows of key i to out with RowDone's message i, keys in any order; its columns are
// the lookup's columns. It may be called again for the same keys.
type Fetch func(ctx context.Context, keys *batch.Batch, out *batch.Builder) error

// Lookup is an endpoint.Lookup.
type Lookup struct {
	s     Settings
	fetch Fetch
	keys  *state.Codec
	rows  *state.Codec
	types []arrow.DataType
	cache map[string]*list.Element
	lru   *list.List // front: used last
	enc   []byte
}

type entry struct {
	key           string
	rows          []byte
	n             int
	written, used time.Time
}

// New makes a lookup of j's columns.
func New(j *plan.LookupJoin, s Settings, fetch Fetch) *Lookup {
	if j.Retry != nil {
		s.Missing = false // a key is asked for again because it may have come
	}
	l := &Lookup{s: s, fetch: fetch, cache: map[string]*list.Element{}, lru: list.New()}
	if l.s.Now == nil {
		l.s.Now = time.Now
	}
	l.keys = state.NewCodec(Types(j.Table, j.TableKeys))
	l.types = Types(j.Table, j.Columns)
	l.rows = state.NewCodec(l.types)
	return l
}

// Types are the Arrow types of table columns.
func Types(t *catalog.Table, cols []int) []arrow.DataType {
	out := make([]arrow.DataType, len(cols))
	for i, c := range cols {
		out[i] = batch.ArrowType(t.Columns[c].Type)
	}
	return out
}

// found is where the rows of a distinct key are.
type found struct {
	e        *entry
	from, to int32 // rows of the built batch, once known
}

// Lookup implements endpoint.Lookup.
func (l *Lookup) Lookup(ctx context.Context, keys *batch.Batch) (*batch.Batch, []int32, error) {
	now := l.s.Now()
	at := map[string]int{}
	var distinct []found
	var missing []int32 // rows of keys to ask for
	var missingAt []int // their entries in distinct
	of := make([]int32, keys.N)
rows:
	for i := range keys.N {
		for _, c := range keys.Cols {
			if c.IsNull(i) {
				of[i] = -1
				continue rows
			}
		}
		l.enc = l.keys.AppendRow(l.enc[:0], keys.Cols, i)
		d, ok := at[string(l.enc)]
		if !ok {
			d = len(distinct)
			key := string(l.enc)
			at[key] = d
			e := l.cached(key, now)
			if e == nil {
				e = &entry{key: key}
				missing, missingAt = append(missing, int32(i)), append(missingAt, d)
			}
			distinct = append(distinct, found{e: e})
		}
		of[i] = int32(d)
	}
	if len(missing) > 0 {
		if err := l.ask(ctx, batch.Take(keys, missing), missingAt, distinct, now); err != nil {
			return nil, nil, err
		}
	}
	return l.answer(of, distinct)
}

func (l *Lookup) ask(ctx context.Context, keys *batch.Batch, missingAt []int, distinct []found, now time.Time) error {
	b := batch.NewBuilder(l.types...)
	if err := l.fetch(ctx, keys, b); err != nil {
		return err
	}
	msg := append([]int32(nil), b.Msg...)
	got := b.Build()
	for r, m := range msg {
		e := distinct[missingAt[m]].e
		e.rows = l.rows.AppendRow(e.rows, got.Cols, r)
		e.n++
	}
	if !l.s.On {
		return nil
	}
	for _, d := range missingAt {
		e := distinct[d].e
		if e.n == 0 && !l.s.Missing {
			continue
		}
		e.written, e.used = now, now
		l.cache[e.key] = l.lru.PushFront(e)
		if l.lru.Len() > l.s.MaxRows {
			l.drop(l.lru.Back())
		}
	}
	return nil
}

// answer lays out the rows of each input row, one after the other.
func (l *Lookup) answer(of []int32, distinct []found) (*batch.Batch, []int32, error) {
	b := batch.NewBuilder(l.types...)
	n := int32(0)
	for i := range distinct {
		d := &distinct[i]
		d.from = n
		data := d.e.rows
		for range d.e.n {
			var err error
			if data, err = l.rows.DecodeRow(data, b.Cols); err != nil {
				return nil, nil, fmt.Errorf("read cached row: %w", err)
			}
			b.RowDone(batch.Insert, -1)
			n++
		}
		d.to = n
	}
	rows := b.Build()
	idx := make([]int32, 0, len(of))
	offsets := make([]int32, 1, len(of)+1)
	for _, d := range of {
		if d >= 0 {
			for r := distinct[d].from; r < distinct[d].to; r++ {
				idx = append(idx, r)
			}
		}
		offsets = append(offsets, int32(len(idx)))
	}
	return batch.Take(rows, idx), offsets, nil
}

func (l *Lookup) cached(key string, now time.Time) *entry {
	el, ok := l.cache[key]
	if !ok {
		return nil
	}
	e := el.Value.(*entry)
	if l.s.AfterWrite > 0 && now.Sub(e.written) >= l.s.AfterWrite || l.s.AfterAccess > 0 && now.Sub(e.used) >= l.s.AfterAccess {
		l.drop(el)
		return nil
	}
	e.used = now
	l.lru.MoveToFront(el)
	return e
}

func (l *Lookup) drop(el *list.Element) {
	delete(l.cache, el.Value.(*entry).key)
	l.lru.Remove(el)
}

// Close implements endpoint.Lookup.
func (l *Lookup) Close() error { return nil }
