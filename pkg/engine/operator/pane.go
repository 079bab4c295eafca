package operator

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// paneID names a pane in saved state and orders panes: what it is, and the wall time of its end (of its start for sums).
type paneID struct {
	at  int64
	sum bool // a CUMULATE window's sum of the slices up to the last one that fired
}

func (p paneID) compare(o paneID) int {
	switch {
	case p.at < o.at || p.at == o.at && !p.sum && o.sum:
		return -1
	case p == o:
		return 0
	}
	return 1
}

const paneIDSize = 9

func (p paneID) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(p.at))
	if p.sum {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func readPaneID(data []byte) paneID {
	return paneID{at: int64(binary.LittleEndian.Uint64(data)), sum: data[8] != 0}
}

// pane is the aggregates by key of a stretch of time: a slice, a window, or a window's sum so far. It is dropped as a whole.
type pane struct {
	id     paneID
	groups *state.Table
	count  []int64 // rows by group, when rows may be taken back
	aggs   *aggregates
}

// paneMaker makes panes of one operator.
type paneMaker struct {
	calls   []plan.AggCall
	in      []types.Type
	codec   *state.Codec
	nGroups int
	opts    Options
	retract bool
	// suffixed keys hold more than the codec's row.
	suffixed bool
}

func (m *paneMaker) make(id paneID) (*pane, error) {
	p := &pane{id: id, groups: state.NewTable(m.codec)}
	if m.suffixed {
		p.groups = state.NewBytesTable()
	}
	var err error
	p.aggs, err = newAggregates(m.calls, m.in, p.groups, m.opts, m.retract)
	return p, err
}

// row gives a key's row, beginning it if needed.
func (p *pane) row(key []byte, hash uint64) (int32, error) {
	row, fresh, err := p.groups.UpsertKey(key, hash)
	if fresh {
		p.aggs.grow(p.groups.Rows())
		p.count = extend(p.count, p.groups.Rows())
		p.aggs.begin(row)
	}
	return row, err
}

// snapshot writes what changed, under the pane's id.
func (p *pane) snapshot(w state.Writer, full bool, nGroups int) error {
	w = paneWriter{w, p.id.append(nil)}
	err := p.groups.Snapshot(w, "groups", nGroups, full, func(dst []byte, row int32) []byte {
		return p.aggs.save(binary.AppendUvarint(dst, uint64(p.count[row])), row)
	})
	if err != nil {
		return err
	}
	return p.aggs.snapshot(w, full)
}

func (p *pane) restore(r state.Reader, m *paneMaker) error {
	err := p.groups.Restore(r, "groups", m.codec, m.nGroups, func(row int32, data []byte) error {
		p.aggs.grow(p.groups.Rows())
		p.count = extend(p.count, p.groups.Rows())
		count, n := binary.Uvarint(data)
		if n <= 0 {
			return errShort
		}
		p.count[row] = int64(count)
		return p.aggs.load(row, data[n:])
	})
	if err != nil {
		return err
	}
	return p.aggs.restore(r, m.codec)
}

// paneWriter puts the pane's id before the entries' keys.
type paneWriter struct {
	w  state.Writer
	id []byte
}

func (w paneWriter) key(key []byte) []byte {
	return append(append(make([]byte, 0, len(key)+len(w.id)), w.id...), key...)
}

func (w paneWriter) Put(table string, group uint16, key, value []byte) error {
	return w.w.Put(table, group, w.key(key), value)
}

func (w paneWriter) Delete(table string, group uint16, key []byte) error {
	return w.w.Delete(table, group, w.key(key))
}

// goneWriter collects the deletes of all that a pane saved, for the next snapshot.
type goneWriter struct {
	keys   state.Keys
	tables []string
	groups []uint16
}

func (w *goneWriter) Put(table string, group uint16, key, _ []byte) error {
	w.keys.Append(key, 0)
	w.tables, w.groups = append(w.tables, table), append(w.groups, group)
	return nil
}

func (w *goneWriter) Delete(table string, group uint16, key []byte) error {
	return w.Put(table, group, key, nil)
}

// drop collects the deletes of all that the pane has saved.
func (p *pane) drop(gone *goneWriter, nGroups int) error {
	w := paneWriter{gone, p.id.append(nil)}
	_ = p.groups.Each(func(row int32) error {
		if !p.groups.Saved(row) {
			return nil
		}
		return w.Delete("groups", state.Group(p.groups.Hash(row), nGroups), p.groups.Key(row))
	})
	for _, e := range p.aggs.elems {
		if err := e.drop(w); err != nil {
			return err
		}
	}
	return nil
}

// flush writes the deletes and forgets them.
func (w *goneWriter) flush(to state.Writer) error {
	for i, t := range w.tables {
		if err := to.Delete(t, w.groups[i], w.keys.At(i)); err != nil {
			return err
		}
	}
	*w = goneWriter{}
	return nil
}

// splitReader sorts the saved entries of all panes by pane.
type splitReader struct{ entries map[string][]savedEntry }

type savedEntry struct {
	group      uint16
	key, value []byte
}

// Entries implements state.Reader.
func (r *splitReader) Entries(table string, fn func(group uint16, key, value []byte) error) error {
	for _, e := range r.entries[table] {
		if err := fn(e.group, e.key, e.value); err != nil {
			return err
		}
	}
	return nil
}

func splitPanes(r state.Reader, tables []string) (map[paneID]*splitReader, error) {
	out := map[paneID]*splitReader{}
	for _, table := range tables {
		err := r.Entries(table, func(group uint16, key, value []byte) error {
			if len(key) < paneIDSize {
				return fmt.Errorf("%w: no pane in the key of table %s", state.ErrCorrupt, table)
			}
			id := readPaneID(key)
			p := out[id]
			if p == nil {
				p = &splitReader{entries: map[string][]savedEntry{}}
				out[id] = p
			}
			b := append(append(make([]byte, 0, len(key)+len(value)), key[paneIDSize:]...), value...)
			n := len(key) - paneIDSize
			p.entries[table] = append(p.entries[table], savedEntry{group, b[:n:n], b[n:]})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// merge adds the groups of another pane of the same operator. Rows must not be taken back.
func (p *pane) merge(from *pane, m *paneMaker) error {
	to := make([]int32, from.groups.Rows())
	err := from.groups.Each(func(row int32) (err error) {
		if to[row], err = p.row(from.groups.Key(row), from.groups.Hash(row)); err != nil {
			return err
		}
		p.groups.Touch(to[row])
		p.count[to[row]] += from.count[row]
		return nil
	})
	if err != nil {
		return err
	}
	for i, c := range p.aggs.calls {
		if c.distinct != nil {
			continue
		}
		src := from.aggs.calls[i].acc
		_ = from.groups.Each(func(row int32) error {
			c.acc.merge(to[row], src, row)
			return nil
		})
	}
	for i, d := range p.aggs.sets {
		if err := p.mergeSet(d, from.aggs.sets[i], from, to, m); err != nil {
			return err
		}
	}
	return nil
}

// mergeSet adds the values of a distinct argument that p has not seen, and applies its calls to them.
func (p *pane) mergeSet(d, src *distinct, from *pane, to []int32, m *paneMaker) error {
	ts := make([]types.Type, len(d.args))
	for i, c := range d.args {
		ts[i] = m.in[c]
	}
	codec := state.NewCodec(batch.ArrowTypes(ts))
	b := batch.NewBuilder(codec.Types()...)
	in := newInput(m.in)
	var rows, sel []int32
	flush := func() error {
		in.n, in.rows, in.cols = b.Len(), rows, make([]arrow.Array, len(m.in))
		for i, col := range b.Build().Cols {
			in.cols[d.args[i]] = col
		}
		for i := range in.views {
			in.views[i].set = false
		}
		for _, c := range p.aggs.calls {
			if c.distinct == d {
				c.acc.add(in, sel)
			}
		}
		rows, sel = rows[:0], sel[:0]
		return nil
	}
	err := src.elems.set.Each(func(owner uint32, value []byte) error {
		row := to[from.aggs.owners.row[owner]]
		id := p.aggs.owners.id[row]
		fresh, err := d.elems.set.AddOne(uint32(id), value)
		if err != nil || !fresh {
			return err
		}
		d.elems.n = extend(d.elems.n, int(p.aggs.owners.nextID))
		d.elems.n[id]++
		if len(d.args) == 1 && classOf(ts[0]) == classBytes {
			appendBytes(b.Cols[0], value)
		} else if _, err := codec.DecodeRow(value, b.Cols); err != nil {
			return err
		}
		rows, sel = append(rows, row), append(sel, int32(b.Len()))
		b.RowDone(batch.Insert, -1)
		if b.Len() == batch.TargetRows {
			return flush()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// results gives the pane's groups in the order of their encoded keys, which is the same whatever the order of input,
// restarts and the number of instances: keys, aggregates; groups without rows are left out if rows may be taken back.
func (p *pane) results(m *paneMaker, out func(cols []arrow.Array, rows []int32) error) error {
	rows := make([]int32, 0, p.groups.Len())
	_ = p.groups.Each(func(row int32) error {
		if !m.retract || p.count[row] > 0 {
			rows = append(rows, row)
		}
		return nil
	})
	slices.SortFunc(rows, func(a, b int32) int { return slices.Compare(p.groups.Key(a), p.groups.Key(b)) })
	ts := make([]types.Type, len(m.calls))
	for i, c := range m.calls {
		ts[i] = c.T
	}
	for len(rows) > 0 {
		part := rows[:min(len(rows), batch.TargetRows)]
		rows = rows[len(part):]
		keys, vals := batch.NewBuilder(m.codec.Types()...), batch.NewBuilder(batch.ArrowTypes(ts)...)
		for _, row := range part {
			if _, err := m.codec.DecodeRow(p.groups.Key(row), keys.Cols); err != nil {
				return fmt.Errorf("read group key: %w", err)
			}
			p.aggs.results(vals.Cols, row)
		}
		if err := p.aggs.failed(); err != nil {
			return err
		}
		var cols []arrow.Array
		for _, c := range append(keys.Cols, vals.Cols...) {
			cols = append(cols, c.NewArray())
		}
		if err := out(cols, part); err != nil {
			return err
		}
	}
	return nil
}
