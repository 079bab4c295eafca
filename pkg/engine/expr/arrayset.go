package expr

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// arraySetFunctions combine arrays, as lists and as sets, and put them in order. In sets nulls are equal to each other.
func arraySetFunctions() map[string]builder {
	return map[string]builder{
		"ARRAY_CONCAT": arrayConcat, "ARRAY_UNION": arraySet(unionOf), "ARRAY_EXCEPT": arraySet(exceptOf), "ARRAY_INTERSECT": arraySet(intersectOf),
		"ARRAY_DISTINCT": arrayDistinct, "ARRAY_REMOVE": arrayRemove, "ARRAY_SORT": arraySort, "ARRAY_MAX": arrayExtreme(true), "ARRAY_MIN": arrayExtreme(false),
	}
}

// picked collects the elements of result lists from several arrays: which array each is of, and where in it.
type picked struct {
	off   []int32
	which []uint8
	at    []int32
}

func newPicked(n int) *picked { return &picked{off: make([]int32, n+1)} }

func (p *picked) add(src uint8, j int) { p.which, p.at = append(p.which, src), append(p.at, int32(j)) }

// done ends row i.
func (p *picked) done(i int) { p.off[i+1] = int32(len(p.at)) }

func (p *picked) list(t arrow.DataType, srcs []arrow.Array, valid []byte) arrow.Array {
	elem := t.(*arrow.ListType).Elem()
	return kernel.FromList(t, len(p.off)-1, p.off, kernel.Interleave(elem, srcs, p.which, p.at), valid)
}

// arrayConcat is ARRAY_CONCAT(array, …): null when any is.
func arrayConcat(b *binding) (impl, error) {
	if err := b.arity(1, 255); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		ls, srcs := make([]lists, len(a)), make([]arrow.Array, len(a))
		for k, v := range a {
			if v.Null() {
				return kernel.Nulls(t, n), nil
			}
			ls[k] = listsOf(v)
			srcs[k] = ls[k].elems
		}
		p, valid := newPicked(n), kernel.Valid(n, a...)
		for i := 0; i < n; i++ {
			for k := 0; k < len(ls) && kernel.IsValid(valid, i); k++ {
				from, to := ls[k].off(i)
				for j := from; j < to; j++ {
					p.add(uint8(k), j)
				}
			}
			p.done(i)
		}
		return p.list(t, srcs, valid), nil
	}, nil
}

// elemSet is a set of elements of up to two arrays of one type, in an open-addressing table that rows take in turn.
type elemSet struct {
	elems [2]arrow.Array
	hash  [2][]uint64
	slots []elemSlot
	round int32
}

type elemSlot struct {
	at    int32
	round int32 // of the row that put it; others see an empty slot
	src   uint8
}

func newElemSet(elems ...arrow.Array) *elemSet {
	m := &elemSet{}
	for k, a := range elems {
		m.elems[k], m.hash[k] = a, make([]uint64, a.Len())
		kernel.Hash([]arrow.Array{a}, a.Len(), m.hash[k])
	}
	return m
}

// reset empties the set and makes room for n elements.
func (m *elemSet) reset(n int) {
	m.round++
	size := 8
	for size < 2*n {
		size *= 2
	}
	if size > len(m.slots) {
		m.slots, m.round = make([]elemSlot, size), 1
	}
}

// find gives the slot of the element at of array src, and whether it holds an equal one.
func (m *elemSet) find(src uint8, at int) (*elemSlot, bool) {
	h := m.hash[src][at]
	mask := len(m.slots) - 1
	for k := int(h) & mask; ; k = (k + 1) & mask {
		s := &m.slots[k]
		if s.round != m.round {
			return s, false
		}
		if m.hash[s.src][s.at] == h && sameElement(m.elems[s.src], int(s.at), m.elems[src], at) {
			return s, true
		}
	}
}

// add is false when the set has an equal element.
func (m *elemSet) add(src uint8, at int) bool {
	s, found := m.find(src, at)
	if !found {
		*s = elemSlot{src: src, at: int32(at), round: m.round}
	}
	return !found
}

// sameElement compares two elements; nulls are equal.
func sameElement(a arrow.Array, i int, b arrow.Array, j int) bool {
	if a.IsNull(i) || b.IsNull(j) {
		return a.IsNull(i) && b.IsNull(j)
	}
	switch a := a.(type) {
	case *array.String:
		return a.Value(i) == b.(*array.String).Value(j)
	case *array.Int32:
		return a.Value(i) == b.(*array.Int32).Value(j)
	case *array.Int64:
		return a.Value(i) == b.(*array.Int64).Value(j)
	}
	return array.SliceEqual(a, int64(i), int64(i+1), b, int64(j), int64(j+1))
}

// setOf writes the elements of one row's result: those of x are from 0 of xs on, those of y from 1 of ys on.
type setOf func(m *elemSet, xs, xe, ys, ye int, add func(src uint8, j int))

func unionOf(m *elemSet, xs, xe, ys, ye int, add func(src uint8, j int)) {
	for j := xs; j < xe; j++ {
		if m.add(0, j) {
			add(0, j)
		}
	}
	for j := ys; j < ye; j++ {
		if m.add(1, j) {
			add(1, j)
		}
	}
}

func exceptOf(m *elemSet, xs, xe, ys, ye int, add func(src uint8, j int)) {
	for j := ys; j < ye; j++ {
		m.add(1, j)
	}
	for j := xs; j < xe; j++ {
		if m.add(0, j) {
			add(0, j)
		}
	}
}

func intersectOf(m *elemSet, xs, xe, ys, ye int, add func(src uint8, j int)) {
	for j := ys; j < ye; j++ {
		m.add(1, j)
	}
	for j := xs; j < xe; j++ {
		if s, found := m.find(0, j); found && s.src == 1 {
			s.src, s.at = 0, int32(j) // the next equal one is a repetition
			add(0, j)
		}
	}
}

func arraySet(f setOf) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(2, 2); err != nil {
			return nil, err
		}
		t := b.out()
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			if a[0].Null() || a[1].Null() {
				return kernel.Nulls(t, n), nil
			}
			x, y := listsOf(a[0]), listsOf(a[1])
			m, p, valid := newElemSet(x.elems, y.elems), newPicked(n), kernel.Valid(n, a...)
			for i := 0; i < n; i++ {
				if kernel.IsValid(valid, i) {
					xs, xe := x.off(i)
					ys, ye := y.off(i)
					m.reset(xe - xs + ye - ys)
					f(m, xs, xe, ys, ye, p.add)
				}
				p.done(i)
			}
			return p.list(t, []arrow.Array{x.elems, y.elems}, valid), nil
		}, nil
	}
}

// arrayDistinct keeps the first of equal elements.
func arrayDistinct(b *binding) (impl, error) {
	if err := b.arity(1, 1); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		if a[0].Null() {
			return kernel.Nulls(t, n), nil
		}
		l := listsOf(a[0])
		m := newElemSet(l.elems)
		return rebuild(t, n, kernel.Valid(n, a[0]), l.off, l.elems, func(from, to int, add func(int)) {
			m.reset(to - from)
			for j := from; j < to; j++ {
				if m.add(0, j) {
					add(j)
				}
			}
		}), nil
	}, nil
}

// arrayRemove is ARRAY_REMOVE(array, element): a null element takes the nulls out.
func arrayRemove(b *binding) (impl, error) {
	if err := b.arity(2, 2); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		if a[0].Null() {
			return kernel.Nulls(t, n), nil
		}
		l, x := listsOf(a[0]), expand(a[1], n, t.(*arrow.ListType).Elem())
		row := 0
		off := func(i int) (int, int) { row = i; return l.off(i) }
		return rebuild(t, n, kernel.Valid(n, a[0]), off, l.elems, func(from, to int, add func(int)) {
			for j := from; j < to; j++ {
				if !sameElement(l.elems, j, x, row) {
					add(j)
				}
			}
		}), nil
	}, nil
}

// order compares elements of a that are not null; nil for a type that has no order.
func order(a arrow.Array) func(i, j int) int {
	switch a := a.(type) {
	case *array.String:
		return func(i, j int) int { return strings.Compare(a.Value(i), a.Value(j)) }
	case *array.Binary:
		return func(i, j int) int { return bytes.Compare(a.Value(i), a.Value(j)) }
	case *array.Boolean:
		return func(i, j int) int { return int(b2i(a.Value(i)) - b2i(a.Value(j))) }
	case *array.Decimal128:
		return func(i, j int) int { return a.Value(i).Cmp(a.Value(j)) }
	case *array.Float32, *array.Float64:
		x := floats(kernel.Vec{A: a}, a.Len())
		return func(i, j int) int { return cmp.Compare(x.At(i), x.At(j)) }
	case *array.Null:
		return func(i, j int) int { return 0 }
	}
	x := ints(kernel.Vec{A: a}, a.Len())
	return func(i, j int) int { return cmp.Compare(x.At(i), x.At(j)) }
}

// ordered refuses arrays whose elements have no order.
func (b *binding) ordered() error {
	t := b.typ(0)
	if t.Kind == types.Array && t.Elem.Kind >= types.Array {
		return fault.Newf(fault.Config, "%s cannot order elements of type %s", b.call.Func, t.Elem)
	}
	return nil
}

// arraySort is ARRAY_SORT(array[, ascending[, nulls first]]): ascending by default, nulls first when ascending and last when not.
func arraySort(b *binding) (impl, error) {
	if err := b.arity(1, 3); err != nil {
		return nil, err
	}
	if err := b.ordered(); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		for _, v := range a {
			if v.Null() {
				return kernel.Nulls(t, n), nil
			}
		}
		l := listsOf(a[0])
		flag := func(k int) kernel.Bools { return kernel.BoolsOf(a[min(k, len(a)-1)]) }
		var asc, first kernel.Bools
		if len(a) > 1 {
			asc, first = flag(1), flag(2)
		}
		compare := order(l.elems)
		row := 0
		off := func(i int) (int, int) { row = i; return l.off(i) }
		var idx []int
		return rebuild(t, n, kernel.Valid(n, a...), off, l.elems, func(from, to int, add func(int)) {
			idx = idx[:0]
			for j := from; j < to; j++ {
				idx = append(idx, j)
			}
			sign, nulls := 1, -1
			if len(a) > 1 && !asc.At(row) {
				sign = -1
			}
			if len(a) > 1 && !first.At(row) {
				nulls = 1
			}
			slices.SortStableFunc(idx, func(i, j int) int {
				switch x, y := l.elems.IsNull(i), l.elems.IsNull(j); {
				case x && y:
					return 0
				case x:
					return nulls
				case y:
					return -nulls
				}
				return sign * compare(i, j)
			})
			for _, j := range idx {
				add(j)
			}
		}), nil
	}, nil
}

// arrayExtreme is ARRAY_MAX and ARRAY_MIN; nulls are left out.
func arrayExtreme(largest bool) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(1, 1); err != nil {
			return nil, err
		}
		if err := b.ordered(); err != nil {
			return nil, err
		}
		t := b.out()
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			if a[0].Null() {
				return kernel.Nulls(t, n), nil
			}
			l, valid := listsOf(a[0]), kernel.Valid(n, a[0])
			compare := order(l.elems)
			at := make([]int32, n)
			for i := range at {
				at[i] = -1
				if !kernel.IsValid(valid, i) {
					continue
				}
				from, to := l.off(i)
				for j := from; j < to; j++ {
					if l.elems.IsValid(j) && (at[i] < 0 || largest == (compare(j, int(at[i])) > 0) && compare(j, int(at[i])) != 0) {
						at[i] = int32(j)
					}
				}
			}
			return kernel.Take(l.elems, at), nil
		}, nil
	}
}
