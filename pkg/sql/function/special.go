package function

import (
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// callSpecial makes the calls whose types need more than a signature.
func callSpecial(name string, args []plan.Expr) (e plan.Expr, done bool, err error) {
	fail := func(shape string) (plan.Expr, bool, error) {
		return nil, true, wrongArgs(name, args, []string{shape})
	}
	switch name {
	case "IF":
		if len(args) != 3 || !isBool(args[0]) {
			return fail("IF(condition, then, else)")
		}
		e, err = Case([]plan.Expr{args[0]}, []plan.Expr{args[1]}, args[2])
		if c, ok := e.(*plan.Call); ok && args[0].Type().Nullable() {
			c.T = c.T.AsNullable()
		}
		return e, true, err
	case "IFNULL", "COALESCE":
		if len(args) == 0 || name == "IFNULL" && len(args) != 2 {
			return fail(name + "(value, value …)")
		}
		e, err = coalesce(args)
		return e, true, err
	case "NULLIF":
		if len(args) != 2 {
			return fail("NULLIF(value, value)")
		}
		eq, err := Binary("=", args[0], args[1])
		if err != nil {
			return nil, true, err
		}
		t := args[0].Type().AsNullable()
		return &plan.Call{Func: "CASE", Args: []plan.Expr{eq, &plan.Literal{T: t}, args[0]}, T: t}, true, nil
	case "%":
		if len(args) != 2 {
			return fail("MOD(number, number)")
		}
		e, err = Binary("%", args[0], args[1])
		return e, true, err
	case "ROUND", "TRUNCATE":
		return round(name, args)
	case "FLOOR", "CEIL":
		if len(args) == 2 && isUnit(args[1]) && temporal(args[0].Type()) {
			return &plan.Call{Func: name, Args: args, T: args[0].Type()}, true, nil
		}
		if len(args) != 1 {
			return fail(name + "(number) or " + name + "(timestamp TO unit)")
		}
		x, ok := coerce(args[0], 'n')
		if !ok {
			return fail(name + "(number) or " + name + "(timestamp TO unit)")
		}
		t := x.Type()
		if t.IsInteger() {
			return x, true, nil
		}
		if t.Kind == types.Decimal {
			t.Scale = 0
		}
		return &plan.Call{Func: name, Args: []plan.Expr{x}, T: t}, true, nil
	case "TYPEOF":
		return typeOf(args)
	case "EXTRACT":
		if len(args) != 2 || !isUnit(args[0]) {
			return fail("EXTRACT(unit FROM timestamp)")
		}
		e, err = extract(args[0].(*plan.Literal).Value.(string), args[1])
		return e, true, err
	case "TIMESTAMPADD":
		return timestampAdd(args)
	case "TIMESTAMPDIFF":
		if len(args) != 3 || !isUnit(args[0]) || !temporal(args[1].Type()) || !temporal(args[2].Type()) {
			return fail("TIMESTAMPDIFF(unit, timestamp, timestamp)")
		}
		t, ok := Instants(args[1].Type(), args[2].Type())
		if !ok {
			return fail("TIMESTAMPDIFF(unit, timestamp, timestamp)")
		}
		return &plan.Call{Func: name, Args: []plan.Expr{args[0], Cast(args[1], t), Cast(args[2], t)},
			T: types.Of(types.Int).WithNull(t.Nullable())}, true, nil
	}
	return nil, false, nil
}

// Instants is the type in which two times are subtracted: a DATE is its midnight, and one TIMESTAMP_LTZ makes both.
func Instants(a, b types.Type) (types.Type, bool) {
	nullable := a.Nullable() || b.Nullable()
	p := max(a.Precision, b.Precision)
	switch {
	case a.Kind == b.Kind, b.Kind == types.Date && a.IsTimestamp():
		a.Precision = p
		return a.WithNull(nullable), true
	case a.Kind == types.Date && b.IsTimestamp():
		return b.WithNull(nullable), true
	}
	return types.TimestampLTZOf(p).WithNull(nullable), a.IsTimestamp() && b.IsTimestamp()
}

// typeOf is TYPEOF(value[, serializable]), which is known when the statement is read.
func typeOf(args []plan.Expr) (plan.Expr, bool, error) {
	full := false
	if len(args) == 2 {
		l, ok := args[1].(*plan.Literal)
		if ok {
			full, ok = l.Value.(bool)
		}
		if !ok {
			return nil, true, wrongArgs("TYPEOF", args, []string{"TYPEOF(value[, TRUE or FALSE])"})
		}
	}
	if len(args) == 0 || len(args) > 2 {
		return nil, true, wrongArgs("TYPEOF", args, []string{"TYPEOF(value[, TRUE or FALSE])"})
	}
	t := args[0].Type()
	text := t.String()
	if full {
		text = t.Serializable()
	}
	// An expression's interval is in Flink of the smallest unit of its kind.
	text = strings.NewReplacer("INTERVAL DAY TO SECOND", "INTERVAL SECOND(3)", "INTERVAL YEAR TO MONTH", "INTERVAL MONTH").Replace(text)
	return &plan.Literal{Value: text, T: types.String()}, true, nil
}

func isBool(e plan.Expr) bool { k := e.Type().Kind; return k == types.Boolean || k == types.Null }

func temporal(t types.Type) bool {
	return t.IsTimestamp() || t.Kind == types.Date || t.Kind == types.Time
}

func isUnit(e plan.Expr) bool {
	l, ok := e.(*plan.Literal)
	if !ok {
		return false
	}
	s, ok := l.Value.(string)
	return ok && slices.Contains(units, s)
}

// units are the time units of EXTRACT, FLOOR and TIMESTAMPADD.
var units = []string{"MILLENNIUM", "CENTURY", "DECADE", "YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "DOW", "ISODOW", "DOY", "ISOYEAR", "HOUR", "MINUTE",
	"SECOND", "MILLISECOND", "MICROSECOND", "NANOSECOND", "EPOCH"}

// Unit is the literal that stands for a time unit; ok is false for a word that is none.
func Unit(name string) (l *plan.Literal, ok bool) {
	return &plan.Literal{Value: name, T: types.String().AsNotNull()}, slices.Contains(units, name)
}

func extract(unit string, x plan.Expr) (plan.Expr, error) {
	if x.Type().IsString() {
		x = Cast(x, types.TimestampOf(3))
	}
	if !temporal(x.Type()) && !x.Type().IsInterval() {
		return nil, wrongArgs("EXTRACT", []plan.Expr{x}, []string{"EXTRACT(" + unit + " FROM timestamp)"})
	}
	l, _ := Unit(unit)
	return &plan.Call{Func: "EXTRACT", Args: []plan.Expr{l, x}, T: types.Of(types.BigInt).WithNull(x.Type().Nullable())}, nil
}

func timestampAdd(args []plan.Expr) (plan.Expr, bool, error) {
	shape := []string{"TIMESTAMPADD(unit, int, timestamp)"}
	if len(args) != 3 || !isUnit(args[0]) {
		return nil, true, wrongArgs("TIMESTAMPADD", args, shape)
	}
	n, ok := coerce(args[1], 'l')
	x := args[2]
	if x.Type().IsString() {
		x = Cast(x, types.TimestampOf(3))
	}
	if !ok || !temporal(x.Type()) {
		return nil, true, wrongArgs("TIMESTAMPADD", args, shape)
	}
	t := x.Type()
	switch args[0].(*plan.Literal).Value {
	case "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND", "NANOSECOND":
		if t.Kind == types.Date {
			x = Cast(x, types.TimestampOf(6))
			t = x.Type()
		}
	}
	return &plan.Call{Func: "TIMESTAMPADD", Args: []plan.Expr{args[0], n, x}, T: t.WithNull(t.Nullable() || n.Type().Nullable())}, true, nil
}

// round makes ROUND and TRUNCATE, whose DECIMAL has the digits that are kept.
func round(name string, args []plan.Expr) (plan.Expr, bool, error) {
	if len(args) == 0 || len(args) > 2 {
		return nil, true, wrongArgs(name, args, []string{name + "(number[, int])"})
	}
	x, ok := coerce(args[0], 'n')
	digits := plan.Expr(&plan.Literal{Value: int64(0), T: types.Of(types.Int).AsNotNull()})
	if ok && len(args) == 2 {
		digits, ok = coerce(args[1], 'i')
	}
	if !ok {
		return nil, true, wrongArgs(name, args, []string{name + "(number[, int])"})
	}
	t := x.Type().WithNull(x.Type().Nullable() || digits.Type().Nullable())
	if t.Kind == types.Decimal {
		if l, ok := digits.(*plan.Literal); ok && l.Value != nil {
			switch r := int(l.Value.(int64)); {
			case r >= t.Scale:
			case r < 0:
				t.Precision, t.Scale = min(38, 1+t.Precision-t.Scale), 0
			default:
				t.Precision, t.Scale = min(38, 1+t.Precision-t.Scale+r), r
			}
		}
	}
	return &plan.Call{Func: name, Args: []plan.Expr{x, digits}, T: t}, true, nil
}

func coalesce(args []plan.Expr) (plan.Expr, error) {
	ts := make([]types.Type, len(args))
	nullable := true
	for i, a := range args {
		ts[i] = a.Type()
		nullable = nullable && a.Type().Nullable()
	}
	t, ok := Common(ts...)
	if !ok {
		return nil, noCommon("COALESCE", args)
	}
	if t.Kind == types.Timestamp && slices.ContainsFunc(ts, func(t types.Type) bool { return t.Kind == types.TimestampLTZ }) {
		t.Kind = types.TimestampLTZ // unlike in CASE
	}
	t = t.WithNull(nullable)
	if len(args) == 1 {
		return args[0], nil
	}
	return &plan.Call{Func: "COALESCE", Args: CastAll(args, t), T: t}, nil
}

func noCommon(what string, args []plan.Expr) error {
	err := wrongArgs(what, args, nil)
	return fault.WithRemedy(fault.Newf(fault.Config, "%v: the types have nothing in common", err), "CAST the values to one type")
}

// Case makes CASE WHEN conds[0] THEN thens[0] … ELSE otherwise END; a nil otherwise is NULL.
func Case(conds, thens []plan.Expr, otherwise plan.Expr) (plan.Expr, error) {
	if otherwise == nil {
		otherwise = &plan.Literal{}
	}
	values := append(slices.Clone(thens), otherwise)
	ts := make([]types.Type, len(values))
	for i, v := range values {
		ts[i] = v.Type()
	}
	t, ok := Common(ts...)
	if !ok {
		return nil, noCommon("CASE", values)
	}
	values = CastAll(values, t)
	var args []plan.Expr
	for i, c := range conds {
		args = append(args, c, values[i])
	}
	return &plan.Call{Func: "CASE", Args: append(args, values[len(values)-1]), T: t}, nil
}
