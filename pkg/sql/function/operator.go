package function

import (
	"math/big"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Binary makes a op b with the implicit casts of Flink's rules. Op is an operator of plan.Call.
func Binary(op string, a, b plan.Expr) (plan.Expr, error) {
	switch op {
	case "+", "-", "*", "/", "%":
		return arithmetic(op, a, b)
	case "AND", "OR":
		if !isBool(a) || !isBool(b) {
			return nil, badOperands(op, a, b)
		}
		bools := CastAll([]plan.Expr{a, b}, types.Of(types.Boolean))
		return &plan.Call{Func: op, Args: bools, T: types.Of(types.Boolean).WithNull(a.Type().Nullable() || b.Type().Nullable())}, nil
	case "||":
		return concat(a, b)
	}
	if _, ok := Comparable(a.Type(), b.Type()); !ok || unordered(a.Type()) && (op == "<" || op == ">" || op == "<=" || op == ">=") {
		return nil, badOperands(op, a, b)
	}
	if (op == "=" || op == "<>") && a.Type().Kind == types.Row && b.Type().Kind == types.Row && len(a.Type().Fields) > 0 {
		return rowsEqual(op, a, b)
	}
	nullable := a.Type().Nullable() || b.Type().Nullable()
	if op == "IS DISTINCT FROM" || op == "IS NOT DISTINCT FROM" {
		nullable = false
	}
	a, b = sameDecimal(a, b.Type()), sameDecimal(b, a.Type())
	t, _ := Comparable(a.Type(), b.Type())
	if (op == "=" || op == "<>") && a.Type().IsApprox() && b.Type().IsApprox() && a.Type().Kind != b.Type().Kind {
		t = types.Of(types.Float) // Flink's equality narrows a DOUBLE, its order widens a FLOAT
	}
	return &plan.Call{Func: op, Args: comparands(a, b, t), T: types.Of(types.Boolean).WithNull(nullable)}, nil
}

// unordered is true for types without an order.
func unordered(t types.Type) bool { return t.Kind >= types.Array }

// comparands casts both sides to t; character lengths do not matter to a comparison, so strings stay as they are.
func comparands(a, b plan.Expr, t types.Type) []plan.Expr {
	if t.IsString() && a.Type().IsString() && b.Type().IsString() || t.IsBinary() && a.Type().IsBinary() && b.Type().IsBinary() {
		return []plan.Expr{a, b}
	}
	return []plan.Expr{Cast(a, t), Cast(b, t)}
}

// sameDecimal writes a constant number as the DECIMAL that it is compared with, so that the column needs no CAST.
func sameDecimal(e plan.Expr, t types.Type) plan.Expr {
	l, ok := e.(*plan.Literal)
	if !ok || t.Kind != types.Decimal {
		return e
	}
	var v *big.Int
	scale := 0
	switch x := l.Value.(type) {
	case int64:
		v = big.NewInt(x)
	case *big.Int:
		v, scale = x, l.T.Scale
	}
	if v == nil || !l.T.IsInteger() && l.T.Kind != types.Decimal {
		return e
	}
	if x, ok := rescaled(v, scale, t.AsNotNull()); ok {
		return x
	}
	return e
}

func badOperands(op string, a, b plan.Expr) error {
	return fault.WithRemedy(fault.Newf(fault.Config, "operator %s cannot take %s and %s", op, a.Type(), b.Type()), "CAST one side to the other's type")
}

func concat(a, b plan.Expr) (plan.Expr, error) {
	x, ok1 := coerce(a, 's')
	y, ok2 := coerce(b, 's')
	if !ok1 || !ok2 {
		return nil, badOperands("||", a, b)
	}
	return &plan.Call{Func: "||", Args: []plan.Expr{x, y}, T: joined(x.Type(), y.Type()).WithNull(x.Type().Nullable() || y.Type().Nullable())}, nil
}

func arithmetic(op string, a, b plan.Expr) (plan.Expr, error) {
	ta, tb := a.Type(), b.Type()
	nullable := ta.Nullable() || tb.Nullable()
	if ta.IsInterval() || tb.IsInterval() {
		return intervalArithmetic(op, a, b)
	}
	number := func(e, other plan.Expr) (plan.Expr, bool) {
		t := e.Type()
		switch {
		case t.IsNumeric():
			return e, true
		case t.Kind == types.Null:
			return Cast(e, other.Type().AsNullable()), other.Type().IsNumeric()
		case t.IsString():
			return Cast(e, types.Of(types.Double)), true
		}
		return nil, false
	}
	x, ok1 := number(a, b)
	y, ok2 := number(b, a)
	if !ok1 || !ok2 {
		return nil, badOperands(op, a, b)
	}
	ta, tb = x.Type(), y.Type()
	if (ta.Kind == types.Decimal || tb.Kind == types.Decimal) && !ta.IsApprox() && !tb.IsApprox() {
		x, y = Cast(x, AsDecimal(ta)), Cast(y, AsDecimal(tb))
		call := &plan.Call{Func: op, Args: []plan.Expr{x, y}, T: DecimalOp(op, x.Type(), y.Type()).WithNull(nullable)}
		if op == "%" && x.Type().Scale == 0 && y.Type().Scale == 0 {
			return Cast(call, tb.WithNull(nullable)), nil // Flink's MOD of whole numbers has its divisor's type
		}
		return call, nil
	}
	t := commonNumeric(ta, tb).WithNull(nullable)
	call := &plan.Call{Func: op, Args: []plan.Expr{Cast(x, t), Cast(y, t)}, T: t}
	if op == "%" && tb.IsInteger() && ta.IsInteger() {
		return Cast(call, tb.WithNull(nullable)), nil
	}
	return call, nil
}

func intervalArithmetic(op string, a, b plan.Expr) (plan.Expr, error) {
	ta, tb := a.Type(), b.Type()
	nullable := ta.Nullable() || tb.Nullable()
	make := func(x, y plan.Expr, t types.Type) (plan.Expr, error) {
		return &plan.Call{Func: op, Args: []plan.Expr{x, y}, T: t.WithNull(nullable)}, nil
	}
	switch {
	case ta.IsInterval() && ta.Kind == tb.Kind && (op == "+" || op == "-"):
		return make(a, b, ta)
	case temporal(ta) && tb.IsInterval() && (op == "+" || op == "-"):
		return make(a, b, ta)
	case temporal(tb) && op == "+":
		return make(b, a, tb)
	case ta.IsString() && (op == "+" || op == "-"):
		return make(Cast(a, types.TimestampOf(3)), b, types.TimestampOf(3))
	case ta.IsInterval() && tb.IsInteger() && (op == "*" || op == "/"):
		return make(a, Cast(b, types.Of(types.BigInt)), ta)
	case tb.IsInterval() && ta.IsInteger() && op == "*":
		return make(b, Cast(a, types.Of(types.BigInt)), tb)
	}
	return nil, badOperands(op, a, b)
}

// Not and Negate make the unary operators.
func Not(a plan.Expr) (plan.Expr, error) {
	if !isBool(a) {
		return nil, fault.Newf(fault.Config, "NOT cannot take %s", a.Type())
	}
	return &plan.Call{Func: "NOT", Args: []plan.Expr{Cast(a, types.Of(types.Boolean))}, T: types.Of(types.Boolean).WithNull(a.Type().Nullable())}, nil
}

// Negate makes -a.
func Negate(a plan.Expr) (plan.Expr, error) {
	if !a.Type().IsNumeric() && !a.Type().IsInterval() {
		return nil, fault.Newf(fault.Config, "operator - cannot take %s", a.Type())
	}
	return &plan.Call{Func: "NEG", Args: []plan.Expr{a}, T: a.Type()}, nil
}

// Bool makes a call of a special form that is never NULL: IS NULL, IS TRUE, ….
func Bool(name string, a plan.Expr) plan.Expr {
	return &plan.Call{Func: name, Args: []plan.Expr{a}, T: types.Of(types.Boolean).AsNotNull()}
}

// rowsEqual compares rows field by field, so that a NULL in one makes the comparison unknown unless another field decides it.
func rowsEqual(op string, a, b plan.Expr) (plan.Expr, error) {
	field := func(r plan.Expr, i int) plan.Expr {
		t := r.Type()
		ft := t.Fields[i].Type
		return &plan.Call{Func: "FIELD", Args: []plan.Expr{r, &plan.Literal{Value: int64(i), T: types.Of(types.Int).AsNotNull()}}, T: ft.WithNull(ft.Nullable() || t.Nullable())}
	}
	var all plan.Expr
	for i := range a.Type().Fields {
		eq, err := Binary("=", field(a, i), field(b, i))
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = eq
		} else if all, err = Binary("AND", all, eq); err != nil {
			return nil, err
		}
	}
	if op == "<>" {
		return Not(all)
	}
	return all, nil
}
