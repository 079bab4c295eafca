package expr

import (
	"math"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // images have no zone files
)

const (
	usPerSecond = int64(1_000_000)
	usPerDay    = 86_400 * usPerSecond
	msPerDay    = int64(86_400_000)
)

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }

// civil is the proleptic Gregorian date of a day count from 1970-01-01.
func civil(days int64) (y int64, m, d int) {
	z := days + 719468 // days since 0000-03-01
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = int(doy - (153*mp+2)/5 + 1)
	m = int(mp) + 3
	y = yoe + era*400
	if m > 12 {
		m -= 12
		y++
	}
	return y, m, d
}

// dayNumber is the inverse of civil. Months and days out of range roll over.
func dayNumber(y int64, m, d int) int64 {
	y += floorDiv(int64(m-1), 12)
	m = int(floorMod(int64(m-1), 12)) + 1
	if m <= 2 {
		y--
		m += 12
	}
	era := floorDiv(y, 400)
	yoe := y - era*400
	doy := int64((153*(m-3)+2)/5) + int64(d) - 1
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468
}

func leap(y int64) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }

func monthDays(y int64, m int) int {
	switch m {
	case 2:
		if leap(y) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// addMonths moves a date by months; a day that the month has not becomes its last.
func addMonths(days, months int64) int64 {
	y, m, d := civil(days)
	t := int64(m-1) + months
	y += floorDiv(t, 12)
	m = int(floorMod(t, 12)) + 1
	return dayNumber(y, m, min(d, monthDays(y, m)))
}

// addMonthsTime is addMonths on microseconds.
func addMonthsTime(us, months int64) int64 {
	day := floorDiv(us, usPerDay)
	return addMonths(day, months)*usPerDay + us - day*usPerDay
}

// monthsBetween is the number of whole months from b to a, both in units of which perDay make a day.
func monthsBetween(a, b, perDay int64) int64 {
	x, y := floorDiv(a, perDay), floorDiv(b, perDay)
	n := monthsBetweenDays(x, y)
	if addMonths(y, n) == x && a-x*perDay < b-y*perDay {
		n--
	}
	return n
}

func monthsBetweenDays(a, b int64) int64 {
	if a < b {
		return -monthsBetweenDays(b, a)
	}
	ya, ma, _ := civil(a)
	yb, mb, _ := civil(b)
	n := (ya-yb)*12 + int64(ma-mb)
	for addMonths(b, n) > a {
		n--
	}
	return n
}

// zone converts between instants and wall-clock time, both in microseconds. It remembers the last period between two
// changes of the offset, so that neighbouring values cost a comparison. One goroutine at a time.
type zone struct {
	loc        *time.Location
	start, end int64 // seconds of the instants for which off holds
	off        int64 // seconds
	name       string
}

func newZone(loc *time.Location) *zone { return &zone{loc: loc, start: 1, end: 0} }

func (z *zone) offset(sec int64) int64 {
	if sec >= z.start && sec < z.end {
		return z.off
	}
	t := time.Unix(sec, 0).In(z.loc)
	name, off := t.Zone()
	z.off, z.name = int64(off), name
	s, e := t.ZoneBounds()
	z.start, z.end = math.MinInt64, math.MaxInt64
	if !s.IsZero() {
		z.start = s.Unix()
	}
	if !e.IsZero() {
		z.end = e.Unix()
	}
	return z.off
}

// wall is the wall-clock time at an instant.
func (z *zone) wall(us int64) int64 { return us + z.offset(floorDiv(us, usPerSecond))*usPerSecond }

// instant is the instant of a wall-clock time, as Java resolves it: the earlier one where the clock shows a time twice; a
// time that the clock skips is taken with the offset before the gap.
func (z *zone) instant(wall int64) int64 {
	sec := floorDiv(wall, usPerSecond)
	const far = 2 * 86_400
	if z.start <= z.end && (z.start == math.MinInt64 || sec-far >= z.start) && sec < z.end-far {
		return wall - z.off*usPerSecond
	}
	after := z.offset(sec + 86_400)
	before := z.offset(sec - 86_400)
	if before != after && z.offset(sec-after) == after && z.offset(sec-before) != before {
		return wall - after*usPerSecond
	}
	return wall - before*usPerSecond
}

// loadZone reads a zone id as Java's TimeZone does: a name, or GMT±h[h][:mm].
func loadZone(id string) (*time.Location, bool) {
	for _, p := range []string{"GMT", "UTC", ""} {
		s, ok := strings.CutPrefix(id, p)
		if !ok || s == "" || s[0] != '+' && s[0] != '-' {
			continue
		}
		h, m, colon := strings.Cut(s[1:], ":")
		if !colon && len(h) > 2 {
			h, m = h[:len(h)-2], h[len(h)-2:]
		}
		hh, err := strconv.Atoi(h)
		mm := 0
		if err == nil && m != "" {
			mm, err = strconv.Atoi(m)
		}
		if err != nil || hh > 23 || mm > 59 || hh < 0 || mm < 0 {
			return nil, false
		}
		off := hh*3600 + mm*60
		if s[0] == '-' {
			off = -off
		}
		return time.FixedZone(id, off), true
	}
	if id == "" || id == "Local" {
		return nil, false
	}
	loc, err := time.LoadLocation(id)
	return loc, err == nil
}
