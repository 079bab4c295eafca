package optimize

import (
	"fmt"
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// changelog settles which kinds of change every node gives: first all that it could, from the scans up; then −U is taken from the nodes whose
// readers do not need it, from the sinks down. It also checks what only the whole plan can tell.
func changelog(r *run) {
	r.p.Number()
	for _, n := range r.p.Nodes {
		plan.Derive(n, true)
		r.settleOnce(n)
		r.checkNode(n)
	}
	if len(r.errs) > 0 {
		return
	}
	need := map[plan.Node]bool{} // −U is needed
	for _, n := range slices.Backward(r.p.Nodes) {
		for _, in := range n.Inputs() {
			if n.Props().Mode != 0 && r.needsBefore(n, in, need[n]) {
				need[in] = true
			}
		}
	}
	for _, n := range r.p.Nodes {
		plan.Derive(n, true)
		r.settleOnce(n)
		if !need[n] && makesUpdates(n) {
			n.Props().Mode &^= catalog.HasUpdateBefore
		}
	}
}

// makesUpdates tells whether n makes pairs of −U and +U with equal keys, of which the −U can be spared. A join's pairs are its inputs': their
// keys may differ, so it keeps both.
func makesUpdates(n plan.Node) bool {
	switch n.(type) {
	case *plan.GroupAgg, *plan.Rank, *plan.Deduplicate, *plan.ChangelogNormalize:
		return true
	}
	return false
}

// needsBefore tells whether n must see in's −U rows; own is whether n's readers need n's.
func (r *run) needsBefore(n, in plan.Node, own bool) bool {
	mode := in.Props().Mode
	if !mode.Has(catalog.HasUpdateBefore) {
		return false
	}
	switch n := n.(type) {
	case *plan.Calc:
		// A filter may hide the new row only: the old one must then be taken back.
		return own || n.Filter != nil && !within(n.Filter, func(i int) bool { return slices.Contains(in.Props().UpsertKey, i) })
	case *plan.LookupJoin:
		return own || !n.Left || n.Cond != nil
	case *plan.TemporalJoin:
		return in == n.Left // a version ends where the next begins
	case *plan.Exchange, *plan.Watermark, *plan.Union, *plan.WindowAssign:
		return own
	case *plan.ChangelogNormalize:
		return false
	case *plan.Sink:
		return r.sinkNeedsBefore(n)
	}
	return true
}

// sinkNeedsBefore decides whether a sink wants −U, and whether it must put rows in order by its own key first.
func (r *run) sinkNeedsBefore(s *plan.Sink) bool {
	if s.Caps.SinkMode.Has(catalog.HasUpdateBefore) {
		return true
	}
	// Columns that are constant never tell rows apart.
	var key []int
	for _, k := range s.Keys {
		if c, ok := s.Input.(*plan.Calc); ok {
			if _, isLit := c.Exprs[k].(*plan.Literal); isLit {
				continue
			}
		}
		key = append(key, k)
	}
	materialize, before := true, true
	for i, k := range s.Input.Props().Keys {
		inside := !slices.ContainsFunc(k, func(c int) bool { return !slices.Contains(key, c) })
		if inside {
			materialize = false // all changes of a sink row come from one upsert key, in order
		}
		if inside && i == 0 && len(k) == len(key) {
			before = false // the key by which the updates are made is the sink's
		}
	}
	s.Materialize = materialize && s.Input.Props().Mode != catalog.AppendOnly
	return before
}

// checkNode reports what n cannot do with its input.
func (r *run) checkNode(n plan.Node) {
	switch n := n.(type) {
	case *plan.WindowAgg:
		r.checkTime(n, n.Input, n.Win)
		r.checkEmit(n)
	case *plan.WindowAssign:
		r.checkTime(n, n.Input, n.Win)
	case *plan.OverAgg:
		r.checkOver(n)
	case *plan.Sort:
		r.checkSort(n)
	case *plan.Match:
		r.checkMatch(n)
	case *plan.Sink:
		r.checkSink(n)
	}
}

// checkMatch refuses input that changes: a pattern is found in rows that stay.
func (r *run) checkMatch(n *plan.Match) {
	if n.Input.Props().Mode == catalog.AppendOnly {
		if n.TimeCol >= 0 {
			r.checkTime(n, n.Input, plan.WindowSpec{TimeCol: n.TimeCol})
		}
		return
	}
	where := ""
	if cause := updater(n.Input); cause != nil {
		where = ": " + phrase(cause) + " makes them"
		if p := cause.Props().Pos; p.Line > 0 {
			where = fmt.Sprintf(": %s in line %d makes them", phrase(cause), p.Line)
		}
	}
	r.fail(n, "look for the pattern in the rows before they are aggregated, or aggregate in windows", "MATCH_RECOGNIZE takes inserts only, its input gives updates%s", where)
}

func (r *run) checkTime(n, in plan.Node, w plan.WindowSpec) {
	c := in.Props().Out[w.TimeCol]
	if c.Attr == plan.NoTime {
		r.fail(n, "window before joining, or bound the join's time on both sides: a.ts BETWEEN b.ts - INTERVAL '1' HOUR AND b.ts",
			"column %s is no longer event time here: a join without time bounds, or an aggregate, has lost its watermarks", c.Name)
	}
}

func (r *run) checkSink(s *plan.Sink) {
	mode, can := s.Input.Props().Mode, s.Caps.SinkMode
	if mode == catalog.AppendOnly {
		return
	}
	name, connector := s.Table.Name, s.Table.Option("connector", "?")
	cause := updater(s.Input)
	where := ""
	if cause != nil {
		where = fmt.Sprintf(": %s makes them", phrase(cause))
		if p := cause.Props().Pos; p.Line > 0 {
			where = fmt.Sprintf(": %s in line %d makes them", phrase(cause), p.Line)
		}
	}
	switch {
	case !can.Has(catalog.HasUpdateAfter) && mode.Has(catalog.HasUpdateAfter), !can.Has(catalog.HasDelete) && mode.Has(catalog.HasDelete):
		r.fail(s, "write to a table that takes updates (upsert-kafka, hbase-2.2, mysql, redis …), or aggregate in windows",
			"table %s (connector %s) takes inserts only, the query gives updates%s", name, connector, where)
	case !can.Has(catalog.HasUpdateBefore) && len(s.Keys) == 0:
		r.fail(s, "declare PRIMARY KEY (…) NOT ENFORCED in "+name, "table %s (connector %s) needs a primary key to take updates%s", name, connector, where)
	}
}

// updater is the node nearest to the scans that makes updates of its own.
func updater(n plan.Node) plan.Node {
	for _, in := range n.Inputs() {
		if in.Props().Mode != catalog.AppendOnly {
			return updater(in)
		}
	}
	if n.Props().Mode != catalog.AppendOnly {
		return n
	}
	return nil
}

// phrase names a node in the user's words.
func phrase(n plan.Node) string {
	switch n := n.(type) {
	case *plan.GroupAgg:
		if len(n.Aggs) == 0 {
			return "SELECT DISTINCT"
		}
		if len(n.Keys) == 0 {
			return "the aggregate over all rows"
		}
		return "GROUP BY without a window"
	case *plan.Join:
		return "the " + n.Kind.String() + " join"
	case *plan.Rank:
		return "the ROW_NUMBER() ranking"
	case *plan.Deduplicate:
		return "the deduplication"
	case *plan.Source:
		return "table " + n.Table.Name
	}
	return n.Describe()
}
