package bind

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/function"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

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

// truth is TRUE, FALSE, or with nil the unknown.
func truth(v any) plan.Expr {
	return &plan.Literal{Value: v, T: types.Of(types.Boolean).WithNull(v == nil)}
}

func isNull(e plan.Expr) plan.Expr {
	return &plan.Call{Func: "IS NULL", Args: []plan.Expr{e}, T: types.Of(types.Boolean).AsNotNull()}
}
