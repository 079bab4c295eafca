// Package raw decodes and encodes messages that are one value without structure, as Flink's raw format does: text in a
// character set, bytes, or a number of fixed width.
package raw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/option"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Name is the format's name in 'format' = '…'.
const Name = "raw"

// Options are the options of the format.
type Options struct {
	Charset encoding.Encoding // nil: UTF-8
	Order   binary.ByteOrder
}

// ParseOptions reads the options and checks them.
func ParseOptions(in format.Options) (Options, error) {
	s := option.New(Name, in)
	o := Options{Order: binary.BigEndian}
	if s.Enum("endianness", 0, "big-endian", "little-endian") == 1 {
		o.Order = binary.LittleEndian
	}
	name := s.Text("charset", "UTF-8")
	e, err := ianaindex.IANA.Encoding(name)
	if err != nil || e == nil {
		s.Errorf("charset", "write its IANA name, such as UTF-8, ISO-8859-1, GBK", "%q is no known character set", name)
	} else if canonical, _ := ianaindex.IANA.Name(e); canonical != "UTF-8" {
		o.Charset = e
	}
	return o, s.Err()
}

// check checks that the fields are one column of a type that can be read; a decoder may also read none.
func check(fields []format.Field, few int) error {
	if len(fields) < few || len(fields) > 1 {
		return fault.Newf(fault.Config, "raw has one column, not %d", len(fields))
	}
	for _, f := range fields {
		t := f.Type
		if !t.IsString() && !t.IsBinary() && !t.IsInteger() && !t.IsApprox() && t.Kind != types.Boolean {
			return fault.Newf(fault.Config, "raw cannot hold column %s of type %s", f.Name, t)
		}
	}
	return nil
}

// Decoder decodes messages. It is not safe for concurrent use.
type Decoder struct {
	opts Options
	dec  *encoding.Decoder
	kind types.Kind
	has  bool
}

var _ format.Decoder = (*Decoder)(nil)

// NewDecoder makes a decoder for the one field, or for none when only metadata is read.
func NewDecoder(fields []format.Field, opts Options) (*Decoder, error) {
	if err := check(fields, 0); err != nil {
		return nil, err
	}
	d := &Decoder{opts: opts, has: len(fields) == 1}
	if d.has {
		d.kind = fields[0].Type.Kind
	}
	if opts.Charset != nil {
		d.dec = opts.Charset.NewDecoder()
	}
	return d, nil
}

// Decode implements format.Decoder. A tombstone is a row with NULL.
func (d *Decoder) Decode(msgs []format.Message, out *batch.Builder, bad func(i int, err error)) {
	for i := range msgs {
		if d.has {
			if err := d.value(out.Cols[0], msgs[i].Value); err != nil {
				out.Rollback()
				bad(i, fault.Wrap(fault.Data, err, "decode raw %s", d.kind))
				continue
			}
		}
		out.RowDone(batch.Insert, int32(i))
	}
}

var errUTF8 = errors.New("the text is not valid UTF-8")

func (d *Decoder) value(b array.Builder, v []byte) error {
	if v == nil {
		b.AppendNull()
		return nil
	}
	switch b := b.(type) {
	case *array.StringBuilder:
		if d.dec != nil {
			t, err := d.dec.Bytes(v)
			if err != nil {
				return err
			}
			v = t
		} else if !utf8.Valid(v) {
			return errUTF8
		}
		b.BinaryBuilder.Append(v)
		return nil
	case *array.BinaryBuilder:
		b.Append(v)
		return nil
	}
	if n := width(d.kind); len(v) != n {
		return fmt.Errorf("%d bytes where there should be %d", len(v), n)
	}
	o := d.opts.Order
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(v[0] != 0)
	case *array.Int8Builder:
		b.Append(int8(v[0]))
	case *array.Int16Builder:
		b.Append(int16(o.Uint16(v)))
	case *array.Int32Builder:
		b.Append(int32(o.Uint32(v)))
	case *array.Int64Builder:
		b.Append(int64(o.Uint64(v)))
	case *array.Float32Builder:
		b.Append(math.Float32frombits(o.Uint32(v)))
	case *array.Float64Builder:
		b.Append(math.Float64frombits(o.Uint64(v)))
	}
	return nil
}

// width is the bytes of a value of the kind.
func width(k types.Kind) int {
	switch k {
	case types.SmallInt:
		return 2
	case types.Int, types.Float:
		return 4
	case types.BigInt, types.Double:
		return 8
	}
	return 1
}

// Encoder encodes rows of one column. NULL is a nil value. Rows of kind −U are left out.
type Encoder struct {
	opts Options
	enc  *encoding.Encoder
	buf  [8]byte
	text []byte
}

var _ format.Encoder = (*Encoder)(nil)

// NewEncoder makes an encoder for rows of the one field.
func NewEncoder(fields []format.Field, opts Options) (*Encoder, error) {
	if err := check(fields, 1); err != nil {
		return nil, err
	}
	e := &Encoder{opts: opts}
	if opts.Charset != nil {
		e.enc = opts.Charset.NewEncoder()
	}
	return e, nil
}

// Encode implements format.Encoder.
func (e *Encoder) Encode(b *batch.Batch, emit func(row int, value []byte) error) error {
	for i := 0; i < b.N; i++ {
		if b.Kind(i) == batch.UpdateBefore {
			continue
		}
		v, err := e.value(b.Cols[0], i)
		if err != nil {
			return fault.Wrap(fault.Data, err, "encode raw value")
		}
		if err := emit(i, v); err != nil {
			return err
		}
	}
	return nil
}

func (e *Encoder) value(a arrow.Array, i int) ([]byte, error) {
	if a.IsNull(i) {
		return nil, nil
	}
	o := e.opts.Order
	v := e.buf[:]
	switch a := a.(type) {
	case *array.String:
		e.text = append(e.text[:0], a.Value(i)...)
		if e.text == nil {
			e.text = []byte{} // an empty text is no tombstone
		}
		if e.enc != nil {
			return e.enc.Bytes(e.text)
		}
		return e.text, nil
	case *array.Binary:
		return a.Value(i), nil
	case *array.Boolean:
		v[0] = 0
		if a.Value(i) {
			v[0] = 1
		}
		return v[:1], nil
	case *array.Int8:
		v[0] = byte(a.Value(i))
		return v[:1], nil
	case *array.Int16:
		o.PutUint16(v, uint16(a.Value(i)))
		return v[:2], nil
	case *array.Int32:
		o.PutUint32(v, uint32(a.Value(i)))
		return v[:4], nil
	case *array.Int64:
		o.PutUint64(v, uint64(a.Value(i)))
		return v, nil
	case *array.Float32:
		o.PutUint32(v, math.Float32bits(a.Value(i)))
		return v[:4], nil
	case *array.Float64:
		o.PutUint64(v, math.Float64bits(a.Value(i)))
		return v, nil
	}
	return nil, fmt.Errorf("raw cannot hold a %s", a.DataType())
}
