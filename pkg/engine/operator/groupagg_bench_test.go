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

// BenchmarkCountDistinct is SELECT d, COUNT(DISTINCT s) GROUP BY d over 16-byte strings, an epoch every 100 batches.
func BenchmarkCountDistinct(b *testing.B) {
	for _, values := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(values), func(b *testing.B) {
			const n, batches = batch.TargetRows, 512
			x := uint64(1)
			var bs []*batch.Batch
			for range batches {
				bb := batch.NewBuilder(arrow.BinaryTypes.String, arrow.BinaryTypes.String)
				for i := range n {
					x = x*6364136223846793005 + 1442695040888963407
					bb.Cols[0].(*array.StringBuilder).Append([]string{"2024-05-01", "2024-05-02"}[i&1])
					bb.Cols[1].(*array.StringBuilder).Append(fmt.Sprintf("%016d", x>>33%uint64(values)))
					bb.RowDone(batch.Insert, -1)
				}
				bs = append(bs, bb.Build())
			}
			op := newAgg(b, &plan.GroupAgg{P: mode(catalog.Upsert), Keys: []int{0}, Aggs: []plan.AggCall{distinct(agg("COUNT", tBigint, 1))}},
				[]types.Type{tString, tString}, operator.Options{})
			out := func(*batch.Batch) error { return nil }
			b.SetBytes(n * 26)
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
