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

var joinKinds = []plan.JoinKind{plan.InnerJoin, plan.LeftJoin, plan.RightJoin, plan.FullJoin, plan.SemiJoin, plan.AntiJoin}

var joinIn = [][]types.Type{{tString, tInt}, {tInt, tString}}

// less is left.v < right.w over the joined columns (k, v, w, k).
var less plan.Expr = &plan.Call{Func: "<", T: tBool, Args: []plan.Expr{&plan.ColRef{Index: 1, T: tInt}, &plan.ColRef{Index: 2, T: tInt}}}

func newJoin(t testing.TB, n *plan.Join) operator.Stateful {
	t.Helper()
	op, err := operator.NewJoin(n, joinIn[0], joinIn[1], operator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return op
}

// feed gives the output of a script of steps "L +I[…]", "R -D[…]".
func feed(t *testing.T, op operator.Operator, steps ...string) string {
	t.Helper()
	var c operatortest.Collect
	var s strings.Builder
	for _, step := range steps {
		port := strings.Index("LR", step[:1])
		if err := op.Process(port, operatortest.MustParse(joinIn[port], step[2:]), c.Out); err != nil {
			t.Fatal(err)
		}
		s.WriteString(c.Take())
	}
	return s.String()
}

func TestJoinChanges(t *testing.T) {
	steps := []string{"L +I[a, 1]", "L +I[NULL, 2]", "R +I[5, a]", "R +I[6, NULL]", "R +I[7, a]", "L +I[a, 1]", "R -D[5, a]", "R -U[7, a]",
		"R +U[8, b]", "L -D[NULL, 2]", "L +U[b, 9]", "R -D[6, NULL]"}
	for kind, want := range map[plan.JoinKind]string{
		plan.InnerJoin: text("+I[a, 1, 5, a]", "+I[a, 1, 7, a]", "+I[a, 1, 5, a]", "+I[a, 1, 7, a]", "-D[a, 1, 5, a]", "-D[a, 1, 5, a]",
			"-U[a, 1, 7, a]", "-U[a, 1, 7, a]", "+U[b, 9, 8, b]"),
		plan.LeftJoin: text("+I[a, 1, NULL, NULL]", "+I[NULL, 2, NULL, NULL]", "-D[a, 1, NULL, NULL]", "+I[a, 1, 5, a]", "+I[a, 1, 7, a]",
			"+I[a, 1, 5, a]", "+I[a, 1, 7, a]", "-D[a, 1, 5, a]", "-D[a, 1, 5, a]", "-D[a, 1, 7, a]", "-D[a, 1, 7, a]",
			"+I[a, 1, NULL, NULL]", "+I[a, 1, NULL, NULL]", "-D[NULL, 2, NULL, NULL]", "+I[b, 9, 8, b]"),
		plan.RightJoin: text("+I[a, 1, 5, a]", "+I[NULL, NULL, 6, NULL]", "+I[a, 1, 7, a]", "+I[a, 1, 5, a]", "+I[a, 1, 7, a]", "-D[a, 1, 5, a]",
			"-D[a, 1, 5, a]", "-D[a, 1, 7, a]", "-D[a, 1, 7, a]", "+I[NULL, NULL, 8, b]", "-D[NULL, NULL, 8, b]", "+I[b, 9, 8, b]",
			"-D[NULL, NULL, 6, NULL]"),
		plan.FullJoin: text("+I[a, 1, NULL, NULL]", "+I[NULL, 2, NULL, NULL]", "-D[a, 1, NULL, NULL]", "+I[a, 1, 5, a]", "+I[NULL, NULL, 6, NULL]",
			"+I[a, 1, 7, a]", "+I[a, 1, 5, a]", "+I[a, 1, 7, a]", "-D[a, 1, 5, a]", "-D[a, 1, 5, a]", "-D[a, 1, 7, a]", "-D[a, 1, 7, a]",
			"+I[a, 1, NULL, NULL]", "+I[a, 1, NULL, NULL]", "+I[NULL, NULL, 8, b]", "-D[NULL, 2, NULL, NULL]", "-D[NULL, NULL, 8, b]",
			"+I[b, 9, 8, b]", "-D[NULL, NULL, 6, NULL]"),
		plan.SemiJoin: text("+I[a, 1]", "+I[a, 1]", "-D[a, 1]", "-D[a, 1]", "+U[b, 9]"),
		plan.AntiJoin: text("+I[a, 1]", "+I[NULL, 2]", "-D[a, 1]", "+I[a, 1]", "+I[a, 1]", "-D[NULL, 2]"),
	} {
		op := newJoin(t, &plan.Join{P: mode(catalog.AllChanges), Kind: kind, LeftKeys: []int{0}, RightKeys: []int{1}})
		if got := feed(t, op, steps...); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", kind, got, want)
		}
	}
}

// TestJoinUpsertMode: without -U in its mode a join takes rows back by -D, but where the next row replaces it by every key.
func TestJoinUpsertMode(t *testing.T) {
	for keys, want := range map[string]string{
		"":         text("+I[a, 1, 5, a]", "-D[a, 1, 5, a]", "+I[a, 2, 5, a]", "-D[a, 2, 5, a]", "+I[a, 2, 6, a]"),
		"left":     text("+I[a, 1, 5, a]", "+U[a, 2, 5, a]", "+U[a, 2, 6, a]"),
		"left and": text("+I[a, 1, 5, a]", "+U[a, 2, 5, a]", "-D[a, 2, 5, a]", "+I[a, 2, 6, a]"),
	} {
		n := &plan.Join{P: mode(catalog.Upsert), LeftKeys: []int{0}, RightKeys: []int{1}}
		n.P.Keys = map[string][][]int{"left": {{0}}, "left and": {{0}, {0, 2}}}[keys]
		got := feed(t, newJoin(t, n), "L +I[a, 1]", "R +I[5, a]", "L -U[a, 1]\n+U[a, 2]", "R -U[5, a]\n+U[6, a]")
		if got != want {
			t.Errorf("keys %q: got\n%s\nwant\n%s", keys, got, want)
		}
	}
}

// TestJoinByEitherKey: without -U, readers that write by any of the node's keys end with the right rows.
func TestJoinByEitherKey(t *testing.T) {
	in := [][]types.Type{{tInt, tInt}, {tInt, tInt}} // id, key of the right row · key, value
	rapid.Check(t, func(t *rapid.T) {
		n := &plan.Join{P: mode(catalog.Upsert), Kind: rapid.SampledFrom(joinKinds[:2]).Draw(t, "kind"), LeftKeys: []int{1}, RightKeys: []int{0}}
		n.P.Keys = [][]int{{0}, {0, 2}}
		op, err := operator.NewJoin(n, in[0], in[1], operator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var tables [2]multiset
		next := 100
		var out operatortest.Collect
		for range rapid.IntRange(1, 10).Draw(t, "batches") {
			port := rapid.IntRange(0, 1).Draw(t, "port")
			lines := tables[port].next(t, true, func() string {
				id := rapid.IntRange(0, 4).Draw(t, "id")
				if slices.ContainsFunc(tables[port].rows, func(r string) bool { return fields(r)[0] == strconv.Itoa(id) }) {
					next++
					id = next
				}
				return fmt.Sprintf("[%d, %d]", id, rapid.IntRange(0, 4).Draw(t, "v"))
			})
			if err := op.Process(port, operatortest.MustParse(in[port], strings.Join(lines, "\n")), out.Out); err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, l := range tables[0].rows {
				right := "NULL, NULL"
				for _, r := range tables[1].rows {
					if fields(r)[0] == fields(l)[1] {
						right = r[1 : len(r)-1]
					}
				}
				if right != "NULL, NULL" || n.Kind == plan.LeftJoin {
					want = append(want, l[:len(l)-1]+", "+right+"]")
				}
			}
			slices.Sort(want)
			for _, k := range n.P.Keys {
				byKey := map[string]string{}
				for _, b := range out.Batches {
					for i := range b.N {
						if key := batch.Select(b, k).RowString(i)[2:]; b.Kind(i).Retracts() {
							delete(byKey, key)
						} else {
							byKey[key] = b.RowString(i)[2:]
						}
					}
				}
				var got []string
				for _, r := range byKey {
					got = append(got, r)
				}
				if slices.Sort(got); !slices.Equal(got, want) {
					t.Fatalf("by %v: got %v, want %v\n%s", k, got, want, operatortest.String(out.Batches...))
				}
			}
			if _, err := operatortest.Materialize(out.Batches, n.P.Keys[0]); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestJoinTTL: a row past its retention matches nothing, and writing it again starts its retention anew, restored or not.
func TestJoinTTL(t *testing.T) {
	n := &plan.Join{P: mode(catalog.AllChanges), LeftKeys: []int{0}, RightKeys: []int{1}, LeftTTL: 2500}
	var now time.Time
	h := &operatortest.Harness{Keys: [][]int{{0}, {1}}, Groups: 4, New: func(bool) (operator.Stateful, error) {
		return operator.NewJoin(n, joinIn[0], joinIn[1], operator.Options{Groups: 4, Now: func() time.Time { return now }})
	}}
	if err := h.Start(2); err != nil {
		t.Fatal(err)
	}
	var got string
	for i, step := range []string{"L +I[a, 1]", "R +I[5, a]", "L +I[a, 1]", "L +I[a, 2]", "R +I[6, a]", "R +I[7, a]", "R +I[8, a]"} {
		now = time.UnixMilli(int64(i) * 1000)
		port := strings.Index("LR", step[:1])
		if err := h.Process(port, operatortest.MustParse(joinIn[port], step[2:])); err != nil {
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
	want := text("+I[a, 1, 5, a]", "+I[a, 1, 5, a]", "+I[a, 2, 5, a]", "+I[a, 1, 6, a]", "+I[a, 1, 6, a]", "+I[a, 2, 6, a]", "+I[a, 2, 7, a]")
	if got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
	if n := h.Store().Len(); n != 4 { // the four right rows
		t.Fatalf("%d entries are left", n)
	}
}

func TestJoinKeyTypes(t *testing.T) {
	_, err := operator.NewJoin(&plan.Join{LeftKeys: []int{0}, RightKeys: []int{0}}, joinIn[0], joinIn[1], operator.Options{})
	if err == nil || !strings.Contains(err.Error(), "join key 1: types STRING and INT differ") {
		t.Fatalf("got %v", err)
	}
}

func joinModel(kind plan.JoinKind, left, right []string, match func(l, r []string) bool) []string {
	var out []string
	hit := make([]bool, len(right))
	join := func(l, r []string) string { return "[" + strings.Join(append(slices.Clone(l), r...), ", ") + "]" }
	null := []string{"NULL", "NULL"}
	for _, l := range left {
		l := fields(l)
		n := 0
		for i, r := range right {
			if r := fields(r); l[0] != "NULL" && l[0] == r[1] && match(l, r) {
				n++
				hit[i] = true
				if kind < plan.SemiJoin {
					out = append(out, join(l, r))
				}
			}
		}
		switch {
		case n == 0 && (kind == plan.LeftJoin || kind == plan.FullJoin):
			out = append(out, join(l, null))
		case n > 0 && kind == plan.SemiJoin, n == 0 && kind == plan.AntiJoin:
			out = append(out, join(l, nil))
		}
	}
	if kind == plan.RightJoin || kind == plan.FullJoin {
		for i, r := range right {
			if !hit[i] {
				out = append(out, join(null, fields(r)))
			}
		}
	}
	slices.Sort(out)
	return out
}

// TestJoinAgainstModel: whatever the order of both inputs, the epochs, crashes and numbers of instances, the changes come to
// the join of what both tables hold, and take nothing back that was not given.
func TestJoinAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom(joinKinds).Draw(t, "kind")
		n := &plan.Join{P: mode(catalog.AllChanges), Kind: kind, LeftKeys: []int{0}, RightKeys: []int{1}}
		match := func(l, r []string) bool { return true }
		if rapid.Bool().Draw(t, "cond") {
			n.Cond = less
			match = func(l, r []string) bool {
				a, err1 := strconv.Atoi(l[1])
				b, err2 := strconv.Atoi(r[0])
				return err1 == nil && err2 == nil && a < b
			}
		}
		var tables [2]multiset
		k := &keyed{in: joinIn, h: &operatortest.Harness{Keys: [][]int{{0}, {1}}, Groups: 8, New: func(bool) (operator.Stateful, error) {
			return operator.NewJoin(n, joinIn[0], joinIn[1], operator.Options{Groups: 8})
		}}}
		k.lines = func(t *rapid.T, port int) []string {
			return tables[port].next(t, true, func() string {
				key := rapid.SampledFrom([]string{"a", "b", "c", "NULL"}).Draw(t, "key")
				v := rapid.SampledFrom([]string{"1", "2", "3", "NULL"}).Draw(t, "v")
				if port == 1 {
					return fmt.Sprintf("[%s, %s]", v, key)
				}
				return fmt.Sprintf("[%s, %s]", key, v)
			})
		}
		k.want = func() []string { return joinModel(kind, tables[0].rows, tables[1].rows, match) }
		k.run(t)
	})
}

func BenchmarkJoin(b *testing.B) {
	const keys = 1 << 16
	side := func(port, from int) string {
		var s strings.Builder
		for i := range 4096 {
			k := (from + i*7919) % keys
			if port == 0 {
				fmt.Fprintf(&s, "+I[key-%d, %d]\n", k, i)
			} else {
				fmt.Fprintf(&s, "+I[%d, key-%d]\n", i, k)
			}
		}
		return s.String()
	}
	op := newJoin(b, &plan.Join{P: mode(catalog.AppendOnly), LeftKeys: []int{0}, RightKeys: []int{1}})
	var c operatortest.Collect
	for i := range keys / 4096 {
		if err := op.Process(1, operatortest.MustParse(joinIn[1], side(1, i*4096*7919)), c.Out); err != nil {
			b.Fatal(err)
		}
	}
	in := operatortest.MustParse(joinIn[0], side(0, 1))
	b.ReportAllocs()
	b.SetBytes(4096 * 13)
	rows := 0
	for b.Loop() {
		if err := op.Process(0, in, c.Out); err != nil {
			b.Fatal(err)
		}
		for _, o := range c.Batches {
			rows += o.N
		}
		c.Batches = c.Batches[:0]
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}

// TestJoinShapes: no keys at all (every row matches every other), a column that is a key twice, rows that are keys only, and
// columns of nested types.
func TestJoinShapes(t *testing.T) {
	nested := types.RowOf(types.Field{Name: "x", Type: tInt}, types.Field{Name: "y", Type: types.ArrayOf(tString)})
	for _, c := range []struct {
		name        string
		left, right []types.Type
		lk, rk      []int
		l, r        string
		want        string
	}{
		{"no keys", []types.Type{tInt}, []types.Type{tString}, nil, nil, "+I[1]\n+I[NULL]", "+I[a]", "+I[1, a]\n+I[NULL, a]\n"},
		{"twice", []types.Type{tInt, tInt}, []types.Type{tInt, tInt}, []int{0, 0}, []int{0, 1}, "+I[1, 9]\n+I[2, 9]", "+I[1, 1]\n+I[1, 2]\n+I[2, 2]",
			"+I[1, 9, 1, 1]\n+I[2, 9, 2, 2]\n"},
		{"keys only", []types.Type{tInt}, []types.Type{tInt}, []int{0}, []int{0}, "+I[1]\n+I[1]", "+I[1]\n+I[2]", "+I[1, 1]\n+I[1, 1]\n"},
		{"two keys", []types.Type{tInt, tString, tInt}, []types.Type{tString, tInt}, []int{0, 1}, []int{1, 0}, "+I[1, a, 5]\n+I[1, NULL, 6]", "+I[a, 1]\n+I[NULL, 1]\n+I[b, 1]",
			"+I[1, a, 5, a, 1]\n"},
		{"lists", []types.Type{tInt, types.ArrayOf(tString)}, []types.Type{types.ArrayOf(tInt), tInt}, []int{0}, []int{1}, "+I[1, [a, NULL]]\n+I[1, NULL]", "+I[[], 1]",
			"+I[1, [a, NULL], [], 1]\n+I[1, NULL, [], 1]\n"},
	} {
		op, err := operator.NewJoin(&plan.Join{P: mode(catalog.AllChanges), LeftKeys: c.lk, RightKeys: c.rk}, c.left, c.right, operator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var out operatortest.Collect
		if err := op.Process(0, operatortest.MustParse(c.left, c.l), out.Out); err != nil {
			t.Fatal(err)
		}
		if err := op.Process(1, operatortest.MustParse(c.right, c.r), out.Out); err != nil {
			t.Fatal(err)
		}
		if got := out.Take(); got != c.want {
			t.Errorf("%s: got\n%swant\n%s", c.name, got, c.want)
		}
	}
	// Nulls of nested types pad outer rows too.
	op, err := operator.NewJoin(&plan.Join{P: mode(catalog.AllChanges), Kind: plan.FullJoin, LeftKeys: []int{0}, RightKeys: []int{0}},
		[]types.Type{tInt, nested}, []types.Type{tInt, types.MapOf(tString, tInt)}, operator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out operatortest.Collect
	left := batch.NewBuilder(batch.ArrowTypes([]types.Type{tInt, nested})...)
	right := batch.NewBuilder(batch.ArrowTypes([]types.Type{tInt, types.MapOf(tString, tInt)})...)
	for i, b := range []*batch.Builder{left, right} {
		if err := b.Cols[0].AppendValueFromString(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		b.Cols[1].AppendNull()
		b.RowDone(batch.Insert, -1)
		if err := op.Process(i, b.Build(), out.Out); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := out.Take(), text("+I[0, NULL, NULL, NULL]", "+I[NULL, NULL, 1, NULL]"); got != want {
		t.Errorf("nested: got\n%swant\n%s", got, want)
	}
}

// TestJoinManyMatches: one row's matches go out in batches of a fair size, whatever their number.
func TestJoinManyMatches(t *testing.T) {
	op := newJoin(t, &plan.Join{P: mode(catalog.AllChanges), Kind: plan.LeftJoin, LeftKeys: []int{0}, RightKeys: []int{1}, Cond: less})
	var right strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&right, "+I[%d, a]\n", i)
	}
	var c operatortest.Collect
	if err := op.Process(1, operatortest.MustParse(joinIn[1], right.String()), c.Out); err != nil {
		t.Fatal(err)
	}
	var left strings.Builder
	for i := range 10 {
		fmt.Fprintf(&left, "+I[a, %d]\n+I[b, %d]\n", 9999+i, i)
	}
	if err := op.Process(0, operatortest.MustParse(joinIn[0], left.String()), c.Out); err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, b := range c.Batches {
		if rows += b.N; b.N > batch.TargetRows {
			t.Fatalf("a batch of %d rows", b.N)
		}
	}
	if want := 10*10000 - 45 + 10; rows != want {
		t.Fatalf("%d rows, want %d", rows, want)
	}
}

// TestJoinMemory: keys that come and go leave nothing behind.
func TestJoinMemory(t *testing.T) {
	op := newJoin(t, &plan.Join{P: mode(catalog.AllChanges), Kind: plan.FullJoin, LeftKeys: []int{0}, RightKeys: []int{1}})
	var c operatortest.Collect
	for e := range 100 {
		for _, kind := range []string{"+I", "-D"} {
			for port, form := range []string{"%s[k%d, 1]\n", "%s[1, k%d]\n"} {
				var s strings.Builder
				for i := range 100 {
					fmt.Fprintf(&s, form, kind, e*100+i)
				}
				if err := op.Process(port, operatortest.MustParse(joinIn[port], s.String()), c.Out); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := op.EndEpoch(epoch(int64(e)), c.Out); err != nil {
			t.Fatal(err)
		}
		if err := op.Snapshot(operatortest.NewStore(), false); err != nil {
			t.Fatal(err)
		}
		c.Batches = nil
	}
	if n := op.StateBytes(); n > 600<<10 { // 200 rows at a time
		t.Fatalf("%d bytes of state", n)
	}
}
