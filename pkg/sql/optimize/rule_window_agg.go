package optimize

import (
	"slices"
	"time"

	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// windowAgg merges a grouping by window_start and window_end with the window table function below it, so that a window's rows come once, when
// the watermark passes its end. So do a Rank, a Deduplicate and a Join by the window.
func windowAgg(r *run) {
	r.transform(func(n plan.Node) plan.Node {
		switch n := n.(type) {
		case *plan.GroupAgg:
			return r.mergeWindow(n)
		case *plan.Join:
			return r.windowJoin(n)
		case *plan.Rank, *plan.Deduplicate:
			return r.windowRank(n)
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
	w, ok := windowsOf(at)
	if !ok || !w.grouped(es, g.Keys) {
		return g
	}
	plain := func(e plan.Expr) bool { return within(e, func(i int) bool { return w.kind[i] == "" }) }
	x := &plan.WindowAgg{Win: w.spec}
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
		if c, ok := e.(*plan.ColRef); ok && w.kind[c.Index] != "" {
			has[w.kind[c.Index]] = true
		}
		switch {
		case plain(e):
			p := place(&pre, e)
			x.Keys = append(x.Keys, p)
			post[i] = &plan.ColRef{Index: len(x.Keys) - 1, Name: g.P.Out[i].Name, T: e.Type()}
		case within(e, func(i int) bool { return w.kind[i] != "" }):
			post[i] = plan.Rewrite(e, func(y plan.Expr) plan.Expr {
				if c, ok := y.(*plan.ColRef); ok {
					return &plan.ColRef{Index: winBase + column(w.kind[c.Index]), Name: c.Name, T: c.T}
				}
				return nil
			})
		default:
			r.fail(g, "group by the window's columns and the others separately", "%s mixes the window's columns with others", e)
			return g
		}
	}
	if w.spec.Kind == plan.Session && !w.partitioned(es, g.Keys) {
		return g // the sessions are others than those of the groups
	}
	if w.spec.Kind == plan.Hop && w.below == nil && w.spec.Size%w.spec.Slide != 0 {
		r.fail(g, "make the size a multiple of the slide", "HOP windows of %s every %s cannot be aggregated", micros(w.spec.Size), micros(w.spec.Slide))
		return g
	}
	fixed := w.spec.Kind == plan.Tumble || w.spec.Kind == plan.Hop
	if !fixed && (!has["start"] || !has["end"]) {
		r.fail(g, "GROUP BY window_start, window_end", "%s windows want both window_start and window_end in GROUP BY", w.spec.Kind)
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
	w.ready()
	x.Win.TimeCol = place(&pre, ref(w.input.Props().Out, w.spec.TimeCol))
	x.Input = calcOver(w.input, plan.And(filters...), pre, nil, g)
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

// windows are the windows that a grouping above can join: those of a window table function, or those that an aggregation below has closed.
type windows struct {
	input plan.Node
	spec  plan.WindowSpec
	kind  map[int]string // window columns by kind, among the columns that the grouping sees
	below *plan.WindowAgg
	by    []int // SESSION's PARTITION BY
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// partitioned tells whether the keys besides the window's are those that the sessions are partitioned by.
func (w *windows) partitioned(es []plan.Expr, keys []int) bool {
	var own []int
	for _, k := range keys {
		switch c, ok := es[k].(*plan.ColRef); {
		case !ok:
			return false
		case w.kind[c.Index] == "" && !slices.Contains(own, c.Index):
			own = append(own, c.Index)
		}
	}
	if len(own) != len(w.by) {
		return false
	}
	for _, c := range w.by {
		if !slices.Contains(own, c) {
			return false
		}
	}
	return true
}

// windowsOf gives the windows that n's rows are in. A closed window of any kind is told by its end alone, and the ends are a slide apart: so a
// tumbling window of one slide over the closed windows' time holds just one of them.
func windowsOf(n plan.Node) (*windows, bool) {
	switch n := n.(type) {
	case *plan.WindowAssign:
		at := len(n.Input.Props().Out)
		return &windows{input: n.Input, spec: n.Win, by: n.PartitionBy, kind: map[int]string{at: "start", at + 1: "end", at + 2: "time"}}, true
	case *plan.WindowAgg:
		if n.Win.ProcTime || n.Win.Kind == plan.Session {
			return nil, false
		}
		w := &windows{input: n, spec: plan.WindowSpec{Kind: plan.Tumble, Size: n.Win.Size, Offset: n.Win.Offset, Local: n.Win.Local}, kind: map[int]string{}, below: n}
		if n.Win.Kind != plan.Tumble {
			w.spec.Size = n.Win.Slide
		}
		first := len(n.P.Out) - len(n.WindowCols)
		for i, k := range n.WindowCols {
			if k == "end" || k == "time" || n.Win.Kind == plan.Tumble {
				w.kind[first+i] = k // a longer window's start is a plain key: it goes with the end
			}
		}
		return w, true
	}
	return nil, false
}

// grouped tells whether the keys hold the window's start or end; else its columns are plain data.
func (w *windows) grouped(es []plan.Expr, keys []int) bool {
	return slices.ContainsFunc(keys, func(k int) bool {
		c, ok := es[k].(*plan.ColRef)
		return ok && (w.kind[c.Index] == "start" || w.kind[c.Index] == "end")
	})
}

// ready makes sure that the windows' time is a column of input.
func (w *windows) ready() {
	n := w.below
	if n == nil {
		return
	}
	if !slices.Contains(n.WindowCols, "time") {
		n.WindowCols = append(n.WindowCols, "time")
		plan.Derive(n, false)
	}
	w.spec.TimeCol = len(n.P.Out) - len(n.WindowCols) + slices.Index(n.WindowCols, "time")
}
