package operator_test

import (
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// matchRun is PATTERN (A B+ C) with the given conditions of A, B and C, over key, n and time in columns of the test's choice.
func matchRun(keys []int, timeCol int, defines func(n *plan.Match) []plan.Expr, in plan.Node) *plan.Match {
	if in == nil {
		in = &plan.Values{P: plan.Props{Out: make(plan.Schema, 3)}}
	}
	repeat := &plan.RowPattern{Op: plan.PatternRepeat, Min: 1, Max: -1, Subs: []*plan.RowPattern{{Var: 1}}}
	n := &plan.Match{Input: in, PartitionBy: keys, Order: []plan.SortKey{{Col: timeCol}}, TimeCol: timeCol, Pass: keys, Vars: []string{"A", "B", "C"},
		Pattern: &plan.RowPattern{Op: plan.PatternSeq, Subs: []*plan.RowPattern{{Var: 0}, repeat, {Var: 2}}}, Defines: make([]plan.Expr, 3), Skip: plan.SkipPastLast, Eager: true}
	if defines != nil {
		n.Defines = defines(n)
	}
	n.Aggs = append(n.Aggs, plan.MatchAgg{AggCall: plan.AggCall{Func: "COUNT", Filter: -1, T: tBigint}})
	n.Measures = []plan.Expr{slotRef(n, plan.MatchSlot{Kind: plan.SlotColumn, Col: timeCol, Nav: plan.MatchNav{Vars: []int{0}}, T: types.TimestampOf(3)}),
		slotRef(n, plan.MatchSlot{Kind: plan.SlotAgg, Agg: len(n.Aggs) - 1, T: tBigint})}
	return n
}

// BenchmarkMatch is a card's small payment, then larger ones, then a huge one, over 100,000 cards and over one.
func BenchmarkMatch(b *testing.B) {
	read := func(n *plan.Match, nav plan.MatchNav) plan.Expr {
		return slotRef(n, plan.MatchSlot{Kind: plan.SlotColumn, Col: 1, Nav: nav, T: tInt})
	}
	ofRow := func(n *plan.Match) []plan.Expr {
		return []plan.Expr{compare("<", read(n, plan.MatchNav{}), intLit(5)), compare("<", read(n, plan.MatchNav{}), intLit(95)), compare(">=", read(n, plan.MatchNav{}), intLit(95))}
	}
	ofPast := func(n *plan.Match) []plan.Expr {
		d := ofRow(n)
		d[1] = plan.And(compare("<", read(n, plan.MatchNav{}), intLit(95)), compare(">=", read(n, plan.MatchNav{}), read(n, plan.MatchNav{Vars: []int{0}})))
		return d
	}
	long := func(n *plan.Match) []plan.Expr {
		return []plan.Expr{nil, compare(">=", read(n, plan.MatchNav{}), read(n, plan.MatchNav{Vars: []int{0}})), compare("<", read(n, plan.MatchNav{}), intLit(0))}
	}
	for _, c := range []struct {
		name    string
		keys    int
		within  int64
		defines func(*plan.Match) []plan.Expr
	}{
		{"rows-only/keys=100000", 100_000, 0, ofRow}, {"rows-only/keys=1", 1, 0, ofRow}, {"history/keys=100000", 100_000, 0, ofPast}, {"within/keys=1000", 1000, 10 * usSecond, ofPast},
		{"long-run/keys=1", 1, 0, long},
	} {
		b.Run(c.name, func(b *testing.B) {
			const n = batch.TargetRows
			in := []types.Type{tBigint, tInt, types.TimestampOf(3)}
			node := matchRun([]int{0}, 2, c.defines, nil)
			node.Within = c.within
			op, err := operator.NewMatch(node, in, operator.Options{})
			if err != nil {
				b.Fatal(err)
			}
			x, at := uint64(1), int64(0)
			next := func() *batch.Batch {
				bb := batch.NewBuilder(batch.ArrowTypes(in)...)
				for range n {
					x = x*6364136223846793005 + 1442695040888963407
					bb.Cols[0].(*array.Int64Builder).Append(int64(x >> 33 % uint64(c.keys)))
					bb.Cols[1].(*array.Int32Builder).Append(int32(x >> 40 % 100))
					at += 1000
					bb.Cols[2].(*array.TimestampBuilder).Append(arrow.Timestamp(at))
					bb.RowDone(batch.Insert, -1)
				}
				return bb.Build()
			}
			out := func(*batch.Batch) error { return nil }
			b.SetBytes(n * 20)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				bb := next()
				b.StartTimer()
				if err := op.Process(0, bb, out); err != nil {
					b.Fatal(err)
				}
				if i%8 == 7 {
					if err := op.EndEpoch(operator.Epoch{ID: int64(i), Watermark: at}, out); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
