package csv

import (
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/formattest"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func decoder(t testing.TB, f, all []format.Field, in format.Options) *Decoder {
	t.Helper()
	o, err := ParseOptions(in)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDecoder(f, all, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDecode(t *testing.T) {
	f := formattest.Fields("a", types.String(), "b", types.Of(types.Int), "c", types.String())
	for _, c := range []struct {
		opts     format.Options
		in, want string
	}{
		{nil, "x,1,y", "+I[x, 1, y]"},
		{nil, "x,1,y\r\n", "+I[x, 1, y]"},
		{nil, "x,1,y\nz,2,w\n\n", "+I[x, 1, y]\n+I[z, 2, w]"},
		{nil, `"a,b","7","say ""hi"""`, `+I[a,b, 7, say "hi"]`},
		{nil, "\"line\nbreak\",1,", "+I[line\nbreak, 1, ]"},
		{nil, "\"x\",1,\"y\"\r\n", "+I[x, 1, y]"},
		{nil, "\"x\",1,\"y\"\r", "+I[x, 1, y]"},
		{nil, ",,", "+I[, NULL, ]"},
		{nil, " x , 1 ,y", "+I[ x , 1, y]"},
		{nil, "", ""},
		{nil, "x,1", "bad: decode csv: 2 values where there are 3 columns"},
		{nil, "x,1,y,z", "bad: decode csv: 4 values where there are 3 columns"},
		{nil, "x,one,y", `bad: decode csv: column b: "one" as INT: not an integer`},
		{nil, "x,1,y\nx,one,y", `bad: decode csv: line 2: column b: "one" as INT: not an integer`},
		{nil, `"x,1,y`, "bad: decode csv: a quoted value does not end"},
		{nil, `"x"z,1,y`, "bad: decode csv: text follows a closing quote"},
		{nil, `x,"",y`, `bad: decode csv: column b: "" as INT: not an integer`},
		{nil, "\xff,1,y", "bad: decode csv: column a: the text is not valid UTF-8"},
		{format.Options{"field-delimiter": `\t`}, "x\t1\ty", "+I[x, 1, y]"},
		{format.Options{"field-delimiter": `\u0001`}, "x\x011\x01y", "+I[x, 1, y]"},
		{format.Options{"field-delimiter": "|", "quote-character": "'"}, `'a|b'|1|"y"`, `+I[a|b, 1, "y"]`},
		{format.Options{"disable-quote-character": "true"}, `"x",1,y"`, `+I["x", 1, y"]`},
		{format.Options{"escape-character": `\`}, `a\,b,1,"q\"q"`, `+I[a,b, 1, q"q]`},
		{format.Options{"null-literal": "n/a"}, `n/a,n/a,x`, "+I[NULL, NULL, x]"},
		{format.Options{"null-literal": ""}, `,,""`, "+I[NULL, NULL, NULL]"},
		{format.Options{"allow-comments": "true"}, "# note\nx,1,y\n#", "+I[x, 1, y]"},
		{format.Options{"ignore-parse-errors": "true"}, "x,one,y", "+I[x, NULL, y]"},
		{format.Options{"ignore-parse-errors": "true"}, "x,1", "+I[x, 1, NULL]"},
		{format.Options{"ignore-parse-errors": "true"}, "x,1,y,z", ""},
	} {
		if got := formattest.Decode(t, decoder(t, f, nil, c.opts), f, c.in); got != c.want {
			t.Errorf("%v %q:\n got %s\nwant %s", c.opts, c.in, got, c.want)
		}
	}
}

// TestEmptyValues has what Flink makes of nothing between two delimiters, where it does not fail.
func TestEmptyValues(t *testing.T) {
	f := formattest.Fields("a", types.String(), "b", types.Of(types.Boolean), "c", types.ArrayOf(types.String()), "d", types.RowOf(types.Field{Name: "x", Type: types.String()}), "e", types.Of(types.Int))
	if got := formattest.Decode(t, decoder(t, f, nil, nil), f, ",,,,"); got != "+I[, false, [], NULL, NULL]" {
		t.Error(got)
	}
}

func TestProjection(t *testing.T) {
	all := formattest.Fields("a", types.String(), "b", types.Of(types.Int), "c", types.String())
	f := formattest.Fields("c", types.String(), "a", types.String())
	if got := formattest.Decode(t, decoder(t, f, all, nil), f, "x,unread,y"); got != "+I[y, x]" {
		t.Error(got)
	}
	if _, err := NewDecoder(formattest.Fields("d", types.String()), all, Options{}); err == nil {
		t.Error("an unknown column is no error")
	}
}

// TestTypes decodes a value of each type and encodes it again; want "" means the same text.
func TestTypes(t *testing.T) {
	row := types.RowOf(types.Field{Name: "x", Type: types.Of(types.Int)}, types.Field{Name: "y", Type: types.String()})
	for _, c := range []struct {
		typ             types.Type
		in, value, want string
	}{
		{types.Of(types.Boolean), "true", "true", ""},
		{types.Of(types.TinyInt), "-5", "-5", ""},
		{types.Of(types.BigInt), "12345678901", "12345678901", ""},
		{types.Of(types.Double), "1", "1", "1.0"},
		{types.DecimalOf(10, 2), "3.14", "3.14", ""},
		{types.DecimalOf(20, 9), "0.000000027", "0.000000027", "2.7E-8"},
		{types.Bytes(), "aGVsbG8=", "68656c6c6f", ""},
		{types.Of(types.Date), "2024-01-31", "2024-01-31", ""},
		{types.Of(types.Time), "12:30:00", "12:30:00.000", ""},
		{types.TimestampOf(3), "2024-01-31 12:30:00.5", "2024-01-31T12:30:00.500", `"2024-01-31 12:30:00.5"`},
		{types.TimestampLTZOf(3), "2024-01-31 12:30:00Z", "2024-01-31T12:30:00Z", `"2024-01-31 12:30:00Z"`},
		{types.ArrayOf(types.Of(types.Int)), "1;;3", "[1, NULL, 3]", ""},
		{row, "1;a", "+I[1, a]", ""},
		{types.String(), "\"a,\"\"b\"\"\n\"", "a,\"b\"\n", ""},
		{types.String(), "plain", "plain", ""},
		{types.DecimalOf(10, 2), "100", "100.00", `"1E+2"`},
		{types.Of(types.Date), "2024-2-30", "2024-03-01", "2024-03-01"},
		{types.Type{Kind: types.Time, Precision: 2}, "12:30:00.129", "12:30:00.120", "12:30:00.12"},
		{types.Of(types.Time), "12:30", "12:30:00.000", "12:30:00"},
		{types.ArrayOf(types.Of(types.Int)), "1; 2 ;3", "[1, 2, 3]", "1;2;3"},
		{row, "1;a;more", "+I[1, a]", "1;a"},
		{types.String(), "abcdefghijklmnopqrstuvwx", "abcdefghijklmnopqrstuvwx", ""},
		{types.String(), "abcdefghijklmnopqrstuvwxy", "abcdefghijklmnopqrstuvwxy", `"abcdefghijklmnopqrstuvwxy"`},
		{types.String(), "a+b", "a+b", `"a+b"`},
		{types.String(), "a-b", "a-b", ""},
		{types.String(), "a'b", "a'b", `"a'b"`},
	} {
		f := formattest.Fields("v", c.typ)
		d := decoder(t, f, nil, nil)
		if got := formattest.Decode(t, d, f, c.in); !strings.Contains(got, c.value) {
			t.Errorf("%s %q: %s, want %s", c.typ, c.in, got, c.value)
			continue
		}
		b, _ := formattest.Batch(t, d, f, c.in)
		e, err := NewEncoder(f, d.opts)
		if err != nil {
			t.Fatal(err)
		}
		got, err := formattest.Encode(t, e, b)
		want := c.want
		if want == "" {
			want = c.in
		}
		if err != nil || got[0] != want {
			t.Errorf("%s: encoded as %q, %v, want %q", c.typ, got, err, want)
		}
	}
	for _, typ := range []types.Type{types.MapOf(types.String(), types.String()), types.ArrayOf(row)} {
		if _, err := NewDecoder(formattest.Fields("v", typ), nil, Options{}); err == nil {
			t.Errorf("%s is no error", typ)
		}
	}
}

func TestEncodeNulls(t *testing.T) {
	f := formattest.Fields("a", types.String(), "b", types.Of(types.Int), "c", types.String())
	d := decoder(t, f, nil, format.Options{"null-literal": "null"})
	b, _ := formattest.Batch(t, d, f, "null,null,x")
	e, err := NewEncoder(f, d.opts)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := formattest.Encode(t, e, b); err != nil || got[0] != "null,null,x" {
		t.Error(got, err)
	}
}

func TestOptions(t *testing.T) {
	for _, in := range []format.Options{{"field-delimiter": "ab"}, {"field-delimiter": "\n"}, {"quote-character": ","}, {"fild-delimiter": ";"},
		{"disable-quote-character": "true", "quote-character": "'"}, {"array-element-delimiter": ""}} {
		if _, err := ParseOptions(in); err == nil {
			t.Errorf("%v: no error", in)
		}
	}
}

func BenchmarkDecode3of7(b *testing.B) {
	all := formattest.Fields("a", types.String(), "b", types.Of(types.BigInt), "c", types.String(), "d", types.String(), "e", types.String(), "f", types.TimestampOf(3), "g", types.DecimalOf(10, 2))
	f := []format.Field{all[1], all[2], all[5]}
	line := `0123456789abcdef,1000123,"https://shop.example.com/item/17?from=search",https://shop.example.com/search,Mozilla/5.0 (X11; Linux x86_64),2024-01-31 12:30:00.123,17.25`
	msgs := formattest.Messages(line)
	for range 12 {
		msgs = append(msgs, msgs...)
	}
	d := decoder(b, f, all, nil)
	out := formattest.NewBuilder(f)
	b.SetBytes(int64(len(msgs) * len(line)))
	b.ReportAllocs()
	for b.Loop() {
		d.Decode(msgs, out, func(i int, err error) { b.Fatal(err) })
		out.Build()
	}
}
