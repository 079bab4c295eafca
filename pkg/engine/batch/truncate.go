package batch

import (
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// span is the values [from, to) of every column.
type span struct{ from, to int }

// maxDead is how many dead values a builder keeps before it is compacted in place.
const maxDead = TargetRows

// Rollback takes back the values of an unfinished row: the next row takes its place.
func (b *Builder) Rollback() { b.RollbackTo(b.n) }

// RollbackTo takes back the rows from n on, complete or not: what a message gave before it turned out bad. Arrow's builders
// cannot shrink, so the values stay as dead ones that Build leaves out: a bad record costs about as much as a good one. From
// then on a column's Len is more than the builder's.
func (b *Builder) RollbackTo(n int) {
	end := 0
	for _, c := range b.Cols {
		finish(c)
		end = max(end, c.Len())
	}
	from := n // of the values, where row n begins
	keep := 0
	for _, d := range b.dead {
		if d.from > from {
			break
		}
		from += d.to - d.from
		keep++
	}
	if end > from {
		for _, c := range b.Cols {
			for c.Len() < end {
				c.AppendNull()
			}
		}
		b.dead = b.dead[:keep]
		if keep > 0 && b.dead[keep-1].to == from {
			b.dead[keep-1].to = end
		} else {
			b.dead = append(b.dead, span{from, end})
		}
	}
	if n < b.n {
		b.n = n
		b.Msg = b.Msg[:n]
		if b.change {
			b.kinds = b.kinds[:n]
		}
	}
	if end-b.n > maxDead {
		for i, c := range b.Cols {
			arr := b.live(i)
			c.Reserve(b.n)
			appendAll(c, arr, b.n)
		}
		b.dead = b.dead[:0]
	}
}

// live is column i without its dead values; its builder is empty then.
func (b *Builder) live(i int) arrow.Array {
	arr := b.Cols[i].NewArray()
	if len(b.dead) == 0 {
		return arr
	}
	var parts []arrow.Array
	at := 0
	for _, d := range b.dead {
		if d.from > at {
			parts = append(parts, array.NewSlice(arr, int64(at), int64(d.from)))
		}
		at = d.to
	}
	if at < arr.Len() || len(parts) == 0 {
		parts = append(parts, array.NewSlice(arr, int64(at), int64(arr.Len())))
	}
	out, err := array.Concatenate(parts, memory.DefaultAllocator)
	if err != nil { // the parts have one type, so only offsets beyond 2 GiB are left
		panic(fmt.Sprintf("batch: compact column %d: %v", i, err))
	}
	return out
}

// finish completes the structs in c that were begun: Arrow does not build a struct that is longer than its fields.
func finish(c array.Builder) {
	switch d := c.(type) {
	case *array.StructBuilder:
		for i := 0; i < d.NumField(); i++ {
			f := d.FieldBuilder(i)
			finish(f)
			for f.Len() < d.Len() {
				f.AppendNull()
			}
		}
	case *array.MapBuilder:
		finish(d.KeyBuilder())
		finish(d.ItemBuilder())
		for d.ItemBuilder().Len() < d.KeyBuilder().Len() {
			d.ItemBuilder().AppendNull()
		}
	case *array.ListBuilder:
		finish(d.ValueBuilder())
	}
}

// Truncate cuts c to its first n values; c stays the same object. It is for a part of a row that turned out bad, to be
// replaced by NULL, and costs a copy of c for types of variable length.
func Truncate(c array.Builder, n int) {
	finish(c)
	if c.Len() <= n {
		return
	}
	switch c.(type) {
	case *array.Int8Builder, *array.Int16Builder, *array.Int32Builder, *array.Int64Builder, *array.Float32Builder,
		*array.Float64Builder, *array.Decimal128Builder, *array.Date32Builder, *array.Time32Builder, *array.TimestampBuilder:
		// Builders only ever set validity bits: a null appended later would find the old bit.
		for i := n; i < c.Len(); i++ {
			c.SetNull(i)
		}
		c.Resize(n)
		return
	}
	arr := c.NewArray()
	c.Reserve(n)
	appendAll(c, arr, n)
}
