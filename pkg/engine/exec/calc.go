package exec

import (
	"time"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/expr"
	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// calc filters and computes columns.
type calc struct {
	filter *expr.Filter
	exprs  *expr.Set
	used   []bool // input columns that the expressions read
	sel    []int32
	now    func() time.Time
	mark   func() int64
}

func newCalc(n *plan.Calc, opts operator.Options) (*calc, error) {
	o := opts.Expr()
	c := &calc{now: opts.Now, mark: opts.Watermark, used: make([]bool, len(n.Input.Props().Out))}
	var err error
	if n.Filter != nil {
		if c.filter, err = expr.CompileFilter(n.Filter, o); err != nil {
			return nil, err
		}
	}
	if c.exprs, err = expr.CompileAll(n.Exprs, o); err != nil {
		return nil, err
	}
	for _, e := range n.Exprs {
		markUsed(e, c.used)
	}
	return c, nil
}

func markUsed(e plan.Expr, used []bool) {
	switch e := e.(type) {
	case *plan.ColRef:
		used[e.Index] = true
	case *plan.Call:
		for _, a := range e.Args {
			markUsed(a, used)
		}
	}
}

// Process implements operator.Operator.
func (c *calc) Process(_ int, b *batch.Batch, out operator.Output) error {
	ctx := &expr.Context{Now: c.now()}
	if c.mark != nil {
		if mark := c.mark(); mark != operator.NoWatermark {
			ctx.Watermark = &mark
		}
	}
	if c.filter != nil {
		var err error
		if c.sel, err = c.filter.Select(ctx, b.Cols, b.N, c.sel[:0]); err != nil {
			return err
		}
		if len(c.sel) == 0 {
			return nil
		}
		if len(c.sel) < b.N {
			b = takeUsed(b, c.sel, c.used)
		}
	}
	cols, err := c.exprs.Eval(ctx, b.Cols, b.N)
	if err != nil {
		return err
	}
	return out(&batch.Batch{N: b.N, Cols: cols, Kinds: b.Kinds})
}

// takeUsed takes rows of the used columns only; the others are left nil.
func takeUsed(b *batch.Batch, sel []int32, used []bool) *batch.Batch {
	t := &batch.Batch{N: len(sel), Cols: make([]arrow.Array, len(b.Cols))}
	for i, col := range b.Cols {
		if used[i] {
			t.Cols[i] = kernel.Take(col, sel)
		}
	}
	if b.Kinds != nil {
		t.Kinds = make([]batch.Kind, len(sel))
		for i, j := range sel {
			t.Kinds[i] = b.Kinds[j]
		}
	}
	return t
}

// EndEpoch implements operator.Operator.
func (c *calc) EndEpoch(operator.Epoch, operator.Output) error { return nil }

// values gives constant rows in the first epoch of the job.
type values struct {
	sets []*expr.Set
	mine bool
	done bool
	now  func() time.Time
}

func newValues(n *plan.Values, mine bool, opts operator.Options) (*values, error) {
	v := &values{mine: mine, now: opts.Now}
	for _, row := range n.Rows {
		s, err := expr.CompileAll(row, opts.Expr())
		if err != nil {
			return nil, err
		}
		v.sets = append(v.sets, s)
	}
	return v, nil
}

// Process implements operator.Operator; values has no input.
func (*values) Process(int, *batch.Batch, operator.Output) error { return nil }

// EndEpoch implements operator.Operator.
func (v *values) EndEpoch(e operator.Epoch, out operator.Output) error {
	if v.done || !v.mine || e.ID > 1 {
		return nil
	}
	v.done = true
	for _, s := range v.sets {
		cols, err := s.Eval(&expr.Context{Now: v.now()}, nil, 1)
		if err != nil {
			return err
		}
		if err := out(batch.New(1, cols...)); err != nil {
			return err
		}
	}
	return nil
}
