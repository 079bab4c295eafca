package kernel

import (
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// Alloc gives n zeroed bytes aligned to 8, as the value buffer of a fixed-width column needs them.
func Alloc(n int) []byte {
	if n == 0 {
		return []byte{}
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(make([]uint64, (n+7)/8)))), n)
}

// Bytes is v's memory as bytes.
func Bytes[T any](v []T) []byte {
	var t T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(t)))
}

// rawValues gives the fixed-width values of d as []T from its offset on, without a copy. T must have the column's width.
func rawValues[T any](d arrow.ArrayData) []T {
	b := d.Buffers()[1]
	if b == nil || d.Len() == 0 {
		return nil
	}
	p := b.Bytes()
	var t T
	all := unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(p))), len(p)/int(unsafe.Sizeof(t)))
	return all[d.Offset() : d.Offset()+d.Len()]
}

// Values is the fixed-width values of a as []T, without a copy: []int64 for BIGINT and timestamps, []int32 for INT, dates
// and times, decimal128.Num for decimals. Values of null rows are undefined.
func Values[T any](a arrow.Array) []T { return rawValues[T](a.Data()) }

// rawOffsets gives the n+1 offsets of a string, binary, list or map column, and its value bytes where it has some.
func rawOffsets(d arrow.ArrayData) ([]int32, []byte) {
	bufs := d.Buffers()
	if bufs[1] == nil || bufs[1].Len() == 0 {
		return make([]int32, d.Len()+1), nil
	}
	off := arrow.Int32Traits.CastFromBytes(bufs[1].Bytes())[d.Offset() : d.Offset()+d.Len()+1]
	if len(bufs) > 2 && bufs[2] != nil {
		return off, bufs[2].Bytes()
	}
	return off, nil
}

// validity gives a's validity bitmap and the position of row 0 in it; a nil bitmap means that no row is null. Columns of
// type NULL have no bitmap either: ask for them first.
func validity(d arrow.ArrayData) ([]byte, int) {
	if d.NullN() == 0 {
		return nil, 0
	}
	b := d.Buffers()[0]
	if b == nil {
		return nil, 0
	}
	return b.Bytes(), d.Offset()
}

// FromFixed makes a column of n fixed-width values: data is given away, valid is a bitmap from bit 0 (nil: no nulls).
func FromFixed(t arrow.DataType, n int, data, valid []byte) arrow.Array {
	return fromBuffers(t, n, valid, nil, memory.NewBufferBytes(data))
}

// FromStrings makes a string or binary column of n values out of n+1 offsets and bytes, which are given away.
func FromStrings(t arrow.DataType, n int, off []int32, data, valid []byte) arrow.Array {
	return fromBuffers(t, n, valid, nil, memory.NewBufferBytes(Bytes(off)), memory.NewBufferBytes(data))
}

// FromList makes a list or map column of n values out of n+1 offsets into child. The entries of a map have no null keys.
func FromList(t arrow.DataType, n int, off []int32, child arrow.Array, valid []byte) arrow.Array {
	if s, ok := child.(*array.Struct); ok && t.ID() == arrow.MAP {
		// Arrow takes a map's keys and items from the entries' children without regard to the entries' own offset, and wants the number of
		// nulls among the keys to be known.
		fields := make([]arrow.Array, s.NumField())
		for i := range fields {
			fields[i] = s.Field(i)
			fields[i].NullN()
		}
		child = FromStruct(s.DataType(), s.Len(), fields, nil)
	}
	return fromBuffers(t, n, valid, []arrow.ArrayData{child.Data()}, memory.NewBufferBytes(Bytes(off)))
}

// FromStruct makes a struct column of n values out of its fields.
func FromStruct(t arrow.DataType, n int, fields []arrow.Array, valid []byte) arrow.Array {
	ch := make([]arrow.ArrayData, len(fields))
	for i, f := range fields {
		ch[i] = f.Data()
	}
	return fromBuffers(t, n, valid, ch)
}

func fromBuffers(t arrow.DataType, n int, valid []byte, children []arrow.ArrayData, bufs ...*memory.Buffer) arrow.Array {
	all := make([]*memory.Buffer, 1, 3)
	nulls := 0
	if valid != nil {
		if nulls = n - bitutil.CountSetBits(valid, 0, n); nulls > 0 {
			all[0] = memory.NewBufferBytes(valid)
		}
	}
	return array.MakeFromData(array.NewData(t, n, append(all, bufs...), children, nulls, 0))
}

// alloc is where the rare columns come from that Arrow itself builds.
var alloc = memory.DefaultAllocator

func cast[T any](b []byte, n int) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}
