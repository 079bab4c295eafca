package bind

import (
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/function"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// put records err at p and gives poison, or gives e.
func (b *Binder) put(p ast.Pos, e plan.Expr, err error) plan.Expr {
	if err != nil {
		b.fail(p, err)
		return poison()
	}
	return e
}

func (b *Binder) exprs(s *scope, xs []ast.Expr) []plan.Expr {
	out := make([]plan.Expr, len(xs))
	for i, x := range xs {
		out[i] = b.expr(s, x)
	}
	return out
}

// expr binds x in s. After a fault it gives poison, so that the rest is still checked.
func (b *Binder) expr(s *scope, x ast.Expr) plan.Expr {
	if s.match != nil {
		if e, ok := b.matchExpr(s, x); ok {
			return e
		}
	}
	switch x := x.(type) {
	case *ast.Name:
		return b.name(s, x)
	case *ast.NumberLit:
		return b.number(x, false)
	case *ast.StringLit:
		return stringLit(x.Value)
	case *ast.BytesLit:
		return lit(x.Value, types.Type{Kind: types.Binary, Precision: max(1, len(x.Value))})
	case *ast.BoolLit:
		return lit(x.Value, types.Of(types.Boolean))
	case *ast.NullLit:
		if x.Unknown {
			return &plan.Literal{T: types.Of(types.Boolean)}
		}
		return &plan.Literal{}
	case *ast.TimeLit:
		return b.timeLit(x)
	case *ast.IntervalLit:
		return b.interval(x)
	case *ast.IntervalExpr:
		return b.intervalExpr(s, x)
	case *ast.Symbol:
		if u, ok := function.Unit(x.Name); ok {
			return u
		}
		return stringLit(x.Name)
	case *ast.Unary:
		return b.unary(s, x)
	case *ast.Binary:
		if x.Op == "OVERLAPS" {
			return b.overlaps(s, x)
		}
		e, err := function.Binary(x.Op, b.expr(s, x.X), b.expr(s, x.Y))
		return b.put(x.OpPos, e, err)
	case *ast.Difference:
		return b.difference(s, x)
	case *ast.Is:
		return b.is(s, x)
	case *ast.Between:
		return b.between(s, x)
	case *ast.In:
		return b.in(s, x)
	case *ast.Like:
		return b.like(s, x)
	case *ast.Case:
		return b.caseExpr(s, x)
	case *ast.Cast:
		return b.cast(s, x)
	case *ast.FuncCall:
		return b.call(s, x)
	case *ast.Row:
		return b.row(s, x)
	case *ast.Array:
		return b.array(s, x)
	case *ast.Map:
		return b.mapExpr(s, x)
	case *ast.Index:
		return b.index(s, x)
	case *ast.FieldAccess:
		if x.Field != nil {
			return b.path(b.expr(s, x.X), []*ast.Ident{x.Field})
		}
	case *ast.Subquery:
		return b.subValue(s, x.Pos(), x.Query, "scalar", nil, false)
	case *ast.Exists:
		return b.subValue(s, x.Pos(), x.Query, "exists", nil, false)
	case *ast.Quantified:
		return b.quantified(s, x)
	}
	b.errorf(x.Pos(), "%s is not supported", ast.String(x))
	return poison()
}

// overlaps is (start, end) OVERLAPS (start, end), where an end may be an interval after its start. The ends may stand in any order and belong to
// the periods.
func (b *Binder) overlaps(s *scope, x *ast.Binary) plan.Expr {
	period := func(e ast.Expr) (first, last plan.Expr, ok bool) {
		r, isRow := e.(*ast.Row)
		if !isRow || len(r.Fields) != 2 {
			b.remedy(e.Pos(), "write (start, end) or (start, interval)", "OVERLAPS wants periods")
			return nil, nil, false
		}
		start, end := b.expr(s, r.Fields[0].X), b.expr(s, r.Fields[1].X)
		if end.Type().IsInterval() {
			sum, err := function.Binary("+", start, end)
			end = b.put(r.Fields[1].X.Pos(), sum, err)
		}
		ordered, err := function.Binary("<=", start, end)
		ordered = b.put(e.Pos(), ordered, err)
		first, err = function.Case([]plan.Expr{ordered}, []plan.Expr{start}, end)
		first = b.put(e.Pos(), first, err)
		last, err = function.Case([]plan.Expr{ordered}, []plan.Expr{end}, start)
		return first, b.put(e.Pos(), last, err), true
	}
	f1, l1, ok1 := period(x.X)
	f2, l2, ok2 := period(x.Y)
	if !ok1 || !ok2 {
		return poison()
	}
	a, err := function.Binary(">=", l1, f2)
	a = b.put(x.OpPos, a, err)
	c, err := function.Binary(">=", l2, f1)
	c = b.put(x.OpPos, c, err)
	both, err := function.Binary("AND", a, c)
	return b.put(x.OpPos, both, err)
}

func (b *Binder) unary(s *scope, x *ast.Unary) plan.Expr {
	switch x.Op {
	case "NOT":
		e, err := function.Not(b.expr(s, x.X))
		return b.put(x.Pos(), e, err)
	case "+":
		return b.expr(s, x.X)
	}
	if n, ok := x.X.(*ast.NumberLit); ok {
		return b.number(n, true)
	}
	e, err := function.Negate(b.expr(s, x.X))
	return b.put(x.Pos(), e, err)
}

func (b *Binder) intervalExpr(s *scope, x *ast.IntervalExpr) plan.Expr {
	text := "1"
	one, err := parseInterval(text, &ast.IntervalUnit{From: x.Unit.From})
	if err != nil {
		b.fail(x.Pos(), fault.Newf(fault.Config, "%w", err))
		return poison()
	}
	e, err := function.Binary("*", b.expr(s, x.X), lit(one, intervalType(x.Unit)))
	return b.put(x.Pos(), e, err)
}

func (b *Binder) negate(not bool, e plan.Expr) plan.Expr {
	if !not {
		return e
	}
	n, err := function.Not(e)
	if err != nil {
		return poison()
	}
	return n
}

func (b *Binder) is(s *scope, x *ast.Is) plan.Expr {
	e := b.expr(s, x.X)
	what := "IS "
	if x.Not {
		what = "IS NOT "
	}
	switch x.What {
	case "NULL":
		return function.Bool(what+"NULL", e)
	case "TRUE", "FALSE", "UNKNOWN":
		if k := e.Type().Kind; k != types.Boolean && k != types.Null {
			b.errorf(x.Pos(), "%s%s cannot take %s", what, x.What, e.Type())
			return poison()
		}
		return function.Bool(what+x.What, function.Cast(e, types.Of(types.Boolean)))
	case "JSON", "JSON VALUE", "JSON OBJECT", "JSON ARRAY", "JSON SCALAR":
		c, err := function.Call("IS "+x.What, []plan.Expr{e})
		return b.negate(x.Not, b.put(x.Pos(), c, err))
	}
	b.errorf(x.Pos(), "IS %s is not supported", x.What)
	return poison()
}

func (b *Binder) between(s *scope, x *ast.Between) plan.Expr {
	e, low, high := b.expr(s, x.X), b.expr(s, x.Low), b.expr(s, x.High)
	half := func(lo, hi plan.Expr) plan.Expr {
		l, err := function.Binary(">=", e, lo)
		l = b.put(x.Low.Pos(), l, err)
		h, err := function.Binary("<=", e, hi)
		h = b.put(x.High.Pos(), h, err)
		both, err := function.Binary("AND", l, h)
		return b.put(x.Pos(), both, err)
	}
	out := half(low, high)
	if x.Symmetric {
		o, err := function.Binary("OR", out, half(high, low))
		out = b.put(x.Pos(), o, err)
	}
	return b.negate(x.Not, out)
}

func (b *Binder) in(s *scope, x *ast.In) plan.Expr {
	if x.Query != nil {
		return b.negate(x.Not, b.subValue(s, x.Pos(), x.Query, "=", b.needles(s, x.X), false))
	}
	e := b.expr(s, x.X)
	list := b.exprs(s, x.List)
	literals := true
	t := e.Type()
	for i, l := range list {
		c, ok := function.Comparable(t, l.Type())
		if !ok {
			b.errorf(x.List[i].Pos(), "IN cannot compare %s with %s", e.Type(), l.Type())
			return poison()
		}
		t = c
		_, isLit := l.(*plan.Literal)
		literals = literals && isLit
	}
	nullable := e.Type().Nullable()
	args := []plan.Expr{function.Cast(e, t)}
	if t.IsString() && e.Type().IsString() {
		args[0] = e
	}
	var ors []plan.Expr
	for _, l := range list {
		nullable = nullable || l.Type().Nullable()
		c := l
		if !t.IsString() || !l.Type().IsString() {
			c = function.Cast(l, t)
		}
		if _, isLit := c.(*plan.Literal); !isLit {
			literals = false
		}
		args = append(args, c)
		eq, err := function.Binary("=", e, l)
		ors = append(ors, b.put(x.Pos(), eq, err))
	}
	if literals {
		return b.negate(x.Not, &plan.Call{Func: "IN", Args: args, T: types.Of(types.Boolean).WithNull(nullable)})
	}
	if len(ors) == 1 {
		return b.negate(x.Not, ors[0])
	}
	return b.negate(x.Not, &plan.Call{Func: "OR", Args: ors, T: types.Of(types.Boolean).WithNull(nullable)})
}

func (b *Binder) like(s *scope, x *ast.Like) plan.Expr {
	args := []plan.Expr{b.expr(s, x.X), b.expr(s, x.Pattern)}
	if x.Escape != nil {
		args = append(args, b.expr(s, x.Escape))
	}
	if x.Op != "LIKE" {
		e, err := function.Call(x.Op, args)
		return b.negate(x.Not, b.put(x.Pos(), e, err))
	}
	nullable := false
	for i, a := range args {
		if !a.Type().IsString() && a.Type().Kind != types.Null {
			b.errorf(x.Pos(), "LIKE cannot take %s", a.Type())
			return poison()
		}
		if a.Type().Kind == types.Null {
			args[i] = function.Cast(a, types.String())
		}
		nullable = nullable || a.Type().Nullable()
	}
	return b.negate(x.Not, &plan.Call{Func: "LIKE", Args: args, T: types.Of(types.Boolean).WithNull(nullable)})
}

func (b *Binder) caseExpr(s *scope, x *ast.Case) plan.Expr {
	var operand plan.Expr
	if x.Operand != nil {
		operand = b.expr(s, x.Operand)
	}
	var conds, thens []plan.Expr
	for _, w := range x.Whens {
		c := b.expr(s, w.Cond)
		if operand != nil {
			eq, err := function.Binary("=", operand, c)
			c = b.put(w.Pos(), eq, err)
		} else if k := c.Type().Kind; k != types.Boolean && k != types.Null {
			b.errorf(w.Cond.Pos(), "WHEN wants a BOOLEAN, this is %s", c.Type())
			c = poison()
		}
		conds, thens = append(conds, c), append(thens, b.expr(s, w.Then))
	}
	var otherwise plan.Expr
	if x.Else != nil {
		otherwise = b.expr(s, x.Else)
	}
	e, err := function.Case(conds, thens, otherwise)
	return b.put(x.Pos(), e, err)
}

func (b *Binder) cast(s *scope, x *ast.Cast) plan.Expr {
	e := b.expr(s, x.X)
	t, err := x.Type.Logical()
	if err != nil {
		b.fail(x.Type.Pos(), err)
		return poison()
	}
	if !function.ExplicitCast(e.Type(), t) || !singleUnit(e.Type(), t, x) {
		if remedy := function.CastRemedy(e.Type(), t); remedy != "" {
			b.remedy(x.Pos(), remedy, "%s cannot be cast to %s", e.Type().AsNullable(), t)
		} else {
			b.errorf(x.Pos(), "%s cannot be cast to %s", e.Type().AsNullable(), t)
		}
		return poison()
	}
	if n := unitSize(x.X); n > 1 && e.Type().IsInterval() && t.IsInteger() {
		whole, err := function.Binary("/", function.Cast(e, types.Of(types.BigInt)), lit(n, types.Of(types.BigInt)))
		return function.Cast(b.put(x.Pos(), whole, err), t)
	}
	if x.Try {
		if l, ok := e.(*plan.Literal); ok && l.Value == nil {
			return &plan.Literal{T: t.AsNullable()}
		}
		return &plan.Call{Func: "TRY_CAST", Args: []plan.Expr{e}, T: t.AsNullable()}
	}
	return function.Cast(e, t)
}

// unitSize is the milliseconds or months of the unit of a written interval or difference of times: as a number it counts these. 0 if there is none.
func unitSize(x ast.Expr) int64 {
	var u *ast.IntervalUnit
	switch x := x.(type) {
	case *ast.IntervalLit:
		u = x.Unit
	case *ast.Difference:
		u = x.Unit
	default:
		return 0
	}
	return max(unitMillis[u.From], unitMonths[u.From])
}

// singleUnit refuses casts between integers and intervals of several units, as Flink does.
func singleUnit(from, to types.Type, x *ast.Cast) bool {
	if to.IsInterval() && from.IsInteger() {
		return x.Type.Unit.To == ""
	}
	if !to.IsInteger() {
		return true
	}
	switch x := x.X.(type) {
	case *ast.IntervalLit:
		return x.Unit.To == ""
	case *ast.Difference:
		return x.Unit.To == ""
	}
	return true
}

func (b *Binder) row(s *scope, x *ast.Row) plan.Expr {
	var args []plan.Expr
	var fields []types.Field
	for i, f := range x.Fields {
		e := b.expr(s, f.X)
		name := "EXPR$" + itoa(i)
		if f.Alias != nil {
			name = f.Alias.Name
		}
		args, fields = append(args, e), append(fields, types.Field{Name: name, Type: e.Type()})
	}
	return &plan.Call{Func: "ROW", Args: args, T: types.RowOf(fields...).AsNotNull()}
}

func (b *Binder) array(s *scope, x *ast.Array) plan.Expr {
	if x.Query != nil {
		b.errorf(x.Pos(), "ARRAY(query) is not supported")
		return poison()
	}
	elems, t := b.elements(s, x.Elems, x.Pos(), "ARRAY")
	return &plan.Call{Func: "ARRAY", Args: elems, T: types.ArrayOf(t).AsNotNull()}
}

func (b *Binder) elements(s *scope, xs []ast.Expr, p ast.Pos, what string) ([]plan.Expr, types.Type) {
	elems := b.exprs(s, xs)
	ts := make([]types.Type, len(elems))
	for i, e := range elems {
		ts[i] = e.Type()
	}
	t, ok := function.Common(ts...)
	if !ok {
		b.errorf(p, "the elements of %s have no common type", what)
	}
	return function.CastAll(elems, t), t
}

func (b *Binder) mapExpr(s *scope, x *ast.Map) plan.Expr {
	if x.Query != nil || len(x.Elems)%2 != 0 || len(x.Elems) == 0 {
		b.errorf(x.Pos(), "MAP wants keys and values: MAP['a', 1, 'b', 2]")
		return poison()
	}
	var ks, vs []ast.Expr
	for i := 0; i < len(x.Elems); i += 2 {
		ks, vs = append(ks, x.Elems[i]), append(vs, x.Elems[i+1])
	}
	keys, kt := b.elements(s, ks, x.Pos(), "MAP")
	values, vt := b.elements(s, vs, x.Pos(), "MAP")
	var args []plan.Expr
	for i := range keys {
		args = append(args, keys[i], values[i])
	}
	return &plan.Call{Func: "MAP", Args: args, T: types.MapOf(kt, vt).AsNotNull()}
}

func (b *Binder) index(s *scope, x *ast.Index) plan.Expr {
	e, i := b.expr(s, x.X), b.expr(s, x.I)
	t := e.Type()
	switch {
	case t.Kind == types.Null || i.Type().Kind == types.Null:
		return poison()
	case t.Kind == types.Array && i.Type().IsInteger():
		return &plan.Call{Func: "ITEM", Args: []plan.Expr{e, function.Cast(i, types.Of(types.Int))}, T: t.Elem.AsNullable()}
	case t.Kind == types.Map && function.ImplicitCast(i.Type(), *t.Key):
		return &plan.Call{Func: "ITEM", Args: []plan.Expr{e, function.Cast(i, *t.Key)}, T: t.Elem.AsNullable()}
	case t.Kind == types.Row:
		if l, ok := x.I.(*ast.StringLit); ok {
			return b.path(e, []*ast.Ident{{Loc: l.Loc, Name: l.Value}})
		}
	}
	b.errorf(x.Pos(), "%s cannot be indexed by %s", t, i.Type())
	return poison()
}

func upper(s string) string { return strings.ToUpper(s) }

// difference binds (x - y) DAY: the interval between two points in time, of the unit's kind.
func (b *Binder) difference(s *scope, x *ast.Difference) plan.Expr {
	l, r := b.expr(s, x.X), b.expr(s, x.Y)
	t, ok := function.Instants(l.Type(), r.Type())
	switch {
	case t.Kind == types.Null:
		return poison()
	case !ok || !t.IsTimestamp() && t.Kind != types.Date && t.Kind != types.Time:
		b.remedy(x.Pos(), "CAST both to TIMESTAMP or DATE", "no time lies between %s and %s", l.Type(), r.Type())
		return poison()
	}
	kind := types.IntervalDayTime
	switch x.Unit.From {
	case "YEAR", "QUARTER", "MONTH":
		kind = types.IntervalYearMonth
	}
	return &plan.Call{Func: "-", Args: []plan.Expr{function.Cast(l, t), function.Cast(r, t)}, T: types.Of(kind).WithNull(l.Type().Nullable() || r.Type().Nullable())}
}
