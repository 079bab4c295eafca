package state

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
)

// Loaded is the state that a chain of snapshot files comes to. It is read-only and may be used by many goroutines.
type Loaded struct {
	tables map[string]*loadedTable
	names  []string
}

type loadedTable struct {
	keys   *Table // group (2 bytes), key
	values [][]byte
	gone   []bool
}

// Load merges snapshot files, oldest first, and keeps the entries of the key groups that keep accepts (nil: all). The files'
// bytes may be dropped afterwards. The error is ErrCorrupt when a file is damaged, cut off, or of an unknown version.
func Load(files [][]byte, keep func(group uint16) bool) (*Loaded, error) {
	l := &Loaded{tables: map[string]*loadedTable{}}
	if keep == nil {
		keep = func(uint16) bool { return true }
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlock+1024))
	if err != nil {
		return nil, fmt.Errorf("open state decoder: %w", err)
	}
	defer dec.Close()
	for i, f := range files {
		if err := l.load(f, keep, dec); err != nil {
			return nil, fmt.Errorf("read state file %d of %d: %w", i+1, len(files), err)
		}
	}
	slices.Sort(l.names)
	return l, nil
}

func (l *Loaded) load(f []byte, keep func(uint16) bool, dec *zstd.Decoder) error {
	at := len(fileMagic) + 1
	if len(f) < at || string(f[:at-1]) != fileMagic {
		return fmt.Errorf("%w: it does not start as a state file", ErrCorrupt)
	}
	if f[at-1] != fileVersion {
		return fmt.Errorf("%w: format version %d, this program reads %d", ErrCorrupt, f[at-1], fileVersion)
	}
	le := binary.LittleEndian
	blocks, entries := 0, 0
	for {
		b := f[at:]
		if len(b) < headerSize {
			return fmt.Errorf("%w: cut off at byte %d", ErrCorrupt, at)
		}
		packed, nameLen, n := int(le.Uint32(b[4:])), int(le.Uint16(b[20:])), int(le.Uint32(b[12:]))
		end := nameLen == 0
		size := headerSize
		if !end {
			size += nameLen + packed
		}
		if size > len(b) {
			return fmt.Errorf("%w: cut off in the block at byte %d", ErrCorrupt, at)
		}
		b = b[:size]
		if le.Uint32(b) != crc32.Checksum(b[4:], castagnoli) {
			return fmt.Errorf("%w: wrong checksum of the block at byte %d", ErrCorrupt, at)
		}
		at += size
		if end {
			if uint32(packed) != uint32(blocks) || uint32(n) != uint32(entries) || at != len(f) {
				return fmt.Errorf("%w: the end at byte %d does not fit the blocks", ErrCorrupt, at-size)
			}
			return nil
		}
		blocks++
		entries += n
		wanted := false
		for g, high := int(le.Uint16(b[16:])), int(le.Uint16(b[18:])); g <= high && !wanted; g++ {
			wanted = keep(uint16(g))
		}
		if !wanted {
			continue
		}
		raw := le.Uint32(b[8:])
		if raw > maxBlock {
			return fmt.Errorf("%w: a block of %d bytes", ErrCorrupt, raw)
		}
		data, err := dec.DecodeAll(b[headerSize+nameLen:], make([]byte, 0, raw))
		if err != nil || len(data) != int(raw) {
			return fmt.Errorf("%w: the block before byte %d cannot be unpacked (%v)", ErrCorrupt, at, err)
		}
		if err := l.table(string(b[headerSize:headerSize+nameLen])).add(data, n, keep); err != nil {
			return fmt.Errorf("block before byte %d: %w", at, err)
		}
	}
}

func (l *Loaded) table(name string) *loadedTable {
	t := l.tables[name]
	if t == nil {
		t = &loadedTable{keys: NewBytesTable()}
		l.tables[name] = t
		l.names = append(l.names, name)
	}
	return t
}

func (t *loadedTable) add(data []byte, n int, keep func(uint16) bool) error {
	var key []byte
	for ; n > 0; n-- {
		head, w := binary.Uvarint(data)
		if w <= 0 || head>>1 > 0xffff {
			return fmt.Errorf("%w: bad entry", ErrCorrupt)
		}
		data = data[w:]
		l, w := uvarint(data)
		if w == 0 {
			return fmt.Errorf("%w: bad key", ErrCorrupt)
		}
		group, k := int(head>>1), data[w:w+l]
		data = data[w+l:]
		var value []byte
		if head&1 == 0 {
			if l, w = uvarint(data); w == 0 {
				return fmt.Errorf("%w: bad value", ErrCorrupt)
			}
			value, data = data[w:w+l:w+l], data[w+l:]
		}
		if !keep(uint16(group)) {
			continue
		}
		key = append(binary.LittleEndian.AppendUint16(key[:0], uint16(group)), k...)
		row, fresh, err := t.keys.UpsertKey(key, kernel.HashBytes(key))
		if err != nil {
			return err
		}
		if fresh {
			t.values, t.gone = append(t.values, nil), append(t.gone, false)
		}
		t.values[row], t.gone[row] = value, head&1 == 1
	}
	if len(data) > 0 {
		return fmt.Errorf("%w: %d bytes after the last entry", ErrCorrupt, len(data))
	}
	return nil
}

// Operators are the names of the operators that have entries, sorted.
func (l *Loaded) Operators() []string {
	var out []string
	for _, n := range l.names {
		op, _, _ := strings.Cut(n, "\x00")
		if len(out) == 0 || out[len(out)-1] != op {
			out = append(out, op)
		}
	}
	return out
}

// For gives the entries of one operator.
func (l *Loaded) For(operator string) Reader { return &loadedReader{l: l, operator: operator} }

type loadedReader struct {
	l        *Loaded
	operator string
}

// Entries implements Reader, in the order in which the keys came first.
func (r *loadedReader) Entries(table string, fn func(group uint16, key, value []byte) error) error {
	t := r.l.tables[r.operator+"\x00"+table]
	if t == nil {
		return nil
	}
	for row := range t.values {
		if t.gone[row] {
			continue
		}
		key := t.keys.Key(int32(row))
		if err := fn(binary.LittleEndian.Uint16(key), key[2:], t.values[row]); err != nil {
			return err
		}
	}
	return nil
}

// WriteTo writes all live entries: how a chain of files is made into one. Within a table they come in the order of group and key,
// so the same state gives the same file.
func (l *Loaded) WriteTo(f *FileWriter) error {
	for _, name := range l.names {
		op, table, _ := strings.Cut(name, "\x00")
		t := l.tables[name]
		rows := make([]int32, 0, len(t.values))
		for row := range t.values {
			if !t.gone[row] {
				rows = append(rows, int32(row))
			}
		}
		slices.SortFunc(rows, func(a, b int32) int {
			x, y := t.keys.Key(a), t.keys.Key(b)
			if c := int(binary.LittleEndian.Uint16(x)) - int(binary.LittleEndian.Uint16(y)); c != 0 {
				return c
			}
			return bytes.Compare(x[2:], y[2:])
		})
		w := f.For(op)
		for _, row := range rows {
			key := t.keys.Key(row)
			if err := w.Put(table, binary.LittleEndian.Uint16(key), key[2:], t.values[row]); err != nil {
				return err
			}
		}
	}
	return nil
}
