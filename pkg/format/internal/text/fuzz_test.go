package text

import (
	"math"
	"testing"
)

// FuzzRead reads a text as every type, and reads again what it prints of it.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"2024-02-30 24:00:00", "+12024-01-31T12:30:00.123456789Z", "-0001-12-31", "0x1.8p3d", "1e400", "-12345678901234567890.5e-3", "23:59:59.999999999", "2024-1-31", "NaN", "2024-01-31T12:30+08:00", "9223372036854775808"} {
		f.Add(s, uint8(0), true)
		f.Add(s, uint8(1), false)
		f.Add(s, uint8(2), true)
	}
	f.Fuzz(func(t *testing.T, s string, std uint8, ltz bool) {
		b := []byte(s)
		if v, err := Float(b, 64); err == nil {
			if again, err := Float(AppendFloat(nil, v, 64), 64); err != nil || again != v && !(math.IsNaN(v) && math.IsNaN(again)) {
				t.Errorf("%q is %v, again %v %v", s, v, again, err)
			}
		}
		if d, err := Date(b); err == nil {
			if again, err := Date(AppendDate(nil, int64(d))); err != nil || again != d {
				t.Errorf("%q is day %d, again %d %v", s, d, again, err)
			}
		}
		if us, err := TimeOfDay(b); err == nil {
			if again, err := TimeOfDay(AppendTime(nil, us)); us < 0 || us >= day || err != nil || again != us {
				t.Errorf("%q is %d µs, again %d %v", s, us, again, err)
			}
		}
		st := Standard(std % 3)
		if us, err := Timestamp(b, st, ltz); err == nil {
			if again, err := Timestamp(AppendTimestamp(nil, us, st, ltz), st, ltz); err != nil || again != us {
				t.Errorf("%q is %d µs, again %d %v (%s)", s, us, again, err, AppendTimestamp(nil, us, st, ltz))
			}
		}
		if n, err := Decimal(b, 38, 6); err == nil {
			for _, plain := range []bool{true, false} {
				if again, err := Decimal(AppendDecimal(nil, n, 6, plain), 38, 6); err != nil || again != n {
					t.Errorf("%q is %s, again %v", s, AppendDecimal(nil, n, 6, plain), err)
				}
			}
		}
		_, _ = SQLDate(b)
		_, _ = ISOTime(b)
		_, _ = Int(b, 64)
	})
}
