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

// resolve joins r with the subqueries of list and puts their values into e. R gains columns; those it had keep their places.
func (b *Binder) resolve(r *rel, list *subqueries, e plan.Expr) plan.Expr {
	if list == nil || e == nil {
		return e
	}
	return plan.Rewrite(e, func(x plan.Expr) plan.Expr {
		p, ok := x.(*placeholder)
		if !ok || p.owner != list {
			return nil
		}
		s := list.list[p.index]
		if s.corr.free {
			if s.rel = b.untie(r.node, s.rel, s.corr, true, s.pos); s.rel == nil {
				return poison()
			}
		}
		switch s.kind {
		case "scalar":
			return b.scalar(r, s)
		case "exists":
			return b.existence(r, s)
		case "=":
			return b.membership(r, s)
		}
		return b.anyValue(r, s)
	})
}

// attach left-joins r with the subquery's rows, which are one at most for a row of r, and gives how to read the joined columns.
func (b *Binder) attach(r, sub *rel, conds []plan.Expr, pos ast.Pos) func(int) plan.Expr {
	n := len(r.out())
	j := &plan.Join{Kind: plan.LeftJoin, Left: r.node, Right: sub.node, Cond: plan.And(conds...)}
	r.node = plan.New(j, pos)
	for range sub.out() {
		r.fields = append(r.fields[:len(r.fields):len(r.fields)], field{hidden: true})
	}
	out := r.out()
	return func(i int) plan.Expr { return &plan.ColRef{Index: n + i, Name: out[n+i].Name, T: out[n+i].Type} }
}

// keyed groups the subquery's rows by what ties them to the outer row: the result is its keys, then the aggregates over it. Conds ties outer
// rows to the groups.
func (b *Binder) keyed(r *rel, s *subquery, extra []int, aggs []plan.AggCall) (grouped *rel, conds []plan.Expr, ok bool) {
	var all, outer []plan.Expr
	var keys []int
	for _, p := range s.corr.preds {
		in, out, isEq := correlatedEquality(p)
		if !isEq {
			b.remedy(s.pos, "compare with = only, or write a join", "the subquery is tied to the outer query by a condition that is no equality")
			return nil, nil, false
		}
		keys = append(keys, addExprs(&all, []plan.Expr{in})[0])
		outer = append(outer, out)
	}
	nkeys := len(keys)
	for _, c := range extra {
		keys = append(keys, addExprs(&all, []plan.Expr{plan.Refs(s.rel.out())[c]})[0])
	}
	for i, a := range aggs {
		var args []plan.Expr
		for _, c := range a.Args {
			args = append(args, plan.Refs(s.rel.out())[c])
		}
		aggs[i].Args, aggs[i].Filter = addExprs(&all, args), -1
	}
	if len(all) == 0 {
		all = []plan.Expr{&plan.Literal{Value: true, T: types.Of(types.Boolean).AsNotNull()}}
	}
	g := &plan.GroupAgg{Input: calc(s.rel.node, nil, all, nil, s.pos), Keys: keys, Aggs: aggs}
	grouped = relOf(plan.New(g, s.pos), "")
	for i := range nkeys {
		eq, err := function.Binary(s.corr.preds[i].(*plan.Call).Func, outer[i], right(r, grouped, i))
		conds = append(conds, b.put(s.pos, eq, err))
	}
	return grouped, conds, true
}

// correlatedEquality splits inner = outer, or inner IS NOT DISTINCT FROM outer.
func correlatedEquality(p plan.Expr) (in, out plan.Expr, ok bool) {
	c, isCall := p.(*plan.Call)
	if !isCall || c.Func != "=" && c.Func != "IS NOT DISTINCT FROM" {
		return nil, nil, false
	}
	pure := func(e plan.Expr) bool { return hasOuter(e) && len(plan.Columns(e)) == 0 }
	for i := range 2 {
		if in, out = c.Args[1-i], c.Args[i]; pure(out) && !hasOuter(in) {
			return in, plan.Rewrite(out, func(x plan.Expr) plan.Expr {
				if o, is := x.(*outerRef); is {
					return o.ref
				}
				return nil
			}), true
		}
	}
	return nil, nil, false
}

// scalar is the value of a subquery of one column and at most one row.
func (b *Binder) scalar(r *rel, s *subquery) plan.Expr {
	c := s.corr
	single := c.single || slices.ContainsFunc(s.rel.node.Props().Keys, func(k []int) bool {
		return !slices.ContainsFunc(k, func(i int) bool { return !tied(c.preds, i) })
	})
	if single {
		at := b.attach(r, s.rel, b.joinPreds(r, s.rel, c), s.pos)
		if c.empty == nil || len(c.preds) == 0 {
			return at(0)
		}
		// An outer row without partner sees the aggregate of no rows, COUNT's zero for one. The marker is the subquery's last column.
		found := &plan.Call{Func: "IS NOT NULL", Args: []plan.Expr{at(len(s.rel.fields) - 1)}, T: types.Of(types.Boolean).AsNotNull()}
		e, err := function.Case([]plan.Expr{found}, []plan.Expr{at(0)}, c.empty[0])
		return b.put(s.pos, e, err)
	}
	t := s.rel.out()[0].Type.AsNullable()
	grouped, conds, ok := b.keyed(r, s, nil, []plan.AggCall{{Func: "SINGLE_VALUE", Args: []int{0}, T: t, Name: "$value"}})
	if !ok {
		return poison()
	}
	return b.attach(r, grouped, conds, s.pos)(len(grouped.fields) - 1)
}

// tied tells whether column i of the subquery is fixed by the outer row.
func tied(preds []plan.Expr, i int) bool {
	return slices.ContainsFunc(preds, func(p plan.Expr) bool {
		in, _, ok := correlatedEquality(p)
		ref, isRef := in.(*plan.ColRef)
		return ok && isRef && ref.Index == i
	})
}

// counts left-joins r with the number of the subquery's rows, and of those without NULL in the first column.
func (b *Binder) counts(r *rel, s *subquery) (all, known plan.Expr, ok bool) {
	big := types.Of(types.BigInt).AsNotNull()
	aggs := []plan.AggCall{{Func: "COUNT", T: big, Name: "$rows"}}
	if s.kind != "exists" {
		aggs = append(aggs, plan.AggCall{Func: "COUNT", Args: []int{0}, T: big, Name: "$known"})
	}
	grouped, conds, ok := b.keyed(r, s, nil, aggs)
	if !ok {
		return nil, nil, false
	}
	n := len(grouped.fields) - len(aggs)
	at := b.attach(r, grouped, conds, s.pos)
	return at(n), at(len(grouped.fields) - 1), true
}

func (b *Binder) existence(r *rel, s *subquery) plan.Expr {
	rows, _, ok := b.counts(r, s)
	if !ok {
		return poison()
	}
	zero := &plan.Literal{Value: int64(0), T: types.Of(types.BigInt).AsNotNull()}
	some, err := function.Binary(">", rows, zero)
	some = b.put(s.pos, some, err)
	return &plan.Call{Func: "IS TRUE", Args: []plan.Expr{some}, T: types.Of(types.Boolean).AsNotNull()}
}

// membership is IN (subquery) in three-valued logic.
func (b *Binder) membership(r *rel, s *subquery) plan.Expr {
	var cols []int
	for i := range s.left {
		cols = append(cols, i)
	}
	groups, conds, ok := b.keyed(r, s, cols, nil)
	if !ok {
		return poison()
	}
	n := len(groups.fields) - len(cols)
	for i, l := range s.left {
		eq, err := function.Binary("=", l, right(r, groups, n+i))
		conds = append(conds, b.put(s.pos, eq, err))
	}
	at := b.attach(r, groups, conds, s.pos)
	found := at(n)
	var rows, known plan.Expr
	if len(s.left) == 1 {
		if rows, known, ok = b.counts(r, s); !ok {
			return poison()
		}
	}
	truth := func(v any) plan.Expr { return &plan.Literal{Value: v, T: types.Of(types.Boolean).WithNull(v == nil)} }
	isNull := func(e plan.Expr) plan.Expr {
		return &plan.Call{Func: "IS NULL", Args: []plan.Expr{e}, T: types.Of(types.Boolean).AsNotNull()}
	}
	notNull := &plan.Call{Func: "IS NOT NULL", Args: []plan.Expr{found}, T: types.Of(types.Boolean).AsNotNull()}
	if rows == nil {
		e, err := function.Case([]plan.Expr{notNull}, []plan.Expr{truth(true)}, truth(false))
		return b.put(s.pos, e, err)
	}
	less, err := function.Binary("<", known, rows)
	less = b.put(s.pos, less, err)
	e, err := function.Case([]plan.Expr{isNull(rows), none(rows), notNull, isNull(s.left[0]), less},
		[]plan.Expr{truth(false), truth(false), truth(true), truth(nil), truth(nil)}, truth(false))
	return b.put(s.pos, e, err)
}

// none is rows = 0.
func none(rows plan.Expr) plan.Expr {
	return &plan.Call{Func: "=", Args: []plan.Expr{rows, &plan.Literal{Value: int64(0), T: types.Of(types.BigInt).AsNotNull()}}, T: types.Of(types.Boolean).WithNull(rows.Type().Nullable())}
}

// anyValue is x op ANY (subquery) for an order, by the least or greatest value; op ALL is NOT (negated op ANY).
func (b *Binder) anyValue(r *rel, s *subquery) plan.Expr {
	op := s.kind
	fn := map[string]string{">": "MIN", ">=": "MIN", "<": "MAX", "<=": "MAX"}[op]
	if fn == "" {
		b.remedy(s.pos, "write IN, NOT IN, or a join", "%s with ANY or ALL of a subquery is not supported", op)
		return poison()
	}
	big := types.Of(types.BigInt).AsNotNull()
	aggs := []plan.AggCall{{Func: "COUNT", T: big, Name: "$rows"}, {Func: "COUNT", Args: []int{0}, T: big, Name: "$known"},
		{Func: fn, Args: []int{0}, T: s.rel.out()[0].Type.AsNullable(), Name: "$bound"}}
	grouped, conds, ok := b.keyed(r, s, nil, aggs)
	if !ok {
		return poison()
	}
	n := len(grouped.fields) - 3
	at := b.attach(r, grouped, conds, s.pos)
	truth := func(v any) plan.Expr { return &plan.Literal{Value: v, T: types.Of(types.Boolean).WithNull(v == nil)} }
	isNull := func(e plan.Expr) plan.Expr {
		return &plan.Call{Func: "IS NULL", Args: []plan.Expr{e}, T: types.Of(types.Boolean).AsNotNull()}
	}
	hit, err := function.Binary(op, s.left[0], at(n+2))
	hit = b.put(s.pos, hit, err)
	less, err := function.Binary("<", at(n+1), at(n))
	less = b.put(s.pos, less, err)
	e, err := function.Case([]plan.Expr{isNull(at(n)), none(at(n)), isNull(s.left[0]), hit, less}, []plan.Expr{truth(false), truth(false), truth(nil), truth(true), truth(nil)}, truth(false))
	e = b.put(s.pos, e, err)
	if s.all {
		e, err = function.Not(e)
		e = b.put(s.pos, e, err)
	}
	return e
}

// quantified binds x op ANY|ALL (list or subquery).
func (b *Binder) quantified(s *scope, x *ast.Quantified) plan.Expr {
	if x.Query == nil {
		var terms []plan.Expr
		left := b.expr(s, x.X)
		for _, l := range x.List {
			e, err := function.Binary(x.Op, left, b.expr(s, l))
			terms = append(terms, b.put(x.Pos(), e, err))
		}
		fn, nullable := "OR", false
		if x.All {
			fn = "AND"
		}
		for _, t := range terms {
			nullable = nullable || t.Type().Nullable()
		}
		if len(terms) == 1 {
			return terms[0]
		}
		return &plan.Call{Func: fn, Args: terms, T: types.Of(types.Boolean).WithNull(nullable)}
	}
	left := b.needles(s, x.X)
	switch {
	case x.Op == "=" && !x.All:
		return b.subValue(s, x.Pos(), x.Query, "=", left, false)
	case x.Op == "<>" && x.All:
		return b.negate(true, b.subValue(s, x.Pos(), x.Query, "=", left, false))
	}
	op := x.Op
	if x.All {
		op = map[string]string{"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "<>", "<>": "="}[op]
	}
	return b.subValue(s, x.Pos(), x.Query, op, left, x.All)
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
