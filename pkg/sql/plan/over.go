package plan

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// OverAgg adds to every row the aggregates of a frame of rows around it, among those of its partition. Out is the input's columns, then one
// a call. In a stream the order is that of one time attribute, ascending, and the frame ends with the current row: a row goes out, once, when
// the watermark (of processing time: the epoch) has reached it. In Batch mode rows come out at the end of the input, and order and frame are free.
//
// Calls are aggregates, and ROW_NUMBER, RANK, DENSE_RANK, PERCENT_RANK, CUME_DIST (Args: none), NTILE(n), LAG and LEAD(value[, offset[, default]]).
type OverAgg struct {
	P           Props
	Input       Node
	PartitionBy []int
	Order       []SortKey
	Calls       []AggCall
	Frame       Frame
	Batch       bool
	// Time is the order's time attribute in a stream; derived.
	Time TimeAttr
	// TTL is how long a partition's state is kept in milliseconds after its last row, 0 for ever. RANGE frames with a bound do not
	// need it: time ends them.
	TTL int64
}

// Frame is ROWS or RANGE BETWEEN Lower AND Upper.
type Frame struct {
	Rows         bool
	Lower, Upper Bound
}

// BoundKind is the kind of a frame's end.
type BoundKind uint8

// The bounds, in order.
const (
	UnboundedPreceding BoundKind = iota
	Preceding
	CurrentRow
	Following
	UnboundedFollowing
)

// Bound is an end of a frame. N of Preceding and Following counts rows; in a RANGE it is a distance of the order's values: microseconds for times,
// days for dates, else units of the number.
type Bound struct {
	Kind BoundKind
	N    int64
}

func (b Bound) describe(rows, time bool) string {
	n := strconv.FormatInt(b.N, 10)
	if !rows && time {
		n = duration(b.N)
	}
	switch b.Kind {
	case UnboundedPreceding:
		return "unbounded preceding"
	case Preceding:
		return n + " preceding"
	case CurrentRow:
		return "current row"
	case Following:
		return n + " following"
	}
	return "unbounded following"
}

// Whole tells whether the frame is the whole partition.
func (f Frame) Whole() bool {
	return f.Lower.Kind == UnboundedPreceding && f.Upper.Kind == UnboundedFollowing
}

// Props implements Node.
func (n *OverAgg) Props() *Props { return &n.P }

// Inputs implements Node.
func (n *OverAgg) Inputs() []Node { return []Node{n.Input} }

// SetInput implements Node.
func (n *OverAgg) SetInput(_ int, x Node) { n.Input = x }

// Describe implements Node.
func (n *OverAgg) Describe() string {
	l := line{name: "OverAgg"}
	s := in(n, 0)
	l.list("partition", s.Names(n.PartitionBy))
	l.list("order", order(s, n.Order))
	kind := "range"
	if n.Frame.Rows {
		kind = "rows"
	}
	time := len(n.Order) == 1 && n.Order[0].Col < len(s) && s[n.Order[0].Col].Type.IsTimestamp()
	l.add("frame", "%s", fmt.Sprintf("%s %s..%s", kind, n.Frame.Lower.describe(n.Frame.Rows, time), n.Frame.Upper.describe(n.Frame.Rows, time)))
	l.list("aggs", aggs(n.Calls, s))
	if n.Batch {
		l.add("batch", "true")
	}
	l.ttl("ttl", n.TTL)
	return l.String()
}

func deriveOverAgg(n *OverAgg, name func(int, string) string) {
	p, in := &n.P, n.Input.Props()
	p.Mode = catalog.AppendOnly
	p.Out = slices.Clone(in.Out)
	for i, c := range n.Calls {
		p.Out = append(p.Out, Column{Name: name(len(in.Out)+i, c.Name), Type: c.T})
	}
	p.Keys = in.Keys
	n.Time = NoTime
	if !n.Batch && len(n.Order) == 1 {
		n.Time = in.Out[n.Order[0].Col].Attr
	}
}

func checkOverAgg(c *checker, n *OverAgg, in Schema) {
	c.cols(in, n.PartitionBy...)
	for _, k := range n.Order {
		c.cols(in, k.Col)
	}
	c.aggs(in, n.Calls)
	c.width(n, len(in)+len(n.Calls))
}

// rankType is the type of ROW_NUMBER, RANK and DENSE_RANK.
func rankType() types.Type { return types.Of(types.BigInt).AsNotNull() }

var _ Node = (*OverAgg)(nil)
