package changes

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
)

// rows reads "+I a 1" and so on; "-" is null.
func rows(text ...string) *batch.Batch {
	b := batch.NewBuilder(arrow.BinaryTypes.String, arrow.BinaryTypes.String)
	for _, s := range text {
		f := strings.Fields(s)
		for c := range 2 {
			if f[c+1] == "-" {
				b.Cols[c].AppendNull()
			} else {
				b.Cols[c].(*array.StringBuilder).Append(f[c+1])
			}
		}
		b.RowDone(map[string]batch.Kind{"+I": batch.Insert, "-U": batch.UpdateBefore, "+U": batch.UpdateAfter, "-D": batch.Delete}[f[0]], -1)
	}
	return b.Build()
}

func TestSplit(t *testing.T) {
	up, del := Split(rows("+I a 1", "-D b 2", "+I c 3"))
	if fmt.Sprint(up, del) != "+I[a, 1]\n+I[c, 3]\n -D[b, 2]\n" {
		t.Errorf("%v | %v", up, del)
	}
	if up, del = Split(rows("+I a 1")); up.N != 1 || del != nil {
		t.Errorf("%v | %v", up, del)
	}
}

func TestClockGrows(t *testing.T) {
	now := time.Now()
	if a, b := Clock(endpoint.Epoch{ID: 9, Now: now}), Clock(endpoint.Epoch{ID: 1, Now: now.Add(time.Millisecond)}); b <= a {
		t.Errorf("%d then %d", a, b)
	}
}

func BenchmarkBuffer(b *testing.B) {
	var text []string
	for i := range batch.TargetRows {
		text = append(text, fmt.Sprintf("+I key-%d %d", i%1000, i))
	}
	x := rows(text...)
	buf := New([]int{0})
	b.SetBytes(int64(batch.TargetRows * 12))
	b.ReportAllocs()
	for b.Loop() {
		buf.Reset()
		if err := buf.Add(x); err != nil || buf.Rows().N != 1000 {
			b.Fatal(err)
		}
	}
}
