package operator

import (
	"fmt"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// windowJoin is plan.Join by windows: it keeps both sides' rows until the watermark passes their window's end, joins them, and forgets them. All
// kinds of join are append-only here. What comes for a window that is over is late.
//
// The rows of one key are in one window, so the joining is that of a regular join whose right side is complete.
type windowJoin struct {
	*join
	side   [2]*joinSide
	closer [2]*closer
	rows   *batch.Builder
}

func newWindowJoin(n *plan.Join, left, right []types.Type, opts Options) (Stateful, error) {
	if n.WinKey < 0 || n.WinKey >= len(n.LeftKeys) || !left[n.LeftKeys[n.WinKey]].IsTimestamp() {
		return nil, fault.New(fault.Config, "a join by windows needs their end among its keys")
	}
	plain := *n
	plain.Win, plain.LeftTTL, plain.RightTTL = nil, 0, 0
	op, err := NewJoin(&plain, left, right, opts)
	if err != nil {
		return nil, err
	}
	w := &windowJoin{join: op.(*join)}
	w.out.upserts = nil
	for port, s := range w.join.side {
		w.closer[port] = newCloser(*n.Win, opts)
		s.outer = true // to know which rows of the right have matched
	}
	w.side = w.join.side
	w.rows = batch.NewBuilder(w.side[0].layout.types...)
	return w, nil
}

// Process implements Operator.
func (w *windowJoin) Process(port int, b *batch.Batch, _ Output) error {
	own := w.side[port]
	end := own.keys[w.node.WinKey]
	b, err := w.closer[port].open(port, inserts(b), end)
	if err != nil || b.N == 0 {
		return err
	}
	own.encode(b)
	ends := asInts(b.Cols[end].(*array.Timestamp))
	for i := range b.N {
		if err := own.put(i, 0); err != nil {
			return err
		}
		g := own.groups.FindKey(own.enc.At(i), own.enc.Hash[i])
		w.closer[port].add(g, ends[i])
	}
	return nil
}

// EndEpoch implements Operator.
func (w *windowJoin) EndEpoch(e Epoch, out Output) error {
	w.clock.endEpoch(e)
	left, right := w.closer[0].advance(e), w.closer[1].advance(e)
	if err := w.leftRows(left, out); err != nil {
		return err
	}
	if err := w.rightRows(right, out); err != nil {
		return err
	}
	for port, groups := range [2][]int32{left, right} {
		s := w.side[port]
		for _, g := range groups {
			for r := s.first[g]; r >= 0; {
				next := s.next[r]
				s.unlink(r)
				r = next
			}
		}
	}
	return nil
}

// leftRows joins the left rows of windows that are over.
func (w *windowJoin) leftRows(groups []int32, out Output) error {
	s := w.side[0]
	for _, g := range groups {
		for r := s.first[g]; r >= 0; r = s.next[r] {
			for range s.count[r] {
				if err := s.decode(r, w.rows.Cols); err != nil {
					return fmt.Errorf("window join: %w", err)
				}
				w.rows.RowDone(batch.Insert, -1)
			}
			if w.rows.Len() >= batch.TargetRows {
				if err := w.match(out); err != nil {
					return err
				}
			}
		}
	}
	if w.rows.Len() == 0 {
		return nil
	}
	return w.match(out)
}

// match joins the left rows at hand with the right side.
func (w *windowJoin) match(out Output) error {
	b := w.rows.Build()
	left, right := w.side[0], w.side[1]
	left.encode(b)
	w.out.begin(0, b, right.decode, out)
	for from := 0; from < b.N; {
		to := from
		w.found, w.ends, w.in = w.found[:0], w.ends[:0], w.in[:0]
		for ; to < b.N && len(w.found) < pairsAtOnce; to++ {
			if !left.null[to] {
				w.found = right.candidates(w.found, left.enc.At(to), left.enc.Hash[to])
			}
			w.ends = append(w.ends, int32(len(w.found)))
		}
		if w.cond != nil && len(w.found) > 0 {
			if err := w.filter(0, b, from, right); err != nil {
				return err
			}
		}
		at := int32(0)
		for i := from; i < to; i++ {
			end := w.ends[i-from]
			if err := w.one(int32(i), w.found[at:end]); err != nil {
				return err
			}
			at = end
		}
		from = to
	}
	return w.out.flush()
}

// one gives what left row i makes with its matches.
func (w *windowJoin) one(i int32, found []int32) error {
	switch k := w.node.Kind; {
	case k == plan.SemiJoin || k == plan.AntiJoin:
		if (len(found) > 0) == (k == plan.SemiJoin) {
			return w.out.add(batch.Insert, i, -1)
		}
		return nil
	case len(found) == 0 && (k == plan.LeftJoin || k == plan.FullJoin):
		return w.out.add(batch.Insert, i, -1)
	}
	for _, r := range found {
		w.side[1].matches[r]++
		if err := w.repeat(int(w.side[1].count[r]), batch.Insert, i, r); err != nil {
			return err
		}
	}
	return nil
}

// rightRows gives the right rows without a match.
func (w *windowJoin) rightRows(groups []int32, out Output) error {
	if w.node.Kind != plan.RightJoin && w.node.Kind != plan.FullJoin {
		return nil
	}
	s := w.side[1]
	w.out.begin(0, w.rows.Build(), s.decode, out)
	for _, g := range groups {
		for r := s.first[g]; r >= 0; r = s.next[r] {
			if s.matches[r] > 0 {
				continue
			}
			if err := w.repeat(int(s.count[r]), batch.Insert, -1, r); err != nil {
				return err
			}
		}
	}
	return w.out.flush()
}

// Snapshot implements Stateful.
func (w *windowJoin) Snapshot(to state.Writer, full bool) error {
	if err := w.join.Snapshot(to, full); err != nil {
		return err
	}
	return w.closer[0].snapshot(to, full, w.closer[0].opts.groups())
}

// Restore implements Stateful.
func (w *windowJoin) Restore(r state.Reader) error {
	if err := w.join.Restore(r); err != nil {
		return err
	}
	for port, s := range w.side {
		if err := w.closer[port].restore(r, s.groups, s.layout.key, w.node.WinKey); err != nil {
			return err
		}
	}
	return nil
}

var _ Stateful = (*windowJoin)(nil)
