package bind

import (
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/function"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// navigation is the row that an expression inside FIRST, LAST, PREV or NEXT is of. All its columns are of one variable.
type navigation struct {
	plan.MatchNav
	logical bool // FIRST or LAST is given
	one     oneVariable
	call    string
}

// aggArgs is the argument of an aggregate being bound.
type aggArgs struct {
	one  oneVariable
	call string
}

// oneVariable is the variable that all columns of an expression must have.
type oneVariable struct {
	set  bool
	name string // "" for none
	vars []int
}

func (o *oneVariable) take(b *Binder, p ast.Pos, call, name string, vars []int) {
	if o.set && o.name != name {
		what := func(s string) string {
			if s == "" {
				return "no variable"
			}
			return s
		}
		b.remedy(p, "write one call for each variable", "%s can be over one variable only, this is of %s and of %s", call, what(o.name), what(name))
		return
	}
	o.set, o.name, o.vars = true, name, vars
}

// matchExpr binds what has a meaning of its own in DEFINE and MEASURES; ok is false for everything else.
func (b *Binder) matchExpr(s *scope, x ast.Expr) (plan.Expr, bool) {
	m := s.match
	switch x := x.(type) {
	case *ast.Name:
		return b.matchName(s, x), true
	case *ast.Unary:
		if x.Op == "RUNNING" || x.Op == "FINAL" {
			return b.runningFinal(s, x), true
		}
	case *ast.Star:
		b.remedy(x.Pos(), "write COUNT("+ast.String(x)+")", "%s is no value", ast.String(x))
		return poison(), true
	case *ast.Subquery, *ast.Exists, *ast.Quantified:
		b.remedy(x.Pos(), "join before or after MATCH_RECOGNIZE", "a subquery cannot stand in %s", s.clause)
		return poison(), true
	case *ast.In:
		if x.Query != nil {
			b.remedy(x.Pos(), "join before or after MATCH_RECOGNIZE", "a subquery cannot stand in %s", s.clause)
			return poison(), true
		}
	case *ast.FuncCall:
		switch name := x.FuncName(); {
		case name == "FIRST" || name == "LAST" || name == "PREV" || name == "NEXT":
			return b.navigate(s, x, false), true
		case name == "CLASSIFIER":
			return b.classifier(s, x), true
		case name == "MATCH_NUMBER" && len(x.Args) == 0:
			m.beyond = true
			t := types.Of(types.BigInt)
			if m.agg != nil {
				return &plan.ColRef{Index: len(m.in.fields) + 1, Name: "MATCH_NUMBER()", T: t}, true
			}
			return m.slot(plan.MatchSlot{Kind: plan.SlotNumber, T: t}, "MATCH_NUMBER()"), true
		case name == "MATCH_ROWTIME" || name == "MATCH_PROCTIME":
			return b.matchTime(s, x), true
		case x.Over != nil:
			b.errorf(x.Pos(), "OVER cannot stand in %s of MATCH_RECOGNIZE", s.clause)
			return poison(), true
		case function.IsAggregate(name):
			return b.matchAgg(s, x, false), true
		case m.define >= 0 && m.agg == nil && len(x.Args) == 0 && timeFunctions[name]:
			return b.rowClock(s, x), true
		}
	}
	return nil, false
}

// timeFunctions give another value at another time: in DEFINE they are read once for each row, when it comes, so that a row is never judged twice differently.
var timeFunctions = map[string]bool{"CURRENT_TIMESTAMP": true, "NOW": true, "CURRENT_DATE": true, "CURRENT_TIME": true, "LOCALTIME": true, "LOCALTIMESTAMP": true,
	"PROCTIME": true, "CURRENT_ROW_TIMESTAMP": true, "UNIX_TIMESTAMP": true, "RAND": true, "UUID": true}

// rowClock makes the call a column of the input and reads it from the current row.
func (b *Binder) rowClock(s *scope, x *ast.FuncCall) plan.Expr {
	outer := *s
	outer.match = nil
	e := b.expr(&outer, x)
	m := s.match
	width := len(m.in.fields)
	r, at := b.extend(m.in, []plan.Expr{e})
	for i := width; i < len(r.fields); i++ {
		r.fields[i].hidden = true
	}
	*m.in = *r
	return m.slot(plan.MatchSlot{Kind: plan.SlotColumn, Col: at[0], T: e.Type().AsNullable()}, ast.String(x))
}

// matchName binds column, variable.column, and fields of either.
func (b *Binder) matchName(s *scope, x *ast.Name) plan.Expr {
	m, parts := s.match, x.Strings()
	variable, vars, used := "", []int(nil), 0
	if len(parts) > 1 {
		if v, ok := m.variable(parts[0]); ok {
			variable, vars, used = parts[0], v, 1
		}
	}
	found := (&scope{rel: m.in}).find("", parts[used])
	switch {
	case len(found) > 1:
		b.errorf(x.Pos(), "column %s is ambiguous", parts[used])
		return poison()
	case len(found) == 0 && len(parts) > 1 && used == 0:
		b.remedy(x.Parts[0].Pos(), fault.DidYouMean(parts[0], sortedKeys(m.vars)), "%s is neither a variable of PATTERN nor a column", parts[0])
		return poison()
	case len(found) == 0:
		b.unknownColumn(&scope{rel: m.in}, &ast.Name{Loc: x.Loc, Parts: x.Parts[used:]})
		return poison()
	}
	col := m.in.out()[found[0]]
	t := col.Type.AsNullable()
	label := strings.Join(parts[:used+1], ".")
	var e plan.Expr
	if m.agg != nil {
		m.agg.one.take(b, x.Pos(), m.agg.call, variable, vars)
		e = &plan.ColRef{Index: found[0], Name: col.Name, T: col.Type}
	} else {
		nav := plan.MatchNav{Vars: vars}
		if m.nav != nil {
			m.nav.one.take(b, x.Pos(), m.nav.call, variable, vars)
			nav = m.nav.MatchNav
			nav.Vars = vars
			label = m.nav.label(label)
		}
		e = m.slot(plan.MatchSlot{Kind: plan.SlotColumn, Nav: nav, Col: found[0], T: t}, label)
	}
	return b.path(e, x.Parts[used+1:])
}

func (n *navigation) label(what string) string {
	f, offset := "LAST", ""
	if n.First {
		f = "FIRST"
	}
	if n.Offset > 0 {
		offset = ", " + itoa(n.Offset)
	}
	if n.First || n.Offset > 0 || n.Final {
		what = f + "(" + what + offset + ")"
		if n.Final {
			what = "FINAL " + what
		}
	}
	switch {
	case n.Shift < 0:
		what = "PREV(" + what + ", " + itoa(-n.Shift) + ")"
	case n.Shift > 0:
		what = "NEXT(" + what + ", " + itoa(n.Shift) + ")"
	}
	return what
}

// navigate binds FIRST, LAST, PREV and NEXT, of which one of the first two may stand in one of the others.
func (b *Binder) navigate(s *scope, x *ast.FuncCall, final bool) plan.Expr {
	m, name := s.match, x.FuncName()
	physical := name == "PREV" || name == "NEXT"
	switch {
	case m.agg != nil:
		b.remedy(x.Pos(), "aggregate the column itself", "%s cannot stand inside %s", name, m.agg.call)
		return poison()
	case m.nav != nil && (physical || m.nav.logical):
		b.remedy(x.Pos(), "write PREV(LAST(x, 2), 1): FIRST or LAST inside PREV or NEXT", "%s cannot stand inside %s", name, m.nav.call)
		return poison()
	case len(x.Args) == 0 || len(x.Args) > 2 || x.Star || x.Distinct:
		b.errorf(x.Pos(), "%s wants an expression and perhaps a number of rows", name)
		return poison()
	}
	nav := &navigation{call: name}
	if m.nav != nil {
		nav.MatchNav, nav.call = m.nav.MatchNav, m.nav.call+" of "+name
	}
	count := 0
	if physical {
		m.beyond = true
		count = 1
	}
	if len(x.Args) == 2 {
		v, ok := b.constant(x.Args[1].Value)
		if !ok {
			return poison()
		}
		if v < 0 || v > maxOffset {
			b.errorf(x.Args[1].Pos(), "%s goes 0 to %d rows, not %d", name, maxOffset, v)
			return poison()
		}
		count = int(v)
	}
	switch name {
	case "PREV":
		nav.Shift = -count
	case "NEXT":
		nav.Shift = count
	default:
		nav.logical, nav.First, nav.Offset = true, name == "FIRST", count
		nav.Final = final && !m.oneRow // one row is the last one: everything is final
	}
	outer := m.nav
	m.nav = nav
	before := len(b.errs)
	e := b.expr(s, x.Args[0].Value)
	m.nav = outer
	if outer != nil {
		outer.one.set, outer.one.name, outer.one.vars = outer.one.set || nav.one.set, nav.one.name, nav.one.vars
	}
	if !nav.one.set && len(b.errs) == before {
		b.errorf(x.Args[0].Pos(), "%s wants a column", name)
		return poison()
	}
	return e
}

// maxOffset bounds the rows that a navigation goes: what it may reach is kept for each partial match.
const maxOffset = 10000

func (b *Binder) runningFinal(s *scope, x *ast.Unary) plan.Expr {
	m := s.match
	f, ok := x.X.(*ast.FuncCall)
	name := ""
	if ok {
		name = f.FuncName()
	}
	final := x.Op == "FINAL"
	switch {
	case final && m.define >= 0:
		b.remedy(x.Pos(), "leave out FINAL", "FINAL cannot stand in DEFINE: the match is not complete there")
	case name == "FIRST" || name == "LAST":
		return b.navigate(s, f, final)
	case function.IsAggregate(name):
		return b.matchAgg(s, f, final)
	default:
		b.errorf(x.Pos(), "%s stands before FIRST, LAST or an aggregate", x.Op)
	}
	return poison()
}

func (b *Binder) classifier(s *scope, x *ast.FuncCall) plan.Expr {
	m := s.match
	m.beyond = true
	variable, vars := "", []int(nil)
	if len(x.Args) > 0 {
		n, ok := x.Args[0].Value.(*ast.Name)
		if !ok || len(n.Parts) != 1 || len(x.Args) > 1 {
			b.errorf(x.Pos(), "CLASSIFIER takes a variable of PATTERN, or nothing")
			return poison()
		}
		variable = n.Last()
		if vars, ok = m.variable(variable); !ok {
			b.remedy(n.Pos(), fault.DidYouMean(variable, sortedKeys(m.vars)), "variable %s is not in PATTERN", variable)
			return poison()
		}
	}
	if m.agg != nil {
		m.agg.one.take(b, x.Pos(), m.agg.call, variable, vars)
		if m.define >= 0 {
			b.remedy(x.Pos(), "count the variable's rows: COUNT(A.*)", "CLASSIFIER cannot be aggregated in DEFINE")
		}
		return &plan.ColRef{Index: len(m.in.fields), Name: "CLASSIFIER()", T: rowLabel}
	}
	nav, label := plan.MatchNav{Vars: vars}, ast.String(x)
	if m.nav != nil {
		m.nav.one.take(b, x.Pos(), m.nav.call, variable, vars)
		nav = m.nav.MatchNav
		nav.Vars = vars
		label = m.nav.label(label)
	}
	return m.slot(plan.MatchSlot{Kind: plan.SlotClassifier, Nav: nav, T: rowLabel}, label)
}

func (b *Binder) matchTime(s *scope, x *ast.FuncCall) plan.Expr {
	m, name := s.match, x.FuncName()
	switch {
	case m.define >= 0 || m.nav != nil || m.agg != nil:
		b.errorf(x.Pos(), "%s stands in MEASURES by itself", name)
		return poison()
	case name == "MATCH_PROCTIME":
		return m.slot(plan.MatchSlot{Kind: plan.SlotProcTime, T: types.TimestampLTZOf(3).AsNotNull()}, "MATCH_PROCTIME()")
	case m.timeCol < 0 || m.procTime:
		b.remedy(x.Pos(), "order by the column of WATERMARK FOR, or take MATCH_PROCTIME()", "MATCH_ROWTIME wants an order by event time")
		return poison()
	}
	if len(x.Args) > 0 { // the column by which it is ordered
		if c, ok := b.matchColumn(&scope{rel: m.in, clause: "MATCH_ROWTIME"}, x.Args[0].Value, "MATCH_ROWTIME"); !ok || c != m.timeCol || len(x.Args) > 1 {
			b.remedy(x.Pos(), "write MATCH_ROWTIME()", "MATCH_ROWTIME is of the column that the rows are ordered by")
			return poison()
		}
	}
	return m.slot(plan.MatchSlot{Kind: plan.SlotRowTime, T: m.in.out()[m.timeCol].Type.AsNullable()}, "MATCH_ROWTIME()")
}

// matchAgg binds an aggregate over the rows of one variable, or over all rows of the match.
func (b *Binder) matchAgg(s *scope, x *ast.FuncCall, final bool) plan.Expr {
	m, name := s.match, x.FuncName()
	switch {
	case m.agg != nil || m.nav != nil:
		outer := "a navigation"
		if m.agg != nil {
			outer = m.agg.call
		}
		b.remedy(x.Pos(), "aggregate and navigate in two terms", "%s cannot stand inside %s", name, outer)
		return poison()
	case x.Star && name != "COUNT" || !x.Star && len(x.Args) == 0:
		b.errorf(x.Pos(), "%s wants an argument", name)
		return poison()
	case len(x.OrderBy) > 0 || len(x.WithinGroup) > 0:
		b.errorf(x.Pos(), "%s cannot have an order of its own in MATCH_RECOGNIZE: its rows come in the match's order", name)
		return poison()
	}
	before := len(b.errs)
	a := &aggArgs{call: name}
	var args []plan.Expr
	var filter plan.Expr
	m.agg = a
	for _, arg := range x.Args {
		if star, ok := arg.Value.(*ast.Star); ok && name == "COUNT" && len(x.Args) == 1 && len(star.Qualifier.Parts) == 1 {
			v, ok := m.variable(star.Qualifier.Last())
			if !ok {
				b.remedy(star.Pos(), fault.DidYouMean(star.Qualifier.Last(), sortedKeys(m.vars)), "variable %s is not in PATTERN", star.Qualifier.Last())
			}
			a.one.take(b, star.Pos(), name, star.Qualifier.Last(), v)
			m.beyond = true
			continue
		}
		args = append(args, b.expr(s, arg.Value))
	}
	if x.Filter != nil {
		m.beyond = true
		filter = b.condition(s, x.Filter)
	}
	m.agg = nil
	if len(b.errs) > before {
		return poison()
	}
	fn, args, t, err := function.Aggregate(name, args, false)
	if err != nil {
		b.fail(x.Pos(), err)
		return poison()
	}
	m.beyond = m.beyond || x.Distinct
	call := plan.MatchAgg{AggCall: plan.AggCall{Func: fn, Distinct: x.Distinct, Filter: -1, T: t, Args: addExprs(&m.aggArgs, args)}, Vars: a.one.vars, Final: final && !m.oneRow}
	if filter != nil {
		call.Filter = addExprs(&m.aggArgs, []plan.Expr{filter})[0]
	}
	i := slices.IndexFunc(m.aggs, func(o plan.MatchAgg) bool {
		return o.Func == call.Func && o.Distinct == call.Distinct && o.Filter == call.Filter && o.Final == call.Final && slices.Equal(o.Args, call.Args) &&
			slices.Equal(o.Vars, call.Vars) && (o.Vars == nil) == (call.Vars == nil)
	})
	if i < 0 {
		i = len(m.aggs)
		m.aggs = append(m.aggs, call)
	}
	return m.slot(plan.MatchSlot{Kind: plan.SlotAgg, Agg: i, T: t}, ast.String(x))
}
