// Package text reads and prints SQL values in the text forms that the JSON, CSV and change-log formats share: exact decimals,
// dates, times and timestamps as Flink writes them. It allocates nothing, except when it reports what is wrong.
package text

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow/decimal128"
)

// What can be wrong with a value. Callers add the column and the text.
var (
	errInteger   = errors.New("not an integer")
	errRange     = errors.New("out of range")
	errNumber    = errors.New("not a number")
	errDate      = errors.New("not a date like 2024-01-31")
	errTime      = errors.New("not a time like 12:30:00")
	errTimestamp = errors.New("not a timestamp")
)

// ErrOverflow is returned by Decimal for a number with more digits than the type holds; Flink reads it as NULL.
var ErrOverflow = errors.New("more digits than the type holds")

// Trim cuts off what Java's String.trim does: all bytes up to the space at both ends.
func Trim(b []byte) []byte {
	for len(b) > 0 && b[0] <= ' ' {
		b = b[1:]
	}
	for len(b) > 0 && b[len(b)-1] <= ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// Int reads a decimal integer of the given size in bits.
func Int(b []byte, size int) (int64, error) {
	s := b
	neg := false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		neg = s[0] == '-'
		s = s[1:]
	}
	if len(s) == 0 {
		return 0, errInteger
	}
	var v uint64
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, errInteger
		}
		if v > (math.MaxUint64-9)/10 {
			return 0, errRange
		}
		v = v*10 + uint64(c-'0')
	}
	limit := uint64(1) << (size - 1)
	if neg {
		if v > limit {
			return 0, errRange
		}
		return -int64(v), nil
	}
	if v >= limit {
		return 0, errRange
	}
	return int64(v), nil
}

// Float reads a floating-point number as Java's parseDouble does: decimal or hexadecimal (0x1.8p3), with an f or d after it or without, NaN or
// ±Infinity.
func Float(b []byte, size int) (float64, error) {
	digits, hex, power := b, false, false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		digits = b[1:]
	}
	for i, c := range digits {
		switch {
		case c == 'x' || c == 'X':
			hex = i == 1 && digits[0] == '0'
		case c == 'p' || c == 'P':
			power = true
		case c == '_': // Go's own form
			return 0, errNumber
		}
	}
	if n := len(digits); n > 0 && digits[0] != 'N' && digits[0] != 'I' {
		if c := digits[0]; c != '.' && (c < '0' || c > '9') { // Go knows inf and nan in any case
			return 0, errNumber
		}
		if c := digits[n-1] | 32; (c == 'f' || c == 'd') && n > 1 && (!hex || power) {
			b = b[:len(b)-1]
		}
	}
	if hex != power {
		return 0, errNumber
	}
	v, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(b), len(b)), size)
	if err != nil && !errors.Is(err, strconv.ErrRange) { // out of range is ±Inf, as in Java
		return 0, errNumber
	}
	if c := digits[0]; c == 'N' && string(digits) != "NaN" || c == 'I' && string(digits) != "Infinity" {
		return 0, errNumber
	}
	return v, nil
}

// Decimal reads a number exactly, sign, fraction and exponent included, and rounds it half up to scale digits after the
// point.
func Decimal(b []byte, precision, scale int) (decimal128.Num, error) {
	var zero decimal128.Num
	i, neg := 0, false
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		neg = b[i] == '-'
		i++
	}
	var hi, lo uint64
	digits, point, seen := 0, 0, false // point is how many digits after the point were taken
	dot := false
	roundUp, sticky := false, false
	for ; i < len(b); i++ {
		c := b[i]
		if c == '.' && !dot {
			dot = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		seen = true
		if sticky { // digits beyond the 38 kept ones
			if !dot {
				point--
			}
			continue
		}
		if digits == 38 {
			sticky = true
			roundUp = c >= '5'
			if !dot {
				point--
			}
			continue
		}
		hi, lo = mul10(hi, lo, uint64(c-'0'))
		if hi|lo != 0 {
			digits++
		}
		if dot {
			point++
		}
	}
	if !seen {
		return zero, errNumber
	}
	exp := 0
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		e, err := Int(b[i+1:], 32)
		if err != nil {
			return zero, errNumber
		}
		exp = int(max(-100000, min(100000, e)))
		i = len(b)
	}
	if i != len(b) {
		return zero, errNumber
	}
	if hi|lo == 0 {
		return zero, nil
	}
	shift := scale - point + exp // the value is hi:lo × 10^(exp-point); wanted × 10^-scale
	for ; shift > 0; shift-- {
		if digits >= precision {
			return zero, ErrOverflow
		}
		hi, lo = mul10(hi, lo, 0)
		digits++
		roundUp = false
	}
	for ; shift < 0; shift++ {
		if hi|lo == 0 && !roundUp {
			break
		}
		var r uint64
		hi, lo, r = div10(hi, lo)
		roundUp = r >= 5
	}
	if roundUp {
		var c uint64
		lo, c = bits.Add64(lo, 1, 0)
		hi += c
	}
	if !fits(hi, lo, precision) {
		return zero, ErrOverflow
	}
	n := decimal128.New(int64(hi), lo)
	if neg {
		n = n.Negate()
	}
	return n, nil
}

// Rescale moves n from one scale to another, rounding half up, and checks that it has no more than precision digits.
func Rescale(n decimal128.Num, from, precision, scale int) (decimal128.Num, error) {
	var zero decimal128.Num
	neg := n.Sign() < 0
	if neg {
		n = n.Negate()
	}
	hi, lo := uint64(n.HighBits()), n.LowBits()
	if hi|lo == 0 {
		return zero, nil
	}
	for ; from < scale; from++ {
		if !fits(hi, lo, precision-1) { // also keeps the product within 128 bits
			return zero, ErrOverflow
		}
		hi, lo = mul10(hi, lo, 0)
	}
	roundUp := false
	for ; from > scale && (hi|lo != 0 || roundUp); from-- {
		var r uint64
		hi, lo, r = div10(hi, lo)
		roundUp = r >= 5
	}
	if roundUp {
		var c uint64
		lo, c = bits.Add64(lo, 1, 0)
		hi += c
	}
	if !fits(hi, lo, precision) {
		return zero, ErrOverflow
	}
	n = decimal128.New(int64(hi), lo)
	if neg {
		n = n.Negate()
	}
	return n, nil
}

func mul10(hi, lo, add uint64) (uint64, uint64) {
	c, l := bits.Mul64(lo, 10)
	l, carry := bits.Add64(l, add, 0)
	return hi*10 + c + carry, l
}

func div10(hi, lo uint64) (uint64, uint64, uint64) {
	q1 := hi / 10
	q0, r := bits.Div64(hi%10, lo, 10)
	return q1, q0, r
}

// fits reports whether hi:lo has at most precision digits.
func fits(hi, lo uint64, precision int) bool {
	p := decimal128.GetScaleMultiplier(precision)
	ph, pl := uint64(p.HighBits()), p.LowBits()
	return hi < ph || hi == ph && lo < pl
}

// Days is the number of days from 1970-01-01 to the date (proleptic Gregorian).
func Days(y, m, d int) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	era := y / 400
	if y < 0 {
		era = (y - 399) / 400
	}
	yoe := y - era*400
	doy := (153*(m-3)+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era)*146097 + int64(doe) - 719468
}

// civil is the inverse of Days.
func civil(days int64) (y, m, d int) {
	days += 719468
	era := days / 146097
	if days < 0 {
		era = (days - 146096) / 146097
	}
	doe := int(days - era*146097)
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = doy - (153*mp+2)/5 + 1
	m = mp + 3
	y = yoe + int(era)*400
	if m > 12 {
		m -= 12
		y++
	}
	return y, m, d
}

func two(b []byte) int {
	x, y := b[0]-'0', b[1]-'0'
	if x > 9 || y > 9 {
		return -1
	}
	return int(x)*10 + int(y)
}

// Date reads yyyy-MM-dd as days since 1970-01-01. Years of more digits have a plus sign, those before Christ a minus.
func Date(b []byte) (int32, error) {
	d, rest, ok := isoDate(b, false)
	if !ok || len(rest) > 0 {
		return 0, errDate
	}
	if int64(int32(d)) != d {
		return 0, errRange
	}
	return int32(d), nil
}

// isoDate reads a date at the beginning of b. With smart a day that the month does not have is its last one, if no month has more days.
func isoDate(b []byte, smart bool) (days int64, rest []byte, ok bool) {
	sign := byte(0)
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		sign, b = b[0], b[1:]
	}
	n, y := 0, 0
	for ; n < len(b) && n < 9 && b[n] >= '0' && b[n] <= '9'; n++ {
		y = y*10 + int(b[n]-'0')
	}
	if n < 4 || n > 4 && sign == 0 || n == 4 && sign == '+' || len(b) < n+6 || b[n] != '-' || b[n+3] != '-' {
		return 0, nil, false
	}
	if sign == '-' {
		y = -y
	}
	m, d := two(b[n+1:]), two(b[n+4:])
	if m < 1 || m > 12 || d < 1 || d > 31 {
		return 0, nil, false
	}
	if last := monthDays(y, m); d > last {
		if !smart {
			return 0, nil, false
		}
		d = last
	}
	return Days(y, m, d), b[n+6:], true
}

// SQLDate reads yyyy-[M]M-[d]d as java.sql.Date.valueOf does: a day that the month does not have is one of the next month.
func SQLDate(b []byte) (int32, error) {
	if len(b) < 8 || len(b) > 10 || b[4] != '-' {
		return 0, errDate
	}
	y1, y2 := two(b), two(b[2:])
	m, rest := oneOrTwo(b[5:])
	if y1 < 0 || y2 < 0 || m < 1 || m > 12 || len(rest) < 2 || rest[0] != '-' {
		return 0, errDate
	}
	d, rest := oneOrTwo(rest[1:])
	if d < 1 || d > 31 || len(rest) > 0 {
		return 0, errDate
	}
	return int32(Days(y1*100+y2, m, d)), nil
}

func oneOrTwo(b []byte) (int, []byte) {
	if len(b) >= 2 {
		if v := two(b); v >= 0 {
			return v, b[2:]
		}
	}
	if len(b) > 0 && b[0] >= '0' && b[0] <= '9' {
		return int(b[0] - '0'), b[1:]
	}
	return -1, nil
}

func monthDays(y, m int) int {
	switch m {
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

const day = 86_400_000_000 // microseconds

// TimeOfDay reads HH:mm:ss with up to nine fraction digits as microseconds; 24:00:00 is midnight.
func TimeOfDay(b []byte) (int64, error) {
	us, err := timeOfDay(b, false, true)
	return us % day, err
}

// ISOTime reads HH:mm[:ss[.fraction]] as microseconds.
func ISOTime(b []byte) (int64, error) { return timeOfDay(b, true, false) }

// timeOfDay reads a time; with short the seconds may be missing, with smart there is 24:00:00.
func timeOfDay(b []byte, short, smart bool) (int64, error) {
	if len(b) < 5 || b[2] != ':' {
		return 0, errTime
	}
	h, m, s := two(b), two(b[3:]), 0
	b = b[5:]
	frac := int64(0)
	if len(b) == 0 && !short {
		return 0, errTime
	}
	if len(b) > 0 {
		if len(b) < 3 || b[0] != ':' {
			return 0, errTime
		}
		s = two(b[1:])
		b = b[3:]
		if len(b) > 0 {
			if b[0] != '.' || len(b) > 10 {
				return 0, errTime
			}
			unit := int64(100_000)
			for _, c := range b[1:] {
				if c < '0' || c > '9' {
					return 0, errTime
				}
				frac += int64(c-'0') * unit
				unit /= 10
			}
		}
	}
	if smart && h == 24 && m == 0 && s == 0 && frac == 0 {
		return day, nil
	}
	if h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 59 {
		return 0, errTime
	}
	return int64(h*3600+m*60+s)*1_000_000 + frac, nil
}

// Standard is how timestamps are written.
type Standard uint8

// The standards of the JSON formats' timestamp-format.standard.
const (
	SQL       Standard = iota // 2024-01-31 12:30:00.5, with Z for TIMESTAMP_LTZ
	ISO                       // 2024-01-31T12:30:00.5, with Z for TIMESTAMP_LTZ
	ISOOffset                 // as ISO, with an offset: Z, +08:00
)

// Timestamp reads a timestamp as microseconds since the epoch (UTC, or wall clock for TIMESTAMP). Fractions beyond
// microseconds are cut off. As in Flink, 02-30 is the month's last day and 24:00:00 the next day's beginning in all forms but that of ISO 8601
// without a zone, and the seconds may be missing in ISO 8601's.
func Timestamp(b []byte, std Standard, ltz bool) (int64, error) {
	smart := std == SQL || std == ISO && ltz
	d, b, ok := isoDate(b, smart)
	if !ok || len(b) < 6 {
		return 0, shape(std, ltz)
	}
	if sep := b[0]; std == SQL && sep != ' ' || std != SQL && sep != 'T' && (sep != 't' || smart) {
		return 0, shape(std, ltz)
	}
	b = b[1:]
	offset := int64(0)
	var err error
	switch {
	case std == ISOOffset:
		b, offset, err = zone(b)
		if err != nil || offset == noZone && ltz {
			return 0, shape(std, ltz)
		}
		if offset == noZone {
			offset = 0
		}
	case ltz:
		if b[len(b)-1] != 'Z' {
			return 0, shape(std, ltz)
		}
		b = b[:len(b)-1]
	}
	t, err := timeOfDay(b, std != SQL, smart)
	if err != nil {
		return 0, shape(std, ltz)
	}
	if d > math.MaxInt64/day-2 || d < math.MinInt64/day+2 {
		return 0, errRange
	}
	return d*day + t - offset*1_000_000, nil
}

const noZone = math.MaxInt64

// zone takes a trailing Z or ±hh:mm off b; the offset is in seconds.
func zone(b []byte) ([]byte, int64, error) {
	n := len(b)
	if b[n-1] == 'Z' {
		return b[:n-1], 0, nil
	}
	if n >= 11 && (b[n-6] == '+' || b[n-6] == '-') && b[n-3] == ':' {
		h, m := two(b[n-5:]), two(b[n-2:])
		if h < 0 || h > 18 || m < 0 || m > 59 {
			return nil, 0, errTimestamp
		}
		s := int64(h*3600 + m*60)
		if b[n-6] == '-' {
			s = -s
		}
		return b[:n-6], s, nil
	}
	return b, noZone, nil
}

func shape(std Standard, ltz bool) error {
	s := "2024-01-31 12:30:00"
	if std != SQL {
		s = "2024-01-31T12:30:00"
	}
	switch {
	case std == ISOOffset:
		s += "+08:00"
	case ltz:
		s += "Z"
	}
	return fmt.Errorf("%w like %s", errTimestamp, s)
}

// Cut drops fraction digits beyond precision from microseconds, toward the past.
func Cut(us int64, precision int) int64 {
	if precision >= 6 {
		return us
	}
	unit := pow10[6-precision]
	r := us % unit
	if r < 0 {
		r += unit
	}
	return us - r
}

var pow10 = [...]int64{1, 10, 100, 1000, 10_000, 100_000, 1_000_000}
