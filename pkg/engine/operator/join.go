package operator

import (
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/expr"
	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// join is plan.Join: both sides are kept, and every row that comes is joined with the other side as it is then. A row of an
// outer side that matches nothing goes out padded with nulls, which is taken back when its first match comes, and given
// again when its last match goes; semi and anti joins give and take back left rows by the same count. Null keys match nothing.
//
// The input must be a full change stream: an update takes the old row back first.
type join struct {
	node  *plan.Join
	clock clock
	side  [2]*joinSide
	cond  *pairFilter
	out   *joinOutput

	// The rows of the batch at hand whose matches are known: those of row i are found[ends[i-1]:ends[i]].
	found []int32
	ends  []int32
	in    []int32
}

// NewJoin makes the operator of a Join node whose inputs, ports 0 and 1, have columns of types left and right. The error is of
// kind fault.Config: keys whose types differ, a condition that cannot be computed.
func NewJoin(n *plan.Join, left, right []types.Type, opts Options) (Stateful, error) {
	if err := checkJoinKeys(left, right, n.LeftKeys, n.RightKeys); err != nil {
		return nil, err
	}
	if n.Win != nil {
		return newWindowJoin(n, left, right, opts)
	}
	j := &join{node: n, clock: opts.clock()}
	leftOuter := n.Kind != plan.InnerJoin && n.Kind != plan.RightJoin
	rightOuter := n.Kind == plan.RightJoin || n.Kind == plan.FullJoin
	j.side[0] = newJoinSide("left", left, n.LeftKeys, leftOuter, n.LeftTTL, opts.groups())
	j.side[1] = newJoinSide("right", right, n.RightKeys, rightOuter, n.RightTTL, opts.groups())
	var err error
	if j.cond, err = newPairFilter(n.Cond, j.side[0].layout.types, j.side[1].layout.types, opts); err != nil {
		return nil, err
	}
	j.out = newJoinOutput(j.side[0].layout.types, j.side[1].layout.types, n.Kind)
	if n.P.Mode != 0 && !n.P.Mode.Has(catalog.HasUpdateBefore) {
		ts := append([]arrow.DataType(nil), j.side[0].layout.types...)
		if !j.out.half {
			ts = append(ts, j.side[1].layout.types...)
		}
		j.out.upserts = newUpserts(n.P.Keys, ts)
	}
	return j, nil
}

// checkJoinKeys: rows match when their keys' bytes are equal, so the types must be the same.
func checkJoinKeys(left, right []types.Type, lk, rk []int) error {
	for i := range lk {
		a, b := left[lk[i]], right[rk[i]]
		if !arrow.TypeEqual(batch.ArrowType(a), batch.ArrowType(b)) {
			return fault.Newf(fault.Config, "join key %d: types %s and %s differ", i+1, a, b)
		}
	}
	return nil
}

// pairsAtOnce bounds the matches that are looked up before they go out; one row's matches stay together.
const pairsAtOnce = 16 * batch.TargetRows

// Process implements Operator.
func (j *join) Process(port int, b *batch.Batch, out Output) error {
	if b.N == 0 {
		return nil
	}
	own, other := j.side[port], j.side[1-port]
	now := j.clock.time()
	own.setNow(now)
	other.setNow(now)
	own.encode(b)
	j.out.begin(port, b, other.decode, out)
	for from := 0; from < b.N; {
		to := from
		j.found, j.ends, j.in = j.found[:0], j.ends[:0], j.in[:0]
		for ; to < b.N && len(j.found) < pairsAtOnce; to++ {
			if !own.null[to] {
				j.found = other.candidates(j.found, own.enc.At(to), own.enc.Hash[to])
			}
			j.ends = append(j.ends, int32(len(j.found)))
		}
		if j.cond != nil && len(j.found) > 0 {
			if err := j.filter(port, b, from, other); err != nil {
				return err
			}
		}
		at := int32(0)
		for i := from; i < to; i++ {
			end := j.ends[i-from]
			if err := j.row(port, i, b.Kind(i), j.found[at:end]); err != nil {
				return err
			}
			at = end
		}
		from = to
	}
	return j.out.flush()
}

// filter takes the matches that fail the condition out.
func (j *join) filter(port int, b *batch.Batch, from int, other *joinSide) error {
	at := int32(0)
	for i, end := range j.ends {
		for ; at < end; at++ {
			j.in = append(j.in, int32(from+i))
		}
	}
	sel, err := j.cond.filter(&expr.Context{Now: j.clock.time()}, port, b, j.in, j.found, other.decode)
	if err != nil {
		return fmt.Errorf("join condition: %w", err)
	}
	j.found = keepFound(j.found, j.ends, sel)
	return nil
}

// row joins input row i with its matches on the other side.
func (j *join) row(port, i int, kind batch.Kind, found []int32) error {
	own, other := j.side[port], j.side[1-port]
	retract := kind.Retracts()
	copies := int32(0)
	for _, r := range found {
		copies += other.count[r]
	}
	var err error
	switch {
	case j.node.Kind == plan.SemiJoin || j.node.Kind == plan.AntiJoin:
		err = j.half(port, i, kind, found, copies)
	default:
		err = j.full(i, kind, found, own, other)
	}
	if err != nil || own.null[i] {
		return err
	}
	if retract {
		own.take(i)
		return nil
	}
	return own.put(i, copies)
}

// full gives what row i makes in an inner or outer join, and counts it as a match of the other side's rows.
func (j *join) full(i int, kind batch.Kind, found []int32, own, other *joinSide) error {
	retract := kind.Retracts()
	if own.outer || other.outer {
		// Some of the changes are no updates, so none is given as one.
		kind = batch.Insert
		if retract {
			kind = batch.Delete
		}
	}
	if len(found) == 0 {
		if own.outer {
			return j.out.add(kind, int32(i), -1)
		}
		return nil
	}
	for _, r := range found {
		n := int(other.count[r])
		if !other.outer {
			if err := j.repeat(n, kind, int32(i), r); err != nil {
				return err
			}
			continue
		}
		var err error
		if retract {
			if err = j.repeat(n, kind, int32(i), r); err == nil && other.matches[r] == 1 {
				err = j.repeat(n, batch.Insert, -1, r)
			}
			other.matches[r] = max(0, other.matches[r]-1)
		} else {
			if other.matches[r] == 0 {
				err = j.repeat(n, batch.Delete, -1, r)
			}
			if err == nil {
				err = j.repeat(n, kind, int32(i), r)
			}
			other.matches[r]++
		}
		if err != nil {
			return err
		}
		other.touch(r)
	}
	return nil
}

// half is full for semi and anti joins, which give left rows only.
func (j *join) half(port, i int, kind batch.Kind, found []int32, copies int32) error {
	anti := j.node.Kind == plan.AntiJoin
	if port == 0 {
		if (copies > 0) != anti {
			return j.out.add(kind, int32(i), -1)
		}
		return nil
	}
	left := j.side[0]
	for _, r := range found {
		var err error
		if kind.Retracts() {
			if left.matches[r] == 1 {
				err = j.repeat(int(left.count[r]), flag(anti, batch.Insert, batch.Delete), -1, r)
			}
			left.matches[r] = max(0, left.matches[r]-1)
		} else {
			if left.matches[r] == 0 {
				err = j.repeat(int(left.count[r]), flag(anti, batch.Delete, batch.Insert), -1, r)
			}
			left.matches[r]++
		}
		if err != nil {
			return err
		}
		left.touch(r)
	}
	return nil
}

func flag(c bool, a, b batch.Kind) batch.Kind {
	if c {
		return a
	}
	return b
}

func (j *join) repeat(n int, kind batch.Kind, i, r int32) error {
	for range n {
		if err := j.out.add(kind, i, r); err != nil {
			return err
		}
	}
	return nil
}

// EndEpoch implements Operator.
func (j *join) EndEpoch(e Epoch, _ Output) error {
	j.clock.endEpoch(e)
	for _, s := range j.side {
		s.setNow(j.clock.time())
		s.expire(batch.TargetRows)
	}
	return nil
}

// Snapshot implements Stateful.
func (j *join) Snapshot(w state.Writer, full bool) error {
	for _, s := range j.side {
		if err := s.save(w, full); err != nil {
			return err
		}
	}
	return nil
}

// Restore implements Stateful.
func (j *join) Restore(r state.Reader) error {
	for _, s := range j.side {
		if err := s.load(r); err != nil {
			return err
		}
	}
	return nil
}

// StateBytes implements Stateful.
func (j *join) StateBytes() int64 { return j.side[0].stateBytes() + j.side[1].stateBytes() }

var _ Stateful = (*join)(nil)

// decodeFunc appends a kept row of the other side to a builder for each of its columns.
type decodeFunc func(r int32, dst []array.Builder) error

// pairFilter computes a join's residual condition over pairs of an input row and a kept row.
type pairFilter struct {
	expr *expr.Filter
	kept [2]*batch.Builder // by the port of the input row: the other side's columns
	sel  []int32
}

func newPairFilter(cond plan.Expr, left, right []arrow.DataType, opts Options) (*pairFilter, error) {
	if cond == nil {
		return nil, nil
	}
	f, err := expr.CompileFilter(cond, opts.Expr())
	if err != nil {
		return nil, fmt.Errorf("join condition: %w", err)
	}
	return &pairFilter{expr: f, kept: [2]*batch.Builder{batch.NewBuilder(right...), batch.NewBuilder(left...)}}, nil
}

// filter gives the positions of the pairs (in[i] of b, kept row rows[i]) that satisfy the condition.
func (f *pairFilter) filter(ctx *expr.Context, port int, b *batch.Batch, in, rows []int32, decode decodeFunc) ([]int32, error) {
	f.sel = f.sel[:0]
	for from := 0; from < len(in); from += batch.TargetRows {
		to := min(from+batch.TargetRows, len(in))
		kept := f.kept[port]
		for _, r := range rows[from:to] {
			if err := decode(r, kept.Cols); err != nil {
				return nil, err
			}
			kept.RowDone(batch.Insert, -1)
		}
		cols := pairColumns(port, b, in[from:to], kept.Build().Cols)
		at := len(f.sel)
		var err error
		if f.sel, err = f.expr.Select(ctx, cols, to-from, f.sel); err != nil {
			return nil, err
		}
		for i := at; i < len(f.sel); i++ {
			f.sel[i] += int32(from)
		}
	}
	return f.sel, nil
}

// pairColumns puts the columns of both sides together, left first.
func pairColumns(port int, b *batch.Batch, in []int32, other []arrow.Array) []arrow.Array {
	own := make([]arrow.Array, len(b.Cols))
	for i, c := range b.Cols {
		own[i] = kernel.Take(c, in)
	}
	if port == 0 {
		return append(own, other...)
	}
	return append(append(make([]arrow.Array, 0, len(own)+len(other)), other...), own...)
}

// joinOutput collects a join's rows: pairs of a row of the batch at hand and a kept row of the other side, either absent.
type joinOutput struct {
	half    bool              // left columns only
	upserts *upserts          // without -U: a row taken back is deleted
	other   [2]*batch.Builder // by port

	port   int
	in     *batch.Batch
	decode decodeFunc
	out    Output
	idx    []int32
	kinds  []batch.Kind
	change bool
}

func newJoinOutput(left, right []arrow.DataType, kind plan.JoinKind) *joinOutput {
	o := &joinOutput{half: kind == plan.SemiJoin || kind == plan.AntiJoin}
	o.other = [2]*batch.Builder{batch.NewBuilder(right...), batch.NewBuilder(left...)}
	return o
}

func (o *joinOutput) begin(port int, b *batch.Batch, decode decodeFunc, out Output) {
	o.port, o.in, o.decode, o.out = port, b, decode, out
}

// add gives the pair of row i of the batch at hand and kept row r, -1 for nulls.
func (o *joinOutput) add(kind batch.Kind, i, r int32) error {
	if o.upserts != nil && kind != batch.Insert {
		kind = flag(kind.Retracts(), batch.Delete, batch.Insert)
	}
	o.idx, o.kinds, o.change = append(o.idx, i), append(o.kinds, kind), o.change || kind != batch.Insert
	if !o.half || o.port == 1 {
		other := o.other[o.port]
		if r < 0 {
			for _, c := range other.Cols {
				c.AppendNull()
			}
		} else if err := o.decode(r, other.Cols); err != nil {
			return err
		}
		other.RowDone(batch.Insert, -1)
	}
	if len(o.idx) >= batch.TargetRows {
		return o.flush()
	}
	return nil
}

func (o *joinOutput) flush() error {
	if len(o.idx) == 0 {
		return nil
	}
	res := &batch.Batch{N: len(o.idx)}
	if o.change {
		res.Kinds = append([]batch.Kind(nil), o.kinds...)
	}
	switch {
	case o.half && o.port == 0:
		res.Cols = pairColumns(0, o.in, o.idx, nil)
	case o.half:
		res.Cols = o.other[1].Build().Cols
	default:
		res.Cols = pairColumns(o.port, o.in, o.idx, o.other[o.port].Build().Cols)
	}
	o.idx, o.kinds, o.change = o.idx[:0], o.kinds[:0], false
	if o.upserts != nil {
		res = o.upserts.fold(res)
	}
	return o.out(res)
}
