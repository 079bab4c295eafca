package kernel_test

import (
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
)

var alloc = memory.DefaultAllocator

const rows = 4096

func ints() *array.Int64 {
	b := array.NewInt64Builder(alloc)
	for i := 0; i < rows; i++ {
		b.Append(int64(i) * 7)
	}
	return b.NewInt64Array()
}

func strs() *array.String {
	b := array.NewStringBuilder(alloc)
	for i := 0; i < rows; i++ {
		b.Append(fmt.Sprintf("user-%012d", i))
	}
	return b.NewStringArray()
}

func mask() *array.Boolean {
	b := array.NewBooleanBuilder(alloc)
	for i := 0; i < rows; i++ {
		b.Append(i%3 != 0)
	}
	return b.NewBooleanArray()
}

func BenchmarkHash(b *testing.B) {
	for name, a := range map[string]arrow.Array{"int64": ints(), "string": strs()} {
		b.Run(name, func(b *testing.B) {
			out := make([]uint64, rows)
			b.SetBytes(int64(a.Data().Buffers()[len(a.Data().Buffers())-1].Len()))
			b.ReportAllocs()
			for i := 0; i < b.N; i++ {
				kernel.Hash([]arrow.Array{a}, rows, out)
			}
		})
	}
}

func BenchmarkTake(b *testing.B) {
	var idx []int32
	for i := int32(0); i < rows; i++ {
		idx = append(idx, i*1103%rows)
	}
	for name, a := range map[string]arrow.Array{"int64": ints(), "string": strs()} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(a.Data().Buffers()[len(a.Data().Buffers())-1].Len()))
			b.ReportAllocs()
			for i := 0; i < b.N; i++ {
				kernel.Take(a, idx)
			}
		})
	}
}

func BenchmarkFilter(b *testing.B) {
	m, a := mask(), ints()
	b.SetBytes(rows * 8)
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		kernel.Filter(a, m)
	}
}

func BenchmarkCompare(b *testing.B) {
	a, c := ints(), kernel.Vec{A: array.NewSlice(ints(), 9, 10), Const: true}
	b.SetBytes(rows * 8)
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		kernel.Compare(kernel.LT, kernel.Vec{A: a}, c, rows)
	}
}

func BenchmarkArith(b *testing.B) {
	a := kernel.Vec{A: ints()}
	b.SetBytes(rows * 16)
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		if _, err := kernel.Arith('+', a, a, rows, arrow.PrimitiveTypes.Int64); err != nil {
			b.Fatal(err)
		}
	}
}
