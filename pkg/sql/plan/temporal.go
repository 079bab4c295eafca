package plan

import "github.com/freshet-dw/freshet/pkg/sql/catalog"

// TemporalJoin joins every left row with the version of the right row that was valid at the left row's event time: FOR SYSTEM_TIME AS OF
// l.rowtime. The right side's rows are the versions of its key RightKeys; a version holds from its RightTime until the next one's, and a
// delete ends it. Out is left's then right's columns. A left row waits for the watermark to reach its time.
type TemporalJoin struct {
	P           Props
	Left, Right Node
	// Outer is LEFT JOIN: rows without a version are kept, with NULLs.
	Outer bool
	// LeftKeys equal RightKeys, a key of the right side. Until the optimizer splits Cond both are empty.
	LeftKeys, RightKeys []int
	LeftTime, RightTime int
	// Cond is the rest of the condition, over left + right columns. It does not choose the version.
	Cond Expr
}

func (n *TemporalJoin) Props() *Props  { return &n.P }
func (n *TemporalJoin) Inputs() []Node { return []Node{n.Left, n.Right} }

// SetInput implements Node.
func (n *TemporalJoin) SetInput(i int, x Node) {
	if i == 0 {
		n.Left = x
	} else {
		n.Right = x
	}
}

var _ Node = (*TemporalJoin)(nil)

func (n *TemporalJoin) kind() JoinKind {
	if n.Outer {
		return LeftJoin
	}
	return InnerJoin
}

// Describe implements Node.
func (n *TemporalJoin) Describe() string {
	l := line{name: "TemporalJoin"}
	l.add("kind", "%s", n.kind())
	l.list("on", onKeys(in(n, 0), in(n, 1), n.LeftKeys, n.RightKeys))
	l.add("time", "%s as of %s", in(n, 1).Name(n.RightTime), in(n, 0).Name(n.LeftTime))
	if n.Cond != nil {
		l.add("where", "[%s]", n.Cond)
	}
	return l.String()
}

func deriveTemporal(n *TemporalJoin, name func(int, string) string) {
	p, l := &n.P, n.Left.Props()
	p.Out = joinColumns(n.kind(), l.Out, n.Right.Props().Out, name)
	// The versions' times run behind the join's watermark: only the left side's time is event time here.
	for i := len(l.Out); i < len(p.Out); i++ {
		if p.Out[i].Attr == RowTime {
			p.Out[i].Attr = NoTime
		}
	}
	p.Mode = l.Mode
	if l.Mode != catalog.AppendOnly {
		// The two halves of an update have times of their own and go out apart.
		p.Mode = catalog.HasInsert | catalog.HasDelete
	}
	p.Keys = l.Keys // at most one version a row
}
