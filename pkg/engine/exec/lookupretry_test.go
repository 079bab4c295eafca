package exec

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/engine/operator/operatortest"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// growing is a table to which a row is added with every call: call n finds keys 1 … n, key k twice if k is even.
type growing struct {
	calls int
	asked [][]string
}

func (g *growing) Lookup(_ context.Context, keys *batch.Batch) (*batch.Batch, []int32, error) {
	g.calls++
	var asked []string
	text, offsets, n := "", []int32{0}, int32(0)
	for i := range keys.N {
		k := batch.ValueString(keys.Cols[0], i)
		asked = append(asked, k)
		if k != "NULL" && int(k[0]-'0') <= g.calls {
			for range 2 - int(k[0]-'0')%2 {
				text += "+I[" + k + ", v" + k + "]\n"
				n++
			}
		}
		offsets = append(offsets, n)
	}
	g.asked = append(g.asked, asked)
	b, err := operatortest.Parse([]types.Type{types.Of(types.Int), types.String()}, text)
	return b, offsets, err
}

func (g *growing) Close() error { return nil }

func retryJoin(t *testing.T, left bool, retry *plan.LookupRetry, table *growing) (*lookupJoin, *int) {
	integer := types.Of(types.Int)
	in := plan.New(&plan.Values{}, catalog.Pos{})
	in.P.Out = plan.Schema{{Name: "k", Type: integer}}
	n := &plan.LookupJoin{Input: in, Left: left, Table: &catalog.Table{Name: "t", Columns: []catalog.Column{{Name: "k", Type: integer}, {Name: "v", Type: types.String()}}},
		TableKeys: []int{0}, KeyExprs: []plan.Expr{&plan.ColRef{Index: 0, T: integer}}, Columns: []int{0, 1}, Retry: retry}
	misses := 0
	j, err := newLookupJoin(context.Background(), n, table, operator.Options{Now: time.Now}, func(m int) { misses += m })
	if err != nil {
		t.Fatal(err)
	}
	return j, &misses
}

func TestLookupRetry(t *testing.T) {
	g := &growing{}
	j, misses := retryJoin(t, true, &plan.LookupRetry{Attempts: 3, Delay: 10 * time.Second}, g)
	var pauses []time.Duration
	j.pause = func(_ context.Context, d time.Duration) error { pauses = append(pauses, d); return nil }
	var c operatortest.Collect
	in := operatortest.MustParse([]types.Type{types.Of(types.Int)}, "+I[3]\n+I[1]\n+I[NULL]\n+I[2]\n+I[5]")
	if err := j.Process(0, in, c.Out); err != nil {
		t.Fatal(err)
	}
	want := "+I[3, 3, v3]\n+I[1, 1, v1]\n+I[NULL, NULL, NULL]\n+I[2, 2, v2]\n+I[2, 2, v2]\n+I[5, NULL, NULL]\n"
	if got := c.Take(); got != want && got+"\n" != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if len(pauses) != 2 || pauses[0] != 10*time.Second || *misses != 1 {
		t.Errorf("pauses %v, %d misses", pauses, *misses)
	}
	// Each time only what is missing is asked for, and never NULL again.
	if len(g.asked) != 3 || len(g.asked[1]) != 3 || len(g.asked[2]) != 2 {
		t.Errorf("asked for %v", g.asked)
	}
}

func TestLookupWithoutRetry(t *testing.T) {
	g := &growing{}
	j, misses := retryJoin(t, false, nil, g)
	var c operatortest.Collect
	if err := j.Process(0, operatortest.MustParse([]types.Type{types.Of(types.Int)}, "+I[2]\n+I[1]"), c.Out); err != nil {
		t.Fatal(err)
	}
	if g.calls != 1 || *misses != 1 {
		t.Errorf("%d calls, %d misses", g.calls, *misses)
	}
}

// TestLookupRetryEnds: a job that is stopped does not wait for the pause.
func TestLookupRetryEnds(t *testing.T) {
	j, _ := retryJoin(t, false, &plan.LookupRetry{Attempts: 3, Delay: time.Hour}, &growing{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	j.ctx = ctx
	err := j.Process(0, operatortest.MustParse([]types.Type{types.Of(types.Int)}, "+I[9]"), func(*batch.Batch) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
