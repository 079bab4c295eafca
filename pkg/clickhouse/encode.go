package clickhouse

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
)

// An encoder writes Arrow arrays as the values of one ClickHouse type, in the layout of Native blocks:
// whole columns, nothing per value but the bytes. One encoder per column; not safe for concurrent use.
type encoder interface {
	// state appends what stands before the column's values: versions of nested serializations.
	state(out []byte) []byte
	// rows appends the values. Nulls must have been dealt with outside: what a null slot holds is junk
	// that must not fail.
	rows(out []byte, a arrow.Array) ([]byte, error)
}

// newEncoder returns the encoder for a ClickHouse type.
func newEncoder(t columnType) (encoder, error) {
	switch t.name {
	case "Nullable":
		inner, err := newEncoder(t.args[0])
		return nullableEncoder{inner}, err
	case "LowCardinality":
		return newDictionaryEncoder(t.args[0])
	case "Array":
		inner, err := newEncoder(t.args[0])
		return listEncoder{strict(inner, t.args[0])}, err
	case "Map":
		key, err := newEncoder(t.args[0])
		if err != nil {
			return nil, err
		}
		value, err := newEncoder(t.args[1])
		return mapEncoder{strict(key, t.args[0]), strict(value, t.args[1])}, err
	case "Tuple":
		e := structEncoder{names: t.names}
		for _, a := range t.args {
			inner, err := newEncoder(a)
			if err != nil {
				return nil, err
			}
			e.fields = append(e.fields, strict(inner, a))
		}
		return e, nil
	case "String":
		return stringEncoder{}, nil
	case "FixedString":
		n, err := t.word(0, 0)
		return fixedStringEncoder(n), err
	case "UUID":
		return uuidEncoder{}, nil
	case "Enum8", "Enum16":
		values, err := t.enumValues()
		return enumEncoder{values: values, wide: t.name == "Enum16"}, err
	case "Decimal":
		return newDecimalEncoder(t)
	case "Bool":
		return boolEncoder{}, nil
	case "Date":
		return dateEncoder{}, nil
	case "Date32":
		return date32Encoder{}, nil
	case "DateTime":
		return timeEncoder{narrow: true}, nil
	case "DateTime64":
		return newTimeEncoder(t)
	}
	if e := numberEncoder(t.name); e != nil {
		return e, nil
	}
	return nil, fmt.Errorf("column type %s cannot be written from Arrow", t.text)
}

// strict adds the check that a type which cannot hold null gets none.
func strict(e encoder, t columnType) encoder {
	switch t.name {
	case "Nullable", "Array", "Map": // a null list or map is an empty one
		return e
	case "LowCardinality":
		if t.args[0].name == "Nullable" {
			return e
		}
	}
	return notNullEncoder{e, t.text}
}

type notNullEncoder struct {
	encoder
	typ string
}

func (e notNullEncoder) rows(out []byte, a arrow.Array) ([]byte, error) {
	if a.NullN() > 0 {
		for i := range a.Len() {
			if a.IsNull(i) {
				return out, fmt.Errorf("row %d is null, but %s is not Nullable", i, e.typ)
			}
		}
	}
	return e.encoder.rows(out, a)
}

type nullableEncoder struct{ inner encoder }

func (e nullableEncoder) state(out []byte) []byte { return e.inner.state(out) }

func (e nullableEncoder) rows(out []byte, a arrow.Array) ([]byte, error) {
	n := a.Len()
	if a.NullN() == 0 {
		out = appendZeros(out, n)
	} else {
		for i := range n {
			b := byte(0)
			if a.IsNull(i) {
				b = 1
			}
			out = append(out, b)
		}
	}
	if a.DataType().ID() == arrow.NULL {
		return out, errMismatch(a, "a typed column")
	}
	return e.inner.rows(out, a)
}

func appendZeros(out []byte, n int) []byte {
	return append(out, make([]byte, n)...)
}

// stateless is for types without anything before their values.
type stateless struct{}

func (stateless) state(out []byte) []byte { return out }

func errMismatch(a arrow.Array, want string) error {
	return &mismatch{a.DataType().String(), want}
}

// fixedBytes returns the values of a fixed-width array as they lie in memory, which is little-endian.
func fixedBytes(a arrow.Array, width int) []byte {
	n, off := a.Len(), a.Data().Offset()
	if n == 0 {
		return nil
	}
	return a.Data().Buffers()[1].Bytes()[off*width : (off+n)*width]
}

// strings of any Arrow type with bytes, as offsets into one buffer.
type byteValues struct {
	off32 []int32
	off64 []int64
	width int // of a fixed-size binary; 0 otherwise
	data  []byte
}

func bytesOf(a arrow.Array) (byteValues, bool) {
	n, off := a.Len(), a.Data().Offset()
	bufs := a.Data().Buffers()
	var v byteValues
	switch a.DataType().ID() {
	case arrow.STRING, arrow.BINARY:
		if n > 0 {
			v.off32 = arrow.Int32Traits.CastFromBytes(bufs[1].Bytes())[off : off+n+1]
		}
	case arrow.LARGE_STRING, arrow.LARGE_BINARY:
		if n > 0 {
			v.off64 = arrow.Int64Traits.CastFromBytes(bufs[1].Bytes())[off : off+n+1]
		}
	case arrow.FIXED_SIZE_BINARY:
		v.width = a.DataType().(*arrow.FixedSizeBinaryType).ByteWidth
		v.data = fixedBytes(a, v.width)
		return v, true
	default:
		return v, false
	}
	if n > 0 && len(bufs) > 2 && bufs[2] != nil {
		v.data = bufs[2].Bytes()
	}
	return v, true
}

func (v *byteValues) at(i int) []byte {
	switch {
	case v.off32 != nil:
		return v.data[v.off32[i]:v.off32[i+1]]
	case v.off64 != nil:
		return v.data[v.off64[i]:v.off64[i+1]]
	}
	return v.data[i*v.width : (i+1)*v.width]
}

type stringEncoder struct{ stateless }

func (stringEncoder) rows(out []byte, a arrow.Array) ([]byte, error) {
	v, ok := bytesOf(a)
	if !ok {
		return out, errMismatch(a, "String")
	}
	for i := range a.Len() {
		b := v.at(i)
		if len(b) < 0x80 {
			out = append(out, byte(len(b)))
		} else {
			out = binary.AppendUvarint(out, uint64(len(b)))
		}
		out = append(out, b...)
	}
	return out, nil
}

type fixedStringEncoder int

func (fixedStringEncoder) state(out []byte) []byte { return out }

func (e fixedStringEncoder) rows(out []byte, a arrow.Array) ([]byte, error) {
	v, ok := bytesOf(a)
	if !ok {
		return out, errMismatch(a, "FixedString")
	}
	for i := range a.Len() {
		var b []byte
		if a.IsValid(i) {
			b = v.at(i)
		}
		if len(b) > int(e) {
			return out, fmt.Errorf("row %d has %d bytes, more than FixedString(%d) holds", i, len(b), int(e))
		}
		out = appendZeros(append(out, b...), int(e)-len(b))
	}
	return out, nil
}

type enumEncoder struct {
	stateless
	values map[string]int
	wide   bool
}

func (e enumEncoder) rows(out []byte, a arrow.Array) ([]byte, error) {
	v, ok := bytesOf(a)
	if !ok {
		return out, errMismatch(a, "Enum")
	}
	for i := range a.Len() {
		n := 0
		if a.IsValid(i) {
			var known bool
			if n, known = e.values[string(v.at(i))]; !known {
				return out, fmt.Errorf("row %d: the enum has no value %q", i, v.at(i))
			}
		}
		if e.wide {
			out = binary.LittleEndian.AppendUint16(out, uint16(n))
		} else {
			out = append(out, byte(n))
		}
	}
	return out, nil
}

type uuidEncoder struct{ stateless }

func (uuidEncoder) rows(out []byte, a arrow.Array) ([]byte, error) {
	v, ok := bytesOf(a)
	if !ok {
		return out, errMismatch(a, "UUID")
	}
	for i := range a.Len() {
		var u [16]byte
		if a.IsValid(i) {
			if err := parseUUID(&u, v.at(i)); err != nil {
				return out, fmt.Errorf("row %d: %w", i, err)
			}
		}
		// Two little-endian words, the high one first.
		out = binary.LittleEndian.AppendUint64(out, binary.BigEndian.Uint64(u[:8]))
		out = binary.LittleEndian.AppendUint64(out, binary.BigEndian.Uint64(u[8:]))
	}
	return out, nil
}

func parseUUID(u *[16]byte, b []byte) error {
	if len(b) == 16 {
		copy(u[:], b)
		return nil
	}
	n := 0
	for _, c := range b {
		var d byte
		switch {
		case c == '-':
			continue
		case c >= '0' && c <= '9':
			d = c - '0'
		case c >= 'a' && c <= 'f':
			d = c - 'a' + 10
		case c >= 'A' && c <= 'F':
			d = c - 'A' + 10
		default:
			return fmt.Errorf("%q is not a UUID", b)
		}
		if n < 32 {
			u[n/2] = u[n/2]<<4 | d
		}
		n++
	}
	if n != 32 {
		return fmt.Errorf("%q is not a UUID", b)
	}
	return nil
}

// listEncoder writes Array: the end of every row, then all elements.
type listEncoder struct{ inner encoder }

func (e listEncoder) state(out []byte) []byte { return e.inner.state(out) }

func (e listEncoder) rows(out []byte, a arrow.Array) ([]byte, error) {
	l, ok := a.(array.ListLike)
	if !ok {
		return out, errMismatch(a, "Array")
	}
	out, values, err := listEnds(out, l)
	if err != nil || values == nil {
		return out, err
	}
	defer values.Release()
	return e.inner.rows(out, values)
}

// listEnds appends the ends of the rows and returns the elements that belong to them. Null rows are empty.
func listEnds(out []byte, l array.ListLike) ([]byte, arrow.Array, error) {
	n := l.Len()
	if n == 0 {
		return out, nil, nil
	}
	first, _ := l.ValueOffsets(0)
	end, last := uint64(0), first
	dense := true
	for i := range n {
		start, stop := l.ValueOffsets(i)
		if l.IsNull(i) {
			dense = dense && start == stop
		} else {
			dense = dense && start == last
			end += uint64(stop - start)
			last = stop
		}
		out = binary.LittleEndian.AppendUint64(out, end)
	}
	if end == 0 {
		return out, nil, nil
	}
	if dense {
		return out, array.NewSlice(l.ListValues(), first, last), nil
	}
	return gather(out, l)
}
