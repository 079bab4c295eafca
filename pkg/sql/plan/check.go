package plan

import (
	"fmt"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Check verifies what the engine relies on: inputs stand before their readers, every column that a node names exists, and references have
// the type of what they refer to. A violation is a defect of the planner, of kind fault.Internal.
func Check(p *Plan) error {
	seen := map[Node]bool{}
	for _, n := range p.Nodes {
		for _, in := range n.Inputs() {
			if !seen[in] {
				return fault.Newf(fault.Internal, "plan: node %d reads node %d, which does not come before it", n.Props().ID, in.Props().ID)
			}
		}
		seen[n] = true
		if err := check(n); err != nil {
			return fault.Wrap(fault.Internal, err, "plan: node %d %s", n.Props().ID, n.Describe())
		}
	}
	return nil
}

// checker collects the first fault of a node.
type checker struct{ err error }

func (c *checker) say(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
}

func (c *checker) cols(in Schema, cols ...int) {
	for _, i := range cols {
		if i < 0 || i >= len(in) {
			c.say("column %d is not among the %d of the input", i, len(in))
		}
	}
}

func (c *checker) exprs(in Schema, es ...Expr) {
	for _, e := range es {
		Walk(e, func(x Expr) bool {
			switch x := x.(type) {
			case *ColRef:
				c.cols(in, x.Index)
				if c.err == nil && !x.T.EqualIgnoreNull(in[x.Index].Type) {
					c.say("%s is read as %s, the input gives %s", x, x.T, in[x.Index].Type)
				}
			case *Literal, *Call:
			default:
				c.say("%s (%T) cannot be evaluated", x, x)
			}
			return true
		})
	}
}

func (c *checker) aggs(in Schema, aggs []AggCall) {
	for _, a := range aggs {
		c.cols(in, a.Args...)
		if a.Filter >= 0 {
			c.cols(in, a.Filter)
			if c.err == nil && in[a.Filter].Type.Kind != types.Boolean {
				c.say("FILTER of %s is %s", a.Func, in[a.Filter].Type)
			}
		}
	}
}

func (c *checker) width(n Node, want int) {
	if got := len(n.Props().Out); got != want {
		c.say("there are %d columns, %d are declared", want, got)
	}
}

func (c *checker) joined(left, right Schema, lk, rk []int) Schema {
	c.cols(left, lk...)
	c.cols(right, rk...)
	if len(lk) != len(rk) {
		c.say("%d left keys and %d right keys", len(lk), len(rk))
	}
	for i := 0; c.err == nil && i < len(lk); i++ {
		a, b := left[lk[i]].Type, right[rk[i]].Type
		if !a.EqualIgnoreNull(b) && !(a.IsString() && b.IsString()) && !(a.IsBinary() && b.IsBinary()) {
			c.say("key %s is %s on the left and %s on the right", left.Name(lk[i]), a, b)
		}
	}
	return append(append(Schema{}, left...), right...)
}

func check(n Node) error {
	c := &checker{}
	var in Schema
	if ins := n.Inputs(); len(ins) > 0 {
		in = ins[0].Props().Out
	}
	switch n := n.(type) {
	case *Source:
		c.width(n, len(n.Columns))
	case *Values:
		for _, r := range n.Rows {
			c.width(n, len(r))
			c.exprs(nil, r...)
		}
	case *Watermark:
		c.cols(in, append([]int{n.TimeCol}, n.Mark...)...)
	case *Calc:
		c.width(n, len(n.Exprs))
		c.exprs(in, n.Exprs...)
		if n.Filter != nil {
			c.exprs(in, n.Filter)
		}
	case *Exchange:
		c.cols(in, n.Keys...)
	case *Union:
		for _, i := range n.Ins {
			c.width(i, len(n.P.Out))
			for j := 0; c.err == nil && j < len(n.P.Out); j++ {
				if a, b := n.P.Out[j].Type, i.Props().Out[j].Type; !a.EqualIgnoreNull(b) {
					c.say("column %s is %s and %s", n.P.Out.Name(j), a, b)
				}
			}
		}
	case *ChangelogNormalize:
		c.cols(in, n.Keys...)
	case *GroupAgg:
		c.cols(in, n.Keys...)
		c.aggs(in, n.Aggs)
		c.width(n, len(n.Keys)+len(n.Aggs))
	case *WindowAssign:
		c.cols(in, append([]int{n.Win.TimeCol}, n.PartitionBy...)...)
	case *WindowAgg:
		c.cols(in, append([]int{n.Win.TimeCol}, n.Keys...)...)
		c.aggs(in, n.Aggs)
		c.width(n, len(n.Keys)+len(n.Aggs)+len(n.WindowCols))
	case *Join:
		both := c.joined(in, n.Right.Props().Out, n.LeftKeys, n.RightKeys)
		c.exprs(both, n.Cond)
	case *IntervalJoin:
		both := c.joined(in, n.Right.Props().Out, n.LeftKeys, n.RightKeys)
		c.cols(in, n.LeftTime)
		c.cols(n.Right.Props().Out, n.RightTime)
		c.exprs(both, n.Cond)
		c.width(n, len(both))
	case *LookupJoin:
		c.exprs(in, n.KeyExprs...)
		c.width(n, len(in)+len(n.Columns))
		if n.Cond != nil {
			c.exprs(n.P.Out, n.Cond)
		}
	case *TemporalJoin:
		both := c.joined(in, n.Right.Props().Out, n.LeftKeys, n.RightKeys)
		c.cols(in, n.LeftTime)
		c.cols(n.Right.Props().Out, n.RightTime)
		c.exprs(both, n.Cond)
		c.width(n, len(both))
	case *Correlate:
		c.exprs(in, n.Args...)
		c.cols(in, n.Keep...)
		c.cols(n.Result, n.Columns...)
		c.width(n, len(n.Keep)+len(n.Columns))
		c.exprs(n.P.Out, n.Cond)
	case *Rank:
		c.cols(in, n.PartitionBy...)
		for _, k := range n.Order {
			c.cols(in, k.Col)
		}
	case *Sort:
		c.cols(in, n.PartitionBy...)
		for _, k := range n.Order {
			c.cols(in, k.Col)
		}
	case *OverAgg:
		checkOverAgg(c, n, in)
	case *Deduplicate:
		c.cols(in, n.Keys...)
		if n.TimeCol >= 0 {
			c.cols(in, n.TimeCol)
		}
	case *Match:
		checkMatch(c, n, in)
	case *Sink:
		c.cols(in, n.Keys...)
		if len(in) != len(n.Columns) {
			c.say("%d columns go into %d", len(in), len(n.Columns))
		}
		for i := 0; c.err == nil && i < len(in); i++ {
			t := n.Table.Columns[n.Columns[i]].Type
			if got := in[i].Type; !got.EqualIgnoreNull(t) && !(got.IsString() && t.IsString()) && got.Kind != types.Null {
				c.say("column %s is %s, the input gives %s", n.Table.Columns[n.Columns[i]].Name, t, got)
			}
		}
	default:
		c.say("the engine has no such node")
	}
	return c.err
}
