package operator_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/engine/operator/operatortest"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

var (
	tString = types.String()
	tInt    = types.Of(types.Int)
	tBigint = types.Of(types.BigInt)
	tDouble = types.Of(types.Double)
	tBool   = types.Of(types.Boolean)
)

func agg(fn string, t types.Type, args ...int) plan.AggCall {
	return plan.AggCall{Func: fn, Args: args, Filter: -1, T: t}
}

func distinct(c plan.AggCall) plan.AggCall          { c.Distinct = true; return c }
func filtered(c plan.AggCall, col int) plan.AggCall { c.Filter = col; return c }
func mode(m catalog.ChangeMode) plan.Props          { return plan.Props{Mode: m} }
func text(lines ...string) string                   { return strings.Join(lines, "\n") + "\n" }
func epoch(id int64) operator.Epoch                 { return operator.Epoch{ID: id, Now: time.UnixMilli(id * 1000)} }

// run feeds one batch an epoch and gives the output of each, split by "--".
func run(t *testing.T, op operator.Operator, in []types.Type, epochs ...string) string {
	t.Helper()
	var c operatortest.Collect
	var s strings.Builder
	for i, text := range epochs {
		b, err := operatortest.Parse(in, text)
		if err != nil {
			t.Fatal(err)
		}
		if err := op.Process(0, b, c.Out); err != nil {
			t.Fatal(err)
		}
		if err := op.EndEpoch(epoch(int64(i+1)), c.Out); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			s.WriteString("--\n")
		}
		s.WriteString(c.Take())
	}
	return s.String()
}

func newAgg(t testing.TB, n *plan.GroupAgg, in []types.Type, o operator.Options) operator.Stateful {
	t.Helper()
	op, err := operator.NewGroupAgg(n, in, o)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func TestGroupAggMiniBatch(t *testing.T) {
	in := []types.Type{tString, tString, tInt}
	n := &plan.GroupAgg{P: mode(catalog.AllChanges), Keys: []int{0}, Aggs: []plan.AggCall{
		agg("COUNT", tBigint), agg("COUNT", tBigint, 2), agg("SUM", tInt, 2), agg("AVG", tInt, 2), agg("MIN", tInt, 2), agg("MAX", tString, 1),
		distinct(agg("COUNT", tBigint, 1)), agg("LISTAGG", tString, 1),
	}}
	got := run(t, newAgg(t, n, in, operator.Options{}), in,
		text("+I[b, x, 1]", "+I[a, NULL, NULL]", "+I[b, y, 2]", "+I[b, x, NULL]"),
		text("+I[a, z, -7]", "+I[c, z, 2147483647]", "+I[c, z, 1]"),
		text())
	want := text(
		"+I[b, 3, 2, 3, 1, 1, y, 2, x,y,x]",
		"+I[a, 1, 0, NULL, NULL, NULL, NULL, 0, NULL]",
		"--",
		"-U[a, 1, 0, NULL, NULL, NULL, NULL, 0, NULL]",
		"+U[a, 2, 1, -7, -7, -7, z, 1, z]",
		"+I[c, 2, 2, -2147483648, 1073741824, 1, z, 1, z,z]",
		"--")
	if got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
}

func TestGroupAggRetract(t *testing.T) {
	in := []types.Type{tString, tInt, tBool}
	n := &plan.GroupAgg{P: mode(catalog.Upsert), Keys: []int{0}, Retract: true, Aggs: []plan.AggCall{
		agg("COUNT", tBigint), agg("SUM", tInt, 1), agg("MAX", tInt, 1), filtered(distinct(agg("COUNT", tBigint, 1)), 2), agg("FIRST_VALUE", tInt, 1), agg("LAST_VALUE", tInt, 1),
	}}
	got := run(t, newAgg(t, n, in, operator.Options{}), in,
		text("-D[a, 1, true]", "+I[a, 5, true]", "+I[a, 9, false]", "+I[a, 5, true]"),
		text("-D[a, 9, false]", "-U[a, 5, true]", "+U[a, 6, true]", "+I[b, 1, NULL]", "-D[b, 1, NULL]"),
		text("-D[a, 5, true]", "+I[a, 5, true]"),
		text("-D[a, 5, true]", "-D[a, 6, true]"),
		text("+I[a, 7, true]"))
	want := text(
		"+I[a, 3, 19, 9, 1, 5, 5]", "--",
		"+U[a, 2, 11, 6, 2, 5, 6]", "--",
		"+U[a, 2, 11, 6, 2, 6, 5]", "--",
		"-D[a, 2, 11, 6, 2, 6, 5]", "--",
		"+I[a, 1, 7, 7, 1, 7, 7]")
	if got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
}

func TestGroupAggTypes(t *testing.T) {
	dec := types.DecimalOf(10, 2)
	ts := types.TimestampOf(3)
	in := []types.Type{types.Of(types.Float), tDouble, dec, ts, types.Of(types.Date), tBool}
	n := &plan.GroupAgg{P: mode(catalog.AllChanges), Aggs: []plan.AggCall{
		agg("SUM", types.Of(types.Float), 0), agg("AVG", tDouble, 1), agg("SUM", types.DecimalOf(38, 2), 2), agg("AVG", types.DecimalOf(38, 6), 2),
		agg("MAX", ts, 3), agg("MIN", types.Of(types.Date), 4), agg("MAX", tBool, 5), agg("MIN", dec, 2), agg("STDDEV_POP", tDouble, 1), agg("VAR_SAMP", tDouble, 1),
		agg("SUM0", tDouble, 1),
	}}
	got := run(t, newAgg(t, n, in, operator.Options{}), in, text(
		"+I[1.5, 2, 10.00, 2024-05-01T00:00:00, 2024-05-02, false]",
		"+I[2.5, 4, 0.01, 2024-05-03T00:00:00.5, 2024-05-01, true]",
		"+I[NULL, NULL, 5.00, NULL, NULL, NULL]"))
	want := text("+I[4, 3, 15.01, 5.003333, 2024-05-03T00:00:00.500, 2024-05-01, true, 0.01, 1, 2, 6]")
	if got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
}

func TestGroupAggCollections(t *testing.T) {
	in := []types.Type{tString}
	for _, retract := range []bool{false, true} {
		n := &plan.GroupAgg{P: mode(catalog.Upsert), Retract: retract, Aggs: []plan.AggCall{
			agg("ARRAY_AGG", types.ArrayOf(tString), 0), distinct(agg("ARRAY_AGG", types.ArrayOf(tString), 0)),
			agg("COLLECT", types.MultisetOf(tString), 0), agg("APPROX_COUNT_DISTINCT", tBigint, 0)}}
		got := run(t, newAgg(t, n, in, operator.Options{}), in, text("+I[x]", "+I[NULL]", "+I[y]", "+I[x]"), text("+I[z]"))
		want := text("+I[[x, NULL, y, x], [x, NULL, y], {x=2, y=1}, 2]", "--", "+U[[x, NULL, y, x, z], [x, NULL, y, z], {x=2, y=1, z=1}, 3]")
		if got != want {
			t.Fatalf("retract %v: got\n%s\nwant\n%s", retract, got, want)
		}
	}
	single := newAgg(t, &plan.GroupAgg{P: mode(catalog.Upsert), Retract: true, Aggs: []plan.AggCall{agg("SINGLE_VALUE", tString, 0)}}, in, operator.Options{})
	if got, want := run(t, single, in, "+I[x]", text("-U[x]", "+U[y]")), text("+I[x]", "--", "+U[y]"); got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
	var c operatortest.Collect
	if err := single.Process(0, operatortest.MustParse(in, "+I[z]"), c.Out); err != nil {
		t.Fatal(err)
	}
	if err := single.EndEpoch(epoch(3), c.Out); !errors.Is(err, fault.Data) {
		t.Fatalf("two rows of a scalar subquery: error %v", err)
	}
}

// TestGroupAggNoRows: without keys and rows the instance in charge of a batch job gives the row of no input at the end.
func TestGroupAggNoRows(t *testing.T) {
	for _, c := range []struct{ first, batch bool }{{true, true}, {false, true}, {true, false}} {
		n := &plan.GroupAgg{P: mode(catalog.AllChanges), Batch: c.batch, Aggs: []plan.AggCall{agg("COUNT", tBigint), agg("SUM", tBigint, 0)}}
		op := newAgg(t, n, []types.Type{tBigint}, operator.Options{First: c.first})
		var out operatortest.Collect
		if err := op.EndEpoch(operator.Epoch{ID: 1, Watermark: operator.MaxWatermark, Final: true}, out.Out); err != nil {
			t.Fatal(err)
		}
		want := ""
		if c.first && c.batch {
			want = "+I[0, NULL]\n"
		}
		if got := out.Take(); got != want {
			t.Fatalf("%+v: got %q", c, got)
		}
	}
}

// TestGroupAggTTL: a group past its retention starts anew, without the values that its earlier life saw, restored or not.
func TestGroupAggTTL(t *testing.T) {
	in := []types.Type{tString, tString}
	for _, retract := range []bool{false, true} {
		n := &plan.GroupAgg{P: mode(catalog.Upsert), Keys: []int{0}, TTL: 2500, Retract: retract, Aggs: []plan.AggCall{
			distinct(agg("COUNT", tBigint, 1)), agg("MIN", tString, 1)}}
		var now time.Time
		h := &operatortest.Harness{Keys: [][]int{{0}}, Groups: 4, New: func(first bool) (operator.Stateful, error) {
			return operator.NewGroupAgg(n, in, operator.Options{Groups: 4, Now: func() time.Time { return now }})
		}}
		if err := h.Start(2); err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for i, rows := range []string{
			"+I[a, x]\n+I[a, y]\n+I[b, x]",
			"+I[a, x]\n+I[a, w]", // at 2 s: refreshes a
			"+I[b, x]",           // at 3 s: b still has x
			"",
			"+I[a, z]\n+I[a, x]\n+I[c, a]", // at 5 s: a is new
			"+I[b, q]",                     // at 6 s: so is b
		} {
			now = time.UnixMilli(int64(i+1) * 1000)
			if err := h.Process(0, operatortest.MustParse(in, rows)); err != nil {
				t.Fatal(err)
			}
			if err := h.EndEpoch(operator.Epoch{ID: int64(i + 1), Now: now}); err != nil {
				t.Fatal(err)
			}
			if err := h.Snapshot(false); err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(h.Take(), "\n")
			slices.Sort(lines)
			got.WriteString(strings.Join(lines, "") + "--\n")
			if err := h.Start(1 + i%3); err != nil {
				t.Fatal(err)
			}
		}
		want := text("+I[a, 2, x]", "+I[b, 1, x]", "--", "+U[a, 3, w]", "--", "--", "--", "+I[a, 2, x]", "+I[c, 1, a]", "--", "+I[b, 1, q]", "--")
		if got.String() != want {
			t.Fatalf("retract %v: got\n%s\nwant\n%s", retract, got.String(), want)
		}
	}
}

type modelRow struct {
	key  string
	s    string // "" is NULL
	v    int64
	null bool
	keep bool
}

func (r modelRow) String() string {
	s, v := r.s, fmt.Sprint(r.v)
	if s == "" {
		s = "NULL"
	}
	if r.null {
		v = "NULL"
	}
	return fmt.Sprintf("[%s, %s, %s, %v, %v.25]", r.key, s, v, r.keep, r.v)
}

// TestGroupAggAgainstModel: whatever the epochs, snapshots, restarts and numbers of instances, the change stream comes to
// what a plain computation over the remaining rows gives.
func TestGroupAggAgainstModel(t *testing.T) {
	in := []types.Type{tString, tString, tInt, tBool, types.DecimalOf(12, 2)}
	calls := []plan.AggCall{
		agg("COUNT", tBigint), agg("COUNT", tBigint, 1), agg("SUM", tInt, 2), agg("AVG", tInt, 2), agg("MIN", tInt, 2), agg("MAX", tString, 1),
		distinct(agg("COUNT", tBigint, 1)), filtered(distinct(agg("SUM", tInt, 2)), 3), distinct(agg("COUNT", tBigint, 1, 2)),
		agg("MAX", types.DecimalOf(12, 2), 4), agg("SUM", types.DecimalOf(38, 2), 4),
	}
	rapid.Check(t, func(t *rapid.T) {
		retract := rapid.Bool().Draw(t, "retract")
		upsert := rapid.Bool().Draw(t, "upsert")
		n := &plan.GroupAgg{P: mode(catalog.AllChanges), Keys: []int{0}, Retract: retract, Aggs: calls}
		var key []int
		if upsert {
			n.P.Mode, key = catalog.Upsert, []int{0}
		}
		h := &operatortest.Harness{Keys: [][]int{{0}}, Groups: 8, New: func(first bool) (operator.Stateful, error) {
			return operator.NewGroupAgg(n, in, operator.Options{Groups: 8, First: first})
		}}
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		must(h.Start(rapid.IntRange(1, 3).Draw(t, "instances")))
		var live []modelRow
		var batches []*batch.Batch
		for e := range rapid.IntRange(1, 12).Draw(t, "epochs") {
			for range rapid.IntRange(0, 3).Draw(t, "batches") {
				var lines []string
				for range rapid.IntRange(0, 12).Draw(t, "rows") {
					if retract && len(live) > 0 && rapid.IntRange(0, 9).Draw(t, "op") < 4 {
						i := rapid.IntRange(0, len(live)-1).Draw(t, "which")
						lines = append(lines, rapid.SampledFrom([]string{"-D", "-U"}).Draw(t, "kind")+live[i].String())
						live = slices.Delete(live, i, i+1)
						continue
					}
					r := modelRow{
						key: rapid.SampledFrom([]string{"a", "b", "c", "d", "NULL"}).Draw(t, "key"),
						s:   rapid.SampledFrom([]string{"", "x", "yy", "zzz", "w"}).Draw(t, "s"),
						v:   rapid.Int64Range(-3, 3).Draw(t, "v"), null: rapid.IntRange(0, 4).Draw(t, "null") == 0, keep: rapid.Bool().Draw(t, "keep"),
					}
					lines = append(lines, rapid.SampledFrom([]string{"+I", "+U"}).Draw(t, "kind")+r.String())
					live = append(live, r)
				}
				b, err := operatortest.Parse(in, strings.Join(lines, "\n"))
				must(err)
				must(h.Process(0, b))
			}
			must(h.EndEpoch(epoch(int64(e + 1))))
			if rapid.Bool().Draw(t, "snapshot") {
				must(h.Snapshot(rapid.Bool().Draw(t, "full")))
				if rapid.Bool().Draw(t, "restart") {
					must(h.Start(rapid.IntRange(1, 3).Draw(t, "instances")))
				}
			}
			batches = append(batches, h.Batches...)
			h.Batches = nil
			got, err := operatortest.Materialize(batches, key)
			must(err)
			if want := groupModel(live); !slices.Equal(got, want) {
				t.Fatalf("after epoch %d:\n%s\nwant\n%s", e+1, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	})
}

func groupModel(rows []modelRow) []string {
	byKey := map[string][]modelRow{}
	for _, r := range rows {
		byKey[r.key] = append(byKey[r.key], r)
	}
	var out []string
	for k, rs := range byKey {
		var cnt, sum, distinctSum, dec int64
		minV, maxS, maxDec := int64(1<<62), "", int64(-1<<62)
		ds, dv, dsv := map[string]bool{}, map[int64]bool{}, map[string]bool{}
		anySum := false
		for _, r := range rs {
			if r.s != "" {
				ds[r.s] = true
				maxS = max(maxS, r.s)
			}
			if !r.null {
				cnt++
				sum += r.v
				minV = min(minV, r.v)
				if r.keep {
					anySum = true
					if !dv[r.v] {
						dv[r.v] = true
						distinctSum += r.v
					}
				}
				if r.s != "" {
					dsv[fmt.Sprint(r.s, r.v)] = true
				}
			}
			d := r.v*100 + 25
			if strings.HasPrefix(fmt.Sprint(r.v), "-") {
				d = r.v*100 - 25
			}
			dec += d
			maxDec = max(maxDec, d)
		}
		or := func(ok bool, v any) string {
			if !ok {
				return "NULL"
			}
			return fmt.Sprint(v)
		}
		nS := 0
		for _, r := range rs {
			if r.s != "" {
				nS++
			}
		}
		decimal := func(v int64) string {
			sign := ""
			if v < 0 {
				sign, v = "-", -v
			}
			return fmt.Sprintf("%s%d.%02d", sign, v/100, v%100)
		}
		out = append(out, fmt.Sprintf("[%s, %d, %d, %s, %s, %s, %s, %d, %s, %d, %s, %s]", k, len(rs), nS, or(cnt > 0, sum),
			or(cnt > 0, sum/max(cnt, 1)), or(cnt > 0, minV), or(maxS != "", maxS), len(ds), or(anySum, distinctSum), len(dsv),
			decimal(maxDec), decimal(dec)))
	}
	slices.Sort(out)
	return out
}
