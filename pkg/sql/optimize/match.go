package optimize

import (
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// pruneMatch keeps of n the output columns keep and what they and the conditions read; to is where the input's columns have gone.
func pruneMatch(n *plan.Match, keep, to []int) {
	var pass []int
	var measures []plan.Expr
	for _, c := range keep {
		if c < len(n.Pass) {
			pass = append(pass, n.Pass[c])
		} else {
			measures = append(measures, n.Measures[c-len(n.Pass)])
		}
	}
	used := plan.Columns(append(append([]plan.Expr{}, n.Defines...), measures...)...)
	slot := map[int]int{}
	agg := map[int]int{}
	arg := map[int]int{}
	slots, aggs, args := n.Slots, n.Aggs, n.AggArgs
	n.Slots, n.Aggs, n.AggArgs = nil, nil, nil
	width := len(n.Input.Props().Out)
	moveArg := func(i int) int {
		at, ok := arg[i]
		if !ok {
			at = len(n.AggArgs)
			arg[i] = at
			n.AggArgs = append(n.AggArgs, remap(args[i], func(c int) int {
				if c >= len(to) { // CLASSIFIER(), MATCH_NUMBER()
					return width + c - len(to)
				}
				return to[c]
			}))
		}
		return at
	}
	for _, i := range used {
		s := slots[i]
		switch s.Kind {
		case plan.SlotColumn:
			s.Col = to[s.Col]
		case plan.SlotAgg:
			at, ok := agg[s.Agg]
			if !ok {
				a := aggs[s.Agg]
				moved := make([]int, len(a.Args))
				for j, x := range a.Args {
					moved[j] = moveArg(x)
				}
				a.Args = moved
				if a.Filter >= 0 {
					a.Filter = moveArg(a.Filter)
				}
				at = len(n.Aggs)
				agg[s.Agg] = at
				n.Aggs = append(n.Aggs, a)
			}
			s.Agg = at
		}
		slot[i] = len(n.Slots)
		n.Slots = append(n.Slots, s)
	}
	renumber := func(es []plan.Expr) {
		for i, e := range es {
			if e != nil {
				es[i] = remap(e, func(c int) int { return slot[c] })
			}
		}
	}
	renumber(n.Defines)
	renumber(measures)
	n.Measures, n.Pass, n.PartitionBy, n.Order = measures, moveAll(pass, to), moveAll(n.PartitionBy, to), moveSort(n.Order, to)
	if n.TimeCol >= 0 {
		n.TimeCol = to[n.TimeCol]
	}
}
