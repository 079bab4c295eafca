package operator

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// windowAssign is plan.WindowAssign: every row once for each window that it is in, with the window's columns.
type windowAssign struct {
	node  *plan.WindowAssign
	opts  Options
	clock clock
	wall  wallClock
	types [3]types.Type

	times []int64
	idx   []int32
	late  []int32
	cols  [3]*array.TimestampBuilder
}

// NewWindowAssign makes the operator of a WindowAssign node whose input has columns of types in. Rows without a time are
// dropped and counted as late. Rows of a SESSION wait until it is over.
func NewWindowAssign(n *plan.WindowAssign, in []types.Type, opts Options) (Operator, error) {
	if err := checkWindow(n.Win); err != nil {
		return nil, err
	}
	if n.Win.Kind == plan.Session {
		op, err := newSessionAgg(&plan.WindowAgg{P: plan.Props{Out: n.P.Out[min(len(in), len(n.P.Out)):]}, Win: n.Win, Keys: n.PartitionBy}, in, opts)
		if err != nil {
			return nil, err
		}
		s := op.(*sessionAgg)
		s.assign = true
		for i := range 3 {
			s.winCol = append(s.winCol, windowType(n.P.Out, len(in)+i, n.Win, in))
		}
		return s, nil
	}
	a := &windowAssign{node: n, opts: opts, clock: opts.clock(), wall: newWallClock(n.Win, opts)}
	for i := range a.types {
		a.types[i] = windowType(n.P.Out, len(in)+i, n.Win, in)
		a.cols[i] = batch.NewBuilder(batch.ArrowType(a.types[i])).Cols[0].(*array.TimestampBuilder)
	}
	return a, nil
}

// Process implements Operator.
func (a *windowAssign) Process(_ int, b *batch.Batch, out Output) error {
	times, valid, err := rowTimes(a.node.Win, b, a.clock.time(), a.times)
	if err != nil {
		return err
	}
	if a.node.Win.ProcTime {
		a.times = times
	}
	a.late = a.late[:0]
	for i, t := range times {
		if valid != nil && valid.IsNull(i) {
			a.late = append(a.late, int32(i))
			continue
		}
		windowsOf(a.node.Win, a.wall.wall(t), func(start, end int64) {
			a.idx = append(a.idx, int32(i))
			for c, wall := range [3]int64{start, end, end - millisecond} {
				a.cols[c].Append(windowValue(&a.wall, a.types[c], wall))
			}
		})
		if len(a.idx) >= batch.TargetRows {
			if err := a.flush(b, out); err != nil {
				return err
			}
		}
	}
	if err := a.opts.late(0, b, a.late); err != nil {
		return err
	}
	return a.flush(b, out)
}

func (a *windowAssign) flush(b *batch.Batch, out Output) error {
	if len(a.idx) == 0 {
		return nil
	}
	res := &batch.Batch{N: len(a.idx)}
	if len(a.idx) == b.N && a.node.Win.Kind == plan.Tumble {
		res.Cols = append(res.Cols, b.Cols...)
		res.Kinds = b.Kinds
	} else {
		for _, c := range b.Cols {
			res.Cols = append(res.Cols, kernel.Take(c, a.idx))
		}
		if b.Kinds != nil {
			for _, i := range a.idx {
				res.Kinds = append(res.Kinds, b.Kinds[i])
			}
		}
	}
	for _, c := range a.cols {
		var col arrow.Array = c.NewArray()
		res.Cols = append(res.Cols, col)
	}
	a.idx = a.idx[:0]
	return out(res)
}

// EndEpoch implements Operator.
func (a *windowAssign) EndEpoch(e Epoch, _ Output) error {
	a.clock.endEpoch(e)
	return nil
}
