package bind

import (
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/function"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

var joinKinds = map[ast.JoinKind]plan.JoinKind{ast.InnerJoin: plan.InnerJoin, ast.LeftJoin: plan.LeftJoin, ast.RightJoin: plan.RightJoin,
	ast.FullJoin: plan.FullJoin, ast.CrossJoin: plan.InnerJoin, ast.CommaJoin: plan.InnerJoin}

func (b *Binder) join(j *ast.Join, with *ctes) *rel {
	left := b.from(j.Left, with)
	if t, ok := j.Right.(*ast.TableName); ok && t.AsOf != nil {
		if left == nil {
			return nil
		}
		return b.asOf(j, left, t, with)
	}
	if b.correlated(j.Right) {
		if left == nil {
			return nil
		}
		return b.correlate(j, left, with)
	}
	right := b.from(j.Right, with)
	if left == nil || right == nil {
		return nil
	}
	kind := joinKinds[j.Kind]
	n := plan.New(&plan.Join{Kind: kind, Left: left.node, Right: right.node}, j.Right.Pos())
	r := both(n, left, right)
	n.Cond = b.joinCondition(j, r, len(left.fields))
	if kind == plan.RightJoin || kind == plan.FullJoin {
		return b.mergeUsing(r, len(left.fields), j.Right.Pos())
	}
	return r
}

// mergeUsing gives a USING column of a right or full join the value of the side that has one, in front of the others.
func (b *Binder) mergeUsing(r *rel, nleft int, pos ast.Pos) *rel {
	s := &scope{rel: r}
	var es []plan.Expr
	var names []string
	var fields []field
	rest := slices.Clone(r.fields)
	for i, f := range r.fields[nleft:] {
		left := slices.IndexFunc(r.fields[:nleft], func(l field) bool { return l.name == f.name && !l.hidden })
		if !f.hidden || left < 0 {
			continue
		}
		e, err := function.Call("COALESCE", []plan.Expr{s.ref(left), s.ref(nleft + i)})
		es, names = append(es, b.put(pos, e, err)), append(names, f.name)
		fields = append(fields, field{name: f.name})
		rest[left].hidden = true
	}
	if es == nil {
		return r
	}
	es = append(es, plan.Refs(r.out())...)
	for _, c := range r.out() {
		names = append(names, c.Name)
	}
	return &rel{node: calc(r.node, nil, es, names, pos), fields: append(fields, rest...)}
}

// both gives the columns of a join of left and right.
func both(n plan.Node, left, right *rel) *rel {
	r := &rel{node: n}
	r.fields = append(append(r.fields, left.fields...), right.fields...)
	if slices.ContainsFunc(r.fields, func(f field) bool { return f.star != 0 }) {
		order := left.starOrder()
		for _, i := range right.starOrder() {
			order = append(order, len(left.fields)+i)
		}
		r.number(order)
	}
	return r
}

// joinCondition binds ON or USING over r, whose first nleft columns are the left side's.
func (b *Binder) joinCondition(j *ast.Join, r *rel, nleft int) plan.Expr {
	if j.On != nil {
		return b.condition(&scope{rel: r, clause: "ON"}, j.On)
	}
	names := j.Using
	if j.Natural {
		for _, f := range r.fields[nleft:] {
			for _, l := range r.fields[:nleft] {
				if l.name == f.name && !l.hidden {
					names = append(names, &ast.Ident{Loc: j.Loc, Name: f.name})
				}
			}
		}
	}
	s := &scope{rel: r}
	var conds []plan.Expr
	var used []int
	for _, n := range names {
		l, rt := -1, -1
		for i, f := range r.fields {
			if f.name == n.Name && !f.hidden {
				if i < nleft {
					l = i
				} else {
					rt = i
				}
			}
		}
		if l < 0 || rt < 0 {
			b.errorf(n.Pos(), "column %s of USING is not on both sides", n.Name)
			continue
		}
		eq, err := function.Binary("=", s.ref(l), s.ref(rt))
		conds = append(conds, b.put(n.Pos(), eq, err))
		r.fields[rt].hidden = true
		used = append(used, l)
	}
	if len(used) > 0 {
		r.usingFirst(used)
	}
	return plan.And(conds...)
}

// lookupJoin binds left JOIN t FOR SYSTEM_TIME AS OF left.proctime ON ….
func (b *Binder) lookupJoin(j *ast.Join, left *rel, t *ast.TableName) *rel {
	name := b.key(t.Name)
	table := b.tables[name]
	if table == nil {
		if b.views[name] != nil {
			b.remedy(t.Pos(), "join it by event time", "%s is a view: a join by processing time wants a table that can be looked up", name)
			return nil
		}
		b.remedy(t.Name.Pos(), fault.DidYouMean(name, b.relations()), "table %s does not exist", name)
		return nil
	}
	table, _ = b.withOptions(table, t.Hints)
	caps, ok := b.describe(table)
	if !ok {
		return nil
	}
	if !caps.Lookup {
		b.remedy(t.Pos(), "join by event time, or with a table that can be looked up: mysql, redis, hbase", "table %s (connector %s) cannot be looked up", name, table.Option("connector", "?"))
		return nil
	}
	if j.Kind != ast.InnerJoin && j.Kind != ast.LeftJoin {
		b.remedy(j.Pos(), "write INNER or LEFT JOIN", "a look-up cannot be a %s join", joinKinds[j.Kind])
		return nil
	}
	n := &plan.LookupJoin{Input: left.node, Left: j.Kind == ast.LeftJoin, Table: table, Alias: t.Name.Last()}
	if t.Alias != nil {
		n.Alias = t.Alias.Name.Name
	}
	for i, c := range table.Columns {
		if c.Kind != catalog.Computed {
			n.Columns = append(n.Columns, i)
		}
	}
	plan.New(n, t.Pos())
	right := &rel{}
	for _, c := range n.Columns {
		right.fields = append(right.fields, field{name: table.Columns[c].Name})
	}
	right = both(n, left, alias(b, right, t.Alias, t.Name.Last()))
	before := len(b.errs)
	cond := b.joinCondition(j, right, len(left.fields))
	if len(b.errs) == before {
		b.lookupKeys(n, cond, len(left.fields), t)
	}
	return right
}

// lookupKeys splits the condition into keys, table column = expression over the input, and the rest.
func (b *Binder) lookupKeys(n *plan.LookupJoin, cond plan.Expr, nleft int, t *ast.TableName) {
	var rest []plan.Expr
	for _, c := range plan.Conjuncts(cond) {
		if !b.lookupKey(n, c, nleft) {
			rest = append(rest, c)
		}
	}
	n.Cond = plan.And(rest...)
	if len(n.TableKeys) == 0 {
		b.remedy(t.Pos(), "compare a column of "+n.Table.Name+" with = and CAST the other side to its type", "the look-up of %s has no key: ON holds no equality on its columns", n.Table.Name)
	}
	plan.Derive(n, false)
}

func (b *Binder) lookupKey(n *plan.LookupJoin, c plan.Expr, nleft int) bool {
	eq, ok := c.(*plan.Call)
	if !ok || eq.Func != "=" {
		return false
	}
	for i := range 2 {
		col, key := eq.Args[i], eq.Args[1-i]
		if cast, ok := col.(*plan.Call); ok && cast.Func == "CAST" {
			// The table's column was widened to the key's type: look up by the column's own type instead, if nothing can be lost.
			inner, isRef := cast.Args[0].(*plan.ColRef)
			if k, isCast := key.(*plan.Call); isRef && isCast && k.Func == "CAST" && function.ImplicitCast(k.Args[0].Type(), inner.T) {
				if common, ok := function.Common(k.Args[0].Type(), inner.T); ok && common.EqualIgnoreNull(inner.T) {
					col, key = inner, function.Cast(k.Args[0], inner.T)
				}
			}
		}
		ref, ok := col.(*plan.ColRef)
		cols := plan.Columns(key)
		if !ok || ref.Index < nleft || len(cols) > 0 && cols[len(cols)-1] >= nleft {
			continue
		}
		n.TableKeys = append(n.TableKeys, n.Columns[ref.Index-nleft])
		n.KeyExprs = append(n.KeyExprs, key)
		return true
	}
	return false
}

// stateHints gives the joins and aggregates of a SELECT the time to live of STATE_TTL('alias' = '1 d').
func (b *Binder) stateHints(r *rel, hints []*ast.Hint) {
	for _, h := range hints {
		switch strings.ToUpper(h.Name.Name) {
		case "STATE_TTL":
			for _, o := range h.Options {
				d, err := ParseDuration(o.Value.Value)
				if err != nil {
					b.fail(o.Value.Pos(), err)
					continue
				}
				if !b.ttl(r, o.Key.Value, d.Milliseconds()) {
					b.errorf(o.Key.Pos(), "STATE_TTL: %s is no side of this SELECT's join", o.Key.Value)
				}
			}
		case "LOOKUP":
			b.lookupHint(r.node, h)
		}
	}
}

// ttl sets the time to live of the join's side that has the alias, or of an aggregate.
func (b *Binder) ttl(r *rel, alias string, ms int64) bool {
	switch n := r.node.(type) {
	case *plan.GroupAgg:
		n.TTL = ms
		return true
	case *plan.Join:
		nl := len(n.Left.Props().Out)
		left := slices.ContainsFunc(r.fields[:nl], func(f field) bool { return f.qual == alias })
		right := slices.ContainsFunc(r.fields[nl:], func(f field) bool { return f.qual == alias })
		if left {
			n.LeftTTL = ms
		}
		if right {
			n.RightTTL = ms
		}
		return left || right
	}
	return true // the aggregate is yet to come, or there is nothing to keep
}

// usingFirst puts the columns of USING first among those of *; the others follow as they were.
func (r *rel) usingFirst(used []int) {
	r.number(append(slices.Clone(used), slices.DeleteFunc(r.starOrder(), func(i int) bool { return slices.Contains(used, i) })...))
}
