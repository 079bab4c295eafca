package expr

import (
	"math"
	"math/big"
	"math/bits"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/decimal128"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
)

// A decimal is an unscaled 128-bit integer and its column's scale. Values whose unscaled integers fit 64 bits, which is
// nearly all, are computed in machine words; the rest in big.Int, as Flink does in BigDecimal: exactly, then rounded HALF_UP
// to the result's scale, NULL when the result's precision is too small.

// num is a decimal without its scale.
type num = decimal128.Num

func fits64(x decimal128.Num) bool { return x.HighBits() == int64(x.LowBits())>>63 }

// mul64 is a*b exactly.
func mul64(a int64, b uint64) decimal128.Num {
	hi, lo := bits.Mul64(uint64(a), b)
	if a < 0 {
		hi -= b
	}
	return decimal128.New(int64(hi), lo)
}

// pow10u is 10^k for 0 ≤ k ≤ 19.
func pow10u(k int32) uint64 {
	p := uint64(1)
	for ; k > 0; k-- {
		p *= 10
	}
	return p
}

// decimalFits is true if x has at most p digits.
func decimalFits(x decimal128.Num, p int32) bool { return x.FitsInPrecision(p) }

// divHalfUp is x / d rounded HALF_UP, d > 0.
func divHalfUp(x decimal128.Num, d uint64) decimal128.Num {
	neg := x.Sign() < 0
	if neg {
		x = x.Negate()
	}
	hi, lo := uint64(x.HighBits()), x.LowBits()
	qh, r := hi/d, hi%d
	ql, r := bits.Div64(r, lo, d)
	q := decimal128.New(int64(qh), ql)
	if r >= d-r {
		q = q.Add(decimal128.FromI64(1))
	}
	if neg {
		q = q.Negate()
	}
	return q
}

// rescale changes the scale of x; ok is false if the result has more than p digits.
func rescale(x decimal128.Num, from, to, p int32) (decimal128.Num, bool) {
	switch {
	case to > from:
		k := to - from
		if k <= 19 && fits64(x) {
			x = mul64(int64(x.LowBits()), pow10u(k))
			break
		}
		b := new(big.Int).Mul(x.BigInt(), bigPow10(k))
		return fromBig(b, p)
	case to < from:
		k := from - to
		for ; k > 19; k-- { // cutting digits off before the last one does not change HALF_UP
			x, _ = x.Div(decimal128.FromI64(10))
		}
		x = divHalfUp(x, pow10u(k))
	}
	return x, decimalFits(x, p)
}

func bigPow10(k int32) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(k)), nil)
}

// fromBig is b as a decimal of at most p digits.
func fromBig(b *big.Int, p int32) (decimal128.Num, bool) {
	if b.BitLen() > 127 {
		return decimal128.Num{}, false
	}
	x := decimal128.FromBigInt(b)
	return x, decimalFits(x, p)
}

// bigDivHalfUp is a / b rounded HALF_UP.
func bigDivHalfUp(a, b *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(a, b, new(big.Int))
	if r.Abs(r).Lsh(r, 1).CmpAbs(b) >= 0 {
		if a.Sign()*b.Sign() < 0 {
			q.Sub(q, big.NewInt(1))
		} else {
			q.Add(q, big.NewInt(1))
		}
	}
	return q
}

func decimalToFloat(x decimal128.Num, scale int32) float64 {
	if fits64(x) && scale <= 22 {
		v := int64(x.LowBits())
		if v > -1<<53 && v < 1<<53 {
			return float64(v) / math.Pow10(int(scale)) // both exact: correctly rounded
		}
	}
	f, _ := new(big.Rat).SetFrac(x.BigInt(), bigPow10(scale)).Float64()
	return f
}

// decimals reads a DECIMAL or integer operand with its scale.
func decimals(v kernel.Vec, n int) (kernel.Nums[decimal128.Num], int32) {
	if v.Null() {
		return kernel.Nums[decimal128.Num]{V: make([]decimal128.Num, 1)}, 0
	}
	if t, ok := v.A.DataType().(*arrow.Decimal128Type); ok {
		return kernel.NumsOf[decimal128.Num](v), t.Scale
	}
	is := ints(v, n)
	out := kernel.Nums[decimal128.Num]{V: make([]decimal128.Num, len(is.V)), Mask: is.Mask}
	for i, x := range is.V {
		out.V[i] = decimal128.FromI64(x)
	}
	return out, 0
}

// decimalArith computes a op b into the decimal type t.
func decimalArith(op byte, a, b kernel.Vec, n int, t *arrow.Decimal128Type) (arrow.Array, error) {
	valid := kernel.Valid(n, a, b)
	x, sx := decimals(a, n)
	y, sy := decimals(b, n)
	var f func(x, y decimal128.Num) (decimal128.Num, bool)
	switch op {
	case '+', '-':
		f = func(x, y decimal128.Num) (decimal128.Num, bool) { return decimalAdd(x, sx, y, sy, op == '-', t) }
	case '*':
		f = func(x, y decimal128.Num) (decimal128.Num, bool) { return decimalMul(x, y, sx+sy, t) }
	case '/':
		f = func(x, y decimal128.Num) (decimal128.Num, bool) { return decimalDiv(x, y, t.Scale+sy-sx, t.Precision) }
	default:
		f = func(x, y decimal128.Num) (decimal128.Num, bool) { return decimalMod(x, sx, y, sy, t) }
	}
	var err error
	out := toNums(t, n, valid, func(i int) (decimal128.Num, bool) {
		v := y.At(i)
		if v == (decimal128.Num{}) && (op == '/' || op == '%') {
			err = kernel.ErrDivideByZero
			return v, false
		}
		return f(x.At(i), v)
	})
	if err != nil {
		return nil, permanent(err, "compute %s", opName(op))
	}
	return out, nil
}

func decimalAdd(x decimal128.Num, sx int32, y decimal128.Num, sy int32, sub bool, t *arrow.Decimal128Type) (decimal128.Num, bool) {
	s := max(sx, sy)
	if fits64(x) && fits64(y) && s-sx <= 18 && s-sy <= 18 {
		if s != sx {
			x = mul64(int64(x.LowBits()), pow10u(s-sx))
		}
		if s != sy {
			y = mul64(int64(y.LowBits()), pow10u(s-sy))
		}
		if sub {
			y = y.Negate()
		}
		return rescale(x.Add(y), s, t.Scale, t.Precision)
	}
	a := new(big.Int).Mul(x.BigInt(), bigPow10(s-sx))
	b := new(big.Int).Mul(y.BigInt(), bigPow10(s-sy))
	if sub {
		b.Neg(b)
	}
	return bigRescale(a.Add(a, b), s, t.Scale, t.Precision)
}

func bigRescale(b *big.Int, from, to, p int32) (decimal128.Num, bool) {
	if to >= from {
		return fromBig(b.Mul(b, bigPow10(to-from)), p)
	}
	return fromBig(bigDivHalfUp(b, bigPow10(from-to)), p)
}

func decimalMul(x, y decimal128.Num, s int32, t *arrow.Decimal128Type) (decimal128.Num, bool) {
	if fits64(x) && fits64(y) {
		a, b := int64(x.LowBits()), int64(y.LowBits())
		neg := b < 0
		u := uint64(b)
		if neg {
			u = -u
		}
		p := mul64(a, u)
		if neg {
			p = p.Negate()
		}
		return rescale(p, s, t.Scale, t.Precision)
	}
	return bigRescale(new(big.Int).Mul(x.BigInt(), y.BigInt()), s, t.Scale, t.Precision)
}

// decimalDiv is x·10^shift / y rounded HALF_UP.
func decimalDiv(x, y decimal128.Num, shift, p int32) (decimal128.Num, bool) {
	if shift >= 0 && shift <= 18 && fits64(x) && fits64(y) {
		d := int64(y.LowBits())
		u := uint64(d)
		if d < 0 {
			u = -u
		}
		q := divHalfUp(mul64(int64(x.LowBits()), pow10u(shift)), u)
		if d < 0 {
			q = q.Negate()
		}
		return q, decimalFits(q, p)
	}
	a, b := x.BigInt(), y.BigInt()
	if shift >= 0 {
		a.Mul(a, bigPow10(shift))
	} else {
		b.Mul(b, bigPow10(-shift))
	}
	return fromBig(bigDivHalfUp(a, b), p)
}

func decimalMod(x decimal128.Num, sx int32, y decimal128.Num, sy int32, t *arrow.Decimal128Type) (decimal128.Num, bool) {
	s := max(sx, sy)
	a := new(big.Int).Mul(x.BigInt(), bigPow10(s-sx))
	b := new(big.Int).Mul(y.BigInt(), bigPow10(s-sy))
	return bigRescale(a.Rem(a, b), s, t.Scale, t.Precision)
}

// appendDecimal writes x in plain notation with all digits of its scale.
func appendDecimal(dst []byte, x decimal128.Num, scale int32) []byte {
	if x.Sign() < 0 {
		dst = append(dst, '-')
		x = x.Negate()
	}
	var buf [48]byte
	i := len(buf)
	hi, lo := uint64(x.HighBits()), x.LowBits()
	for k := int32(0); hi != 0 || lo != 0 || k <= scale; k++ {
		if k == scale && scale > 0 {
			i--
			buf[i] = '.'
		}
		var r uint64
		hi, r = hi/10, hi%10
		lo, r = bits.Div64(r, lo, 10)
		i--
		buf[i] = '0' + byte(r)
	}
	return append(dst, buf[i:]...)
}

// parseDecimal reads what Java's BigDecimal reads, rounded HALF_UP to the scale; ok is false for text that is no number, fits is
// false if the number has more than p digits.
func parseDecimal(s string, p, scale int32) (x decimal128.Num, fits, ok bool) {
	neg := false
	if s != "" && (s[0] == '+' || s[0] == '-') {
		neg = s[0] == '-'
		s = s[1:]
	}
	var digits uint64
	var wide *big.Int
	n, frac, dot := 0, int32(0), false
	i := 0
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' && !dot {
			dot = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		n++
		if dot {
			frac++
		}
		if wide == nil && digits > (math.MaxInt64-9)/10 {
			wide = new(big.Int).SetUint64(digits)
		}
		if wide != nil {
			wide.Mul(wide, big.NewInt(10)).Add(wide, big.NewInt(int64(c-'0')))
		} else {
			digits = digits*10 + uint64(c-'0')
		}
	}
	if n == 0 || len(s) > 1000 {
		return x, false, false
	}
	if i < len(s) {
		if s[i] != 'e' && s[i] != 'E' || i+1 == len(s) {
			return x, false, false
		}
		exp, neg2, j := int32(0), false, i+1
		if s[j] == '+' || s[j] == '-' {
			neg2 = s[j] == '-'
			j++
		}
		if j == len(s) {
			return x, false, false
		}
		for ; j < len(s); j++ {
			if s[j] < '0' || s[j] > '9' {
				return x, false, false
			}
			exp = min(exp*10+int32(s[j]-'0'), 10000)
		}
		if neg2 {
			exp = -exp
		}
		frac -= exp
	}
	if wide == nil {
		wide = new(big.Int)
		if frac >= 0 && frac <= 37 {
			x = decimal128.FromU64(digits)
			if neg {
				x = x.Negate()
			}
			x, fits = rescale(x, frac, scale, p)
			return x, fits, true
		}
		wide.SetUint64(digits)
	}
	if neg {
		wide.Neg(wide)
	}
	if frac < -100 && wide.Sign() != 0 {
		return x, false, true
	}
	if frac > 2000 || wide.Sign() == 0 {
		return x, true, true
	}
	x, fits = bigRescale(wide, frac, scale, p)
	return x, fits, true
}
