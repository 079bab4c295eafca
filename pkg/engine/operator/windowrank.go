package operator

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// windowRank is plan.Rank by windows: the top rows of a window go out, by the window's end, when the watermark has passed it; what comes for the
// window then is late. Until then a partition keeps its first End rows, in order.
type windowRank struct {
	*rank
	closer *closer
	rows   *batch.Builder
}

func newWindowRank(n *plan.Rank, in []types.Type, opts Options) (Stateful, error) {
	if n.WinKey < 0 || n.WinKey >= len(n.PartitionBy) || !in[n.PartitionBy[n.WinKey]].IsTimestamp() {
		return nil, fault.New(fault.Config, "a rank by windows needs the window's end in PARTITION BY")
	}
	plain := *n
	plain.Win, plain.TTL = nil, 0
	r, err := NewRank(&plain, in, opts)
	if err != nil {
		return nil, err
	}
	w := &windowRank{rank: r.(*rank), closer: newCloser(*n.Win, opts)}
	if w.to < 1<<30 {
		w.keep = w.to // windows have no updates
	}
	w.lastWins = n.LastWins
	w.rows = batch.NewBuilder(w.diff.rows.Types()...)
	return w, nil
}

// Process implements Operator.
func (w *windowRank) Process(port int, b *batch.Batch, out Output) error {
	b, err := w.closer.open(0, inserts(b), w.node.PartitionBy[w.node.WinKey])
	if err != nil || b.N == 0 {
		return err
	}
	if err := w.rank.Process(port, b, out); err != nil {
		return err
	}
	ends := asInts(b.Cols[w.node.PartitionBy[w.node.WinKey]].(*array.Timestamp))
	for i, g := range w.groups {
		w.closer.add(g, ends[i])
	}
	return nil
}

// EndEpoch implements Operator.
func (w *windowRank) EndEpoch(e Epoch, out Output) error {
	if err := w.settle(e); err != nil {
		return err
	}
	for _, g := range w.closer.advance(e) {
		key := w.bag.groups.Key(g)
		w.top = w.topRows(w.top[:0], g)
		for i, row := range w.top {
			if err := w.layout.decode(key, w.value(row), w.rows.Cols); err != nil {
				return fmt.Errorf("window rank: %w", err)
			}
			if w.node.RankCol {
				w.rows.Cols[len(w.layout.types)].(*array.Int64Builder).Append(int64(w.from + i + 1))
			}
			w.rows.RowDone(batch.Insert, -1)
		}
		w.bag.groups.Delete(g)
		if w.rows.Len() >= batch.TargetRows {
			if err := out(w.rows.Build()); err != nil {
				return err
			}
		}
	}
	if w.rows.Len() == 0 {
		return nil
	}
	return out(w.rows.Build())
}

// Snapshot implements Stateful.
func (w *windowRank) Snapshot(to state.Writer, full bool) error {
	if err := w.rank.Snapshot(to, full); err != nil {
		return err
	}
	return w.closer.snapshot(to, full, w.opts.groups())
}

// Restore implements Stateful.
func (w *windowRank) Restore(r state.Reader) error {
	if err := w.rank.Restore(r); err != nil {
		return err
	}
	return w.closer.restore(r, w.bag.groups, w.layout.key, w.node.WinKey)
}

// closer knows which groups belong to which windows, and which windows are over.
type closer struct {
	win   plan.WindowSpec
	opts  Options
	wall  wallClock
	mark  int64
	saved int64
	ends  []int64           // by group: the end of its window, as wall time
	by    map[int64][]int32 // groups by window end
	idx   []int32
	late  []int32
}

func newCloser(win plan.WindowSpec, opts Options) *closer {
	return &closer{win: win, opts: opts, wall: newWallClock(win, opts), mark: NoWatermark, saved: NoWatermark, by: map[int64][]int32{}}
}

func (c *closer) over(end int64) bool {
	return c.mark != NoWatermark && c.wall.instant(end-millisecond) <= c.mark
}

// open gives the rows of b, from port, whose window, which ends at column col, is not over; the others are late.
func (c *closer) open(port int, b *batch.Batch, col int) (*batch.Batch, error) {
	ends := b.Cols[col].(*array.Timestamp)
	c.idx, c.late = c.idx[:0], c.late[:0]
	last, lastOver := int64(NoWatermark), true
	for i, end := range ends.TimestampValues() {
		if int64(end) != last {
			last = int64(end)
			lastOver = c.over(last)
		}
		if !lastOver && ends.IsValid(i) {
			c.idx = append(c.idx, int32(i))
		} else {
			c.late = append(c.late, int32(i))
		}
	}
	if len(c.late) == 0 {
		return b, nil
	}
	return batch.Take(b, c.idx), c.opts.late(port, b, c.late)
}

// add says that group g is of the window that ends at end.
func (c *closer) add(g int32, end int64) {
	if int(g) >= len(c.ends) {
		n := len(c.ends)
		c.ends = extend(c.ends, int(g)+1)
		for i := n; i < len(c.ends); i++ {
			c.ends[i] = NoWatermark
		}
	}
	if c.ends[g] != end {
		c.ends[g] = end
		c.by[end] = append(c.by[end], g)
	}
}

// advance moves the watermark and gives the groups of the windows that are over now, by window; they are to be dropped.
func (c *closer) advance(e Epoch) []int32 {
	mark := e.Watermark
	if c.win.ProcTime {
		mark = e.Now.UnixMicro() - millisecond
	}
	if e.Final {
		mark = MaxWatermark
	}
	if mark <= c.mark {
		return nil
	}
	c.mark = mark
	var ends []int64
	for end := range c.by {
		if c.over(end) {
			ends = append(ends, end)
		}
	}
	slices.Sort(ends)
	var out []int32
	for _, end := range ends {
		for _, g := range c.by[end] {
			c.ends[g] = NoWatermark
			out = append(out, g)
		}
		delete(c.by, end)
	}
	return out
}

func (c *closer) snapshot(w state.Writer, full bool, groups int) error {
	if !full && c.saved == c.mark {
		return nil
	}
	c.saved = c.mark
	return saveMark(w, groups, c.mark)
}

// restore reads the watermark, and the windows from the groups' keys, in which the window's end is column key.
func (c *closer) restore(r state.Reader, groups *state.Table, codec *state.Codec, key int) error {
	var err error
	if c.mark, err = loadMark(r); err != nil {
		return err
	}
	c.saved = c.mark
	return c.find(groups, codec, key)
}

func (c *closer) find(groups *state.Table, codec *state.Codec, key int) error {
	dst := batch.NewBuilder(codec.Types()...)
	var at []int32
	err := groups.Each(func(g int32) error {
		_, err := codec.DecodeRow(groups.Key(g), dst.Cols)
		dst.RowDone(batch.Insert, -1)
		at = append(at, g)
		return err
	})
	if err != nil {
		return fmt.Errorf("restore windows: %w", err)
	}
	ends := asInts(dst.Build().Cols[key].(*array.Timestamp))
	for i, g := range at {
		c.add(g, ends[i])
	}
	return nil
}

var _ Stateful = (*windowRank)(nil)
