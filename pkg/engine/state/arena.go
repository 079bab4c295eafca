package state

import "encoding/binary"

// arena keeps byte strings in chunks. A string's ref stays valid while the arena grows; memory comes back by copying the
// live strings into a new arena. Refs count in units of 4 bytes, so 32 bits reach 16 GiB.
type arena struct {
	chunks [][]byte
	used   int64
}

const (
	chunkBits = 18
	chunkSize = 1 << chunkBits
	maxChunks = 1 << (32 - (chunkBits - 2))
)

// alloc gives room for n bytes. ok is false when the arena is full.
func (a *arena) alloc(n int) (ref uint32, dst []byte, ok bool) {
	last := len(a.chunks) - 1
	if last >= 0 {
		c := a.chunks[last]
		at := (len(c) + 3) &^ 3
		if at+n <= chunkSize {
			if at+n > cap(c) {
				// Only a chunk that is still small gets here: small tables stay small.
				grown := make([]byte, len(c), min(max(2*cap(c), at+n), chunkSize))
				copy(grown, c)
				a.used += int64(cap(grown) - cap(c))
				c = grown
			}
			c = c[:at+n]
			a.chunks[last] = c
			return uint32(last)<<(chunkBits-2) | uint32(at>>2), c[at:], true
		}
	}
	if last+1 >= maxChunks {
		return 0, nil, false
	}
	size := chunkSize
	if last < 0 {
		size = max(512, n)
	}
	// A string longer than a chunk gets one of its own.
	c := make([]byte, n, max(size, n))
	a.used += int64(cap(c))
	a.chunks = append(a.chunks, c)
	return uint32(last+1) << (chunkBits - 2), c, true
}

// at gives the arena's bytes from ref to the end of its chunk.
func (a *arena) at(ref uint32) []byte {
	return a.chunks[ref>>(chunkBits-2)][ref<<2&(chunkSize-1):]
}

// putString stores s with its length.
func (a *arena) putString(s []byte) (uint32, bool) {
	n := uvarintLen(uint32(len(s)))
	ref, dst, ok := a.alloc(n + len(s))
	if !ok {
		return 0, false
	}
	binary.PutUvarint(dst, uint64(len(s)))
	copy(dst[n:], s)
	return ref, true
}

// getString gives what putString stored.
func (a *arena) getString(ref uint32) []byte {
	b := a.at(ref)
	if l := int(b[0]); l < 0x80 {
		return b[1 : 1+l : 1+l]
	}
	l, n := binary.Uvarint(b)
	return b[n : n+int(l) : n+int(l)]
}
