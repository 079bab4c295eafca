package expr

import (
	"errors"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/jsonpath"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// jsonFunctions read JSON, see package jsonpath.
func jsonFunctions() map[string]builder {
	return map[string]builder{"JSON_VALUE": jsonValue, "JSON_EXISTS": jsonExists, "JSON_QUERY": jsonQuery, "JSON_QUOTE": jsonQuote, "JSON_UNQUOTE": jsonUnquote,
		"IS JSON": isJSON(""), "IS JSON VALUE": isJSON(""), "IS JSON OBJECT": isJSON("{"), "IS JSON ARRAY": isJSON("["), "IS JSON SCALAR": isJSON(`"tfn-0123456789`),
	}
}

// isJSON tests text for JSON whose first character is one of first, any when that is empty. NULL is none.
func isJSON(first string) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(1, 1); err != nil {
			return nil, err
		}
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			s, valid := strs(a[0]), kernel.Valid(n, a[0])
			return toBools(n, nil, func(i int) (bool, bool) {
				if !kernel.IsValid(valid, i) {
					return false, true
				}
				v, ok := jsonpath.First(s.Bytes(i))
				return ok && (first == "" || strings.IndexByte(first, v[0]) >= 0), true
			}), nil
		}, nil
	}
}

// jsonPaths are the paths of argument 1.
type jsonPaths struct{ m *memo[compiledPath] }

type compiledPath struct {
	p   *jsonpath.Path
	err error
}

// jsonPaths refuses a constant path that this engine lacks. One that is no path is an error of each row, for ON ERROR.
func (b *binding) jsonPaths() (*jsonPaths, error) {
	m := &jsonPaths{newMemo(func(s string) (compiledPath, error) {
		p, err := jsonpath.Compile(s)
		return compiledPath{p, err}, nil
	})}
	p, ok := b.str(1)
	if !ok {
		b.fail = true
		return m, nil
	}
	if c, _ := m.m.get(p); errors.Is(c.err, jsonpath.ErrUnsupported) {
		return nil, fault.Wrap(fault.Config, c.err, "%s", b.call.Func)
	}
	return m, nil
}

var errNoJSON = errors.New("the text is no JSON")

// find gives what the path reaches in the text: nil for nothing. lax is the path's mode; failed is set for a path that only this engine refuses.
func (m *jsonPaths) find(doc []byte, path string, failed *error) (v []byte, lax bool, err error) {
	c, _ := m.m.get(path)
	if c.err != nil {
		if errors.Is(c.err, jsonpath.ErrUnsupported) {
			*failed = fault.Wrap(fault.Permanent, c.err, "JSON path")
		}
		return nil, false, c.err
	}
	v, ok := jsonpath.First(doc)
	switch {
	case ok:
		v, err = c.p.Eval(v)
		if v != nil && v[0] == 'n' {
			v = nil
		}
		if err == nil && v == nil && !c.p.Lax {
			err = errNoValue // null is not enough for a strict path
		}
	case !c.p.Lax:
		err = errNoJSON
	}
	return v, c.p.Lax, err
}

// behaviour reads an ON EMPTY or ON ERROR argument: NULL (the default), ERROR, DEFAULT, TRUE, FALSE, UNKNOWN, EMPTY ARRAY, EMPTY OBJECT.
func (b *binding) behaviour(i int) string {
	s, ok := b.str(i)
	if !ok {
		return "NULL"
	}
	b.fail = b.fail || s == "ERROR"
	if s = strings.ToUpper(strings.ReplaceAll(s, "_", " ")); s == "EMPTY" {
		return "EMPTY ARRAY"
	}
	return s
}

// jsonValue is JSON_VALUE(json, path[, on empty, default, on error, default]): the text of the scalar that the path reaches.
func jsonValue(b *binding) (impl, error) {
	if err := b.arity(2, 6); err != nil {
		return nil, err
	}
	m, err := b.jsonPaths()
	if err != nil {
		return nil, err
	}
	t := b.out()
	onEmpty, onError := b.behaviour(2), b.behaviour(4)
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		s, p := strs(a[0]), strs(a[1])
		var defaults [6]kernel.Strs
		var given [6][]byte
		for k := 3; k < len(a); k += 2 {
			defaults[k], given[k] = strs(a[k]), kernel.Valid(n, a[k])
		}
		otherwise := func(how string, arg, i int, dst []byte, err error) ([]byte, bool) {
			switch how {
			case "ERROR":
				failed = fault.Newf(fault.Permanent, "JSON_VALUE at path '%s': %w", p.At(i), err)
			case "DEFAULT":
				return append(dst, defaults[arg].Bytes(i)...), kernel.IsValid(given[arg], i)
			}
			return dst, false
		}
		out := toStrings(t, n, kernel.Valid(n, a[0], a[1]), 16*n, func(i int, dst []byte) ([]byte, bool) {
			v, lax, err := m.find(s.Bytes(i), p.At(i), &failed)
			switch {
			case err != nil:
				return otherwise(onError, 5, i, dst, err)
			case v == nil || lax && !jsonpath.Scalar(v):
				return otherwise(onEmpty, 3, i, dst, errNoValue)
			case !jsonpath.Scalar(v):
				return otherwise(onError, 5, i, dst, errNoScalar)
			}
			return jsonpath.AppendText(dst, v), true
		})
		return out, failed
	}, nil
}

var (
	errNoValue     = errors.New("there is no value")
	errNoScalar    = errors.New("there is an object or array")
	errNoContainer = errors.New("there is a scalar")
)

// jsonExists is JSON_EXISTS(json, path[, on error]): false by default where the text is no JSON or does not fit a strict path.
func jsonExists(b *binding) (impl, error) {
	if err := b.arity(2, 3); err != nil {
		return nil, err
	}
	m, err := b.jsonPaths()
	if err != nil {
		return nil, err
	}
	onError := b.behaviour(2)
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		s, p := strs(a[0]), strs(a[1])
		out := toBools(n, kernel.Valid(n, a[0], a[1]), func(i int) (bool, bool) {
			v, _, err := m.find(s.Bytes(i), p.At(i), &failed)
			if err == nil {
				return v != nil, true
			}
			switch onError {
			case "ERROR":
				failed = fault.Newf(fault.Permanent, "JSON_EXISTS at path '%s': %w", p.At(i), err)
			case "UNKNOWN":
				return false, false
			}
			return onError == "TRUE", true
		})
		return out, failed
	}, nil
}

// jsonQuery is JSON_QUERY(json, path[, wrapper, on empty, on error]): the object or array that the path reaches, as text or as an array of texts.
func jsonQuery(b *binding) (impl, error) {
	if err := b.arity(2, 5); err != nil {
		return nil, err
	}
	m, err := b.jsonPaths()
	if err != nil {
		return nil, err
	}
	t := b.out()
	wrapper, _ := b.str(2)
	wrapper = strings.ToUpper(wrapper)
	always := strings.Contains(wrapper, "UNCONDITIONAL") || wrapper == "WITH ARRAY WRAPPER" || wrapper == "WITH WRAPPER"
	maybe := !always && strings.Contains(wrapper, "CONDITIONAL")
	onEmpty, onError := b.behaviour(3), b.behaviour(4)
	asArray := b.call.T.Kind == types.Array
	// query gives one row's JSON; how says what to do without.
	query := func(doc []byte, path string, failed *error) (v []byte, wrap bool, how string, err error) {
		v, lax, err := m.find(doc, path, failed)
		if err != nil {
			return nil, false, onError, err
		}
		if v == nil {
			return nil, false, onEmpty, errNoValue
		}
		wrap = always || maybe && v[0] != '['
		if !wrap && jsonpath.Scalar(v) {
			if lax {
				return nil, false, onEmpty, errNoContainer
			}
			return nil, false, onError, errNoContainer
		}
		if asArray && !wrap && v[0] != '[' {
			return nil, false, onError, errNoContainer
		}
		return v, wrap, "", nil
	}
	fail := func(failed *error, path string, err error) {
		*failed = fault.Newf(fault.Permanent, "JSON_QUERY at path '%s': %w", path, err)
	}
	if asArray {
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			var failed error
			s, p := strs(a[0]), strs(a[1])
			l := newTexts(n, kernel.Valid(n, a[0], a[1]))
			for i := 0; i < n; i++ {
				if kernel.IsValid(l.valid, i) {
					v, wrap, how, err := query(s.Bytes(i), p.At(i), &failed)
					switch {
					case err == nil && wrap:
						jsonpath.Elements(append(append([]byte{'['}, v...), ']'), l.add)
					case err == nil:
						jsonpath.Elements(v, l.add)
					case how == "ERROR":
						fail(&failed, p.At(i), err)
					case how != "EMPTY ARRAY":
						l.null(i)
					}
				}
				l.done(i)
			}
			return l.list(t), failed
		}, nil
	}
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		s, p := strs(a[0]), strs(a[1])
		out := toStrings(t, n, kernel.Valid(n, a[0], a[1]), 32*n, func(i int, dst []byte) ([]byte, bool) {
			v, wrap, how, err := query(s.Bytes(i), p.At(i), &failed)
			switch {
			case err == nil && wrap:
				return append(jsonpath.AppendJSON(append(dst, '['), v), ']'), true
			case err == nil:
				return jsonpath.AppendJSON(dst, v), true
			case how == "ERROR":
				fail(&failed, p.At(i), err)
			case how == "EMPTY ARRAY":
				return append(dst, "[]"...), true
			case how == "EMPTY OBJECT":
				return append(dst, "{}"...), true
			}
			return dst, false
		})
		return out, failed
	}, nil
}

func jsonQuote(b *binding) (impl, error) {
	return text1(b, func(dst []byte, s string) ([]byte, bool) { return jsonpath.AppendString(dst, s), true })
}

// jsonUnquote is the text of a JSON string; anything else stays as it is.
func jsonUnquote(b *binding) (impl, error) {
	return text1(b, func(dst []byte, s string) ([]byte, bool) {
		if v, ok := jsonpath.First([]byte(s)); ok && v[0] == '"' && len(v) == len(s) {
			return jsonpath.AppendText(dst, v), true
		}
		return append(dst, s...), true
	})
}

// texts makes a column of lists of strings, row by row.
type texts struct {
	valid  []byte
	off    []int32
	pos    []int32
	data   []byte
	absent []int
}

func newTexts(n int, valid []byte) *texts {
	return &texts{valid: valid, off: make([]int32, n+1), pos: []int32{0}}
}

// add appends an element to the row.
func (l *texts) add(s []byte, null bool) {
	if null {
		l.absent = append(l.absent, len(l.pos)-1)
	}
	l.data = append(l.data, s...)
	l.pos = append(l.pos, int32(len(l.data)))
}

// null makes row i null; done ends it.
func (l *texts) null(i int) { l.valid = clearBit(l.valid, i, len(l.off)-1) }
func (l *texts) done(i int) { l.off[i+1] = int32(len(l.pos) - 1) }

func (l *texts) list(t arrow.DataType) arrow.Array {
	m := len(l.pos) - 1
	var nulls []byte
	for _, k := range l.absent {
		nulls = clearBit(nulls, k, m)
	}
	return kernel.FromList(t, len(l.off)-1, l.off, kernel.FromStrings(arrow.BinaryTypes.String, m, l.pos, l.data, nulls), l.valid)
}
