package operator

import (
	"bytes"
	"container/heap"
	"math"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"

	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// values is what accumulators that keep single values need to know of a class.
type values[T any] struct {
	column func(in *input, c int) []T
	less   func(a, b T) bool
	// copy gives v in memory of its own, reusing that of old.
	copy func(old, v T) T
	out  func(dst array.Builder, v T)
	put  func(dst []byte, v T) []byte
	get  func(data []byte) (T, []byte, error)
}

func same[T any](_, v T) T { return v }

var intValues = values[int64]{
	column: (*input).ints,
	less:   func(a, b int64) bool { return a < b },
	copy:   same[int64],
	out:    appendInt,
	put:    func(dst []byte, v int64) []byte { return putUint64(dst, uint64(v)) },
	get: func(data []byte) (int64, []byte, error) {
		v, rest, err := getUint64(data)
		return int64(v), rest, err
	},
}

var floatValues = values[float64]{
	column: func(in *input, c int) []float64 { return in.doubles(c, types.Of(types.Double)) },
	less:   func(a, b float64) bool { return a < b || math.IsNaN(b) && !math.IsNaN(a) }, // NaN is above all, as in Java
	copy:   same[float64],
	out:    appendFloat,
	put:    putFloat,
	get:    getFloat,
}

var decimalValues = values[decimal128.Num]{
	column: (*input).decimals,
	less:   decimal128.Num.Less,
	copy:   same[decimal128.Num],
	out:    func(dst array.Builder, v decimal128.Num) { dst.(*array.Decimal128Builder).Append(v) },
	put: func(dst []byte, v decimal128.Num) []byte {
		return putUint64(putUint64(dst, v.LowBits()), uint64(v.HighBits()))
	},
	get: func(data []byte) (decimal128.Num, []byte, error) {
		lo, data, err := getUint64(data)
		if err != nil {
			return decimal128.Num{}, nil, err
		}
		hi, data, err := getUint64(data)
		return decimal128.New(int64(hi), lo), data, err
	},
}

var bytesValues = values[[]byte]{
	column: (*input).byteStrings,
	less:   func(a, b []byte) bool { return bytes.Compare(a, b) < 0 },
	copy:   func(old, v []byte) []byte { return append(old[:0], v...) },
	out:    appendBytes,
	put:    putString,
	get:    getString,
}

// otherValues are values of nested types in their codec's form.
func otherValues(t types.Type) values[[]byte] {
	v := bytesValues
	v.less = nil
	v.out = func(dst array.Builder, b []byte) {
		// The bytes came from the codec, or were checked when they were loaded.
		c := state.NewCodec(codecTypes(t))
		if _, err := c.DecodeRow(b, []array.Builder{dst}); err != nil {
			dst.AppendNull()
		}
	}
	return v
}

func newExtreme(c plan.AggCall, arg int, t types.Type, retract bool) (accumulator, error) {
	isMax := c.Func == "MAX"
	switch classOf(t) {
	case classInt:
		return makeExtreme(intValues, arg, isMax, retract), nil
	case classFloat:
		return makeExtreme(floatValues, arg, isMax, retract), nil
	case classDecimal:
		return makeExtreme(decimalValues, arg, isMax, retract), nil
	case classBytes:
		return makeExtreme(bytesValues, arg, isMax, retract), nil
	}
	return nil, fault.Newf(fault.Config, "no %s of %s", c.Func, t)
}

func makeExtreme[T any](v values[T], arg int, isMax, retract bool) accumulator {
	if isMax {
		less := v.less
		v.less = func(a, b T) bool { return less(b, a) }
	}
	if retract {
		return &multiExtreme[T]{arg: arg, values: v}
	}
	return &extreme[T]{slot: slot[T]{arg: arg, values: v}}
}

// slot holds one optional value a group.
type slot[T any] struct {
	arg    int
	values values[T]
	has    []bool
	val    []T
}

func (a *slot[T]) grow(n int)      { a.has, a.val = extend(a.has, n), extend(a.val, n) }
func (a *slot[T]) reset(row int32) { a.has[row] = false }
func (a *slot[T]) bytes() int64    { return int64(cap(a.has)) + int64(cap(a.val))*24 }

func (a *slot[T]) set(row int32, v T) {
	a.has[row], a.val[row] = true, a.values.copy(a.val[row], v)
}

func (a *slot[T]) result(dst array.Builder, row int32) {
	if !a.has[row] {
		dst.AppendNull()
		return
	}
	a.values.out(dst, a.val[row])
}

func (a *slot[T]) save(dst []byte, row int32) []byte {
	if !a.has[row] {
		return append(dst, 0)
	}
	return a.values.put(append(dst, 1), a.val[row])
}

func (a *slot[T]) load(row int32, data []byte) ([]byte, error) {
	if len(data) == 0 {
		return nil, errShort
	}
	if data[0] == 0 {
		a.has[row] = false
		return data[1:], nil
	}
	v, rest, err := a.values.get(data[1:])
	if err == nil {
		a.set(row, v)
	}
	return rest, err
}

// extreme is MIN or MAX over rows that are never taken back.
type extreme[T any] struct{ slot[T] }

func (a *extreme[T]) add(in *input, sel []int32) {
	col, v := in.cols[a.arg], a.values.column(in, a.arg)
	nulls := col.NullN() > 0
	for _, i := range sel {
		if nulls && col.IsNull(int(i)) {
			continue
		}
		if r := in.rows[i]; !a.has[r] || a.values.less(v[i], a.val[r]) {
			a.set(r, v[i])
		}
	}
}

func (a *extreme[T]) merge(row int32, from accumulator, fromRow int32) {
	b := from.(*extreme[T])
	if b.has[fromRow] && (!a.has[row] || a.values.less(b.val[fromRow], a.val[row])) {
		a.set(row, b.val[fromRow])
	}
}

// multiExtreme is MIN or MAX over rows that may be taken back: a counted set of the values and, for each group, a heap of its
// elements. An element whose count has come to zero stays in the heap until it would be the result.
type multiExtreme[T any] struct {
	arg    int
	values values[T]
	elems  *elements
	heaps  []elementHeap[T]
	buf    []byte
	err    error
}

type elementHeap[T any] struct {
	rows []int32
	a    *multiExtreme[T]
	zero int
}

func (h *elementHeap[T]) Len() int { return len(h.rows) }
func (h *elementHeap[T]) Less(i, j int) bool {
	return h.a.values.less(h.a.at(h.rows[i]), h.a.at(h.rows[j]))
}
func (h *elementHeap[T]) Swap(i, j int) { h.rows[i], h.rows[j] = h.rows[j], h.rows[i] }
func (h *elementHeap[T]) Push(x any)    { h.rows = append(h.rows, x.(int32)) }
func (h *elementHeap[T]) Pop() any {
	x := h.rows[len(h.rows)-1]
	h.rows = h.rows[:len(h.rows)-1]
	return x
}

func (a *multiExtreme[T]) at(row int32) T {
	v, _, _ := a.values.get(a.elems.value(row)) // written by put
	return v
}

func (a *multiExtreme[T]) grow(n int) { a.heaps = extend(a.heaps, n) }
func (a *multiExtreme[T]) reset(row int32) {
	a.heaps[row] = elementHeap[T]{rows: a.heaps[row].rows[:0], a: a}
}

// end drops what a group leaves.
func (a *multiExtreme[T]) end(row int32) {
	for _, el := range a.heaps[row].rows {
		a.elems.remove(el)
	}
	a.heaps[row] = elementHeap[T]{}
}

func (a *multiExtreme[T]) bytes() int64 {
	return a.elems.bytes() + int64(cap(a.heaps))*40 + int64(a.elems.len())*4
}

func (a *multiExtreme[T]) add(in *input, sel []int32) {
	col, v := in.cols[a.arg], a.values.column(in, a.arg)
	for _, i := range sel {
		if col.IsNull(int(i)) {
			continue
		}
		r, sign := in.rows[i], in.signOf(i)
		a.buf = a.values.put(a.buf[:0], v[i])
		row, before, err := a.elems.change(a.elems.owners.id[r], a.buf, sign)
		if err != nil {
			a.err = err
			return
		}
		h := &a.heaps[r]
		switch {
		case row < 0:
		case before < 0:
			heap.Push(h, row)
		case before == 0:
			h.zero--
		case before+sign == 0:
			if h.zero++; h.zero > len(h.rows)/2+16 {
				a.rebuild(h)
			}
		}
	}
}

// rebuild drops the elements without count from a heap.
func (a *multiExtreme[T]) rebuild(h *elementHeap[T]) {
	keep := h.rows[:0]
	for _, row := range h.rows {
		if a.elems.count[row] > 0 {
			keep = append(keep, row)
		} else {
			a.elems.remove(row)
		}
	}
	h.rows, h.zero = keep, 0
	heap.Init(h)
}

func (a *multiExtreme[T]) result(dst array.Builder, row int32) {
	h := &a.heaps[row]
	for len(h.rows) > 0 {
		top := h.rows[0]
		if a.elems.count[top] > 0 {
			a.values.out(dst, a.at(top))
			return
		}
		heap.Pop(h)
		h.zero--
		a.elems.remove(top)
	}
	dst.AppendNull()
}

// merge is never called: input that takes rows back is not sliced.
func (a *multiExtreme[T]) merge(int32, accumulator, int32)              {}
func (a *multiExtreme[T]) save(dst []byte, _ int32) []byte              { return dst }
func (a *multiExtreme[T]) load(_ int32, data []byte) ([]byte, error)    { return data, nil }
func (a *multiExtreme[T]) restored(groupRow, row int32)                 { heap.Push(&a.heaps[groupRow], row) }
func (a *multiExtreme[T]) use(e *elements)                              { a.elems = e }
func (a *multiExtreme[T]) failed() error                                { return a.err }
func (a *multiExtreme[T]) elements() (*elements, func(group, el int32)) { return a.elems, a.restored }

// withElements are accumulators that keep an entry for each distinct value of a group beside the group's own.
type withElements interface {
	accumulator
	use(e *elements)
	elements() (e *elements, restored func(groupRow, row int32))
	failed() error
	end(row int32)
}
