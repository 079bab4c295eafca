package operator_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// matchModel finds matches straight from the standard's definition: it tries every way to write a pattern over the rows, in the order of preference, and
// takes the first that the conditions allow. It knows nothing of automata, contexts or epochs.
type matchModel struct {
	node *plan.Match
	rows []matchModelRow
	// tests are the conditions by variable, as the model sees them; nil is true.
	tests []modelTest
}

type matchModelRow struct {
	n  int // -1: NULL
	at int // seconds
}

// modelTest decides about the last of the rows start…, mapped to vars.
type modelTest func(m *matchModel, start int, vars []int) bool

// taken is a row of a match.
type taken struct {
	v   int
	out bool
}

// find gives the preferred match from start.
func (m *matchModel) find(start int) ([]taken, bool) {
	if m.node.Eager {
		return m.earliest(start)
	}
	var match []taken
	found := m.way(m.node.Pattern, start, nil, false, func(labels []taken) bool {
		match = slices.Clone(labels)
		return true
	})
	return match, found
}

// way tries all ways of p after the rows labels, and then whether k goes on from there.
func (m *matchModel) way(p *plan.RowPattern, start int, labels []taken, out bool, k func([]taken) bool) bool {
	pos := start + len(labels)
	switch p.Op {
	case plan.PatternVar:
		if pos >= len(m.rows) || m.node.Within > 0 && int64(m.rows[pos].at-m.rows[start].at)*usSecond >= m.node.Within {
			return false
		}
		next := append(slices.Clone(labels), taken{p.Var, out})
		return m.allows(p.Var, start, next) && k(next)
	case plan.PatternStart:
		return pos == 0 && k(labels)
	case plan.PatternEnd:
		return pos == len(m.rows) && k(labels)
	case plan.PatternSeq:
		return m.sequence(p.Subs, start, labels, out, k)
	case plan.PatternAlt:
		return slices.ContainsFunc(p.Subs, func(s *plan.RowPattern) bool { return m.way(s, start, labels, out, k) })
	case plan.PatternExclude:
		return m.way(p.Subs[0], start, labels, true, k)
	case plan.PatternPermute:
		return permutations(len(p.Subs), nil, func(order []int) bool {
			var subs []*plan.RowPattern
			for _, i := range order {
				subs = append(subs, p.Subs[i])
			}
			return m.sequence(subs, start, labels, out, k)
		})
	}
	var times func(n int, labels []taken) bool
	times = func(n int, labels []taken) bool {
		again := func() bool {
			if p.Max >= 0 && n >= p.Max {
				return false
			}
			return m.way(p.Subs[0], start, labels, out, func(after []taken) bool {
				return times(n+1, after)
			})
		}
		leave := func() bool { return n >= p.Min && k(labels) }
		if p.Reluctant {
			return leave() || again()
		}
		return again() || leave()
	}
	return times(0, labels)
}

func (m *matchModel) sequence(ps []*plan.RowPattern, start int, labels []taken, out bool, k func([]taken) bool) bool {
	if len(ps) == 0 {
		return k(labels)
	}
	return m.way(ps[0], start, labels, out, func(after []taken) bool { return m.sequence(ps[1:], start, after, out, k) })
}

// permutations calls f with the orders of 0…n-1, lexicographically, until it is true.
func permutations(n int, head []int, f func([]int) bool) bool {
	if len(head) == n {
		return f(head)
	}
	for i := range n {
		if !slices.Contains(head, i) && permutations(n, append(slices.Clone(head), i), f) {
			return true
		}
	}
	return false
}

func (m *matchModel) allows(v, start int, labels []taken) bool {
	vars := make([]int, len(labels))
	for i, l := range labels {
		vars[i] = l.v
	}
	return m.tests[v] == nil || m.tests[v](m, start, vars)
}

// earliest is Flink's choice: the match with the fewest rows, of those the first with each variable taking before it leaves; and the row after a greedy
// quantifier is not one that the quantified variable would take.
func (m *matchModel) earliest(start int) ([]taken, bool) {
	items := m.node.Pattern.Subs
	var best []taken
	found := false
	var from func(i int, labels []taken)
	from = func(i int, labels []taken) {
		if i == len(items) {
			if !found || len(labels) < len(best) {
				best, found = slices.Clone(labels), true
			}
			return
		}
		lo, hi, v := 1, 1, items[i]
		if v.Op == plan.PatternRepeat {
			lo, hi, v = v.Min, v.Max, v.Subs[0]
		}
		var times func(n int, labels []taken)
		times = func(n int, labels []taken) {
			pos := start + len(labels)
			can := (hi < 0 || n < hi) && pos < len(m.rows)
			if can && m.node.Within > 0 && int64(m.rows[pos].at-m.rows[start].at)*usSecond >= m.node.Within {
				can = false
			}
			if can && n == 0 && i > 0 {
				if b := items[i-1]; b.Op == plan.PatternRepeat && !b.Reluctant && b.Min != b.Max && (b.Min != 0 || b.Max != 1) {
					can = !m.allows(b.Subs[0].Var, start, append(slices.Clone(labels), taken{v: b.Subs[0].Var}))
				}
			}
			if can {
				if next := append(slices.Clone(labels), taken{v: v.Var}); m.allows(v.Var, start, next) {
					times(n+1, next)
				}
			}
			if n >= lo {
				from(i+1, labels)
			}
		}
		times(0, labels)
	}
	from(0, nil)
	return best, found
}

// run gives the output for all rows of one partition, or ok false where AFTER MATCH SKIP fails.
func (m *matchModel) run(key string) (out []string, ok bool) {
	number, covered := 0, 0
	for at := 0; at < len(m.rows); {
		match, found := m.find(at)
		if !found {
			if m.node.Eager && m.alive(at) {
				return out, true // Flink waits for more rows for ever
			}
			if m.node.Rows == plan.AllRowsUnmatched && at >= covered {
				out = append(out, fmt.Sprintf("[%s, %s]", key, strings.Join(append([]string{strconv.Itoa(at)}, slices.Repeat([]string{"NULL"}, len(m.node.Measures))...), ", ")))
			}
			at++
			continue
		}
		number++
		covered = max(covered, at+len(match))
		out = append(out, m.output(key, at, match, number)...)
		if len(match) == 0 {
			at++
			continue
		}
		switch m.node.Skip {
		case plan.SkipNextRow:
			at++
			continue
		case plan.SkipPastLast:
			at += len(match)
			continue
		}
		to := -1
		for i, l := range match {
			if slices.Contains(m.node.SkipTo, l.v) && (to < 0 || m.node.Skip == plan.SkipToLast) {
				to = i
			}
		}
		if to <= 0 {
			return out, false
		}
		at += to
	}
	return out, true
}

// alive tells whether some partial match from start takes all rows there are.
func (m *matchModel) alive(start int) bool {
	if m.node.Within > 0 {
		return false // the end of time is past any bound
	}
	full := len(m.rows)
	defer func() { m.rows = m.rows[:full] }()
	items := m.node.Pattern.Subs
	var from func(i int, labels []taken) bool
	from = func(i int, labels []taken) bool {
		if start+len(labels) == full {
			return i < len(items) // something must come, so more rows could
		}
		if i == len(items) {
			return false
		}
		lo, hi, v := 1, 1, items[i]
		if v.Op == plan.PatternRepeat {
			lo, hi, v = v.Min, v.Max, v.Subs[0]
		}
		var times func(n int, labels []taken) bool
		times = func(n int, labels []taken) bool {
			if start+len(labels) == full {
				return n < lo || hi < 0 || n < hi || i+1 < len(items)
			}
			can := hi < 0 || n < hi
			if can && n == 0 && i > 0 {
				if b := items[i-1]; b.Op == plan.PatternRepeat && !b.Reluctant && b.Min != b.Max && (b.Min != 0 || b.Max != 1) {
					can = !m.allows(b.Subs[0].Var, start, append(slices.Clone(labels), taken{v: b.Subs[0].Var}))
				}
			}
			if can {
				if next := append(slices.Clone(labels), taken{v: v.Var}); m.allows(v.Var, start, next) && times(n+1, next) {
					return true
				}
			}
			return n >= lo && from(i+1, labels)
		}
		return times(0, labels)
	}
	return from(0, nil)
}

// output is a match's rows: the key, for ALL ROWS the row's number, and the measures of modelMeasures.
func (m *matchModel) output(key string, start int, match []taken, number int) []string {
	line := func(pos int) string {
		head := []string{key}
		if m.node.Rows != plan.OneRow {
			head = append(head, strconv.Itoa(start+max(pos, 0)))
		}
		for _, f := range modelMeasures {
			head = append(head, f.value(m, start, match, pos, number))
		}
		return "[" + strings.Join(head, ", ") + "]"
	}
	switch {
	case len(match) == 0 && m.node.Rows == plan.AllRowsOmitEmpty:
		return nil
	case len(match) == 0:
		return []string{line(-1)}
	case m.node.Rows == plan.OneRow:
		return []string{line(len(match) - 1)}
	}
	var out []string
	for i, l := range match {
		if !l.out {
			out = append(out, line(i))
		}
	}
	return out
}

// modelMeasures are measures with the model's own idea of them. Columns are: key, number of the row, n, time.
var modelMeasures = []struct {
	slot  plan.MatchSlot
	agg   *plan.MatchAgg
	value func(m *matchModel, start int, match []taken, pos, number int) string
}{
	{slot: plan.MatchSlot{Kind: plan.SlotNumber, T: tBigint}, value: func(_ *matchModel, _ int, _ []taken, _, number int) string { return strconv.Itoa(number) }},
	{slot: plan.MatchSlot{Kind: plan.SlotClassifier, T: tString}, value: func(m *matchModel, _ int, match []taken, pos, _ int) string {
		if pos < 0 {
			return "NULL"
		}
		return m.node.Vars[match[pos].v]
	}},
	{slot: plan.MatchSlot{Kind: plan.SlotColumn, Col: 1, Nav: plan.MatchNav{Vars: []int{1}}, T: tInt}, value: func(_ *matchModel, start int, match []taken, pos, _ int) string {
		return nth(start, match, pos, []int{1}, false, 0, 0, 1<<30)
	}},
	{slot: plan.MatchSlot{Kind: plan.SlotColumn, Col: 1, Nav: plan.MatchNav{Vars: []int{0, 1}, First: true, Offset: 1}, T: tInt}, value: func(_ *matchModel, start int, match []taken, pos, _ int) string {
		return nth(start, match, pos, []int{0, 1}, true, 1, 0, 1<<30)
	}},
	{slot: plan.MatchSlot{Kind: plan.SlotColumn, Col: 1, Nav: plan.MatchNav{Offset: 1, Final: true, Shift: -2}, T: tInt}, value: func(_ *matchModel, start int, match []taken, pos, _ int) string {
		if pos < 0 {
			return "NULL"
		}
		return nth(start, match, len(match)-1, nil, false, 1, -2, 1<<30)
	}},
	{slot: plan.MatchSlot{Kind: plan.SlotAgg, T: tBigint}, agg: &plan.MatchAgg{AggCall: plan.AggCall{Func: "COUNT", Filter: -1, T: tBigint}, Vars: []int{0}},
		value: func(_ *matchModel, _ int, match []taken, pos, _ int) string {
			n := 0
			for _, l := range match[:pos+1] {
				if l.v == 0 {
					n++
				}
			}
			return strconv.Itoa(n)
		}},
	{slot: plan.MatchSlot{Kind: plan.SlotAgg, Agg: 1, T: tInt}, agg: &plan.MatchAgg{AggCall: plan.AggCall{Func: "SUM", Filter: -1, T: tInt, Args: []int{0}}, Final: true},
		value: func(m *matchModel, start int, match []taken, _, _ int) string {
			sum, any := 0, false
			for i := range match {
				if n := m.rows[start+i].n; n >= 0 {
					sum, any = sum+n, true
				}
			}
			if !any {
				return "NULL"
			}
			return strconv.Itoa(sum)
		}},
}

// nth is the number of the row that a navigation reaches, all rows having their place as number.
func nth(start int, match []taken, pos int, vars []int, first bool, offset, shift, limit int) string {
	var rows []int
	if first {
		pos = len(match) - 1
	}
	for i := range match[:pos+1] {
		if vars == nil || slices.Contains(vars, match[i].v) {
			rows = append(rows, start+i)
		}
	}
	at := len(rows) - 1 - offset
	if first {
		at = offset
	}
	if at < 0 || at >= len(rows) {
		return "NULL"
	}
	if at = rows[at] + shift; at < 0 || at >= limit {
		return "NULL"
	}
	return strconv.Itoa(at)
}

// modelCond is a condition in both forms. The expression reads slots that it appends to the node.
type modelCond struct {
	name string
	make func(n *plan.Match, v int) plan.Expr
	test func(v int) modelTest
}

func slotRef(n *plan.Match, s plan.MatchSlot) plan.Expr {
	n.Slots = append(n.Slots, s)
	return &plan.ColRef{Index: len(n.Slots) - 1, T: s.T}
}

func column(nav plan.MatchNav) plan.MatchSlot {
	return plan.MatchSlot{Kind: plan.SlotColumn, Col: 2, Nav: nav, T: tInt}
}

func compare(op string, a, b plan.Expr) plan.Expr {
	return &plan.Call{Func: op, Args: []plan.Expr{a, b}, T: types.Of(types.Boolean)}
}

func intLit(v int64) plan.Expr { return &plan.Literal{Value: v, T: tInt.AsNotNull()} }

// value is row i's n; out of range or NULL it is unknown.
func (m *matchModel) value(i int) (int, bool) {
	if i < 0 || i >= len(m.rows) || m.rows[i].n < 0 {
		return 0, false
	}
	return m.rows[i].n, true
}

// lastOf is the place of the offset-th row from the end mapped to v.
func lastOf(start int, vars []int, v, offset int) int {
	for i := len(vars) - 1; i >= 0; i-- {
		if vars[i] == v {
			if offset == 0 {
				return start + i
			}
			offset--
		}
	}
	return -1
}

func (m *matchModel) compare(i, j int, f func(a, b int) bool) bool {
	a, ok := m.value(i)
	b, ok2 := m.value(j)
	return ok && ok2 && f(a, b)
}

func greater(a, b int) bool { return a > b }

// modelConds are the conditions that random patterns draw from.
var modelConds = []modelCond{
	{"true", func(*plan.Match, int) plan.Expr { return nil }, func(int) modelTest { return nil }},
	{"n < 2", func(n *plan.Match, v int) plan.Expr {
		return compare("<", slotRef(n, column(plan.MatchNav{Vars: []int{v}})), intLit(2))
	},
		func(int) modelTest {
			return func(m *matchModel, start int, vars []int) bool {
				x, ok := m.value(start + len(vars) - 1)
				return ok && x < 2
			}
		}},
	{"n > 0", func(n *plan.Match, _ int) plan.Expr {
		return compare(">", slotRef(n, column(plan.MatchNav{})), intLit(0))
	},
		func(int) modelTest {
			return func(m *matchModel, start int, vars []int) bool {
				x, ok := m.value(start + len(vars) - 1)
				return ok && x > 0
			}
		}},
	{"n > PREV(n)", func(n *plan.Match, v int) plan.Expr {
		return compare(">", slotRef(n, column(plan.MatchNav{Vars: []int{v}})), slotRef(n, column(plan.MatchNav{Vars: []int{v}, Shift: -1})))
	}, func(int) modelTest {
		return func(m *matchModel, start int, vars []int) bool {
			at := start + len(vars) - 1
			return m.compare(at, at-1, greater)
		}
	}},
	{"n > NEXT(n)", func(n *plan.Match, v int) plan.Expr {
		return compare(">", slotRef(n, column(plan.MatchNav{})), slotRef(n, column(plan.MatchNav{Vars: []int{v}, Shift: 1})))
	}, func(int) modelTest {
		return func(m *matchModel, start int, vars []int) bool {
			at := start + len(vars) - 1
			return m.compare(at, at+1, greater)
		}
	}},
	{"n > LAST(A.n)", func(n *plan.Match, _ int) plan.Expr {
		return compare(">", slotRef(n, column(plan.MatchNav{})), slotRef(n, column(plan.MatchNav{Vars: []int{0}})))
	}, func(int) modelTest {
		return func(m *matchModel, start int, vars []int) bool {
			return m.compare(start+len(vars)-1, lastOf(start, vars, 0, 0), greater)
		}
	}},
	{"n > LAST(v.n, 1)", func(n *plan.Match, v int) plan.Expr {
		return compare(">", slotRef(n, column(plan.MatchNav{})), slotRef(n, column(plan.MatchNav{Vars: []int{v}, Offset: 1})))
	}, func(v int) modelTest {
		return func(m *matchModel, start int, vars []int) bool {
			return m.compare(start+len(vars)-1, lastOf(start, vars, v, 1), greater)
		}
	}},
	{"n >= FIRST(n) AND n < 3", func(n *plan.Match, v int) plan.Expr {
		return plan.And(compare(">=", slotRef(n, column(plan.MatchNav{})), slotRef(n, column(plan.MatchNav{First: true}))),
			compare("<", slotRef(n, column(plan.MatchNav{Vars: []int{v}})), intLit(3)))
	}, func(int) modelTest {
		return func(m *matchModel, start int, vars []int) bool {
			at := start + len(vars) - 1
			x, ok := m.value(at)
			return ok && x < 3 && m.compare(at, start, func(a, b int) bool { return a >= b })
		}
	}},
	{"n <> PREV(FIRST(B.n), 1)", func(n *plan.Match, _ int) plan.Expr {
		return compare("<>", slotRef(n, column(plan.MatchNav{})), slotRef(n, column(plan.MatchNav{Vars: []int{1}, First: true, Shift: -1})))
	}, func(int) modelTest {
		return func(m *matchModel, start int, vars []int) bool {
			i := slices.Index(vars, 1)
			return i >= 0 && m.compare(start+len(vars)-1, start+i-1, func(a, b int) bool { return a != b })
		}
	}},
	{"COUNT(v.*) <= 2", func(n *plan.Match, v int) plan.Expr {
		n.Aggs = append(n.Aggs, plan.MatchAgg{AggCall: plan.AggCall{Func: "COUNT", Filter: -1, T: tBigint}, Vars: []int{v}})
		return compare("<=", slotRef(n, plan.MatchSlot{Kind: plan.SlotAgg, Agg: len(n.Aggs) - 1, T: tBigint}), &plan.Literal{Value: int64(2), T: tBigint.AsNotNull()})
	}, func(v int) modelTest {
		return func(_ *matchModel, _ int, vars []int) bool {
			n := 0
			for _, x := range vars {
				if x == v {
					n++
				}
			}
			return n <= 2
		}
	}},
	{"COUNT(DISTINCT n) < 3", func(n *plan.Match, _ int) plan.Expr {
		n.Aggs = append(n.Aggs, plan.MatchAgg{AggCall: plan.AggCall{Func: "COUNT", Distinct: true, Filter: -1, T: tBigint, Args: []int{0}}})
		return compare("<", slotRef(n, plan.MatchSlot{Kind: plan.SlotAgg, Agg: len(n.Aggs) - 1, T: tBigint}), &plan.Literal{Value: int64(3), T: tBigint.AsNotNull()})
	}, func(int) modelTest {
		return func(m *matchModel, start int, vars []int) bool {
			seen := map[int]bool{}
			for i := range vars {
				if x, ok := m.value(start + i); ok {
					seen[x] = true
				}
			}
			return len(seen) < 3
		}
	}},
	{"PREV(CLASSIFIER()) = 'A'", func(n *plan.Match, _ int) plan.Expr {
		return compare("=", slotRef(n, plan.MatchSlot{Kind: plan.SlotClassifier, Nav: plan.MatchNav{Shift: -1}, T: tString}), &plan.Literal{Value: "A", T: tString.AsNotNull()})
	}, func(int) modelTest {
		return func(_ *matchModel, _ int, vars []int) bool { return len(vars) > 1 && vars[len(vars)-2] == 0 }
	}},
}
