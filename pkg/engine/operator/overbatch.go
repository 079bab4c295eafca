package operator

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sort"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// overBatch is plan.OverAgg over bounded input: it keeps all rows, in order, as a Rank without a limit does, and gives them at the end with their
// results. A frame's ends only move forward through a partition, so that the aggregates take each row in once and give it back once.
type overBatch struct {
	*rank
	node    *plan.OverAgg
	in      []types.Type
	calls   []plan.AggCall // the aggregates
	agg     []int          // by call: which of the aggregates it is, -1: a function of the row's place
	results []arrow.DataType

	rows  *batch.Builder
	order []int32 // by row of rows: the row in the bag
	parts []int   // where partitions end in rows
}

func newOverBatch(n *plan.OverAgg, in []types.Type, opts Options) (Stateful, error) {
	r, err := NewRank(&plan.Rank{P: n.P, PartitionBy: n.PartitionBy, Order: n.Order}, in, opts)
	if err != nil {
		return nil, err
	}
	o := &overBatch{rank: r.(*rank), node: n, in: in, rows: batch.NewBuilder(batch.ArrowTypes(in)...)}
	for _, c := range n.Calls {
		o.results = append(o.results, batch.ArrowType(c.T))
		switch c.Func {
		case "ROW_NUMBER", "RANK", "DENSE_RANK", "PERCENT_RANK", "CUME_DIST", "NTILE", "LAG", "LEAD":
			o.agg = append(o.agg, -1)
			continue
		}
		o.agg = append(o.agg, len(o.calls))
		o.calls = append(o.calls, c)
	}
	if !n.Frame.Rows && (n.Frame.Lower.N != 0 || n.Frame.Upper.N != 0) {
		if c := classOf(in[n.Order[0].Col]); c != classInt && c != classFloat {
			return nil, fault.Newf(fault.Config, "a RANGE of a distance cannot be ordered by %s", in[n.Order[0].Col])
		}
	}
	_, _, err = o.aggregates()
	return o, err
}

// aggregates makes the aggregates of one portion of partitions.
func (o *overBatch) aggregates() (*aggregates, *state.Table, error) {
	t := state.NewBytesTable()
	a, err := newAggregates(o.calls, o.in, t, o.opts, o.node.Frame.Lower.Kind != plan.UnboundedPreceding)
	return a, t, err
}

// EndEpoch implements Operator: nothing goes out before the last one.
func (o *overBatch) EndEpoch(e Epoch, out Output) error {
	if err := o.rank.EndEpoch(e, func(*batch.Batch) error { return nil }); err != nil || !e.Final {
		return err
	}
	var rows, groups []int32
	err := o.bag.groups.Each(func(g int32) error {
		groups = append(groups, g)
		rows = o.lists[g].rows(rows[:0], 0, o.lists[g].n)
		key := o.bag.groups.Key(g)
		for _, row := range rows {
			if err := o.layout.decode(key, o.value(row), o.rows.Cols); err != nil {
				return err
			}
			o.rows.RowDone(batch.Insert, -1)
			o.order = append(o.order, row)
		}
		o.parts = append(o.parts, len(o.order))
		if len(o.order) < batch.TargetRows {
			return nil
		}
		return o.flush(out)
	})
	if err == nil && len(o.order) > 0 {
		err = o.flush(out)
	}
	// The rows are out: an end that is repeated after this one was committed gives nothing.
	for _, g := range groups {
		o.bag.groups.Delete(g)
	}
	return err
}

// flush gives the partitions collected so far.
func (o *overBatch) flush(out Output) error {
	b := o.rows.Build()
	aggs, table, err := o.aggregates()
	if err != nil {
		return err
	}
	in := aggs.in
	rows := make([]int32, b.N)
	in.reset(b, rows)
	in.sign = make([]int64, b.N)
	res := batch.NewBuilder(o.results...)
	from := 0
	for p, to := range o.parts {
		g, _, err := table.UpsertKey(binary.LittleEndian.AppendUint32(nil, uint32(p)), uint64(p))
		if err != nil {
			return err
		}
		aggs.grow(table.Rows())
		aggs.begin(g)
		for i := from; i < to; i++ {
			rows[i] = g
		}
		w := partition{o: o, b: b, in: in, from: from, n: to - from}
		w.peers()
		if err := w.run(aggs, g, res.Cols); err != nil {
			return err
		}
		from = to
	}
	if err := aggs.failed(); err != nil {
		return err
	}
	for range b.N {
		res.RowDone(batch.Insert, -1)
	}
	b.Cols = append(b.Cols, res.Build().Cols...)
	o.order, o.parts = o.order[:0], o.parts[:0]
	return out(b)
}

// partition is one partition's rows, from…from+n-1 of b, in order.
type partition struct {
	o       *overBatch
	b       *batch.Batch
	in      *input
	from, n int
	// first and end are by row the first row with an equal sort key and the one after the last; dense numbers the sort keys from 1.
	first, end, dense []int
}

func (w *partition) peers() {
	w.first, w.end, w.dense = make([]int, w.n), make([]int, w.n), make([]int, w.n)
	at, number := 0, 0
	for i := 1; i <= w.n; i++ {
		if i < w.n && bytes.Equal(w.o.sortKey(w.o.order[w.from+i]), w.o.sortKey(w.o.order[w.from+at])) {
			continue
		}
		number++
		for j := at; j < i; j++ {
			w.first[j], w.end[j], w.dense[j] = at, i, number
		}
		at = i
	}
}

func (w *partition) run(aggs *aggregates, g int32, dst []array.Builder) error {
	var sel []int32
	lo, hi := 0, 0 // the rows that are in the aggregates
	sign := func(a, b int, s int64) error {
		if a >= b {
			return nil
		}
		sel = sel[:0]
		for i := a; i < b; i++ {
			sel = append(sel, int32(w.from+i))
			w.in.sign[w.from+i] = s
		}
		return aggs.add(sel)
	}
	for i := range w.n {
		if len(w.o.calls) > 0 {
			a, b := w.frame(i)
			if a < b || hi > lo {
				b = max(b, a)
				if err := sign(max(hi, a), b, 1); err != nil {
					return err
				}
				if err := sign(lo, min(a, hi), -1); err != nil {
					return err
				}
				lo, hi = a, max(hi, b)
			}
		}
		for c, call := range w.o.node.Calls {
			if k := w.o.agg[c]; k >= 0 {
				aggs.calls[k].acc.result(dst[c], g)
			} else if err := w.place(call, i, dst[c]); err != nil {
				return err
			}
		}
	}
	return nil
}

// frame gives the rows of the frame of row i, from lo to hi-1.
func (w *partition) frame(i int) (lo, hi int) {
	f := w.o.node.Frame
	lo, hi = w.bound(i, f.Lower, false), w.bound(i, f.Upper, true)
	return min(max(lo, 0), w.n), min(max(hi, 0), w.n)
}

func (w *partition) bound(i int, b plan.Bound, upper bool) int {
	one := 0
	if upper {
		one = 1
	}
	n := int(min(b.N, int64(w.n)+1))
	switch b.Kind {
	case plan.UnboundedPreceding:
		return 0
	case plan.UnboundedFollowing:
		return w.n
	case plan.CurrentRow:
		if w.o.node.Frame.Rows {
			return i + one
		}
		if upper {
			return w.end[i]
		}
		return w.first[i]
	case plan.Preceding:
		n = -n
	}
	if w.o.node.Frame.Rows {
		return i + n + one
	}
	return w.distance(i, b, upper)
}

// distance finds the end of a RANGE that lies b.N before or behind row i in the order.
func (w *partition) distance(i int, b plan.Bound, upper bool) int {
	key := w.o.node.Order[0]
	col := w.b.Cols[key.Col]
	if col.IsNull(w.from + i) { // NULLs are a frame of their own
		if upper {
			return w.end[i]
		}
		return w.first[i]
	}
	// The values that are not null are in one stretch.
	start, stop := 0, w.n
	for start < stop && col.IsNull(w.from+start) {
		start++
	}
	for stop > start && col.IsNull(w.from+stop-1) {
		stop--
	}
	back := (b.Kind == plan.Preceding) != key.Desc // towards smaller values
	find := func(less func(j int) bool) int {
		return start + sort.Search(stop-start, func(j int) bool { return less(start + j) })
	}
	if classOf(w.o.in[key.Col]) == classFloat {
		v := w.in.doubles(key.Col, w.o.in[key.Col])[w.from:]
		limit := v[i] + float64(b.N)
		if back {
			limit = v[i] - float64(b.N)
		}
		return find(reached(v, limit, key.Desc, upper))
	}
	v := w.in.ints(key.Col)[w.from:]
	limit := plusTime(v[i], b.N)
	if back {
		limit = plusTime(v[i], -b.N)
	}
	return find(reached(v, limit, key.Desc, upper))
}

// reached tells whether value j is at limit (upper: past it) in the order.
func reached[T int64 | float64](v []T, limit T, desc, upper bool) func(j int) bool {
	return func(j int) bool {
		switch {
		case upper && desc:
			return v[j] < limit
		case upper:
			return v[j] > limit
		case desc:
			return v[j] <= limit
		}
		return v[j] >= limit
	}
}

// place gives the functions of a row's place.
func (w *partition) place(c plan.AggCall, i int, dst array.Builder) error {
	switch c.Func {
	case "ROW_NUMBER":
		appendInt(dst, int64(i+1))
	case "RANK":
		appendInt(dst, int64(w.first[i]+1))
	case "DENSE_RANK":
		appendInt(dst, int64(w.dense[i]))
	case "PERCENT_RANK":
		appendFloat(dst, float64(w.first[i])/float64(max(w.n-1, 1)))
	case "CUME_DIST":
		appendFloat(dst, float64(w.end[i])/float64(w.n))
	case "NTILE":
		// The first n mod k of k parts have a row more.
		k := int(min(w.in.ints(c.Args[0])[w.from+i], int64(w.n)))
		size, more := w.n/k, w.n%k
		if cut := more * (size + 1); i < cut {
			appendInt(dst, int64(i/(size+1)+1))
		} else {
			appendInt(dst, int64(more+(i-cut)/size+1))
		}
	case "LAG", "LEAD":
		n := w.in.ints(c.Args[1])[w.from+i]
		at := -1
		if c.Func == "LEAD" && n < int64(w.n-i) {
			at = i + int(n)
		} else if c.Func == "LAG" && n <= int64(i) {
			at = i - int(n)
		}
		switch {
		case at >= 0:
			batch.AppendFrom(dst, w.b.Cols[c.Args[0]], w.from+at)
		case len(c.Args) > 2:
			batch.AppendFrom(dst, w.b.Cols[c.Args[2]], w.from+i)
		default:
			dst.AppendNull()
		}
	default:
		return fmt.Errorf("no function %s of a row's place", c.Func)
	}
	return nil
}

var _ Stateful = (*overBatch)(nil)
