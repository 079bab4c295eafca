package expr_test

import (
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/engine/expr"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

const rows = 4096

// BenchmarkEval reports allocations per batch of 4096 rows: a few dozen for the arrays, none for the rows.
func BenchmarkEval(b *testing.B) {
	i64, ts, str, dec := array.NewInt64Builder(memory.DefaultAllocator), array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Microsecond}),
		array.NewStringBuilder(memory.DefaultAllocator), array.NewDecimal128Builder(memory.DefaultAllocator, &arrow.Decimal128Type{Precision: 10, Scale: 2})
	num := array.NewStringBuilder(memory.DefaultAllocator)
	for i := 0; i < rows; i++ {
		i64.Append(int64(i))
		ts.Append(arrow.Timestamp(1_714_558_830_123_000 + int64(i)*1_000_000))
		str.Append(fmt.Sprintf("/product/%d?from=home", i))
		num.Append(fmt.Sprint(i))
		if err := dec.AppendValueFromString(fmt.Sprintf("%d.25", i)); err != nil {
			b.Fatal(err)
		}
	}
	doc := array.NewStringBuilder(memory.DefaultAllocator)
	for i := 0; i < rows; i++ {
		doc.Append(fmt.Sprintf(`{"event": "view", "user": {"id": %d, "name": "n%d"}, "tags": ["a", "b"]}`, i, i))
	}
	cols := []arrow.Array{i64.NewArray(), ts.NewArray(), str.NewArray(), dec.NewArray(), num.NewArray(), doc.NewArray()}
	for _, c := range []struct {
		name, text string
		col, bytes int
	}{
		{"compare", ">(BIGINT[], 100L):BOOLEAN", 0, 8},
		{"add", "+(BIGINT[], 100L):BIGINT", 0, 8},
		{"decimal", "*(DECIMAL(10,2)[], 1.05):DECIMAL(14,4)", 3, 16},
		{"substring", "SUBSTRING(STRING[], 2, 7):STRING", 2, 24},
		{"like", "LIKE(STRING[], '/product/%'):BOOLEAN", 2, 24},
		{"concat", "CONCAT(STRING[], '-', STRING[]):STRING", 2, 24},
		{"split_index", "SPLIT_INDEX(STRING[], '?', 1):STRING", 2, 24},
		{"regexp", "REGEXP(STRING[], '^/product/[0-9]+'):BOOLEAN", 2, 24},
		{"regexp_extract", "REGEXP_EXTRACT(STRING[], '[0-9]+'):STRING", 2, 24},
		{"regexp_extract_group", "REGEXP_EXTRACT(STRING[], '/product/([0-9]+)', 1):STRING", 2, 24},
		{"json_value", "JSON_VALUE(STRING[], '$.user.id'):STRING", 5, 70},
		{"json_exists", "JSON_EXISTS(STRING[], '$.user.id'):BOOLEAN", 5, 70},
		{"date_format", "DATE_FORMAT(TIMESTAMP(3)[], 'yyyy-MM-dd HH:mm'):STRING", 1, 8},
		{"case", "CASE(>(BIGINT[], 100L):BOOLEAN, 'big', 'small'):STRING", 0, 8},
		{"cast", "CAST(STRING[]):BIGINT", 4, 4},
		{"extract", "EXTRACT('DAY', TIMESTAMP(3)[]):BIGINT", 1, 8},
	} {
		b.Run(c.name, func(b *testing.B) {
			e, _ := parse(c.text)
			retarget(e, c.col)
			p, err := expr.Compile(e, expr.Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(c.bytes) * rows)
			b.ReportAllocs()
			for i := 0; i < b.N; i++ {
				if _, err := p.Eval(&expr.Context{Now: now}, cols, rows); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func retarget(e plan.Expr, col int) {
	switch e := e.(type) {
	case *plan.ColRef:
		e.Index = col
	case *plan.Call:
		for _, a := range e.Args {
			retarget(a, col)
		}
	}
}

func TestNoAllocationPerRow(t *testing.T) {
	for _, text := range []string{">(INT[1], 1):BOOLEAN", "+(INT[1], 1):INT", "SUBSTRING(STRING[abc], 1, 2):STRING", "DATE_FORMAT(TIMESTAMP(3)[2024-01-01T00:00:00], 'yyyy-MM-dd'):STRING",
		"*(DECIMAL(10,2)[1.25], 1.05):DECIMAL(14,4)", "CAST(STRING[12]):INT", "TO_TIMESTAMP(STRING['2024-01-01 00:00:00']):TIMESTAMP(3)", "UPPER(STRING[abc]):STRING", "CONCAT(STRING[abc], '-', STRING[abc]):STRING", "SPLIT_INDEX(STRING['a,b'], ',', 1):STRING",
		"REGEXP_EXTRACT(STRING[ab12], '[0-9]+'):STRING", "JSON_VALUE(STRING['{\"a\": {\"b\": 5}}'], '$.a.b'):STRING", "LIKE(STRING[abc], 'a_c%'):BOOLEAN"} {
		e, cols := parse(text)
		big := make([]arrow.Array, len(cols))
		for i, c := range cols {
			parts := make([]arrow.Array, rows)
			for k := range parts {
				parts[k] = c
			}
			a, err := array.Concatenate(parts, memory.DefaultAllocator)
			if err != nil {
				t.Fatal(err)
			}
			big[i] = a
		}
		p, err := expr.Compile(e, expr.Options{})
		if err != nil {
			t.Fatal(err)
		}
		n := testing.AllocsPerRun(3, func() {
			if _, err := p.Eval(&expr.Context{Now: now}, big, rows); err != nil {
				t.Fatal(err)
			}
		})
		if n > 60 {
			t.Errorf("%s: %.0f allocations for %d rows", text, n, rows)
		}
	}
}
