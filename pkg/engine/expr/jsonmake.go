package expr

import (
	"encoding/json"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// jsonMakers are the functions that write JSON, and the tests for it.
func jsonMakers() map[string]builder {
	return map[string]builder{
		"JSON_STRING": jsonString, "JSON_OBJECT": jsonObject, "JSON_ARRAY": jsonArray,
		"IS JSON": isJSON(""), "IS JSON VALUE": isJSON(""), "IS JSON OBJECT": isJSON("{"), "IS JSON ARRAY": isJSON("["), "IS JSON SCALAR": isJSON(`"tfn-0123456789`),
	}
}

// isJSON tests text for JSON whose first character is one of first, any when that is empty.
func isJSON(first string) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(1, 1); err != nil {
			return nil, err
		}
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			s := strs(a[0])
			return toBools(n, kernel.Valid(n, a[0]), func(i int) (bool, bool) {
				v := s.Bytes(i)
				if !json.Valid(v) {
					return false, true
				}
				c := v[skipSpace(v, 0)]
				for k := 0; k < len(first); k++ {
					if first[k] == c {
						return true, true
					}
				}
				return first == "", true
			}), nil
		}, nil
	}
}

// appendJSONText writes s as a JSON string.
func appendJSONText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c < 0x20:
			dst = append(dst, `\u00`...)
			dst = append(dst, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// jsonPrinter writes values of type t as JSON: numbers and booleans bare, times as text, nulls as null.
func (c *compiler) jsonPrinter(t types.Type) (printer, error) {
	switch {
	case t.IsString():
		return func(a arrow.Array) func(i int, dst []byte) []byte {
			s := strs(kernel.Vec{A: a})
			return jsonNull(a, func(i int, dst []byte) []byte { return appendJSONText(dst, s.At(i)) })
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
	case t.Kind == types.Map && t.Key.IsString():
		p, err := c.jsonPrinter(*t.Elem)
		return func(a arrow.Array) func(i int, dst []byte) []byte {
			l := listsOf(kernel.Vec{A: a})
			v, keys := p(l.vals), strs(kernel.Vec{A: l.keys})
			return jsonNull(a, func(i int, dst []byte) []byte {
				from, to := l.off(i)
				return appendJSONList(dst, '{', '}', to-from, func(k int, dst []byte) []byte {
					return v(from+k, append(appendJSONText(dst, keys.At(from+k)), ':'))
				})
			})
		}, err
	case t.Kind == types.Row:
		ps := make([]printer, len(t.Fields))
		for i, f := range t.Fields {
			p, err := c.jsonPrinter(f.Type)
			if err != nil {
				return nil, err
			}
			ps[i] = p
		}
		return func(a arrow.Array) func(i int, dst []byte) []byte {
			s := a.(*array.Struct)
			vs := make([]func(i int, dst []byte) []byte, len(ps))
			for k, p := range ps {
				vs[k] = p(s.Field(k))
			}
			return jsonNull(a, func(i int, dst []byte) []byte {
				return appendJSONList(dst, '{', '}', len(vs), func(k int, dst []byte) []byte {
					return vs[k](i, append(appendJSONText(dst, t.Fields[k].Name), ':'))
				})
			})
		}, nil
	case t.Kind == types.Map || t.Kind == types.Multiset || t.IsBinary():
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

// jsonObject is JSON_OBJECT(NULL or ABSENT on null, key, value, …).
func jsonObject(b *binding) (impl, error) { return jsonBuild(b, 2, '{', '}') }

// jsonArray is JSON_ARRAY(NULL or ABSENT on null, value, …).
func jsonArray(b *binding) (impl, error) { return jsonBuild(b, 1, '[', ']') }

func jsonBuild(b *binding, step int, open, end byte) (impl, error) {
	onNull, ok := b.str(0)
	if !ok || (len(b.args)-1)%step != 0 {
		return nil, fault.Newf(fault.Config, "%s with %d arguments", b.call.Func, len(b.args))
	}
	ps, err := b.jsonParts()
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
			dst = append(dst, open)
			first := true
			for k := step; k < len(a); k += step {
				if onNull == "ABSENT" && !kernel.IsValid(valid[k], i) {
					continue
				}
				if !first {
					dst = append(dst, ',')
				}
				if first = false; step == 2 {
					dst = append(vs[k-1](i, dst), ':')
				}
				dst = vs[k](i, dst)
			}
			return append(dst, end), true
		}), nil
	}, nil
}
