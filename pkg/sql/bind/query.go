package bind

import (
	"slices"

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
	body, extra := orderBody(q)
	r := b.body(body, with)
	if r == nil || q.OrderBy == nil && q.Limit == nil && q.Offset == nil {
		return r
	}
	out := b.limit(q, r, extra)
	return b.narrow(out, len(out.fields)-len(extra))
}

// orderBody adds to a SELECT the ORDER BY expressions that are no columns of its result, which limit takes off again. extra tells for each
// which ORDER BY item it is.
func orderBody(q *ast.Query) (body ast.QueryBody, extra []int) {
	sel, ok := q.Body.(*ast.Select)
	if !ok || sel.Distinct || len(q.OrderBy) == 0 {
		return q.Body, nil
	}
	c := *sel
	c.Items = slices.Clone(sel.Items)
	for i, o := range q.OrderBy {
		name, isName := o.X.(*ast.Name)
		own := slices.ContainsFunc(sel.Items, func(it *ast.SelectItem) bool {
			if it.Alias != nil {
				return isName && len(name.Parts) == 1 && it.Alias.Name == name.Last()
			}
			n, ok := it.X.(*ast.Name)
			_, star := it.X.(*ast.Star)
			return isName && (star || ok && n.Last() == name.Last())
		})
		if !own {
			extra = append(extra, i)
			c.Items = append(c.Items, &ast.SelectItem{Loc: o.Loc, X: o.X, Alias: &ast.Ident{Loc: o.Loc, Name: "$order" + itoa(i)}})
		}
	}
	return &c, extra
}

// limit binds ORDER BY and LIMIT: the first rows of one partition.
func (b *Binder) limit(q *ast.Query, r *rel, extra []int) *rel {
	if q.Limit == nil && q.Offset != nil {
		b.remedy(q.Offset.Pos(), "add LIMIT n", "OFFSET without LIMIT has no end in a stream")
		return r
	}
	end, ok := int64(0), true
	if q.Limit != nil {
		if end, ok = b.constant(q.Limit); !ok {
			return r
		}
	}
	start := int64(0)
	if q.Offset != nil {
		if start, ok = b.constant(q.Offset); !ok {
			return r
		}
	}
	items := slices.Clone(q.OrderBy)
	for _, i := range extra {
		o := *items[i]
		o.X = &ast.Name{Loc: o.Loc, Parts: []*ast.Ident{{Loc: o.Loc, Name: "$order" + itoa(i)}}}
		items[i] = &o
	}
	pre, order := b.orderKeys(&scope{rel: r, clause: "ORDER BY"}, r, items)
	var n plan.Node
	if q.Limit == nil {
		n = plan.New(&plan.Sort{Input: pre.node, Order: order, Batch: b.batch()}, q.OrderBy[0].Pos())
	} else {
		n = plan.New(&plan.Rank{Input: pre.node, Order: order, Start: start + 1, End: start + end, Sorted: true}, q.Pos())
	}
	out := &rel{node: n, fields: pre.fields}
	return b.narrow(out, len(r.fields))
}

// narrow keeps the first n columns.
func (b *Binder) narrow(r *rel, n int) *rel {
	if len(r.fields) == n {
		return r
	}
	c := calc(r.node, nil, plan.Refs(r.out())[:n], nil, r.node.Props().Pos)
	return &rel{node: c, fields: r.fields[:n]}
}

// orderKeys appends to r the sort expressions that are no columns yet.
func (b *Binder) orderKeys(s *scope, r *rel, items []*ast.OrderItem) (*rel, []plan.SortKey) {
	var es []plan.Expr
	for _, o := range items {
		es = append(es, b.expr(s, o.X))
	}
	r, cols := b.extend(r, es)
	return r, sortKeys(items, cols)
}

func sortKeys(items []*ast.OrderItem, cols []int) []plan.SortKey {
	var keys []plan.SortKey
	for i, o := range items {
		// Nulls are the lowest values: first ascending, last descending.
		k := plan.SortKey{Col: cols[i], Desc: o.Desc, NullsLast: o.Desc}
		if o.Nulls != "" {
			k.NullsLast = o.Nulls == "LAST"
		}
		keys = append(keys, k)
	}
	return keys
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

// constant is a LIMIT's number.
func (b *Binder) constant(x ast.Expr) (int64, bool) {
	if x == nil {
		return 0, false
	}
	e := b.expr(&scope{rel: &rel{node: &plan.Values{}}, clause: "LIMIT"}, x)
	if l, ok := e.(*plan.Literal); ok {
		if v, ok := l.Value.(int64); ok {
			return v, true
		}
	}
	b.errorf(x.Pos(), "a whole number is wanted here")
	return 0, false
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

// intersect is INTERSECT and EXCEPT: of each row, how often it is in either query decides.
func (b *Binder) intersect(q *ast.SetOp, x, y *rel, ts []types.Type) *rel {
	if q.All {
		b.remedy(q.Pos(), "leave ALL out, or number equal rows with ROW_NUMBER first", "%s ALL is not supported yet", q.Op)
		return nil
	}
	boolean := func(v bool) plan.Expr { return &plan.Literal{Value: v, T: types.Of(types.Boolean).AsNotNull()} }
	n := len(ts)
	u := &plan.Union{}
	for i, r := range []*rel{x, y} {
		in := castTo(r, ts, x.fields, q.Pos())
		es := append(plan.Refs(in.Props().Out), boolean(i == 0), boolean(i == 1))
		u.Ins = append(u.Ins, calc(in, nil, es, nil, q.Pos()))
	}
	g := &plan.GroupAgg{Input: plan.New(u, q.Pos())}
	for i := range n {
		g.Keys = append(g.Keys, i)
	}
	for i := range 2 {
		g.Aggs = append(g.Aggs, plan.AggCall{Func: "COUNT", Filter: n + i, T: types.Of(types.BigInt).AsNotNull(), Name: "$in" + itoa(i)})
	}
	plan.New(g, q.Pos())
	out := plan.Refs(g.P.Out)
	zero := &plan.Literal{Value: int64(0), T: types.Of(types.BigInt).AsNotNull()}
	compare := func(op string, e plan.Expr) plan.Expr {
		return &plan.Call{Func: op, Args: []plan.Expr{e, zero}, T: types.Of(types.Boolean).AsNotNull()}
	}
	second := compare(">", out[n+1])
	if q.Op == "EXCEPT" {
		second = compare("=", out[n+1])
	}
	c := calc(g, plan.And(compare(">", out[n]), second), out[:n], nil, q.Pos())
	r := relOf(c, "")
	for i := range r.fields {
		r.fields[i].name = x.fields[i].name
	}
	return r
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
