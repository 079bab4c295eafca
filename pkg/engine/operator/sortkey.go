package operator

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// checkOrder refuses sort keys of types that have no order.
func checkOrder(order []plan.SortKey, in []types.Type) error {
	for _, k := range order {
		switch t := in[k.Col]; t.Kind {
		case types.Array, types.Map, types.Multiset, types.Row:
			return fault.Newf(fault.Config, "ORDER BY column %d: values of type %s have no order", k.Col+1, t)
		}
	}
	return nil
}

// encodeOrder sets dst to byte strings that compare as the rows do by order. No string is the start of another.
//
// A key is a byte that orders nulls, then, unless null: integers, dates, times and timestamps big-endian with the sign bit
// flipped; floats by IEEE 754's total order with all NaNs alike and last; decimals as 16-byte integers; strings with 00
// written as 00 FF, ended by 00 00. The value's bytes of descending keys are inverted.
func encodeOrder(dst *state.Keys, order []plan.SortKey, cols []arrow.Array, n int) {
	dst.Reset()
	for i := 0; i < n; i++ {
		for _, k := range order {
			dst.Data = appendOrder(dst.Data, k, cols[k.Col], i)
		}
		dst.Offs = append(dst.Offs, int32(len(dst.Data)))
	}
}

func appendOrder(dst []byte, k plan.SortKey, a arrow.Array, i int) []byte {
	if a.DataType().ID() == arrow.NULL || a.IsNull(i) {
		if k.NullsLast {
			return append(dst, 2)
		}
		return append(dst, 0)
	}
	dst = append(dst, 1)
	at := len(dst)
	be := binary.BigEndian
	switch a := a.(type) {
	case *array.Boolean:
		v := byte(0)
		if a.Value(i) {
			v = 1
		}
		dst = append(dst, v)
	case *array.Int8:
		dst = append(dst, byte(a.Value(i))^0x80)
	case *array.Int16:
		dst = be.AppendUint16(dst, uint16(a.Value(i))^0x8000)
	case *array.Int32:
		dst = be.AppendUint32(dst, uint32(a.Value(i))^1<<31)
	case *array.Date32:
		dst = be.AppendUint32(dst, uint32(a.Value(i))^1<<31)
	case *array.Time32:
		dst = be.AppendUint32(dst, uint32(a.Value(i))^1<<31)
	case *array.Int64:
		dst = be.AppendUint64(dst, uint64(a.Value(i))^1<<63)
	case *array.Timestamp:
		dst = be.AppendUint64(dst, uint64(a.Value(i))^1<<63)
	case *array.Float32:
		dst = be.AppendUint64(dst, orderedFloat(float64(a.Value(i))))
	case *array.Float64:
		dst = be.AppendUint64(dst, orderedFloat(a.Value(i)))
	case *array.Decimal128:
		v := a.Value(i)
		dst = be.AppendUint64(dst, uint64(v.HighBits())^1<<63)
		dst = be.AppendUint64(dst, v.LowBits())
	case *array.String:
		dst = appendEscaped(dst, a.Value(i))
	case *array.Binary:
		dst = appendEscaped(dst, a.ValueString(i))
	default:
		panic("operator: no order for " + a.DataType().String())
	}
	if k.Desc {
		for j := at; j < len(dst); j++ {
			dst[j] = ^dst[j]
		}
	}
	return dst
}

func orderedFloat(f float64) uint64 {
	if f != f {
		f = math.NaN()
	}
	v := math.Float64bits(f)
	if v>>63 != 0 {
		return ^v
	}
	return v | 1<<63
}

func appendEscaped(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		dst = append(dst, s[i])
		if s[i] == 0 {
			dst = append(dst, 0xff)
		}
	}
	return append(dst, 0, 0)
}

// prefix is the first 8 bytes of an order key as a number that compares alike.
func prefix(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}
