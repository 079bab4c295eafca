package parquet

import (
	"bytes"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"github.com/freshet-dw/freshet/pkg/format/internal/formattest"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// TestForeignTypes reads what other writers leave: timestamps in other units, INT96, narrow and unsigned numbers, large and
// dictionary strings by way of a stored Arrow schema.
func TestForeignTypes(t *testing.T) {
	dict := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	for _, int96 := range []bool{false, true} {
		s := arrow.NewSchema([]arrow.Field{
			{Name: "ns", Type: &arrow.TimestampType{Unit: arrow.Nanosecond}, Nullable: true},
			{Name: "ms", Type: &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}, Nullable: true},
			{Name: "i8", Type: arrow.PrimitiveTypes.Int8, Nullable: true},
			{Name: "u32", Type: arrow.PrimitiveTypes.Uint32, Nullable: true},
			{Name: "f32", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
			{Name: "dict", Type: dict, Nullable: true},
			{Name: "bin", Type: arrow.BinaryTypes.Binary, Nullable: true},
		}, nil)
		b := array.NewRecordBuilder(memory.DefaultAllocator, s)
		b.Field(0).(*array.TimestampBuilder).AppendValues([]arrow.Timestamp{1_500_000_999, 0, -999}, []bool{true, false, true})
		b.Field(1).(*array.TimestampBuilder).AppendValues([]arrow.Timestamp{1500, 0, -1}, []bool{true, false, true})
		b.Field(2).(*array.Int8Builder).AppendValues([]int8{-8, 0, 8}, []bool{true, false, true})
		b.Field(3).(*array.Uint32Builder).AppendValues([]uint32{1<<32 - 1, 0, 1}, []bool{true, false, true})
		b.Field(4).(*array.Float32Builder).AppendValues([]float32{0.5, 0, -1}, []bool{true, false, true})
		for _, v := range []string{"a", "", "a"} {
			if v == "" {
				b.Field(5).AppendNull()
				b.Field(6).AppendNull()
				continue
			}
			if err := b.Field(5).(*array.BinaryDictionaryBuilder).AppendString(v); err != nil {
				t.Fatal(err)
			}
			b.Field(6).(*array.BinaryBuilder).Append([]byte(v))
		}
		opts := []pqarrow.WriterOption{pqarrow.WithStoreSchema()}
		if int96 {
			opts = append(opts, pqarrow.WithDeprecatedInt96Timestamps(true))
		}
		var out bytes.Buffer
		w, err := pqarrow.NewFileWriter(s, &out, parquet.NewWriterProperties(), pqarrow.NewArrowWriterProperties(opts...))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(b.NewRecord()); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		fields := formattest.Fields("ns", types.TimestampOf(6), "ms", types.TimestampLTZOf(3), "i8", types.Of(types.BigInt), "u32", types.Of(types.BigInt),
			"f32", types.Of(types.Double), "dict", types.String(), "bin", types.String())
		got, err := read(t, out.Bytes(), fields)
		want := "+I[1970-01-01T00:00:01.500, 1970-01-01T00:00:01.500Z, -8, 4294967295, 0.5, a, a]\n" +
			"+I[NULL, NULL, NULL, NULL, NULL, NULL, NULL]\n" +
			"+I[1969-12-31T23:59:59.999999, 1969-12-31T23:59:59.999Z, 8, 1, -1, a, a]\n"
		if err != nil || got != want {
			t.Errorf("int96 %v: %v\n%swant\n%s", int96, err, got, want)
		}
		if _, err := read(t, out.Bytes(), formattest.Fields("u32", types.Of(types.Int))); err == nil {
			t.Error("an unsigned number is read into a type that does not hold it")
		}
	}
}
