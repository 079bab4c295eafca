package operator

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/expr"
	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// temporalJoin is plan.TemporalJoin. Left rows wait until the watermark reaches their time; then each is joined with the newest version of its
// key that is not younger than it. Of the versions at or before the watermark only the newest is kept, a deleted one too: a row that
// comes later yet with an earlier time must not bring the key back to life.
//
// A left row that comes after the watermark has passed its time is joined at the next one, with what versions are left then; it is never
// dropped. Two versions of one time: the one that came last holds.
type temporalJoin struct {
	node  *plan.TemporalJoin
	opts  Options
	clock clock
	left  *intervalSide // matched: the row is taken back
	right *intervalSide // matched: the version is a delete
	cond  *expr.Filter
	build [2]*batch.Builder
	mark  int64
	saved int64

	due, found, keep, sel []int32
}

// NewTemporalJoin makes the operator of a TemporalJoin node whose inputs, ports 0 and 1, have columns of types left and right. The
// error is of kind fault.Config: keys whose types differ, a time column that is no timestamp, a condition that cannot be computed.
func NewTemporalJoin(n *plan.TemporalJoin, left, right []types.Type, opts Options) (Stateful, error) {
	if err := checkJoinKeys(left, right, n.LeftKeys, n.RightKeys); err != nil {
		return nil, err
	}
	if l, r := left[n.LeftTime], right[n.RightTime]; !l.IsTimestamp() || !r.IsTimestamp() {
		return nil, fault.Newf(fault.Config, "temporal join on columns of types %s and %s: both must be timestamps", l, r)
	}
	j := &temporalJoin{node: n, opts: opts, clock: opts.clock(), mark: NoWatermark, saved: NoWatermark}
	newSide := func(name string, ts []types.Type, keys []int, timeCol int) *intervalSide {
		l := newLayout(ts, keys)
		return &intervalSide{bag: newBag(name, l.key, opts.groups()), layout: l, keys: keys, timeCol: timeCol, expiry: newExpiry(1_000_000)}
	}
	j.left, j.right = newSide("left", left, n.LeftKeys, n.LeftTime), newSide("right", right, n.RightKeys, n.RightTime)
	j.right.versions = true
	j.build = [2]*batch.Builder{batch.NewBuilder(j.left.layout.types...), batch.NewBuilder(j.right.layout.types...)}
	if n.Cond != nil {
		var err error
		if j.cond, err = expr.CompileFilter(n.Cond, opts.Expr()); err != nil {
			return nil, fmt.Errorf("join condition: %w", err)
		}
	}
	return j, nil
}

// Process implements Operator.
func (j *temporalJoin) Process(port int, b *batch.Batch, _ Output) error {
	s := j.left
	if port == 1 {
		s = j.right
	}
	s.encode(b)
	for i := range b.N {
		retract := b.Kind(i).Retracts()
		if port == 0 {
			if b.Cols[s.timeCol].IsNull(i) {
				s.times[i] = NoWatermark // it has no version and waits for nothing
			}
			if err := s.put(i, retract); err != nil {
				return err
			}
			continue
		}
		if b.Kind(i) == batch.UpdateBefore {
			continue // the version ends where its successor begins
		}
		if b.Cols[s.timeCol].IsNull(i) {
			j.endNewest(i, retract)
			continue
		}
		if s.null[i] {
			continue // no left row has a key of NULL
		}
		if err := j.version(i, retract); err != nil {
			return err
		}
	}
	return nil
}

// version keeps input row i in place of the version of the same time, if there is one.
func (j *temporalJoin) version(i int, deleted bool) error {
	s := j.right
	if old := s.between(j.found[:0], s.enc.At(i), s.enc.Hash[i], s.times[i], s.times[i]); len(old) > 0 {
		r, g := old[0], s.owner[old[0]]
		s.lists[g].remove(elem{timeOrder(s.time[r]), s.seq(r), r}, earlier)
		s.remove(r)
	}
	return s.put(i, deleted)
}

// endNewest ends the newest version of a key by a delete that holds nothing but the key, as upsert sources give it.
func (j *temporalJoin) endNewest(i int, deleted bool) {
	s := j.right
	g := s.groups.FindKey(s.enc.At(i), s.enc.Hash[i])
	if g < 0 || !deleted {
		return
	}
	r := s.lists[g].last().row
	s.matched[r] = true
	s.rows.Touch(r)
}

// EndEpoch implements Operator.
func (j *temporalJoin) EndEpoch(e Epoch, out Output) error {
	j.clock.endEpoch(e)
	mark := e.Watermark
	if e.Final {
		mark = MaxWatermark
	}
	if mark <= j.mark {
		return nil
	}
	j.mark = mark
	j.due = j.due[:0]
	err := j.left.expiry.due(mark, j.left.end, func(r int32) error {
		j.due = append(j.due, r)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(j.due, func(a, b int32) int { return cmp.Compare(j.left.seq(a), j.left.seq(b)) })
	for from := 0; from < len(j.due); from += batch.TargetRows {
		if err := j.emit(j.due[from:min(from+batch.TargetRows, len(j.due))], out); err != nil {
			return err
		}
	}
	for _, r := range j.due {
		j.left.forget(r)
	}
	j.prune(mark)
	return nil
}

// emit joins the left rows with their versions.
func (j *temporalJoin) emit(due []int32, out Output) error {
	l, r := j.build[0], j.build[1]
	j.keep = j.keep[:0]
	for i, row := range due {
		v := j.versionOf(row)
		if v < 0 && !j.node.Outer {
			continue
		}
		if err := j.left.decode(row, l.Cols); err != nil {
			return err
		}
		kind := batch.Insert
		if j.left.matched[row] {
			kind = batch.Delete
		}
		l.RowDone(kind, -1)
		if v < 0 {
			for _, c := range r.Cols {
				c.AppendNull()
			}
		} else if err := j.right.decode(v, r.Cols); err != nil {
			return err
		}
		r.RowDone(batch.Insert, int32(i))
		if v < 0 {
			j.keep = append(j.keep, -1)
		} else {
			j.keep = append(j.keep, int32(l.Len()-1))
		}
	}
	if l.Len() == 0 {
		return nil
	}
	lb, rb := l.Build(), r.Build()
	if j.cond != nil {
		var err error
		if lb, rb, err = j.filter(lb, rb); err != nil {
			return err
		}
	}
	if lb.N == 0 {
		return nil
	}
	return out(&batch.Batch{N: lb.N, Cols: append(slices.Clone(lb.Cols), rb.Cols...), Kinds: lb.Kinds})
}

// filter drops the pairs that fail the condition, or their versions in an outer join.
func (j *temporalJoin) filter(l, r *batch.Batch) (lb, rb *batch.Batch, err error) {
	cols := append(slices.Clone(l.Cols), r.Cols...)
	if j.sel, err = j.cond.Select(&expr.Context{Now: j.clock.time()}, cols, l.N, j.sel[:0]); err != nil {
		return nil, nil, fmt.Errorf("join condition: %w", err)
	}
	var lidx, ridx []int32
	at := 0
	for i, v := range j.keep {
		ok := at < len(j.sel) && j.sel[at] == int32(i)
		if ok {
			at++
		}
		switch {
		case ok && v >= 0:
			lidx, ridx = append(lidx, int32(i)), append(ridx, int32(i))
		case j.node.Outer:
			lidx, ridx = append(lidx, int32(i)), append(ridx, -1)
		}
	}
	return batch.Take(l, lidx), &batch.Batch{N: len(ridx), Cols: takeAll(r.Cols, ridx)}, nil
}

func takeAll(cols []arrow.Array, idx []int32) []arrow.Array {
	out := make([]arrow.Array, len(cols))
	for i, c := range cols {
		out[i] = kernel.Take(c, idx)
	}
	return out
}

// versionOf gives the version that holds at left row r's time, -1 if there is none.
func (j *temporalJoin) versionOf(r int32) int32 {
	s := j.right
	g := s.groups.FindKey(j.left.groups.Key(j.left.owner[r]), j.left.groups.Hash(j.left.owner[r]))
	if g < 0 || j.left.time[r] == NoWatermark {
		return -1
	}
	if v := s.lists[g].atOrBefore(timeOrder(j.left.time[r])); v >= 0 && !s.matched[v] {
		return v
	}
	return -1
}

// atOrBefore gives the last row whose time is not after pre, -1 if all are.
func (o *ordered) atOrBefore(pre uint64) int32 {
	c, i := o.seek(func(e elem) bool { return e.pre <= pre })
	switch {
	case i > 0:
		return o.chunks[c][i-1].row
	case c > 0:
		return o.chunks[c-1][len(o.chunks[c-1])-1].row
	}
	return -1
}

// prune drops the versions that have a successor at or before the watermark.
func (j *temporalJoin) prune(mark int64) {
	s := j.right
	j.due = j.due[:0]
	for len(s.pending) > 0 && s.pending[0].time <= mark {
		j.due = append(j.due, s.pending.pop().group)
	}
	slices.Sort(j.due)
	for _, g := range slices.Compact(j.due) {
		newest := s.lists[g].atOrBefore(timeOrder(mark))
		for s.lists[g].n > 1 {
			first := s.lists[g].chunks[0][0].row
			if first == newest || newest < 0 {
				break
			}
			s.forget(first)
		}
	}
}

// versionTimes is a heap of the times at which keys get another version, earliest first.
type versionTimes []versionTime

type versionTime struct {
	time  int64
	group int32
}

func (h *versionTimes) push(v versionTime) {
	*h = append(*h, v)
	s := *h
	for i := len(s) - 1; i > 0; {
		up := (i - 1) / 2
		if s[up].time <= s[i].time {
			return
		}
		s[up], s[i] = s[i], s[up]
		i = up
	}
}

func (h *versionTimes) pop() versionTime {
	s := *h
	top, n := s[0], len(s)-1
	s[0] = s[n]
	*h = s[:n]
	s = s[:n]
	for i := 0; ; {
		c := 2*i + 1
		if c+1 < n && s[c+1].time < s[c].time {
			c++
		}
		if c >= n || s[i].time <= s[c].time {
			return top
		}
		s[i], s[c] = s[c], s[i]
		i = c
	}
}

// Snapshot implements Stateful.
func (j *temporalJoin) Snapshot(w state.Writer, full bool) error {
	if err := j.left.save(w, full); err != nil {
		return err
	}
	if err := j.right.save(w, full); err != nil {
		return err
	}
	if j.mark == NoWatermark || !full && j.saved == j.mark {
		return nil
	}
	j.saved = j.mark
	return saveMark(w, j.opts.groups(), j.mark)
}

// Restore implements Stateful.
func (j *temporalJoin) Restore(rd state.Reader) error {
	if err := j.left.load(rd); err != nil {
		return err
	}
	if err := j.right.load(rd); err != nil {
		return err
	}
	var err error
	j.mark, err = loadMark(rd)
	j.saved = j.mark
	return err
}

// StateBytes implements Stateful.
func (j *temporalJoin) StateBytes() int64 { return j.left.size() + j.right.size() }

var _ Stateful = (*temporalJoin)(nil)
