// Package cell is single values as text, in SQL's form and back: 2024-01-31 23:59:59.5, 12.30, true. Binaries are their bytes.
package cell

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Scalar tells whether values of the type have a text form here.
func Scalar(t types.Type) bool {
	switch t.Kind {
	case types.Array, types.Map, types.Multiset, types.Row, types.Null, types.IntervalDayTime, types.IntervalYearMonth:
		return false
	}
	return true
}

// Text is Append as a string.
func Text(a arrow.Array, i int) string { return string(Append(nil, a, i)) }

// Append writes value i of a, which is not null.
func Append(dst []byte, a arrow.Array, i int) []byte {
	switch a := a.(type) {
	case *array.String:
		return append(dst, a.Value(i)...)
	case *array.Binary:
		return append(dst, a.Value(i)...)
	case *array.Int64:
		return strconv.AppendInt(dst, a.Value(i), 10)
	case *array.Int32:
		return strconv.AppendInt(dst, int64(a.Value(i)), 10)
	case *array.Int16:
		return strconv.AppendInt(dst, int64(a.Value(i)), 10)
	case *array.Int8:
		return strconv.AppendInt(dst, int64(a.Value(i)), 10)
	case *array.Boolean:
		return strconv.AppendBool(dst, a.Value(i))
	case *array.Float64:
		return strconv.AppendFloat(dst, a.Value(i), 'g', -1, 64)
	case *array.Float32:
		return strconv.AppendFloat(dst, float64(a.Value(i)), 'g', -1, 32)
	case *array.Date32:
		return a.Value(i).ToTime().AppendFormat(dst, time.DateOnly)
	case *array.Time32:
		return time.UnixMilli(int64(a.Value(i))).UTC().AppendFormat(dst, "15:04:05.999")
	case *array.Timestamp:
		return time.UnixMicro(int64(a.Value(i))).UTC().AppendFormat(dst, "2006-01-02 15:04:05.999999")
	case *array.Decimal128:
		return appendDecimal(dst, a.Value(i), int(a.DataType().(*arrow.Decimal128Type).Scale))
	}
	return append(dst, batch.ValueString(a, i)...)
}

// appendDecimal writes all digits of the scale: 1.50.
func appendDecimal(dst []byte, v decimal128.Num, scale int) []byte {
	from := len(dst)
	if v.Sign() < 0 {
		dst = append(dst, '-')
		from++
		v = v.Negate()
	}
	if v.HighBits() == 0 {
		dst = strconv.AppendUint(dst, v.LowBits(), 10)
	} else {
		dst = v.BigInt().Append(dst, 10)
	}
	if scale <= 0 {
		return dst
	}
	for len(dst)-from <= scale {
		dst = slices.Insert(dst, from, '0')
	}
	return slices.Insert(dst, len(dst)-scale, '.')
}

// Parse appends the value that s says.
func Parse(dst array.Builder, s string) error {
	switch d := dst.(type) {
	case *array.StringBuilder:
		d.Append(s)
		return nil
	case *array.BinaryBuilder:
		d.Append([]byte(s))
		return nil
	case *array.Int64Builder:
		n, err := strconv.ParseInt(s, 10, 64)
		return add(d.Append, n, err)
	case *array.Int32Builder:
		n, err := strconv.ParseInt(s, 10, 32)
		return add(d.Append, int32(n), err)
	case *array.Int16Builder:
		n, err := strconv.ParseInt(s, 10, 16)
		return add(d.Append, int16(n), err)
	case *array.Int8Builder:
		n, err := strconv.ParseInt(s, 10, 8)
		return add(d.Append, int8(n), err)
	case *array.BooleanBuilder:
		b, err := strconv.ParseBool(s)
		return add(d.Append, b, err)
	case *array.Float64Builder:
		f, err := strconv.ParseFloat(s, 64)
		return add(d.Append, f, err)
	case *array.Float32Builder:
		f, err := strconv.ParseFloat(s, 32)
		return add(d.Append, float32(f), err)
	case *array.Date32Builder:
		t, err := time.Parse(time.DateOnly, s)
		return add(d.Append, arrow.Date32FromTime(t), err)
	case *array.Time32Builder:
		t, err := time.Parse("15:04:05", s)
		return add(d.Append, arrow.Time32(t.Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)).Milliseconds()), err)
	case *array.TimestampBuilder:
		t, err := timestamp(s)
		return add(d.Append, arrow.Timestamp(t.UnixMicro()), err)
	case *array.Decimal128Builder:
		v, err := decimal(s, d.Type().(*arrow.Decimal128Type))
		return add(d.Append, v, err)
	}
	return fmt.Errorf("type %s has no text form", dst.Type())
}

func add[T any](to func(T), v T, err error) error {
	if err == nil {
		to(v)
	}
	return err
}

func timestamp(s string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no timestamp", s)
}

// decimal reads a plain or scientific decimal; digits beyond the scale are rounded half up.
func decimal(s string, t *arrow.Decimal128Type) (decimal128.Num, error) {
	r, ok := new(big.Rat).SetString(strings.TrimSpace(s))
	if !ok || len(s) > 100 {
		return decimal128.Num{}, fmt.Errorf("%q is no decimal", s)
	}
	text := strings.Replace(r.FloatString(int(t.Scale)), ".", "", 1)
	v, ok := new(big.Int).SetString(text, 10)
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.Precision)), nil)
	if !ok || v.CmpAbs(limit) >= 0 {
		return decimal128.Num{}, fmt.Errorf("%q does not fit in DECIMAL(%d, %d)", s, t.Precision, t.Scale)
	}
	return decimal128.FromBigInt(v), nil
}
