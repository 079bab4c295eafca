package jsonpath

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON values are slices of the text that holds them, without white space around: their first byte tells what they are. They have passed First.

// maxDepth bounds nesting, for the stack's sake.
const maxDepth = 10_000

// First gives the JSON value at the start of doc; what follows it does not matter, as for Flink's parser. ok is false if there is none.
func First(doc []byte) (v []byte, ok bool) {
	i := skipSpace(doc, 0)
	end := valid(doc, i, 0)
	if end < 0 {
		return nil, false
	}
	if c := doc[i]; end < len(doc) && c != '{' && c != '[' && c != '"' {
		switch next := doc[end]; {
		case next == ' ' || next == '\t' || next == '\n' || next == '\r':
		case c == 't' || c == 'f' || c == 'n':
			if next >= utf8.RuneSelf || next == '_' || next == '$' || next >= '0' && next <= '9' || next|0x20 >= 'a' && next|0x20 <= 'z' {
				return nil, false
			}
		default:
			return nil, false
		}
	}
	return doc[i:end], true
}

func skipSpace(v []byte, i int) int {
	for i < len(v) && (v[i] == ' ' || v[i] == '\n' || v[i] == '\t' || v[i] == '\r') {
		i++
	}
	return i
}

// valid is the end of the value at i, -1 if there is none.
func valid(v []byte, i, depth int) int {
	if i >= len(v) || depth > maxDepth {
		return -1
	}
	switch c := v[i]; c {
	case '"':
		return validString(v, i)
	case '{', '[':
		end := byte(']')
		if c == '{' {
			end = '}'
		}
		i = skipSpace(v, i+1)
		if i < len(v) && v[i] == end {
			return i + 1
		}
		for {
			if c == '{' {
				if i >= len(v) || v[i] != '"' {
					return -1
				}
				if i = validString(v, i); i < 0 {
					return -1
				}
				if i = skipSpace(v, i); i >= len(v) || v[i] != ':' {
					return -1
				}
				i = skipSpace(v, i+1)
			}
			if i = valid(v, i, depth+1); i < 0 {
				return -1
			}
			i = skipSpace(v, i)
			switch {
			case i >= len(v):
				return -1
			case v[i] == end:
				return i + 1
			case v[i] != ',':
				return -1
			}
			i = skipSpace(v, i+1)
		}
	case 't':
		return word(v, i, "true")
	case 'f':
		return word(v, i, "false")
	case 'n':
		return word(v, i, "null")
	}
	return validNumber(v, i)
}

func word(v []byte, i int, w string) int {
	if len(v)-i < len(w) || string(v[i:i+len(w)]) != w {
		return -1
	}
	return i + len(w)
}

func validString(v []byte, i int) int {
	for i++; i < len(v); i++ {
		switch c := v[i]; {
		case c == '"':
			return i + 1
		case c < ' ':
			return -1
		case c == '\\':
			if i++; i >= len(v) {
				return -1
			}
			if v[i] != 'u' {
				if strings.IndexByte(`"\/bfnrt`, v[i]) < 0 {
					return -1
				}
				continue
			}
			for range 4 {
				if i++; i >= len(v) || strings.IndexByte("0123456789abcdefABCDEF", v[i]) < 0 {
					return -1
				}
			}
		}
	}
	return -1
}

func validNumber(v []byte, i int) int {
	digits := func() bool {
		from := i
		for i < len(v) && v[i] >= '0' && v[i] <= '9' {
			i++
		}
		return i > from
	}
	if v[i] == '-' {
		i++
	}
	zero := i < len(v) && v[i] == '0'
	from := i
	if !digits() || zero && i > from+1 {
		return -1
	}
	if i < len(v) && v[i] == '.' {
		if i++; !digits() {
			return -1
		}
	}
	if i < len(v) && v[i]|0x20 == 'e' {
		if i++; i < len(v) && (v[i] == '+' || v[i] == '-') {
			i++
		}
		if !digits() {
			return -1
		}
	}
	return i
}

// skip is the end of the value at i of valid JSON.
func skip(v []byte, i int) int {
	depth := 0
	for ; i < len(v); i++ {
		switch v[i] {
		case '"':
			for i++; v[i] != '"'; i++ {
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

// each calls f with the members of an object or, with a nil key, the elements of an array, until f returns false.
func each(v []byte, f func(key, val []byte) bool) {
	object := v[0] == '{'
	i := skipSpace(v, 1)
	for v[i] != '}' && v[i] != ']' {
		var key []byte
		if object {
			end := skip(v, i)
			key = v[i:end]
			i = skipSpace(v, skipSpace(v, end)+1) // the colon
		}
		end := skip(v, i)
		if !f(key, v[i:end]) {
			return
		}
		if i = skipSpace(v, end); v[i] == ',' {
			i = skipSpace(v, i+1)
		}
	}
}

func keyIs(key []byte, name string) bool {
	if bytes.IndexByte(key, '\\') < 0 {
		return string(key[1:len(key)-1]) == name
	}
	return Text(key) == name
}

// member is the value of the last member called name.
func member(v []byte, name string) (val []byte, ok bool) {
	each(v, func(key, x []byte) bool {
		if keyIs(key, name) {
			val, ok = x, true
		}
		return true
	})
	return val, ok
}

// members are an object's members: of those with one name the place of the first and the value of the last.
func members(v []byte) (keys, vals [][]byte) {
	at := map[string]int{}
	each(v, func(key, val []byte) bool {
		name := Text(key)
		if k, ok := at[name]; ok {
			vals[k] = val
			return true
		}
		at[name] = len(keys)
		keys, vals = append(keys, key), append(vals, val)
		return true
	})
	return keys, vals
}

func elements(v []byte) (out [][]byte) {
	each(v, func(_, val []byte) bool {
		out = append(out, val)
		return true
	})
	return out
}

// Scalar tells whether the value is neither object nor array.
func Scalar(v []byte) bool { return v[0] != '{' && v[0] != '[' }

// Text is the text of a string.
func Text(v []byte) string {
	if bytes.IndexByte(v, '\\') < 0 {
		return string(v[1 : len(v)-1])
	}
	return string(AppendText(nil, v))
}

// AppendText appends a scalar as Flink's CAST to STRING would: strings without quotes, numbers as Java prints them.
func AppendText(dst, v []byte) []byte {
	switch v[0] {
	case '"':
		v = v[1 : len(v)-1]
		for i := 0; i < len(v); i++ {
			if v[i] != '\\' {
				dst = append(dst, v[i])
				continue
			}
			i++
			switch v[i] {
			case 'b':
				dst = append(dst, '\b')
			case 'f':
				dst = append(dst, '\f')
			case 'n':
				dst = append(dst, '\n')
			case 'r':
				dst = append(dst, '\r')
			case 't':
				dst = append(dst, '\t')
			case 'u':
				r := hex4(v[i+1:])
				i += 4
				if utf16.IsSurrogate(r) && i+6 < len(v) && v[i+1] == '\\' && v[i+2] == 'u' {
					if both := utf16.DecodeRune(r, hex4(v[i+3:])); both != utf8.RuneError {
						r = both
						i += 6
					}
				}
				if utf16.IsSurrogate(r) {
					r = '?' // half a pair is no character of UTF-8
				}
				dst = utf8.AppendRune(dst, r)
			default:
				dst = append(dst, v[i])
			}
		}
		return dst
	case 't', 'f', 'n':
		return append(dst, v...)
	}
	return appendNumber(dst, v)
}

func hex4(v []byte) rune {
	n, _ := strconv.ParseUint(string(v[:4]), 16, 32)
	return rune(n)
}

// appendNumber prints a number that has a point or an exponent as Java's Double.toString, others as they are.
func appendNumber(dst, v []byte) []byte {
	if !bytes.ContainsAny(v, ".eE") {
		if string(v) == "-0" {
			return append(dst, '0')
		}
		return append(dst, v...)
	}
	f, _ := strconv.ParseFloat(string(v), 64)
	return AppendDouble(dst, f, 64)
}

// AppendDouble prints as Java's Double.toString and, with 32 bits, Float.toString.
func AppendDouble(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case f != f:
		return append(dst, "NaN"...)
	}
	from := len(dst)
	if abs := math.Abs(f); abs == 0 || abs >= 1e-3 && abs < 1e7 {
		dst = strconv.AppendFloat(dst, f, 'f', -1, bits)
		if bytes.IndexByte(dst[from:], '.') < 0 {
			dst = append(dst, ".0"...)
		}
		return dst
	}
	var buf [32]byte
	text := strconv.AppendFloat(buf[:0], f, 'e', -1, bits)
	if k := bytes.IndexByte(text, 'e'); k < 3 && math.Abs(f) < 1e-37 {
		// Of a subnormal number with a single digit Java writes the nearest second one too: 4.9E-324.
		if two := strconv.AppendFloat(nil, f, 'e', 1, bits); sameFloat(two, f, bits) {
			text = two
		}
	}
	mant, exp, _ := bytes.Cut(text, []byte("e"))
	dst = append(dst, mant...)
	if bytes.IndexByte(mant, '.') < 0 {
		dst = append(dst, ".0"...)
	}
	k, _ := strconv.Atoi(string(exp))
	return strconv.AppendInt(append(dst, 'E'), int64(k), 10)
}

func sameFloat(text []byte, f float64, bits int) bool {
	back, err := strconv.ParseFloat(string(text), bits)
	return err == nil && back == f
}

// AppendString appends text as a JSON string the way Jackson writes it.
func AppendString(dst []byte, s string) []byte {
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
		case c == '\b':
			dst = append(dst, `\b`...)
		case c == '\f':
			dst = append(dst, `\f`...)
		case c < ' ':
			dst = append(dst, `\u00`...)
			dst = append(dst, "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// AppendJSON appends the value as Flink writes it again: without spaces, each member once.
func AppendJSON(dst, v []byte) []byte {
	switch v[0] {
	case '{':
		dst = append(dst, '{')
		keys, vals := members(v)
		for k := range keys {
			if k > 0 {
				dst = append(dst, ',')
			}
			dst = append(AppendString(dst, Text(keys[k])), ':')
			dst = AppendJSON(dst, vals[k])
		}
		return append(dst, '}')
	case '[':
		dst = append(dst, '[')
		first := true
		each(v, func(_, val []byte) bool {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = AppendJSON(dst, val)
			return true
		})
		return append(dst, ']')
	case '"':
		if bytes.IndexByte(v, '\\') < 0 {
			return append(dst, v...)
		}
		return AppendString(dst, Text(v))
	}
	return AppendText(dst, v)
}

// Elements calls f with the text of each element of an array as Java's Object.toString gives it.
func Elements(v []byte, f func(text []byte, null bool)) {
	var buf []byte
	each(v, func(_, val []byte) bool {
		null := val[0] == 'n'
		if buf = buf[:0]; !null {
			buf = appendJava(buf, val)
		}
		f(buf, null)
		return true
	})
}

func appendJava(dst, v []byte) []byte {
	switch v[0] {
	case '{':
		dst = append(dst, '{')
		keys, vals := members(v)
		for k := range keys {
			if k > 0 {
				dst = append(dst, ", "...)
			}
			dst = append(AppendText(dst, keys[k]), '=')
			dst = appendJava(dst, vals[k])
		}
		return append(dst, '}')
	case '[':
		dst = append(dst, '[')
		for k, x := range elements(v) {
			if k > 0 {
				dst = append(dst, ", "...)
			}
			dst = appendJava(dst, x)
		}
		return append(dst, ']')
	}
	return AppendText(dst, v)
}

// equal compares two values as Java's parsed trees.
func equal(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(AppendJSON(nil, a), &x) == nil && json.Unmarshal(AppendJSON(nil, b), &y) == nil && deepEqual(x, y)
}

func deepEqual(x, y any) bool {
	switch x := x.(type) {
	case map[string]any:
		y, ok := y.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k, v := range x {
			if w, ok := y[k]; !ok || !deepEqual(v, w) {
				return false
			}
		}
		return true
	case []any:
		y, ok := y.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k := range x {
			if !deepEqual(x[k], y[k]) {
				return false
			}
		}
		return true
	}
	return x == y
}
