package exec

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/blob"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func column(name string, k types.Kind) plan.Column { return plan.Column{Name: name, Type: types.Of(k)} }

var kv = plan.Schema{{Name: "k", Type: types.String()}, column("v", types.BigInt)}

// sumPlan is SELECT k, SUM(v), COUNT(*) GROUP BY k.
func sumPlan() *plan.Plan {
	tbl := &catalog.Table{Name: "t", Columns: []catalog.Column{{Name: "k", Type: types.String()}, {Name: "v", Type: types.Of(types.BigInt)}}}
	src := &plan.Source{P: plan.Props{ID: 1, Out: kv, Mode: catalog.AppendOnly, RowTime: -1}, Table: tbl, Columns: []int{0, 1}}
	ex := &plan.Exchange{P: plan.Props{ID: 2, Out: kv, Mode: catalog.AppendOnly, RowTime: -1}, Input: src, Keys: []int{0}}
	out := plan.Schema{kv[0], column("s", types.BigInt), column("n", types.BigInt)}
	agg := &plan.GroupAgg{P: plan.Props{ID: 3, Out: out, Mode: catalog.AllChanges, UpsertKey: []int{0}, RowTime: -1}, Input: ex, Keys: []int{0},
		Aggs: []plan.AggCall{{Func: "SUM", Args: []int{1}, Filter: -1, T: types.Of(types.BigInt), Name: "s"}, {Func: "COUNT", Filter: -1, T: types.Of(types.BigInt).AsNotNull(), Name: "n"}}}
	sink := &plan.Sink{P: plan.Props{ID: 4, Out: out, Mode: catalog.AllChanges, RowTime: -1}, Input: agg, Table: &catalog.Table{Name: "out", Columns: []catalog.Column{{Name: "k"}, {Name: "s"}, {Name: "n"}}}, Columns: []int{0, 1, 2}, Keys: []int{0}}
	return &plan.Plan{Sinks: []*plan.Sink{sink}, Nodes: []plan.Node{src, ex, agg, sink}}
}

func fill(w *world, splits, rows, keys int, seed uint64) map[string][2]int64 {
	rnd := rand.New(rand.NewPCG(seed, 1))
	want := map[string][2]int64{}
	for s := range splits {
		id := fmt.Sprintf("t/%d", s)
		for range rows {
			r := row{fmt.Sprintf("key%d", rnd.IntN(keys)), int64(rnd.IntN(1000))}
			w.input[id] = append(w.input[id], r)
			t := want[r.key]
			want[r.key] = [2]int64{t[0] + r.value, t[1] + 1}
		}
	}
	return want
}

// table replays a changelog and fails on a change that does not fit.
func table(t *testing.T, changes []string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for _, c := range changes {
		kind, body, _ := strings.Cut(c, "[")
		body = strings.TrimSuffix(body, "]")
		key, _, _ := strings.Cut(body, ",")
		old, there := got[key]
		switch kind {
		case "+I":
			if there {
				t.Fatalf("%s though the table has %s", c, old)
			}
			got[key] = body
		case "+U":
			got[key] = body
		case "-U", "-D":
			if !there || old != body {
				t.Fatalf("%s though the table has %q", c, old)
			}
			if kind == "-D" {
				delete(got, key)
			}
		}
	}
	return got
}

func check(t *testing.T, changes []string, want map[string][2]int64) {
	t.Helper()
	got := table(t, changes)
	if len(got) != len(want) {
		t.Fatalf("%d keys, want %d", len(got), len(want))
	}
	for k, w := range want {
		if g := fmt.Sprintf("%s, %d, %d", k, w[0], w[1]); got[k] != g {
			t.Fatalf("got %q, want %q", got[k], g)
		}
	}
}

func testConfig(t *testing.T, store blob.Store, workers int) Config {
	t.Helper()
	return Config{Name: "sum", Workers: workers, Interval: time.Hour, MaxRows: 500, State: store}
}

func TestRunAggregates(t *testing.T) {
	for _, workers := range []int{1, 2, 5} {
		t.Run(fmt.Sprint(workers, " workers"), func(t *testing.T) {
			w := newWorld()
			want := fill(w, 3, 2000, 50, 7)
			store, err := blob.NewDir(t.TempDir(), false)
			if err != nil {
				t.Fatal(err)
			}
			var last Stats
			cfg := testConfig(t, store, workers)
			cfg.OnEpoch = func(s Stats) { last = s }
			if err := Run(context.Background(), sumPlan(), &memJob{w: w, perPoll: 100, source: 1}, cfg); err != nil {
				t.Fatal(err)
			}
			check(t, w.inTxn, want)
			if last.SourceRows != 6000 || !last.Final || last.Epoch < 5 {
				t.Errorf("stats %+v", last)
			}
		})
	}
}

var errCrash = errors.New("crash")

// crashing runs the job again and again; each run dies at a random step of a random epoch, until one gets through.
func crashing(t *testing.T, w *world, outside bool, seed uint64) {
	t.Helper()
	store, err := blob.NewDir(t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(seed, 2))
	steps := []string{"snapshot", "intent", "flush", "commit", "publish"}
	for run := 0; ; run++ {
		cfg := testConfig(t, store, 1+rnd.IntN(4))
		step, left := steps[rnd.IntN(len(steps))], 1+rnd.IntN(3)
		cfg.Hook = func(s string) error {
			if s == step && run < 40 {
				if left--; left == 0 {
					return errCrash
				}
			}
			return nil
		}
		err := Run(context.Background(), sumPlan(), &memJob{w: w, outside: outside, perPoll: 30 + rnd.IntN(100), source: 1}, cfg)
		if err == nil {
			return
		}
		if !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
	}
}

func TestCrashesLoseAndRepeatNothing(t *testing.T) {
	for seed := range uint64(8) {
		w := newWorld()
		want := fill(w, 4, 3000, 100, seed)
		crashing(t, w, false, seed)
		check(t, w.inTxn, want)
	}
}

func TestCrashesWithSinksOutsideTheTransaction(t *testing.T) {
	for seed := range uint64(8) {
		w := newWorld()
		want := fill(w, 4, 3000, 100, seed)
		crashing(t, w, true, seed)
		// Tokens in epoch order, then by worker: the changelog as the store got it.
		var tokens []string
		for token := range w.outside {
			tokens = append(tokens, token)
		}
		var epoch, worker int
		number := func(s string) int {
			if _, err := fmt.Sscanf(s, "sum-%d/%d", &epoch, &worker); err != nil {
				t.Fatal(err)
			}
			return epoch*100 + worker
		}
		sort.Slice(tokens, func(i, j int) bool { return number(tokens[i]) < number(tokens[j]) })
		var changes []string
		for _, token := range tokens {
			changes = append(changes, w.outside[token]...)
		}
		check(t, changes, want)
	}
}

func TestChangedPlanIsRefused(t *testing.T) {
	w := newWorld()
	fill(w, 1, 100, 10, 1)
	store, _ := blob.NewDir(t.TempDir(), false)
	if err := Run(context.Background(), sumPlan(), &memJob{w: w, perPoll: 10, source: 1}, testConfig(t, store, 2)); err != nil {
		t.Fatal(err)
	}
	p := sumPlan()
	p.Nodes[2].(*plan.GroupAgg).Aggs[0].Func = "MAX"
	err := Run(context.Background(), p, &memJob{w: w, perPoll: 10, source: 1}, testConfig(t, store, 2))
	if fault.KindOf(err) != fault.Config || fault.RemedyOf(err) == "" {
		t.Fatalf("a changed plan took over the state: %v", err)
	}
}

func TestDamagedStateIsFound(t *testing.T) {
	w := newWorld()
	fill(w, 1, 1000, 10, 1)
	store, _ := blob.NewDir(t.TempDir(), false)
	if err := Run(context.Background(), sumPlan(), &memJob{w: w, perPoll: 10, source: 1}, testConfig(t, store, 2)); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	names, err := store.List(ctx, "sum/data/")
	if err != nil || len(names) == 0 {
		t.Fatalf("no state files: %v, %v", names, err)
	}
	for _, n := range names {
		data, _ := store.Get(ctx, n)
		data[len(data)/2] ^= 1
		if err := store.Put(ctx, n, data); err != nil {
			t.Fatal(err)
		}
	}
	err = Run(ctx, sumPlan(), &memJob{w: w, perPoll: 10, source: 1}, testConfig(t, store, 2))
	if fault.KindOf(err) != fault.Permanent || !strings.Contains(err.Error(), "damaged") {
		t.Fatalf("damaged state was taken: %v", err)
	}
}

func TestStopCommitsWhatWasRead(t *testing.T) {
	w := newWorld()
	want := fill(w, 2, 5000, 20, 3)
	store, _ := blob.NewDir(t.TempDir(), false)
	ctx, cancel := context.WithCancel(context.Background())
	cfg := testConfig(t, store, 2)
	cfg.OnEpoch = func(s Stats) {
		if s.Epoch == 3 {
			cancel()
		}
	}
	if err := Run(ctx, sumPlan(), &memJob{w: w, perPoll: 50, source: 1}, cfg); err != nil {
		t.Fatal(err)
	}
	if w.committed.Epoch < 3 {
		t.Fatalf("committed %d epochs", w.committed.Epoch)
	}
	if err := Run(context.Background(), sumPlan(), &memJob{w: w, perPoll: 50, source: 1}, testConfig(t, store, 3)); err != nil {
		t.Fatal(err)
	}
	check(t, w.inTxn, want)
}
