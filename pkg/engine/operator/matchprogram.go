package operator

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// matchProgram is a row pattern as Thompson's automaton, in the form of instructions that Pike's virtual machine runs: a thread stands before an
// opTake, and of two ways of an opSplit the first is preferred. Repetitions are copied out, so counters are places in the program.
type matchProgram struct {
	code    []matchInst
	start   int32
	atEnd   bool // has $: whether a row is the last must be known
	atStart bool // has ^
}

type matchInst struct {
	op   matchOp
	out  bool  // opTake: the row is excluded from the output
	v    int32 // opTake: the variable
	not  int32 // opTake: a variable whose condition the row must not meet, -1: none
	x, y int32 // what follows; y is opSplit's second way
}

type matchOp uint8

const (
	opTake matchOp = iota
	opSplit
	opAtStart // goes on before the partition's first row
	opAtEnd   // goes on after its last
	opDone    // the match is complete
)

// matchMaxProgram bounds a program: {1,100000} and PERMUTE of many variables are copied out.
const matchMaxProgram = 1 << 16

// matchCompiler makes instructions from the end of the pattern to its start.
type matchCompiler struct {
	prog  *matchProgram
	out   bool // inside {- … -}
	eager bool
	full  bool
}

func compilePattern(p *plan.RowPattern, eager bool) (*matchProgram, error) {
	c := &matchCompiler{prog: &matchProgram{}, eager: eager}
	done := c.add(matchInst{op: opDone})
	if eager {
		c.prog.start = c.sequence(p, done)
	} else {
		c.prog.start = c.emit(p, done)
	}
	if c.full {
		return nil, fault.WithRemedy(fault.Newf(fault.Config, "the pattern needs more than %d states", matchMaxProgram), "lower the counts in {…}, or the number of variables in PERMUTE")
	}
	return c.prog, nil
}

func (c *matchCompiler) add(i matchInst) int32 {
	if len(c.prog.code) >= matchMaxProgram {
		c.full = true
		return 0
	}
	c.prog.code = append(c.prog.code, i)
	return int32(len(c.prog.code) - 1)
}

// sequence makes a pattern of Flink's form. The row that follows a greedy quantifier must not be one that the quantified variable takes; nothing
// optional follows it, so that is the first row of what comes next.
func (c *matchCompiler) sequence(p *plan.RowPattern, next int32) int32 {
	items := p.Subs
	if p.Op != plan.PatternSeq {
		items = []*plan.RowPattern{p}
	}
	for i := len(items) - 1; i >= 0 && !c.full; i-- {
		next = c.emit(items[i], next)
		if i == 0 {
			break
		}
		if b := items[i-1]; b.Op == plan.PatternRepeat && !b.Reluctant && b.Min != b.Max && (b.Min != 0 || b.Max != 1) {
			c.prog.code[next].not = int32(b.Subs[0].Var)
		}
	}
	return next
}

// emit makes p, followed by next, and gives its entry.
func (c *matchCompiler) emit(p *plan.RowPattern, next int32) int32 {
	if c.full {
		return next
	}
	switch p.Op {
	case plan.PatternVar:
		return c.add(matchInst{op: opTake, v: int32(p.Var), x: next, out: c.out, not: -1})
	case plan.PatternStart:
		c.prog.atStart = true
		return c.add(matchInst{op: opAtStart, x: next})
	case plan.PatternEnd:
		c.prog.atEnd = true
		return c.add(matchInst{op: opAtEnd, x: next})
	case plan.PatternSeq:
		for i := len(p.Subs) - 1; i >= 0; i-- {
			next = c.emit(p.Subs[i], next)
		}
		return next
	case plan.PatternAlt:
		at := c.emit(p.Subs[len(p.Subs)-1], next)
		for i := len(p.Subs) - 2; i >= 0; i-- {
			at = c.add(matchInst{op: opSplit, x: c.emit(p.Subs[i], next), y: at})
		}
		return at
	case plan.PatternExclude:
		before := c.out
		c.out = true
		next = c.emit(p.Subs[0], next)
		c.out = before
		return next
	case plan.PatternPermute:
		return c.permute(p.Subs, next)
	}
	return c.repeat(p, next)
}

func (c *matchCompiler) split(body, exit int32, reluctant bool) int32 {
	if reluctant && !c.eager { // Flink's automaton takes before it leaves, whatever the quantifier
		body, exit = exit, body
	}
	return c.add(matchInst{op: opSplit, x: body, y: exit})
}

func (c *matchCompiler) repeat(p *plan.RowPattern, next int32) int32 {
	sub := p.Subs[0]
	at := next
	if p.Max < 0 {
		loop := c.split(0, 0, false)
		body := c.emit(sub, loop)
		if c.full {
			return next
		}
		i := &c.prog.code[loop]
		i.x, i.y = body, next
		if p.Reluctant && !c.eager {
			i.x, i.y = next, body
		}
		at = loop
	}
	for n := p.Max; n > p.Min && !c.full; n-- {
		at = c.split(c.emit(sub, at), next, p.Reluctant)
	}
	for n := p.Min; n > 0 && !c.full; n-- {
		before := at
		if at = c.emit(sub, at); at == before {
			break // of an empty pattern one is as many as many
		}
	}
	return at
}

// permute makes all orders of subs, those that come first in the list's order preferred. Orders of variables that have the same ones left share what
// is left. Where a part can be written in several ways, each order is an alternative of its own: all ways of one are preferred to the next order.
func (c *matchCompiler) permute(subs []*plan.RowPattern, next int32) int32 {
	if len(subs) > 16 {
		c.full = true
		return next
	}
	if slices.ContainsFunc(subs, func(s *plan.RowPattern) bool { return s.Op != plan.PatternVar }) {
		return c.orders(subs, nil, next, -1)
	}
	made := map[uint32]int32{0: next}
	var rest func(left uint32) int32
	rest = func(left uint32) int32 {
		if at, ok := made[left]; ok {
			return at
		}
		at := int32(-1)
		for i := len(subs) - 1; i >= 0; i-- {
			if left&(1<<i) == 0 || c.full {
				continue
			}
			way := c.emit(subs[i], rest(left&^(1<<i)))
			if at < 0 {
				at = way
			} else {
				at = c.add(matchInst{op: opSplit, x: way, y: at})
			}
		}
		made[left] = at
		return at
	}
	return rest(1<<len(subs) - 1)
}

// orders makes the alternatives for all orders that begin with head, before other, if that is not -1.
func (c *matchCompiler) orders(subs, head []*plan.RowPattern, next, other int32) int32 {
	if len(subs) == 0 {
		way := next
		for _, s := range slices.Backward(head) {
			way = c.emit(s, way)
		}
		if other < 0 {
			return way
		}
		return c.add(matchInst{op: opSplit, x: way, y: other})
	}
	for i := len(subs) - 1; i >= 0 && !c.full; i-- {
		other = c.orders(slices.Delete(slices.Clone(subs), i, i+1), append(slices.Clone(head), subs[i]), next, other)
	}
	return other
}
