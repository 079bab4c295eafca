// Package expr turns a plan's bound expressions into programs over Arrow columns.
//
// It guarantees Flink SQL's semantics: three-valued logic, the formats of CAST, Java's wrap-around integers, DECIMAL rounded
// HALF_UP with NULL on overflow. An expression that Flink would evaluate lazily (a branch of CASE, the right side of AND and
// OR, later arguments of COALESCE) raises its errors only for the rows that reach it. Whole columns are computed at a time;
// constants stay single values.
//
// It does not bind: types, implicit casts and argument counts are the binder's, and an unknown function is an error of Compile.
package expr

import (
	"errors"
	"time"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Options are the session's settings that expressions depend on.
type Options struct {
	// Zone is the session's time zone, in which TIMESTAMP_LTZ is shown and parsed. Nil is UTC.
	Zone *time.Location
	// Functions are the user functions that calls may name.
	Functions map[string]*catalog.Function
}

// Context is what an evaluation depends on besides its input.
type Context struct {
	// Now is the processing-time clock of the epoch.
	Now time.Time
	// Watermark is the current watermark for CURRENT_WATERMARK, in microseconds; nil when there is none yet.
	Watermark *int64
}

// ErrDivideByZero is in the chain of the error of an integer or decimal division by zero.
var ErrDivideByZero = kernel.ErrDivideByZero

// ErrCast is in the chain of the error of a CAST whose value has no place in the target type.
var ErrCast = errors.New("value does not fit the type")

// Set is a list of compiled expressions that share common parts. It is used by one goroutine at a time.
type Set struct {
	roots []*node
	nodes int
	types []types.Type
}

// Program is one compiled expression. It is used by one goroutine at a time.
type Program struct{ set *Set }

// Filter is a compiled condition. It is used by one goroutine at a time.
type Filter struct{ set *Set }

// Compile makes a program of e. Errors have kind fault.Config: an unknown function, a type that a function cannot take, a
// constant pattern that is none.
func Compile(e plan.Expr, opts Options) (*Program, error) {
	s, err := CompileAll([]plan.Expr{e}, opts)
	if err != nil {
		return nil, err
	}
	return &Program{s}, nil
}

// CompileAll makes programs of es; a part that occurs more than once is computed once per batch.
func CompileAll(es []plan.Expr, opts Options) (*Set, error) {
	if opts.Zone == nil {
		opts.Zone = time.UTC
	}
	c := &compiler{zone: newZone(opts.Zone), funcs: functions(), lazy: lazyForms(), user: opts.Functions, seen: map[string]*node{}}
	s := &Set{}
	for _, e := range es {
		n, err := c.compile(e)
		if err != nil {
			return nil, fault.Wrap(fault.Config, err, "compile %s", e)
		}
		s.roots = append(s.roots, n)
		s.types = append(s.types, e.Type())
	}
	s.nodes = c.count
	return s, nil
}

// CompileFilter makes a selection of the rows for which e is true.
func CompileFilter(e plan.Expr, opts Options) (*Filter, error) {
	if k := e.Type().Kind; k != types.Boolean && k != types.Null {
		return nil, fault.Newf(fault.Config, "condition %s is %s, not BOOLEAN", e, e.Type())
	}
	s, err := CompileAll([]plan.Expr{e}, opts)
	if err != nil {
		return nil, err
	}
	return &Filter{s}, nil
}

// Eval computes the expression over n rows of cols. The result has n rows and the Arrow type of e's type; it may be one of
// cols itself. A row's error (division by zero, failed CAST) is of kind fault.Permanent and ends the evaluation.
func (p *Program) Eval(ctx *Context, cols []arrow.Array, n int) (arrow.Array, error) {
	out, err := p.set.Eval(ctx, cols, n)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// Eval computes every expression of the set, as Program.Eval does.
func (s *Set) Eval(ctx *Context, cols []arrow.Array, n int) ([]arrow.Array, error) {
	env := newEnv(ctx, s.nodes, cols, n)
	out := make([]arrow.Array, len(s.roots))
	for i, r := range s.roots {
		v, err := r.eval(env)
		if err != nil {
			return nil, err
		}
		a := v.Expand(n)
		if a.DataType().ID() == arrow.NULL && s.types[i].Kind != types.Null {
			a = kernel.Nulls(batch.ArrowType(s.types[i]), n)
		}
		out[i] = a
	}
	return out, nil
}

// Select appends to sel the positions of the rows for which the condition is true, neither false nor unknown.
func (f *Filter) Select(ctx *Context, cols []arrow.Array, n int, sel []int32) ([]int32, error) {
	v, err := f.set.roots[0].eval(newEnv(ctx, f.set.nodes, cols, n))
	if err != nil {
		return nil, err
	}
	return kernel.SelectedBits(kernel.TruthOf(v, n).T, n, sel), nil
}

// Const gives the value of an expression that has the same value in every row and at every time; ok is false for any
// other, and for one whose evaluation fails.
func Const(e plan.Expr, opts Options) (l *plan.Literal, ok bool) {
	s, err := CompileAll([]plan.Expr{e}, opts)
	if err != nil || s.roots[0].konst == nil {
		return nil, false
	}
	v, ok := literalValue(s.roots[0].konst.A)
	return &plan.Literal{Value: v, T: e.Type()}, ok
}

// Functions are the names that Call.Func may have, sorted.
func Functions() []string { return sortedNames(functions()) }
