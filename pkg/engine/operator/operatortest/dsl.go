// Package operatortest helps to test operators: batches from and to text, a state snapshot in memory that can be split by
// key group, and a harness that runs the same input through different epoch cuts, restarts and numbers of instances.
//
// The text form of a row is that of batch.RowString: "+I[a, 1]". A value is NULL, or what the column's type prints: [a, b] for arrays, {a=1, b=2} for
// maps, +I[a, 1] for rows; but base64 for bytes. Strings
// that hold ", " or "]" or are the word NULL are quoted with "…" (Go syntax).
package operatortest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Parse makes a batch from rows of text, one a line; empty lines and lines that start with # are skipped.
func Parse(ts []types.Type, text string) (*batch.Batch, error) {
	b := batch.NewBuilder(batch.ArrowTypes(ts)...)
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := parseRow(b, line); err != nil {
			return nil, fmt.Errorf("line %d %q: %w", n+1, line, err)
		}
	}
	return b.Build(), nil
}

// MustParse is Parse for literals; it panics on error.
func MustParse(ts []types.Type, text string) *batch.Batch {
	b, err := Parse(ts, text)
	if err != nil {
		panic(err)
	}
	return b
}

var kinds = map[string]batch.Kind{"+I": batch.Insert, "-U": batch.UpdateBefore, "+U": batch.UpdateAfter, "-D": batch.Delete}

func parseRow(b *batch.Builder, line string) error {
	if len(line) < 4 || line[2] != '[' || line[len(line)-1] != ']' {
		return fmt.Errorf("a row looks like +I[a, 1]")
	}
	kind, ok := kinds[line[:2]]
	if !ok {
		return fmt.Errorf("no row kind %s", line[:2])
	}
	values, err := split(line[3 : len(line)-1])
	if err != nil {
		return err
	}
	if len(values) != len(b.Cols) {
		return fmt.Errorf("%d values for %d columns", len(values), len(b.Cols))
	}
	for i, v := range values {
		if err := appendValue(b.Cols[i], v); err != nil {
			return err
		}
	}
	b.RowDone(kind, -1)
	return nil
}

// split cuts at ", " outside quotes and brackets.
func split(s string) ([]string, error) {
	var out []string
	depth, from := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			q, err := strconv.QuotedPrefix(s[i:])
			if err != nil {
				return nil, fmt.Errorf("bad quotes at %s", s[i:])
			}
			i += len(q) - 1
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case ',':
			if depth == 0 && strings.HasPrefix(s[i:], ", ") {
				out = append(out, s[from:i])
				from = i + 2
			}
		}
	}
	if s == "" {
		return nil, nil
	}
	return append(out, s[from:]), nil
}

func appendValue(dst array.Builder, s string) error {
	if s == "NULL" {
		dst.AppendNull()
		return nil
	}
	var err error
	switch b := dst.(type) {
	case *array.StringBuilder:
		if strings.HasPrefix(s, `"`) {
			if s, err = strconv.Unquote(s); err != nil {
				return err
			}
		}
		b.Append(s)
	case *array.TimestampBuilder:
		var t time.Time
		if t, err = time.Parse("2006-01-02T15:04:05.999999", strings.TrimSuffix(s, "Z")); err == nil {
			b.Append(arrow.Timestamp(t.UnixMicro()))
		}
	case *array.Decimal128Builder:
		t := b.Type().(*arrow.Decimal128Type)
		var v decimal128.Num
		if v, err = decimal128.FromString(s, t.Precision, t.Scale); err == nil {
			b.Append(v)
		}
	case *array.ListBuilder:
		var vs []string
		if len(s) < 2 || s[0] != '[' {
			return fmt.Errorf("a list looks like [a, b]: %s", s)
		}
		if vs, err = split(s[1 : len(s)-1]); err != nil {
			return err
		}
		b.Append(true)
		for _, v := range vs {
			if err := appendValue(b.ValueBuilder(), v); err != nil {
				return err
			}
		}
	case *array.MapBuilder:
		return appendMap(b, s)
	case *array.StructBuilder:
		return appendStruct(b, s)
	default:
		err = b.AppendValueFromString(s)
	}
	return err
}

func appendMap(b *array.MapBuilder, s string) error {
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' {
		return fmt.Errorf("a map looks like {a=1, b=2}: %s", s)
	}
	entries, err := split(s[1 : len(s)-1])
	if err != nil {
		return err
	}
	b.Append(true)
	for _, e := range entries {
		at := strings.IndexByte(e, '=')
		if q, err := strconv.QuotedPrefix(e); err == nil {
			at = len(q)
		}
		if at < 0 || at >= len(e) {
			return fmt.Errorf("an entry looks like a=1: %s", e)
		}
		if err := appendValue(b.KeyBuilder(), e[:at]); err != nil {
			return err
		}
		if err := appendValue(b.ItemBuilder(), e[at+1:]); err != nil {
			return err
		}
	}
	return nil
}

func appendStruct(b *array.StructBuilder, s string) error {
	in, opens := strings.CutPrefix(s, "+I[")
	in, closes := strings.CutSuffix(in, "]")
	if !opens || !closes {
		return fmt.Errorf("a row in a row looks like +I[a, 1]: %s", s)
	}
	vs, err := split(in)
	if err != nil {
		return err
	}
	if len(vs) != b.NumField() {
		return fmt.Errorf("%d values for %d fields", len(vs), b.NumField())
	}
	b.Append(true)
	for i, v := range vs {
		if err := appendValue(b.FieldBuilder(i), v); err != nil {
			return err
		}
	}
	return nil
}

// String prints batches in the same form, quoting nothing.
func String(bs ...*batch.Batch) string {
	var s strings.Builder
	for _, b := range bs {
		s.WriteString(b.String())
	}
	return s.String()
}
