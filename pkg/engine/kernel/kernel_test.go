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
			results = append(results, run(f[0], cols))
		}
		for _, r := range results[1:] {
			if r != results[0] {
				t.Errorf("%s: %s at an offset, %s without", in, r, results[0])
			}
		}
		return results[0]
	})
}

func run(op string, cols []arrow.Array) string {
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
	case "interleave":
		return kerneltest.Format(kernel.Interleave(cols[0].DataType(), cols[:2], kernel.Values[uint8](cols[2]), kernel.Values[int32](cols[3])))
	case "and", "or", "not":
		n := cols[0].Len()
		l := kernel.TruthOf(kernel.Vec{A: cols[0]}, n)
		switch op {
		case "and":
			l.And(kernel.TruthOf(kernel.Vec{A: cols[1]}, n))
		case "or":
			l.Or(kernel.TruthOf(kernel.Vec{A: cols[1]}, n))
		default:
			l = l.Not()
		}
		return kerneltest.Format(l.Array())
	}
	l, r := kernel.Vec{A: cols[0]}, kernel.Vec{A: cols[1]}
	n := l.A.Len()
	// A one-row operand beside a longer one is a constant.
	if r.Const = r.A.Len() == 1; n == 1 && r.A.Len() > 1 {
		l.Const, r.Const, n = true, false, r.A.Len()
	}
	for k, name := range []string{"eq", "ne", "lt", "le", "gt", "ge"} {
		if name == op {
			return kerneltest.Format(kernel.BoolColumn(n, kernel.Compare(kernel.Op(k), l, r, n), kernel.Valid(n, l, r)))
		}
	}
	a, err := kernel.Arith(op[0], l, r, n, cols[0].DataType())
	if err != nil {
		return "error: " + err.Error()
	}
	return kerneltest.Format(a)
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

func TestInterleaveOfNullColumns(t *testing.T) {
	a := kerneltest.Column(t, "string:[a b]")
	got := kernel.Interleave(a.DataType(), []arrow.Array{a, array.NewNull(2)}, []uint8{0, 1, 0, 0}, []int32{1, 0, 0, -1})
	if s := kerneltest.Format(got); s != "[b null a null]" {
		t.Error(s)
	}
}

func TestDivisionByZeroBehindNull(t *testing.T) {
	a, b := kerneltest.Column(t, "int32:[1 2]"), kerneltest.Column(t, "int32:[0 1]")
	if _, err := kernel.Arith('/', kernel.Vec{A: a}, kernel.Vec{A: b}, 2, a.DataType()); err != kernel.ErrDivideByZero {
		t.Error(err)
	}
	null := kerneltest.Column(t, "int32:[null 2]")
	got, err := kernel.Arith('/', kernel.Vec{A: null}, kernel.Vec{A: b}, 2, a.DataType())
	if err != nil || kerneltest.Format(got) != "[null 2]" {
		t.Error(got, err)
	}
}
