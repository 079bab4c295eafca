package optimize

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// projectionPushdown drops the columns that nobody reads, down to the scans' column lists, so that a format decodes no field in vain.
func projectionPushdown(r *run) {
	r.p.Number()
	p := pruner{need: map[plan.Node][]bool{}, to: map[plan.Node][]int{}}
	for _, n := range slices.Backward(r.p.Nodes) {
		p.require(n)
	}
	for _, n := range slices.Clone(r.p.Nodes) {
		p.prune(n)
	}
	r.p.Number()
}

// pruner holds, for every node, which of its output columns are read, and where each goes (-1: dropped).
type pruner struct {
	need map[plan.Node][]bool
	to   map[plan.Node][]int
}

func (p *pruner) mark(n plan.Node, cols ...int) {
	if p.need[n] == nil {
		p.need[n] = make([]bool, len(n.Props().Out))
	}
	for _, c := range cols {
		p.need[n][c] = true
	}
}

// needed are the columns of n that are read.
func (p *pruner) needed(n plan.Node) []int {
	var out []int
	for i, ok := range p.need[n] {
		if ok {
			out = append(out, i)
		}
	}
	return out
}

// require marks what n reads of its inputs, given what is read of n.
func (p *pruner) require(n plan.Node) {
	p.mark(n)
	own := p.needed(n)
	first := func(cols ...int) { p.mark(n.Inputs()[0], cols...) }
	below := func(width int) []int { // own columns that are the input's
		return slices.DeleteFunc(slices.Clone(own), func(c int) bool { return c >= width })
	}
	sort := func(keys []plan.SortKey) {
		for _, k := range keys {
			first(k.Col)
		}
	}
	switch n := n.(type) {
	case *plan.Watermark:
		first(own...)
		first(append([]int{n.TimeCol}, n.Mark...)...)
	case *plan.Calc:
		first(plan.Columns(n.Filter)...)
		for _, c := range own {
			first(plan.Columns(n.Exprs[c])...)
		}
	case *plan.Exchange:
		first(own...)
		first(n.Keys...)
	case *plan.Union:
		for _, in := range n.Ins {
			p.mark(in, own...)
		}
	case *plan.ChangelogNormalize:
		first(own...)
		first(n.Keys...)
	case *plan.GroupAgg:
		first(n.Keys...)
		p.aggArgs(n.Input, n.Aggs, own, len(n.Keys))
	case *plan.WindowAgg:
		first(n.Keys...)
		first(n.Win.TimeCol)
		p.aggArgs(n.Input, n.Aggs, own, len(n.Keys))
	case *plan.WindowAssign:
		first(below(len(n.Input.Props().Out))...)
		first(append([]int{n.Win.TimeCol}, n.PartitionBy...)...)
	case *plan.Join:
		p.sides(n.Left, n.Right, own, n.LeftKeys, n.RightKeys, n.Cond)
	case *plan.IntervalJoin:
		p.sides(n.Left, n.Right, own, append(slices.Clone(n.LeftKeys), n.LeftTime), append(slices.Clone(n.RightKeys), n.RightTime), n.Cond)
	case *plan.TemporalJoin:
		p.sides(n.Left, n.Right, own, append(slices.Clone(n.LeftKeys), n.LeftTime), append(slices.Clone(n.RightKeys), n.RightTime), n.Cond)
	case *plan.Correlate:
		for _, c := range append(slices.Clone(own), plan.Columns(n.Cond)...) {
			if c < len(n.Keep) {
				first(n.Keep[c])
			}
			p.mark(n, c)
		}
		first(plan.Columns(n.Args...)...)
	case *plan.LookupJoin:
		width := len(n.Input.Props().Out)
		first(below(width)...)
		first(plan.Columns(n.KeyExprs...)...)
		for _, c := range plan.Columns(n.Cond) {
			if c < width {
				first(c)
			} else {
				p.mark(n, c)
			}
		}
	case *plan.Match:
		var measures []plan.Expr
		for _, c := range own {
			if c < len(n.Pass) {
				first(n.Pass[c])
			} else {
				measures = append(measures, n.Measures[c-len(n.Pass)])
			}
		}
		first(n.Reads(measures)...)
	case *plan.Rank:
		first(below(len(n.Input.Props().Out))...)
		first(n.PartitionBy...)
		sort(n.Order)
		p.identify(n.Input)
	case *plan.Over:
		first(below(len(n.Input.Props().Out))...)
		first(n.PartitionBy...)
		sort(n.Order)
	case *plan.Sort:
		first(own...)
		first(n.PartitionBy...)
		sort(n.Order)
	case *plan.OverAgg:
		width := len(n.Input.Props().Out)
		first(below(width)...)
		first(n.PartitionBy...)
		sort(n.Order)
		p.aggArgs(n.Input, n.Calls, own, width)
		p.identify(n.Input)
	case *plan.Deduplicate:
		first(own...)
		first(n.Keys...)
		if n.TimeCol >= 0 {
			first(n.TimeCol)
		}
	case *plan.Sink:
		for i := range n.Input.Props().Out {
			first(i)
		}
	}
}

// identify keeps the upsert key of a change stream, by which a retraction finds its row.
func (p *pruner) identify(in plan.Node) { p.mark(in, in.Props().UpsertKey...) }

func (p *pruner) aggArgs(in plan.Node, aggs []plan.AggCall, own []int, nkeys int) {
	for _, c := range own {
		if i := c - nkeys; i >= 0 && i < len(aggs) {
			p.mark(in, aggs[i].Args...)
			if aggs[i].Filter >= 0 {
				p.mark(in, aggs[i].Filter)
			}
		}
	}
}

func (p *pruner) sides(left, right plan.Node, own, lk, rk []int, cond plan.Expr) {
	nl := len(left.Props().Out)
	p.mark(left, lk...)
	p.mark(right, rk...)
	for _, c := range append(slices.Clone(own), plan.Columns(cond)...) {
		if c < nl {
			p.mark(left, c)
		} else {
			p.mark(right, c-nl)
		}
	}
}

// prune rewrites n to its inputs' new columns and drops its own columns that are not read, where that is its choice.
func (p *pruner) prune(n plan.Node) {
	old := n.Props().Out
	keep := p.needed(n)
	var to []int
	switch n := n.(type) {
	case *plan.Source:
		if len(keep) == 0 && len(old) > 0 {
			keep = []int{0} // rows are counted by a column
		}
		n.Columns = pick(n.Columns, keep)
		to = inverse(keep, len(old))
	case *plan.Values:
		for i := range n.Rows {
			n.Rows[i] = pick(n.Rows[i], keep)
		}
		n.P.Out = pick(n.P.Out, keep)
		to = inverse(keep, len(old))
	case *plan.Calc:
		m := p.to[n.Input]
		n.Filter = moved(n.Filter, m)
		n.Exprs = pick(n.Exprs, keep)
		for i := range n.Exprs {
			n.Exprs[i] = moved(n.Exprs[i], m)
		}
		n.P.Out = pick(old, keep)
		to = inverse(keep, len(old))
	case *plan.Watermark:
		to = p.to[n.Input]
		n.TimeCol, n.Mark = to[n.TimeCol], moveAll(n.Mark, to)
	case *plan.Exchange:
		to = p.to[n.Input]
		n.Keys = moveAll(n.Keys, to)
	case *plan.Union:
		for i := range n.Ins {
			n.Ins[i] = p.trim(n, n.Ins[i], keep)
		}
		n.P.Out = pick(old, keep)
		to = inverse(keep, len(old))
	case *plan.ChangelogNormalize:
		to = p.to[n.Input]
		n.Keys = moveAll(n.Keys, to)
	case *plan.GroupAgg:
		m := p.to[n.Input]
		n.Keys = moveAll(n.Keys, m)
		n.Aggs, to = p.pruneAggs(n.Aggs, len(n.Keys), len(old), keep, m)
		n.P.Out = pickTo(old, to)
	case *plan.WindowAgg:
		m := p.to[n.Input]
		n.Keys = moveAll(n.Keys, m)
		n.Win.TimeCol = m[n.Win.TimeCol]
		n.Aggs, to = p.pruneAggs(n.Aggs, len(n.Keys), len(old), keep, m)
		n.P.Out = pickTo(old, to)
	case *plan.WindowAssign:
		to = p.extended(n.Input, len(old))
		n.Win.TimeCol, n.PartitionBy = to[n.Win.TimeCol], moveAll(n.PartitionBy, to)
		n.P.Out = pickTo(old, to)
	case *plan.Join:
		var ml, mr []int
		n.Left, n.Right, ml, mr, to = p.pruneSides(n, n.Left, n.Right, len(old))
		n.LeftKeys, n.RightKeys, n.Cond = moveAll(n.LeftKeys, ml), moveAll(n.RightKeys, mr), moved(n.Cond, to2(ml, mr, n.Left))
		n.P.Out = pickTo(old, to)
	case *plan.IntervalJoin:
		var ml, mr []int
		n.Left, n.Right, ml, mr, to = p.pruneSides(n, n.Left, n.Right, len(old))
		n.LeftKeys, n.RightKeys, n.Cond = moveAll(n.LeftKeys, ml), moveAll(n.RightKeys, mr), moved(n.Cond, to2(ml, mr, n.Left))
		n.LeftTime, n.RightTime = ml[n.LeftTime], mr[n.RightTime]
		n.P.Out = pickTo(old, to)
	case *plan.TemporalJoin:
		var ml, mr []int
		n.Left, n.Right, ml, mr, to = p.pruneSides(n, n.Left, n.Right, len(old))
		n.LeftKeys, n.RightKeys, n.Cond = moveAll(n.LeftKeys, ml), moveAll(n.RightKeys, mr), moved(n.Cond, to2(ml, mr, n.Left))
		n.LeftTime, n.RightTime = ml[n.LeftTime], mr[n.RightTime]
		n.P.Out = pickTo(old, to)
	case *plan.Correlate:
		m := p.to[n.Input]
		for i := range n.Args {
			n.Args[i] = moved(n.Args[i], m)
		}
		cut := len(slices.DeleteFunc(slices.Clone(keep), func(c int) bool { return c >= len(n.Keep) }))
		columns := make([]int, 0, len(keep)-cut)
		for _, c := range keep[cut:] {
			columns = append(columns, n.Columns[c-len(n.Keep)])
		}
		n.Keep, n.Columns = moveAll(pick(n.Keep, keep[:cut]), m), columns
		to = inverse(keep, len(old))
		n.Cond = moved(n.Cond, to)
		n.P.Out = pickTo(old, to)
	case *plan.LookupJoin:
		to = p.pruneLookup(n, len(old), keep)
		n.P.Out = pickTo(old, to)
	case *plan.Rank:
		p.trimInput(n, &n.Input)
		to = p.extended(n.Input, len(old))
		n.PartitionBy, n.Order = moveAll(n.PartitionBy, to), moveSort(n.Order, to)
		n.P.Out = pickTo(old, to)
	case *plan.Match:
		pruneMatch(n, keep, p.to[n.Input])
		n.P.Out = pick(old, keep)
		to = inverse(keep, len(old))
	case *plan.Over:
		to = p.extended(n.Input, len(old))
		n.PartitionBy, n.Order = moveAll(n.PartitionBy, to), moveSort(n.Order, to)
		n.P.Out = pickTo(old, to)
	case *plan.Sort:
		to = p.to[n.Input]
		n.PartitionBy, n.Order = moveAll(n.PartitionBy, to), moveSort(n.Order, to)
	case *plan.OverAgg:
		p.trimInput(n, &n.Input)
		m, width := p.to[n.Input], len(p.to[n.Input])
		n.PartitionBy, n.Order = moveAll(n.PartitionBy, m), moveSort(n.Order, m)
		to = p.extended(n.Input, width)
		var calls []plan.AggCall
		for i, a := range n.Calls {
			if !slices.Contains(keep, width+i) {
				to = append(to, -1)
				continue
			}
			a.Args = moveAll(a.Args, m)
			if a.Filter >= 0 {
				a.Filter = m[a.Filter]
			}
			to = append(to, len(n.Input.Props().Out)+len(calls))
			calls = append(calls, a)
		}
		n.Calls = calls
		n.P.Out = pickTo(old, to)
	case *plan.Deduplicate:
		p.trimInput(n, &n.Input)
		to = p.to[n.Input]
		n.Keys = moveAll(n.Keys, to)
		if n.TimeCol >= 0 {
			n.TimeCol = to[n.TimeCol]
		}
	}
	p.to[n] = to
	plan.Derive(n, false)
}

// extended is the mapping of a node that adds columns after its input's.
func (p *pruner) extended(in plan.Node, width int) []int {
	to := slices.Clone(p.to[in])
	next := len(in.Props().Out)
	for len(to) < width {
		to = append(to, next)
		next++
	}
	return to
}

// trim gives in with just the old columns keep, in order.
func (p *pruner) trim(n, in plan.Node, keep []int) plan.Node {
	m, out := p.to[in], in.Props().Out
	same := len(out) == len(keep)
	es := make([]plan.Expr, len(keep))
	for i, k := range keep {
		es[i] = ref(out, m[k])
		same = same && m[k] == i
	}
	if same {
		return in
	}
	c := calcOver(in, nil, es, pick(out, moveAll(keep, m)), n)
	p.to[c] = inverse(keep, len(m))
	return c
}

// trimInput drops, before a node that keeps rows in state, the columns that only other readers of its input want.
func (p *pruner) trimInput(n plan.Node, in *plan.Node) {
	own := pruner{need: map[plan.Node][]bool{n: p.need[n]}}
	width := len(p.to[*in])
	own.need[*in] = make([]bool, width)
	probe := own
	probe.requireInput(n, *in)
	*in = p.trim(n, *in, probe.needed(*in))
}

// requireInput marks what n reads of in when in's output has changed width already: the marks are of the old columns.
func (p *pruner) requireInput(n, in plan.Node) {
	mark := func(cols ...int) {
		for _, c := range cols {
			if c < len(p.need[in]) {
				p.need[in][c] = true
			}
		}
	}
	mark(p.needed(n)...)
	switch n := n.(type) {
	case *plan.Rank:
		mark(n.PartitionBy...)
		for _, k := range n.Order {
			mark(k.Col)
		}
		for _, k := range n.P.UpsertKey {
			mark(k)
		}
	case *plan.OverAgg:
		mark(n.PartitionBy...)
		for _, k := range n.Order {
			mark(k.Col)
		}
		for i, a := range n.Calls {
			if at := len(p.need[in]) + i; slices.Contains(p.needed(n), at) {
				mark(a.Args...)
				if a.Filter >= 0 {
					mark(a.Filter)
				}
			}
		}
		for _, k := range n.P.UpsertKey {
			mark(k)
		}
	case *plan.Deduplicate:
		mark(n.Keys...)
		if n.TimeCol >= 0 {
			mark(n.TimeCol)
		}
	}
}

func (p *pruner) pruneAggs(aggs []plan.AggCall, nkeys, width int, keep, m []int) ([]plan.AggCall, []int) {
	to := make([]int, width)
	var out []plan.AggCall
	next := nkeys
	for c := range width {
		i := c - nkeys
		switch {
		case i < 0:
			to[c] = c
		case i >= len(aggs): // window columns
			to[c] = next
			next++
		case !slices.Contains(keep, c) && (len(aggs) > 1 || nkeys > 0):
			to[c] = -1
		default:
			a := aggs[i]
			a.Args = moveAll(a.Args, m)
			if a.Filter >= 0 {
				a.Filter = m[a.Filter]
			}
			out = append(out, a)
			to[c] = next
			next++
		}
	}
	return out, to
}

func (p *pruner) pruneSides(n, left, right plan.Node, width int) (l, r plan.Node, ml, mr, to []int) {
	nl := len(p.to[left])
	var keepL, keepR []int
	mark := func(c int) {
		if c < nl && !slices.Contains(keepL, c) {
			keepL = append(keepL, c)
		}
		if c >= nl && !slices.Contains(keepR, c-nl) {
			keepR = append(keepR, c-nl)
		}
	}
	shift := func(cols []int) {
		for _, c := range cols {
			mark(c + nl)
		}
	}
	for _, c := range p.needed(n) {
		mark(c)
	}
	switch n := n.(type) {
	case *plan.Join:
		for _, c := range append(slices.Clone(n.LeftKeys), plan.Columns(n.Cond)...) {
			mark(c)
		}
		shift(n.RightKeys)
	case *plan.IntervalJoin:
		for _, c := range append(slices.Clone(n.LeftKeys), append(plan.Columns(n.Cond), n.LeftTime)...) {
			mark(c)
		}
		shift(append(slices.Clone(n.RightKeys), n.RightTime))
	case *plan.TemporalJoin:
		for _, c := range append(slices.Clone(n.LeftKeys), append(plan.Columns(n.Cond), n.LeftTime)...) {
			mark(c)
		}
		shift(append(slices.Clone(n.RightKeys), n.RightTime))
	}
	slices.Sort(keepL)
	slices.Sort(keepR)
	l, r = p.trim(n, left, keepL), p.trim(n, right, keepR)
	ml, mr = p.to[l], p.to[r]
	for c := range width {
		switch {
		case c < nl:
			to = append(to, ml[c])
		case mr[c-nl] < 0:
			to = append(to, -1)
		default:
			to = append(to, mr[c-nl]+len(l.Props().Out))
		}
	}
	return l, r, ml, mr, to
}

// to2 is the mapping over left's and then right's columns.
func to2(ml, mr []int, left plan.Node) []int {
	to := slices.Clone(ml)
	for _, c := range mr {
		if c >= 0 {
			c += len(left.Props().Out)
		}
		to = append(to, c)
	}
	return to
}

func (p *pruner) pruneLookup(n *plan.LookupJoin, width int, keep []int) []int {
	m := p.to[n.Input]
	nl := len(m)
	to := slices.Clone(m)
	next := len(n.Input.Props().Out)
	var cols []int
	for c := nl; c < width; c++ {
		if slices.Contains(keep, c) {
			cols = append(cols, n.Columns[c-nl])
			to = append(to, next)
			next++
		} else {
			to = append(to, -1)
		}
	}
	n.Columns = cols
	for i := range n.KeyExprs {
		n.KeyExprs[i] = moved(n.KeyExprs[i], m)
	}
	n.Cond = moved(n.Cond, to)
	return to
}

func pick[T any](all []T, keep []int) []T {
	out := make([]T, len(keep))
	for i, k := range keep {
		out[i] = all[k]
	}
	return out
}

// pickTo keeps the columns that to does not drop.
func pickTo(all plan.Schema, to []int) plan.Schema {
	var out plan.Schema
	for i, c := range all {
		if to[i] >= 0 {
			out = append(out, c)
		}
	}
	return out
}

func inverse(keep []int, width int) []int {
	to := make([]int, width)
	for i := range to {
		to[i] = slices.Index(keep, i)
	}
	return to
}

func moveAll(cols, to []int) []int {
	if cols == nil {
		return nil
	}
	out := make([]int, len(cols))
	for i, c := range cols {
		out[i] = to[c]
	}
	return out
}

func moveSort(keys []plan.SortKey, to []int) []plan.SortKey {
	out := slices.Clone(keys)
	for i := range out {
		out[i].Col = to[out[i].Col]
	}
	return out
}

func moved(e plan.Expr, to []int) plan.Expr {
	if e == nil {
		return nil
	}
	return remap(e, func(i int) int { return to[i] })
}
