package expr

import (
	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func permanent(err error, format string, args ...any) error {
	return fault.Wrap(fault.Permanent, err, format, args...)
}

func opName(op byte) string { return "operator " + string(rune(op)) }

// operators are arithmetic, comparisons, logic and tests.
func operators() map[string]builder {
	m := map[string]builder{
		"+": arithmetic('+'), "-": arithmetic('-'), "*": arithmetic('*'), "/": arithmetic('/'), "%": arithmetic('%'), "MOD": arithmetic('%'),
		"NEG": negate, "NOT": not,
		"=": comparison(kernel.EQ), "<>": comparison(kernel.NE), "<": comparison(kernel.LT), "<=": comparison(kernel.LE),
		">": comparison(kernel.GT), ">=": comparison(kernel.GE),
		"IS DISTINCT FROM": distinct(true), "IS NOT DISTINCT FROM": distinct(false),
		"IS NULL": nullTest(true), "IS NOT NULL": nullTest(false), "IS UNKNOWN": nullTest(true), "IS NOT UNKNOWN": nullTest(false),
		"IS TRUE": truthTest(true, false), "IS NOT TRUE": truthTest(true, true),
		"IS FALSE": truthTest(false, false), "IS NOT FALSE": truthTest(false, true),
		"IN": in, "NOT IN": notIn, "NULLIF": nullIf, "GREATEST": extreme(kernel.GT), "LEAST": extreme(kernel.LT),
	}
	return m
}

func arithmetic(op byte) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(2, 2); err != nil {
			return nil, err
		}
		l, r, t := b.typ(0), b.typ(1), b.call.T
		if isTemporal(l) || isTemporal(r) {
			return temporalArith(b, op)
		}
		b.fail = (op == '/' || op == '%') && (t.IsInteger() || t.Kind == types.Decimal || t.IsInterval())
		out := b.out()
		if d, ok := out.(*arrow.Decimal128Type); ok {
			return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) { return decimalArith(op, a[0], a[1], n, d) }, nil
		}
		widths := func(e *env, n int, v kernel.Vec) (kernel.Vec, error) { return toType(v, n, out) }
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			x, err := widths(e, n, a[0])
			if err != nil {
				return nil, err
			}
			y, err := widths(e, n, a[1])
			if err != nil {
				return nil, err
			}
			res, err := kernel.Arith(op, x, y, n, out)
			if err != nil {
				return nil, permanent(err, "compute %s", opName(op))
			}
			return res, nil
		}, nil
	}
}

// toType brings a numeric operand to the type that the operator computes in; the binder's casts make that a look at the type,
// except for intervals times integers.
func toType(v kernel.Vec, n int, t arrow.DataType) (kernel.Vec, error) {
	if v.Null() || v.A.DataType().ID() == t.ID() {
		return v, nil
	}
	if v.Const {
		n = 1
	}
	switch t.ID() {
	case arrow.FLOAT64:
		c := floats(v, n)
		return kernel.Vec{A: toNums(t, n, kernel.Valid(n, v), func(i int) (float64, bool) { return c.At(i), true }), Const: v.Const}, nil
	case arrow.FLOAT32:
		c := floats(v, n)
		return kernel.Vec{A: toNums(t, n, kernel.Valid(n, v), func(i int) (float32, bool) { return float32(c.At(i)), true }), Const: v.Const}, nil
	case arrow.DECIMAL128, arrow.STRING, arrow.BOOL:
		return v, fault.Newf(fault.Internal, "operand is %s, not %s", v.A.DataType(), t)
	}
	c := ints(v, n)
	return kernel.Vec{A: intColumn(t, n, kernel.Valid(n, v), func(i int) (int64, bool) { return c.At(i), true }), Const: v.Const}, nil
}

// intColumn makes a column of any integer, date or time type; wider values wrap around.
func intColumn(t arrow.DataType, n int, valid []byte, f func(i int) (int64, bool)) arrow.Array {
	switch t.(arrow.FixedWidthDataType).BitWidth() {
	case 8:
		return toNums(t, n, valid, func(i int) (int8, bool) { v, ok := f(i); return int8(v), ok })
	case 16:
		return toNums(t, n, valid, func(i int) (int16, bool) { v, ok := f(i); return int16(v), ok })
	case 32:
		return toNums(t, n, valid, func(i int) (int32, bool) { v, ok := f(i); return int32(v), ok })
	}
	return toNums(t, n, valid, f)
}

func negate(b *binding) (impl, error) {
	if err := b.arity(1, 1); err != nil {
		return nil, err
	}
	out := b.out()
	if d, ok := out.(*arrow.Decimal128Type); ok {
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			x, s := decimals(a[0], n)
			return toNums(d, n, kernel.Valid(n, a[0]), func(i int) (num, bool) { return rescale(x.At(i).Negate(), s, d.Scale, d.Precision) }), nil
		}, nil
	}
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		switch out.ID() {
		case arrow.FLOAT64: // 0 - x would lose the sign of zero
			x := floats(a[0], n)
			return toNums(out, n, kernel.Valid(n, a[0]), func(i int) (float64, bool) { return -x.At(i), true }), nil
		case arrow.FLOAT32:
			x := floats(a[0], n)
			return toNums(out, n, kernel.Valid(n, a[0]), func(i int) (float32, bool) { return float32(-x.At(i)), true }), nil
		}
		x := ints(a[0], n)
		return intColumn(out, n, kernel.Valid(n, a[0]), func(i int) (int64, bool) { return -x.At(i), true }), nil
	}, nil
}

func not(b *binding) (impl, error) {
	if err := b.arity(1, 1); err != nil {
		return nil, err
	}
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		return kernel.TruthOf(a[0], n).Not().Array(), nil
	}, nil
}

// compare gives the bits of a op b, for decimals of different scales too.
func compare(op kernel.Op, a, b kernel.Vec, n int) []byte {
	ta, ok1 := a.A.DataType().(*arrow.Decimal128Type)
	tb, ok2 := b.A.DataType().(*arrow.Decimal128Type)
	if ok1 && ok2 && ta.Scale != tb.Scale {
		s := max(ta.Scale, tb.Scale)
		t := &arrow.Decimal128Type{Precision: 38, Scale: s}
		up := func(v kernel.Vec) kernel.Vec {
			x, from := decimals(v, n)
			m := n
			if v.Const {
				m = 1
			}
			return kernel.Vec{A: toNums(t, m, kernel.Valid(m, v), func(i int) (num, bool) { return rescale(x.At(i), from, s, 38) }), Const: v.Const}
		}
		a, b = up(a), up(b)
	}
	return kernel.Compare(op, a, b, n)
}

func comparison(op kernel.Op) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(2, 2); err != nil {
			return nil, err
		}
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			return kernel.BoolColumn(n, compare(op, a[0], a[1], n), kernel.Valid(n, a[0], a[1])), nil
		}, nil
	}
}

// distinct is IS [NOT] DISTINCT FROM: nulls are equal to each other and to nothing else.
func distinct(want bool) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(2, 2); err != nil {
			return nil, err
		}
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			bits := compare(kernel.NE, a[0], a[1], n)
			x, y := kernel.NullBits(a[0], n), kernel.NullBits(a[1], n)
			for i := range bits {
				bits[i] = bits[i]&^(x[i]|y[i]) | (x[i] ^ y[i])
				if !want {
					bits[i] = ^bits[i]
				}
			}
			return kernel.BoolColumn(n, bits, nil), nil
		}, nil
	}
}

func nullTest(want bool) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(1, 1); err != nil {
			return nil, err
		}
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			bits := kernel.NullBits(a[0], n)
			if !want {
				bits = kernel.Invert(bits)
			}
			return kernel.BoolColumn(n, bits, nil), nil
		}, nil
	}
}

func truthTest(truth, invert bool) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(1, 1); err != nil {
			return nil, err
		}
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			t := kernel.TruthOf(a[0], n)
			bits := t.F
			if truth {
				bits = t.T
			}
			if invert {
				bits = kernel.Invert(bits)
			}
			return kernel.BoolColumn(n, bits, nil), nil
		}, nil
	}
}

// in is needle IN (list). Integer and string lists of constants are looked up in a hash set, others compared one by one.
func in(b *binding) (impl, error) {
	if len(b.args) < 2 {
		return nil, b.arity(2, 2)
	}
	list := b.args[1:]
	null := false
	strSet, intSet := map[string]struct{}{}, map[int64]struct{}{}
	same := true
	for _, x := range list {
		if x.konst == nil {
			same = false
			break
		}
		if x.konst.Null() {
			null = true
			continue
		}
		switch {
		case b.typ(0).IsString() && x.t.IsString():
			s := kernel.StrsOf(*x.konst)
			strSet[s.At(0)] = struct{}{}
		case x.t.Kind == b.typ(0).Kind && (x.t.IsInteger() || x.t.Kind == types.Date || x.t.IsTimestamp()):
			c := ints(*x.konst, 1)
			intSet[c.At(0)] = struct{}{}
		default:
			same = false
		}
	}
	if !same {
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			acc := kernel.TruthOf(kernel.Vec{A: kernel.BoolColumn(n, compare(kernel.EQ, a[0], a[1], n), kernel.Valid(n, a[0], a[1]))}, n)
			for _, x := range a[2:] {
				acc.Or(kernel.TruthOf(kernel.Vec{A: kernel.BoolColumn(n, compare(kernel.EQ, a[0], x, n), kernel.Valid(n, a[0], x))}, n))
			}
			return acc.Array(), nil
		}, nil
	}
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		valid := kernel.Valid(n, a[0])
		if b.typ(0).IsString() {
			c := strs(a[0])
			return toBools(n, valid, func(i int) (bool, bool) { _, ok := strSet[c.At(i)]; return ok, ok || !null }), nil
		}
		c := ints(a[0], n)
		return toBools(n, valid, func(i int) (bool, bool) { _, ok := intSet[c.At(i)]; return ok, ok || !null }), nil
	}, nil
}

func notIn(b *binding) (impl, error) {
	f, err := in(b)
	if err != nil {
		return nil, err
	}
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		x, err := f(e, n, a)
		if err != nil {
			return nil, err
		}
		return kernel.TruthOf(kernel.Vec{A: x}, n).Not().Array(), nil
	}, nil
}

// nullIf is null where both arguments are equal, else the first.
func nullIf(b *binding) (impl, error) {
	if err := b.arity(2, 2); err != nil {
		return nil, err
	}
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		eq := kernel.TruthOf(kernel.Vec{A: kernel.BoolColumn(n, compare(kernel.EQ, a[0], a[1], n), kernel.Valid(n, a[0], a[1]))}, n)
		at := make([]int32, n)
		for i := range at {
			if at[i] = int32(i); a[0].Const {
				at[i] = 0
			}
			if eq.T[i>>3]>>(i&7)&1 != 0 {
				at[i] = -1
			}
		}
		return kernel.Take(a[0].A, at), nil
	}, nil
}

// extreme is GREATEST and LEAST: null if any argument is null.
func extreme(op kernel.Op) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(1, 255); err != nil {
			return nil, err
		}
		out := b.out()
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			best := a[0]
			for _, x := range a[1:] {
				bits := compare(op, x, best, n)
				which, at := make([]uint8, n), make([]int32, n)
				for i := range at {
					which[i] = bits[i>>3] >> (i & 7) & 1
					if at[i] = int32(i); which[i] == 1 && x.Const || which[i] == 0 && best.Const {
						at[i] = 0
					}
				}
				best = kernel.Vec{A: kernel.Interleave(out, []arrow.Array{best.A, x.A}, which, at)}
			}
			valid := kernel.Valid(n, a...)
			if valid == nil {
				return best.Expand(n), nil
			}
			at := make([]int32, n)
			for i := range at {
				if at[i] = int32(i); best.Const {
					at[i] = 0
				}
				if !kernel.IsValid(valid, i) {
					at[i] = -1
				}
			}
			return kernel.Take(best.A, at), nil
		}, nil
	}
}

func isTemporal(t types.Type) bool {
	return t.IsTimestamp() || t.Kind == types.Date || t.Kind == types.Time
}
