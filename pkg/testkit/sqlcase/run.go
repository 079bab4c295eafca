package sqlcase

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/engine/exec"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/sql"
	"github.com/freshet-dw/freshet/pkg/sql/bind"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/optimize"
	"github.com/freshet-dw/freshet/pkg/sql/parse"
)

// errCrash is a failure that a run makes up.
var errCrash = errors.New("made to fail")

// way is one way to run a case.
type way struct {
	name    string
	inside  bool // sources and sinks are in the job's transaction
	batch   bool
	workers func(leg int) int // of the start number leg, from 0
	perPoll func() int        // 0: up to the next barrier
	maxRows func() int
	crash   func(step string) bool
	stop    int // commits after which a leg but the last stops; 0: never
	legs    int
	skip    string // optimizer rules left out, separated by commas
}

func constant[T any](v T) func() T { return func() T { return v } }

// ways are how every case runs.
func ways(c *Case) []way {
	step := 1
	if c.cut() {
		step = 0
	}
	one, never := func(int) int { return 1 }, func(string) bool { return false }
	ws := []way{
		{name: "straight", inside: true, workers: one, perPoll: constant(step), maxRows: constant(1), crash: never},
		{name: "batch", inside: true, batch: true, workers: func(int) int { return 2 }, perPoll: constant(1 << 30), maxRows: constant(1 << 30), crash: never},
		{name: "batch outside", batch: true, workers: one, perPoll: constant(7), maxRows: constant(1 << 30), crash: never},
	}
	for seed := range uint64(4) {
		rnd := rand.New(rand.NewPCG(seed, 17))
		w := way{name: fmt.Sprintf("crashes %d", seed), inside: seed%2 == 0, perPoll: constant(0), maxRows: constant(1)}
		crashes := 0
		var mu sync.Mutex
		w.crash = func(string) bool {
			mu.Lock()
			defer mu.Unlock()
			hit := crashes < 20 && rnd.IntN(7) == 0
			if hit {
				crashes++
			}
			return hit
		}
		w.workers = func(int) int { return 1 + rnd.IntN(3) }
		if step > 0 {
			w.perPoll = func() int { return 1 + rnd.IntN(3) }
			w.maxRows = func() int { return 1 + rnd.IntN(6) }
		}
		ws = append(ws, w)
	}
	for i, inside := range []bool{true, false} {
		ws = append(ws, way{name: fmt.Sprintf("rescaled %d", i), inside: inside, perPoll: constant(step), maxRows: constant(1), crash: never, stop: 2, legs: 3,
			workers: func(leg int) int { return []int{1, 3, 2}[min(leg, 2)] }})
	}
	return ws
}

// Run runs the case in all ways.
func Run(t *testing.T, c *Case) {
	t.Helper()
	for _, w := range ways(c) {
		t.Run(w.name, func(t *testing.T) {
			t.Helper()
			if err := try(c, w); err != nil {
				t.Error(err)
			}
		})
	}
}

// RunNotYet runs a case that is known not to pass; it is an error if it does.
func RunNotYet(t *testing.T, c *Case) {
	t.Helper()
	for _, w := range ways(c) {
		if try(c, w) != nil {
			return
		}
	}
	t.Error("the case passes: move it to the folder agree")
}

// try runs the case one way and tells what is wrong.
func try(c *Case, w way) error {
	got, err := run(c, w)
	if c.Error != "" {
		if err == nil || !strings.Contains(err.Error(), c.Error) {
			return fmt.Errorf("the job ends with %v, want an error with %q", err, c.Error)
		}
		return nil
	}
	if err != nil {
		return err
	}
	return check(c, w, got)
}

func check(c *Case, w way, got *world) error {
	errs := slices.Clone(got.faults)
	for name, want := range c.Out {
		if b, ok := c.Batch[name]; ok && w.batch {
			want = b
		}
		var have, log []string
		if o := got.sinks[name]; o != nil {
			have, log = o.final(), o.log
		}
		want = slices.Sorted(slices.Values(want))
		if !slices.Equal(have, want) {
			errs = append(errs, fmt.Errorf("%s holds\n%s\nwant\n%s\nafter\n%s", name, rows(have), rows(want), rows(log)))
		}
	}
	if w.name != "straight" {
		return errors.Join(errs...)
	}
	for name, want := range c.Log {
		var have []string
		if o := got.sinks[name]; o != nil {
			have = o.log
		}
		if !slices.Equal(have, want) {
			errs = append(errs, fmt.Errorf("changelog of %s is\n%s\nwant\n%s", name, rows(have), rows(want)))
		}
	}
	return errors.Join(errs...)
}

// run runs the case to its end, over all its crashes and stops.
func run(c *Case, w way) (*world, error) {
	world := newWorld(c)
	world.perPoll, world.crash = w.perPoll, w.crash
	set := connectors(world, w.inside)
	text, err := c.text(set)
	if err != nil {
		return nil, err
	}
	now := time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { now = now.Add(time.Millisecond); return now }
	for leg := 0; ; leg++ {
		if leg > 200 {
			return nil, fmt.Errorf("the job does not end")
		}
		final, err := start(c, world, set, text, w, leg, clock)
		if final && err == nil {
			return world, nil
		}
		if err != nil && !errors.Is(err, errCrash) {
			return nil, fmt.Errorf("start %d: %w", leg, err)
		}
	}
}

// start runs the job once and tells whether it came to its end.
func start(c *Case, world *world, set *connector.Set, text string, w way, leg int, clock func() time.Time) (final bool, err error) {
	functions, err := c.userFunctions()
	if err != nil {
		return false, err
	}
	script, err := sql.Compile("case.sql", text, sql.Options{Describer: set, Functions: functions, Settings: map[string]string{optimize.SkipSetting: w.skip}})
	if err != nil {
		return false, err
	}
	zone := time.UTC
	if z := script.Settings["table.local-time-zone"]; z != "" {
		if zone, err = time.LoadLocation(z); err != nil {
			return false, err
		}
	}
	env := &connector.Env{Job: "case", Instance: "0", Zone: zone, Tel: obs.Discard(), State: world.store}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	job, err := set.Open(ctx, env, script.Plan)
	if err != nil {
		return false, err
	}
	commits := 0
	cfg := exec.Config{Name: "case", Workers: w.workers(leg), Groups: 64, Interval: time.Minute, MaxRows: w.maxRows(), Zone: zone, State: world.store, Clock: clock,
		OnEpoch: func(s exec.Stats) {
			final = final || s.Final
			if commits++; w.stop > 0 && commits == w.stop && leg < w.legs-1 {
				cancel()
			}
		},
		Hook: func(step string) error {
			return world.fail(step)
		},
	}
	if strings.EqualFold(script.Settings["execution.runtime-mode"], "batch") {
		cfg.MaxRows = math.MaxInt // the whole input is one epoch
	}
	err = exec.Run(ctx, script.Plan, job, cfg)
	if ctx.Err() == context.DeadlineExceeded {
		err = errors.Join(err, fmt.Errorf("the job did not end in time"))
	}
	return final, errors.Join(err, job.Close())
}

// text is the case's SQL, with its query as an INSERT.
func (c *Case) text(d catalog.Describer) (string, error) {
	if c.Query == "" {
		return c.SQL, nil
	}
	statements, err := parse.File("case.sql", c.SQL)
	if err != nil {
		return "", err
	}
	b := bind.New(d, map[string]string{})
	functions, err := c.userFunctions()
	if err != nil {
		return "", err
	}
	b.UseFunctions(functions)
	for _, s := range statements {
		if err := b.Statement(s); err != nil {
			return "", err
		}
	}
	q, err := parse.Statement("query.sql", c.Query)
	if err != nil {
		return "", err
	}
	sinks, err := b.Detached(q)
	if err != nil {
		return "", err
	}
	var cols []string
	for i, col := range sinks[0].Input.Props().Out {
		cols = append(cols, fmt.Sprintf("c%d %s", i, col.Type.AsNullable()))
	}
	return c.SQL + "CREATE TABLE o (" + strings.Join(cols, ", ") + ") WITH ('connector' = 'collect');\nINSERT INTO o " + c.Query + ";\n", nil
}
