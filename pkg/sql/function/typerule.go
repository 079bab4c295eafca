package function

import (
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Common is the least restrictive type that holds all of ts, as CASE, COALESCE, UNION ALL and IN need it. ok is false
// when there is none. Its nullability is that of any.
func Common(ts ...types.Type) (t types.Type, ok bool) {
	nullable, first := false, true
	for _, x := range ts {
		nullable = nullable || !x.NotNull
		if x.Kind == types.Null {
			continue
		}
		if first {
			t, first = x, false
			continue
		}
		if t, ok = common2(t, x); !ok {
			return types.Type{}, false
		}
	}
	return t.WithNull(nullable), true
}

func common2(a, b types.Type) (types.Type, bool) {
	switch {
	case a.EqualIgnoreNull(b) && a.Kind < types.Array: // those that hold values differ in whether these may be NULL
		return a.WithNull(a.Nullable() || b.Nullable()), true
	case a.IsNumeric() && b.IsNumeric():
		return commonNumeric(a, b), true
	case a.IsString() && b.IsString(), a.IsBinary() && b.IsBinary():
		return commonSequence(a, b), true
	case a.IsTimestamp() && b.IsTimestamp():
		k := types.Timestamp // of TIMESTAMP and TIMESTAMP_LTZ too: the wall clock is compared
		if a.Kind == b.Kind {
			k = a.Kind
		}
		return types.Type{Kind: k, Precision: max(a.Precision, b.Precision)}, true
	case a.Kind != b.Kind:
		return types.Type{}, false
	}
	switch a.Kind {
	case types.Time:
		return types.Type{Kind: a.Kind, Precision: max(a.Precision, b.Precision)}, true
	case types.IntervalDayTime, types.IntervalYearMonth:
		return types.Of(a.Kind), true
	case types.Array, types.Multiset:
		e, ok := Common(*a.Elem, *b.Elem)
		return types.Type{Kind: a.Kind, Elem: &e}, ok
	case types.Map:
		k, ok1 := Common(*a.Key, *b.Key)
		e, ok2 := Common(*a.Elem, *b.Elem)
		return types.Type{Kind: a.Kind, Key: &k, Elem: &e}, ok1 && ok2
	case types.Row:
		if len(a.Fields) != len(b.Fields) {
			return types.Type{}, false
		}
		fields := make([]types.Field, len(a.Fields))
		for i := range fields {
			t, ok := Common(a.Fields[i].Type, b.Fields[i].Type)
			if !ok {
				return types.Type{}, false
			}
			fields[i] = types.Field{Name: a.Fields[i].Name, Type: t}
		}
		return types.RowOf(fields...), true
	}
	return types.Type{}, false
}

func commonSequence(a, b types.Type) types.Type {
	k := types.Varchar
	if a.IsBinary() {
		k = types.Varbinary
	}
	if a.Kind == b.Kind && a.Precision == b.Precision {
		k = a.Kind
	}
	return types.Type{Kind: k, Precision: max(a.Precision, b.Precision)}
}

func commonNumeric(a, b types.Type) types.Type {
	switch {
	case a.IsApprox() && b.IsApprox():
		return types.Of(a.Kind) // as Calcite, to which both are equally precise: the first one's
	case a.IsApprox() || b.IsApprox():
		if a.Kind == types.Float && b.IsInteger() || b.Kind == types.Float && a.IsInteger() {
			return types.Of(types.Float)
		}
		return types.Of(types.Double)
	case a.Kind == types.Decimal || b.Kind == types.Decimal:
		a, b = AsDecimal(a), AsDecimal(b)
		s := max(a.Scale, b.Scale)
		p := max(a.Precision-a.Scale, b.Precision-b.Scale) + s
		if p > maxPrecision {
			return types.DecimalOf(maxPrecision, max(0, min(s, maxPrecision-(p-s))))
		}
		return types.DecimalOf(p, s)
	}
	return types.Of(max(a.Kind, b.Kind))
}

const maxPrecision = 38

// AsDecimal is the DECIMAL that holds every value of the exact numeric type t.
func AsDecimal(t types.Type) types.Type {
	switch t.Kind {
	case types.TinyInt:
		return types.DecimalOf(3, 0)
	case types.SmallInt:
		return types.DecimalOf(5, 0)
	case types.Int:
		return types.DecimalOf(10, 0)
	case types.BigInt:
		return types.DecimalOf(19, 0)
	}
	return t.AsNullable()
}

// adjust cuts a DECIMAL's precision to 38, giving up scale down to 6 digits first.
func adjust(p, s int) types.Type {
	if p <= maxPrecision {
		return types.DecimalOf(p, s)
	}
	whole := p - s
	return types.DecimalOf(maxPrecision, max(maxPrecision-whole, min(s, 6)))
}

// DecimalOp is the type of a op b for the DECIMAL types a and b.
func DecimalOp(op string, a, b types.Type) types.Type {
	p1, s1, p2, s2 := a.Precision, a.Scale, b.Precision, b.Scale
	switch op {
	case "*":
		return adjust(p1+p2+1, s1+s2)
	case "/":
		s := max(6, s1+p2+1)
		return adjust(p1-s1+s2+s, s)
	case "%":
		s := max(s1, s2)
		return adjust(min(p1-s1, p2-s2)+s, s)
	}
	s := max(s1, s2)
	return adjust(max(p1-s1, p2-s2)+s+1, s)
}

// SumType is the type of SUM over t: integers keep theirs, DECIMAL widens to 38 digits.
func SumType(t types.Type) types.Type {
	if t.Kind == types.Decimal {
		return types.DecimalOf(maxPrecision, t.Scale)
	}
	return t.AsNullable()
}

// AvgType is the type of AVG over t: that of SUM / COUNT, so integers average to an integer.
func AvgType(t types.Type) types.Type {
	if t.Kind == types.Decimal {
		return DecimalOp("/", types.DecimalOf(maxPrecision, t.Scale), types.DecimalOf(20, 0))
	}
	return t.AsNullable()
}

// ImplicitCast tells whether a value of from may be written where to is wanted without a CAST: to a wider integer, to DECIMAL and DOUBLE
// from any number, among character and binary strings, among date-times, and member by member in nested types.
func ImplicitCast(from, to types.Type) bool {
	switch {
	case from.Kind == types.Null:
		return true
	case from.IsNumeric() && to.IsNumeric():
		switch {
		case to.IsInteger():
			return from.IsInteger() && from.Kind <= to.Kind
		case to.Kind == types.Float:
			return from.Kind != types.Double
		}
		return true
	case from.IsString() && to.IsString(), from.IsBinary() && to.IsBinary(),
		from.IsTimestamp() && to.IsTimestamp():
		return true
	case from.Kind == types.Date && to.IsTimestamp(), from.IsTimestamp() && to.Kind == types.Date, from.IsTimestamp() && to.Kind == types.Time:
		return true
	case from.Kind != to.Kind:
		return false
	}
	switch from.Kind {
	case types.Array, types.Multiset:
		return ImplicitCast(*from.Elem, *to.Elem)
	case types.Map:
		return ImplicitCast(*from.Key, *to.Key) && ImplicitCast(*from.Elem, *to.Elem)
	case types.Row:
		if len(from.Fields) != len(to.Fields) {
			return false
		}
		for i := range from.Fields {
			if !ImplicitCast(from.Fields[i].Type, to.Fields[i].Type) {
				return false
			}
		}
	}
	return true
}

// ExplicitCast tells whether CAST(from AS to) is allowed.
func ExplicitCast(from, to types.Type) bool {
	scalar := func(t types.Type) bool { return t.Kind < types.Array }
	temporal := func(t types.Type) bool {
		return t.Kind == types.Date || t.Kind == types.Time || t.IsTimestamp()
	}
	switch {
	case ImplicitCast(from, to), to.IsString(), from.IsNumeric() && to.IsNumeric():
		return true
	case from.IsString():
		return scalar(to) && !to.IsInterval()
	case !scalar(from) || !scalar(to):
		if from.Kind != to.Kind {
			return false
		}
		switch from.Kind {
		case types.Array, types.Multiset:
			return ExplicitCast(*from.Elem, *to.Elem)
		case types.Map:
			return ExplicitCast(*from.Key, *to.Key) && ExplicitCast(*from.Elem, *to.Elem)
		case types.Row:
			if len(from.Fields) != len(to.Fields) {
				return false
			}
			for i := range from.Fields {
				if !ExplicitCast(from.Fields[i].Type, to.Fields[i].Type) {
					return false
				}
			}
			return true
		}
		return false
	case from.Kind == types.Boolean:
		return to.IsNumeric()
	case to.Kind == types.Boolean:
		return from.IsInteger() || from.Kind == types.Decimal || from.IsApprox()
	case from.IsNumeric():
		return to.IsNumeric() || to.IsInterval() && from.IsInteger()
	case from.IsInterval():
		return to.IsInteger() || to.Kind == from.Kind
	case temporal(from):
		return temporal(to) && (from.Kind != types.Time || to.Kind == types.Time || to.IsTimestamp()) && (from.Kind != types.Date || to.Kind != types.Time)
	case from.IsBinary():
		return to.IsBinary()
	}
	return false
}

// Comparable gives the type that both sides of a comparison are cast to. A string next to a number, date or timestamp
// is read as one.
func Comparable(a, b types.Type) (types.Type, bool) {
	if a.IsApprox() && b.IsApprox() && a.Kind != b.Kind {
		return types.Of(types.Double), true
	}
	if t, ok := Common(a, b); ok {
		return t, true
	}
	other := func(x, y types.Type) (types.Type, bool) {
		if !x.IsString() {
			return types.Type{}, false
		}
		if y.IsInteger() {
			return types.Of(types.BigInt), true
		}
		return y.AsNullable(), y.IsNumeric() || y.IsTimestamp() || y.Kind == types.Date || y.Kind == types.Time || y.Kind == types.Boolean
	}
	if t, ok := other(a, b); ok {
		return t, true
	}
	return other(b, a)
}
