package kernel

import (
	"encoding/binary"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
)

// Vec is an operand: a column, or with Const an array of one row that stands for a value in every row. Kernels never
// spread a constant over a column.
type Vec struct {
	A     arrow.Array
	Const bool
}

// Expand gives the operand as a column of n rows.
func (v Vec) Expand(n int) arrow.Array {
	if !v.Const {
		return v.A
	}
	if n == 1 {
		return v.A
	}
	return Take(v.A, make([]int32, n))
}

// Null is true when the operand is a constant null or of type NULL.
func (v Vec) Null() bool {
	return v.A.DataType().ID() == arrow.NULL || v.Const && v.A.IsNull(0)
}

func (v Vec) mask() int {
	if v.Const {
		return 0
	}
	return -1
}

// Nums reads a fixed-width operand: V[i&Mask] is row i.
type Nums[T any] struct {
	V    []T
	Mask int
}

// At is row i's value, undefined where it is null.
func (c *Nums[T]) At(i int) T { return c.V[i&c.Mask] }

// NumsOf reads v as []T, which must be its physical type.
func NumsOf[T any](v Vec) Nums[T] { return Nums[T]{V: rawValues[T](v.A.Data()), Mask: v.mask()} }

// Strs reads a string or binary operand.
type Strs struct {
	off  []int32
	data []byte
	mask int
}

// StrsOf reads v, a string or binary operand.
func StrsOf(v Vec) Strs {
	off, data := rawOffsets(v.A.Data())
	return Strs{off: off, data: data, mask: v.mask()}
}

// At is row i's value. It shares the column's memory, and is empty or undefined where the row is null.
func (c *Strs) At(i int) string {
	b := c.Bytes(i)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// Bytes is At as bytes, which must not be changed.
func (c *Strs) Bytes(i int) []byte {
	i &= c.mask
	return c.data[c.off[i]:c.off[i+1]]
}

// Size is the number of value bytes of n rows.
func (c *Strs) Size(n int) int {
	if c.mask == 0 {
		return n * int(c.off[1]-c.off[0])
	}
	return int(c.off[n] - c.off[0])
}

// Bools reads a boolean operand.
type Bools struct {
	bits []byte
	at   int
	mask int
}

// BoolsOf reads v, a boolean operand.
func BoolsOf(v Vec) Bools {
	d := v.A.Data()
	b := Bools{at: d.Offset(), mask: v.mask()}
	if d.Buffers()[1] != nil {
		b.bits = d.Buffers()[1].Bytes()
	}
	return b
}

// At is row i's value, undefined where it is null.
func (c *Bools) At(i int) bool { return bitutil.BitIsSet(c.bits, c.at+i&c.mask) }

// Valid gives the bitmap, from bit 0, of the rows in which no operand is null; nil when that is all of them.
func Valid(n int, vs ...Vec) []byte {
	var out []byte
	for _, v := range vs {
		if v.Null() {
			return Alloc((n + 7) / 8)
		}
		if v.Const {
			continue
		}
		bits, at := validity(v.A.Data())
		if bits == nil {
			continue
		}
		first := out == nil
		if first {
			out = Alloc((n + 63) / 64 * 8)
		}
		for i := 0; i < n; i += 64 {
			w := word(bits, at+i, n-i)
			if !first {
				w &= binary.LittleEndian.Uint64(out[i>>3:])
			}
			binary.LittleEndian.PutUint64(out[i>>3:], w)
		}
	}
	return out
}

// IsValid tests bit i of a bitmap that Valid gave.
func IsValid(valid []byte, i int) bool { return valid == nil || valid[i>>3]>>(i&7)&1 != 0 }

// Interleave builds a column of type t whose row i is srcs[which[i]][at[i]], or null where at[i] < 0. The sources have type t
// or NULL.
func Interleave(t arrow.DataType, srcs []arrow.Array, which []uint8, at []int32) arrow.Array {
	n := len(at)
	if t.ID() == arrow.NULL {
		return array.NewNull(n)
	}
	srcs = append([]arrow.Array(nil), srcs...)
	for i, s := range srcs {
		if s.DataType().ID() == arrow.NULL {
			srcs[i] = Nulls(t, s.Len())
		}
	}
	switch t.ID() {
	case arrow.INT64, arrow.TIMESTAMP, arrow.FLOAT64:
		return interleaveFixed[uint64](t, srcs, which, at, 8)
	case arrow.INT32, arrow.DATE32, arrow.TIME32, arrow.FLOAT32:
		return interleaveFixed[uint32](t, srcs, which, at, 4)
	case arrow.DECIMAL128:
		return interleaveFixed[[2]uint64](t, srcs, which, at, 16)
	case arrow.STRING, arrow.BINARY:
		return interleaveStrings(t, srcs, which, at)
	}
	// The rest by way of one long column.
	all, err := array.Concatenate(srcs, alloc)
	if err != nil {
		panic("kernel: interleave: " + err.Error())
	}
	base := make([]int32, len(srcs))
	for i := 1; i < len(srcs); i++ {
		base[i] = base[i-1] + int32(srcs[i-1].Len())
	}
	idx := make([]int32, n)
	for i, j := range at {
		if idx[i] = -1; j >= 0 {
			idx[i] = base[which[i]] + j
		}
	}
	return Take(all, idx)
}

func interleaveFixed[T any](t arrow.DataType, srcs []arrow.Array, which []uint8, at []int32, width int) arrow.Array {
	vals := make([][]T, len(srcs))
	for i, s := range srcs {
		vals[i] = rawValues[T](s.Data())
	}
	raw := Alloc(len(at) * width)
	out := cast[T](raw, len(at))
	for i, j := range at {
		if j >= 0 {
			out[i] = vals[which[i]][j]
		}
	}
	return FromFixed(t, len(at), raw, interleaveValid(srcs, which, at))
}

func interleaveStrings(t arrow.DataType, srcs []arrow.Array, which []uint8, at []int32) arrow.Array {
	vals := make([]Strs, len(srcs))
	for i, s := range srcs {
		vals[i] = StrsOf(Vec{A: s})
	}
	off := make([]int32, len(at)+1)
	total := 0
	for i, j := range at {
		if j >= 0 {
			total += len(vals[which[i]].Bytes(int(j)))
		}
		off[i+1] = int32(total)
	}
	data := make([]byte, 0, total)
	for i, j := range at {
		if j >= 0 {
			data = append(data, vals[which[i]].Bytes(int(j))...)
		}
	}
	return FromStrings(t, len(at), off, data, interleaveValid(srcs, which, at))
}

func interleaveValid(srcs []arrow.Array, which []uint8, at []int32) []byte {
	none := true
	for _, s := range srcs {
		none = none && s.NullN() == 0
	}
	m := int32(0)
	for _, j := range at {
		m |= j
	}
	if none && m >= 0 {
		return nil
	}
	out := Alloc((len(at) + 7) / 8)
	for i, j := range at {
		if j >= 0 && (none || srcs[which[i]].IsValid(int(j))) {
			out[i>>3] |= 1 << (i & 7)
		}
	}
	return out
}

// Nulls is a column of n nulls of type t.
func Nulls(t arrow.DataType, n int) arrow.Array {
	if t.ID() == arrow.NULL {
		return array.NewNull(n)
	}
	return array.MakeArrayOfNull(alloc, t, n)
}
