package json

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/text"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// RowWriter writes rows as JSON objects. It is not safe for concurrent use.
type RowWriter struct {
	opts Options
	cols []writer
}

// writer writes the values of one column: a field, or the element of a collection.
type writer struct {
	name      string
	label     []byte // the quoted name and the colon
	kind      types.Kind
	scale     int
	fields    []writer
	elem, key *writer
}

// NewRowWriter makes a writer for rows of the fields.
func NewRowWriter(fields []format.Field, opts Options) (*RowWriter, error) {
	w := &RowWriter{opts: opts}
	for _, f := range fields {
		c, err := newWriter(f.Name, f.Type)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
		w.cols = append(w.cols, c)
	}
	return w, nil
}

func newWriter(name string, t types.Type) (writer, error) {
	w := writer{name: name, label: append(appendQuoted(nil, []byte(name)), ':'), kind: t.Kind, scale: t.Scale}
	switch t.Kind {
	case types.Row:
		for _, f := range t.Fields {
			c, err := newWriter(f.Name, f.Type)
			if err != nil {
				return w, err
			}
			w.fields = append(w.fields, c)
		}
	case types.Array:
		e, err := newWriter("element", *t.Elem)
		w.elem = &e
		return w, err
	case types.Map, types.Multiset:
		kt, vt := t.Elem, types.Of(types.Int)
		if t.Kind == types.Map {
			kt, vt = t.Key, *t.Elem
		}
		if !kt.IsString() {
			return w, fmt.Errorf("JSON has no map keys of type %s; only CHAR, VARCHAR and STRING keys can be used", kt)
		}
		k, err := newWriter("key", *kt)
		if err != nil {
			return w, err
		}
		v, err := newWriter("value", vt)
		w.key, w.elem = &k, &v
		return w, err
	}
	return w, nil
}

// AppendRow writes row i of the columns as an object.
func (w *RowWriter) AppendRow(dst []byte, cols []arrow.Array, i int) ([]byte, error) {
	dst = append(dst, '{')
	first := true
	var err error
	for c := range w.cols {
		col := &w.cols[c]
		if w.opts.IgnoreNullFields && cols[c].IsNull(i) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, col.label...)
		if dst, err = w.value(dst, col, cols[c], i); err != nil {
			return dst, fmt.Errorf("column %s: %w", col.name, err)
		}
	}
	return append(dst, '}'), nil
}

// bytesOf views a string as bytes that must not be written to.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func (w *RowWriter) value(dst []byte, c *writer, a arrow.Array, i int) ([]byte, error) {
	if a.IsNull(i) {
		return append(dst, "null"...), nil
	}
	switch a := a.(type) {
	case *array.String:
		return appendQuoted(dst, bytesOf(a.Value(i))), nil
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
		return appendFloat(dst, a.Value(i), 64), nil
	case *array.Float32:
		return appendFloat(dst, float64(a.Value(i)), 32), nil
	case *array.Decimal128:
		return text.AppendDecimal(dst, a.Value(i), c.scale, w.opts.DecimalAsPlain), nil
	case *array.Binary:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, a.Value(i))
		return append(dst, '"'), nil
	case *array.Date32:
		dst = text.AppendDate(append(dst, '"'), int64(a.Value(i)))
		return append(dst, '"'), nil
	case *array.Time32:
		dst = text.AppendTime(append(dst, '"'), int64(a.Value(i))*1000)
		return append(dst, '"'), nil
	case *array.Timestamp:
		dst = text.AppendTimestamp(append(dst, '"'), int64(a.Value(i)), w.opts.TimestampStandard, c.kind == types.TimestampLTZ)
		return append(dst, '"'), nil
	case *array.Struct:
		return w.object(dst, c, a, i)
	case *array.Map:
		return w.mapObject(dst, c, a, i)
	case *array.List:
		from, to := a.ValueOffsets(i)
		dst = append(dst, '[')
		var err error
		for j := from; j < to; j++ {
			if j > from {
				dst = append(dst, ',')
			}
			if dst, err = w.value(dst, c.elem, a.ListValues(), int(j)); err != nil {
				return dst, fmt.Errorf("element %d: %w", j-from, err)
			}
		}
		return append(dst, ']'), nil
	}
	return dst, fmt.Errorf("JSON cannot hold a %s", a.DataType())
}

// appendFloat writes what is no JSON number in quotes.
func appendFloat(dst []byte, v float64, size int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(text.AppendFloat(append(dst, '"'), v, size), '"')
	}
	return text.AppendFloat(dst, v, size)
}

func (w *RowWriter) object(dst []byte, c *writer, a *array.Struct, i int) ([]byte, error) {
	dst = append(dst, '{')
	first := true
	var err error
	for f := range c.fields {
		v := a.Field(f)
		if w.opts.IgnoreNullFields && v.IsNull(i) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, c.fields[f].label...)
		if dst, err = w.value(dst, &c.fields[f], v, i); err != nil {
			return dst, fmt.Errorf("field %s: %w", c.fields[f].name, err)
		}
	}
	return append(dst, '}'), nil
}

var errNullKey = errors.New("a map key is NULL; set 'map-null-key.mode' to DROP or LITERAL to write such maps")

func (w *RowWriter) mapObject(dst []byte, c *writer, a *array.Map, i int) ([]byte, error) {
	from, to := a.ValueOffsets(i)
	keys, items := a.Keys().(*array.String), a.Items()
	dst = append(dst, '{')
	first := true
	var err error
	for j := int(from); j < int(to); j++ {
		key := ""
		switch {
		case keys.IsValid(j):
			key = keys.Value(j)
		case w.opts.MapNullKey == NullKeyDrop:
			continue
		case w.opts.MapNullKey == NullKeyLiteral:
			key = w.opts.MapNullKeyLiteral
		default:
			return dst, errNullKey
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendQuoted(dst, bytesOf(key)), ':')
		if dst, err = w.value(dst, c.elem, items, j); err != nil {
			return dst, fmt.Errorf("key %q: %w", key, err)
		}
	}
	return append(dst, '}'), nil
}

// Encoder encodes rows as plain JSON, a message each. It does not express change kinds: rows of kind −U are left out, all
// others are written.
type Encoder struct {
	w   *RowWriter
	buf []byte
}

var _ format.Encoder = (*Encoder)(nil)

// NewEncoder makes an encoder for rows of the fields.
func NewEncoder(fields []format.Field, opts Options) (*Encoder, error) {
	w, err := NewRowWriter(fields, opts)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "json")
	}
	return &Encoder{w: w}, nil
}

// Encode implements format.Encoder.
func (e *Encoder) Encode(b *batch.Batch, emit func(row int, value []byte) error) error {
	for i := 0; i < b.N; i++ {
		if b.Kind(i) == batch.UpdateBefore {
			continue
		}
		var err error
		if e.buf, err = e.w.AppendRow(e.buf[:0], b.Cols, i); err != nil {
			return fault.Wrap(fault.Data, err, "encode JSON")
		}
		if err := emit(i, e.buf); err != nil {
			return err
		}
	}
	return nil
}
