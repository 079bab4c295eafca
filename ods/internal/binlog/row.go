package binlog

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"strconv"
)

// row holds the values of a row as text, one after the other.
type row struct {
	buf  []byte
	ends []int
	null []bool
}

func (r *row) reset() { r.buf, r.ends, r.null = r.buf[:0], r.ends[:0], r.null[:0] }

func (r *row) text(i int) []byte {
	from := 0
	if i > 0 {
		from = r.ends[i-1]
	}
	return r.buf[from:r.ends[i]]
}

func (r *row) equal(o *row, i int) bool {
	return r.null[i] == o.null[i] && bytes.Equal(r.text(i), o.text(i))
}

func (r *row) end(null bool) {
	r.ends = append(r.ends, len(r.buf))
	r.null = append(r.null, null)
}

// logged fills the row from the binlog's values.
func (r *row) logged(t *table, values []any) error {
	r.reset()
	for i := range t.columns {
		if values[i] == nil {
			r.end(true)
			continue
		}
		var err error
		if r.buf, err = appendLogged(r.buf, &t.columns[i], values[i]); err != nil {
			return fmt.Errorf("column %s: %w", t.columns[i].name, err)
		}
		r.end(false)
	}
	return nil
}

// appendLogged appends a value of the binlog as text.
func appendLogged(b []byte, c *column, v any) ([]byte, error) {
	switch c.kind {
	case kindInt:
		n, ok := integer(v)
		if !ok {
			break
		}
		if c.unsigned {
			return strconv.AppendUint(b, uint64(n)&(math.MaxUint64>>(64-c.bits)), 10), nil
		}
		return strconv.AppendInt(b, n, 10), nil
	case kindDecimal, kindDate:
		if s, ok := v.(string); ok {
			return append(b, s...), nil
		}
	case kindDateTime, kindTime:
		if s, ok := v.(fmt.Stringer); ok {
			return append(b, s.String()...), nil
		}
		if s, ok := v.(string); ok {
			return padFraction(append(b, s...), s, c.frac), nil
		}
	case kindFloat:
		if f, ok := v.(float32); ok {
			return appendFloat(b, float64(f), 32), nil
		}
	case kindDouble:
		if f, ok := v.(float64); ok {
			return appendFloat(b, f, 64), nil
		}
	case kindBit:
		if n, ok := integer(v); ok {
			return strconv.AppendUint(b, uint64(n), 10), nil
		}
	case kindYear:
		if n, ok := integer(v); ok {
			return fmt.Appendf(b, "%04d", n), nil
		}
	case kindEnum:
		n, ok := integer(v)
		if !ok {
			break
		}
		if n < 0 || int(n) > len(c.values) {
			return b, fmt.Errorf("value %d of an ENUM with %d names", n, len(c.values))
		}
		if n > 0 { // 0 is the empty text of a value that was refused
			b = append(b, c.values[n-1]...)
		}
		return b, nil
	case kindSet:
		n, ok := integer(v)
		if !ok {
			break
		}
		first := true
		for i, name := range c.values {
			if uint64(n)&(1<<i) == 0 {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			b, first = append(b, name...), false
		}
		return b, nil
	case kindJSON:
		if s, ok := characters(v); ok {
			return appendJSONText(b, s)
		}
	case kindText:
		s, ok := characters(v)
		if !ok {
			break
		}
		if c.enc == nil {
			return append(b, s...), nil
		}
		out, err := c.enc.NewDecoder().Bytes(s)
		return append(b, out...), err
	case kindBinary:
		s, ok := characters(v)
		if !ok {
			break
		}
		for len(s) < c.length {
			s = append(s[:len(s):len(s)], make([]byte, c.length-len(s))...)
		}
		return base64.StdEncoding.AppendEncode(b, s), nil
	case kindInet6, kindInet4, kindUUID:
		if s, ok := characters(v); ok {
			return appendAddress(b, c.kind, s)
		}
	}
	return b, fmt.Errorf("the binlog has a %T", v)
}

func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int8:
		return int64(n), true
	case int16:
		return int64(n), true
	case int32:
		return int64(n), true
	case int64:
		return n, true
	case int:
		return int64(n), true
	}
	return 0, false
}

func characters(v any) ([]byte, bool) {
	switch s := v.(type) {
	case string:
		return []byte(s), true
	case []byte:
		return s, true
	}
	return nil, false
}

// padFraction gives a time its declared digits: the decoder leaves a fraction of zero out.
func padFraction(b []byte, s string, frac int) []byte {
	have := 0
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '.' {
			have = len(s) - 1 - i
			break
		}
	}
	if frac == 0 || have >= frac {
		return b
	}
	if have == 0 {
		b = append(b, '.')
	}
	for ; have < frac; have++ {
		b = append(b, '0')
	}
	return b
}

// appendFloat writes the shortest text that reads back the same, with an exponent only for very large and very small numbers.
func appendFloat(b []byte, f float64, bits int) []byte {
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(b, f, 'e', -1, bits)
	}
	return strconv.AppendFloat(b, f, 'f', -1, bits)
}

// appendJSONText writes a JSON document in one form, since the copy and the binlog order and space it differently.
func appendJSONText(b, doc []byte) ([]byte, error) {
	if len(doc) == 0 { // of a NOT NULL column filled by a lenient server
		return append(b, "null"...), nil
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return b, fmt.Errorf("not JSON: %w", err)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return b, err
	}
	return append(b, bytes.TrimRight(out.Bytes(), "\n")...), nil
}

// appendAddress writes MariaDB's fixed binary types as MariaDB prints them.
func appendAddress(b []byte, k kind, s []byte) ([]byte, error) {
	want := 16
	if k == kindInet4 {
		want = 4
	}
	if len(s) > want {
		return b, fmt.Errorf("%d bytes of an address", len(s))
	}
	full := make([]byte, want) // trailing zeros are not logged
	copy(full, s)
	if k == kindUUID {
		return appendUUID(b, full), nil
	}
	a, _ := netip.AddrFromSlice(full)
	return a.AppendTo(b), nil
}

func appendUUID(b, u []byte) []byte {
	for i, c := range u {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	return b
}

const hexDigits = "0123456789abcdef"

// copied fills the row from the text of a SELECT.
func (r *row) copied(t *table, values [][]byte) error {
	r.reset()
	for i := range t.columns {
		if values[i] == nil {
			r.end(true)
			continue
		}
		var err error
		if r.buf, err = appendCopied(r.buf, &t.columns[i], values[i]); err != nil {
			return fmt.Errorf("column %s: %w", t.columns[i].name, err)
		}
		r.end(false)
	}
	return nil
}

func appendCopied(b []byte, c *column, s []byte) ([]byte, error) {
	switch c.kind {
	case kindFloat, kindDouble:
		// A FLOAT is selected as DOUBLE: the server would round its text to six digits.
		f, err := strconv.ParseFloat(string(s), 64)
		bits := 64
		if c.kind == kindFloat {
			bits = 32
		}
		return appendFloat(b, f, bits), err
	case kindInt, kindDecimal: // ZEROFILL shows in the text only
		for len(s) > 1 && s[0] == '0' && s[1] != '.' {
			s = s[1:]
		}
	case kindYear:
		n, err := strconv.Atoi(string(s))
		return fmt.Appendf(b, "%04d", n), err
	case kindBinary:
		return base64.StdEncoding.AppendEncode(b, s), nil
	case kindJSON:
		return appendJSONText(b, s)
	}
	return append(b, s...), nil
}
