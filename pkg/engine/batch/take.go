package batch

import (
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
)

// Take gives the rows of b at the positions idx, in that order; position -1 gives an insert of nulls.
func Take(b *Batch, idx []int32) *Batch {
	out := &Batch{N: len(idx), Cols: make([]arrow.Array, len(b.Cols))}
	for i, c := range b.Cols {
		out.Cols[i] = kernel.Take(c, idx)
	}
	if b.Kinds != nil {
		out.Kinds = make([]Kind, len(idx))
		for i, j := range idx {
			if j >= 0 {
				out.Kinds[i] = b.Kinds[j]
			}
		}
	}
	return out
}

// Slice gives rows from (included) to to (excluded), sharing b's memory.
func Slice(b *Batch, from, to int) *Batch {
	if from == 0 && to == b.N {
		return b
	}
	out := &Batch{N: to - from, Cols: make([]arrow.Array, len(b.Cols))}
	for i, c := range b.Cols {
		out.Cols[i] = array.NewSlice(c, int64(from), int64(to))
	}
	if b.Kinds != nil {
		out.Kinds = b.Kinds[from:to:to]
	}
	return out
}

// Select gives the columns cols of b, in that order, sharing its memory.
func Select(b *Batch, cols []int) *Batch {
	out := &Batch{N: b.N, Kinds: b.Kinds, Cols: make([]arrow.Array, len(cols))}
	for i, c := range cols {
		out.Cols[i] = b.Cols[c]
	}
	return out
}

// Concat puts batches with the same column types one after the other. bs must not be empty. It panics when a column would
// hold more than 2 GiB of strings: batches are far smaller.
func Concat(bs []*Batch) *Batch {
	if len(bs) == 1 {
		return bs[0]
	}
	out := &Batch{Cols: make([]arrow.Array, len(bs[0].Cols))}
	change := false
	for _, b := range bs {
		out.N += b.N
		change = change || b.Kinds != nil
	}
	parts := make([]arrow.Array, len(bs))
	for c := range out.Cols {
		for i, b := range bs {
			parts[i] = b.Cols[c]
		}
		a, err := array.Concatenate(parts, memory.DefaultAllocator)
		if err != nil {
			panic(fmt.Sprintf("batch: concatenate column %d of %d batches: %v", c, len(bs), err))
		}
		out.Cols[c] = a
	}
	if change {
		out.Kinds = make([]Kind, 0, out.N)
		for _, b := range bs {
			if b.Kinds != nil {
				out.Kinds = append(out.Kinds, b.Kinds...)
			} else {
				out.Kinds = out.Kinds[:len(out.Kinds)+b.N] // zero is Insert
			}
		}
	}
	return out
}

// Partition splits b by destination: row i goes to part dst[i], 0 ≤ dst[i] < n, and the order within a part is kept. Parts
// without rows are nil. When all rows go to one part, that part is b itself.
func Partition[T uint8 | uint16 | int32](b *Batch, dst []T, n int) []*Batch {
	out := make([]*Batch, n)
	if b.N == 0 {
		return out
	}
	at := make([]int32, n+1)
	for _, d := range dst[:b.N] {
		at[d+1]++
	}
	if at[dst[0]+1] == int32(b.N) {
		out[dst[0]] = b
		return out
	}
	for i := 0; i < n; i++ {
		at[i+1] += at[i]
	}
	idx := make([]int32, b.N)
	next := append([]int32(nil), at[:n]...)
	for i, d := range dst[:b.N] {
		idx[next[d]] = int32(i)
		next[d]++
	}
	for i := 0; i < n; i++ {
		if at[i] < at[i+1] {
			out[i] = Take(b, idx[at[i]:at[i+1]])
		}
	}
	return out
}
