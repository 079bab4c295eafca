package bind

import (
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/function"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// item is one bound select item.
type item struct {
	x    ast.Expr // nil for a column of *
	e    plan.Expr
	name string
}

func (b *Binder) selectBody(q *ast.Select, with *ctes) *rel {
	corr := b.corr
	b.corr = nil
	var r *rel
	if q.From == nil {
		one := plan.New(&plan.Values{Rows: [][]plan.Expr{{}}}, q.Pos())
		r = &rel{node: one}
	} else if r = b.from(q.From, with); r == nil {
		return nil
	}
	b.stateHints(r, q.Hints)
	if q.Where != nil {
		r = &rel{node: r.node, fields: r.fields} // subqueries add to it
		r = b.where(r, q.Where, &scope{rel: r, clause: "WHERE", subs: &subqueries{}, corr: corr, with: with})
	}
	r = &rel{node: r.node, fields: r.fields}
	s := &scope{rel: r, clause: "SELECT", over: &overs{named: q.Windows}, subs: &subqueries{}, corr: corr, with: with}
	if q.GroupBy != nil || q.Having != nil || b.hasAggregate(q) {
		s.agg = b.groupBy(r, q, with)
	}
	items := b.items(s, q)
	var having plan.Expr
	if q.Having != nil {
		hs := *s
		hs.clause, hs.over = "HAVING", nil
		having = b.condition(&hs, q.Having)
	}
	if corr != nil {
		if items = b.exposeCorrelation(s, corr, items); items == nil {
			return nil
		}
	}
	es := make([]plan.Expr, len(items))
	names := make([]string, len(items))
	for i, it := range items {
		es[i], names[i] = it.e, it.name
	}
	node := r.node
	if s.agg != nil {
		var rewrite func(plan.Expr) plan.Expr
		node, rewrite = b.aggregate(s.agg, q)
		for i := range es {
			es[i] = rewrite(es[i])
		}
		s.over.rewrite(rewrite)
		for _, sub := range s.subs.list {
			sub.rewrite(rewrite)
		}
		having = rewrite(having)
		b.stateHints(&rel{node: node}, q.Hints)
	}
	if len(s.subs.list) > 0 {
		joined := relOf(node, "")
		having = b.resolve(joined, s.subs, having)
		for i := range es {
			es[i] = b.resolve(joined, s.subs, es[i])
		}
		node = joined.node
	}
	if having != nil {
		node = calc(node, having, plan.Refs(node.Props().Out), nil, q.Having.Pos())
	}
	if len(s.over.calls) > 0 {
		var rewrite func(plan.Expr) plan.Expr
		node, rewrite = b.bindOvers(node, s.over)
		for i := range es {
			es[i] = rewrite(es[i])
		}
	}
	out := relOf(calc(node, nil, es, names, q.Pos()), "")
	for i := range out.fields {
		out.fields[i].name = names[i]
	}
	if q.Distinct {
		return b.distinct(out, q.Pos())
	}
	return out
}

// condition binds a predicate.
func (b *Binder) condition(s *scope, x ast.Expr) plan.Expr {
	e := b.expr(s, x)
	if k := e.Type().Kind; k != types.Boolean && k != types.Null {
		b.errorf(x.Pos(), "%s wants a BOOLEAN, this is %s", s.clause, e.Type())
		return poison()
	}
	return function.Cast(e, types.Of(types.Boolean))
}

// items binds the select list, * expanded.
func (b *Binder) items(s *scope, q *ast.Select) []item {
	var out []item
	for _, it := range q.Items {
		if star, ok := it.X.(*ast.Star); ok {
			out = append(out, b.star(s, star)...)
			continue
		}
		e := b.expr(s, it.X)
		name := ""
		switch x := it.X.(type) {
		case *ast.Name:
			name = x.Last()
		case *ast.FieldAccess:
			if x.Field != nil {
				name = x.Field.Name
			}
		}
		if it.Alias != nil {
			name = it.Alias.Name
		}
		if name == "" {
			name = "EXPR$" + itoa(len(out))
		}
		out = append(out, item{x: it.X, e: e, name: name})
	}
	return out
}

func (b *Binder) star(s *scope, x *ast.Star) []item {
	var out []item
	qual := ""
	if x.Qualifier != nil {
		qual = x.Qualifier.Last()
	}
	for _, i := range s.rel.starOrder() {
		f := s.rel.fields[i]
		if qual == "" && !f.hidden || qual != "" && f.qual == qual {
			ref := s.ref(i)
			b.places[ref] = x.Pos()
			out = append(out, item{e: ref, name: f.name})
		}
	}
	if len(out) == 0 && qual != "" {
		return b.rowStar(s, x)
	}
	if len(out) == 0 {
		b.errorf(x.Pos(), "%s has no columns here", ast.String(x))
	}
	return out
}

// rowStar is r.*, the fields of a ROW column.
func (b *Binder) rowStar(s *scope, x *ast.Star) []item {
	before := len(b.errs)
	e := b.name(s, x.Qualifier)
	if len(b.errs) == before && e.Type().Kind != types.Row {
		b.errorf(x.Pos(), "%s is %s: only a table or a ROW has columns", ast.String(x), e.Type())
	}
	var out []item
	for _, f := range e.Type().Fields {
		out = append(out, item{e: b.path(e, []*ast.Ident{{Loc: ast.Loc{}, Name: f.Name}}), name: f.Name})
	}
	return out
}

// hasAggregate tells whether a SELECT without GROUP BY aggregates all rows.
func (b *Binder) hasAggregate(q *ast.Select) bool {
	found := false
	for _, it := range q.Items {
		ast.Walk(it.X, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Query:
				return false
			case *ast.FuncCall:
				found = found || n.Over == nil && b.isAggregate(n.FuncName())
			}
			return true
		})
	}
	return found
}

// placeholder stands in an expression for a value that a later node computes.
type placeholder struct {
	owner any // the aggregation or overs that it belongs to
	index int
	t     types.Type
	label string
}

func (p *placeholder) Type() types.Type { return p.t }
func (p *placeholder) String() string   { return p.label }
