package operator_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/engine/operator/operatortest"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func temporalNode(outer bool) *plan.TemporalJoin {
	return &plan.TemporalJoin{P: mode(catalog.AppendOnly), Outer: outer, LeftKeys: []int{0}, RightKeys: []int{1}, LeftTime: 1, RightTime: 0}
}

// TestTemporalJoinAgainstModel: whatever the epochs, crashes and numbers of instances, every left row that is not ahead of the watermark was
// joined with the newest version at its time, and of the versions that the watermark has passed one a key is kept.
func TestTemporalJoinAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := temporalNode(rapid.Bool().Draw(t, "outer"))
		cond := rapid.Bool().Draw(t, "cond")
		if cond {
			n.Cond = &plan.Call{Func: "<", T: tBool, Args: []plan.Expr{&plan.ColRef{Index: 2, T: tInt}, &plan.ColRef{Index: 5, T: tInt}}}
		}
		k := &keyed{in: intervalIn, h: &operatortest.Harness{Keys: [][]int{{0}, {1}}, Groups: 8, New: func(bool) (operator.Stateful, error) {
			return operator.NewTemporalJoin(n, intervalIn[0], intervalIn[1], operator.Options{Groups: 8})
		}}}
		type row struct {
			key    string
			sec, v int
			text   string
			dead   bool
		}
		var rows [2][]row
		now := 0
		k.lines = func(t *rapid.T, port int) []string {
			var lines []string
			for range rapid.IntRange(0, 6).Draw(t, "rows") {
				r := row{key: rapid.SampledFrom([]string{"a", "b", "NULL"}).Draw(t, "key"), sec: now + rapid.IntRange(1, 8).Draw(t, "ahead"),
					v: rapid.IntRange(0, 3).Draw(t, "v")}
				kind := "+I"
				r.text = leftRow(r.key, r.sec, r.v)
				if port == 1 {
					r.text = rightRow(r.key, r.sec, r.v)
					kind = rapid.SampledFrom([]string{"+I", "+U", "-U", "-D"}).Draw(t, "kind")
					r.dead = kind == "-D"
				}
				if kind != "-U" && (port == 0 || r.key != "NULL") {
					rows[port] = append(rows[port], r)
				}
				lines = append(lines, kind+r.text)
			}
			return lines
		}
		k.mark = func(t *rapid.T, _ int64) int64 {
			now += rapid.IntRange(0, 6).Draw(t, "step")
			return int64(now) * oneSecond
		}
		k.want = func() []string {
			var out []string
			for _, l := range rows[0] {
				if l.sec > now {
					continue
				}
				best := -1
				for i, r := range rows[1] {
					if r.key == l.key && r.sec <= l.sec && (best < 0 || r.sec >= rows[1][best].sec) {
						best = i
					}
				}
				switch {
				case best >= 0 && !rows[1][best].dead && (!cond || l.v < rows[1][best].v):
					out = append(out, l.text[:len(l.text)-1]+", "+rows[1][best].text[1:])
				case n.Outer:
					out = append(out, l.text[:len(l.text)-1]+", NULL, NULL, NULL]")
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
		keys := map[string]bool{}
		for _, r := range rows[1] {
			keys[r.key] = true
		}
		if got := k.h.Store().Len(); got != 8+len(keys) { // the watermark of every key group, a version of every key
			t.Fatalf("%d entries are left after the end of %d keys", got, len(keys))
		}
	})
}

// TestTemporalJoinDeleteByKey: a delete that holds the key only, as upsert sources give it, ends the newest version.
func TestTemporalJoinDeleteByKey(t *testing.T) {
	op, err := operator.NewTemporalJoin(temporalNode(true), intervalIn[0], intervalIn[1], operator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var c operatortest.Collect
	feed := func(port int, text string) {
		if err := op.Process(port, operatortest.MustParse(intervalIn[port], text), c.Out); err != nil {
			t.Fatal(err)
		}
	}
	feed(1, "+I"+rightRow("a", 1, 1)+"\n+U"+rightRow("a", 5, 2)+"\n-D[NULL, a, NULL]\n-D[NULL, b, NULL]")
	feed(0, "+I"+leftRow("a", 3, 7)+"\n+I"+leftRow("a", 6, 8)+"\n+I[a, NULL, 9]")
	if err := op.EndEpoch(operator.Epoch{Watermark: 10 * oneSecond}, c.Out); err != nil {
		t.Fatal(err)
	}
	want := text("+I[a, 1970-01-01T00:00:03, 7, 1970-01-01T00:00:01, a, 1]", "+I[a, 1970-01-01T00:00:06, 8, NULL, NULL, NULL]", "+I[a, NULL, 9, NULL, NULL, NULL]")
	if got := c.Take(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func BenchmarkTemporalJoin(b *testing.B) {
	const n = 4096
	r := rand.New(rand.NewPCG(1, 2))
	make := func(port, from int) *batch.Batch {
		s := ""
		for i := range n {
			key := fmt.Sprintf("k%d", r.IntN(500))
			if port == 0 {
				s += "+I" + leftRow(key, from+i/8, i) + "\n"
			} else {
				s += "+I" + rightRow(key, from+i/8, i) + "\n"
			}
		}
		return operatortest.MustParse(intervalIn[port], s)
	}
	left, right := make(0, 0), make(1, 0)
	out := func(*batch.Batch) error { return nil }
	b.SetBytes(2 * n * 24)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		op, err := operator.NewTemporalJoin(temporalNode(true), intervalIn[0], intervalIn[1], operator.Options{})
		if err != nil {
			b.Fatal(err)
		}
		for p, in := range []*batch.Batch{left, right} {
			if err := op.Process(p, in, out); err != nil {
				b.Fatal(err)
			}
		}
		for e := range 4 {
			if err := op.EndEpoch(operator.Epoch{Watermark: int64(e+1) * 128 * oneSecond}, out); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func correlateNode(ordinality, left bool) *plan.Correlate {
	arr := types.ArrayOf(tInt)
	n := &plan.Correlate{P: mode(catalog.AppendOnly), Func: plan.Unnest, Args: []plan.Expr{&plan.ColRef{Index: 1, T: arr}}, Left: left, Ordinality: ordinality,
		Result: plan.Schema{{Name: "e", Type: tInt}}, Keep: []int{0}, Columns: []int{0}}
	if ordinality {
		n.Result, n.Columns = append(n.Result, plan.Column{Name: "o", Type: tInt}), []int{0, 1}
	}
	return n
}

func TestCorrelate(t *testing.T) {
	in := []types.Type{tString, types.ArrayOf(tInt)}
	rows := "+I[a, [1, NULL]]\n-U[b, [3]]\n+U[b, [4, 5]]\n-D[c, NULL]\n+I[d, []]"
	for _, c := range []struct {
		ordinality, left bool
		want             string
	}{
		{false, false, text("+I[a, 1]", "+I[a, NULL]", "-D[b, 3]", "+I[b, 4]", "+I[b, 5]")},
		{true, true, text("+I[a, 1, 1]", "+I[a, NULL, 2]", "-D[b, 3, 1]", "+I[b, 4, 1]", "+I[b, 5, 2]", "-D[c, NULL, NULL]", "+I[d, NULL, NULL]")},
	} {
		op, err := operator.NewCorrelate(correlateNode(c.ordinality, c.left), in, operator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got operatortest.Collect
		if err := op.Process(0, operatortest.MustParse(in, rows), got.Out); err != nil {
			t.Fatal(err)
		}
		if g := got.Take(); g != c.want {
			t.Errorf("ordinality %v, left %v: got\n%s\nwant\n%s", c.ordinality, c.left, g, c.want)
		}
	}
}

// TestCorrelatePieces: a batch whose rows are more than go out at once loses and doubles none.
func TestCorrelatePieces(t *testing.T) {
	in := []types.Type{tString, types.ArrayOf(tInt)}
	elems, want := "", 0
	for i := range 3000 {
		elems += fmt.Sprintf(", %d", i)
	}
	text := ""
	for i := range 150 {
		switch i % 3 {
		case 0:
			text += fmt.Sprintf("+I[r%d, [%s]]\n", i, elems[2:])
			want += 3000
		default:
			text += fmt.Sprintf("+I[r%d, []]\n", i)
			want++
		}
	}
	op, err := operator.NewCorrelate(correlateNode(true, true), in, operator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	seen, batches := map[string]int{}, 0
	err = op.Process(0, operatortest.MustParse(in, text), func(b *batch.Batch) error {
		batches++
		for i := range b.N {
			seen[b.RowString(i)]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) != want || batches < 2 {
		t.Errorf("%d rows in %d batches, want %d in several", len(seen), batches, want)
	}
}

func BenchmarkUnnest(b *testing.B) {
	in := []types.Type{tString, types.ArrayOf(tInt)}
	text := ""
	for i := range 1024 {
		text += fmt.Sprintf("+I[k%d, [%d, %d, %d, %d]]\n", i, i, i+1, i+2, i+3)
	}
	rows := operatortest.MustParse(in, text)
	op, err := operator.NewCorrelate(correlateNode(false, false), in, operator.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(1024 * 4 * 4)
	b.ReportAllocs()
	for range b.N {
		if err := op.Process(0, rows, func(*batch.Batch) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
