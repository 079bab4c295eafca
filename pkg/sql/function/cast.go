package function

import (
	"math/big"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Cast gives e as a value of type to, e itself when it has the type already. The result is nullable when e is.
func Cast(e plan.Expr, to types.Type) plan.Expr {
	from := e.Type()
	if from.EqualIgnoreNull(to) || from.Kind == to.Kind && from.Kind == types.Varchar && from.Precision <= to.Precision && to.Precision == types.MaxLength {
		return e
	}
	to = to.WithNull(from.Nullable())
	switch x := e.(type) {
	case *plan.Literal:
		if c, ok := castLiteral(x, to); ok {
			return c
		}
	case *plan.Call:
		// A constructor is made in the wanted type at once.
		if x.Func == "ROW" && to.Kind == types.Row && len(x.Args) == len(to.Fields) {
			args := make([]plan.Expr, len(x.Args))
			for i, a := range x.Args {
				args[i] = Cast(a, to.Fields[i].Type)
			}
			return &plan.Call{Func: "ROW", Args: args, T: to}
		}
	}
	return &plan.Call{Func: "CAST", Args: []plan.Expr{e}, T: to}
}

// castLiteral folds the casts that cannot fail or lose anything.
func castLiteral(l *plan.Literal, to types.Type) (plan.Expr, bool) {
	if l.Value == nil {
		return &plan.Literal{T: to.AsNullable()}, true
	}
	switch v := l.Value.(type) {
	case int64:
		if l.T.IsInteger() && to.IsInteger() && to.Kind >= l.T.Kind {
			return &plan.Literal{Value: v, T: to}, true
		}
		if l.T.IsInteger() && to.IsApprox() && v > -1<<24 && v < 1<<24 {
			return &plan.Literal{Value: float64(v), T: to}, true
		}
		if l.T.IsInteger() && to.Kind == types.Decimal {
			return rescaled(big.NewInt(v), 0, to)
		}
	case *big.Int:
		if to.Kind == types.Decimal {
			return rescaled(v, l.T.Scale, to)
		}
	case string:
		if d, ok := timeOf(v, to); ok {
			return &plan.Literal{Value: d, T: to}, true
		}
		if to.Kind == types.Varchar && to.Precision >= l.T.Precision {
			return &plan.Literal{Value: v, T: to}, true
		}
	}
	return nil, false
}

// rescaled writes the decimal v / 10^scale in type to, if that loses nothing.
func rescaled(v *big.Int, scale int, to types.Type) (plan.Expr, bool) {
	if scale > to.Scale {
		return nil, false
	}
	v = new(big.Int).Mul(v, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(to.Scale-scale)), nil))
	if len(new(big.Int).Abs(v).String()) > to.Precision {
		return nil, false
	}
	return &plan.Literal{Value: v, T: to}, true
}

// timeOf reads a date or timestamp in its plain form; other texts are left to the run-time cast.
func timeOf(text string, to types.Type) (int64, bool) {
	switch to.Kind {
	case types.Date:
		t, err := time.Parse("2006-01-02", text)
		return t.Unix() / 86400, err == nil && len(text) == 10
	case types.Timestamp:
		_, frac, _ := strings.Cut(text, ".")
		t, err := time.Parse("2006-01-02 15:04:05", text)
		return t.UnixMicro(), err == nil && len(frac) <= min(to.Precision, 6) && t.Year() >= 1
	}
	return 0, false
}

// CastAll casts every one of es to t.
func CastAll(es []plan.Expr, t types.Type) []plan.Expr {
	out := make([]plan.Expr, len(es))
	for i, e := range es {
		out[i] = Cast(e, t)
	}
	return out
}

// CastRemedy says what to write in place of a refused CAST, "" if there is nothing.
func CastRemedy(from, to types.Type) string {
	switch {
	case from.IsNumeric() && to.Kind == types.TimestampLTZ:
		return "write TO_TIMESTAMP_LTZ(number, 0) for seconds and TO_TIMESTAMP_LTZ(number, 3) for milliseconds"
	case from.IsNumeric() && to.Kind == types.Timestamp:
		return "write TO_TIMESTAMP(FROM_UNIXTIME(seconds))"
	case from.IsTimestamp() && to.IsNumeric():
		return "write UNIX_TIMESTAMP(CAST(value AS STRING)) for its seconds"
	case from.IsInterval() && to.IsInteger(), from.IsInteger() && to.IsInterval():
		return "use an interval of one unit: INTERVAL DAY, INTERVAL SECOND"
	case from.IsBinary():
		return "CAST it to STRING first"
	}
	return ""
}
