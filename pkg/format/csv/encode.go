package csv

import (
	"encoding/base64"
	"fmt"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/text"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Encoder encodes each row as a line without its line break. Values are quoted when Flink's writer quotes them: those that hold a delimiter, a
// quote or a line break, and also all text of more than 24 characters or with a character up to the larger one of delimiter and quote.
// Rows of kind −U are left out.
type Encoder struct {
	opts   Options
	fields []format.Field
	buf    []byte
	value  []byte
}

var _ format.Encoder = (*Encoder)(nil)

// NewEncoder makes an encoder for rows of the fields.
func NewEncoder(fields []format.Field, opts Options) (*Encoder, error) {
	for _, f := range fields {
		if _, err := newColumn(f.Name, f.Type, true); err != nil {
			return nil, fault.Wrap(fault.Config, err, "csv column %s", f.Name)
		}
	}
	return &Encoder{opts: opts, fields: fields}, nil
}

// Encode implements format.Encoder.
func (e *Encoder) Encode(b *batch.Batch, emit func(row int, value []byte) error) error {
	for i := 0; i < b.N; i++ {
		if b.Kind(i) == batch.UpdateBefore {
			continue
		}
		e.buf = e.buf[:0]
		for c := range e.fields {
			if c > 0 {
				e.buf = append(e.buf, e.opts.Delimiter)
			}
			if b.Cols[c].IsNull(i) {
				e.buf = append(e.buf, e.opts.NullLiteral...)
				continue
			}
			v, err := e.append(e.value[:0], e.fields[c].Type, b.Cols[c], i)
			if err != nil {
				return fault.Wrap(fault.Data, err, "encode csv column %s", e.fields[c].Name)
			}
			e.value = v
			if e.buf, err = e.quote(e.buf, v, e.fields[c].Type); err != nil {
				return fault.Wrap(fault.Data, err, "encode csv column %s", e.fields[c].Name)
			}
		}
		if err := emit(i, e.buf); err != nil {
			return err
		}
	}
	return nil
}

// maxUnquoted is how long a text Flink's writer searches for characters that need quotes; longer ones it quotes.
const maxUnquoted = 24

// utf16Length is the length of a Java string.
func utf16Length(v []byte) int {
	n := 0
	for _, c := range v {
		if c&0xc0 != 0x80 {
			n++
		}
		if c >= 0xf0 {
			n++
		}
	}
	return n
}

func (e *Encoder) quote(dst, v []byte, t types.Type) ([]byte, error) {
	o := &e.opts
	special := len(v) == 0 && t.IsString() && o.HasNullLiteral && o.NullLiteral == ""
	unsafe := byte(0) // up to which character Flink quotes
	if o.Quote != 0 && !t.IsInteger() && !t.IsApprox() && t.Kind != types.Boolean {
		unsafe = max(o.Delimiter, o.Quote)
		special = special || len(v) > maxUnquoted && utf16Length(v) > maxUnquoted
	}
	for _, c := range v {
		if c <= unsafe || c == o.Delimiter || c == '\n' || c == '\r' || c == o.Quote && o.Quote != 0 || c == o.Escape && o.Escape != 0 {
			special = true
			break
		}
	}
	if o.AllowComments && len(dst) == 0 && len(v) > 0 && v[0] == '#' {
		special = true
	}
	if !special {
		return append(dst, v...), nil
	}
	if o.Quote == 0 {
		if o.Escape == 0 {
			return dst, fmt.Errorf("%q holds a delimiter or line break, and quotes are disabled", v[:min(len(v), 64)])
		}
		for _, c := range v {
			if c == o.Delimiter || c == o.Escape || c == '\n' || c == '\r' {
				dst = append(dst, o.Escape)
			}
			dst = append(dst, c)
		}
		return dst, nil
	}
	dst = append(dst, o.Quote)
	for _, c := range v {
		switch {
		case o.Escape != 0 && (c == o.Quote || c == o.Escape):
			dst = append(dst, o.Escape)
		case c == o.Quote:
			dst = append(dst, c)
		}
		dst = append(dst, c)
	}
	return append(dst, o.Quote), nil
}

// append writes value i, which is not null, without quotes.
func (e *Encoder) append(dst []byte, t types.Type, a arrow.Array, i int) ([]byte, error) {
	switch a := a.(type) {
	case *array.String:
		return append(dst, a.Value(i)...), nil
	case *array.Int64:
		return strconv.AppendInt(dst, a.Value(i), 10), nil
	case *array.Int32:
		return strconv.AppendInt(dst, int64(a.Value(i)), 10), nil
	case *array.Int16:
		return strconv.AppendInt(dst, int64(a.Value(i)), 10), nil
	case *array.Int8:
		return strconv.AppendInt(dst, int64(a.Value(i)), 10), nil
	case *array.Boolean:
		return strconv.AppendBool(dst, a.Value(i)), nil
	case *array.Float64:
		return text.AppendFloat(dst, a.Value(i), 64), nil
	case *array.Float32:
		return text.AppendFloat(dst, float64(a.Value(i)), 32), nil
	case *array.Decimal128:
		return text.AppendDecimal(dst, a.Value(i), t.Scale, !e.opts.Scientific), nil
	case *array.Binary:
		return base64.StdEncoding.AppendEncode(dst, a.Value(i)), nil
	case *array.Date32:
		return text.AppendDate(dst, int64(a.Value(i))), nil
	case *array.Time32:
		return text.AppendTime(dst, int64(a.Value(i))*1000), nil
	case *array.Timestamp:
		return text.AppendTimestamp(dst, int64(a.Value(i)), text.SQL, t.Kind == types.TimestampLTZ), nil
	case *array.Struct:
		for f := range t.Fields {
			if f > 0 {
				dst = append(dst, e.opts.ArrayDelimiter...)
			}
			var err error
			if dst, err = e.part(dst, t.Fields[f].Type, a.Field(f), i); err != nil {
				return dst, err
			}
		}
		return dst, nil
	case *array.List:
		from, to := a.ValueOffsets(i)
		for j := from; j < to; j++ {
			if j > from {
				dst = append(dst, e.opts.ArrayDelimiter...)
			}
			var err error
			if dst, err = e.part(dst, *t.Elem, a.ListValues(), int(j)); err != nil {
				return dst, err
			}
		}
		return dst, nil
	}
	return dst, fmt.Errorf("csv cannot hold a %s", a.DataType())
}

func (e *Encoder) part(dst []byte, t types.Type, a arrow.Array, i int) ([]byte, error) {
	if a.IsNull(i) {
		return append(dst, e.opts.NullLiteral...), nil
	}
	return e.append(dst, t, a, i)
}
