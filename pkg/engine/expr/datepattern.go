package expr

import (
	"fmt"
	"strings"
)

// pattern is a compiled date-time pattern of Java: of SimpleDateFormat (simple) or of java.time's DateTimeFormatter. The two
// differ in S (milliseconds, or the fraction of the second) and in how strictly they parse.
type pattern struct {
	items  []item
	simple bool
	// unit is the length in microseconds of the spans within which the text is the same.
	unit int64
}

type item struct {
	letter byte // 0: text
	n      int
	text   string
}

// compilePattern reads a pattern; letters that mean nothing are an error, as in Java.
func compilePattern(s string, simple bool) (*pattern, error) {
	p := &pattern{simple: simple, unit: usPerDay}
	text := func(t string) {
		if k := len(p.items); k > 0 && p.items[k-1].letter == 0 {
			p.items[k-1].text += t
		} else {
			p.items = append(p.items, item{text: t})
		}
	}
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '\'':
			j := i + 1
			if j < len(s) && s[j] == '\'' {
				text("'")
				i += 2
				continue
			}
			var b strings.Builder
			for {
				if j >= len(s) {
					return nil, fmt.Errorf("date pattern %q: a quote is not closed", s)
				}
				if s[j] == '\'' {
					if j+1 < len(s) && s[j+1] == '\'' {
						b.WriteByte('\'')
						j += 2
						continue
					}
					break
				}
				b.WriteByte(s[j])
				j++
			}
			text(b.String())
			i = j + 1
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			j := i
			for j < len(s) && s[j] == c {
				j++
			}
			known := "GyYuMLdDEeaHkKhmsSnAzZXxVwQq"
			if simple {
				known = "GyYMLdDEuaHkKhmsSzZXw"
			}
			if strings.IndexByte(known, c) < 0 {
				return nil, fmt.Errorf("date pattern %q: no meaning for %q", s, c)
			}
			p.items = append(p.items, item{letter: c, n: j - i})
			p.unit = min(p.unit, letterUnit(c))
			i = j
		case !simple && (c == '[' || c == ']'):
			return nil, fmt.Errorf("date pattern %q: optional sections are not supported", s)
		default:
			text(s[i : i+1])
			i++
		}
	}
	return p, nil
}

var (
	monthNames = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	dayNames   = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
)

func letterUnit(c byte) int64 {
	switch c {
	case 'a', 'H', 'k', 'K', 'h':
		return 3_600_000_000
	case 'm':
		return 60_000_000
	case 's':
		return usPerSecond
	case 'S', 'n', 'A', 'z', 'Z', 'X', 'x', 'V':
		return 1
	}
	return usPerDay
}

// formatter writes one pattern after the other for the rows of a column, and only once for neighbours with the same text.
type formatter struct {
	last     *pattern
	span     int64
	from, to int
}

func (f *formatter) format(p *pattern, dst []byte, us, off int64, name string) []byte {
	span := floorDiv(us, p.unit)
	if p == f.last && span == f.span && p.unit > 1 {
		return append(dst, dst[f.from:f.to]...)
	}
	f.last, f.span, f.from = p, span, len(dst)
	dst = p.format(dst, us, off, name)
	f.to = len(dst)
	return dst
}

// appendInt writes v with at least w digits.
func appendInt(dst []byte, v int64, w int) []byte {
	switch {
	case v < 0:
	case w == 2 && v < 100:
		return append(dst, '0'+byte(v/10), '0'+byte(v%10))
	case w == 4 && v < 10_000:
		return append(dst, '0'+byte(v/1000), '0'+byte(v/100%10), '0'+byte(v/10%10), '0'+byte(v%10))
	}
	if v < 0 {
		dst = append(dst, '-')
		v = -v
	}
	var buf [20]byte
	i := len(buf)
	for v > 0 || len(buf)-i < w && i > 0 {
		i--
		buf[i] = '0' + byte(v%10)
		v /= 10
	}
	if i == len(buf) {
		i--
		buf[i] = '0'
	}
	return append(dst, buf[i:]...)
}

// format writes the wall-clock time us; off is its zone's offset in seconds and name its name, for the zone letters.
func (p *pattern) format(dst []byte, us, off int64, name string) []byte {
	day := floorDiv(us, usPerDay)
	tod := us - day*usPerDay
	y, m, d := civil(day)
	hour, minute, sec, frac := tod/3_600_000_000, tod/60_000_000%60, tod/usPerSecond%60, tod%usPerSecond
	dow := int(floorMod(day+4, 7)) // Sunday 0
	for _, it := range p.items {
		n := it.n
		switch it.letter {
		case 0:
			dst = append(dst, it.text...)
		case 'y', 'u':
			if it.letter == 'u' && p.simple { // day of the week, Monday 1
				dst = appendInt(dst, int64((dow+6)%7+1), n)
				break
			}
			v := y
			if v <= 0 && it.letter == 'y' {
				v = 1 - v
			}
			if n == 2 {
				dst = appendInt(dst, floorMod(v, 100), 2)
			} else {
				dst = appendInt(dst, v, n)
			}
		case 'Y':
			wy, _ := usWeek(day)
			if n == 2 {
				dst = appendInt(dst, floorMod(wy, 100), 2)
			} else {
				dst = appendInt(dst, wy, n)
			}
		case 'w':
			_, w := usWeek(day)
			dst = appendInt(dst, w, n)
		case 'M', 'L':
			switch {
			case n <= 2:
				dst = appendInt(dst, int64(m), n)
			case n == 3:
				dst = append(dst, monthNames[m-1][:3]...)
			case n == 5 && !p.simple:
				dst = append(dst, monthNames[m-1][0])
			default:
				dst = append(dst, monthNames[m-1]...)
			}
		case 'Q', 'q':
			if n >= 3 {
				dst = append(dst, 'Q')
				n = 1
			}
			dst = appendInt(dst, int64((m+2)/3), n)
		case 'd':
			dst = appendInt(dst, int64(d), n)
		case 'D':
			dst = appendInt(dst, day-dayNumber(y, 1, 1)+1, n)
		case 'E', 'e':
			switch {
			case it.letter == 'e' && n <= 2:
				dst = appendInt(dst, int64(dow+1), n)
			case n <= 3:
				dst = append(dst, dayNames[dow][:3]...)
			case n == 5 && !p.simple:
				dst = append(dst, dayNames[dow][0])
			default:
				dst = append(dst, dayNames[dow]...)
			}
		case 'a':
			if hour < 12 {
				dst = append(dst, "AM"...)
			} else {
				dst = append(dst, "PM"...)
			}
		case 'H':
			dst = appendInt(dst, hour, n)
		case 'k':
			dst = appendInt(dst, (hour+23)%24+1, n)
		case 'K':
			dst = appendInt(dst, hour%12, n)
		case 'h':
			dst = appendInt(dst, (hour+11)%12+1, n)
		case 'm':
			dst = appendInt(dst, minute, n)
		case 's':
			dst = appendInt(dst, sec, n)
		case 'S':
			if p.simple {
				dst = appendInt(dst, frac/1000, n)
				break
			}
			for i, div := 0, usPerSecond/10; i < n; i++ {
				if div == 0 {
					dst = append(dst, '0')
					continue
				}
				dst = append(dst, '0'+byte(frac/div%10))
				div /= 10
			}
		case 'n':
			dst = appendInt(dst, frac*1000, n)
		case 'A':
			dst = appendInt(dst, tod/1000, n)
		case 'G':
			if y > 0 {
				dst = append(dst, "AD"...)
			} else {
				dst = append(dst, "BC"...)
			}
		case 'z', 'V':
			dst = append(dst, name...)
		case 'Z', 'X', 'x':
			dst = appendOffset(dst, it, off)
		}
	}
	return dst
}

func appendOffset(dst []byte, it item, off int64) []byte {
	if off == 0 && it.letter == 'X' {
		return append(dst, 'Z')
	}
	sign := byte('+')
	if off < 0 {
		sign, off = '-', -off
	}
	dst = appendInt(append(dst, sign), off/3600, 2)
	if it.letter == 'x' && it.n == 1 && off%3600 == 0 || it.letter == 'X' && it.n == 1 {
		return dst
	}
	if it.letter != 'Z' && it.n >= 3 {
		dst = append(dst, ':')
	}
	return appendInt(dst, off/60%60, 2)
}

// usWeek is the week-based year and week of the United States: weeks start on Sunday, week 1 holds January 1st.
func usWeek(day int64) (year, week int64) {
	y, _, _ := civil(day)
	start := func(y int64) int64 { j := dayNumber(y, 1, 1); return j - floorMod(j+4, 7) }
	if day >= start(y+1) {
		y++
	}
	return y, (day-start(y))/7 + 1
}

// isoWeek is the ISO 8601 week-based year and week.
func isoWeek(day int64) (year, week int64) {
	thursday := day - floorMod(day+3, 7) + 3
	y, _, _ := civil(thursday)
	return y, (thursday-dayNumber(y, 1, 1))/7 + 1
}
