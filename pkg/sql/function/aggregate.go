package function

import (
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// aggregates are the aggregate functions with the number of arguments they take, at least and at most.
var aggregates = map[string][2]int{
	"COUNT": {0, 1}, "SUM": {1, 1}, "SUM0": {1, 1}, "AVG": {1, 1}, "MIN": {1, 1}, "MAX": {1, 1}, "FIRST_VALUE": {1, 1}, "LAST_VALUE": {1, 1},
	"LISTAGG": {1, 2}, "STDDEV_POP": {1, 1}, "STDDEV_SAMP": {1, 1}, "VAR_POP": {1, 1}, "VAR_SAMP": {1, 1}, "STDDEV": {1, 1}, "VARIANCE": {1, 1},
	"COLLECT": {1, 1}, "ARRAY_AGG": {1, 1}, "APPROX_COUNT_DISTINCT": {1, 1}, "ANY_VALUE": {1, 1}, "SINGLE_VALUE": {1, 1},
	"JSON_ARRAYAGG": {1, 1}, "JSON_OBJECTAGG": {2, 2},
}

// IsAggregate tells whether name, upper case, is an aggregate function.
func IsAggregate(name string) bool { _, ok := aggregates[name]; return ok }

// AggregateForm gives the name under which an aggregate with a clause about NULLs is in a plan: onNull is "", NULL or ABSENT (ON NULL, of
// JSON), nulls is "", IGNORE or RESPECT (NULLS). ok is false if the function does not take the clause.
func AggregateForm(name, onNull, nulls string) (form string, ok bool) {
	switch {
	case name == "JSON_ARRAYAGG" && onNull == "":
		onNull = "ABSENT"
	case name == "JSON_OBJECTAGG" && onNull == "":
		onNull = "NULL"
	case name == "ARRAY_AGG" && nulls == "IGNORE":
		return "ARRAY_AGG_IGNORE_NULLS", true
	}
	if onNull != "" {
		name += "_" + onNull + "_ON_NULL"
	}
	return name, nulls == "" || name == "ARRAY_AGG"
}

// formBase is the function of a form.
func formBase(form string) string {
	for _, f := range []string{"JSON_ARRAYAGG", "JSON_OBJECTAGG", "ARRAY_AGG"} {
		if strings.HasPrefix(form, f+"_") {
			return f
		}
	}
	return form
}

// Aggregate checks an aggregate's arguments and gives the function's canonical name, the arguments cast, and its type.
// Grouped is false for an aggregate over all rows, which may meet none.
func Aggregate(name string, args []plan.Expr, grouped bool) (canon string, cast []plan.Expr, t types.Type, err error) {
	switch name {
	case "STDDEV":
		name = "STDDEV_SAMP"
	case "VARIANCE":
		name = "VAR_SAMP"
	case "ANY_VALUE":
		name = "FIRST_VALUE"
	}
	n := aggregates[formBase(name)]
	fail := func(shape string) (string, []plan.Expr, types.Type, error) {
		return "", nil, types.Type{}, wrongArgs(name, args, []string{shape})
	}
	if len(args) < n[0] || len(args) > n[1] {
		return fail(name + "(value)")
	}
	args = slices.Clone(args)
	for i, a := range args {
		if a.Type().Kind == types.Null { // a NULL without a type counts as an INT
			args[i] = Cast(a, types.Of(types.Int))
		}
	}
	nullable := !grouped
	for _, a := range args {
		nullable = nullable || a.Type().Nullable()
	}
	switch formBase(name) {
	case "JSON_ARRAYAGG", "JSON_OBJECTAGG":
		if len(args) == 2 {
			x, ok := coerce(args[0], 's')
			if !ok {
				return fail("JSON_OBJECTAGG(KEY string VALUE value)")
			}
			args[0] = x
		}
		if args[len(args)-1], err = Call("JSON_STRING", args[len(args)-1:]); err != nil {
			return "", nil, types.Type{}, err
		}
		return name, args, types.String().AsNotNull(), nil
	case "COUNT", "APPROX_COUNT_DISTINCT":
		return name, args, types.Of(types.BigInt).AsNotNull(), nil
	case "SUM", "SUM0", "AVG", "STDDEV_POP", "STDDEV_SAMP", "VAR_POP", "VAR_SAMP":
		if !args[0].Type().IsNumeric() {
			return fail(name + "(number)")
		}
		t = SumType(args[0].Type())
		if name != "SUM" && name != "SUM0" {
			t = AvgType(args[0].Type())
		}
		if name == "STDDEV_SAMP" || name == "VAR_SAMP" {
			nullable = true
		}
		return name, args, t.WithNull(nullable && name != "SUM0"), nil
	case "LISTAGG":
		for i, a := range args {
			x, ok := coerce(a, 's')
			if !ok {
				return fail("LISTAGG(string[, string])")
			}
			args[i] = x
		}
		return name, args, types.String().WithNull(nullable), nil
	case "COLLECT":
		return name, args, types.MultisetOf(args[0].Type()).AsNotNull(), nil
	case "ARRAY_AGG":
		return name, args, types.ArrayOf(args[0].Type()), nil
	case "MIN", "MAX":
		if k := args[0].Type().Kind; k >= types.Array {
			return "", nil, t, fault.Newf(fault.Config, "%s cannot take %s", name, args[0].Type())
		}
	}
	t = args[0].Type()
	return name, args, t.WithNull(nullable), nil
}
