package expr

import (
	"math"
	"strings"
)

// blank is what is left out around a text that is cast to a DECIMAL.
const blank = " \t\n"

// parseTime reads H[:m[:s[.fff]]][±H[:m]] as milliseconds of the day. As in Flink, no part has a bound: 24:00:00 is midnight.
func parseTime(s string) (int64, bool) {
	end, sign, zone := len(s), int32(-1), strings.IndexByte(s, '-')
	if zone < 0 {
		zone, sign = strings.IndexByte(s, '+'), 1
	}
	bad := false
	number := func(s string) int32 {
		s = strings.Trim(s, blank)
		v, n, ok := digits(s, 0, 1, 10)
		bad = bad || !ok || n != len(s) || v > math.MaxInt32
		return int32(v)
	}
	var h, m, sec, ms int32
	if zone >= 0 {
		end = zone
		hh, mm, more := strings.Cut(s[zone+1:], ":")
		h = sign * number(hh)
		if more {
			m = sign * number(mm)
		}
	}
	hh, rest, more := strings.Cut(s[:end], ":")
	h += number(hh)
	if more {
		var mm string
		mm, rest, more = strings.Cut(rest, ":")
		m += number(mm)
	}
	if more {
		whole, frac, _ := strings.Cut(rest, ".")
		sec, ms = number(whole), fraction(strings.Trim(frac, blank))
	}
	if bad {
		return 0, false
	}
	return floorMod(int64(h*3_600_000+m*60_000+sec*1000+ms), msPerDay), true // 32 bits, which wrap around
}

// fraction is the milliseconds of the digits after a point, rounded by the fourth.
func fraction(s string) (ms int32) {
	for k, unit := 0, int32(100); k < len(s) && unit > 0; k, unit = k+1, unit/10 {
		if s[k] >= '0' && s[k] <= '9' {
			ms += unit * int32(s[k]-'0')
		}
		if k == 2 && len(s) > 3 && s[3] >= '5' {
			ms++
		}
	}
	return ms
}
