package kernel

import (
	"encoding/binary"
	"math/bits"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
)

// Selected appends to sel the positions of the rows where mask is true (neither false nor null).
func Selected(mask *array.Boolean, sel []int32) []int32 {
	n := mask.Len()
	if n == 0 {
		return sel
	}
	d := mask.Data()
	vals, at := d.Buffers()[1].Bytes(), d.Offset()
	valid, vat := validity(d)
	for i := 0; i < n; i += 64 {
		w := word(vals, at+i, n-i)
		if valid != nil {
			w &= word(valid, vat+i, n-i)
		}
		for ; w != 0; w &= w - 1 {
			sel = append(sel, int32(i+bits.TrailingZeros64(w)))
		}
	}
	return sel
}

// Filter gives the rows of a where mask is true.
func Filter(a arrow.Array, mask *array.Boolean) arrow.Array {
	return Take(a, Selected(mask, make([]int32, 0, mask.Len())))
}

// word reads up to 64 bits of a bitmap from bit position at on; bits past n are zero.
func word(b []byte, at, n int) uint64 {
	sh := uint(at & 7)
	p := b[at>>3:]
	var w uint64
	if len(p) >= 9 {
		w = binary.LittleEndian.Uint64(p)>>sh | uint64(p[8])<<(64-sh)
		if sh == 0 {
			w = binary.LittleEndian.Uint64(p)
		}
	} else {
		var buf [9]byte
		copy(buf[:], p)
		w = binary.LittleEndian.Uint64(buf[:]) >> sh
		if sh > 0 {
			w |= uint64(buf[8]) << (64 - sh)
		}
	}
	if n < 64 {
		w &= 1<<uint(n) - 1
	}
	return w
}
