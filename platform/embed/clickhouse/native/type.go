package native

import (
	"fmt"
	"strconv"
	"strings"
)

type kind uint8

const (
	fixed    kind = iota // size bytes per value
	str                  // length and bytes
	nullable             // a byte per row, then sub[0]
	array                // an end offset per row, then sub[0]
	tuple                // every sub in turn
	lowCard              // dictionary of sub[0], then an index per row
	jsonText             // JSON written as strings, behind a version
)

// Type is what the layout of a column depends on: enough to find its end, not to read its values.
type Type struct {
	kind kind
	size int
	sub  []*Type
}

// maxDepth bounds the nesting of types, which come from the peer.
const maxDepth = 32

var fixedSizes = map[string]int{
	"Nothing": 1, "Bool": 1, "UInt8": 1, "Int8": 1, "Enum8": 1,
	"UInt16": 2, "Int16": 2, "Enum16": 2, "Date": 2, "BFloat16": 2,
	"UInt32": 4, "Int32": 4, "Float32": 4, "Date32": 4, "DateTime": 4, "IPv4": 4, "Decimal32": 4, "Time": 4,
	"UInt64": 8, "Int64": 8, "Float64": 8, "DateTime64": 8, "Time64": 8, "Decimal64": 8,
	"UInt128": 16, "Int128": 16, "UUID": 16, "IPv6": 16, "Decimal128": 16,
	"UInt256": 32, "Int256": 32, "Decimal256": 32,
}

var aliases = map[string]string{
	"Point":           "Tuple(Float64, Float64)",
	"Ring":            "Array(Point)",
	"LineString":      "Array(Point)",
	"Polygon":         "Array(Ring)",
	"MultiLineString": "Array(Ring)",
	"MultiPolygon":    "Array(Polygon)",
}

// ParseType reads a ClickHouse type name. Types whose layout depends on their data (Variant, Dynamic,
// AggregateFunction) give an error.
func ParseType(name string) (*Type, error) { return parseType(name, 0) }

func parseType(s string, depth int) (*Type, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("type is nested deeper than %d", maxDepth)
	}
	s = strings.TrimSpace(s)
	name, args := s, []string(nil)
	if i := strings.IndexByte(s, '('); i >= 0 && strings.HasSuffix(s, ")") {
		name, args = s[:i], splitArgs(s[i+1:len(s)-1])
	}
	first := ""
	if len(args) > 0 {
		first = args[0]
	}
	wrap := func(k kind, of string) (*Type, error) {
		t, err := parseType(of, depth+1)
		return &Type{kind: k, sub: []*Type{t}}, err
	}
	switch name {
	case "String":
		return &Type{kind: str}, nil
	case "JSON", "Object":
		return &Type{kind: jsonText}, nil
	case "FixedString":
		n, err := strconv.Atoi(first)
		if err != nil || n < 1 || n > 1<<24 {
			return nil, fmt.Errorf("type %s: bad length", s)
		}
		return &Type{kind: fixed, size: n}, nil
	case "Decimal":
		return parseDecimal(s, first)
	case "Nullable":
		return wrap(nullable, first)
	case "Array":
		return wrap(array, first)
	case "SimpleAggregateFunction":
		if len(args) < 2 {
			return nil, fmt.Errorf("type %s: no value type", s)
		}
		return parseType(args[len(args)-1], depth+1)
	case "LowCardinality":
		// The dictionary keeps null as its first key: no byte per row.
		if inner, ok := strings.CutPrefix(first, "Nullable("); ok && strings.HasSuffix(inner, ")") {
			first = strings.TrimSuffix(inner, ")")
		}
		return wrap(lowCard, first)
	case "Tuple":
		return parseTuple(args, depth)
	case "Map", "Nested":
		t, err := parseTuple(args, depth)
		return &Type{kind: array, sub: []*Type{t}}, err
	}
	if n, ok := fixedSizes[name]; ok {
		return &Type{kind: fixed, size: n}, nil
	}
	if alias, ok := aliases[s]; ok {
		return parseType(alias, depth+1)
	}
	if strings.HasPrefix(name, "Interval") {
		return &Type{kind: fixed, size: 8}, nil
	}
	return nil, fmt.Errorf("type %s is not supported over this protocol", s)
}

func parseDecimal(s, precision string) (*Type, error) {
	p, err := strconv.Atoi(precision)
	if err != nil || p < 1 || p > 76 {
		return nil, fmt.Errorf("type %s: bad precision", s)
	}
	size := 32
	switch {
	case p <= 9:
		size = 4
	case p <= 18:
		size = 8
	case p <= 38:
		size = 16
	}
	return &Type{kind: fixed, size: size}, nil
}

func parseTuple(elements []string, depth int) (*Type, error) {
	t := &Type{kind: tuple}
	for _, e := range elements {
		sub, err := parseType(e, depth+1)
		if err != nil { // a named element: "name Type" or "`a name` Type"
			sub, err = parseType(afterName(e), depth+1)
		}
		if err != nil {
			return nil, err
		}
		t.sub = append(t.sub, sub)
	}
	return t, nil
}

func afterName(s string) string {
	if rest, ok := strings.CutPrefix(s, "`"); ok {
		if i := strings.IndexByte(rest, '`'); i >= 0 {
			return rest[i+1:]
		}
	}
	if i := strings.IndexByte(s, ' '); i >= 0 {
		return s[i+1:]
	}
	return s
}

// splitArgs cuts a type's arguments at the commas outside of brackets and quotes.
func splitArgs(s string) []string {
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
	if rest := strings.TrimSpace(s[start:]); rest != "" || len(out) > 0 {
		out = append(out, rest)
	}
	return out
}
