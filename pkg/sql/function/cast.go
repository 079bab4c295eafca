package function

import (
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
	case string:
		if to.Kind == types.Varchar && to.Precision >= l.T.Precision {
			return &plan.Literal{Value: v, T: to}, true
		}
	}
	return nil, false
}

// CastAll casts every one of es to t.
func CastAll(es []plan.Expr, t types.Type) []plan.Expr {
	out := make([]plan.Expr, len(es))
	for i, e := range es {
		out[i] = Cast(e, t)
	}
	return out
}
