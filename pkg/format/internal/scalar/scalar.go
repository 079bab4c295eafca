// Package scalar appends values given as text to columns, with the coercions of Flink's text formats.
package scalar

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/format/internal/text"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Options are what the text forms depend on.
type Options struct {
	Standard        text.Standard // of timestamps
	NumericBooleans bool          // 1 is true
	EpochUnit       int64         // a number in a timestamp counts units of so many microseconds since the epoch; 0: numbers are no timestamps
	SQLDates        bool          // dates are read as java.sql.Date does, times as ISO 8601 has them
	AnySeparator    bool          // a timestamp may have a space or a T before the time, whatever the standard
}

// Column is a column that text is appended to.
type Column struct {
	Kind      types.Kind
	Precision int
	Scale     int
	B         array.Builder
	Str       *array.BinaryBuilder // B, for CHAR, VARCHAR, BINARY and VARBINARY
	opts      Options
	buf       []byte
}

// New makes a column of the type; Bind it before use.
func New(t types.Type, opts Options) Column {
	return Column{Kind: t.Kind, Precision: t.Precision, Scale: t.Scale, opts: opts}
}

// Bind sets the builder.
func (c *Column) Bind(b array.Builder) {
	c.B, c.Str = b, nil
	switch b := b.(type) {
	case *array.StringBuilder:
		c.Str = b.BinaryBuilder
	case *array.BinaryBuilder:
		c.Str = b
	}
}

// Append appends the value with the text v. First is '"' when it was quoted, and else the first byte of a number or boolean.
func (c *Column) Append(v []byte, first byte) error {
	number := first == '-' || first >= '0' && first <= '9'
	switch c.Kind {
	case types.Varchar, types.Char:
		c.Str.Append(v)
		return nil
	case types.BigInt, types.IntervalDayTime:
		n, err := integer(v, 64, number)
		if err == nil {
			c.B.(*array.Int64Builder).Append(n)
		}
		return err
	case types.Int, types.IntervalYearMonth:
		n, err := integer(v, 32, number)
		if err == nil {
			c.B.(*array.Int32Builder).Append(int32(n))
		}
		return err
	case types.Double:
		f, err := text.Float(text.Trim(v), 64)
		if err == nil {
			c.B.(*array.Float64Builder).Append(f)
		}
		return err
	case types.Float:
		f, err := text.Float(text.Trim(v), 32)
		if err == nil {
			c.B.(*array.Float32Builder).Append(float32(f))
		}
		return err
	case types.Boolean:
		c.B.(*array.BooleanBuilder).Append(c.boolean(text.Trim(v)))
		return nil
	case types.TinyInt:
		n, err := text.Int(text.Trim(v), 8)
		if err == nil {
			c.B.(*array.Int8Builder).Append(int8(n))
		}
		return err
	case types.SmallInt:
		n, err := text.Int(text.Trim(v), 16)
		if err == nil {
			c.B.(*array.Int16Builder).Append(int16(n))
		}
		return err
	case types.Decimal:
		d, err := text.Decimal(text.Trim(v), c.Precision, c.Scale)
		if err == text.ErrOverflow {
			c.B.AppendNull()
			return nil
		}
		if err == nil {
			c.B.(*array.Decimal128Builder).Append(d)
		}
		return err
	case types.Date:
		read := text.Date
		if c.opts.SQLDates {
			read = text.SQLDate
		}
		d, err := read(v)
		if err == nil {
			c.B.(*array.Date32Builder).Append(arrow.Date32(d))
		}
		return err
	case types.Time:
		read := text.TimeOfDay
		if c.opts.SQLDates {
			read = text.ISOTime
		}
		us, err := read(v)
		if err == nil {
			c.B.(*array.Time32Builder).Append(arrow.Time32(text.Cut(us, min(c.Precision, 3)) / 1000))
		}
		return err
	case types.Timestamp, types.TimestampLTZ:
		if number && c.opts.EpochUnit > 0 {
			n, err := text.Int(v, 64)
			if err == nil && (n > math.MaxInt64/c.opts.EpochUnit || n < math.MinInt64/c.opts.EpochUnit) {
				err = errors.New("out of range")
			}
			if err == nil {
				c.B.(*array.TimestampBuilder).Append(arrow.Timestamp(n * c.opts.EpochUnit))
			}
			return err
		}
		std := c.opts.Standard
		if c.opts.AnySeparator && len(v) > 10 {
			std = text.SQL
			if v[10] == 'T' {
				std = text.ISO
			}
		}
		us, err := text.Timestamp(v, std, c.Kind == types.TimestampLTZ)
		if err == nil {
			c.B.(*array.TimestampBuilder).Append(arrow.Timestamp(text.Cut(us, c.Precision)))
		}
		return err
	case types.Binary, types.Varbinary:
		return c.base64(v, first)
	case types.Null:
		c.B.AppendNull()
		return nil
	}
	return fmt.Errorf("the type %s cannot be read from text", c.Kind)
}

// integer reads a whole number. A JSON number with a fraction or an exponent is cut to its whole part, as Flink does; a string
// must hold a whole number.
func integer(v []byte, size int, number bool) (int64, error) {
	n, err := text.Int(text.Trim(v), size)
	if err == nil || !number {
		return n, err
	}
	f, ferr := text.Float(v, 64)
	limit := math.Ldexp(1, size-1)
	if ferr != nil || f != f || !hasFraction(v) {
		return 0, err
	}
	if f = math.Trunc(f); f < -limit || f >= limit {
		return 0, errors.New("out of range")
	}
	return int64(f), nil
}

func hasFraction(v []byte) bool {
	for _, c := range v {
		if c == '.' || c == 'e' || c == 'E' {
			return true
		}
	}
	return false
}

// boolean is Java's parseBoolean: everything but "true" is false. With NumericBooleans "1" is true too.
func (c *Column) boolean(v []byte) bool {
	if len(v) == 1 {
		return c.opts.NumericBooleans && v[0] == '1'
	}
	return len(v) == 4 && v[0]|32 == 't' && v[1]|32 == 'r' && v[2]|32 == 'u' && v[3]|32 == 'e'
}

func (c *Column) base64(v []byte, first byte) error {
	if first != '"' {
		return errors.New("not a base64 string")
	}
	n := base64.StdEncoding.DecodedLen(len(v))
	if cap(c.buf) < n {
		c.buf = make([]byte, n, 2*n)
	}
	n, err := base64.StdEncoding.Decode(c.buf[:n], v)
	if err != nil {
		return errors.New("not a base64 string")
	}
	c.Str.Append(c.buf[:n])
	return nil
}
