package operatortest

import (
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func nested() []types.Type {
	text, n := types.Type{Kind: types.Varchar}, types.Type{Kind: types.Int}
	row := types.Type{Kind: types.Row, Fields: []types.Field{{Name: "s", Type: text}, {Name: "n", Type: n}}}
	list := types.Type{Kind: types.Array, Elem: &row}
	return []types.Type{list, {Kind: types.Map, Key: &text, Elem: &n}}
}

func TestNestedValuesComeBack(t *testing.T) {
	in := `+I[[+I[a, 1], NULL, +I[NULL, NULL]], {a=1, b=NULL}]
-D[[], {}]
+U[NULL, NULL]
`
	b, err := Parse(nested(), in)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != in {
		t.Errorf("got\n%s", got)
	}
	b, err = Parse(nested(), `+I[[+I["x, ]", 1]], {"a=b, c"=1}]`)
	if err != nil || b.RowString(0) != "+I[[+I[x, ], 1]], {a=b, c=1}]" {
		t.Error(err, b)
	}
}

func TestMalformedNestedValues(t *testing.T) {
	for text, want := range map[string]string{
		"+I[[+I[a]], {}]":    "1 values for 2 fields",
		"+I[[[a, 1]], {}]":   "a row in a row looks like +I[a, 1]: [a, 1]",
		"+I[[], [a=1]]":      "a map looks like {a=1, b=2}: [a=1]",
		"+I[[], {a}]":        "an entry looks like a=1: a",
		"+I[[], {a=x}]":      `parsing "x": invalid syntax`,
		"+I[[+I[a, x]], {}]": `parsing "x": invalid syntax`,
	} {
		if _, err := Parse(nested(), text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
