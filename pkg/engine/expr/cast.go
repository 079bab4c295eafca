package expr

import (
	"math"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/decimal128"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func casts() map[string]builder {
	return map[string]builder{"CAST": cast(false), "TRY_CAST": cast(true)}
}

func cast(try bool) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(1, 1); err != nil {
			return nil, err
		}
		f, fails, err := caster(b.compiler, b.typ(0), b.call.T, try)
		if err != nil {
			return nil, err
		}
		b.fail = fails && !try
		return f, nil
	}
}

// castError is raised, unless the cast is TRY_CAST, for a text that is no value of the type.
func castError(s string, to types.Type) error {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return permanent(ErrCast, "cast '%s' to %s", s, to.AsNullable())
}

// caster makes the conversion from one type to another. Numbers narrow as Java's do; decimals that do not fit are null.
func caster(c *compiler, from, to types.Type, try bool) (f impl, fails bool, err error) {
	t := batch.ArrowType(to)
	same := func(e *env, n int, a []kernel.Vec) (arrow.Array, error) { return a[0].Expand(n), nil }
	none := fault.Newf(fault.Config, "no CAST from %s to %s", from.AsNullable(), to.AsNullable())
	switch {
	case from.Kind == types.Null:
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) { return kernel.Nulls(t, n), nil }, false, nil
	case to.IsString():
		f, err := toText(c, from, to)
		return f, false, err
	case from.IsString():
		f, err := fromText(c, to, try)
		return f, to.Kind != types.Decimal || !try, err
	case from.EqualIgnoreNull(to) || to.Kind == types.Varbinary && from.IsBinary() && from.Precision <= to.Precision:
		return same, false, nil
	case to.IsBinary() && from.IsBinary():
		return toBinary(t, to.Precision, true), false, nil
	case to.IsInteger() && (from.IsInteger() || from.IsInterval()) || to.IsInterval() && from.IsInteger():
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			x := ints(a[0], n)
			return intColumn(t, n, kernel.Valid(n, a[0]), func(i int) (int64, bool) { return x.At(i), true }), nil
		}, false, nil
	case to.IsInteger() && from.IsApprox():
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			x := floats(a[0], n)
			return intColumn(t, n, kernel.Valid(n, a[0]), func(i int) (int64, bool) { return javaInt(x.At(i), to.Kind == types.BigInt), true }), nil
		}, false, nil
	case to.IsInteger() && from.Kind == types.Decimal:
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			x, s := decimals(a[0], n)
			return intColumn(t, n, kernel.Valid(n, a[0]), func(i int) (int64, bool) { return truncate(x.At(i), s), true }), nil
		}, false, nil
	case to.IsInteger() && from.Kind == types.Boolean:
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			x := kernel.BoolsOf(a[0])
			return intColumn(t, n, kernel.Valid(n, a[0]), func(i int) (int64, bool) { return b2i(x.At(i)), true }), nil
		}, false, nil
	case to.IsApprox() && from.IsNumeric():
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			x := floats(a[0], n)
			return floatColumn(t, n, kernel.Valid(n, a[0]), func(i int) (float64, bool) { return x.At(i), true }), nil
		}, false, nil
	case to.IsApprox() && from.Kind == types.Boolean:
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			x := kernel.BoolsOf(a[0])
			return floatColumn(t, n, kernel.Valid(n, a[0]), func(i int) (float64, bool) { return float64(b2i(x.At(i))), true }), nil
		}, false, nil
	case to.Kind == types.Decimal && (from.IsNumeric() || from.Kind == types.Boolean):
		return toDecimal(from, to), from.IsApprox(), nil
	case to.Kind == types.Boolean && from.IsNumeric():
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			valid := kernel.Valid(n, a[0])
			if from.Kind == types.Decimal {
				x, _ := decimals(a[0], n)
				return toBools(n, valid, func(i int) (bool, bool) { return x.At(i) != num{}, true }), nil
			}
			x := floats(a[0], n)
			return toBools(n, valid, func(i int) (bool, bool) { return x.At(i) != 0, true }), nil
		}, false, nil
	case to.IsBinary() || from.IsBinary():
		return nil, false, none
	case isTemporal(from) && isTemporal(to):
		f := c.temporalCast(from, to)
		if f == nil {
			return nil, false, none
		}
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			x := ints(a[0], n)
			return intColumn(t, n, kernel.Valid(n, a[0]), func(i int) (int64, bool) { return f(x.At(i)), true }), nil
		}, false, nil
	case from.Kind == to.Kind && (to.Kind == types.Row || to.Kind == types.Array || to.Kind == types.Map || to.Kind == types.Multiset):
		return castNested(c, from, to, try)
	case from.Kind == to.Kind:
		return same, false, nil
	}
	return nil, false, none
}

func b2i(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// javaInt is Java's (long) f or (int) f: truncated, saturated, NaN is 0.
func javaInt(f float64, long bool) int64 {
	lo, hi := int64(math.MinInt32), int64(math.MaxInt32)
	if long {
		lo, hi = math.MinInt64, math.MaxInt64
	}
	switch {
	case f != f:
		return 0
	case f >= float64(hi):
		return hi
	case f <= float64(lo):
		return lo
	}
	return int64(f)
}

// truncate is the integer part of a decimal, its low 64 bits if it is longer.
func truncate(x num, scale int32) int64 {
	if fits64(x) {
		if scale > 18 {
			return 0
		}
		return int64(x.LowBits()) / int64(pow10u(scale))
	}
	q, _ := x.Div(decimal128.GetScaleMultiplier(int(scale)))
	return int64(q.LowBits())
}

func floatColumn(t arrow.DataType, n int, valid []byte, f func(i int) (float64, bool)) arrow.Array {
	if t.ID() == arrow.FLOAT32 {
		return toNums(t, n, valid, func(i int) (float32, bool) { v, ok := f(i); return float32(v), ok })
	}
	return toNums(t, n, valid, f)
}

func toDecimal(from, to types.Type) impl {
	p, s := int32(to.Precision), int32(to.Scale)
	t := batch.ArrowType(to)
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		valid := kernel.Valid(n, a[0])
		switch {
		case from.Kind == types.Boolean:
			x := kernel.BoolsOf(a[0])
			return toNums(t, n, valid, func(i int) (num, bool) { return rescale(decimal128.FromI64(b2i(x.At(i))), 0, s, p) }), nil
		case from.IsApprox():
			x := floats(a[0], n) // Java widens a FLOAT first too: 0.1 is 0.10000000149011612
			var buf [32]byte
			var err error
			out := toNums(t, n, valid, func(i int) (num, bool) {
				f := x.At(i)
				if f != f || math.IsInf(f, 0) { // even TRY_CAST fails
					err = castError(string(appendFloat(buf[:0], f, 64)), to)
					return num{}, false
				}
				v, fits, ok := parseDecimal(string(strconv.AppendFloat(buf[:0], f, 'e', -1, 64)), p, s)
				return v, fits && ok
			})
			if err != nil {
				return nil, err
			}
			return out, nil
		}
		x, sx := decimals(a[0], n)
		return toNums(t, n, valid, func(i int) (num, bool) { return rescale(x.At(i), sx, s, p) }), nil
	}
}

// temporalCast converts between DATE (days), TIME (ms), TIMESTAMP and TIMESTAMP_LTZ (us).
func (c *compiler) temporalCast(from, to types.Type) func(int64) int64 {
	z := c.zone
	cut := func(us int64) int64 { return us }
	if unit := precisionUnit(to); to.IsTimestamp() && unit > 1 {
		cut = func(us int64) int64 { return floorDiv(us, unit) * unit }
	}
	switch from.Kind {
	case types.Date:
		switch to.Kind {
		case types.Timestamp:
			return func(d int64) int64 { return d * usPerDay }
		case types.TimestampLTZ:
			return func(d int64) int64 { return z.instant(d * usPerDay) }
		}
	case types.Time:
		switch to.Kind {
		case types.Time:
			return func(ms int64) int64 { return ms }
		case types.Timestamp:
			return func(ms int64) int64 { return cut(ms * 1000) }
		case types.TimestampLTZ:
			return func(ms int64) int64 { return cut(z.instant(ms * 1000)) }
		}
	case types.Timestamp, types.TimestampLTZ:
		wall := func(us int64) int64 { return us }
		if from.Kind == types.TimestampLTZ {
			wall = z.wall
		}
		switch to.Kind {
		case types.Date:
			return func(us int64) int64 { return floorDiv(wall(us), usPerDay) }
		case types.Time:
			return func(us int64) int64 { return floorMod(wall(us), usPerDay) / 1000 }
		case types.Timestamp:
			return func(us int64) int64 { return cut(wall(us)) }
		case types.TimestampLTZ:
			if from.Kind == types.TimestampLTZ {
				return cut
			}
			return func(us int64) int64 { return cut(z.instant(us)) }
		}
	}
	return nil
}

// precisionUnit is the microseconds of the last digit of a timestamp type.
func precisionUnit(t types.Type) int64 {
	u := int64(1)
	for p := t.Precision; p < 6; p++ {
		u *= 10
	}
	return u
}

// fromText parses. Text that is no value is an error, or null for TRY_CAST.
func fromText(c *compiler, to types.Type, try bool) (impl, error) {
	t := batch.ArrowType(to)
	// each runs parse over the rows and turns its failures into the error or null.
	each := func(make func(a kernel.Vec, n int, valid []byte, s kernel.Strs, bad func(string)) arrow.Array) impl {
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			var err error
			out := make(a[0], n, kernel.Valid(n, a[0]), strs(a[0]), func(s string) {
				if !try && err == nil {
					err = castError(s, to)
				}
			})
			if err != nil {
				return nil, err
			}
			return out, nil
		}
	}
	integer := func(parse func(string) (int64, bool)) impl {
		return each(func(a kernel.Vec, n int, valid []byte, s kernel.Strs, bad func(string)) arrow.Array {
			return intColumn(t, n, valid, func(i int) (int64, bool) {
				v, ok := parse(s.At(i))
				if !ok {
					bad(s.At(i))
				}
				return v, ok
			})
		})
	}
	switch {
	case to.IsInteger():
		width := t.(arrow.FixedWidthDataType).BitWidth()
		return integer(func(s string) (int64, bool) { return parseInt(strings.TrimSpace(s), width) }), nil
	case to.IsApprox():
		return each(func(a kernel.Vec, n int, valid []byte, s kernel.Strs, bad func(string)) arrow.Array {
			return floatColumn(t, n, valid, func(i int) (float64, bool) {
				v, ok := parseFloat(strings.TrimSpace(s.At(i)))
				if !ok {
					bad(s.At(i))
				}
				return v, ok
			})
		}), nil
	case to.Kind == types.Decimal:
		return each(func(a kernel.Vec, n int, valid []byte, s kernel.Strs, bad func(string)) arrow.Array {
			return toNums(t, n, valid, func(i int) (num, bool) {
				v, fits, ok := parseDecimal(strings.Trim(s.At(i), blank), int32(to.Precision), int32(to.Scale))
				if !fits || !ok {
					bad(s.At(i))
				}
				return v, fits && ok
			})
		}), nil
	case to.Kind == types.Boolean:
		return each(func(a kernel.Vec, n int, valid []byte, s kernel.Strs, bad func(string)) arrow.Array {
			return toBools(n, valid, func(i int) (bool, bool) {
				switch strings.ToLower(s.At(i)) {
				case "t", "true", "y", "yes", "1":
					return true, true
				case "f", "false", "n", "no", "0":
					return false, true
				}
				bad(s.At(i))
				return false, false
			})
		}), nil
	case to.Kind == types.Date:
		return integer(parseDate), nil
	case to.Kind == types.Time:
		return integer(parseTime), nil
	case to.Kind == types.Timestamp:
		return integer(func(s string) (int64, bool) { return parseTimestamp(s, min(to.Precision, 6)) }), nil
	case to.Kind == types.TimestampLTZ:
		z := c.zone
		return integer(func(s string) (int64, bool) {
			v, ok := parseTimestamp(s, min(to.Precision, 6))
			return z.instant(v), ok
		}), nil
	case to.IsBinary():
		return toBinary(t, to.Precision, to.Kind == types.Binary), nil
	}
	return nil, fault.Newf(fault.Config, "no CAST from STRING to %s", to.AsNullable())
}

// parseInt reads [+-]digits[.digits], the fraction cut off, into a signed integer of width bits.
func parseInt(s string, width int) (int64, bool) {
	neg := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		neg = s[0] == '-'
		s = s[1:]
	}
	if s == "" {
		return 0, false
	}
	limit := uint64(1) << (width - 1)
	v, i := uint64(0), 0
	for ; i < len(s) && s[i] != '.'; i++ {
		c := s[i] - '0'
		if c > 9 || v > limit/10 {
			return 0, false
		}
		v = v*10 + uint64(c)
	}
	for i++; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	if v > limit || v == limit && !neg {
		return 0, false
	}
	if neg {
		return -int64(v), true
	}
	return int64(v), true
}

// parseFloat reads what Java's Double.parseDouble reads.
func parseFloat(s string) (float64, bool) {
	if strings.IndexByte(s, '_') >= 0 {
		return 0, false
	}
	if k := len(s) - 1; k > 0 && strings.IndexByte("dDfF", s[k]) >= 0 && (s[k-1] >= '0' && s[k-1] <= '9' || s[k-1] == '.') && !strings.HasPrefix(s, "0x") {
		s = s[:k]
	}
	switch strings.TrimLeft(s, "+-") {
	case "NaN", "Infinity":
	default:
		if strings.ContainsAny(s, "iInN") {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		if ne, ok := err.(*strconv.NumError); !ok || ne.Err != strconv.ErrRange {
			return 0, false
		}
	}
	return f, true
}

// toBinary cuts bytes to a length and, with pad, fills shorter ones with zeros: as Flink does for BINARY, and for VARBINARY from bytes.
func toBinary(t arrow.DataType, length int, pad bool) impl {
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		s := strs(a[0])
		return toStrings(t, n, kernel.Valid(n, a[0]), s.Size(n), func(i int, dst []byte) ([]byte, bool) {
			v := s.Bytes(i)
			v = v[:min(len(v), length)]
			dst = append(dst, v...)
			for j := len(v); pad && length != types.MaxLength && j < length; j++ {
				dst = append(dst, 0)
			}
			return dst, true
		}), nil
	}
}
