package operator

import "encoding/binary"

// blobs keeps byte strings whose owners hold references; 0 refers to none. Strings are never moved but by compact.
type blobs struct {
	chunks     [][]byte
	live, used int64
}

const blobChunk = 1 << 18

// put keeps a copy of s. The reference is never 0.
func (b *blobs) put(s []byte) uint64 {
	need := binary.MaxVarintLen32 + len(s)
	last := len(b.chunks) - 1
	if last < 0 || len(b.chunks[last])+need > cap(b.chunks[last]) {
		size := blobChunk
		if last < 0 {
			size = 1 << 10 // small states stay small
		}
		b.chunks = append(b.chunks, make([]byte, 0, max(size, need)))
		last++
		b.used += int64(cap(b.chunks[last]))
	}
	c := b.chunks[last]
	at := len(c)
	c = append(binary.AppendUvarint(c, uint64(len(s))), s...)
	b.chunks[last] = c
	b.live += int64(len(c) - at)
	return uint64(last)<<32 | uint64(at) + 1
}

// get gives a kept string; it is valid until compact.
func (b *blobs) get(ref uint64) []byte {
	s := b.chunks[ref>>32][uint32(ref)-1:]
	l, n := binary.Uvarint(s)
	return s[n : n+int(l) : n+int(l)]
}

// free says that a reference is no longer held.
func (b *blobs) free(ref uint64) {
	if ref == 0 {
		return
	}
	s := b.chunks[ref>>32][uint32(ref)-1:]
	l, n := binary.Uvarint(s)
	b.live -= int64(n) + int64(l)
}

// compact copies the live strings when most of the memory is dead; refs are all references held, and are changed in place.
func (b *blobs) compact(refs []uint64) {
	if b.used < 2*blobChunk || b.live > b.used/2 {
		return
	}
	var to blobs
	for i, r := range refs {
		if r != 0 {
			refs[i] = to.put(b.get(r))
		}
	}
	*b = to
}
