package ast

import (
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// DataType is a type as written. Name is its canonical upper-case name, long forms and synonyms folded: INTEGER is INT,
// DEC and NUMERIC are DECIMAL, DOUBLE PRECISION is DOUBLE, CHARACTER VARYING is VARCHAR, TIMESTAMP WITH LOCAL TIME ZONE is
// TIMESTAMP_LTZ. STRING and BYTES stay.
type DataType struct {
	Loc
	Name    string
	User    *Name // a user-defined type: Name is then ""
	Params  []int // (p[, s]); RAW has none
	Key     *DataType
	Elem    *DataType
	Fields  []*TypeField
	Unit    *IntervalUnit // INTERVAL's
	Raw     []*StringLit  // RAW('class', 'serializer')
	NotNull bool
}

// TypeField is one field of ROW<name type 'comment'>.
type TypeField struct {
	Loc
	Name    *Ident
	Type    *DataType
	Comment *StringLit
}

var kinds = map[string]types.Kind{
	"BOOLEAN": types.Boolean, "TINYINT": types.TinyInt, "SMALLINT": types.SmallInt, "INT": types.Int, "BIGINT": types.BigInt,
	"FLOAT": types.Float, "DOUBLE": types.Double, "DECIMAL": types.Decimal, "CHAR": types.Char, "VARCHAR": types.Varchar,
	"STRING": types.Varchar, "BINARY": types.Binary, "VARBINARY": types.Varbinary, "BYTES": types.Varbinary,
	"DATE": types.Date, "TIME": types.Time, "TIMESTAMP": types.Timestamp, "TIMESTAMP_LTZ": types.TimestampLTZ,
	"ARRAY": types.Array, "MAP": types.Map, "MULTISET": types.Multiset, "ROW": types.Row, "NULL": types.Null,
}

// Logical gives the logical type, or an error of kind fault.Config at the part that has none: a user-defined or RAW type,
// or a parameter outside Flink's range.
func (t *DataType) Logical() (types.Type, error) {
	var out types.Type
	bad := func(format string, args ...any) (types.Type, error) {
		return types.Type{}, fault.Pos(t.Start).Errorf(fault.Config, format, args...)
	}
	if t.User != nil {
		return bad("type %s is not known", t.User.Dotted())
	}
	if t.Name == "INTERVAL" {
		out = types.Of(types.IntervalDayTime)
		if u := t.Unit.From; u == "YEAR" || u == "QUARTER" || u == "MONTH" {
			out = types.Of(types.IntervalYearMonth)
		}
		return out.WithNull(!t.NotNull), nil
	}
	k, ok := kinds[t.Name]
	if !ok {
		return bad("type %s cannot be used in a table", t.Name)
	}
	out = types.Of(k)
	switch k {
	case types.Array, types.Multiset, types.Map:
		if t.Key != nil {
			key, err := t.Key.Logical()
			if err != nil {
				return out, err
			}
			out.Key = &key
		}
		elem, err := t.Elem.Logical()
		if err != nil {
			return out, err
		}
		out.Elem = &elem
	case types.Row:
		for _, f := range t.Fields {
			ft, err := f.Type.Logical()
			if err != nil {
				return out, err
			}
			out.Fields = append(out.Fields, types.Field{Name: f.Name.Name, Type: ft})
		}
	case types.Decimal:
		if len(t.Params) > 0 {
			out.Precision = t.Params[0]
		}
		if len(t.Params) > 1 {
			out.Scale = t.Params[1]
		}
		if out.Precision < 1 || out.Precision > 38 {
			return bad("DECIMAL precision %d is not in 1..38", out.Precision)
		}
		if out.Scale < 0 || out.Scale > out.Precision {
			return bad("DECIMAL scale %d is not in 0..%d, its precision", out.Scale, out.Precision)
		}
	case types.Time, types.Timestamp, types.TimestampLTZ:
		if len(t.Params) > 0 {
			out.Precision = t.Params[0]
		}
		if out.Precision < 0 || out.Precision > 9 {
			return bad("%s precision %d is not in 0..9", t.Name, out.Precision)
		}
	case types.Char, types.Varchar, types.Binary, types.Varbinary:
		switch {
		case len(t.Params) > 0:
			out.Precision = t.Params[0]
		case t.Name == "VARCHAR" || t.Name == "VARBINARY":
			out.Precision = 1
		}
		if out.Precision < 1 || out.Precision > types.MaxLength {
			return bad("%s length %d is not in 1..%d", t.Name, out.Precision, types.MaxLength)
		}
	}
	return out.WithNull(!t.NotNull), nil
}

func upper(s string) string { return strings.ToUpper(s) }
