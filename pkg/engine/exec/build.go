package exec

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// build makes the workers with their instances of all nodes.
func (r *run) build(workers int) error {
	r.owner = make([]int32, r.cfg.Groups)
	for g := range r.owner {
		r.owner[g] = int32(g * workers / len(r.owner))
	}
	r.marks = make([]int64, len(r.g.nodes))
	for i, n := range r.g.nodes {
		r.marks[i] = operator.NoWatermark
		if _, ok := n.(*plan.Watermark); ok {
			r.clocks[i] = &clock{Newest: map[string]int64{}, Quiet: map[string]int64{}, Mark: operator.NoWatermark}
		}
	}
	for id := range workers {
		w := &worker{id: id, run: r, in: newQueue()}
		n := len(r.g.nodes)
		w.ops, w.readers, w.sinks = make([]operator.Operator, n), make([]endpoint.Reader, n), make([]*sinkInstance, n)
		w.outs, w.times = make([]operator.Output, n), make([]timeMark, n)
		r.workers = append(r.workers, w)
		for i, node := range r.g.nodes {
			if err := w.instance(i, node); err != nil {
				return errors.Join(fmt.Errorf("build %s: %w", node.Describe(), err), r.closeAll())
			}
		}
	}
	return nil
}

func inputTypes(n plan.Node) []types.Type {
	if len(n.Inputs()) == 0 {
		return nil
	}
	return schemaTypes(n.Inputs()[0].Props().Out)
}

func schemaTypes(s plan.Schema) []types.Type {
	ts := make([]types.Type, len(s))
	for i, c := range s {
		ts[i] = c.Type
	}
	return ts
}

// instance makes worker w's instance of one node.
func (w *worker) instance(i int, node plan.Node) error {
	r := w.run
	w.outs[i] = w.output(i)
	opts := operator.Options{
		Groups: r.cfg.Groups, Zone: r.cfg.Zone, First: w.id == 0, Functions: r.g.functions, Now: func() time.Time { return r.epoch.Now },
		Late:      func(n int) { r.cfg.Metrics.late(r.cfg.Name, n) },
		Watermark: func() int64 { return r.marks[i] },
	}
	if late, ok := r.job.(endpoint.LateWriter); ok && late.WantsLate() {
		opts.LateRows = func(port int, b *batch.Batch) error {
			return late.WriteLate(r.ctx, endpoint.LateRows{Operator: node.Describe(), Columns: node.Inputs()[port].Props().Out, Rows: b})
		}
	}
	var err error
	switch n := node.(type) {
	case *plan.Source:
		w.readers[i], err = r.job.Reader(n, w.id)
	case *plan.Sink:
		var s endpoint.Sink
		if s, err = r.job.Sink(n, w.id); err == nil {
			w.sinks[i] = &sinkInstance{Sink: s}
		}
		if err == nil && n.Materialize {
			w.outs[i] = func(b *batch.Batch) error { return w.write(i, b) }
			w.ops[i], err = operator.NewSinkMaterializer(n, inputTypes(n), opts)
		}
	case *plan.LookupJoin:
		var l endpoint.Lookup
		if l, err = r.job.Lookup(n, w.id); err == nil {
			w.lookups = append(w.lookups, l)
			w.ops[i], err = newLookupJoin(r.ctx, n, l, opts, func(misses int) { r.cfg.Metrics.miss(r.cfg.Name, n.Table.Name, misses) })
		}
	case *plan.Watermark:
		w.times[i] = timeMark{newest: map[endpoint.Split]int64{}, fed: map[endpoint.Split]bool{}}
	case *plan.Exchange, *plan.Union:
	default:
		w.ops[i], err = newOperator(node, opts)
	}
	return err
}

// newOperator makes the operator of a node that needs nothing from outside.
func newOperator(node plan.Node, opts operator.Options) (operator.Operator, error) {
	in := inputTypes(node)
	switch n := node.(type) {
	case *plan.Values:
		return newValues(n, opts.First, opts)
	case *plan.Calc:
		return newCalc(n, opts)
	case *plan.ChangelogNormalize:
		return operator.NewChangelogNormalize(n, in, opts)
	case *plan.GroupAgg:
		return operator.NewGroupAgg(n, in, opts)
	case *plan.WindowAssign:
		return operator.NewWindowAssign(n, in, opts)
	case *plan.WindowAgg:
		return operator.NewWindowAgg(n, in, opts)
	case *plan.Join:
		return operator.NewJoin(n, schemaTypes(n.Left.Props().Out), schemaTypes(n.Right.Props().Out), opts)
	case *plan.IntervalJoin:
		return operator.NewIntervalJoin(n, schemaTypes(n.Left.Props().Out), schemaTypes(n.Right.Props().Out), opts)
	case *plan.Correlate:
		return operator.NewCorrelate(n, in, opts)
	case *plan.TemporalJoin:
		return operator.NewTemporalJoin(n, schemaTypes(n.Left.Props().Out), schemaTypes(n.Right.Props().Out), opts)
	case *plan.Match:
		return operator.NewMatch(n, in, opts)
	case *plan.Rank:
		return operator.NewRank(n, in, opts)
	case *plan.Deduplicate:
		return operator.NewDeduplicate(n, in, opts)
	case *plan.Sort:
		return operator.NewSort(n, in, opts)
	case *plan.OverAgg:
		return operator.NewOverAgg(n, in, opts)
	}
	return nil, fault.Newf(fault.Internal, "no operator for %T", node)
}

// Check finds what the engine cannot run in a plan, before anything is opened: functions without an evaluator, types that an operator cannot take.
func Check(p *plan.Plan, zone *time.Location) error {
	opts := operator.Options{Zone: zone, Now: time.Now, Functions: p.Functions}
	var errs []error
	for _, node := range newGraph(p).nodes {
		var err error
		switch n := node.(type) {
		case *plan.Source, *plan.Watermark, *plan.Exchange, *plan.Union:
		case *plan.Sink:
			if n.Materialize {
				_, err = operator.NewSinkMaterializer(n, inputTypes(n), opts)
			}
		case *plan.LookupJoin:
			_, err = newLookupJoin(context.Background(), n, nil, opts, func(int) {})
		default:
			_, err = newOperator(node, opts)
		}
		if err != nil {
			at := node.Props().Pos
			errs = append(errs, fault.WithPos(err, fault.At(at.File, at.Line, at.Col)))
		}
	}
	return errors.Join(errs...)
}

func (w *worker) output(node int) operator.Output {
	return func(b *batch.Batch) error { return w.emit(node, b) }
}

func (r *run) closeAll() error {
	var errs []error
	for _, w := range r.workers {
		for _, s := range w.sinks {
			if s != nil {
				errs = append(errs, s.Close())
			}
		}
		for _, l := range w.lookups {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}
