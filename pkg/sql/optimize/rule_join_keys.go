package optimize

import (
	"math/big"
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
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
			pairs := keyPairs(e, nl)
			if pairs == nil {
				rest = append(rest, e)
			}
			for _, p := range pairs {
				j.LeftKeys = append(j.LeftKeys, place(&le, p[0]))
				j.RightKeys = append(j.RightKeys, place(&re, remap(p[1], func(i int) int { return i - nl })))
			}
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

// keyPairs are the expressions of the left and of the right that are equal where e is true; nil when e is no comparison of the sides.
func keyPairs(e plan.Expr, nl int) [][2]plan.Expr {
	c, ok := e.(*plan.Call)
	if !ok {
		return nil
	}
	if c.Func != "=" && c.Func != "IS NOT DISTINCT FROM" {
		return nil
	}
	a, b, ok := sides(c, nl)
	if !ok {
		return nil
	}
	if c.Func == "=" || a.Type().NotNull || b.Type().NotNull {
		return [][2]plan.Expr{{a, b}} // NULL of the other side is equal to nothing
	}
	// Keys never equal NULL: whether there is a value, and a stand-in for none, are two keys that do.
	none, ok := standIn(a.Type())
	if !ok || !a.Type().EqualIgnoreNull(b.Type()) {
		return nil
	}
	isNull := func(e plan.Expr) plan.Expr {
		return &plan.Call{Func: "IS NULL", Args: []plan.Expr{e}, T: types.Of(types.Boolean).AsNotNull()}
	}
	filled := func(e plan.Expr) plan.Expr {
		return &plan.Call{Func: "COALESCE", Args: []plan.Expr{e, none}, T: e.Type().AsNotNull()}
	}
	return [][2]plan.Expr{{isNull(a), isNull(b)}, {filled(a), filled(b)}}
}

// standIn is some value of type t.
func standIn(t types.Type) (plan.Expr, bool) {
	l := &plan.Literal{T: t.AsNotNull()}
	switch {
	case t.IsInteger() || t.IsTimestamp() || t.Kind == types.Date:
		l.Value = int64(0)
	case t.IsString():
		l.Value = ""
	case t.Kind == types.Boolean:
		l.Value = false
	case t.Kind == types.Decimal:
		l.Value = new(big.Int)
	default:
		return nil, false
	}
	return l, true
}

// equality gives the two sides of e when it is left = right.
func equality(e plan.Expr, nl int) (left, right plan.Expr, ok bool) {
	c, isCall := e.(*plan.Call)
	if !isCall || c.Func != "=" {
		return nil, nil, false
	}
	return sides(c, nl)
}

// sides gives c's operands when one is an expression over the left and the other over the right.
func sides(c *plan.Call, nl int) (left, right plan.Expr, ok bool) {
	if !deterministic(c) {
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
