package text

import (
	"math"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow/decimal128"
)

// AppendDecimal prints n, which has scale digits after the point, without zeros at its end. With plain false it follows Java's
// BigDecimal.toString, which changes to an exponent for small numbers (2.7E-8) and, as there are no zeros, for round ones (1E+2).
func AppendDecimal(dst []byte, n decimal128.Num, scale int, plain bool) []byte {
	if n.Sign() < 0 {
		dst = append(dst, '-')
		n = n.Negate()
	}
	var buf [40]byte
	at := len(buf)
	hi, lo := uint64(n.HighBits()), n.LowBits()
	for hi != 0 {
		var r uint64
		hi, lo, r = div10(hi, lo)
		at--
		buf[at] = byte('0' + r)
	}
	for {
		at--
		buf[at] = byte('0' + lo%10)
		if lo /= 10; lo == 0 {
			break
		}
	}
	d := buf[at:]
	for len(d) > 1 && d[len(d)-1] == '0' {
		d = d[:len(d)-1]
		scale--
	}
	if d[0] == '0' {
		return append(dst, '0')
	}
	exp := len(d) - 1 - scale
	switch {
	case !plain && (scale < 0 || exp < -6):
		dst = append(dst, d[0])
		if len(d) > 1 {
			dst = append(dst, '.')
			dst = append(dst, d[1:]...)
		}
		dst = append(dst, 'E')
		if exp > 0 {
			dst = append(dst, '+')
		}
		return strconv.AppendInt(dst, int64(exp), 10)
	case scale <= 0:
		dst = append(dst, d...)
		for ; scale < 0; scale++ {
			dst = append(dst, '0')
		}
		return dst
	case len(d) > scale:
		dst = append(dst, d[:len(d)-scale]...)
		dst = append(dst, '.')
		return append(dst, d[len(d)-scale:]...)
	}
	dst = append(dst, '0', '.')
	for i := len(d); i < scale; i++ {
		dst = append(dst, '0')
	}
	return append(dst, d...)
}

// AppendFloat prints v as Java's Double.toString or Float.toString: at least one digit after the point, an exponent
// below 1e-3 and from 1e7.
func AppendFloat(dst []byte, v float64, size int) []byte {
	switch {
	case math.IsNaN(v):
		return append(dst, "NaN"...)
	case math.IsInf(v, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(v, -1):
		return append(dst, "-Infinity"...)
	}
	a := math.Abs(v)
	if a == 0 || a >= 1e-3 && a < 1e7 {
		from := len(dst)
		dst = strconv.AppendFloat(dst, v, 'f', -1, size)
		for _, c := range dst[from:] {
			if c == '.' {
				return dst
			}
		}
		return append(dst, ".0"...)
	}
	var buf [32]byte
	s := strconv.AppendFloat(buf[:0], v, 'e', -1, size) // d.ddde±xx or de±xx
	e := len(s) - 1
	for s[e] != 'e' {
		e--
	}
	dst = append(dst, s[:e]...)
	dot := false
	for _, c := range s[:e] {
		dot = dot || c == '.'
	}
	if !dot {
		dst = append(dst, ".0"...)
	}
	dst = append(dst, 'E')
	exp, _ := strconv.Atoi(string(s[e+1:]))
	return strconv.AppendInt(dst, int64(exp), 10)
}

func appendTwo(dst []byte, v int) []byte { return append(dst, byte('0'+v/10%10), byte('0'+v%10)) }

// AppendDate prints days since 1970-01-01 as yyyy-MM-dd.
func AppendDate(dst []byte, days int64) []byte {
	y, m, d := civil(days)
	switch {
	case y < 0:
		dst = append(dst, '-')
		y = -y
	case y > 9999:
		dst = append(dst, '+') // as ISO 8601 asks for
	}
	if y > 9999 {
		dst = strconv.AppendInt(dst, int64(y), 10)
	} else {
		dst = appendTwo(appendTwo(dst, y/100), y%100)
	}
	dst = appendTwo(append(dst, '-'), m)
	return appendTwo(append(dst, '-'), d)
}

// AppendTime prints microseconds of the day as HH:mm:ss with as many fraction digits as there are.
func AppendTime(dst []byte, us int64) []byte {
	s := int(us / 1_000_000)
	dst = appendTwo(dst, s/3600)
	dst = appendTwo(append(dst, ':'), s/60%60)
	dst = appendTwo(append(dst, ':'), s%60)
	if f := int(us % 1_000_000); f != 0 {
		dst = append(dst, '.')
		for unit := 100_000; f != 0; unit /= 10 {
			dst = append(dst, byte('0'+f/unit))
			f %= unit
		}
	}
	return dst
}

// AppendTimestamp prints microseconds since the epoch.
func AppendTimestamp(dst []byte, us int64, std Standard, ltz bool) []byte {
	d := us / day
	if us%day < 0 {
		d--
	}
	dst = AppendDate(dst, d)
	if std == SQL {
		dst = append(dst, ' ')
	} else {
		dst = append(dst, 'T')
	}
	dst = AppendTime(dst, us-d*day)
	if ltz {
		dst = append(dst, 'Z')
	}
	return dst
}
