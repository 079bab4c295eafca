package kernel

import (
	"cmp"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
)

// Op is a comparison.
type Op uint8

// The comparisons.
const (
	EQ Op = iota
	NE
	LT
	LE
	GT
	GE
)

func (op Op) swap() Op { return [...]Op{EQ, NE, GT, GE, LT, LE}[op] }

// Compare gives the bitmap of l op r over n rows; bits of rows in which an operand is null are undefined. Both operands have
// the same physical type; floats compare as IEEE 754 says, strings by their bytes, false before true. Nested types know EQ
// and NE only.
func Compare(op Op, l, r Vec, n int) []byte {
	if l.Const && !r.Const {
		return Compare(op.swap(), r, l, n)
	}
	out := Alloc((n + 63) / 64 * 8)
	if l.Null() || r.Null() || n == 0 {
		return out
	}
	if l.Const {
		l = Vec{A: l.Expand(n)}
	}
	switch l.A.DataType().ID() {
	case arrow.BOOL:
		a, b := BoolsOf(l), BoolsOf(r)
		compareBy(op, n, out, func(i int) int { return int(bit(a.At(i))) - int(bit(b.At(i))) })
	case arrow.INT8:
		compareNums[int8](op, l, r, n, out)
	case arrow.INT16:
		compareNums[int16](op, l, r, n, out)
	case arrow.INT32, arrow.DATE32, arrow.TIME32:
		compareNums[int32](op, l, r, n, out)
	case arrow.INT64, arrow.TIMESTAMP:
		compareNums[int64](op, l, r, n, out)
	case arrow.FLOAT32:
		compareNums[float32](op, l, r, n, out)
	case arrow.FLOAT64:
		compareNums[float64](op, l, r, n, out)
	case arrow.DECIMAL128:
		a, b := NumsOf[decimal128.Num](l), NumsOf[decimal128.Num](r)
		compareBy(op, n, out, func(i int) int { return a.At(i).Cmp(b.At(i)) })
	case arrow.STRING, arrow.BINARY:
		a, b := StrsOf(l), StrsOf(r)
		switch op {
		case EQ:
			setBits(n, out, func(i int) bool { return a.At(i) == b.At(i) })
		case NE:
			setBits(n, out, func(i int) bool { return a.At(i) != b.At(i) })
		default:
			compareBy(op, n, out, func(i int) int { return strings.Compare(a.At(i), b.At(i)) })
		}
	default:
		setBits(n, out, func(i int) bool {
			return array.SliceEqual(l.A, int64(i), int64(i+1), r.A, int64(i&r.mask()), int64(i&r.mask()+1)) == (op == EQ)
		})
	}
	return out
}

func setBits(n int, out []byte, f func(i int) bool) {
	for i := 0; i < n; i++ {
		out[i>>3] |= bit(f(i)) << (i & 7)
	}
}

func compareBy(op Op, n int, out []byte, f func(i int) int) {
	switch op {
	case EQ:
		setBits(n, out, func(i int) bool { return f(i) == 0 })
	case NE:
		setBits(n, out, func(i int) bool { return f(i) != 0 })
	case LT:
		setBits(n, out, func(i int) bool { return f(i) < 0 })
	case LE:
		setBits(n, out, func(i int) bool { return f(i) <= 0 })
	case GT:
		setBits(n, out, func(i int) bool { return f(i) > 0 })
	case GE:
		setBits(n, out, func(i int) bool { return f(i) >= 0 })
	}
}

func bit(b bool) byte {
	var x byte
	if b {
		x = 1
	}
	return x
}

func compareNums[T cmp.Ordered](op Op, l, r Vec, n int, out []byte) {
	a := rawValues[T](l.A.Data())[:n]
	b := rawValues[T](r.A.Data())
	if r.Const {
		compareScalar(op, a, b[0], out)
		return
	}
	b = b[:n]
	switch op {
	case EQ:
		for i, x := range a {
			out[i>>3] |= bit(x == b[i]) << (i & 7)
		}
	case NE:
		for i, x := range a {
			out[i>>3] |= bit(x != b[i]) << (i & 7)
		}
	case LT:
		for i, x := range a {
			out[i>>3] |= bit(x < b[i]) << (i & 7)
		}
	case LE:
		for i, x := range a {
			out[i>>3] |= bit(x <= b[i]) << (i & 7)
		}
	case GT:
		for i, x := range a {
			out[i>>3] |= bit(x > b[i]) << (i & 7)
		}
	case GE:
		for i, x := range a {
			out[i>>3] |= bit(x >= b[i]) << (i & 7)
		}
	}
}

func compareScalar[T cmp.Ordered](op Op, a []T, b T, out []byte) {
	switch op {
	case EQ:
		for i, x := range a {
			out[i>>3] |= bit(x == b) << (i & 7)
		}
	case NE:
		for i, x := range a {
			out[i>>3] |= bit(x != b) << (i & 7)
		}
	case LT:
		for i, x := range a {
			out[i>>3] |= bit(x < b) << (i & 7)
		}
	case LE:
		for i, x := range a {
			out[i>>3] |= bit(x <= b) << (i & 7)
		}
	case GT:
		for i, x := range a {
			out[i>>3] |= bit(x > b) << (i & 7)
		}
	case GE:
		for i, x := range a {
			out[i>>3] |= bit(x >= b) << (i & 7)
		}
	}
}
