package operator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// over is plan.OverAgg on a stream: each row comes out once with the aggregates of the frame that ends with it.
//
// Rows wait in a bag until the watermark has reached their time (of processing time: until the epoch ends); then they are gone through by time,
// rows of one time as they came. A frame without a beginning is a running aggregate: the row is let go of. Rows of a bounded frame stay and are
// taken back from the aggregate when they fall out of it. The aggregates take a step at a time: a row (ROWS), or all rows of one time with what
// they push out (RANGE), of any number of partitions.
//
// A late row is dropped and counted. Where the frame has no beginning that is a row at or before the watermark; where it has one, a row that is not
// after the last one that came out of its partition. That is Flink's distinction.
type over struct {
	node   *plan.OverAgg
	opts   Options
	clock  clock
	layout *layout
	bag    *bag
	aggs   *aggregates

	bounded  bool
	together bool  // all rows of one time are one step
	keep     int   // ROWS: so many rows are in a frame
	width    int64 // RANGE: rows at most so much older, in microseconds, are

	time    []int64 // by row
	frames  []queue // by group: the rows that may be in the next frame
	last    []int64 // by group: the time of the last row that came out, NoWatermark if none
	waiting []int32 // by group: rows that have not come out
	busy    []int32 // groups with rows that have not come out; only with a TTL
	due     *expiry
	ends    *expiry // groups of RANGE frames, by when no row can fall into their frame
	pending []int32 // rows of processing time
	next    uint64
	mark    int64
	saved   int64

	keys, rows state.Keys
	groups     []int32
	buf        []byte
	idx, late  []int32
	ready      []int32
	work       work
}

// work is a batch of rows going through the aggregates.
type work struct {
	rows    *batch.Builder
	results *batch.Builder
	row     []int32 // by work row: the row in the bag
	group   []int32
	emit    []int32 // work rows that come out
	steps   []int   // where the steps end
	sel     []int32
}

// NewOverAgg makes the operator of an OverAgg node whose input has columns of types in. The error is of kind fault.Config: an aggregate or order
// that is not for these types.
func NewOverAgg(n *plan.OverAgg, in []types.Type, opts Options) (Stateful, error) {
	if n.Batch {
		return newOverBatch(n, in, opts)
	}
	if len(n.Order) != 1 || n.Frame.Upper.Kind != plan.CurrentRow || !in[n.Order[0].Col].IsTimestamp() {
		return nil, fault.New(fault.Config, "OVER in a stream is ordered by a time and ends with the current row")
	}
	o := &over{node: n, opts: opts, clock: opts.clock(), layout: newLayout(in, n.PartitionBy), next: 1, mark: NoWatermark, saved: NoWatermark}
	o.bounded = n.Frame.Lower.Kind != plan.UnboundedPreceding
	proc := n.Time == plan.ProcTime
	o.together = !n.Frame.Rows && (o.bounded || !proc)
	ttl := n.TTL
	switch {
	case o.bounded && n.Frame.Rows:
		o.keep = int(min(n.Frame.Lower.N, math.MaxInt32)) + 1
	case o.bounded:
		o.width = n.Frame.Lower.N
		o.ends = newExpiry(max(o.width/4, millisecond))
		ttl = 0
	}
	o.due = newExpiry(1_000_000)
	o.bag = newBag("rows", o.layout.key, opts.groups())
	o.bag.groups.SetTTL(ttl)
	o.bag.groups.OnDrop = o.drop
	var err error
	if o.aggs, err = newAggregates(n.Calls, in, o.bag.groups, opts, o.bounded); err != nil {
		return nil, err
	}
	o.work.rows = batch.NewBuilder(o.layout.types...)
	var results []types.Type
	for _, c := range n.Calls {
		results = append(results, c.T)
	}
	o.work.results = batch.NewBuilder(batch.ArrowTypes(results)...)
	return o, nil
}

// Process implements Operator.
func (o *over) Process(_ int, b *batch.Batch, _ Output) error {
	if b = inserts(b); b.N == 0 {
		return nil
	}
	var times []int64
	if o.node.Time != plan.ProcTime {
		var valid interface{ IsNull(int) bool }
		col, ok := b.Cols[o.node.Order[0].Col].(*array.Timestamp)
		if !ok {
			return fault.Newf(fault.Internal, "OVER ordered by a column of type %s", b.Cols[o.node.Order[0].Col].DataType())
		}
		if col.NullN() > 0 {
			valid = col
		}
		o.idx, o.late = o.idx[:0], o.late[:0]
		for i, t := range col.TimestampValues() {
			if (valid == nil || !valid.IsNull(i)) && (o.bounded || o.mark == NoWatermark || int64(t) > o.mark) {
				o.idx = append(o.idx, int32(i))
			} else {
				o.late = append(o.late, int32(i))
			}
		}
		if err := o.opts.late(0, b, o.late); err != nil {
			return err
		}
		if len(o.idx) == 0 {
			return nil
		}
		if len(o.idx) < b.N {
			b = batch.Take(b, o.idx)
			col = b.Cols[o.node.Order[0].Col].(*array.Timestamp)
		}
		times = asInts(col)
	}
	o.layout.encodeKeys(&o.keys, b, o.node.PartitionBy)
	o.layout.encodeRows(&o.rows, b)
	o.groups = state.Resize(o.groups, b.N)
	o.bag.groups.SetNow(o.clock.time())
	fresh, err := o.bag.groups.Upsert(&o.keys, o.groups)
	if err != nil {
		return err
	}
	o.grow()
	for _, i := range fresh {
		o.begin(o.groups[i])
	}
	now := o.clock.time().UnixMicro()
	o.late = o.late[:0]
	for i, g := range o.groups {
		t := now
		if times != nil {
			if t = times[i]; o.bounded && t <= o.last[g] && o.last[g] != NoWatermark {
				o.late = append(o.late, int32(i))
				continue
			}
		}
		o.buf = append(binary.LittleEndian.AppendUint64(o.buf[:0], o.next), o.rows.At(i)...)
		o.next++
		row, _, err := o.bag.add(g, o.buf)
		if err != nil {
			return fmt.Errorf("keep a row: %w", err)
		}
		o.time = extend(o.time, o.bag.rows.Rows())
		o.time[row] = t
		o.wait(g, row)
		o.bag.groups.Touch(g)
		o.bag.groups.Refresh(g)
	}
	return o.opts.late(0, b, o.late)
}

func (o *over) wait(g, row int32) {
	if o.node.Time == plan.ProcTime {
		o.pending = append(o.pending, row)
	} else {
		o.due.add(o.time[row], row)
	}
	if o.waiting[g]++; o.waiting[g] == 1 && o.node.TTL > 0 {
		o.busy = append(o.busy, g)
	}
}

func (o *over) grow() {
	n := o.bag.groups.Rows()
	o.bag.size, o.frames, o.last, o.waiting = extend(o.bag.size, n), extend(o.frames, n), extend(o.last, n), extend(o.waiting, n)
	o.aggs.grow(n)
}

func (o *over) begin(g int32) {
	o.bag.size[g] = 0
	o.frames[g].clear()
	o.last[g], o.waiting[g] = NoWatermark, 0
	o.aggs.begin(g)
}

// drop forgets a partition. It has no rows that wait: those are kept from expiring.
func (o *over) drop(g int32) {
	if int(g) >= len(o.frames) {
		return
	}
	for _, row := range o.frames[g].rows() {
		o.bag.remove(row)
	}
	o.frames[g].clear()
	o.aggs.end(g)
}

func (o *over) seq(row int32) uint64 { return binary.LittleEndian.Uint64(o.bag.row(row)) }

// EndEpoch implements Operator.
func (o *over) EndEpoch(e Epoch, out Output) error {
	mark := e.Watermark
	if e.Final {
		mark = MaxWatermark
	}
	o.ready = append(o.ready[:0], o.pending...)
	o.pending = o.pending[:0]
	if err := o.due.due(mark, func(row int32) int64 { return o.time[row] }, func(row int32) error {
		o.ready = append(o.ready, row)
		return nil
	}); err != nil {
		return err
	}
	slices.SortFunc(o.ready, func(a, b int32) int {
		switch {
		case o.time[a] != o.time[b]:
			if o.time[a] < o.time[b] {
				return -1
			}
			return 1
		case o.seq(a) < o.seq(b):
			return -1
		}
		return 1
	})
	if err := o.walk(out); err != nil {
		return err
	}
	o.mark = max(o.mark, mark)
	o.clock.endEpoch(e)
	o.bag.groups.SetNow(o.clock.time())
	if o.node.Time == plan.ProcTime {
		mark = e.Now.UnixMicro()
	}
	if err := o.expire(mark, out); err != nil {
		return err
	}
	return o.aggs.sweep()
}

// walk lets the ready rows come out in order.
func (o *over) walk(out Output) error {
	for from := 0; from < len(o.ready); {
		to := from + 1
		t := o.time[o.ready[from]]
		for o.together && to < len(o.ready) && o.time[o.ready[to]] == t {
			to++
		}
		if err := o.step(o.ready[from:to], t); err != nil {
			return err
		}
		from = to
		if o.work.rows.Len() >= batch.TargetRows || from == len(o.ready) {
			if err := o.apply(out); err != nil {
				return err
			}
		}
	}
	return nil
}

// step puts rows of one time to work: first what they push out of their frames, then they themselves.
func (o *over) step(rows []int32, t int64) error {
	w := &o.work
	if o.bounded {
		for _, row := range rows {
			f := &o.frames[o.bag.owner[row]]
			for f.len() > 0 && (o.keep > 0 && f.len() >= o.keep || o.keep == 0 && o.time[f.first()] < plusTime(t, -o.width)) {
				if err := o.load(f.first(), true); err != nil {
					return err
				}
				f.pop()
			}
		}
	}
	for _, row := range rows {
		g := o.bag.owner[row]
		w.emit = append(w.emit, int32(len(w.row)))
		if err := o.load(row, false); err != nil {
			return err
		}
		if o.waiting[g]--; o.bounded {
			o.frames[g].push(row)
		}
		if o.last[g] == NoWatermark && o.ends != nil {
			o.ends.add(o.endOf(t), g)
		}
		o.last[g] = t
		o.bag.groups.Touch(g)
		o.bag.groups.Refresh(g)
	}
	w.steps = append(w.steps, len(w.row))
	return nil
}

// endOf is when a partition whose last row is at t can be forgotten.
func (o *over) endOf(t int64) int64 { return plusTime(t, o.width+o.width/2+millisecond) }

// load adds a row of the bag to the work.
func (o *over) load(row int32, back bool) error {
	w := &o.work
	g := o.bag.owner[row]
	if err := o.layout.decode(o.bag.groups.Key(g), o.bag.row(row)[seqBytes:], w.rows.Cols); err != nil {
		return fmt.Errorf("over: %w", err)
	}
	kind := batch.Insert
	if back {
		kind = batch.Delete
	}
	w.rows.RowDone(kind, -1)
	w.row, w.group = append(w.row, row), append(w.group, g)
	return nil
}

const seqBytes = 8

// apply runs the steps through the aggregates and gives the rows that come out.
func (o *over) apply(out Output) error {
	w := &o.work
	b := w.rows.Build()
	o.aggs.in.reset(b, w.group)
	from, e := 0, 0
	for _, to := range w.steps {
		w.sel = w.sel[:0]
		for i := from; i < to; i++ {
			w.sel = append(w.sel, int32(i))
		}
		from = to
		if err := o.aggs.add(w.sel); err != nil {
			return err
		}
		for ; e < len(w.emit) && int(w.emit[e]) < to; e++ {
			o.aggs.results(w.results.Cols, w.group[w.emit[e]])
			w.results.RowDone(batch.Insert, -1)
		}
	}
	if err := o.aggs.failed(); err != nil {
		return err
	}
	for i, row := range w.row {
		// A row goes with its frame; without one, at once.
		if !o.bounded || b.Kind(i).Retracts() {
			o.bag.remove(row)
		}
	}
	b.Kinds = nil
	switch {
	case len(w.emit) == 0:
		b.N = 0
	case len(w.emit) < b.N:
		b = batch.Take(b, w.emit)
	}
	b.Cols = append(b.Cols, w.results.Build().Cols...)
	w.row, w.group, w.emit, w.steps = w.row[:0], w.group[:0], w.emit[:0], w.steps[:0]
	if b.N == 0 {
		return nil
	}
	return out(b)
}

// expire forgets partitions whose time is over at mark.
func (o *over) expire(mark int64, out Output) error {
	if o.node.TTL > 0 {
		left := o.busy[:0]
		for _, g := range o.busy {
			if o.bag.groups.Used(g) && o.waiting[g] > 0 {
				o.bag.groups.Refresh(g)
				left = append(left, g)
			}
		}
		o.busy = left
		o.bag.groups.Expire(batch.TargetRows)
	}
	if o.ends == nil || mark == NoWatermark {
		return nil
	}
	var again, over []int32
	err := o.ends.due(mark, func(int32) int64 { return NoWatermark }, func(g int32) error {
		switch {
		case !o.bag.groups.Used(g) || o.last[g] == NoWatermark:
		case o.waiting[g] > 0 || o.endOf(o.last[g]) > mark:
			again = append(again, g)
		default:
			// Its rows leave the aggregates one by one, so that no distinct value is left behind.
			for f := &o.frames[g]; f.len() > 0; f.pop() {
				if err := o.load(f.first(), true); err != nil {
					return err
				}
			}
			over = append(over, g)
		}
		return nil
	})
	if o.work.rows.Len() > 0 {
		o.work.steps = append(o.work.steps, len(o.work.row))
		err = errors.Join(err, o.apply(out))
	}
	for _, g := range over {
		o.bag.groups.Delete(g)
	}
	for _, g := range again {
		o.ends.add(max(o.endOf(o.last[g]), plusTime(mark, millisecond)), g)
	}
	return err
}

// Snapshot implements Stateful.
func (o *over) Snapshot(w state.Writer, full bool) error {
	err := o.bag.groups.Snapshot(w, "groups", o.opts.groups(), full, func(dst []byte, g int32) []byte {
		return o.aggs.save(putUint64(dst, uint64(o.last[g])), g)
	})
	if err != nil {
		return err
	}
	if err := o.bag.snapshot(w, full, func(dst []byte, row int32) []byte { return putUint64(dst, uint64(o.time[row])) }); err != nil {
		return err
	}
	if err := o.aggs.snapshot(w, full); err != nil {
		return err
	}
	if !full && o.saved == o.mark {
		return nil
	}
	o.saved = o.mark
	return saveMark(w, o.opts.groups(), o.mark)
}

// Restore implements Stateful.
func (o *over) Restore(r state.Reader) error {
	var err error
	if o.mark, err = loadMark(r); err != nil {
		return err
	}
	o.saved = o.mark
	err = o.bag.groups.Restore(r, "groups", o.layout.key, o.opts.groups(), func(g int32, data []byte) error {
		o.grow()
		o.begin(g)
		last, rest, err := getUint64(data)
		if err != nil {
			return err
		}
		if o.last[g] = int64(last); o.last[g] != NoWatermark && o.ends != nil {
			o.ends.add(o.endOf(o.last[g]), g)
		}
		return o.aggs.load(g, rest)
	})
	if err != nil {
		return err
	}
	if err := o.aggs.restore(r, o.layout.key); err != nil {
		return err
	}
	err = o.bag.restore(r, true, func(row int32, data []byte) error {
		t, _, err := getUint64(data)
		if err != nil {
			return err
		}
		kept := o.bag.row(row)
		if len(kept) < seqBytes {
			return fmt.Errorf("%w: a waiting row without its number", state.ErrCorrupt)
		}
		o.time = extend(o.time, o.bag.rows.Rows())
		o.time[row] = int64(t)
		o.next = max(o.next, o.seq(row)+1)
		g := o.bag.owner[row]
		if o.bounded && o.last[g] != NoWatermark && o.time[row] <= o.last[g] {
			o.frames[g].push(row)
		} else {
			o.wait(g, row)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for g := range o.frames {
		slices.SortFunc(o.frames[g].all, func(a, b int32) int {
			if o.time[a] < o.time[b] || o.time[a] == o.time[b] && o.seq(a) < o.seq(b) {
				return -1
			}
			return 1
		})
	}
	return nil
}

// StateBytes implements Stateful.
func (o *over) StateBytes() int64 {
	n := o.bag.bytes() + o.aggs.bytes() + o.due.bytes() + int64(cap(o.time)+cap(o.last))*8 + int64(cap(o.frames))*32
	for i := range o.frames {
		n += int64(cap(o.frames[i].all)) * 4
	}
	return n
}

// queue is a list of rows taken from the front.
type queue struct {
	all  []int32
	head int
}

func (q *queue) len() int      { return len(q.all) - q.head }
func (q *queue) first() int32  { return q.all[q.head] }
func (q *queue) rows() []int32 { return q.all[q.head:] }
func (q *queue) clear()        { q.all, q.head = q.all[:0], 0 }
func (q *queue) push(r int32)  { q.all = append(q.all, r) }

func (q *queue) pop() {
	if q.head++; q.head > 32 && q.head > len(q.all)/2 {
		q.all = q.all[:copy(q.all, q.all[q.head:])]
		q.head = 0
	}
}

var _ Stateful = (*over)(nil)
