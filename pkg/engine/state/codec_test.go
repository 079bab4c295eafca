package state

import (
	"bytes"
	"errors"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"pgregory.net/rapid"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func allTypes() []types.Type {
	row := types.RowOf(types.Field{Name: "a", Type: types.Of(types.Int)}, types.Field{Name: "b", Type: types.String()})
	return []types.Type{
		types.Of(types.Null), types.Of(types.Boolean), types.Of(types.TinyInt), types.Of(types.SmallInt), types.Of(types.Int),
		types.Of(types.BigInt), types.Of(types.Float), types.Of(types.Double), types.DecimalOf(20, 3), types.String(),
		types.Bytes(), types.Of(types.Date), types.Of(types.Time), types.TimestampOf(3), types.TimestampLTZOf(6),
		types.Of(types.IntervalYearMonth), types.Of(types.IntervalDayTime),
		types.ArrayOf(types.String()), types.MapOf(types.String(), types.Of(types.Double)), types.MultisetOf(types.Of(types.Int)),
		row, types.ArrayOf(row), types.ArrayOf(types.ArrayOf(types.Of(types.Boolean))),
	}
}

// appendRandom appends a random value to b by decoding random bytes that have the form of one.
func appendRandom(t *rapid.T, p phys, dst []byte) []byte {
	switch p.kind {
	case physBool:
		return append(dst, byte(rapid.IntRange(0, 1).Draw(t, "bool")))
	case physFixed:
		return append(dst, rapid.SliceOfN(rapid.Byte(), p.width, p.width).Draw(t, "fixed")...)
	case physBytes:
		n := rapid.SampledFrom([]int{0, 1, 5, 127, 128, 300}).Draw(t, "len")
		if n >= 128 {
			dst = append(dst, byte(n)|0x80, byte(n>>7))
		} else {
			dst = append(dst, byte(n))
		}
		return append(dst, bytes.Repeat([]byte{'x'}, n)...)
	case physList, physMap, physStruct:
		n := 1
		if p.kind != physStruct {
			n = rapid.IntRange(0, 3).Draw(t, "count")
			dst = append(dst, byte(n))
		}
		for range n {
			for i := range p.elems {
				if p.elems[i].kind == physNull || rapid.Bool().Draw(t, "null") && (p.kind != physMap || i > 0) {
					dst = append(dst, 0)
					continue
				}
				dst = appendRandom(t, p.elems[i], append(dst, 1))
			}
		}
	}
	return dst
}

func builders(ts []arrow.DataType) []array.Builder { return batch.NewBuilder(ts...).Cols }

// TestCodecRoundTrip: decoding then encoding gives the same bytes, by AppendRow and by Encode, on sliced arrays too.
func TestCodecRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := allTypes()
		flat := rapid.Bool().Draw(t, "flat")
		if flat {
			all = all[:17]
		}
		ts := batch.ArrowTypes(rapid.SliceOfN(rapid.SampledFrom(all), 0, 10).Draw(t, "types"))
		c := NewCodec(ts)
		bs := builders(ts)
		var want [][]byte
		n := rapid.IntRange(1, 8).Draw(t, "rows")
		for range n {
			row := make([]byte, c.nulls)
			for i, p := range c.phys {
				if p.kind == physNull || rapid.IntRange(0, 3).Draw(t, "null") == 0 {
					row[i/8] |= 1 << (i % 8)
					switch p.kind {
					case physList, physMap, physBytes:
						row = append(row, 0)
					default:
						row = append(row, make([]byte, p.width+len(p.elems))...)
					}
					continue
				}
				row = appendRandom(t, p, row)
			}
			want = append(want, row)
			rest, err := c.DecodeRow(append(append([]byte(nil), row...), "rest"...), bs)
			if err != nil || string(rest) != "rest" {
				t.Fatalf("rest %q, error %v", rest, err)
			}
			if c.Width() > 0 && len(row) != c.Width() {
				t.Fatalf("a row of %d bytes, width %d", len(row), c.Width())
			}
		}
		cols := make([]arrow.Array, len(ts))
		from := rapid.IntRange(0, n-1).Draw(t, "from")
		for i, b := range bs {
			cols[i] = array.NewSlice(b.NewArray(), int64(from), int64(n))
		}
		var k Keys
		c.Encode(&k, cols, n-from)
		for i, w := range want[from:] {
			if got := c.AppendRow(nil, cols, i); !bytes.Equal(got, w) {
				t.Fatalf("AppendRow of row %d of %v:\n%x, want\n%x", i, ts, got, w)
			}
			if !bytes.Equal(k.At(i), w) {
				t.Fatalf("Encode of row %d of %v:\n%x, want\n%x", i, ts, k.At(i), w)
			}
		}
	})
}

// FuzzDecodeRow: whatever the bytes, a row is decoded or refused whole.
func FuzzDecodeRow(f *testing.F) {
	ts := batch.ArrowTypes(allTypes())
	c := NewCodec(ts)
	bs := builders(ts)
	for _, b := range bs {
		b.AppendNull()
	}
	nulls := make([]arrow.Array, len(bs))
	for i, b := range bs {
		nulls[i] = b.NewArray()
	}
	row := c.AppendRow(nil, nulls, 0)
	f.Add(row)
	f.Add(row[:len(row)-1])
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0, 0, 0, 1}, 100))
	f.Add(append(make([]byte, 120), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f))
	f.Fuzz(func(t *testing.T, data []byte) {
		bs := builders(ts)
		rest, err := c.DecodeRow(data, bs)
		want := 1
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("error %v is not ErrCorrupt", err)
			}
			want = 0
		} else if len(rest) > len(data) {
			t.Fatal("more is left than there was")
		}
		for i, b := range bs {
			if b.Len() != want {
				t.Fatalf("column %d has %d values, want %d", i, b.Len(), want)
			}
		}
	})
}
