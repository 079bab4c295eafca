// Package udf is how Go code gives SQL functions of its own: scalar functions over columns or row by row, table functions and aggregates,
// each with a typed signature, in a [Set] that is passed to the job's runtime. There are no globals: what a program offers is what it passes.
//
// A function must give the same for the same arguments, or say [Volatile]: a volatile one is computed for every row, in its place, and a row
// that is taken back after a restart may get another value. Functions must not keep state between calls; aggregates keep theirs in
// an [Aggregator], which is saved as bytes. An error that a function returns stops the job, as an error of a built-in function does.
//
// An instance of a function (what New gives) is used by one goroutine.
package udf

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// A ScalarFunc appends the function's value for each of n rows to out. args hold n rows each, in the Arrow types of the parameters.
type ScalarFunc func(args []arrow.Array, n int, out array.Builder) error

// A TableFunc appends the rows that it makes of row to out: a value to every column, then RowDone.
type TableFunc func(args []arrow.Array, row int, out *batch.Builder) error

// Aggregator is an aggregate's state of one group.
type Aggregator interface {
	// Add takes a row in; Retract takes one back and is called only if the function was made with retraction.
	Add(args []arrow.Array, row int) error
	Retract(args []arrow.Array, row int) error
	// Merge adds what another group's state holds; called only if the function was made with merging.
	Merge(other Aggregator) error
	Result(dst array.Builder) error
	// Save appends the state to dst; Load takes a saved state.
	Save(dst []byte) []byte
	Load(data []byte) error
}

// The kinds of catalog.Function.Impl. Each makes an instance.
type (
	NewScalar    func() (ScalarFunc, error)
	NewTable     func() (TableFunc, error)
	NewAggregate func() (func() Aggregator, error)
)

// Option changes a function as it is made.
type Option func(*catalog.Function)

// Volatile says that the function may give different values for the same arguments.
func Volatile(f *catalog.Function) { f.Volatile = true }

// Variadic says that the last parameter may come any number of times.
func Variadic(f *catalog.Function) { f.Variadic = true }

// WithRetract says that Aggregator.Retract works; without it the aggregate is refused over streams of changes.
func WithRetract(f *catalog.Function) { f.Retract = true }

// WithMerge says that Aggregator.Merge works; without it the aggregate is refused in windows.
func WithMerge(f *catalog.Function) { f.Merge = true }

func define(name string, kind catalog.FunctionKind, params []types.Type, result types.Type, impl any, opts []Option) *catalog.Function {
	f := &catalog.Function{Name: strings.ToUpper(name), Kind: kind, Params: params, Result: result, Impl: impl}
	for _, o := range opts {
		o(f)
	}
	return f
}

// Scalar is a scalar function over columns. It sees NULLs.
func Scalar(name string, params []types.Type, result types.Type, fn ScalarFunc, opts ...Option) *catalog.Function {
	return define(name, catalog.ScalarFunction, params, result, NewScalar(func() (ScalarFunc, error) { return fn, nil }), opts)
}

// Table is a table function whose rows have the given columns.
func Table(name string, params []types.Type, columns []types.Field, fn TableFunc, opts ...Option) *catalog.Function {
	return define(name, catalog.TableFunction, params, types.RowOf(columns...), NewTable(func() (TableFunc, error) { return fn, nil }), opts)
}

// Aggregate is an aggregate function; make gives the state of an empty group.
func Aggregate(name string, params []types.Type, result types.Type, make func() Aggregator, opts ...Option) *catalog.Function {
	return define(name, catalog.AggregateFunction, params, result, NewAggregate(func() (func() Aggregator, error) { return make, nil }), opts)
}

// Loader makes functions of identifiers that are none of the set's: AS 'wasm:mod.wasm#f'.
type Loader interface {
	// Load gives the function; ok is false if the identifier is not of this loader's form. Paths are relative to file's folder.
	Load(file, identifier, language string, resources []string) (f *catalog.Function, ok bool, err error)
}

// Set is the functions that a program offers. Its functions may be called without CREATE FUNCTION, and under other names with CREATE
// FUNCTION f AS 'name' LANGUAGE GO.
type Set struct {
	byName  map[string]*catalog.Function
	loaders []Loader
}

var _ catalog.Functions = (*Set)(nil)

// NewSet makes a set. The error, of kind fault.Config, names a function that is there twice or has an incomplete signature.
func NewSet(loaders []Loader, fs ...*catalog.Function) (*Set, error) {
	s := &Set{byName: map[string]*catalog.Function{}, loaders: loaders}
	for _, f := range fs {
		switch {
		case s.byName[f.Name] != nil:
			return nil, fault.Newf(fault.Config, "there are two functions %s", f.Name)
		case f.Variadic && len(f.Params) == 0:
			return nil, fault.Newf(fault.Config, "function %s is variadic and has no parameter", f.Name)
		case f.Kind == catalog.TableFunction && len(f.Result.Fields) == 0:
			return nil, fault.Newf(fault.Config, "table function %s has no columns", f.Name)
		}
		s.byName[f.Name] = f
	}
	return s, nil
}

// Builtin implements catalog.Functions.
func (s *Set) Builtin(name string) *catalog.Function { return s.byName[name] }

// Names implements catalog.Functions.
func (s *Set) Names() []string {
	names := make([]string, 0, len(s.byName))
	for n := range s.byName {
		names = append(names, n)
	}
	slices.SortFunc(names, cmp.Compare[string])
	return names
}

// Load implements catalog.Functions: AS 'name' LANGUAGE GO, or what a loader knows.
func (s *Set) Load(file, identifier, language string, resources []string) (*catalog.Function, error) {
	switch language {
	case "JAVA", "SCALA", "PYTHON", "SQL":
		return nil, fault.WithRemedy(fault.Newf(fault.Config, "functions in %s do not run here", language),
			"compile it to WebAssembly (LANGUAGE WASM), or register it in Go (LANGUAGE GO)")
	}
	for _, l := range s.loaders {
		if f, ok, err := l.Load(file, identifier, language, resources); ok || err != nil {
			return f, err
		}
	}
	name := strings.ToUpper(strings.TrimPrefix(identifier, "go:"))
	if f := s.byName[name]; f != nil {
		return f, nil
	}
	remedy := fault.DidYouMean(name, s.Names())
	if remedy == "" {
		remedy = "name a function that the program registers, or write AS 'wasm:path/to/module.wasm#function'"
	}
	return nil, fault.WithRemedy(fault.Newf(fault.Config, "there is no function %q", identifier), remedy)
}

// Failure wraps what a function answered for a row.
func Failure(f *catalog.Function, err error) error {
	return fault.Wrap(fault.Permanent, err, "%s", fmt.Sprintf("function %s", f.Name))
}
