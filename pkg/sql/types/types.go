// Package types holds Flink SQL's logical types. It knows nothing of Arrow or of any client; engine/batch maps a
// logical type to the column that holds it.
package types

import (
	"fmt"
	"strings"
)

// Kind is the root of a logical type, without its parameters.
type Kind uint8

// The kinds. Null is the type of a bare NULL literal.
const (
	Null Kind = iota
	Boolean
	TinyInt
	SmallInt
	Int
	BigInt
	Float
	Double
	Decimal      // Precision, Scale
	Char         // Precision = length
	Varchar      // Precision = length; STRING is VARCHAR(MaxLength)
	Binary       // Precision = length
	Varbinary    // Precision = length; BYTES is VARBINARY(MaxLength)
	Date         // days since 1970-01-01
	Time         // milliseconds of the day; Precision 0..9
	Timestamp    // without time zone; Precision 0..9 (default 6)
	TimestampLTZ // an instant, shown in the session's zone; Precision 0..9 (default 6)
	IntervalYearMonth
	IntervalDayTime
	Array    // Elem
	Map      // Key, Elem
	Multiset // Elem
	Row      // Fields
)

// MaxLength is the length of STRING and BYTES.
const MaxLength = 2147483647

// Type is a logical type. The zero value is NULL's type. Types are values: compare them with Equal.
type Type struct {
	Kind      Kind
	NotNull   bool
	Precision int // DECIMAL precision, character length, or fractional-second digits
	Scale     int // DECIMAL scale
	Key       *Type
	Elem      *Type
	Fields    []Field
}

// Field is one named member of a ROW.
type Field struct {
	Name string
	Type Type
}

// Of gives the type of kind k with k's default parameters, nullable.
func Of(k Kind) Type {
	t := Type{Kind: k}
	switch k {
	case Decimal:
		t.Precision, t.Scale = 10, 0
	case Char, Binary:
		t.Precision = 1
	case Varchar, Varbinary:
		t.Precision = MaxLength
	case Timestamp, TimestampLTZ:
		t.Precision = 6
	}
	return t
}

// String, Bytes: the unbounded character and binary types.
func String() Type { return Of(Varchar) }
func Bytes() Type  { return Of(Varbinary) }

// DecimalOf is DECIMAL(p, s).
func DecimalOf(p, s int) Type { return Type{Kind: Decimal, Precision: p, Scale: s} }

// TimestampOf is TIMESTAMP(p); TimestampLTZOf is TIMESTAMP_LTZ(p).
func TimestampOf(p int) Type    { return Type{Kind: Timestamp, Precision: p} }
func TimestampLTZOf(p int) Type { return Type{Kind: TimestampLTZ, Precision: p} }

// RowOf, ArrayOf, MapOf build nested types.
func RowOf(f ...Field) Type    { return Type{Kind: Row, Fields: f} }
func ArrayOf(e Type) Type      { return Type{Kind: Array, Elem: &e} }
func MapOf(k, v Type) Type     { return Type{Kind: Map, Key: &k, Elem: &v} }
func MultisetOf(e Type) Type   { return Type{Kind: Multiset, Elem: &e} }
func (t Type) Nullable() bool  { return !t.NotNull }
func (t Type) AsNotNull() Type { t.NotNull = true; return t }
func (t Type) AsNullable() Type {
	t.NotNull = false
	return t
}

// WithNull sets nullability.
func (t Type) WithNull(nullable bool) Type { t.NotNull = !nullable; return t }

// IsInteger, IsNumeric, IsApprox, IsString, IsBinary, IsTime: families of kinds.
func (t Type) IsInteger() bool { return t.Kind >= TinyInt && t.Kind <= BigInt }
func (t Type) IsApprox() bool  { return t.Kind == Float || t.Kind == Double }
func (t Type) IsNumeric() bool { return t.Kind >= TinyInt && t.Kind <= Decimal }
func (t Type) IsString() bool  { return t.Kind == Char || t.Kind == Varchar }
func (t Type) IsBinary() bool  { return t.Kind == Binary || t.Kind == Varbinary }

// IsTimestamp is true for TIMESTAMP and TIMESTAMP_LTZ, the types that can be a time attribute.
func (t Type) IsTimestamp() bool { return t.Kind == Timestamp || t.Kind == TimestampLTZ }
func (t Type) IsInterval() bool {
	return t.Kind == IntervalYearMonth || t.Kind == IntervalDayTime
}

// Equal compares types with their nullability; EqualIgnoreNull without (at every depth).
func (t Type) Equal(o Type) bool           { return equal(t, o, true) }
func (t Type) EqualIgnoreNull(o Type) bool { return equal(t, o, false) }

func equal(a, b Type, null bool) bool {
	if a.Kind != b.Kind || a.Precision != b.Precision || a.Scale != b.Scale || null && a.NotNull != b.NotNull ||
		len(a.Fields) != len(b.Fields) || (a.Key == nil) != (b.Key == nil) || (a.Elem == nil) != (b.Elem == nil) {
		return false
	}
	if a.Key != nil && !equal(*a.Key, *b.Key, null) || a.Elem != nil && !equal(*a.Elem, *b.Elem, null) {
		return false
	}
	for i := range a.Fields {
		if a.Fields[i].Name != b.Fields[i].Name || !equal(a.Fields[i].Type, b.Fields[i].Type, null) {
			return false
		}
	}
	return true
}

var names = [...]string{"NULL", "BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL", "CHAR", "VARCHAR",
	"BINARY", "VARBINARY", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_LTZ", "INTERVAL YEAR TO MONTH", "INTERVAL DAY TO SECOND", "ARRAY", "MAP", "MULTISET", "ROW"}

// String is the kind's SQL name.
func (k Kind) String() string { return names[k] }

// Serializable prints the type without abbreviations, as DDL that gives it again: STRING is VARCHAR(2147483647).
func (t Type) Serializable() string {
	null := ""
	if t.NotNull {
		null = " NOT NULL"
	}
	switch t.Kind {
	case Varchar, Varbinary:
		return fmt.Sprintf("%s(%d)", t.Kind, t.Precision) + null
	case TimestampLTZ:
		return fmt.Sprintf("TIMESTAMP(%d) WITH LOCAL TIME ZONE", t.Precision) + null
	case Array, Multiset:
		return t.Kind.String() + "<" + t.Elem.Serializable() + ">" + null
	case Map:
		return "MAP<" + t.Key.Serializable() + ", " + t.Elem.Serializable() + ">" + null
	case Row:
		fields := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			fields[i] = "`" + f.Name + "` " + f.Type.Serializable()
		}
		return "ROW<" + strings.Join(fields, ", ") + ">" + null
	}
	return t.base() + null
}

// String prints the type as Flink does, NOT NULL included.
func (t Type) String() string {
	s := t.base()
	if t.NotNull {
		s += " NOT NULL"
	}
	return s
}

func (t Type) base() string {
	switch t.Kind {
	case Decimal:
		return fmt.Sprintf("DECIMAL(%d, %d)", t.Precision, t.Scale)
	case Varchar:
		if t.Precision == MaxLength {
			return "STRING"
		}
		return fmt.Sprintf("VARCHAR(%d)", t.Precision)
	case Varbinary:
		if t.Precision == MaxLength {
			return "BYTES"
		}
		return fmt.Sprintf("VARBINARY(%d)", t.Precision)
	case Char, Binary, Time, Timestamp, TimestampLTZ:
		return fmt.Sprintf("%s(%d)", t.Kind, t.Precision)
	case Array:
		return "ARRAY<" + t.Elem.String() + ">"
	case Multiset:
		return "MULTISET<" + t.Elem.String() + ">"
	case Map:
		return "MAP<" + t.Key.String() + ", " + t.Elem.String() + ">"
	case Row:
		var b strings.Builder
		b.WriteString("ROW<")
		for i, f := range t.Fields {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "`%s` %s", f.Name, f.Type)
		}
		b.WriteString(">")
		return b.String()
	}
	return t.Kind.String()
}
