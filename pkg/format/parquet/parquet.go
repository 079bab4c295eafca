// Package parquet writes batches to Parquet files and reads them back, in the forms that Hive, Spark, Trino, Flink and
// ClickHouse share.
//
// TIMESTAMP and TIMESTAMP_LTZ are INT64 microseconds, isAdjustedToUTC being true for TIMESTAMP_LTZ only; DECIMAL is
// FIXED_LEN_BYTE_ARRAY; ARRAY, MAP and ROW are the three-level lists, key_value maps and groups of the specification. The
// reader also takes millisecond, nanosecond and INT96 timestamps, narrower numbers than the column's, unannotated binary for
// strings, and gives NULL for columns and ROW fields that a file does not have. Change kinds are not stored.
package parquet

import (
	"fmt"
	"io"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/option"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Name is the format's name in 'format' = '…'.
const Name = "parquet"

// Options are the options of the writer.
type Options struct {
	Compression   compress.Compression
	RowGroupBytes int64 // size in memory of the rows at which a row group ends
	Dictionary    bool  // values that repeat are stored once, as long as the dictionary stays small
}

// DefaultOptions are snappy, row groups of 128 MiB and dictionaries.
func DefaultOptions() Options {
	return Options{Compression: compress.Codecs.Snappy, RowGroupBytes: 128 << 20, Dictionary: true}
}

// ParseOptions reads the options, which have the names of Flink's and Hadoop's, and checks them.
func ParseOptions(in format.Options) (Options, error) {
	s := option.New(Name, in)
	o := DefaultOptions()
	o.Compression = [...]compress.Compression{compress.Codecs.Snappy, compress.Codecs.Zstd, compress.Codecs.Gzip, compress.Codecs.Uncompressed,
		compress.Codecs.Uncompressed}[s.Enum("compression", 0, "SNAPPY", "ZSTD", "GZIP", "UNCOMPRESSED", "NONE")]
	o.Dictionary = s.Bool("enable.dictionary", true)
	if v := s.Text("block.size", ""); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 1 {
			s.Errorf("block.size", "write a number of bytes, such as 134217728", "%q is no size", v)
		}
		o.RowGroupBytes = n
	}
	s.Bool("utc-timezone", true) // what Flink needs to be told is always so here
	return o, s.Err()
}

// Writer writes one file. It is not safe for concurrent use.
type Writer struct {
	opts   Options
	schema *arrow.Schema
	out    *counter
	w      *pqarrow.FileWriter
	rows   int64
	group  int64 // bytes of the rows in the current row group
}

// counter counts what goes out, and keeps the Parquet writer from closing what it did not open.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// NewWriter begins a file with the fields as columns. Close ends it and leaves w open.
func NewWriter(w io.Writer, fields []format.Field, opts Options) (*Writer, error) {
	fs := make([]arrow.Field, len(fields))
	for i, f := range fields {
		fs[i] = arrow.Field{Name: f.Name, Type: stored(f.Type), Nullable: true}
	}
	props := parquet.NewWriterProperties(parquet.WithVersion(parquet.V2_LATEST), parquet.WithCompression(opts.Compression),
		parquet.WithDictionaryDefault(opts.Dictionary),
		parquet.WithMaxRowGroupLength(1<<40), parquet.WithCreatedBy("freshet"), parquet.WithRootRepetition(parquet.Repetitions.Required))
	out := &Writer{opts: opts, schema: arrow.NewSchema(fs, nil), out: &counter{w: w}}
	var err error
	if out.w, err = pqarrow.NewFileWriter(out.schema, out.out, props, pqarrow.NewArrowWriterProperties()); err != nil {
		return nil, fault.Wrap(fault.Config, err, "begin parquet file")
	}
	return out, nil
}

// localZone makes pqarrow write isAdjustedToUTC=false; it takes no zone at all for UTC.
const localZone = "local"

// stored is the Arrow type to give to pqarrow for a column of type t.
func stored(t types.Type) arrow.DataType {
	switch t.Kind {
	case types.Timestamp:
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: localZone}
	case types.Array:
		return arrow.ListOf(stored(*t.Elem))
	case types.Map:
		return arrow.MapOf(stored(*t.Key), stored(*t.Elem))
	case types.Multiset:
		return arrow.MapOf(stored(*t.Elem), arrow.PrimitiveTypes.Int32)
	case types.Row:
		fs := make([]arrow.Field, len(t.Fields))
		for i, f := range t.Fields {
			fs[i] = arrow.Field{Name: f.Name, Type: stored(f.Type), Nullable: true}
		}
		return arrow.StructOf(fs...)
	}
	return batch.ArrowType(t)
}

// Write adds the rows of b, which must be inserts.
func (w *Writer) Write(b *batch.Batch) error {
	for _, k := range b.Kinds {
		if k.Retracts() {
			return fault.Newf(fault.Config, "a parquet file cannot hold a row of kind %s", k)
		}
	}
	if b.N == 0 {
		return nil
	}
	cols := make([]arrow.Array, len(b.Cols))
	for i, c := range b.Cols {
		cols[i] = array.MakeFromData(retype(c.Data(), w.schema.Field(i).Type))
	}
	if err := w.w.WriteBuffered(array.NewRecord(w.schema, cols, int64(b.N))); err != nil {
		return fmt.Errorf("write parquet rows: %w", err)
	}
	w.rows += int64(b.N)
	// The library knows the encoded size only after a page is full, which with dictionaries is late.
	for _, c := range b.Cols {
		w.group += size(c.Data())
	}
	if w.group >= w.opts.RowGroupBytes {
		w.w.NewBufferedRowGroup()
		w.group = 0
	}
	return nil
}

// size is about how many bytes the values of d take in memory.
func size(d arrow.ArrayData) int64 {
	n := int64(d.Len())
	switch t := d.DataType().(type) {
	case arrow.BinaryDataType:
		if d.Len() == 0 {
			return 0
		}
		offsets := arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())
		return 4*n + int64(offsets[d.Offset()+d.Len()]-offsets[d.Offset()])
	case arrow.FixedWidthDataType:
		return (n*int64(t.BitWidth()) + 7) / 8
	}
	total := 4 * n
	for _, c := range d.Children() {
		if whole := int64(c.Len()); d.Offset() > 0 && whole > 0 { // a slice shares its children
			total += size(c) * n / max(n, whole)
		} else {
			total += size(c)
		}
	}
	return total
}

// Rows is how many rows were written.
func (w *Writer) Rows() int64 { return w.rows }

// Bytes is about how large the file is so far: what went out, and the encoded pages of the current row group.
func (w *Writer) Bytes() int64 {
	if w.group == 0 {
		return w.out.n
	}
	return w.out.n + w.w.RowGroupTotalCompressedBytes()
}

// Close writes what is buffered and the footer.
func (w *Writer) Close() error {
	if err := w.w.Close(); err != nil {
		return fmt.Errorf("end parquet file: %w", err)
	}
	return nil
}

// retype gives data another type of the same layout.
func retype(d arrow.ArrayData, t arrow.DataType) arrow.ArrayData {
	children := d.Children()
	if len(children) > 0 {
		kids := make([]arrow.ArrayData, len(children))
		for i, c := range children {
			kids[i] = retype(c, t.(arrow.NestedType).Fields()[i].Type)
		}
		children = kids
	}
	return array.NewData(t, d.Len(), d.Buffers(), children, d.NullN(), d.Offset())
}
