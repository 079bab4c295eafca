package expr

import (
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
)

// arrayFunctions make arrays out of arrays, and maps out of text.
func arrayFunctions() map[string]builder {
	return map[string]builder{
		"ARRAY_DISTINCT": arrayDistinct, "ARRAY_SLICE": arraySlice, "ARRAY_APPEND": arrayGrow(false), "ARRAY_PREPEND": arrayGrow(true),
		"ARRAY_MAX": arrayExtreme(kernel.GT), "ARRAY_MIN": arrayExtreme(kernel.LT), "STR_TO_MAP": strToMap,
	}
}

// sameElement compares two elements of one array; nulls are equal.
func sameElement(a arrow.Array, i, j int) bool {
	if a.IsNull(i) || a.IsNull(j) {
		return a.IsNull(i) && a.IsNull(j)
	}
	return array.SliceEqual(a, int64(i), int64(i+1), a, int64(j), int64(j+1))
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
		return rebuild(t, n, kernel.Valid(n, a[0]), l.off, l.elems, func(from, to int, add func(int)) {
		next:
			for j := from; j < to; j++ {
				for k := from; k < j; k++ {
					if sameElement(l.elems, k, j) {
						continue next
					}
				}
				add(j)
			}
		}), nil
	}, nil
}

// arraySlice is ARRAY_SLICE(array, from[, to]): positions from 1, both included, negative from the end.
func arraySlice(b *binding) (impl, error) {
	if err := b.arity(2, 3); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		if a[0].Null() {
			return kernel.Nulls(t, n), nil
		}
		l, lo := listsOf(a[0]), ints(a[1], n)
		hi := kernel.Nums[int64]{V: []int64{-1}}
		if len(a) > 2 {
			hi = ints(a[2], n)
		}
		row := 0
		off := func(i int) (int, int) { row = i; return l.off(i) }
		return rebuild(t, n, kernel.Valid(n, a...), off, l.elems, func(from, to int, add func(int)) {
			at := func(v int64) int {
				if p := clampInt(v); p >= 0 {
					return p
				}
				return to - from + 1 + clampInt(v)
			}
			first, last := max(at(lo.At(row)), 1), min(at(hi.At(row)), to-from)
			for k := first; k <= last; k++ {
				add(from + k - 1)
			}
		}), nil
	}, nil
}

// arrayGrow is ARRAY_APPEND and ARRAY_PREPEND(array, element).
func arrayGrow(front bool) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(2, 2); err != nil {
			return nil, err
		}
		t := b.out()
		elem := t.(*arrow.ListType).Elem()
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			if a[0].Null() {
				return kernel.Nulls(t, n), nil
			}
			l, valid := listsOf(a[0]), kernel.Valid(n, a[0])
			off := make([]int32, n+1)
			var which []uint8
			var at []int32
			add := func(src uint8, j int) { which, at = append(which, src), append(at, int32(j)) }
			for i := 0; i < n; i++ {
				if kernel.IsValid(valid, i) {
					x := i
					if a[1].Const {
						x = 0
					}
					if front {
						add(1, x)
					}
					from, to := l.off(i)
					for j := from; j < to; j++ {
						add(0, j)
					}
					if !front {
						add(1, x)
					}
				}
				off[i+1] = int32(len(at))
			}
			return kernel.FromList(t, n, off, kernel.Interleave(elem, []arrow.Array{l.elems, a[1].A}, which, at), valid), nil
		}, nil
	}
}

// arrayExtreme is ARRAY_MAX and ARRAY_MIN; nulls are left out.
func arrayExtreme(op kernel.Op) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(1, 1); err != nil {
			return nil, err
		}
		t := b.out()
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			if a[0].Null() {
				return kernel.Nulls(t, n), nil
			}
			l, valid := listsOf(a[0]), kernel.Valid(n, a[0])
			at := make([]int32, n)
			for i := range at {
				at[i] = -1
				if !kernel.IsValid(valid, i) {
					continue
				}
				from, to := l.off(i)
				for j := from; j < to; j++ {
					if l.elems.IsValid(j) && (at[i] < 0 || kernel.Compare(op, elementAt(l.elems, j), elementAt(l.elems, int(at[i])), 1)[0]&1 != 0) {
						at[i] = int32(j)
					}
				}
			}
			return kernel.Take(l.elems, at), nil
		}, nil
	}
}

// strToMap is STR_TO_MAP(text[, between pairs, between key and value]), by default ',' and '='. The separators are plain text.
func strToMap(b *binding) (impl, error) {
	if err := b.arity(1, 3); err != nil {
		return nil, err
	}
	t := b.out().(*arrow.MapType)
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		s, valid := strs(a[0]), kernel.Valid(n, a...)
		sep := func(k int, def string) func(int) string {
			if len(a) <= k {
				return func(int) string { return def }
			}
			c := strs(a[k])
			return c.At
		}
		pair, kv := sep(1, ","), sep(2, "=")
		off := make([]int32, n+1)
		keys, vals := array.NewStringBuilder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator)
		for i := 0; i < n; i++ {
			if kernel.IsValid(valid, i) && s.At(i) != "" {
				for rest, more := s.At(i), true; more; {
					var p string
					p, rest, more = strings.Cut(rest, pair(i))
					k, v, ok := strings.Cut(p, kv(i))
					keys.Append(k)
					if ok {
						vals.Append(v)
					} else {
						vals.AppendNull()
					}
				}
			}
			off[i+1] = int32(keys.Len())
		}
		m := keys.Len()
		entries := kernel.FromStruct(t.Elem(), m, []arrow.Array{keys.NewArray(), vals.NewArray()}, nil)
		return kernel.FromList(t, n, off, entries, valid), nil
	}, nil
}
