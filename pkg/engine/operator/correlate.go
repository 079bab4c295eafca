package operator

import (
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/expr"
	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// correlate is plan.Correlate. It keeps nothing: a row that is taken back makes the same rows again. Where the input has updates, their halves
// go out as deletes and inserts, for each may be several rows or none.
type correlate struct {
	node *plan.Correlate
	opts Options
	args *expr.Set
	cond *expr.Filter
	call tableFunc

	left, right []int32 // pairs: input row, made row
	nth         []int32 // the made row's place among its input row's, from 1
	sel         []int32
}

// tableFunc makes rows of a batch's arguments.
type tableFunc interface {
	// call appends to left the input row of every made row, ascending, and to right its place in the columns given; a place may be given
	// more than once. The columns are all of the function's, without its ordinality.
	call(ctx *expr.Context, args []arrow.Array, n int, left, right []int32) (cols []arrow.Array, l, r []int32, err error)
}

// NewCorrelate makes the operator of a Correlate node whose input has columns of types in. Errors are of kind fault.Config: an argument or
// condition that cannot be computed.
func NewCorrelate(n *plan.Correlate, _ []types.Type, opts Options) (Operator, error) {
	o := opts.Expr()
	c := &correlate{node: n, opts: opts}
	var err error
	if c.args, err = expr.CompileAll(n.Args, o); err != nil {
		return nil, err
	}
	if n.Cond != nil {
		if c.cond, err = expr.CompileFilter(n.Cond, o); err != nil {
			return nil, err
		}
	}
	if n.Func == plan.Unnest && len(n.Args) == 1 {
		c.call = unnest{elem: n.Args[0].Type()}
		return c, nil
	}
	c.call, err = newUserTable(n, opts)
	return c, err
}

// Process implements Operator.
func (c *correlate) Process(_ int, b *batch.Batch, out Output) error {
	ctx := &expr.Context{}
	if c.opts.Now != nil {
		ctx.Now = c.opts.Now()
	}
	args, err := c.args.Eval(ctx, b.Cols, b.N)
	if err != nil {
		return err
	}
	cols, left, right, err := c.call.call(ctx, args, b.N, c.left[:0], c.right[:0])
	if err != nil {
		return fmt.Errorf("%s: %w", c.node.Describe(), err)
	}
	c.left, c.right = left, right
	if c.node.Ordinality {
		c.number()
	}
	// Pieces end between input rows, so that a row's misses are known in its piece.
	for from := 0; from < len(left) || from == 0 && c.node.Left; {
		to := min(from+pairsAtOnce, len(left))
		for to < len(left) && to > 0 && left[to] == left[to-1] {
			to++
		}
		first, end := 0, b.N
		if from > 0 {
			first = int(left[from-1]) + 1
		}
		if to < len(left) {
			end = int(left[to-1]) + 1
		}
		if err := c.emit(ctx, b, cols, from, to, first, end, out); err != nil {
			return err
		}
		if to == len(left) {
			break
		}
		from = to
	}
	return nil
}

// number counts each input row's made rows.
func (c *correlate) number() {
	c.nth = c.nth[:0]
	for i, l := range c.left {
		k := int32(1)
		if i > 0 && c.left[i-1] == l {
			k = c.nth[i-1] + 1
		}
		c.nth = append(c.nth, k)
	}
}

// emit gives the pairs from … to, which are those of input rows first … end.
func (c *correlate) emit(ctx *expr.Context, b *batch.Batch, cols []arrow.Array, from, to, first, end int, out Output) error {
	left, right := c.left[from:to], c.right[from:to]
	var nth []int32
	if c.node.Ordinality {
		nth = c.nth[from:to]
	}
	if c.cond != nil && len(left) > 0 {
		var err error
		if c.sel, err = c.cond.Select(ctx, c.columns(b, cols, left, right, nth), len(left), c.sel[:0]); err != nil {
			return err
		}
		left, right, nth = pickRows(left, c.sel), pickRows(right, c.sel), pickRows(nth, c.sel)
	}
	if c.node.Left {
		left, right, nth = withAbsent(left, right, nth, first, end)
	}
	if len(left) == 0 {
		return nil
	}
	res := &batch.Batch{N: len(left), Cols: c.columns(b, cols, left, right, nth)}
	if b.Kinds != nil {
		res.Kinds = make([]batch.Kind, len(left))
		for i, l := range left {
			if b.Kinds[l].Retracts() {
				res.Kinds[i] = batch.Delete
			}
		}
	}
	return out(res)
}

func (c *correlate) columns(b *batch.Batch, cols []arrow.Array, left, right, nth []int32) []arrow.Array {
	out := make([]arrow.Array, 0, len(c.node.Keep)+len(c.node.Columns))
	for _, k := range c.node.Keep {
		out = append(out, kernel.Take(b.Cols[k], left))
	}
	for _, k := range c.node.Columns {
		if k == len(cols) {
			out = append(out, ordinals(nth))
		} else {
			out = append(out, kernel.Take(cols[k], right))
		}
	}
	return out
}

func ordinals(nth []int32) arrow.Array {
	b := array.NewInt32Builder(memory.DefaultAllocator)

	for _, v := range nth {
		if v == 0 {
			b.AppendNull()
			continue
		}
		b.Append(v)
	}
	return b.NewArray()
}

func pickRows(rows, sel []int32) []int32 {
	if rows == nil {
		return nil
	}
	out := make([]int32, len(sel))
	for i, s := range sel {
		out[i] = rows[s]
	}
	return out
}

// withAbsent adds a pair with -1 for each input row of first … end that has none, in their order.
func withAbsent(left, right, nth []int32, first, end int) (l, r, n []int32) {
	k := 0
	for i := int32(first); i < int32(end); i++ {
		if k == len(left) || left[k] != i {
			l, r, n = append(l, i), append(r, -1), append(n, 0)
			continue
		}
		for ; k < len(left) && left[k] == i; k++ {
			l, r = append(l, i), append(r, right[k])
			if nth != nil {
				n = append(n, nth[k])
			}
		}
	}
	return l, r, n
}

// EndEpoch implements Operator.
func (*correlate) EndEpoch(Epoch, Output) error { return nil }

// unnest makes a row of every element of an array, of every copy of a multiset's, of every entry of a map. Arrays and multisets of rows give
// the rows' fields as columns, and nothing for an element that is NULL itself.
type unnest struct{ elem types.Type }

func (u unnest) call(_ *expr.Context, args []arrow.Array, n int, left, right []int32) ([]arrow.Array, []int32, []int32, error) {
	var cols []arrow.Array
	var elems arrow.Array
	var copies *array.Int32
	var bounds func(i int) (int64, int64)
	switch a := args[0].(type) {
	case *array.Map: // before List: a map is a list of entries
		bounds = a.ValueOffsets
		elems = a.Keys()
		cols = []arrow.Array{elems, a.Items()}
		if u.elem.Kind == types.Multiset {
			copies, cols = a.Items().(*array.Int32), cols[:1]
		}
	case *array.List:
		bounds = a.ValueOffsets
		elems = a.ListValues()
		cols = []arrow.Array{elems}
	case *array.Null:
		return nil, nil, nil, fault.Newf(fault.Internal, "UNNEST of a column of type NULL")
	default:
		return nil, nil, nil, fault.Newf(fault.Internal, "UNNEST of a column of type %s", a.DataType())
	}
	var nulls arrow.Array
	if u.elem.Kind != types.Map && u.elem.Elem.Kind == types.Row {
		rows := elems.(*array.Struct)
		nulls, cols = rows, nil
		for f := range rows.NumField() {
			cols = append(cols, rows.Field(f))
		}
	}
	for i := range n {
		if args[0].IsNull(i) {
			continue
		}
		from, to := bounds(i)
		for j := from; j < to; j++ {
			if nulls != nil && nulls.IsNull(int(j)) {
				continue
			}
			k := int32(1)
			if copies != nil {
				k = copies.Value(int(j))
			}
			for range k {
				left, right = append(left, int32(i)), append(right, int32(j))
			}
		}
	}
	return cols, left, right, nil
}

var _ Operator = (*correlate)(nil)
