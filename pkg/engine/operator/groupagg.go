package operator

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// groupAgg is plan.GroupAgg. Rows are applied to the accumulators as they come; the results go out at the end of the epoch,
// one change a group, in the order in which the epoch touched the groups first.
type groupAgg struct {
	node    *plan.GroupAgg
	opts    Options
	clock   clock
	codec   *state.Codec // of the keys
	results []arrow.DataType
	equal   *state.Codec // of the results, to compare them
	before  bool         // -U is wanted

	groups *state.Table
	count  []int64 // rows of a group, kept when rows may be taken back
	aggs   *aggregates

	// The groups touched in this epoch: had tells whether the group was there before, old are the results from then.
	touched []int32
	had     []bool
	mark    []mark
	old     *batch.Builder
	oldRows *batch.Batch // what old held at the end of the epoch

	keys    state.Keys
	keyCols []arrow.Array
	rows    []int32
	sel     []int32
}

// mark is what this epoch did to a group.
type mark uint8

const (
	untouched mark = iota
	begun          // it began and is not yet in touched
	touched
)

// NewGroupAgg makes the operator of a GroupAgg node whose input has columns of types in. The error is of kind fault.Config: an aggregate
// that is not known or not for these types.
func NewGroupAgg(n *plan.GroupAgg, in []types.Type, opts Options) (Stateful, error) {
	keys := make([]types.Type, len(n.Keys))
	for i, k := range n.Keys {
		keys[i] = in[k]
	}
	g := &groupAgg{node: n, opts: opts, clock: opts.clock(), codec: state.NewCodec(batch.ArrowTypes(keys))}
	g.groups = state.NewTable(g.codec)
	g.groups.SetTTL(n.TTL)
	g.groups.OnDrop = g.drop
	var err error
	if g.aggs, err = newAggregates(n.Aggs, in, g.groups, opts, n.Retract); err != nil {
		return nil, err
	}
	for _, a := range n.Aggs {
		g.results = append(g.results, batch.ArrowType(a.T))
	}
	g.equal = state.NewCodec(g.results)
	g.old = batch.NewBuilder(g.results...)
	g.before = n.P.Mode.Has(catalog.HasUpdateBefore)
	g.keyCols = make([]arrow.Array, len(n.Keys))
	return g, nil
}

func (g *groupAgg) drop(row int32) { g.aggs.end(row) }

// Process implements Operator.
func (g *groupAgg) Process(_ int, b *batch.Batch, _ Output) error {
	if b.N == 0 {
		return nil
	}
	if err := g.find(b); err != nil {
		return err
	}
	g.aggs.in.reset(b, g.rows)
	sel := g.touch(b)
	return g.aggs.add(sel)
}

// find sets g.rows to the group of each row.
func (g *groupAgg) find(b *batch.Batch) error {
	for i, k := range g.node.Keys {
		g.keyCols[i] = b.Cols[k]
	}
	g.codec.Encode(&g.keys, g.keyCols, b.N)
	g.keys.Hash = state.Resize(g.keys.Hash, b.N)
	if len(g.keyCols) == 0 {
		clear(g.keys.Hash)
	} else {
		kernel.Hash(g.keyCols, b.N, g.keys.Hash)
	}
	g.rows = state.Resize(g.rows, b.N)
	g.groups.SetNow(g.clock.time())
	fresh, err := g.groups.Upsert(&g.keys, g.rows)
	if err != nil {
		return err
	}
	if len(fresh) == 0 {
		return nil
	}
	g.grow()
	for _, i := range fresh {
		g.begin(g.rows[i])
	}
	return nil
}

func (g *groupAgg) grow() {
	n := g.groups.Rows()
	if g.node.Retract {
		g.count = extend(g.count, n)
	}
	g.mark = extend(g.mark, n)
	g.aggs.grow(n)
}

func (g *groupAgg) begin(row int32) {
	if g.node.Retract {
		g.count[row] = 0
	}
	g.mark[row] = begun
	g.aggs.begin(row)
}

// touch notes the groups that the batch touches first in this epoch with their results so far, counts the rows, and gives
// the rows to apply: all but those that take back from a group that has no rows, which Flink ignores too.
func (g *groupAgg) touch(b *batch.Batch) []int32 {
	g.sel = g.sel[:0]
	last := int32(-1)
	for i, r := range g.rows {
		if r != last {
			last = r
			if g.mark[r] != touched {
				g.note(r)
			}
		}
		if g.node.Retract {
			if b.Kind(i).Retracts() {
				if g.count[r] == 0 {
					continue
				}
				g.count[r]--
			} else {
				g.count[r]++
			}
		}
		g.sel = append(g.sel, int32(i))
	}
	return g.sel
}

// note puts a group on the list of the epoch's.
func (g *groupAgg) note(row int32) {
	had := g.mark[row] == untouched
	if had {
		g.aggs.results(g.old.Cols, row)
		g.groups.Touch(row)
		g.groups.Refresh(row)
	} else {
		for _, c := range g.old.Cols {
			c.AppendNull()
		}
	}
	g.mark[row] = touched
	g.touched = append(g.touched, row)
	g.had = append(g.had, had)
}

// EndEpoch implements Operator.
func (g *groupAgg) EndEpoch(e Epoch, out Output) error {
	if e.Final && g.node.Batch && g.opts.First && len(g.node.Keys) == 0 {
		if err := g.single(); err != nil {
			return err
		}
	}
	for range g.touched {
		g.old.RowDone(batch.Insert, -1)
	}
	g.oldRows = g.old.Build()
	for from := 0; from < len(g.touched); from += batch.TargetRows / 2 {
		if err := g.emit(from, min(from+batch.TargetRows/2, len(g.touched)), out); err != nil {
			return err
		}
	}
	for _, r := range g.touched {
		g.mark[r] = untouched
		if g.node.Retract && g.count[r] == 0 {
			g.groups.Delete(r)
		}
	}
	g.touched, g.had = g.touched[:0], g.had[:0]
	g.oldRows = nil
	g.clock.endEpoch(e)
	g.groups.SetNow(g.clock.time())
	g.groups.Expire(batch.TargetRows)
	return g.aggs.sweep()
}

// single sees to it that a batch job's aggregate without keys has its row at the end of the input, over no rows too: whether there were none
// or all were taken back, in this epoch or before.
func (g *groupAgg) single() error {
	if g.groups.Len() > 0 {
		for _, r := range g.touched {
			if g.node.Retract && g.count[r] == 0 {
				g.count[r] = 1
			}
		}
		return nil
	}
	row, _, err := g.groups.UpsertKey(nil, 0)
	if err != nil {
		return err
	}
	g.grow()
	g.begin(row)
	g.note(row)
	if g.node.Retract {
		g.count[row] = 1
	}
	return nil
}

// emit gives the changes of touched groups from to to-1.
func (g *groupAgg) emit(from, to int, out Output) error {
	n := to - from
	after := batch.NewBuilder(g.results...)
	for _, r := range g.touched[from:to] {
		g.aggs.results(after.Cols, r)
	}
	for range n {
		after.RowDone(batch.Insert, -1)
	}
	if err := g.aggs.failed(); err != nil {
		return err
	}
	old, now := batch.Slice(g.oldRows, from, to), after.Build()
	var a, b state.Keys
	g.equal.Encode(&a, old.Cols, n)
	g.equal.Encode(&b, now.Cols, n)

	// Result rows are numbered: i is group from+i before, n+i after.
	var idx, keyIdx []int32
	var kinds []batch.Kind
	keys := batch.NewBuilder(g.codec.Types()...)
	add := func(i int, k batch.Kind) {
		at := int32(i)
		if !k.Retracts() {
			at += int32(n)
		}
		idx, keyIdx, kinds = append(idx, at), append(keyIdx, int32(keys.Len())), append(kinds, k)
	}
	for i := range n {
		r := g.touched[from+i]
		had, has := g.had[from+i], !g.node.Retract || g.count[r] > 0
		switch {
		case had && !has:
			add(i, batch.Delete)
		case !had && has:
			add(i, batch.Insert)
		case had && string(a.At(i)) != string(b.At(i)):
			if g.before {
				add(i, batch.UpdateBefore)
			}
			add(i, batch.UpdateAfter)
		default:
			continue
		}
		if _, err := g.codec.DecodeRow(g.groups.Key(r), keys.Cols); err != nil {
			return fmt.Errorf("read group key: %w", err)
		}
		keys.RowDone(batch.Insert, -1)
	}
	if len(idx) == 0 {
		return nil
	}
	res := &batch.Batch{N: len(idx), Kinds: kinds}
	for _, c := range keys.Build().Cols {
		res.Cols = append(res.Cols, kernel.Take(c, keyIdx))
	}
	for _, c := range batch.Concat([]*batch.Batch{old, now}).Cols {
		res.Cols = append(res.Cols, kernel.Take(c, idx))
	}
	return out(res)
}

// Snapshot implements Stateful.
func (g *groupAgg) Snapshot(w state.Writer, full bool) error {
	err := g.groups.Snapshot(w, "groups", g.opts.groups(), full, func(dst []byte, row int32) []byte {
		if g.node.Retract {
			dst = binary.AppendUvarint(dst, uint64(g.count[row]))
		}
		return g.aggs.save(dst, row)
	})
	if err != nil {
		return err
	}
	return g.aggs.snapshot(w, full)
}

// Restore implements Stateful.
func (g *groupAgg) Restore(r state.Reader) error {
	err := g.groups.Restore(r, "groups", g.codec, g.opts.groups(), func(row int32, data []byte) error {
		g.grow()
		if g.node.Retract {
			count, n := binary.Uvarint(data)
			if n <= 0 {
				return errShort
			}
			g.count[row] = int64(count)
			data = data[n:]
		}
		return g.aggs.load(row, data)
	})
	if err != nil {
		return err
	}
	return g.aggs.restore(r, g.codec)
}

// StateBytes implements Stateful.
func (g *groupAgg) StateBytes() int64 {
	return g.groups.Bytes() + int64(cap(g.count))*8 + g.aggs.bytes()
}

var _ Stateful = (*groupAgg)(nil)
