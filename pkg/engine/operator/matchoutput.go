package operator

import (
	"encoding/binary"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/expr"
	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// matchOutput computes what matches give.
type matchOutput struct {
	node     *plan.Match
	pass     []arrow.DataType
	types    []arrow.DataType // of the measures
	measures *expr.Set
	slots    []int // that measures read
	args     *expr.Set
	aggs     []int // calls that measures read
	argTypes []types.Type
}

func newMatchOutput(n *plan.Match, in []types.Type, opts Options) (*matchOutput, error) {
	o := &matchOutput{node: n, argTypes: exprTypes(n.AggArgs), types: batch.ArrowTypes(exprTypes(n.Measures)), slots: plan.Columns(n.Measures...)}
	for _, c := range n.Pass {
		o.pass = append(o.pass, batch.ArrowType(in[c]))
	}
	eo := opts.Expr()
	var err error
	if o.measures, err = expr.CompileAll(n.Measures, eo); err != nil {
		return nil, err
	}
	if o.args, err = expr.CompileAll(n.AggArgs, eo); err != nil {
		return nil, err
	}
	for _, s := range o.slots {
		if x := n.Slots[s]; x.Kind == plan.SlotAgg {
			o.aggs = append(o.aggs, x.Agg)
			if _, err := newAccumulator(n.Aggs[x.Agg].AggCall, o.argTypes, nil, false); err != nil {
				return nil, err
			}
		}
	}
	return o, nil
}

// matchLine is one row of output: of hit, at its row pos (-1: the hit is empty, or a row without a match).
type matchLine struct{ hit, pos int32 }

// emit gives the output of a chunk's hits.
func (o *matchOutput) emit(c *matchChunk, out Output) error {
	for from := 0; from < len(c.hits); {
		// So many hits that their rows make a batch.
		to, rows := from, 0
		for to < len(c.hits) && (to == from || rows < batch.TargetRows) {
			rows += c.hits[to].to - c.hits[to].from + 1
			to++
		}
		if err := o.part(c, from, to, out); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// lines are the rows of output for the hits from..to.
func (o *matchOutput) lines(c *matchChunk, from, to int) []matchLine {
	var ls []matchLine
	for h := from; h < to; h++ {
		hit := &c.hits[h]
		n := hit.to - hit.from
		switch {
		case hit.unmatched || n == 0:
			if o.node.Rows != plan.AllRowsOmitEmpty || hit.unmatched {
				ls = append(ls, matchLine{int32(h), -1})
			}
		case o.node.Rows == plan.OneRow:
			ls = append(ls, matchLine{int32(h), int32(n - 1)})
		default:
			for p, pc := range c.pcs[hit.from:hit.to] {
				if !c.m.prog.code[pc].out {
					ls = append(ls, matchLine{int32(h), int32(p)})
				}
			}
		}
	}
	return ls
}

func (o *matchOutput) part(c *matchChunk, from, to int, out Output) error {
	ls := o.lines(c, from, to)
	if len(ls) == 0 {
		return nil
	}
	idx := make([]int32, len(ls))
	all := true
	measured := make([]int32, len(ls)) // the line's place among those of matches
	matched := make([]matchLine, 0, len(ls))
	for i, l := range ls {
		hit := &c.hits[l.hit]
		idx[i] = c.keys[hit.key].row(hit.start + int(max(l.pos, 0)))
		if hit.unmatched {
			all, measured[i] = false, -1
			continue
		}
		measured[i] = int32(len(matched))
		matched = append(matched, l)
	}
	cols := make([]arrow.Array, 0, len(o.pass)+len(o.types))
	for _, p := range o.node.Pass {
		cols = append(cols, kernel.Take(c.rows.Cols[p], idx))
	}
	slots := make([]arrow.Array, len(o.node.Slots))
	w := &matchWindow{c: c, from: from, to: to, lines: matched}
	if err := o.aggregates(w, slots); err != nil {
		return err
	}
	for _, s := range o.slots {
		if slots[s] == nil {
			slots[s] = o.slot(w, o.node.Slots[s])
		}
	}
	ms, err := o.measures.Eval(c.ctx, slots, len(matched))
	if err != nil {
		return err
	}
	for _, m := range ms {
		if !all {
			m = kernel.Take(m, measured)
		}
		cols = append(cols, m)
	}
	return out(batch.New(len(ls), cols...))
}

// matchWindow is the hits from..to of a chunk and their lines.
type matchWindow struct {
	c        *matchChunk
	from, to int
	lines    []matchLine
}

// each calls f for every line with the hit's rows that are mapped to vars, as places in the match; the first n of them count.
func (w *matchWindow) each(vars []int, final bool, f func(l matchLine, hit *matchHit, places []int32, n int)) {
	code := w.c.m.prog.code
	var places []int32
	last, n := int32(-1), 0
	for _, l := range w.lines {
		hit := &w.c.hits[l.hit]
		if l.hit != last {
			last, n, places = l.hit, 0, places[:0]
			for p, pc := range w.c.pcs[hit.from:hit.to] {
				if vars == nil || slices.Contains(vars, int(code[pc].v)) {
					places = append(places, int32(p))
				}
			}
		}
		if final {
			n = len(places)
		}
		for n < len(places) && places[n] <= l.pos {
			n++
		}
		f(l, hit, places, n)
	}
}

// slot computes one slot for all lines.
func (o *matchOutput) slot(w *matchWindow, s plan.MatchSlot) arrow.Array {
	c := w.c
	switch s.Kind {
	case plan.SlotNumber:
		v := make([]int64, len(w.lines))
		for i, l := range w.lines {
			v[i] = c.hits[l.hit].number
		}
		return kernel.FromFixed(arrow.PrimitiveTypes.Int64, len(v), kernel.Bytes(v), nil)
	case plan.SlotProcTime:
		v := make([]int64, len(w.lines))
		for i := range v {
			v[i] = c.ctx.Now.UnixMicro()
		}
		return kernel.FromFixed(batch.ArrowType(s.T), len(v), kernel.Bytes(v), nil)
	case plan.SlotRowTime:
		idx := make([]int32, len(w.lines))
		for i, l := range w.lines {
			hit := &c.hits[l.hit]
			idx[i] = c.keys[hit.key].row(hit.start + max(hit.to-hit.from-1, 0))
		}
		return kernel.Take(c.rows.Cols[o.node.TimeCol], idx)
	}
	idx := make([]int32, 0, len(w.lines))
	var names *array.StringBuilder
	if s.Kind == plan.SlotClassifier {
		names = array.NewStringBuilder(memory.DefaultAllocator)
	}
	w.each(s.Nav.Vars, s.Nav.Final || s.Nav.First, func(_ matchLine, hit *matchHit, places []int32, n int) {
		at := n - 1 - s.Nav.Offset
		if s.Nav.First {
			at = s.Nav.Offset
		}
		if at < 0 || at >= n {
			at = -1
		} else {
			at = int(places[at]) + s.Nav.Shift
		}
		reached := n > 0 && (s.Nav.First && s.Nav.Offset < n || !s.Nav.First && n-1-s.Nav.Offset >= 0)
		switch {
		case names == nil && !reached:
			idx = append(idx, -1)
		case names == nil:
			idx = append(idx, c.keys[hit.key].row(hit.start+at))
		case !reached || at < 0 || at >= hit.to-hit.from:
			names.AppendNull()
		default:
			names.Append(o.node.Vars[c.m.prog.code[c.pcs[hit.from+at]].v])
		}
	})
	if names != nil {
		return names.NewArray()
	}
	return kernel.Take(c.rows.Cols[s.Col], idx)
}

// aggregates computes the slots of aggregates.
func (o *matchOutput) aggregates(w *matchWindow, slots []arrow.Array) error {
	if len(o.aggs) == 0 {
		return nil
	}
	in, flat, err := o.arguments(w)
	if err != nil {
		return err
	}
	for _, s := range o.slots {
		x := o.node.Slots[s]
		if x.Kind != plan.SlotAgg {
			continue
		}
		call := o.node.Aggs[x.Agg]
		groups, err := newMatchGroups(call, o.argTypes, in)
		if err != nil {
			return err
		}
		b := array.NewBuilder(memory.DefaultAllocator, batch.ArrowType(call.T))
		last, row, done := int32(-1), int32(0), 0
		var sel []int32
		w.each(call.Vars, call.Final, func(l matchLine, _ *matchHit, places []int32, n int) {
			if err != nil {
				return
			}
			if l.hit != last {
				last, done = l.hit, 0
				if row, err = groups.add(); err != nil {
					return
				}
			}
			sel = sel[:0]
			for ; done < n; done++ {
				at := flat[int(l.hit)-w.from] + places[done]
				in.rows[at] = row
				sel = append(sel, at)
			}
			if len(sel) > 0 {
				err = groups.aggs.add(sel)
			}
			groups.aggs.calls[0].acc.result(b, row)
		})
		if err != nil {
			return err
		}
		slots[s] = b.NewArray()
	}
	return nil
}

// matchGroups aggregates one call for matches, each a group.
type matchGroups struct {
	table *state.Table
	aggs  *aggregates
	key   []byte
}

func newMatchGroups(call plan.MatchAgg, ts []types.Type, in *input) (*matchGroups, error) {
	g := &matchGroups{table: state.NewBytesTable()}
	var err error
	if g.aggs, err = newAggregates([]plan.AggCall{call.AggCall}, ts, g.table, Options{Groups: 1}, false); err != nil {
		return nil, err
	}
	g.aggs.in = in
	return g, nil
}

// add begins a group.
func (g *matchGroups) add() (int32, error) {
	n := g.table.Rows()
	g.key = binary.LittleEndian.AppendUint32(g.key[:0], uint32(n))
	row, _, err := g.table.UpsertKey(g.key, uint64(n)*0x9e3779b97f4a7c15)
	if err == nil {
		g.aggs.grow(g.table.Rows())
		g.aggs.begin(row)
	}
	return row, err
}

// arguments computes the arguments of aggregates over all rows of the hits; flat is where each hit's rows begin.
func (o *matchOutput) arguments(w *matchWindow) (in *input, flat []int32, err error) {
	c := w.c
	var idx []int32
	var number []int64
	names := array.NewStringBuilder(memory.DefaultAllocator)
	for h := w.from; h < w.to; h++ {
		hit := &c.hits[h]
		flat = append(flat, int32(len(idx)))
		for p, pc := range c.pcs[hit.from:hit.to] {
			idx = append(idx, c.keys[hit.key].row(hit.start+p))
			number = append(number, hit.number)
			names.Append(o.node.Vars[c.m.prog.code[pc].v])
		}
	}
	cols := make([]arrow.Array, 0, len(c.rows.Cols)+2)
	used := plan.Columns(o.node.AggArgs...)
	for i, col := range c.rows.Cols {
		if slices.Contains(used, i) {
			cols = append(cols, kernel.Take(col, idx))
		} else {
			cols = append(cols, nil)
		}
	}
	cols = append(cols, names.NewArray(), kernel.FromFixed(arrow.PrimitiveTypes.Int64, len(number), kernel.Bytes(number), nil))
	vs, err := o.args.Eval(c.ctx, cols, len(idx))
	if err != nil {
		return nil, nil, err
	}
	in = newInput(o.argTypes)
	in.reset(&batch.Batch{N: len(idx), Cols: vs}, make([]int32, len(idx)))
	return in, flat, nil
}
