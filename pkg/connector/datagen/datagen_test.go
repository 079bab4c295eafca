package datagen_test

import (
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/connector/connectortest"
	"github.com/freshet-dw/freshet/pkg/connector/datagen"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql"
)

func table(columns, with string) string {
	return "CREATE TABLE g (" + columns + ") WITH ('connector' = 'datagen', 'rows-per-second' = '1000000'" + with + ")"
}

// TestAllTypes makes rows of all types, twice the same.
func TestAllTypes(t *testing.T) {
	r := connectortest.New(t, datagen.Connector{})
	src := table("b BOOLEAN, i8 TINYINT, i16 SMALLINT, i INT, l BIGINT, f FLOAT, d DOUBLE, p DECIMAL(6, 2), c CHAR(4), v VARCHAR(7), s STRING, bi BINARY(3), vb VARBINARY(5), byt BYTES, dt DATE, tm TIME, "+
		"ts TIMESTAMP(3), z TIMESTAMP_LTZ(6), a ARRAY<INT>, m MAP<STRING, INT>, ms MULTISET<INT>, r ROW<x INT, y ARRAY<STRING>>",
		", 'number-of-rows' = '200', 'fields.i.min' = '-3', 'fields.i.max' = '3', 'fields.l.min' = '9007199254740993', 'fields.l.max' = '9007199254740995', 'fields.a.length' = '2', 'fields.a.element.min' = '5', 'fields.a.element.max' = '5', 'fields.r.x.max' = '0', 'fields.r.x.min' = '0', 'fields.r.y.length' = '1', 'fields.r.y.element.length' = '2', 'fields.f.null-rate' = '1'")
	tab := r.Table(src)
	times := []string{"b", "i8", "i16", "i", "l", "f", "d", "p", "c", "v", "s", "bi", "vb", "byt", "a", "m", "ms", "r"}
	one, two := r.Scan(tab, times, nil), r.Scan(tab, times, nil)
	if len(one) != 200 || strings.Join(one, "\n") != strings.Join(two, "\n") {
		t.Fatalf("%d rows, not the same twice", len(one))
	}
	seen := map[string]map[string]bool{"i": {}, "l": {}, "a": {}, "r": {}, "f": {}, "c": {}}
	for col, values := range seen {
		for _, row := range r.Scan(tab, []string{col}, nil) {
			values[strings.TrimSuffix(strings.TrimPrefix(row, "+I["), "]")] = true
		}
	}
	if len(seen["i"]) != 7 || !seen["i"]["-3"] || !seen["i"]["3"] || len(seen["l"]) != 3 || !seen["l"]["9007199254740993"] || !seen["a"]["[5, 5]"] || len(seen["a"]) != 1 || !seen["f"]["NULL"] || len(seen["f"]) != 1 {
		t.Errorf("%v", seen)
	}
	for v := range seen["c"] {
		if len(v) != 4 {
			t.Errorf("CHAR(4) %q", v)
		}
	}
	for v := range seen["r"] {
		if !strings.HasPrefix(v, "+I[0, [") || len(v) != len("+I[0, [ab]]") {
			t.Errorf("ROW %s", v)
		}
	}
	for _, row := range r.Scan(tab, []string{"dt", "tm", "ts", "z"}, nil) {
		if strings.Contains(row, "NULL") {
			t.Fatal(row)
		}
	}
	// A position goes on where it stopped.
	if rest := r.Scan(tab, times, map[string]int64{"rows/0": 150}); len(rest) != 50 || rest[0] != one[150] {
		t.Errorf("%d rows after 150", len(rest))
	}
}

func TestSequenceAndLengths(t *testing.T) {
	r := connectortest.New(t, datagen.Connector{})
	got := r.Scan(r.Table(table("n INT, s STRING, d DECIMAL(5, 1)", ", 'fields.n.kind' = 'sequence', 'fields.n.start' = '3', 'fields.n.end' = '5', 'fields.s.kind' = 'sequence', 'fields.s.start' = '10', 'fields.s.end' = '99', 'fields.d.min' = '2', 'fields.d.max' = '2'")), nil, nil)
	if strings.Join(got, " ") != "+I[3, 10, 2.0] +I[4, 11, 2.0] +I[5, 12, 2.0]" {
		t.Error(got)
	}
	lengths := map[int]bool{}
	for _, row := range r.Scan(r.Table(table("s STRING", ", 'number-of-rows' = '200', 'fields.s.length' = '4', 'fields.s.var-len' = 'true'")), nil, nil) {
		lengths[len(row)-len("+I[]")] = true
	}
	if len(lengths) != 4 || !lengths[1] || !lengths[4] {
		t.Errorf("lengths %v", lengths)
	}
}

func TestErrors(t *testing.T) {
	r := connectortest.New(t, datagen.Connector{})
	for _, c := range []struct{ columns, with, says, remedy string }{
		{"n INT", ", 'fields.m.min' = '1'", "there is no option 'fields.m.min'", "fields.n.min"},
		{"n INT", ", 'fields.n.mni' = '1'", "there is no option 'fields.n.mni'", "fields.n.min"},
		{"n TINYINT", ", 'fields.n.max' = '300'", "-128 to 300, are no range of TINYINT", ""},
		{"n INT", ", 'fields.n.min' = '5', 'fields.n.max' = '4'", "5 to 4, are no range", ""},
		{"n INT", ", 'fields.n.min' = 'x'", "must be a whole number", ""},
		{"n INT", ", 'fields.n.kind' = 'sequence'", "needs 'fields.n.start' and 'fields.n.end'", ""},
		{"n BOOLEAN", ", 'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '2'", "cannot be sequence for BOOLEAN", ""},
		{"n CHAR(3)", ", 'fields.n.length' = '2'", "its values have one length", ""},
		{"n VARCHAR(3)", ", 'fields.n.length' = '4'", "must be from 1 to 3", ""},
		{"n INT", ", 'fields.n.null-rate' = '2'", "must be from 0 to 1", ""},
		{"n INT", ", 'fields.n.kind' = 'sequenc'", "it must be random or", ""},
		{"n INT", ", 'rows-per-secnd' = '1'", "rows-per-secnd", "rows-per-second"},
	} {
		_, err := sql.Compile("t.sql", strings.Replace(table(c.columns, c.with), "g (", "g2 (", 1)+";\nCREATE TABLE o (n STRING) WITH ('connector' = 'datagen');\nINSERT INTO o SELECT CAST(n AS STRING) FROM g2", sql.Options{Describer: r.Set})
		text := fault.Render(err, "")
		if !strings.Contains(text, c.says) || !strings.Contains(text, c.remedy) || !strings.Contains(text, "t.sql:1") {
			t.Errorf("%s%s:\n%s", c.columns, c.with, text)
		}
	}
}
