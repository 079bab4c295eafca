package bind

import (
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/function"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// intersect is INTERSECT and EXCEPT: of each row, how often it is in either query decides. With ALL a row comes as often as the smaller of the
// numbers, or the rest of the first, says.
func (b *Binder) intersect(q *ast.SetOp, x, y *rel, ts []types.Type) *rel {
	n, pos := len(ts), q.Pos()
	u := &plan.Union{}
	for i, r := range []*rel{x, y} {
		in := castTo(r, ts, x.fields, pos)
		es := append(plan.Refs(in.Props().Out), boolLit(i == 0), boolLit(i == 1))
		u.Ins = append(u.Ins, calc(in, nil, es, nil, pos))
	}
	g := &plan.GroupAgg{Input: plan.New(u, pos)}
	for i := range n {
		g.Keys = append(g.Keys, i)
	}
	for i := range 2 {
		g.Aggs = append(g.Aggs, plan.AggCall{Func: "COUNT", Filter: n + i, T: types.Of(types.BigInt).AsNotNull(), Name: "$in" + itoa(i)})
	}
	plan.New(g, pos)
	var node plan.Node
	if q.All {
		node = b.repeated(q, g, n)
	} else {
		out := plan.Refs(g.P.Out)
		second := countIs(">", out[n+1])
		if q.Op == "EXCEPT" {
			second = countIs("=", out[n+1])
		}
		node = calc(g, plan.And(countIs(">", out[n]), second), out[:n], nil, pos)
	}
	r := relOf(node, "")
	for i := range r.fields {
		r.fields[i].name = x.fields[i].name
	}
	return r
}

// repeated gives every row of g, whose first n columns are the row and the next two how often it is in the first and second query, as often
// as ALL says.
func (b *Binder) repeated(q *ast.SetOp, g *plan.GroupAgg, n int) plan.Node {
	out := plan.Refs(g.P.Out)
	first, second := out[n], out[n+1]
	times, filter := second, plan.And(countIs(">", first), countIs(">", second))
	less, err := function.Binary("<", first, second)
	less = b.put(q.Pos(), less, err)
	if q.Op == "EXCEPT" {
		times, err = function.Binary("-", first, second)
		times = b.put(q.Pos(), times, err)
		filter, err = function.Binary(">", first, second)
		filter = b.put(q.Pos(), filter, err)
	} else {
		times, err = function.Case([]plan.Expr{less}, []plan.Expr{first}, second)
		times = b.put(q.Pos(), times, err)
	}
	c := calc(g, filter, append(append([]plan.Expr{}, out[:n]...), times), nil, q.Pos())
	elem := types.Of(types.Int).AsNotNull()
	array := &plan.Call{Func: "$TIMES", Args: plan.Refs(c.P.Out)[n:], T: types.ArrayOf(elem).AsNotNull()}
	x := &plan.Correlate{Input: c, Func: plan.Unnest, Args: []plan.Expr{array}, Result: plan.Schema{{Name: "$n", Type: elem}}}
	for i := range n {
		x.Keep = append(x.Keep, i)
	}
	return plan.New(x, q.Pos())
}

func boolLit(v bool) plan.Expr {
	return &plan.Literal{Value: v, T: types.Of(types.Boolean).AsNotNull()}
}

// countIs compares a count with zero.
func countIs(op string, count plan.Expr) plan.Expr {
	zero := &plan.Literal{Value: int64(0), T: types.Of(types.BigInt).AsNotNull()}
	return &plan.Call{Func: op, Args: []plan.Expr{count, zero}, T: types.Of(types.Boolean).AsNotNull()}
}
