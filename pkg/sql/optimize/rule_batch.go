package optimize

import (
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// batchMode fits the plan to execution.runtime-mode = batch: the job is one epoch over bounded input, so that every node gives what is left at
// the end. Where a node makes changes all the same (a join pads a row whose match is yet to come), they cancel out before the sink.
func batchMode(r *run) {
	switch m := r.p.Settings[modeSetting]; {
	case r.batch():
	case m == "" || strings.EqualFold(m, "streaming") || strings.EqualFold(m, "automatic"):
		return
	default:
		if len(r.p.Sinks) > 0 {
			r.fail(r.p.Sinks[0], "write streaming or batch", "SET '%s' = '%s' is no mode", modeSetting, m)
		}
		return
	}
	r.p.Number()
	for _, n := range r.p.Nodes {
		plan.Derive(n, true)
		if g, ok := n.(*plan.GroupAgg); ok {
			g.Batch = true
		}
		if s, ok := n.(*plan.Source); ok && !s.Caps.Bounded {
			r.fail(s, "bound it, as by 'scan.bounded.mode' = 'latest-offset', or leave batch mode", "table %s (connector %s) has no end: batch mode reads what has one", s.Table.Name, s.Table.Option("connector", "?"))
		}
	}
	for _, s := range r.p.Sinks {
		if s.Input.Props().Mode == catalog.AppendOnly || onceOnly(s.Input) {
			continue
		}
		x := &plan.Sort{Input: s.Input, Batch: true}
		for i, c := range s.Input.Props().Out {
			if c.Type.Kind < types.Array {
				x.PartitionBy = append(x.PartitionBy, i)
			}
		}
		s.Input = plan.New(x, s.P.Pos)
	}
}

// modeSetting chooses between streaming and batch.
const modeSetting = "execution.runtime-mode"

// onceOnly tells whether n gives each row once when its input is one epoch: an aggregate of rows that are not taken back.
func onceOnly(n plan.Node) bool {
	for {
		switch x := n.(type) {
		case *plan.Calc:
			n = x.Input
			continue
		case *plan.GroupAgg, *plan.Rank, *plan.Deduplicate:
			in := n.Inputs()[0]
			return in.Props().Mode == catalog.AppendOnly || onceOnly(in)
		}
		return n.Props().Mode == catalog.AppendOnly
	}
}

// settleOnce takes from the nodes of a batch job the changes that they do not make.
func (r *run) settleOnce(n plan.Node) {
	if r.batch() && onceOnly(n) && n.Props().Mode != 0 {
		n.Props().Mode = catalog.AppendOnly
	}
}

// checkSort refuses an order that a stream has no end for.
func (r *run) checkSort(n *plan.Sort) {
	if n.Batch {
		return
	}
	in := n.Input.Props()
	first := n.Order[0]
	switch {
	case in.Out[first.Col].Attr == plan.NoTime || first.Desc:
		r.fail(n, "add LIMIT n; order by event time ascending first; or SET 'execution.runtime-mode' = 'batch'", "ORDER BY without LIMIT has no end in a stream")
	case in.Mode != catalog.AppendOnly:
		r.fail(n, "aggregate in windows, whose results do not change", "ORDER BY time cannot take updates: %s makes them", phrase(updater(n.Input)))
	}
}

// sortLimits puts the rows of ORDER BY … LIMIT in order at the end of a batch job.
func sortLimits(r *run) {
	if !r.batch() {
		return
	}
	made := map[plan.Node]bool{}
	r.transform(func(n plan.Node) plan.Node {
		k, ok := n.(*plan.Rank)
		if !ok || !k.Sorted || made[n] || len(k.Order) == 0 {
			return n
		}
		made[n] = true
		return plan.New(&plan.Sort{Input: k, Order: slices.Clone(k.Order), Batch: true}, k.P.Pos)
	})
}
