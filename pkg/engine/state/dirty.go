package state

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/kernel"
)

// Touch marks a row as changed, so that the next Snapshot writes it.
func (t *Table) Touch(row int32) {
	if t.flags[row]&flagDirty == 0 {
		t.flags[row] |= flagDirty
		t.dirty = append(t.dirty, row)
	}
}

// SetTTL turns on retention of ms milliseconds after the last Refresh (0: for ever). Call it before the first key.
func (t *Table) SetTTL(ms int64) { t.ttl = ms }

// SetNow sets the clock by which rows expire.
func (t *Table) SetNow(now time.Time) { t.now = now.UnixMilli() }

// Refresh says that a row was updated now: its retention starts again. It does nothing without a TTL. The row should be touched too.
func (t *Table) Refresh(row int32) {
	if t.ttl > 0 {
		t.stamp[row] = t.now
	}
}

func (t *Table) expired(row int32) bool { return t.stamp[row]+t.ttl <= t.now }

// Expire deletes expired rows among the next n, or a sixteenth of all if that is more, going round the table from call to
// call. Call it once an epoch: state past its retention costs memory for a while but is never seen.
func (t *Table) Expire(n int) {
	if t.ttl == 0 || len(t.flags) == 0 {
		return
	}
	for n = min(max(n, len(t.flags)/16), len(t.flags)); n > 0; n-- {
		if int(t.cursor) >= len(t.flags) {
			t.cursor = 0
		}
		if t.flags[t.cursor]&flagUsed != 0 && t.expired(t.cursor) {
			t.Delete(t.cursor)
		}
		t.cursor++
	}
}

// Snapshot writes the deleted keys and the changed rows since the last Snapshot, or all rows if full, and forgets what was
// changed. value appends a row's value to dst. groups is the job's number of key groups.
func (t *Table) Snapshot(w Writer, name string, groups int, full bool, value func(dst []byte, row int32) []byte) error {
	var buf []byte
	err := t.Changes(full, func(key []byte, hash uint64) error {
		return w.Delete(name, Group(hash, groups), key)
	}, func(row int32) error {
		buf = buf[:0]
		if t.ttl > 0 {
			buf = binary.LittleEndian.AppendUint64(buf, uint64(t.stamp[row]))
		}
		buf = value(buf, row)
		return w.Put(name, Group(t.hash[row], groups), t.Key(row), buf)
	})
	if err != nil {
		return fmt.Errorf("write state table %s: %w", name, err)
	}
	return nil
}

// Changes is Snapshot for users that write the entries themselves: first the keys deleted since the last call, which an earlier call had
// given to put, then the changed rows (all rows if full).
func (t *Table) Changes(full bool, del func(key []byte, hash uint64) error, put func(row int32) error) error {
	if !full {
		for i := range t.gone.Hash {
			if err := del(t.gone.At(i), t.gone.Hash[i]); err != nil {
				return err
			}
		}
		for _, row := range t.dirty {
			if t.flags[row]&flagUsed == 0 {
				continue
			}
			if err := put(row); err != nil {
				return err
			}
			t.flags[row] |= flagSaved
		}
	} else {
		for row := range t.flags {
			if t.flags[row]&flagUsed == 0 {
				continue
			}
			if err := put(int32(row)); err != nil {
				return err
			}
			t.flags[row] |= flagSaved
		}
	}
	for _, row := range t.dirty {
		t.flags[row] &^= flagDirty
	}
	t.dirty = t.dirty[:0]
	t.gone.Reset()
	if cap(t.gone.Data) > chunkSize {
		t.gone = Keys{}
	}
	return nil
}

// Restore inserts all entries of a table that Snapshot wrote, whose keys are rows of codec c. value reads what value of Snapshot
// appended; the row's columns hold nothing of it yet.
func (t *Table) Restore(r Reader, name string, c *Codec, groups int, value func(row int32, data []byte) error) error {
	err := HashEntries(r, name, c, groups, func(e Entry) error {
		if len(e.Suffix) > 0 {
			return fmt.Errorf("%w: %d bytes after a key", ErrCorrupt, len(e.Suffix))
		}
		row, fresh, err := t.UpsertKey(e.Key, e.Hash)
		if err != nil {
			return err
		}
		if !fresh {
			return fmt.Errorf("%w: a key comes twice", ErrCorrupt)
		}
		data := e.Value
		if t.ttl > 0 {
			if len(data) < 8 {
				return fmt.Errorf("%w: no time of last update", ErrCorrupt)
			}
			t.stamp[row] = int64(binary.LittleEndian.Uint64(data))
			data = data[8:]
		}
		return value(row, data)
	})
	if err != nil {
		return fmt.Errorf("restore state table %s: %w", name, err)
	}
	// What was just read is saved already.
	t.MarkSaved()
	return nil
}

// MarkSaved makes all rows unchanged, as if a Snapshot had just written them: for users that restore rows themselves.
func (t *Table) MarkSaved() {
	for i := range t.flags {
		t.flags[i] = t.flags[i]&^flagDirty | flagSaved
	}
	t.dirty = t.dirty[:0]
}

// Entry is a saved entry: its key is a codec's row and what the user appended to it.
type Entry struct {
	Key, Suffix, Value []byte
	Hash               uint64 // of the row's columns
}

// HashEntries gives the entries of a table whose keys start with rows of codec c, with the hashes of the rows' columns
// (kernel.Hash; 0 if there are none). It checks that they belong to the group that they were saved in. The slices are
// valid during the call only.
func HashEntries(r Reader, name string, c *Codec, groups int, fn func(Entry) error) error {
	b := batch.NewBuilder(c.types...)
	var keys, values Keys
	var saved []uint16
	var suffix []int32
	keys.Reset()
	values.Reset()
	flush := func() error {
		n := b.Len()
		cols := b.Build().Cols
		keys.Hash = Resize(keys.Hash, n)
		if len(cols) == 0 {
			clear(keys.Hash)
		} else {
			kernel.Hash(cols, n, keys.Hash)
		}
		for i := 0; i < n; i++ {
			if Group(keys.Hash[i], groups) != saved[i] {
				return fmt.Errorf("%w: key group %d of %d holds a key of group %d", ErrCorrupt, saved[i], groups, Group(keys.Hash[i], groups))
			}
			k := keys.At(i)
			cut := len(k) - int(suffix[i])
			if err := fn(Entry{Key: k[:cut], Suffix: k[cut:], Value: values.At(i), Hash: keys.Hash[i]}); err != nil {
				return err
			}
		}
		keys.Reset()
		values.Reset()
		saved, suffix = saved[:0], suffix[:0]
		return nil
	}
	err := r.Entries(name, func(group uint16, key, value []byte) error {
		rest, err := c.DecodeRow(key, b.Cols)
		if err != nil {
			return err
		}
		b.RowDone(batch.Insert, -1)
		keys.Append(key, 0)
		values.Append(value, 0)
		saved = append(saved, group)
		suffix = append(suffix, int32(len(rest)))
		if b.Len() == batch.TargetRows {
			return flush()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}
