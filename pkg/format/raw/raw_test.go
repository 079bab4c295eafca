package raw

import (
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/formattest"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// TestValues decodes a value and encodes it again.
func TestValues(t *testing.T) {
	little := format.Options{"endianness": "little-endian"}
	for _, c := range []struct {
		typ      types.Type
		opts     format.Options
		in, want string
	}{
		{types.String(), nil, "中文\n", "+I[中文\n]"},
		{types.String(), nil, "", "+I[]"},
		{types.String(), format.Options{"charset": "GBK"}, "\xd6\xd0", "+I[中]"},
		{types.String(), format.Options{"charset": "iso-8859-1"}, "\xe9", "+I[é]"},
		{types.String(), nil, "\xff", "bad: decode raw VARCHAR: the text is not valid UTF-8"},
		{types.Bytes(), nil, "\x01\xff", "+I[01ff]"},
		{types.Of(types.Boolean), nil, "\x01", "+I[true]"},
		{types.Of(types.Boolean), nil, "\x00", "+I[false]"},
		{types.Of(types.TinyInt), nil, "\xff", "+I[-1]"},
		{types.Of(types.SmallInt), nil, "\x01\x02", "+I[258]"},
		{types.Of(types.SmallInt), little, "\x01\x02", "+I[513]"},
		{types.Of(types.Int), nil, "\x00\x00\x01\x00", "+I[256]"},
		{types.Of(types.BigInt), nil, "\x00\x00\x00\x00\x00\x00\x01\x00", "+I[256]"},
		{types.Of(types.Float), nil, "\x3f\xc0\x00\x00", "+I[1.5]"},
		{types.Of(types.Double), nil, "\x3f\xf8\x00\x00\x00\x00\x00\x00", "+I[1.5]"},
		{types.Of(types.Int), nil, "\x00", "bad: decode raw INT: 1 bytes where there should be 4"},
	} {
		f := formattest.Fields("v", c.typ)
		o, err := ParseOptions(c.opts)
		if err != nil {
			t.Fatal(err)
		}
		d, err := NewDecoder(f, o)
		if err != nil {
			t.Fatal(err)
		}
		if got := formattest.Decode(t, d, f, c.in); got != c.want {
			t.Errorf("%s %q: %s, want %s", c.typ, c.in, got, c.want)
		}
		if strings.HasPrefix(c.want, "bad") {
			continue
		}
		b, _ := formattest.Batch(t, d, f, c.in)
		e, err := NewEncoder(f, o)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := formattest.Encode(t, e, b); err != nil || got[0] != c.in {
			t.Errorf("%s: encoded as %q, %v", c.typ, got, err)
		}
	}
}

func TestNull(t *testing.T) {
	f := formattest.Fields("v", types.String())
	o, _ := ParseOptions(nil)
	d, err := NewDecoder(f, o)
	if err != nil {
		t.Fatal(err)
	}
	out := formattest.NewBuilder(f)
	d.Decode([]format.Message{{}, {Value: []byte{}}}, out, func(i int, err error) { t.Error(err) })
	b := out.Build()
	if b.String() != "+I[NULL]\n+I[]\n" {
		t.Error(b)
	}
	e, _ := NewEncoder(f, o)
	if err := e.Encode(b, func(row int, v []byte) error {
		if (v == nil) != (row == 0) {
			t.Errorf("row %d is %v", row, v)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestErrors(t *testing.T) {
	o, _ := ParseOptions(nil)
	for _, f := range [][]format.Field{formattest.Fields("a", types.String(), "b", types.String()), formattest.Fields("a", types.Of(types.Date))} {
		if _, err := NewDecoder(f, o); err == nil {
			t.Errorf("%v: no error", f)
		}
	}
	for _, in := range []format.Options{{"charset": "klingon"}, {"endianness": "middle"}, {"charst": "UTF-8"}} {
		if _, err := ParseOptions(in); err == nil {
			t.Errorf("%v: no error", in)
		}
	}
}
