package operator

import (
	"bytes"
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// matchContexts keeps what conditions read of the rows that a thread has taken: the rows that FIRST and LAST reach, and the state of aggregates.
// Contexts are shared by threads with the same history, counted, and copied when one goes on. Rows are counted from the attempt's first.
type matchContexts struct {
	groups []contextRows
	width  int // rows a context
	rows   []int32
	refs   []int32
	free   []int32
	aggs   []*contextAgg
	save   [2][]byte
}

// contextRows are the first or the last n rows mapped to some variables.
type contextRows struct {
	vars  []int
	first bool
	at, n int
}

// contextAgg is an aggregate that DEFINE reads. Whole is set for those that are computed from all their rows each time: DISTINCT, and those that keep lists.
type contextAgg struct {
	call  plan.MatchAgg
	index int // in Aggs
	acc   accumulator
	whole bool
}

// used tells whether there is anything to keep.
func (c *matchContexts) used() bool { return c.width > 0 || len(c.aggs) > 0 }

func (c *matchContexts) group(vars []int, first bool) *contextRows {
	i := slices.IndexFunc(c.groups, func(g contextRows) bool { return g.first == first && slices.Equal(g.vars, vars) })
	if i < 0 {
		return nil
	}
	return &c.groups[i]
}

// want makes room for the offset-th row.
func (c *matchContexts) want(vars []int, first bool, offset int) {
	if g := c.group(vars, first); g != nil {
		g.n = max(g.n, offset+1)
	} else {
		c.groups = append(c.groups, contextRows{vars: vars, first: first, n: offset + 1})
	}
	c.width = 0
	for i := range c.groups {
		c.groups[i].at = c.width
		c.width += c.groups[i].n
	}
}

// make gives a context without rows, held once.
func (c *matchContexts) make() int32 {
	if !c.used() {
		return 0
	}
	var id int32
	if n := len(c.free); n > 0 {
		id, c.free = c.free[n-1], c.free[:n-1]
	} else {
		id = int32(len(c.refs))
		c.refs = append(c.refs, 0)
		c.rows = extend(c.rows, len(c.refs)*c.width)
		for _, a := range c.aggs {
			if !a.whole {
				a.acc.grow(len(c.refs))
			}
		}
	}
	c.refs[id] = 1
	rows := c.of(id)
	for i := range rows {
		rows[i] = -1
	}
	for _, a := range c.aggs {
		if !a.whole {
			a.acc.reset(id)
		}
	}
	return id
}

func (c *matchContexts) of(id int32) []int32 {
	return c.rows[int(id)*c.width : (int(id)+1)*c.width]
}

func (c *matchContexts) hold(id int32) {
	if c.used() {
		c.refs[id]++
	}
}

func (c *matchContexts) release(id int32) {
	if !c.used() {
		return
	}
	if c.refs[id]--; c.refs[id] == 0 {
		c.free = append(c.free, id)
	}
}

// then gives the context of id after a further row, mapped to v: row is its place in the attempt, at that in the batch of in. The caller holds it.
func (c *matchContexts) then(id int32, v int, row int32, in *input, at int32) int32 {
	if !c.used() {
		return 0
	}
	to := c.make()
	copy(c.of(to), c.of(id))
	rows := c.of(to)
	for _, g := range c.groups {
		if !slices.Contains(g.vars, v) {
			continue
		}
		r := rows[g.at : g.at+g.n]
		if !g.first {
			copy(r[1:], r)
			r[0] = row
		} else if i := slices.Index(r, -1); i >= 0 {
			r[i] = row
		}
	}
	for _, a := range c.aggs {
		if a.whole {
			continue
		}
		a.acc.merge(to, a.acc, id)
		if a.takes(v, in, at) {
			in.rows[at] = to
			a.acc.add(in, []int32{at})
		}
	}
	return to
}

// takes tells whether a row mapped to v counts.
func (a *contextAgg) takes(v int, in *input, at int32) bool {
	if a.call.Vars != nil && !slices.Contains(a.call.Vars, v) {
		return false
	}
	return a.call.Filter < 0 || in.cols[a.call.Filter].IsValid(int(at)) && in.ints(a.call.Filter)[at] != 0
}

// equal tells whether two contexts hold the same, so that all conditions to come agree.
func (c *matchContexts) equal(x, y int32) bool {
	if x == y {
		return true
	}
	if !slices.Equal(c.of(x), c.of(y)) {
		return false
	}
	for _, a := range c.aggs {
		if a.whole {
			return false
		}
		c.save[0], c.save[1] = a.acc.save(c.save[0][:0], x), a.acc.save(c.save[1][:0], y)
		if !bytes.Equal(c.save[0], c.save[1]) {
			return false
		}
	}
	return true
}

func (c *matchContexts) bytes() int64 {
	n := int64(cap(c.rows)+cap(c.refs)+cap(c.free)) * 4
	for _, a := range c.aggs {
		if !a.whole {
			n += a.acc.bytes()
		}
	}
	return n
}
