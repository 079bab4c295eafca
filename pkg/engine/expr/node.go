package expr

import (
	"fmt"
	"math/big"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// impl computes a function over n rows. When all arguments are constants it is called with n = 1 and its one row stands for
// all, unless the function varies.
type impl func(e *env, n int, a []kernel.Vec) (arrow.Array, error)

// builder makes the implementation of one call: it looks at types and constant arguments once.
type builder func(b *binding) (impl, error)

// binding is a call being compiled.
type binding struct {
	*compiler
	call *plan.Call
	args []*node
	// fail is set by a builder whose function can raise an error for a row.
	fail bool
	// vary is set by a builder whose function depends on more than its arguments: it is neither folded nor shared by rows.
	vary bool
	// now is set by a builder whose function depends on the Context only: not folded, but one value for all rows.
	now bool
}

// out is the Arrow type of the call's result.
func (b *binding) out() arrow.DataType { return batch.ArrowType(b.call.T) }

func (b *binding) typ(i int) types.Type { return b.args[i].t }

// str gives argument i if it is a constant string that is not null.
func (b *binding) str(i int) (string, bool) {
	if i >= len(b.args) || b.args[i].konst == nil || b.args[i].konst.Null() || !b.args[i].t.IsString() {
		return "", false
	}
	s := kernel.StrsOf(*b.args[i].konst)
	return s.At(0), true
}

// arity checks the number of arguments.
func (b *binding) arity(lo, hi int) error {
	if len(b.args) < lo || len(b.args) > hi {
		return fault.Newf(fault.Config, "%s with %d arguments", b.call.Func, len(b.args))
	}
	return nil
}

// node is a compiled expression.
type node struct {
	id    int
	t     types.Type
	konst *kernel.Vec // the value, when it is the same in every row and batch
	fail  bool        // may raise an error for some row
	vary  bool
	run   func(e *env) (kernel.Vec, error)
}

// env is one evaluation: a batch and the values already computed over it.
type env struct {
	ctx    *Context
	n      int
	cols   []arrow.Array
	parent *env // rows sel of parent, columns taken on first use
	sel    []int32
	cache  []kernel.Vec
}

func newEnv(ctx *Context, nodes int, cols []arrow.Array, n int) *env {
	if ctx == nil {
		ctx = &Context{Now: time.Unix(0, 0)}
	}
	return &env{ctx: ctx, n: n, cols: cols, cache: make([]kernel.Vec, nodes)}
}

// on is the evaluation over the rows sel of e.
func (e *env) on(sel []int32) *env {
	return &env{ctx: e.ctx, n: len(sel), parent: e, sel: sel, cols: make([]arrow.Array, len(e.cols)), cache: make([]kernel.Vec, len(e.cache))}
}

func (e *env) col(i int) arrow.Array {
	if e.cols[i] == nil {
		e.cols[i] = kernel.Take(e.parent.col(i), e.sel)
	}
	return e.cols[i]
}

func (n *node) eval(e *env) (kernel.Vec, error) {
	if n.konst != nil {
		return *n.konst, nil
	}
	if v := e.cache[n.id]; v.A != nil {
		return v, nil
	}
	v, err := n.run(e)
	if err == nil {
		e.cache[n.id] = v
	}
	return v, err
}

type compiler struct {
	zone  *zone
	funcs map[string]builder
	lazy  map[string]lazyForm
	user  map[string]*catalog.Function
	seen  map[string]*node
	count int
}

func (c *compiler) compile(e plan.Expr) (*node, error) {
	k := key(e)
	if n := c.seen[k]; n != nil {
		return n, nil
	}
	n := &node{id: c.count, t: e.Type()}
	c.count++
	switch e := e.(type) {
	case *plan.ColRef:
		i := e.Index
		n.run = func(env *env) (kernel.Vec, error) { return kernel.Vec{A: env.col(i)}, nil }
	case *plan.Literal:
		a, err := literalArray(e)
		if err != nil {
			return nil, err
		}
		n.konst = &kernel.Vec{A: a, Const: true}
	case *plan.Call:
		if err := c.call(n, e); err != nil {
			return nil, err
		}
	default:
		return nil, fault.Newf(fault.Internal, "expression of unknown kind %T", e)
	}
	if !n.vary {
		c.seen[k] = n
	}
	return n, nil
}

func (c *compiler) call(n *node, e *plan.Call) error {
	args := make([]*node, len(e.Args))
	for i, a := range e.Args {
		x, err := c.compile(a)
		if err != nil {
			return err
		}
		args[i] = x
		n.fail = n.fail || x.fail
		n.vary = n.vary || x.vary
	}
	b := &binding{compiler: c, call: e, args: args}
	if f := c.lazy[e.Func]; f != nil {
		run, err := f(b)
		if err != nil {
			return err
		}
		n.run = run
	} else {
		f := c.funcs[e.Func]
		if f == nil {
			f = c.userFunction(e.Func)
		}
		if f == nil {
			return fault.WithRemedy(fault.Newf(fault.Config, "function %s is not known to the engine", e.Func), fault.DidYouMean(e.Func, sortedNames(c.funcs)))
		}
		f2, err := f(b)
		if err != nil {
			return err
		}
		vary := b.vary
		n.run = func(env *env) (kernel.Vec, error) { return apply(env, f2, args, vary) }
	}
	n.fail = n.fail || b.fail
	n.vary = n.vary || b.vary
	if n.vary || b.now {
		return nil
	}
	for _, a := range args {
		if a.konst == nil {
			return nil
		}
	}
	// A constant whose value is an error stays to be computed: the branch that holds it may never be reached.
	v, err := n.run(newEnv(nil, c.count, nil, 1))
	if err == nil {
		v.Const = true
		n.konst, n.fail = &v, false
	}
	return nil
}

func apply(e *env, f impl, args []*node, vary bool) (kernel.Vec, error) {
	vs := make([]kernel.Vec, len(args))
	all := !vary
	for i, a := range args {
		v, err := a.eval(e)
		if err != nil {
			return v, err
		}
		vs[i] = v
		all = all && v.Const
	}
	if all {
		if e.n == 0 {
			return kernel.Vec{A: array.NewNull(0)}, nil
		}
		a, err := f(e, 1, vs)
		return kernel.Vec{A: a, Const: true}, err
	}
	a, err := f(e, e.n, vs)
	return kernel.Vec{A: a}, err
}

// key is equal for expressions that compute the same.
func key(e plan.Expr) string {
	var s strings.Builder
	writeKey(&s, e)
	return s.String()
}

func writeKey(s *strings.Builder, e plan.Expr) {
	switch e := e.(type) {
	case *plan.ColRef:
		fmt.Fprintf(s, "$%d", e.Index)
	case *plan.Literal:
		fmt.Fprintf(s, "%T:%q:%s", e.Value, fmt.Sprint(e.Value), e.T.AsNullable())
	case *plan.Call:
		fmt.Fprintf(s, "%s:%s(", e.Func, e.T.AsNullable())
		for _, a := range e.Args {
			writeKey(s, a)
			s.WriteByte(';')
		}
		s.WriteByte(')')
	}
}

// literalArray is the constant as a column of one row.
func literalArray(l *plan.Literal) (arrow.Array, error) {
	t := batch.ArrowType(l.T)
	if l.Value == nil {
		return kernel.Nulls(t, 1), nil
	}
	b := array.NewBuilder(memory.DefaultAllocator, t)
	bad := func() (arrow.Array, error) {
		return nil, fault.Newf(fault.Internal, "literal of type %s holds a %T", l.T, l.Value)
	}
	switch v := l.Value.(type) {
	case bool:
		if l.T.Kind != types.Boolean {
			return bad()
		}
		b.(*array.BooleanBuilder).Append(v)
	case int64:
		switch b := b.(type) {
		case *array.Int8Builder:
			b.Append(int8(v))
		case *array.Int16Builder:
			b.Append(int16(v))
		case *array.Int32Builder:
			b.Append(int32(v))
		case *array.Int64Builder:
			b.Append(v)
		case *array.Date32Builder:
			b.Append(arrow.Date32(v))
		case *array.Time32Builder:
			b.Append(arrow.Time32(v))
		case *array.TimestampBuilder:
			b.Append(arrow.Timestamp(v))
		default:
			return bad()
		}
	case float64:
		switch b := b.(type) {
		case *array.Float32Builder:
			b.Append(float32(v))
		case *array.Float64Builder:
			b.Append(v)
		default:
			return bad()
		}
	case *big.Int:
		d, ok := b.(*array.Decimal128Builder)
		if !ok {
			return bad()
		}
		d.Append(decimal128.FromBigInt(v))
	case string:
		d, ok := b.(*array.StringBuilder)
		if !ok {
			return bad()
		}
		d.Append(v)
	case []byte:
		d, ok := b.(*array.BinaryBuilder)
		if !ok {
			return bad()
		}
		d.Append(v)
	default:
		return bad()
	}
	return b.NewArray(), nil
}

// literalValue is row 0 of a as a plan.Literal holds it; ok is false for nested types.
func literalValue(a arrow.Array) (v any, ok bool) {
	if a.DataType().ID() == arrow.NULL || a.IsNull(0) {
		return nil, true
	}
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(0), true
	case *array.Int8:
		return int64(a.Value(0)), true
	case *array.Int16:
		return int64(a.Value(0)), true
	case *array.Int32:
		return int64(a.Value(0)), true
	case *array.Int64:
		return a.Value(0), true
	case *array.Date32:
		return int64(a.Value(0)), true
	case *array.Time32:
		return int64(a.Value(0)), true
	case *array.Timestamp:
		return int64(a.Value(0)), true
	case *array.Float32:
		return float64(a.Value(0)), true
	case *array.Float64:
		return a.Value(0), true
	case *array.Decimal128:
		return a.Value(0).BigInt(), true
	case *array.String:
		return a.Value(0), true
	case *array.Binary:
		return slices.Clone(a.Value(0)), true
	}
	return nil, false
}

func sortedNames(m map[string]builder) []string {
	lazy := lazyForms()
	out := make([]string, 0, len(m)+len(lazy))
	for k := range m {
		out = append(out, k)
	}
	for k := range lazy {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// functions is the table of everything that Call.Func may name, family by family.
func functions() map[string]builder {
	m := map[string]builder{}
	for _, family := range []map[string]builder{operators(), casts(), stringFunctions(), searchFunctions(), regexFunctions(), digestFunctions(), jsonFunctions(), jsonMakers(), arrayFunctions(), arraySetFunctions(), mapFunctions(),
		encodingFunctions(),
		numericFunctions(), timeFunctions(), formatFunctions(), nestedFunctions()} {
		for name, f := range family {
			if m[name] != nil {
				panic("expr: two functions " + name)
			}
			m[name] = f
		}
	}
	return m
}
