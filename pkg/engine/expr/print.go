package expr

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/jsonpath"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// toText prints in the format of Flink's CAST, cut or padded to the type's length.
func toText(c *compiler, from, to types.Type) (impl, error) {
	if from.IsString() && to.Kind == types.Varchar && to.Precision >= from.Precision {
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) { return a[0].Expand(n), nil }, nil
	}
	p, err := c.printer(from)
	if err != nil {
		return nil, err
	}
	t := batch.ArrowType(to)
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		m := n
		if a[0].Const {
			m = 1
		}
		print := p(a[0].A)
		return toStrings(t, n, kernel.Valid(n, a[0]), 16*n, func(i int, dst []byte) ([]byte, bool) {
			from := len(dst)
			if m == 1 {
				i = 0
			}
			dst = print(i, dst)
			if to.Precision == types.MaxLength {
				return dst, true
			}
			chars := utf8.RuneCount(dst[from:])
			if chars > to.Precision {
				dst = dst[:from+byteAt(string(dst[from:]), to.Precision)]
			}
			for ; to.Kind == types.Char && chars < to.Precision; chars++ {
				dst = append(dst, ' ')
			}
			return dst, true
		}), nil
	}, nil
}

// byteAt is the position of character k of s, len(s) when it is shorter.
func byteAt(s string, k int) int {
	if k <= 0 {
		return 0
	}
	if k >= len(s) {
		return len(s)
	}
	for i := range s {
		if k == 0 {
			return i
		}
		k--
	}
	return len(s)
}

// printer prints values of one array.
type printer func(a arrow.Array) func(i int, dst []byte) []byte

func (c *compiler) printer(t types.Type) (printer, error) {
	integers := func(f func(v int64, dst []byte) []byte) printer {
		return func(a arrow.Array) func(i int, dst []byte) []byte {
			x := ints(kernel.Vec{A: a}, a.Len())
			return func(i int, dst []byte) []byte { return f(x.At(i), dst) }
		}
	}
	switch {
	case t.IsString() || t.IsBinary():
		return func(a arrow.Array) func(i int, dst []byte) []byte {
			s := strs(kernel.Vec{A: a})
			return func(i int, dst []byte) []byte { return append(dst, s.Bytes(i)...) }
		}, nil
	case t.Kind == types.Null:
		return func(a arrow.Array) func(i int, dst []byte) []byte {
			return func(i int, dst []byte) []byte { return append(dst, "NULL"...) }
		}, nil
	case t.Kind == types.Boolean:
		return func(a arrow.Array) func(i int, dst []byte) []byte {
			x := kernel.BoolsOf(kernel.Vec{A: a})
			return func(i int, dst []byte) []byte { return append(dst, strings.ToUpper(strconv.FormatBool(x.At(i)))...) }
		}, nil
	case t.IsInteger():
		return integers(func(v int64, dst []byte) []byte { return strconv.AppendInt(dst, v, 10) }), nil
	case t.IsApprox():
		bits := 64
		if t.Kind == types.Float {
			bits = 32
		}
		return func(a arrow.Array) func(i int, dst []byte) []byte {
			x := floats(kernel.Vec{A: a}, a.Len())
			return func(i int, dst []byte) []byte { return appendFloat(dst, x.At(i), bits) }
		}, nil
	case t.Kind == types.Decimal:
		return func(a arrow.Array) func(i int, dst []byte) []byte {
			x, s := decimals(kernel.Vec{A: a}, a.Len())
			return func(i int, dst []byte) []byte { return appendDecimal(dst, x.At(i), s) }
		}, nil
	case t.Kind == types.Date:
		return integers(appendDate), nil
	case t.Kind == types.Time:
		return integers(func(v int64, dst []byte) []byte { return appendTime(v, dst, t.Precision) }), nil
	case t.Kind == types.Timestamp:
		return integers(func(v int64, dst []byte) []byte { return appendTimestamp(v, dst, t.Precision) }), nil
	case t.Kind == types.TimestampLTZ:
		z := c.zone
		return integers(func(v int64, dst []byte) []byte { return appendTimestamp(z.wall(v), dst, t.Precision) }), nil
	case t.Kind == types.IntervalYearMonth:
		return integers(func(v int64, dst []byte) []byte {
			dst, v = appendSign(dst, v)
			return appendInt(append(appendInt(dst, v/12, 1), '-'), v%12, 2)
		}), nil
	case t.Kind == types.IntervalDayTime:
		return integers(func(v int64, dst []byte) []byte {
			dst, v = appendSign(dst, v)
			dst = append(appendInt(dst, v/msPerDay, 1), ' ')
			dst = appendHMS(dst, v%msPerDay/1000)
			return appendInt(append(dst, '.'), v%1000, 3)
		}), nil
	case t.Kind == types.Array:
		return c.listPrinter(*t.Elem)
	case t.Kind == types.Map:
		return c.mapPrinter(*t.Key, *t.Elem)
	case t.Kind == types.Multiset:
		return c.mapPrinter(*t.Elem, types.Of(types.Int))
	case t.Kind == types.Row:
		return c.rowPrinter(t)
	}
	return nil, fault.Newf(fault.Config, "no CAST from %s to STRING", t.AsNullable())
}

func orNull(a arrow.Array, f func(i int, dst []byte) []byte) func(i int, dst []byte) []byte {
	return func(i int, dst []byte) []byte {
		if a.IsNull(i) {
			return append(dst, "NULL"...)
		}
		return f(i, dst)
	}
}

func (c *compiler) listPrinter(elem types.Type) (printer, error) {
	p, err := c.printer(elem)
	return func(a arrow.Array) func(i int, dst []byte) []byte {
		l := a.(*array.List)
		v := orNull(l.ListValues(), p(l.ListValues()))
		return func(i int, dst []byte) []byte {
			dst = append(dst, '[')
			from, to := l.ValueOffsets(i)
			for j := from; j < to; j++ {
				if j > from {
					dst = append(dst, ", "...)
				}
				dst = v(int(j), dst)
			}
			return append(dst, ']')
		}
	}, err
}

func (c *compiler) mapPrinter(key, elem types.Type) (printer, error) {
	pk, err := c.printer(key)
	if err != nil {
		return nil, err
	}
	pv, err := c.printer(elem)
	return func(a arrow.Array) func(i int, dst []byte) []byte {
		m := a.(*array.Map)
		k, v := orNull(m.Keys(), pk(m.Keys())), orNull(m.Items(), pv(m.Items()))
		return func(i int, dst []byte) []byte {
			dst = append(dst, '{')
			from, to := m.ValueOffsets(i)
			for j := from; j < to; j++ {
				if j > from {
					dst = append(dst, ", "...)
				}
				dst = v(int(j), append(k(int(j), dst), '='))
			}
			return append(dst, '}')
		}
	}, err
}

func (c *compiler) rowPrinter(t types.Type) (printer, error) {
	ps := make([]printer, len(t.Fields))
	for i, f := range t.Fields {
		p, err := c.printer(f.Type)
		if err != nil {
			return nil, err
		}
		ps[i] = p
	}
	return func(a arrow.Array) func(i int, dst []byte) []byte {
		s := a.(*array.Struct)
		fs := make([]func(i int, dst []byte) []byte, len(ps))
		for i, p := range ps {
			fs[i] = orNull(s.Field(i), p(s.Field(i)))
		}
		return func(i int, dst []byte) []byte {
			dst = append(dst, '(')
			for k, f := range fs {
				if k > 0 {
					dst = append(dst, ", "...)
				}
				dst = f(i, dst)
			}
			return append(dst, ')')
		}
	}, nil
}

func appendSign(dst []byte, v int64) ([]byte, int64) {
	if v < 0 {
		return append(dst, '-'), -v
	}
	return append(dst, '+'), v
}

func appendHMS(dst []byte, sec int64) []byte {
	dst = append(appendInt(dst, sec/3600, 2), ':')
	dst = append(appendInt(dst, sec/60%60, 2), ':')
	return appendInt(dst, sec%60, 2)
}

func appendDate(days int64, dst []byte) []byte {
	y, m, d := civil(days)
	dst = append(appendInt(dst, y, 4), '-')
	dst = append(appendInt(dst, int64(m), 2), '-')
	return appendInt(dst, int64(d), 2)
}

func appendTime(ms int64, dst []byte, precision int) []byte {
	ms = floorMod(ms, msPerDay)
	dst = appendHMS(dst, ms/1000)
	if precision > 0 {
		frac := ms % 1000
		dst = append(dst, '.')
		for k := 0; k < precision; k++ {
			dst = append(dst, '0'+byte(frac/100))
			if frac = frac % 100 * 10; frac == 0 {
				break
			}
		}
	}
	return dst
}

// appendTimestamp prints at least precision digits of the fraction, and more when there are more.
func appendTimestamp(us int64, dst []byte, precision int) []byte {
	day := floorDiv(us, usPerDay)
	tod := us - day*usPerDay
	dst = append(appendDate(day, dst), ' ')
	dst = appendHMS(dst, tod/usPerSecond)
	frac := tod % usPerSecond
	if frac == 0 && precision == 0 {
		return dst
	}
	dst = append(dst, '.')
	for k, div := 0, usPerSecond/10; k < precision || frac > 0; k++ {
		if div == 0 {
			dst = append(dst, '0')
			continue
		}
		dst = append(dst, '0'+byte(frac/div))
		frac %= div
		div /= 10
	}
	return dst
}

// appendFloat prints as Java's Double.toString and Float.toString: at least one digit after the point, scientific notation
// below 1e-3 and from 1e7 on.
func appendFloat(dst []byte, f float64, bits int) []byte { return jsonpath.AppendDouble(dst, f, bits) }
