package kernel

import (
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
)

// Take gives the rows of a at the positions idx, in that order; position -1 gives null. Runs of neighbouring positions are
// copied as one piece.
func Take(a arrow.Array, idx []int32) arrow.Array {
	d := a.Data()
	n := len(idx)
	if n == 0 {
		return array.NewSlice(a, 0, 0)
	}
	t := a.DataType()
	if t.ID() == arrow.NULL {
		return array.NewNull(n)
	}
	if run(idx) == n && idx[0] >= 0 {
		return array.NewSlice(a, int64(idx[0]), int64(idx[0])+int64(n))
	}
	valid := takeValidity(d, idx)
	switch a := a.(type) {
	case *array.Boolean:
		out := Alloc((n + 7) / 8)
		if a.Len() == 0 { // has no buffer perhaps; all of idx is -1
			return FromFixed(t, n, out, valid)
		}
		src, base := d.Buffers()[1].Bytes(), d.Offset()
		for i, j := range idx {
			if j >= 0 {
				j := base + int(j)
				out[i>>3] |= (src[j>>3] >> (j & 7) & 1) << (i & 7)
			}
		}
		return FromFixed(t, n, out, valid)
	case *array.String, *array.Binary:
		off, data := rawOffsets(d)
		o, b := takeBytes(off, data, idx)
		return FromStrings(t, n, o, b, valid)
	case *array.Struct:
		fs := make([]arrow.Array, a.NumField())
		for f := range fs {
			fs[f] = Take(a.Field(f), idx)
		}
		return FromStruct(t, n, fs, valid)
	case *array.Map:
		o, child := takeList(d, idx)
		return FromList(t, n, o, child, valid)
	case *array.List:
		o, child := takeList(d, idx)
		return FromList(t, n, o, child, valid)
	}
	ft, ok := t.(arrow.FixedWidthDataType)
	if !ok {
		panic(fmt.Sprintf("kernel: Take does not know %s", t))
	}
	var out []byte
	switch ft.BitWidth() {
	case 8:
		out = takeFixed[uint8](d, idx, 1)
	case 16:
		out = takeFixed[uint16](d, idx, 2)
	case 32:
		out = takeFixed[uint32](d, idx, 4)
	case 64:
		out = takeFixed[uint64](d, idx, 8)
	case 128:
		out = takeFixed[decimal128.Num](d, idx, 16)
	default:
		panic(fmt.Sprintf("kernel: Take does not know %s", t))
	}
	return FromFixed(t, n, out, valid)
}

// run is the length of the run of neighbouring positions at the start of idx.
func run(idx []int32) int {
	i := 1
	for i < len(idx) && idx[i] == idx[i-1]+1 {
		i++
	}
	return i
}

func takeFixed[T any](d arrow.ArrayData, idx []int32, width int) []byte {
	src := rawValues[T](d)
	raw := Alloc(len(idx) * width)
	out := cast[T](raw, len(idx))
	if len(src) == 0 { // all positions are -1
		return raw
	}
	for i, j := range idx {
		if j >= 0 {
			out[i] = src[j]
		}
	}
	return raw
}

func takeBytes(off []int32, data []byte, idx []int32) ([]int32, []byte) {
	o := make([]int32, len(idx)+1)
	total := int64(0)
	for i, j := range idx {
		if j >= 0 {
			total += int64(off[j+1] - off[j])
		}
		o[i+1] = int32(total)
	}
	if total > 1<<31-1 {
		panic("kernel: a column of more than 2 GiB of strings")
	}
	out := make([]byte, total)
	for i := 0; i < len(idx); {
		j := idx[i]
		if j < 0 {
			i++
			continue
		}
		k := i + 1
		for k < len(idx) && idx[k] == idx[k-1]+1 {
			k++
		}
		copy(out[o[i]:], data[off[j]:off[idx[k-1]+1]])
		i = k
	}
	return o, out
}

func takeList(d arrow.ArrayData, idx []int32) ([]int32, arrow.Array) {
	off, _ := rawOffsets(d)
	o := make([]int32, len(idx)+1)
	total := int32(0)
	for i, j := range idx {
		if j >= 0 {
			total += off[j+1] - off[j]
		}
		o[i+1] = total
	}
	at := make([]int32, 0, total)
	for _, j := range idx {
		if j >= 0 {
			for e := off[j]; e < off[j+1]; e++ {
				at = append(at, e)
			}
		}
	}
	child := array.MakeFromData(d.Children()[0])
	return o, Take(child, at)
}

func takeValidity(d arrow.ArrayData, idx []int32) []byte {
	src, base := validity(d)
	if src == nil {
		m := int32(0)
		for _, j := range idx {
			m |= j
		}
		if m >= 0 {
			return nil
		}
	}
	out := Alloc((len(idx) + 7) / 8)
	if src == nil {
		for i, j := range idx {
			out[i>>3] |= byte(^uint32(j)>>31) << (i & 7)
		}
		return out
	}
	for i, j := range idx {
		if j >= 0 && bitutil.BitIsSet(src, base+int(j)) {
			out[i>>3] |= 1 << (i & 7)
		}
	}
	return out
}
