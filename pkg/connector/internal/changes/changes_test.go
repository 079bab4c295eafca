package changes

import (
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/engine/operator/operatortest"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

var columns = []types.Type{types.String(), types.Of(types.Int)}

func TestLastChangeOfEachKeyIsLeft(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"+I[a, 1] +I[b, 2] +U[a, 3]", "+I[a, 3] +I[b, 2]"},
		{"-U[a, 1] +U[a, 2]", "+I[a, 2]"},
		{"-D[a, 1] +I[a, 2] -D[b, 1]", "+I[a, 2] -D[b, 1]"},
		{"+I[a, 1] -D[a, 1]", "-D[a, 1]"},
		// The new row is hidden by a filter, or has another key.
		{"-U[a, 1]", "-D[a, 1]"},
		{"-U[a, 1] +U[b, 1]", "-D[a, 1] +I[b, 1]"},
		{"", ""},
	} {
		b := New([]int{0})
		for _, row := range strings.SplitAfter(c.in, "] ") {
			if err := b.Add(operatortest.MustParse(columns, row)); err != nil {
				t.Fatal(err)
			}
		}
		got := ""
		if rows := b.Rows(); rows != nil {
			got = strings.Join(strings.Split(strings.TrimSpace(rows.String()), "\n"), " ")
		}
		if got != c.want {
			t.Errorf("%s leaves %s, want %s", c.in, got, c.want)
		}
	}
}

func TestWithoutKeyOnlyInserts(t *testing.T) {
	b := New(nil)
	if err := b.Add(operatortest.MustParse(columns, "+I[a, 1]\n+I[a, 1]")); err != nil {
		t.Fatal(err)
	}
	if got := b.Rows().String(); got != "+I[a, 1]\n+I[a, 1]\n" {
		t.Errorf("got %s", got)
	}
	if err := b.Add(operatortest.MustParse(columns, "+U[a, 1]")); err == nil {
		t.Error("an update was taken")
	}
}
