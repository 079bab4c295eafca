package json

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/freshet-dw/freshet/pkg/format/internal/text"
)

var (
	errUTF8   = errors.New("a string is not valid UTF-8")
	errEscape = errors.New("a string has an invalid escape")
)

// unescape returns the text of a string given without its quotes. Without escapes that is s itself, else it is kept in
// *buf until the next call. Half a surrogate pair becomes '?', as it does in Flink.
func unescape(buf *[]byte, s []byte) ([]byte, error) {
	at := bytes.IndexByte(s, '\\')
	if at < 0 {
		if !utf8.Valid(s) {
			return nil, errUTF8
		}
		return s, nil
	}
	out := (*buf)[:0]
	for at >= 0 {
		out = append(out, s[:at]...)
		if at+1 >= len(s) {
			return nil, errEscape
		}
		c := s[at+1]
		s = s[at+2:]
		switch c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, ok := hex4(s)
			if !ok {
				return nil, errEscape
			}
			s = s[4:]
			if utf16.IsSurrogate(r) {
				low, ok := rune(0), false
				if len(s) >= 6 && s[0] == '\\' && s[1] == 'u' {
					low, ok = hex4(s[2:])
				}
				if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
					r = pair
					s = s[6:]
				} else {
					r = '?'
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			return nil, errEscape
		}
		at = bytes.IndexByte(s, '\\')
	}
	out = append(out, s...)
	*buf = out
	if !utf8.Valid(out) {
		return nil, errUTF8
	}
	return out, nil
}

func hex4(s []byte) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range s[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

const hexDigits = "0123456789ABCDEF"

// appendQuoted writes s as a JSON string with the escapes that Jackson writes: characters beyond U+FFFF are two of them.
func appendQuoted(dst, s []byte) []byte {
	dst = append(dst, '"')
	from := 0
	for i, c := range s {
		if c >= ' ' && c != '"' && c != '\\' && c < 0xf0 {
			continue
		}
		if c >= 0xf0 {
			if r, n := utf8.DecodeRune(s[i:]); r != utf8.RuneError {
				high, low := utf16.EncodeRune(r)
				dst = append(dst, s[from:i]...)
				dst = appendEscape(appendEscape(dst, high), low)
				from = i + n
			}
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

func appendEscape(dst []byte, r rune) []byte {
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// appendCompact writes the array or object v without white space, with the escapes and numbers that Jackson writes: what has a fraction or an
// exponent is a double.
func appendCompact(dst []byte, buf *[]byte, v []byte) ([]byte, error) {
	for i := 0; i < len(v); {
		switch c := v[i]; c {
		case ' ', '\n', '\r', '\t':
			i++
		case '"':
			end, err := stringEnd(v, i+1)
			if err != nil {
				return nil, err
			}
			s, err := unescape(buf, v[i+1:end])
			if err != nil {
				return nil, err
			}
			dst = appendQuoted(dst, s)
			i = end + 1
		case '{', '}', '[', ']', ',', ':':
			dst = append(dst, c)
			i++
		default:
			end, err := skip(v, i)
			if err != nil {
				return nil, err
			}
			if s := v[i:end]; !isNumber(s) && !isLiteral(s) {
				return nil, notValue(s)
			}
			if s := v[i:end]; bytes.ContainsAny(s, ".eE") && s[0] != 't' && s[0] != 'f' {
				f, err := text.Float(s, 64)
				if err != nil {
					return nil, err
				}
				dst = appendFloat(dst, f, 64)
			} else {
				dst = append(dst, s...)
			}
			i = end
		}
	}
	return dst, nil
}

func isLiteral(s []byte) bool {
	return string(s) == "true" || string(s) == "false" || string(s) == "null"
}

// isNumber checks JSON's grammar of numbers.
func isNumber(s []byte) bool {
	i := 0
	if i < len(s) && s[i] == '-' {
		i++
	}
	n := digits(s, i)
	if n == i || s[i] == '0' && n > i+1 {
		return false
	}
	if i = n; i < len(s) && s[i] == '.' {
		if n = digits(s, i+1); n == i+1 {
			return false
		}
		i = n
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		if i++; i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if n = digits(s, i); n == i {
			return false
		}
		i = n
	}
	return i == len(s)
}

func digits(s []byte, i int) int {
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return i
}

func notValue(s []byte) error { return fmt.Errorf("%q is no JSON value", clip(s)) }

// clip keeps a text short enough for a message.
func clip(s []byte) []byte {
	if len(s) > 64 {
		return append(append([]byte(nil), s[:60]...), "…"...)
	}
	return s
}
