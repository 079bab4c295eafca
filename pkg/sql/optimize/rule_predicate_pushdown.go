package optimize

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// predicatePushdown moves conditions towards the scans, through joins, unions, aggregates by key and look-ups. Conditions on the
// null-giving side of an outer join that NULL cannot satisfy make it an inner one.
func predicatePushdown(r *run) {
	for range 12 {
		moved := false
		r.transform(func(n plan.Node) plan.Node {
			switch n := n.(type) {
			case *plan.Calc:
				if n.Filter != nil && r.single(n.Input) && r.push(n) {
					moved = true
				}
			case *plan.Join:
				moved = r.pushJoinCond(n) || moved
			}
			plan.Derive(n, false)
			return n
		})
		if !moved {
			return
		}
		calcMerge(r)
	}
}

// push moves what it can of c's filter below c's input.
func (r *run) push(c *plan.Calc) bool {
	conds := plan.Conjuncts(c.Filter)
	var down, stay []plan.Expr
	split := func(ok func(plan.Expr) bool) {
		for _, e := range conds {
			if deterministic(e) && ok(e) {
				down = append(down, e)
			} else {
				stay = append(stay, e)
			}
		}
	}
	in := c.Input
	among := func(cols []int) func(plan.Expr) bool {
		return func(e plan.Expr) bool {
			cs := plan.Columns(e)
			return len(cs) > 0 && within(e, func(i int) bool { return slices.Contains(cols, i) })
		}
	}
	switch n := in.(type) {
	case *plan.Join:
		return r.pushIntoJoin(c, n)
	case *plan.LookupJoin:
		width := len(n.Input.Props().Out)
		split(func(e plan.Expr) bool { return within(e, func(i int) bool { return i < width }) })
	case *plan.TemporalJoin:
		width := len(n.Left.Props().Out)
		split(func(e plan.Expr) bool { return within(e, func(i int) bool { return i < width }) })
		if len(down) > 0 {
			n.Left = filterOver(n.Left, plan.And(down...), c)
			plan.Derive(n, false)
			c.Filter = plan.And(stay...)
		}
		return len(down) > 0
	case *plan.WindowAssign:
		width := len(n.Input.Props().Out)
		split(func(e plan.Expr) bool { return within(e, func(i int) bool { return i < width }) })
	case *plan.Union:
		split(func(plan.Expr) bool { return true })
	case *plan.GroupAgg:
		if len(n.Keys) == 0 {
			return false
		}
		split(func(e plan.Expr) bool { return within(e, func(i int) bool { return i < len(n.Keys) }) })
		down = through(down, n.Keys, n.Input)
	case *plan.WindowAgg:
		split(func(e plan.Expr) bool {
			return len(plan.Columns(e)) > 0 && within(e, func(i int) bool { return i < len(n.Keys) })
		})
		down = through(down, n.Keys, n.Input)
	case *plan.Match:
		parts := len(n.PartitionBy)
		split(func(e plan.Expr) bool {
			return len(plan.Columns(e)) > 0 && within(e, func(i int) bool { return i < parts })
		})
		down = through(down, n.Pass, n.Input)
	case *plan.Over:
		split(among(n.PartitionBy))
	case *plan.OverAgg:
		split(among(n.PartitionBy))
	case *plan.ChangelogNormalize:
		split(among(n.Keys))
	case *plan.Rank:
		split(among(n.PartitionBy))
	case *plan.Sort:
		split(func(plan.Expr) bool { return true })
	default:
		return false
	}
	if len(down) == 0 {
		return false
	}
	for i, x := range in.Inputs() {
		in.SetInput(i, filterOver(x, plan.And(down...), c))
	}
	plan.Derive(in, false)
	c.Filter = plan.And(stay...)
	return true
}

// through rewrites conditions over an aggregate's keys to its input's columns.
func through(conds []plan.Expr, keys []int, input plan.Node) []plan.Expr {
	out := make([]plan.Expr, len(conds))
	for i, e := range conds {
		out[i] = plan.Rewrite(e, func(x plan.Expr) plan.Expr {
			if c, ok := x.(*plan.ColRef); ok {
				return ref(input.Props().Out, keys[c.Index])
			}
			return nil
		})
	}
	return out
}

func (r *run) pushIntoJoin(c *plan.Calc, j *plan.Join) bool {
	nl := len(j.Left.Props().Out)
	before := j.Kind
	conds := plan.Conjuncts(c.Filter)
	for _, e := range conds {
		l, rt := rejectsNull(e, func(i int) bool { return i < nl }), rejectsNull(e, func(i int) bool { return i >= nl })
		switch {
		case j.Kind == plan.LeftJoin && rt, j.Kind == plan.RightJoin && l:
			j.Kind = plan.InnerJoin
		case j.Kind == plan.FullJoin && l && rt:
			j.Kind = plan.InnerJoin
		case j.Kind == plan.FullJoin && l:
			j.Kind = plan.LeftJoin
		case j.Kind == plan.FullJoin && rt:
			j.Kind = plan.RightJoin
		}
	}
	var left, right, both, stay []plan.Expr
	for _, e := range conds {
		onLeft := within(e, func(i int) bool { return i < nl })
		onRight := within(e, func(i int) bool { return i >= nl })
		switch {
		case !deterministic(e):
			stay = append(stay, e)
		case onLeft && j.Kind != plan.RightJoin && j.Kind != plan.FullJoin:
			left = append(left, e)
		case onRight && (j.Kind == plan.InnerJoin || j.Kind == plan.RightJoin):
			right = append(right, remap(e, func(i int) int { return i - nl }))
		case j.Kind == plan.InnerJoin:
			both = append(both, e)
		default:
			stay = append(stay, e)
		}
	}
	c.Filter = plan.And(stay...)
	j.Cond = plan.And(append(plan.Conjuncts(j.Cond), both...)...)
	j.Left = filterOver(j.Left, plan.And(left...), c)
	j.Right = filterOver(j.Right, plan.And(right...), c)
	plan.Derive(j, false)
	return before != j.Kind || len(stay) < len(conds)
}

// pushJoinCond moves one-sided parts of ON to the side that they filter.
func (r *run) pushJoinCond(j *plan.Join) bool {
	nl := len(j.Left.Props().Out)
	var left, right, stay []plan.Expr
	for _, e := range plan.Conjuncts(j.Cond) {
		cols := plan.Columns(e)
		switch {
		case len(cols) == 0 || !deterministic(e):
			stay = append(stay, e)
		case cols[len(cols)-1] < nl && (j.Kind == plan.InnerJoin || j.Kind == plan.RightJoin || j.Kind == plan.SemiJoin):
			left = append(left, e)
		case cols[0] >= nl && j.Kind != plan.RightJoin && j.Kind != plan.FullJoin:
			right = append(right, remap(e, func(i int) int { return i - nl }))
		default:
			stay = append(stay, e)
		}
	}
	if len(left)+len(right) == 0 {
		return false
	}
	j.Cond = plan.And(stay...)
	j.Left, j.Right = filterOver(j.Left, plan.And(left...), j), filterOver(j.Right, plan.And(right...), j)
	return true
}

// rejectsNull tells whether e cannot be true when all the columns of a side are NULL.
func rejectsNull(e plan.Expr, side func(int) bool) bool {
	c, ok := e.(*plan.Call)
	if !ok {
		ref, ok := e.(*plan.ColRef)
		return ok && side(ref.Index)
	}
	strict := func(x plan.Expr) bool {
		for {
			switch y := x.(type) {
			case *plan.ColRef:
				return side(y.Index)
			case *plan.Call:
				if y.Func != "CAST" && y.Func != "FIELD" {
					return false
				}
				x = y.Args[0]
			default:
				return false
			}
		}
	}
	switch c.Func {
	case "=", "<>", "<", "<=", ">", ">=":
		return strict(c.Args[0]) || strict(c.Args[1])
	case "IN", "LIKE", "IS NOT NULL", "IS TRUE", "IS FALSE":
		return strict(c.Args[0])
	}
	return false
}
