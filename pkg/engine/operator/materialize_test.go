package operator_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/engine/operator/operatortest"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func TestSinkMaterializer(t *testing.T) {
	in := []types.Type{tString, tInt}
	op, err := operator.NewSinkMaterializer(&plan.Sink{Keys: []int{0}}, in, operator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, op, in,
		text("+I[a, 1]", "+I[b, 5]"),
		text("+U[a, 2]"),
		text("-U[a, 1]"), // came late: 2 is the owner now
		text("+I[a, 3]", "-D[b, 5]"),
		text("-D[a, 3]"),
		text("-U[a, 2]", "+U[a, 2]"),
		text("-D[a, 2]", "-D[a, 9]"))
	want := text("+I[a, 1]", "+I[b, 5]", "--", "+U[a, 2]", "--", "--", "+U[a, 3]", "-D[b, 5]", "--", "+U[a, 2]", "--", "--", "-D[a, 2]")
	if got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSinkMaterializerAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := []types.Type{tInt, tString}
		k := &keyed{in: [][]types.Type{in}, key: []int{1}, h: &operatortest.Harness{Keys: [][]int{{1}}, Groups: 8, New: func(bool) (operator.Stateful, error) {
			return operator.NewSinkMaterializer(&plan.Sink{Keys: []int{1}}, in, operator.Options{Groups: 8})
		}}}
		var table multiset
		k.lines = func(t *rapid.T, _ int) []string {
			return table.next(t, true, func() string {
				return fmt.Sprintf("[%d, %s]", rapid.IntRange(0, 3).Draw(t, "v"), rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key"))
			})
		}
		k.want = func() []string {
			last := map[string]string{}
			for _, r := range table.rows {
				last[fields(r)[1]] = r
			}
			var out []string
			for _, r := range last {
				out = append(out, r)
			}
			slices.Sort(out)
			return out
		}
		k.run(t)
	})
}
