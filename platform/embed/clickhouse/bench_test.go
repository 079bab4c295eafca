package clickhouse_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/clickhouse"
)

// wideRecord has 20 columns, as a trade wide table has: 8 integers, 4 floats, 6 strings, a day and a time.
func wideRecord(rows int) arrow.Record {
	var fields []arrow.Field
	add := func(n int, name string, t arrow.DataType) {
		for i := range n {
			fields = append(fields, arrow.Field{Name: name + strconv.Itoa(i), Type: t, Nullable: i%2 == 1})
		}
	}
	add(8, "i", arrow.PrimitiveTypes.Int64)
	add(4, "f", arrow.PrimitiveTypes.Float64)
	add(6, "s", arrow.BinaryTypes.String)
	add(1, "d", arrow.FixedWidthTypes.Date32)
	add(1, "t", arrow.FixedWidthTypes.Timestamp_ms)
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	for i, f := range fields {
		switch fb := b.Field(i).(type) {
		case *array.Int64Builder:
			for r := range rows {
				fb.Append(int64(r*(i+1)) * 7919 % 1_000_003)
			}
		case *array.Float64Builder:
			for r := range rows {
				fb.Append(float64(r) / 7)
			}
		case *array.StringBuilder:
			for r := range rows {
				if f.Nullable && r%10 == 0 {
					fb.AppendNull()
				} else {
					fb.Append("value-" + strconv.Itoa(r%(200*(i+1))))
				}
			}
		case *array.Date32Builder:
			for r := range rows {
				fb.Append(arrow.Date32FromTime(now) + arrow.Date32(r%30))
			}
		case *array.TimestampBuilder:
			for r := range rows {
				fb.Append(arrow.Timestamp(now.UnixMilli() + int64(r)))
			}
		}
	}
	return b.NewRecord()
}

func recordBytes(rec arrow.Record) (n int64) {
	for _, c := range rec.Columns() {
		for _, b := range c.Data().Buffers() {
			if b != nil {
				n += int64(b.Len())
			}
		}
	}
	return n
}

// BenchmarkInsertWide inserts 100,000 rows of 20 columns per call into MergeTree, end to end.
func BenchmarkInsertWide(b *testing.B) {
	s := start(b, b.TempDir())
	c := open(b, s)
	rec := wideRecord(100_000)
	defer rec.Release()
	columns, err := clickhouse.ColumnsOf(rec.Schema())
	if err != nil {
		b.Fatal(err)
	}
	for _, engine := range []string{"MergeTree", "Null"} {
		b.Run(engine, func(b *testing.B) {
			if err := c.EnsureTable(b.Context(), clickhouse.Table{Name: "wide_" + engine, Engine: engine, Columns: columns, OrderBy: []string{"i0"}}); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(recordBytes(rec))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if err := c.InsertColumns(b.Context(), "wide_"+engine, nil, rec, fmt.Sprint(b.Name(), b.N, i)); err != nil {
					b.Fatal(err)
				}
				i++
			}
			b.ReportMetric(float64(rec.NumRows())*float64(i)/b.Elapsed().Seconds(), "rows/s")
		})
	}
	// The same rows through clickhouse-go's batch, one typed slice per column: what InsertColumns must beat.
	b.Run("clickhouse-go", func(b *testing.B) {
		if err := c.EnsureTable(b.Context(), clickhouse.Table{Name: "wide_driver", Columns: columns, OrderBy: []string{"i0"}}); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(recordBytes(rec))
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			batch, err := c.Conn().PrepareBatch(b.Context(), "INSERT INTO wide_driver")
			if err != nil {
				b.Fatal(err)
			}
			for k, col := range rec.Columns() {
				if err := batch.Column(k).Append(driverColumn(col, rec.Schema().Field(k).Nullable)); err != nil {
					b.Fatal(err)
				}
			}
			if err := batch.Send(); err != nil {
				b.Fatal(err)
			}
			i++
		}
		b.ReportMetric(float64(rec.NumRows())*float64(i)/b.Elapsed().Seconds(), "rows/s")
	})
}

// driverColumn turns a column into the slice that clickhouse-go wants.
func driverColumn(a arrow.Array, nullable bool) any {
	switch a := a.(type) {
	case *array.Int64:
		return slice(a, nullable, a.Value)
	case *array.Float64:
		return slice(a, nullable, a.Value)
	case *array.String:
		return slice(a, nullable, a.Value)
	case *array.Date32:
		return slice(a, nullable, func(i int) time.Time { return a.Value(i).ToTime() })
	case *array.Timestamp:
		return slice(a, nullable, func(i int) time.Time { return a.Value(i).ToTime(arrow.Millisecond) })
	}
	return nil
}

func slice[T any](a arrow.Array, nullable bool, value func(int) T) any {
	values := make([]T, a.Len())
	for i := range values {
		values[i] = value(i)
	}
	if !nullable {
		return values
	}
	pointers := make([]*T, a.Len())
	for i := range pointers {
		if a.IsValid(i) {
			pointers[i] = &values[i]
		}
	}
	return pointers
}
