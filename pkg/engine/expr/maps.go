package expr

import (
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/javaregexp"
)

// mapFunctions make maps out of arrays, maps and text, and arrays out of maps.
func mapFunctions() map[string]builder {
	return map[string]builder{"MAP_ENTRIES": mapEntries, "MAP_FROM_ARRAYS": mapFromArrays, "MAP_UNION": mapUnion, "STR_TO_MAP": strToMap}
}

// mapEntries is the array of a map's entries as rows of key and value.
func mapEntries(b *binding) (impl, error) {
	if err := b.arity(1, 1); err != nil {
		return nil, err
	}
	t := b.out().(*arrow.ListType)
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		if a[0].Null() {
			return kernel.Nulls(t, n), nil
		}
		l := listsOf(a[0])
		rows := kernel.FromStruct(t.Elem(), l.keys.Len(), []arrow.Array{l.keys, l.vals}, nil)
		return rebuild(t, n, kernel.Valid(n, a[0]), l.off, rows, func(from, to int, add func(int)) {
			for j := from; j < to; j++ {
				add(j)
			}
		}), nil
	}, nil
}

// mapFromArrays is MAP_FROM_ARRAYS(keys, values); arrays of different lengths are an error.
func mapFromArrays(b *binding) (impl, error) {
	if err := b.arity(2, 2); err != nil {
		return nil, err
	}
	b.fail = true
	t := b.out().(*arrow.MapType)
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		if a[0].Null() || a[1].Null() {
			return kernel.Nulls(t, n), nil
		}
		k, v, valid := listsOf(a[0]), listsOf(a[1]), kernel.Valid(n, a...)
		off := make([]int32, n+1)
		var ks, vs []int32
		for i := 0; i < n; i++ {
			if kernel.IsValid(valid, i) {
				kf, kt := k.off(i)
				vf, vt := v.off(i)
				if kt-kf != vt-vf {
					return nil, fault.Newf(fault.Permanent, "MAP_FROM_ARRAYS of %d keys and %d values", kt-kf, vt-vf)
				}
				for j := range kt - kf {
					if k.elems.IsNull(kf + j) {
						return nil, errNullKey
					}
					ks, vs = append(ks, int32(kf+j)), append(vs, int32(vf+j))
				}
			}
			off[i+1] = int32(len(ks))
		}
		entries := kernel.FromStruct(t.Elem(), len(ks), []arrow.Array{kernel.Take(k.elems, ks), kernel.Take(v.elems, vs)}, nil)
		return kernel.FromList(t, n, off, entries, valid), nil
	}, nil
}

// mapUnion is MAP_UNION(map, …): of equal keys the last map's value stays; null when any map is.
func mapUnion(b *binding) (impl, error) {
	if err := b.arity(1, 255); err != nil {
		return nil, err
	}
	t := b.out().(*arrow.MapType)
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		ls, keys, vals := make([]lists, len(a)), make([]arrow.Array, len(a)), make([]arrow.Array, len(a))
		for k, v := range a {
			if v.Null() {
				return kernel.Nulls(t, n), nil
			}
			ls[k] = listsOf(v)
			keys[k], vals[k] = ls[k].keys, ls[k].vals
		}
		p, valid := newPicked(n), kernel.Valid(n, a...)
		for i := 0; i < n; i++ {
			if kernel.IsValid(valid, i) {
				start := len(p.at)
				for k := len(ls) - 1; k >= 0; k-- {
					seen := len(p.at) // keys of later maps; those of one map are taken as they are
					from, to := ls[k].off(i)
				entry:
					for j := from; j < to; j++ {
						for s := start; s < seen; s++ {
							if sameElement(keys[p.which[s]], int(p.at[s]), keys[k], j) {
								continue entry
							}
						}
						p.add(uint8(k), j)
					}
				}
			}
			p.done(i)
		}
		entries := kernel.FromStruct(t.Elem(), len(p.at), []arrow.Array{
			kernel.Interleave(t.KeyType(), keys, p.which, p.at), kernel.Interleave(t.ItemType(), vals, p.which, p.at)}, nil)
		return kernel.FromList(t, n, p.off, entries, valid), nil
	}, nil
}

// errNullKey is the error of a row that would make a map with a NULL key, which columns cannot hold.
var errNullKey = fault.Newf(fault.Permanent, "a map cannot have a NULL key")

// separator cuts text at one separator of STR_TO_MAP, which is a regular expression; most are plain text.
type separator struct {
	plain string
	re    *javaregexp.Pattern
}

func newSeparator(p string) (separator, error) {
	re, err := javaregexp.Compile(p)
	if err != nil {
		return separator{}, err
	}
	if lit, ok := re.Plain(); ok && lit != "" {
		return separator{plain: lit}, nil
	}
	return separator{re: re}, nil
}

// cut is strings.Cut at the first separator; one of no characters cuts off a character.
func (c separator) cut(s string) (before, after string, found bool) {
	if c.re == nil {
		return strings.Cut(s, c.plain)
	}
	at := c.re.Find(s)
	if at != nil && at[1] == 0 { // nothing before and nothing in it: go on behind the first character
		if w := byteAt(s, 1); w < len(s) {
			if at = c.re.Find(s[w:]); at != nil {
				at = []int{at[0] + w, at[1] + w}
			}
		} else {
			at = nil
		}
	}
	if at == nil {
		return s, "", false
	}
	return s[:at[0]], s[at[1]:], true
}

// strToMap is STR_TO_MAP(text[, between pairs, between key and value]), by default ',' and '='. The separators are regular
// expressions. Of equal keys the last value stays; empty pairs at the end are left out.
func strToMap(b *binding) (impl, error) {
	if err := b.arity(1, 3); err != nil {
		return nil, err
	}
	t := b.out().(*arrow.MapType)
	m := newMemo(newSeparator)
	for k := 1; k < len(b.args); k++ {
		if p, ok := b.str(k); ok {
			if _, err := m.get(p); err != nil {
				return nil, patternError(b, p, err)
			}
		} else {
			b.fail = true
		}
	}
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
		var pairs [][2]string
		var ok []bool // whether the pair has a value
		for i := 0; i < n; i++ {
			if kernel.IsValid(valid, i) && s.At(i) != "" {
				byPair, err := m.get(pair(i))
				if err != nil {
					return nil, fault.Wrap(fault.Permanent, err, "STR_TO_MAP: separator '%s'", pair(i))
				}
				byKey, err := m.get(kv(i))
				if err != nil {
					return nil, fault.Wrap(fault.Permanent, err, "STR_TO_MAP: separator '%s'", kv(i))
				}
				pairs, ok = pairs[:0], ok[:0]
				for rest, more := s.At(i), true; more; {
					var p string
					p, rest, more = byPair.cut(rest)
					if !more && p == "" && len(pairs) > 0 {
						for len(pairs) > 0 && pairs[len(pairs)-1] == [2]string{} && !ok[len(ok)-1] {
							pairs, ok = pairs[:len(pairs)-1], ok[:len(ok)-1]
						}
						break
					}
					k, v, found := byKey.cut(p)
					pairs, ok = append(pairs, [2]string{k, v}), append(ok, found)
				}
			pair:
				for j, p := range pairs {
					for _, later := range pairs[j+1:] {
						if later[0] == p[0] {
							continue pair
						}
					}
					keys.Append(p[0])
					if ok[j] {
						vals.Append(p[1])
					} else {
						vals.AppendNull()
					}
				}
			}
			off[i+1] = int32(keys.Len())
		}
		entries := kernel.FromStruct(t.Elem(), keys.Len(), []arrow.Array{keys.NewArray(), vals.NewArray()}, nil)
		return kernel.FromList(t, n, off, entries, valid), nil
	}, nil
}
