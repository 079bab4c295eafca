package json

import (
	"bytes"
	stdjson "encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/formattest"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func fuzzFields() []format.Field {
	sub := types.RowOf(types.Field{Name: "x", Type: types.Of(types.Int)}, types.Field{Name: "y", Type: types.ArrayOf(types.String())})
	return formattest.Fields("s", types.String(), "i", types.Of(types.Int), "d", types.DecimalOf(12, 3), "f", types.Of(types.Double), "b", types.Bytes(),
		"t", types.TimestampOf(3), "z", types.TimestampLTZOf(3), "a", types.ArrayOf(types.Of(types.BigInt)), "m", types.MapOf(types.String(), sub), "r", sub)
}

const fuzzGood = `{"s":"a\u00e9","i":1,"d":1.5,"f":2,"b":"aGk=","t":"2024-01-31 12:30:00","z":"2024-01-31 12:30:00Z","a":[1,null],"m":{"k":{"x":1,"y":["q"]}},"r":{"y":[]}}`

func FuzzDecode(f *testing.F) {
	for _, s := range []string{fuzzGood, `{}`, `[{"s":"\ud83d\ude00"},null]`, `{"m":{"a":null,"a":{}}}`, `{"s":{"x":[1,{"y":"\\"}]}}`, `{"i":1e400}`, `{"a":[1}`, "{\"s\":\"\xff\"}",
		`{"d":123456789012345678901234567890123456789.5e-30}`, `{"r":{"x":"7","y":[null,[1],{}]}}`, `{"t":"2024-02-30 00:00:00"}`} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, ignore bool) {
		formattest.Fuzz(t, decoder(t, fuzzFields(), Options{IgnoreParseErrors: ignore}), fuzzFields(), []byte(fuzzGood), data)
	})
}

// FuzzString compares strings with the standard library's, and what is written with what was read.
func FuzzString(f *testing.F) {
	for _, s := range []string{"", "abc", "\"\\\n\x00\x7f", "中😀", "\xff", "<&>\u2028"} {
		f.Add(s)
	}
	fields := formattest.Fields("v", types.String())
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		in, err := stdjson.Marshal(map[string]string{"v": s})
		if err != nil {
			t.Fatal(err)
		}
		d := decoder(t, fields, Options{})
		if got := formattest.Decode(t, d, fields, string(in)); got != "+I["+s+"]" && bytes.HasSuffix([]byte(s), []byte("\n")) == false {
			t.Fatalf("%q is read as %q", in, got)
		}
		b, _ := formattest.Batch(t, d, fields, string(in))
		e, _ := NewEncoder(fields, Options{})
		out, err := formattest.Encode(t, e, b)
		if err != nil {
			t.Fatal(err)
		}
		var back map[string]string
		if err := stdjson.Unmarshal([]byte(out[0]), &back); err != nil || back["v"] != s {
			t.Fatalf("%q is written as %q: %v", s, out[0], err)
		}
	})
}
