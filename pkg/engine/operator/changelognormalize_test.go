package operator_test

import (
	"testing"

	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func TestChangelogNormalize(t *testing.T) {
	in := []types.Type{tString, tInt}
	for _, c := range []struct {
		mode catalog.ChangeMode
		want string
	}{
		{catalog.AllChanges, text("+I[a, 1]", "+I[b, 3]", "--", "-U[a, 1]", "+U[a, 2]", "-D[b, 3]", "--", "--", "+I[b, 4]")},
		{catalog.Upsert, text("+I[a, 1]", "+I[b, 3]", "--", "+U[a, 2]", "-D[b, 3]", "--", "--", "+I[b, 4]")},
	} {
		op, err := operator.NewChangelogNormalize(&plan.ChangelogNormalize{P: mode(c.mode), Keys: []int{0}}, in, operator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := run(t, op, in,
			text("+U[a, 1]", "+I[b, 2]", "+U[b, 3]", "-D[c, NULL]"),
			text("+U[a, 7]", "+U[a, 2]", "-D[b, NULL]"),
			text("+U[a, 2]", "+I[d, 1]", "-D[d, NULL]"),
			text("+U[b, 4]"))
		if got != c.want {
			t.Errorf("%v: got\n%s\nwant\n%s", c.mode, got, c.want)
		}
	}
}
