package operator

import (
	"container/heap"
	"math"
)

// expiry remembers rows by the event time at which they go, in buckets, so that finding those that are due costs what they
// are and not what is kept.
type expiry struct {
	width   int64
	buckets map[int64][]int32
	order   int64Heap
}

func newExpiry(width int64) *expiry {
	return &expiry{width: max(1, width), buckets: map[int64][]int32{}}
}

func (x *expiry) add(at int64, row int32) {
	b := at / x.width
	if at%x.width < 0 {
		b--
	}
	rows, ok := x.buckets[b]
	if !ok {
		heap.Push(&x.order, b)
	}
	x.buckets[b] = append(rows, row)
}

// due calls fn for all rows whose time, given by at, is not after mark, and forgets them.
func (x *expiry) due(mark int64, at func(row int32) int64, fn func(row int32) error) error {
	for len(x.order) > 0 {
		b := x.order[0]
		// Division keeps clear of the ends of time.
		if m := mark / x.width; b > m || b == m && mark%x.width < 0 {
			return nil
		}
		rows := x.buckets[b]
		left := rows[:0]
		for _, r := range rows {
			if at(r) > mark {
				left = append(left, r)
				continue
			}
			if err := fn(r); err != nil {
				return err
			}
		}
		if len(left) > 0 {
			x.buckets[b] = left
			return nil
		}
		delete(x.buckets, b)
		heap.Pop(&x.order)
	}
	return nil
}

func (x *expiry) bytes() int64 {
	n := int64(cap(x.order)) * 8
	for _, b := range x.buckets {
		n += int64(cap(b))*4 + 48
	}
	return n
}

type int64Heap []int64

func (h int64Heap) Len() int           { return len(h) }
func (h int64Heap) Less(i, j int) bool { return h[i] < h[j] }
func (h int64Heap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *int64Heap) Push(x any)        { *h = append(*h, x.(int64)) }
func (h *int64Heap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// plusTime is a + b that stays at the ends of time instead of wrapping round.
func plusTime(a, b int64) int64 {
	switch s := a + b; {
	case b > 0 && s < a:
		return math.MaxInt64
	case b < 0 && s > a:
		return math.MinInt64
	default:
		return s
	}
}
