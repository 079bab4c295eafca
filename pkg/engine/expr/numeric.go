package expr

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func numericFunctions() map[string]builder {
	m := map[string]builder{
		"ABS": abs, "SIGN": sign, "ROUND": round(false), "TRUNCATE": round(true), "LOG": logarithm,
		"POWER": float2(math.Pow), "POW": float2(math.Pow), "ATAN2": float2(math.Atan2),
		"PI": constant(math.Pi), "E": constant(math.E), "RAND": random, "RAND_INTEGER": randomInteger, "$BUCKET": bucket,
		"BIN": radix(2), "HEX": hexOf,
	}
	for name, f := range map[string]func(float64) float64{
		"SQRT": math.Sqrt, "EXP": math.Exp, "LN": math.Log, "LOG10": math.Log10, "LOG2": func(x float64) float64 { return math.Log(x) / math.Ln2 }, "SIN": math.Sin, "COS": math.Cos,
		"TAN": math.Tan, "ASIN": math.Asin, "ACOS": math.Acos, "ATAN": math.Atan, "SINH": math.Sinh, "COSH": math.Cosh, "TANH": math.Tanh,
		"COT":     func(x float64) float64 { return 1 / math.Tan(x) },
		"DEGREES": func(x float64) float64 { return x * 180 / math.Pi }, "RADIANS": func(x float64) float64 { return x / 180 * math.Pi },
	} {
		m[name] = float1(f)
	}
	return m
}

func float1(f func(float64) float64) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(1, 1); err != nil {
			return nil, err
		}
		t := b.out()
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			x := floats(a[0], n)
			return floatColumn(t, n, kernel.Valid(n, a[0]), func(i int) (float64, bool) { return f(x.At(i)), true }), nil
		}, nil
	}
}

func float2(f func(x, y float64) float64) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(2, 2); err != nil {
			return nil, err
		}
		t := b.out()
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			x, y := floats(a[0], n), floats(a[1], n)
			return floatColumn(t, n, kernel.Valid(n, a...), func(i int) (float64, bool) { return f(x.At(i), y.At(i)), true }), nil
		}, nil
	}
}

// logarithm is LOG(x), natural, and LOG(base, x).
func logarithm(b *binding) (impl, error) {
	if len(b.args) == 1 {
		return float1(math.Log)(b)
	}
	return float2(func(base, x float64) float64 { return math.Log(x) / math.Log(base) })(b)
}

func constant(v float64) builder {
	return func(b *binding) (impl, error) {
		t := b.out()
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			return floatColumn(t, n, nil, func(int) (float64, bool) { return v, true }), nil
		}, nil
	}
}

func abs(b *binding) (impl, error) {
	if err := b.arity(1, 1); err != nil {
		return nil, err
	}
	return perNumber(b, func(x int64) int64 { return max(x, -x) }, math.Abs, func(x num, _ int32) num { return x.Abs() }), nil
}

func sign(b *binding) (impl, error) {
	if err := b.arity(1, 1); err != nil {
		return nil, err
	}
	one := func(c int) int64 { return int64(c) }
	return perNumber(b, func(x int64) int64 { return b2i(x > 0) - b2i(x < 0) },
		func(x float64) float64 {
			if x > 0 {
				return 1
			}
			if x < 0 {
				return -1
			}
			return x
		},
		func(x num, s int32) num { v, _ := rescale(fromInt(one(x.Sign())), 0, s, 38); return v }), nil
}

// perNumber applies the function for the argument's family; the result has the argument's kind.
func perNumber(b *binding, fi func(int64) int64, ff func(float64) float64, fd func(x num, scale int32) num) impl {
	t, kind := b.out(), b.typ(0)
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		valid := kernel.Valid(n, a[0])
		switch {
		case kind.Kind == types.Decimal:
			x, s := decimals(a[0], n)
			d := t.(*arrow.Decimal128Type)
			return toNums(t, n, valid, func(i int) (num, bool) { return rescale(fd(x.At(i), s), s, d.Scale, d.Precision) }), nil
		case kind.IsApprox():
			x := floats(a[0], n)
			return floatColumn(t, n, valid, func(i int) (float64, bool) { return ff(x.At(i)), true }), nil
		}
		x := ints(a[0], n)
		return intColumn(t, n, valid, func(i int) (int64, bool) { return fi(x.At(i)), true }), nil
	}
}

func fromInt(v int64) num { return mul64(v, 1) }

// floorNumber is FLOOR and CEIL of a number.
func floorNumber(b *binding, floor bool) (impl, error) {
	f := math.Ceil
	if floor {
		f = math.Floor
	}
	return perNumber(b, func(x int64) int64 { return x }, f, func(x num, s int32) num {
		if s == 0 {
			return x
		}
		q, r := new(big.Int).QuoRem(x.BigInt(), bigPow10(s), new(big.Int))
		if floor && r.Sign() < 0 {
			q.Sub(q, big.NewInt(1))
		}
		if !floor && r.Sign() > 0 {
			q.Add(q, big.NewInt(1))
		}
		v, _ := fromBig(q.Mul(q, bigPow10(s)), 38)
		return v
	}), nil
}

// round is ROUND, half away from zero, and TRUNCATE, both to a number of digits that may be negative.
func round(cut bool) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(1, 2); err != nil {
			return nil, err
		}
		t, kind := b.out(), b.typ(0)
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			valid := kernel.Valid(n, a...)
			digits := func(int) int32 { return 0 }
			if len(a) > 1 {
				c := ints(a[1], n)
				digits = func(i int) int32 { return int32(min(max(c.At(i), -400), 400)) }
			}
			switch {
			case kind.Kind == types.Decimal:
				x, s := decimals(a[0], n)
				d := t.(*arrow.Decimal128Type)
				return toNums(t, n, valid, func(i int) (num, bool) { return roundDecimal(x.At(i), s, digits(i), cut, d) }), nil
			case kind.IsApprox():
				x := floats(a[0], n)
				return floatColumn(t, n, valid, func(i int) (float64, bool) { return roundFloat(x.At(i), digits(i), cut), true }), nil
			}
			x := ints(a[0], n)
			return intColumn(t, n, valid, func(i int) (int64, bool) {
				k := digits(i)
				if k >= 0 {
					return x.At(i), true
				}
				if k < -18 {
					return 0, true
				}
				p := int64(pow10u(-k))
				v := x.At(i) / p * p
				if r := x.At(i) - v; !cut && r >= p-r && r > 0 {
					v += p
				} else if !cut && r < 0 && -r >= p+r {
					v -= p
				}
				return v, true
			}), nil
		}, nil
	}
}

func roundDecimal(x num, s, digits int32, cut bool, t *arrow.Decimal128Type) (num, bool) {
	if digits >= s {
		return rescale(x, s, t.Scale, t.Precision)
	}
	if digits < -38 {
		return num{}, true
	}
	b, p := x.BigInt(), bigPow10(s-digits)
	if cut {
		b.Quo(b, p)
	} else {
		b = bigDivHalfUp(b, p)
	}
	return bigRescale(b, digits, t.Scale, t.Precision)
}

// roundFloat rounds the shortest decimal notation of f, as Flink does by way of BigDecimal.valueOf (a FLOAT is widened first).
func roundFloat(f float64, digits int32, cut bool) float64 {
	if f != f || math.IsInf(f, 0) || f == 0 {
		return f
	}
	_, exp := math.Frexp(f)
	if digits > 20 || exp > 62 && digits >= 0 {
		return f
	}
	var buf [400]byte
	r, ok := new(big.Rat).SetString(string(strconv.AppendFloat(buf[:0], f, 'g', -1, 64)))
	if !ok {
		return f
	}
	scale := new(big.Rat).SetInt(bigPow10(max(digits, -digits)))
	if digits < 0 {
		scale.Inv(scale)
	}
	r.Mul(r, scale)
	var q *big.Int
	if cut {
		q = new(big.Int).Quo(r.Num(), r.Denom())
	} else {
		q = bigDivHalfUp(r.Num(), r.Denom())
	}
	out, _ := new(big.Rat).Quo(new(big.Rat).SetInt(q), scale).Float64()
	return out
}

// random is RAND and RAND(seed).
func random(b *binding) (impl, error) {
	if err := b.arity(0, 1); err != nil {
		return nil, err
	}
	b.vary = true
	t := b.out()
	r := source(b, 0)
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		return floatColumn(t, n, kernel.Valid(n, a...), func(int) (float64, bool) { return r.Float64(), true }), nil
	}, nil
}

func source(b *binding, arg int) *rand.Rand {
	seed := rand.Uint64()
	if arg < len(b.args) && b.args[arg].konst != nil {
		c := ints(*b.args[arg].konst, 1)
		seed = uint64(c.At(0))
	}
	return rand.New(rand.NewPCG(seed, seed))
}

// randomInteger is RAND_INTEGER([seed,] bound): an integer from 0 to bound-1.
func randomInteger(b *binding) (impl, error) {
	if err := b.arity(1, 2); err != nil {
		return nil, err
	}
	b.vary, b.fail = true, true
	t, bound := b.out(), len(b.args)-1
	seed := len(b.args)
	if bound == 1 {
		seed = 0
	}
	r := source(b, seed)
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var err error
		x := ints(a[bound], n)
		out := intColumn(t, n, kernel.Valid(n, a...), func(i int) (int64, bool) {
			if x.At(i) <= 0 {
				err = fault.Newf(fault.Permanent, "RAND_INTEGER with bound %d: it must be positive", x.At(i))
				return 0, false
			}
			return r.Int64N(x.At(i)), true
		})
		return out, err
	}, nil
}

// bucket is $BUCKET(x, …, n): the hash of the values modulo n, the same in every release.
func bucket(b *binding) (impl, error) {
	if err := b.arity(2, 255); err != nil {
		return nil, err
	}
	last := len(b.args) - 1
	if b.args[last].konst == nil || !b.typ(last).IsInteger() {
		return nil, fault.Newf(fault.Config, "$BUCKET needs a constant number of buckets")
	}
	k := ints(*b.args[last].konst, 1)
	if k.At(0) <= 0 {
		return nil, fault.Newf(fault.Config, "$BUCKET needs a positive number of buckets")
	}
	t, m := b.out(), uint64(k.At(0))
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		cols := make([]arrow.Array, last)
		for i := range cols {
			cols[i] = a[i].Expand(n)
		}
		h := make([]uint64, n)
		kernel.Hash(cols, n, h)
		return intColumn(t, n, nil, func(i int) (int64, bool) { return int64(h[i] % m), true }), nil
	}, nil
}

func radix(base int) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(1, 1); err != nil {
			return nil, err
		}
		t := b.out()
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			x := ints(a[0], n)
			return toStrings(t, n, kernel.Valid(n, a[0]), 16*n, func(i int, dst []byte) ([]byte, bool) {
				return strconv.AppendUint(dst, uint64(x.At(i)), base), true
			}), nil
		}, nil
	}
}

// hexOf is the upper-case hexadecimal form of an integer or of a text's bytes.
func hexOf(b *binding) (impl, error) {
	if err := b.arity(1, 1); err != nil {
		return nil, err
	}
	const hex = "0123456789ABCDEF"
	t := b.out()
	if b.typ(0).IsString() || b.typ(0).IsBinary() {
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			s := strs(a[0])
			return toStrings(t, n, kernel.Valid(n, a[0]), 2*s.Size(n), func(i int, dst []byte) ([]byte, bool) {
				for _, c := range s.Bytes(i) {
					dst = append(dst, hex[c>>4], hex[c&15])
				}
				return dst, true
			}), nil
		}, nil
	}
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		x := ints(a[0], n)
		return toStrings(t, n, kernel.Valid(n, a[0]), 16*n, func(i int, dst []byte) ([]byte, bool) {
			from := len(dst)
			dst = strconv.AppendUint(dst, uint64(x.At(i)), 16)
			for j := from; j < len(dst); j++ {
				if dst[j] >= 'a' {
					dst[j] -= 'a' - 'A'
				}
			}
			return dst, true
		}), nil
	}, nil
}
