package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// commit ends the epoch: snapshot, intent, flush, commit, publish. An epoch that read nothing, wrote nothing and changed no state is not
// committed; it gets no number either.
func (r *run) commit(moved bool) error {
	start := time.Now()
	wrote := false
	for _, w := range r.workers {
		for _, s := range w.sinks {
			wrote = wrote || s != nil && s.begun
		}
	}
	ctx := r.ctx
	needsIntent := wrote && r.job.NeedsIntent()
	if err := r.hook("snapshot"); err != nil {
		return err
	}
	name, changed, err := r.snapshot(ctx, needsIntent)
	if err != nil {
		return err
	}
	if len(r.ranges) == 0 && !wrote && !changed && !r.epoch.Final {
		if err := r.tick(ctx); err != nil {
			return err
		}
		r.stats.Committed = false
		r.cfg.OnEpoch(r.stats)
		return nil
	}
	if needsIntent {
		if err := r.hook("intent"); err != nil {
			return err
		}
		if err := r.snaps.writeIntent(ctx, r.newIntent()); err != nil {
			return err
		}
	}
	if err := r.hook("flush"); err != nil {
		return err
	}
	if err := r.each(func(w *worker) error { return w.flush(ctx) }); err != nil {
		return err
	}
	if err := r.hook("commit"); err != nil {
		return err
	}
	p := endpoint.Progress{Epoch: r.epoch.ID, Positions: r.positions, Snapshot: name}
	if err := r.job.Commit(ctx, p); err != nil {
		return fmt.Errorf("commit epoch %d: %w", r.epoch.ID, err)
	}
	if err := r.hook("publish"); err != nil {
		return err
	}
	epoch := r.epoch
	if err := r.each(func(w *worker) error { return w.published(ctx, epoch) }); err != nil {
		return err
	}
	if err := r.tick(ctx); err != nil {
		return err
	}
	r.snaps.committed(ctx, name)
	r.stats.Epoch, r.stats.Committed, r.stats.Final = r.epoch.ID, true, r.epoch.Final
	r.stats.CommitTime = time.Since(start)
	r.cfg.Metrics.observe(r.cfg.Name, r.stats, r.counted, r.cfg.Clock())
	r.counted = r.stats
	r.cfg.OnEpoch(r.stats)
	return nil
}

// tick tells the sinks that want to know how far time has come.
func (r *run) tick(ctx context.Context) error {
	w := r.workers[0]
	for i, s := range w.sinks {
		if s == nil {
			continue
		}
		t, ok := s.Sink.(endpoint.Ticker)
		if !ok {
			continue
		}
		e := r.epoch
		e.Watermark = r.marks[i]
		if err := t.Tick(ctx, e); err != nil {
			return fmt.Errorf("tick of %s at epoch %d: %w", r.g.nodes[i].(*plan.Sink).Table.Name, e.ID, err)
		}
	}
	return nil
}

// newIntent records the epoch in work.
func (r *run) newIntent() *intent {
	in := &intent{Version: formatVersion, Epoch: r.epoch.ID, Workers: len(r.workers), Now: r.epoch.Now, Final: r.epoch.Final}
	for s, rg := range r.ranges {
		in.Ranges = append(in.Ranges, splitRange{s.Source, s.ID, rg[0], rg[1]})
	}
	return in
}

// replay repeats the epoch of an intent: it reads exactly its ranges and holds back whatever else is polled on the way.
func (r *run) replay(ctx context.Context, in *intent) error {
	if err := r.begin(in.Now); err != nil {
		return err
	}
	want := map[endpoint.Split]splitRange{}
	for _, rg := range in.Ranges {
		if rg.Next > rg.From {
			want[endpoint.Split{Source: rg.Source, ID: rg.ID}] = rg
		}
	}
	var held []*endpoint.Chunk
	for len(want) > 0 {
		pctx, cancel := context.WithTimeout(ctx, time.Second)
		chunks, err := r.job.Poll(pctx)
		timedOut := pctx.Err() != nil
		cancel()
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended && !timedOut {
			return fmt.Errorf("poll the ranges of epoch %d: %w", in.Epoch, err)
		}
		for _, c := range chunks {
			rg, ok := want[c.Split]
			switch {
			case !ok || c.From >= rg.Next:
				held = append(held, c)
				continue
			case c.Next > rg.Next:
				head, tail := c.Cut(rg.Next)
				held = append(held, tail)
				c = head
			}
			r.admit(c)
			if c.Next >= rg.Next {
				delete(want, c.Split)
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if ended && len(want) > 0 {
			return fault.Newf(fault.Permanent, "the input of epoch %d is gone: %d splits end before the ranges that its intent names", in.Epoch, len(want))
		}
		r.ended = ended
	}
	if err := r.finish(in.Final); err != nil {
		return err
	}
	r.held = held
	if len(held) > 0 {
		r.ended = false
	}
	return nil
}
