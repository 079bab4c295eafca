package bind

import (
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/function"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// userFunction is a declared function. One of TEMPORARY SYSTEM hides a built-in of the same name; of the others the built-in hides them.
type userFunction struct {
	*catalog.Function
	system bool
}

// UseFunctions says where user functions come from; without it there are none.
func (b *Binder) UseFunctions(f catalog.Functions) {
	b.library = f
	b.functions = map[string]userFunction{}
}

// Functions are all user functions that statements have named, by the name that plans give them.
func (b *Binder) Functions() map[string]*catalog.Function { return b.used }

func (b *Binder) createFunction(s *ast.CreateFunction) {
	name := upper(s.Name.Last())
	if b.library == nil {
		b.remedy(s.Pos(), "", "there are no user functions here")
		return
	}
	old, exists := b.functions[name]
	switch {
	case s.Alter && !exists:
		if !s.IfNotExists {
			b.remedy(s.Name.Pos(), fault.DidYouMean(name, sortedKeys(b.functions)), "function %s does not exist", s.Name.Dotted())
		}
		return
	case !s.Alter && exists && old.system == s.System:
		if !s.IfNotExists {
			b.remedy(s.Name.Pos(), "write IF NOT EXISTS, or DROP it first", "function %s exists already", s.Name.Dotted())
		}
		return
	case !s.System && slices.Contains(function.Names(), name):
		b.remedy(s.Name.Pos(), "choose another name, or CREATE TEMPORARY SYSTEM FUNCTION", "a built-in function has the name %s and would be called in its place", name)
		return
	}
	var paths []string
	for _, r := range s.Resources {
		paths = append(paths, r.Path.Value)
	}
	f, err := b.library.Load(s.Pos().File, s.Class.Value, s.Language, paths)
	if err != nil {
		b.fail(s.Class.Pos(), err)
		return
	}
	own := *f
	own.Name = name
	b.functions[name] = userFunction{&own, s.System}
	b.stale()
}

func (b *Binder) dropFunction(s *ast.Drop) {
	name := upper(s.Name.Last())
	if _, ok := b.functions[name]; ok {
		delete(b.functions, name)
		b.stale()
		return
	}
	if !s.IfExists {
		b.remedy(s.Name.Pos(), fault.DidYouMean(name, sortedKeys(b.functions)), "function %s does not exist", s.Name.Dotted())
	}
}

// findFunction gives the user function that a call of name, upper case, means; nil if it means a built-in or nothing.
func (b *Binder) findFunction(name string) *catalog.Function {
	f, ok := b.functions[name]
	if ok && f.system {
		return f.Function
	}
	if b.library == nil || slices.Contains(function.Names(), name) {
		return nil
	}
	if ok {
		return f.Function
	}
	return b.library.Builtin(name)
}

func (b *Binder) isAggregate(name string) bool {
	if f := b.findFunction(name); f != nil {
		return f.Kind == catalog.AggregateFunction
	}
	return function.IsAggregate(name)
}

// functionNames are the names of all user functions, sorted.
func (b *Binder) functionNames() []string {
	names := sortedKeys(b.functions)
	if b.library != nil {
		names = append(names, b.library.Names()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// called notes that a plan calls f and gives the name for it.
func (b *Binder) called(f *catalog.Function) string {
	name := f.Name
	for i := 0; b.used[name] != nil && b.used[name] != f; i++ {
		name = f.Name + "#" + itoa(i) // declared anew since
	}
	b.used[name] = f
	return plan.UserCall(name, f.Volatile)
}

// userArgs casts the arguments of a call of f.
func userArgs(f *catalog.Function, args []plan.Expr) ([]plan.Expr, error) {
	params := slices.Clone(f.Params)
	if f.Variadic {
		last := params[len(params)-1]
		params = params[:len(params)-1]
		for len(params) < len(args) {
			params = append(params, last)
		}
	}
	out := make([]plan.Expr, len(args))
	ok := len(args) == len(params)
	for i := 0; ok && i < len(args); i++ {
		from := args[i].Type()
		ok = from.Kind == types.Null || from.EqualIgnoreNull(params[i]) || function.ImplicitCast(from, params[i]) || from.IsString() && params[i].IsString()
		out[i] = function.Cast(args[i], params[i].AsNullable())
	}
	if ok {
		return out, nil
	}
	given := make([]string, len(args))
	for i, a := range args {
		given[i] = a.Type().String()
	}
	want := make([]string, len(f.Params))
	for i, p := range f.Params {
		want[i] = p.String()
	}
	if f.Variadic {
		want[len(want)-1] += " …"
	}
	return nil, fault.WithRemedy(fault.Newf(fault.Config, "%s cannot take (%s)", f.Name, strings.Join(given, ", ")), "it takes ("+strings.Join(want, ", ")+"): CAST what differs")
}

// userCall binds the call of a user's scalar function.
func (b *Binder) userCall(x *ast.FuncCall, f *catalog.Function, args []plan.Expr) plan.Expr {
	if f.Kind != catalog.ScalarFunction {
		b.remedy(x.Pos(), "write FROM …, LATERAL TABLE("+f.Name+"(…))", "%s is a %s: it cannot stand in an expression", f.Name, f.Kind)
		return poison()
	}
	args, err := userArgs(f, args)
	if err != nil {
		return b.put(x.Name.Pos(), nil, err)
	}
	return &plan.Call{Func: b.called(f), Args: args, T: f.Result}
}

// tableFunction gives the user's table function that TABLE(f(…)) names, nil for a window or what is unknown.
func (b *Binder) tableFunction(t *ast.TableFunc) *catalog.Function {
	if f := b.findFunction(t.Call.FuncName()); f != nil {
		return f
	}
	return nil
}

// correlateFunction binds left JOIN LATERAL TABLE(f(…)).
func (b *Binder) correlateFunction(left *rel, t *ast.TableFunc, f *catalog.Function) *rel {
	if f.Kind != catalog.TableFunction {
		b.errorf(t.Pos(), "%s is a %s: FROM takes table functions", f.Name, f.Kind)
		return nil
	}
	var args []plan.Expr
	before := len(b.errs)
	for _, a := range t.Call.Args {
		if a.Name != nil {
			b.errorf(a.Pos(), "%s takes its arguments by place, not by name", f.Name)
			return nil
		}
		args = append(args, b.expr(&scope{rel: left, clause: "the argument of " + f.Name}, a.Value))
	}
	if len(b.errs) > before {
		return nil
	}
	args, err := userArgs(f, args)
	if err != nil {
		b.fail(t.Pos(), err)
		return nil
	}
	n := &plan.Correlate{Func: b.called(f), Args: args}
	for _, c := range f.Result.Fields {
		n.Result = append(n.Result, plan.Column{Name: c.Name, Type: c.Type})
	}
	return b.correlateOver(left, n, t.Pos(), t.Alias)
}
