package kernel_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/engine/kernel/kerneltest"
)

var rewrite = kerneltest.Rewriter()

// split cuts "a:[x y] b:[z]" at spaces outside brackets.
func split(s string) []string {
	var out []string
	depth, from := 0, 0
	for i, c := range s {
		switch c {
		case '[', '(', '{':
			depth++
		case ']', ')', '}':
			depth--
		case ' ':
			if depth == 0 {
				out = append(out, s[from:i])
				from = i + 1
			}
		}
	}
	return append(out, s[from:])
}

func TestCases(t *testing.T) {
	kerneltest.Run(t, "testdata/*.txt", *rewrite, func(t testing.TB, in string) string {
		f := split(in)
		// Every case runs on plain arrays and on slices in the middle of larger ones.
		var results []string
		for _, pad := range []int{0, 3, 8} {
			var cols []arrow.Array
			for _, s := range f[1:] {
				cols = append(cols, kerneltest.Sliced(kerneltest.Column(t, s), pad))
			}
			results = append(results, run(t, f[0], cols))
		}
		for _, r := range results[1:] {
			if r != results[0] {
				t.Errorf("%s: %s at an offset, %s without", in, r, results[0])
			}
		}
		return results[0]
	})
}

func run(t testing.TB, op string, cols []arrow.Array) string {
	switch op {
	case "hash":
		out := make([]uint64, cols[0].Len())
		kernel.Hash(cols, len(out), out)
		var s []string
		for _, h := range out {
			s = append(s, fmt.Sprintf("%016x", h))
		}
		return strings.Join(s, " ")
	case "take":
		return kerneltest.Format(kernel.Take(cols[0], kernel.Values[int32](cols[1])))
	case "filter":
		return kerneltest.Format(kernel.Filter(cols[0], cols[1].(*array.Boolean)))
	}
	t.Fatalf("no kernel %q", op)
	return ""
}

func TestHashSpread(t *testing.T) {
	// Key groups are taken by modulus and tables by low or high bits: sequential keys must fill both evenly.
	const n = 1 << 16
	b := array.NewInt64Builder(alloc)
	s := array.NewStringBuilder(alloc)
	for i := 0; i < n; i++ {
		b.Append(int64(i) * 1024)
		s.Append("user-" + strconv.Itoa(i))
	}
	for name, cols := range map[string][]arrow.Array{"int": {b.NewArray()}, "string": {s.NewArray()}} {
		cols = append(cols, cols[0])
		for k := 1; k <= 2; k++ {
			out := make([]uint64, n)
			kernel.Hash(cols[:k], n, out)
			var mod, top, low [64]int
			seen := map[uint64]bool{}
			for _, h := range out {
				mod[h%61]++
				top[h>>58]++
				low[h&63]++
				seen[h] = true
			}
			if len(seen) != n {
				t.Errorf("%s/%d: %d collisions", name, k, n-len(seen))
			}
			for i := 0; i < 61; i++ {
				for _, c := range []int{mod[i], top[i], low[i]} {
					if c < n/64*8/10 || c > n/61*12/10 {
						t.Errorf("%s/%d: bucket %d holds %d of %d", name, k, i, c, n)
					}
				}
			}
		}
	}
}
