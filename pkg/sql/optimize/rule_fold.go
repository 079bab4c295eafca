package optimize

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/function"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// fold computes what is constant in conditions and integer arithmetic, and drops filters that are always true.
func fold(r *run) {
	r.transform(func(n plan.Node) plan.Node {
		switch n := n.(type) {
		case *plan.Calc:
			n.Filter = Fold(n.Filter)
			for i, e := range n.Exprs {
				n.Exprs[i] = Fold(e)
			}
			if isBool(n.Filter, true) {
				n.Filter = nil
			}
		case *plan.Match:
			for i, e := range n.Defines {
				if e != nil {
					n.Defines[i] = Fold(e)
				}
				if isBool(n.Defines[i], true) {
					n.Defines[i] = nil
				}
			}
		case *plan.Join:
			if n.Cond = Fold(n.Cond); isBool(n.Cond, true) {
				n.Cond = nil
			}
		}
		plan.Derive(n, false)
		return n
	})
}

// isBool tells whether e is the constant want.
func isBool(e plan.Expr, want bool) bool {
	l, ok := e.(*plan.Literal)
	return ok && l.Value == want
}

// Fold simplifies an expression without changing its type or value.
func Fold(e plan.Expr) plan.Expr {
	c, ok := e.(*plan.Call)
	if !ok {
		return e
	}
	args := make([]plan.Expr, len(c.Args))
	for i, a := range c.Args {
		args[i] = Fold(a)
	}
	c = &plan.Call{Func: c.Func, Args: args, T: c.T}
	switch c.Func {
	case "AND", "OR":
		return foldLogic(c)
	case "NOT":
		if l, ok := args[0].(*plan.Literal); ok {
			if v, ok := l.Value.(bool); ok {
				return &plan.Literal{Value: !v, T: c.T}
			}
		}
	case "IS NULL", "IS NOT NULL":
		if l, ok := args[0].(*plan.Literal); ok {
			return &plan.Literal{Value: (l.Value == nil) == (c.Func == "IS NULL"), T: c.T}
		}
		if args[0].Type().NotNull {
			return &plan.Literal{Value: c.Func == "IS NOT NULL", T: c.T}
		}
	case "CASE":
		return foldCase(c)
	case "CAST":
		return function.Cast(args[0], c.T)
	case "+", "-", "*", "=", "<>", "<", "<=", ">", ">=":
		return foldInts(c)
	}
	return c
}

func foldLogic(c *plan.Call) plan.Expr {
	and := c.Func == "AND"
	var keep []plan.Expr
	for _, a := range c.Args {
		if isBool(a, !and) {
			return a
		}
		if !isBool(a, and) {
			keep = append(keep, a)
		}
	}
	switch len(keep) {
	case 0:
		return &plan.Literal{Value: and, T: c.T}
	case 1:
		return keep[0]
	}
	return &plan.Call{Func: c.Func, Args: keep, T: c.T}
}

func foldCase(c *plan.Call) plan.Expr {
	var args []plan.Expr
	last := len(c.Args) - 1
	for i := 0; i < last; i += 2 {
		if l, ok := c.Args[i].(*plan.Literal); ok {
			if l.Value != true {
				continue
			}
			if len(args) == 0 {
				return widen(c.Args[i+1], c.T)
			}
			return &plan.Call{Func: "CASE", Args: append(args, c.Args[i+1]), T: c.T}
		}
		args = append(args, c.Args[i], c.Args[i+1])
	}
	if len(args) == 0 {
		return widen(c.Args[last], c.T)
	}
	return &plan.Call{Func: "CASE", Args: append(slices.Clip(args), c.Args[last]), T: c.T}
}

// widen keeps the type that readers were bound to when only nullability differs.
func widen(e plan.Expr, t types.Type) plan.Expr {
	if l, ok := e.(*plan.Literal); ok {
		return &plan.Literal{Value: l.Value, T: t}
	}
	return e
}

func foldInts(c *plan.Call) plan.Expr {
	l, ok1 := c.Args[0].(*plan.Literal)
	r, ok2 := c.Args[1].(*plan.Literal)
	if !ok1 || !ok2 || !l.T.IsInteger() || !r.T.IsInteger() {
		return c
	}
	a, ok1 := l.Value.(int64)
	b, ok2 := r.Value.(int64)
	if !ok1 || !ok2 {
		return c
	}
	const small = 1 << 30 // sums and products of these cannot overflow; 32-bit results are checked below
	var v any
	switch c.Func {
	case "=":
		v = a == b
	case "<>":
		v = a != b
	case "<":
		v = a < b
	case "<=":
		v = a <= b
	case ">":
		v = a > b
	case ">=":
		v = a >= b
	default:
		if a > small || a < -small || b > small || b < -small {
			return c
		}
		n := map[string]int64{"+": a + b, "-": a - b, "*": a * b}[c.Func]
		if c.T.Kind != types.BigInt && (c.T.Kind != types.Int || n != int64(int32(n))) {
			return c
		}
		v = n
	}
	return &plan.Literal{Value: v, T: c.T}
}
