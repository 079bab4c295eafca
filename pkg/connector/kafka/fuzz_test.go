package kafka

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// FuzzOffsets writes what it could read and reads it again.
func FuzzOffsets(f *testing.F) {
	for _, s := range []string{"partition:0,offset:42;partition:1,offset:300", " partition:7,offset:0 ;", "partition:0", "0:1", ";", "partition:99999999999,offset:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseOffsets(s)
		if err != nil {
			return
		}
		var parts []string
		for _, p := range slices.Sorted(maps.Keys(got)) {
			if p < 0 || got[p] < 0 {
				t.Fatalf("%q gives %v", s, got)
			}
			parts = append(parts, fmt.Sprintf("partition:%d,offset:%d", p, got[p]))
		}
		if again, err := parseOffsets(strings.Join(parts, ";")); err != nil || !maps.Equal(got, again) {
			t.Fatalf("%q: %v, again %v %v", s, got, again, err)
		}
	})
}
