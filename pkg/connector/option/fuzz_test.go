package option

import (
	"fmt"
	"testing"
)

// FuzzUnits reads durations and sizes: what is read is never negative, and is the same when written in the smallest unit.
func FuzzUnits(f *testing.F) {
	for _, s := range []string{"1 s", "500ms", "2 min", "9223372036854775807 d", "64 mb", "1kib", "", "-1 s", "5 parsecs", " 10 "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := ParseDuration(s); err == nil {
			if again, err := ParseDuration(fmt.Sprintf("%d ns", d)); d < 0 || err != nil || again != d {
				t.Errorf("%q is %v, again %v %v", s, d, again, err)
			}
		}
		if n, err := ParseSize(s); err == nil {
			if again, err := ParseSize(fmt.Sprintf("%d b", n)); n < 0 || err != nil || again != n {
				t.Errorf("%q is %d, again %d %v", s, n, again, err)
			}
		}
	})
}
