package bind

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// groupingPlace stands for GROUPING(…) or GROUP_ID() until the grouping sets are known.
type groupingPlace struct {
	agg   *aggregation
	index int
}

func (g *groupingPlace) Type() types.Type { return types.Of(types.BigInt).AsNotNull() }
func (g *groupingPlace) String() string   { return "GROUPING" }

// groupingCall is GROUPING(keys), also called GROUPING_ID, or GROUP_ID() with no keys.
type groupingCall struct {
	id   bool
	keys []plan.Expr
}

// hasSets tells whether a GROUP BY has more than one grouping set.
func hasSets(g *ast.GroupBy) bool {
	return slices.ContainsFunc(g.Items, func(i *ast.GroupItem) bool { return i.Kind > ast.GroupEmpty })
}

// groupItem gives an item's grouping sets, as places in a.keys. A plain item is one set.
func (b *Binder) groupItem(s *scope, a *aggregation, q *ast.Select, g *ast.GroupItem) [][]int {
	switch g.Kind {
	case ast.GroupEmpty:
		return [][]int{{}}
	case ast.GroupExprs:
		var set []int
		for _, x := range g.Exprs {
			if k := b.groupKey(s, a, q, x); k >= 0 {
				set = append(set, k)
			}
		}
		return [][]int{set}
	case ast.GroupSets:
		var out [][]int
		for _, it := range g.Items {
			out = append(out, b.groupItem(s, a, q, it)...)
		}
		return out
	}
	parts := make([][]int, len(g.Items))
	for i, it := range g.Items {
		parts[i] = b.groupItem(s, a, q, it)[0]
	}
	var out [][]int
	if g.Kind == ast.GroupRollup {
		for n := len(parts); n >= 0; n-- {
			out = append(out, slices.Concat(parts[:n]...))
		}
		return out
	}
	if len(parts) > 12 {
		b.remedy(g.Pos(), "write the GROUPING SETS that are wanted", "CUBE of %d items makes %d grouping sets", len(parts), 1<<len(parts))
		return [][]int{{}}
	}
	for m := 1<<len(parts) - 1; m >= 0; m-- {
		set := []int{}
		for i, p := range parts {
			if m&(1<<(len(parts)-1-i)) != 0 {
				set = append(set, p...)
			}
		}
		out = append(out, set)
	}
	return out
}

// crossSets combines the sets of several items of GROUP BY: each of one with each of the other.
func crossSets(x, y [][]int) [][]int {
	var out [][]int
	for _, a := range x {
		for _, c := range y {
			set := slices.Clone(a)
			for _, k := range c {
				if !slices.Contains(set, k) {
					set = append(set, k)
				}
			}
			out = append(out, set)
		}
	}
	return out
}

// nullableKeys makes the key columns of r nullable: in the sets that leave them out they are NULL.
func (b *Binder) nullableKeys(r *rel, keys []plan.Expr) {
	es := plan.Refs(r.out())
	changed := false
	for _, k := range keys {
		for _, c := range plan.Columns(k) {
			if t := r.out()[c].Type; t.NotNull && t.Kind != types.Null {
				if _, ok := es[c].(*plan.ColRef); ok {
					es[c], changed = &plan.Call{Func: "CAST", Args: []plan.Expr{es[c]}, T: t.AsNullable()}, true
				}
			}
		}
	}
	if changed {
		names := make([]string, len(es))
		for i, c := range r.out() {
			names[i] = c.Name
		}
		r.node = calc(r.node, nil, es, names, r.node.Props().Pos)
	}
}

// grouping binds GROUPING, GROUPING_ID and GROUP_ID.
func (b *Binder) grouping(s *scope, x *ast.FuncCall) plan.Expr {
	name := x.FuncName()
	if s.agg == nil {
		b.errorf(x.Pos(), "%s belongs to a SELECT with GROUP BY", name)
		return poison()
	}
	c := groupingCall{id: name == "GROUP_ID"}
	if c.id != (len(x.Args) == 0) || len(x.Args) > 63 {
		b.remedy(x.Pos(), "write GROUPING(column, …), or GROUP_ID()", "%s takes %s", name, map[bool]string{true: "no argument", false: "columns of GROUP BY"}[c.id])
		return poison()
	}
	for _, arg := range x.Args {
		e := b.expr(&scope{rel: s.agg.input, clause: name}, arg.Value)
		if !slices.ContainsFunc(s.agg.keys, func(k plan.Expr) bool { return plan.Equal(k, e) }) {
			b.errorf(arg.Pos(), "%s wants columns of GROUP BY, %s is none", name, e)
			return poison()
		}
		c.keys = append(c.keys, e)
	}
	s.agg.groupings = append(s.agg.groupings, c)
	return &groupingPlace{agg: s.agg, index: len(s.agg.groupings) - 1}
}

// value is the call's number in the set i.
func (c groupingCall) value(a *aggregation, i int) plan.Expr {
	n := int64(0)
	if c.id { // Oracle's: which of equal sets this is
		for _, before := range a.sets[:i] {
			if equalSets(before, a.sets[i]) {
				n++
			}
		}
	}
	for _, k := range c.keys {
		n <<= 1
		at := slices.IndexFunc(a.keys, func(e plan.Expr) bool { return plan.Equal(e, k) })
		if !slices.Contains(a.sets[i], at) {
			n |= 1
		}
	}
	return &plan.Literal{Value: n, T: types.Of(types.BigInt).AsNotNull()}
}

func equalSets(x, y []int) bool {
	return len(x) == len(y) && !slices.ContainsFunc(x, func(k int) bool { return !slices.Contains(y, k) })
}

// groupingSets makes an aggregate for each grouping set over the one input and puts their rows together. Each gives all keys, NULL for those
// that are not its own, the aggregates, the GROUPING calls and the set's number, which keeps the keys of different sets apart.
func (b *Binder) groupingSets(a *aggregation, all []plan.Expr, keys []int, aggs []plan.AggCall, pos ast.Pos) plan.Node {
	u := &plan.Union{}
	for i, set := range a.sets {
		number := &plan.Literal{Value: int64(i), T: types.Of(types.Int).AsNotNull()}
		pre := calc(a.input.node, nil, append(slices.Clone(all), number), nil, pos)
		g := &plan.GroupAgg{Input: pre, Aggs: slices.Clone(aggs)}
		for _, k := range set {
			g.Keys = append(g.Keys, keys[k])
		}
		g.Keys = append(g.Keys, len(all))
		plan.New(g, pos)
		out := plan.Refs(g.P.Out)
		var es []plan.Expr
		var names []string
		for k, e := range a.keys {
			names = append(names, pre.P.Out[keys[k]].Name)
			if at := slices.Index(set, k); at >= 0 {
				es = append(es, out[at])
			} else {
				es = append(es, &plan.Literal{T: e.Type().AsNullable()})
			}
		}
		es = append(es, out[len(set)+1:]...)
		for _, c := range aggs {
			names = append(names, c.Name)
		}
		for n, c := range a.groupings {
			es, names = append(es, c.value(a, i)), append(names, "$grouping"+itoa(n))
		}
		es, names = append(es, number), append(names, "$set")
		u.Ins = append(u.Ins, calc(g, nil, es, names, pos))
	}
	if len(u.Ins) == 1 {
		return u.Ins[0]
	}
	return plan.New(u, pos)
}
