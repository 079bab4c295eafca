package avro

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"

	"github.com/hamba/avro/v2"
)

// encodeDefault writes a field's default, as the schema parser gives it, in Avro's binary encoding. The default of a union is of its first
// branch.
func encodeDefault(dst []byte, s avro.Schema, v any) ([]byte, error) {
	s = deref(s)
	switch s := s.(type) {
	case *avro.UnionSchema:
		return encodeDefault(appendLong(dst, 0), s.Types()[0], v)
	case *avro.RecordSchema:
		m, ok := v.(map[string]any)
		if !ok {
			return nil, badDefault(s, v)
		}
		for _, f := range s.Fields() {
			fv, ok := m[f.Name()]
			if !ok {
				fv = f.Default()
			}
			var err error
			if dst, err = encodeDefault(dst, f.Type(), fv); err != nil {
				return nil, fmt.Errorf("field %s: %w", f.Name(), err)
			}
		}
		return dst, nil
	case *avro.ArraySchema:
		list, ok := v.([]any)
		if !ok {
			return nil, badDefault(s, v)
		}
		if len(list) > 0 {
			dst = appendLong(dst, int64(len(list)))
		}
		for _, e := range list {
			var err error
			if dst, err = encodeDefault(dst, s.Items(), e); err != nil {
				return nil, err
			}
		}
		return appendLong(dst, 0), nil
	case *avro.MapSchema:
		m, ok := v.(map[string]any)
		if !ok {
			return nil, badDefault(s, v)
		}
		if len(m) > 0 {
			dst = appendLong(dst, int64(len(m)))
		}
		for _, k := range slices.Sorted(maps.Keys(m)) {
			dst = append(appendLong(dst, int64(len(k))), k...)
			var err error
			if dst, err = encodeDefault(dst, s.Values(), m[k]); err != nil {
				return nil, err
			}
		}
		return appendLong(dst, 0), nil
	case *avro.EnumSchema:
		sym, _ := v.(string)
		i := slices.Index(s.Symbols(), sym)
		if i < 0 {
			return nil, badDefault(s, v)
		}
		return appendLong(dst, int64(i)), nil
	}
	switch s.Type() {
	case avro.Null:
		if v == nil || reflect.TypeOf(v).Size() == 0 { // the parser has a type of its own for null
			return dst, nil
		}
	case avro.Boolean:
		if b, ok := v.(bool); ok {
			if b {
				return append(dst, 1), nil
			}
			return append(dst, 0), nil
		}
	case avro.String:
		if t, ok := v.(string); ok {
			return append(appendLong(dst, int64(len(t))), t...), nil
		}
	case avro.Bytes:
		if t, ok := v.([]byte); ok {
			return append(appendLong(dst, int64(len(t))), t...), nil
		}
	case avro.Fixed:
		if rv := reflect.ValueOf(v); rv.IsValid() && rv.Kind() == reflect.Array { // [n]byte
			for i := range rv.Len() {
				dst = append(dst, byte(rv.Index(i).Uint()))
			}
			return dst, nil
		}
	}
	f, ok := toFloat(v)
	if !ok {
		return nil, badDefault(s, v)
	}
	switch s.Type() {
	case avro.Int, avro.Long:
		return appendLong(dst, int64(f)), nil
	case avro.Float:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(f))), nil
	case avro.Double:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f)), nil
	}
	return nil, badDefault(s, v)
}

func toFloat(v any) (float64, bool) {
	switch rv := reflect.ValueOf(v); rv.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return float64(rv.Int()), true
	case reflect.Float32, reflect.Float64:
		return rv.Float(), true
	}
	return 0, false
}

func badDefault(s avro.Schema, v any) error { return fmt.Errorf("%v is no %s", v, describe(s)) }

// appendLong writes a zigzag number.
func appendLong(dst []byte, v int64) []byte {
	return binary.AppendUvarint(dst, uint64(v)<<1^uint64(v>>63))
}
