package expr

import (
	"math"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
)

// arrayFunctions make an array longer or shorter.
func arrayFunctions() map[string]builder {
	return map[string]builder{"ARRAY_SLICE": arraySlice, "ARRAY_APPEND": arrayGrow(false), "ARRAY_PREPEND": arrayGrow(true), "$TIMES": times}
}

// times is $TIMES(n): an array of n zeros, which UNNEST makes n rows of; fewer than one give an empty array.
func times(b *binding) (impl, error) {
	if err := b.arity(1, 1); err != nil {
		return nil, err
	}
	t := b.out()
	elem := t.(*arrow.ListType).Elem()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		x, valid := ints(a[0], n), kernel.Valid(n, a[0])
		off := make([]int32, n+1)
		total := int64(0)
		for i := range n {
			if kernel.IsValid(valid, i) {
				total += max(0, x.At(i))
			}
			if total > math.MaxInt32 {
				return nil, fault.Newf(fault.Permanent, "equal rows: more than %d in one batch", math.MaxInt32)
			}
			off[i+1] = int32(total)
		}
		return kernel.FromList(t, n, off, intColumn(elem, int(total), nil, func(int) (int64, bool) { return 0, true }), valid), nil
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
			if at(hi.At(row)) == 0 && to > from {
				last = 1 // as Flink has it
			}
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
