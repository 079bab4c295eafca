package optimize

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// windowAgg merges a grouping by window_start and window_end with the window table function below it, so that a window's rows come once, when
// the watermark passes its end.
func windowAgg(r *run) {
	r.transform(func(n plan.Node) plan.Node {
		if g, ok := n.(*plan.GroupAgg); ok {
			return r.mergeWindow(g)
		}
		return n
	})
}

func (r *run) mergeWindow(g *plan.GroupAgg) plan.Node {
	es := plan.Refs(g.Input.Props().Out)
	var filters []plan.Expr
	at := g.Input
	for {
		c, ok := at.(*plan.Calc)
		if !ok {
			break
		}
		for i := range es {
			es[i] = substitute(es[i], c.Exprs)
		}
		for i := range filters {
			filters[i] = substitute(filters[i], c.Exprs)
		}
		filters = append(plan.Conjuncts(c.Filter), filters...)
		at = c.Input
	}
	w, ok := at.(*plan.WindowAssign)
	if !ok {
		return g
	}
	width := len(w.Input.Props().Out)
	kinds := []string{"start", "end", "time"}
	plain := func(e plan.Expr) bool { return within(e, func(i int) bool { return i < width }) }
	x := &plan.WindowAgg{Win: w.Win}
	var pre []plan.Expr
	post := make([]plan.Expr, len(g.Keys)) // over keys, then window columns from 1000000
	const winBase = 1 << 20
	has := map[string]bool{}
	column := func(kind string) int {
		i := slices.Index(x.WindowCols, kind)
		if i < 0 {
			i = len(x.WindowCols)
			x.WindowCols = append(x.WindowCols, kind)
		}
		return i
	}
	for i, k := range g.Keys {
		e := es[k]
		if c, ok := e.(*plan.ColRef); ok && c.Index >= width {
			has[kinds[c.Index-width]] = true
		}
		switch {
		case plain(e):
			p := place(&pre, e)
			x.Keys = append(x.Keys, p)
			post[i] = &plan.ColRef{Index: len(x.Keys) - 1, Name: g.P.Out[i].Name, T: e.Type()}
		case within(e, func(i int) bool { return i >= width }):
			post[i] = plan.Rewrite(e, func(y plan.Expr) plan.Expr {
				if c, ok := y.(*plan.ColRef); ok {
					return &plan.ColRef{Index: winBase + column(kinds[c.Index-width]), Name: c.Name, T: c.T}
				}
				return nil
			})
		default:
			r.fail(g, "group by the window's columns and the others separately", "%s mixes the window's columns with others", e)
			return g
		}
	}
	fixed := w.Win.Kind == plan.Tumble || w.Win.Kind == plan.Hop
	if !has["start"] && !has["end"] {
		return g // the window's columns are plain data here
	}
	if !fixed && (!has["start"] || !has["end"]) {
		r.fail(g, "GROUP BY window_start, window_end", "%s windows want both window_start and window_end in GROUP BY", w.Win.Kind)
		return g
	}
	take := func(col int, what string) int {
		if !plain(es[col]) {
			r.fail(g, "compute it from the window's columns after the aggregation", "%s reads the window's columns", what)
			return 0
		}
		return place(&pre, es[col])
	}
	for _, a := range g.Aggs {
		a.Args = slices.Clone(a.Args)
		for i := range a.Args {
			a.Args[i] = take(a.Args[i], "an aggregate's argument")
		}
		if a.Filter >= 0 {
			a.Filter = take(a.Filter, "FILTER")
		}
		x.Aggs = append(x.Aggs, a)
	}
	for _, f := range filters {
		if !plain(f) {
			r.fail(g, "put the condition into HAVING", "WHERE reads the window's columns")
		}
	}
	if len(r.errs) > 0 {
		return g
	}
	x.Win.TimeCol = place(&pre, ref(w.Input.Props().Out, w.Win.TimeCol))
	x.Input = calcOver(w.Input, plan.And(filters...), pre, nil, g)
	plan.New(x, g.P.Pos)
	nk, na := len(x.Keys), len(x.Aggs)
	for i := range post {
		post[i] = remap(post[i], func(c int) int {
			if c >= winBase {
				return nk + na + c - winBase
			}
			return c
		})
	}
	for i := range x.Aggs {
		post = append(post, ref(x.P.Out, nk+i))
	}
	return calcOver(x, nil, post, g.P.Out, g)
}
