package plan

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/catalog"
)

// Unnest is Correlate.Func for UNNEST: its one argument is an array, a multiset or a map.
const Unnest = "$UNNEST"

// Correlate joins every row of the input with the rows that a table function makes of it: CROSS JOIN UNNEST(…), LATERAL TABLE(f(…)).
// Out is the input's columns Keep, then the function's columns Columns. A retraction gives the same rows as the row that it takes back.
type Correlate struct {
	P     Props
	Input Node
	// Left keeps the rows for which the function gives nothing, with NULLs.
	Left bool
	// Func is Unnest or the name of a user's table function, and Args are its arguments over the input.
	Func string
	Args []Expr
	// Ordinality adds, as the last of Result, the place of a row among those of its input row, from 1.
	Ordinality bool
	// Result are all columns that the function gives; Columns those wanted of them.
	Result  Schema
	Keep    []int
	Columns []int
	// Cond is the rest of the join's condition, over Out.
	Cond Expr
}

func (n *Correlate) Props() *Props          { return &n.P }
func (n *Correlate) Inputs() []Node         { return []Node{n.Input} }
func (n *Correlate) SetInput(_ int, x Node) { n.Input = x }

var _ Node = (*Correlate)(nil)

// Describe implements Node.
func (n *Correlate) Describe() string {
	l := line{name: "Correlate"}
	l.add("kind", "%s", n.kind())
	name := n.Func
	if name == Unnest {
		name = "UNNEST"
	}
	call := &Call{Func: name, Args: n.Args}
	if n.Ordinality {
		l.add("function", "%s WITH ORDINALITY", call)
	} else {
		l.add("function", "%s", call)
	}
	names := make([]string, len(n.Columns))
	for i, c := range n.Columns {
		names[i] = n.Result[c].Name
	}
	l.list("columns", names)
	if n.Cond != nil {
		l.add("where", "[%s]", n.Cond)
	}
	return l.String()
}

func (n *Correlate) kind() JoinKind {
	if n.Left {
		return LeftJoin
	}
	return InnerJoin
}

func deriveCorrelate(n *Correlate, name func(int, string) string) {
	p, in := &n.P, n.Input.Props()
	kept, right := make(Schema, len(n.Keep)), make(Schema, len(n.Columns))
	for i, c := range n.Keep {
		kept[i] = in.Out[c]
	}
	for i, c := range n.Columns {
		right[i] = n.Result[c]
	}
	p.Out, p.Mode = joinColumns(n.kind(), kept, right, name), in.Mode
	if in.Mode != catalog.AppendOnly {
		p.Mode = catalog.HasInsert | catalog.HasDelete // the two halves of an update become several rows each
	}
	// A row comes once for every place in its array.
	place := slices.Index(n.Columns, len(n.Result)-1)
	if !n.Ordinality || place < 0 {
		return
	}
	for _, k := range in.Keys {
		key := []int{}
		for _, c := range k {
			key = append(key, slices.Index(n.Keep, c))
		}
		if !slices.Contains(key, -1) {
			p.Keys = append(p.Keys, append(key, len(kept)+place))
		}
	}
}
