package bind

import (
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/function"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// ctes are the WITH names in reach, innermost first.
type ctes struct {
	name  string
	cols  []*ast.Ident
	query *ast.Query
	rel   *rel
	outer *ctes
}

func (c *ctes) find(name string) *ctes {
	for ; c != nil; c = c.outer {
		if c.name == name {
			return c
		}
	}
	return nil
}

// query binds q; nil after a fault that leaves no columns to go on with.
func (b *Binder) query(q *ast.Query, with *ctes) *rel {
	for _, c := range q.With {
		with = &ctes{name: c.Name.Name, cols: c.Columns, query: c.Query, outer: with}
	}
	body, at := orderBody(q)
	r := b.body(body, with)
	if r == nil || q.OrderBy == nil && q.Limit == nil && q.Offset == nil {
		return r
	}
	return b.limit(q, r, at)
}

// narrow keeps the first n columns.
func (b *Binder) narrow(r *rel, n int) *rel {
	if len(r.fields) == n {
		return r
	}
	c := calc(r.node, nil, plan.Refs(r.out())[:n], nil, r.node.Props().Pos)
	return &rel{node: c, fields: r.fields[:n]}
}

// extend adds the expressions over r as columns where they are not columns already, and tells where each is.
func (b *Binder) extend(r *rel, es []plan.Expr) (*rel, []int) {
	all := plan.Refs(r.out())
	cols := addExprs(&all, es)
	if len(all) == len(r.fields) {
		return r, cols
	}
	out := &rel{node: calc(r.node, nil, all, nil, r.node.Props().Pos), fields: r.fields}
	for i := len(r.fields); i < len(all); i++ {
		out.fields = append(out.fields[:i:i], field{name: "$" + itoa(i), hidden: true})
	}
	return out, cols
}

// addExprs appends to all those of es that it lacks and gives the place of each.
func addExprs(all *[]plan.Expr, es []plan.Expr) []int {
	cols := make([]int, len(es))
	for i, e := range es {
		cols[i] = -1
		for j, have := range *all {
			if plan.Equal(have, e) {
				cols[i] = j
				break
			}
		}
		if cols[i] < 0 {
			cols[i] = len(*all)
			*all = append(*all, e)
		}
	}
	return cols
}

// calc makes a Calc with the given output names; a nil list or "" leaves the names to the expressions.
func calc(input plan.Node, filter plan.Expr, exprs []plan.Expr, names []string, pos ast.Pos) *plan.Calc {
	n := &plan.Calc{Input: input, Filter: filter, Exprs: exprs}
	n.P.Out = make(plan.Schema, len(exprs))
	taken := map[string]bool{}
	for i := range exprs {
		name := ""
		if names != nil {
			name = names[i]
		}
		if name == "" {
			if ref, ok := exprs[i].(*plan.ColRef); ok {
				name = input.Props().Out[ref.Index].Name
			} else {
				name = "$" + itoa(i)
			}
		}
		n.P.Out[i].Name = plan.Unique(name, taken)
		taken[n.P.Out[i].Name] = true
	}
	return plan.New(n, pos)
}

func (b *Binder) body(q ast.QueryBody, with *ctes) *rel {
	switch q := q.(type) {
	case *ast.Select:
		return b.selectBody(q, with)
	case *ast.Query:
		return b.query(q, with)
	case *ast.SetOp:
		return b.setOp(q, with)
	case *ast.Values:
		return b.values(q)
	case *ast.TableQuery:
		return b.tableName(&ast.TableName{Loc: q.Loc, Name: q.Name}, with)
	}
	b.errorf(q.Pos(), "this query is not supported")
	return nil
}

func (b *Binder) values(q *ast.Values) *rel {
	n := &plan.Values{}
	empty := &scope{rel: &rel{node: &plan.Values{}}, clause: "VALUES"}
	for _, row := range q.Rows {
		var es []plan.Expr
		if r, ok := row.(*ast.Row); ok {
			for _, f := range r.Fields {
				es = append(es, b.expr(empty, f.X))
			}
		} else {
			es = append(es, b.expr(empty, row))
		}
		if len(n.Rows) > 0 && len(es) != len(n.Rows[0]) {
			b.errorf(row.Pos(), "the first row has %d values, this one has %d", len(n.Rows[0]), len(es))
			return nil
		}
		n.Rows = append(n.Rows, es)
	}
	for c := range n.Rows[0] {
		var ts []types.Type
		for _, r := range n.Rows {
			ts = append(ts, r[c].Type())
		}
		t, ok := function.Common(ts...)
		if !ok {
			b.errorf(q.Pos(), "the values of column %d have no common type", c+1)
			return nil
		}
		for _, r := range n.Rows {
			r[c] = function.Cast(r[c], t)
		}
		n.P.Out = append(n.P.Out, plan.Column{Name: "EXPR$" + itoa(c), Type: t})
	}
	return relOf(plan.New(n, q.Pos()), "")
}

func (b *Binder) setOp(q *ast.SetOp, with *ctes) *rel {
	x, y := b.body(q.X, with), b.body(q.Y, with)
	if x == nil || y == nil {
		return nil
	}
	if len(x.fields) != len(y.fields) {
		b.errorf(q.Y.Pos(), "%s: the first query has %d columns, this one has %d", q.Op, len(x.fields), len(y.fields))
		return nil
	}
	ts := make([]types.Type, len(x.fields))
	for i := range ts {
		a, c := x.out()[i].Type, y.out()[i].Type
		t, ok := function.Common(a, c)
		if !ok {
			b.errorf(q.Y.Pos(), "%s: column %s is %s first and %s here", q.Op, x.fields[i].name, a, c)
			t = a
		}
		ts[i] = t
	}
	if q.Op != "UNION" {
		return b.intersect(q, x, y, ts)
	}
	u := &plan.Union{}
	for _, r := range []*rel{x, y} {
		// UNION ALL chains become one node.
		if inner, ok := r.node.(*plan.Union); ok && sameTypes(r.out(), ts) {
			u.Ins = append(u.Ins, inner.Ins...)
			continue
		}
		u.Ins = append(u.Ins, castTo(r, ts, x.fields, q.Pos()))
	}
	out := relOf(plan.New(u, q.Pos()), "")
	for i := range out.fields {
		out.fields[i].name = x.fields[i].name
	}
	if !q.All {
		return b.distinct(out, q.Pos())
	}
	return out
}

func sameTypes(s plan.Schema, ts []types.Type) bool {
	for i := range s {
		if !s[i].Type.EqualIgnoreNull(ts[i]) {
			return false
		}
	}
	return true
}

func castTo(r *rel, ts []types.Type, names []field, pos ast.Pos) plan.Node {
	if sameTypes(r.out(), ts) {
		return r.node
	}
	es := plan.Refs(r.out())
	ns := make([]string, len(es))
	for i := range es {
		es[i], ns[i] = function.Cast(es[i], ts[i]), names[i].name
	}
	return calc(r.node, nil, es, ns, pos)
}

// distinct keeps one of equal rows.
func (b *Binder) distinct(r *rel, pos ast.Pos) *rel {
	n := &plan.GroupAgg{Input: r.node}
	for i := range r.fields {
		n.Keys = append(n.Keys, i)
	}
	return &rel{node: plan.New(n, pos), fields: r.fields}
}
