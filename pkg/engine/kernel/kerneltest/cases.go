package kerneltest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
)

// Rewriter is the -rewrite flag of a test binary; call it from a package variable of the test.
func Rewriter() *bool { return flag.Bool("rewrite", false, "write the actual results into testdata") }

// Run checks every case of the files that match pattern. A case is one line "input -> want"; run gives the result of the
// input, errors included as text. Empty lines and # comments are kept. With rewrite the files are written anew.
func Run(t *testing.T, pattern string, rewrite bool, run func(t testing.TB, input string) string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no case files match %s: %v", pattern, err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(string(text), "\n")
			for i, line := range lines {
				if strings.TrimSpace(line) == "" || line[0] == '#' {
					continue
				}
				in, want, _ := strings.Cut(line, " -> ")
				in = strings.TrimSpace(strings.TrimSuffix(in, "->"))
				got := run(t, in)
				switch {
				case rewrite:
					lines[i] = in + " -> " + got
				case got != want:
					t.Errorf("%s:%d: %s\n got %s\nwant %s", f, i+1, in, got, want)
				}
			}
			if rewrite {
				if err := os.WriteFile(f, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// Type reads an Arrow type's short name: bool, int8…int64, float32, float64, string, binary, date, time, ts, ltz,
// dec(precision,scale is fixed at 20,2), null, list<t>, map<string,t>, row<t,t>.
func Type(name string) arrow.DataType {
	flat := map[string]arrow.DataType{
		"bool": arrow.FixedWidthTypes.Boolean, "int8": arrow.PrimitiveTypes.Int8, "int16": arrow.PrimitiveTypes.Int16,
		"int32": arrow.PrimitiveTypes.Int32, "int64": arrow.PrimitiveTypes.Int64, "float32": arrow.PrimitiveTypes.Float32,
		"float64": arrow.PrimitiveTypes.Float64, "string": arrow.BinaryTypes.String, "binary": arrow.BinaryTypes.Binary,
		"date": arrow.FixedWidthTypes.Date32, "time": arrow.FixedWidthTypes.Time32ms, "null": arrow.Null,
		"ts": &arrow.TimestampType{Unit: arrow.Microsecond}, "ltz": &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"},
		"dec": &arrow.Decimal128Type{Precision: 20, Scale: 2},
	}
	if t, ok := flat[name]; ok {
		return t
	}
	inner := func(prefix string) (string, bool) {
		s, ok := strings.CutPrefix(name, prefix+"<")
		return strings.TrimSuffix(s, ">"), ok
	}
	if s, ok := inner("list"); ok {
		return arrow.ListOf(Type(s))
	}
	if s, ok := inner("map"); ok {
		k, v, _ := strings.Cut(s, ",")
		return arrow.MapOf(Type(k), Type(v))
	}
	if s, ok := inner("row"); ok {
		var fs []arrow.Field
		for i, f := range strings.Split(s, ",") {
			fs = append(fs, arrow.Field{Name: string(rune('a' + i)), Type: Type(f), Nullable: true})
		}
		return arrow.StructOf(fs...)
	}
	panic("kerneltest: no type " + name)
}

// Column reads "type:[values]".
func Column(t testing.TB, s string) arrow.Array {
	t.Helper()
	name, vals, _ := strings.Cut(s, ":")
	a, err := Parse(Type(name), vals)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return a
}
