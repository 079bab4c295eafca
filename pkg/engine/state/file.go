package state

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A snapshot file, all integers little-endian:
//
//	file   = magic "FRESHST" version(1 byte = 1), block…, end
//	block  = crc32c(4 bytes, of the rest of the block) packed(4, bytes of data) raw(4, of its content) entries(4)
//	         low(2) high(2, the smallest and greatest key group in it) name(2, bytes) name data
//	name   = operator, 0 byte, table
//	data   = the entries, zstd
//	entry  = uvarint group<<1 | deleted, uvarint key length, key, and if not deleted uvarint value length, value
//	end    = a block with an empty name: entries is the number of all entries, packed the number of blocks before it (its low 32 bits), no data
//
// A block has entries of one table of one operator. A later entry of a table and key wins over an earlier one, in a file
// and over files. A file without end was cut off.
const (
	fileMagic   = "FRESHST"
	fileVersion = 1
	headerSize  = 22
	blockSize   = 256 << 10 // of content, about: a block ends with the entry that reaches it
	maxBlock    = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// FileWriter writes one snapshot file. Entries are buffered by operator and table, so the order of entries is kept for
// each table only. It is used by one goroutine.
type FileWriter struct {
	w       io.Writer
	enc     *zstd.Encoder
	tables  map[string]*tableWriter
	order   []*tableWriter
	out     []byte
	blocks  int
	entries int
	bytes   int64
	started bool
	err     error
}

type tableWriter struct {
	name      string
	data      []byte
	entries   int
	low, high uint16
}

// NewFileWriter starts a file on w. Nothing is written before the first full block or Close.
func NewFileWriter(w io.Writer) *FileWriter {
	// No option can be wrong here, so there is no error.
	enc, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(blockSize), zstd.WithLowerEncoderMem(true))
	return &FileWriter{w: w, enc: enc, tables: map[string]*tableWriter{}}
}

// For gives the writer of one operator's entries. Neither operator nor table names may hold a 0 byte.
func (f *FileWriter) For(operator string) Writer { return &operatorWriter{f: f, operator: operator} }

type operatorWriter struct {
	f        *FileWriter
	operator string
	last     *tableWriter
	lastName string
}

func (o *operatorWriter) table(name string) *tableWriter {
	if o.last != nil && o.lastName == name {
		return o.last
	}
	full := o.operator + "\x00" + name
	t := o.f.tables[full]
	if t == nil {
		t = &tableWriter{name: full}
		o.f.tables[full] = t
		o.f.order = append(o.f.order, t)
	}
	o.last, o.lastName = t, name
	return t
}

// Put implements Writer.
func (o *operatorWriter) Put(table string, group uint16, key, value []byte) error {
	t := o.table(table)
	t.begin(group, 0, key)
	t.data = binary.AppendUvarint(t.data, uint64(len(value)))
	t.data = append(t.data, value...)
	return o.f.full(t)
}

// Delete implements Writer.
func (o *operatorWriter) Delete(table string, group uint16, key []byte) error {
	t := o.table(table)
	t.begin(group, 1, key)
	return o.f.full(t)
}

func (t *tableWriter) begin(group uint16, deleted uint64, key []byte) {
	if t.entries == 0 {
		t.low, t.high = group, group
	}
	t.low, t.high = min(t.low, group), max(t.high, group)
	t.entries++
	t.data = binary.AppendUvarint(t.data, uint64(group)<<1|deleted)
	t.data = binary.AppendUvarint(t.data, uint64(len(key)))
	t.data = append(t.data, key...)
}

func (f *FileWriter) full(t *tableWriter) error {
	if len(t.data) < blockSize {
		return f.err
	}
	return f.flush(t)
}

func (f *FileWriter) flush(t *tableWriter) error {
	if f.err != nil || t.entries == 0 {
		return f.err
	}
	if len(t.data) > maxBlock {
		f.err = fmt.Errorf("state entry of %d bytes in table %q: the most is %d", len(t.data), t.name, maxBlock)
		return f.err
	}
	le := binary.LittleEndian
	f.out = append(f.out[:0], make([]byte, headerSize)...)
	f.out = append(f.out, t.name...)
	from := len(f.out)
	f.out = f.enc.EncodeAll(t.data, f.out)
	le.PutUint32(f.out[4:], uint32(len(f.out)-from))
	le.PutUint32(f.out[8:], uint32(len(t.data)))
	le.PutUint32(f.out[12:], uint32(t.entries))
	le.PutUint16(f.out[16:], t.low)
	le.PutUint16(f.out[18:], t.high)
	le.PutUint16(f.out[20:], uint16(len(t.name)))
	le.PutUint32(f.out, crc32.Checksum(f.out[4:], castagnoli))
	f.blocks++
	f.entries += t.entries
	t.data, t.entries = t.data[:0], 0
	return f.write(f.out)
}

func (f *FileWriter) write(b []byte) error {
	if !f.started {
		f.started = true
		if err := f.write(append([]byte(fileMagic), fileVersion)); err != nil {
			return err
		}
	}
	if f.err == nil {
		n, err := f.w.Write(b)
		f.bytes += int64(n)
		if err != nil {
			f.err = fmt.Errorf("write state file: %w", err)
		}
	}
	return f.err
}

// Entries is the number of entries written or buffered.
func (f *FileWriter) Entries() int {
	n := f.entries
	for _, t := range f.order {
		n += t.entries
	}
	return n
}

// Bytes is the number of bytes written to the file so far.
func (f *FileWriter) Bytes() int64 { return f.bytes }

// Close writes what is buffered and the end. It does not close the io.Writer.
func (f *FileWriter) Close() error {
	for _, t := range f.order {
		if err := f.flush(t); err != nil {
			return err
		}
	}
	le := binary.LittleEndian
	end := make([]byte, headerSize)
	le.PutUint32(end[4:], uint32(f.blocks))
	le.PutUint32(end[12:], uint32(f.entries))
	le.PutUint32(end, crc32.Checksum(end[4:], castagnoli))
	err := f.write(end)
	f.enc.Close()
	return err
}
