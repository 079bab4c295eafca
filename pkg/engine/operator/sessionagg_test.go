package operator_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/engine/operator/operatortest"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func sessionNode(retract bool) (*plan.WindowAgg, []types.Type) {
	return &plan.WindowAgg{P: mode(catalog.AppendOnly), Keys: []int{0}, Win: plan.WindowSpec{Kind: plan.Session, TimeCol: 1, Slide: 3 * usSecond},
		Aggs:       []plan.AggCall{agg("COUNT", tBigint), distinct(agg("COUNT", tBigint, 2)), agg("LISTAGG", tString, 2)},
		WindowCols: []string{"start", "end"}, Retract: retract}, []types.Type{tString, types.TimestampOf(3), tString}
}

func TestSessionAgg(t *testing.T) {
	n, in := sessionNode(true)
	late := 0
	op, err := operator.NewWindowAgg(n, in, operator.Options{Late: func(n int) { late += n }})
	if err != nil {
		t.Fatal(err)
	}
	at := func(sec int64) string {
		return time.UnixMicro(sec * usSecond).UTC().Format("2006-01-02T15:04:05")
	}
	row := func(kind, key string, sec int64, s string) string {
		return fmt.Sprintf("%s[%s, %s, %s]", kind, key, at(sec), s)
	}
	got := runWindows(t, op, in,
		step{text(row("+I", "a", 0, "x"), row("+I", "a", 6, "y"), row("+I", "b", 0, "x"), row("+I", "b", 4, "y")), 2 * usSecond, time.Time{}},
		step{text(row("+I", "a", 3, "z")), 3*usSecond - 1000, time.Time{}},                       // joins both of a's; b's first closes
		step{text(row("+I", "b", 0, "late"), row("-D", "b", 4, "y")), 9 * usSecond, time.Time{}}, // a closes; b's usSecond is gone
		step{text(row("+I", "b", 7, "w")), operator.MaxWatermark, time.Time{}})
	s := func(sec int64) string { return at(sec) }
	want := text("--", "+I[b, 1, 1, x, "+s(0)+", "+s(3)+"]", "--", "+I[a, 3, 3, x,z,y, "+s(0)+", "+s(9)+"]", "--",
		"+I[b, 1, 1, w, "+s(7)+", "+s(10)+"]")
	if got != want || late != 1 {
		t.Fatalf("got\n%s (late %d)\nwant\n%s", got, late, want)
	}
}

// TestSessionAggAgainstModel: restarts and numbers of instances do not show.
func TestSessionAggAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		retract := rapid.Bool().Draw(t, "retract")
		n, in := sessionNode(retract)
		h := &operatortest.Harness{Keys: [][]int{{0}}, Groups: 8, New: func(bool) (operator.Stateful, error) {
			return operator.NewWindowAgg(n, in, operator.Options{Groups: 8})
		}}
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		must(h.Start(2))
		type row struct {
			key string
			at  int64
			s   string
		}
		open := map[string][]row{} // in order of arrival
		var live []row
		var want []string
		mark := operator.NoWatermark
		var batches []*batch.Batch
		closeAll := func() {
			for key, rows := range open {
				slices.SortStableFunc(rows, func(a, b row) int { return int(a.at - b.at) })
				for len(rows) > 0 {
					k := 1
					for k < len(rows) && rows[k].at-rows[k-1].at <= 3*usSecond {
						k++
					}
					end := rows[k-1].at + 3*usSecond
					if end-1000 > mark {
						break
					}
					ds, list := map[string]bool{}, []string{}
					for _, r := range rows[:k] {
						ds[r.s] = true
						list = append(list, r.s)
					}
					f := func(us int64) string { return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05") }
					want = append(want, fmt.Sprintf("[%s, %d, %d, %s, %s, %s]", key, k, len(ds), strings.Join(list, ","), f(rows[0].at), f(end)))
					rows = slices.Clone(rows[k:])
				}
				open[key] = rows
			}
		}
		epochs := rapid.IntRange(1, 8).Draw(t, "epochs")
		for e := range epochs {
			var lines []string
			for range rapid.IntRange(0, 8).Draw(t, "rows") {
				r := row{rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key"), rapid.Int64Range(0, 30).Draw(t, "at") * usSecond,
					rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "s")}
				kind := "+I"
				if retract && len(live) > 0 && rapid.IntRange(0, 2).Draw(t, "op") == 0 {
					i := rapid.IntRange(0, len(live)-1).Draw(t, "which")
					r, kind = live[i], "-D"
					live = slices.Delete(live, i, i+1)
					if i := slices.Index(open[r.key], r); i >= 0 {
						open[r.key] = slices.Delete(open[r.key], i, i+1)
					}
				} else {
					live = append(live, r)
					joins := slices.ContainsFunc(open[r.key], func(o row) bool { return max(o.at-r.at, r.at-o.at) <= 3*usSecond })
					if mark == operator.NoWatermark || joins || r.at+3*usSecond-1000 > mark {
						open[r.key] = append(open[r.key], r)
					}
				}
				lines = append(lines, fmt.Sprintf("%s[%s, %s, %s]", kind, r.key, time.UnixMicro(r.at).UTC().Format("2006-01-02T15:04:05"), r.s))
			}
			b, err := operatortest.Parse(in, strings.Join(lines, "\n"))
			must(err)
			must(h.Process(0, b))
			mark = max(mark, rapid.Int64Range(0, 34).Draw(t, "mark")*usSecond-1000)
			ep := operator.Epoch{ID: int64(e), Watermark: mark}
			if e == epochs-1 {
				mark = operator.MaxWatermark
				ep.Watermark, ep.Final = mark, true
			}
			must(h.EndEpoch(ep))
			closeAll()
			batches = append(batches, h.Batches...)
			h.Batches = nil
			if rapid.Bool().Draw(t, "snapshot") {
				must(h.Snapshot(rapid.Bool().Draw(t, "full")))
				must(h.Start(rapid.IntRange(1, 3).Draw(t, "instances")))
			}
		}
		slices.Sort(want)
		got, err := operatortest.Materialize(batches, nil)
		must(err)
		if !slices.Equal(got, want) {
			t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		must(h.Snapshot(false))
		must(h.Store().Entries("rows", func(uint16, []byte, []byte) error { t.Fatal("a row is left when all sessions are closed"); return nil }))
	})
}
