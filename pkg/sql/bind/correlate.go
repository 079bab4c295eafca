package bind

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// correlated tells whether an item of FROM is computed from the row at its left.
func (b *Binder) correlated(t ast.TableRef) bool {
	switch t := t.(type) {
	case *ast.Unnest:
		return true
	case *ast.Derived:
		return t.Lateral
	case *ast.TableFunc:
		return b.tableFunction(t) != nil
	}
	return false
}

// nothing is one row without columns, the left side of what stands alone.
func nothing(pos ast.Pos) *rel {
	return &rel{node: plan.New(&plan.Values{Rows: [][]plan.Expr{{}}}, pos)}
}

// correlate binds left JOIN UNNEST(…) [WITH ORDINALITY] and left JOIN LATERAL (query over it).
func (b *Binder) correlate(j *ast.Join, left *rel, with *ctes) *rel {
	if j.Kind == ast.RightJoin || j.Kind == ast.FullJoin {
		b.remedy(j.Right.Pos(), "write CROSS JOIN, INNER JOIN or LEFT JOIN", "what is computed from the left row cannot be the right side of a %s join", joinKinds[j.Kind])
		return nil
	}
	switch t := j.Right.(type) {
	case *ast.Unnest:
		return b.correlateCond(b.unnest(left, t), j, left)
	case *ast.TableFunc:
		return b.correlateCond(b.correlateFunction(left, t, b.tableFunction(t)), j, left)
	case *ast.Derived:
		if overUnnest(t.Query) {
			return b.lateral(j, left, t)
		}
		return b.lateralQuery(j, left, t, with)
	}
	return nil
}

// correlateCond sets the kind and the condition of the join that r, made of left, stands for.
func (b *Binder) correlateCond(r *rel, j *ast.Join, left *rel) *rel {
	if r == nil {
		return nil
	}
	n := r.node.(*plan.Correlate)
	n.Left = j.Kind == ast.LeftJoin
	plan.Derive(n, false)
	if cond := b.joinCondition(j, r, len(left.fields)); cond != nil {
		if l, ok := cond.(*plan.Literal); !ok || l.Value != true {
			n.Cond = cond
		}
	}
	return r
}

// unnest binds UNNEST(x) over left's rows.
func (b *Binder) unnest(left *rel, t *ast.Unnest) *rel {
	if len(t.Exprs) != 1 {
		b.remedy(t.Pos(), "join one UNNEST after the other, or UNNEST an array of rows", "UNNEST takes one collection, %d are given", len(t.Exprs))
		return nil
	}
	before := len(b.errs)
	x := b.expr(&scope{rel: left, clause: "UNNEST"}, t.Exprs[0])
	if len(b.errs) > before {
		return nil
	}
	cols, ok := unnested(x.Type())
	if !ok {
		b.remedy(t.Exprs[0].Pos(), "", "UNNEST wants an ARRAY, a MULTISET or a MAP, %s is %s", x, x.Type())
		return nil
	}
	if len(cols) == 1 && cols[0].Name == "" {
		cols[0].Name = "EXPR$0"
		if t.Alias != nil {
			cols[0].Name = t.Alias.Name.Name
		}
	}
	if t.WithOrdinality {
		cols = append(cols, plan.Column{Name: "ORDINALITY", Type: types.Of(types.Int).AsNotNull()})
	}
	return b.correlateOver(left, &plan.Correlate{Func: plan.Unnest, Args: []plan.Expr{x}, Ordinality: t.WithOrdinality, Result: cols}, t.Pos(), t.Alias)
}

// correlateOver completes n over left: all columns of both.
func (b *Binder) correlateOver(left *rel, n *plan.Correlate, pos ast.Pos, a *ast.TableAlias) *rel {
	n.Input = left.node
	for i := range left.out() {
		n.Keep = append(n.Keep, i)
	}
	right := &rel{}
	for i, c := range n.Result {
		n.Columns = append(n.Columns, i)
		right.fields = append(right.fields, field{name: c.Name})
	}
	return both(plan.New(n, pos), left, alias(b, right, a, ""))
}

// unnested are the columns that UNNEST makes of a collection; the name of a single one is its user's choice.
func unnested(t types.Type) (plan.Schema, bool) {
	switch t.Kind {
	case types.Array, types.Multiset:
		if t.Elem.Kind != types.Row {
			return plan.Schema{{Type: *t.Elem}}, true
		}
		var cols plan.Schema
		for _, f := range t.Elem.Fields {
			cols = append(cols, plan.Column{Name: f.Name, Type: f.Type})
		}
		return cols, true
	case types.Map:
		return plan.Schema{{Name: "KEY", Type: *t.Key}, {Name: "VALUE", Type: *t.Elem}}, true
	}
	return nil, false
}

// own hides of r's first n fields those that a later field has the name of.
func own(r *rel, n int) *rel {
	out := &rel{node: r.node, fields: slices.Clone(r.fields)}
	for i := range out.fields[:n] {
		out.fields[i].hidden = out.fields[i].hidden || slices.ContainsFunc(out.fields[n:], func(f field) bool { return f.name == out.fields[i].name })
	}
	return out
}

// overUnnest tells whether q reads UNNEST alone.
func overUnnest(q *ast.Query) bool {
	s, ok := q.Body.(*ast.Select)
	if !ok {
		return false
	}
	_, ok = s.From.(*ast.Unnest)
	return ok
}

// lateral binds left JOIN LATERAL (SELECT … FROM UNNEST(…) [WHERE …]), whose query may name left's columns.
func (b *Binder) lateral(j *ast.Join, left *rel, t *ast.Derived) *rel {
	refuse := func(p ast.Pos) *rel {
		b.remedy(p, "write LATERAL (SELECT … FROM UNNEST(…) WHERE …)", "a LATERAL query over UNNEST can be a projection and filter only")
		return nil
	}
	q := t.Query
	s, ok := q.Body.(*ast.Select)
	if !ok || len(q.With) > 0 || len(q.OrderBy) > 0 || q.Limit != nil || q.Offset != nil || s.Distinct || s.GroupBy != nil || s.Having != nil || b.hasAggregate(s) {
		return refuse(t.Pos())
	}
	u, ok := s.From.(*ast.Unnest)
	if !ok {
		return refuse(s.Pos())
	}
	inner := b.unnest(left, u)
	if inner == nil {
		return nil
	}
	n := inner.node.(*plan.Correlate)
	n.Left = j.Kind == ast.LeftJoin
	plan.Derive(n, false)
	if s.Where != nil {
		n.Cond = b.condition(&scope{rel: own(inner, len(left.fields)), clause: "WHERE"}, s.Where)
	}
	nl := len(left.fields)
	// The query's own columns hide left's of the same name; * means them alone.
	sc := &scope{rel: own(inner, nl), clause: "SELECT"}
	es, names := plan.Refs(inner.out()[:nl]), []string(nil)
	for _, c := range inner.out()[:nl] {
		names = append(names, c.Name)
	}
	right := &rel{}
	for _, it := range b.items(sc, s) {
		if ref, ok := it.e.(*plan.ColRef); ok && it.x == nil && ref.Index < nl {
			continue
		}
		if n.Left {
			if _, ok := it.e.(*plan.ColRef); !ok {
				b.remedy(t.Pos(), "compute it in the outer SELECT", "a LEFT JOIN LATERAL query can select columns only")
				return nil
			}
		}
		es, names = append(es, it.e), append(names, it.name)
		right.fields = append(right.fields, field{name: it.name})
	}
	out := both(calc(inner.node, nil, es, names, t.Pos()), left, alias(b, right, t.Alias, ""))
	if cond := b.joinCondition(j, out, nl); cond != nil {
		if l, ok := cond.(*plan.Literal); ok && l.Value == true {
			return out
		}
		if n.Left {
			b.remedy(t.Pos(), "put the condition into the query's WHERE", "LEFT JOIN LATERAL (…) takes ON TRUE only")
			return nil
		}
		return &rel{node: calc(out.node, cond, plan.Refs(out.out()), nil, t.Pos()), fields: out.fields}
	}
	return out
}
