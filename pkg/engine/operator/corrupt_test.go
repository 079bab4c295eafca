package operator_test

import (
	"errors"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/engine/operator/operatortest"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// cut gives a store's entries with the keys or values of one table cut short.
type cut struct {
	*operatortest.Store
	table      string
	key, value int
}

func (c cut) Entries(table string, fn func(group uint16, key, value []byte) error) error {
	return c.Store.Entries(table, func(group uint16, key, value []byte) error {
		if table == c.table {
			key, value = key[:max(0, len(key)-c.key)], value[:max(0, len(value)-c.value)]
		}
		return fn(group, key, value)
	})
}

// TestRestoreDamaged: entries that are too short are refused as corrupt, or are a shorter value by themselves; nothing panics.
func TestRestoreDamaged(t *testing.T) {
	in := []types.Type{tString, types.TimestampOf(3), tInt}
	calls := []plan.AggCall{agg("COUNT", tBigint), agg("SUM", tInt, 2), distinct(agg("COUNT", tBigint, 2)), agg("MAX", tInt, 2),
		agg("LAST_VALUE", tString, 0), agg("LISTAGG", tString, 0), agg("ARRAY_AGG", types.ArrayOf(tInt), 2), agg("VAR_POP", tInt, 2)}
	win := plan.WindowSpec{Kind: plan.Tumble, Size: usMinute, TimeCol: 1}
	session := plan.WindowSpec{Kind: plan.Session, Slide: usMinute, TimeCol: 1}
	for name, make := range map[string]func() (operator.Stateful, error){
		"group": func() (operator.Stateful, error) {
			return operator.NewGroupAgg(&plan.GroupAgg{P: mode(catalog.Upsert), Keys: []int{0}, Aggs: calls, TTL: 1000}, in, operator.Options{Now: func() time.Time { return time.UnixMilli(1) }})
		},
		"retract": func() (operator.Stateful, error) {
			return operator.NewGroupAgg(&plan.GroupAgg{P: mode(catalog.Upsert), Keys: []int{0}, Aggs: calls, Retract: true}, in, operator.Options{})
		},
		"window": func() (operator.Stateful, error) {
			return operator.NewWindowAgg(&plan.WindowAgg{Keys: []int{0}, Aggs: calls, Win: win}, in, operator.Options{})
		},
		"session": func() (operator.Stateful, error) {
			return operator.NewWindowAgg(&plan.WindowAgg{Keys: []int{0}, Aggs: calls, Win: session}, in, operator.Options{})
		},
		"match": func() (operator.Stateful, error) {
			n := matchRun([]int{0}, 1, nil, nil)
			return operator.NewMatch(n, in, operator.Options{})
		},
	} {
		op, err := make()
		if err != nil {
			t.Fatal(err)
		}
		var c operatortest.Collect
		if err := op.Process(0, operatortest.MustParse(in, "+I[a, 2024-05-01T00:00:00, 1]\n+I[b, 2024-05-01T00:00:00, 200]\n+I[b, 2024-05-01T00:00:09, 7]"), c.Out); err != nil {
			t.Fatal(err)
		}
		if err := op.EndEpoch(operator.Epoch{Watermark: 0, Now: time.UnixMilli(1)}, c.Out); err != nil {
			t.Fatal(err)
		}
		s := operatortest.NewStore()
		if err := op.Snapshot(s, true); err != nil {
			t.Fatal(err)
		}
		refused := 0
		for _, table := range []string{"groups", "values0", "values1", "rows", "keys", "watermark"} {
			for n := 1; n < 90; n++ {
				for _, damaged := range []cut{{s, table, n, 0}, {s, table, 0, n}} {
					op, err := make()
					if err != nil {
						t.Fatal(err)
					}
					if err := op.Restore(damaged); err != nil {
						refused++
						if !errors.Is(err, state.ErrCorrupt) {
							t.Fatalf("%s: %s cut by %d, %d: error %v is not ErrCorrupt", name, table, damaged.key, damaged.value, err)
						}
					}
				}
			}
		}
		if refused < 90 {
			t.Errorf("%s: only %d of the damaged states were refused", name, refused)
		}
	}
}
