package expr

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
)

// The functions below run f for every row whose arguments are all valid. A false ok makes the row null.

// toStrings appends each row's value to one growing buffer: f gets it and gives it back longer.
func toStrings(t arrow.DataType, n int, valid []byte, size int, f func(i int, dst []byte) ([]byte, bool)) arrow.Array {
	off := make([]int32, n+1)
	data := make([]byte, 0, size)
	for i := 0; i < n; i++ {
		if kernel.IsValid(valid, i) {
			d, ok := f(i, data)
			if ok {
				data = d
			} else {
				data = data[:off[i]]
				valid = clearBit(valid, i, n)
			}
		}
		off[i+1] = int32(len(data))
	}
	return kernel.FromStrings(t, n, off, data, valid)
}

// toNums makes a fixed-width column; T is its physical type.
func toNums[T any](t arrow.DataType, n int, valid []byte, f func(i int) (T, bool)) arrow.Array {
	out := make([]T, n)
	for i := range out {
		if kernel.IsValid(valid, i) {
			v, ok := f(i)
			if !ok {
				valid = clearBit(valid, i, n)
			}
			out[i] = v
		}
	}
	return kernel.FromFixed(t, n, kernel.Bytes(out), valid)
}

// toBools makes a boolean column.
func toBools(n int, valid []byte, f func(i int) (v, ok bool)) arrow.Array {
	out := kernel.Alloc((n + 63) / 64 * 8)
	for i := 0; i < n; i++ {
		if kernel.IsValid(valid, i) {
			v, ok := f(i)
			if !ok {
				valid = clearBit(valid, i, n)
			}
			if v {
				out[i>>3] |= 1 << (i & 7)
			}
		}
	}
	return kernel.BoolColumn(n, out, valid)
}

func clearBit(valid []byte, i, n int) []byte {
	if valid == nil {
		valid = kernel.Alloc((n + 63) / 64 * 8)
		for j := range valid {
			valid[j] = 0xff
		}
	}
	valid[i>>3] &^= 1 << (i & 7)
	return valid
}

// ints reads an operand of any integer type, DATE, TIME or timestamp as int64.
func ints(v kernel.Vec, n int) kernel.Nums[int64] {
	c := kernel.Nums[int64]{Mask: -1}
	if v.Const {
		c.Mask = 0
	}
	if v.Null() {
		return kernel.Nums[int64]{V: []int64{0}}
	}
	switch v.A.(type) {
	case *array.Int8:
		c.V = kernel.Convert(v, n, func(x int8) int64 { return int64(x) })
	case *array.Int16:
		c.V = kernel.Convert(v, n, func(x int16) int64 { return int64(x) })
	case *array.Int32, *array.Date32, *array.Time32:
		c.V = kernel.Convert(v, n, func(x int32) int64 { return int64(x) })
	default:
		c.V = kernel.Values[int64](v.A)
	}
	return c
}

// floats reads a numeric operand of any type as float64.
func floats(v kernel.Vec, n int) kernel.Nums[float64] {
	c := kernel.Nums[float64]{Mask: -1}
	if v.Const {
		c.Mask = 0
	}
	if v.Null() {
		return kernel.Nums[float64]{V: []float64{0}}
	}
	switch a := v.A.(type) {
	case *array.Float64:
		c.V = a.Float64Values()
	case *array.Float32:
		c.V = kernel.Convert(v, n, func(x float32) float64 { return float64(x) })
	case *array.Decimal128:
		scale := a.DataType().(*arrow.Decimal128Type).Scale
		c.V = kernel.Convert(v, n, func(x decimal128.Num) float64 { return decimalToFloat(x, scale) })
	default:
		is := ints(v, n)
		c.V = make([]float64, len(is.V))
		for i, x := range is.V {
			c.V[i] = float64(x)
		}
	}
	return c
}

// strs reads a string operand; a null constant of any type reads as empty.
func strs(v kernel.Vec) kernel.Strs {
	if v.Null() {
		v = kernel.Vec{A: kernel.FromStrings(arrow.BinaryTypes.String, 1, []int32{0, 0}, nil, nil), Const: true}
	}
	return kernel.StrsOf(v)
}
