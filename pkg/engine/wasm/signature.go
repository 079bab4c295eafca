package wasm

import (
	"fmt"
	"strings"

	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/parse"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// signature is one line of freshet_functions.
type signature struct {
	name     string
	kind     catalog.FunctionKind
	params   []types.Type
	result   types.Type
	nulls    bool // CALLED ON NULL INPUT
	volatile bool
	retract  bool
	merge    bool
}

func parseSignatures(text string) ([]signature, error) {
	var out []signature
	for n, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		s, err := parseSignature(line)
		if err != nil {
			return nil, fmt.Errorf("line %d, %q: %w", n+1, line, err)
		}
		out = append(out, s)
	}
	return out, nil
}

func parseSignature(line string) (signature, error) {
	var s signature
	word, rest, _ := strings.Cut(line, " ")
	kind, ok := map[string]catalog.FunctionKind{"SCALAR": catalog.ScalarFunction, "TABLE": catalog.TableFunction, "AGGREGATE": catalog.AggregateFunction}[word]
	if !ok {
		return s, fmt.Errorf("it begins with SCALAR, TABLE or AGGREGATE")
	}
	s.kind = kind
	for again := true; again; {
		again = false
		for suffix, flag := range map[string]*bool{" CALLED ON NULL INPUT": &s.nulls, " VOLATILE": &s.volatile, " RETRACT": &s.retract, " MERGE": &s.merge} {
			if r, cut := strings.CutSuffix(rest, suffix); cut {
				rest, *flag, again = r, true, true
			}
		}
	}
	head, result, ok := strings.Cut(rest, ") RETURNS ")
	name, params, ok2 := strings.Cut(head, "(")
	if !ok || !ok2 {
		return s, fmt.Errorf("it looks like %s f(BIGINT, STRING) RETURNS BIGINT", word)
	}
	s.name = strings.TrimSpace(name)
	for _, p := range topLevel(params) {
		t, err := typeOf(p)
		if err != nil {
			return s, err
		}
		if _, ok := classOf(t); !ok {
			return s, fmt.Errorf("a parameter cannot be %s", t)
		}
		s.params = append(s.params, t)
	}
	var err error
	if s.result, err = typeOf(result); err != nil {
		return s, err
	}
	results := []types.Type{s.result}
	if s.kind == catalog.TableFunction {
		if s.result.Kind != types.Row {
			return s, fmt.Errorf("a table function returns ROW<name type, …>")
		}
		results = nil
		for _, f := range s.result.Fields {
			results = append(results, f.Type)
		}
	}
	for _, t := range results {
		if _, ok := classOf(t); !ok {
			return s, fmt.Errorf("a value cannot be %s", t)
		}
	}
	return s, nil
}

// topLevel splits at commas outside brackets.
func topLevel(s string) []string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	var out []string
	depth, from := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '(', '<':
			depth++
		case ')', '>':
			depth--
		case ',':
			if depth == 0 {
				out, from = append(out, s[from:i]), i+1
			}
		}
	}
	return append(out, s[from:])
}

func typeOf(text string) (types.Type, error) {
	d, err := parse.Type("signature", strings.TrimSpace(text))
	if err != nil {
		return types.Type{}, err
	}
	return d.Logical()
}

// class is how a value crosses the border.
type class uint8

const (
	classInt   class = iota // i64
	classFloat              // f64
	classBytes              // address and length
)

func classOf(t types.Type) (class, bool) {
	switch t.Kind {
	case types.Boolean, types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Date, types.Time, types.Timestamp, types.TimestampLTZ,
		types.IntervalDayTime, types.IntervalYearMonth:
		return classInt, true
	case types.Float, types.Double:
		return classFloat, true
	case types.Char, types.Varchar, types.Binary, types.Varbinary, types.Decimal:
		return classBytes, true
	}
	return 0, false
}
