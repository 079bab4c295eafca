package plan

import (
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
)

// Sort gives its input's rows in Order. In a stream Order begins with a time attribute, ascending, and rows come out when the watermark has
// passed them. With Batch they come out at the end of the input, and changes cancel out before: the result is append-only. Rows are kept by
// PartitionBy (none: all in one task), which has no part in the order.
type Sort struct {
	P           Props
	Input       Node
	Order       []SortKey
	PartitionBy []int
	Batch       bool
}

// Props implements Node.
func (n *Sort) Props() *Props { return &n.P }

// Inputs implements Node.
func (n *Sort) Inputs() []Node { return []Node{n.Input} }

// SetInput implements Node.
func (n *Sort) SetInput(_ int, x Node) { n.Input = x }

// Describe implements Node.
func (n *Sort) Describe() string {
	l := line{name: "Sort"}
	s := in(n, 0)
	if len(n.Order) == 0 {
		l.name = "Collect"
	}
	l.list("partition", s.Names(n.PartitionBy))
	l.list("order", order(s, n.Order))
	if n.Batch {
		l.add("batch", "true")
	}
	return l.String()
}

func deriveSort(n *Sort) {
	pass(n, n.Input)
	n.P.Mode = catalog.AppendOnly
}

var _ Node = (*Sort)(nil)
