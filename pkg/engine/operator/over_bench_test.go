package operator_test

import (
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// BenchmarkOver counts and sums over frames of 1000 string keys, an epoch every ten batches.
func BenchmarkOver(b *testing.B) {
	for name, f := range map[string]plan.Frame{
		"rows": {Rows: true}, "range": {}, "rows-100": {Rows: true, Lower: plan.Bound{Kind: plan.Preceding, N: 100}},
		"range-10s": {Lower: plan.Bound{Kind: plan.Preceding, N: 10 * usSecond}},
	} {
		b.Run(name, func(b *testing.B) {
			n := overNode(f.Rows, f.Lower, agg("COUNT", tBigint), agg("SUM", tBigint, 2))
			op, err := operator.NewOverAgg(n, overIn, operator.Options{})
			if err != nil {
				b.Fatal(err)
			}
			const rows, batches = batch.TargetRows, 64
			var bs []*batch.Batch
			now, x := int64(0), uint64(1)
			for range batches {
				bb := batch.NewBuilder(batch.ArrowTypes(overIn)...)
				for range rows {
					x = x*6364136223846793005 + 1442695040888963407
					bb.Cols[0].(*array.StringBuilder).Append(fmt.Sprint("key-", x>>33%1000))
					bb.Cols[1].(*array.TimestampBuilder).Append(arrow.Timestamp(now / 1000 * 1000))
					bb.Cols[2].(*array.Int64Builder).Append(int64(x >> 40))
					bb.RowDone(batch.Insert, -1)
					now += 100
				}
				bs = append(bs, bb.Build())
			}
			out := func(*batch.Batch) error { return nil }
			b.SetBytes(rows * 23)
			b.ReportAllocs()
			span := now
			mark := int64(0)
			for i := 0; b.Loop(); i++ {
				x := *bs[i%batches]
				if i >= batches {
					times := x.Cols[1].(*array.Timestamp).TimestampValues()
					for j := range times {
						times[j] += arrow.Timestamp(span)
					}
				}
				if err := op.Process(0, &x, out); err != nil {
					b.Fatal(err)
				}
				mark += rows * 100
				if i%10 == 9 {
					if err := op.EndEpoch(operator.Epoch{ID: int64(i), Watermark: mark}, out); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
