package operator

import (
	"slices"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/expr"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// matchChunk is some keys with the rows that they can read, as columns.
type matchChunk struct {
	m     *matchRecognize
	mark  int64
	final bool
	ctx   *expr.Context
	keys  []chunkKey
	size  int
	rows  *batch.Batch
	args  *input // AggArgs over rows, for DEFINE
	hits  []matchHit
	pcs   []int32 // of the hits, one after the other
	taken []int32
	list  []int32
	rowOf []int32
}

// chunkKey is a key with its n rows from off on.
type chunkKey struct {
	g   int32
	key *matchKey
	off int32
	n   int
}

// row is the place in the chunk of the key's row at, -1 if it has none.
func (k *chunkKey) row(at int) int32 {
	if at < 0 || at >= k.n {
		return -1
	}
	return k.off + int32(at)
}

// matchHit is a match, or a row without one.
type matchHit struct {
	key       int32
	start     int // place of its first row
	from, to  int // the instructions that took its rows, in pcs
	number    int64
	unmatched bool
}

// take adds a key.
func (c *matchChunk) take(g int32) error {
	k := &c.m.keys[g]
	if err := c.m.arrange(k, c.mark, c.final); err != nil {
		return err
	}
	c.keys = append(c.keys, chunkKey{g: g, key: k, off: int32(c.size), n: k.done})
	c.size += k.done
	return nil
}

// flush runs the keys and gives what they match; gone are those of which nothing is left.
func (c *matchChunk) flush(out Output, gone []int32) ([]int32, error) {
	if len(c.keys) == 0 {
		return gone, nil
	}
	var err error
	if c.rows, err = c.m.decode(c.each); err != nil {
		return gone, err
	}
	if err := c.arguments(); err != nil {
		return gone, err
	}
	c.m.conds.rows(c.ctx, c)
	if err := c.run(); err != nil {
		return gone, err
	}
	if err := c.m.out.emit(c, out); err != nil {
		return gone, err
	}
	for i := range c.keys {
		g := c.keys[i].g
		c.m.groups.Touch(g)
		if c.m.release(g) {
			gone = append(gone, g)
		}
	}
	c.keys, c.size, c.hits, c.pcs = c.keys[:0], 0, c.hits[:0], c.pcs[:0]
	return gone, nil
}

func (c *matchChunk) each(yield func([]byte) error) error {
	for i := range c.keys {
		for _, r := range c.keys[i].key.rows[:c.keys[i].n] {
			if err := yield(r.data); err != nil {
				return err
			}
		}
	}
	return nil
}

// arguments computes what aggregates in DEFINE are over.
func (c *matchChunk) arguments() error {
	m := c.m
	if len(m.vm.ctx.aggs) == 0 {
		return nil
	}
	vs, err := m.args.Eval(c.ctx, c.rows.Cols, c.rows.N)
	if err != nil {
		return err
	}
	cols := make([]arrow.Array, len(m.node.AggArgs))
	for i, at := range m.argAt {
		cols[at] = vs[i]
	}
	if c.args == nil {
		c.args = newInput(exprTypes(m.node.AggArgs))
	}
	if cap(c.rowOf) < c.rows.N {
		c.rowOf = make([]int32, c.rows.N+c.rows.N/4)
	}
	c.args.reset(&batch.Batch{N: c.rows.N, Cols: cols}, c.rowOf[:c.rows.N])
	return nil
}

// run lets all keys read on until they need answers, answers all, and so on until no key can read further.
func (c *matchChunk) run() error {
	active := make([]int32, len(c.keys))
	for i := range active {
		active[i] = int32(i)
	}
	for len(active) > 0 {
		waiting := active[:0]
		for _, i := range active {
			asks, err := c.read(i)
			if err != nil {
				return err
			}
			if asks {
				waiting = append(waiting, i)
			}
		}
		active = waiting
		if len(active) > 0 {
			if err := c.m.conds.answer(c.ctx, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// read runs key i as far as the rows and the known answers go.
func (c *matchChunk) read(i int32) (asks bool, err error) {
	m, ck := c.m, &c.keys[i]
	k := ck.key
	for {
		if k.attempt == nil {
			if k.next >= ck.n || !c.readable(ck, k.next) {
				return false, nil
			}
			if !c.possible(ck, k) {
				c.fail(i, k)
				continue
			}
			if k.attempt, err = m.vm.begin(k.next, k.base+int64(k.next) == 0); err != nil {
				return false, err
			}
		}
		a := k.attempt
		for len(a.threads) > 0 {
			now := c.mark
			if a.at < ck.n {
				now = k.rows[a.at].at
			}
			if m.expired(k.rows[a.start].at, now) {
				break
			}
			if a.at == ck.n || !c.readable(ck, a.at) {
				if c.final && !m.node.Eager {
					break
				}
				return false, nil
			}
			if !a.asked && c.ask(i, ck, a) {
				return true, nil
			}
			if err := m.vm.advance(a, c.final && a.at == ck.n-1); err != nil {
				return false, err
			}
			if m.node.Eager && a.found {
				break
			}
		}
		if !a.found {
			m.vm.end(a)
			k.attempt = nil
			c.fail(i, k)
			continue
		}
		if err := c.hit(i, k, a); err != nil {
			return false, err
		}
	}
}

// readable tells whether enough is known of what follows row at.
func (c *matchChunk) readable(ck *chunkKey, at int) bool {
	return c.final || at+c.m.look < ck.n
}

// possible tells whether the row may start a match as far as its conditions alone say.
func (c *matchChunk) possible(ck *chunkKey, k *matchKey) bool {
	e := &c.m.first[0]
	if k.base+int64(k.next) == 0 {
		e = &c.m.first[1]
	}
	if e.done {
		return true
	}
	row := ck.row(k.next)
	for _, pc := range e.pcs {
		if yes, known := c.m.conds.known(c.m.prog.code[pc].v, row); yes || !known {
			return true
		}
	}
	return false
}

// ask finds which threads take row a.at; it tells whether questions are left.
func (c *matchChunk) ask(i int32, ck *chunkKey, a *matchAttempt) bool {
	m := c.m
	row := ck.row(a.at)
	a.yes, a.after = a.yes[:0], a.after[:0]
	asks := false
	for j, t := range a.threads {
		in := m.prog.code[t.pc]
		yes, known := m.conds.known(in.v, row)
		after := int32(-1)
		var no, noKnown bool
		if in.not >= 0 {
			if no, noKnown = m.conds.known(in.not, row); noKnown && no {
				yes, known = false, true
			}
		}
		if yes || !known {
			after = m.vm.ctx.then(t.ctx, int(in.v), int32(a.at-a.start), c.args, row)
			yes = known
			if !known {
				asks = true
				m.conds.ask[in.v] = append(m.conds.ask[in.v], matchAsk{key: i, thread: int32(j), ctx: after})
			}
			if in.not >= 0 && !noKnown {
				asks = true
				other := m.vm.ctx.then(t.ctx, int(in.not), int32(a.at-a.start), c.args, row)
				m.conds.ask[in.not] = append(m.conds.ask[in.not], matchAsk{key: i, thread: int32(j), ctx: other, no: true})
			}
		}
		a.yes, a.after = append(a.yes, yes), append(a.after, after)
	}
	a.asked = true
	return asks
}

// fail goes on from the next row: there is no match from this one.
func (c *matchChunk) fail(i int32, k *matchKey) {
	if c.m.node.Rows == plan.AllRowsUnmatched && k.base+int64(k.next) >= k.covered {
		c.hits = append(c.hits, matchHit{key: i, start: k.next, unmatched: true})
	}
	k.next++
}

// hit takes the match that an attempt has found and goes on where AFTER MATCH SKIP says.
func (c *matchChunk) hit(i int32, k *matchKey, a *matchAttempt) error {
	m := c.m
	from := len(c.pcs)
	c.pcs = a.taken(c.pcs, a.best)
	pcs := c.pcs[from:]
	k.number++
	c.hits = append(c.hits, matchHit{key: i, start: a.start, from: from, to: len(c.pcs), number: k.number})
	m.vm.end(a)
	k.attempt = nil
	k.covered = max(k.covered, k.base+int64(a.start+len(pcs)))
	switch {
	case len(pcs) == 0 || m.node.Skip == plan.SkipNextRow:
		k.next++
		return nil
	case m.node.Skip == plan.SkipPastLast:
		k.next += len(pcs)
		return nil
	}
	at := -1
	for j, pc := range pcs {
		if slices.Contains(m.node.SkipTo, int(m.prog.code[pc].v)) {
			at = j
			if m.node.Skip == plan.SkipToFirst {
				break
			}
		}
	}
	pos := fault.Pos(m.node.P.Pos)
	switch {
	case at < 0:
		return fault.WithRemedy(pos.Errorf(fault.Permanent, "AFTER MATCH SKIP TO a variable that no row of the match is mapped to"), "skip to a variable that is in every match")
	case at == 0:
		return fault.WithRemedy(pos.Errorf(fault.Permanent, "AFTER MATCH SKIP TO the first row of the match would find the same match for ever"), "skip to a later variable, or TO NEXT ROW")
	}
	k.next += at
	return nil
}
