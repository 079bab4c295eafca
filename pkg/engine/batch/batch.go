// Package batch holds the unit that flows between operators: a few thousand rows as Arrow columns, each row with a change
// kind. Arrays are owned by Go's garbage collector: nobody calls Retain or Release, and a batch is never changed once
// it was given away.
package batch

import (
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Kind is a row's change kind.
type Kind uint8

// The change kinds; their order is that of catalog.ChangeMode's bits and of Flink's RowKind bytes.
const (
	Insert Kind = iota
	UpdateBefore
	UpdateAfter
	Delete
)

// String is the short form of Flink's changelogs: +I, -U, +U, -D.
func (k Kind) String() string { return [...]string{"+I", "-U", "+U", "-D"}[k&3] }

// Retracts is true for kinds that take a row back.
func (k Kind) Retracts() bool { return k == UpdateBefore || k == Delete }

// TargetRows is how many rows sources and operators aim to put in one batch.
const TargetRows = 4096

// Batch is N rows. Cols[i].Len() == N for all i. Kinds is nil when all rows are inserts.
type Batch struct {
	N     int
	Cols  []arrow.Array
	Kinds []Kind
}

// New makes a batch of inserts.
func New(n int, cols ...arrow.Array) *Batch { return &Batch{N: n, Cols: cols} }

// Kind is row i's change kind.
func (b *Batch) Kind(i int) Kind {
	if b.Kinds == nil {
		return Insert
	}
	return b.Kinds[i]
}

// String prints the rows one to a line, "+I[a, 1]": for tests and the print connector.
func (b *Batch) String() string {
	var s strings.Builder
	for i := 0; i < b.N; i++ {
		s.WriteString(b.RowString(i))
		s.WriteByte('\n')
	}
	return s.String()
}

// RowString prints row i as Flink's print connector does.
func (b *Batch) RowString(i int) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s[", b.Kind(i))
	for c, col := range b.Cols {
		if c > 0 {
			s.WriteString(", ")
		}
		s.WriteString(ValueString(col, i))
	}
	s.WriteByte(']')
	return s.String()
}

// ArrowType is the Arrow type that holds columns of t:
// BOOLEAN bool · TINYINT…BIGINT int8…int64 · FLOAT float32 · DOUBLE float64 · DECIMAL decimal128(p,s) · CHAR/VARCHAR utf8 ·
// BINARY/VARBINARY binary · DATE date32 · TIME time32[ms] · TIMESTAMP timestamp[us] · TIMESTAMP_LTZ timestamp[us, UTC] ·
// INTERVAL YEAR TO MONTH int32 months · INTERVAL DAY TO SECOND int64 milliseconds · ARRAY/MULTISET list/map · MAP map · ROW struct.
// Timestamps of all precisions are kept in microseconds; fractions beyond are cut off when they are read.
func ArrowType(t types.Type) arrow.DataType {
	switch t.Kind {
	case types.Null:
		return arrow.Null
	case types.Boolean:
		return arrow.FixedWidthTypes.Boolean
	case types.TinyInt:
		return arrow.PrimitiveTypes.Int8
	case types.SmallInt:
		return arrow.PrimitiveTypes.Int16
	case types.Int, types.IntervalYearMonth:
		return arrow.PrimitiveTypes.Int32
	case types.BigInt, types.IntervalDayTime:
		return arrow.PrimitiveTypes.Int64
	case types.Float:
		return arrow.PrimitiveTypes.Float32
	case types.Double:
		return arrow.PrimitiveTypes.Float64
	case types.Decimal:
		return &arrow.Decimal128Type{Precision: int32(t.Precision), Scale: int32(t.Scale)}
	case types.Char, types.Varchar:
		return arrow.BinaryTypes.String
	case types.Binary, types.Varbinary:
		return arrow.BinaryTypes.Binary
	case types.Date:
		return arrow.FixedWidthTypes.Date32
	case types.Time:
		return arrow.FixedWidthTypes.Time32ms
	case types.Timestamp:
		return timestampUS
	case types.TimestampLTZ:
		return timestampLTZ
	case types.Array:
		return arrow.ListOf(ArrowType(*t.Elem))
	case types.Map:
		return arrow.MapOf(ArrowType(*t.Key), ArrowType(*t.Elem))
	case types.Multiset:
		return arrow.MapOf(ArrowType(*t.Elem), arrow.PrimitiveTypes.Int32)
	case types.Row:
		fs := make([]arrow.Field, len(t.Fields))
		for i, f := range t.Fields {
			fs[i] = arrow.Field{Name: f.Name, Type: ArrowType(f.Type), Nullable: true}
		}
		return arrow.StructOf(fs...)
	}
	panic("batch: no Arrow type for " + t.String())
}

var (
	timestampUS  = &arrow.TimestampType{Unit: arrow.Microsecond}
	timestampLTZ = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
)

// ArrowTypes maps a list of types.
func ArrowTypes(ts []types.Type) []arrow.DataType {
	out := make([]arrow.DataType, len(ts))
	for i, t := range ts {
		out[i] = ArrowType(t)
	}
	return out
}

// ValueString prints one value in Flink's print form: NULL, true, 2024-01-01, 2024-01-01T00:00:01, +I[a, 1] for rows.
func ValueString(a arrow.Array, i int) string {
	if a.IsNull(i) || a.DataType().ID() == arrow.NULL { // a column of type NULL has no bitmap
		return "NULL"
	}
	switch a := a.(type) {
	case *array.String:
		return a.Value(i)
	case *array.Binary:
		return fmt.Sprintf("%x", a.Value(i))
	case *array.Timestamp:
		return timestampString(int64(a.Value(i)), a.DataType().(*arrow.TimestampType).TimeZone != "")
	case *array.Decimal128: // Arrow's own text goes through floats
		return decimalString(a.Value(i).BigInt().String(), int(a.DataType().(*arrow.Decimal128Type).Scale))
	case *array.Struct:
		var s strings.Builder
		s.WriteString("+I[")
		for f := 0; f < a.NumField(); f++ {
			if f > 0 {
				s.WriteString(", ")
			}
			s.WriteString(ValueString(a.Field(f), i))
		}
		s.WriteByte(']')
		return s.String()
	case *array.Map:
		from, to := a.ValueOffsets(i)
		var s strings.Builder
		s.WriteByte('{')
		for j := from; j < to; j++ {
			if j > from {
				s.WriteString(", ")
			}
			s.WriteString(ValueString(a.Keys(), int(j)))
			s.WriteByte('=')
			s.WriteString(ValueString(a.Items(), int(j)))
		}
		s.WriteByte('}')
		return s.String()
	case *array.List:
		from, to := a.ValueOffsets(i)
		var s strings.Builder
		s.WriteByte('[')
		for j := from; j < to; j++ {
			if j > from {
				s.WriteString(", ")
			}
			s.WriteString(ValueString(a.ListValues(), int(j)))
		}
		s.WriteByte(']')
		return s.String()
	}
	return a.ValueStr(i)
}

// decimalString puts the point into an unscaled decimal.
func decimalString(digits string, scale int) string {
	if scale <= 0 {
		return digits
	}
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	if len(digits) <= scale {
		digits = strings.Repeat("0", scale+1-len(digits)) + digits
	}
	return sign + digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
}
