package oracle

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// list prints values as batch.RowString prints a row's.
func list(vs []json.RawMessage) (string, error) {
	texts := make([]string, len(vs))
	for i, v := range vs {
		var err error
		if texts[i], err = value(v); err != nil {
			return "", err
		}
	}
	return "[" + strings.Join(texts, ", ") + "]", nil
}

// value prints one value of the form that RowJson.java writes.
func value(v json.RawMessage) (string, error) {
	switch v[0] {
	case 'n':
		return "NULL", nil
	case '"':
		var s string
		err := json.Unmarshal(v, &s)
		return s, err
	}
	var o struct {
		F, D, B *string
		TS, LTZ *[2]int64
		Date    *int64
		Time    *int64
		A, R    *[]json.RawMessage
		M       *[][2]json.RawMessage
	}
	if err := json.Unmarshal(v, &o); err != nil {
		return "", err
	}
	switch {
	case o.F != nil:
		bits, err := strconv.ParseUint(*o.F, 10, 32)
		return strconv.FormatFloat(float64(math.Float32frombits(uint32(bits))), 'g', -1, 32), err
	case o.D != nil:
		bits, err := strconv.ParseUint(*o.D, 10, 64)
		return strconv.FormatFloat(math.Float64frombits(bits), 'g', -1, 64), err
	case o.B != nil:
		return *o.B, nil
	case o.TS != nil:
		return timestamp(*o.TS), nil
	case o.LTZ != nil:
		return timestamp(*o.LTZ) + "Z", nil
	case o.Date != nil:
		return time.Unix(*o.Date*86400, 0).UTC().Format("2006-01-02"), nil
	case o.Time != nil:
		return time.UnixMilli(*o.Time).UTC().Format("15:04:05.000"), nil
	case o.A != nil:
		return list(*o.A)
	case o.R != nil:
		s, err := list(*o.R)
		return "+I" + s, err
	case o.M != nil:
		return pairs(*o.M)
	}
	return "", fmt.Errorf("no value: %s", v)
}

func pairs(m [][2]json.RawMessage) (string, error) {
	var out []string
	for _, kv := range m {
		k, err := value(kv[0])
		if err != nil {
			return "", err
		}
		v, err := value(kv[1])
		if err != nil {
			return "", err
		}
		out = append(out, k+"="+v)
	}
	return "{" + strings.Join(out, ", ") + "}", nil
}

// timestamp prints seconds and nanoseconds with a fraction of 0, 3, 6 or, beyond what Freshet keeps, 9 digits.
func timestamp(t [2]int64) string {
	layout := "2006-01-02T15:04:05"
	switch {
	case t[1] == 0:
	case t[1]%1_000_000 == 0:
		layout += ".000"
	case t[1]%1_000 == 0:
		layout += ".000000"
	default:
		layout += ".000000000"
	}
	return time.Unix(t[0], t[1]).UTC().Format(layout)
}

// canonical sorts the entries of every map in a row's text: maps have no order.
func canonical(text string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	out, _ := canonicalUntil(text, 0)
	return out
}

// canonicalUntil reads to the brace that ends the map it is in, or to the end.
func canonicalUntil(s string, depth int) (out string, rest string) {
	var entries []string
	var b strings.Builder
	brackets := 0
	for len(s) > 0 {
		switch c := s[0]; {
		case c == '{':
			var in string
			in, s = canonicalUntil(s[1:], depth+1)
			b.WriteString("{" + in + "}")
			continue
		case c == '}' && depth > 0:
			entries = append(entries, b.String())
			slices.Sort(entries)
			return strings.Join(entries, ", "), s[1:]
		case c == '[':
			brackets++
		case c == ']':
			brackets--
		case depth > 0 && brackets == 0 && strings.HasPrefix(s, ", "):
			entries = append(entries, b.String())
			b.Reset()
			s = s[2:]
			continue
		}
		b.WriteByte(s[0])
		s = s[1:]
	}
	if depth > 0 { // no map: a string with a brace in it
		return strings.Join(append(entries, b.String()), ", "), ""
	}
	return b.String(), ""
}
