package optimize

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// joinKeys splits a join's condition into equal keys and the rest. Keys that are expressions become columns of their side.
func joinKeys(r *run) {
	r.transform(func(n plan.Node) plan.Node {
		j, ok := n.(*plan.Join)
		if !ok || j.Cond == nil || len(j.LeftKeys) > 0 {
			return n
		}
		left, right := j.Left.Props().Out, j.Right.Props().Out
		nl := len(left)
		le, re := plan.Refs(left), plan.Refs(right)
		var rest []plan.Expr
		for _, e := range plan.Conjuncts(j.Cond) {
			a, b, ok := equality(e, nl)
			if !ok {
				rest = append(rest, e)
				continue
			}
			j.LeftKeys = append(j.LeftKeys, place(&le, a))
			j.RightKeys = append(j.RightKeys, place(&re, remap(b, func(i int) int { return i - nl })))
		}
		out := j.P.Out
		wider := len(le) - nl
		if wider > 0 {
			j.Left = calcOver(j.Left, nil, le, left, j)
		}
		if len(re) > len(right) {
			j.Right = calcOver(j.Right, nil, re, right, j)
		}
		move := func(i int) int {
			if i >= nl {
				return i + wider
			}
			return i
		}
		j.Cond = remap(plan.And(rest...), move)
		if wider == 0 && len(re) == len(right) {
			plan.Derive(j, false)
			return j
		}
		j.P.Out = nil
		plan.Derive(j, false)
		if j.Kind == plan.SemiJoin || j.Kind == plan.AntiJoin {
			out = out[:nl]
		}
		es := make([]plan.Expr, len(out))
		for i := range out {
			es[i] = ref(j.P.Out, move(i))
		}
		return calcOver(j, nil, es, out, j)
	})
}

// equality gives the two sides of e when it compares an expression of the left with one of the right.
func equality(e plan.Expr, nl int) (left, right plan.Expr, ok bool) {
	c, isCall := e.(*plan.Call)
	if !isCall || c.Func != "=" || !deterministic(e) {
		return nil, nil, false
	}
	isLeft := func(x plan.Expr) bool { cs := plan.Columns(x); return len(cs) > 0 && cs[len(cs)-1] < nl }
	isRight := func(x plan.Expr) bool { cs := plan.Columns(x); return len(cs) > 0 && cs[0] >= nl }
	switch a, b := c.Args[0], c.Args[1]; {
	case isLeft(a) && isRight(b):
		return a, b, true
	case isRight(a) && isLeft(b):
		return b, a, true
	}
	return nil, nil, false
}

// place finds e among all or appends it.
func place(all *[]plan.Expr, e plan.Expr) int {
	i := slices.IndexFunc(*all, func(x plan.Expr) bool { return plan.Equal(x, e) })
	if i < 0 {
		i = len(*all)
		*all = append(*all, e)
	}
	return i
}
