package expr_test

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/expr"
	"github.com/freshet-dw/freshet/pkg/engine/kernel/kerneltest"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

var rewrite = kerneltest.Rewriter()

// now is the clock of all cases.
var now = time.Date(2024, 5, 1, 10, 20, 30, 123456000, time.UTC)

// The notation of a case is [@zone] expression -> column. An expression is a column TYPE[values], a literal (1, 1L, 1.5, 1e0,
// 'text', TRUE, NULL, or TYPE'text'), or a call NAME(argument, …):TYPE.
type reader struct {
	s    string
	i    int
	cols []arrow.Array
}

func (r *reader) space() {
	for r.i < len(r.s) && r.s[r.i] == ' ' {
		r.i++
	}
}

func (r *reader) fail(format string, args ...any) {
	panic(fmt.Sprintf("%s at %q", fmt.Sprintf(format, args...), r.s[r.i:]))
}

func (r *reader) eat(s string) bool {
	r.space()
	if strings.HasPrefix(r.s[r.i:], s) {
		r.i += len(s)
		return true
	}
	return false
}

func (r *reader) word() string {
	r.space()
	from := r.i
	for r.i < len(r.s) && (r.s[r.i] >= 'A' && r.s[r.i] <= 'Z' || r.s[r.i] >= '0' && r.s[r.i] <= '9' || r.s[r.i] == '_' || r.s[r.i] == '$') {
		r.i++
	}
	return r.s[from:r.i]
}

var kinds = map[string]types.Kind{"NULL": types.Null, "BOOLEAN": types.Boolean, "TINYINT": types.TinyInt, "SMALLINT": types.SmallInt, "INT": types.Int,
	"BIGINT": types.BigInt, "FLOAT": types.Float, "DOUBLE": types.Double, "DECIMAL": types.Decimal, "CHAR": types.Char, "VARCHAR": types.Varchar,
	"STRING": types.Varchar, "BYTES": types.Varbinary, "DATE": types.Date, "TIME": types.Time, "TIMESTAMP": types.Timestamp,
	"TIMESTAMP_LTZ": types.TimestampLTZ, "MONTHS": types.IntervalYearMonth, "MILLIS": types.IntervalDayTime, "ARRAY": types.Array, "MAP": types.Map, "ROW": types.Row}

func (r *reader) typ() (types.Type, bool) {
	start := r.i
	k, ok := kinds[r.word()]
	if !ok {
		r.i = start
		return types.Type{}, false
	}
	t := types.Of(k)
	if k == types.Array || k == types.Map || k == types.Row {
		if !r.eat("<") {
			r.i = start
			return t, false
		}
		var in []types.Type
		for !r.eat(">") {
			e, _ := r.typ()
			in = append(in, e)
			r.eat(",")
		}
		switch k {
		case types.Array:
			return types.ArrayOf(in[0]), true
		case types.Map:
			return types.MapOf(in[0], in[1]), true
		}
		for i, e := range in {
			t.Fields = append(t.Fields, types.Field{Name: fmt.Sprintf("f%d", i), Type: e})
		}
		return t, true
	}
	if r.eat("(") {
		t.Precision, _ = strconv.Atoi(r.word())
		if r.eat(",") {
			t.Scale, _ = strconv.Atoi(r.word())
		}
		r.eat(")")
	}
	return t, true
}

// bracket reads up to the bracket that closes the one at i.
func (r *reader) bracket() string {
	from, depth, quote := r.i, 0, false
	for ; r.i < len(r.s); r.i++ {
		switch c := r.s[r.i]; {
		case c == '\'':
			quote = !quote
		case quote:
		case c == '[':
			depth++
		case c == ']':
			if depth--; depth == 0 {
				r.i++
				return r.s[from:r.i]
			}
		}
	}
	r.fail("bracket not closed")
	return ""
}

func (r *reader) quoted() string {
	from := r.i + 1
	for r.i = from; r.i < len(r.s); r.i++ {
		if r.s[r.i] == '\'' {
			if r.i+1 == len(r.s) || r.s[r.i+1] != '\'' {
				break
			}
			r.i++
		}
	}
	r.i++
	return strings.ReplaceAll(r.s[from:r.i-1], "''", "'")
}

func (r *reader) expr() plan.Expr {
	r.space()
	switch c := r.s[r.i]; {
	case c == '\'':
		return &plan.Literal{Value: r.quoted(), T: types.String()}
	case c >= '0' && c <= '9' || c == '-' && r.s[r.i+1] >= '0' && r.s[r.i+1] <= '9':
		from := r.i
		for r.i < len(r.s) && strings.IndexByte("+-.0123456789eL", r.s[r.i]) >= 0 {
			r.i++
		}
		return number(r.s[from:r.i])
	}
	start := r.i
	if t, ok := r.typ(); ok && r.i < len(r.s) && (r.s[r.i] == '[' || r.s[r.i] == '\'') {
		if r.s[r.i] == '\'' {
			a, err := kerneltest.Parse(batch.ArrowType(t), "['"+r.quoted()+"']")
			if err != nil {
				panic(err)
			}
			return &plan.Literal{Value: scalar(a), T: t}
		}
		a, err := kerneltest.Parse(batch.ArrowType(t), r.bracket())
		if err != nil {
			panic(err)
		}
		r.cols = append(r.cols, a)
		return &plan.ColRef{Index: len(r.cols) - 1, Name: "c", T: t}
	}
	r.i = start
	for _, l := range []string{"TRUE", "FALSE", "NULL"} {
		if rest := r.s[r.i:]; strings.HasPrefix(rest, l) && (len(rest) == len(l) || rest[len(l)] == ',' || rest[len(l)] == ')') {
			r.i += len(l)
			switch l {
			case "NULL":
				return &plan.Literal{}
			default:
				return &plan.Literal{Value: l == "TRUE", T: types.Of(types.Boolean)}
			}
		}
	}
	from := r.i
	for r.i < len(r.s) && r.s[r.i] != '(' {
		r.i++
	}
	call := &plan.Call{Func: strings.TrimSpace(r.s[from:r.i])}
	if !r.eat("(") {
		r.fail("want a call")
	}
	for !r.eat(")") {
		call.Args = append(call.Args, r.expr())
		r.eat(",")
	}
	if !r.eat(":") {
		r.fail("want the result's type")
	}
	call.T, _ = r.typ()
	return call
}

func scalar(a arrow.Array) any {
	switch a := a.(type) {
	case *array.String:
		return a.Value(0)
	case *array.Date32:
		return int64(a.Value(0))
	case *array.Time32:
		return int64(a.Value(0))
	case *array.Timestamp:
		return int64(a.Value(0))
	case *array.Int32:
		return int64(a.Value(0))
	case *array.Int64:
		return a.Value(0)
	case *array.Float64:
		return a.Value(0)
	case *array.Decimal128:
		return a.Value(0).BigInt()
	}
	panic("no literal of " + a.DataType().String())
}

func number(s string) plan.Expr {
	if v, ok := strings.CutSuffix(s, "L"); ok {
		n, _ := strconv.ParseInt(v, 10, 64)
		return &plan.Literal{Value: n, T: types.Of(types.BigInt)}
	}
	if strings.Contains(s, "e") {
		f, _ := strconv.ParseFloat(s, 64)
		return &plan.Literal{Value: f, T: types.Of(types.Double)}
	}
	if whole, frac, ok := strings.Cut(s, "."); ok {
		n, _ := new(big.Int).SetString(whole+frac, 10)
		return &plan.Literal{Value: n, T: types.DecimalOf(len(whole)+len(frac), len(frac))}
	}
	n, _ := strconv.ParseInt(s, 10, 64)
	return &plan.Literal{Value: n, T: types.Of(types.Int)}
}

func runCase(t testing.TB, in string) string {
	zone, text := "UTC", in
	if strings.HasPrefix(in, "@") {
		zone, text, _ = strings.Cut(in[1:], " ")
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{s: text}
	e := r.expr()
	n := 1
	if len(r.cols) > 0 {
		n = r.cols[0].Len()
	}
	p, err := expr.Compile(e, expr.Options{Zone: loc})
	if err != nil {
		return "compile error: " + lastLine(err)
	}
	// Every case runs on plain arrays and on slices in the middle of larger ones.
	first := ""
	for k, pad := range []int{0, 3, 8} {
		cols := make([]arrow.Array, len(r.cols))
		for i, c := range r.cols {
			if c.Len() != n {
				t.Fatalf("%s: columns of different lengths", in)
			}
			cols[i] = kerneltest.Sliced(c, pad)
		}
		got := ""
		a, err := p.Eval(&expr.Context{Now: now}, cols, n)
		switch {
		case err != nil:
			got = "error: " + lastLine(err)
		case a.Len() != n:
			got = fmt.Sprintf("%d rows instead of %d", a.Len(), n)
		case !arrow.TypeEqual(a.DataType(), batch.ArrowType(e.Type())):
			got = fmt.Sprintf("column of type %s instead of %s", a.DataType(), batch.ArrowType(e.Type()))
		default:
			got = kerneltest.Format(a)
		}
		if k == 0 {
			first = got
		} else if got != first {
			t.Errorf("%s: %s at offset %d, %s without", in, got, pad, first)
		}
	}
	return first
}

func lastLine(err error) string {
	s := err.Error()
	if k := strings.LastIndex(s, "): "); k >= 0 {
		s = s[k+3:]
	}
	return s
}

func TestCases(t *testing.T) {
	kerneltest.Run(t, "testdata/*.txt", *rewrite, runCase)
}
