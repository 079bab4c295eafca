package bind

import (
	"errors"
	"strconv"
	"strings"

	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/function"
	"github.com/freshet-dw/freshet/pkg/sql/javaregexp"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func itoa(i int) string { return strconv.Itoa(i) }

func (b *Binder) call(s *scope, x *ast.FuncCall) plan.Expr {
	name := x.FuncName()
	switch {
	case x.Over != nil:
		return b.overCall(s, x)
	case b.isAggregate(name):
		return b.aggCall(s, x)
	case name == "GROUPING" || name == "GROUPING_ID" || name == "GROUP_ID":
		return b.grouping(s, x)
	}
	if kind, ok := windowFunction(name); ok {
		return b.windowColumn(s, x, kind)
	}
	if x.Filter != nil || x.Distinct || x.Star {
		b.errorf(x.Pos(), "%s is no aggregate: DISTINCT, * and FILTER cannot stand with it", name)
		return poison()
	}
	args := make([]plan.Expr, 0, len(x.Args))
	before := len(b.errs)
	for _, a := range x.Args {
		if a.Name != nil {
			b.errorf(a.Pos(), "%s takes its arguments by place, not by name", name)
			return poison()
		}
		args = append(args, b.expr(s, a.Value))
	}
	if len(b.errs) > before {
		return poison() // one message for one fault
	}
	if f := b.findFunction(name); f != nil {
		return b.userCall(x, f, args)
	}
	switch {
	case name == "TRIM" && len(args) == 3:
		side := x.Args[0].Value.(*ast.Symbol).Name
		name = map[string]string{"BOTH": "BTRIM", "LEADING": "LTRIM", "TRAILING": "RTRIM"}[side]
		args = []plan.Expr{args[2], args[1]}
	case name == "CURRENT_DATABASE" && len(args) == 0:
		return lit(b.ns.now.database, types.String().AsNotNull())
	case x.JSON != nil:
		return b.jsonCall(s, x, name, args)
	case name == "JSON_OBJECT" || name == "JSON_ARRAY":
		args = append([]plan.Expr{stringLit("NULL")}, args...)
		if name == "JSON_ARRAY" {
			args[0] = stringLit("ABSENT")
		}
	}
	if pattern, ok := patternArg(name, args); ok && !b.patternRuns(x.Args[1].Value.Pos(), name, pattern) {
		return poison()
	}
	e, err := function.Call(name, args)
	return b.put(x.Name.Pos(), e, err)
}

// patternArg is the constant regular expression of a call.
func patternArg(name string, args []plan.Expr) (string, bool) {
	switch name {
	case "REGEXP", "REGEXP_EXTRACT", "REGEXP_REPLACE", "REGEXP_EXTRACT_ALL", "REGEXP_COUNT", "REGEXP_INSTR", "REGEXP_SUBSTR":
		if len(args) > 1 {
			if l, ok := args[1].(*plan.Literal); ok {
				s, isText := l.Value.(string)
				return s, isText
			}
		}
	}
	return "", false
}

// patternRuns refuses a pattern that Java takes and the engine cannot run. What is no pattern in Java either is left: it gives NULL or FALSE.
func (b *Binder) patternRuns(at ast.Pos, name, pattern string) bool {
	_, err := javaregexp.Compile(pattern)
	var why *javaregexp.Error
	if !errors.As(err, &why) || !why.Foreign {
		return true
	}
	b.remedy(at, "write it without look-around, possessive quantifiers and back references", "%s: regular expression '%s': %s", name, pattern, why)
	return false
}

// jsonCall gives the clauses of a JSON function as arguments: JSON_VALUE(v, path, onEmpty, default, onError, default),
// JSON_QUERY(v, path, wrapper, onEmpty, onError), JSON_EXISTS(v, path, onError), JSON_OBJECT and JSON_ARRAY(onNull, …).
func (b *Binder) jsonCall(s *scope, x *ast.FuncCall, name string, args []plan.Expr) plan.Expr {
	j := x.JSON
	behaviour := func(v *ast.JSONBehavior, def string) (plan.Expr, plan.Expr) {
		if v == nil {
			return stringLit(def), &plan.Literal{}
		}
		if v.Default != nil {
			return stringLit(v.Kind), function.Cast(b.expr(s, v.Default), types.String())
		}
		return stringLit(v.Kind), &plan.Literal{}
	}
	or := func(v, def string) plan.Expr {
		if v == "" {
			v = def
		}
		return stringLit(v)
	}
	switch name {
	case "JSON_VALUE":
		k, d := behaviour(j.OnEmpty, "NULL")
		k2, d2 := behaviour(j.OnError, "NULL")
		args = append(args, k, d, k2, d2)
	case "JSON_QUERY":
		k, _ := behaviour(j.OnEmpty, "NULL")
		k2, _ := behaviour(j.OnError, "NULL")
		args = append(args, or(j.Wrapper, "WITHOUT"), k, k2)
	case "JSON_EXISTS":
		k, _ := behaviour(j.OnError, "FALSE")
		args = append(args, k)
	case "JSON_OBJECT":
		args = append([]plan.Expr{or(j.OnNull, "NULL")}, args...)
	case "JSON_ARRAY":
		args = append([]plan.Expr{or(j.OnNull, "ABSENT")}, args...)
	}
	e, err := function.Call(name, args)
	if err == nil && j.Returning != nil && j.Returning.Name != "STRING" {
		t, err := j.Returning.Logical()
		if err != nil {
			b.fail(j.Returning.Pos(), err)
			return poison()
		}
		if name == "JSON_QUERY" {
			return b.jsonReturning(j, e, t)
		}
		// The function gives the text that the path reaches; RETURNING reads it.
		return &plan.Call{Func: "TRY_CAST", Args: []plan.Expr{e}, T: t.AsNullable()}
	}
	return b.put(x.Name.Pos(), e, err)
}

// jsonReturning is JSON_QUERY with RETURNING text or an array of texts.
func (b *Binder) jsonReturning(j *ast.JSONClauses, e plan.Expr, t types.Type) plan.Expr {
	switch {
	case t.IsString():
		return function.Cast(e, t.AsNullable())
	case t.Kind != types.Array || !t.Elem.IsString():
		b.remedy(j.Returning.Pos(), "return STRING or ARRAY<STRING>", "JSON_QUERY cannot return %s", t)
		return poison()
	}
	for _, how := range []*ast.JSONBehavior{j.OnEmpty, j.OnError} {
		if how != nil && strings.ReplaceAll(how.Kind, "_", " ") == "EMPTY OBJECT" {
			b.errorf(how.Pos(), "an EMPTY OBJECT is no %s", t)
			return poison()
		}
	}
	call := *e.(*plan.Call)
	call.T = t.AsNullable()
	return &call
}
