package json

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// Span is the place of a value in a message: data[From:To]. To 0 means that the key is missing.
type Span struct{ From, To int }

// Missing reports whether there is no value.
func (s Span) Missing() bool { return s.To == 0 }

var errEnd = errors.New("the JSON text ends early")

func unexpected(data []byte, i int, want string) error {
	if i >= len(data) {
		return errEnd
	}
	return fmt.Errorf("%q at byte %d where %s should be", data[i], i, want)
}

// space skips white space.
func space(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\r' || data[i] == '\t') {
		i++
	}
	return i
}

const (
	ones   = 0x0101010101010101
	highs  = 0x8080808080808080
	quotes = ones * '"'
	slashs = ones * '\\'
)

// zeroBytes has the high bit set in each byte of x that is zero, exact up to the first one.
func zeroBytes(x uint64) uint64 { return (x - ones) &^ x & highs }

// stringEnd returns the index of the quote that ends the string whose text begins at i.
func stringEnd(data []byte, i int) (int, error) {
	for {
		for i+8 <= len(data) {
			x := binary.LittleEndian.Uint64(data[i:])
			m := zeroBytes(x^quotes) | zeroBytes(x^slashs)
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) >> 3
			goto found
		}
		for i < len(data) && data[i] != '"' && data[i] != '\\' {
			i++
		}
		if i >= len(data) {
			return 0, errEnd
		}
	found:
		if data[i] == '"' {
			return i, nil
		}
		i += 2 // a backslash and what it escapes
		if i > len(data) {
			return 0, errEnd
		}
	}
}

// skip returns the end of the value that begins at i. It looks at the structure only: strings, brackets and where scalars
// end; what it skips is not checked further.
func skip(data []byte, i int) (int, error) {
	if i >= len(data) {
		return 0, errEnd
	}
	switch data[i] {
	case '"':
		end, err := stringEnd(data, i+1)
		return end + 1, err
	case '{', '[':
		return skipNested(data, i)
	case ',', ':', '}', ']':
		return 0, unexpected(data, i, "a value")
	}
	for ; i < len(data); i++ {
		if c := data[i]; c == ',' || c == '}' || c == ']' || c <= ' ' {
			break
		}
	}
	return i, nil
}

func skipNested(data []byte, i int) (int, error) {
	depth := 0
	var kinds uint64 // of the innermost 64 open brackets, 1 is an object
	for i < len(data) {
		switch data[i] {
		case '"':
			end, err := stringEnd(data, i+1)
			if err != nil {
				return 0, err
			}
			i = end
		case '{':
			depth++
			kinds = kinds<<1 | 1
		case '[':
			depth++
			kinds <<= 1
		case '}', ']':
			if depth <= 64 && (kinds&1 == 1) != (data[i] == '}') {
				return 0, unexpected(data, i, "another bracket")
			}
			kinds >>= 1
			if depth--; depth == 0 {
				return i + 1, nil
			}
		}
		i++
	}
	return 0, errEnd
}

// maxKeys bounds what a Keys remembers of keys that nobody wants: objects used as maps have endless ones.
const maxKeys = 1024

// Keys finds the values of wanted keys in objects. It remembers which key came after which one, so that a key is
// mostly found by comparing it with the one expected. It is not safe for concurrent use.
type Keys struct {
	wanted  map[string]int
	known   map[string]*key
	first   key
	scratch []byte
}

// key is a key seen before: its text up to and with the closing quote, the index wanted or -1, and its last successor.
type key struct {
	text  string
	index int
	next  *key
}

// NewKeys makes a Keys for names, all different.
func NewKeys(names ...string) *Keys {
	k := &Keys{wanted: make(map[string]int, len(names)), known: map[string]*key{}}
	for i, n := range names {
		k.wanted[n] = i
	}
	return k
}

// Find reads the object that begins at data[at] and sets spans[i] to the value of the i-th name; of a key that comes
// twice the last one counts. It returns the object's end.
func (k *Keys) Find(data []byte, at int, spans []Span) (int, error) {
	clear(spans)
	if at >= len(data) || data[at] != '{' {
		return 0, unexpected(data, at, "an object")
	}
	i := space(data, at+1)
	if i < len(data) && data[i] == '}' {
		return i + 1, nil
	}
	last := &k.first
	for {
		if i >= len(data) || data[i] != '"' {
			return 0, unexpected(data, i, "a key")
		}
		i++
		index := 0
		if e := last.next; e != nil && len(data)-i >= len(e.text) && string(data[i:i+len(e.text)]) == e.text {
			index, last = e.index, e
			i += len(e.text)
		} else {
			end, err := stringEnd(data, i)
			if err != nil {
				return 0, err
			}
			if e, err = k.lookup(data[i : end+1]); err != nil {
				return 0, err
			}
			index = -1
			if e != nil {
				index = e.index
				last.next = e
				last = e
			}
			i = end + 1
		}
		if i >= len(data) || data[i] != ':' {
			if i = space(data, i); i >= len(data) || data[i] != ':' {
				return 0, unexpected(data, i, "a colon")
			}
		}
		if i++; i < len(data) && data[i] <= ' ' {
			i = space(data, i)
		}
		end, err := skip(data, i)
		if err != nil {
			return 0, err
		}
		if index >= 0 {
			spans[index] = Span{i, end}
		}
		if i = end; i < len(data) && data[i] <= ' ' {
			i = space(data, i)
		}
		if i >= len(data) {
			return 0, errEnd
		}
		switch data[i] {
		case ',':
			i = space(data, i+1)
		case '}':
			return i + 1, nil
		default:
			return 0, unexpected(data, i, "a comma")
		}
	}
}

// lookup finds the entry of a key, given with its closing quote, or makes it. It is nil for the keys beyond maxKeys, which
// are not wanted.
func (k *Keys) lookup(quoted []byte) (*key, error) {
	if e := k.known[string(quoted)]; e != nil {
		return e, nil
	}
	name, err := unescape(&k.scratch, quoted[:len(quoted)-1])
	if err != nil {
		return nil, fmt.Errorf("a key: %w", err)
	}
	index, ok := k.wanted[string(name)]
	if !ok {
		index = -1
		if len(k.known) >= maxKeys {
			return nil, nil
		}
	}
	e := &key{text: string(quoted), index: index}
	k.known[e.text] = e
	return e, nil
}

// Elements calls f for each element of the array at s.
func Elements(data []byte, s Span, f func(Span) error) error {
	if data[s.From] != '[' {
		return unexpected(data, s.From, "an array")
	}
	i := space(data, s.From+1)
	if i < s.To && data[i] == ']' {
		return nil
	}
	for {
		end, err := skip(data, i)
		if err != nil {
			return err
		}
		if err := f(Span{i, end}); err != nil {
			return err
		}
		if i = space(data, end); i >= s.To {
			return errEnd
		}
		switch data[i] {
		case ',':
			i = space(data, i+1)
		case ']':
			return nil
		default:
			return unexpected(data, i, "a comma")
		}
	}
}

// IsNull reports whether the value is missing or null.
func IsNull(data []byte, s Span) bool {
	return s.Missing() || s.To-s.From == 4 && string(data[s.From:s.To]) == "null"
}

var errNoText = errors.New("not a string")

// Text returns the text of a string value, such as the names and kinds in envelopes.
func Text(data []byte, s Span) ([]byte, error) {
	if s.Missing() {
		return nil, errMissing
	}
	if data[s.From] != '"' {
		return nil, errNoText
	}
	t := data[s.From+1 : s.To-1]
	var buf []byte
	return unescape(&buf, t)
}
