package operator

import (
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/expr"
	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// matchCond is the condition of one variable in two parts: what the row and its neighbours tell is computed for all rows at once; what depends on the
// rows taken before, only for the threads that ask, those of many keys together.
type matchCond struct {
	row, past, all *expr.Filter // nil: always true; all is the whole condition
	pastSlots      []int
	allSlots       []int
	rowSlots       []int
}

// matchConds evaluates DEFINE.
type matchConds struct {
	node  *plan.Match
	conds []matchCond
	ask   [][]matchAsk // by variable
	look  int          // rows after a row that conditions or measures read
	back  int          // rows before the first one
	cols  []arrow.Array
	idx   []int32
	sel   []int32
	truth [][]bool // by variable: the rows' part for each row of the chunk
	bad   []bool   // by variable: that part has failed for some row, so it is computed with the rest
	label *array.StringBuilder
}

// matchAsk is a question: does the thread take the row, if it is mapped to the variable?
type matchAsk struct {
	key    int32 // in the chunk
	thread int32
	ctx    int32 // with the row
	no     bool  // asked of the variable that must not take it
}

func compileConds(n *plan.Match, m *matchMachine, opts Options) (*matchConds, error) {
	c := &matchConds{node: n, conds: make([]matchCond, len(n.Vars)), ask: make([][]matchAsk, len(n.Vars)), cols: make([]arrow.Array, len(n.Slots)),
		truth: make([][]bool, len(n.Vars)), bad: make([]bool, len(n.Vars))}
	o := opts.Expr()
	for _, s := range n.Slots {
		if s.Kind == plan.SlotColumn || s.Kind == plan.SlotClassifier {
			c.look, c.back = max(c.look, s.Nav.Shift), max(c.back, -s.Nav.Shift)
		}
	}
	for v, d := range n.Defines {
		if d == nil {
			continue
		}
		var row, past []plan.Expr
		for _, e := range plan.Conjuncts(d) {
			if slices.ContainsFunc(plan.Columns(e), func(s int) bool { return !c.ofRow(s, v) }) {
				past = append(past, e)
			} else {
				row = append(row, e)
			}
		}
		cond := &c.conds[v]
		var err error
		make := func(e plan.Expr) *expr.Filter {
			if e == nil || err != nil {
				return nil
			}
			var f *expr.Filter
			f, err = expr.CompileFilter(e, o)
			return f
		}
		cond.row, cond.past, cond.all = make(plan.And(row...)), make(plan.And(past...)), make(d)
		if err != nil {
			return nil, err
		}
		cond.rowSlots, cond.pastSlots, cond.allSlots = plan.Columns(row...), plan.Columns(past...), plan.Columns(d)
		for _, s := range cond.pastSlots {
			if err := c.keep(m, n.Slots[s], v); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// ofRow tells whether slot s in the condition of v reads the current row, or one a fixed number of rows from it.
func (c *matchConds) ofRow(s, v int) bool {
	x := c.node.Slots[s]
	return x.Kind == plan.SlotColumn && !x.Nav.First && x.Nav.Offset == 0 && (x.Nav.Vars == nil || slices.Contains(x.Nav.Vars, v))
}

// keep makes the contexts hold what a slot reads.
func (c *matchConds) keep(m *matchMachine, s plan.MatchSlot, v int) error {
	switch s.Kind {
	case plan.SlotClassifier:
		m.distinct = true
	case plan.SlotAgg:
		call := c.node.Aggs[s.Agg]
		if slices.ContainsFunc(m.ctx.aggs, func(a *contextAgg) bool { return s.Agg == a.index }) {
			return nil
		}
		acc, err := newAccumulator(call.AggCall, exprTypes(c.node.AggArgs), nil, false)
		if err != nil {
			return err
		}
		_, lists := acc.(withElements)
		a := &contextAgg{call: call, index: s.Agg, acc: acc, whole: lists || call.Distinct && call.Func != "MIN" && call.Func != "MAX"}
		m.distinct = m.distinct || a.whole
		m.ctx.aggs = append(m.ctx.aggs, a)
		return nil
	}
	if (s.Kind == plan.SlotColumn || s.Kind == plan.SlotClassifier) && s.Nav.Vars != nil {
		m.ctx.want(s.Nav.Vars, s.Nav.First, s.Nav.Offset)
	}
	return nil
}

// rows computes the rows' part of all conditions over the chunk.
func (c *matchConds) rows(ctx *expr.Context, k *matchChunk) {
	for v := range c.conds {
		cond := &c.conds[v]
		c.bad[v] = false
		if cond.row == nil {
			continue
		}
		clear(c.cols)
		for _, s := range cond.rowSlots {
			x := c.node.Slots[s]
			if x.Nav.Shift == 0 {
				c.cols[s] = k.rows.Cols[x.Col]
				continue
			}
			c.idx = c.idx[:0]
			for i := range k.keys {
				r := &k.keys[i]
				for j := range r.n {
					c.idx = append(c.idx, r.row(j+x.Nav.Shift))
				}
			}
			c.cols[s] = kernel.Take(k.rows.Cols[x.Col], c.idx)
		}
		var err error
		c.sel, err = cond.row.Select(ctx, c.cols, k.rows.N, c.sel[:0])
		if c.bad[v] = err != nil; c.bad[v] {
			continue // the row that fails may never be asked for
		}
		if cap(c.truth[v]) < k.rows.N {
			c.truth[v] = make([]bool, k.rows.N+k.rows.N/4)
		}
		t := c.truth[v][:k.rows.N]
		clear(t)
		for _, i := range c.sel {
			t[i] = true
		}
		c.truth[v] = t
	}
}

// known gives the answer for row at of the chunk when the row alone decides.
func (c *matchConds) known(v int32, at int32) (yes, known bool) {
	cond := &c.conds[v]
	switch {
	case cond.all == nil:
		return true, true
	case c.bad[v]:
		return false, false
	case cond.row != nil && !c.truth[v][at]:
		return false, true
	}
	return true, cond.past == nil
}

// answer computes all questions and enters the answers in the attempts.
func (c *matchConds) answer(ctx *expr.Context, k *matchChunk) error {
	var refused []matchAsk
	for v := range c.ask {
		asks := c.ask[v]
		if len(asks) == 0 {
			continue
		}
		cond := &c.conds[v]
		filter, slots := cond.past, cond.pastSlots
		if c.bad[v] {
			filter, slots = cond.all, cond.allSlots
		}
		clear(c.cols)
		for _, s := range slots {
			col, err := c.slot(k, s, v, asks)
			if err != nil {
				return err
			}
			c.cols[s] = col
		}
		var err error
		if c.sel, err = filter.Select(ctx, c.cols, len(asks), c.sel[:0]); err != nil {
			return err
		}
		for _, i := range c.sel {
			q := asks[i]
			if q.no {
				refused = append(refused, q)
			} else {
				k.keys[q.key].key.attempt.yes[q.thread] = true
			}
		}
		for i := range asks {
			if asks[i].no {
				k.m.vm.ctx.release(asks[i].ctx)
			}
		}
		c.ask[v] = asks[:0]
	}
	for _, q := range refused {
		k.keys[q.key].key.attempt.yes[q.thread] = false
	}
	return nil
}

// slot gives the values of one slot for the threads that ask about variable v.
func (c *matchConds) slot(k *matchChunk, s, v int, asks []matchAsk) (arrow.Array, error) {
	x := c.node.Slots[s]
	switch x.Kind {
	case plan.SlotColumn:
		c.idx = c.idx[:0]
		for _, q := range asks {
			r := &k.keys[q.key]
			at, ok := c.reach(k, x, v, q)
			if !ok {
				c.idx = append(c.idx, -1)
				continue
			}
			c.idx = append(c.idx, r.row(at))
		}
		return kernel.Take(k.rows.Cols[x.Col], c.idx), nil
	case plan.SlotClassifier:
		if c.label == nil {
			c.label = array.NewStringBuilder(memory.DefaultAllocator)
		}
		for _, q := range asks {
			a := k.keys[q.key].key.attempt
			at, ok := c.reach(k, x, v, q)
			switch {
			case !ok || at < a.start || at > a.at:
				c.label.AppendNull()
			case at == a.at:
				c.label.Append(c.node.Vars[v])
			default:
				node := a.threads[q.thread].node
				for back := a.at - 1 - at; back > 0; back-- {
					node = a.nodes[node].parent
				}
				c.label.Append(c.node.Vars[k.m.prog.code[a.nodes[node].pc].v])
			}
		}
		return c.label.NewArray(), nil
	}
	b := array.NewBuilder(memory.DefaultAllocator, batch.ArrowType(x.T))
	for _, q := range asks {
		key := k.keys[q.key].key
		if x.Kind == plan.SlotNumber {
			b.(*array.Int64Builder).Append(key.number + 1)
			continue
		}
		for _, agg := range k.m.vm.ctx.aggs {
			if agg.index != x.Agg {
				continue
			}
			if !agg.whole {
				agg.acc.result(b, q.ctx)
				continue
			}
			a := key.attempt
			k.taken = a.taken(k.taken[:0], a.threads[q.thread].node)
			k.list = k.list[:0]
			for i, pc := range k.taken {
				if agg.takes(int(k.m.prog.code[pc].v), k.args, k.keys[q.key].row(a.start+i)) {
					k.list = append(k.list, k.keys[q.key].row(a.start+i))
				}
			}
			if at := k.keys[q.key].row(a.at); agg.takes(v, k.args, at) {
				k.list = append(k.list, at)
			}
			if err := wholeAggregate(b, c.node, agg.call, k.args, k.list); err != nil {
				return nil, err
			}
		}
	}
	return b.NewArray(), nil
}

// wholeAggregate appends the value of a call over the listed rows of in.
func wholeAggregate(dst array.Builder, n *plan.Match, call plan.MatchAgg, in *input, rows []int32) error {
	g, err := newMatchGroups(call, exprTypes(n.AggArgs), &input{n: in.n, cols: in.cols, views: in.views, rows: make([]int32, in.n)})
	if err != nil {
		return err
	}
	row, err := g.add()
	if err != nil {
		return err
	}
	if err := g.aggs.add(rows); err != nil {
		return err
	}
	g.aggs.calls[0].acc.result(dst, row)
	return nil
}

// reach gives the place among the key's rows that a slot reads in the condition of v.
func (c *matchConds) reach(k *matchChunk, s plan.MatchSlot, v int, q matchAsk) (int, bool) {
	r := &k.keys[q.key]
	a := r.key.attempt
	at := a.at
	switch nav := s.Nav; {
	case !nav.First && nav.Offset == 0 && (nav.Vars == nil || slices.Contains(nav.Vars, v)):
	case nav.Vars == nil && nav.First:
		if at = a.start + nav.Offset; at > a.at {
			return 0, false
		}
	case nav.Vars == nil:
		if at = a.at - nav.Offset; at < a.start {
			return 0, false
		}
	default:
		g := k.m.vm.ctx.group(nav.Vars, nav.First)
		row := k.m.vm.ctx.of(q.ctx)[g.at+nav.Offset]
		if row < 0 {
			return 0, false
		}
		at = a.start + int(row)
	}
	at += s.Nav.Shift
	return at, at >= 0 && at < r.n
}
