package expr

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/engine/udf"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// userFunction is the builder of a user's scalar function.
func (c *compiler) userFunction(fn string) builder {
	name, volatile, ok := plan.UserFunction(fn)
	if !ok {
		return nil
	}
	return func(b *binding) (impl, error) {
		f := c.user[name]
		if f == nil {
			return nil, fault.Newf(fault.Internal, "the plan has no function %s", name)
		}
		start, ok := f.Impl.(udf.NewScalar)
		if !ok {
			return nil, fault.Newf(fault.Config, "%s is a %s: it cannot stand in an expression", name, f.Kind)
		}
		call, err := start()
		if err != nil {
			return nil, fault.Wrap(fault.Config, err, "start function %s", name)
		}
		b.fail, b.vary = true, volatile
		out := b.out()
		return func(_ *env, n int, a []kernel.Vec) (arrow.Array, error) {
			args := expandAll(a, n)
			dst := array.NewBuilder(memory.DefaultAllocator, out)
			dst.Reserve(n)
			if err := call(args, n, dst); err != nil {
				return nil, udf.Failure(f, err)
			}
			if dst.Len() != n {
				return nil, fault.Newf(fault.Permanent, "function %s gave %d values for %d rows", name, dst.Len(), n)
			}
			return dst.NewArray(), nil
		}, nil
	}
}

func expandAll(a []kernel.Vec, n int) []arrow.Array {
	args := make([]arrow.Array, len(a))
	for i := range a {
		args[i] = a[i].Expand(n)
	}
	return args
}
