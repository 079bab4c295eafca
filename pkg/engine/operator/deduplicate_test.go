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

// dedupIn is key, value, event time.
var dedupIn = []types.Type{tString, tInt, types.TimestampOf(3)}

func TestDeduplicate(t *testing.T) {
	row := func(kind, key string, v int, sec string) string {
		return fmt.Sprintf("%s[%s, %d, 2024-05-01T00:00:%s]", kind, key, v, sec)
	}
	epochs := []string{
		text(row("+I", "a", 1, "05"), row("+I", "b", 2, "05"), row("+I", "a", 3, "07"), row("+I", "NULL", 4, "01")),
		text(row("+I", "a", 5, "07"), row("+I", "a", 6, "04"), row("+I", "b", 7, "05"), row("+I", "c", 8, "09")),
		text(row("+I", "c", 9, "09"), row("+I", "c", 8, "09")),
	}
	for _, c := range []struct {
		name string
		node plan.Deduplicate
		want string
	}{
		{"first", plan.Deduplicate{TimeCol: -1}, text(row("+I", "a", 1, "05"), row("+I", "b", 2, "05"), row("+I", "NULL", 4, "01"), "--", row("+I", "c", 8, "09"), "--")},
		{"last", plan.Deduplicate{TimeCol: -1, KeepLast: true}, text(row("+I", "a", 3, "07"), row("+I", "b", 2, "05"), row("+I", "NULL", 4, "01"), "--",
			row("-U", "a", 3, "07"), row("+U", "a", 6, "04"), row("-U", "b", 2, "05"), row("+U", "b", 7, "05"), row("+I", "c", 8, "09"), "--")},
		{"last, upsert", plan.Deduplicate{P: mode(catalog.Upsert), TimeCol: -1, KeepLast: true}, text(row("+I", "a", 3, "07"), row("+I", "b", 2, "05"), row("+I", "NULL", 4, "01"),
			"--", row("+U", "a", 6, "04"), row("+U", "b", 7, "05"), row("+I", "c", 8, "09"), "--")},
		{"first by time", plan.Deduplicate{TimeCol: 2}, text(row("+I", "a", 1, "05"), row("+I", "b", 2, "05"), row("+I", "NULL", 4, "01"), "--",
			row("-U", "a", 1, "05"), row("+U", "a", 6, "04"), row("+I", "c", 8, "09"), "--")},
		{"last by time", plan.Deduplicate{TimeCol: 2, KeepLast: true}, text(row("+I", "a", 3, "07"), row("+I", "b", 2, "05"), row("+I", "NULL", 4, "01"), "--",
			row("-U", "a", 3, "07"), row("+U", "a", 5, "07"), row("-U", "b", 2, "05"), row("+U", "b", 7, "05"), row("+I", "c", 8, "09"), "--")},
	} {
		n := c.node
		n.Keys = []int{0}
		if n.P.Mode == 0 {
			n.P.Mode = catalog.AllChanges
		}
		op, err := operator.NewDeduplicate(&n, dedupIn, operator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := run(t, op, dedupIn, epochs...); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
	if _, err := operator.NewDeduplicate(&plan.Deduplicate{TimeCol: 1}, dedupIn, operator.Options{}); err == nil {
		t.Error("an INT is taken for a time")
	}
}

// TestDeduplicateTTL: retention of a first row counts from that row, of a last row from the last.
func TestDeduplicateTTL(t *testing.T) {
	for last, want := range map[bool]string{
		false: text("+I[a, 0]", "--", "--", "+I[a, 2]", "--", "--", "+I[a, 4]", "--"),
		true:  text("+I[a, 0]", "--", "-U[a, 0]", "+U[a, 1]", "--", "-U[a, 1]", "+U[a, 2]", "--", "-U[a, 2]", "+U[a, 3]", "--", "-U[a, 3]", "+U[a, 4]", "--"),
	} {
		n := &plan.Deduplicate{P: mode(catalog.AllChanges), Keys: []int{0}, KeepLast: last, TimeCol: -1, TTL: 1500}
		var now time.Time
		in := []types.Type{tString, tInt}
		h := &operatortest.Harness{Keys: [][]int{{0}}, Groups: 4, New: func(bool) (operator.Stateful, error) {
			return operator.NewDeduplicate(n, in, operator.Options{Groups: 4, Now: func() time.Time { return now }})
		}}
		if err := h.Start(1); err != nil {
			t.Fatal(err)
		}
		var got string
		for i := range 5 {
			now = time.UnixMilli(int64(i) * 1000)
			if err := h.Process(0, operatortest.MustParse(in, fmt.Sprintf("+I[a, %d]", i))); err != nil {
				t.Fatal(err)
			}
			if err := h.EndEpoch(operator.Epoch{ID: int64(i), Now: now}); err != nil {
				t.Fatal(err)
			}
			if err := h.Snapshot(false); err != nil {
				t.Fatal(err)
			}
			if err := h.Start(1 + i%3); err != nil {
				t.Fatal(err)
			}
			got += h.Take() + "--\n"
		}
		if got != want {
			t.Errorf("last %v: got\n%s\nwant\n%s", last, got, want)
		}
	}
}

func TestDeduplicateAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := &plan.Deduplicate{P: mode(catalog.AllChanges), Keys: []int{0}, KeepLast: rapid.Bool().Draw(t, "last"),
			TimeCol: rapid.SampledFrom([]int{-1, 2}).Draw(t, "time")}
		k := &keyed{in: [][]types.Type{dedupIn}, h: &operatortest.Harness{Keys: [][]int{{0}}, Groups: 8, New: func(bool) (operator.Stateful, error) {
			return operator.NewDeduplicate(n, dedupIn, operator.Options{Groups: 8})
		}}}
		if rapid.Bool().Draw(t, "upsert") {
			n.P.Mode, k.key = catalog.Upsert, []int{0}
		}
		var table multiset
		k.lines = func(t *rapid.T, _ int) []string {
			return table.next(t, false, func() string {
				return fmt.Sprintf("[%s, %d, 2024-05-01T00:00:0%d]", rapid.SampledFrom([]string{"a", "b", "c", "NULL"}).Draw(t, "key"),
					rapid.IntRange(0, 9).Draw(t, "v"), rapid.IntRange(0, 9).Draw(t, "sec"))
			})
		}
		k.want = func() []string {
			best := map[string]string{}
			for _, r := range table.rows {
				f := fields(r)
				old, ok := best[f[0]]
				var better bool
				switch {
				case !ok:
					better = true
				case n.TimeCol < 0:
					better = n.KeepLast
				case n.KeepLast:
					better = strings.Compare(f[2], fields(old)[2]) >= 0
				default:
					better = strings.Compare(f[2], fields(old)[2]) < 0
				}
				if better {
					best[f[0]] = r
				}
			}
			var out []string
			for _, r := range best {
				out = append(out, r)
			}
			slices.Sort(out)
			return out
		}
		k.run(t)
	})
}

// TestDeduplicateMemory: rows that were replaced do not stay in memory.
func TestDeduplicateMemory(t *testing.T) {
	in := []types.Type{tString, tString}
	op, err := operator.NewDeduplicate(&plan.Deduplicate{P: mode(catalog.Upsert), Keys: []int{0}, TimeCol: -1, KeepLast: true}, in, operator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out operatortest.Collect
	for e := range 200 {
		var s strings.Builder
		for i := range 200 {
			fmt.Fprintf(&s, "+I[k%d, %0500d]\n", i, e)
		}
		if err := op.Process(0, operatortest.MustParse(in, s.String()), out.Out); err != nil {
			t.Fatal(err)
		}
		if err := op.EndEpoch(epoch(int64(e)), out.Out); err != nil {
			t.Fatal(err)
		}
		out.Batches = nil
	}
	if n := op.StateBytes(); n > 2<<20 { // 100 KB are live, 20 MB came
		t.Fatalf("%d bytes of state", n)
	}
}
