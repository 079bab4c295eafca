package lookup

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func TestKeys(t *testing.T) {
	for _, c := range []struct {
		types []types.Type
		in    string // parts, by |
		want  string // parts; "!": refused
	}{
		{[]types.Type{types.Of(types.BigInt)}, "17", "17"},
		{[]types.Type{types.Of(types.BigInt)}, "-0017", "-17"},
		{[]types.Type{types.Of(types.BigInt)}, "+5", "5"},
		{[]types.Type{types.Of(types.BigInt)}, "-0", "0"},
		{[]types.Type{types.Of(types.BigInt)}, "", "!"},
		{[]types.Type{types.Of(types.BigInt)}, "1.0", "!"},
		{[]types.Type{types.Of(types.TinyInt)}, "127", "127"},
		{[]types.Type{types.Of(types.TinyInt)}, "128", "!"},
		{[]types.Type{types.Of(types.Int)}, "2147483648", "!"},
		{[]types.Type{types.String()}, "", ""},
		{[]types.Type{{Kind: types.Varchar, Precision: 2}}, "abc", "abc"}, // no such key; not another one
		{[]types.Type{types.DecimalOf(10, 2)}, "1.5", "1.50"},
		{[]types.Type{types.DecimalOf(10, 2)}, "x", "!"},
		{[]types.Type{types.Of(types.Date)}, "2024-01-31", "2024-01-31"},
		{[]types.Type{types.Of(types.Date)}, "yesterday", "!"},
		{[]types.Type{types.Of(types.Boolean)}, "TRUE", "true"},
		{[]types.Type{types.Of(types.Int), types.String()}, "01|a:b|c", "1|a:b|c"},
		{[]types.Type{types.Of(types.Int), types.String()}, "1", "!"},
		{[]types.Type{types.String(), types.String(), types.Of(types.Int)}, "||7", "||7"},
	} {
		var names []string
		for i := range c.types {
			names = append(names, string(rune('a'+i)))
		}
		k, err := newKeys(names, c.types, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		got, err := k.canonical(strings.SplitN(c.in, "|", len(c.types)))
		if err != nil {
			if c.want != "!" {
				t.Errorf("%v %q: %v", c.types, c.in, err)
			}
			continue
		}
		if parts := strings.Join(k.split(got), "|"); parts != c.want {
			t.Errorf("%v %q: %q, want %q", c.types, c.in, parts, c.want)
		}
		// The columns that go to the store print as the key that a change would have.
		b, err := k.columns([]string{got, got})
		if err != nil {
			t.Fatal(err)
		}
		if back, ok := k.ofRow(b.Cols, 1); !ok || back != got {
			t.Errorf("%v %q: the row's key is %q, not %q", c.types, c.in, back, got)
		}
		if !slices.EqualFunc(batch.ArrowTypes(c.types), arrowTypes(b), func(x, y arrow.DataType) bool { return arrow.TypeEqual(x, y) }) {
			t.Errorf("%v: columns are %v", c.types, arrowTypes(b))
		}
	}
}

func arrowTypes(b *batch.Batch) (out []arrow.DataType) {
	for _, c := range b.Cols {
		out = append(out, c.DataType())
	}
	return out
}

// No two keys have one text, whatever is in them.
func FuzzKeyParts(f *testing.F) {
	f.Add("a", "b:c")
	f.Add("1:", "")
	f.Add("", "2:xy")
	k, err := newKeys([]string{"a", "b"}, []types.Type{types.String(), types.String()}, time.UTC)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		text, err := k.canonical([]string{a, b})
		if err != nil {
			t.Fatal(err)
		}
		if got := k.split(text); !slices.Equal(got, []string{a, b}) {
			t.Fatalf("%q, %q became %q", a, b, got)
		}
	})
}
