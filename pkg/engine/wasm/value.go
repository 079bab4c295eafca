package wasm

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
)

// intAt gives value i of a column of class int.
func intAt(a arrow.Array, i int) int64 {
	switch a := a.(type) {
	case *array.Int64:
		return a.Value(i)
	case *array.Int32:
		return int64(a.Value(i))
	case *array.Int16:
		return int64(a.Value(i))
	case *array.Int8:
		return int64(a.Value(i))
	case *array.Timestamp:
		return int64(a.Value(i))
	case *array.Date32:
		return int64(a.Value(i))
	case *array.Time32:
		return int64(a.Value(i))
	case *array.Boolean:
		if a.Value(i) {
			return 1
		}
	}
	return 0
}

func floatAt(a arrow.Array, i int) float64 {
	if f, ok := a.(*array.Float32); ok {
		return float64(f.Value(i))
	}
	return a.(*array.Float64).Value(i)
}

// bytesAt appends value i of a column of class bytes to dst.
func bytesAt(dst []byte, a arrow.Array, i int) []byte {
	switch a := a.(type) {
	case *array.String:
		return append(dst, a.Value(i)...)
	case *array.Binary:
		return append(dst, a.Value(i)...)
	}
	return append(dst, batch.ValueString(a, i)...)
}

func appendInt(dst array.Builder, v int64) error {
	switch b := dst.(type) {
	case *array.Int64Builder:
		b.Append(v)
	case *array.Int32Builder:
		b.Append(int32(v))
	case *array.Int16Builder:
		b.Append(int16(v))
	case *array.Int8Builder:
		b.Append(int8(v))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(v))
	case *array.Date32Builder:
		b.Append(arrow.Date32(v))
	case *array.Time32Builder:
		b.Append(arrow.Time32(v))
	case *array.BooleanBuilder:
		b.Append(v != 0)
	default:
		return fault.Newf(fault.Internal, "no integer goes into %s", dst.Type())
	}
	return nil
}

func appendFloat(dst array.Builder, v float64) error {
	switch b := dst.(type) {
	case *array.Float64Builder:
		b.Append(v)
	case *array.Float32Builder:
		b.Append(float32(v))
	default:
		return fault.Newf(fault.Internal, "no float goes into %s", dst.Type())
	}
	return nil
}

func appendBytes(dst array.Builder, v []byte) error {
	switch b := dst.(type) {
	case *array.StringBuilder:
		b.BinaryBuilder.Append(v)
	case *array.BinaryBuilder:
		b.Append(v)
	case *array.Decimal128Builder:
		t := b.Type().(*arrow.Decimal128Type)
		d, err := decimal128.FromString(string(v), t.Precision, t.Scale)
		if err != nil {
			return fmt.Errorf("%q is no %s: %w", v, t, err)
		}
		b.Append(d)
	default:
		return fault.Newf(fault.Internal, "no bytes go into %s", dst.Type())
	}
	return nil
}

// encodeRow appends row i of the columns.
func encodeRow(dst []byte, cols []arrow.Array, classes []class, i int) []byte {
	for c, a := range cols {
		if a.IsNull(i) {
			dst = append(dst, 0)
			continue
		}
		dst = append(dst, 1)
		switch classes[c] {
		case classInt:
			dst = binary.LittleEndian.AppendUint64(dst, uint64(intAt(a, i)))
		case classFloat:
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(floatAt(a, i)))
		case classBytes:
			at := len(dst)
			dst = bytesAt(append(dst, 0, 0, 0, 0), a, i)
			binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
		}
	}
	return dst
}

var errRow = fault.Newf(fault.Permanent, "the function gave a row that ends early")

// decodeRow appends a row's values to the builders and gives what follows it.
func decodeRow(data []byte, dst []array.Builder, classes []class) ([]byte, error) {
	for c, b := range dst {
		if len(data) < 1 {
			return nil, errRow
		}
		set := data[0] != 0
		data = data[1:]
		if !set {
			b.AppendNull()
			continue
		}
		var err error
		switch classes[c] {
		case classBytes:
			if len(data) < 4 || uint64(len(data)-4) < uint64(binary.LittleEndian.Uint32(data)) {
				return nil, errRow
			}
			n := binary.LittleEndian.Uint32(data)
			err = appendBytes(b, data[4:4+n])
			data = data[4+n:]
		default:
			if len(data) < 8 {
				return nil, errRow
			}
			v := binary.LittleEndian.Uint64(data)
			if classes[c] == classFloat {
				err = appendFloat(b, math.Float64frombits(v))
			} else {
				err = appendInt(b, int64(v))
			}
			data = data[8:]
		}
		if err != nil {
			return nil, err
		}
	}
	return data, nil
}
