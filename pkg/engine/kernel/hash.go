package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
)

// The hash decides in which key group a key's state lies on disk and which partition a record goes to. It is part of the
// storage format: no constant and no step of it may ever change. testdata/hash holds golden values.
const (
	hashK0   = 0x9e3779b97f4a7c15
	hashK1   = 0xd6e8feb86659fd93
	hashK2   = 0xa0761d6478bd642f
	hashNull = 0x6c8e9cf570932bd5
	hashList = 0x2545f4914f6cdd1d
	hashMap  = 0x5851f42d4c957f2d
	hashRow  = 0x14057b7ef767814f
)

// Hash writes a 64-bit hash of each of n rows over cols to out[:n]. Equal rows have equal hashes whatever the arrays'
// offsets, slicing or the bytes behind nulls; integers of all widths, dates and times hash by their value, FLOAT as the
// DOUBLE of the same value, -0.0 as 0.0, every NaN alike, decimals by their unscaled value, maps regardless of the order
// of entries. Null is a value of its own. Values are the same in every release and on every machine.
func Hash(cols []arrow.Array, n int, out []uint64) {
	out = out[:n]
	if len(cols) == 0 {
		for i := range out {
			out[i] = mix64(hashK0)
		}
		return
	}
	if n == 0 {
		return // empty arrays may lack their buffers
	}
	hashColumn(cols[0], out)
	if len(cols) == 1 {
		return
	}
	tmp := make([]uint64, n)
	for _, c := range cols[1:] {
		hashColumn(c, tmp)
		for i, v := range tmp {
			out[i] = combine(out[i], v)
		}
	}
}

// HashInt64 is the Hash of a row with the one integer column x.
func HashInt64(x int64) uint64 { return mix64(uint64(x) ^ hashK0) }

// mix64 is a bijection of 64 bits in which every input bit moves every output bit.
func mix64(x uint64) uint64 {
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	x ^= x >> 32
	return x
}

// combine adds the hash v of the next column to the hash h of the columns before it.
func combine(h, v uint64) uint64 { return mix64(h*hashK0 + bits.RotateLeft64(v, 29) + hashK2) }

func mum(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// HashBytes is the Hash of a row with the one string or binary column b.
func HashBytes(b []byte) uint64 {
	n := len(b)
	seed := uint64(n)*hashK0 ^ hashK1
	var x, y uint64
	switch {
	case n > 16:
		p := b
		for len(p) > 32 {
			x0 := mum(binary.LittleEndian.Uint64(p)^hashK1, binary.LittleEndian.Uint64(p[8:])^seed)
			x1 := mum(binary.LittleEndian.Uint64(p[16:])^hashK2, binary.LittleEndian.Uint64(p[24:])^bits.RotateLeft64(seed, 17))
			seed = x0 ^ bits.RotateLeft64(x1, 31)
			p = p[32:]
		}
		if len(p) > 16 {
			seed = mum(binary.LittleEndian.Uint64(p)^hashK1, binary.LittleEndian.Uint64(p[8:])^seed)
		}
		x, y = binary.LittleEndian.Uint64(b[n-16:]), binary.LittleEndian.Uint64(b[n-8:])
	case n >= 8:
		x, y = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		x, y = uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[n-4:]))
	case n > 0:
		x = uint64(b[0])<<16 | uint64(b[n>>1])<<8 | uint64(b[n-1])
	}
	return mix64(mum(x^hashK2, y^seed) + seed)
}

func hashFloat(f float64) uint64 {
	switch {
	case f == 0:
		f = 0 // -0.0 too
	case f != f:
		return mix64(0x7ff8000000000000 ^ hashK1)
	}
	return mix64(math.Float64bits(f) ^ hashK1)
}

func hashColumn(a arrow.Array, out []uint64) {
	d := a.Data()
	switch a := a.(type) {
	case *array.Null:
		for i := range out {
			out[i] = hashNull
		}
		return
	case *array.Boolean:
		buf := d.Buffers()[1].Bytes()
		h := [2]uint64{HashInt64(0), HashInt64(1)}
		for i := range out {
			j := d.Offset() + i
			out[i] = h[buf[j>>3]>>(j&7)&1]
		}
	case *array.Int8:
		hashInts[int8](d, out)
	case *array.Int16:
		hashInts[int16](d, out)
	case *array.Int32, *array.Date32, *array.Time32:
		hashInts[int32](d, out)
	case *array.Int64, *array.Timestamp:
		hashInts[int64](d, out)
	case *array.Float32:
		for i, v := range rawValues[float32](d) {
			out[i] = hashFloat(float64(v))
		}
	case *array.Float64:
		for i, v := range rawValues[float64](d) {
			out[i] = hashFloat(v)
		}
	case *array.Decimal128:
		for i, v := range rawValues[decimal128.Num](d) {
			h := HashInt64(int64(v.LowBits()))
			// A value that fits 64 bits hashes as that integer.
			if hi := v.HighBits(); hi != int64(v.LowBits())>>63 {
				h = combine(h, uint64(hi))
			}
			out[i] = h
		}
	case *array.String, *array.Binary:
		off, data := rawOffsets(d)
		for i := range out {
			out[i] = HashBytes(data[off[i]:off[i+1]])
		}
	case *array.Struct:
		tmp := make([]uint64, len(out))
		for i := range out {
			out[i] = hashRow
		}
		for f := 0; f < a.NumField(); f++ {
			hashColumn(a.Field(f), tmp)
			for i, v := range tmp {
				out[i] = combine(out[i], v)
			}
		}
	case *array.Map: // before List: a map embeds one
		hashLists(d, out, hashMap, func(from, to int32) []uint64 {
			k := make([]uint64, to-from)
			v := make([]uint64, to-from)
			hashColumn(array.NewSlice(a.Keys(), int64(from), int64(to)), k)
			hashColumn(array.NewSlice(a.Items(), int64(from), int64(to)), v)
			for i := range k {
				k[i] = combine(k[i], v[i])
			}
			return k
		})
	case *array.List:
		hashLists(d, out, hashList, func(from, to int32) []uint64 {
			v := make([]uint64, to-from)
			hashColumn(array.NewSlice(a.ListValues(), int64(from), int64(to)), v)
			return v
		})
	default:
		panic(fmt.Sprintf("kernel: Hash does not know %s", a.DataType()))
	}
	if valid, at := validity(d); valid != nil {
		for i := range out {
			if !bitutil.BitIsSet(valid, at+i) {
				out[i] = hashNull
			}
		}
	}
}

func hashInts[T int8 | int16 | int32 | int64](d arrow.ArrayData, out []uint64) {
	for i, v := range rawValues[T](d) {
		out[i] = HashInt64(int64(v))
	}
}

// hashLists folds the hashes of each row's elements: in order for lists, as a sum for maps.
func hashLists(d arrow.ArrayData, out []uint64, seed uint64, elems func(from, to int32) []uint64) {
	off, _ := rawOffsets(d)
	base := off[0]
	v := elems(base, off[len(out)])
	for i := range out {
		e := v[off[i]-base : off[i+1]-base]
		h := combine(seed, uint64(len(e)))
		if seed == hashMap {
			for _, x := range e {
				h += x
			}
		} else {
			for _, x := range e {
				h = combine(h, x)
			}
		}
		out[i] = mix64(h)
	}
}
