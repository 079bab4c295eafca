package expr

import (
	"strings"
	"time"
)

// fields is what a pattern found in a text; -1 is not found.
type fields struct {
	year                      int64
	hasYear, pm, hasPM, zoned bool
	month, day, hour, hour12  int
	minute, sec, yday         int
	us                        int64
	off                       int64
}

// parse reads s. SimpleDateFormat is lenient: values out of range roll over and text after the match is ignored;
// java.time checks ranges, only moving a day past the month's end to its last, and wants the whole text. The result is
// wall-clock microseconds; zoned is true when the text itself said the offset, which is taken off already.
func (p *pattern) parse(s string, now time.Time) (us int64, zoned, ok bool) {
	f := fields{month: -1, day: -1, hour: -1, hour12: -1, minute: -1, sec: -1, yday: -1}
	i := 0
	for k, it := range p.items {
		if it.letter == 0 {
			if !strings.HasPrefix(s[i:], it.text) {
				return 0, false, false
			}
			i += len(it.text)
			continue
		}
		adjacent := k+1 < len(p.items) && numeric(p.items[k+1])
		if i, ok = p.parseItem(&f, it, s, i, adjacent, now); !ok {
			return 0, false, false
		}
	}
	if i != len(s) && !p.simple {
		return 0, false, false
	}
	us, ok = f.resolve(p.simple)
	return us, f.zoned, ok
}

func numeric(it item) bool {
	return it.letter != 0 && strings.IndexByte("GEaVzZXx", it.letter) < 0 && !(it.n > 2 && (it.letter == 'M' || it.letter == 'L'))
}

func (p *pattern) parseItem(f *fields, it item, s string, i int, adjacent bool, now time.Time) (int, bool) {
	if p.simple {
		for i < len(s) && s[i] == ' ' {
			i++
		}
	}
	if !numeric(it) {
		return p.parseText(f, it, s, i)
	}
	lo, hi := 1, 19
	switch {
	case it.letter == 'S' && !p.simple:
		lo, hi = it.n, it.n
	case p.simple && adjacent:
		lo, hi = 1, it.n
	case p.simple:
	case it.n == 1 && adjacent:
		hi = 1
	case it.n == 1:
	case (it.letter == 'y' || it.letter == 'u') && it.n > 2:
		lo = it.n
		if adjacent {
			hi = it.n
		}
	default:
		lo, hi = it.n, it.n
	}
	neg := false
	if i < len(s) && s[i] == '-' && (it.letter == 'y' || it.letter == 'u') {
		neg = true
		i++
	}
	v, j := int64(0), i
	for j < len(s) && j-i < hi && s[j] >= '0' && s[j] <= '9' {
		if v < 1e15 {
			v = v*10 + int64(s[j]-'0')
		}
		j++
	}
	if j-i < lo {
		return i, false
	}
	if !p.simple && !neg && it.n == 4 && j-i > 4 && (it.letter == 'y' || it.letter == 'u') {
		return i, false // java.time wants a sign before longer years
	}
	if neg {
		v = -v
	}
	switch it.letter {
	case 'y', 'u', 'Y':
		if it.letter == 'u' && p.simple {
			break
		}
		if it.n == 2 && j-i == 2 {
			v = twoDigitYear(v, p.simple, now)
		}
		f.year, f.hasYear = v, true
	case 'M', 'L':
		f.month = int(v)
	case 'd':
		f.day = int(v)
	case 'D':
		f.yday = int(v)
	case 'H':
		f.hour = int(v)
	case 'k':
		f.hour = int(v)
		if v == 24 {
			f.hour = 0
		}
	case 'h':
		f.hour12 = int(v)
		if v == 12 {
			f.hour12 = 0
		}
	case 'K':
		f.hour12 = int(v)
	case 'm':
		f.minute = int(v)
	case 's':
		f.sec = int(v)
	case 'S':
		f.us = v * 1000
		if !p.simple {
			f.us = v
			for d := j - i; d < 6; d++ {
				f.us *= 10
			}
			for d := j - i; d > 6; d-- {
				f.us /= 10
			}
		}
	case 'n':
		f.us = v / 1000
	case 'A':
		f.hour, f.minute, f.sec, f.us = int(v/3_600_000), int(v/60_000%60), int(v/1000%60), v%1000*1000
	}
	return j, true
}

// twoDigitYear is in 2000…2099 for java.time, and within 80 years before and 20 after now for SimpleDateFormat.
func twoDigitYear(v int64, simple bool, now time.Time) int64 {
	if !simple {
		return 2000 + v
	}
	base := int64(now.Year()) - 80
	y := base - floorMod(base, 100) + v
	if y < base {
		y += 100
	}
	return y
}

func (p *pattern) parseText(f *fields, it item, s string, i int) (int, bool) {
	name := func(list []string, short bool) (int, int) {
		for k, full := range list {
			if len(s)-i >= len(full) && strings.EqualFold(s[i:i+len(full)], full) && (p.simple || !short) {
				return k, len(full)
			}
		}
		for k, full := range list {
			if len(s)-i >= 3 && strings.EqualFold(s[i:i+3], full[:3]) && (p.simple || short) {
				return k, 3
			}
		}
		return -1, 0
	}
	switch it.letter {
	case 'M', 'L':
		k, n := name(monthNames[:], it.n == 3)
		f.month = k + 1
		return i + n, k >= 0
	case 'E':
		k, n := name(dayNames[:], it.n <= 3)
		return i + n, k >= 0
	case 'a', 'G':
		if len(s)-i < 2 {
			return i, false
		}
		w := strings.ToUpper(s[i : i+2])
		if it.letter == 'G' {
			return i + 2, w == "AD"
		}
		f.hasPM, f.pm = true, w == "PM"
		return i + 2, w == "AM" || w == "PM"
	}
	// A zone: Z, ±hh, ±hhmm, ±hh:mm, or a name.
	j := i
	if j < len(s) && s[j] == 'Z' {
		f.zoned = true
		return j + 1, true
	}
	for j < len(s) && strings.IndexByte("+-:/_", s[j]) >= 0 || j < len(s) && (s[j] >= '0' && s[j] <= '9' || s[j]|32 >= 'a' && s[j]|32 <= 'z') {
		j++
	}
	loc, ok := loadZone(s[i:j])
	if !ok {
		return i, false
	}
	_, off := time.Unix(0, 0).In(loc).Zone()
	f.zoned, f.off = true, int64(off)
	return j, true
}

func (f *fields) resolve(lenient bool) (int64, bool) {
	or := func(v *int, d int) {
		if *v < 0 {
			*v = d
		}
	}
	if !f.hasYear {
		f.year = 1970
	}
	or(&f.month, 1)
	or(&f.day, 1)
	if f.hour < 0 && f.hour12 >= 0 && (f.hasPM || lenient) {
		if f.hour = f.hour12; f.pm {
			f.hour += 12
		}
	}
	or(&f.hour, 0)
	or(&f.minute, 0)
	or(&f.sec, 0)
	if !lenient {
		if f.month < 1 || f.month > 12 || f.day < 1 || f.day > 31 || f.hour > 23 || f.minute > 59 || f.sec > 59 || f.year > 999_999_999 {
			return 0, false
		}
		f.day = min(f.day, monthDays(f.year, f.month))
	}
	if f.year > 290_000 || f.year < -290_000 { // beyond the range of microseconds
		return 0, false
	}
	limit := 1_000_000_000 // keeps lenient sums far from overflow
	if max(f.month, f.day, f.hour, f.minute, f.sec) > limit {
		return 0, false
	}
	day := dayNumber(f.year, f.month, f.day)
	if f.yday > 0 {
		day = dayNumber(f.year, 1, min(f.yday, limit))
	}
	sec := int64(f.hour)*3600 + int64(f.minute)*60 + int64(f.sec) - f.off
	total := day*86_400 + sec + floorDiv(f.us, usPerSecond)
	if total > 9_000_000_000_000 || total < -9_000_000_000_000 {
		return 0, false
	}
	return total*usPerSecond + floorMod(f.us, usPerSecond), true
}

// digits reads 1 to hi digits of s from i on.
func digits(s string, i, lo, hi int) (v int64, next int, ok bool) {
	j := i
	for j < len(s) && j-i < hi && s[j] >= '0' && s[j] <= '9' {
		v = v*10 + int64(s[j]-'0')
		j++
	}
	return v, j, j-i >= lo
}

// parseTimestamp reads yyyy-M-d[ H:m:s[.fraction]] as CAST and TO_TIMESTAMP do, cut to precision digits of the fraction.
func parseTimestamp(s string, precision int) (int64, bool) {
	if len(s) > 10 && s[4] == '-' && s[7] == '-' && s[10] == 'T' {
		return 0, false
	}
	y, i, ok := digits(s, 0, 4, 9)
	if !ok || i > 4 {
		return 0, false
	}
	part := func(sep byte) (int64, bool) {
		if i >= len(s) || s[i] != sep {
			return 0, false
		}
		v, j, ok := digits(s, i+1, 1, 2)
		i = j
		return v, ok
	}
	m, ok1 := part('-')
	d, ok2 := part('-')
	if !ok1 || !ok2 || m < 1 || m > 12 || d < 1 || d > 31 {
		return 0, false
	}
	us := dayNumber(y, int(m), min(int(d), monthDays(y, int(m)))) * usPerDay
	if i == len(s) {
		return us, true
	}
	h, ok1 := part(' ')
	mi, ok2 := part(':')
	sec, ok3 := part(':')
	if !ok1 || !ok2 || !ok3 || h > 24 || mi > 59 || sec > 59 {
		return 0, false
	}
	us += (h*3600 + mi*60 + sec) * usPerSecond
	if h == 24 { // the midnight that ends the day
		rest := strings.TrimLeft(strings.TrimPrefix(s[i:], "."), "0")
		return us, mi == 0 && sec == 0 && rest == "" && len(s)-i <= 10
	}
	if i == len(s) {
		return us, true
	}
	if s[i] != '.' || len(s)-i > 10 {
		return 0, false
	}
	scale := usPerSecond
	for k, c := range []byte(s[i+1:]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		if scale /= 10; k < precision {
			us += int64(c-'0') * scale
		}
	}
	return us, true
}

// parseDate reads y[-m[-d]], anything after a space left out, as CAST to DATE and TO_DATE do; no other leniency.
func parseDate(s string) (int64, bool) {
	if k := strings.IndexByte(s, ' '); k > 0 {
		s = s[:k]
	}
	var v [3]int64
	v[1], v[2] = 1, 1
	for k := 0; k < 3; k++ {
		part, rest, more := s, "", false
		if k < 2 {
			part, rest, more = strings.Cut(s, "-")
		}
		part = strings.TrimSpace(part)
		n, j, ok := digits(part, 0, 1, 9)
		if !ok || j != len(part) {
			return 0, false
		}
		v[k] = n
		if !more {
			break
		}
		s = rest
	}
	if v[0] > 9999 || v[1] < 1 || v[1] > 12 || v[2] < 1 || int(v[2]) > monthDays(v[0], int(v[1])) {
		return 0, false
	}
	return dayNumber(v[0], int(v[1]), int(v[2])), true
}
