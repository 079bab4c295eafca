package optimize

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// watermarkPrune drops watermarks that nobody below waits for: then the time column need not even be decoded. Windows, joins by time,
// deduplication by time and sinks that publish partitions wait for them.
func watermarkPrune(r *run) {
	r.p.Number()
	wanted := map[plan.Node]bool{}
	for _, n := range slices.Backward(r.p.Nodes) {
		if waits(n) || wanted[n] {
			for _, in := range n.Inputs() {
				wanted[in] = true
			}
		}
	}
	r.transform(func(n plan.Node) plan.Node {
		if w, ok := n.(*plan.Watermark); ok && !wanted[n] {
			return w.Input
		}
		return n
	})
}

func waits(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.WindowAgg:
		return !n.Win.ProcTime
	case *plan.Match:
		return n.TimeCol >= 0 && !n.ProcTime
	case *plan.WindowAssign, *plan.TemporalJoin:
		return true
	case *plan.IntervalJoin:
		return !n.ProcTime
	case *plan.Deduplicate:
		return n.TimeCol >= 0
	case *plan.Sort:
		return !n.Batch
	case *plan.Rank:
		return n.Win != nil && !n.Win.ProcTime
	case *plan.Join:
		return n.Win != nil && !n.Win.ProcTime
	case *plan.OverAgg:
		return n.Time == plan.RowTime
	case *plan.Sink:
		return len(n.Table.PartitionBy) > 0
	case *plan.Calc:
		asks := false
		for _, e := range append([]plan.Expr{n.Filter}, n.Exprs...) {
			plan.Walk(e, func(x plan.Expr) bool {
				c, ok := x.(*plan.Call)
				asks = asks || ok && c.Func == "CURRENT_WATERMARK"
				return true
			})
		}
		return asks
	}
	return false
}
