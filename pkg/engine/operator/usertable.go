package operator

import (
	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/expr"
	"github.com/freshet-dw/freshet/pkg/engine/udf"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// userTable is a table function of the user's.
type userTable struct {
	f     *catalog.Function
	fn    udf.TableFunc
	build *batch.Builder
}

func newUserTable(n *plan.Correlate, opts Options) (*userTable, error) {
	name, _, _ := plan.UserFunction(n.Func)
	f := opts.Functions[name]
	if f == nil {
		return nil, fault.Newf(fault.Internal, "the plan has no table function %s", n.Func)
	}
	start, ok := f.Impl.(udf.NewTable)
	if !ok {
		return nil, fault.Newf(fault.Config, "%s is a %s, not a table function", name, f.Kind)
	}
	fn, err := start()
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "start function %s", name)
	}
	var ts []types.Type
	for _, c := range f.Result.Fields {
		ts = append(ts, c.Type)
	}
	return &userTable{f: f, fn: fn, build: batch.NewBuilder(batch.ArrowTypes(ts)...)}, nil
}

func (u *userTable) call(_ *expr.Context, args []arrow.Array, n int, left, right []int32) ([]arrow.Array, []int32, []int32, error) {
	for i := range n {
		from := u.build.Len()
		if err := u.fn(args, i, u.build); err != nil {
			u.build.Build()
			return nil, nil, nil, udf.Failure(u.f, err)
		}
		for r := from; r < u.build.Len(); r++ {
			left, right = append(left, int32(i)), append(right, int32(r))
		}
	}
	return u.build.Build().Cols, left, right, nil
}
