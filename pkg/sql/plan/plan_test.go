package plan

import (
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func fixture() (*Plan, *Calc) {
	t := &catalog.Table{Name: "t", Columns: []catalog.Column{{Name: "a", Type: types.Of(types.Int)}, {Name: "b", Type: types.String()}}}
	src := New(&Source{Table: t, Columns: []int{0, 1}, Caps: catalog.Caps{SourceMode: catalog.AppendOnly}}, catalog.Pos{})
	c := &Calc{Input: src, Exprs: Refs(src.P.Out)}
	New(c, catalog.Pos{})
	p := &Plan{Sinks: []*Sink{
		New(&Sink{Input: c, Table: t, Columns: []int{0, 1}}, catalog.Pos{}),
		New(&Sink{Input: c, Table: t, Columns: []int{0, 1}}, catalog.Pos{}),
	}}
	p.Number()
	return p, c
}

func TestExplainShowsSharedNodesOnce(t *testing.T) {
	p, _ := fixture()
	got := Explain(p, ShowTree)
	if strings.Count(got, "Source(") != 1 || !strings.Contains(got, "↑ 2\n") {
		t.Error(got)
	}
}

func TestCheckFindsDefects(t *testing.T) {
	p, c := fixture()
	if err := Check(p); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]Expr{
		"is not among":        &ColRef{Index: 7, T: types.Of(types.Int)},
		"the input gives INT": &ColRef{Index: 0, Name: "a", T: types.String()},
	} {
		c.Exprs[0] = bad
		if err := Check(p); fault.KindOf(err) != fault.Internal || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRowKeysGoThroughInjectiveCastsOnly(t *testing.T) {
	a := &ColRef{Index: 0, T: types.Of(types.Int)}
	cast := func(to types.Type) Expr { return &Call{Func: "CAST", Args: []Expr{a}, T: to} }
	if k, ok := MapKey([]int{0}, []Expr{cast(types.String())}); !ok || k[0] != 0 {
		t.Error("INT to STRING keeps values apart")
	}
	if _, ok := MapKey([]int{0}, []Expr{cast(types.Of(types.SmallInt))}); ok {
		t.Error("INT to SMALLINT does not keep values apart")
	}
	if _, ok := MapKey([]int{0, 1}, []Expr{a}); ok {
		t.Error("a lost column loses the key")
	}
}

func TestRewriteLeavesTheOriginal(t *testing.T) {
	e := &Call{Func: "+", Args: []Expr{&ColRef{Index: 0, Name: "a"}, &ColRef{Index: 1, Name: "b"}}}
	got := Rewrite(e, func(x Expr) Expr {
		if c, ok := x.(*ColRef); ok && c.Index == 0 {
			return &ColRef{Index: 5, Name: "z"}
		}
		return nil
	})
	if got.String() != "z + b" || e.String() != "a + b" {
		t.Error(got, e)
	}
}
