package exec

import (
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// Watermarks move only at the end of an epoch, when all workers stand still: the watermark of a source is the minimum over its splits of the
// newest time seen less the declared delay, and any other node's the minimum of its inputs'. So which rows are late depends on the
// epoch's input ranges alone, and the replay of an epoch repeats it.

// observe notes the newest event time of the batch for the split in work.
func (w *worker) observe(node int, n *plan.Watermark, b *batch.Batch) {
	at := n.TimeCol
	if len(n.Mark) > 0 {
		at = n.Mark[0]
	}
	col, ok := b.Cols[at].(*array.Timestamp)
	if !ok {
		return
	}
	m := &w.times[node]
	newest, found := m.newest[w.split]
	for i, v := range col.TimestampValues() {
		if (!found || int64(v) > newest) && col.IsValid(i) {
			newest, found = int64(v), true
		}
	}
	if found {
		m.newest[w.split] = newest
	}
	m.fed[w.split] = true
}

// clock is a watermark node's state over all workers.
type clock struct {
	Newest map[string]int64 // by split ID
	// Quiet is when the split was last seen with rows, by the epochs' clock: it decides idleness.
	Quiet map[string]int64
	Mark  int64
}

// advance recomputes all watermarks; the workers must be at rest. It tells whether any of them moved.
func (r *run) advance(now time.Time, final bool) bool {
	moved := false
	for i, n := range r.g.nodes {
		mark := operator.NoWatermark
		switch n := n.(type) {
		case *plan.Watermark:
			mark = r.sourceMark(i, n, now)
		case *plan.Source, *plan.Values:
		default:
			for k, in := range n.Inputs() {
				m := r.marks[r.g.index[in]]
				if j, ok := in.(*plan.IntervalJoin); ok && !j.ProcTime && m != operator.NoWatermark && m != operator.MaxWatermark {
					m -= operator.IntervalJoinDelay(j) // its rows may lag behind its own watermark
				}
				if k == 0 || m < mark {
					mark = m
				}
			}
		}
		if final {
			mark = operator.MaxWatermark
		}
		if mark > r.marks[i] {
			r.marks[i] = mark
			moved = true
		}
	}
	return moved
}

func (r *run) sourceMark(node int, n *plan.Watermark, now time.Time) int64 {
	c := r.clocks[node]
	for _, w := range r.workers {
		m := &w.times[node]
		for split, t := range m.newest {
			if old, ok := c.Newest[split.ID]; !ok || t > old {
				c.Newest[split.ID] = t
			}
		}
		for split := range m.fed {
			c.Quiet[split.ID] = now.UnixMicro()
		}
		clear(m.fed)
	}
	mark, found := int64(0), false
	for _, id := range r.splitsOf(n) {
		t, seen := c.Newest[id]
		last, ok := c.Quiet[id]
		if !ok {
			c.Quiet[id] = now.UnixMicro()
			last = now.UnixMicro()
		}
		if n.Idle > 0 && now.UnixMicro()-last >= n.Idle {
			continue
		}
		if !seen {
			return c.Mark
		}
		if !found || t < mark {
			mark, found = t, true
		}
	}
	if found && mark-n.Delay > c.Mark {
		c.Mark = mark - n.Delay
	}
	return c.Mark
}

// splitsOf lists the splits of the source under a watermark node: those the job announces and those seen.
func (r *run) splitsOf(n plan.Node) []string {
	for {
		if s, ok := n.(*plan.Source); ok {
			return r.splits[s.P.ID]
		}
		ins := n.Inputs()
		if len(ins) == 0 {
			return nil
		}
		n = ins[0]
	}
}

// know adds a split to the ones that hold their source's watermark back.
func (r *run) know(s endpoint.Split) {
	for _, id := range r.splits[s.Source] {
		if id == s.ID {
			return
		}
	}
	r.splits[s.Source] = append(r.splits[s.Source], s.ID)
}
