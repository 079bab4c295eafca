package optimize

import (
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// overAgg makes a running number of the ROW_NUMBER, RANK and DENSE_RANK whose result has no upper bound: possible in the order of time, where the
// number of a row that came never changes, and in batch.
func (r *run) overAgg() {
	batch := r.batch()
	r.transform(func(n plan.Node) plan.Node {
		if o, ok := n.(*plan.Over); ok && (batch || timeOrder(o.Input, o.Order)) {
			call := plan.AggCall{Func: o.Func, Filter: -1, T: o.P.Out[len(o.P.Out)-1].Type, Name: o.P.Out[len(o.P.Out)-1].Name}
			if o.Func != "ROW_NUMBER" && !batch && o.Input.Props().Out[o.Order[0].Col].Attr == plan.RowTime {
				call.Args = []int{o.Order[0].Col}
			}
			x := &plan.OverAgg{Input: o.Input, PartitionBy: o.PartitionBy, Order: o.Order, Calls: []plan.AggCall{call}, Batch: batch,
				Frame: plan.Frame{Rows: o.Func == "ROW_NUMBER", Upper: plan.Bound{Kind: plan.CurrentRow}}}
			x.P.Out = slices.Clone(o.P.Out)
			return plan.New(x, o.P.Pos)
		}
		return n
	})
}

// batch tells whether the job runs over bounded input, as a whole.
func (r *run) batch() bool { return strings.EqualFold(r.p.Settings[modeSetting], "batch") }

func timeOrder(in plan.Node, order []plan.SortKey) bool {
	return len(order) == 1 && !order[0].Desc && in.Props().Out[order[0].Col].Attr != plan.NoTime
}

// checkOver refuses what needs rows that have not come yet.
func (r *run) checkOver(n *plan.OverAgg) {
	if n.Batch {
		return
	}
	fail := func(remedy, format string, args ...any) { r.fail(n, remedy, format, args...) }
	const batch = "SET 'execution.runtime-mode' = 'batch' takes any order and frame"
	switch {
	case len(n.Order) != 1:
		fail("ORDER BY the event time or a PROCTIME() column alone; "+batch, "in a stream, OVER is ordered by one time attribute, here by %d columns", len(n.Order))
		return
	case n.Input.Props().Out[n.Order[0].Col].Attr == plan.NoTime:
		fail("order by a column with WATERMARK FOR or AS PROCTIME(); "+batch, "in a stream, OVER is ordered by a time attribute, %s is none here",
			n.Input.Props().Out.Name(n.Order[0].Col))
		return
	case n.Order[0].Desc:
		fail("ORDER BY it ascending; "+batch, "in a stream, OVER is ordered by time ascending")
		return
	case n.Frame.Upper.Kind != plan.CurrentRow || n.Frame.Lower.Kind > plan.CurrentRow:
		fail("end it with CURRENT ROW; "+batch, "in a stream, a frame begins in the past and ends with the current row")
		return
	case n.Input.Props().Mode != catalog.AppendOnly:
		fail("aggregate in windows, whose results do not change, or join by time", "OVER cannot take updates: %s makes them", phrase(updater(n.Input)))
		return
	}
	for _, c := range n.Calls {
		switch c.Func {
		case "LEAD", "NTILE", "PERCENT_RANK", "CUME_DIST":
			fail(batch, "%s needs rows that have not come yet: it has no result in a stream", c.Func)
		}
	}
}
