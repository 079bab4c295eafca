package bind

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/function"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Subqueries that name outer columns elsewhere than in conditions of their WHERE, or compare them otherwise than with = below an aggregate, are
// computed for all values that the outer rows have in these columns: the distinct values, the domain, join with what the subquery reads, go
// with its rows, are keys of its aggregates and partitions of its ranks, and tie its result to the outer rows in the end (Neumann and
// Kemper, Unnesting Arbitrary Queries, BTW 2015).

// freeRef is a column of the query around owner, anywhere in owner's subquery.
type freeRef struct {
	owner *correlation
	ref   *plan.ColRef
}

func (f *freeRef) Type() types.Type { return f.ref.T }
func (f *freeRef) String() string   { return f.ref.String() }

// bindFree binds a subquery whose outer columns may stand anywhere; nil when it names none, or has another fault.
func (b *Binder) bindFree(s *scope, q *ast.Query) (*rel, *correlation) {
	c := &correlation{outer: s, free: true}
	corr, before := b.corr, len(b.errs)
	b.corr, b.free = nil, append(b.free, c)
	r := b.query(q, s.with)
	b.corr, b.free = corr, b.free[:len(b.free)-1]
	if r == nil || len(b.errs) > before || len(c.used) == 0 {
		b.errs = b.errs[:before]
		return nil, nil
	}
	c.visible = len(r.fields)
	return r, c
}

// freeName resolves a name in the queries around the subqueries that are bound free, the innermost first.
func (b *Binder) freeName(n *ast.Name) (plan.Expr, bool) {
	parts := n.Strings()
	for _, c := range slices.Backward(b.free) {
		for q := len(parts) - 1; q >= 0; q-- {
			qual := ""
			if q > 0 {
				qual = parts[q-1]
			}
			found := c.outer.find(qual, parts[q])
			if len(found) != 1 {
				continue
			}
			i := slices.IndexFunc(c.used, func(r *plan.ColRef) bool { return r.Index == found[0] })
			if i < 0 {
				i = len(c.used)
				c.used = append(c.used, c.outer.ref(found[0]))
			}
			ref := c.used[i]
			b.places[ref] = n.Pos()
			return b.path(&freeRef{c, ref}, n.Parts[q+1:]), true
		}
	}
	return nil, false
}

// apart runs f, which binds a named query, without the queries around.
func (b *Binder) apart(f func()) {
	corr, free := b.corr, b.free
	b.corr, b.free = nil, nil
	f()
	b.corr, b.free = corr, free
}

// untie computes a free subquery for the domain of the outer rows. The result has the domain's columns behind its own, and conditions in
// c.preds that tie them to the outer row. With exact an aggregate without GROUP BY gives its row for no rows too, as a value must.
func (b *Binder) untie(outer plan.Node, r *rel, c *correlation, exact bool, pos ast.Pos) *rel {
	es := make([]plan.Expr, len(c.used))
	for i, u := range c.used {
		es[i] = u
	}
	keys := make([]int, len(es))
	for i := range keys {
		keys[i] = i
	}
	d := &domain{b: b, owner: c, exact: exact, done: map[plan.Node]plan.Node{}, free: map[plan.Node]bool{}, pos: pos}
	c.single = slices.ContainsFunc(r.node.Props().Keys, func(k []int) bool { return len(k) == 0 })
	d.node = plan.New(&plan.GroupAgg{Input: calc(outer, nil, es, nil, pos), Keys: keys}, pos)
	n := d.push(r.node)
	if n == nil {
		return nil
	}
	out := &rel{node: n, fields: slices.Clone(r.fields)}
	at := len(n.Props().Out) - len(es)
	for i, u := range c.used {
		out.fields = append(out.fields, field{hidden: true})
		c.preds = append(c.preds, same(right(&rel{node: &plan.Values{}}, out, at+i), &outerRef{u}))
	}
	return out
}

// same compares two values, NULL with NULL too.
func same(x, y plan.Expr) plan.Expr {
	op := "="
	if x.Type().Nullable() || y.Type().Nullable() {
		op = "IS NOT DISTINCT FROM"
	}
	return &plan.Call{Func: op, Args: []plan.Expr{x, y}, T: types.Of(types.Boolean).AsNotNull()}
}

// domain rewrites the plan of a free subquery.
type domain struct {
	b     *Binder
	owner *correlation
	node  plan.Node // the distinct values of owner.used
	exact bool
	done  map[plan.Node]plan.Node
	free  map[plan.Node]bool
	pos   ast.Pos
}

func (d *domain) hasFree(es ...plan.Expr) bool {
	found := false
	for _, e := range es {
		plan.Walk(e, func(x plan.Expr) bool {
			f, is := x.(*freeRef)
			found = found || is && f.owner == d.owner
			return !found
		})
	}
	return found
}

// tied tells whether n or what it reads names outer columns.
func (d *domain) tied(n plan.Node) bool {
	if v, ok := d.free[n]; ok {
		return v
	}
	v := false
	switch n := n.(type) {
	case *plan.Calc:
		v = d.hasFree(n.Filter) || d.hasFree(n.Exprs...)
	case *plan.Join:
		v = d.hasFree(n.Cond)
	case *plan.LookupJoin:
		v = d.hasFree(n.Cond) || d.hasFree(n.KeyExprs...)
	case *plan.TemporalJoin:
		v = d.hasFree(n.Cond)
	case *plan.Correlate:
		v = d.hasFree(n.Cond) || d.hasFree(n.Args...)
	case *plan.Match:
		v = d.hasFree(n.Defines...) || d.hasFree(n.Measures...) || d.hasFree(n.AggArgs...)
	case *plan.Values:
		for _, r := range n.Rows {
			v = v || d.hasFree(r...)
		}
	}
	for _, in := range n.Inputs() {
		v = d.tied(in) || v
	}
	d.free[n] = v
	return v
}

// over puts the domain's columns, which begin at column at, in the place of outer ones.
func (d *domain) over(e plan.Expr, at int) plan.Expr {
	return plan.Rewrite(e, func(x plan.Expr) plan.Expr {
		f, ok := x.(*freeRef)
		if !ok || f.owner != d.owner {
			return nil
		}
		return d.column(slices.Index(d.owner.used, f.ref), at)
	})
}

func (d *domain) column(i, at int) plan.Expr {
	c := d.node.Props().Out[i]
	return &plan.ColRef{Index: at + i, Name: c.Name, T: c.Type}
}

func (d *domain) width() int { return len(d.owner.used) }

// columns are the domain's columns when they begin at column at.
func (d *domain) columns(at int) []int {
	out := make([]int, d.width())
	for i := range out {
		out[i] = at + i
	}
	return out
}

// push gives n's columns for every row of the domain, and the domain's behind them; nil after a fault.
func (d *domain) push(n plan.Node) plan.Node {
	if x, ok := d.done[n]; ok {
		return x
	}
	x := d.rewrite(n)
	d.done[n] = x
	return x
}

func (d *domain) rewrite(n plan.Node) plan.Node {
	if v, ok := n.(*plan.Values); ok && len(v.Rows) == 1 && len(v.Rows[0]) == 0 {
		return d.node
	}
	if !d.tied(n) {
		return plan.New(&plan.Join{Kind: plan.InnerJoin, Left: n, Right: d.node}, d.pos)
	}
	if j, ok := n.(*plan.Join); ok {
		return d.join(j)
	}
	if u, ok := n.(*plan.Union); ok {
		c := &plan.Union{}
		for _, in := range u.Ins {
			x := d.push(in)
			if x == nil {
				return nil
			}
			c.Ins = append(c.Ins, x)
		}
		return plan.New(c, u.P.Pos)
	}
	if len(n.Inputs()) != 1 {
		return d.refuse(n)
	}
	in := d.push(n.Inputs()[0])
	if in == nil {
		return nil
	}
	at := len(in.Props().Out) - d.width()
	switch n := n.(type) {
	case *plan.Calc:
		var es []plan.Expr
		names := n.P.Out.Names(nil)
		for i, e := range n.Exprs {
			es, names = append(es, d.over(e, at)), append(names, n.P.Out[i].Name)
		}
		for i := range d.width() {
			es, names = append(es, d.column(i, at)), append(names, "")
		}
		return calc(in, d.over(n.Filter, at), es, names, n.P.Pos)
	case *plan.GroupAgg:
		return d.aggregate(n, in, at)
	case *plan.Rank:
		c := *n
		c.Input, c.PartitionBy, c.Sorted = in, append(slices.Clone(n.PartitionBy), d.columns(at)...), false
		return d.last(plan.New(&c, n.P.Pos), n, at)
	case *plan.Over:
		c := *n
		c.Input, c.PartitionBy = in, append(slices.Clone(n.PartitionBy), d.columns(at)...)
		return d.last(plan.New(&c, n.P.Pos), n, at)
	case *plan.OverAgg:
		c := *n
		c.Input, c.PartitionBy = in, append(slices.Clone(n.PartitionBy), d.columns(at)...)
		return d.last(plan.New(&c, n.P.Pos), n, at)
	case *plan.Correlate:
		return d.correlate(n, in, at)
	case *plan.Sort:
		return in // of a subquery's rows the order does not matter
	}
	return d.refuse(n)
}

// correlate keeps the domain's columns beside those of n's input that n keeps.
func (d *domain) correlate(n *plan.Correlate, in plan.Node, at int) plan.Node {
	c := *n
	kept := len(n.Keep)
	c.P, c.Input, c.Keep, c.Args = plan.Props{}, in, append(slices.Clone(n.Keep), d.columns(at)...), nil
	for _, a := range n.Args {
		c.Args = append(c.Args, d.over(a, at))
	}
	moved := plan.Rewrite(n.Cond, func(x plan.Expr) plan.Expr {
		if r, ok := x.(*plan.ColRef); ok && r.Index >= kept {
			return &plan.ColRef{Index: r.Index + d.width(), Name: r.Name, T: r.T}
		}
		return nil
	})
	c.Cond = d.over(moved, kept)
	return d.last(plan.New(&c, n.P.Pos), n, kept)
}

func (d *domain) refuse(n plan.Node) plan.Node {
	d.b.remedy(d.pos, "write it as a join", "the subquery is tied to the outer query below %s, where it cannot be untied", n.Describe())
	return nil
}

// last moves the domain's columns, at column at of x, behind those of like, which x has around them.
func (d *domain) last(x, like plan.Node, at int) plan.Node {
	out := like.Props().Out
	var es []plan.Expr
	names := make([]string, len(out), len(out)+d.width())
	refs := plan.Refs(x.Props().Out)
	for i := range out {
		names[i] = out[i].Name
		if i >= at {
			i += d.width()
		}
		es = append(es, refs[i])
	}
	for i := range d.width() {
		es, names = append(es, refs[at+i]), append(names, "")
	}
	return calc(x, nil, es, names, like.Props().Pos)
}

// aggregate groups by the domain too. An aggregate without keys has a row for every row of the domain if exact.
func (d *domain) aggregate(n *plan.GroupAgg, in plan.Node, at int) plan.Node {
	g := *n
	g.Input, g.Keys = in, append(slices.Clone(n.Keys), d.columns(at)...)
	g.P = plan.Props{}
	x := d.last(plan.New(&g, n.P.Pos), n, len(n.Keys))
	if len(n.Keys) > 0 || !d.exact {
		return x
	}
	w, na := d.width(), len(n.Aggs)
	j := &plan.Join{Kind: plan.LeftJoin, Left: d.node, Right: x}
	var conds []plan.Expr
	for i := range w {
		conds = append(conds, same(d.column(i, 0), d.column(i, w+na)))
	}
	j.Cond = plan.And(conds...)
	refs := plan.Refs(plan.New(j, n.P.Pos).P.Out)
	var es []plan.Expr
	names := make([]string, na, na+w)
	for i, a := range n.Aggs {
		e, names2 := refs[w+i], a.Name
		if zeroOfNothing(a.Func) {
			var err error
			e, err = function.Call("COALESCE", []plan.Expr{e, function.Cast(&plan.Literal{Value: int64(0), T: types.Of(types.BigInt).AsNotNull()}, a.T.AsNotNull())})
			e = d.b.put(n.P.Pos, e, err)
		}
		es, names[i] = append(es, e), names2
	}
	for i := range w {
		es, names = append(es, refs[i]), append(names, "")
	}
	return calc(j, nil, es, names, n.P.Pos)
}

// zeroOfNothing tells whether an aggregate of no rows is 0; others are NULL.
func zeroOfNothing(fn string) bool {
	return fn == "COUNT" || fn == "SUM0" || fn == "APPROX_COUNT_DISTINCT"
}

// join brings the domain to the sides that name outer columns, to one at least whose rows all come out.
func (d *domain) join(n *plan.Join) plan.Node {
	onCond := d.hasFree(n.Cond)
	left, right := d.tied(n.Left), d.tied(n.Right)
	switch n.Kind {
	case plan.FullJoin:
		return d.refuse(n)
	case plan.RightJoin:
		right = true
	case plan.InnerJoin:
		left = left || onCond && !right
	default:
		left = true
	}
	c := &plan.Join{Kind: n.Kind, Left: n.Left, Right: n.Right, LeftTTL: n.LeftTTL, RightTTL: n.RightTTL}
	nl, nr := len(n.Left.Props().Out), len(n.Right.Props().Out)
	if left {
		c.Left = d.push(n.Left)
	}
	if right {
		c.Right = d.push(n.Right)
	}
	if c.Left == nil || c.Right == nil {
		return nil
	}
	wide := len(c.Left.Props().Out)
	at := nl // of the domain in the join's columns
	if !left || n.Kind == plan.RightJoin {
		at = wide + nr
	}
	cond := plan.Rewrite(d.over(n.Cond, -1<<20), func(x plan.Expr) plan.Expr {
		r, ok := x.(*plan.ColRef)
		if !ok {
			return nil
		}
		m := *r
		switch {
		case r.Index < 0:
			m.Index += 1<<20 + at
		case r.Index >= nl:
			m.Index += wide - nl
		}
		return &m
	})
	conds := []plan.Expr{cond}
	if left && right {
		for i := range d.width() {
			conds = append(conds, same(d.column(i, nl), d.column(i, wide+nr)))
		}
	}
	c.Cond = plan.And(conds...)
	plan.New(c, n.P.Pos)
	refs := plan.Refs(c.P.Out)
	es := slices.Clone(refs[:nl])
	if n.Kind != plan.SemiJoin && n.Kind != plan.AntiJoin {
		es = append(es, refs[wide:wide+nr]...)
	}
	names := make([]string, len(es), len(es)+d.width())
	for i := range es {
		names[i] = n.P.Out[i].Name
	}
	for i := range d.width() {
		es, names = append(es, refs[at+i]), append(names, "")
	}
	return calc(c, nil, es, names, n.P.Pos)
}

// lateralQuery joins left with a subquery that may name its columns: [CROSS | INNER | LEFT] JOIN LATERAL (…), or a comma.
func (b *Binder) lateralQuery(j *ast.Join, left *rel, t *ast.Derived, with *ctes) *rel {
	kind := joinKinds[j.Kind]
	if kind != plan.InnerJoin && kind != plan.LeftJoin {
		b.remedy(t.Pos(), "write JOIN LATERAL or LEFT JOIN LATERAL", "a subquery that names the columns of the other side cannot be the right of a %s join", kind)
		return nil
	}
	s := &scope{rel: left, clause: "FROM", with: with}
	before := len(b.errs)
	sub, c := b.bindSub(s, t.Query, false, kind == plan.LeftJoin)
	if sub == nil || len(b.errs) > before {
		return nil
	}
	if kind == plan.LeftJoin && c.empty != nil && len(c.preds) > 0 { // COUNT of no rows is zero
		if r, f := b.bindFree(s, t.Query); r != nil {
			sub, c = r, f
		}
	}
	if c.free {
		if sub = b.untie(left.node, sub, c, kind == plan.LeftJoin, t.Pos()); sub == nil {
			return nil
		}
	}
	n := &plan.Join{Kind: kind, Left: left.node, Right: sub.node}
	plan.New(n, t.Pos())
	visible := alias(b, &rel{node: sub.node, fields: sub.fields[:c.visible]}, t.Alias, "")
	r := both(n, left, visible)
	ties := b.joinPreds(left, sub, c)
	n.Cond = plan.And(append(ties, b.joinCondition(j, r, len(left.fields)))...)
	for range sub.fields[c.visible:] {
		r.fields = append(r.fields, field{hidden: true})
	}
	plan.Derive(n, false)
	return r
}
