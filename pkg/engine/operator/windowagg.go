package operator

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// windowAgg is plan.WindowAgg for TUMBLE, HOP and CUMULATE. A row is added to one slice, the longest stretch of time that no
// window border cuts. When the watermark passes a window's end, the window's slices are merged and its rows go out, by
// window, then by encoded key. CUMULATE keeps the sum of the slices that are through, so a slice is merged once.
//
// Aggregates that cannot be merged (over input that takes rows back, and LISTAGG) keep whole windows instead: a row is then added to each
// of its windows.
type windowAgg struct {
	node   *plan.WindowAgg
	opts   Options
	clock  clock
	wall   wallClock
	maker  paneMaker
	direct bool
	slice  int64
	winCol []types.Type

	panes map[paneID]*pane
	// mark is the watermark of the last epoch: windows that ended by then are closed.
	mark  int64
	saved int64
	gone  goneWriter

	in      *input
	keys    state.Keys
	keyCols []arrow.Array
	times   []int64
	rows    []int32
	targets []target
	late    []int32
}

// target is the rows of a batch for one pane.
type target struct {
	id  paneID
	sel []int32
}

// NewWindowAgg makes the operator of a WindowAgg node whose input has columns of types in. The error is of kind fault.Config.
func NewWindowAgg(n *plan.WindowAgg, in []types.Type, opts Options) (Stateful, error) {
	if err := checkWindow(n.Win); err != nil {
		return nil, err
	}
	if n.Win.Kind == plan.Session {
		return newSessionAgg(n, in, opts)
	}
	w := &windowAgg{node: n, opts: opts, clock: opts.clock(), wall: newWallClock(n.Win, opts), panes: map[paneID]*pane{},
		mark: NoWatermark, saved: NoWatermark, in: newInput(in)}
	w.keyCols = make([]arrow.Array, len(n.Keys))
	w.maker = newPaneMaker(n, in, opts)
	if _, err := w.maker.make(paneID{}); err != nil {
		return nil, err
	}
	w.direct = n.Retract || slices.ContainsFunc(n.Aggs, func(a plan.AggCall) bool {
		name, _, user := plan.UserFunction(a.Func)
		return a.Func == "LISTAGG" || user && !opts.Functions[name].Merge
	})
	switch {
	case n.Win.Kind == plan.Tumble:
		w.slice = n.Win.Size
	case n.Win.Kind == plan.Cumulate:
		w.slice = n.Win.Slide
	default:
		w.slice = gcd(n.Win.Size, n.Win.Slide)
	}
	for i := range n.WindowCols {
		w.winCol = append(w.winCol, windowType(n.P.Out, len(n.Keys)+len(n.Aggs)+i, n.Win, in))
	}
	return w, nil
}

func newPaneMaker(n *plan.WindowAgg, in []types.Type, opts Options) paneMaker {
	keys := make([]types.Type, len(n.Keys))
	for i, k := range n.Keys {
		keys[i] = in[k]
	}
	return paneMaker{calls: n.Aggs, in: in, codec: state.NewCodec(batch.ArrowTypes(keys)), nGroups: opts.groups(), opts: opts, retract: n.Retract}
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// closedAt tells whether a window that ends at wall time end was closed by the watermark mark.
func (w *windowAgg) closedAt(end, mark int64) bool {
	return mark != NoWatermark && w.wall.instant(end-millisecond) <= mark
}

// Process implements Operator.
func (w *windowAgg) Process(_ int, b *batch.Batch, _ Output) error {
	if b.N == 0 {
		return nil
	}
	for i, k := range w.node.Keys {
		w.keyCols[i] = b.Cols[k]
	}
	hashKeys(&w.keys, w.maker.codec, w.keyCols, b.N)
	times, valid, err := rowTimes(w.node.Win, b, w.clock.time(), w.times)
	if err != nil {
		return err
	}
	if w.node.Win.ProcTime {
		w.times = times
	}
	if err := w.assign(b, times, valid); err != nil {
		return err
	}
	w.rows = state.Resize(w.rows, b.N)
	w.in.reset(b, w.rows)
	for i := range w.targets {
		if err := w.add(&w.targets[i], b); err != nil {
			return err
		}
	}
	return nil
}

// hashKeys encodes and hashes key columns.
func hashKeys(k *state.Keys, c *state.Codec, cols []arrow.Array, n int) {
	c.Encode(k, cols, n)
	k.Hash = state.Resize(k.Hash, n)
	if len(cols) == 0 {
		clear(k.Hash)
	} else {
		kernel.Hash(cols, n, k.Hash)
	}
}

// assign sets w.targets to the panes of the batch's rows, in the order in which they come.
func (w *windowAgg) assign(b *batch.Batch, times []int64, valid arrow.Array) error {
	w.targets, w.late = w.targets[:0], w.late[:0]
	// The slice of the last row and where its rows go: rows of one time come together.
	from, to, at := int64(0), int64(0), -1
	for i, t := range times {
		if valid != nil && valid.IsNull(i) {
			w.late = append(w.late, int32(i))
			continue
		}
		t = w.wall.wall(t)
		if w.direct {
			open := false
			windowsOf(w.node.Win, t, func(_, end int64) {
				if !w.closedAt(end, w.mark) {
					open = true
					x := w.target(end)
					w.targets[x].sel = append(w.targets[x].sel, int32(i))
				}
			})
			if !open {
				w.late = append(w.late, int32(i))
			}
			continue
		}
		if t < from || t >= to {
			from = floor(t, w.node.Win.Offset, w.slice)
			to = from + w.slice
			at = -1
			if end := to; !w.closedAt(w.lastEnd(from), w.mark) {
				for w.node.Win.Kind == plan.Cumulate && w.closedAt(end, w.mark) {
					end += w.slice // its slice is in the sum already: the next one takes it along
				}
				at = w.target(end)
			}
		}
		if at < 0 {
			w.late = append(w.late, int32(i))
			continue
		}
		w.targets[at].sel = append(w.targets[at].sel, int32(i))
	}
	return w.opts.late(0, b, w.late)
}

// lastEnd is the end of the last window that holds the slice that starts at from.
func (w *windowAgg) lastEnd(from int64) int64 {
	if w.node.Win.Kind == plan.Hop {
		return floor(from, w.node.Win.Offset, w.node.Win.Slide) + w.node.Win.Size
	}
	return floor(from, w.node.Win.Offset, w.node.Win.Size) + w.node.Win.Size
}

// target gives the index of the target for the pane that ends at end.
func (w *windowAgg) target(end int64) int {
	for i := len(w.targets) - 1; i >= 0; i-- {
		if w.targets[i].id.at == end {
			return i
		}
	}
	if n := len(w.targets); n < cap(w.targets) {
		w.targets = w.targets[:n+1]
		w.targets[n].sel = w.targets[n].sel[:0]
	} else {
		w.targets = append(w.targets, target{})
	}
	w.targets[len(w.targets)-1].id = paneID{at: end}
	return len(w.targets) - 1
}

func (w *windowAgg) pane(id paneID) (*pane, error) {
	p := w.panes[id]
	if p != nil {
		return p, nil
	}
	p, err := w.maker.make(id)
	if err != nil {
		return nil, err
	}
	p.aggs.in = w.in
	w.panes[id] = p
	return p, nil
}

// add applies the rows of one target.
func (w *windowAgg) add(t *target, b *batch.Batch) error {
	if len(t.sel) == 0 {
		return nil
	}
	p, err := w.pane(t.id)
	if err != nil {
		return err
	}
	sel, err := p.find(t.sel, &w.keys, b, w.rows, w.node.Retract)
	if err != nil {
		return err
	}
	return p.aggs.add(sel)
}

// find sets rows[i] to the group of row i for every i in sel, and gives the rows to apply: not those that take back
// from a group without rows. It counts the rows if they may be taken back.
func (p *pane) find(sel []int32, k *state.Keys, b *batch.Batch, rows []int32, retract bool) ([]int32, error) {
	keep := sel[:0]
	var last []byte
	lastRow := int32(-1)
	for _, i := range sel {
		key := k.At(int(i))
		row := lastRow
		if row < 0 || string(key) != string(last) {
			var err error
			if row, err = p.row(key, k.Hash[i]); err != nil {
				return nil, err
			}
			p.groups.Touch(row)
			last, lastRow = key, row
		}
		rows[i] = row
		if retract {
			if b.Kind(int(i)).Retracts() {
				if p.count[row] == 0 {
					continue
				}
				p.count[row]--
			} else {
				p.count[row]++
			}
		}
		keep = append(keep, i)
	}
	return keep, nil
}

// EndEpoch implements Operator.
func (w *windowAgg) EndEpoch(e Epoch, out Output) error {
	w.clock.endEpoch(e)
	mark := e.Watermark
	if w.node.Win.ProcTime {
		mark = e.Now.UnixMicro() - millisecond
	}
	if e.Final {
		mark = MaxWatermark
	}
	if mark <= w.mark {
		return nil
	}
	before := w.mark
	w.mark = mark
	var err error
	switch {
	case w.direct || w.node.Win.Kind == plan.Tumble:
		err = w.fireWindows(out)
	case w.node.Win.Kind == plan.Hop:
		err = w.fireHops(before, out)
	default:
		err = w.fireSums(before, out)
	}
	return err
}

// ids gives the panes' ids in order.
func (w *windowAgg) ids() []paneID {
	ids := make([]paneID, 0, len(w.panes))
	for id := range w.panes {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, paneID.compare)
	return ids
}

// fireWindows gives the windows that are closed now, where a pane is a window.
func (w *windowAgg) fireWindows(out Output) error {
	for _, id := range w.ids() {
		if !w.closedAt(id.at, w.mark) {
			continue
		}
		start := id.at - w.node.Win.Size
		if w.node.Win.Kind == plan.Cumulate {
			start = floor(id.at-millisecond, w.node.Win.Offset, w.node.Win.Size)
		}
		if err := w.emit(w.panes[id], start, id.at, out); err != nil {
			return err
		}
		if err := w.drop(id); err != nil {
			return err
		}
	}
	return nil
}

// fireHops gives the windows that closed since before, merged from their slices, and drops slices that no open window needs.
func (w *windowAgg) fireHops(before int64, out Output) error {
	win := w.node.Win
	ids := w.ids()
	var ends []int64
	for _, id := range ids {
		for end := w.lastEnd(id.at - w.slice); end >= id.at; end -= win.Slide {
			if w.closedAt(end, w.mark) && !w.closedAt(end, before) {
				ends = append(ends, end)
			}
		}
	}
	slices.Sort(ends)
	for _, end := range slices.Compact(ends) {
		sum, err := w.maker.make(paneID{})
		if err != nil {
			return err
		}
		for _, id := range ids {
			if id.at > end-win.Size && id.at <= end {
				if err := sum.merge(w.panes[id], &w.maker); err != nil {
					return err
				}
			}
		}
		if err := w.emit(sum, end-win.Size, end, out); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if w.closedAt(w.lastEnd(id.at-w.slice), w.mark) {
			if err := w.drop(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// fireSums gives the steps of CUMULATE windows that closed since before.
func (w *windowAgg) fireSums(before int64, out Output) error {
	win := w.node.Win
	var starts []int64
	for _, id := range w.ids() {
		start := id.at
		if !id.sum {
			start = floor(id.at-w.slice, win.Offset, win.Size)
		}
		starts = append(starts, start)
	}
	slices.Sort(starts)
	for _, start := range slices.Compact(starts) {
		sumID := paneID{at: start, sum: true}
		for end := start + w.slice; end <= start+win.Size && w.closedAt(end, w.mark); end += w.slice {
			if w.closedAt(end, before) {
				continue
			}
			if slice := w.panes[paneID{at: end}]; slice != nil {
				sum, err := w.pane(sumID)
				if err != nil {
					return err
				}
				if err := sum.merge(slice, &w.maker); err != nil {
					return err
				}
				if err := w.drop(slice.id); err != nil {
					return err
				}
			}
			if sum := w.panes[sumID]; sum != nil {
				if err := w.emit(sum, start, end, out); err != nil {
					return err
				}
			}
		}
		if w.closedAt(start+win.Size, w.mark) && w.panes[sumID] != nil {
			if err := w.drop(sumID); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *windowAgg) drop(id paneID) error {
	err := w.panes[id].drop(&w.gone, w.opts.groups())
	delete(w.panes, id)
	return err
}

// emit gives a window's rows.
func (w *windowAgg) emit(p *pane, start, end int64, out Output) error {
	return p.results(&w.maker, func(cols []arrow.Array, rows []int32) error {
		n := len(rows)
		for i, kind := range w.node.WindowCols {
			cols = append(cols, windowColumn(&w.wall, w.winCol[i], kind, n, func(int) (int64, int64) { return start, end }))
		}
		return out(batch.New(n, cols...))
	})
}

// windowColumn makes one of the columns "start", "end" and "time" from the windows of n rows.
func windowColumn(c *wallClock, t types.Type, kind string, n int, window func(i int) (start, end int64)) arrow.Array {
	b := batch.NewBuilder(batch.ArrowType(t)).Cols[0].(*array.TimestampBuilder)
	b.Reserve(n)
	for i := range n {
		start, end := window(i)
		wall := start
		switch kind {
		case "end":
			wall = end
		case "time":
			wall = end - millisecond
		}
		b.Append(windowValue(c, t, wall))
	}
	return b.NewArray()
}

// Snapshot implements Stateful.
func (w *windowAgg) Snapshot(to state.Writer, full bool) error {
	if full {
		w.gone = goneWriter{}
	} else if err := w.gone.flush(to); err != nil {
		return fmt.Errorf("write closed windows: %w", err)
	}
	for _, id := range w.ids() {
		if err := w.panes[id].snapshot(to, full, w.opts.groups()); err != nil {
			return err
		}
	}
	if !full && w.saved == w.mark {
		return nil
	}
	w.saved = w.mark
	return saveMark(to, w.opts.groups(), w.mark)
}

// saveMark writes the watermark under every key group, so that whoever gets a group knows it: all instances have the same.
func saveMark(to state.Writer, nGroups int, mark int64) error {
	for g := range nGroups {
		if err := to.Put("watermark", uint16(g), nil, putUint64(nil, uint64(mark))); err != nil {
			return fmt.Errorf("write watermark: %w", err)
		}
	}
	return nil
}

func loadMark(r state.Reader) (int64, error) {
	mark := NoWatermark
	err := r.Entries("watermark", func(_ uint16, _, value []byte) error {
		v, _, err := getUint64(value)
		mark = max(mark, int64(v))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("restore watermark: %w", err)
	}
	return mark, nil
}

// Restore implements Stateful.
func (w *windowAgg) Restore(r state.Reader) error {
	var err error
	if w.mark, err = loadMark(r); err != nil {
		return err
	}
	w.saved = w.mark
	probe, err := w.maker.make(paneID{})
	if err != nil {
		return err
	}
	tables := []string{"groups"}
	for _, e := range probe.aggs.elems {
		tables = append(tables, e.name)
	}
	parts, err := splitPanes(r, tables)
	if err != nil {
		return err
	}
	for id, part := range parts {
		p, err := w.pane(id)
		if err != nil {
			return err
		}
		if err := p.restore(part, &w.maker); err != nil {
			return err
		}
	}
	return nil
}

// StateBytes implements Stateful.
func (w *windowAgg) StateBytes() int64 {
	n := int64(cap(w.gone.keys.Data))
	for _, p := range w.panes {
		n += p.groups.Bytes() + p.aggs.bytes() + int64(cap(p.count))*8
	}
	return n
}

var _ Stateful = (*windowAgg)(nil)
