package lookup

import (
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// origin says how a source's rows give the key of the rows that they change in a sink. Key is over Source.Out; nil: it cannot be told from the row.
type origin struct {
	source *plan.Source
	key    []plan.Expr
}

// origins follows the columns of a sink's key up to the sources.
func origins(s *plan.Sink) []origin {
	out := s.Input.Props().Out
	var key []plan.Expr
	for _, pk := range s.Table.PrimaryKey {
		at := -1
		for i, c := range s.Columns {
			if c == pk {
				at = i
			}
		}
		if at < 0 {
			key = nil
			break
		}
		key = append(key, &plan.ColRef{Index: at, Name: out[at].Name, T: out[at].Type})
	}
	return trace(s.Input, key)
}

func trace(n plan.Node, key []plan.Expr) []origin {
	if key == nil {
		return traceAll(n)
	}
	switch n := n.(type) {
	case *plan.Source:
		return []origin{{n, key}}
	case *plan.Calc:
		return trace(n.Input, rewrite(key, func(c *plan.ColRef) plan.Expr { return n.Exprs[c.Index] }))
	case *plan.Watermark, *plan.Exchange, *plan.ChangelogNormalize, *plan.Deduplicate, *plan.Rank, *plan.LookupJoin:
		// They hand on their input's columns, and add columns of their own behind them.
		in := n.Inputs()[0]
		return trace(in, rewrite(key, func(c *plan.ColRef) plan.Expr { return column(in.Props().Out, c.Index) }))
	case *plan.Union:
		var out []origin
		for _, in := range n.Ins {
			out = append(out, trace(in, key)...)
		}
		return out
	case *plan.GroupAgg:
		in := n.Input.Props().Out
		return trace(n.Input, rewrite(key, func(c *plan.ColRef) plan.Expr {
			if c.Index >= len(n.Keys) {
				return nil
			}
			return column(in, n.Keys[c.Index])
		}))
	case *plan.Join:
		width := len(n.Left.Props().Out)
		right := n.Right.Props().Out
		left := n.Left.Props().Out
		l := rewrite(key, func(c *plan.ColRef) plan.Expr {
			return side(c, c.Index, plus(n.RightKeys, width), n.LeftKeys, left)
		})
		r := rewrite(key, func(c *plan.ColRef) plan.Expr {
			return side(c, c.Index-width, n.LeftKeys, n.RightKeys, right)
		})
		return append(trace(n.Left, l), trace(n.Right, r)...)
	}
	return traceAll(n)
}

// side gives a join's output column as a column of one input: it is one, or equals one by the join's condition.
func side(c *plan.ColRef, at int, other, own []int, in plan.Schema) plan.Expr {
	if e := column(in, at); e != nil {
		return e
	}
	for i, o := range other {
		if o == c.Index {
			return column(in, own[i])
		}
	}
	return nil
}

func plus(cols []int, n int) []int {
	out := make([]int, len(cols))
	for i, c := range cols {
		out[i] = c + n
	}
	return out
}

// column refers to a column of a node; nil if it has not so many.
func column(in plan.Schema, at int) plan.Expr {
	if at < 0 || at >= len(in) {
		return nil
	}
	return &plan.ColRef{Index: at, Name: in[at].Name, T: in[at].Type}
}

// traceAll gives the sources below n without a key.
func traceAll(n plan.Node) []origin {
	if s, ok := n.(*plan.Source); ok {
		return []origin{{source: s}}
	}
	var out []origin
	for _, in := range n.Inputs() {
		out = append(out, traceAll(in)...)
	}
	return out
}

// rewrite replaces the columns in es; nil when one of them has no replacement.
func rewrite(es []plan.Expr, replace func(*plan.ColRef) plan.Expr) []plan.Expr {
	out := make([]plan.Expr, len(es)) // not nil, also of no arguments
	for i, e := range es {
		if out[i] = rewriteOne(e, replace); out[i] == nil {
			return nil
		}
	}
	return out
}

func rewriteOne(e plan.Expr, replace func(*plan.ColRef) plan.Expr) plan.Expr {
	switch e := e.(type) {
	case *plan.ColRef:
		return replace(e)
	case *plan.Call:
		args := rewrite(e.Args, replace)
		if args == nil {
			return nil
		}
		return &plan.Call{Func: e.Func, Args: args, T: e.T}
	}
	return e
}

// readable tells whether the source's column comes from the record's key or value.
func readable(s *plan.Source, out int) bool {
	return s.Table.Columns[s.Columns[out]].Kind == catalog.Physical
}
