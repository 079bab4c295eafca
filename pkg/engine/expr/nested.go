package expr

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// nestedFunctions make and read rows, arrays and maps.
func nestedFunctions() map[string]builder {
	return map[string]builder{
		"ROW": makeRow, "ARRAY": makeArray, "MAP": makeMap, "FIELD": rowField, "ITEM": itemOf, "CARDINALITY": cardinality, "ARRAY_SIZE": cardinality, "ELEMENT": element,
		"MAP_KEYS": mapPart(true), "MAP_VALUES": mapPart(false), "ARRAY_CONTAINS": arraySearch(true), "ARRAY_POSITION": arraySearch(false),
		"ARRAY_REVERSE": arrayReverse, "ARRAY_JOIN": arrayJoin, "SPLIT": splitText,
	}
}

// expand gives operand v as a column of n rows and type t.
func expand(v kernel.Vec, n int, t arrow.DataType) arrow.Array {
	if v.A.DataType().ID() == arrow.NULL {
		return kernel.Nulls(t, n)
	}
	return v.Expand(n)
}

func makeRow(b *binding) (impl, error) {
	t, ok := b.out().(*arrow.StructType)
	if !ok || len(t.Fields()) != len(b.args) {
		return nil, fault.Newf(fault.Config, "ROW of %d values as %s", len(b.args), b.call.T)
	}
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		fs := make([]arrow.Array, len(a))
		for i, v := range a {
			fs[i] = expand(v, n, t.Field(i).Type)
		}
		return kernel.FromStruct(t, n, fs, nil), nil
	}, nil
}

// interleaved puts the operands' values of each row one after the other.
func interleaved(a []kernel.Vec, n int, t arrow.DataType) arrow.Array {
	srcs := make([]arrow.Array, len(a))
	which, at := make([]uint8, 0, n*len(a)), make([]int32, 0, n*len(a))
	for i, v := range a {
		srcs[i] = v.A
	}
	for i := 0; i < n; i++ {
		for k, v := range a {
			which = append(which, uint8(k))
			if v.Const {
				at = append(at, 0)
			} else {
				at = append(at, int32(i))
			}
		}
	}
	return kernel.Interleave(t, srcs, which, at)
}

func steps(n, step int) []int32 {
	off := make([]int32, n+1)
	for i := range off {
		off[i] = int32(i * step)
	}
	return off
}

func makeArray(b *binding) (impl, error) {
	if b.call.T.Kind != types.Array || len(b.args) > 255 {
		return nil, fault.Newf(fault.Config, "ARRAY of %d values as %s", len(b.args), b.call.T)
	}
	t, elem := b.out(), batch.ArrowType(*b.call.T.Elem)
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		if len(a) == 0 {
			return kernel.FromList(t, n, steps(n, 0), kernel.Nulls(elem, 0), nil), nil
		}
		return kernel.FromList(t, n, steps(n, len(a)), interleaved(a, n, elem), nil), nil
	}, nil
}

func makeMap(b *binding) (impl, error) {
	t, ok := b.out().(*arrow.MapType)
	if !ok || len(b.args)%2 != 0 || len(b.args) > 500 {
		return nil, fault.Newf(fault.Config, "MAP of %d values as %s", len(b.args), b.call.T)
	}
	b.fail = true
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var ks, vs []kernel.Vec
		for i := 0; i < len(a); i += 2 {
			ks, vs = append(ks, a[i]), append(vs, a[i+1])
		}
		for i, valid := 0, kernel.Valid(n, ks...); valid != nil && i < n; i++ {
			if !kernel.IsValid(valid, i) {
				return nil, errNullKey
			}
		}
		m := len(ks)
		k, v := kernel.Nulls(t.KeyType(), 0), kernel.Nulls(t.ItemType(), 0)
		if m > 0 {
			k, v = interleaved(ks, n, t.KeyType()), interleaved(vs, n, t.ItemType())
		}
		return kernel.FromList(t, n, steps(n, m), kernel.FromStruct(t.Elem(), n*m, []arrow.Array{k, v}, nil), nil), nil
	}, nil
}

// masked is a with the rows null that valid says.
func masked(a arrow.Array, n int, valid []byte) arrow.Array {
	if valid == nil {
		return a
	}
	at := make([]int32, n)
	for i := range at {
		if at[i] = int32(i); !kernel.IsValid(valid, i) {
			at[i] = -1
		}
	}
	return kernel.Take(a, at)
}

// rowField is a member of a row by its position; null where the row is.
func rowField(b *binding) (impl, error) {
	if err := b.arity(2, 2); err != nil {
		return nil, err
	}
	if b.args[1].konst == nil || b.typ(0).Kind != types.Row {
		return nil, fault.Newf(fault.Config, "FIELD of %s", b.typ(0))
	}
	c := ints(*b.args[1].konst, 1)
	k, t := int(c.At(0)), b.out()
	if k < 0 || k >= len(b.typ(0).Fields) {
		return nil, fault.Newf(fault.Config, "field %d of %s", k, b.typ(0))
	}
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		s, ok := a[0].A.(*array.Struct)
		if !ok {
			return kernel.Nulls(t, n), nil
		}
		return masked(s.Field(k), n, kernel.Valid(n, a[0])), nil
	}, nil
}

// lists reads an array or map operand: the offsets of each row, and the elements or the entries' keys and values.
type lists struct {
	off        func(i int) (from, to int)
	elems      arrow.Array // of an array
	keys, vals arrow.Array // of a map
}

func listsOf(v kernel.Vec) lists {
	var l lists
	var offsets func(i int) (int64, int64)
	switch a := v.A.(type) {
	case *array.Map:
		l.keys, l.vals, offsets = a.Keys(), a.Items(), a.ValueOffsets
	case *array.List:
		l.elems, offsets = a.ListValues(), a.ValueOffsets
	}
	l.off = func(i int) (int, int) {
		if v.Const {
			i = 0
		}
		from, to := offsets(i)
		return int(from), int(to)
	}
	return l
}

// itemOf is array[index from 1] and map[key]; null where there is no such element.
func itemOf(b *binding) (impl, error) {
	if err := b.arity(2, 2); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		if a[0].Null() || a[1].Null() {
			return kernel.Nulls(t, n), nil
		}
		l, valid := listsOf(a[0]), kernel.Valid(n, a...)
		at := make([]int32, n)
		if l.elems != nil {
			x := ints(a[1], n)
			for i := range at {
				at[i] = -1
				if !kernel.IsValid(valid, i) {
					continue
				}
				if from, to := l.off(i); x.At(i) >= 1 && x.At(i) <= int64(to-from) {
					at[i] = int32(from + int(x.At(i)) - 1)
				}
			}
			return kernel.Take(l.elems, at), nil
		}
		for i := range at {
			at[i] = -1
			if kernel.IsValid(valid, i) {
				at[i] = int32(search(l.keys, l.off, i, a[1]))
			}
		}
		return kernel.Take(l.vals, at), nil
	}, nil
}

// search is the position in elems of the first element of row i that equals x's value, -1 if there is none.
func search(elems arrow.Array, off func(i int) (int, int), i int, x kernel.Vec) int {
	from, to := off(i)
	if x.Const {
		i = 0
	}
	if s, ok := elems.(*array.String); ok {
		v := x.A.(*array.String).Value(i)
		for j := from; j < to; j++ {
			if s.IsValid(j) && s.Value(j) == v {
				return j
			}
		}
		return -1
	}
	for j := from; j < to; j++ {
		if elems.IsValid(j) && array.SliceEqual(elems, int64(j), int64(j+1), x.A, int64(i), int64(i+1)) {
			return j
		}
	}
	return -1
}

func cardinality(b *binding) (impl, error) {
	if err := b.arity(1, 1); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		if a[0].Null() {
			return kernel.Nulls(t, n), nil
		}
		l := listsOf(a[0])
		return intColumn(t, n, kernel.Valid(n, a[0]), func(i int) (int64, bool) {
			from, to := l.off(i)
			return int64(to - from), true
		}), nil
	}, nil
}

// element is the sole element of an array, null of an empty one; more than one is an error.
func element(b *binding) (impl, error) {
	if err := b.arity(1, 1); err != nil {
		return nil, err
	}
	b.fail = true
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
			if to-from > 1 {
				return nil, fault.Newf(fault.Permanent, "ELEMENT of an array of %d elements", to-from)
			}
			if to > from {
				at[i] = int32(from)
			}
		}
		return kernel.Take(l.elems, at), nil
	}, nil
}

func mapPart(keys bool) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(1, 1); err != nil {
			return nil, err
		}
		t := b.out()
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			if a[0].Null() {
				return kernel.Nulls(t, n), nil
			}
			l := listsOf(a[0])
			part := l.vals
			if keys {
				part = l.keys
			}
			return rebuild(t, n, kernel.Valid(n, a[0]), l.off, part, func(from, to int, add func(int)) {
				for j := from; j < to; j++ {
					add(j)
				}
			}), nil
		}, nil
	}
}

// rebuild makes lists of elements of elems: f adds those of one row.
func rebuild(t arrow.DataType, n int, valid []byte, off func(i int) (int, int), elems arrow.Array, f func(from, to int, add func(int))) arrow.Array {
	o := make([]int32, n+1)
	var at []int32
	for i := 0; i < n; i++ {
		if kernel.IsValid(valid, i) {
			from, to := off(i)
			f(from, to, func(j int) { at = append(at, int32(j)) })
		}
		o[i+1] = int32(len(at))
	}
	return kernel.FromList(t, n, o, kernel.Take(elems, at), valid)
}

func arrayReverse(b *binding) (impl, error) {
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
			for j := to - 1; j >= from; j-- {
				add(j)
			}
		}), nil
	}, nil
}

// arraySearch is ARRAY_CONTAINS and ARRAY_POSITION (from 1, 0 without). A null needle finds null elements in ARRAY_CONTAINS.
func arraySearch(contains bool) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(2, 2); err != nil {
			return nil, err
		}
		t := b.out()
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			if a[0].Null() {
				return kernel.Nulls(t, n), nil
			}
			l, needle := listsOf(a[0]), kernel.Valid(n, a[1])
			if !contains {
				return intColumn(t, n, kernel.Valid(n, a...), func(i int) (int64, bool) {
					from, _ := l.off(i)
					return int64(max(search(l.elems, l.off, i, a[1])-from+1, 0)), true
				}), nil
			}
			return toBools(n, kernel.Valid(n, a[0]), func(i int) (bool, bool) {
				if kernel.IsValid(needle, i) {
					return search(l.elems, l.off, i, a[1]) >= 0, true
				}
				from, to := l.off(i)
				for j := from; j < to; j++ {
					if l.elems.IsNull(j) {
						return true, true
					}
				}
				return false, true
			}), nil
		}, nil
	}
}

// arrayJoin is ARRAY_JOIN(array of strings, separator[, text for null]): nulls are left out without a text for them.
func arrayJoin(b *binding) (impl, error) {
	if err := b.arity(2, 3); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		if a[0].Null() {
			return kernel.Nulls(t, n), nil
		}
		l, sep := listsOf(a[0]), strs(a[1])
		s, ok := l.elems.(*array.String)
		if !ok {
			return nil, fault.Newf(fault.Internal, "ARRAY_JOIN of %s", a[0].A.DataType())
		}
		var null kernel.Strs
		if len(a) > 2 {
			null = strs(a[2])
		}
		return toStrings(t, n, kernel.Valid(n, a...), 16*n, func(i int, dst []byte) ([]byte, bool) {
			from, to := l.off(i)
			first := true
			for j := from; j < to; j++ {
				if s.IsNull(j) && len(a) < 3 {
					continue
				}
				if !first {
					dst = append(dst, sep.Bytes(i)...)
				}
				if first = false; s.IsNull(j) {
					dst = append(dst, null.Bytes(i)...)
				} else {
					dst = append(dst, s.Value(j)...)
				}
			}
			return dst, true
		}), nil
	}, nil
}

// splitText is SPLIT(s, separator): the characters when the separator is empty, nothing of empty text.
func splitText(b *binding) (impl, error) {
	if err := b.arity(2, 2); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		s, sep, valid := strs(a[0]), strs(a[1]), kernel.Valid(n, a...)
		off, pos, data := make([]int32, n+1), []int32{0}, []byte(nil)
		for i := 0; i < n; i++ {
			if kernel.IsValid(valid, i) && s.At(i) != "" {
				data, pos = splitInto(data, pos, s.At(i), sep.At(i))
			}
			off[i+1] = int32(len(pos) - 1)
		}
		return kernel.FromList(t, n, off, kernel.FromStrings(arrow.BinaryTypes.String, len(pos)-1, pos, data, nil), valid), nil
	}, nil
}

// castNested casts element by element.
func castNested(c *compiler, from, to types.Type, try bool) (impl, bool, error) {
	t := batch.ArrowType(to)
	type part struct {
		f     impl
		fails bool
	}
	one := func(from, to types.Type) (p part, err error) {
		p.f, p.fails, err = caster(c, from, to, try)
		return p, err
	}
	whole := func(e *env, p part, a arrow.Array) (arrow.Array, error) {
		return p.f(e, a.Len(), []kernel.Vec{{A: a}})
	}
	if to.Kind == types.Row {
		if len(from.Fields) != len(to.Fields) {
			return nil, false, fault.Newf(fault.Config, "no CAST from %s to %s", from, to)
		}
		ps, fails := make([]part, len(to.Fields)), false
		for i := range ps {
			p, err := one(from.Fields[i].Type, to.Fields[i].Type)
			if err != nil {
				return nil, false, err
			}
			ps[i], fails = p, fails || p.fails
		}
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			s, ok := a[0].Expand(n).(*array.Struct)
			if !ok {
				return kernel.Nulls(t, n), nil
			}
			fs := make([]arrow.Array, len(ps))
			for i, p := range ps {
				// A field behind a null row must not fail: take it as null.
				f, err := whole(e, p, masked(s.Field(i), n, kernel.Valid(n, kernel.Vec{A: s})))
				if err != nil {
					return nil, err
				}
				fs[i] = f
			}
			return kernel.FromStruct(t, n, fs, kernel.Valid(n, kernel.Vec{A: s})), nil
		}, fails, nil
	}
	if from.Kind != types.Array && from.Kind != types.Map || from.Elem == nil {
		return nil, false, fault.Newf(fault.Config, "no CAST from %s to %s", from, to)
	}
	pv, err := one(*from.Elem, *to.Elem)
	if err != nil {
		return nil, false, err
	}
	var pk part
	if from.Kind == types.Map {
		if pk, err = one(*from.Key, *to.Key); err != nil {
			return nil, false, err
		}
	}
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		if a[0].Null() {
			return kernel.Nulls(t, n), nil
		}
		v := kernel.Vec{A: a[0].Expand(n)}
		l, valid := listsOf(v), kernel.Valid(n, v)
		all := func(from, to int, add func(int)) {
			for j := from; j < to; j++ {
				add(j)
			}
		}
		if l.elems != nil {
			plain := rebuild(arrow.ListOf(l.elems.DataType()), n, valid, l.off, l.elems, all).(*array.List)
			elems, err := whole(e, pv, plain.ListValues())
			if err != nil {
				return nil, err
			}
			return kernel.FromList(t, n, plain.Offsets()[:n+1], elems, valid), nil
		}
		ks := rebuild(arrow.ListOf(l.keys.DataType()), n, valid, l.off, l.keys, all).(*array.List)
		vs := rebuild(arrow.ListOf(l.vals.DataType()), n, valid, l.off, l.vals, all).(*array.List)
		k, err := whole(e, pk, ks.ListValues())
		if err != nil {
			return nil, err
		}
		x, err := whole(e, pv, vs.ListValues())
		if err != nil {
			return nil, err
		}
		entry := t.(*arrow.MapType).Elem()
		return kernel.FromList(t, n, ks.Offsets()[:n+1], kernel.FromStruct(entry, k.Len(), []arrow.Array{k, x}, nil), valid), nil
	}, pk.fails || pv.fails, nil
}
