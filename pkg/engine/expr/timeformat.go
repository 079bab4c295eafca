package expr

import (
	"time"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func formatFunctions() map[string]builder {
	return map[string]builder{
		"DATE_FORMAT": dateFormat, "FROM_UNIXTIME": fromUnixtime, "UNIX_TIMESTAMP": unixTimestamp, "TO_DATE": toDate,
		"TO_TIMESTAMP": toTimestamp, "TO_TIMESTAMP_LTZ": toTimestampLTZ, "CONVERT_TZ": convertTZ,
	}
}

const defaultPattern = "yyyy-MM-dd HH:mm:ss"

// patterns gives the compiled pattern of each row: compiled once when it is constant, else kept per text.
type patterns struct {
	simple bool
	cache  map[string]*pattern
}

func (b *binding) patterns(i int, simple bool) (*patterns, error) {
	p := &patterns{simple: simple, cache: map[string]*pattern{}}
	if s, ok := b.str(i); ok {
		if _, err := p.get(s); err != nil {
			return nil, fault.Wrap(fault.Config, err, "%s", b.call.Func)
		}
	} else {
		b.fail = i < len(b.args)
	}
	return p, nil
}

func (p *patterns) get(s string) (*pattern, error) {
	if c := p.cache[s]; c != nil {
		return c, nil
	}
	c, err := compilePattern(s, p.simple)
	if err != nil {
		return nil, err
	}
	if len(p.cache) > 100 {
		clear(p.cache)
	}
	p.cache[string([]byte(s))] = c // s may be a view of a column
	return c, nil
}

// column gives the pattern of each row of v; a nil v is the default pattern.
func (p *patterns) column(v *kernel.Vec, failed *error) func(i int) *pattern {
	if v == nil {
		c, _ := p.get(defaultPattern)
		return func(int) *pattern { return c }
	}
	s := strs(*v)
	if v.Const {
		c, err := p.get(s.At(0))
		if err != nil && !v.Null() {
			*failed = permanent(err, "use date pattern")
		}
		return func(int) *pattern { return c }
	}
	return func(i int) *pattern {
		c, err := p.get(s.At(i))
		if err != nil && *failed == nil {
			*failed = permanent(err, "use date pattern")
		}
		return c
	}
}

// optional is argument i, nil when the call has not so many.
func optional(a []kernel.Vec, i int) *kernel.Vec {
	if i < len(a) {
		return &a[i]
	}
	return nil
}

func dateFormat(b *binding) (impl, error) {
	if err := b.arity(2, 2); err != nil {
		return nil, err
	}
	from := b.typ(0)
	p, err := b.patterns(1, from.IsString())
	if err != nil {
		return nil, err
	}
	t := b.out()
	if from.IsString() { // read as yyyy-MM-dd HH:mm:ss, both leniently
		def, _ := compilePattern(defaultPattern, true)
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			var failed error
			s, f := strs(a[0]), p.column(&a[1], &failed)
			out := toStrings(t, n, kernel.Valid(n, a...), 20*n, func(i int, dst []byte) ([]byte, bool) {
				us, _, ok := def.parse(s.At(i), e.ctx.Now)
				if c := f(i); ok && c != nil {
					return c.format(dst, us, 0, "UTC"), true
				}
				return dst, false
			})
			return out, failed
		}, nil
	}
	wall := b.wallClock(0)
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		var w formatter
		x, f := wall(a[0], n), p.column(&a[1], &failed)
		out := toStrings(t, n, kernel.Valid(n, a...), 20*n, func(i int, dst []byte) ([]byte, bool) {
			if c := f(i); c != nil {
				return w.format(c, dst, x(i), 0, "UTC"), true
			}
			return dst, false
		})
		return out, failed
	}, nil
}

func fromUnixtime(b *binding) (impl, error) {
	if err := b.arity(1, 2); err != nil {
		return nil, err
	}
	p, err := b.patterns(1, true)
	if err != nil {
		return nil, err
	}
	t, z := b.out(), b.zone
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		var w formatter
		x, f := ints(a[0], n), p.column(optional(a, 1), &failed)
		out := toStrings(t, n, kernel.Valid(n, a...), 20*n, func(i int, dst []byte) ([]byte, bool) {
			sec := x.At(i)
			c := f(i)
			if c == nil || sec > 9_000_000_000_000 || sec < -9_000_000_000_000 {
				return dst, false
			}
			off := z.offset(sec)
			return w.format(c, dst, (sec+off)*usPerSecond, off, z.name), true
		})
		return out, failed
	}, nil
}

// unparsable is what Flink's UNIX_TIMESTAMP gives for text that does not match.
const unparsable = -1 << 63

func unixTimestamp(b *binding) (impl, error) {
	if err := b.arity(0, 2); err != nil {
		return nil, err
	}
	t, z := b.out(), b.zone
	if len(b.args) == 0 {
		b.now = true
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			return intColumn(t, n, nil, func(int) (int64, bool) { return e.ctx.Now.Unix(), true }), nil
		}, nil
	}
	if !b.typ(0).IsString() {
		kind := b.typ(0).Kind
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			x := ints(a[0], n)
			return intColumn(t, n, kernel.Valid(n, a[0]), func(i int) (int64, bool) {
				if kind == types.Date {
					return x.At(i) * 86_400, true
				}
				return floorDiv(x.At(i), usPerSecond), true
			}), nil
		}, nil
	}
	p, err := b.patterns(1, true)
	if err != nil {
		return nil, err
	}
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		s, f := strs(a[0]), p.column(optional(a, 1), &failed)
		out := intColumn(t, n, kernel.Valid(n, a...), func(i int) (int64, bool) {
			c := f(i)
			if c == nil {
				return 0, false
			}
			us, zoned, ok := c.parse(s.At(i), e.ctx.Now)
			if !ok {
				return unparsable, true
			}
			if !zoned {
				us = z.instant(us)
			}
			return us / usPerSecond, true
		})
		return out, failed
	}, nil
}

func toDate(b *binding) (impl, error) {
	if err := b.arity(1, 2); err != nil {
		return nil, err
	}
	p, err := b.patterns(1, true)
	if err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		s := strs(a[0])
		if len(a) == 1 {
			return intColumn(t, n, kernel.Valid(n, a...), func(i int) (int64, bool) { return parseDate(s.At(i)) }), nil
		}
		f := p.column(&a[1], &failed)
		out := intColumn(t, n, kernel.Valid(n, a...), func(i int) (int64, bool) {
			c := f(i)
			if c == nil {
				return 0, false
			}
			us, _, ok := c.parse(s.At(i), e.ctx.Now)
			return floorDiv(us, usPerDay), ok
		})
		return out, failed
	}, nil
}

// parseWith reads s by a java.time pattern, or where that fails as yyyy-M-d[ H:m:s[.fraction]], as Flink does.
func parseWith(c *pattern, s string, now time.Time) (int64, bool) {
	if us, _, ok := c.parse(s, now); ok {
		return floorDiv(us, 1000) * 1000, true
	}
	return parseTimestamp(s, 6)
}

func toTimestamp(b *binding) (impl, error) {
	if err := b.arity(1, 2); err != nil {
		return nil, err
	}
	p, err := b.patterns(1, false)
	if err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		s := strs(a[0])
		if len(a) == 1 {
			return intColumn(t, n, kernel.Valid(n, a...), func(i int) (int64, bool) { return parseTimestamp(s.At(i), 3) }), nil
		}
		f := p.column(&a[1], &failed)
		out := intColumn(t, n, kernel.Valid(n, a...), func(i int) (int64, bool) {
			c := f(i)
			if c == nil {
				return 0, false
			}
			return parseWith(c, s.At(i), e.ctx.Now)
		})
		return out, failed
	}, nil
}

// The instants of the years 0 to 9999, outside of which TO_TIMESTAMP_LTZ is null.
const (
	minEpochMillis = -62_167_219_200_000
	maxEpochMillis = 253_402_300_799_999
)

// toTimestampLTZ is TO_TIMESTAMP_LTZ(number[, precision 0 or 3]) and TO_TIMESTAMP_LTZ(text[, pattern[, zone]]).
func toTimestampLTZ(b *binding) (impl, error) {
	if err := b.arity(1, 3); err != nil {
		return nil, err
	}
	t := b.out()
	if b.typ(0).IsString() {
		return textToLTZ(b)
	}
	b.fail = true
	decimal := b.typ(0).Kind == types.Decimal
	approx := b.typ(0).IsApprox()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var err error
		prec := func(int) int64 { return 3 }
		if len(a) > 1 {
			c := ints(a[1], n)
			prec = c.At
		}
		var whole func(i int) int64
		var fl kernel.Nums[float64]
		switch {
		case approx:
			fl = floats(a[0], n)
		case decimal:
			x, s := decimals(a[0], n)
			whole = func(i int) int64 { return truncate(x.At(i), s) }
		default:
			x := ints(a[0], n)
			whole = x.At
		}
		out := intColumn(t, n, kernel.Valid(n, a...), func(i int) (int64, bool) {
			scale := int64(1)
			switch p := prec(i); p {
			case 0:
				scale = 1000
			case 3:
			default:
				err = fault.Newf(fault.Permanent, "TO_TIMESTAMP_LTZ with precision %d: only 0 (seconds) and 3 (milliseconds) exist", p)
				return 0, false
			}
			var ms int64
			if approx {
				f := fl.At(i) * float64(scale)
				if !(f >= minEpochMillis && f <= maxEpochMillis) {
					return 0, false
				}
				ms = int64(f)
			} else {
				v := whole(i)
				if v < minEpochMillis/scale || v > maxEpochMillis/scale {
					return 0, false
				}
				ms = v * scale
			}
			return ms * 1000, ms >= minEpochMillis && ms <= maxEpochMillis
		})
		return out, err
	}, nil
}

func textToLTZ(b *binding) (impl, error) {
	p, err := b.patterns(1, false)
	if err != nil {
		return nil, err
	}
	t := b.out()
	zones := newZones()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		s := strs(a[0])
		var tz kernel.Strs
		if len(a) > 2 {
			tz = strs(a[2])
		}
		var f func(i int) *pattern
		if len(a) > 1 {
			f = p.column(&a[1], &failed)
		}
		out := intColumn(t, n, kernel.Valid(n, a...), func(i int) (us int64, ok bool) {
			if f == nil {
				us, ok = parseTimestamp(s.At(i), 3)
			} else if c := f(i); c != nil {
				us, ok = parseWith(c, s.At(i), e.ctx.Now)
			}
			if ok && len(a) > 2 {
				us = zones.get(tz.At(i)).instant(us)
			}
			return us, ok
		})
		return out, failed
	}, nil
}

// zones keeps the time zones that a column names.
type zones struct{ m map[string]*zone }

func newZones() *zones { return &zones{m: map[string]*zone{}} }

// get is the zone of that id; an unknown one is UTC, as in Java.
func (z *zones) get(id string) *zone {
	if c := z.m[id]; c != nil {
		return c
	}
	loc, ok := loadZone(id)
	if !ok {
		loc = time.UTC
	}
	if len(z.m) > 1000 {
		clear(z.m)
	}
	c := newZone(loc)
	z.m[string([]byte(id))] = c
	return c
}

func convertTZ(b *binding) (impl, error) {
	if err := b.arity(3, 3); err != nil {
		return nil, err
	}
	t, zs := b.out(), newZones()
	def, err := compilePattern(defaultPattern, true)
	if err != nil {
		return nil, err
	}
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		s, from, to := strs(a[0]), strs(a[1]), strs(a[2])
		return toStrings(t, n, kernel.Valid(n, a...), 20*n, func(i int, dst []byte) ([]byte, bool) {
			us, _, ok := def.parse(s.At(i), e.ctx.Now)
			if !ok {
				return dst, false
			}
			us = zs.get(from.At(i)).instant(us)
			return def.format(dst, zs.get(to.At(i)).wall(us), 0, ""), true
		}), nil
	}, nil
}
