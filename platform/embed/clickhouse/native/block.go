// Package native moves ClickHouse Native blocks between protocol revisions without decoding values.
//
// The embedded engine reads and writes revision 0: no BlockInfo, no serialization byte per column. Clients
// speak 54454 and later, which have both. Finding the borders of the columns is enough to translate, so a
// column costs a copy, not a parse.
//
// Layout: https://clickhouse.com/docs/native-protocol/basics. Sparse and other custom serializations are
// refused, never passed on wrongly.
package native

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// CustomSerialization is the first revision with a serialization byte after each column's type.
const CustomSerialization = 54454

// blockInfo says: not an overflow block, bucket -1.
var blockInfo = []byte{1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0}

// Limits on what a peer may claim, so that a broken block cannot ask for all memory.
const (
	maxColumns = 1 << 16
	maxRows    = 1 << 32
	maxBytes   = 1 << 34
)

// Column names a column of a block and its ClickHouse type.
type Column struct{ Name, Type string }

// Block describes a copied block.
type Block struct {
	Columns []Column
	Rows    int
}

// Empty tells of the block that ends a client's data.
func (b Block) Empty() bool { return len(b.Columns) == 0 && b.Rows == 0 }

// Translator copies blocks. It remembers parsed types, so keep it for a connection's life. Not safe for concurrent use.
type Translator struct {
	types map[string]*Type
}

// NewTranslator returns a Translator with nothing remembered.
func NewTranslator() *Translator { return &Translator{types: map[string]*Type{}} }

// FromClient reads one block of the given revision and appends it to out at revision 0.
// Errors wrap io.ErrUnexpectedEOF when r ends inside the block.
func (t *Translator) FromClient(r *bufio.Reader, revision int, out []byte) (Block, []byte, error) {
	s := &readSource{r: r, out: out}
	b, err := t.block(s, revision, 0)
	return b, s.out, noEOF(err)
}

// ToClient cuts the first block off data, which is at revision 0, and appends it to out at the given revision.
// It returns what is left of data.
func (t *Translator) ToClient(data []byte, revision int, out []byte) (b Block, rest, translated []byte, err error) {
	s := &sliceSource{data: data, out: out}
	b, err = t.block(s, 0, revision)
	s.flush()
	return b, s.data[s.off:], s.out, noEOF(err)
}

// AppendHeader appends a block without rows at the given revision.
func AppendHeader(out []byte, columns []Column, revision int) []byte {
	if revision > 0 {
		out = append(out, blockInfo...)
	}
	out = binary.AppendUvarint(out, uint64(len(columns)))
	out = binary.AppendUvarint(out, 0)
	for _, c := range columns {
		out = appendString(out, c.Name)
		out = appendString(out, c.Type)
		if revision >= CustomSerialization {
			out = append(out, 0)
		}
	}
	return out
}

func appendString(out []byte, s string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(s))), s...)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("native block: %w", io.ErrUnexpectedEOF)
	}
	return err
}

func (t *Translator) parse(name []byte) (*Type, error) {
	if typ, ok := t.types[string(name)]; ok {
		return typ, nil
	}
	typ, err := ParseType(string(name))
	if err == nil && len(t.types) < 1<<12 {
		t.types[string(name)] = typ
	}
	return typ, err
}

func (t *Translator) block(s source, in, out int) (Block, error) {
	var b Block
	if in > 0 {
		if err := dropBlockInfo(s); err != nil {
			return b, err
		}
	}
	if out > 0 {
		s.insert(blockInfo...)
	}
	columns, err := s.uvarint()
	if err != nil {
		return b, err
	}
	rows, err := s.uvarint()
	if err != nil {
		return b, err
	}
	if columns > maxColumns || rows > maxRows {
		return b, fmt.Errorf("native block: %d columns of %d rows are more than any client sends", columns, rows)
	}
	b.Rows = int(rows)
	for range columns {
		name, err := text(s)
		if err != nil {
			return b, err
		}
		c := Column{Name: string(name)}
		typeName, err := text(s)
		if err != nil {
			return b, err
		}
		c.Type = string(typeName)
		b.Columns = append(b.Columns, c)
		typ, err := t.parse(typeName)
		if err != nil {
			return b, fmt.Errorf("column %s: %w", c.Name, err)
		}
		if in >= CustomSerialization {
			custom, err := s.drop(1)
			if err != nil {
				return b, err
			}
			if custom[0] != 0 {
				return b, fmt.Errorf("column %s: custom serialization is not supported", c.Name)
			}
		}
		if out >= CustomSerialization {
			s.insert(0)
		}
		if rows == 0 {
			continue
		}
		if err := prefix(s, typ); err != nil {
			return b, err
		}
		if err := values(s, typ, rows); err != nil {
			return b, err
		}
	}
	return b, nil
}

// dropBlockInfo passes over numbered fields up to field 0.
func dropBlockInfo(s source) error {
	for {
		field, err := s.drop(1)
		if err != nil {
			return err
		}
		n := 0
		switch field[0] {
		case 0:
			return nil
		case 1: // is_overflows
			n = 1
		case 2: // bucket_num
			n = 4
		default:
			return fmt.Errorf("native block: unknown block info field %d", field[0])
		}
		if _, err := s.drop(n); err != nil {
			return err
		}
	}
}

func text(s source) ([]byte, error) {
	n, err := s.uvarint()
	if err != nil {
		return nil, err
	}
	return take(s, n, 1)
}

// take copies count values of size bytes.
func take(s source, count uint64, size int) ([]byte, error) {
	if count > maxBytes/uint64(size) {
		return nil, fmt.Errorf("native block: %d values of %d bytes are more than any client sends", count, size)
	}
	return s.copy(int(count) * size)
}

// prefix copies what stands before the values of a column: versions of nested serializations.
func prefix(s source, t *Type) error {
	if t.kind == lowCard || t.kind == jsonText {
		_, err := s.copy(8)
		return err
	}
	for _, sub := range t.sub {
		if err := prefix(s, sub); err != nil {
			return err
		}
	}
	return nil
}

func values(s source, t *Type, rows uint64) error {
	if rows == 0 {
		return nil
	}
	switch t.kind {
	case fixed:
		_, err := take(s, rows, t.size)
		return err
	case str, jsonText:
		return s.copyStrings(rows)
	case nullable:
		if _, err := take(s, rows, 1); err != nil {
			return err
		}
		return values(s, t.sub[0], rows)
	case array:
		offsets, err := take(s, rows, 8)
		if err != nil {
			return err
		}
		return values(s, t.sub[0], binary.LittleEndian.Uint64(offsets[len(offsets)-8:]))
	case tuple:
		if len(t.sub) == 0 { // Tuple() has a byte per row
			_, err := take(s, rows, 1)
			return err
		}
		for _, sub := range t.sub {
			if err := values(s, sub, rows); err != nil {
				return err
			}
		}
		return nil
	case lowCard:
		return dictionary(s, t.sub[0])
	}
	return fmt.Errorf("native block: kind %d", t.kind)
}

// dictionary copies a LowCardinality column: flags and index width, keys, indexes.
func dictionary(s source, key *Type) error {
	head, err := s.copy(16)
	if err != nil {
		return err
	}
	width := 1 << (head[0] & 3)
	if err := values(s, key, binary.LittleEndian.Uint64(head[8:])); err != nil {
		return err
	}
	n, err := s.copy(8)
	if err != nil {
		return err
	}
	_, err = take(s, binary.LittleEndian.Uint64(n), width)
	return err
}

// source is the side that is read and copied from. Returned bytes hold until the next call.
type source interface {
	uvarint() (uint64, error)   // copied
	copy(n int) ([]byte, error) // copied
	copyStrings(n uint64) error // copied
	drop(n int) ([]byte, error) // read, not copied
	insert(b ...byte)           // written, not read
}

type readSource struct {
	r       *bufio.Reader
	out     []byte
	scratch [8]byte
}

// step bounds how much memory a claimed length gets before its bytes have arrived.
const step = 1 << 20

func (s *readSource) copy(n int) ([]byte, error) {
	start := len(s.out)
	for n > 0 {
		k := min(n, step)
		at := len(s.out)
		s.out = slices.Grow(s.out, k)[:at+k]
		if _, err := io.ReadFull(s.r, s.out[at:]); err != nil {
			return nil, err
		}
		n -= k
	}
	return s.out[start:], nil
}

func (s *readSource) uvarint() (uint64, error) {
	v, err := binary.ReadUvarint(s.r)
	if err == nil {
		s.out = binary.AppendUvarint(s.out, v)
	}
	return v, err
}

// copyStrings copies runs of whole strings out of the reader's buffer; only a string across its end is read
// by itself.
func (s *readSource) copyStrings(n uint64) error {
	for n > 0 {
		buffered, err := s.r.Peek(s.r.Buffered())
		if err != nil {
			return err
		}
		whole := 0
		for n > 0 {
			size, k := binary.Uvarint(buffered[whole:])
			if k <= 0 || size > uint64(len(buffered)-whole-k) {
				break
			}
			whole += k + int(size)
			n--
		}
		s.out = append(s.out, buffered[:whole]...)
		if _, err := s.r.Discard(whole); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		if _, err := text(s); err != nil {
			return err
		}
		n--
	}
	return nil
}

func (s *readSource) drop(n int) ([]byte, error) {
	b := s.scratch[:n]
	_, err := io.ReadFull(s.r, b)
	return b, err
}

func (s *readSource) insert(b ...byte) { s.out = append(s.out, b...) }

// sliceSource copies in long runs: from mark to off is read but not yet copied.
type sliceSource struct {
	data      []byte
	mark, off int
	out       []byte
}

func (s *sliceSource) flush() {
	s.out = append(s.out, s.data[s.mark:s.off]...)
	s.mark = s.off
}

func (s *sliceSource) copy(n int) ([]byte, error) {
	if n > len(s.data)-s.off {
		return nil, io.ErrUnexpectedEOF
	}
	s.off += n
	return s.data[s.off-n : s.off], nil
}

func (s *sliceSource) uvarint() (uint64, error) {
	v, n := binary.Uvarint(s.data[s.off:])
	if n <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	s.off += n
	return v, nil
}

func (s *sliceSource) copyStrings(n uint64) error {
	data, off := s.data, s.off
	for range n {
		var size uint64
		if off < len(data) && data[off] < 0x80 {
			size = uint64(data[off])
			off++
		} else {
			v, k := binary.Uvarint(data[off:])
			if k <= 0 {
				return io.ErrUnexpectedEOF
			}
			size = v
			off += k
		}
		if size > uint64(len(data)-off) {
			return io.ErrUnexpectedEOF
		}
		off += int(size)
	}
	s.off = off
	return nil
}

func (s *sliceSource) drop(n int) ([]byte, error) {
	s.flush()
	b, err := s.copy(n)
	s.mark = s.off
	return b, err
}

func (s *sliceSource) insert(b ...byte) {
	s.flush()
	s.out = append(s.out, b...)
}
