package optimize

import "github.com/freshet-dw/freshet/pkg/sql/plan"

// calcMerge joins a Calc with the Calc below it and drops those that do nothing. An expression that would be computed twice by
// the merge, or that is not deterministic and used twice, keeps its own Calc.
func calcMerge(r *run) {
	r.transform(func(n plan.Node) plan.Node {
		c, ok := n.(*plan.Calc)
		if !ok {
			return n
		}
		for {
			in, ok := c.Input.(*plan.Calc)
			if !ok || !r.single(in) || !mergeable(c, in) {
				break
			}
			filter := Fold(substitute(c.Filter, in.Exprs))
			for i, e := range c.Exprs {
				c.Exprs[i] = Fold(substitute(e, in.Exprs))
			}
			c.Filter, c.Input = plan.And(in.Filter, filter), in.Input
			plan.Derive(c, false)
		}
		if identity(c) {
			return c.Input
		}
		return c
	})
}

func mergeable(c, in *plan.Calc) bool {
	count := make([]int, len(in.Exprs))
	for _, e := range append([]plan.Expr{c.Filter}, c.Exprs...) {
		plan.Walk(e, func(x plan.Expr) bool {
			if ref, ok := x.(*plan.ColRef); ok {
				count[ref.Index]++
			}
			return true
		})
	}
	for i, e := range in.Exprs {
		if count[i] > 1 && !cheap(e) || in.Filter != nil && !deterministic(e) && count[i] > 0 && len(plan.Columns(c.Filter)) > 0 {
			return false
		}
	}
	return true
}

// cheap expressions may be computed more than once.
func cheap(e plan.Expr) bool {
	switch e := e.(type) {
	case *plan.ColRef, *plan.Literal:
		return true
	case *plan.Call:
		return e.Func == "FIELD" && cheap(e.Args[0]) || e.Func == "PROCTIME" ||
			e.Func == "CAST" && e.T.IsInteger() && e.Args[0].Type().IsInteger() && cheap(e.Args[0])
	}
	return false
}

func identity(c *plan.Calc) bool {
	in := c.Input.Props().Out
	if c.Filter != nil || len(c.Exprs) != len(in) {
		return false
	}
	for i, e := range c.Exprs {
		if ref, ok := e.(*plan.ColRef); !ok || ref.Index != i {
			return false
		}
	}
	return true
}
