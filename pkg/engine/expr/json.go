package expr

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
)

func jsonFunctions() map[string]builder {
	return map[string]builder{"JSON_VALUE": jsonValue, "JSON_EXISTS": jsonExists, "JSON_QUERY": jsonQuery, "JSON_QUOTE": jsonQuote, "JSON_UNQUOTE": jsonUnquote}
}

// jsonPath is a compiled SQL/JSON path: member and element steps and their wildcards, no filters.
type jsonPath struct {
	steps  []jsonStep
	strict bool
}

type jsonStep struct {
	name  string
	index int  // from 0, for an element step
	elem  bool // element, not member
	all   bool // [*] or .*
}

func parseJSONPath(s string) (*jsonPath, error) {
	p := &jsonPath{}
	rest := strings.TrimSpace(s)
	if r, ok := strings.CutPrefix(rest, "strict "); ok {
		p.strict, rest = true, strings.TrimSpace(r)
	} else if r, ok := strings.CutPrefix(rest, "lax "); ok {
		rest = strings.TrimSpace(r)
	}
	bad := func() (*jsonPath, error) {
		return nil, fault.Newf(fault.Config, "JSON path '%s': want $ followed by .name, ['name'], [number] and [*] steps", s)
	}
	if rest == "" || rest[0] != '$' {
		return bad()
	}
	for rest = rest[1:]; rest != ""; {
		switch rest[0] {
		case '.':
			rest = rest[1:]
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			name := rest[:end]
			if name == "" || strings.ContainsAny(name, "()?@") {
				return bad()
			}
			p.steps = append(p.steps, jsonStep{name: strings.Trim(name, `"`), all: name == "*"})
			rest = rest[end:]
		case '[':
			end := strings.IndexByte(rest, ']')
			if len(rest) > 1 && (rest[1] == '\'' || rest[1] == '"') {
				if k := strings.Index(rest[2:], rest[1:2]+"]"); k >= 0 {
					p.steps = append(p.steps, jsonStep{name: rest[2 : 2+k]})
					rest = rest[k+4:]
					continue
				}
				return bad()
			}
			if end < 0 {
				return bad()
			}
			in := strings.TrimSpace(rest[1:end])
			k, err := strconv.Atoi(in)
			if in != "*" && (err != nil || k < 0) {
				return bad()
			}
			p.steps = append(p.steps, jsonStep{index: k, elem: true, all: in == "*"})
			rest = rest[end+1:]
		default:
			return bad()
		}
	}
	return p, nil
}

// find calls f with each value that the path reaches in doc, which is valid JSON.
func (p *jsonPath) find(doc []byte, f func(v []byte)) { walkJSON(bytes.TrimSpace(doc), p.steps, f) }

func walkJSON(v []byte, steps []jsonStep, f func(v []byte)) {
	if len(steps) == 0 {
		f(v)
		return
	}
	st := steps[0]
	switch {
	case v[0] == '{' && !st.elem:
		members(v, func(key, val []byte) bool {
			if st.all || keyIs(key, st.name) {
				walkJSON(val, steps[1:], f)
				return st.all
			}
			return true
		})
	case v[0] == '[' && st.elem:
		k := 0
		members(v, func(_, val []byte) bool {
			if st.all || k == st.index {
				walkJSON(val, steps[1:], f)
			}
			k++
			return st.all || k <= st.index
		})
	}
}

func keyIs(key []byte, name string) bool {
	if bytes.IndexByte(key, '\\') < 0 {
		return string(key[1:len(key)-1]) == name
	}
	var s string
	return json.Unmarshal(key, &s) == nil && s == name
}

// members calls f with the members of an object or, with a nil key, the elements of an array, until f returns false.
func members(v []byte, f func(key, val []byte) bool) {
	object := v[0] == '{'
	i := skipSpace(v, 1)
	for i < len(v) && v[i] != '}' && v[i] != ']' {
		var key []byte
		if object {
			end := skipJSON(v, i)
			key = v[i:end]
			i = skipSpace(v, skipSpace(v, end)+1) // the colon
		}
		end := skipJSON(v, i)
		if !f(key, v[i:end]) {
			return
		}
		if i = skipSpace(v, end); i < len(v) && v[i] == ',' {
			i = skipSpace(v, i+1)
		}
	}
}

func skipSpace(v []byte, i int) int {
	for i < len(v) && (v[i] == ' ' || v[i] == '\n' || v[i] == '\t' || v[i] == '\r') {
		i++
	}
	return i
}

// skipJSON is the end of the value that starts at i.
func skipJSON(v []byte, i int) int {
	depth := 0
	for ; i < len(v); i++ {
		switch v[i] {
		case '"':
			for i++; i < len(v) && v[i] != '"'; i++ {
				if v[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\n', '\t', '\r', ':':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

// scalarText appends a scalar's text; ok is false for null, objects and arrays.
func scalarText(dst, v []byte) (out []byte, ok bool) {
	switch v[0] {
	case '{', '[', 'n':
		return dst, false
	case '"':
		if bytes.IndexByte(v, '\\') < 0 {
			return append(dst, v[1:len(v)-1]...), true
		}
		var s string
		if json.Unmarshal(v, &s) != nil {
			return dst, false
		}
		return append(dst, s...), true
	case 't', 'f':
		return append(dst, v...), true
	}
	if bytes.ContainsAny(v, ".eE") {
		f, err := strconv.ParseFloat(string(v), 64)
		if err == nil {
			return appendFloat(dst, f, 64), true
		}
	}
	return append(dst, v...), true
}

func (b *binding) jsonPaths() (*memo[*jsonPath], error) {
	m := newMemo(parseJSONPath)
	if p, ok := b.str(1); ok {
		if _, err := m.get(p); err != nil {
			return nil, err
		}
	} else {
		b.fail = true
	}
	return m, nil
}

// behaviour reads an ON EMPTY or ON ERROR argument: NULL (the default), ERROR, DEFAULT, TRUE, FALSE, UNKNOWN, EMPTY ARRAY, EMPTY OBJECT.
func (b *binding) behaviour(i int) string {
	s, ok := b.str(i)
	if !ok {
		return "NULL"
	}
	b.fail = b.fail || s == "ERROR"
	return strings.ToUpper(strings.ReplaceAll(s, "_", " "))
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
		otherwise := func(how string, arg, i int, dst []byte, what string) ([]byte, bool) {
			switch how {
			case "ERROR":
				failed = fault.Newf(fault.Permanent, "JSON_VALUE: %s at path '%s'", what, p.At(i))
			case "DEFAULT":
				if arg < len(a) && !a[arg].Null() {
					d := strs(a[arg])
					return append(dst, d.Bytes(i)...), true
				}
			}
			return dst, false
		}
		out := toStrings(t, n, kernel.Valid(n, a[0], a[1]), 16*n, func(i int, dst []byte) ([]byte, bool) {
			path, err := m.get(p.At(i))
			if err != nil {
				failed = err
				return dst, false
			}
			doc := s.Bytes(i)
			if !json.Valid(doc) {
				return otherwise(onError, 5, i, dst, "no valid JSON")
			}
			count, null, ok := 0, false, false
			text := dst
			path.find(doc, func(v []byte) {
				if count++; count == 1 {
					null = v[0] == 'n'
					text, ok = scalarText(dst, v)
				}
			})
			switch {
			case count == 0 && path.strict:
				return otherwise(onError, 5, i, dst, "no value")
			case count == 0 || count == 1 && null:
				return otherwise(onEmpty, 3, i, dst, "no value")
			case count > 1 || !ok:
				return otherwise(onError, 5, i, dst, "no scalar")
			}
			return text, true
		})
		return out, failed
	}, nil
}

// jsonExists is JSON_EXISTS(json, path[, on error]): false by default where the text is no JSON.
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
			path, err := m.get(p.At(i))
			if err != nil {
				failed = err
				return false, false
			}
			if !json.Valid(s.Bytes(i)) {
				switch onError {
				case "ERROR":
					failed = fault.Newf(fault.Permanent, "JSON_EXISTS: no valid JSON")
				case "TRUE":
					return true, true
				case "UNKNOWN":
					return false, false
				}
				return false, true
			}
			found := false
			path.find(s.Bytes(i), func([]byte) { found = true })
			return found, true
		})
		return out, failed
	}, nil
}

// jsonQuery is JSON_QUERY(json, path[, wrapper, on empty, on error]): the object or array that the path reaches, without spaces.
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
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		s, p := strs(a[0]), strs(a[1])
		otherwise := func(how string, dst []byte, what string) ([]byte, bool) {
			switch how {
			case "ERROR":
				failed = fault.Newf(fault.Permanent, "JSON_QUERY: %s", what)
			case "EMPTY ARRAY":
				return append(dst, "[]"...), true
			case "EMPTY OBJECT":
				return append(dst, "{}"...), true
			}
			return dst, false
		}
		var buf bytes.Buffer
		out := toStrings(t, n, kernel.Valid(n, a[0], a[1]), 32*n, func(i int, dst []byte) ([]byte, bool) {
			path, err := m.get(p.At(i))
			if err != nil {
				failed = err
				return dst, false
			}
			if !json.Valid(s.Bytes(i)) {
				return otherwise(onError, dst, "no valid JSON")
			}
			count, container := 0, false
			buf.Reset()
			path.find(s.Bytes(i), func(v []byte) {
				if count++; count > 1 {
					buf.WriteByte(',')
				}
				container = v[0] == '{' || v[0] == '['
				_ = json.Compact(&buf, v) // v was valid
			})
			wrap := always || maybe && (count != 1 || !container)
			switch {
			case count == 0:
				return otherwise(onEmpty, dst, "no value")
			case wrap:
				return append(append(append(dst, '['), buf.Bytes()...), ']'), true
			case count > 1 || !container:
				return otherwise(onError, dst, "no object or array")
			}
			return append(dst, buf.Bytes()...), true
		})
		return out, failed
	}, nil
}

func jsonQuote(b *binding) (impl, error) {
	return text1(b, func(dst []byte, s string) ([]byte, bool) { return appendJSONText(dst, s), true })
}

// jsonUnquote is the text of a JSON string; anything else stays as it is.
func jsonUnquote(b *binding) (impl, error) {
	return text1(b, func(dst []byte, s string) ([]byte, bool) {
		if len(s) > 1 && s[0] == '"' {
			var v string
			if json.Unmarshal([]byte(s), &v) == nil {
				return append(dst, v...), true
			}
		}
		return append(dst, s...), true
	})
}
