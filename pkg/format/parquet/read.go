package parquet

import (
	"context"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
)

// Reader reads some columns of one file. It is not safe for concurrent use.
type Reader struct {
	fields []format.Field
	types  []arrow.DataType
	cols   []*pqarrow.ColumnReader // of each field, nil if the file has none
	file   *file.Reader
	left   int64 // rows not yet given
}

// NewReader opens a file and reads its footer.
func NewReader(ctx context.Context, r parquet.ReaderAtSeeker, fields []format.Field) (_ *Reader, err error) {
	defer recovered(&err, "open parquet file")
	f, err := file.NewParquetReader(r)
	if err != nil {
		return nil, fault.Wrap(fault.Data, err, "open parquet file")
	}
	if err := check(r, f); err != nil {
		return nil, err
	}
	out := &Reader{fields: fields, file: f, left: f.NumRows(), cols: make([]*pqarrow.ColumnReader, len(fields))}
	pr, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: batch.TargetRows}, memory.DefaultAllocator)
	if err != nil {
		return nil, fault.Wrap(fault.Data, err, "open parquet file")
	}
	root := f.MetaData().Schema.Root()
	groups := make([]int, f.NumRowGroups())
	for g := range groups {
		groups[g] = g
	}
	for i, want := range fields {
		out.types = append(out.types, batch.ArrowType(want.Type))
		top := root.FieldIndexByName(want.Name)
		if top < 0 {
			continue
		}
		leaves := map[int]bool{}
		for c := range f.MetaData().Schema.NumColumns() {
			leaves[c] = root.FieldIndexByField(f.MetaData().Schema.ColumnRoot(c)) == top
		}
		// Column by column: the library's reader of records starts goroutines, whose panics could not be caught here.
		if out.cols[i], err = pr.GetFieldReader(ctx, top, leaves, groups); err != nil {
			return nil, fault.Wrap(fault.Data, err, "open parquet column %s", want.Name)
		}
	}
	return out, nil
}

// check checks that the column chunks lie inside the file, which the library does not.
func check(r parquet.ReaderAtSeeker, f *file.Reader) error {
	end, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("find size of parquet file: %w", err)
	}
	rows := int64(0)
	for g := range f.NumRowGroups() {
		md := f.MetaData().RowGroup(g)
		rows += md.NumRows()
		for c := range md.NumColumns() {
			chunk, err := md.ColumnChunk(c)
			if err != nil {
				return fault.Wrap(fault.Data, err, "open parquet file")
			}
			from, n := chunk.DataPageOffset(), chunk.TotalCompressedSize()
			if chunk.HasDictionaryPage() {
				from = min(from, chunk.DictionaryPageOffset())
			}
			if from < 4 || n < 0 || from+n > end || from+n < from || chunk.DataPageOffset() > end {
				return fault.Newf(fault.Data, "open parquet file: column %d of row group %d lies outside the file", c, g)
			}
		}
	}
	if rows != f.NumRows() {
		return fault.Newf(fault.Data, "open parquet file: its row groups have %d rows, its footer says %d", rows, f.NumRows())
	}
	return nil
}

// recovered turns a panic into an error: the library panics on some damaged files.
func recovered(err *error, deed string) {
	if p := recover(); p != nil {
		*err = fault.Newf(fault.Data, "%s: the file is damaged: %v", deed, p)
	}
}

// Rows is how many rows the file has.
func (r *Reader) Rows() int64 { return r.file.NumRows() }

// Next gives the next rows, about batch.TargetRows, or io.EOF.
func (r *Reader) Next() (_ *batch.Batch, err error) {
	defer recovered(&err, "read parquet rows")
	n := min(r.left, batch.TargetRows)
	if n <= 0 {
		return nil, io.EOF
	}
	r.left -= n
	out := &batch.Batch{N: int(n), Cols: make([]arrow.Array, len(r.fields))}
	for i, c := range r.cols {
		if c == nil {
			out.Cols[i] = array.MakeArrayOfNull(memory.DefaultAllocator, r.types[i], int(n))
			continue
		}
		a, err := next(c, n)
		if err != nil {
			return nil, fault.Wrap(fault.Data, err, "read parquet column %s", r.fields[i].Name)
		}
		d, err := convert(a.Data(), r.types[i])
		if err != nil {
			return nil, fault.Wrap(fault.Config, err, "column %s", r.fields[i].Name)
		}
		out.Cols[i] = array.MakeFromData(d)
	}
	return out, nil
}

// next reads n values of a column.
func next(c *pqarrow.ColumnReader, n int64) (arrow.Array, error) {
	chunked, err := c.NextBatch(n)
	if err != nil {
		return nil, err
	}
	chunked.Retain() // else the next call would empty its buffers
	if int64(chunked.Len()) != n {
		return nil, fmt.Errorf("it has fewer values than the file has rows")
	}
	if len(chunked.Chunks()) == 1 {
		return chunked.Chunk(0), nil
	}
	return array.Concatenate(chunked.Chunks(), memory.DefaultAllocator)
}

// Close frees the file's buffers; it leaves the underlying reader open.
func (r *Reader) Close() error {
	for _, c := range r.cols {
		if c != nil {
			c.Release()
		}
	}
	return nil
}

// convert gives data the type to, without a copy where the layout is the same.
func convert(d arrow.ArrayData, to arrow.DataType) (arrow.ArrayData, error) {
	from := d.DataType()
	same := func() (arrow.ArrayData, error) {
		return array.NewData(to, d.Len(), d.Buffers(), d.Children(), d.NullN(), d.Offset()), nil
	}
	switch from.ID() { // types that a file's own Arrow schema may ask for
	case arrow.DICTIONARY:
		return convert(plain(array.NewDictionaryData(d)), to)
	case arrow.LARGE_STRING, arrow.LARGE_BINARY:
		return convert(short(array.MakeFromData(d)), to)
	}
	mismatch := fmt.Errorf("the file holds %s, which cannot be read as %s", from, to)
	switch to := to.(type) {
	case *arrow.TimestampType:
		f, ok := from.(*arrow.TimestampType)
		if !ok {
			return nil, mismatch
		}
		if f.Unit == to.Unit {
			return same()
		}
		return rescale(d, f.Unit, to), nil
	case *arrow.StructType:
		f, ok := from.(*arrow.StructType)
		if !ok {
			return nil, mismatch
		}
		children := make([]arrow.ArrayData, to.NumFields())
		for i := range children {
			want := to.Field(i)
			at, ok := f.FieldIdx(want.Name)
			if !ok {
				children[i] = array.MakeArrayOfNull(memory.DefaultAllocator, want.Type, d.Offset()+d.Len()).Data()
				continue
			}
			c, err := convert(d.Children()[at], want.Type)
			if err != nil {
				return nil, fmt.Errorf("field %s: %w", want.Name, err)
			}
			children[i] = c
		}
		return array.NewData(to, d.Len(), d.Buffers(), children, d.NullN(), d.Offset()), nil
	case *arrow.MapType:
		_, ok := from.(*arrow.MapType)
		if !ok {
			return nil, mismatch
		}
		entries := d.Children()[0]
		if len(entries.Children()) != 2 {
			return nil, mismatch
		}
		k, err := convert(entries.Children()[0], to.KeyType())
		if err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
		v, err := convert(entries.Children()[1], to.ItemType())
		if err != nil {
			return nil, fmt.Errorf("value: %w", err)
		}
		e := array.NewData(to.Elem(), entries.Len(), entries.Buffers(), []arrow.ArrayData{k, v}, entries.NullN(), entries.Offset())
		return array.NewData(to, d.Len(), d.Buffers(), []arrow.ArrayData{e}, d.NullN(), d.Offset()), nil
	case *arrow.ListType:
		_, ok := from.(*arrow.ListType)
		if !ok {
			return nil, mismatch
		}
		e, err := convert(d.Children()[0], to.Elem())
		if err != nil {
			return nil, fmt.Errorf("element: %w", err)
		}
		return array.NewData(to, d.Len(), d.Buffers(), []arrow.ArrayData{e}, d.NullN(), d.Offset()), nil
	case *arrow.Decimal128Type:
		f, ok := from.(*arrow.Decimal128Type)
		if !ok || f.Scale != to.Scale || f.Precision > to.Precision {
			return nil, mismatch
		}
		return same()
	}
	text := func(t arrow.DataType) bool { return t.ID() == arrow.STRING || t.ID() == arrow.BINARY }
	if from.ID() == to.ID() || text(from) && text(to) {
		return same()
	}
	if out := widen(array.MakeFromData(d), to); out != nil {
		return out, nil
	}
	return nil, mismatch
}

// plain looks the values of a dictionary up.
func plain(in *array.Dictionary) arrow.ArrayData {
	values := in.Dictionary()
	b := array.NewBuilder(memory.DefaultAllocator, values.DataType())
	b.Reserve(in.Len())
	for i := range in.Len() {
		if in.IsNull(i) {
			b.AppendNull()
		} else {
			batch.AppendFrom(b, values, in.GetValueIndex(i))
		}
	}
	return b.NewArray().Data()
}

// short copies text with 64-bit offsets.
func short(a arrow.Array) arrow.ArrayData {
	b := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
	b.Reserve(a.Len())
	for i := range a.Len() {
		switch {
		case a.IsNull(i):
			b.AppendNull()
		case a.DataType().ID() == arrow.LARGE_STRING:
			b.AppendString(a.(*array.LargeString).Value(i))
		default:
			b.Append(a.(*array.LargeBinary).Value(i))
		}
	}
	return b.NewArray().Data()
}

// rescale converts timestamps to microseconds.
func rescale(d arrow.ArrayData, unit arrow.TimeUnit, to *arrow.TimestampType) arrow.ArrayData {
	in := array.NewTimestampData(d)
	b := array.NewTimestampBuilder(memory.DefaultAllocator, to)
	b.Reserve(in.Len())
	for i := range in.Len() {
		if in.IsNull(i) {
			b.UnsafeAppendBoolToBitmap(false)
			continue
		}
		v := in.Value(i)
		switch unit {
		case arrow.Nanosecond:
			if v %= 1000; v < 0 {
				v += 1000
			}
			v = (in.Value(i) - v) / 1000
		case arrow.Millisecond:
			v *= 1000
		case arrow.Second:
			v *= 1_000_000
		}
		b.UnsafeAppend(v)
	}
	return b.NewArray().Data()
}

// widen converts to a wider number, or gives nil.
func widen(a arrow.Array, to arrow.DataType) arrow.ArrayData {
	var whole func(int) int64
	var real func(int) float64
	switch a := a.(type) {
	case *array.Int8:
		whole = func(i int) int64 { return int64(a.Value(i)) }
	case *array.Int16:
		whole = func(i int) int64 { return int64(a.Value(i)) }
	case *array.Int32:
		whole = func(i int) int64 { return int64(a.Value(i)) }
	case *array.Uint8:
		whole = func(i int) int64 { return int64(a.Value(i)) }
	case *array.Uint16:
		whole = func(i int) int64 { return int64(a.Value(i)) }
	case *array.Uint32:
		whole = func(i int) int64 { return int64(a.Value(i)) }
	case *array.Float32:
		real = func(i int) float64 { return float64(a.Value(i)) }
	default:
		return nil
	}
	width := a.DataType().(arrow.FixedWidthDataType).BitWidth()
	if arrow.IsUnsignedInteger(a.DataType().ID()) {
		width++ // one bit more for the sign
	}
	b := array.NewBuilder(memory.DefaultAllocator, to)
	var set func(int)
	switch b := b.(type) {
	case *array.Int16Builder:
		set = func(i int) { b.Append(int16(whole(i))) }
	case *array.Int32Builder:
		set = func(i int) { b.Append(int32(whole(i))) }
	case *array.Int64Builder:
		set = func(i int) { b.Append(whole(i)) }
	case *array.Float64Builder:
		if real == nil {
			return nil
		}
		set = func(i int) { b.Append(real(i)) }
	default:
		return nil
	}
	if fw, ok := to.(arrow.FixedWidthDataType); !ok || fw.BitWidth() < width || whole == nil && real == nil || real != nil && to.ID() != arrow.FLOAT64 {
		return nil
	}
	b.Reserve(a.Len())
	for i := range a.Len() {
		if a.IsNull(i) {
			b.AppendNull()
		} else {
			set(i)
		}
	}
	return b.NewArray().Data()
}
