package operator_test

import (
	"fmt"
	"slices"
	"strconv"
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

// rankIn is partition, sort value, name.
var rankIn = []types.Type{tString, tInt, tString}

func input(m catalog.ChangeMode) plan.Node { return &plan.Values{P: mode(m)} }

func newRank(t testing.TB, n *plan.Rank, in []types.Type) operator.Stateful {
	t.Helper()
	op, err := operator.NewRank(n, in, operator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func TestRankAppendOnly(t *testing.T) {
	epochs := []string{
		text("+I[p, 3, c]", "+I[p, 1, a]", "+I[q, 9, z]", "+I[p, 2, b]"), // c came and went
		text("+I[p, 2, d]"), // a tie: the earlier row stays
		text("+I[p, 0, e]"),
		text("+I[p, NULL, f]", "+I[q, 8, y]"),
	}
	for _, c := range []struct {
		rank plan.Rank
		want string
	}{
		{plan.Rank{}, text("+I[p, 1, a]", "+I[p, 2, b]", "+I[q, 9, z]", "--", "--", "-D[p, 2, b]", "+I[p, 0, e]", "--",
			"-D[p, 1, a]", "+I[p, NULL, f]", "+I[q, 8, y]")},
		{plan.Rank{RankCol: true, P: plan.Props{Keys: [][]int{{0, 3}}}}, text("+I[p, 1, a, 1]", "+I[p, 2, b, 2]", "+I[q, 9, z, 1]", "--", "--",
			"-U[p, 1, a, 1]", "-U[p, 2, b, 2]", "+U[p, 0, e, 1]", "+U[p, 1, a, 2]", "--",
			"-U[p, 0, e, 1]", "-U[p, 1, a, 2]", "+U[p, NULL, f, 1]", "+U[p, 0, e, 2]", "-U[q, 9, z, 1]", "+U[q, 8, y, 1]", "+I[q, 9, z, 2]")},
		{plan.Rank{RankCol: true, P: plan.Props{Mode: catalog.Upsert, Keys: [][]int{{0, 3}}}}, text("+I[p, 1, a, 1]", "+I[p, 2, b, 2]", "+I[q, 9, z, 1]", "--", "--",
			"+U[p, 0, e, 1]", "+U[p, 1, a, 2]", "--", "+U[p, NULL, f, 1]", "+U[p, 0, e, 2]", "+U[q, 8, y, 1]", "+I[q, 9, z, 2]")},
		{plan.Rank{Start: 1, End: 1, P: plan.Props{Mode: catalog.Upsert, Keys: [][]int{{0}, {2}}}}, text("+I[p, 1, a]", "+I[q, 9, z]", "--", "--",
			"-D[p, 1, a]", "+I[p, 0, e]", "--", "-D[p, 0, e]", "+I[p, NULL, f]", "-D[q, 9, z]", "+I[q, 8, y]")},
		{plan.Rank{Start: 1, End: 1, P: plan.Props{Mode: catalog.Upsert, Keys: [][]int{{0}}}}, text("+I[p, 1, a]", "+I[q, 9, z]", "--", "--",
			"+U[p, 0, e]", "--", "+U[p, NULL, f]", "+U[q, 8, y]")},
		{plan.Rank{Start: 2, End: 2}, text("+I[p, 2, b]", "--", "--", "-D[p, 2, b]", "+I[p, 1, a]", "--", "-D[p, 1, a]", "+I[p, 0, e]", "+I[q, 9, z]")},
	} {
		n := c.rank
		if n.End == 0 {
			n.Start, n.End = 1, 2
		}
		if n.P.Mode == 0 {
			n.P.Mode = catalog.AllChanges
		}
		n.PartitionBy, n.Order = []int{0}, []plan.SortKey{{Col: 1}}
		for _, m := range []catalog.ChangeMode{catalog.AppendOnly, catalog.AllChanges} {
			n.Input = input(m)
			op := newRank(t, &n, rankIn)
			if got := run(t, op, rankIn, epochs...); got != c.want {
				t.Errorf("%+v: got\n%s\nwant\n%s", c.rank, got, c.want)
			}
			st := operatortest.NewStore()
			if err := op.Snapshot(st, true); err != nil {
				t.Fatal(err)
			}
			// A stream of inserts needs the top rows only.
			if want := min(6, int(n.End)*2); m == catalog.AppendOnly && st.Len() != want {
				t.Errorf("%+v: %d rows are kept, want %d", c.rank, st.Len(), want)
			}
		}
	}
}

// TestRankOrder: every type, both directions, nulls on both sides.
func TestRankOrder(t *testing.T) {
	for _, c := range []struct {
		t      types.Type
		values string // ascending
	}{
		{tBool, "false true"}, {types.Of(types.TinyInt), "-128 -1 0 127"}, {types.Of(types.SmallInt), "-300 -1 0 300"}, {tInt, "-70000 -1 0 1 70000"},
		{tBigint, "-9223372036854775808 -1 0 9223372036854775807"}, {types.Of(types.Float), "-Inf -2.5 -0.5 0 0.5 1e30 +Inf NaN"},
		{tDouble, "-Inf -1e300 -1 0 1e-300 1 +Inf NaN"}, {types.DecimalOf(38, 2), "-99999999999999999999.00 -1.00 0.00 0.01 99999999999999999999.00"},
		{tString, `"" a "a\x00" "a\x00\x00b" "a\x00b" aa b é`}, {types.Of(types.Date), "1969-12-31 1970-01-01 2024-05-01"}, {types.Of(types.Time), "00:00:00 12:30:00"},
		{types.TimestampOf(3), "1969-12-31T23:59:59 2024-05-01T00:00:00 2024-05-01T00:00:00.001"},
	} {
		in := []types.Type{c.t, tInt}
		vs := strings.Fields(c.values)
		for _, desc := range []bool{false, true} {
			for _, last := range []bool{false, true} {
				n := &plan.Rank{P: mode(catalog.AllChanges), Order: []plan.SortKey{{Col: 0, Desc: desc, NullsLast: last}}, Start: 1, End: 100, RankCol: true}
				// Number i is the value's rank; rows come in some other order.
				var lines, want []string
				for i := range len(vs) + 1 {
					lines = append(lines, "")
					v, at := "NULL", 0
					if last {
						at = len(vs)
					}
					if i < len(vs) {
						v, at = vs[i], i
						if desc {
							at = len(vs) - 1 - i
						}
						if !last {
							at++
						}
					}
					lines[i] = fmt.Sprintf("+I[%s, %d]", v, at+1)
					want = append(want, fmt.Sprintf("%d, %d]", i+1, i+1))
				}
				slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[len(a)-2:]+a, b[len(b)-2:]+b) })
				slices.Reverse(lines)
				op := newRank(t, n, in)
				var out operatortest.Collect
				if err := op.Process(0, operatortest.MustParse(in, text(lines...)), out.Out); err != nil {
					t.Fatal(err)
				}
				if err := op.EndEpoch(epoch(1), out.Out); err != nil {
					t.Fatal(err)
				}
				b := batch.Concat(out.Batches)
				for i := range b.N {
					if row := b.RowString(i); !strings.HasSuffix(row, ", "+want[i]) {
						t.Errorf("%s desc=%v last=%v: row %d is %s", c.t, desc, last, i+1, row)
					}
				}
			}
		}
	}
	_, err := operator.NewRank(&plan.Rank{Order: []plan.SortKey{{Col: 0}}}, []types.Type{types.ArrayOf(tInt)}, operator.Options{})
	if err == nil || !strings.Contains(err.Error(), "have no order") {
		t.Fatalf("got %v", err)
	}
}

// TestRankTTL: a partition past its retention starts anew, and nothing of it is left in saved state.
func TestRankTTL(t *testing.T) {
	n := &plan.Rank{P: mode(catalog.AllChanges), PartitionBy: []int{0}, Order: []plan.SortKey{{Col: 1}}, Start: 1, End: 2, TTL: 1500}
	var now time.Time
	h := &operatortest.Harness{Keys: [][]int{{0}}, Groups: 4, New: func(bool) (operator.Stateful, error) {
		return operator.NewRank(n, rankIn, operator.Options{Groups: 4, Now: func() time.Time { return now }})
	}}
	if err := h.Start(1); err != nil {
		t.Fatal(err)
	}
	var got string
	for i, row := range []string{"+I[p, 1, a]", "+I[p, 2, b]", "+I[q, 1, x]", "+I[p, 3, c]", "-D[p, 1, a]", "+I[q, 0, y]"} {
		now = time.UnixMilli(int64(i) * 1000)
		if err := h.Process(0, operatortest.MustParse(rankIn, row)); err != nil {
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
		got += h.Take()
	}
	if want := text("+I[p, 1, a]", "+I[p, 2, b]", "+I[q, 1, x]", "+I[p, 3, c]", "+I[q, 0, y]"); got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
	if n := h.Store().Len(); n != 2 { // partition q and its row; p has gone
		t.Fatalf("%d entries are left", n)
	}
}

// TestRankAgainstModel: the changes come to the numbered top rows of what the input holds.
func TestRankAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		retract := rapid.Bool().Draw(t, "retract")
		from := rapid.Int64Range(1, 3).Draw(t, "from")
		n := &plan.Rank{P: mode(catalog.AllChanges), Input: input(catalog.AppendOnly), PartitionBy: []int{0}, Start: from,
			End: from + rapid.Int64Range(0, 3).Draw(t, "more"), RankCol: rapid.Bool().Draw(t, "number"),
			Order: []plan.SortKey{{Col: 1, Desc: rapid.Bool().Draw(t, "desc"), NullsLast: rapid.Bool().Draw(t, "nulls last")}}}
		if retract {
			n.Input = input(catalog.AllChanges)
			if rapid.IntRange(0, 4).Draw(t, "unlimited") == 0 {
				n.End = 0
			}
		}
		k := &keyed{in: [][]types.Type{rankIn}}
		if n.RankCol {
			n.P.Keys = [][]int{{0, 3}}
			if rapid.Bool().Draw(t, "upsert") {
				n.P.Mode, k.key = catalog.Upsert, []int{0, 3}
			}
		}
		k.h = &operatortest.Harness{Keys: [][]int{{0}}, Groups: 8, New: func(bool) (operator.Stateful, error) {
			return operator.NewRank(n, rankIn, operator.Options{Groups: 8})
		}}
		var table multiset
		k.lines = func(t *rapid.T, _ int) []string {
			return table.next(t, retract, func() string {
				return fmt.Sprintf("[%s, %s, %s]", rapid.SampledFrom([]string{"p", "q", "r", "NULL"}).Draw(t, "partition"),
					rapid.SampledFrom([]string{"1", "2", "3", "4", "NULL"}).Draw(t, "value"), rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name"))
			})
		}
		k.want = func() []string { return rankModel(n, table.rows) }
		k.run(t)
	})
}

func rankModel(n *plan.Rank, rows []string) []string {
	parts := map[string][]string{}
	for _, r := range rows {
		parts[fields(r)[0]] = append(parts[fields(r)[0]], r)
	}
	var out []string
	o := n.Order[0]
	for _, p := range parts {
		slices.SortStableFunc(p, func(a, b string) int {
			x, err1 := strconv.Atoi(fields(a)[1])
			y, err2 := strconv.Atoi(fields(b)[1])
			switch {
			case err1 != nil && err2 != nil:
				return 0
			case err1 != nil == !o.NullsLast && (err1 != nil || err2 != nil):
				return -1
			case err1 != nil || err2 != nil:
				return 1
			case o.Desc:
				return y - x
			}
			return x - y
		})
		for i, r := range p {
			if at := int64(i + 1); at < n.Start || n.End > 0 && at > n.End {
				continue
			}
			if n.RankCol {
				r = fmt.Sprintf("%s, %d]", r[:len(r)-1], i+1)
			}
			out = append(out, r)
		}
	}
	slices.Sort(out)
	return out
}

// TestRankManyRows: a partition of many chunks, rows taken from everywhere in it.
func TestRankManyRows(t *testing.T) {
	n := &plan.Rank{P: mode(catalog.AllChanges), PartitionBy: []int{0}, Order: []plan.SortKey{{Col: 1, Desc: true}}, Start: 2999, End: 3001, RankCol: true}
	op := newRank(t, n, rankIn)
	var put, take strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&put, "+I[p, %d, x]\n", i*7919%10000)
		if v := i * 6007 % 10000; v%2 == 1 {
			fmt.Fprintf(&take, "-D[p, %d, x]\n", v)
		}
	}
	got := run(t, op, rankIn, put.String(), take.String())
	want := text("+I[p, 7001, x, 2999]", "+I[p, 7000, x, 3000]", "+I[p, 6999, x, 3001]", "--",
		"-D[p, 7001, x, 2999]", "-D[p, 7000, x, 3000]", "-D[p, 6999, x, 3001]", "+I[p, 4002, x, 2999]", "+I[p, 4000, x, 3000]", "+I[p, 3998, x, 3001]")
	if got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
}

// TestRankMemory: partitions that come and go, or were never there, leave nothing behind.
func TestRankMemory(t *testing.T) {
	n := &plan.Rank{P: mode(catalog.AllChanges), PartitionBy: []int{0}, Order: []plan.SortKey{{Col: 1}}, Start: 1, End: 1}
	op := newRank(t, n, rankIn)
	var c operatortest.Collect
	for e := range int64(100) {
		for _, form := range []string{"+I[p%d, 1, a]\n", "-D[p%d, 1, a]\n", "-D[q%d, 1, a]\n"} {
			var s strings.Builder
			for i := range int64(100) {
				fmt.Fprintf(&s, form, e*100+i)
			}
			if err := op.Process(0, operatortest.MustParse(rankIn, s.String()), c.Out); err != nil {
				t.Fatal(err)
			}
			if form[0] == '-' {
				continue // in the epoch of the first partitions' deletes
			}
			if err := op.EndEpoch(epoch(2*e), c.Out); err != nil {
				t.Fatal(err)
			}
		}
		if err := op.EndEpoch(epoch(2*e+1), c.Out); err != nil {
			t.Fatal(err)
		}
		if err := op.Snapshot(operatortest.NewStore(), false); err != nil {
			t.Fatal(err)
		}
		c.Batches = nil
	}
	if n := op.StateBytes(); n > 600<<10 { // 100 rows at a time
		t.Fatalf("%d bytes of state", n)
	}
}

func BenchmarkRank(b *testing.B) {
	for _, m := range []catalog.ChangeMode{catalog.AppendOnly, catalog.AllChanges} {
		name := map[bool]string{true: "append", false: "changes"}[m == catalog.AppendOnly]
		b.Run(name, func(b *testing.B) {
			n := &plan.Rank{P: mode(catalog.AllChanges), Input: input(m), PartitionBy: []int{0}, Order: []plan.SortKey{{Col: 1, Desc: true}}, Start: 1, End: 10}
			op := newRank(b, n, rankIn)
			var put, take strings.Builder
			for i := range 4096 {
				row := fmt.Sprintf("[p%d, %d, name-%d]\n", i*31%200, i*7919%100000, i)
				put.WriteString("+I" + row)
				take.WriteString("-D" + row)
			}
			in, back := operatortest.MustParse(rankIn, put.String()), operatortest.MustParse(rankIn, take.String())
			var c operatortest.Collect
			b.ReportAllocs()
			b.SetBytes(4096 * 18)
			id := int64(0)
			for b.Loop() {
				err := op.Process(0, in, c.Out)
				if err == nil && m != catalog.AppendOnly {
					err = op.Process(0, back, c.Out)
				}
				if err == nil {
					id++
					err = op.EndEpoch(epoch(id), c.Out)
				}
				if err != nil {
					b.Fatal(err)
				}
				c.Batches = c.Batches[:0]
			}
		})
	}
}

// TestRankByEitherKey: without -U, a reader that writes by any of the node's keys ends with the right rows.
func TestRankByEitherKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := &plan.Rank{P: mode(catalog.Upsert), PartitionBy: []int{0}, Order: []plan.SortKey{{Col: 1}}, Start: 1, RankCol: rapid.Bool().Draw(t, "number")}
		n.End = 1
		keys := [][]int{{0}, {2}}
		if n.RankCol {
			n.End = rapid.Int64Range(1, 3).Draw(t, "end")
			keys[0] = []int{0, 3}
		}
		n.P.Keys = keys
		op, err := operator.NewRank(n, rankIn, operator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var table multiset
		var out operatortest.Collect
		ids := 0
		byName := map[string]string{}
		var all []*batch.Batch
		for e := range int64(rapid.IntRange(1, 8).Draw(t, "epochs")) {
			lines := table.next(t, true, func() string {
				ids++
				return fmt.Sprintf("[%s, %d, n%d]", rapid.SampledFrom([]string{"p", "q"}).Draw(t, "partition"), rapid.IntRange(1, 4).Draw(t, "value"), ids)
			})
			if err := op.Process(0, operatortest.MustParse(rankIn, strings.Join(lines, "\n")), out.Out); err != nil {
				t.Fatal(err)
			}
			if err := op.EndEpoch(epoch(e+1), out.Out); err != nil {
				t.Fatal(err)
			}
			for _, b := range out.Batches {
				for i := range b.N {
					row := b.RowString(i)[2:]
					if name := fields(row)[2]; b.Kind(i).Retracts() {
						delete(byName, name)
					} else {
						byName[name] = row
					}
				}
			}
			all = append(all, out.Batches...)
			out.Batches = nil
			want := rankModel(n, table.rows)
			var got []string
			for _, r := range byName {
				got = append(got, r)
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("by name: got %v, want %v\n%s", got, want, operatortest.String(all...))
			}
			if got, err = operatortest.Materialize(all, keys[0]); err != nil || !slices.Equal(got, want) {
				t.Fatalf("by %v: got %v, want %v: %v\n%s", keys[0], got, want, err, operatortest.String(all...))
			}
		}
	})
}
