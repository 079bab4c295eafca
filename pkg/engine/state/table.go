package state

import (
	"bytes"
	"fmt"
	"math"
	"math/bits"
)

// Table maps encoded keys to dense rows 0, 1, 2 …: what belongs to a key is kept by the table's user in plain column slices
// indexed by row. Rows of deleted keys are given out again, last freed first, so the same calls give the same rows.
//
// It is open addressing with linear probing over 8-byte slots (32 bits of hash, row), the keys in one stretch when their
// width is fixed and in an arena when not. The order of iteration is that of the rows, never that of the hash.
//
// The table knows which rows changed since the last Snapshot (Touch; inserts and deletes by themselves) and, when a
// retention is set, when each was last updated: an expired row counts as absent.
//
// A table is used by one goroutine.
type Table struct {
	width int
	slots []uint64
	shift uint8 // index = hash >> shift
	live  int

	hash  []uint64
	flags []uint8
	fixed []byte   // width > 0: keys by row
	ref   []uint32 // width == 0: keys in arena
	arena arena
	dead  int64 // bytes of the arena that belong to no row
	free  []int32
	dirty []int32
	gone  Keys // keys deleted since the last Snapshot that an earlier one has written

	ttl    int64
	now    int64
	stamp  []int64
	cursor int32
	// OnDrop, if set, is called before a row is deleted, for whatever reason; the key and the user's columns are
	// still in place. Delete of other rows is not allowed in it.
	OnDrop func(row int32)

	fresh []int32
}

const (
	flagUsed uint8 = 1 << iota
	flagDirty
	flagSaved
)

// NewTable makes a table for keys of codec c.
func NewTable(c *Codec) *Table { return newTable(c.Width()) }

// NewBytesTable makes a table for arbitrary byte strings as keys.
func NewBytesTable() *Table { return newTable(0) }

func newTable(width int) *Table {
	t := &Table{width: width}
	t.setSlots(8)
	return t
}

func (t *Table) setSlots(n int) {
	t.slots = make([]uint64, n)
	t.shift = uint8(64 - bits.TrailingZeros(uint(n)))
}

// Len is the number of keys. Expired ones count until they are dropped.
func (t *Table) Len() int { return t.live }

// Rows is one more than the highest row ever given out: the length that columns beside the table need.
func (t *Table) Rows() int { return len(t.flags) }

// Key gives a row's key. It is valid until the table changes.
func (t *Table) Key(row int32) []byte {
	if t.width > 0 {
		at := int(row) * t.width
		return t.fixed[at : at+t.width : at+t.width]
	}
	return t.arena.getString(t.ref[row])
}

// Hash gives the hash that a row's key came with.
func (t *Table) Hash(row int32) uint64 { return t.hash[row] }

// Used tells whether a row holds a key.
func (t *Table) Used(row int32) bool { return t.flags[row]&flagUsed != 0 }

// Saved tells whether a Snapshot has written the row's key since it was inserted.
func (t *Table) Saved(row int32) bool { return t.flags[row]&flagSaved != 0 }

// Find sets rows[i] to the row of key i, -1 if it is absent. k.Hash must be set; len(rows) must be k.Len().
func (t *Table) Find(k *Keys, rows []int32) {
	for i := range rows {
		rows[i] = t.FindKey(k.At(i), k.Hash[i])
	}
}

// FindKey gives the row of one key, -1 if it is absent.
func (t *Table) FindKey(key []byte, hash uint64) int32 {
	tag := hash >> 32
	mask := len(t.slots) - 1
	for at := int(hash >> t.shift); ; at = (at + 1) & mask {
		s := t.slots[at]
		if s == 0 {
			return -1
		}
		if s>>32 == tag {
			if row := int32(uint32(s)) - 1; bytes.Equal(t.Key(row), key) {
				if t.ttl > 0 && t.expired(row) {
					return -1
				}
				return row
			}
		}
	}
}

// Upsert sets rows[i] to the row of key i, inserting absent keys. It gives the indexes i at which a row began: their columns
// must be set to initial values, whatever they held. A key that comes twice in k is fresh once. The result is valid
// until the next call. New rows are dirty. len(rows) must be k.Len().
func (t *Table) Upsert(k *Keys, rows []int32) (fresh []int32, err error) {
	t.fresh = t.fresh[:0]
	var last []byte
	lastHash, lastRow := uint64(0), int32(-1)
	for i := range rows {
		key, h := k.At(i), k.Hash[i]
		// Runs of one key are common: a day, a window.
		if lastRow >= 0 && h == lastHash && bytes.Equal(key, last) {
			rows[i] = lastRow
			continue
		}
		row, isNew, err := t.UpsertKey(key, h)
		if err != nil {
			return nil, err
		}
		if isNew {
			t.fresh = append(t.fresh, int32(i))
		}
		rows[i] = row
		last, lastHash, lastRow = key, h, row
	}
	return t.fresh, nil
}

// UpsertKey is Upsert for one key.
func (t *Table) UpsertKey(key []byte, hash uint64) (row int32, fresh bool, err error) {
	tag := hash >> 32
	mask := len(t.slots) - 1
	at := int(hash >> t.shift)
	for ; ; at = (at + 1) & mask {
		s := t.slots[at]
		if s == 0 {
			break
		}
		if s>>32 != tag {
			continue
		}
		row := int32(uint32(s)) - 1
		if !bytes.Equal(t.Key(row), key) {
			continue
		}
		if t.ttl > 0 && t.expired(row) {
			if t.OnDrop != nil {
				t.OnDrop(row)
			}
			t.stamp[row] = t.now
			t.Touch(row)
			return row, true, nil
		}
		return row, false, nil
	}
	if t.live >= len(t.slots)/4*3 {
		t.grow()
		mask = len(t.slots) - 1
		for at = int(hash >> t.shift); t.slots[at] != 0; at = (at + 1) & mask {
		}
	}
	row, err = t.newRow(key)
	if err != nil {
		return 0, false, err
	}
	t.hash[row] = hash
	t.slots[at] = tag<<32 | uint64(row+1)
	t.live++
	return row, true, nil
}

func (t *Table) newRow(key []byte) (int32, error) {
	if t.width > 0 && len(key) != t.width {
		return 0, fmt.Errorf("%w: key of %d bytes in a table of keys of %d", ErrCorrupt, len(key), t.width)
	}
	var ref uint32
	if t.width == 0 {
		var ok bool
		if ref, ok = t.arena.putString(key); !ok {
			return 0, ErrFull
		}
	}
	var row int32
	if n := len(t.free); n > 0 {
		row = t.free[n-1]
		t.free = t.free[:n-1]
		if t.width > 0 {
			copy(t.fixed[int(row)*t.width:], key)
		} else {
			t.ref[row] = ref
		}
	} else {
		if len(t.flags) == math.MaxInt32 {
			return 0, ErrFull
		}
		row = int32(len(t.flags))
		t.flags = append(t.flags, 0)
		t.hash = append(t.hash, 0)
		if t.width > 0 {
			t.fixed = append(t.fixed, key...)
		} else {
			t.ref = append(t.ref, ref)
		}
		if t.ttl > 0 {
			t.stamp = append(t.stamp, 0)
		}
	}
	t.flags[row] |= flagUsed
	if t.ttl > 0 {
		t.stamp[row] = t.now
	}
	t.Touch(row)
	return row, nil
}

func (t *Table) grow() {
	old := t.slots
	t.setSlots(2 * len(old))
	mask := len(t.slots) - 1
	// The slot's 32 bits of hash give the index as long as there are fewer than 2^32 slots.
	shift := t.shift - 32
	for _, s := range old {
		if s == 0 {
			continue
		}
		at := int(s >> 32 >> shift)
		for t.slots[at] != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = s
	}
}

// Delete removes a row's key.
func (t *Table) Delete(row int32) {
	if t.OnDrop != nil {
		t.OnDrop(row)
	}
	mask := len(t.slots) - 1
	at := int(t.hash[row] >> t.shift)
	for int32(uint32(t.slots[at]))-1 != row {
		at = (at + 1) & mask
	}
	// Move later slots of the run back, so that no tombstones are needed.
	shift := t.shift - 32
	for next := (at + 1) & mask; t.slots[next] != 0; next = (next + 1) & mask {
		home := int(t.slots[next] >> 32 >> shift)
		if (next-home)&mask >= (next-at)&mask {
			t.slots[at] = t.slots[next]
			at = next
		}
	}
	t.slots[at] = 0
	t.live--
	if t.flags[row]&flagSaved != 0 {
		t.gone.Append(t.Key(row), t.hash[row])
	}
	if t.width == 0 {
		t.dead += int64(len(t.Key(row))) + 4
	}
	// A dirty row stays in the list; Snapshot sees that it is not used, or what it was used for again.
	t.flags[row] &= flagDirty
	t.free = append(t.free, row)
	if t.dead > chunkSize && t.dead > t.arena.used/2 {
		t.compact()
	}
}

func (t *Table) compact() {
	var to arena
	for row := range t.flags {
		if t.flags[row]&flagUsed != 0 {
			// It fitted before and is smaller now.
			t.ref[row], _ = to.putString(t.Key(int32(row)))
		}
	}
	t.arena, t.dead = to, 0
}

// Clear removes all keys without calling OnDrop and without remembering them as deleted.
func (t *Table) Clear() {
	ttl, now, onDrop := t.ttl, t.now, t.OnDrop
	*t = *newTable(t.width)
	t.ttl, t.now, t.OnDrop = ttl, now, onDrop
}

// Each calls fn for every key in the order of rows, expired ones excepted. fn may delete the row that it is called with.
func (t *Table) Each(fn func(row int32) error) error {
	for row := int32(0); int(row) < len(t.flags); row++ {
		if t.flags[row]&flagUsed == 0 || t.ttl > 0 && t.expired(row) {
			continue
		}
		if err := fn(row); err != nil {
			return err
		}
	}
	return nil
}

// Bytes is the memory that the table takes.
func (t *Table) Bytes() int64 {
	return int64(cap(t.slots)*8+cap(t.hash)*8+cap(t.flags)+cap(t.fixed)+cap(t.ref)*4+cap(t.free)*4+
		cap(t.dirty)*4+cap(t.gone.Data)+cap(t.stamp)*8) + t.arena.used
}
