package operator

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/expr"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// IntervalJoinDelay is how far, in microseconds, an interval join's rows may lie behind the watermark of its inputs: its
// output's watermark is that much earlier.
func IntervalJoinDelay(n *plan.IntervalJoin) int64 {
	var lower int64
	if n.Lower < 0 {
		lower = -n.Lower
	}
	return max(0, n.Upper, lower) + 1 // a row without partner goes out when the watermark has passed its last partner's time
}

// intervalJoin is plan.IntervalJoin. A row is joined with the rows of the other side that are kept, and is kept itself until the
// watermark says that no more partners can come; one that came after that (late) is joined with what is there and not kept. A
// row of an outer side that found no partner goes out padded with nulls when it is dropped.
//
// The inputs are streams of inserts; so is the output.
type intervalJoin struct {
	node  *plan.IntervalJoin
	opts  Options
	clock clock
	side  [2]*intervalSide
	cond  *pairFilter
	out   *joinOutput
	empty [2]*batch.Batch
	mark  int64
	saved int64

	found []int32
	ends  []int32
	in    []int32
	late  []int32
}

// intervalSide is one input: key → rows in the order of their times. A row in state is its number of arrival and the columns
// that are not the key's; a row at time t has its partners at t+lo … t+hi.
type intervalSide struct {
	*bag
	layout  *layout
	keys    []int
	timeCol int
	lo, hi  int64
	// stay is how far the watermark must be past the last partner's time for a row to go: in an interval join a partner that comes with the
	// watermark's time is still found, as in Flink.
	stay    int64
	outer   bool
	lists   []ordered // by group; pre is the time
	time    []int64   // by row
	matched []bool
	next    uint64
	expiry  *expiry
	// versions: rows do not go at a time of their own; pending is when keys get another one.
	versions bool
	pending  versionTimes

	enc, rest state.Keys
	null      []bool // the key or the time is null: the row has no partners
	times     []int64
	buf       []byte
}

// NewIntervalJoin makes the operator of an IntervalJoin node whose inputs, ports 0 and 1, have columns of types left and
// right. The error is of kind fault.Config: keys whose types differ, a time column that is no timestamp, a condition that
// cannot be computed.
func NewIntervalJoin(n *plan.IntervalJoin, left, right []types.Type, opts Options) (Stateful, error) {
	if err := checkJoinKeys(left, right, n.LeftKeys, n.RightKeys); err != nil {
		return nil, err
	}
	if l, r := left[n.LeftTime], right[n.RightTime]; !l.IsTimestamp() || !r.IsTimestamp() {
		return nil, fault.Newf(fault.Config, "interval join on columns of types %s and %s: both must be timestamps", l, r)
	}
	if n.Kind > plan.FullJoin {
		return nil, fault.Newf(fault.Config, "an interval join cannot be a %s join", n.Kind)
	}
	j := &intervalJoin{node: n, opts: opts, clock: opts.clock(), mark: NoWatermark, saved: NoWatermark}
	newSide := func(name string, ts []types.Type, keys []int, timeCol int, lo, hi int64, outer bool) *intervalSide {
		l := newLayout(ts, keys)
		return &intervalSide{bag: newBag(name, l.key, opts.groups()), layout: l, keys: keys, timeCol: timeCol, lo: lo, hi: hi, stay: 1, outer: outer,
			// Coarse enough for few buckets, fine enough that little is looked at twice.
			expiry: newExpiry((n.Upper - n.Lower) / 64)}
	}
	j.side[0] = newSide("left", left, n.LeftKeys, n.LeftTime, n.Lower, n.Upper, n.Kind == plan.LeftJoin || n.Kind == plan.FullJoin)
	j.side[1] = newSide("right", right, n.RightKeys, n.RightTime, -n.Upper, -n.Lower, n.Kind == plan.RightJoin || n.Kind == plan.FullJoin)
	lt, rt := j.side[0].layout.types, j.side[1].layout.types
	var err error
	if j.cond, err = newPairFilter(n.Cond, lt, rt, opts); err != nil {
		return nil, err
	}
	j.out = newJoinOutput(lt, rt, n.Kind)
	j.empty = [2]*batch.Batch{batch.NewBuilder(lt...).Build(), batch.NewBuilder(rt...).Build()}
	return j, nil
}

func earlier(a, b elem) bool { return a.pre < b.pre || a.pre == b.pre && a.seq < b.seq }

func timeOrder(t int64) uint64 { return uint64(t) ^ 1<<63 }

// Process implements Operator.
func (j *intervalJoin) Process(port int, b *batch.Batch, out Output) error {
	if b = inserts(b); b.N == 0 {
		return nil
	}
	own, other := j.side[port], j.side[1-port]
	own.encode(b)
	j.late = j.late[:0]
	j.out.begin(port, b, other.decode, out)
	for from := 0; from < b.N; {
		to := from
		j.found, j.ends, j.in = j.found[:0], j.ends[:0], j.in[:0]
		for ; to < b.N && len(j.found) < pairsAtOnce; to++ {
			if !own.null[to] {
				t := own.times[to]
				j.found = other.between(j.found, own.enc.At(to), own.enc.Hash[to], plusTime(t, own.lo), plusTime(t, own.hi))
				for len(j.in) < len(j.found) {
					j.in = append(j.in, int32(to))
				}
			}
			j.ends = append(j.ends, int32(len(j.found)))
		}
		if j.cond != nil && len(j.found) > 0 {
			sel, err := j.cond.filter(&expr.Context{Now: j.clock.time()}, port, b, j.in, j.found, other.decode)
			if err != nil {
				return fmt.Errorf("join condition: %w", err)
			}
			j.found = keepFound(j.found, j.ends, sel)
		}
		at := int32(0)
		for i := from; i < to; i++ {
			end := j.ends[i-from]
			if err := j.row(i, own, other, j.found[at:end]); err != nil {
				return err
			}
			at = end
		}
		from = to
	}
	if err := j.opts.late(port, b, j.late); err != nil {
		return err
	}
	return j.out.flush()
}

// row joins input row i with its partners, and keeps it if more may come.
func (j *intervalJoin) row(i int, own, other *intervalSide, found []int32) error {
	for _, r := range found {
		if other.outer && !other.matched[r] {
			other.matched[r] = true
			other.rows.Touch(r)
		}
		if err := j.out.add(batch.Insert, int32(i), r); err != nil {
			return err
		}
	}
	if !own.null[i] {
		if j.mark == NoWatermark || j.mark < plusTime(own.times[i], own.hi) {
			return own.put(i, len(found) > 0)
		}
		if len(found) == 0 && !own.outer {
			j.late = append(j.late, int32(i))
		}
	}
	if len(found) == 0 && own.outer {
		return j.out.add(batch.Insert, int32(i), -1)
	}
	return nil
}

func (s *intervalSide) encode(b *batch.Batch) {
	s.layout.encodeKeys(&s.enc, b, s.keys)
	s.layout.encodeRows(&s.rest, b)
	s.null, s.times = state.Resize(s.null, b.N), state.Resize(s.times, b.N)
	clear(s.null)
	times := b.Cols[s.timeCol].(*array.Timestamp)
	for i := range s.times {
		s.times[i] = int64(times.Value(i))
		s.null[i] = times.IsNull(i)
	}
	for _, k := range s.keys {
		if c := b.Cols[k]; c.NullN() > 0 {
			for i := range s.null {
				s.null[i] = s.null[i] || c.IsNull(i)
			}
		}
	}
}

// between appends the rows with a key whose times are in lo … hi.
func (s *intervalSide) between(dst []int32, key []byte, hash uint64, lo, hi int64) []int32 {
	g := s.groups.FindKey(key, hash)
	if g < 0 || lo > hi {
		return dst
	}
	from, to := timeOrder(lo), timeOrder(hi)
	l := &s.lists[g]
	c, i := l.seek(func(e elem) bool { return e.pre < from })
	for ; c < len(l.chunks); c, i = c+1, 0 {
		for ; i < len(l.chunks[c]); i++ {
			if l.chunks[c][i].pre > to {
				return dst
			}
			dst = append(dst, l.chunks[c][i].row)
		}
	}
	return dst
}

func (s *intervalSide) put(i int, matched bool) error {
	g, fresh, err := s.group(s.enc.At(i), s.enc.Hash[i])
	if err != nil {
		return fmt.Errorf("keep a join key: %w", err)
	}
	if fresh {
		s.lists = extend(s.lists, s.groups.Rows())
		s.lists[g] = ordered{}
	}
	s.buf = append(binary.BigEndian.AppendUint64(s.buf[:0], s.next), s.rest.At(i)...)
	r, _, err := s.add(g, s.buf)
	if err != nil {
		return fmt.Errorf("keep a joined row: %w", err)
	}
	s.keep(r, s.next, s.times[i], matched)
	s.next++
	return nil
}

// keep sets the columns of the new row r.
func (s *intervalSide) keep(r int32, seq uint64, time int64, matched bool) {
	s.time, s.matched = extend(s.time, s.rows.Rows()), extend(s.matched, s.rows.Rows())
	s.time[r], s.matched[r] = time, matched
	s.lists[s.owner[r]].insert(elem{timeOrder(time), seq, r}, earlier)
	if s.versions {
		s.pending.push(versionTime{time, s.owner[r]})
		return
	}
	s.expiry.add(s.end(r), r)
}

// forget drops row r and, with its last row, the key.
func (s *intervalSide) forget(r int32) {
	g := s.owner[r]
	s.lists[g].remove(elem{timeOrder(s.time[r]), s.seq(r), r}, earlier)
	s.remove(r)
	s.drop(g)
}

// end is the watermark at which row r goes.
func (s *intervalSide) end(r int32) int64 { return plusTime(s.time[r], s.hi+s.stay) }

func (s *intervalSide) seq(r int32) uint64 { return binary.BigEndian.Uint64(s.row(r)) }

func (s *intervalSide) decode(r int32, dst []array.Builder) error {
	return s.layout.decode(s.groups.Key(s.owner[r]), s.row(r)[8:], dst)
}

// EndEpoch implements Operator.
func (j *intervalJoin) EndEpoch(e Epoch, out Output) error {
	j.clock.endEpoch(e)
	mark := e.Watermark
	if j.node.ProcTime {
		mark = e.Now.UnixMicro()
	}
	if e.Final {
		mark = MaxWatermark
	}
	if mark <= j.mark {
		return nil
	}
	j.mark = mark
	for p, s := range j.side {
		// For the output a dropped row is a kept one that is joined with no input row of the other side.
		j.out.begin(1-p, j.empty[1-p], s.decode, out)
		err := s.expiry.due(mark, s.end, func(r int32) error {
			if s.outer && !s.matched[r] {
				if err := j.out.add(batch.Insert, -1, r); err != nil {
					return err
				}
			}
			s.forget(r)
			return nil
		})
		if err != nil {
			return err
		}
		if err := j.out.flush(); err != nil {
			return err
		}
	}
	return nil
}

// Snapshot implements Stateful.
func (j *intervalJoin) Snapshot(w state.Writer, full bool) error {
	for _, s := range j.side {
		if err := s.save(w, full); err != nil {
			return err
		}
	}
	if j.mark == NoWatermark || !full && j.saved == j.mark {
		return nil
	}
	j.saved = j.mark
	return saveMark(w, j.opts.groups(), j.mark)
}

// Restore implements Stateful.
func (j *intervalJoin) Restore(rd state.Reader) error {
	for _, s := range j.side {
		if err := s.load(rd); err != nil {
			return err
		}
	}
	var err error
	j.mark, err = loadMark(rd)
	j.saved = j.mark
	return err
}

// StateBytes implements Stateful.
func (j *intervalJoin) StateBytes() int64 {
	return j.side[0].size() + j.side[1].size()
}

func (s *intervalSide) save(w state.Writer, full bool) error {
	return s.snapshot(w, full, func(dst []byte, r int32) []byte {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(s.time[r]))
		if s.matched[r] {
			return append(dst, 1)
		}
		return append(dst, 0)
	})
}

func (s *intervalSide) load(rd state.Reader) error {
	return s.restore(rd, false, func(r int32, data []byte) error {
		if len(data) != 9 || len(s.row(r)) < 8 {
			return fmt.Errorf("%w: a joined row without a time", state.ErrCorrupt)
		}
		s.lists = extend(s.lists, s.groups.Rows())
		s.next = max(s.next, s.seq(r)+1)
		s.keep(r, s.seq(r), int64(binary.LittleEndian.Uint64(data)), data[8] != 0)
		return nil
	})
}

func (s *intervalSide) size() int64 {
	return s.bytes() + int64(cap(s.time))*8 + int64(cap(s.matched)) + int64(cap(s.lists))*32 + int64(s.rows.Len())*32 + s.expiry.bytes()
}

var _ Stateful = (*intervalJoin)(nil)

// keepFound leaves of the matches those at positions sel; ends tells where each row's matches end.
func keepFound(found, ends, sel []int32) []int32 {
	kept, s := int32(0), 0
	for i, end := range ends {
		for s < len(sel) && sel[s] < end {
			found[kept] = found[sel[s]]
			kept++
			s++
		}
		ends[i] = kept
	}
	return found[:kept]
}
