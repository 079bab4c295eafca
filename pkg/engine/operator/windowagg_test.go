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

const (
	usSecond = int64(1_000_000)
	usMinute = 60 * usSecond
	usHour   = 60 * usMinute
)

func micros(s string) int64 {
	t, err := time.Parse("2006-01-02T15:04:05", s)
	if err != nil {
		panic(err)
	}
	return t.UnixMicro()
}

// step is one epoch of a window test: rows, then the watermark.
type step struct {
	rows string
	mark int64
	now  time.Time
}

func runWindows(t *testing.T, op operator.Operator, in []types.Type, steps ...step) string {
	t.Helper()
	var c operatortest.Collect
	var s strings.Builder
	for i, st := range steps {
		if err := op.Process(0, operatortest.MustParse(in, st.rows), c.Out); err != nil {
			t.Fatal(err)
		}
		if err := op.EndEpoch(operator.Epoch{ID: int64(i), Watermark: st.mark, Now: st.now}, c.Out); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			s.WriteString("--\n")
		}
		s.WriteString(c.Take())
	}
	return s.String()
}

func TestWindowAggKinds(t *testing.T) {
	in := []types.Type{tString, types.TimestampOf(3), tString}
	day := "2024-05-01T"
	rows := []step{
		{"+I[a, " + day + "00:00:10, x]\n+I[b, " + day + "00:01:10, x]\n+I[a, " + day + "00:00:50, x]", micros(day + "00:00:30"), time.Time{}},
		{"+I[a, " + day + "00:01:59, y]\n+I[a, NULL, y]", micros(day+"00:01:00") - 1000, time.Time{}},
		{"+I[a, " + day + "00:00:59, z]", micros(day + "00:02:00"), time.Time{}},
		{"", operator.MaxWatermark, time.Time{}},
	}
	for _, c := range []struct {
		name string
		win  plan.WindowSpec
		want string
		late int
	}{
		{"tumble", plan.WindowSpec{Kind: plan.Tumble, Size: usMinute}, text(
			"--", "+I[a, 2, 1, 00:00:00, 00:01:00]", "--",
			"+I[a, 1, 1, 00:01:00, 00:02:00]", "+I[b, 1, 1, 00:01:00, 00:02:00]", "--"), 2},
		{"tumble with offset", plan.WindowSpec{Kind: plan.Tumble, Size: usMinute, Offset: 30 * usSecond}, text(
			"+I[a, 1, 1, 23:59:30, 00:00:30]", "--", "--",
			"+I[a, 2, 2, 00:00:30, 00:01:30]", "+I[b, 1, 1, 00:00:30, 00:01:30]", "--", "+I[a, 1, 1, 00:01:30, 00:02:30]"), 1},
		{"hop", plan.WindowSpec{Kind: plan.Hop, Size: 2 * usMinute, Slide: usMinute}, text(
			"--", "+I[a, 2, 1, 23:59:00, 00:01:00]", "--",
			"+I[a, 4, 3, 00:00:00, 00:02:00]", "+I[b, 1, 1, 00:00:00, 00:02:00]", "--",
			"+I[a, 1, 1, 00:01:00, 00:03:00]", "+I[b, 1, 1, 00:01:00, 00:03:00]"), 1},
		{"cumulate", plan.WindowSpec{Kind: plan.Cumulate, Size: 4 * usMinute, Slide: usMinute}, text(
			"--", "+I[a, 2, 1, 00:00:00, 00:01:00]", "--",
			"+I[a, 4, 3, 00:00:00, 00:02:00]", "+I[b, 1, 1, 00:00:00, 00:02:00]", "--",
			"+I[a, 4, 3, 00:00:00, 00:03:00]", "+I[b, 1, 1, 00:00:00, 00:03:00]",
			"+I[a, 4, 3, 00:00:00, 00:04:00]", "+I[b, 1, 1, 00:00:00, 00:04:00]"), 1},
	} {
		c.win.TimeCol = 1
		late := 0
		op, err := operator.NewWindowAgg(&plan.WindowAgg{P: mode(catalog.AppendOnly), Keys: []int{0}, Win: c.win, WindowCols: []string{"start", "end"},
			Aggs: []plan.AggCall{agg("COUNT", tBigint), distinct(agg("COUNT", tBigint, 2))}}, in, operator.Options{Late: func(n int) { late += n }})
		if err != nil {
			t.Fatal(err)
		}
		got := strings.ReplaceAll(strings.ReplaceAll(runWindows(t, op, in, rows...), day, ""), "2024-04-30T", "")
		if got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
		if late != c.late {
			t.Errorf("%s: %d late rows, want %d", c.name, late, c.late)
		}
	}
}

// TestWindowAggLocalDays: days begin at midnight in the session's zone and have 23 and 25 hours when clocks change.
func TestWindowAggLocalDays(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	in := []types.Type{types.TimestampLTZOf(3)}
	n := &plan.WindowAgg{P: plan.Props{Mode: catalog.AppendOnly, Out: plan.Schema{
		{Type: tBigint}, {Type: types.TimestampOf(3)}, {Type: types.TimestampOf(3)}, {Type: types.TimestampLTZOf(3)}}},
		Win:  plan.WindowSpec{Kind: plan.Tumble, Size: 24 * usHour, TimeCol: 0, Local: true},
		Aggs: []plan.AggCall{agg("COUNT", tBigint)}, WindowCols: []string{"start", "end", "time"}}
	op, err := operator.NewWindowAgg(n, in, operator.Options{Zone: zone})
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, day := range []string{"2024-03-30T23:00:00", "2024-10-26T22:00:00"} {
		for h := range int64(26) {
			rows = append(rows, fmt.Sprintf("+I[%s]", time.UnixMicro(micros(day)+h*usHour).UTC().Format("2006-01-02T15:04:05Z")))
		}
	}
	got := runWindows(t, op, in,
		step{strings.Join(rows, "\n"), micros("2024-03-31T22:00:00") - 1001, time.Time{}},
		step{"", micros("2024-03-31T22:00:00") - 1000, time.Time{}},
		step{"", micros("2024-10-27T23:00:00") - 1001, time.Time{}},
		step{"", micros("2024-10-27T23:00:00") - 1000, time.Time{}})
	want := text("--",
		"+I[23, 2024-03-31T00:00:00, 2024-04-01T00:00:00, 2024-03-31T21:59:59.999Z]", "--",
		"+I[3, 2024-04-01T00:00:00, 2024-04-02T00:00:00, 2024-04-01T21:59:59.999Z]", "--",
		"+I[25, 2024-10-27T00:00:00, 2024-10-28T00:00:00, 2024-10-27T22:59:59.999Z]")
	if got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWindowAggProcTime(t *testing.T) {
	in := []types.Type{tString}
	now := time.UnixMicro(micros("2024-05-01T00:00:00"))
	n := &plan.WindowAgg{P: mode(catalog.AppendOnly), Win: plan.WindowSpec{Kind: plan.Tumble, Size: usMinute, ProcTime: true},
		Aggs: []plan.AggCall{agg("COUNT", tBigint)}, WindowCols: []string{"start"}}
	op, err := operator.NewWindowAgg(n, in, operator.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	var c operatortest.Collect
	var got []string
	for range 5 {
		if err := op.Process(0, operatortest.MustParse(in, "+I[a]\n+I[b]"), c.Out); err != nil {
			t.Fatal(err)
		}
		if err := op.EndEpoch(operator.Epoch{Now: now, Watermark: operator.NoWatermark}, c.Out); err != nil {
			t.Fatal(err)
		}
		got = append(got, c.Take())
		now = now.Add(30 * time.Second)
	}
	want := []string{"", "", "+I[4, 2024-05-01T00:00:00Z]\n", "", "+I[4, 2024-05-01T00:01:00Z]\n"}
	if !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestWindowAssign(t *testing.T) {
	in := []types.Type{tString, types.TimestampOf(3)}
	row := "-D[a, 2024-05-01T00:01:10]\n+I[b, NULL]"
	for _, c := range []struct {
		win  plan.WindowSpec
		want string
	}{
		{plan.WindowSpec{Kind: plan.Tumble, Size: usMinute}, text("-D[a, 00:01:10, 00:01:00, 00:02:00, 00:01:59.999]")},
		{plan.WindowSpec{Kind: plan.Hop, Size: 2 * usMinute, Slide: usMinute}, text(
			"-D[a, 00:01:10, 00:01:00, 00:03:00, 00:02:59.999]", "-D[a, 00:01:10, 00:00:00, 00:02:00, 00:01:59.999]")},
		{plan.WindowSpec{Kind: plan.Cumulate, Size: 3 * usMinute, Slide: usMinute}, text(
			"-D[a, 00:01:10, 00:00:00, 00:02:00, 00:01:59.999]", "-D[a, 00:01:10, 00:00:00, 00:03:00, 00:02:59.999]")},
	} {
		c.win.TimeCol = 1
		late := 0
		op, err := operator.NewWindowAssign(&plan.WindowAssign{Win: c.win}, in, operator.Options{Late: func(n int) { late += n }})
		if err != nil {
			t.Fatal(err)
		}
		got := strings.ReplaceAll(runWindows(t, op, in, step{rows: row}), "2024-05-01T", "")
		if got != c.want || late != 1 {
			t.Errorf("got\n%s (late %d), want\n%s", got, late, c.want)
		}
	}
	if _, err := operator.NewWindowAssign(&plan.WindowAssign{Win: plan.WindowSpec{Kind: plan.Cumulate, Size: 5, Slide: 3}}, in, operator.Options{}); err == nil {
		t.Error("a CUMULATE size that is no multiple of its step was accepted")
	}
}

// TestWindowAggAgainstModel: slices, merges, restarts and numbers of instances do not show in the windows' rows.
func TestWindowAggAgainstModel(t *testing.T) {
	in := []types.Type{tString, types.TimestampOf(3), tString, tInt}
	rapid.Check(t, func(t *rapid.T) {
		win := rapid.SampledFrom([]plan.WindowSpec{
			{Kind: plan.Tumble, Size: 4 * usSecond}, {Kind: plan.Tumble, Size: 4 * usSecond, Offset: -3 * usSecond},
			{Kind: plan.Hop, Size: 4 * usSecond, Slide: 2 * usSecond}, {Kind: plan.Hop, Size: 5 * usSecond, Slide: 3 * usSecond, Offset: usSecond},
			{Kind: plan.Hop, Size: 2 * usSecond, Slide: 3 * usSecond},
			{Kind: plan.Cumulate, Size: 6 * usSecond, Slide: 2 * usSecond}, {Kind: plan.Cumulate, Size: 4 * usSecond, Slide: usSecond, Offset: usSecond},
		}).Draw(t, "window")
		win.TimeCol = 1
		retract := rapid.Bool().Draw(t, "retract")
		calls := []plan.AggCall{agg("COUNT", tBigint), distinct(agg("COUNT", tBigint, 2)), agg("MIN", tInt, 3), distinct(agg("SUM", tInt, 3)), agg("MAX", tString, 2)}
		n := &plan.WindowAgg{P: mode(catalog.AppendOnly), Keys: []int{0}, Win: win, Aggs: calls, WindowCols: []string{"start", "end"}, Retract: retract}
		lateRows := 0
		h := &operatortest.Harness{Keys: [][]int{{0}}, Groups: 8, New: func(bool) (operator.Stateful, error) {
			return operator.NewWindowAgg(n, in, operator.Options{Groups: 8, Late: func(n int) { lateRows += n }})
		}}
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		must(h.Start(rapid.IntRange(1, 3).Draw(t, "instances")))
		type row struct {
			key, s string
			at, v  int64
		}
		type id struct {
			start, end int64
			key        string
		}
		model := map[id][]row{}
		var live []row
		mark, wantLate := operator.NoWatermark, 0
		var batches []*batch.Batch
		epochs := rapid.IntRange(1, 8).Draw(t, "epochs")
		for e := range epochs {
			var lines []string
			for range rapid.IntRange(0, 12).Draw(t, "rows") {
				r := row{rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key"), rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "s"),
					rapid.Int64Range(-6, 15).Draw(t, "at") * usSecond, rapid.Int64Range(-2, 2).Draw(t, "v")}
				kind := "+I"
				if retract && len(live) > 0 && rapid.IntRange(0, 2).Draw(t, "op") == 0 {
					i := rapid.IntRange(0, len(live)-1).Draw(t, "which")
					r, kind = live[i], "-D"
					live = slices.Delete(live, i, i+1)
				} else {
					live = append(live, r)
				}
				lines = append(lines, fmt.Sprintf("%s[%s, %s, %s, %d]", kind, r.key, time.UnixMicro(r.at).UTC().Format("2006-01-02T15:04:05"), r.s, r.v))
				open, any := false, false
				eachWindow(win, r.at, func(start, end int64) {
					any = true
					if mark != operator.NoWatermark && end-1000 <= mark {
						return
					}
					open = true
					w := id{start, end, r.key}
					if kind == "-D" {
						if i := slices.Index(model[w], r); i >= 0 {
							model[w] = slices.Delete(model[w], i, i+1)
						}
						return
					}
					model[w] = append(model[w], r)
				})
				if !open && any {
					wantLate++
				}
			}
			b, err := operatortest.Parse(in, strings.Join(lines, "\n"))
			must(err)
			must(h.Process(0, b))
			mark = max(mark, rapid.Int64Range(-8, 18).Draw(t, "mark")*usSecond-1000)
			ep := operator.Epoch{ID: int64(e), Watermark: mark}
			if e == epochs-1 {
				ep.Watermark, ep.Final = operator.MaxWatermark, true
			}
			must(h.EndEpoch(ep))
			batches = append(batches, h.Batches...)
			h.Batches = nil
			if rapid.Bool().Draw(t, "snapshot") {
				must(h.Snapshot(rapid.Bool().Draw(t, "full")))
				must(h.Start(rapid.IntRange(1, 3).Draw(t, "instances")))
			}
		}
		var want []string
		for w, rows := range model {
			if len(rows) == 0 {
				continue
			}
			ds, dv := map[string]bool{}, map[int64]bool{}
			minV, sum, maxS := int64(99), int64(0), ""
			for _, r := range rows {
				ds[r.s] = true
				if !dv[r.v] {
					dv[r.v] = true
					sum += r.v
				}
				minV, maxS = min(minV, r.v), max(maxS, r.s)
			}
			f := func(us int64) string { return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05") }
			want = append(want, fmt.Sprintf("[%s, %d, %d, %d, %d, %s, %s, %s]", w.key, len(rows), len(ds), minV, sum, maxS, f(w.start), f(w.end)))
		}
		slices.Sort(want)
		got, err := operatortest.Materialize(batches, nil)
		must(err)
		if !slices.Equal(got, want) {
			t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if win.Kind != plan.Hop && lateRows != wantLate {
			t.Fatalf("%d late rows, want %d", lateRows, wantLate)
		}
		must(h.Snapshot(false))
		live2 := 0
		for _, table := range []string{"groups", "values0", "values1", "values2", "values3"} {
			must(h.Store().Entries(table, func(uint16, []byte, []byte) error { live2++; return nil }))
		}
		if live2 > 0 {
			t.Fatalf("%d entries are left when all windows are closed", live2)
		}
	})
}

// eachWindow is a slow definition of the windows of a time.
func eachWindow(w plan.WindowSpec, at int64, fn func(start, end int64)) {
	for start := int64(-60) * usSecond; start < 60*usSecond; start += usSecond {
		aligned := func(step int64) bool { return (start-w.Offset)%step == 0 }
		switch w.Kind {
		case plan.Tumble:
			if aligned(w.Size) && start <= at && at < start+w.Size {
				fn(start, start+w.Size)
			}
		case plan.Hop:
			if aligned(w.Slide) && start <= at && at < start+w.Size {
				fn(start, start+w.Size)
			}
		case plan.Cumulate:
			for end := start + w.Slide; aligned(w.Size) && end <= start+w.Size; end += w.Slide {
				if start <= at && at < end {
					fn(start, end)
				}
			}
		}
	}
}
