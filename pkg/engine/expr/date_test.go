package expr

import (
	"testing"
	"time"
)

func TestCivilAgreesWithGo(t *testing.T) {
	for d := int64(-800_000); d < 3_000_000; d += 97 {
		y, m, dd := civil(d)
		want := time.Unix(d*86_400, 0).UTC()
		if int(y) != want.Year() || m != int(want.Month()) || dd != want.Day() {
			t.Fatalf("day %d is %d-%d-%d, want %s", d, y, m, dd, want)
		}
		if back := dayNumber(y, m, dd); back != d {
			t.Fatalf("day %d comes back as %d", d, back)
		}
		wy, ww := want.ISOWeek()
		if gy, gw := isoWeek(d); int(gy) != wy || int(gw) != ww {
			t.Fatalf("day %d is in week %d-%d, want %d-%d", d, gy, gw, wy, ww)
		}
	}
}

func TestZoneAgreesWithGo(t *testing.T) {
	for _, id := range []string{"UTC", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "GMT+05:30"} {
		loc, ok := loadZone(id)
		if !ok {
			t.Fatal(id)
		}
		z := newZone(loc)
		for s := int64(-2_000_000_000); s < 4_000_000_000; s += 86_399 * 7 {
			_, off := time.Unix(s, 0).In(loc).Zone()
			if z.offset(s) != int64(off) {
				t.Fatalf("%s at %d: offset %d, want %d", id, s, z.offset(s), off)
			}
			if back := z.instant(z.wall(s * usPerSecond)); back != s*usPerSecond && back != (s-3600)*usPerSecond && back != (s-1800)*usPerSecond {
				t.Fatalf("%s at %d: comes back as %d", id, s, back/usPerSecond)
			}
		}
	}
	for _, bad := range []string{"", "Nowhere/City", "GMT+99", "Local"} {
		if _, ok := loadZone(bad); ok {
			t.Errorf("zone %q exists", bad)
		}
	}
}

// FuzzParse feeds patterns and texts to both parsers: no panic, and what was formatted is read back.
func FuzzParse(f *testing.F) {
	for _, p := range []string{"yyyy-MM-dd HH:mm:ss.SSS", "dd/MM/yy hh:mm a", "yyyyMMddHHmmss", "EEE, d MMM yyyy", "yyyy-MM-dd'T'HH:mm:ssXXX", "D u", "''yyyy''", "GGGG z"} {
		f.Add(p, "2024-02-29 12:34:56.789", int64(1_700_000_000_123_456))
	}
	f.Fuzz(func(t *testing.T, pat, text string, us int64) {
		parseTimestamp(text, 6)
		parseDate(text)
		parseTime(text)
		parseDecimal(text, 38, 10)
		parseFloat(text)
		for _, simple := range []bool{true, false} {
			p, err := compilePattern(pat, simple)
			if err != nil {
				continue
			}
			p.parse(text, time.Unix(0, 0))
			if len(pat) < 200 {
				p.parse(string(p.format(nil, us%(1<<55), 3600, "CET")), time.Unix(0, 0))
			}
		}
	})
}

// FuzzFormat: a full pattern's text is read back as the same instant, by the pattern and by CAST.
func FuzzFormat(f *testing.F) {
	f.Add(int64(0))
	f.Add(int64(1_709_210_096_789_123))
	f.Add(int64(-62_135_596_800_000_000))
	f.Fuzz(func(t *testing.T, us int64) {
		const lo, hi = -62_135_596_800_000_000, 253_402_300_799_999_999 // years 1 to 9999
		us = lo + floorMod(us, hi-lo)
		p, err := compilePattern("yyyy-MM-dd HH:mm:ss.SSSSSS", false)
		if err != nil {
			t.Fatal(err)
		}
		text := string(p.format(nil, us, 0, "UTC"))
		if want := time.UnixMicro(us).UTC().Format("2006-01-02 15:04:05.000000"); text != want {
			t.Fatalf("%d formats as %s, want %s", us, text, want)
		}
		if back, _, ok := p.parse(text, time.Unix(0, 0)); !ok || back != us {
			t.Fatalf("%s reads as %d, want %d", text, back, us)
		}
		if back, ok := parseTimestamp(text, 6); !ok || back != us {
			t.Fatalf("CAST of %s is %d, want %d", text, back, us)
		}
		if back, ok := parseTimestamp(string(appendTimestamp(us, nil, 6)), 6); !ok || back != us {
			t.Fatalf("CAST to STRING and back of %d is %d", us, back)
		}
	})
}
