package parse

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
)

// TestParse runs testdata: "parse" prints statements back as SQL, "dump" shows trees, "error" renders what is wrong. Every
// statement that parses must also survive being printed and parsed again.
func TestParse(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if strings.Contains(path, "fuzz") {
			return
		}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			stmts, err := File("job.sql", d.Input)
			if d.Cmd == "error" {
				if err == nil {
					return "no error\n"
				}
				return fault.Render(err, d.Input)
			}
			if err != nil {
				return "unexpected:\n" + fault.Render(err, d.Input)
			}
			var b strings.Builder
			for _, s := range stmts {
				roundTrip(t, s)
				if d.Cmd == "dump" {
					b.WriteString(ast.Dump(s))
				} else {
					b.WriteString(ast.String(s) + ";\n")
				}
			}
			return b.String()
		})
	})
}

func roundTrip(t *testing.T, s ast.Statement) {
	t.Helper()
	text := ast.String(s)
	again, err := Statement("printed.sql", text)
	if err != nil {
		t.Errorf("print does not parse: %v\n%s", err, text)
		return
	}
	if !ast.Equal(s, again) {
		t.Errorf("print changes the tree: %s\nwas\n%s\nis\n%s", text, ast.Dump(s), ast.Dump(again))
	}
}

// inputs are the statements of testdata.
func inputs(t testing.TB) []string {
	var out []string
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if st, err := os.Stat(f); err != nil || st.IsDir() {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(string(b), "\n\n") {
			if _, rest, ok := strings.Cut(block, "\n"); ok {
				in, _, _ := strings.Cut(rest, "\n----")
				out = append(out, in)
			}
		}
	}
	return out
}

func TestDepthIsLimited(t *testing.T) {
	for name, src := range map[string]string{
		"parentheses": "SELECT " + strings.Repeat("(", 100_000) + "1",
		"from":        "SELECT 1 FROM " + strings.Repeat("(", 100_000) + "t",
		"not":         "SELECT " + strings.Repeat("NOT ", 100_000) + "a",
		"minus":       "SELECT " + strings.Repeat("- ", 100_000) + "a",
		"array":       "SELECT " + strings.Repeat("ARRAY[", 100_000),
		"type":        "SELECT CAST(a AS " + strings.Repeat("ARRAY<", 100_000),
		"query":       strings.Repeat("(", 100_000) + "SELECT 1",
		"explain":     strings.Repeat("EXPLAIN ", 100_000),
		"operators":   "SELECT 1" + strings.Repeat(" + 1", 100_000),
		"unions":      "SELECT 1" + strings.Repeat(" UNION SELECT 1", 100_000),
		"joins":       "SELECT 1 FROM t" + strings.Repeat(", t", 100_000),
		"index":       "SELECT a" + strings.Repeat("[1]", 100_000),
		"running":     "SELECT " + strings.Repeat("FINAL ", 100_000) + "a",
		"pattern":     "SELECT 1 FROM t MATCH_RECOGNIZE (PATTERN (" + strings.Repeat("(", 100_000),
	} {
		if _, err := File("deep.sql", src); fault.KindOf(err) != fault.Config {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestManyErrorsAreBounded(t *testing.T) {
	_, err := File("bad.sql", strings.Repeat("SELCT 1;\n", 50))
	if n := len(fault.Flatten(err)); n != maxErrors+1 {
		t.Fatalf("%d errors", n)
	}
}

func FuzzParse(f *testing.F) {
	for _, in := range inputs(f) {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, src string) {
		stmts, err := File("fuzz.sql", src)
		if err != nil {
			if fault.KindOf(err) != fault.Config {
				t.Fatal(err)
			}
			_ = fault.Render(err, src)
			return
		}
		for _, s := range stmts {
			roundTrip(t, s)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	var good []string
	for _, in := range inputs(b) {
		if _, err := File("bench.sql", in); err == nil {
			good = append(good, in)
		}
	}
	src := strings.Join(good, ";\n")
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := File("bench.sql", src); err != nil {
			b.Fatal(err)
		}
	}
}
