package kerneltest

import (
	"encoding/hex"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
)

// Format writes a column in the notation that Parse reads.
func Format(a arrow.Array) string {
	var s strings.Builder
	formatRange(&s, a, 0, a.Len())
	return s.String()
}

func formatRange(s *strings.Builder, a arrow.Array, from, to int) {
	s.WriteByte('[')
	for i := from; i < to; i++ {
		if i > from {
			s.WriteByte(' ')
		}
		formatValue(s, a, i)
	}
	s.WriteByte(']')
}

func formatValue(s *strings.Builder, a arrow.Array, i int) {
	if a.IsNull(i) || a.DataType().ID() == arrow.NULL {
		s.WriteString("null")
		return
	}
	switch a := a.(type) {
	case *array.String:
		s.WriteString(quote(a.Value(i)))
	case *array.Binary:
		s.WriteString(quote(hex.EncodeToString(a.Value(i))))
	case *array.Timestamp:
		s.WriteString(time.UnixMicro(int64(a.Value(i))).UTC().Format("2006-01-02T15:04:05.999999"))
		if a.DataType().(*arrow.TimestampType).TimeZone != "" {
			s.WriteByte('Z')
		}
	case *array.Decimal128:
		scale := int(a.DataType().(*arrow.Decimal128Type).Scale)
		v := a.Value(i).BigInt()
		if v.Sign() < 0 {
			s.WriteByte('-')
		}
		digits := v.Abs(v).String()
		digits = strings.Repeat("0", max(0, scale+1-len(digits))) + digits
		s.WriteString(digits[:len(digits)-scale])
		if scale > 0 {
			s.WriteString("." + digits[len(digits)-scale:])
		}
	case *array.Time32:
		s.WriteString(time.UnixMilli(int64(a.Value(i))).UTC().Format("15:04:05.999"))
	case *array.Struct:
		s.WriteByte('(')
		for f := 0; f < a.NumField(); f++ {
			if f > 0 {
				s.WriteByte(' ')
			}
			formatValue(s, a.Field(f), i)
		}
		s.WriteByte(')')
	case *array.Map:
		from, to := a.ValueOffsets(i)
		s.WriteByte('{')
		for j := int(from); j < int(to); j++ {
			if j > int(from) {
				s.WriteByte(' ')
			}
			formatValue(s, a.Keys(), j)
			s.WriteByte('=')
			formatValue(s, a.Items(), j)
		}
		s.WriteByte('}')
	case *array.List:
		from, to := a.ValueOffsets(i)
		formatRange(s, a.ListValues(), int(from), int(to))
	default:
		s.WriteString(a.ValueStr(i))
	}
}

func quote(v string) string {
	if v != "" && v != "null" && !strings.ContainsAny(v, " []{}()='\n\t") {
		return v
	}
	return "'" + strings.NewReplacer("'", "''", "\n", `\n`, "\t", `\t`).Replace(v) + "'"
}
