package operator_test

import (
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/operator/operatortest"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// keyed drives a keyed operator with random epochs, crashes, snapshots and numbers of instances.
type keyed struct {
	h   *operatortest.Harness
	in  [][]types.Type
	key []int // of the output, if it is an upsert stream
	// lines gives the next rows of a port, and applies them to the model.
	lines func(t *rapid.T, port int) []string
	// want is the model's table, sorted.
	want func() []string
	// mark gives an epoch's watermark.
	mark func(t *rapid.T, id int64) int64
}

type fed struct {
	port int
	b    *batch.Batch
}

func (k *keyed) run(t *rapid.T) {
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	instances := func() int { return rapid.IntRange(1, 3).Draw(t, "instances") }
	must(k.h.Start(instances()))
	var all []*batch.Batch
	saved := true
	for e := range int64(rapid.IntRange(1, 10).Draw(t, "epochs")) {
		var in []fed
		for range rapid.IntRange(0, 4).Draw(t, "batches") {
			port := rapid.IntRange(0, len(k.in)-1).Draw(t, "port")
			b, err := operatortest.Parse(k.in[port], strings.Join(k.lines(t, port), "\n"))
			must(err)
			in = append(in, fed{port, b})
		}
		if saved && rapid.IntRange(0, 3).Draw(t, "crash") == 0 {
			for _, f := range in[:rapid.IntRange(0, len(in)).Draw(t, "before crash")] {
				must(k.h.Process(f.port, f.b))
			}
			k.h.Take()
			must(k.h.Start(instances()))
		}
		for _, f := range in {
			must(k.h.Process(f.port, f.b))
		}
		ep := epoch(e + 1)
		if k.mark != nil {
			ep.Watermark = k.mark(t, e+1)
		}
		must(k.h.EndEpoch(ep))
		if saved = rapid.Bool().Draw(t, "snapshot"); saved {
			must(k.h.Snapshot(false))
			if rapid.IntRange(0, 3).Draw(t, "compare") == 0 {
				deltas := k.h.Store()
				must(k.h.Snapshot(true))
				must(k.h.Store().Equal(deltas))
			}
		}
		all = append(all, k.h.Batches...)
		k.h.Batches = nil
		got, err := operatortest.Materialize(all, k.key)
		if err != nil {
			t.Fatalf("after epoch %d: %v\n%s", e+1, err, operatortest.String(all...))
		}
		if want := k.want(); !slices.Equal(got, want) {
			t.Fatalf("after epoch %d:\n%s\nwant\n%s\nchanges\n%s", e+1, strings.Join(got, "\n"), strings.Join(want, "\n"), operatortest.String(all...))
		}
	}
}

// multiset is a table in which a generator inserts and from which it deletes.
type multiset struct{ rows []string }

// next draws some rows to insert, by fresh, or to take back.
func (m *multiset) next(t *rapid.T, retract bool, fresh func() string) []string {
	var lines []string
	for range rapid.IntRange(0, 8).Draw(t, "rows") {
		if retract && len(m.rows) > 0 && rapid.IntRange(0, 9).Draw(t, "op") < 4 {
			i := rapid.IntRange(0, len(m.rows)-1).Draw(t, "which")
			// Equal rows: the first that came goes.
			i = slices.Index(m.rows, m.rows[i])
			lines = append(lines, rapid.SampledFrom([]string{"-D", "-U"}).Draw(t, "kind")+m.rows[i])
			m.rows = slices.Delete(m.rows, i, i+1)
			continue
		}
		r := fresh()
		kinds := []string{"+I"}
		if retract {
			kinds = []string{"+I", "+U"}
		}
		lines = append(lines, rapid.SampledFrom(kinds).Draw(t, "kind")+r)
		m.rows = append(m.rows, r)
	}
	return lines
}

// fields splits "[a, b]".
func fields(row string) []string { return strings.Split(row[1:len(row)-1], ", ") }
