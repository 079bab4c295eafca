package clickhouse

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// columnType is a parsed ClickHouse type name.
type columnType struct {
	text  string // as the server wrote it
	name  string // without its arguments
	args  []columnType
	names []string // of a tuple's elements; "" where an element has none
	words []string // arguments that are not types: precision, scale, length, enum values
}

// argument kinds by type name; every other type has words only.
var typeArgs = map[string]bool{"Nullable": true, "Array": true, "LowCardinality": true, "Map": true, "Tuple": true}

const maxTypeDepth = 32

func parseType(s string) (columnType, error) { return parseTypeAt(s, 0) }

func parseTypeAt(s string, depth int) (columnType, error) {
	s = strings.TrimSpace(s)
	t := columnType{text: s, name: s}
	if depth > maxTypeDepth {
		return t, fmt.Errorf("type is nested deeper than %d", maxTypeDepth)
	}
	open := strings.IndexByte(s, '(')
	if open < 0 {
		return t, nil
	}
	if !strings.HasSuffix(s, ")") {
		return t, fmt.Errorf("type %q: no closing bracket", s)
	}
	t.name = s[:open]
	for _, a := range splitArguments(s[open+1 : len(s)-1]) {
		switch {
		case t.name == "SimpleAggregateFunction":
			t.words = append(t.words, a)
		case !typeArgs[t.name]:
			t.words = append(t.words, a)
		default:
			name := ""
			if t.name == "Tuple" {
				name, a = elementName(a)
			}
			sub, err := parseTypeAt(a, depth+1)
			if err != nil {
				return t, err
			}
			t.args, t.names = append(t.args, sub), append(t.names, name)
		}
	}
	if t.name == "SimpleAggregateFunction" && len(t.words) > 0 { // stored as its value type
		return parseTypeAt(t.words[len(t.words)-1], depth+1)
	}
	if want := map[string]int{"Nullable": 1, "Array": 1, "LowCardinality": 1, "Map": 2}[t.name]; want > 0 && len(t.args) != want {
		return t, fmt.Errorf("type %q: has %d arguments, wants %d", s, len(t.args), want)
	}
	return t, nil
}

// equal compares without regard to spaces and quotes around names.
func (t columnType) equal(o columnType) bool {
	return t.name == o.name && slices.Equal(t.names, o.names) && slices.Equal(t.words, o.words) &&
		slices.EqualFunc(t.args, o.args, columnType.equal)
}

// word returns the i-th argument as a number, or def when there is none.
func (t columnType) word(i, def int) (int, error) {
	if i >= len(t.words) {
		return def, nil
	}
	n, err := strconv.Atoi(t.words[i])
	if err != nil {
		return 0, fmt.Errorf("type %q: argument %q is not a number", t.text, t.words[i])
	}
	return n, nil
}

// elementName cuts "name Type" and "`a name` Type" into both parts.
func elementName(s string) (name, rest string) {
	if inner, ok := strings.CutPrefix(s, "`"); ok {
		if i := strings.IndexByte(inner, '`'); i >= 0 {
			return inner[:i], inner[i+1:]
		}
	}
	i := strings.IndexByte(s, ' ')
	if b := strings.IndexByte(s, '('); i < 0 || b >= 0 && b < i {
		return "", s
	}
	return s[:i], s[i+1:]
}

// splitArguments cuts at the commas outside of brackets and quotes.
func splitArguments(s string) []string {
	var out []string
	depth, start, quote := 0, 0, byte(0)
	for i := 0; i < len(s); i++ {
		switch ch := s[i]; {
		case quote != 0:
			if ch == '\\' {
				i++
			} else if ch == quote {
				quote = 0
			}
		case ch == '\'' || ch == '`':
			quote = ch
		case ch == '(':
			depth++
		case ch == ')':
			depth--
		case ch == ',' && depth == 0:
			out = append(out, strings.TrimSpace(s[start:i]))
			start = i + 1
		}
	}
	if rest := strings.TrimSpace(s[start:]); rest != "" {
		out = append(out, rest)
	}
	return out
}

// enumValues reads an enum's arguments: 'name' = value.
func (t columnType) enumValues() (map[string]int, error) {
	values := make(map[string]int, len(t.words))
	for _, w := range t.words {
		i := strings.LastIndexByte(w, '=')
		if i < 0 {
			return nil, fmt.Errorf("type %q: %q has no value", t.text, w)
		}
		n, err := strconv.Atoi(strings.TrimSpace(w[i+1:]))
		if err != nil {
			return nil, fmt.Errorf("type %q: %q has no number", t.text, w)
		}
		name := strings.TrimSpace(w[:i])
		if len(name) < 2 || name[0] != '\'' || name[len(name)-1] != '\'' {
			return nil, fmt.Errorf("type %q: %q has no quoted name", t.text, w)
		}
		values[strings.NewReplacer(`\\`, `\`, `\'`, `'`).Replace(name[1:len(name)-1])] = n
	}
	return values, nil
}
