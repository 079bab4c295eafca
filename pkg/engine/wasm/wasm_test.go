package wasm_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/operator/operatortest"
	"github.com/freshet-dw/freshet/pkg/engine/udf"
	"github.com/freshet-dw/freshet/pkg/engine/wasm"
	"github.com/freshet-dw/freshet/pkg/engine/wasm/wasmtest"
	"github.com/freshet-dw/freshet/pkg/fault"
)

func guest(tb testing.TB) []byte {
	code, err := os.ReadFile(wasmtest.Build(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return code
}

func column(b *batch.Batch, c int) string {
	var out []string
	for i := range b.N {
		out = append(out, batch.ValueString(b.Cols[c], i))
	}
	return strings.Join(out, " ")
}

func TestScalar(t *testing.T) {
	code, l := guest(t), wasm.NewLoader(wasm.Limits{})
	for _, c := range []struct{ name, rows, want string }{
		{"add", "+I[1, 2]\n+I[NULL, 2]\n+I[-5, 3]\n+I[9223372036854775807, 1]", "3 NULL -2 -9223372036854775808"},
		{"half", "+I[3]\n+I[NULL]", "1.5 NULL"},
		{"shout", "+I[Text]\n+I[\"\"]\n+I[NULL]\n+I[b]", "TEXT  NULL B"},
		{"repeat_text", "+I[ab, 3]\n+I[ab, -1]\n+I[ab, 0]", "ababab NULL "},
		{"plus_day", "+I[2024-02-28T12:00:00.001]", "2024-02-29T12:00:00.001"},
		{"exact", "+I[-12.30]\n+I[0.01]", "-12.30 0.01"},
		{"or_else", "+I[a, b]\n+I[NULL, b]\n+I[NULL, NULL]", "a b NULL"},
	} {
		f, err := l.Function(code, c.name)
		if err != nil {
			t.Fatal(err)
		}
		call, err := f.Impl.(udf.NewScalar)()
		if err != nil {
			t.Fatal(err)
		}
		in := operatortest.MustParse(f.Params, c.rows)
		for range 2 { // an instance serves many batches
			out := batch.NewBuilder(batch.ArrowType(f.Result))
			if err := call(in.Cols, in.N, out.Cols[0]); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			for range in.N {
				out.RowDone(batch.Insert, -1)
			}
			if got := column(out.Build(), 0); !strings.EqualFold(got, c.want) && got != c.want {
				t.Errorf("%s: got %q, want %q", c.name, got, c.want)
			}
		}
	}
}

// TestLimits: what a module does wrong ends its call, in time, with an error.
func TestLimits(t *testing.T) {
	code, l := guest(t), wasm.NewLoader(wasm.Limits{Memory: 32 << 20, Time: 4 * time.Second})
	for name, want := range map[string]string{"crash": "unreachable", "spin": "", "hoard": "", "clock": "0"} {
		f, err := l.Function(code, name)
		if err != nil {
			t.Fatal(err)
		}
		call, err := f.Impl.(udf.NewScalar)()
		if err != nil {
			t.Fatal(err)
		}
		n := array.NewInt64Builder(memory.DefaultAllocator)
		n.Append(64)
		args := []arrow.Array{n.NewArray()}[:len(f.Params)]
		out := array.NewInt64Builder(memory.DefaultAllocator)
		from := time.Now()
		err = call(args, 1, out)
		if name == "clock" {
			// The clock of the module stands still: a replay sees the same.
			if got := out.NewInt64Array().Value(0); err != nil || got > 1640995300 || !f.Volatile {
				t.Errorf("clock gave %d, %v", got, err)
			}
			continue
		}
		if err == nil || fault.KindOf(err) != fault.Permanent || !strings.Contains(err.Error(), want) || time.Since(from) > 30*time.Second {
			t.Errorf("%s: %v after %s", name, err, time.Since(from))
		}
	}
}

func TestFaultsOfModules(t *testing.T) {
	code, l := guest(t), wasm.NewLoader(wasm.Limits{})
	for name, want := range map[string]string{"nothing": "has no function nothing", "missing": "does not export missing", "mistyped": "other parameters than its signature"} {
		if _, err := l.Function(code, name); err == nil || fault.KindOf(err) != fault.Config || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range [][]byte{nil, []byte("no module"), {0, 'a', 's', 'm', 1, 0, 0, 0}} {
		if _, err := l.Function(bad, "f"); err == nil {
			t.Errorf("%q is taken as a module", bad)
		}
	}
	if _, _, err := l.Load("/x/job.sql", "wasm:none.wasm#f", "", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, _, err := l.Load("/x/job.sql", "f", "WASM", nil); err == nil || fault.RemedyOf(err) == "" {
		t.Errorf("got %v", err)
	}
}

func BenchmarkScalarAdd(b *testing.B) {
	benchmark(b, "add", func(i int) string { return fmt.Sprintf("+I[%d, %d]", i, i) })
}

func BenchmarkScalarShout(b *testing.B) {
	benchmark(b, "shout", func(i int) string { return fmt.Sprintf("+I[text %d]", i) })
}

func benchmark(b *testing.B, name string, row func(int) string) {
	f, err := wasm.NewLoader(wasm.Limits{}).Function(guest(b), name)
	if err != nil {
		b.Fatal(err)
	}
	call, err := f.Impl.(udf.NewScalar)()
	if err != nil {
		b.Fatal(err)
	}
	const n = 4096
	text := ""
	for i := range n {
		text += row(i) + "\n"
	}
	in := operatortest.MustParse(f.Params, text)
	out := array.NewBuilder(memory.DefaultAllocator, batch.ArrowType(f.Result))
	b.SetBytes(n * 8)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		out.Reserve(n)
		if err := call(in.Cols, n, out); err != nil {
			b.Fatal(err)
		}
		out.NewArray().Release()
	}
}
