package operator

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// joinSide is one input of a join: join key → distinct rows with the number of their copies and, for a side whose rows are
// given without a match too, the number of the other side's rows that each matches.
//
// The rows of a key are a list in the order of arrival. A row past its retention counts as absent.
type joinSide struct {
	*bag
	layout *layout
	keys   []int
	outer  bool
	ttl    int64
	now    int64
	cursor int32

	first, last []int32 // by group, -1: none
	next, prev  []int32 // by row
	count       []int32
	matches     []int32
	stamp       []int64

	// The batch at hand.
	enc, rest state.Keys
	null      []bool // a key column is null: the row matches nothing
}

func newJoinSide(name string, ts []types.Type, keys []int, outer bool, ttl int64, groups int) *joinSide {
	l := newLayout(ts, keys)
	return &joinSide{bag: newBag(name, l.key, groups), layout: l, keys: keys, outer: outer, ttl: ttl}
}

func (s *joinSide) encode(b *batch.Batch) {
	s.layout.encodeKeys(&s.enc, b, s.keys)
	s.layout.encodeRows(&s.rest, b)
	s.null = state.Resize(s.null, b.N)
	clear(s.null)
	for _, k := range s.keys {
		if c := b.Cols[k]; c.NullN() > 0 {
			for i := range s.null {
				s.null[i] = s.null[i] || c.IsNull(i)
			}
		}
	}
}

func (s *joinSide) setNow(t time.Time) { s.now = t.UnixMilli() }

func (s *joinSide) expired(r int32) bool { return s.ttl > 0 && s.stamp[r]+s.ttl <= s.now }

// touch says that row r was written now.
func (s *joinSide) touch(r int32) {
	s.rows.Touch(r)
	if s.ttl > 0 {
		s.stamp[r] = s.now
	}
}

func (s *joinSide) grow() {
	n := s.rows.Rows()
	s.next, s.prev, s.count = extend(s.next, n), extend(s.prev, n), extend(s.count, n)
	if s.outer {
		s.matches = extend(s.matches, n)
	}
	if s.ttl > 0 {
		s.stamp = extend(s.stamp, n)
	}
}

func (s *joinSide) begin(g int32) {
	s.first, s.last = extend(s.first, s.groups.Rows()), extend(s.last, s.groups.Rows())
	s.first[g], s.last[g] = -1, -1
}

// link puts the new row r at the end of its group's list.
func (s *joinSide) link(r int32) {
	g := s.owner[r]
	s.next[r], s.prev[r] = -1, s.last[g]
	if s.last[g] >= 0 {
		s.next[s.last[g]] = r
	} else {
		s.first[g] = r
	}
	s.last[g] = r
}

// put adds input row i, which matches n rows of the other side.
func (s *joinSide) put(i int, n int32) error {
	g, fresh, err := s.group(s.enc.At(i), s.enc.Hash[i])
	if err != nil {
		return fmt.Errorf("keep a join key: %w", err)
	}
	if fresh {
		s.begin(g)
	}
	r, fresh, err := s.add(g, s.rest.At(i))
	if err != nil {
		return fmt.Errorf("keep a joined row: %w", err)
	}
	if fresh {
		s.grow()
		s.count[r] = 0
		s.link(r)
	} else if s.expired(r) {
		s.count[r] = 0
	}
	s.count[r]++
	if s.outer {
		s.matches[r] = n
	}
	s.touch(r)
	return nil
}

// take removes one copy of input row i.
func (s *joinSide) take(i int) {
	g := s.groups.FindKey(s.enc.At(i), s.enc.Hash[i])
	if g < 0 {
		return
	}
	r := s.find(g, s.rest.At(i))
	if r < 0 {
		return
	}
	if s.count[r]--; s.count[r] <= 0 || s.expired(r) {
		s.unlink(r)
		return
	}
	s.touch(r)
}

// unlink removes row r, and its group with the last row.
func (s *joinSide) unlink(r int32) {
	g, p, n := s.owner[r], s.prev[r], s.next[r]
	if p >= 0 {
		s.next[p] = n
	} else {
		s.first[g] = n
	}
	if n >= 0 {
		s.prev[n] = p
	} else {
		s.last[g] = p
	}
	s.remove(r)
	s.drop(g)
}

// candidates appends the rows with a key.
func (s *joinSide) candidates(dst []int32, key []byte, hash uint64) []int32 {
	g := s.groups.FindKey(key, hash)
	if g < 0 {
		return dst
	}
	for r := s.first[g]; r >= 0; r = s.next[r] {
		if !s.expired(r) {
			dst = append(dst, r)
		}
	}
	return dst
}

// decode appends row r to dst, a builder for each column of the side.
func (s *joinSide) decode(r int32, dst []array.Builder) error {
	return s.layout.decode(s.groups.Key(s.owner[r]), s.row(r), dst)
}

// expire removes rows past their retention among the next n.
func (s *joinSide) expire(n int) {
	rows := s.rows.Rows()
	if s.ttl == 0 || rows == 0 {
		return
	}
	for n = min(n, rows); n > 0; n-- {
		if int(s.cursor) >= rows {
			s.cursor = 0
		}
		if s.rows.Used(s.cursor) && s.expired(s.cursor) {
			s.unlink(s.cursor)
		}
		s.cursor++
	}
}

func (s *joinSide) save(w state.Writer, full bool) error {
	return s.snapshot(w, full, func(dst []byte, r int32) []byte {
		if s.ttl > 0 {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(s.stamp[r]))
		}
		dst = binary.AppendUvarint(dst, uint64(s.count[r]))
		if s.outer {
			dst = binary.AppendUvarint(dst, uint64(s.matches[r]))
		}
		return dst
	})
}

func (s *joinSide) load(rd state.Reader) error {
	return s.restore(rd, false, func(r int32, data []byte) error {
		if g := s.owner[r]; s.size[g] == 1 {
			s.begin(g)
		}
		s.grow()
		s.link(r)
		if s.ttl > 0 {
			if len(data) < 8 {
				return fmt.Errorf("%w: a joined row has no time of last update", state.ErrCorrupt)
			}
			s.stamp[r] = int64(binary.LittleEndian.Uint64(data))
			data = data[8:]
		}
		n, data, err := uvarintOf(data)
		if err != nil {
			return err
		}
		s.count[r] = int32(n)
		if s.outer {
			if n, _, err = uvarintOf(data); err != nil {
				return err
			}
			s.matches[r] = int32(n)
		}
		return nil
	})
}

func (s *joinSide) stateBytes() int64 {
	return s.bytes() + int64(cap(s.first)+cap(s.last)+cap(s.next)+cap(s.prev)+cap(s.count)+cap(s.matches))*4 + int64(cap(s.stamp))*8
}
