package bind

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/function"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// aggregation is the GROUP BY of a SELECT while its expressions are bound.
type aggregation struct {
	input   *rel
	keys    []plan.Expr
	calls   []aggregateCall
	win     *groupWindow
	winCols []string // columns of the legacy window that the SELECT asks for
	broken  bool     // a key has a fault: columns that miss it are not told again
	// sets are the grouping sets, as places in keys; nil for a plain GROUP BY.
	sets      [][]int
	groupings []groupingCall
}

type aggregateCall struct {
	fn       string
	args     []plan.Expr
	filter   plan.Expr
	distinct bool
	t        types.Type
}

func (a *aggregation) equal(c, d aggregateCall) bool {
	if c.fn != d.fn || c.distinct != d.distinct || len(c.args) != len(d.args) || (c.filter == nil) != (d.filter == nil) {
		return false
	}
	for i := range c.args {
		if !plan.Equal(c.args[i], d.args[i]) {
			return false
		}
	}
	return c.filter == nil || plan.Equal(c.filter, d.filter)
}

func (b *Binder) groupBy(r *rel, q *ast.Select, with *ctes) *aggregation {
	a := &aggregation{input: r}
	if q.GroupBy == nil {
		return a
	}
	s := &scope{rel: r, clause: "GROUP BY", subs: &subqueries{}, with: with}
	if hasSets(q.GroupBy) {
		before := len(b.errs)
		trial := &aggregation{input: r}
		for _, g := range q.GroupBy.Items {
			b.groupItem(s, trial, q, g)
		}
		if a.broken = len(b.errs) > before; a.broken {
			return a
		}
		b.nullableKeys(r, trial.keys)
	}
	sets := [][]int{{}}
	for _, g := range q.GroupBy.Items {
		sets = crossSets(sets, b.groupItem(s, a, q, g))
	}
	if hasSets(q.GroupBy) {
		if q.GroupBy.Distinct {
			sets = slices.CompactFunc(sets, equalSets)
		}
		a.sets = sets
	}
	return a
}

// groupKey adds a key of GROUP BY and gives its place, -1 for what is none: a group window, or a fault.
func (b *Binder) groupKey(s *scope, a *aggregation, q *ast.Select, x ast.Expr) int {
	if f, ok := x.(*ast.FuncCall); ok && isGroupWindow(f.FuncName()) {
		b.groupWindow(s, a, f)
		return -1
	}
	before := len(b.errs)
	if b.namesAlias(s, q, x) {
		a.broken = true
		return -1
	}
	e := b.resolve(a.input, s.subs, b.expr(s, x))
	a.broken = a.broken || len(b.errs) > before
	if i := slices.IndexFunc(a.keys, func(k plan.Expr) bool { return plan.Equal(k, e) }); i >= 0 {
		return i
	}
	a.keys = append(a.keys, e)
	return len(a.keys) - 1
}

// namesAlias reports a GROUP BY item that is an alias of the select list, a common habit from other systems.
func (b *Binder) namesAlias(s *scope, q *ast.Select, x ast.Expr) bool {
	n, ok := x.(*ast.Name)
	if !ok || len(n.Parts) != 1 || len(s.find("", n.Last())) > 0 {
		return false
	}
	for _, it := range q.Items {
		if it.Alias != nil && it.Alias.Name == n.Last() {
			b.remedy(x.Pos(), "write GROUP BY "+ast.String(it.X), "GROUP BY cannot name the alias %s of the SELECT list", n.Last())
			return true
		}
	}
	return false
}

// aggregateForm is the name of an aggregate with its clauses about NULLs.
func aggregateForm(x *ast.FuncCall) (string, bool) {
	onNull := ""
	if x.JSON != nil {
		onNull = x.JSON.OnNull
	}
	return function.AggregateForm(x.FuncName(), onNull, x.Nulls)
}

func (b *Binder) aggCall(s *scope, x *ast.FuncCall) plan.Expr {
	name := x.FuncName()
	if s.agg == nil {
		b.errorf(x.Pos(), "aggregate %s cannot stand in %s", name, s.clause)
		return poison()
	}
	inner := &scope{rel: s.agg.input, clause: "the argument of " + name, subs: &subqueries{}, with: s.with}
	c := aggregateCall{distinct: x.Distinct}
	if x.Star && name != "COUNT" || !x.Star && name == "COUNT" && len(x.Args) == 0 {
		b.errorf(x.Pos(), "%s wants an argument", name)
		return poison()
	}
	before := len(b.errs)
	var args []plan.Expr
	for _, arg := range x.Args {
		args = append(args, b.resolve(s.agg.input, inner.subs, b.expr(inner, arg.Value)))
	}
	if x.Filter != nil {
		filter := &scope{rel: s.agg.input, clause: "FILTER", subs: &subqueries{}, with: s.with}
		c.filter = b.resolve(s.agg.input, filter.subs, b.condition(filter, x.Filter))
	}
	if name == "COUNT" && len(args) > 1 {
		b.remedy(x.Pos(), "count rows of a subquery: SELECT COUNT(*) FROM (SELECT DISTINCT …)", "COUNT of several columns is not supported")
		return poison()
	}
	if len(b.errs) > before {
		return poison()
	}
	form, ok := aggregateForm(x)
	if !ok {
		b.remedy(x.Pos(), "leave "+x.Nulls+" NULLS out", "%s takes no %s NULLS", name, x.Nulls)
		return poison()
	}
	var err error
	if f := b.findFunction(name); f != nil {
		if c.args, err = userArgs(f, args); err != nil {
			b.fail(x.Pos(), err)
			return poison()
		}
		c.fn, c.t = b.called(f), f.Result.AsNullable()
	} else if c.fn, c.args, c.t, err = function.Aggregate(form, args, len(s.agg.keys) > 0 || s.agg.win != nil); err != nil {
		b.fail(x.Pos(), err)
		return poison()
	}
	switch {
	case c.filter != nil && c.fn != "COUNT" && c.fn != "SUM0":
		c.t = c.t.AsNullable()
	case c.fn == "COUNT" && len(c.args) == 1 && !c.distinct && c.args[0].Type().NotNull:
		c.args = nil // COUNT of what is never NULL counts rows
	}
	if c.fn == "MIN" || c.fn == "MAX" {
		c.distinct = false
	}
	i := slices.IndexFunc(s.agg.calls, func(d aggregateCall) bool { return s.agg.equal(c, d) })
	if i < 0 {
		i = len(s.agg.calls)
		s.agg.calls = append(s.agg.calls, c)
	}
	return &placeholder{owner: s.agg, index: i, t: c.t, label: ast.String(x)}
}

// aggregate makes the node and gives how expressions over the input read its result.
func (b *Binder) aggregate(a *aggregation, q *ast.Select) (plan.Node, func(plan.Expr) plan.Expr) {
	var all []plan.Expr
	keys := addExprs(&all, a.keys)
	aggs := make([]plan.AggCall, len(a.calls))
	for i, c := range a.calls {
		aggs[i] = plan.AggCall{Func: c.fn, Distinct: c.distinct, Filter: -1, T: c.t, Name: "$agg" + itoa(i), Args: addExprs(&all, c.args)}
		if c.filter != nil {
			aggs[i].Filter = addExprs(&all, []plan.Expr{c.filter})[0]
		}
	}
	pos := q.Pos()
	if q.GroupBy != nil {
		pos = q.GroupBy.Pos()
	}
	var node plan.Node
	if a.sets != nil && a.win == nil {
		node = b.groupingSets(a, all, keys, aggs, pos)
	} else if a.win != nil {
		if a.sets != nil {
			b.remedy(pos, "use the window's table function: GROUP BY window_start, window_end, GROUPING SETS (…)", "grouping sets do not go with the older group windows")
		}
		spec := a.win.spec
		spec.TimeCol = addExprs(&all, []plan.Expr{a.win.time})[0]
		pre := calc(a.input.node, nil, all, nil, pos)
		node = plan.New(&plan.WindowAgg{Input: pre, Keys: keys, Aggs: aggs, Win: spec, WindowCols: a.winCols}, pos)
	} else {
		pre := calc(a.input.node, nil, all, nil, pos)
		node = plan.New(&plan.GroupAgg{Input: pre, Keys: keys, Aggs: aggs}, pos)
	}
	out := node.Props().Out
	ref := func(i int) plan.Expr { return &plan.ColRef{Index: i, Name: out[i].Name, T: out[i].Type} }
	told := map[string]bool{}
	return node, func(e plan.Expr) plan.Expr {
		return plan.Rewrite(e, func(x plan.Expr) plan.Expr {
			if i := slices.IndexFunc(a.keys, func(k plan.Expr) bool { return plan.Equal(k, x) }); i >= 0 {
				if _, isLit := x.(*plan.Literal); !isLit {
					return ref(i)
				}
			}
			switch x := x.(type) {
			case *placeholder:
				if x.owner == a {
					return ref(len(keys) + x.index)
				}
			case *windowPlace:
				if x.agg == a {
					return ref(len(keys) + len(aggs) + x.index)
				}
			case *groupingPlace:
				if x.agg == a && a.sets != nil {
					return ref(len(keys) + len(aggs) + x.index)
				} else if x.agg == a {
					return &plan.Literal{Value: int64(0), T: x.Type()}
				}
			case *plan.ColRef:
				if place, ok := b.places[x]; ok && !told[x.Name] && !a.broken {
					told[x.Name] = true
					b.remedy(place, "add it to GROUP BY, or take MAX("+x.Name+")", "column %s is neither in GROUP BY nor inside an aggregate", x.Name)
				}
				return poison()
			}
			return nil
		})
	}
}
