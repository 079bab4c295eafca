package operator

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// sessionAgg is plan.WindowAgg for SESSION windows. It keeps the rows of open sessions, because a row that comes late can join
// two sessions and a row taken back can part one; a session is aggregated when the watermark passes its end, a gap after its last row. As in
// Flink, rows that are a gap apart exactly are in one session.
type sessionAgg struct {
	node   *plan.WindowAgg
	opts   Options
	clock  clock
	wall   wallClock
	maker  paneMaker // of the panes in which closed sessions are aggregated
	row    *state.Codec
	winCol []types.Type
	assign bool // the rows themselves go out, with their window's columns

	groups *state.Table
	open   []openRows
	// due is, by key, a wall time before which none of its sessions ends.
	due   []int64
	gone  goneWriter
	mark  int64
	saved int64
	size  int64
	// shrunk: a row was taken back, so that a session may end earlier than the last watermark.
	shrunk bool

	keys    state.Keys
	keyCols []arrow.Array
	times   []int64
	late    []int32
}

// openRows are a key's rows in the order in which they came.
type openRows struct {
	rows []sessionRow
	next uint64 // the number of the next row
}

type sessionRow struct {
	at    int64 // wall time
	seq   uint64
	data  []byte // the whole row; part of a batch's encoding
	saved bool
}

func newSessionAgg(n *plan.WindowAgg, in []types.Type, opts Options) (Stateful, error) {
	s := &sessionAgg{node: n, opts: opts, clock: opts.clock(), wall: newWallClock(n.Win, opts), maker: newPaneMaker(n, in, opts),
		row: state.NewCodec(batch.ArrowTypes(in)), mark: NoWatermark, saved: NoWatermark, keyCols: make([]arrow.Array, len(n.Keys))}
	s.maker.suffixed, s.maker.retract = true, false
	if _, err := s.maker.make(paneID{}); err != nil {
		return nil, err
	}
	for i := range n.WindowCols {
		s.winCol = append(s.winCol, windowType(n.P.Out, len(n.Keys)+len(n.Aggs)+i, n.Win, in))
	}
	s.groups = state.NewTable(s.maker.codec)
	return s, nil
}

func (s *sessionAgg) closed(end int64) bool {
	return s.mark != NoWatermark && s.wall.instant(end-millisecond) <= s.mark
}

// Process implements Operator.
func (s *sessionAgg) Process(_ int, b *batch.Batch, _ Output) error {
	if b.N == 0 {
		return nil
	}
	for i, k := range s.node.Keys {
		s.keyCols[i] = b.Cols[k]
	}
	hashKeys(&s.keys, s.maker.codec, s.keyCols, b.N)
	times, valid, err := rowTimes(s.node.Win, b, s.clock.time(), s.times)
	if err != nil {
		return err
	}
	if s.node.Win.ProcTime {
		s.times = times
	}
	var rows state.Keys // kept by the sessions
	s.row.Encode(&rows, b.Cols, b.N)
	gap, late := s.node.Win.Slide, s.late[:0]
	for i, t := range times {
		if valid != nil && valid.IsNull(i) {
			late = append(late, int32(i))
			continue
		}
		t = s.wall.wall(t)
		if b.Kind(i).Retracts() {
			s.takeBack(s.groups.FindKey(s.keys.At(i), s.keys.Hash[i]), t, rows.At(i))
			continue
		}
		if s.closed(t+gap) && !s.joins(s.groups.FindKey(s.keys.At(i), s.keys.Hash[i]), t) {
			late = append(late, int32(i))
			continue
		}
		g, fresh, err := s.groups.UpsertKey(s.keys.At(i), s.keys.Hash[i])
		if err != nil {
			return err
		}
		if fresh {
			s.begin(g)
		}
		o := &s.open[g]
		s.add(g, sessionRow{at: t, seq: o.next, data: rows.At(i)})
		s.groups.Touch(g)
	}
	s.late = late
	return s.opts.late(0, b, late)
}

func (s *sessionAgg) begin(g int32) {
	s.open, s.due = extend(s.open, s.groups.Rows()), extend(s.due, s.groups.Rows())
	s.open[g], s.due[g] = openRows{}, MaxWatermark
}

func (s *sessionAgg) add(g int32, r sessionRow) {
	o := &s.open[g]
	o.rows, o.next = append(o.rows, r), max(o.next, r.seq+1)
	s.due[g] = min(s.due[g], r.at+s.node.Win.Slide)
	s.size += int64(len(r.data)) + 48
}

// joins tells whether a row at t would be part of a session of key g that is open.
func (s *sessionAgg) joins(g int32, t int64) bool {
	return g >= 0 && slices.ContainsFunc(s.open[g].rows, func(r sessionRow) bool {
		return r.at-t <= s.node.Win.Slide && t-r.at <= s.node.Win.Slide
	})
}

func (s *sessionAgg) takeBack(g int32, t int64, data []byte) {
	if g < 0 {
		return
	}
	o := &s.open[g]
	// Of equal rows the one that came first, whatever order a restart has left them in.
	at := -1
	for i, r := range o.rows {
		if r.at == t && bytes.Equal(r.data, data) && (at < 0 || r.seq < o.rows[at].seq) {
			at = i
		}
	}
	if at >= 0 {
		s.forget(g, o.rows[at])
		o.rows = slices.Delete(o.rows, at, at+1)
		s.shrunk = true
		s.groups.Touch(g)
	}
}

// forget deletes a row's saved entry.
func (s *sessionAgg) forget(g int32, r sessionRow) {
	s.size -= int64(len(r.data)) + 48
	if r.saved {
		_ = s.gone.Delete("rows", state.Group(s.groups.Hash(g), s.opts.groups()), sessionKey(nil, s.groups.Key(g), r.seq)) // it only collects
	}
}

func sessionKey(dst, key []byte, seq uint64) []byte {
	return binary.AppendUvarint(append(dst, key...), seq)
}

// EndEpoch implements Operator.
func (s *sessionAgg) EndEpoch(e Epoch, out Output) error {
	s.clock.endEpoch(e)
	mark := e.Watermark
	if s.node.Win.ProcTime {
		mark = e.Now.UnixMicro() - millisecond
	}
	if e.Final {
		mark = MaxWatermark
	}
	if mark <= s.mark && !s.shrunk {
		return nil
	}
	s.mark, s.shrunk = max(s.mark, mark), false
	c := closing{s: s, out: out}
	err := s.groups.Each(func(g int32) error {
		if s.closed(s.due[g]) {
			return c.close(g)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.emit(out)
}

// closing collects the sessions that one epoch closes.
type closing struct {
	s       *sessionAgg
	out     Output
	rows    *batch.Builder
	group   []int32 // session by row
	pane    *pane
	in      *input
	windows [][2]int64 // by session
}

func (c *closing) close(g int32) error {
	s := c.s
	o := &s.open[g]
	gap := s.node.Win.Slide
	// By time, rows of one time as they came: sessions are runs without a gap.
	slices.SortStableFunc(o.rows, func(a, b sessionRow) int {
		switch {
		case a.at < b.at || a.at == b.at && a.seq < b.seq:
			return -1
		case a.at == b.at:
			return 0
		}
		return 1
	})
	for len(o.rows) > 0 {
		n := 1
		for n < len(o.rows) && o.rows[n].at-o.rows[n-1].at <= gap {
			n++
		}
		start, end := o.rows[0].at, o.rows[n-1].at+gap
		if !s.closed(end) {
			break
		}
		if err := c.session(g, start, end, o.rows[:n]); err != nil {
			return err
		}
		for _, r := range o.rows[:n] {
			s.forget(g, r)
		}
		o.rows = slices.Clone(o.rows[n:]) // lets go of the batches
	}
	s.due[g] = MaxWatermark
	for _, r := range o.rows {
		s.due[g] = min(s.due[g], r.at+gap)
	}
	if len(o.rows) == 0 {
		s.groups.Delete(g)
		s.open[g] = openRows{}
	}
	return nil
}

// assigned gives a session's rows with the window's columns.
func (c *closing) assigned(start, end int64, rows []sessionRow) error {
	s := c.s
	if c.rows == nil {
		c.rows = batch.NewBuilder(append(slices.Clone(s.row.Types()), batch.ArrowTypes(s.winCol)...)...)
	}
	n := len(s.row.Types())
	for _, r := range rows {
		if _, err := s.row.DecodeRow(r.data, c.rows.Cols[:n]); err != nil {
			return fmt.Errorf("read session row: %w", err)
		}
		for i, wall := range [3]int64{start, end, end - millisecond} {
			c.rows.Cols[n+i].(*array.TimestampBuilder).Append(windowValue(&s.wall, s.winCol[i], wall))
		}
		if c.rows.RowDone(batch.Insert, -1); c.rows.Len() == batch.TargetRows {
			if err := c.out(c.rows.Build()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *closing) session(g int32, start, end int64, rows []sessionRow) error {
	if c.s.assign {
		return c.assigned(start, end, rows)
	}
	if c.pane == nil {
		var err error
		if c.pane, err = c.s.maker.make(paneID{}); err != nil {
			return err
		}
		c.in = c.pane.aggs.in
		c.rows = batch.NewBuilder(c.s.row.Types()...)
	}
	// Big-endian with the sign turned sorts by time.
	key := binary.BigEndian.AppendUint64(slices.Clone(c.s.groups.Key(g)), uint64(start)^1<<63)
	row, err := c.pane.row(key, c.s.groups.Hash(g)^uint64(start)*0x9e3779b97f4a7c15)
	if err != nil {
		return err
	}
	c.windows = append(c.windows, [2]int64{start, end})
	for _, r := range rows {
		if _, err := c.s.row.DecodeRow(r.data, c.rows.Cols); err != nil {
			return fmt.Errorf("read session row: %w", err)
		}
		c.rows.RowDone(batch.Insert, -1)
		if c.group = append(c.group, row); len(c.group) == batch.TargetRows {
			if err := c.apply(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *closing) apply() error {
	b := c.rows.Build()
	c.in.reset(b, c.group)
	sel := make([]int32, b.N)
	for i := range sel {
		sel[i] = int32(i)
	}
	if err := c.pane.aggs.add(sel); err != nil {
		return err
	}
	c.group = c.group[:0]
	return nil
}

func (c *closing) emit(out Output) error {
	if c.s.assign && c.rows != nil && c.rows.Len() > 0 {
		return out(c.rows.Build())
	}
	if c.pane == nil {
		return nil
	}
	if len(c.group) > 0 {
		if err := c.apply(); err != nil {
			return err
		}
	}
	s := c.s
	return c.pane.results(&s.maker, func(cols []arrow.Array, rows []int32) error {
		for i, kind := range s.node.WindowCols {
			cols = append(cols, windowColumn(&s.wall, s.winCol[i], kind, len(rows), func(i int) (int64, int64) {
				w := c.windows[rows[i]]
				return w[0], w[1]
			}))
		}
		return out(batch.New(len(rows), cols...))
	})
}

// Snapshot implements Stateful.
func (s *sessionAgg) Snapshot(w state.Writer, full bool) error {
	if full {
		s.gone = goneWriter{}
	} else if err := s.gone.flush(w); err != nil {
		return fmt.Errorf("write closed sessions: %w", err)
	}
	var key, val []byte
	err := s.groups.Changes(full, func([]byte, uint64) error { return nil }, func(g int32) error {
		rows := s.open[g].rows
		for i := range rows {
			r := &rows[i]
			if r.saved && !full {
				continue
			}
			key = sessionKey(key[:0], s.groups.Key(g), r.seq)
			val = append(putUint64(val[:0], uint64(r.at)), r.data...)
			if err := w.Put("rows", state.Group(s.groups.Hash(g), s.opts.groups()), key, val); err != nil {
				return err
			}
			r.saved = true
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write session rows: %w", err)
	}
	if !full && s.saved == s.mark {
		return nil
	}
	s.saved = s.mark
	return saveMark(w, s.opts.groups(), s.mark)
}

// Restore implements Stateful.
func (s *sessionAgg) Restore(r state.Reader) error {
	var err error
	if s.mark, err = loadMark(r); err != nil {
		return err
	}
	s.saved = s.mark
	err = state.HashEntries(r, "rows", s.maker.codec, s.opts.groups(), func(e state.Entry) error {
		seq, n := binary.Uvarint(e.Suffix)
		if n <= 0 {
			return errShort
		}
		at, data, err := getUint64(e.Value)
		if err != nil {
			return err
		}
		if n, err := s.row.Size(data); err != nil || n != len(data) {
			return fmt.Errorf("%w: a session's row of %d bytes", state.ErrCorrupt, len(data))
		}
		g, fresh, err := s.groups.UpsertKey(e.Key, e.Hash)
		if err != nil {
			return err
		}
		if fresh {
			s.begin(g)
		}
		s.add(g, sessionRow{at: int64(at), seq: seq, data: slices.Clone(data), saved: true})
		return nil
	})
	if err != nil {
		return fmt.Errorf("restore session rows: %w", err)
	}
	for i := range s.open {
		slices.SortFunc(s.open[i].rows, func(a, b sessionRow) int {
			if a.seq < b.seq {
				return -1
			}
			return 1
		})
	}
	s.groups.MarkSaved()
	return nil
}

// StateBytes implements Stateful.
func (s *sessionAgg) StateBytes() int64 {
	return s.groups.Bytes() + int64(cap(s.open))*40 + s.size + int64(cap(s.gone.keys.Data))
}

var _ Stateful = (*sessionAgg)(nil)
