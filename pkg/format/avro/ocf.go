package avro

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/option"
)

// FileOptions are the options of Avro's container files.
type FileOptions struct {
	Codec  string
	Legacy bool // see TableSchema
}

// ParseFileOptions reads the options and checks them.
func ParseFileOptions(in format.Options) (FileOptions, error) {
	s := option.New(Name, in)
	names := []string{"snappy", "null", "deflate", "zstandard"}
	o := FileOptions{Codec: names[s.Enum("codec", 0, names...)], Legacy: s.Bool("timestamp_mapping.legacy", true)}
	return o, s.Err()
}

var magic = []byte("Obj\x01")

const (
	blockBytes    = 64 << 10  // a block is written when it is about so large
	maxBlockBytes = 256 << 20 // of a block that is read, also unpacked
	maxMetaBytes  = 16 << 20
)

// FileReader reads a container file, with the schema that the file says it was written with. It is not safe for concurrent use.
type FileReader struct {
	in    *bufio.Reader
	r     *Reader
	codec string
	sync  [16]byte
	types []arrow.DataType
	data  []byte // of the block, unpacked
	left  int64  // records of the block that are to come
	zstd  *zstd.Decoder
	block int
}

// NewFileReader reads the file's head. Fields are the columns wanted; schema is all of the table's, nil if the fields are all.
func NewFileReader(in io.Reader, fields, schema []format.Field) (*FileReader, error) {
	if schema == nil {
		schema = fields
	}
	f := &FileReader{in: bufio.NewReaderSize(in, 64<<10)}
	for _, c := range fields {
		f.types = append(f.types, batch.ArrowType(c.Type))
	}
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(f.in, head); err != nil || !bytes.Equal(head, magic) {
		return nil, errors.New("not an Avro container file")
	}
	meta, err := f.meta()
	if err != nil {
		return nil, fmt.Errorf("head of the file: %w", noEOF(err))
	}
	if _, err := io.ReadFull(f.in, f.sync[:]); err != nil {
		return nil, fmt.Errorf("head of the file: %w", noEOF(err))
	}
	writer, err := ParseSchema(meta["avro.schema"])
	if err != nil {
		return nil, err
	}
	own, err := TableSchema(schema, false)
	if err != nil {
		return nil, err
	}
	if f.r, err = NewReader(writer, own, fields); err != nil {
		return nil, err
	}
	switch f.codec = meta["avro.codec"]; f.codec {
	case "", "null", "deflate", "snappy", "bzip2":
	case "zstandard":
		f.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlockBytes))
	default:
		err = fmt.Errorf("the codec %q is not supported", f.codec)
	}
	return f, err
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (f *FileReader) long() (int64, error) {
	u, err := binary.ReadUvarint(f.in)
	return int64(u>>1) ^ -int64(u&1), err
}

// meta reads the head's map of bytes.
func (f *FileReader) meta() (map[string]string, error) {
	out := map[string]string{}
	size := int64(0)
	text := func() (string, error) {
		n, err := f.long()
		if size += n; err == nil && (n < 0 || size > maxMetaBytes) {
			err = errLength
		}
		if err != nil {
			return "", err
		}
		b := make([]byte, n)
		_, err = io.ReadFull(f.in, b)
		return string(b), err
	}
	for {
		n, err := f.long()
		if err != nil || n == 0 {
			return out, err
		}
		if n < 0 {
			if _, err := f.long(); err != nil {
				return nil, err
			}
			n = -n
		}
		if n < 0 || n > maxMetaBytes {
			return nil, errLength
		}
		for ; n > 0; n-- {
			k, err := text()
			if err != nil {
				return nil, err
			}
			if out[k], err = text(); err != nil {
				return nil, err
			}
		}
	}
}

// Next gives the next rows, or io.EOF.
func (f *FileReader) Next() (*batch.Batch, error) {
	b := batch.NewBuilder(f.types...)
	for b.Len() < batch.TargetRows {
		if f.left == 0 {
			if err := f.nextBlock(); errors.Is(err, io.EOF) {
				if b.Len() > 0 {
					break
				}
				return nil, io.EOF
			} else if err != nil {
				return nil, fmt.Errorf("block %d: %w", f.block, err)
			}
			continue
		}
		if err := f.r.next(b); err != nil {
			return nil, fmt.Errorf("block %d: %w", f.block, err)
		}
		b.RowDone(batch.Insert, -1)
		if f.left--; f.left == 0 && f.r.cur.i != len(f.data) {
			return nil, fmt.Errorf("block %d: %d bytes follow its records", f.block, len(f.data)-f.r.cur.i)
		}
	}
	return b.Build(), nil
}

func (f *FileReader) nextBlock() error {
	count, err := f.long()
	if err != nil {
		return err // io.EOF at the file's end
	}
	f.block++
	size, err := f.long()
	if err != nil {
		return noEOF(err)
	}
	if count < 0 || size < 0 || size > maxBlockBytes {
		return errLength
	}
	var body bytes.Buffer // grows with what there is, whatever the size says
	var sync [16]byte
	if _, err := io.CopyN(&body, f.in, size); err != nil {
		return noEOF(err)
	}
	packed := body.Bytes()
	if _, err := io.ReadFull(f.in, sync[:]); err != nil {
		return noEOF(err)
	}
	if sync != f.sync {
		return errors.New("the mark at its end is not the file's")
	}
	if f.data, err = f.unpack(packed); err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	f.r.cur.reset(f.data)
	if f.left = count; count > int64(len(f.data))+1<<16 {
		return errItems
	}
	return nil
}

func (f *FileReader) unpack(packed []byte) ([]byte, error) {
	limited := func(r io.Reader) ([]byte, error) {
		out, err := io.ReadAll(io.LimitReader(r, maxBlockBytes+1))
		if len(out) > maxBlockBytes {
			return nil, errLength
		}
		return out, err
	}
	switch f.codec {
	case "deflate":
		return limited(flate.NewReader(bytes.NewReader(packed)))
	case "bzip2":
		return limited(bzip2.NewReader(bytes.NewReader(packed)))
	case "zstandard":
		return f.zstd.DecodeAll(packed, nil)
	case "snappy":
		if len(packed) < 4 {
			return nil, errEnd
		}
		body, sum := packed[:len(packed)-4], binary.BigEndian.Uint32(packed[len(packed)-4:])
		if n, err := snappy.DecodedLen(body); err != nil || n > maxBlockBytes {
			return nil, errors.Join(err, errLength)
		}
		out, err := snappy.Decode(nil, body)
		if err == nil && crc32.ChecksumIEEE(out) != sum {
			err = errors.New("the checksum is wrong")
		}
		return out, err
	}
	return packed, nil
}

// Close frees what the codec holds; the file stays open.
func (f *FileReader) Close() error {
	if f.zstd != nil {
		f.zstd.Close()
	}
	return nil
}

// next appends the record at the cursor. It does not end the row.
func (r *Reader) next(out *batch.Builder) error {
	r.root.bindRow(out.Cols)
	r.cur.depth = 0
	return r.cur.read(r.root)
}

// FileWriter writes a container file. It is not safe for concurrent use.
type FileWriter struct {
	out   io.Writer
	w     *Writer
	codec string
	sync  [16]byte
	buf   []byte
	rows  int64
	bytes int64
	zstd  *zstd.Encoder
}

// NewFileWriter writes the head of a file of rows with the fields.
func NewFileWriter(out io.Writer, fields []format.Field, o FileOptions) (*FileWriter, error) {
	s, err := TableSchema(fields, o.Legacy)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, Name)
	}
	f := &FileWriter{out: out, codec: o.Codec}
	if f.w, err = NewWriter(s, fields); err != nil {
		return nil, fault.Wrap(fault.Config, err, Name)
	}
	text, err := schemaText(s)
	if err != nil {
		return nil, err
	}
	if _, err := rand.Read(f.sync[:]); err != nil {
		return nil, err
	}
	if f.codec == "zstandard" {
		if f.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)); err != nil {
			return nil, err
		}
	}
	head := appendLong(bytes.Clone(magic), 2)
	for _, s := range []string{"avro.schema", text, "avro.codec", o.Codec} {
		head = append(appendLong(head, int64(len(s))), s...)
	}
	return f, f.write(append(appendLong(head, 0), f.sync[:]...))
}

func (f *FileWriter) write(b []byte) error {
	n, err := f.out.Write(b)
	f.bytes += int64(n)
	return err
}

// Write appends the batch's rows.
func (f *FileWriter) Write(b *batch.Batch) error {
	for i := range b.N {
		var err error
		if f.buf, err = f.w.AppendRow(f.buf, b.Cols, i); err != nil {
			return fault.Wrap(fault.Data, err, "encode Avro")
		}
		if f.rows++; len(f.buf) >= blockBytes {
			if err := f.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *FileWriter) flush() error {
	if f.rows == 0 {
		return nil
	}
	packed := f.buf
	switch f.codec {
	case "deflate":
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, flate.DefaultCompression)
		if err == nil {
			_, err = w.Write(f.buf)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			return err
		}
		packed = b.Bytes()
	case "zstandard":
		packed = f.zstd.EncodeAll(f.buf, nil)
	case "snappy":
		packed = binary.BigEndian.AppendUint32(snappy.Encode(nil, f.buf), crc32.ChecksumIEEE(f.buf))
	}
	head := appendLong(appendLong(nil, f.rows), int64(len(packed)))
	f.rows, f.buf = 0, f.buf[:0]
	return f.write(append(append(head, packed...), f.sync[:]...))
}

// Close writes the last block; the file stays open.
func (f *FileWriter) Close() error {
	if f.zstd != nil {
		defer func() { _ = f.zstd.Close() }()
	}
	return f.flush()
}

// Bytes is how much has been written.
func (f *FileWriter) Bytes() int64 { return f.bytes }
