package expr

import (
	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// timeFunctions compute with dates and times; formatFunctions read and write them.
func timeFunctions() map[string]builder {
	m := map[string]builder{
		"EXTRACT": extract, "TIMESTAMPADD": timestampAdd, "TIMESTAMPDIFF": timestampDiff,
		"FLOOR": floorOrCeil(true), "CEIL": floorOrCeil(false), "CEILING": floorOrCeil(false),
		"CURRENT_TIMESTAMP": clock, "NOW": clock, "CURRENT_ROW_TIMESTAMP": clock, "PROCTIME": clock, "LOCALTIMESTAMP": clock,
		"CURRENT_DATE": clock, "CURRENT_TIME": clock, "LOCALTIME": clock, "CURRENT_WATERMARK": watermark,
	}
	for name, unit := range map[string]string{"YEAR": "YEAR", "QUARTER": "QUARTER", "MONTH": "MONTH", "WEEK": "WEEK", "DAYOFYEAR": "DOY",
		"DAYOFMONTH": "DAY", "DAYOFWEEK": "DOW", "HOUR": "HOUR", "MINUTE": "MINUTE", "SECOND": "SECOND"} {
		m[name] = func(b *binding) (impl, error) {
			if err := b.arity(1, 1); err != nil {
				return nil, err
			}
			return extractUnit(b, unit, 0)
		}
	}
	return m
}

// wallClock gives argument i's values as wall-clock microseconds.
func (b *binding) wallClock(i int) func(v kernel.Vec, n int) func(row int) int64 {
	t, z := b.typ(i), b.zone
	return func(v kernel.Vec, n int) func(row int) int64 {
		x := ints(v, n)
		switch t.Kind {
		case types.Date:
			return func(row int) int64 { return x.At(row) * usPerDay }
		case types.Time, types.IntervalDayTime:
			return func(row int) int64 { return x.At(row) * 1000 }
		case types.TimestampLTZ:
			return func(row int) int64 { return z.wall(x.At(row)) }
		}
		return x.At
	}
}

// instant is wallClock, of TIMESTAMP_LTZ without its zone: what differences are of.
func (b *binding) instant(i int) func(v kernel.Vec, n int) func(row int) int64 {
	if b.typ(i).Kind == types.TimestampLTZ {
		return func(v kernel.Vec, n int) func(int) int64 { x := ints(v, n); return x.At }
	}
	return b.wallClock(i)
}

func temporalArith(b *binding, op byte) (impl, error) {
	l, r := b.typ(0), b.typ(1)
	x, iv := 0, 1
	if l.IsInterval() {
		x, iv, l, r = 1, 0, r, l
	}
	sign := int64(1)
	if op == '-' {
		sign = -1
	}
	t := b.out()
	if isTemporal(l) && isTemporal(r) && op == '-' {
		return temporalMinus(b)
	}
	if !r.IsInterval() || op != '+' && op != '-' {
		return nil, fault.Newf(fault.Config, "operator %c cannot take %s and %s", op, b.typ(0), b.typ(1))
	}
	var f func(v, d int64) int64
	switch month := r.Kind == types.IntervalYearMonth; {
	case l.Kind == types.Date && month:
		f = addMonths
	case l.Kind == types.Date:
		f = func(v, ms int64) int64 { return v + ms/msPerDay }
	case l.Kind == types.Time && month:
		f = func(v, _ int64) int64 { return v }
	case l.Kind == types.Time:
		f = func(v, ms int64) int64 { return floorMod(v+ms, msPerDay) }
	case month:
		f = addMonthsTime
	default:
		f = func(v, ms int64) int64 { return v + ms*1000 }
	}
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		v, d := ints(a[x], n), ints(a[iv], n)
		return intColumn(t, n, kernel.Valid(n, a...), func(i int) (int64, bool) { return f(v.At(i), sign*d.At(i)), true }), nil
	}, nil
}

// temporalMinus is the interval between two points in time.
func temporalMinus(b *binding) (impl, error) {
	p, q, t := b.instant(0), b.instant(1), b.out()
	months := b.call.T.Kind == types.IntervalYearMonth
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		x, y := p(a[0], n), q(a[1], n)
		return intColumn(t, n, kernel.Valid(n, a...), func(i int) (int64, bool) {
			if months {
				return monthsBetween(x(i), y(i), usPerDay), true
			}
			return (x(i) - y(i)) / 1000, true
		}), nil
	}, nil
}

func (b *binding) unit(i int) (string, error) {
	u, ok := b.str(i)
	if !ok {
		return "", fault.Newf(fault.Config, "%s needs a time unit", b.call.Func)
	}
	return u, nil
}

func extract(b *binding) (impl, error) {
	if err := b.arity(2, 2); err != nil {
		return nil, err
	}
	u, err := b.unit(0)
	if err != nil {
		return nil, err
	}
	return extractUnit(b, u, 1)
}

func extractUnit(b *binding, unit string, arg int) (impl, error) {
	t := b.out()
	if b.typ(arg).Kind == types.IntervalYearMonth {
		div, mod := int64(1), int64(12)
		if unit == "YEAR" {
			div, mod = 12, 1<<62
		}
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			x := ints(a[arg], n)
			return intColumn(t, n, kernel.Valid(n, a[arg]), func(i int) (int64, bool) { return x.At(i) / div % mod, true }), nil
		}, nil
	}
	var f func(us int64) int64
	if b.typ(arg).Kind == types.IntervalDayTime {
		f = intervalField(unit)
	} else {
		f = field(unit)
	}
	if f == nil {
		return nil, fault.Newf(fault.Config, "EXTRACT(%s) of %s", unit, b.typ(arg))
	}
	wall := b.wallClock(arg)
	if unit == "EPOCH" && b.typ(arg).Kind == types.TimestampLTZ {
		wall = func(v kernel.Vec, n int) func(int) int64 { x := ints(v, n); return x.At }
	}
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		x := wall(a[arg], n)
		return intColumn(t, n, kernel.Valid(n, a[arg]), func(i int) (int64, bool) { return f(x(i)), true }), nil
	}, nil
}

func intervalField(unit string) func(us int64) int64 {
	switch unit {
	case "DAY":
		return func(us int64) int64 { return us / usPerDay }
	case "HOUR":
		return func(us int64) int64 { return us % usPerDay / 3_600_000_000 }
	case "MINUTE":
		return func(us int64) int64 { return us % 3_600_000_000 / 60_000_000 }
	case "SECOND":
		return func(us int64) int64 { return us % 60_000_000 / usPerSecond }
	}
	return nil
}

// field is the part of a wall-clock time that EXTRACT's unit names.
func field(unit string) func(us int64) int64 {
	ymd := func(f func(y int64, m, d int) int64) func(us int64) int64 {
		return func(us int64) int64 { return f(civil(floorDiv(us, usPerDay))) }
	}
	part := func(mod, div int64) func(us int64) int64 {
		return func(us int64) int64 { return floorMod(us, mod) / div }
	}
	switch unit {
	case "MILLENNIUM":
		return ymd(func(y int64, _, _ int) int64 { return (y + 999) / 1000 })
	case "CENTURY":
		return ymd(func(y int64, _, _ int) int64 { return (y + 99) / 100 })
	case "DECADE":
		return ymd(func(y int64, _, _ int) int64 { return y / 10 })
	case "YEAR":
		return ymd(func(y int64, _, _ int) int64 { return y })
	case "ISOYEAR":
		return func(us int64) int64 { y, _ := isoWeek(floorDiv(us, usPerDay)); return y }
	case "QUARTER":
		return ymd(func(_ int64, m, _ int) int64 { return int64(m+2) / 3 })
	case "MONTH":
		return ymd(func(_ int64, m, _ int) int64 { return int64(m) })
	case "WEEK":
		return func(us int64) int64 { _, w := isoWeek(floorDiv(us, usPerDay)); return w }
	case "DAY":
		return ymd(func(_ int64, _, d int) int64 { return int64(d) })
	case "DOW": // Sunday 1
		return func(us int64) int64 { return floorMod(floorDiv(us, usPerDay)+4, 7) + 1 }
	case "ISODOW": // Monday 1
		return func(us int64) int64 { return floorMod(floorDiv(us, usPerDay)+3, 7) + 1 }
	case "DOY":
		return func(us int64) int64 {
			d := floorDiv(us, usPerDay)
			y, _, _ := civil(d)
			return d - dayNumber(y, 1, 1) + 1
		}
	case "HOUR":
		return part(usPerDay, 3_600_000_000)
	case "MINUTE":
		return part(3_600_000_000, 60_000_000)
	case "SECOND":
		return part(60_000_000, usPerSecond)
	case "MILLISECOND":
		return part(usPerSecond, 1000)
	case "MICROSECOND":
		return part(usPerSecond, 1)
	case "NANOSECOND":
		return func(us int64) int64 { return floorMod(us, usPerSecond) * 1000 }
	case "EPOCH":
		return func(us int64) int64 { return floorDiv(us, usPerSecond) }
	}
	return nil
}

// unitMicros is the length of the units that have one.
func unitMicros(unit string) int64 {
	switch unit {
	case "WEEK":
		return 7 * usPerDay
	case "DAY":
		return usPerDay
	case "HOUR":
		return 3_600_000_000
	case "MINUTE":
		return 60_000_000
	case "SECOND":
		return usPerSecond
	case "MILLISECOND":
		return 1000
	case "MICROSECOND":
		return 1
	}
	return 0
}

func unitMonths(unit string) int64 {
	switch unit {
	case "YEAR":
		return 12
	case "QUARTER":
		return 3
	case "MONTH":
		return 1
	}
	return 0
}

func timestampAdd(b *binding) (impl, error) {
	if err := b.arity(3, 3); err != nil {
		return nil, err
	}
	unit, err := b.unit(0)
	if err != nil {
		return nil, err
	}
	months, us, t, kind := unitMonths(unit), unitMicros(unit), b.out(), b.typ(2).Kind
	if months == 0 && us == 0 && unit != "NANOSECOND" {
		return nil, fault.Newf(fault.Config, "TIMESTAMPADD of %s", unit)
	}
	var f func(v, d int64) int64
	switch {
	case kind == types.Date && months > 0:
		f = func(v, d int64) int64 { return addMonths(v, d*months) }
	case kind == types.Date:
		f = func(v, d int64) int64 { return v + d*us/usPerDay }
	case kind == types.Time:
		f = func(v, d int64) int64 { return floorMod(v+d*us/1000, msPerDay) }
	case months > 0:
		f = func(v, d int64) int64 { return addMonthsTime(v, d*months) }
	case unit == "NANOSECOND":
		f = func(v, d int64) int64 { return v + floorDiv(d, 1000) }
	default:
		f = func(v, d int64) int64 { return v + d*us }
	}
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		d, v := ints(a[1], n), ints(a[2], n)
		return intColumn(t, n, kernel.Valid(n, a[1], a[2]), func(i int) (int64, bool) { return f(v.At(i), d.At(i)), true }), nil
	}, nil
}

func timestampDiff(b *binding) (impl, error) {
	if err := b.arity(3, 3); err != nil {
		return nil, err
	}
	unit, err := b.unit(0)
	if err != nil {
		return nil, err
	}
	months, us, t := unitMonths(unit), unitMicros(unit), b.out()
	if months == 0 && us == 0 {
		return nil, fault.Newf(fault.Config, "TIMESTAMPDIFF of %s", unit)
	}
	p, q := b.instant(1), b.instant(2)
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		x, y := p(a[1], n), q(a[2], n)
		return intColumn(t, n, kernel.Valid(n, a[1], a[2]), func(i int) (int64, bool) {
			if months > 0 {
				return monthsBetween(y(i), x(i), usPerDay) / months, true
			}
			return (y(i) - x(i)) / us, true
		}), nil
	}, nil
}

// floorOrCeil is FLOOR and CEIL of a number, or of a time to a unit.
func floorOrCeil(floor bool) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(1, 2); err != nil {
			return nil, err
		}
		if len(b.args) == 1 {
			return floorNumber(b, floor)
		}
		unit, err := b.unit(1)
		if err != nil {
			return nil, err
		}
		f := toUnit(unit, floor)
		if f == nil {
			return nil, fault.Newf(fault.Config, "%s to %s", b.call.Func, unit)
		}
		t, kind, z, wall := b.out(), b.typ(0).Kind, b.zone, b.wallClock(0)
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			x := wall(a[0], n)
			return intColumn(t, n, kernel.Valid(n, a[0]), func(i int) (int64, bool) {
				v := f(x(i))
				switch kind {
				case types.Date:
					v = floorDiv(v, usPerDay)
				case types.Time:
					v /= 1000
				case types.TimestampLTZ:
					v = z.instant(v)
				}
				return v, true
			}), nil
		}, nil
	}
}

// toUnit rounds a wall-clock time down or up to the start of a unit. As in Flink, CEIL to units longer than a day looks at
// the date only.
func toUnit(unit string, floor bool) func(us int64) int64 {
	if u := unitMicros(unit); u > 0 && unit != "WEEK" {
		if floor {
			return func(us int64) int64 { return floorDiv(us, u) * u }
		}
		return func(us int64) int64 { return -floorDiv(-us, u) * u }
	}
	up := func(b bool) int64 { return b2i(b && !floor) }
	var start func(y int64, m, d int) int64
	switch unit {
	case "WEEK":
		return func(us int64) int64 {
			day := floorDiv(us, usPerDay)
			dow := floorMod(day+4, 7)
			return (day - dow + 7*up(dow > 0)) * usPerDay
		}
	case "MONTH":
		start = func(y int64, m, d int) int64 { return dayNumber(y, m+int(up(d > 1)), 1) }
	case "QUARTER":
		start = func(y int64, m, d int) int64 {
			q := (m + 2) / 3
			return dayNumber(y, (q+int(up(m > 1 || d > 1)))*3-2, 1)
		}
	case "YEAR":
		start = func(y int64, m, d int) int64 { return dayNumber(y+up(m > 1 || d > 1), 1, 1) }
	case "DECADE":
		start = func(y int64, _, _ int) int64 { return dayNumber(10*(y/10+up(true)), 1, 1) }
	case "CENTURY":
		start = func(y int64, _, _ int) int64 { return dayNumber(100*((y+99)/100-1+up(true))+1, 1, 1) }
	case "MILLENNIUM":
		start = func(y int64, _, _ int) int64 { return dayNumber(1000*((y+999)/1000-1+up(true))+1, 1, 1) }
	default:
		return nil
	}
	return func(us int64) int64 { return start(civil(floorDiv(us, usPerDay))) * usPerDay }
}

// clock is the epoch's time as the type says: one value for all rows.
func clock(b *binding) (impl, error) {
	if err := b.arity(0, 1); err != nil {
		return nil, err
	}
	b.now = true
	t, to, z := b.out(), b.call.T, b.zone
	unit := int64(1)
	if to.IsTimestamp() {
		unit = precisionUnit(to)
	}
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		us := e.ctx.Now.UnixMicro()
		v := floorDiv(us, unit) * unit
		switch to.Kind {
		case types.Timestamp:
			v = z.wall(v)
		case types.Date:
			v = floorDiv(z.wall(us), usPerDay)
		case types.Time:
			v = floorMod(z.wall(us), usPerDay) / usPerSecond * 1000
		}
		return intColumn(t, n, nil, func(int) (int64, bool) { return v, true }), nil
	}, nil
}

// watermark is the current watermark, null before the first.
func watermark(b *binding) (impl, error) {
	b.now = true
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		w := e.ctx.Watermark
		return intColumn(t, n, nil, func(int) (int64, bool) {
			if w == nil {
				return 0, false
			}
			return *w, true
		}), nil
	}, nil
}
