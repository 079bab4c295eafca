// Package function is the catalogue of built-in functions: their names, what arguments they take, and the type that Flink's
// rules give their result. It makes bound calls with the implicit casts in place; it does not evaluate anything.
//
// Synonyms come out under one name, and what SQL's own forms can say comes out as these: IF and NULLIF are CASE, IFNULL is
// COALESCE, YEAR(x) is EXTRACT, MOD is %, so that an evaluator meets each meaning once.
package function

import (
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// A Signature is one overload of a scalar function. Params holds a letter for each argument:
//
//	s string   n number (kept as it is)   i INT   l BIGINT   d DOUBLE   b BOOLEAN   z binary
//	t TIMESTAMP, TIMESTAMP_LTZ or DATE (kept)   L TIMESTAMP_LTZ   D DATE   T TIMESTAMP
//	S string or number (kept)   a array   m map   x anything   c all cast to their common type   A, M arrays or maps cast to their common type
//	e the element type of argument 0   E the same, and a NULL of it does not make the result NULL
//
// "?" after a letter makes it optional, "*" repeatable from none. Result is a type's name, "==0" for the type of argument 0, "=0" for the same
// with CHAR made VARCHAR, "sum" for text as long as the first two arguments together, "c" for the common type, "elem", "keys", "values" or
// "entries" of argument 0, "grown" for the array type of argument 0 with room for argument 1, "pairs" for the map of two arrays;
// "!" after it means never NULL, "?" perhaps NULL whatever the arguments.
type Signature struct {
	Name, Params, Result string
}

var synonyms = map[string]string{
	"SUBSTR": "SUBSTRING", "CHARACTER_LENGTH": "CHAR_LENGTH", "CEILING": "CEIL",
	"NOW": "CURRENT_TIMESTAMP", "LOCALTIME": "CURRENT_TIME",
	"MOD": "%",
}

var parts = map[string]string{
	"YEAR": "YEAR", "QUARTER": "QUARTER", "MONTH": "MONTH", "WEEK": "WEEK", "DAYOFYEAR": "DOY", "DAYOFMONTH": "DAY", "DAYOFWEEK": "DOW",
	"HOUR": "HOUR", "MINUTE": "MINUTE", "SECOND": "SECOND",
}

// special are the scalar functions that Call makes by code.
var special = []string{"IF", "IFNULL", "NULLIF", "COALESCE", "MOD", "ROUND", "TRUNCATE", "FLOOR", "CEIL", "EXTRACT", "TIMESTAMPADD", "TIMESTAMPDIFF", "SUBSTR",
	"CHARACTER_LENGTH", "CEILING", "NOW", "LOCALTIME", "YEAR", "QUARTER", "MONTH", "WEEK", "DAYOFYEAR", "DAYOFMONTH", "DAYOFWEEK",
	"HOUR", "MINUTE", "SECOND", "TRY_CAST", "CAST"}

// Names are the names of all scalar and aggregate functions, sorted.
func Names() []string {
	var out []string
	for _, s := range signatures {
		out = append(out, s.Name)
	}
	out = append(out, special...)
	for name := range aggregates {
		out = append(out, name)
	}
	out = append(out, "TUMBLE", "HOP", "SESSION", "CUMULATE", "ROW_NUMBER", "RANK", "DENSE_RANK")
	slices.Sort(out)
	return slices.Compact(out)
}

// Unknown is the error for a function that the catalogue does not hold.
func Unknown(name string) error {
	return fault.WithRemedy(fault.Newf(fault.Config, "function %s is not known", name), fault.DidYouMean(strings.ToUpper(name), Names()))
}

// Call makes the bound call of the scalar function name, upper case. Its errors are of kind fault.Config without a position.
func Call(name string, args []plan.Expr) (plan.Expr, error) {
	if s, ok := synonyms[name]; ok {
		name = s
	}
	if u, ok := parts[name]; ok && len(args) == 1 {
		return extract(u, args[0])
	}
	if e, done, err := callSpecial(name, args); done {
		return e, err
	}
	var shapes []string
	for _, strict := range []bool{true, false} { // an overload that takes text as text comes before one that reads numbers out of it
		shapes = shapes[:0]
		for _, s := range signatures {
			if s.Name != name {
				continue
			}
			shapes = append(shapes, s.String())
			if strict && !s.natural(args) {
				continue
			}
			if e, ok := s.apply(args); ok {
				return e, nil
			}
		}
	}
	if len(shapes) == 0 {
		return nil, Unknown(name)
	}
	return nil, wrongArgs(name, args, shapes)
}

// natural tells whether no argument would be turned from text into a number or from something else into text.
func (s Signature) natural(args []plan.Expr) bool {
	want, ok := s.expand(len(args))
	if !ok {
		return false
	}
	for i, a := range args {
		t := a.Type()
		switch want[i] {
		case 's':
			ok = ok && (t.IsString() || t.Kind == types.Null)
		case 'n', 'i', 'l', 'd':
			ok = ok && !t.IsString()
		}
	}
	return ok
}

func wrongArgs(name string, args []plan.Expr, shapes []string) error {
	given := make([]string, len(args))
	for i, a := range args {
		given[i] = a.Type().String()
	}
	return fault.WithRemedy(fault.Newf(fault.Config, "%s cannot take (%s)", name, strings.Join(given, ", ")),
		"write "+strings.Join(shapes, " or "))
}

var letters = map[byte]string{'s': "string", 'n': "number", 'i': "int", 'l': "bigint", 'd': "double", 'b': "boolean", 'z': "bytes",
	't': "timestamp", 'L': "timestamp_ltz", 'D': "date", 'T': "timestamp", 'a': "array", 'm': "map", 'x': "any", 'c': "any", 'e': "element", 'S': "string or number", 'E': "element", 'A': "array", 'M': "map"}

// String prints the overload as a person would write it: SUBSTRING(string, int[, int]).
func (s Signature) String() string {
	var b strings.Builder
	b.WriteString(s.Name + "(")
	for i := 0; i < len(s.Params); i++ {
		sep := ""
		if b.Len() > len(s.Name)+1 {
			sep = ", "
		}
		text := sep + letters[s.Params[i]]
		if i+1 < len(s.Params) {
			switch s.Params[i+1] {
			case '?':
				text = "[" + text + "]"
				i++
			case '*':
				text += " …"
				i++
			}
		}
		b.WriteString(text)
	}
	return b.String() + ")"
}

// expand gives a letter for each of n arguments.
func (s Signature) expand(n int) ([]byte, bool) {
	var out []byte
	for i := 0; i < len(s.Params); i++ {
		mark := byte(0)
		if i+1 < len(s.Params) {
			mark = s.Params[i+1]
		}
		switch mark {
		case '?':
			if len(out) < n {
				out = append(out, s.Params[i])
			}
			i++
		case '*':
			for len(out) < n {
				out = append(out, s.Params[i])
			}
			i++
		default:
			out = append(out, s.Params[i])
		}
	}
	return out, len(out) == n
}

func (s Signature) apply(args []plan.Expr) (plan.Expr, bool) {
	want, ok := s.expand(len(args))
	if !ok {
		return nil, false
	}
	var common types.Type
	if kind, some := commonOf(want); some {
		var ts []types.Type
		for i, a := range args {
			if strings.IndexByte("cAM", want[i]) >= 0 {
				ts = append(ts, a.Type())
			}
		}
		if common, ok = Common(ts...); !ok || kind != types.Null && common.Kind != kind {
			return nil, false
		}
	}
	out := make([]plan.Expr, len(args))
	nullable := false
	for i, a := range args {
		switch want[i] {
		case 'c', 'A', 'M':
			out[i] = Cast(a, common)
		case 'e', 'E':
			elem := args[0].Type().Elem
			if elem == nil || !ImplicitCast(a.Type(), *elem) {
				return nil, false
			}
			out[i] = Cast(a, *elem)
		default:
			if out[i], ok = coerce(a, want[i]); !ok {
				return nil, false
			}
		}
		nullable = nullable || out[i].Type().Nullable() && want[i] != 'E'
	}
	return &plan.Call{Func: s.Name, Args: out, T: s.result(out, common, nullable)}, true
}

// commonOf is the kind of type that arguments with a common type must have; Null stands for any.
func commonOf(want []byte) (kind types.Kind, some bool) {
	switch {
	case slices.Contains(want, 'A'):
		return types.Array, true
	case slices.Contains(want, 'M'):
		return types.Map, true
	}
	return types.Null, slices.Contains(want, 'c')
}

// coerce casts a to what the letter wants if that is implicit: between numbers, and scalars to string and strings to numbers as Calcite does.
func coerce(a plan.Expr, want byte) (plan.Expr, bool) {
	t := a.Type()
	to := func(target types.Type, ok bool) (plan.Expr, bool) {
		if t.Kind == types.Null || ok {
			return Cast(a, target), true
		}
		return nil, false
	}
	scalar := t.Kind < types.Array
	switch want {
	case 's':
		if t.IsString() {
			return a, true
		}
		return to(types.String(), scalar && !t.IsBinary() && !t.IsInterval())
	case 'S':
		return a, t.IsString() || t.IsNumeric()
	case 'n':
		if t.IsNumeric() {
			return a, true
		}
		return to(types.Of(types.Double), t.IsString())
	case 'i':
		return to(types.Of(types.Int), t.IsNumeric() || t.IsString())
	case 'l':
		return to(types.Of(types.BigInt), t.IsNumeric() || t.IsString())
	case 'd':
		return to(types.Of(types.Double), t.IsNumeric() || t.IsString())
	case 'b':
		return to(types.Of(types.Boolean), t.Kind == types.Boolean)
	case 'z':
		if t.IsBinary() {
			return a, true
		}
		return to(types.Bytes(), false)
	case 't':
		if t.IsTimestamp() || t.Kind == types.Date {
			return a, true
		}
		return to(types.TimestampOf(3), false)
	case 'L':
		return to(types.TimestampLTZOf(t.Precision), t.IsTimestamp() || t.Kind == types.Date)
	case 'T':
		return to(types.TimestampOf(max(3, t.Precision)), t.IsTimestamp() || t.Kind == types.Date)
	case 'D':
		return to(types.Of(types.Date), t.Kind == types.Date || t.IsTimestamp())
	case 'a':
		return a, t.Kind == types.Array
	case 'm':
		return a, t.Kind == types.Map
	case 'x':
		return a, true
	}
	return nil, false
}

var resultTypes = map[string]types.Type{
	"STRING": types.String(), "INT": types.Of(types.Int), "BIGINT": types.Of(types.BigInt), "DOUBLE": types.Of(types.Double),
	"BOOLEAN": types.Of(types.Boolean), "BYTES": types.Bytes(), "DATE": types.Of(types.Date), "TIME": types.Of(types.Time),
	"TIMESTAMP(3)": types.TimestampOf(3), "TIMESTAMP_LTZ(3)": types.TimestampLTZOf(3), "ARRAY<STRING>": types.ArrayOf(types.String()),
	"MAP<STRING,STRING>": types.MapOf(types.String(), types.String()), "VARCHAR(128)": {Kind: types.Varchar, Precision: 128},
	"CHAR(32)": charOf(32), "CHAR(36)": charOf(36), "CHAR(40)": charOf(40), "CHAR(56)": charOf(56), "CHAR(64)": charOf(64), "CHAR(96)": charOf(96), "CHAR(128)": charOf(128),
}

func charOf(n int) types.Type { return types.Type{Kind: types.Char, Precision: n} }

// joined is the type of a || b: as long as both together.
func joined(a, b types.Type) types.Type {
	t := types.Type{Kind: types.Varchar, Precision: a.Precision + b.Precision}
	if a.Kind == types.Char && b.Kind == types.Char {
		t.Kind = types.Char
	}
	t.Precision = min(t.Precision, types.MaxLength)
	return t
}

func entryOf(m types.Type) types.Type {
	return types.RowOf(types.Field{Name: "key", Type: *m.Key}, types.Field{Name: "value", Type: *m.Elem})
}

func (s Signature) result(args []plan.Expr, common types.Type, nullable bool) types.Type {
	r := strings.TrimRight(s.Result, "!?")
	var t types.Type
	switch r {
	case "=0":
		t = args[0].Type()
		if t.Kind == types.Char {
			t.Kind = types.Varchar
		}
	case "==0":
		t = args[0].Type()
	case "sum":
		t = joined(args[0].Type(), args[1].Type())
		t.Kind = types.Varchar
	case "c":
		t = common
	case "entries":
		t = types.ArrayOf(entryOf(args[0].Type()))
	case "grown":
		elem := *args[0].Type().Elem
		t = types.ArrayOf(elem.WithNull(elem.Nullable() || args[1].Type().Nullable()))
	case "pairs":
		t = types.MapOf(*args[0].Type().Elem, *args[1].Type().Elem)
	case "elem":
		t = *args[0].Type().Elem
	case "keys":
		t = types.ArrayOf(*args[0].Type().Key)
	case "values":
		t = types.ArrayOf(*args[0].Type().Elem)
	default:
		t = resultTypes[r]
	}
	switch s.Result[len(r):] {
	case "!":
		nullable = false
	case "?":
		nullable = true
	}
	return t.WithNull(nullable)
}
