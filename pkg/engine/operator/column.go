package operator

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// class is how accumulators hold the values of a type.
type class uint8

const (
	classInt     class = iota // int64: booleans, integers, dates, times, timestamps, intervals
	classFloat                // float64
	classDecimal              // decimal128.Num
	classBytes                // []byte: strings and binaries
	classOther                // []byte: the codec's encoding; no order
)

func classOf(t types.Type) class {
	switch t.Kind {
	case types.Float, types.Double:
		return classFloat
	case types.Decimal:
		return classDecimal
	case types.Char, types.Varchar, types.Binary, types.Varbinary:
		return classBytes
	case types.Array, types.Map, types.Multiset, types.Row, types.Null:
		return classOther
	}
	return classInt
}

// input is a batch as accumulators see it: the group of each row, and the columns widened to their class on first use.
type input struct {
	n    int
	cols []arrow.Array
	// rows is the group row of each input row; only those in a selection are meant.
	rows []int32
	// sign is -1 for rows that are taken back, 1 for others; nil when no row of the batch is taken back.
	sign []int64

	views []view
}

// view is a column in its class's form; its memory is reused from batch to batch.
type view struct {
	set    bool
	codec  *state.Codec
	ints   []int64
	floats []float64
	bytes  [][]byte

	intBuf   []int64
	floatBuf []float64
	keys     state.Keys
}

func newInput(ts []types.Type) *input {
	in := &input{views: make([]view, len(ts))}
	for i, t := range ts {
		if classOf(t) == classOther {
			in.views[i].codec = state.NewCodec([]arrow.DataType{batch.ArrowType(t)})
		}
	}
	return in
}

func (in *input) reset(b *batch.Batch, rows []int32) {
	in.n, in.cols, in.rows = b.N, b.Cols, rows
	for i := range in.views {
		in.views[i].set = false
	}
	in.sign = signs(in.sign, b)
}

// signs fills dst from the batch's kinds; nil if no row is taken back.
func signs(dst []int64, b *batch.Batch) []int64 {
	any := false
	for _, k := range b.Kinds {
		any = any || k.Retracts()
	}
	if !any {
		return nil
	}
	dst = state.Resize(dst, b.N)
	for i, k := range b.Kinds {
		dst[i] = 1
		if k.Retracts() {
			dst[i] = -1
		}
	}
	return dst
}

func widen[T ~int8 | ~int16 | ~int32 | ~int64](dst []int64, src []T) []int64 {
	dst = state.Resize(dst, len(src))
	for i, v := range src {
		dst[i] = int64(v)
	}
	return dst
}

// ints gives column c, of class int, as int64 values; those of null rows have no meaning.
func (in *input) ints(c int) []int64 {
	v := &in.views[c]
	if v.set {
		return v.ints
	}
	v.set = true
	switch a := in.cols[c].(type) {
	case *array.Int64:
		v.ints = a.Int64Values()
		return v.ints
	case *array.Timestamp:
		v.ints = arrow.Int64Traits.CastFromBytes(arrow.TimestampTraits.CastToBytes(a.TimestampValues()))
		return v.ints
	case *array.Int32:
		v.intBuf = widen(v.intBuf, a.Int32Values())
	case *array.Int16:
		v.intBuf = widen(v.intBuf, a.Int16Values())
	case *array.Int8:
		v.intBuf = widen(v.intBuf, a.Int8Values())
	case *array.Date32:
		v.intBuf = widen(v.intBuf, a.Date32Values())
	case *array.Time32:
		v.intBuf = widen(v.intBuf, a.Time32Values())
	case *array.Boolean:
		v.intBuf = state.Resize(v.intBuf, in.n)
		for i := range v.intBuf {
			v.intBuf[i] = 0
			if a.Value(i) {
				v.intBuf[i] = 1
			}
		}
	default:
		panic("operator: no integers in a column of " + a.DataType().String())
	}
	v.ints = v.intBuf
	return v.ints
}

// doubles gives a numeric column of any class as float64.
func (in *input) doubles(c int, t types.Type) []float64 {
	v := &in.views[c]
	if v.set && v.floats != nil {
		return v.floats
	}
	v.set = true
	switch a := in.cols[c].(type) {
	case *array.Float64:
		v.floats = a.Float64Values()
		return v.floats
	case *array.Float32:
		v.floatBuf = state.Resize(v.floatBuf, in.n)
		for i, x := range a.Float32Values() {
			v.floatBuf[i] = float64(x)
		}
	default:
		panic("operator: no floats in a column of " + a.DataType().String() + " (" + t.String() + ")")
	}
	v.floats = v.floatBuf
	return v.floats
}

// decimals gives column c, of class decimal.
func (in *input) decimals(c int) []decimal128.Num {
	return in.cols[c].(*array.Decimal128).Values()
}

// byteStrings gives column c, of class bytes or other; they are valid until the batch goes.
func (in *input) byteStrings(c int) [][]byte {
	v := &in.views[c]
	if v.set {
		return v.bytes
	}
	v.set = true
	k := in.encoded(c)
	v.bytes = state.Resize(v.bytes, in.n)
	for i := range v.bytes {
		v.bytes[i] = k.At(i)
	}
	return v.bytes
}

// encoded gives the values of one column as keys: strings as they are, without copying, others by the codec or as fixed-width bytes.
func (in *input) encoded(c int) *state.Keys {
	v := &in.views[c]
	switch a := in.cols[c].(type) {
	case *array.String, *array.Binary:
		d := a.Data()
		v.keys.Offs = arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())[d.Offset() : d.Offset()+in.n+1]
		v.keys.Data = nil
		if d.Buffers()[2] != nil {
			v.keys.Data = d.Buffers()[2].Bytes()
		}
		return &v.keys
	}
	if v.codec == nil {
		v.codec = state.NewCodec([]arrow.DataType{in.cols[c].DataType()})
	}
	v.codec.Encode(&v.keys, in.cols[c:c+1], in.n)
	return &v.keys
}

// appendInt appends a value of class int to a builder of its type; integers wrap to the type's width.
func appendInt(dst array.Builder, v int64) {
	switch b := dst.(type) {
	case *array.Int64Builder:
		b.Append(v)
	case *array.Int32Builder:
		b.Append(int32(v))
	case *array.Int16Builder:
		b.Append(int16(v))
	case *array.Int8Builder:
		b.Append(int8(v))
	case *array.Date32Builder:
		b.Append(arrow.Date32(v))
	case *array.Time32Builder:
		b.Append(arrow.Time32(v))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(v))
	case *array.BooleanBuilder:
		b.Append(v != 0)
	case *array.Float64Builder:
		b.Append(float64(v))
	case *array.Float32Builder:
		b.Append(float32(v))
	default:
		panic("operator: no integers in a column of " + dst.Type().String())
	}
}

func appendFloat(dst array.Builder, v float64) {
	switch b := dst.(type) {
	case *array.Float64Builder:
		b.Append(v)
	case *array.Float32Builder:
		b.Append(float32(v))
	default:
		panic("operator: no floats in a column of " + dst.Type().String())
	}
}

func appendBytes(dst array.Builder, v []byte) {
	switch b := dst.(type) {
	case *array.StringBuilder:
		b.BinaryBuilder.Append(v)
	case *array.BinaryBuilder:
		b.Append(v)
	default:
		panic("operator: no bytes in a column of " + dst.Type().String())
	}
}

// The forms of class values in saved state.

func putUint64(dst []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(dst, v) }

func getUint64(data []byte) (uint64, []byte, error) {
	if len(data) < 8 {
		return 0, nil, errShort
	}
	return binary.LittleEndian.Uint64(data), data[8:], nil
}

func putString(dst, v []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(v))), v...)
}

func getString(data []byte) (v, rest []byte, err error) {
	l, n := binary.Uvarint(data)
	if n <= 0 || l > uint64(len(data)-n) {
		return nil, nil, errShort
	}
	return data[n : n+int(l)], data[n+int(l):], nil
}

func putFloat(dst []byte, v float64) []byte { return putUint64(dst, math.Float64bits(v)) }

func getFloat(data []byte) (float64, []byte, error) {
	v, rest, err := getUint64(data)
	return math.Float64frombits(v), rest, err
}
