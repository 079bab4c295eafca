package bind

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/function"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Subqueries become joins, by the rewriting that Calcite's SubQueryRemoveRule and RelDecorrelator do: IN and EXISTS as a part of WHERE are
// semi joins (NOT: anti joins); elsewhere, and as a scalar, a left join with the subquery grouped by what ties it to the outer row, so that
// each row meets one row at most.

// correlation is what a subquery's WHERE says of the outer query.
type correlation struct {
	outer *scope
	// preds are the conditions that name outer columns, over outerRefs and the columns of the subquery's result (those it needs are added
	// to the result behind the visible ones).
	preds []plan.Expr
	// visible is the number of columns that the subquery's own SELECT gives.
	visible int
	// empty is the value of each visible column for an outer row that finds no rows, when the subquery aggregates without GROUP BY; nil otherwise.
	empty []plan.Expr
	// exists: only whether there are rows matters, the SELECT list does not.
	exists bool
	// free: outer columns stand anywhere in the subquery as freeRefs; used are those it names.
	free bool
	used []*plan.ColRef
	// single: a free subquery gives one row at most for each outer row.
	single bool
}

// outerRef is a column of the outer query inside a subquery.
type outerRef struct{ ref *plan.ColRef }

func (o *outerRef) Type() types.Type { return o.ref.T }
func (o *outerRef) String() string   { return o.ref.String() }

func hasOuter(e plan.Expr) bool {
	found := false
	plan.Walk(e, func(x plan.Expr) bool {
		_, is := x.(*outerRef)
		found = found || is
		return !found
	})
	return found
}

// outerName resolves a name that the subquery itself does not have.
func (b *Binder) outerName(s *scope, n *ast.Name) (plan.Expr, bool) {
	if s.corr == nil {
		return nil, false
	}
	parts := n.Strings()
	for q := len(parts) - 1; q >= 0; q-- {
		qual := ""
		if q > 0 {
			qual = parts[q-1]
		}
		if found := s.corr.outer.find(qual, parts[q]); len(found) == 1 {
			if s.clause != "WHERE" {
				b.remedy(n.Pos(), "name it in the subquery's WHERE only", "column %s of the outer query cannot stand in %s of a subquery", n.Dotted(), s.clause)
				return poison(), true
			}
			ref := s.corr.outer.ref(found[0])
			b.places[ref] = n.Pos()
			return b.path(&outerRef{ref}, n.Parts[q+1:]), true
		}
	}
	return nil, false
}

// subqueries are the subqueries of a clause that stand as values; their placeholders are resolved by joins.
type subqueries struct {
	list []*subquery
}

type subquery struct {
	pos  ast.Pos
	rel  *rel
	corr *correlation
	kind string // "scalar", "exists", "in", or a comparison for ANY
	left []plan.Expr
	all  bool // op ALL, as NOT (negated op ANY)
	t    types.Type
}

// bindSub binds a subquery of s: with its ties to the outer row as conditions on its result where that works, else free. A value groups by its
// ties, so they must be equalities.
func (b *Binder) bindSub(s *scope, q *ast.Query, exists, value bool) (*rel, *correlation) {
	before := len(b.errs)
	r, c := b.lift(s, q, exists)
	plain := len(c.preds) == 0 || liftable(q) && !(value && slices.ContainsFunc(c.preds, func(p plan.Expr) bool {
		_, _, ok := correlatedEquality(p)
		return !ok
	}))
	if len(b.errs) == before && plain {
		return r, c
	}
	told := slices.Clone(b.errs[before:])
	b.errs = b.errs[:before]
	if r, c := b.bindFree(s, q); r != nil {
		return r, c
	}
	b.errs = append(b.errs, told...)
	return r, c
}

// liftable tells whether conditions of q's WHERE may be applied to its result instead.
func liftable(q *ast.Query) bool {
	for {
		if q.Limit != nil || q.Offset != nil {
			return false
		}
		switch body := q.Body.(type) {
		case *ast.Select:
			return true
		case *ast.Query:
			q = body
		default:
			return false
		}
	}
}

// lift binds a subquery of s whose outer columns stand in conditions of its WHERE only.
func (b *Binder) lift(s *scope, q *ast.Query, exists bool) (*rel, *correlation) {
	c := &correlation{outer: s, exists: exists}
	outer := b.corr
	b.corr = c
	r := b.query(q, s.with)
	taken := b.corr != c
	b.corr = outer
	if r == nil {
		return nil, c
	}
	if !taken || c.visible == 0 {
		c.visible = len(r.fields)
	}
	return r, c
}

// subValue binds a subquery that stands as a value, as a placeholder.
func (b *Binder) subValue(s *scope, pos ast.Pos, q *ast.Query, kind string, left []plan.Expr, all bool) plan.Expr {
	if s.subs == nil {
		b.remedy(pos, "join with it in FROM", "a subquery cannot stand in %s", s.clause)
		return poison()
	}
	before := len(b.errs)
	r, c := b.bindSub(s, q, kind == "exists", true)
	if r == nil || len(b.errs) > before {
		return poison()
	}
	sub := &subquery{pos: pos, rel: r, corr: c, kind: kind, left: left, all: all, t: types.Of(types.Boolean)}
	switch {
	case kind == "scalar" && c.visible != 1:
		b.errorf(pos, "a subquery that stands for a value gives one column, this one %d", c.visible)
		return poison()
	case kind == "scalar":
		sub.t = r.out()[0].Type.AsNullable()
	case kind == "exists":
		sub.t = sub.t.AsNotNull()
	default:
		if !b.comparable(pos, r, c, left) {
			return poison()
		}
	}
	s.subs.list = append(s.subs.list, sub)
	return &placeholder{owner: s.subs, index: len(s.subs.list) - 1, t: sub.t, label: "subquery"}
}

// comparable checks the columns of IN's subquery against its left side.
func (b *Binder) comparable(pos ast.Pos, r *rel, c *correlation, left []plan.Expr) bool {
	if len(left) != c.visible {
		b.errorf(pos, "IN compares %d values with the %d columns of the subquery", len(left), c.visible)
		return false
	}
	for i, l := range left {
		if _, ok := function.Comparable(l.Type(), r.out()[i].Type); !ok {
			b.errorf(pos, "IN cannot compare %s with %s", l.Type(), r.out()[i].Type)
			return false
		}
	}
	return true
}

// needles are the values on IN's left side.
func (b *Binder) needles(s *scope, x ast.Expr) []plan.Expr {
	if row, ok := x.(*ast.Row); ok {
		var out []plan.Expr
		for _, f := range row.Fields {
			out = append(out, b.expr(s, f.X))
		}
		return out
	}
	return []plan.Expr{b.expr(s, x)}
}

// where filters r by a WHERE condition; IN and EXISTS among its conjuncts become semi and anti joins.
func (b *Binder) where(r *rel, x ast.Expr, s *scope) *rel {
	var rest []plan.Expr
	for _, c := range conjuncts(x) {
		if b.semi(s, c) {
			continue
		}
		rest = append(rest, b.condition(s, c))
	}
	for i, c := range rest {
		rest[i] = b.resolve(r, s.subs, c)
	}
	var own []plan.Expr
	for _, e := range rest {
		for _, c := range plan.Conjuncts(e) {
			if hasOuter(c) {
				s.corr.preds = append(s.corr.preds, c)
			} else {
				own = append(own, c)
			}
		}
	}
	if len(own) == 0 {
		return r
	}
	return &rel{node: calc(r.node, plan.And(own...), plan.Refs(r.out()), nil, x.Pos()), fields: r.fields}
}

func conjuncts(x ast.Expr) []ast.Expr {
	if and, ok := x.(*ast.Binary); ok && and.Op == "AND" {
		return append(conjuncts(and.X), conjuncts(and.Y)...)
	}
	return []ast.Expr{x}
}

// semi joins s's rows with the subquery that the conjunct x is, if it is one.
func (b *Binder) semi(s *scope, x ast.Expr) bool {
	not := false
	for {
		u, ok := x.(*ast.Unary)
		if !ok || u.Op != "NOT" {
			break
		}
		not, x = !not, u.X
	}
	var q *ast.Query
	var left []plan.Expr
	switch x := x.(type) {
	case *ast.Exists:
		q = x.Query
	case *ast.In:
		if q = x.Query; q != nil {
			left, not = b.needles(s, x.X), not != x.Not
		}
	case *ast.Quantified:
		if x.Query != nil && (x.Op == "=" && !x.All || x.Op == "<>" && x.All) {
			q, left, not = x.Query, b.needles(s, x.X), not != x.All
		}
	}
	if q == nil {
		return false
	}
	for i, l := range left {
		left[i] = b.resolve(s.rel, s.subs, l)
	}
	before := len(b.errs)
	sub, c := b.bindSub(s, q, left == nil, false)
	if sub == nil || len(b.errs) > before || left != nil && !b.comparable(x.Pos(), sub, c, left) {
		return true
	}
	if c.free {
		if sub = b.untie(s.rel.node, sub, c, true, x.Pos()); sub == nil {
			return true
		}
	}
	if c.empty != nil && left == nil { // an aggregate over no rows is a row
		if not {
			s.rel.node = calc(s.rel.node, &plan.Literal{Value: false, T: types.Of(types.Boolean).AsNotNull()}, plan.Refs(s.rel.out()), nil, x.Pos())
		}
		return true
	}
	n := &plan.Join{Kind: plan.SemiJoin, Left: s.rel.node, Right: sub.node}
	if not {
		n.Kind = plan.AntiJoin
	}
	conds := b.joinPreds(s.rel, sub, c)
	var equal []plan.Expr
	for i, l := range left {
		eq, err := function.Binary("=", l, right(s.rel, sub, i))
		equal = append(equal, b.put(x.Pos(), eq, err))
	}
	if eq := plan.And(equal...); eq != nil && not && eq.Type().Nullable() {
		// NOT IN is true only when no comparison is true or unknown.
		conds = append(conds, &plan.Call{Func: "IS NOT FALSE", Args: []plan.Expr{eq}, T: types.Of(types.Boolean).AsNotNull()})
	} else {
		conds = append(conds, eq)
	}
	n.Cond = plan.And(conds...)
	s.rel.node = plan.New(n, x.Pos())
	return true
}

// right is the subquery's column i over the columns of the outer rows and the subquery's.
func right(outer, sub *rel, i int) *plan.ColRef {
	c := sub.out()[i]
	return &plan.ColRef{Index: len(outer.out()) + i, Name: c.Name, T: c.Type}
}

// joinPreds are the subquery's conditions on the outer row as conditions of a join of both.
func (b *Binder) joinPreds(outer, sub *rel, c *correlation) []plan.Expr {
	n := len(outer.out())
	var out []plan.Expr
	for _, p := range c.preds {
		out = append(out, plan.Rewrite(p, func(x plan.Expr) plan.Expr {
			switch x := x.(type) {
			case *outerRef:
				return x.ref
			case *plan.ColRef:
				return &plan.ColRef{Index: n + x.Index, Name: x.Name, T: x.T}
			}
			return nil
		}))
	}
	return out
}

// rewrite puts an aggregate's results into what the subquery sees of the outer row.
func (s *subquery) rewrite(f func(plan.Expr) plan.Expr) {
	for i := range s.left {
		s.left[i] = f(s.left[i])
	}
	for i, u := range s.corr.used {
		if ref, ok := f(u).(*plan.ColRef); ok {
			*u = *ref // freeRefs go on meaning it
		}
		s.corr.used[i] = u
	}
	for i, p := range s.corr.preds {
		s.corr.preds[i] = plan.Rewrite(p, func(x plan.Expr) plan.Expr {
			if o, ok := x.(*outerRef); ok {
				if ref, ok := f(o.ref).(*plan.ColRef); ok {
					return &outerRef{ref}
				}
			}
			return nil
		})
	}
}

// exposeCorrelation makes the inner columns of the conditions on the outer row columns of the subquery's result: as they are, or as group keys
// of an aggregate, which each outer row then has one group of.
func (b *Binder) exposeCorrelation(s *scope, c *correlation, items []item) []item {
	if c.exists && s.agg == nil {
		items = nil
	}
	c.visible = len(items)
	global := s.agg != nil && len(s.agg.keys) == 0 && s.agg.win == nil
	if global {
		for _, it := range items {
			c.empty = append(c.empty, b.ofNothing(s.agg, it.e))
		}
	}
	if len(c.preds) == 0 {
		if c.exists && s.agg == nil {
			items = []item{{e: &plan.Literal{Value: true, T: types.Of(types.Boolean).AsNotNull()}, name: "$any"}}
			c.visible = 1
		}
		return items
	}
	var exposed []plan.Expr
	add := func(e plan.Expr) plan.Expr {
		if s.agg != nil && !slices.ContainsFunc(s.agg.keys, func(k plan.Expr) bool { return plan.Equal(k, e) }) {
			s.agg.keys = append(s.agg.keys, e)
		}
		n := len(exposed)
		i := addExprs(&exposed, []plan.Expr{e})[0]
		if i == n {
			items = append(items, item{e: e, name: "$in" + itoa(i)})
		}
		return &plan.ColRef{Index: c.visible + i, T: e.Type()}
	}
	for n, p := range c.preds {
		in, out, ok := correlatedEquality(p)
		switch {
		case ok:
			eq := *p.(*plan.Call)
			eq.Args = []plan.Expr{add(in), outside(out)}
			c.preds[n] = &eq
		case s.agg != nil:
			b.remedy(b.placeOf(p), "compare with = only, or write a join", "an aggregating subquery is tied to the outer query by a condition that is no equality")
			return nil
		default:
			c.preds[n] = plan.Rewrite(p, func(x plan.Expr) plan.Expr {
				if ref, isRef := x.(*plan.ColRef); isRef {
					return add(ref)
				}
				return nil
			})
		}
	}
	if global {
		items = append(items, item{e: &plan.Literal{Value: true, T: types.Of(types.Boolean).AsNotNull()}, name: "$found"})
	}
	return items
}

// outside marks the columns of an expression over the outer rows again.
func outside(e plan.Expr) plan.Expr {
	return plan.Rewrite(e, func(x plan.Expr) plan.Expr {
		if ref, ok := x.(*plan.ColRef); ok {
			return &outerRef{ref}
		}
		return nil
	})
}

// placeOf is where some column of e stands in the text.
func (b *Binder) placeOf(e plan.Expr) (at ast.Pos) {
	plan.Walk(e, func(x plan.Expr) bool {
		if o, ok := x.(*outerRef); ok {
			x = o.ref
		}
		if p, ok := b.places[x]; ok {
			at = p
		}
		return true
	})
	return at
}

// ofNothing is the value of a select item over aggregates of no rows: COUNT gives zero, the others NULL.
func (b *Binder) ofNothing(a *aggregation, e plan.Expr) plan.Expr {
	return plan.Rewrite(e, func(x plan.Expr) plan.Expr {
		p, ok := x.(*placeholder)
		if !ok || p.owner != a {
			return nil
		}
		if zeroOfNothing(a.calls[p.index].fn) {
			return function.Cast(&plan.Literal{Value: int64(0), T: types.Of(types.BigInt).AsNotNull()}, p.t)
		}
		return &plan.Literal{T: p.t.AsNullable()}
	})
}
