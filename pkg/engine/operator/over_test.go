package operator_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/engine/operator/operatortest"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

var overIn = []types.Type{tString, types.TimestampOf(3), tBigint}

func overNode(rows bool, lower plan.Bound, calls ...plan.AggCall) *plan.OverAgg {
	return &plan.OverAgg{P: mode(catalog.AppendOnly), PartitionBy: []int{0}, Order: []plan.SortKey{{Col: 1}}, Calls: calls, Time: plan.RowTime,
		Frame: plan.Frame{Rows: rows, Lower: lower, Upper: plan.Bound{Kind: plan.CurrentRow}}}
}

var (
	unbounded = plan.Bound{}
	rowsBack  = plan.Bound{Kind: plan.Preceding, N: 2}
	timeBack  = plan.Bound{Kind: plan.Preceding, N: 3 * oneSecond}
)

// TestOverLikeModel compares each kind of frame with a walk over all rows, through random epochs, crashes and numbers of instances.
func TestOverLikeModel(t *testing.T) {
	type row struct {
		key  string
		sec  int
		v    int
		null bool
	}
	for name, f := range map[string]plan.Frame{
		"rows": {Rows: true, Lower: unbounded}, "range": {Lower: unbounded}, "rows bounded": {Rows: true, Lower: rowsBack}, "range bounded": {Lower: timeBack},
	} {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			n := overNode(f.Rows, f.Lower, agg("COUNT", tBigint), agg("SUM", tBigint, 2), distinct(agg("COUNT", tBigint, 2)), agg("MIN", tBigint, 2), agg("LAST_VALUE", tBigint, 2))
			if f.Lower.Kind == plan.UnboundedPreceding && rapid.Bool().Draw(t, "ttl") {
				n.TTL = 1 << 40 // never over, but kept
			}
			var rows []row
			now := 0
			k := &keyed{in: [][]types.Type{overIn}, h: &operatortest.Harness{Keys: [][]int{{0}}, Groups: 8,
				New: func(first bool) (operator.Stateful, error) {
					return operator.NewOverAgg(n, overIn, operator.Options{Groups: 8, First: first, Now: func() time.Time { return time.UnixMilli(1) }})
				}}}
			k.lines = func(t *rapid.T, _ int) []string {
				var lines []string
				for range rapid.IntRange(0, 6).Draw(t, "rows") {
					r := row{key: rapid.SampledFrom([]string{"a", "b", "NULL"}).Draw(t, "key"), sec: now + rapid.IntRange(1, 5).Draw(t, "ahead"),
						v: rapid.IntRange(0, 3).Draw(t, "v"), null: rapid.IntRange(0, 5).Draw(t, "null") == 0}
					rows = append(rows, r)
					v := fmt.Sprint(r.v)
					if r.null {
						v = "NULL"
					}
					lines = append(lines, fmt.Sprintf("+I[%s, %s, %s]", r.key, at(r.sec), v))
				}
				return lines
			}
			k.mark = func(t *rapid.T, _ int64) int64 {
				now += rapid.IntRange(0, 4).Draw(t, "step")
				return int64(now) * oneSecond
			}
			k.want = func() []string {
				sorted := slices.Clone(rows)
				slices.SortStableFunc(sorted, func(a, b row) int { return a.sec - b.sec })
				var out []string
				for i, r := range sorted {
					if r.sec > now {
						break
					}
					var frame []row
					for j, o := range sorted {
						after := j > i
						if !f.Rows {
							after = o.sec > r.sec
						}
						if o.key == r.key && !after && (f.Rows || f.Lower.Kind == plan.UnboundedPreceding || o.sec >= r.sec-3) {
							frame = append(frame, o)
						}
					}
					if f.Rows && f.Lower.Kind == plan.Preceding {
						frame = frame[max(0, len(frame)-3):]
					}
					sum, low, last, seen, any := 0, 99, 0, map[int]bool{}, false
					for _, o := range frame {
						if !o.null {
							sum, low, last, any = sum+o.v, min(low, o.v), o.v, true
							seen[o.v] = true
						}
					}
					v := fmt.Sprint(r.v)
					if r.null {
						v = "NULL"
					}
					values := fmt.Sprintf("%d, %d, %d, %d, %d", len(frame), sum, len(seen), low, last)
					if !any {
						values = fmt.Sprintf("%d, NULL, 0, NULL, NULL", len(frame))
					}
					out = append(out, fmt.Sprintf("[%s, %s, %s, %s]", r.key, at(r.sec), v, values))
				}
				slices.Sort(out)
				return out
			}
			k.run(t)
		}))
	}
}

// TestOverLate counts rows without a time, and those that come when their time is over.
func TestOverLate(t *testing.T) {
	for _, c := range []struct {
		lower plan.Bound
		late  int
	}{{unbounded, 3}, {rowsBack, 2}} {
		late := 0
		op, err := operator.NewOverAgg(overNode(true, c.lower, agg("SUM", tBigint, 2)), overIn, operator.Options{Late: func(n int) { late += n }})
		if err != nil {
			t.Fatal(err)
		}
		var out operatortest.Collect
		feed := func(mark int, rows ...string) {
			if err := op.Process(0, operatortest.MustParse(overIn, strings.Join(rows, "\n")), out.Out); err != nil {
				t.Fatal(err)
			}
			if err := op.EndEpoch(operator.Epoch{Watermark: int64(mark) * oneSecond}, out.Out); err != nil {
				t.Fatal(err)
			}
		}
		feed(10, "+I[a, "+at(5)+", 1]", "+I[a, NULL, 2]")
		feed(11, "+I[a, "+at(4)+", 4]", "+I[a, "+at(8)+", 8]", "+I[b, "+at(11)+", 16]")
		if late != c.late {
			t.Errorf("%v: %d late rows, want %d", c.lower, late, c.late)
		}
	}
}

// TestOverForgets checks that time ends the state of a RANGE frame, and retention that of others, but not rows that wait.
func TestOverForgets(t *testing.T) {
	for name, n := range map[string]*plan.OverAgg{"range": overNode(false, timeBack, agg("SUM", tBigint, 2)), "ttl": overNode(true, rowsBack, agg("SUM", tBigint, 2))} {
		if name == "ttl" {
			n.TTL = 5000
		}
		var now time.Time
		op, err := operator.NewOverAgg(n, overIn, operator.Options{Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		store := operatortest.NewStore()
		var out operatortest.Collect
		step := func(sec, mark int, rows ...string) {
			e := epoch(int64(sec))
			e.Watermark = int64(mark) * oneSecond
			now = e.Now
			if err := op.Process(0, operatortest.MustParse(overIn, strings.Join(rows, "\n")), out.Out); err != nil {
				t.Fatal(err)
			}
			if err := op.EndEpoch(e, out.Out); err != nil {
				t.Fatal(err)
			}
			if err := op.Snapshot(store, false); err != nil {
				t.Fatal(err)
			}
		}
		step(1, 1, "+I[a, "+at(1)+", 1]", "+I[b, "+at(90)+", 2]")
		marks := store.Len()
		step(20, 60)
		if got := len(out.Batches); got != 1 {
			t.Errorf("%s: %d batches before the second row's time", name, got)
		}
		if marks <= store.Len() {
			t.Errorf("%s: %d entries of state, before there were %d", name, store.Len(), marks)
		}
		step(40, 200)
		if got, err := operatortest.Materialize(out.Batches, nil); err != nil || len(got) != 2 {
			t.Errorf("%s: %v %v", name, got, err)
		}
		step(80, 400)
		if got := store.Len(); got != 32 { // the watermark by group
			t.Errorf("%s: %d entries are left", name, got)
		}
	}
}
