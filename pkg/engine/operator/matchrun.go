package operator

import (
	"github.com/freshet-dw/freshet/pkg/fault"
)

// matchAttempt is the search for a match from one row. Its threads stand in the order of preference, each before the instruction that would take the
// next row. What they have taken is a tree of nodes, which threads with the same beginning share.
type matchAttempt struct {
	start   int // place of the first row among the key's
	at      int // and of the next row to be read
	threads []matchThread
	nodes   []matchNode
	limit   int   // of nodes, before the dead ones are looked for
	found   bool  // a match is complete; those that are preferred to it are still looked for
	best    int32 // its last node

	asked bool // the conditions of the threads are known for row at
	yes   []bool
	after []int32 // contexts of the threads with row at
}

type matchThread struct {
	pc, node, ctx int32
}

// matchNode is a row taken by instruction pc; the row before it is that of parent, -1: there is none.
type matchNode struct{ parent, pc int32 }

// matchMaxThreads bounds the partial matches from one row: a pattern that needs more would need exponentially many.
const matchMaxThreads = 1 << 14

// matchMachine runs attempts; what it keeps beside them is scratch.
type matchMachine struct {
	prog  *matchProgram
	eager bool
	ctx   matchContexts
	// distinct threads are never the same: conditions read which rows were mapped to what.
	distinct bool

	next  []matchThread
	stack []int32
	seen  []uint32 // by instruction: the last closure that passed it
	gen   uint32
	last  []int32 // by instruction: the last thread added that stands there
	prev  []int32 // by thread added: the one before it at the same instruction
	lastG []uint32
	step  uint32
	idle  []*matchAttempt
}

func newMatchMachine(prog *matchProgram, eager bool) *matchMachine {
	n := len(prog.code)
	return &matchMachine{prog: prog, eager: eager, seen: make([]uint32, n), last: make([]int32, n), lastG: make([]uint32, n)}
}

// begin starts an attempt at the key's row start; first: it is the partition's first.
func (m *matchMachine) begin(start int, first bool) (*matchAttempt, error) {
	var a *matchAttempt
	if n := len(m.idle); n > 0 {
		a, m.idle = m.idle[n-1], m.idle[:n-1]
	} else {
		a = &matchAttempt{}
	}
	*a = matchAttempt{start: start, at: start, threads: a.threads[:0], nodes: a.nodes[:0], yes: a.yes[:0], after: a.after[:0]}
	m.open()
	ctx := m.ctx.make()
	err := m.closure(a, m.prog.start, -1, ctx, first, false)
	m.ctx.release(ctx)
	a.threads, m.next = m.next, a.threads
	return a, err
}

// end gives an attempt's memory back.
func (m *matchMachine) end(a *matchAttempt) {
	m.drop(a.threads)
	if cap(a.nodes) <= 1<<12 && len(m.idle) < 64 {
		m.idle = append(m.idle, a)
	}
}

func (m *matchMachine) drop(ts []matchThread) {
	for _, t := range ts {
		m.ctx.release(t.ctx)
	}
}

// open begins the list of the threads for the next row.
func (m *matchMachine) open() {
	m.next, m.prev = m.next[:0], m.prev[:0]
	m.step++
}

// closure adds the threads that stand where pc leads to without a row, preferred ones first. When the match is complete there, what comes after is not
// looked for.
func (m *matchMachine) closure(a *matchAttempt, pc, node, ctx int32, first, last bool) error {
	code := m.prog.code
	m.gen++
	m.stack = append(m.stack[:0], pc)
	for len(m.stack) > 0 {
		pc := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		if m.seen[pc] == m.gen {
			continue // round an empty loop
		}
		m.seen[pc] = m.gen
		switch i := code[pc]; i.op {
		case opSplit:
			m.stack = append(m.stack, i.y, i.x)
		case opAtStart:
			if first {
				m.stack = append(m.stack, i.x)
			}
		case opAtEnd:
			if last {
				m.stack = append(m.stack, i.x)
			}
		case opDone:
			a.found, a.best = true, node
			return nil
		case opTake:
			if err := m.add(matchThread{pc: pc, node: node, ctx: ctx}); err != nil {
				return err
			}
		}
	}
	return nil
}

// add appends a thread unless one that is preferred will do all that it does.
func (m *matchMachine) add(t matchThread) error {
	before := int32(-1)
	if m.lastG[t.pc] == m.step {
		before = m.last[t.pc]
	}
	if !m.distinct {
		for i := before; i >= 0; i = m.prev[i] {
			if !m.ctx.used() || m.ctx.equal(m.next[i].ctx, t.ctx) {
				return nil
			}
		}
	}
	if len(m.next) >= matchMaxThreads {
		return fault.WithRemedy(fault.Newf(fault.Permanent, "MATCH_RECOGNIZE has more than %d partial matches from one row", matchMaxThreads),
			"make the pattern's variables exclude each other in DEFINE, or write one quantifier in place of nested ones")
	}
	m.lastG[t.pc], m.last[t.pc] = m.step, int32(len(m.next))
	m.prev = append(m.prev, before)
	m.ctx.hold(t.ctx)
	m.next = append(m.next, t)
	return nil
}

// advance reads one row: a.yes tells which threads take it, a.after holds their contexts with it. last: the row is the partition's last.
func (m *matchMachine) advance(a *matchAttempt, last bool) error {
	m.open()
	done := false
	var err error
	for i, t := range a.threads {
		if a.yes[i] && !done && err == nil {
			node := int32(len(a.nodes))
			a.nodes = append(a.nodes, matchNode{parent: t.node, pc: t.pc})
			found, best := a.found, a.best
			a.found = false
			err = m.closure(a, m.prog.code[t.pc].x, node, a.after[i], false, last)
			if done = a.found; !done {
				a.found, a.best = found, best
			}
		}
		if a.after[i] >= 0 {
			m.ctx.release(a.after[i])
		}
	}
	m.drop(a.threads)
	a.threads, m.next = m.next, a.threads
	a.at++
	a.asked = false
	if len(a.nodes) > max(a.limit, 1<<12) {
		a.trim()
		a.limit = 2 * len(a.nodes)
	}
	return err
}

// trim drops the nodes that no thread holds once they are most.
func (a *matchAttempt) trim() {
	live := make([]int32, len(a.nodes))
	n := 0
	mark := func(at int32) {
		for ; at >= 0 && live[at] == 0; at = a.nodes[at].parent {
			live[at] = 1
			n++
		}
	}
	for _, t := range a.threads {
		mark(t.node)
	}
	if a.found {
		mark(a.best)
	}
	if n > len(a.nodes)/2 {
		return
	}
	to := int32(0)
	for i, x := range a.nodes {
		if live[i] == 0 {
			continue
		}
		if x.parent >= 0 {
			x.parent = live[x.parent]
		}
		a.nodes[to] = x
		live[i] = to
		to++
	}
	a.nodes = a.nodes[:to]
	for i := range a.threads {
		if n := a.threads[i].node; n >= 0 {
			a.threads[i].node = live[n]
		}
	}
	if a.found && a.best >= 0 {
		a.best = live[a.best]
	}
}

// taken appends the instructions that took the rows of a match that ends with node, first to last.
func (a *matchAttempt) taken(dst []int32, node int32) []int32 {
	from := len(dst)
	for ; node >= 0; node = a.nodes[node].parent {
		dst = append(dst, a.nodes[node].pc)
	}
	for i, j := from, len(dst)-1; i < j; i, j = i+1, j-1 {
		dst[i], dst[j] = dst[j], dst[i]
	}
	return dst
}
