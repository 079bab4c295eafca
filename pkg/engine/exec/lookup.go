package exec

import (
	"context"
	"time"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/engine/expr"
	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// lookupJoin enriches rows from a store, a batch at a time.
type lookupJoin struct {
	ctx    context.Context
	n      *plan.LookupJoin
	table  endpoint.Lookup
	keys   *expr.Set
	cond   *expr.Filter
	now    func() time.Time
	misses func(int)
	pause  func(ctx context.Context, d time.Duration) error
}

func newLookupJoin(ctx context.Context, n *plan.LookupJoin, l endpoint.Lookup, opts operator.Options, misses func(int)) (*lookupJoin, error) {
	o := opts.Expr()
	j := &lookupJoin{ctx: ctx, n: n, table: l, now: opts.Now, misses: misses, pause: pause}
	var err error
	if j.keys, err = expr.CompileAll(n.KeyExprs, o); err != nil {
		return nil, err
	}
	if n.Cond != nil {
		j.cond, err = expr.CompileFilter(n.Cond, o)
	}
	return j, err
}

// Process implements operator.Operator.
func (j *lookupJoin) Process(_ int, b *batch.Batch, out operator.Output) error {
	ctx := &expr.Context{Now: j.now()}
	keys, err := j.keys.Eval(ctx, b.Cols, b.N)
	if err != nil {
		return err
	}
	found, offsets, err := j.lookUp(batch.New(b.N, keys...))
	if err != nil {
		return err
	}
	left := make([]int32, 0, b.N)
	right := make([]int32, 0, b.N)
	for i := range b.N {
		for r := offsets[i]; r < offsets[i+1]; r++ {
			left, right = append(left, int32(i)), append(right, r)
		}
	}
	if j.cond != nil && len(left) > 0 {
		pairs := join(b, found, left, right)
		sel, err := j.cond.Select(ctx, pairs.Cols, pairs.N, nil)
		if err != nil {
			return err
		}
		for k, s := range sel {
			left[k], right[k] = left[s], right[s]
		}
		left, right = left[:len(sel)], right[:len(sel)]
	}
	j.countMisses(b.N, keys, left)
	if j.n.Left {
		left, right = withMisses(b.N, left, right)
	}
	if len(left) == 0 {
		return nil
	}
	return out(join(b, found, left, right))
}

// countMisses counts the rows without a match. A row whose key is NULL asks for nothing and misses nothing.
func (j *lookupJoin) countMisses(n int, keys []arrow.Array, left []int32) {
	hit := make([]bool, n)
	for _, l := range left {
		hit[l] = true
	}
	missed := 0
	for i, h := range hit {
		if h {
			continue
		}
		null := false
		for _, k := range keys {
			null = null || k.IsNull(i)
		}
		if !null {
			missed++
		}
	}
	if missed > 0 {
		j.misses(missed)
	}
}

// withMisses adds a pair with -1 for each left row that has none, in the left rows' order.
func withMisses(n int, left, right []int32) (l, r []int32) {
	k := 0
	for i := range int32(n) {
		if k == len(left) || left[k] != i {
			l, r = append(l, i), append(r, -1)
			continue
		}
		for ; k < len(left) && left[k] == i; k++ {
			l, r = append(l, i), append(r, right[k])
		}
	}
	return l, r
}

func join(l, r *batch.Batch, left, right []int32) *batch.Batch {
	lb := batch.Take(l, left)
	rb := batch.Take(&batch.Batch{N: r.N, Cols: r.Cols}, right)
	cols := make([]arrow.Array, 0, len(lb.Cols)+len(rb.Cols))
	return &batch.Batch{N: lb.N, Cols: append(append(cols, lb.Cols...), rb.Cols...), Kinds: lb.Kinds}
}

// EndEpoch implements operator.Operator.
func (*lookupJoin) EndEpoch(operator.Epoch, operator.Output) error { return nil }
