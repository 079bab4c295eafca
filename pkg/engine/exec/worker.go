package exec

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// worker is one goroutine with an instance of every node of the plan. Between two exchanges rows pass by plain calls; an exchange
// hands each row to the worker that owns its key group.
type worker struct {
	id      int
	run     *run
	in      *queue
	ops     []operator.Operator // by node; nil for sources, exchanges and sinks
	readers []endpoint.Reader   // by node; only sources
	sinks   []*sinkInstance     // by node; only sinks
	lookups []endpoint.Lookup
	outs    []operator.Output // by node: emits to the node's readers
	split   endpoint.Split    // of the chunk in work
	times   []timeMark        // by node; only watermark nodes
	hashes  []uint64
	targets []int32

	sourceRows, sinkRows int64
}

// sinkInstance is a sink and what the epoch did with it.
type sinkInstance struct {
	endpoint.Sink
	begun bool
}

// timeMark is a worker's part of a watermark node: the newest time of each of its splits.
type timeMark struct {
	newest map[endpoint.Split]int64
	fed    map[endpoint.Split]bool // had rows in this epoch
}

func (w *worker) loop() {
	defer w.run.wg.Done()
	var buf []message
	for {
		items, ok := w.in.take(buf)
		if !ok {
			return
		}
		for i := range items {
			w.handle(&items[i])
			items[i] = message{}
		}
		buf = items
	}
}

// handle does one message. After the run has failed messages are only counted off, so that the coordinator sees the queues run dry.
func (w *worker) handle(m *message) {
	rows := 0
	if m.chunk != nil {
		rows = m.chunk.Rows
	}
	defer w.run.flight.done(rows)
	if w.run.failed() != nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			w.run.fail(fault.Newf(fault.Internal, "panic in worker %d: %v\n%s", w.id, p, debug.Stack()))
		}
	}()
	var err error
	switch {
	case m.chunk != nil:
		w.split = m.chunk.Split
		w.sourceRows += int64(m.chunk.Rows)
		err = w.readers[m.node].Decode(m.chunk, w.outs[m.node])
		if err != nil {
			err = fmt.Errorf("decode %s from position %d: %w", m.chunk.Split.ID, m.chunk.From, err)
		}
	case m.batch != nil:
		err = w.emit(m.node, m.batch)
	default:
		err = m.cmd(w)
	}
	if err != nil {
		w.run.fail(err)
	}
}

// emit passes node's output on to its readers.
func (w *worker) emit(node int, b *batch.Batch) error {
	if b.N == 0 {
		return nil
	}
	for _, e := range w.run.g.outs[node] {
		switch n := w.run.g.nodes[e.to].(type) {
		case *plan.Exchange:
			if err := w.exchange(e.to, n, b); err != nil {
				return err
			}
		case *plan.Sink:
			if op := w.ops[e.to]; op != nil { // its materializer
				if err := op.Process(0, b, w.outs[e.to]); err != nil {
					return err
				}
			} else if err := w.write(e.to, b); err != nil {
				return err
			}
		case *plan.Watermark:
			w.observe(e.to, n, b)
			if err := w.emit(e.to, b); err != nil {
				return err
			}
		case *plan.Union:
			if err := w.emit(e.to, b); err != nil {
				return err
			}
		default:
			if err := w.ops[e.to].Process(e.port, b, w.outs[e.to]); err != nil {
				return err
			}
		}
	}
	return nil
}

// exchange splits b by the key group of each row and gives every worker its part.
func (w *worker) exchange(node int, n *plan.Exchange, b *batch.Batch) error {
	workers := w.run.workers
	if len(n.Keys) == 0 {
		return w.deliver(0, node, b)
	}
	if len(workers) == 1 {
		return w.emit(node, b)
	}
	w.hashes = grow(w.hashes, b.N)
	w.targets = grow(w.targets, b.N)
	kernel.Hash(batch.Select(b, n.Keys).Cols, b.N, w.hashes)
	owner := w.run.owner
	groups := uint64(len(owner))
	for i, h := range w.hashes {
		w.targets[i] = owner[h%groups]
	}
	for to, part := range batch.Partition(b, w.targets, len(workers)) {
		if part == nil || part.N == 0 {
			continue
		}
		if err := w.deliver(to, node, part); err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) deliver(to, node int, b *batch.Batch) error {
	if to == w.id {
		return w.emit(node, b)
	}
	w.run.post(to, message{node: node, batch: b})
	return nil
}

func (w *worker) write(node int, b *batch.Batch) error {
	s := w.sinks[node]
	var err error
	if !s.begun {
		s.begun = true
		err = s.Begin(w.run.epoch)
	}
	if err == nil {
		err = s.Write(w.run.ctx, b)
	}
	if err != nil {
		return fmt.Errorf("write to %s: %w", w.run.g.nodes[node].(*plan.Sink).Table.Name, err)
	}
	w.sinkRows += int64(b.N)
	return nil
}

// endEpoch lets the nodes of one depth emit what they coalesced.
func (w *worker) endEpoch(depth int) error {
	g := w.run.g
	for i := range g.nodes {
		if g.depth[i] != depth || w.ops[i] == nil {
			continue
		}
		e := operator.Epoch{ID: w.run.epoch.ID, Now: w.run.epoch.Now, Final: w.run.epoch.Final, Watermark: w.run.marks[i]}
		if err := w.ops[i].EndEpoch(e, w.outs[i]); err != nil {
			return fmt.Errorf("end of epoch %d in %s: %w", e.ID, g.nodes[i].Describe(), err)
		}
	}
	return nil
}

func (w *worker) flush(ctx context.Context) error {
	for i, s := range w.sinks {
		if s == nil || !s.begun {
			continue
		}
		if err := s.Flush(ctx); err != nil {
			return fmt.Errorf("flush %s: %w", w.run.g.nodes[i].(*plan.Sink).Table.Name, err)
		}
	}
	return nil
}

// published ends the epoch for the sinks that took part in it.
func (w *worker) published(ctx context.Context, e endpoint.Epoch) error {
	for i, s := range w.sinks {
		if s == nil || !s.begun {
			continue
		}
		s.begun = false
		if err := s.Commit(ctx, e); err != nil {
			return fmt.Errorf("publish epoch %d of %s: %w", e.ID, w.run.g.nodes[i].(*plan.Sink).Table.Name, err)
		}
	}
	return nil
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/2)
	}
	return s[:n]
}
