package kernel

import (
	"encoding/binary"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
)

// Truth holds n values of three-valued logic as two bitmaps: the rows that are true and those that are false; a row in
// neither is unknown.
type Truth struct {
	N    int
	T, F []byte
}

func newTruth(n int) Truth {
	m := (n + 63) / 64 * 8
	return Truth{N: n, T: Alloc(m), F: Alloc(m)}
}

// TruthOf reads a boolean operand over n rows.
func TruthOf(v Vec, n int) Truth {
	t := newTruth(n)
	if v.Null() {
		return t
	}
	if v.Const {
		if b := BoolsOf(v); b.At(0) {
			fill(t.T, n)
		} else {
			fill(t.F, n)
		}
		return t
	}
	d := v.A.Data()
	if n == 0 {
		return t
	}
	bits, at := d.Buffers()[1].Bytes(), d.Offset()
	valid, vat := validity(d)
	for i := 0; i < n; i += 64 {
		w := word(bits, at+i, n-i)
		ok := ones(n - i)
		if valid != nil {
			ok = word(valid, vat+i, n-i)
		}
		put(t.T, i, w&ok)
		put(t.F, i, ^w&ok)
	}
	return t
}

func ones(n int) uint64 {
	if n >= 64 {
		return ^uint64(0)
	}
	return 1<<uint(n) - 1
}

func fill(b []byte, n int) {
	for i := 0; i < n; i += 64 {
		put(b, i, ones(n-i))
	}
}

func get(b []byte, i int) uint64    { return binary.LittleEndian.Uint64(b[i>>3:]) }
func put(b []byte, i int, w uint64) { binary.LittleEndian.PutUint64(b[i>>3:], w) }

// And is a AND b, into a.
func (a Truth) And(b Truth) {
	for i := 0; i < a.N; i += 64 {
		put(a.T, i, get(a.T, i)&get(b.T, i))
		put(a.F, i, get(a.F, i)|get(b.F, i))
	}
}

// Or is a OR b, into a.
func (a Truth) Or(b Truth) {
	for i := 0; i < a.N; i += 64 {
		put(a.T, i, get(a.T, i)|get(b.T, i))
		put(a.F, i, get(a.F, i)&get(b.F, i))
	}
}

// Not swaps true and false.
func (a Truth) Not() Truth { return Truth{N: a.N, T: a.F, F: a.T} }

// Array is the boolean column.
func (a Truth) Array() arrow.Array {
	valid := Alloc(len(a.T))
	all := true
	for i := 0; i < a.N; i += 64 {
		w := get(a.T, i) | get(a.F, i)
		put(valid, i, w)
		all = all && w == ones(a.N-i)
	}
	if all {
		valid = nil
	}
	return BoolColumn(a.N, a.T, valid)
}

// BoolColumn makes a boolean column of n rows out of bitmaps from bit 0.
func BoolColumn(n int, bits, valid []byte) arrow.Array {
	return FromFixed(arrow.FixedWidthTypes.Boolean, n, bits, valid)
}

// Invert flips the bits of b in place and gives it back.
func Invert(b []byte) []byte {
	for i := range b {
		b[i] = ^b[i]
	}
	return b
}

// NullBits is the bitmap of the rows of v that are null.
func NullBits(v Vec, n int) []byte {
	out := Alloc((n + 63) / 64 * 8)
	valid := Valid(n, v)
	if valid == nil {
		return out
	}
	for i := range (n + 7) / 8 {
		out[i] = ^valid[i]
	}
	return out
}

// SelectedBits appends to sel the positions of the set bits among the first n.
func SelectedBits(b []byte, n int, sel []int32) []int32 {
	return Selected(BoolColumn(n, b, nil).(*array.Boolean), sel)
}
