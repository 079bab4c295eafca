package operator

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/engine/state"
)

// bag keeps distinct byte strings ("rows") by key. Keys and rows have dense numbers, by which the bag's user keeps columns of
// its own. Each row is one entry of saved state: the key's bytes, then the row's.
type bag struct {
	name    string
	key     *state.Codec
	nGroups int
	groups  *state.Table
	rows    *state.Table // group (4 bytes), row
	owner   []int32      // group by row
	size    []int32      // rows by group
	gone    state.Keys   // saved entries removed since the last snapshot
	buf     []byte
}

const ownerBytes = 4

func newBag(name string, key *state.Codec, nGroups int) *bag {
	return &bag{name: name, key: key, nGroups: nGroups, groups: state.NewTable(key), rows: state.NewBytesTable()}
}

// group gives the number of a key, adding it.
func (b *bag) group(key []byte, hash uint64) (g int32, fresh bool, err error) {
	g, fresh, err = b.groups.UpsertKey(key, hash)
	if fresh {
		b.size = extend(b.size, b.groups.Rows())
		b.size[g] = 0
	}
	return g, fresh, err
}

func (b *bag) id(g int32, row []byte) ([]byte, uint64) {
	b.buf = append(binary.LittleEndian.AppendUint32(b.buf[:0], uint32(g)), row...)
	// The group is mixed in, so that the same row of many keys does not collide.
	h := kernel.HashBytes(row) ^ uint64(g)*0x9e3779b97f4a7c15
	hi, lo := bits.Mul64(h|1, 0xd6e8feb86659fd93)
	return b.buf, hi ^ lo ^ h
}

// add gives the number of a row of group g, adding it.
func (b *bag) add(g int32, row []byte) (r int32, fresh bool, err error) {
	r, fresh, err = b.rows.UpsertKey(b.id(g, row))
	if fresh {
		b.owner = extend(b.owner, b.rows.Rows())
		b.owner[r] = g
		b.size[g]++
	}
	return r, fresh, err
}

// find gives the number of a row, -1 if it is absent.
func (b *bag) find(g int32, row []byte) int32 { return b.rows.FindKey(b.id(g, row)) }

// row gives the bytes of row r; they are valid until the bag changes.
func (b *bag) row(r int32) []byte { return b.rows.Key(r)[ownerBytes:] }

// remove takes row r out. The group stays, if empty, until drop.
func (b *bag) remove(r int32) {
	g := b.owner[r]
	if b.rows.Saved(r) {
		b.gone.Append(b.savedKey(g, b.row(r)), b.groups.Hash(g))
	}
	b.rows.Delete(r)
	b.size[g]--
}

// drop takes group g out if it has no rows.
func (b *bag) drop(g int32) {
	if b.size[g] == 0 && b.groups.Used(g) {
		b.groups.Delete(g)
	}
}

func (b *bag) savedKey(g int32, row []byte) []byte {
	b.buf = append(append(b.buf[:0], b.groups.Key(g)...), row...)
	return b.buf
}

// snapshot writes the rows; value appends what else belongs to row r.
func (b *bag) snapshot(w state.Writer, full bool, value func(dst []byte, r int32) []byte) error {
	if !full {
		for i := range b.gone.Hash {
			if err := w.Delete(b.name, state.Group(b.gone.Hash[i], b.nGroups), b.gone.At(i)); err != nil {
				return fmt.Errorf("write state table %s: %w", b.name, err)
			}
		}
	}
	b.gone = state.Keys{}
	var val []byte
	err := b.rows.Changes(full, func([]byte, uint64) error { return nil }, func(r int32) error {
		g := b.owner[r]
		val = value(val[:0], r)
		return w.Put(b.name, state.Group(b.groups.Hash(g), b.nGroups), b.savedKey(g, b.row(r)), val)
	})
	if err != nil {
		return fmt.Errorf("write state table %s: %w", b.name, err)
	}
	return nil
}

// restore reads what snapshot wrote; value gets each row with what was appended for it. known: the groups were restored before, and
// rows of others are dead.
func (b *bag) restore(r state.Reader, known bool, value func(row int32, data []byte) error) error {
	err := state.HashEntries(r, b.name, b.key, b.nGroups, func(e state.Entry) error {
		var g int32
		if known {
			if g = b.groups.FindKey(e.Key, e.Hash); g < 0 {
				b.buf = append(append(b.buf[:0], e.Key...), e.Suffix...)
				b.gone.Append(b.buf, e.Hash)
				return nil
			}
			b.size = extend(b.size, b.groups.Rows())
		} else {
			var err error
			if g, _, err = b.group(e.Key, e.Hash); err != nil {
				return err
			}
		}
		row, fresh, err := b.add(g, e.Suffix)
		if err != nil {
			return err
		}
		if !fresh {
			return fmt.Errorf("%w: a row comes twice", state.ErrCorrupt)
		}
		return value(row, e.Value)
	})
	if err != nil {
		return fmt.Errorf("restore state table %s: %w", b.name, err)
	}
	b.rows.MarkSaved()
	return nil
}

func (b *bag) bytes() int64 {
	return b.groups.Bytes() + b.rows.Bytes() + int64(cap(b.owner)+cap(b.size))*4 + int64(cap(b.gone.Data))
}

// uvarintOf reads a number at the start of a saved value.
func uvarintOf(data []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(data)
	if n <= 0 {
		return 0, nil, fmt.Errorf("%w: a kept row's value ends early", state.ErrCorrupt)
	}
	return v, data[n:], nil
}
