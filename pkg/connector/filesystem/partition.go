package filesystem

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/connector/internal/cell"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
)

// escaped are the characters that Hive writes as %XX in directory names, besides control characters.
const escaped = "\"#%'*/:=?\\{}[]^\x7f"

func escape(dst []byte, s []byte) []byte {
	for _, c := range s {
		if c < 0x20 || strings.IndexByte(escaped, c) >= 0 {
			dst = fmt.Appendf(dst, "%%%02X", c)
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

// appendPartition writes row i's directory: dt=2024-01-31/hm=1055.
func (tb *table) appendPartition(dst []byte, b *batch.Batch, cols []int, i int) []byte {
	var value []byte
	for p, col := range tb.partition {
		if p > 0 {
			dst = append(dst, '/')
		}
		dst = append(escape(dst, []byte(tb.t.Columns[col].Name)), '=')
		a := b.Cols[cols[p]]
		if a.IsNull(i) {
			dst = append(dst, tb.null...)
			continue
		}
		if value = cell.Append(value[:0], a, i); len(value) == 0 {
			dst = append(dst, tb.null...) // Hive has no empty names
			continue
		}
		dst = escape(dst, value)
	}
	return dst
}

// partitionValues reads a directory back; nil stands for null. ok is false for a path that is not of the table's layout.
func (tb *table) partitionValues(dir string) (values []*string, ok bool) {
	var parts []string
	if dir != "" && dir != "." {
		parts = strings.Split(dir, "/")
	}
	if len(parts) != len(tb.partition) {
		return nil, false
	}
	for i, part := range parts {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return nil, false
		}
		name, err := url.PathUnescape(name)
		if err != nil || name != tb.t.Columns[tb.partition[i]].Name {
			return nil, false
		}
		if value == tb.null {
			values = append(values, nil)
			continue
		}
		if value, err = url.PathUnescape(value); err != nil {
			return nil, false
		}
		values = append(values, &value)
	}
	return values, true
}

// patternNames are the columns that a pattern names.
func patternNames(pattern string) []string {
	var out []string
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '$' {
			continue
		}
		j := i + 1
		for j < len(pattern) && (pattern[j] == '_' || pattern[j] >= '0' && pattern[j] <= '9' || pattern[j]|0x20 >= 'a' && pattern[j]|0x20 <= 'z') {
			j++
		}
		if j > i+1 {
			out = append(out, pattern[i+1:j])
		}
		i = j - 1
	}
	return out
}

// partitionStart is the time that a partition's values name. A partition whose values name none, such as the one of nulls, has ok false.
func (tb *table) partitionStart(dir string, zone *time.Location) (t time.Time, ok bool) {
	values, ok := tb.partitionValues(dir)
	if !ok {
		return t, false
	}
	byName := map[string]string{}
	var all []string
	for i, v := range values {
		if v == nil {
			return t, false
		}
		byName[tb.t.Columns[tb.partition[i]].Name] = *v
		all = append(all, *v)
	}
	text := strings.Join(all, " ")
	if tb.pattern != "" {
		text = tb.pattern
		// Longest names first: $hm is not $h followed by m.
		names := patternNames(tb.pattern)
		slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) })
		for _, n := range names {
			text = strings.ReplaceAll(text, "$"+n, byName[n])
		}
	}
	return parseStart(text, zone)
}

// parseStart reads year, month, day, hour, minute and second in that order, whatever stands between; what is missing at the end is zero.
func parseStart(s string, zone *time.Location) (time.Time, bool) {
	digits := make([]byte, 0, 14)
	for i := 0; i < len(s) && len(digits) < 14; i++ {
		if s[i] >= '0' && s[i] <= '9' {
			digits = append(digits, s[i])
		}
	}
	layout := "20060102150405"
	if n := len(digits); n < 8 || n%2 != 0 {
		return time.Time{}, false
	}
	t, err := time.ParseInLocation(layout[:len(digits)], string(digits), zone)
	return t, err == nil
}
