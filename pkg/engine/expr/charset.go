package expr

import (
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
)

// encodingFunctions turn text into the bytes of a character set and back.
func encodingFunctions() map[string]builder {
	return map[string]builder{"ENCODE": encodeText, "DECODE": decodeText}
}

// charset encodes and decodes one character set. What has no place in it becomes a question mark, bytes that stand for nothing become U+FFFD, as in Java.
type charset struct {
	ascii, utf8 bool
	enc         encoding.Encoding
}

func newCharset(name string) (charset, error) {
	switch strings.ToUpper(name) {
	case "UTF-8", "UTF8":
		return charset{utf8: true}, nil
	case "US-ASCII", "ASCII", "ISO646-US":
		return charset{ascii: true}, nil
	case "UTF-16", "UTF16":
		return charset{enc: unicode.UTF16(unicode.BigEndian, unicode.UseBOM)}, nil
	case "UTF-16BE":
		return charset{enc: unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)}, nil
	case "UTF-16LE":
		return charset{enc: unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)}, nil
	}
	enc, err := ianaindex.IANA.Encoding(name)
	if err != nil || enc == nil {
		return charset{}, fault.WithRemedy(fault.Newf(fault.Config, "character set '%s' is not known", name), "use US-ASCII, ISO-8859-1, UTF-8, UTF-16BE, UTF-16LE, UTF-16 or GBK")
	}
	return charset{enc: enc}, nil
}

func (c charset) encode(dst, s []byte) []byte {
	switch {
	case c.utf8:
		return append(dst, s...)
	case c.ascii:
		for len(s) > 0 {
			r, k := utf8.DecodeRune(s)
			if s = s[k:]; r >= utf8.RuneSelf {
				r = '?'
			}
			dst = append(dst, byte(r))
		}
		return dst
	}
	enc := c.enc.NewEncoder()
	if out, _, err := transform.Bytes(enc, s); err == nil {
		return append(dst, out...)
	}
	for len(s) > 0 {
		_, k := utf8.DecodeRune(s)
		out, _, err := transform.Bytes(enc, s[:k])
		if err != nil {
			out = []byte{'?'}
		}
		dst, s = append(dst, out...), s[k:]
	}
	return dst
}

func (c charset) decode(dst, b []byte) []byte {
	switch {
	case c.utf8:
		if utf8.Valid(b) {
			return append(dst, b...)
		}
		for len(b) > 0 {
			r, k := utf8.DecodeRune(b)
			dst, b = utf8.AppendRune(dst, r), b[k:]
		}
		return dst
	case c.ascii:
		for _, x := range b {
			r := rune(x)
			if x >= utf8.RuneSelf {
				r = utf8.RuneError
			}
			dst = utf8.AppendRune(dst, r)
		}
		return dst
	}
	out, _, _ := transform.Bytes(c.enc.NewDecoder(), b) // decoders put U+FFFD and go on
	return append(dst, out...)
}

func encodeText(b *binding) (impl, error) { return convertText(b, charset.encode) }
func decodeText(b *binding) (impl, error) { return convertText(b, charset.decode) }

// convertText is ENCODE(text, charset) and DECODE(bytes, charset).
func convertText(b *binding, f func(c charset, dst, s []byte) []byte) (impl, error) {
	if err := b.arity(2, 2); err != nil {
		return nil, err
	}
	m := newMemo(newCharset)
	if name, ok := b.str(1); ok {
		if _, err := m.get(name); err != nil {
			return nil, err
		}
	} else {
		b.fail = true
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		s, name := strs(a[0]), strs(a[1])
		out := toStrings(t, n, kernel.Valid(n, a...), s.Size(n), func(i int, dst []byte) ([]byte, bool) {
			c, err := m.get(name.At(i))
			if err != nil {
				failed = fault.Wrap(fault.Permanent, err, "%s", b.call.Func)
				return dst, false
			}
			return f(c, dst, s.Bytes(i)), true
		})
		return out, failed
	}, nil
}
