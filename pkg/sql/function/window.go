package function

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// windowFunctions are the functions that stand with OVER only, with the number of arguments they take, at least and at most.
var windowFunctions = map[string][2]int{
	"ROW_NUMBER": {0, 0}, "RANK": {0, 0}, "DENSE_RANK": {0, 0}, "PERCENT_RANK": {0, 0}, "CUME_DIST": {0, 0}, "NTILE": {1, 1}, "LAG": {1, 3}, "LEAD": {1, 3},
}

// IsWindow tells whether name, upper case, is a function that stands with OVER only.
func IsWindow(name string) bool { _, ok := windowFunctions[name]; return ok }

// Window checks the arguments of a function that stands with OVER only, and gives them cast, with the function's type. LAG and LEAD come
// with at least two arguments, the offset filled in.
func Window(name string, args []plan.Expr) (cast []plan.Expr, t types.Type, err error) {
	n := windowFunctions[name]
	shape := map[string]string{"NTILE": "NTILE(number)", "LAG": "LAG(value[, offset[, default]])", "LEAD": "LEAD(value[, offset[, default]])"}[name]
	if shape == "" {
		shape = name + "()"
	}
	if len(args) < n[0] || len(args) > n[1] {
		return nil, t, wrongArgs(name, args, []string{shape})
	}
	args = slices.Clone(args)
	constant := func(i int, least int64) error {
		l, ok := args[i].(*plan.Literal)
		v := int64(0)
		if ok {
			v, ok = l.Value.(int64)
		}
		if !ok || !l.T.IsInteger() || v < least {
			return fault.WithRemedy(fault.Newf(fault.Config, "argument %d of %s is a constant whole number from %d", i+1, name, least), "write "+shape)
		}
		args[i] = Cast(args[i], types.Of(types.BigInt).AsNotNull())
		return nil
	}
	switch name {
	case "PERCENT_RANK", "CUME_DIST":
		return args, types.Of(types.Double).AsNotNull(), nil
	case "NTILE":
		return args, types.Of(types.Int).AsNotNull(), constant(0, 1)
	case "LAG", "LEAD":
		if args[0].Type().Kind == types.Null {
			args[0] = Cast(args[0], types.Of(types.Int))
		}
		if len(args) == 1 {
			args = append(args, &plan.Literal{Value: int64(1), T: types.Of(types.BigInt).AsNotNull()})
		}
		if err := constant(1, 0); err != nil {
			return nil, t, err
		}
		t = args[0].Type().AsNullable()
		if len(args) == 3 {
			common, ok := Common(args[0].Type(), args[2].Type())
			if !ok {
				return nil, t, wrongArgs(name, args, []string{shape})
			}
			t = common.WithNull(args[0].Type().Nullable() || args[2].Type().Nullable())
			args[0], args[2] = Cast(args[0], common.WithNull(args[0].Type().Nullable())), Cast(args[2], common.WithNull(args[2].Type().Nullable()))
		}
		return args, t, nil
	}
	return args, types.Of(types.BigInt).AsNotNull(), nil
}
