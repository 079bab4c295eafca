package sqlcase

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/freshet-dw/freshet/pkg/blob"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/engine/operator/operatortest"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// world is what a crash leaves: inputs, the state store, what was committed.
type world struct {
	c     *Case
	store blob.Store

	mu        sync.Mutex
	tables    map[string]*input
	committed endpoint.Progress // of the variant in the transaction
	sinks     map[string]*output
	staged    map[string]string // what the outside has taken, by token
	replays   int               // flushes under a token that was taken
	perPoll   func() int        // items that a split gives at most to the next poll
	faults    []error
	// crash tells whether to fail here: also in the middle of a step, after the deed.
	crash func(step string) bool
}

func newWorld(c *Case) *world {
	w := &world{c: c, tables: map[string]*input{}, sinks: map[string]*output{}, staged: map[string]string{}, crash: func(string) bool { return false }}
	w.store = newMemory(func(string) error { return w.fail("put") })
	return w
}

// fail is the crash of a step, or nil.
func (w *world) fail(step string) error {
	if w.crash(step) {
		return errCrash
	}
	return nil
}

// input is a source table: its rows and, by split, the order in which they come; -1 is a barrier.
type input struct {
	rows   *batch.Batch
	splits map[string][]int32
	ids    []string
}

// input reads the table's rows; columns that are not physical have none.
func (w *world) input(t *catalog.Table) (*input, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if in, ok := w.tables[t.Name]; ok {
		return in, nil
	}
	var ts []types.Type
	for _, c := range t.Columns {
		if c.Kind == catalog.Physical {
			ts = append(ts, c.Type)
		}
	}
	in := &input{splits: map[string][]int32{}}
	var text strings.Builder
	n := int32(0)
	for name, rows := range w.c.In {
		if base, _, _ := strings.Cut(name, "/"); base != t.Name {
			continue
		}
		in.ids = append(in.ids, name)
		for _, r := range rows {
			if r == barrier {
				in.splits[name] = append(in.splits[name], -1)
				continue
			}
			in.splits[name] = append(in.splits[name], n)
			text.WriteString(r + "\n")
			n++
		}
	}
	if len(in.ids) == 0 {
		return nil, fmt.Errorf("there is no section \"in %s\"", t.Name)
	}
	sort.Strings(in.ids)
	b, err := operatortest.Parse(ts, text.String())
	if err != nil {
		return nil, fmt.Errorf("rows of %s: %w", t.Name, err)
	}
	in.rows = b
	w.tables[t.Name] = in
	return in, nil
}

// physical maps table columns to the columns of input.rows.
func physical(t *catalog.Table, cols []int) []int {
	out := make([]int, len(cols))
	for i, c := range cols {
		for _, before := range t.Columns[:c] {
			if before.Kind == catalog.Physical {
				out[i]++
			}
		}
	}
	return out
}

// output is what a sink table holds.
type output struct {
	keys   []int
	upsert bool
	log    []string
	bag    map[string]int
	byKey  map[string]string
}

func (w *world) output(name string, keys []int, upsert bool) *output {
	o, ok := w.sinks[name]
	if !ok {
		o = &output{keys: keys, upsert: upsert, bag: map[string]int{}, byKey: map[string]string{}}
		w.sinks[name] = o
	}
	return o
}

// apply commits one worker's changes of one epoch.
func (o *output) apply(bs []*batch.Batch) error {
	var errs []error
	for _, b := range bs {
		for i := range b.N {
			text, kind := b.RowString(i), b.Kind(i)
			o.log = append(o.log, text)
			row := text[2:]
			if o.upsert {
				key := batch.Select(b, o.keys).RowString(i)[2:]
				old, had := o.byKey[key]
				switch {
				case kind == batch.UpdateBefore && had && old != row:
					errs = append(errs, fmt.Errorf("%s: the row is %s", text, old))
				case kind.Retracts() && !had:
					errs = append(errs, fmt.Errorf("%s: there is no such key", text))
				}
				// A −U without its +U deletes, as in Flink's sinks.
				if kind.Retracts() {
					delete(o.byKey, key)
				} else {
					o.byKey[key] = row
				}
				continue
			}
			if !kind.Retracts() {
				o.bag[row]++
				continue
			}
			if o.bag[row] == 0 {
				errs = append(errs, fmt.Errorf("%s: there is no such row", text))
				continue
			}
			o.bag[row]--
		}
	}
	return errors.Join(errs...)
}

// final gives the rows that are left, sorted.
func (o *output) final() []string {
	var out []string
	for row, n := range o.bag {
		for range n {
			out = append(out, row)
		}
	}
	for _, row := range o.byKey {
		out = append(out, row)
	}
	slices.Sort(out)
	return out
}

// pending is one worker's changes of one epoch.
type pending struct {
	table  string
	worker int
	keys   []int
	upsert bool
	rows   []*batch.Batch
}

// net is what the changes come to, as text: the same for every replay of the epoch, whatever the order of rows of different keys.
func (p *pending) net() string {
	count, last := map[string]int{}, map[string]string{}
	for _, b := range p.rows {
		for i := range b.N {
			row, kind := b.RowString(i)[2:], b.Kind(i)
			switch {
			case p.upsert && kind.Retracts():
				last[batch.Select(b, p.keys).RowString(i)[2:]] = "-"
			case p.upsert:
				last[batch.Select(b, p.keys).RowString(i)[2:]] = row
			case kind.Retracts():
				count[row]--
			default:
				count[row]++
			}
		}
	}
	var out []string
	for row, n := range count {
		if n != 0 {
			out = append(out, fmt.Sprintf("%+d %s", n, row))
		}
	}
	for key, row := range last {
		out = append(out, key+" is "+row)
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// stage takes a flush outside the transaction, unless its token was taken: then it must bring the same.
func (w *world) stage(token string, p *pending) {
	w.mu.Lock()
	was, taken := w.staged[token]
	now := p.net()
	if taken {
		w.replays++
		if was != now {
			w.faults = append(w.faults, fmt.Errorf("the replay of %s brings\n%s\nand brought\n%s", token, now, was))
		}
	}
	w.staged[token] = now
	w.mu.Unlock()
	if !taken {
		w.take([]*pending{p})
	}
}

// take commits changes in the order of workers.
func (w *world) take(ps []*pending) {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.SortStableFunc(ps, func(a, b *pending) int { return cmp.Compare(a.worker, b.worker) })
	for _, p := range ps {
		if err := w.output(p.table, p.keys, p.upsert).apply(p.rows); err != nil {
			w.faults = append(w.faults, fmt.Errorf("changelog of %s: %w", p.table, err))
		}
	}
}
