package protobuf

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Encoder encodes rows as messages. NULL columns are absent fields; NULL in an array or map, which Protobuf cannot express,
// becomes the default value, or write-null-string-literal for strings. Rows of kind −U are left out.
type Encoder struct {
	fields []fieldWriter
	buf    []byte
}

var _ format.Encoder = (*Encoder)(nil)

// fieldWriter writes one field, or the element, key or value of a collection.
type fieldWriter struct {
	name     string
	number   uint64
	kind     protoreflect.Kind
	sql      types.Kind
	implicit bool // the default value is not written
	packed   bool
	null     string           // written for NULL strings in collections
	numbers  map[string]int32 // of enums
	first    int32            // number of an enum's first value
	stamp    bool
	fields   []fieldWriter
	elem     *fieldWriter
	key      *fieldWriter
}

// NewEncoder compiles the schema and makes an encoder for rows of the fields.
func NewEncoder(fields []format.Field, opts Options) (*Encoder, error) {
	m, err := Load(opts)
	if err != nil {
		return nil, err
	}
	return NewEncoderOf(m, fields, opts)
}

// NewEncoderOf makes an encoder for messages of the given type.
func NewEncoderOf(m protoreflect.MessageDescriptor, fields []format.Field, opts Options) (*Encoder, error) {
	// The types must fit as they do for reading.
	if _, err := newRow(m, fields, opts); err != nil {
		return nil, fault.Wrap(fault.Config, err, "protobuf message %s", m.FullName())
	}
	return &Encoder{fields: newWriters(m, fields, opts)}, nil
}

func newWriters(m protoreflect.MessageDescriptor, fields []format.Field, opts Options) []fieldWriter {
	out := make([]fieldWriter, len(fields))
	for i, f := range fields {
		out[i] = newWriter(m.Fields().ByName(protoreflect.Name(f.Name)), f.Type, opts)
	}
	return out
}

func newWriter(fd protoreflect.FieldDescriptor, t types.Type, opts Options) fieldWriter {
	w := fieldWriter{name: string(fd.Name()), number: uint64(fd.Number()), kind: fd.Kind(), sql: t.Kind, null: opts.NullString,
		implicit: !fd.HasPresence() && !fd.IsList(), packed: fd.IsPacked()}
	if fd.IsMap() {
		k, v := newWriter(fd.MapKey(), *t.Key, opts), newWriter(fd.MapValue(), *t.Elem, opts)
		k.implicit, v.implicit = false, false // an entry has both
		w.key, w.elem = &k, &v
		return w
	}
	if fd.IsList() {
		e := w
		w.elem = &e
		e.setType(fd, *t.Elem, opts)
		return w
	}
	w.setType(fd, t, opts)
	return w
}

func (w *fieldWriter) setType(fd protoreflect.FieldDescriptor, t types.Type, opts Options) {
	w.sql = t.Kind
	if ed := fd.Enum(); ed != nil {
		w.numbers = map[string]int32{}
		for i := range ed.Values().Len() {
			w.numbers[string(ed.Values().Get(i).Name())] = int32(ed.Values().Get(i).Number())
		}
		w.first = int32(ed.Values().Get(0).Number())
	}
	if md := fd.Message(); md != nil {
		if w.stamp = t.IsTimestamp(); w.stamp {
			return
		}
		fields := make([]format.Field, len(t.Fields))
		for i, sub := range t.Fields {
			fields[i] = format.Field{Name: sub.Name, Type: sub.Type}
		}
		w.fields = newWriters(md, fields, opts)
	}
}

// Encode implements format.Encoder.
func (e *Encoder) Encode(b *batch.Batch, emit func(row int, value []byte) error) error {
	for i := 0; i < b.N; i++ {
		if b.Kind(i) == batch.UpdateBefore {
			continue
		}
		buf := e.buf[:0]
		var err error
		for c := range e.fields {
			if buf, err = e.fields[c].append(buf, b.Cols[c], i); err != nil {
				return fault.Wrap(fault.Data, err, "encode protobuf field %s", e.fields[c].name)
			}
		}
		e.buf = buf
		if err := emit(i, buf); err != nil {
			return err
		}
	}
	return nil
}

// append writes the field with value i of a.
func (w *fieldWriter) append(dst []byte, a arrow.Array, i int) ([]byte, error) {
	if a.IsNull(i) {
		return dst, nil
	}
	switch a := a.(type) {
	case *array.Map:
		from, to := a.ValueOffsets(i)
		for j := int(from); j < int(to); j++ {
			dst = binary.AppendUvarint(dst, w.number<<3|wireBytes)
			at := len(dst)
			dst = append(dst, 0)
			var err error
			if dst, err = w.key.single(dst, a.Keys(), j); err != nil {
				return dst, err
			}
			if dst, err = w.elem.single(dst, a.Items(), j); err != nil {
				return dst, err
			}
			dst = closeLength(dst, at)
		}
		return dst, nil
	case *array.List:
		from, to := a.ValueOffsets(i)
		if from == to {
			return dst, nil
		}
		var err error
		if !w.packed {
			for j := int(from); j < int(to); j++ {
				if dst, err = w.elem.single(dst, a.ListValues(), j); err != nil {
					return dst, err
				}
			}
			return dst, nil
		}
		dst = binary.AppendUvarint(dst, w.number<<3|wireBytes)
		at := len(dst)
		dst = append(dst, 0)
		for j := int(from); j < int(to); j++ {
			v, _, err := w.elem.scalar(a.ListValues(), j)
			if err != nil {
				return dst, err
			}
			dst = w.elem.appendNumber(dst, v)
		}
		return closeLength(dst, at), nil
	}
	return w.single(dst, a, i)
}

// closeLength puts the length of what follows dst[at] there; one byte was kept for it.
func closeLength(dst []byte, at int) []byte {
	n := len(dst) - at - 1
	if n < 0x80 {
		dst[at] = byte(n)
		return dst
	}
	b, size := varintSize(uint64(n))
	dst = append(dst, b[:size-1]...)
	copy(dst[at+size:], dst[at+1:len(dst)-size+1])
	copy(dst[at:], b[:size])
	return dst
}

// single writes one value with its tag; NULL as the default value.
func (w *fieldWriter) single(dst []byte, a arrow.Array, i int) ([]byte, error) {
	if w.kind == protoreflect.MessageKind || w.kind == protoreflect.GroupKind {
		return w.messageValue(dst, a, i)
	}
	num, data, err := w.scalar(a, i)
	if err != nil {
		return dst, err
	}
	if w.kind == protoreflect.StringKind || w.kind == protoreflect.BytesKind {
		if w.implicit && len(data) == 0 {
			return dst, nil
		}
		dst = binary.AppendUvarint(dst, w.number<<3|wireBytes)
		dst = binary.AppendUvarint(dst, uint64(len(data)))
		return append(dst, data...), nil
	}
	if w.implicit && num == 0 {
		return dst, nil
	}
	dst = binary.AppendUvarint(dst, w.number<<3|wireOf(w.kind))
	return w.appendNumber(dst, num), nil
}

func (w *fieldWriter) appendNumber(dst []byte, num uint64) []byte {
	switch wireOf(w.kind) {
	case wire32:
		return binary.LittleEndian.AppendUint32(dst, uint32(num))
	case wire64:
		return binary.LittleEndian.AppendUint64(dst, num)
	}
	return binary.AppendUvarint(dst, num)
}

func (w *fieldWriter) messageValue(dst []byte, a arrow.Array, i int) ([]byte, error) {
	group := w.kind == protoreflect.GroupKind
	if group {
		dst = binary.AppendUvarint(dst, w.number<<3|wireStart)
	} else {
		dst = binary.AppendUvarint(dst, w.number<<3|wireBytes)
	}
	at := len(dst)
	if !group {
		dst = append(dst, 0)
	}
	switch {
	case a.IsNull(i):
	case w.stamp:
		us := int64(a.(*array.Timestamp).Value(i))
		s := us / 1_000_000
		if us%1_000_000 < 0 {
			s--
		}
		if s != 0 {
			dst = binary.AppendUvarint(append(dst, 1<<3), uint64(s))
		}
		if ns := (us - s*1_000_000) * 1000; ns != 0 {
			dst = binary.AppendUvarint(append(dst, 2<<3), uint64(ns))
		}
	default:
		s := a.(*array.Struct)
		for f := range w.fields {
			var err error
			if dst, err = w.fields[f].append(dst, s.Field(f), i); err != nil {
				return dst, fmt.Errorf("field %s: %w", w.fields[f].name, err)
			}
		}
	}
	if group {
		return binary.AppendUvarint(dst, w.number<<3|wireEnd), nil
	}
	return closeLength(dst, at), nil
}

// scalar is value i as it is on the wire: a number or text.
func (w *fieldWriter) scalar(a arrow.Array, i int) (num uint64, text string, err error) {
	if a.IsNull(i) {
		if w.kind == protoreflect.EnumKind {
			return uint64(w.first), "", nil
		}
		if w.kind == protoreflect.StringKind {
			return 0, w.null, nil
		}
		return 0, "", nil
	}
	switch a := a.(type) {
	case *array.String:
		s := a.Value(i)
		if w.numbers == nil {
			if !utf8.ValidString(s) {
				return 0, "", errUTF8
			}
			return 0, s, nil
		}
		if n, ok := w.numbers[s]; ok {
			return uint64(n), "", nil
		}
		if n, err := strconv.ParseInt(s, 10, 32); err == nil { // how unknown numbers are read
			return uint64(n), "", nil
		}
		return 0, "", fmt.Errorf("%q is no value of the enum", s)
	case *array.Binary:
		return 0, a.ValueString(i), nil
	case *array.Boolean:
		if a.Value(i) {
			num = 1
		}
		return num, "", nil
	case *array.Int64:
		return w.integer(a.Value(i))
	case *array.Int32:
		return w.integer(int64(a.Value(i)))
	case *array.Int16:
		return w.integer(int64(a.Value(i)))
	case *array.Int8:
		return w.integer(int64(a.Value(i)))
	case *array.Decimal128:
		v := a.Value(i)
		if v.HighBits() != 0 {
			return 0, "", fmt.Errorf("%s is out of range of %s", v.ToString(0), w.kind)
		}
		return v.LowBits(), "", nil
	case *array.Float32:
		if w.kind == protoreflect.DoubleKind {
			return math.Float64bits(float64(a.Value(i))), "", nil
		}
		return uint64(math.Float32bits(a.Value(i))), "", nil
	case *array.Float64:
		if w.kind == protoreflect.FloatKind {
			return uint64(math.Float32bits(float32(a.Value(i)))), "", nil
		}
		return math.Float64bits(a.Value(i)), "", nil
	}
	return 0, "", fmt.Errorf("protobuf cannot hold a %s", a.DataType())
}

func (w *fieldWriter) integer(v int64) (uint64, string, error) {
	switch w.kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.EnumKind:
		if v != int64(int32(v)) {
			return 0, "", fmt.Errorf("%d is out of range of %s", v, w.kind)
		}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		if v < math.MinInt32 || v > math.MaxUint32 {
			return 0, "", fmt.Errorf("%d is out of range of %s", v, w.kind)
		}
		return uint64(uint32(v)), "", nil
	}
	switch w.kind {
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return uint64(v<<1) ^ uint64(v>>63), "", nil
	case protoreflect.Sfixed32Kind:
		return uint64(uint32(v)), "", nil
	}
	return uint64(v), "", nil
}
