package expr

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/jsonpath"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// jsonMakers are the functions that write JSON. Members of an object are in the order of their names, whatever made it.
func jsonMakers() map[string]builder {
	return map[string]builder{"JSON_STRING": jsonString, "JSON_OBJECT": jsonObject, "JSON_ARRAY": jsonArray}
}

// jsonPrinter writes values of type t as JSON: numbers and booleans bare, times as text, nulls as null.
func (c *compiler) jsonPrinter(t types.Type) (printer, error) {
	switch {
	case t.IsString():
		return func(a arrow.Array) func(i int, dst []byte) []byte {
			s := strs(kernel.Vec{A: a})
			return jsonNull(a, func(i int, dst []byte) []byte { return jsonpath.AppendString(dst, s.At(i)) })
		}, nil
	case t.Kind == types.Boolean:
		return func(a arrow.Array) func(i int, dst []byte) []byte {
			x := kernel.BoolsOf(kernel.Vec{A: a})
			return jsonNull(a, func(i int, dst []byte) []byte {
				if x.At(i) {
					return append(dst, "true"...)
				}
				return append(dst, "false"...)
			})
		}, nil
	case t.Kind == types.Array:
		p, err := c.jsonPrinter(*t.Elem)
		return func(a arrow.Array) func(i int, dst []byte) []byte {
			l := listsOf(kernel.Vec{A: a})
			v := p(l.elems)
			return jsonNull(a, func(i int, dst []byte) []byte {
				from, to := l.off(i)
				return appendJSONList(dst, '[', ']', to-from, func(k int, dst []byte) []byte { return v(from+k, dst) })
			})
		}, err
	case t.Kind == types.Map && t.Key.IsString(), t.Kind == types.Multiset && t.Elem.IsString():
		value := types.Of(types.Int)
		if t.Kind == types.Map {
			value = *t.Elem
		}
		p, err := c.jsonPrinter(value)
		return func(a arrow.Array) func(i int, dst []byte) []byte {
			l := listsOf(kernel.Vec{A: a})
			v, keys := p(l.vals), strs(kernel.Vec{A: l.keys})
			var m memberList
			return jsonNull(a, func(i int, dst []byte) []byte {
				from, to := l.off(i)
				m.reset()
				for k := from; k < to; k++ {
					m.add(keys.At(k), k)
				}
				return m.append(dst, v)
			})
		}, err
	case t.Kind == types.Row:
		ps, names := make([]printer, len(t.Fields)), make([]int, len(t.Fields))
		for i, f := range t.Fields {
			p, err := c.jsonPrinter(f.Type)
			if err != nil {
				return nil, err
			}
			ps[i], names[i] = p, i
		}
		slices.SortStableFunc(names, func(i, j int) int { return strings.Compare(t.Fields[i].Name, t.Fields[j].Name) })
		return func(a arrow.Array) func(i int, dst []byte) []byte {
			s := a.(*array.Struct)
			vs := make([]func(i int, dst []byte) []byte, len(ps))
			for k, p := range ps {
				vs[k] = p(s.Field(k))
			}
			return jsonNull(a, func(i int, dst []byte) []byte {
				return appendJSONList(dst, '{', '}', len(vs), func(k int, dst []byte) []byte {
					return vs[names[k]](i, append(jsonpath.AppendString(dst, t.Fields[names[k]].Name), ':'))
				})
			})
		}, nil
	case t.IsBinary():
		return func(a arrow.Array) func(i int, dst []byte) []byte {
			s := strs(kernel.Vec{A: a})
			return jsonNull(a, func(i int, dst []byte) []byte {
				return append(base64.StdEncoding.AppendEncode(append(dst, '"'), s.Bytes(i)), '"')
			})
		}, nil
	case t.Kind == types.Decimal:
		return func(a arrow.Array) func(i int, dst []byte) []byte {
			x, s := decimals(kernel.Vec{A: a}, a.Len())
			return jsonNull(a, func(i int, dst []byte) []byte { return appendStripped(dst, x.At(i), s) })
		}, nil
	case t.IsTimestamp():
		return func(a arrow.Array) func(i int, dst []byte) []byte {
			x := ints(kernel.Vec{A: a}, a.Len())
			return jsonNull(a, func(i int, dst []byte) []byte {
				from := len(dst) + 1
				dst = appendTimestamp(x.At(i), append(dst, '"'), 0)
				if k := bytes.IndexByte(dst[from:], ' '); k >= 0 {
					dst[from+k] = 'T'
				}
				if t.Kind == types.TimestampLTZ {
					dst = append(dst, 'Z')
				}
				return append(dst, '"')
			})
		}, nil
	case t.Kind >= types.Array || t.IsInterval():
		return nil, fault.Newf(fault.Config, "no JSON of %s", t)
	}
	p, err := c.printer(t)
	return func(a arrow.Array) func(i int, dst []byte) []byte {
		print := p(a)
		if t.IsNumeric() {
			return jsonNull(a, print)
		}
		return jsonNull(a, func(i int, dst []byte) []byte { return append(print(i, append(dst, '"')), '"') })
	}, err
}

// appendStripped prints a decimal as Java's BigDecimal does without the zeros at its end: 10.00 is 1E+1.
func appendStripped(dst []byte, v num, scale int32) []byte {
	if v.Sign() == 0 {
		return append(dst, '0')
	}
	digits := v.BigInt().String()
	if digits[0] == '-' {
		dst, digits = append(dst, '-'), digits[1:]
	}
	kept := strings.TrimRight(digits, "0")
	s := int(scale) - (len(digits) - len(kept))
	exp := len(kept) - 1 - s
	switch {
	case s == 0:
		return append(dst, kept...)
	case s > 0 && exp >= -6:
		if whole := len(kept) - s; whole > 0 {
			return append(append(append(dst, kept[:whole]...), '.'), kept[whole:]...)
		}
		dst = append(dst, "0."...)
		for k := len(kept); k < s; k++ {
			dst = append(dst, '0')
		}
		return append(dst, kept...)
	}
	dst = append(dst, kept[0])
	if len(kept) > 1 {
		dst = append(append(dst, '.'), kept[1:]...)
	}
	dst = append(dst, 'E')
	if exp > 0 {
		dst = append(dst, '+')
	}
	return strconv.AppendInt(dst, int64(exp), 10)
}

// memberList puts an object's members in the order of their names; of equal names the last stays.
type memberList struct {
	names []string
	at    []int
}

func (m *memberList) reset() { m.names, m.at = m.names[:0], m.at[:0] }

func (m *memberList) add(name string, at int) {
	k, found := slices.BinarySearch(m.names, name)
	if found {
		m.at[k] = at
		return
	}
	m.names, m.at = slices.Insert(m.names, k, name), slices.Insert(m.at, k, at)
}

// append writes the object; value writes the value at a place that add was given.
func (m *memberList) append(dst []byte, value func(at int, dst []byte) []byte) []byte {
	return appendJSONList(dst, '{', '}', len(m.names), func(k int, dst []byte) []byte {
		return value(m.at[k], append(jsonpath.AppendString(dst, m.names[k]), ':'))
	})
}

func jsonNull(a arrow.Array, f func(i int, dst []byte) []byte) func(i int, dst []byte) []byte {
	none := a.DataType().ID() == arrow.NULL
	return func(i int, dst []byte) []byte {
		if none || a.IsNull(i) {
			return append(dst, "null"...)
		}
		return f(i, dst)
	}
}

func appendJSONList(dst []byte, open, end byte, n int, f func(k int, dst []byte) []byte) []byte {
	dst = append(dst, open)
	for k := 0; k < n; k++ {
		if k > 0 {
			dst = append(dst, ',')
		}
		dst = f(k, dst)
	}
	return append(dst, end)
}

// jsonParts makes the printers of the arguments from the given one on; the result of another JSON constructor is put in as it is.
func (b *binding) jsonParts() ([]printer, error) {
	ps := make([]printer, len(b.args))
	for i, x := range b.args {
		if c, ok := b.call.Args[i].(*plan.Call); ok && (c.Func == "JSON_OBJECT" || c.Func == "JSON_ARRAY") {
			ps[i] = func(a arrow.Array) func(i int, dst []byte) []byte {
				s := strs(kernel.Vec{A: a})
				return jsonNull(a, func(i int, dst []byte) []byte { return append(dst, s.Bytes(i)...) })
			}
			continue
		}
		p, err := b.jsonPrinter(x.t)
		if err != nil {
			return nil, err
		}
		ps[i] = p
	}
	return ps, nil
}

func jsonString(b *binding) (impl, error) {
	if err := b.arity(1, 1); err != nil {
		return nil, err
	}
	ps, err := b.jsonParts()
	if err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		v := ps[0](a[0].Expand(n))
		return toStrings(t, n, kernel.Valid(n, a[0]), 16*n, func(i int, dst []byte) ([]byte, bool) { return v(i, dst), true }), nil
	}, nil
}

// jsonObject is JSON_OBJECT(NULL or ABSENT on null, key, value, …). A key that is NULL is an error.
func jsonObject(b *binding) (impl, error) {
	onNull, ps, err := b.jsonMaker(2)
	if err != nil {
		return nil, err
	}
	for k := 1; k < len(b.args); k += 2 {
		b.fail = b.fail || b.args[k].konst == nil
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		keys, vs, valid := make([]kernel.Strs, len(a)), make([]func(i int, dst []byte) []byte, len(a)), make([][]byte, len(a))
		for k := 1; k < len(a); k++ {
			if valid[k] = kernel.Valid(n, a[k]); k%2 == 1 {
				keys[k] = strs(a[k])
			} else {
				vs[k] = ps[k](a[k].Expand(n))
			}
		}
		var m memberList
		out := toStrings(t, n, nil, 32*n, func(i int, dst []byte) ([]byte, bool) {
			m.reset()
			for k := 1; k < len(a); k += 2 {
				if !kernel.IsValid(valid[k], i) {
					failed = errNullName
					return dst, false
				}
				if onNull != "ABSENT" || kernel.IsValid(valid[k+1], i) {
					m.add(keys[k].At(i), k+1)
				}
			}
			return m.append(dst, func(at int, dst []byte) []byte { return vs[at](i, dst) }), true
		})
		return out, failed
	}, nil
}

var errNullName = fault.Newf(fault.Permanent, "JSON_OBJECT: a key is NULL")

// jsonArray is JSON_ARRAY(NULL or ABSENT on null, value, …).
func jsonArray(b *binding) (impl, error) {
	onNull, ps, err := b.jsonMaker(1)
	if err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		vs, valid := make([]func(i int, dst []byte) []byte, len(a)), make([][]byte, len(a))
		for k := 1; k < len(a); k++ {
			vs[k], valid[k] = ps[k](a[k].Expand(n)), kernel.Valid(n, a[k])
		}
		return toStrings(t, n, nil, 32*n, func(i int, dst []byte) ([]byte, bool) {
			dst = append(dst, '[')
			first := true
			for k := 1; k < len(a); k++ {
				if onNull == "ABSENT" && !kernel.IsValid(valid[k], i) {
					continue
				}
				if !first {
					dst = append(dst, ',')
				}
				first = false
				dst = vs[k](i, dst)
			}
			return append(dst, ']'), true
		}), nil
	}, nil
}

// jsonMaker checks the arguments of JSON_OBJECT and JSON_ARRAY.
func (b *binding) jsonMaker(step int) (onNull string, ps []printer, err error) {
	onNull, ok := b.str(0)
	if !ok || (len(b.args)-1)%step != 0 {
		return "", nil, fault.Newf(fault.Config, "%s with %d arguments", b.call.Func, len(b.args))
	}
	ps, err = b.jsonParts()
	return onNull, ps, err
}
