package hbase

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"

	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Values are encoded as Flink's HBaseSerde does with HBase's Bytes: integers big-endian, booleans -1 or 0, decimals as scale and unscaled
// two's complement, dates as days, times and timestamps as milliseconds. A null string is the null literal, any other null no bytes.

// supported tells why a type cannot be kept in a cell.
func supported(t types.Type) error {
	switch t.Kind {
	case types.Array, types.Map, types.Multiset, types.Row, types.Null:
		return fmt.Errorf("type %s cannot be kept in a cell", t)
	case types.Time, types.Timestamp, types.TimestampLTZ:
		if t.Precision > 3 {
			return fmt.Errorf("%s keeps more digits than HBase's milliseconds; declare %s(3)", t, t.Kind)
		}
	}
	return nil
}

// appendValue encodes value i of a, which is not null.
func appendValue(dst []byte, a arrow.Array, i int) []byte {
	be := binary.BigEndian
	switch a := a.(type) {
	case *array.String:
		return append(dst, a.Value(i)...)
	case *array.Binary:
		return append(dst, a.Value(i)...)
	case *array.Int64:
		return be.AppendUint64(dst, uint64(a.Value(i)))
	case *array.Int32:
		return be.AppendUint32(dst, uint32(a.Value(i)))
	case *array.Int16:
		return be.AppendUint16(dst, uint16(a.Value(i)))
	case *array.Int8:
		return append(dst, byte(a.Value(i)))
	case *array.Boolean:
		if a.Value(i) {
			return append(dst, 0xff)
		}
		return append(dst, 0)
	case *array.Float64:
		return be.AppendUint64(dst, math.Float64bits(a.Value(i)))
	case *array.Float32:
		return be.AppendUint32(dst, math.Float32bits(a.Value(i)))
	case *array.Date32:
		return be.AppendUint32(dst, uint32(a.Value(i)))
	case *array.Time32:
		return be.AppendUint32(dst, uint32(a.Value(i)))
	case *array.Timestamp:
		us := int64(a.Value(i))
		ms := us / 1000
		if us%1000 < 0 {
			ms--
		}
		return be.AppendUint64(dst, uint64(ms))
	case *array.Decimal128:
		dst = be.AppendUint32(dst, uint32(a.DataType().(*arrow.Decimal128Type).Scale))
		return appendDecimal(dst, a.Value(i))
	}
	panic("hbase: no encoding for " + a.DataType().String())
}

// appendDecimal writes the shortest two's complement, as Java's BigInteger.toByteArray.
func appendDecimal(dst []byte, v decimal128.Num) []byte {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(v.HighBits()))
	binary.BigEndian.PutUint64(b[8:], v.LowBits())
	i := 0
	for i < 15 && (b[i] == 0 && b[i+1] < 0x80 || b[i] == 0xff && b[i+1] >= 0x80) {
		i++
	}
	return append(dst, b[i:]...)
}

var errLength = errors.New("the cell has the wrong length")

// decodeValue appends the value that appendValue wrote to dst.
func decodeValue(dst array.Builder, data []byte) error {
	be := binary.BigEndian
	want := map[arrow.Type]int{arrow.INT64: 8, arrow.INT32: 4, arrow.INT16: 2, arrow.INT8: 1, arrow.BOOL: 1, arrow.FLOAT64: 8, arrow.FLOAT32: 4, arrow.DATE32: 4, arrow.TIME32: 4, arrow.TIMESTAMP: 8}
	if n, ok := want[dst.Type().ID()]; ok && n != len(data) {
		return fmt.Errorf("%w: %d bytes for %s", errLength, len(data), dst.Type())
	}
	switch d := dst.(type) {
	case *array.StringBuilder:
		d.Append(string(data))
	case *array.BinaryBuilder:
		d.Append(data)
	case *array.Int64Builder:
		d.Append(int64(be.Uint64(data)))
	case *array.Int32Builder:
		d.Append(int32(be.Uint32(data)))
	case *array.Int16Builder:
		d.Append(int16(be.Uint16(data)))
	case *array.Int8Builder:
		d.Append(int8(data[0]))
	case *array.BooleanBuilder:
		d.Append(data[0] != 0)
	case *array.Float64Builder:
		d.Append(math.Float64frombits(be.Uint64(data)))
	case *array.Float32Builder:
		d.Append(math.Float32frombits(be.Uint32(data)))
	case *array.Date32Builder:
		d.Append(arrow.Date32(be.Uint32(data)))
	case *array.Time32Builder:
		d.Append(arrow.Time32(be.Uint32(data)))
	case *array.TimestampBuilder:
		d.Append(arrow.Timestamp(int64(be.Uint64(data)) * 1000))
	case *array.Decimal128Builder:
		if len(data) < 5 {
			return fmt.Errorf("%w: %d bytes for a decimal", errLength, len(data))
		}
		t := d.Type().(*arrow.Decimal128Type)
		v, err := decodeDecimal(data[4:], int32(be.Uint32(data)), t)
		if err != nil {
			return err
		}
		d.Append(v)
	default:
		return fmt.Errorf("type %s cannot be read from a cell", dst.Type())
	}
	return nil
}

// decodeDecimal reads Java's form at the column's scale; digits beyond it are rounded half up, as Flink's DecimalData does.
func decodeDecimal(b []byte, scale int32, t *arrow.Decimal128Type) (decimal128.Num, error) {
	v := new(big.Int).SetBytes(b)
	if b[0] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	if scale < -100 || scale > 100 {
		return decimal128.Num{}, fmt.Errorf("scale %d of the decimal is out of range", scale)
	}
	shift := int64(t.Scale) - int64(scale)
	p := new(big.Int).Exp(big.NewInt(10), big.NewInt(max(shift, -shift)), nil)
	if shift >= 0 {
		v.Mul(v, p)
	} else {
		half := new(big.Int).Rsh(p, 1)
		neg := v.Sign() < 0
		v.Abs(v).Add(v, half).Quo(v, p)
		if neg {
			v.Neg(v)
		}
	}
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.Precision)), nil)
	if v.CmpAbs(limit) >= 0 {
		return decimal128.Num{}, fmt.Errorf("the decimal does not fit in DECIMAL(%d, %d)", t.Precision, t.Scale)
	}
	return decimal128.FromBigInt(v), nil
}

// isText is true for types whose null is the null literal.
func isText(t types.Type) bool {
	return slices.Contains([]types.Kind{types.Char, types.Varchar}, t.Kind)
}
