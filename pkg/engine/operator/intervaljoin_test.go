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

// intervalIn: key, time, number · time, key, number.
var intervalIn = [][]types.Type{{tString, types.TimestampOf(3), tInt}, {types.TimestampOf(3), tString, tInt}}

func at(sec int) string { return time.Unix(int64(sec), 0).UTC().Format("2006-01-02T15:04:05") }

const oneSecond = int64(1_000_000)

func leftRow(key string, sec, v int) string  { return fmt.Sprintf("[%s, %s, %d]", key, at(sec), v) }
func rightRow(key string, sec, v int) string { return fmt.Sprintf("[%s, %s, %d]", at(sec), key, v) }

func intervalNode(kind plan.JoinKind, lower, upper int64) *plan.IntervalJoin {
	return &plan.IntervalJoin{P: mode(catalog.AppendOnly), Kind: kind, LeftKeys: []int{0}, RightKeys: []int{1}, LeftTime: 1, RightTime: 0,
		Lower: lower * oneSecond, Upper: upper * oneSecond}
}

func TestIntervalJoin(t *testing.T) {
	null := "NULL, NULL, NULL"
	pair := func(l, r string) string { return "+I" + l[:len(l)-1] + ", " + r[1:] }
	padL := func(l string) string { return pair(l, "["+null+"]") }
	padR := func(r string) string { return pair("["+null+"]", r) }
	l1, l2, l3, lNull := leftRow("a", 10, 1), leftRow("a", 20, 2), leftRow("b", 10, 3), leftRow("NULL", 10, 4)
	r1, r2, r3, r4, late := rightRow("a", 8, 1), rightRow("a", 15, 2), rightRow("a", 16, 3), rightRow("b", 40, 4), rightRow("b", 11, 5)
	// Partners of a left row are right rows from 2 s before to 5 s after it.
	script := []struct {
		port int
		row  string
		mark int // watermark after the row, seconds; 0: none
	}{{0, l1, 0}, {0, lNull, 0}, {1, r1, 0}, {1, r2, 0}, {1, r3, 0}, {0, l3, 12}, {0, l2, 16}, {1, late, 17}, {1, r4, 19}, {0, leftRow("b", 1, 9), 60}}
	l9 := leftRow("b", 1, 9)
	for kind, want := range map[plan.JoinKind]string{
		plan.InnerJoin: text(pair(l1, r1), pair(l1, r2)),
		plan.LeftJoin:  text(padL(lNull), pair(l1, r1), pair(l1, r2), padL(l3), padL(l9), padL(l2)),
		plan.RightJoin: text(pair(l1, r1), pair(l1, r2), padR(late), padR(r3), padR(r4)),
		plan.FullJoin:  text(padL(lNull), pair(l1, r1), pair(l1, r2), padL(l3), padR(late), padR(r3), padL(l9), padL(l2), padR(r4)),
	} {
		dropped := 0
		op, err := operator.NewIntervalJoin(intervalNode(kind, -2, 5), intervalIn[0], intervalIn[1], operator.Options{Late: func(n int) { dropped += n }})
		if err != nil {
			t.Fatal(err)
		}
		var c operatortest.Collect
		for i, s := range script {
			if err := op.Process(s.port, operatortest.MustParse(intervalIn[s.port], "+I"+s.row), c.Out); err != nil {
				t.Fatal(err)
			}
			e := epoch(int64(i))
			if e.Watermark = operator.NoWatermark; s.mark > 0 {
				e.Watermark = int64(s.mark) * oneSecond
			}
			if err := op.EndEpoch(e, c.Out); err != nil {
				t.Fatal(err)
			}
		}
		if got := c.Take(); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", kind, got, want)
		}
		if want := map[plan.JoinKind]int{plan.InnerJoin: 2, plan.LeftJoin: 1, plan.RightJoin: 1}[kind]; dropped != want {
			t.Errorf("%s: %d late rows, want %d", kind, dropped, want)
		}
		st := operatortest.NewStore()
		if err := op.Snapshot(st, true); err != nil {
			t.Fatal(err)
		}
		if n := st.Len(); n != 32 { // the watermark of every key group
			t.Errorf("%s: %d entries are left", kind, n)
		}
	}
}

// TestIntervalJoinAgainstModel: rows that are never late are joined as tables are, whatever the order, the epochs, crashes and numbers of
// instances; once the watermark has passed everything no row is kept.
func TestIntervalJoinAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom(joinKinds[:4]).Draw(t, "kind")
		lower := rapid.Int64Range(-5, 5).Draw(t, "lower")
		n := intervalNode(kind, lower, lower+rapid.Int64Range(0, 6).Draw(t, "span"))
		cond := rapid.Bool().Draw(t, "cond")
		if cond {
			n.Cond = &plan.Call{Func: "<", T: tBool, Args: []plan.Expr{&plan.ColRef{Index: 2, T: tInt}, &plan.ColRef{Index: 5, T: tInt}}}
		}
		k := &keyed{in: intervalIn, h: &operatortest.Harness{Keys: [][]int{{0}, {1}}, Groups: 8, New: func(bool) (operator.Stateful, error) {
			return operator.NewIntervalJoin(n, intervalIn[0], intervalIn[1], operator.Options{Groups: 8})
		}}}
		type row struct {
			key    string
			sec, v int
			text   string
			null   bool
			came   int // the watermark when it came
		}
		var rows [2][]row
		now, came := 0, -1000 // the watermark, and what it is to rows: nothing before the first epoch has ended
		k.lines = func(t *rapid.T, port int) []string {
			var lines []string
			for range rapid.IntRange(0, 6).Draw(t, "rows") {
				r := row{key: rapid.SampledFrom([]string{"a", "b", "NULL"}).Draw(t, "key"), sec: now + rapid.IntRange(1, 8).Draw(t, "ahead"),
					v: rapid.IntRange(0, 3).Draw(t, "v")}
				r.null, r.came = r.key == "NULL", came
				r.text = leftRow(r.key, r.sec, r.v)
				if port == 1 {
					r.text = rightRow(r.key, r.sec, r.v)
				}
				rows[port] = append(rows[port], r)
				lines = append(lines, "+I"+r.text)
			}
			return lines
		}
		k.mark = func(t *rapid.T, _ int64) int64 {
			now += rapid.IntRange(0, 6).Draw(t, "step")
			came = now
			return int64(now) * oneSecond
		}
		k.want = func() []string {
			var out []string
			pair := func(l, r string) string { return l[:len(l)-1] + ", " + r[1:] }
			const null = "[NULL, NULL, NULL]"
			hit := make([]bool, len(rows[1]))
			for _, l := range rows[0] {
				found, over := false, false
				for i, r := range rows[1] {
					d := int64(r.sec-l.sec) * oneSecond
					if l.null || r.null || l.key != r.key || d < n.Lower || d > n.Upper || cond && l.v >= r.v {
						continue
					}
					found, hit[i] = true, true
					out = append(out, pair(l.text, r.text))
				}
				// Without partners a row goes out when the watermark has passed the last one's time, at once if it had reached it.
				if last := int64(l.sec)*oneSecond + n.Upper; l.null || last <= int64(l.came)*oneSecond || last < int64(now)*oneSecond {
					over = true
				}
				if !found && over && (kind == plan.LeftJoin || kind == plan.FullJoin) {
					out = append(out, pair(l.text, null))
				}
			}
			for i, r := range rows[1] {
				over := false
				if last := int64(r.sec)*oneSecond - n.Lower; r.null || last <= int64(r.came)*oneSecond || last < int64(now)*oneSecond {
					over = true
				}
				if !hit[i] && over && (kind == plan.RightJoin || kind == plan.FullJoin) {
					out = append(out, pair(null, r.text))
				}
			}
			slices.Sort(out)
			return out
		}
		k.run(t)
		if err := k.h.EndEpoch(operator.Epoch{ID: 99, Final: true}); err != nil {
			t.Fatal(err)
		}
		if err := k.h.Snapshot(true); err != nil {
			t.Fatal(err)
		}
		if n := k.h.Store().Len(); n != 8 {
			t.Fatalf("%d entries are left after the end", n)
		}
	})
}

func TestIntervalJoinChecks(t *testing.T) {
	n := intervalNode(plan.InnerJoin, 0, 1)
	n.LeftTime = 2
	if _, err := operator.NewIntervalJoin(n, intervalIn[0], intervalIn[1], operator.Options{}); err == nil || !strings.Contains(err.Error(), "both must be timestamps") {
		t.Errorf("got %v", err)
	}
	for _, c := range []struct{ lower, upper, want int64 }{{-2, 5, 5}, {-9, 5, 9}, {1, 3, 3}, {-5, -1, 5}} {
		if got := operator.IntervalJoinDelay(intervalNode(0, c.lower, c.upper)); got != c.want*oneSecond+1 {
			t.Errorf("bounds %d … %d: delay %d", c.lower, c.upper, got)
		}
	}
}
