package operator_test

import (
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// BenchmarkWindowAgg counts and sums by one of 1000 string keys in 10 s windows, a million rows to a window.
func BenchmarkWindowAgg(b *testing.B) {
	for _, win := range []plan.WindowSpec{
		{Kind: plan.Tumble, Size: 10 * usSecond, TimeCol: 1},
		{Kind: plan.Hop, Size: 60 * usSecond, Slide: 10 * usSecond, TimeCol: 1},
		{Kind: plan.Cumulate, Size: 600 * usSecond, Slide: 10 * usSecond, TimeCol: 1},
	} {
		b.Run([]string{"tumble", "hop", "cumulate"}[win.Kind], func(b *testing.B) {
			in := []types.Type{tString, types.TimestampOf(3), tBigint}
			const n, batches = batch.TargetRows, 256
			var bs []*batch.Batch
			at, x := int64(0), uint64(1)
			var marks []int64
			for range batches {
				bb := batch.NewBuilder(batch.ArrowTypes(in)...)
				for range n {
					x = x*6364136223846793005 + 1442695040888963407
					bb.Cols[0].(*array.StringBuilder).Append(fmt.Sprint("key-", x>>33%1000))
					bb.Cols[1].(*array.TimestampBuilder).Append(arrow.Timestamp(at / 1000 * 1000))
					bb.Cols[2].(*array.Int64Builder).Append(int64(x >> 40))
					bb.RowDone(batch.Insert, -1)
					at += 10
				}
				bs, marks = append(bs, bb.Build()), append(marks, at)
			}
			op, err := operator.NewWindowAgg(&plan.WindowAgg{P: mode(catalog.AppendOnly), Keys: []int{0}, Win: win, WindowCols: []string{"start"},
				Aggs: []plan.AggCall{agg("COUNT", tBigint), agg("SUM", tBigint, 2), agg("MAX", tBigint, 2)}}, in, operator.Options{})
			if err != nil {
				b.Fatal(err)
			}
			out := func(*batch.Batch) error { return nil }
			b.SetBytes(n * 23)
			b.ReportAllocs()
			shift := int64(0)
			for i := 0; b.Loop(); i++ {
				x := *bs[i%batches]
				if i%batches == 0 && i > 0 {
					shift += at
				}
				if shift > 0 {
					times := x.Cols[1].(*array.Timestamp).TimestampValues()
					for j := range times {
						times[j] += arrow.Timestamp(at)
					}
				}
				if err := op.Process(0, &x, out); err != nil {
					b.Fatal(err)
				}
				if i%50 == 49 {
					if err := op.EndEpoch(operator.Epoch{ID: int64(i), Watermark: shift + marks[i%batches]}, out); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}

// BenchmarkGroupAgg sums by one of 100,000 integer keys, with and without rows taken back.
func BenchmarkGroupAgg(b *testing.B) {
	for _, retract := range []bool{false, true} {
		b.Run(fmt.Sprint("retract=", retract), func(b *testing.B) {
			in := []types.Type{tBigint, tInt}
			const n, batches = batch.TargetRows, 64
			var bs []*batch.Batch
			x := uint64(1)
			for range batches {
				bb := batch.NewBuilder(batch.ArrowTypes(in)...)
				for i := range n {
					x = x*6364136223846793005 + 1442695040888963407
					bb.Cols[0].(*array.Int64Builder).Append(int64(x >> 33 % 100_000))
					bb.Cols[1].(*array.Int32Builder).Append(int32(x >> 50))
					kind := batch.Insert
					if retract && i%4 == 3 {
						kind = batch.Delete
					}
					bb.RowDone(kind, -1)
				}
				bs = append(bs, bb.Build())
			}
			op := newAgg(b, &plan.GroupAgg{P: mode(catalog.AllChanges), Keys: []int{0}, Retract: retract,
				Aggs: []plan.AggCall{agg("COUNT", tBigint), agg("SUM", tInt, 1), agg("MAX", tInt, 1)}}, in, operator.Options{})
			out := func(*batch.Batch) error { return nil }
			b.SetBytes(n * 12)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := op.Process(0, bs[i%batches], out); err != nil {
					b.Fatal(err)
				}
				if i%100 == 99 {
					if err := op.EndEpoch(operator.Epoch{ID: int64(i)}, out); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
