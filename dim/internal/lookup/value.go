package lookup

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	dimpb "github.com/freshet-dw/freshet/dim/proto"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
)

// rowOf is row r of the columns. It is kept and given to many, and never changed.
func rowOf(cols []arrow.Array, r int) []*dimpb.Value {
	row := make([]*dimpb.Value, len(cols))
	for i, c := range cols {
		row[i] = valueOf(c, r)
	}
	return row
}

func valueOf(a arrow.Array, i int) *dimpb.Value {
	v := &dimpb.Value{}
	if a.IsNull(i) {
		return v
	}
	switch a := a.(type) {
	case *array.Null:
	case *array.Boolean:
		v.Kind = &dimpb.Value_BoolValue{BoolValue: a.Value(i)}
	case *array.Int8:
		v.Kind = &dimpb.Value_IntValue{IntValue: int64(a.Value(i))}
	case *array.Int16:
		v.Kind = &dimpb.Value_IntValue{IntValue: int64(a.Value(i))}
	case *array.Int32:
		v.Kind = &dimpb.Value_IntValue{IntValue: int64(a.Value(i))}
	case *array.Int64:
		v.Kind = &dimpb.Value_IntValue{IntValue: a.Value(i)}
	case *array.Float32:
		v.Kind = &dimpb.Value_DoubleValue{DoubleValue: float64(a.Value(i))}
	case *array.Float64:
		v.Kind = &dimpb.Value_DoubleValue{DoubleValue: a.Value(i)}
	case *array.Binary:
		v.Kind = &dimpb.Value_BytesValue{BytesValue: append([]byte(nil), a.Value(i)...)}
	case *array.Struct:
		row := &dimpb.RowValue{}
		for f, field := range a.DataType().(*arrow.StructType).Fields() {
			row.Names = append(row.Names, field.Name)
			row.Values = append(row.Values, valueOf(a.Field(f), i))
		}
		v.Kind = &dimpb.Value_RowValue{RowValue: row}
	case *array.Map: // before List: a map is a list of structs
		row := &dimpb.RowValue{}
		from, to := a.ValueOffsets(i)
		for j := int(from); j < int(to); j++ {
			row.Names = append(row.Names, batch.ValueString(a.Keys(), j))
			row.Values = append(row.Values, valueOf(a.Items(), j))
		}
		v.Kind = &dimpb.Value_RowValue{RowValue: row}
	case *array.List:
		list := &dimpb.ListValue{}
		from, to := a.ValueOffsets(i)
		for j := int(from); j < int(to); j++ {
			list.Values = append(list.Values, valueOf(a.ListValues(), j))
		}
		v.Kind = &dimpb.Value_ListValue{ListValue: list}
	default: // strings, decimals, dates and times; a copy, lest the whole answer be kept for it
		v.Kind = &dimpb.Value_TextValue{TextValue: string(append([]byte(nil), batch.ValueString(a, i)...))}
	}
	return v
}

// appendJSON writes a value: bytes as base64, a double that JSON has no number for as text.
func appendJSON(dst []byte, v *dimpb.Value) []byte {
	switch k := v.GetKind().(type) {
	case *dimpb.Value_BoolValue:
		return strconv.AppendBool(dst, k.BoolValue)
	case *dimpb.Value_IntValue:
		return strconv.AppendInt(dst, k.IntValue, 10)
	case *dimpb.Value_DoubleValue:
		if math.IsNaN(k.DoubleValue) || math.IsInf(k.DoubleValue, 0) {
			return appendText(dst, strconv.FormatFloat(k.DoubleValue, 'g', -1, 64))
		}
		return strconv.AppendFloat(dst, k.DoubleValue, 'g', -1, 64)
	case *dimpb.Value_TextValue:
		return appendText(dst, k.TextValue)
	case *dimpb.Value_BytesValue:
		return appendText(dst, base64.StdEncoding.EncodeToString(k.BytesValue))
	case *dimpb.Value_ListValue:
		dst = append(dst, '[')
		for i, e := range k.ListValue.Values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, e)
		}
		return append(dst, ']')
	case *dimpb.Value_RowValue:
		return appendObject(dst, k.RowValue.Names, k.RowValue.Values)
	}
	return append(dst, "null"...)
}

func appendObject(dst []byte, names []string, values []*dimpb.Value) []byte {
	dst = append(dst, '{')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, names[i]), ':')
		dst = appendJSON(dst, v)
	}
	return append(dst, '}')
}

func appendText(dst []byte, s string) []byte {
	text, _ := json.Marshal(s) // a string always has JSON
	return append(dst, text...)
}
