package batch

import (
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/sql/types"
)

var everyType = []types.Type{
	types.Of(types.Boolean), types.Of(types.TinyInt), types.Of(types.SmallInt), types.Of(types.Int), types.Of(types.BigInt),
	types.Of(types.Float), types.Of(types.Double), types.DecimalOf(10, 2), types.String(), types.Bytes(), types.Of(types.Date),
	types.Of(types.Time), types.TimestampOf(3), types.TimestampLTZOf(6), types.ArrayOf(types.String()),
	types.MapOf(types.String(), types.Of(types.Int)),
	types.RowOf(types.Field{Name: "a", Type: types.Of(types.Int)}, types.Field{Name: "s", Type: types.String()}),
	types.ArrayOf(types.RowOf(types.Field{Name: "m", Type: types.MapOf(types.String(), types.Of(types.Boolean))})),
}

// appendSample appends the seed-th value of the builder's type; every third is null.
func appendSample(b array.Builder, seed int) {
	if seed%3 == 2 {
		b.AppendNull()
		return
	}
	switch d := b.(type) {
	case *array.BooleanBuilder:
		d.Append(seed%2 == 0)
	case *array.StringBuilder:
		d.Append(fmt.Sprint("v", seed))
	case *array.BinaryBuilder:
		d.Append([]byte(fmt.Sprint("b", seed)))
	case *array.StructBuilder:
		d.Append(true)
		for i := 0; i < d.NumField(); i++ {
			appendSample(d.FieldBuilder(i), seed+i)
		}
	case *array.MapBuilder:
		d.Append(true)
		for i := 0; i < seed%4; i++ {
			d.KeyBuilder().(*array.StringBuilder).Append(fmt.Sprint("k", i))
			appendSample(d.ItemBuilder(), seed+i)
		}
	case *array.ListBuilder:
		d.Append(true)
		for i := 0; i < seed%4; i++ {
			appendSample(d.ValueBuilder(), seed+i)
		}
	case *array.Date32Builder:
		d.Append(arrow.Date32(seed))
	case *array.Time32Builder:
		d.Append(arrow.Time32(seed))
	case *array.TimestampBuilder:
		d.Append(arrow.Timestamp(seed))
	default:
		if err := b.AppendValueFromString(fmt.Sprint(seed % 100)); err != nil {
			panic(err)
		}
	}
}

// TestRollback checks at lengths on both sides of Arrow's smallest builder that rows appended after a rollback are what
// they would be had the bad row never been there.
func TestRollback(t *testing.T) {
	for _, n := range []int{0, 1, 5, 33, 100} {
		for _, junk := range []int{1, 7, 5000} {
			got, want := NewBuilder(ArrowTypes(everyType)...), NewBuilder(ArrowTypes(everyType)...)
			for i := 0; i < n; i++ {
				for c := range everyType {
					appendSample(got.Cols[c], i)
					appendSample(want.Cols[c], i)
				}
				got.RowDone(Kind(i&3), int32(i))
				want.RowDone(Kind(i&3), int32(i))
			}
			for i := 0; i < junk; i++ {
				for c := range everyType {
					if i == junk-1 && c > 16 {
						break // the last row is unfinished
					}
					appendSample(got.Cols[c], 3*i+1)
				}
				if i < junk-1 {
					got.RowDone(UpdateAfter, int32(n))
				}
			}
			if s, ok := got.Cols[16].(*array.StructBuilder); ok {
				s.Append(true) // begun, its fields not yet appended
			}
			got.RollbackTo(n)
			if got.Len() != n || len(got.Msg) != n {
				t.Fatalf("n=%d: Len %d, Msg %d after rollback", n, got.Len(), len(got.Msg))
			}
			for i := n; i < n+40; i++ {
				appendSample(got.Cols[9], 1)
				appendSample(got.Cols[17], i)
				got.Rollback() // another unfinished row between good ones
				for c := range everyType {
					appendSample(got.Cols[c], i+1)
					appendSample(want.Cols[c], i+1)
				}
				got.RowDone(Insert, 0)
				want.RowDone(Insert, 0)
			}
			g, w := got.Build(), want.Build()
			for c := range everyType {
				if g.Cols[c].Len() != n+40 || g.Cols[c].NullN() != w.Cols[c].NullN() {
					t.Errorf("n=%d junk=%d %s: %d values, %d nulls, want %d nulls", n, junk, everyType[c], g.Cols[c].Len(), g.Cols[c].NullN(), w.Cols[c].NullN())
				}
			}
			if g, w := g.String(), w.String(); g != w {
				t.Errorf("n=%d junk=%d:\n%s\nwant\n%s", n, junk, g, w)
			}
		}
	}
}

func BenchmarkRollback(b *testing.B) {
	bld := NewBuilder(ArrowTypes(everyType[:14])...)
	for i := 0; i < TargetRows; i++ {
		for c := range bld.Cols {
			appendSample(bld.Cols[c], i)
		}
		bld.RowDone(Insert, 0)
	}
	b.ReportAllocs()
	for b.Loop() {
		for c := range bld.Cols {
			appendSample(bld.Cols[c], 1)
		}
		bld.Rollback()
	}
}

// TestTruncate cuts a single builder, as for a part of a row that becomes NULL.
func TestTruncate(t *testing.T) {
	for _, typ := range everyType {
		for _, n := range []int{0, 1, 31, 32, 40} {
			got, want := NewBuilder(ArrowType(typ)), NewBuilder(ArrowType(typ))
			for i := 0; i < n+9; i++ {
				appendSample(got.Cols[0], i)
			}
			Truncate(got.Cols[0], n)
			for i := 0; i < n; i++ {
				appendSample(want.Cols[0], i)
			}
			for i := 0; i < 9; i++ {
				appendSample(got.Cols[0], 2*i+1)
				appendSample(want.Cols[0], 2*i+1)
			}
			g, w := got.Cols[0].NewArray(), want.Cols[0].NewArray()
			if !array.Equal(g, w) || g.NullN() != w.NullN() {
				t.Errorf("%s n=%d: %v, want %v", typ, n, g, w)
			}
		}
	}
}
