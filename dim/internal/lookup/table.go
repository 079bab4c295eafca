package lookup

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	dimpb "github.com/freshet-dw/freshet/dim/proto"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/fault"
)

// table is one dimension table: its cache, the questions that are on their way, and the lookups that ask the store.
type table struct {
	info  *dimpb.Table
	names []string
	keys  *keys
	cache *cache
	store *store
	// open makes a lookup as a lookup join has it, for one goroutine at a time.
	open func() (endpoint.Lookup, error)
	life context.Context // questions outlive who asked first, not the service
	now  func() time.Time

	mu      sync.Mutex
	flights map[string]*flight
	idle    []endpoint.Lookup
	asking  sync.WaitGroup

	hit, missing, miss, shared, stale prometheus.Counter
	changedKey, changedAll            prometheus.Counter
	rows                              prometheus.Gauge
}

// flight is a key that the store is being asked for.
type flight struct {
	done chan struct{}
	row  []*dimpb.Value
	err  error
}

// answer is what is known of a key; row is nil when there is no such key.
type answer struct {
	row   []*dimpb.Value
	stale bool
}

func (t *table) meter(m *metrics) {
	name := t.info.Name
	k := func(result string) prometheus.Counter { return m.keys.WithLabelValues(name, result) }
	t.hit, t.missing, t.miss, t.shared, t.stale = k("hit"), k("missing"), k("miss"), k("shared"), k("stale")
	t.changedKey, t.changedAll = m.changes.WithLabelValues(name, "key"), m.changes.WithLabelValues(name, "all")
	t.rows = m.rows.WithLabelValues(name)
	m.collect = append(m.collect, func() { t.rows.Set(float64(t.cache.len())) })
}

// columns are the positions of the named columns; no names: all of them.
func (t *table) columns(names []string) ([]int, error) {
	if len(names) == 0 {
		return nil, nil
	}
	out := make([]int, len(names))
	for i, n := range names {
		if out[i] = slices.Index(t.names, n); out[i] < 0 {
			return nil, fault.WithRemedy(fault.Newf(fault.Data, "table %s has no column %q", t.info.Name, n), fault.DidYouMean(n, t.names))
		}
	}
	return out, nil
}

// get answers for canonical keys, in their order.
func (t *table) get(ctx context.Context, keys []string) ([]answer, error) {
	out := make([]answer, len(keys))
	now := t.now()
	var hit, missing int
	var absent []int // positions that the cache does not answer
	for i, k := range keys {
		e := t.cache.get(k)
		if e == nil || !e.expires.After(now) {
			absent = append(absent, i)
			continue
		}
		out[i].row = e.row
		if e.row == nil {
			missing++
		} else {
			hit++
		}
	}
	t.hit.Add(float64(hit))
	t.missing.Add(float64(missing))
	if len(absent) == 0 {
		return out, nil
	}
	waits := t.ask(keys, absent)
	for i, f := range waits {
		at := absent[i]
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, fault.Wrap(fault.Canceled, ctx.Err(), "wait for table %s", t.info.Name)
		}
		if f.err == nil {
			out[at].row = f.row
			continue
		}
		if e := t.fallback(keys[at], f.err); e != nil {
			out[at] = answer{row: e.row, stale: true}
			t.stale.Inc()
			continue
		}
		return nil, f.err
	}
	return out, nil
}

// fallback is the kept entry that may be given in place of an answer.
func (t *table) fallback(key string, err error) *entry {
	if !errors.Is(err, fault.Unavailable) && !errors.Is(err, errBusy) {
		return nil
	}
	if e := t.cache.get(key); e != nil && t.now().Sub(e.read) <= t.cache.cfg.MaxStale {
		return e
	}
	return nil
}

// ask gives the flight of each absent key; keys that nobody asks for yet go to the store together.
func (t *table) ask(keys []string, absent []int) []*flight {
	out := make([]*flight, len(absent))
	var ours []string
	var flights []*flight
	t.mu.Lock()
	for i, at := range absent {
		k := keys[at]
		f := t.flights[k]
		if f == nil {
			f = &flight{done: make(chan struct{})}
			t.flights[k] = f
			ours, flights = append(ours, k), append(flights, f)
		}
		out[i] = f
	}
	if len(ours) > 0 {
		t.asking.Add(1)
	}
	t.mu.Unlock()
	t.miss.Add(float64(len(ours)))
	t.shared.Add(float64(len(absent) - len(ours)))
	if len(ours) > 0 {
		go t.fetch(ours, flights)
	}
	return out
}

func (t *table) fetch(keys []string, flights []*flight) {
	defer t.asking.Done()
	var rows [][]*dimpb.Value
	var asked time.Time
	err := t.store.do(t.life, func(ctx context.Context) error {
		asked = t.now() // after the wait for a turn: changes until now are in the answer as far as the store has them
		var err error
		rows, err = t.lookup(ctx, keys)
		return err
	})
	for i, k := range keys {
		f := flights[i]
		if f.err = err; err == nil {
			f.row = rows[i]
			t.cache.put(k, f.row, asked)
		}
	}
	t.mu.Lock()
	for i, k := range keys {
		if t.flights[k] == flights[i] {
			delete(t.flights, k)
		}
	}
	t.mu.Unlock()
	for _, f := range flights {
		close(f.done)
	}
}

// lookup asks the store. Of several rows of one key the first counts: a table's key has one.
func (t *table) lookup(ctx context.Context, keys []string) ([][]*dimpb.Value, error) {
	cols, err := t.keys.columns(keys)
	if err != nil {
		return nil, err
	}
	l, err := t.take()
	if err != nil {
		return nil, err
	}
	found, offsets, err := l.Lookup(ctx, cols)
	t.give(l)
	if err != nil {
		return nil, err
	}
	if len(offsets) != len(keys)+1 {
		return nil, fault.Newf(fault.Internal, "table %s gave %d offsets for %d keys", t.info.Name, len(offsets), len(keys))
	}
	rows := make([][]*dimpb.Value, len(keys))
	for i := range keys {
		if offsets[i] < offsets[i+1] {
			rows[i] = rowOf(found.Cols, int(offsets[i]))
		}
	}
	return rows, nil
}

func (t *table) take() (endpoint.Lookup, error) {
	t.mu.Lock()
	if n := len(t.idle); n > 0 {
		l := t.idle[n-1]
		t.idle = t.idle[:n-1]
		t.mu.Unlock()
		return l, nil
	}
	t.mu.Unlock()
	return t.open()
}

func (t *table) give(l endpoint.Lookup) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.idle = append(t.idle, l)
}

// changed drops a key, and lets who asks from now on not wait for an answer that may be older.
func (t *table) changed(key string, at partition, offset int64) {
	t.cache.changed(key, at, offset)
	t.mu.Lock()
	delete(t.flights, key)
	t.mu.Unlock()
	t.changedKey.Inc()
}

// changedEvery drops all keys.
func (t *table) changedEvery(at partition, offset int64) {
	t.cache.changedAll(at, offset)
	t.mu.Lock()
	clear(t.flights)
	t.mu.Unlock()
	t.changedAll.Inc()
}

// close waits for the questions on their way, which end with the service's context, and closes the lookups.
func (t *table) close() error {
	t.asking.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	for _, l := range t.idle {
		errs = append(errs, l.Close())
	}
	t.idle = nil
	return errors.Join(errs...)
}
