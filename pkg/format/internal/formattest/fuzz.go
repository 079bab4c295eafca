package formattest

import (
	"testing"

	"github.com/freshet-dw/freshet/pkg/format"
)

// Fuzz decodes data between two good messages and checks what must hold for every input: no panic, all columns of one
// length, a message that is reported leaves no row, and the good messages' rows are the same as ever.
func Fuzz(t *testing.T, d format.Decoder, fields []format.Field, good, data []byte) {
	want := NewBuilder(fields)
	d.Decode([]format.Message{{Value: good}}, want, func(_ int, err error) { t.Fatal(err) })
	rows := want.Len()
	text := want.Build().String()

	out := NewBuilder(fields)
	var bad []int
	d.Decode([]format.Message{{Value: good}, {Value: data}, {Value: good}}, out, func(i int, err error) {
		if err == nil {
			t.Error("bad without a reason")
		}
		bad = append(bad, i)
	})
	n := out.Len()
	if len(bad) > 1 || len(bad) == 1 && (bad[0] != 1 || n != 2*rows) {
		t.Fatalf("bad %v with %d rows, a good message has %d", bad, n, rows)
	}
	if len(out.Msg) != n {
		t.Fatalf("%d rows, %d Msg entries", n, len(out.Msg))
	}
	b := out.Build()
	for i, c := range b.Cols {
		if c.Len() != n {
			t.Fatalf("column %d has %d values, not %d", i, c.Len(), n)
		}
	}
	s := b.String()
	if len(s) < 2*len(text) || s[:len(text)] != text || s[len(s)-len(text):] != text {
		t.Fatalf("the good rows changed:\n%s\nwant\n%s at both ends", s, text)
	}
}
