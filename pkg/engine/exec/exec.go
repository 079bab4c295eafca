// Package exec runs a plan: it reads chunks from a job's sources, moves them through one operator instance per worker and commits
// in epochs.
//
// Workers are goroutines, by default one a core, each with an instance of every operator; state belongs to key groups, and each worker
// owns a range of them. The coordinator drives all workers in lockstep through an epoch:
//
//  1. feed: poll chunks and hand them to the workers until the interval or the row budget is used up;
//  2. settle: wait until nothing is queued; then watermarks move;
//  3. end: for each depth of the plan let operators emit what they coalesced, and settle again;
//  4. snapshot: each worker writes the state that changed; a manifest names the files;
//  5. commit: if a sink is outside the transaction, write the intent first; flush the sinks; then one commit moves outputs,
//     input positions and the manifest's name.
//
// A crash before 5 leaves nothing; a crash inside 5 leaves an intent, and the restart repeats exactly that epoch, with its
// input ranges, clock and number of workers, so that it writes the same rows under the same token.
//
// What it does not do: spread one job over several processes (a stage with a memory exchange has all its workers here).
package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/freshet-dw/freshet/pkg/blob"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// Config says how to run a job. Zero fields take the defaults that are named.
type Config struct {
	Name     string
	Workers  int           // GOMAXPROCS
	Groups   int           // key groups, state.DefaultGroups; fixed for the life of the job's state
	Interval time.Duration // an epoch's length, 1 s
	MaxRows  int           // rows read into one epoch at most, 1,000,000
	MaxBytes int64         // raw bytes read into one epoch at most, 128 MiB
	Zone     *time.Location
	State    blob.Store // snapshots and intents; names start with Name + "/"
	Log      *slog.Logger
	Metrics  *Metrics // nil: none
	Clock    func() time.Time
	// OnEpoch is called after every commit, and with every empty epoch, from the coordinator.
	OnEpoch func(Stats)
	// Hook is called before each step of a commit, by name; tests end the process or fail there.
	Hook func(step string) error
}

func (c Config) withDefaults() Config {
	if c.Workers <= 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Groups <= 0 {
		c.Groups = state.DefaultGroups
	}
	c.Workers = min(c.Workers, c.Groups)
	if c.Interval <= 0 {
		c.Interval = time.Second
	}
	if c.MaxRows <= 0 {
		c.MaxRows = 1_000_000
	}
	if c.MaxBytes <= 0 {
		c.MaxBytes = 128 << 20
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.OnEpoch == nil {
		c.OnEpoch = func(Stats) {}
	}
	if c.Hook == nil {
		c.Hook = func(string) error { return nil }
	}
	return c
}

// Stats tells what the job has done so far.
type Stats struct {
	Epoch               int64
	SourceRows          int64 // records read since the start of this process
	SinkRows            int64
	StateBytes          int64
	Watermark           int64 // lowest of the sinks', microseconds; operator.NoWatermark if none
	EventTime           int64 // newest record timestamp, milliseconds, 0 if unknown
	Elapsed, CommitTime time.Duration
	Committed, Final    bool
}

// run is one running instance of a job.
type run struct {
	cfg     Config
	g       *graph
	job     endpoint.Job
	workers []*worker
	owner   []int32 // worker by key group
	flight  *flight
	wg      sync.WaitGroup
	ctx     context.Context
	cancel  context.CancelFunc

	errMu sync.Mutex
	err   error

	epoch     endpoint.Epoch
	marks     []int64        // watermark by node
	clocks    map[int]*clock // by watermark node
	splits    map[int][]string
	positions map[endpoint.Split]int64
	ranges    map[endpoint.Split][2]int64 // of the epoch
	held      []*endpoint.Chunk           // polled, not yet admitted
	snaps     *snapshots
	stats     Stats
	counted   Stats // what the metrics have seen
	ended     bool
}

// Run runs the plan until its bounded sources end (nil), ctx ends (nil after a last commit) or something fails. A failed job has lost nothing: run it
// again and it goes on from the last commit.
func Run(ctx context.Context, p *plan.Plan, job endpoint.Job, cfg Config) error {
	cfg = cfg.withDefaults()
	r := &run{
		cfg: cfg, g: newGraph(p), job: job, flight: newFlight(),
		splits: map[int][]string{}, positions: map[endpoint.Split]int64{}, ranges: map[endpoint.Split][2]int64{}, clocks: map[int]*clock{},
	}
	// Work in flight may finish after ctx ended, so that a stop commits what was read; only a failure cancels it.
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer r.cancel()
	r.snaps = newSnapshots(cfg, r.g)
	if err := r.start(ctx); err != nil {
		return fmt.Errorf("start job %s: %w", cfg.Name, err)
	}
	err := r.coordinate(ctx)
	r.stop()
	if err = errors.Join(err, r.closeAll()); err != nil {
		return fmt.Errorf("job %s: %w", cfg.Name, err)
	}
	return nil
}

func (r *run) failed() error {
	r.errMu.Lock()
	defer r.errMu.Unlock()
	return r.err
}

func (r *run) fail(err error) {
	r.errMu.Lock()
	if r.err == nil {
		r.err = err
	}
	r.errMu.Unlock()
	r.cancel()
}

func (r *run) post(worker int, m message) {
	rows := 0
	if m.chunk != nil {
		rows = m.chunk.Rows
	}
	r.flight.add(rows)
	r.workers[worker].in.push(m)
}

// settle waits until all queues are empty and all workers rest.
func (r *run) settle() error {
	for r.flight.messages.Load() > 0 {
		<-r.flight.changed
	}
	return r.failed()
}

// each runs cmd on every worker and settles.
func (r *run) each(cmd func(*worker) error) error {
	for i := range r.workers {
		r.post(i, message{cmd: cmd})
	}
	return r.settle()
}

func (r *run) stop() {
	for _, w := range r.workers {
		w.in.close()
	}
	r.wg.Wait()
}

// start recovers the last commit, builds the workers, restores their state and, if a crash left an intent, repeats its epoch.
func (r *run) start(ctx context.Context) error {
	prog, err := r.job.Recover(ctx)
	if err != nil {
		return fmt.Errorf("recover progress: %w", err)
	}
	r.stats.Epoch = prog.Epoch
	for s, pos := range prog.Positions {
		r.positions[s] = pos
	}
	m, err := r.snaps.open(ctx, prog.Snapshot)
	if err != nil {
		return err
	}
	if m != nil {
		for _, p := range m.Positions {
			r.positions[endpoint.Split{Source: p.Source, ID: p.ID}] = p.Next
		}
	}
	if err := r.job.Resume(ctx, r.positions); err != nil {
		return fmt.Errorf("resume the sources: %w", err)
	}
	if r.cfg.State != nil {
		r.snaps.sweep(ctx, m, prog.Snapshot)
	}
	workers := r.cfg.Workers
	var intent *intent
	if r.job.NeedsIntent() {
		if intent, err = r.snaps.readIntent(ctx); err != nil {
			return err
		}
		if intent != nil && intent.Epoch != prog.Epoch+1 {
			intent = nil // its epoch was committed
		}
		if intent != nil {
			workers = intent.Workers
		}
	}
	if err := r.build(workers); err != nil {
		return err
	}
	for _, w := range r.workers {
		r.wg.Add(1)
		go w.loop()
	}
	if err := r.recoverState(ctx, m, prog, intent); err != nil {
		r.stop()
		return errors.Join(err, r.closeAll())
	}
	return nil
}

func (r *run) recoverState(ctx context.Context, m *manifest, prog endpoint.Progress, intent *intent) error {
	if m != nil {
		r.restoreClocks(m)
		if err := r.restore(ctx, m); err != nil {
			return err
		}
	}
	for _, n := range r.g.nodes {
		if s, ok := n.(*plan.Source); ok {
			r.splits[s.P.ID] = r.job.Splits(s)
		}
	}
	// A crash after the commit may have left its files unpublished; publishing is idempotent.
	if prog.Epoch > 0 {
		last := r.named(prog.Epoch, r.cfg.Clock(), false)
		if err := r.each(func(w *worker) error {
			for _, s := range w.sinks {
				if s != nil {
					if err := s.Commit(r.ctx, last); err != nil {
						return err
					}
				}
			}
			return nil
		}); err != nil {
			return fmt.Errorf("publish epoch %d again: %w", prog.Epoch, err)
		}
	}
	if intent == nil {
		return nil
	}
	r.cfg.Log.Info("repeat the epoch that was under way", "job", r.cfg.Name, "epoch", intent.Epoch, "workers", intent.Workers)
	return r.replay(ctx, intent)
}

// named makes the epoch's identity, the same for a replay.
func (r *run) named(id int64, now time.Time, final bool) endpoint.Epoch {
	return endpoint.Epoch{ID: id, Version: uint64(id), Token: fmt.Sprintf("%s-%d", r.cfg.Name, id), Now: now, Final: final}
}

// coordinate runs epochs until the input ends, ctx ends or something fails.
func (r *run) coordinate(ctx context.Context) error {
	for !r.ended && ctx.Err() == nil {
		if err := r.begin(r.cfg.Clock()); err != nil {
			return err
		}
		if err := r.feed(ctx); err != nil {
			return err
		}
		if err := r.finish(r.ended); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) begin(now time.Time) error {
	clear(r.ranges)
	// Sinks take the clock for a version: it must not go back when the machine's does.
	if last := r.epoch.Now; !now.After(last) {
		now = last.Add(time.Microsecond)
	}
	r.epoch = r.named(r.stats.Epoch+1, now, false)
	if err := r.job.BeginEpoch(r.epoch); err != nil {
		return fmt.Errorf("begin epoch %d: %w", r.epoch.ID, err)
	}
	return nil
}

// feed admits chunks until the epoch's time or budget is used up. It keeps at most a few batches a worker in flight.
func (r *run) feed(ctx context.Context) error {
	deadline := time.Now().Add(r.cfg.Interval)
	pctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	limit := int64(len(r.workers)) * inflightRows
	rows, bytes := 0, int64(0)
	for rows < r.cfg.MaxRows && bytes < r.cfg.MaxBytes {
		for r.flight.rows.Load() > limit {
			select {
			case <-r.flight.changed:
			case <-r.ctx.Done():
				return r.failed()
			}
		}
		chunks := r.held
		r.held = nil
		if len(chunks) == 0 {
			var err error
			chunks, err = r.job.Poll(pctx)
			switch {
			case errors.Is(err, io.EOF):
				r.ended = true
			case err != nil && pctx.Err() == nil:
				return fmt.Errorf("poll: %w", err)
			}
		}
		for _, c := range chunks {
			r.admit(c)
			rows += c.Rows
			bytes += int64(c.Bytes)
		}
		if r.ended || pctx.Err() != nil {
			return r.failed()
		}
	}
	return r.failed()
}

// inflightRows is how many source rows per worker may be queued or in work: enough to keep a worker busy while the next poll runs.
const inflightRows = 32 << 10

func (r *run) admit(c *endpoint.Chunk) {
	r.know(c.Split)
	rg, ok := r.ranges[c.Split]
	if !ok {
		rg[0] = c.From
	}
	rg[1] = c.Next
	r.ranges[c.Split] = rg
	r.positions[c.Split] = c.Next
	r.stats.EventTime = max(r.stats.EventTime, c.Time)
	r.post(int(splitHash(c.Split)%uint32(len(r.workers))), message{node: r.sourceNode(c.Split.Source), chunk: c})
}

// splitHash spreads splits over workers; neighbours ("topic/3", "topic/4") go to different ones.
func splitHash(s endpoint.Split) uint32 {
	h := uint32(0)
	digits := uint32(0)
	for i := 0; i < len(s.ID); i++ {
		if c := s.ID[i]; c >= '0' && c <= '9' {
			digits = digits*10 + uint32(c-'0')
		} else {
			h, digits = h*31+uint32(c), 0
		}
	}
	return h>>3 + digits
}

func (r *run) sourceNode(id int) int {
	for i, n := range r.g.nodes {
		if s, ok := n.(*plan.Source); ok && s.P.ID == id {
			return i
		}
	}
	panic(fmt.Sprintf("exec: chunk of unknown source %d", id))
}

// finish takes the epoch from the last fed row to its commit.
func (r *run) finish(final bool) error {
	if err := r.settle(); err != nil {
		return err
	}
	r.epoch.Final = final
	moved := r.advance(r.epoch.Now, r.epoch.Final)
	for d := 0; d <= r.g.maxDepth; d++ {
		if err := r.each(func(w *worker) error { return w.endEpoch(d) }); err != nil {
			return err
		}
	}
	r.count()
	return r.commit(moved)
}

func (r *run) count() {
	r.stats.SourceRows, r.stats.SinkRows, r.stats.StateBytes = 0, 0, 0
	for _, w := range r.workers {
		r.stats.SourceRows += w.sourceRows
		r.stats.SinkRows += w.sinkRows
		for _, op := range w.ops {
			if s, ok := op.(operator.Stateful); ok {
				r.stats.StateBytes += s.StateBytes()
			}
		}
	}
	r.stats.Watermark = operator.MaxWatermark
	for i, n := range r.g.nodes {
		if _, ok := n.(*plan.Sink); ok {
			r.stats.Watermark = min(r.stats.Watermark, r.marks[i])
		}
	}
}

// hook runs the test hook of a commit step.
func (r *run) hook(step string) error {
	if err := r.cfg.Hook(step); err != nil {
		return fault.Wrap(fault.KindOf(err), err, "step %s of epoch %d", step, r.epoch.ID)
	}
	return nil
}
