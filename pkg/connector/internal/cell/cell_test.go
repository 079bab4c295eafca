package cell

import (
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func TestTextAndBack(t *testing.T) {
	for _, c := range []struct {
		typ      types.Type
		in, want string // want empty: the same; "!": refused
	}{
		{types.String(), "a b", ""},
		{types.Bytes(), "\x00\xff", ""},
		{types.Of(types.Boolean), "true", ""}, {types.Of(types.Boolean), "1", "true"}, {types.Of(types.Boolean), "yes", "!"},
		{types.Of(types.TinyInt), "-128", ""}, {types.Of(types.TinyInt), "128", "!"},
		{types.Of(types.SmallInt), "32767", ""}, {types.Of(types.Int), "-2147483648", ""}, {types.Of(types.BigInt), "9223372036854775807", ""}, {types.Of(types.BigInt), "1.0", "!"},
		{types.Of(types.Float), "0.1", ""}, {types.Of(types.Double), "1e+300", ""},
		{types.DecimalOf(5, 2), "-1.50", ""}, {types.DecimalOf(5, 2), "1.005", "1.01"}, {types.DecimalOf(5, 2), "-1.005", "-1.01"}, {types.DecimalOf(5, 2), "1e2", "100.00"}, {types.DecimalOf(5, 2), "999.995", "!"}, {types.DecimalOf(5, 2), "x", "!"},
		{types.DecimalOf(38, 0), "99999999999999999999999999999999999999", ""},
		{types.Of(types.Date), "0001-01-01", ""}, {types.Of(types.Date), "2023-02-29", "!"},
		{types.Of(types.Time), "23:59:59.5", ""}, {types.Of(types.Time), "24:00:00", "!"},
		{types.TimestampOf(6), "1969-12-31 23:59:59.999999", ""}, {types.TimestampOf(6), "2024-01-01T00:00:00", "2024-01-01 00:00:00"}, {types.TimestampOf(6), "2024-01-01T01:00:00+01:00", "2024-01-01 00:00:00"}, {types.TimestampOf(6), "soon", "!"},
	} {
		b := array.NewBuilder(memory.DefaultAllocator, batch.ArrowType(c.typ))
		err := Parse(b, c.in)
		if err != nil {
			if c.want != "!" {
				t.Errorf("%s %q: %v", c.typ, c.in, err)
			}
			if b.Len() != 0 {
				t.Errorf("%s %q: a value was added although it is refused", c.typ, c.in)
			}
			continue
		}
		want := c.want
		if want == "" {
			want = c.in
		}
		if got := Text(b.NewArray(), 0); got != want {
			t.Errorf("%s %q is %q, want %q", c.typ, c.in, got, want)
		}
	}
}
