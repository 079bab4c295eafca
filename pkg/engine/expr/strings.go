package expr

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
)

// stringFunctions count in characters (code points), from 1.
func stringFunctions() map[string]builder {
	return map[string]builder{
		"UPPER": mapCase(true), "LOWER": mapCase(false), "TRIM": trim(true, true), "BTRIM": trim(true, true), "LTRIM": trim(true, false), "RTRIM": trim(false, true),
		"SUBSTRING": substring, "SUBSTR": substring, "LEFT": leftRight(true), "RIGHT": leftRight(false), "LPAD": pad(true), "RPAD": pad(false),
		"REPLACE": replace, "REVERSE": reverse, "CONCAT": concat, "||": concat, "CONCAT_WS": concatWS, "CHAR_LENGTH": length(false), "CHARACTER_LENGTH": length(false),
		"OCTET_LENGTH": length(true), "INITCAP": initcap, "SPLIT_INDEX": splitIndex, "REPEAT": repeat, "ASCII": ascii, "CHR": chr,
		"OVERLAY": overlay, "TRANSLATE": translate, "ELT": elt,
	}
}

// text1 makes a function of one string that appends its result.
func text1(b *binding, f func(dst []byte, s string) ([]byte, bool)) (impl, error) {
	if err := b.arity(1, 1); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		s := strs(a[0])
		return toStrings(t, n, kernel.Valid(n, a[0]), s.Size(n), func(i int, dst []byte) ([]byte, bool) { return f(dst, s.At(i)) }), nil
	}, nil
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func mapCase(upper bool) builder {
	lo, hi, diff := byte('A'), byte('Z'), byte('a'-'A')
	wide := unicode.ToLower
	if upper {
		lo, hi = 'a', 'z'
		wide = unicode.ToUpper
	}
	return func(b *binding) (impl, error) {
		return text1(b, func(dst []byte, s string) ([]byte, bool) {
			if !isASCII(s) {
				for _, r := range s {
					if upper && r == 'ß' {
						dst = append(dst, "SS"...)
						continue
					}
					dst = utf8.AppendRune(dst, wide(r))
				}
				return dst, true
			}
			from := len(dst)
			dst = append(dst, s...)
			for i, c := range dst[from:] {
				if c >= lo && c <= hi {
					dst[from+i] = c ^ diff
				}
			}
			return dst, true
		})
	}
}

// trim takes the characters of its second argument, space by default, off the ends.
func trim(left, right bool) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(1, 2); err != nil {
			return nil, err
		}
		t := b.out()
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			s := strs(a[0])
			set := func(int) string { return " " }
			if len(a) > 1 {
				c := strs(a[1])
				set = c.At
			}
			return toStrings(t, n, kernel.Valid(n, a...), s.Size(n), func(i int, dst []byte) ([]byte, bool) {
				v, chars := s.At(i), set(i)
				if left {
					v = strings.TrimLeft(v, chars)
				}
				if right {
					v = strings.TrimRight(v, chars)
				}
				return append(dst, v...), true
			}), nil
		}, nil
	}
}

// clampInt brings a position into the range in which sums cannot overflow.
func clampInt(v int64) int { return int(min(max(v, -1<<31), 1<<31-1)) }

// substring is SUBSTRING(s, from[, length]): from counts from the end when negative, 0 is 1.
func substring(b *binding) (impl, error) {
	if err := b.arity(2, 3); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		s, from := strs(a[0]), ints(a[1], n)
		count := kernel.Nums[int64]{V: []int64{1<<31 - 1}}
		if len(a) > 2 {
			count = ints(a[2], n)
		}
		return toStrings(t, n, kernel.Valid(n, a...), s.Size(n), func(i int, dst []byte) ([]byte, bool) {
			v, p, k := s.At(i), clampInt(from.At(i)), clampInt(count.At(i))
			if k < 0 {
				return dst, false
			}
			switch {
			case p > 0:
				p--
			case p < 0:
				if p += utf8.RuneCountInString(v); p < 0 {
					return dst, true
				}
			}
			v = v[byteAt(v, p):]
			return append(dst, v[:byteAt(v, k)]...), true
		}), nil
	}, nil
}

func leftRight(left bool) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(2, 2); err != nil {
			return nil, err
		}
		t := b.out()
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			s, count := strs(a[0]), ints(a[1], n)
			return toStrings(t, n, kernel.Valid(n, a...), s.Size(n), func(i int, dst []byte) ([]byte, bool) {
				v, k := s.At(i), max(clampInt(count.At(i)), 0)
				if left {
					return append(dst, v[:byteAt(v, k)]...), true
				}
				return append(dst, v[byteAt(v, utf8.RuneCountInString(v)-k):]...), true
			}), nil
		}, nil
	}
}

// maxText bounds what LPAD, RPAD and REPEAT make out of one row.
const maxText = 64 << 20

func pad(left bool) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(3, 3); err != nil {
			return nil, err
		}
		t := b.out()
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			s, count, fill := strs(a[0]), ints(a[1], n), strs(a[2])
			return toStrings(t, n, kernel.Valid(n, a...), 2*s.Size(n), func(i int, dst []byte) ([]byte, bool) {
				v, k, p := s.At(i), clampInt(count.At(i)), fill.At(i)
				if k < 0 || p == "" || k > maxText {
					return dst, false
				}
				v = v[:byteAt(v, k)]
				missing := k - utf8.RuneCountInString(v)
				if !left {
					dst = append(dst, v...)
				}
				for chars := utf8.RuneCountInString(p); missing > 0; missing -= chars {
					dst = append(dst, p[:byteAt(p, missing)]...)
				}
				if left {
					dst = append(dst, v...)
				}
				return dst, true
			}), nil
		}, nil
	}
}

func replace(b *binding) (impl, error) {
	if err := b.arity(3, 3); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		s, old, with := strs(a[0]), strs(a[1]), strs(a[2])
		return toStrings(t, n, kernel.Valid(n, a...), s.Size(n), func(i int, dst []byte) ([]byte, bool) {
			v, o, w := s.At(i), old.At(i), with.At(i)
			if o == "" {
				return append(dst, strings.ReplaceAll(v, o, w)...), true
			}
			for {
				k := strings.Index(v, o)
				if k < 0 {
					return append(dst, v...), true
				}
				dst = append(append(dst, v[:k]...), w...)
				v = v[k+len(o):]
			}
		}), nil
	}, nil
}

func reverse(b *binding) (impl, error) {
	return text1(b, func(dst []byte, s string) ([]byte, bool) {
		for s != "" {
			_, k := utf8.DecodeLastRuneInString(s)
			dst = append(dst, s[len(s)-k:]...)
			s = s[:len(s)-k]
		}
		return dst, true
	})
}

// concat is CONCAT and ||: null when any argument is.
func concat(b *binding) (impl, error) {
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		parts, size := make([]kernel.Strs, len(a)), 0
		for k, v := range a {
			parts[k] = strs(v)
			size += parts[k].Size(n)
		}
		return toStrings(t, n, kernel.Valid(n, a...), size, func(i int, dst []byte) ([]byte, bool) {
			for k := range parts {
				dst = append(dst, parts[k].Bytes(i)...)
			}
			return dst, true
		}), nil
	}, nil
}

// concatWS joins the arguments that are not null; null only when the separator is.
func concatWS(b *binding) (impl, error) {
	if err := b.arity(1, 255); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		sep := strs(a[0])
		parts, valid := make([]kernel.Strs, len(a)-1), make([][]byte, len(a)-1)
		for k, v := range a[1:] {
			parts[k], valid[k] = strs(v), kernel.Valid(n, v)
		}
		return toStrings(t, n, kernel.Valid(n, a[0]), 16*n, func(i int, dst []byte) ([]byte, bool) {
			first := true
			for k := range parts {
				if !kernel.IsValid(valid[k], i) {
					continue
				}
				if !first {
					dst = append(dst, sep.Bytes(i)...)
				}
				first = false
				dst = append(dst, parts[k].Bytes(i)...)
			}
			return dst, true
		}), nil
	}, nil
}

func length(octets bool) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(1, 1); err != nil {
			return nil, err
		}
		t := b.out()
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			s := strs(a[0])
			return intColumn(t, n, kernel.Valid(n, a[0]), func(i int) (int64, bool) {
				if octets {
					return int64(len(s.Bytes(i))), true
				}
				return int64(utf8.RuneCount(s.Bytes(i))), true
			}), nil
		}, nil
	}
}

// initcap knows ASCII letters and digits as words, as Calcite does.
func initcap(b *binding) (impl, error) {
	return text1(b, func(dst []byte, s string) ([]byte, bool) {
		inWord := false
		for i := 0; i < len(s); i++ {
			c := s[i]
			switch {
			case c >= 'a' && c <= 'z':
				if !inWord {
					c -= 'a' - 'A'
				}
				inWord = true
			case c >= 'A' && c <= 'Z':
				if inWord {
					c += 'a' - 'A'
				}
				inWord = true
			default:
				inWord = c >= '0' && c <= '9'
			}
			dst = append(dst, c)
		}
		return dst, true
	})
}

// splitIndex is SPLIT_INDEX(s, separator or its character code, index from 0).
func splitIndex(b *binding) (impl, error) {
	if err := b.arity(3, 3); err != nil {
		return nil, err
	}
	t, code := b.out(), b.typ(1).IsInteger()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		s, idx := strs(a[0]), ints(a[2], n)
		var sep kernel.Strs
		var char kernel.Nums[int64]
		if code {
			char = ints(a[1], n)
		} else {
			sep = strs(a[1])
		}
		var buf [4]byte
		return toStrings(t, n, kernel.Valid(n, a...), s.Size(n), func(i int, dst []byte) ([]byte, bool) {
			v, k := s.At(i), idx.At(i)
			if k < 0 || v == "" {
				return dst, false
			}
			var by string
			if code {
				c := char.At(i)
				if c < 1 || c > 255 {
					return dst, false
				}
				by = string(utf8.AppendRune(buf[:0], rune(c)))
			} else if by = sep.At(i); by == "" { // at every white space
				for ; k > 0; k-- {
					at := strings.IndexFunc(v, isWhitespace)
					if at < 0 {
						return dst, false
					}
					v = v[at+byteAt(v[at:], 1):]
				}
				if at := strings.IndexFunc(v, isWhitespace); at >= 0 {
					v = v[:at]
				}
				return append(dst, v...), true
			}
			for ; ; k-- {
				at := strings.Index(v, by)
				if k == 0 {
					if at >= 0 {
						v = v[:at]
					}
					return append(dst, v...), true
				}
				if at < 0 {
					return dst, false
				}
				v = v[at+len(by):]
			}
		}), nil
	}, nil
}

// isWhitespace is Java's Character.isWhitespace.
func isWhitespace(r rune) bool {
	switch r {
	case 0xa0, 0x2007, 0x202f, 0x85:
		return false
	case 0x1c, 0x1d, 0x1e, 0x1f:
		return true
	}
	return unicode.IsSpace(r)
}

func repeat(b *binding) (impl, error) {
	if err := b.arity(2, 2); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		s, count := strs(a[0]), ints(a[1], n)
		return toStrings(t, n, kernel.Valid(n, a...), s.Size(n), func(i int, dst []byte) ([]byte, bool) {
			v, k := s.Bytes(i), clampInt(count.At(i))
			if k > 0 && k*len(v) > maxText {
				return dst, false
			}
			for ; k > 0; k-- {
				dst = append(dst, v...)
			}
			return dst, true
		}), nil
	}, nil
}

// ascii is the first byte, with its sign as in Flink; 0 of an empty string.
func ascii(b *binding) (impl, error) {
	if err := b.arity(1, 1); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		s := strs(a[0])
		return intColumn(t, n, kernel.Valid(n, a[0]), func(i int) (int64, bool) {
			v := s.Bytes(i)
			if len(v) == 0 {
				return 0, true
			}
			return int64(int8(v[0])), true
		}), nil
	}, nil
}

// chr is the character of a code, modulo 256; empty for negative codes.
func chr(b *binding) (impl, error) {
	if err := b.arity(1, 1); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		x := ints(a[0], n)
		return toStrings(t, n, kernel.Valid(n, a[0]), 2*n, func(i int, dst []byte) ([]byte, bool) {
			if x.At(i) < 0 {
				return dst, true
			}
			return utf8.AppendRune(dst, rune(x.At(i)&0xff)), true
		}), nil
	}, nil
}

// overlay is OVERLAY(s PLACING r FROM start [FOR length]).
func overlay(b *binding) (impl, error) {
	if err := b.arity(3, 4); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		s, r, from := strs(a[0]), strs(a[1]), ints(a[2], n)
		count := func(i int) int64 { return int64(utf8.RuneCount(r.Bytes(i))) }
		if len(a) > 3 {
			c := ints(a[3], n)
			count = c.At
		}
		return toStrings(t, n, kernel.Valid(n, a...), 2*s.Size(n), func(i int, dst []byte) ([]byte, bool) {
			v, p, k := s.At(i), clampInt(from.At(i)), clampInt(count(i))
			chars := utf8.RuneCountInString(v)
			if p <= 0 || p > chars {
				return append(dst, v...), true
			}
			dst = append(append(dst, v[:byteAt(v, p-1)]...), r.Bytes(i)...)
			if p+k <= chars && k > 0 {
				dst = append(dst, v[byteAt(v, p-1+k):]...)
			}
			return dst, true
		}), nil
	}, nil
}

// translate replaces each character of the second argument by the one at its place in the third, or by nothing.
func translate(b *binding) (impl, error) {
	if err := b.arity(3, 3); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		s, from, to := strs(a[0]), strs(a[1]), strs(a[2])
		return toStrings(t, n, kernel.Valid(n, a...), s.Size(n), func(i int, dst []byte) ([]byte, bool) {
			f, w := from.At(i), to.At(i)
			for _, r := range s.At(i) {
				at := strings.IndexRune(f, r)
				if at < 0 {
					dst = utf8.AppendRune(dst, r)
					continue
				}
				k := utf8.RuneCountInString(f[:at])
				dst = append(dst, w[byteAt(w, k):byteAt(w, k+1)]...)
			}
			return dst, true
		}), nil
	}, nil
}

// elt is ELT(k, s1, s2, …): the k-th of the strings.
func elt(b *binding) (impl, error) {
	if err := b.arity(2, 255); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		k := ints(a[0], n)
		parts, valid := make([]kernel.Strs, len(a)), make([][]byte, len(a))
		for j, v := range a[1:] {
			parts[j+1], valid[j+1] = strs(v), kernel.Valid(n, v)
		}
		return toStrings(t, n, kernel.Valid(n, a[0]), 16*n, func(i int, dst []byte) ([]byte, bool) {
			j := k.At(i)
			if j < 1 || j >= int64(len(a)) || !kernel.IsValid(valid[j], i) {
				return dst, false
			}
			return append(dst, parts[j].Bytes(i)...), true
		}), nil
	}, nil
}

// splitInto appends the parts of s to data and their ends to pos.
func splitInto(data []byte, pos []int32, s, sep string) ([]byte, []int32) {
	for {
		k := -1
		if sep != "" {
			k = strings.Index(s, sep)
		} else if w := byteAt(s, 1); w < len(s) {
			k = w
		}
		if k < 0 {
			data = append(data, s...)
			return data, append(pos, int32(len(data)))
		}
		data = append(data, s[:k]...)
		pos = append(pos, int32(len(data)))
		s = s[k+len(sep):]
	}
}
