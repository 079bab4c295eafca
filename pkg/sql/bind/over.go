package bind

import (
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/function"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// overs collects the calls with OVER of a SELECT.
type overs struct {
	named []*ast.NamedWindow
	calls []*overCall
}

type overCall struct {
	fn        string
	pos       ast.Pos
	args      []plan.Expr
	filter    plan.Expr
	distinct  bool
	t         types.Type
	partition []plan.Expr
	orderBy   []plan.Expr
	items     []*ast.OrderItem
	frame     plan.Frame
}

// number tells whether the call is one of those that may become a Rank: it has a node of its own.
func (c *overCall) number() bool {
	return c.fn == "ROW_NUMBER" || c.fn == "RANK" || c.fn == "DENSE_RANK"
}

// together tells whether two calls share one window.
func (c *overCall) together(d *overCall) bool {
	if c.number() || d.number() || c.frame != d.frame || len(c.partition) != len(d.partition) || len(c.orderBy) != len(d.orderBy) {
		return false
	}
	for i := range c.partition {
		if !plan.Equal(c.partition[i], d.partition[i]) {
			return false
		}
	}
	for i := range c.orderBy {
		if !plan.Equal(c.orderBy[i], d.orderBy[i]) || c.items[i].Desc != d.items[i].Desc || c.items[i].Nulls != d.items[i].Nulls {
			return false
		}
	}
	return true
}

func (o *overs) rewrite(f func(plan.Expr) plan.Expr) {
	for _, c := range o.calls {
		for _, es := range [][]plan.Expr{c.partition, c.orderBy, c.args} {
			for i := range es {
				es[i] = f(es[i])
			}
		}
		if c.filter != nil {
			c.filter = f(c.filter)
		}
	}
}

// window resolves OVER w and OVER (w …).
func (b *Binder) window(s *scope, spec *ast.WindowSpec, depth int) *ast.WindowSpec {
	if spec.Ref == nil {
		return spec
	}
	i := slices.IndexFunc(s.over.named, func(w *ast.NamedWindow) bool { return strings.EqualFold(w.Name.Name, spec.Ref.Name) })
	if i < 0 || depth > len(s.over.named) {
		b.errorf(spec.Ref.Pos(), "window %s is not declared", spec.Ref.Name)
		return nil
	}
	named := b.window(s, s.over.named[i].Spec, depth+1)
	if named == nil || !spec.Paren && len(spec.PartitionBy)+len(spec.OrderBy) == 0 && spec.Frame == nil {
		return named
	}
	switch {
	case len(spec.PartitionBy) > 0:
		b.errorf(spec.Pos(), "PARTITION BY cannot be added to window %s", spec.Ref.Name)
		return nil
	case len(spec.OrderBy) > 0 && len(named.OrderBy) > 0:
		b.errorf(spec.Pos(), "window %s has an ORDER BY already", spec.Ref.Name)
		return nil
	case named.Frame != nil:
		b.errorf(spec.Pos(), "window %s has a frame: it can be named only, not built upon", spec.Ref.Name)
		return nil
	}
	return &ast.WindowSpec{Loc: spec.Loc, PartitionBy: named.PartitionBy, OrderBy: append(slices.Clone(named.OrderBy), spec.OrderBy...), Frame: spec.Frame}
}

func (b *Binder) overCall(s *scope, x *ast.FuncCall) plan.Expr {
	name := x.FuncName()
	if s.over == nil {
		b.remedy(x.Pos(), "compute it in a subquery", "%s OVER cannot stand in %s", name, s.clause)
		return poison()
	}
	isWindow := function.IsWindow(name)
	switch {
	case !isWindow && !b.isAggregate(name):
		b.remedy(x.Pos(), "OVER takes aggregates, ROW_NUMBER, RANK, DENSE_RANK, PERCENT_RANK, CUME_DIST, NTILE, LAG and LEAD", "%s is no aggregate: OVER cannot stand with it", name)
		return poison()
	case isWindow && (x.Distinct || x.Filter != nil || x.Star):
		b.errorf(x.Pos(), "%s takes neither DISTINCT, * nor FILTER", name)
		return poison()
	case x.Nulls == "IGNORE" && name != "FIRST_VALUE" && name != "LAST_VALUE", x.Nulls == "RESPECT" && (name == "FIRST_VALUE" || name == "LAST_VALUE"):
		b.remedy(x.Pos(), "FIRST_VALUE and LAST_VALUE leave NULLs out, LAG and LEAD do not", "%s %s NULLS is not supported", name, x.Nulls)
		return poison()
	}
	before := len(b.errs)
	spec := b.window(s, x.Over, 0)
	if spec == nil {
		return poison()
	}
	inner := *s
	inner.over, inner.clause = nil, "OVER"
	c := &overCall{fn: name, pos: x.Pos(), distinct: x.Distinct, partition: b.exprs(&inner, spec.PartitionBy), items: spec.OrderBy}
	for _, o := range spec.OrderBy {
		c.orderBy = append(c.orderBy, b.expr(&inner, o.X))
	}
	arg := *s
	arg.over, arg.clause = nil, "the argument of "+name
	var args []plan.Expr
	for _, a := range x.Args {
		args = append(args, b.expr(&arg, a.Value))
	}
	if x.Filter != nil {
		c.filter = b.condition(&arg, x.Filter)
	}
	if x.Star && name != "COUNT" || !x.Star && name == "COUNT" && len(args) == 0 {
		b.errorf(x.Pos(), "%s wants an argument", name)
	}
	if len(b.errs) > before {
		return poison()
	}
	var err error
	if isWindow {
		c.args, c.t, err = function.Window(name, args)
	} else if f := b.findFunction(name); f != nil {
		if c.args, err = userArgs(f, args); err == nil {
			c.fn, c.t = b.called(f), f.Result.AsNullable()
		}
	} else if form, ok := aggregateForm(x); !ok && x.Nulls != "IGNORE" {
		b.remedy(x.Pos(), "leave "+x.Nulls+" NULLS out", "%s takes no %s NULLS", name, x.Nulls)
		return poison()
	} else if c.fn, c.args, c.t, err = function.Aggregate(form, args, true); err == nil && c.fn != "COUNT" && c.fn != "SUM0" {
		c.t = c.t.AsNullable() // a frame may hold no row that counts
	}
	if err != nil {
		b.fail(x.Pos(), err)
		return poison()
	}
	if isWindow && len(c.orderBy) == 0 {
		b.remedy(x.Pos(), "add ORDER BY to OVER", "%s without ORDER BY has no meaning", name)
		return poison()
	}
	if isWindow && spec.Frame != nil {
		b.remedy(spec.Frame.Pos(), "leave it out", "%s has no frame", name)
		return poison()
	}
	if !b.frame(c, spec.Frame) {
		return poison()
	}
	s.over.calls = append(s.over.calls, c)
	return &placeholder{owner: s.over, index: len(s.over.calls) - 1, t: c.t, label: ast.String(x)}
}

// frame reads a frame; without one it is RANGE UNBOUNDED PRECEDING in an order, else the whole partition.
func (b *Binder) frame(c *overCall, f *ast.Frame) bool {
	c.frame = plan.Frame{Upper: plan.Bound{Kind: plan.CurrentRow}}
	if c.fn == "ROW_NUMBER" {
		c.frame.Rows = true
	}
	if f == nil {
		if len(c.orderBy) == 0 {
			c.frame.Upper.Kind = plan.UnboundedFollowing
		}
		return true
	}
	c.frame.Rows = f.Rows
	if !f.Rows && len(c.orderBy) == 0 {
		b.remedy(f.Pos(), "add ORDER BY, or count ROWS", "RANGE wants ORDER BY")
		return false
	}
	ok := b.bound(c, &c.frame.Lower, f.From)
	if f.To != nil {
		ok = b.bound(c, &c.frame.Upper, f.To) && ok
	} else if f.From.Kind > ast.CurrentRow {
		b.errorf(f.Pos(), "a frame that begins after the current row wants its end: BETWEEN … AND …")
		return false
	}
	lo, up := c.frame.Lower, c.frame.Upper
	if ok && (lo.Kind > up.Kind || lo.Kind == plan.UnboundedFollowing || up.Kind == plan.UnboundedPreceding) {
		b.errorf(f.Pos(), "the frame ends before it begins")
		return false
	}
	return ok
}

func (b *Binder) bound(c *overCall, to *plan.Bound, x *ast.Bound) bool {
	*to = plan.Bound{Kind: plan.BoundKind(x.Kind)}
	if x.Offset == nil {
		return true
	}
	before := len(b.errs)
	e := b.expr(&scope{rel: &rel{node: &plan.Values{}}, clause: "a frame"}, x.Offset)
	if len(b.errs) > before {
		return false
	}
	l, isLit := e.(*plan.Literal)
	v, isInt := int64(0), false
	if isLit {
		v, isInt = l.Value.(int64)
	}
	isNumber := isInt && l.T.IsInteger()
	if c.frame.Rows {
		if !isNumber || v < 0 {
			b.errorf(x.Pos(), "ROWS wants a number of rows that is not negative, this is %s", ast.String(x.Offset))
			return false
		}
		to.N = v
		return true
	}
	if len(c.orderBy) != 1 {
		b.errorf(x.Pos(), "a RANGE of a distance wants one column in ORDER BY, there are %d", len(c.orderBy))
		return false
	}
	switch t := c.orderBy[0].Type(); {
	case t.IsTimestamp() && isInt && l.T.Kind == types.IntervalDayTime:
		to.N = v * 1000
	case t.Kind == types.Time && isInt && l.T.Kind == types.IntervalDayTime:
		to.N = v
	case t.Kind == types.Date && isInt && l.T.Kind == types.IntervalDayTime && v%86_400_000 == 0:
		to.N = v / 86_400_000
	case (t.IsInteger() || t.Kind == types.Float || t.Kind == types.Double) && isNumber:
		to.N = v
	default:
		b.remedy(x.Pos(), "an INTERVAL of days to seconds for a time, a whole number for a number", "RANGE %s does not fit an order by %s", ast.String(x.Offset), t)
		return false
	}
	if to.N < 0 {
		b.errorf(x.Pos(), "a distance cannot be negative")
		return false
	}
	return true
}

// bindOvers makes the nodes of the calls, one for all calls over the same window, and gives how expressions read their results.
func (b *Binder) bindOvers(node plan.Node, o *overs) (plan.Node, func(plan.Expr) plan.Expr) {
	r := relOf(node, "")
	at := make([]int, len(o.calls))
	done := make([]bool, len(o.calls))
	batch := b.batch()
	for i, c := range o.calls {
		if done[i] {
			continue
		}
		var part, order []int
		r, part = b.extend(r, c.partition)
		r, order = b.extend(r, c.orderBy)
		keys := sortKeys(c.items, order)
		if c.number() {
			n := plan.New(&plan.Over{Input: r.node, Func: c.fn, PartitionBy: part, Order: keys}, c.pos)
			at[i], done[i] = len(r.fields), true
			r = relOf(n, "")
			continue
		}
		n := &plan.OverAgg{PartitionBy: part, Order: keys, Frame: c.frame, Batch: batch}
		for j := i; j < len(o.calls); j++ {
			d := o.calls[j]
			if done[j] || j != i && !c.together(d) {
				continue
			}
			done[j] = true
			call := plan.AggCall{Func: d.fn, Distinct: d.distinct && d.fn != "MIN" && d.fn != "MAX", Filter: -1, T: d.t, Name: "w0$o" + itoa(j)}
			r, call.Args = b.extend(r, d.args)
			if d.filter != nil {
				var f []int
				r, f = b.extend(r, []plan.Expr{d.filter})
				call.Filter = f[0]
			}
			n.Calls = append(n.Calls, call)
			at[j] = len(n.Calls) - 1 // after the input's columns, which may yet be more
		}
		for j := i; j < len(o.calls); j++ {
			if done[j] && (j == i || c.together(o.calls[j])) {
				at[j] += len(r.fields)
			}
		}
		n.Input = r.node
		r = relOf(plan.New(n, c.pos), "")
	}
	return r.node, func(e plan.Expr) plan.Expr {
		return plan.Rewrite(e, func(x plan.Expr) plan.Expr {
			if p, ok := x.(*placeholder); ok && p.owner == o {
				c := r.out()[at[p.index]]
				return &plan.ColRef{Index: at[p.index], Name: c.Name, T: c.Type}
			}
			return nil
		})
	}
}
