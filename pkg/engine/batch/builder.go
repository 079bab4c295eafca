package batch

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// Builder collects rows column by column. A decoder appends one value to every column of Cols and then calls RowDone once
// per row; a row that turns out bad half-way is taken back with Rollback.
type Builder struct {
	Cols  []array.Builder
	types []arrow.DataType
	kinds []Kind
	// change is true once a row that is no insert was appended; until then kinds is not kept.
	change bool
	n      int
	// dead are the values of rows that were taken back, ascending and apart.
	dead []span
	// Msg is, for decoders, the index of the message that each row came from.
	Msg []int32
}

// NewBuilder makes a builder for the given column types.
func NewBuilder(types ...arrow.DataType) *Builder {
	b := &Builder{types: types, Cols: make([]array.Builder, len(types))}
	for i, t := range types {
		b.Cols[i] = array.NewBuilder(memory.DefaultAllocator, t)
	}
	return b
}

// Types are the column types.
func (b *Builder) Types() []arrow.DataType { return b.types }

// Len is the number of complete rows.
func (b *Builder) Len() int { return b.n }

// RowDone ends a row of kind k made from message msg (-1: none).
func (b *Builder) RowDone(k Kind, msg int32) {
	if k != Insert && !b.change {
		b.change = true
		b.kinds = make([]Kind, b.n, max(cap(b.kinds), b.n+64))
	}
	if b.change {
		b.kinds = append(b.kinds, k)
	}
	b.Msg = append(b.Msg, msg)
	b.n++
}

// Build gives the rows collected so far and empties the builder. Msg is emptied too: take it before.
func (b *Builder) Build() *Batch {
	out := &Batch{N: b.n, Cols: make([]arrow.Array, len(b.Cols))}
	for i := range b.Cols {
		out.Cols[i] = b.live(i)
	}
	if b.change {
		out.Kinds = b.kinds
		b.kinds = nil
	}
	b.change, b.n, b.Msg, b.dead = false, 0, b.Msg[:0], b.dead[:0]
	return out
}

func appendAll(dst array.Builder, src arrow.Array, n int) {
	for i := 0; i < n; i++ {
		AppendFrom(dst, src, i)
	}
}

// AppendFrom appends src[i] to dst, which has the same type. For hot paths use kernel.Take.
func AppendFrom(dst array.Builder, src arrow.Array, i int) {
	if src.IsNull(i) {
		dst.AppendNull()
		return
	}
	switch d := dst.(type) {
	case *array.BooleanBuilder:
		d.Append(src.(*array.Boolean).Value(i))
	case *array.Int8Builder:
		d.Append(src.(*array.Int8).Value(i))
	case *array.Int16Builder:
		d.Append(src.(*array.Int16).Value(i))
	case *array.Int32Builder:
		d.Append(src.(*array.Int32).Value(i))
	case *array.Int64Builder:
		d.Append(src.(*array.Int64).Value(i))
	case *array.Float32Builder:
		d.Append(src.(*array.Float32).Value(i))
	case *array.Float64Builder:
		d.Append(src.(*array.Float64).Value(i))
	case *array.Decimal128Builder:
		d.Append(src.(*array.Decimal128).Value(i))
	case *array.StringBuilder:
		d.Append(src.(*array.String).Value(i))
	case *array.BinaryBuilder:
		d.Append(src.(*array.Binary).Value(i))
	case *array.Date32Builder:
		d.Append(src.(*array.Date32).Value(i))
	case *array.Time32Builder:
		d.Append(src.(*array.Time32).Value(i))
	case *array.TimestampBuilder:
		d.Append(src.(*array.Timestamp).Value(i))
	case *array.NullBuilder:
		d.AppendNull()
	case *array.StructBuilder:
		d.Append(true)
		s := src.(*array.Struct)
		for f := 0; f < s.NumField(); f++ {
			AppendFrom(d.FieldBuilder(f), s.Field(f), i)
		}
	case *array.MapBuilder: // before ListBuilder: a map is a list of structs
		d.Append(true)
		m := src.(*array.Map)
		from, to := m.ValueOffsets(i)
		for j := from; j < to; j++ {
			AppendFrom(d.KeyBuilder(), m.Keys(), int(j))
			AppendFrom(d.ItemBuilder(), m.Items(), int(j))
		}
	case *array.ListBuilder:
		d.Append(true)
		l := src.(*array.List)
		from, to := l.ValueOffsets(i)
		for j := from; j < to; j++ {
			AppendFrom(d.ValueBuilder(), l.ListValues(), int(j))
		}
	default:
		panic("batch: AppendFrom does not know " + src.DataType().String())
	}
}
