package state

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
)

// Set holds distinct (owner, value) pairs, exactly: the values seen by every group of an aggregate. An element costs its
// value, five bytes of header and padding, and 9 to 18 bytes of hash slots; a million strings of 16 bytes take about 41 MB.
// Elements cannot be removed one by one, only by Sweep; a Table with a counter column does that.
//
// Iteration is in the order of insertion. A set is used by one goroutine.
type Set struct {
	slots []uint64 // 32 bits of hash, 32 bits of ref+1
	shift uint8
	live  int
	arena arena // per element: owner (4 bytes), value with its length
	saved position
	fresh []int32
}

// position is a place in the arena behind which elements are new.
type position struct{ chunk, at int }

// NewSet makes an empty set.
func NewSet() *Set {
	s := &Set{}
	s.setSlots(8)
	return s
}

func (s *Set) setSlots(n int) {
	s.slots = make([]uint64, n)
	s.shift = uint8(64 - bits.TrailingZeros(uint(n)))
}

// Len is the number of elements.
func (s *Set) Len() int { return s.live }

// Bytes is the memory that the set takes.
func (s *Set) Bytes() int64 { return int64(cap(s.slots)*8) + s.arena.used + int64(cap(s.fresh)*4) }

// Add inserts the pairs (owners[i], value i of k) and gives the indexes i of those that were new, in order. Pairs with a
// negative owner are skipped. k.Hash is overwritten. The result is valid until the next call.
func (s *Set) Add(owners []int32, k *Keys) (added []int32, err error) {
	n := len(owners)
	k.Hash = Resize(k.Hash, n)
	hashes, offs, data := k.Hash, k.Offs[:n+1], k.Data
	// Half of the slots at most are loaded by a batch's first touch; asking for them in a loop of its own lets the
	// processor wait for many of them at once.
	for s.live+n > len(s.slots)/8*7 && len(s.slots) < 1<<16 {
		s.grow()
	}
	var warm uint64
	for i, o := range owners {
		h := elementHash(uint32(o), data[offs[i]:offs[i+1]])
		hashes[i] = h
		warm |= s.slots[h>>s.shift]
	}
	_ = warm
	s.fresh = s.fresh[:0]
	for i, o := range owners {
		if o < 0 {
			continue
		}
		isNew, err := s.add(uint32(o), data[offs[i]:offs[i+1]], hashes[i])
		if err != nil {
			return nil, err
		}
		if isNew {
			s.fresh = append(s.fresh, int32(i))
		}
	}
	return s.fresh, nil
}

// AddOne inserts one pair and tells whether it was new.
func (s *Set) AddOne(owner uint32, value []byte) (bool, error) {
	return s.add(owner, value, elementHash(owner, value))
}

func (s *Set) add(owner uint32, value []byte, h uint64) (bool, error) {
	tag := h >> 32
	mask := len(s.slots) - 1
	at := int(h >> s.shift)
	for ; ; at = (at + 1) & mask {
		slot := s.slots[at]
		if slot == 0 {
			break
		}
		if slot>>32 == tag {
			e := s.arena.at(uint32(slot) - 1)
			if binary.LittleEndian.Uint32(e) == owner && sameString(e[4:], value) {
				return false, nil
			}
		}
	}
	if s.live >= len(s.slots)/8*7 {
		s.grow()
		mask = len(s.slots) - 1
		for at = int(h >> s.shift); s.slots[at] != 0; at = (at + 1) & mask {
		}
	}
	n := uvarintLen(uint32(len(value)))
	ref, dst, ok := s.arena.alloc(4 + n + len(value))
	if !ok || ref == 1<<32-1 {
		return false, ErrFull
	}
	binary.LittleEndian.PutUint32(dst, owner)
	binary.PutUvarint(dst[4:], uint64(len(value)))
	copy(dst[4+n:], value)
	s.slots[at] = tag<<32 | uint64(ref+1)
	s.live++
	return true, nil
}

// sameString compares an arena string with value.
func sameString(e, value []byte) bool {
	if l := int(e[0]); l < 0x80 {
		return l == len(value) && string(e[1:1+l]) == string(value)
	}
	l, n := binary.Uvarint(e)
	return int(l) == len(value) && bytes.Equal(e[n:n+int(l)], value)
}

func (s *Set) grow() {
	old := s.slots
	s.setSlots(2 * len(old))
	mask, shift := len(s.slots)-1, s.shift-32
	for _, slot := range old {
		if slot == 0 {
			continue
		}
		at := int(slot >> 32 >> shift)
		for s.slots[at] != 0 {
			at = (at + 1) & mask
		}
		s.slots[at] = slot
	}
}

// elementHash mixes the owner in so that the same value of many owners does not collide.
func elementHash(owner uint32, value []byte) uint64 {
	h := kernel.HashBytes(value) ^ uint64(owner)*0x9e3779b97f4a7c15
	hi, lo := bits.Mul64(h|1, 0xd6e8feb86659fd93)
	return hi ^ lo ^ h
}

// Saved calls fn for the elements that New has given or MarkSaved has marked.
func (s *Set) Saved(fn func(owner uint32, value []byte) error) error {
	n := min(s.saved.chunk+1, len(s.arena.chunks))
	if n == 0 {
		return nil
	}
	old := Set{arena: arena{chunks: append([][]byte(nil), s.arena.chunks[:n]...)}}
	if s.saved.chunk < n {
		old.arena.chunks[n-1] = old.arena.chunks[n-1][:s.saved.at]
	}
	return old.each(position{}, fn)
}

// New calls fn for the elements added since the last call of New (all elements if full).
func (s *Set) New(full bool, fn func(owner uint32, value []byte) error) error {
	from := s.saved
	if full {
		from = position{}
	}
	if err := s.each(from, fn); err != nil {
		return err
	}
	s.MarkSaved()
	return nil
}

// Each calls fn for all elements.
func (s *Set) Each(fn func(owner uint32, value []byte) error) error { return s.each(position{}, fn) }

// MarkSaved makes all elements old for New.
func (s *Set) MarkSaved() {
	if last := len(s.arena.chunks) - 1; last >= 0 {
		s.saved = position{last, len(s.arena.chunks[last])}
	}
}

func (s *Set) each(from position, fn func(owner uint32, value []byte) error) error {
	for c := from.chunk; c < len(s.arena.chunks); c++ {
		chunk := s.arena.chunks[c]
		for at := from.at; ; {
			at = (at + 3) &^ 3
			if at >= len(chunk) {
				break
			}
			owner := binary.LittleEndian.Uint32(chunk[at:])
			l, n := binary.Uvarint(chunk[at+4:])
			at += 4 + n
			if err := fn(owner, chunk[at:at+int(l)]); err != nil {
				return err
			}
			at += int(l)
		}
		from.at = 0
	}
	return nil
}

// Sweep removes all elements whose owner is dead, calling fn for each. It copies the set: call it when a good part is dead. Elements that
// New has not given yet are kept as new.
func (s *Set) Sweep(dead func(owner uint32) bool, fn func(owner uint32, value []byte)) error {
	to := NewSet()
	old := s.saved
	move := func(owner uint32, value []byte) error {
		if dead(owner) {
			fn(owner, value)
			return nil
		}
		_, err := to.AddOne(owner, value)
		return err
	}
	// The saved part first, to know where it ends in the copy.
	if err := s.Saved(move); err != nil {
		return err
	}
	to.MarkSaved()
	if err := s.each(old, move); err != nil {
		return err
	}
	*s = *to
	return nil
}
