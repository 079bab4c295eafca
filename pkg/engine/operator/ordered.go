package operator

import (
	"slices"
	"sort"
)

// elem is a row in an ordered list: pre is the order's first 8 bytes or a time, seq the number of arrival.
type elem struct {
	pre, seq uint64
	row      int32
}

// ordered is a sorted list of rows in chunks: an insert moves one chunk at most, however long the list is.
type ordered struct {
	chunks [][]elem
	n      int
}

const orderedChunk = 512

// seek gives the place of the first element that is not before what the caller looks for.
func (o *ordered) seek(before func(e elem) bool) (chunk, at int) {
	chunk = 0
	if len(o.chunks) > 1 {
		chunk = sort.Search(len(o.chunks), func(i int) bool { return !before(o.chunks[i][len(o.chunks[i])-1]) })
	}
	if chunk == len(o.chunks) {
		return chunk, 0
	}
	c := o.chunks[chunk]
	return chunk, sort.Search(len(c), func(i int) bool { return !before(c[i]) })
}

func (o *ordered) insert(e elem, less func(a, b elem) bool) {
	c, i := o.seek(func(x elem) bool { return less(x, e) })
	if c == len(o.chunks) {
		if c == 0 {
			o.chunks = append(o.chunks, nil)
		} else {
			c--
			i = len(o.chunks[c])
		}
	}
	ch := slices.Insert(o.chunks[c], i, e)
	if len(ch) > orderedChunk {
		cut := len(ch) / 2
		if i == len(ch)-1 {
			cut = i // rows that arrive in order fill the chunks
		}
		tail := append(make([]elem, 0, orderedChunk/2), ch[cut:]...)
		o.chunks = slices.Insert(o.chunks, c+1, tail)
		ch = ch[:cut]
	}
	o.chunks[c] = ch
	o.n++
}

// remove takes e out; e must be in the list.
func (o *ordered) remove(e elem, less func(a, b elem) bool) {
	c, i := o.seek(func(x elem) bool { return less(x, e) })
	o.removeAt(c, i)
}

func (o *ordered) removeAt(c, i int) {
	if len(o.chunks[c]) == 1 {
		o.chunks = slices.Delete(o.chunks, c, c+1)
	} else {
		o.chunks[c] = slices.Delete(o.chunks[c], i, i+1)
	}
	o.n--
}

func (o *ordered) last() elem {
	c := o.chunks[len(o.chunks)-1]
	return c[len(c)-1]
}

// rows appends the rows at positions from ≤ i < to.
func (o *ordered) rows(dst []int32, from, to int) []int32 {
	to = min(to, o.n)
	for _, c := range o.chunks {
		if from >= to {
			break
		}
		if from < len(c) {
			for _, e := range c[from:min(to, len(c))] {
				dst = append(dst, e.row)
			}
		}
		from, to = max(0, from-len(c)), to-len(c)
	}
	return dst
}
