package clickhouse

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
)

type integer interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// numberEncoder returns nil for a name that is not a number's.
func numberEncoder(name string) encoder {
	switch name {
	case "Int8":
		return intEncoder[int8]{id: arrow.INT8}
	case "Int16":
		return intEncoder[int16]{id: arrow.INT16}
	case "Int32":
		return intEncoder[int32]{id: arrow.INT32}
	case "Int64":
		return intEncoder[int64]{id: arrow.INT64}
	case "UInt8":
		return intEncoder[uint8]{id: arrow.UINT8}
	case "UInt16":
		return intEncoder[uint16]{id: arrow.UINT16}
	case "UInt32":
		return intEncoder[uint32]{id: arrow.UINT32}
	case "UInt64":
		return intEncoder[uint64]{id: arrow.UINT64}
	case "Float32":
		return float32Encoder{}
	case "Float64":
		return float64Encoder{}
	}
	return nil
}

// intEncoder writes integers of any width: a copy when the widths agree, else checked value by value.
type intEncoder[D integer] struct {
	stateless
	id arrow.Type
}

func (e intEncoder[D]) rows(out []byte, a arrow.Array) ([]byte, error) {
	if a.DataType().ID() == e.id {
		return append(out, fixedBytes(a, int(unsafe.Sizeof(D(0))))...), nil
	}
	switch a := a.(type) {
	case *array.Int8:
		return convertInts[D](out, a, a.Int8Values())
	case *array.Int16:
		return convertInts[D](out, a, a.Int16Values())
	case *array.Int32:
		return convertInts[D](out, a, a.Int32Values())
	case *array.Int64:
		return convertInts[D](out, a, a.Int64Values())
	case *array.Uint8:
		return convertInts[D](out, a, a.Uint8Values())
	case *array.Uint16:
		return convertInts[D](out, a, a.Uint16Values())
	case *array.Uint32:
		return convertInts[D](out, a, a.Uint32Values())
	case *array.Uint64:
		return convertInts[D](out, a, a.Uint64Values())
	case *array.Boolean:
		if e.id == arrow.UINT8 {
			return boolEncoder{}.rows(out, a)
		}
	}
	return out, errMismatch(a, e.id.String())
}

func convertInts[D, S integer](out []byte, a arrow.Array, values []S) ([]byte, error) {
	for i, v := range values {
		d := D(v)
		if (S(d) != v || (d < 0) != (v < 0)) && a.IsValid(i) {
			return out, fmt.Errorf("row %d: %d does not fit the column's integer type", i, v)
		}
		switch unsafe.Sizeof(d) {
		case 1:
			out = append(out, byte(d))
		case 2:
			out = binary.LittleEndian.AppendUint16(out, uint16(d))
		case 4:
			out = binary.LittleEndian.AppendUint32(out, uint32(d))
		default:
			out = binary.LittleEndian.AppendUint64(out, uint64(d))
		}
	}
	return out, nil
}

type float32Encoder struct{ stateless }

func (float32Encoder) rows(out []byte, a arrow.Array) ([]byte, error) {
	if a.DataType().ID() != arrow.FLOAT32 {
		return out, errMismatch(a, "Float32")
	}
	return append(out, fixedBytes(a, 4)...), nil
}

type float64Encoder struct{ stateless }

func (float64Encoder) rows(out []byte, a arrow.Array) ([]byte, error) {
	switch a := a.(type) {
	case *array.Float64:
		return append(out, fixedBytes(a, 8)...), nil
	case *array.Float32:
		for _, v := range a.Float32Values() {
			out = binary.LittleEndian.AppendUint64(out, math.Float64bits(float64(v)))
		}
		return out, nil
	}
	return out, errMismatch(a, "Float64")
}

type boolEncoder struct{ stateless }

func (boolEncoder) rows(out []byte, a arrow.Array) ([]byte, error) {
	b, ok := a.(*array.Boolean)
	if !ok {
		return out, errMismatch(a, "Bool")
	}
	for i := range b.Len() {
		v := byte(0)
		if b.Value(i) {
			v = 1
		}
		out = append(out, v)
	}
	return out, nil
}

// decimalEncoder writes decimals of up to 38 digits.
type decimalEncoder struct {
	stateless
	size, scale int
}

func newDecimalEncoder(t columnType) (encoder, error) {
	p, err := t.word(0, 10)
	if err != nil {
		return nil, err
	}
	e := decimalEncoder{size: 16}
	if e.scale, err = t.word(1, 0); err != nil {
		return nil, err
	}
	switch {
	case p <= 9:
		e.size = 4
	case p <= 18:
		e.size = 8
	case p > 38:
		return nil, fmt.Errorf("column type %s cannot be written from Arrow: more than 38 digits", t.text)
	}
	return e, nil
}

func (e decimalEncoder) rows(out []byte, a arrow.Array) ([]byte, error) {
	d, ok := a.(*array.Decimal128)
	if !ok {
		return out, errMismatch(a, "Decimal")
	}
	from := int(d.DataType().(*arrow.Decimal128Type).Scale)
	if from > e.scale {
		return out, fmt.Errorf("scale %d does not fit the column's scale %d: digits would be lost", from, e.scale)
	}
	if from == e.scale && e.size == 16 {
		return append(out, fixedBytes(a, 16)...), nil
	}
	for i, v := range d.Values() {
		if !a.IsValid(i) {
			out = appendZeros(out, e.size)
			continue
		}
		if from < e.scale {
			scaled, err := v.Rescale(int32(from), int32(e.scale))
			if err != nil {
				return out, fmt.Errorf("row %d: %s: %w", i, v.ToString(int32(from)), err)
			}
			v = scaled
		}
		var err error
		if out, err = e.append(out, v); err != nil {
			return out, fmt.Errorf("row %d: %w", i, err)
		}
	}
	return out, nil
}

func (e decimalEncoder) append(out []byte, v decimal128.Num) ([]byte, error) {
	low := int64(v.LowBits())
	fits := v.HighBits() == low>>63 // the high word is nothing but the sign
	switch e.size {
	case 4:
		if !fits || low != int64(int32(low)) {
			return out, fmt.Errorf("%s does not fit 9 digits", v.ToString(int32(e.scale)))
		}
		return binary.LittleEndian.AppendUint32(out, uint32(low)), nil
	case 8:
		if !fits {
			return out, fmt.Errorf("%s does not fit 18 digits", v.ToString(int32(e.scale)))
		}
		return binary.LittleEndian.AppendUint64(out, uint64(low)), nil
	}
	out = binary.LittleEndian.AppendUint64(out, v.LowBits())
	return binary.LittleEndian.AppendUint64(out, uint64(v.HighBits())), nil
}
