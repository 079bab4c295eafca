package optimize

import (
	"math"
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// rank turns ROW_NUMBER() with a bound on the number into Rank, or into Deduplicate when it keeps the first or last row by
// a time attribute. A ROW_NUMBER without a bound is refused: its state and output would have no limit.
func rank(r *run) {
	if !slices.ContainsFunc(r.p.Nodes, func(n plan.Node) bool { _, ok := n.(*plan.Over); return ok }) {
		return
	}
	calcMerge(r) // the bound must stand right above the number, even where calc_merge is skipped
	r.transform(func(n plan.Node) plan.Node {
		c, ok := n.(*plan.Calc)
		if !ok {
			return n
		}
		o, ok := c.Input.(*plan.Over)
		if !ok || o.Func != "ROW_NUMBER" {
			return n
		}
		number := len(o.Input.Props().Out)
		start, end := int64(1), int64(math.MaxInt64)
		var rest []plan.Expr
		for _, e := range plan.Conjuncts(c.Filter) {
			lo, hi, ok := bounds(e, number)
			if !ok {
				rest = append(rest, e)
				continue
			}
			start, end = max(start, lo), min(end, hi)
		}
		if end == math.MaxInt64 {
			return n // told below
		}
		c.Filter = plan.And(rest...)
		used := slices.Contains(plan.Columns(append([]plan.Expr{c.Filter}, c.Exprs...)...), number)
		if d := deduplicate(o, start, end); d != nil {
			c.Input = plan.New(d, o.P.Pos)
			one := func(e plan.Expr) plan.Expr {
				return plan.Rewrite(e, func(x plan.Expr) plan.Expr {
					if col, ok := x.(*plan.ColRef); ok && col.Index == number {
						return &plan.Literal{Value: int64(1), T: col.T}
					}
					return nil
				})
			}
			c.Filter = one(c.Filter)
			for i := range c.Exprs {
				c.Exprs[i] = one(c.Exprs[i])
			}
		} else {
			k := &plan.Rank{Input: o.Input, PartitionBy: o.PartitionBy, Order: o.Order, Start: start, End: end, RankCol: used}
			if used {
				k.P.Out = slices.Clone(o.P.Out)
			}
			c.Input = plan.New(k, o.P.Pos)
		}
		plan.Derive(c, false)
		return c
	})
	r.overAgg()
	for _, n := range r.p.Nodes {
		if o, ok := n.(*plan.Over); ok && o.Func != "ROW_NUMBER" {
			r.fail(o, "use ROW_NUMBER(), or SET 'execution.runtime-mode' = 'batch'", "%s() in a stream is possible in the order of time only", o.Func)
		} else if ok {
			r.fail(o, "put it in a subquery and keep the first rows: SELECT … FROM (…) WHERE rn <= 10", "%s() OVER has no upper bound", o.Func)
		}
	}
}

// bounds reads a comparison of column number with a constant.
func bounds(e plan.Expr, number int) (lo, hi int64, ok bool) {
	c, isCall := e.(*plan.Call)
	if !isCall || len(c.Args) != 2 {
		return 0, 0, false
	}
	op := c.Func
	col, isCol := c.Args[0].(*plan.ColRef)
	l, isLit := c.Args[1].(*plan.Literal)
	if !isCol || !isLit {
		col, isCol = c.Args[1].(*plan.ColRef)
		l, isLit = c.Args[0].(*plan.Literal)
		op = flip(op)
	}
	if !isCol || !isLit || col.Index != number {
		return 0, 0, false
	}
	v, isInt := l.Value.(int64)
	if !isInt {
		return 0, 0, false
	}
	switch op {
	case "=":
		return v, v, true
	case "<":
		return 1, v - 1, true
	case "<=":
		return 1, v, true
	case ">":
		return v + 1, math.MaxInt64, true
	case ">=":
		return v, math.MaxInt64, true
	}
	return 0, 0, false
}

func flip(op string) string {
	switch op {
	case "<":
		return ">"
	case "<=":
		return ">="
	case ">":
		return "<"
	case ">=":
		return "<="
	}
	return op
}

func deduplicate(o *plan.Over, start, end int64) *plan.Deduplicate {
	in := o.Input.Props()
	if start != 1 || end != 1 || len(o.Order) != 1 || in.Mode != catalog.AppendOnly || len(o.PartitionBy) == 0 {
		return nil
	}
	k := o.Order[0]
	d := &plan.Deduplicate{Input: o.Input, Keys: o.PartitionBy, KeepLast: k.Desc, TimeCol: k.Col}
	switch in.Out[k.Col].Attr {
	case plan.ProcTime:
		d.TimeCol = -1
	case plan.NoTime:
		return nil
	}
	return d
}
