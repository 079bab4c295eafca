package operator_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/engine/operator/operatortest"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

var matchIn = []types.Type{tString, tInt, tInt, types.TimestampOf(3)}

// matchInput is a node with the columns key, number of the row, n and time.
func matchInput() plan.Node {
	v := &plan.Values{}
	for i, name := range []string{"k", "id", "n", "ts"} {
		v.P.Out = append(v.P.Out, plan.Column{Name: name, Type: matchIn[i]})
	}
	return v
}

// randomPattern draws a pattern over the variables 0…vars-1.
func randomPattern(t *rapid.T, vars, depth int) *plan.RowPattern {
	ops := []plan.PatternOp{plan.PatternVar, plan.PatternVar, plan.PatternSeq, plan.PatternSeq, plan.PatternRepeat, plan.PatternRepeat, plan.PatternAlt,
		plan.PatternPermute, plan.PatternExclude, plan.PatternStart, plan.PatternEnd}
	if depth == 0 {
		ops = ops[:2]
	}
	p := &plan.RowPattern{Op: rapid.SampledFrom(ops).Draw(t, "op")}
	least, most := 1, 1
	switch p.Op {
	case plan.PatternVar:
		p.Var = rapid.IntRange(0, vars-1).Draw(t, "var")
		return p
	case plan.PatternStart, plan.PatternEnd:
		return p
	case plan.PatternSeq:
		least, most = 0, 3
	case plan.PatternAlt, plan.PatternPermute:
		least, most = 2, 3
	case plan.PatternRepeat:
		p.Min = rapid.IntRange(0, 2).Draw(t, "min")
		p.Max = rapid.SampledFrom([]int{-1, -1, p.Min, p.Min + 1, p.Min + 2}).Draw(t, "max")
		p.Reluctant = rapid.Bool().Draw(t, "reluctant")
	}
	for range rapid.IntRange(least, most).Draw(t, "parts") {
		p.Subs = append(p.Subs, randomPattern(t, vars, depth-1))
	}
	if p.Op == plan.PatternRepeat && p.Max < 0 && mayBeEmpty(p.Subs[0]) {
		p.Max = p.Min + 1 // which of endless empty turns is preferred is nowhere defined
	}
	return p
}

func mayBeEmpty(p *plan.RowPattern) bool {
	switch p.Op {
	case plan.PatternVar:
		return false
	case plan.PatternAlt:
		return slices.ContainsFunc(p.Subs, mayBeEmpty)
	case plan.PatternRepeat:
		return p.Min == 0 || mayBeEmpty(p.Subs[0])
	}
	return !slices.ContainsFunc(p.Subs, func(s *plan.RowPattern) bool { return !mayBeEmpty(s) })
}

// flinkPattern draws a pattern of the form that Flink takes.
func flinkPattern(t *rapid.T, vars int) *plan.RowPattern {
	p := &plan.RowPattern{Op: plan.PatternSeq}
	greedy, some := false, false
	for v := range vars {
		q := rapid.SampledFrom([]string{"", "", "?", "*", "+", "{2}", "{2,}", "{1,2}", "*?", "+?", "{1,2}?"}).Draw(t, "quantifier")
		optional := q == "?" || strings.HasPrefix(q, "*")
		wide := q == "*" || q == "+" || q == "{2,}" || q == "{1,2}"
		if optional && greedy || v == vars-1 && (wide || optional && !some) {
			q, optional, wide = "", false, false
		}
		item := &plan.RowPattern{Op: plan.PatternVar, Var: v}
		if q != "" {
			item = &plan.RowPattern{Op: plan.PatternRepeat, Subs: []*plan.RowPattern{item}, Max: -1, Reluctant: len(q) > 1 && strings.HasSuffix(q, "?")}
			switch strings.TrimSuffix(q, "?") {
			case "":
				item.Max = 1
			case "+":
				item.Min = 1
			case "{2}":
				item.Min, item.Max = 2, 2
			case "{2,}":
				item.Min = 2
			case "{1,2}":
				item.Min, item.Max = 1, 2
			}
		}
		p.Subs = append(p.Subs, item)
		greedy, some = wide, some || !optional
	}
	return p
}

// TestMatchAgainstModel compares the automaton with the definition over random patterns, conditions, rows, epochs, restarts and numbers of instances.
func TestMatchAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := &plan.Match{Input: matchInput(), PartitionBy: []int{0}, Order: []plan.SortKey{{Col: 3}}, TimeCol: 3, Pass: []int{0}, Vars: []string{"A", "B", "C"}}
		n.Eager = rapid.IntRange(0, 3).Draw(t, "eager") == 0
		if n.Eager {
			n.Pattern = flinkPattern(t, 3)
		} else {
			n.Pattern = randomPattern(t, 3, 3)
			n.Rows = rapid.SampledFrom([]plan.MatchRows{plan.OneRow, plan.AllRows, plan.AllRowsOmitEmpty, plan.AllRowsUnmatched}).Draw(t, "rows")
		}
		if n.Rows != plan.OneRow {
			n.Pass = []int{0, 1}
		}
		n.Skip = rapid.SampledFrom([]plan.MatchSkip{plan.SkipNextRow, plan.SkipPastLast, plan.SkipToFirst, plan.SkipToLast}).Draw(t, "skip")
		if n.Skip >= plan.SkipToFirst {
			n.SkipTo = []int{rapid.IntRange(0, 2).Draw(t, "skip to")}
		}
		if rapid.Bool().Draw(t, "within") {
			n.Within = rapid.Int64Range(1, 6).Draw(t, "seconds") * usSecond
		}
		n.AggArgs = []plan.Expr{&plan.ColRef{Index: 2, T: tInt}}
		for _, f := range modelMeasures {
			if f.agg != nil {
				n.Aggs = append(n.Aggs, *f.agg)
			}
			n.Measures = append(n.Measures, slotRef(n, f.slot))
		}
		var tests []modelTest
		for v := range n.Vars {
			c := rapid.SampledFrom(modelConds).Draw(t, "condition")
			n.Defines = append(n.Defines, c.make(n, v))
			tests = append(tests, c.test(v))
		}
		t.Log(n.Describe())

		keys := []string{"x", "y"}
		rows := map[string][]matchModelRow{}
		var want []string
		for _, key := range keys {
			at := 0
			for range rapid.IntRange(0, 9).Draw(t, "length") {
				at += rapid.IntRange(0, 3).Draw(t, "gap")
				rows[key] = append(rows[key], matchModelRow{n: rapid.IntRange(-1, 3).Draw(t, "n"), at: at})
			}
			out, ok := (&matchModel{node: n, rows: rows[key], tests: tests}).run(key)
			if !ok {
				want = nil
				t.Skip("skips to nowhere")
			}
			want = append(want, out...)
		}
		slices.Sort(want)

		h := &operatortest.Harness{Keys: [][]int{{0}}, Groups: 4, New: func(bool) (operator.Stateful, error) {
			return operator.NewMatch(n, matchIn, operator.Options{Groups: 4})
		}}
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		must(h.Start(1))
		var got []string
		mark := int64(-1)
		next := map[string]int{}
		for epoch, final := int64(1), false; !final; epoch++ {
			mark += int64(rapid.IntRange(0, 8).Draw(t, "watermark"))
			final = mark > 20
			var text strings.Builder
			for _, key := range keys {
				for ; next[key] < len(rows[key]); next[key]++ {
					r := rows[key][next[key]]
					if int64(r.at) > mark+2 && !final {
						break // comes with a later epoch
					}
					v := "NULL"
					if r.n >= 0 {
						v = fmt.Sprint(r.n)
					}
					fmt.Fprintf(&text, "+I[%s, %d, %s, %s]\n", key, next[key], v, time.Unix(int64(r.at), 0).UTC().Format("2006-01-02T15:04:05"))
				}
			}
			must(h.Process(0, operatortest.MustParse(matchIn, text.String())))
			must(h.EndEpoch(operator.Epoch{ID: epoch, Watermark: mark * usSecond, Final: final}))
			must(h.Snapshot(rapid.Bool().Draw(t, "full")))
			for _, b := range h.Batches {
				for i := range b.N {
					got = append(got, b.RowString(i)[2:])
				}
			}
			h.Batches = nil
			if rapid.Bool().Draw(t, "restart") {
				must(h.Start(rapid.IntRange(1, 3).Draw(t, "instances")))
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("rows %v\ngot\n%s\nwant\n%s", rows, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// TestMatchLimits: what would take unbounded memory is refused with a remedy.
func TestMatchLimits(t *testing.T) {
	one := func(op plan.PatternOp, lo, hi int, subs ...*plan.RowPattern) *plan.RowPattern {
		return &plan.RowPattern{Op: op, Min: lo, Max: hi, Subs: subs}
	}
	a, b, x := &plan.RowPattern{}, &plan.RowPattern{Var: 1}, &plan.RowPattern{Var: 2}
	node := func(p *plan.RowPattern) *plan.Match {
		return &plan.Match{Input: matchInput(), PartitionBy: []int{0}, Order: []plan.SortKey{{Col: 3}}, TimeCol: 3, Pass: []int{0}, Vars: []string{"A", "B", "X"}, Pattern: p, Defines: make([]plan.Expr, 3)}
	}
	many := make([]*plan.RowPattern, 17)
	for i := range many {
		many[i] = a
	}
	for _, p := range []*plan.RowPattern{one(plan.PatternRepeat, 1, 1<<30, a), one(plan.PatternRepeat, 40_000, -1, one(plan.PatternSeq, 0, 0, a, b)), one(plan.PatternPermute, 0, 0, many...)} {
		if _, err := operator.NewMatch(node(p), matchIn, operator.Options{}); err == nil || !strings.Contains(err.Error(), "needs more than") {
			t.Errorf("%v", err)
		}
	}
	if _, err := operator.NewMatch(node(one(plan.PatternRepeat, 1<<30, -1, one(plan.PatternSeq, 0, 0))), matchIn, operator.Options{}); err != nil {
		t.Errorf("an empty pattern many times: %v", err)
	}

	run := func(n *plan.Match, rows int) (string, error) {
		op, err := operator.NewMatch(n, matchIn, operator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for i := range rows {
			fmt.Fprintf(&text, "+I[k, %d, 1, 2024-01-01T00:00:%02d]\n", i, i%60)
		}
		var c operatortest.Collect
		if err := op.Process(0, operatortest.MustParse(matchIn, text.String()), c.Out); err != nil {
			t.Fatal(err)
		}
		err = op.EndEpoch(operator.Epoch{Final: true}, c.Out)
		return c.Take(), err
	}
	// Which rows were A and which B is told apart by the condition of X: two ways more with every row.
	n := node(one(plan.PatternSeq, 0, 0, one(plan.PatternRepeat, 1, -1, one(plan.PatternAlt, 0, 0, a, b)), x))
	last := slotRef(n, plan.MatchSlot{Kind: plan.SlotClassifier, Nav: plan.MatchNav{First: true}, T: tString})
	n.Defines[2] = compare("=", last, &plan.Literal{Value: "none", T: tString.AsNotNull()})
	if _, err := run(n, 12); err != nil {
		t.Errorf("4096 partial matches: %v", err)
	}
	if _, err := run(n, 40); err == nil || !strings.Contains(err.Error(), "partial matches") {
		t.Errorf("2^40 partial matches: %v", err)
	}
	// The same where conditions do not tell them apart.
	n.Slots, n.Defines[2] = nil, compare("<", intLit(1), intLit(0))
	if _, err := run(n, 40); err != nil {
		t.Errorf("equal threads: %v", err)
	}
	// AFTER MATCH SKIP must lead on.
	n = node(one(plan.PatternSeq, 0, 0, a, one(plan.PatternRepeat, 0, 1, b)))
	n.Skip, n.SkipTo = plan.SkipToLast, []int{0}
	if _, err := run(n, 3); err == nil || !strings.Contains(err.Error(), "for ever") {
		t.Errorf("skip to the first row: %v", err)
	}
	n.SkipTo = []int{2}
	if _, err := run(n, 3); err == nil || !strings.Contains(err.Error(), "no row of the match") {
		t.Errorf("skip to nowhere: %v", err)
	}
}
