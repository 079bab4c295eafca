// Package optimize turns the naive tree of package bind into the plan that runs: whole conditions become join keys, time bounds
// and look-ups, ROW_NUMBER becomes Rank or Deduplicate, predicates and projections move down to the scans, hot distinct
// aggregates are split, exchanges go where keyed nodes need them, and every node learns which kinds of change it gives.
//
// Rules run in one fixed order, each named; setting [SkipSetting] leaves some out. What a rule must not leave undone (sinks that cannot
// take updates, windows without event time) is checked at the end and reported with its place in the SQL file.
package optimize

import (
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// SkipSetting names rules to leave out, with commas between.
const SkipSetting = "freshet.optimizer.skip"

// A Rule rewrites a plan in place. ID is its name in settings and logs.
type Rule struct {
	ID string
	// Needed rules cannot be skipped: without them the plan does not run.
	Needed bool
	apply  func(*run)
}

// Rules are all rules in the order they run.
func Rules() []Rule {
	return []Rule{
		{"normalize", true, normalize},
		{"fold", false, fold},
		{"calc_merge", false, calcMerge},
		{"predicate_pushdown", false, predicatePushdown},
		{"rank", true, rank},
		{"sort_limits", true, sortLimits},
		{"join_keys", true, joinKeys},
		{"interval_join", true, intervalJoin},
		{"temporal_join", true, temporalJoin},
		{"window_agg", true, windowAgg},
		{"watermark_prune", false, watermarkPrune},
		{"projection_pushdown", false, projectionPushdown},
		{"calc_merge", false, calcMerge},
		{"split_distinct", false, splitDistinct},
		{"calc_merge", false, calcMerge},
		{"fold", false, fold},
		{"reuse", false, reuse},
		{"batch_mode", true, batchMode},
		{"changelog", true, changelog},
		{"exchange", true, exchange},
		{"state_ttl", true, stateTTL},
	}
}

// run is one optimisation of one plan.
type run struct {
	p    *plan.Plan
	uses map[plan.Node]int
	errs []error
}

func (r *run) fail(n plan.Node, remedy, format string, args ...any) {
	err := fault.Pos(n.Props().Pos).Errorf(fault.Config, format, args...)
	if remedy != "" {
		err = fault.WithRemedy(err, remedy)
	}
	r.errs = append(r.errs, err)
}

// Optimize rewrites p in place. Trace, if not nil, is called after every rule that ran. The error joins all faults found, of kind
// fault.Config with places.
func Optimize(p *plan.Plan, trace func(rule string)) error {
	r := &run{p: p}
	skip := strings.Split(strings.ReplaceAll(p.Settings[SkipSetting], " ", ""), ",")
	for _, rule := range Rules() {
		if slices.Contains(skip, rule.ID) && !rule.Needed {
			continue
		}
		rule.apply(r)
		r.p.Number()
		if trace != nil {
			trace(rule.ID)
		}
		if len(r.errs) > 0 {
			break
		}
	}
	if len(r.errs) > 0 {
		return fault.Join(r.errs...)
	}
	return plan.Check(p)
}

// transform visits all nodes, inputs first, with their properties derived anew, and puts what f gives in a node's place.
// uses counts a node's readers; what f gives inherits the count.
func (r *run) transform(f func(plan.Node) plan.Node) {
	r.p.Number()
	r.uses = map[plan.Node]int{}
	for n, readers := range r.p.Readers() {
		r.uses[n] = len(readers)
	}
	done := map[plan.Node]plan.Node{}
	var visit func(plan.Node) plan.Node
	visit = func(n plan.Node) plan.Node {
		if x, ok := done[n]; ok {
			return x
		}
		for i, in := range n.Inputs() {
			n.SetInput(i, visit(in))
		}
		plan.Derive(n, false)
		x := f(n)
		if x != n {
			// x is new, or an input of n that gains n's readers for n itself.
			if old, ok := r.uses[x]; ok {
				r.uses[x] = old - 1 + r.uses[n]
			} else {
				r.uses[x] = r.uses[n]
			}
		}
		done[n] = x
		return x
	}
	for _, s := range r.p.Sinks {
		visit(s)
	}
	r.p.Number()
}

// single tells whether n has one reader, so that the reader may change it.
func (r *run) single(n plan.Node) bool { return r.uses[n] <= 1 }

// calcOver makes a Calc with exprs named as given, at the place of like.
func calcOver(input plan.Node, filter plan.Expr, exprs []plan.Expr, names plan.Schema, like plan.Node) *plan.Calc {
	c := &plan.Calc{Input: input, Filter: filter, Exprs: exprs}
	c.P.Out = make(plan.Schema, len(exprs))
	for i := range exprs {
		if i < len(names) {
			c.P.Out[i].Name = names[i].Name
		}
	}
	return plan.New(c, like.Props().Pos)
}

func filterOver(input plan.Node, cond plan.Expr, like plan.Node) plan.Node {
	if cond == nil {
		return input
	}
	return calcOver(input, cond, plan.Refs(input.Props().Out), input.Props().Out, like)
}

func ref(s plan.Schema, i int) *plan.ColRef {
	return &plan.ColRef{Index: i, Name: s[i].Name, T: s[i].Type}
}

// substitute replaces column references by the expressions at their index.
func substitute(e plan.Expr, by []plan.Expr) plan.Expr {
	return plan.Rewrite(e, func(x plan.Expr) plan.Expr {
		if c, ok := x.(*plan.ColRef); ok {
			return by[c.Index]
		}
		return nil
	})
}

// remap gives e with its columns moved by to.
func remap(e plan.Expr, to func(int) int) plan.Expr {
	return plan.Rewrite(e, func(x plan.Expr) plan.Expr {
		if c, ok := x.(*plan.ColRef); ok {
			return &plan.ColRef{Index: to(c.Index), Name: c.Name, T: c.T}
		}
		return nil
	})
}

// within tells whether all columns of e satisfy ok.
func within(e plan.Expr, ok func(int) bool) bool {
	for _, c := range plan.Columns(e) {
		if !ok(c) {
			return false
		}
	}
	return true
}

// deterministic tells whether e gives the same for the same row always.
func deterministic(e plan.Expr) bool {
	ok := true
	plan.Walk(e, func(x plan.Expr) bool {
		if c, isCall := x.(*plan.Call); isCall {
			if _, volatile, _ := plan.UserFunction(c.Func); volatile {
				ok = false
			}
			switch c.Func {
			case "RAND", "RAND_INTEGER", "UUID", "PROCTIME", "CURRENT_ROW_TIMESTAMP", "CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME",
				"LOCALTIMESTAMP", "CURRENT_WATERMARK":
				ok = false
			case "UNIX_TIMESTAMP":
				ok = ok && len(c.Args) > 0
			}
		}
		return ok
	})
	return ok
}
