// Package formattest runs decoders and encoders in tests.
package formattest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Fields makes a list of fields from names and types in turn.
func Fields(nameType ...any) []format.Field {
	var out []format.Field
	for i := 0; i < len(nameType); i += 2 {
		out = append(out, format.Field{Name: nameType[i].(string), Type: nameType[i+1].(types.Type)})
	}
	return out
}

// NewBuilder makes a builder for the fields.
func NewBuilder(fields []format.Field) *batch.Builder {
	ts := make([]types.Type, len(fields))
	for i, f := range fields {
		ts[i] = f.Type
	}
	return batch.NewBuilder(batch.ArrowTypes(ts)...)
}

// Messages makes messages of values.
func Messages(values ...string) []format.Message {
	out := make([]format.Message, len(values))
	for i, v := range values {
		out[i].Value = []byte(v)
	}
	return out
}

// Batch decodes the values; bad ones are returned as "index: reason".
func Batch(t testing.TB, d format.Decoder, fields []format.Field, values ...string) (*batch.Batch, []string) {
	t.Helper()
	b := NewBuilder(fields)
	var bad []string
	last := -1
	d.Decode(Messages(values...), b, func(i int, err error) {
		if i <= last {
			t.Errorf("message %d reported after %d", i, last)
		}
		last = i
		bad = append(bad, fmt.Sprintf("%d: %v", i, err))
	})
	n := b.Len()
	if len(b.Msg) != n {
		t.Errorf("%d rows, %d Msg entries", n, len(b.Msg))
	}
	out := b.Build()
	for i, c := range out.Cols {
		if c.Len() != n {
			t.Fatalf("column %d has %d values, not %d", i, c.Len(), n)
		}
	}
	return out, bad
}

// Decode decodes one value and returns its rows, or "bad: " and the reason.
func Decode(t testing.TB, d format.Decoder, fields []format.Field, value string) string {
	t.Helper()
	b, bad := Batch(t, d, fields, value)
	if len(bad) > 0 {
		if b.N > 0 {
			t.Errorf("a bad message left %d rows", b.N)
		}
		return "bad: " + strings.TrimPrefix(bad[0], "0: ")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Encode encodes the batch and returns the messages.
func Encode(t testing.TB, e format.Encoder, b *batch.Batch) ([]string, error) {
	t.Helper()
	var out []string
	err := e.Encode(b, func(_ int, v []byte) error {
		out = append(out, string(v))
		return nil
	})
	return out, err
}

// BenchmarkDecode decodes batches of some thousand messages, the values in turn, and reports bytes and allocations of a batch.
func BenchmarkDecode(b *testing.B, d format.Decoder, fields []format.Field, values ...string) {
	msgs := Messages(values...)
	for len(msgs) < 4096 {
		msgs = append(msgs, msgs...)
	}
	size := 0
	for _, m := range msgs {
		size += len(m.Value)
	}
	out := NewBuilder(fields)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		d.Decode(msgs, out, func(_ int, err error) { b.Fatal(err) })
		out.Build()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(msgs)), "ns/msg")
}
