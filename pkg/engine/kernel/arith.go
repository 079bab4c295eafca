package kernel

import (
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v15/arrow"
)

// ErrDivideByZero is given by Arith for an integer division or remainder whose divisor is zero in a row that is not null.
var ErrDivideByZero = errors.New("division by zero")

// Number is a type that Arith computes in.
type Number interface {
	int8 | int16 | int32 | int64 | float32 | float64
}

// Arith computes l op r over n rows, op one of + - * / %. Both operands and the result have the numeric type t. Integers wrap
// around; float division by zero gives an infinity; remainders have the sign of the dividend.
func Arith(op byte, l, r Vec, n int, t arrow.DataType) (arrow.Array, error) {
	if l.Null() || r.Null() {
		return Nulls(t, n), nil
	}
	if l.Const && r.Const {
		l = Vec{A: l.Expand(n)}
	}
	switch t.ID() {
	case arrow.INT8:
		return arith[int8](op, l, r, n, t, 1)
	case arrow.INT16:
		return arith[int16](op, l, r, n, t, 2)
	case arrow.INT32:
		return arith[int32](op, l, r, n, t, 4)
	case arrow.INT64:
		return arith[int64](op, l, r, n, t, 8)
	case arrow.FLOAT32:
		return arith[float32](op, l, r, n, t, 4)
	case arrow.FLOAT64:
		return arith[float64](op, l, r, n, t, 8)
	}
	return nil, fmt.Errorf("kernel: no arithmetic on %s", t)
}

func arith[T Number](op byte, l, r Vec, n int, t arrow.DataType, width int) (arrow.Array, error) {
	valid := Valid(n, l, r)
	raw := Alloc(n * width)
	out := cast[T](raw, n)
	a, b := rawValues[T](l.A.Data()), rawValues[T](r.A.Data())
	switch {
	case n == 0:
	case op == '/' || op == '%':
		if err := divide(op, Nums[T]{a, l.mask()}, Nums[T]{b, r.mask()}, valid, out); err != nil {
			return nil, err
		}
	case r.Const:
		arithScalar(op, a[:n], b[0], out)
	case l.Const && op == '-':
		x := a[0]
		for i, y := range b[:n] {
			out[i] = x - y
		}
	case l.Const:
		arithScalar(op, b[:n], a[0], out)
	default:
		arithColumns(op, a[:n], b[:n], out)
	}
	return FromFixed(t, n, raw, valid), nil
}

func arithScalar[T Number](op byte, a []T, y T, out []T) {
	switch op {
	case '+':
		for i, x := range a {
			out[i] = x + y
		}
	case '-':
		for i, x := range a {
			out[i] = x - y
		}
	case '*':
		for i, x := range a {
			out[i] = x * y
		}
	}
}

func arithColumns[T Number](op byte, a, b, out []T) {
	b = b[:len(a)]
	out = out[:len(a)]
	switch op {
	case '+':
		for i, x := range a {
			out[i] = x + b[i]
		}
	case '-':
		for i, x := range a {
			out[i] = x - b[i]
		}
	case '*':
		for i, x := range a {
			out[i] = x * b[i]
		}
	}
}

func divide[T Number](op byte, a, b Nums[T], valid []byte, out []T) error {
	var half T = 1
	integer := half/2 == 0
	for i := range out {
		y := b.At(i)
		if y == 0 && integer {
			if IsValid(valid, i) {
				return ErrDivideByZero
			}
			continue
		}
		switch {
		case op == '/':
			out[i] = a.At(i) / y
		case integer:
			out[i] = T(int64(a.At(i)) % int64(y))
		default:
			out[i] = T(math.Mod(float64(a.At(i)), float64(y)))
		}
	}
	return nil
}

// Convert changes a fixed-width numeric operand to []T by Go's conversion f, row by row; constants stay one value.
func Convert[S, T any](v Vec, n int, f func(S) T) []T {
	if v.Const {
		n = 1
	}
	out := make([]T, n)
	for i, x := range rawValues[S](v.A.Data())[:n] {
		out[i] = f(x)
	}
	return out
}
