package clickhouse

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// gather copies the elements of the valid rows together, for the rare list with elements under nulls.
func gather(out []byte, l array.ListLike) ([]byte, arrow.Array, error) {
	var parts []arrow.Array
	defer func() {
		for _, p := range parts {
			p.Release()
		}
	}()
	for i := range l.Len() {
		if start, stop := l.ValueOffsets(i); l.IsValid(i) && stop > start {
			parts = append(parts, array.NewSlice(l.ListValues(), start, stop))
		}
	}
	values, err := array.Concatenate(parts, memory.DefaultAllocator)
	return out, values, err
}

// mapEncoder writes Map, which is laid out as Array(Tuple(key, value)).
type mapEncoder struct{ key, value encoder }

func (e mapEncoder) state(out []byte) []byte { return e.value.state(e.key.state(out)) }

func (e mapEncoder) rows(out []byte, a arrow.Array) ([]byte, error) {
	m, ok := a.(*array.Map)
	if !ok {
		return out, errMismatch(a, "Map")
	}
	out, values, err := listEnds(out, m)
	if err != nil || values == nil {
		return out, err
	}
	defer values.Release()
	entries := values.(*array.Struct)
	if out, err = e.key.rows(out, entries.Field(0)); err != nil {
		return out, fmt.Errorf("map key: %w", err)
	}
	if out, err = e.value.rows(out, entries.Field(1)); err != nil {
		return out, fmt.Errorf("map value: %w", err)
	}
	return out, nil
}

// structEncoder writes Tuple: one element after the other. Named elements take the struct's field of that
// name, others the field at their place.
type structEncoder struct {
	fields []encoder
	names  []string
}

func (e structEncoder) state(out []byte) []byte {
	for _, f := range e.fields {
		out = f.state(out)
	}
	return out
}

func (e structEncoder) rows(out []byte, a arrow.Array) ([]byte, error) {
	s, ok := a.(*array.Struct)
	if !ok {
		return out, errMismatch(a, "Tuple")
	}
	if s.NumField() != len(e.fields) {
		return out, fmt.Errorf("the struct has %d fields, the Tuple %d", s.NumField(), len(e.fields))
	}
	typ := a.DataType().(*arrow.StructType)
	for i, f := range e.fields {
		at := i
		if e.names[i] != "" {
			if at, ok = typ.FieldIdx(e.names[i]); !ok {
				return out, fmt.Errorf("the struct has no field %q", e.names[i])
			}
		}
		var err error
		if out, err = f.rows(out, s.Field(at)); err != nil {
			return out, fmt.Errorf("field %s: %w", typ.Field(at).Name, err)
		}
	}
	return out, nil
}

// dictionaryEncoder writes LowCardinality: the distinct values of this block, then an index per row.
type dictionaryEncoder struct {
	inner    encoder
	isString bool
	nullable bool // key 0 stands for null
	index    map[string]uint32
	ids      []uint32
}

const (
	dictionaryVersion = 1
	// The block brings its own keys and replaces what came before.
	dictionaryFlags = 1<<9 | 1<<10
)

func newDictionaryEncoder(t columnType) (encoder, error) {
	e := &dictionaryEncoder{index: map[string]uint32{}}
	if t.name == "Nullable" {
		e.nullable, t = true, t.args[0]
	}
	e.isString = t.name == "String"
	var err error
	e.inner, err = newEncoder(t)
	return e, err
}

func (e *dictionaryEncoder) state(out []byte) []byte {
	return binary.LittleEndian.AppendUint64(out, dictionaryVersion)
}

func (e *dictionaryEncoder) rows(out []byte, a arrow.Array) ([]byte, error) {
	n := a.Len()
	if n == 0 {
		return out, nil
	}
	var v byteValues
	if e.isString {
		var ok bool
		if v, ok = bytesOf(a); !ok {
			return out, errMismatch(a, "LowCardinality(String)")
		}
	} else { // encoded values of one width are keys as good as strings
		encoded, err := e.inner.rows(nil, a)
		if err != nil {
			return out, err
		}
		v = byteValues{width: len(encoded) / n, data: encoded}
	}
	clear(e.index)
	e.ids = e.ids[:0]
	var keys []byte
	count := uint32(0)
	add := func(b []byte) uint32 {
		if e.isString {
			keys = binary.AppendUvarint(keys, uint64(len(b)))
		}
		keys = append(keys, b...)
		count++
		return count - 1
	}
	if e.nullable {
		add(make([]byte, v.width))
	}
	nulls := a.NullN() > 0
	for i := range n {
		if nulls && e.nullable && a.IsNull(i) {
			e.ids = append(e.ids, 0)
			continue
		}
		b := v.at(i)
		id, ok := e.index[string(b)]
		if !ok {
			id = add(b)
			e.index[string(b)] = id
		}
		e.ids = append(e.ids, id)
	}
	width := uint64(0)
	switch {
	case count > 1<<16:
		width = 2
	case count > 1<<8:
		width = 1
	}
	out = binary.LittleEndian.AppendUint64(out, dictionaryFlags|width)
	out = binary.LittleEndian.AppendUint64(out, uint64(count))
	out = append(out, keys...)
	out = binary.LittleEndian.AppendUint64(out, uint64(n))
	for _, id := range e.ids {
		switch width {
		case 0:
			out = append(out, byte(id))
		case 1:
			out = binary.LittleEndian.AppendUint16(out, uint16(id))
		default:
			out = binary.LittleEndian.AppendUint32(out, id)
		}
	}
	return out, nil
}
