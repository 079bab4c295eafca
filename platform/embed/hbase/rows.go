package hbase

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// rows iterates over rows in scan order. next calls add for each cell of the next row
// and follows the steps it returns; begin is called first with the row's key and may
// decline it. Slices given out live until the next call; done is true at the end.
type rows interface {
	next(begin func(row []byte) bool, add func(c *cell) step) (done bool, err error)
	Close() error
}

// span is a row range in byte order, [start, stop) or with inclusive ends; an empty
// stop is the end of the region.
type span struct {
	start, stop         []byte
	afterStart, hasStop bool // start is exclusive; stop is inclusive
	reversed            bool
}

// columnSeek is the number of cells stepped over one by one before a seek.
const columnSeek = 8

// storedRows reads a region's rows from Pebble.
type storedRows struct {
	it       *pebble.Iterator
	data     uint32
	reversed bool
	first    bool
	key      []byte
	row      []byte
	arena    []byte
}

// openRows starts at the span's begin. The iterator is a consistent view.
func openRows(db *pebble.DB, data uint32, s span) (*storedRows, error) {
	lower := dataPrefix(data)
	if len(s.start) > 0 {
		lower = rowKey(nil, data, s.start)
		if s.afterStart {
			lower = past(lower)
		}
	}
	upper := dataEnd(data)
	if len(s.stop) > 0 {
		upper = rowKey(nil, data, s.stop)
		if s.hasStop {
			upper = past(upper)
		}
	}
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, fmt.Errorf("open rows: %w", err)
	}
	return &storedRows{it: it, data: data, reversed: s.reversed, first: true}, nil
}

func (r *storedRows) Close() error { return r.it.Close() }

func (r *storedRows) next(begin func([]byte) bool, add func(*cell) step) (bool, error) {
	r.arena = r.arena[:0]
	it := r.it
	if r.first {
		r.first = false
		if r.reversed {
			it.Last()
		} else {
			it.First()
		}
	} else if r.reversed {
		it.SeekLT(r.key)
	}
	if !it.Valid() {
		return true, it.Error()
	}
	row, _, arena, err := part(it.Key()[5:], r.row[:0])
	if err != nil {
		return true, err
	}
	if len(arena) > 0 { // the row was unescaped into it
		r.row = arena
	} else {
		r.row = append(r.row[:0], row...)
	}
	row = r.row
	r.key = rowKey(r.key[:0], r.data, row)
	if !begin(row) {
		if !r.reversed {
			it.SeekGE(past(r.key))
		}
		return false, it.Error()
	}
	if r.reversed {
		it.SeekGE(r.key)
	}
	return false, r.readRow(row, add)
}

// readRow feeds the cells of the row at the iterator and leaves it behind them.
func (r *storedRows) readRow(row []byte, add func(*cell) step) error {
	it := r.it
	var target []byte
	for it.Valid() && bytes.HasPrefix(it.Key(), r.key) {
		c, err := r.copyCell(row)
		if err != nil {
			return err
		}
		switch add(&c) {
		case stepCell:
			it.Next()
			continue
		case stepColumn:
			target = appendPart(appendPart(append(target[:0], r.key...), c.fam), c.qual)
		case stepFamily:
			target = appendPart(append(target[:0], r.key...), c.fam)
		case stepRow:
			target = append(target[:0], r.key...)
		}
		// The next cell is mostly the wanted one: step a little before seeking.
		past(target)
		for i := 0; ; i++ {
			if i == columnSeek {
				it.SeekGE(target)
				break
			}
			if it.Next(); !it.Valid() || bytes.Compare(it.Key(), target) >= 0 {
				break
			}
		}
	}
	return it.Error()
}

// copyCell decodes the cell at the iterator into memory that outlives the iterator's
// position; row is shared.
func (r *storedRows) copyCell(row []byte) (cell, error) {
	value, err := r.it.ValueAndErr()
	if err != nil {
		return cell{}, err
	}
	key := r.it.Key()
	n := len(r.arena)
	if cap(r.arena)-n < len(key)+len(value) {
		r.arena, n = make([]byte, 0, max(4096, 2*(len(key)+len(value)))), 0
	}
	r.arena = append(append(r.arena, key...), value...)
	kv := r.arena[n:]
	c, _, err := parseCell(kv[:len(key):len(key)], kv[len(key):len(kv):len(kv)], nil)
	c.row = row
	return c, err
}

// metaScan iterates over hbase:meta, in its own order.
type metaScan struct {
	rows []metaRow
}

func openMeta(v *view, s span) *metaScan {
	var out []metaRow
	for _, r := range v.meta {
		if len(s.start) > 0 {
			if c := compareMeta(r.row, s.start); c < 0 || (c == 0 && s.afterStart) {
				continue
			}
		}
		if len(s.stop) > 0 {
			if c := compareMeta(r.row, s.stop); c > 0 || (c == 0 && !s.hasStop) {
				continue
			}
		}
		out = append(out, r)
	}
	if s.reversed {
		slices.Reverse(out)
	}
	return &metaScan{rows: out}
}

func (m *metaScan) Close() error { return nil }

func (m *metaScan) next(begin func([]byte) bool, add func(*cell) step) (bool, error) {
	if len(m.rows) == 0 {
		return true, nil
	}
	r := m.rows[0]
	m.rows = m.rows[1:]
	if !begin(r.row) {
		return false, nil
	}
	for i := 0; i < len(r.cells); {
		c := r.cells[i]
		s := add(&c)
		for i++; i < len(r.cells); i++ {
			n := &r.cells[i]
			if s == stepRow {
				continue
			}
			if s == stepCell || !bytes.Equal(n.fam, c.fam) || (s == stepColumn && !bytes.Equal(n.qual, c.qual)) {
				break
			}
		}
	}
	return false, nil
}
