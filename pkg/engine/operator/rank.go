package operator

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// rank is plan.Rank. It keeps the rows of every partition in order: all of them if rows may be taken back, else the first
// End only. Rows are put in as they come; at the end of the epoch the partitions' top rows are compared with those of its start
// and the difference goes out. Rows with equal sort keys stay in the order of arrival.
//
// A row in state is the length of its sort key, the sort key, and the columns that are not the partition's.
type rank struct {
	node   *plan.Rank
	opts   Options
	clock  clock
	layout *layout
	bag    *bag
	keep   int // rows kept of a partition, 0: all
	from   int // top rows are those at from ≤ i < to
	to     int
	newest bool // the top is the newest row alone
	// lastWins: of rows with equal sort keys the last that came is first.
	lastWins bool
	diff     *changes

	lists []ordered          // by group
	seq   []uint64           // by row: arrival of its first copy, 0: the row left in this epoch
	more  map[int32][]uint64 // by row: arrivals of its other copies
	next  uint64
	less  func(a, b elem) bool

	// The partitions touched in this epoch, with their top rows from before. Rows that leave stay in the bag until the
	// end of the epoch, when they may have to be taken back.
	touched []int32
	mark    []bool
	old     []int32
	oldEnd  []int
	left    []int32

	keys, rows, order state.Keys
	groups            []int32
	buf               []byte
	top, balance      []int32
}

// NewRank makes the operator of a Rank node whose input has columns of types in. The error is of kind fault.Config: a sort key of a type
// that has no order.
func NewRank(n *plan.Rank, in []types.Type, opts Options) (Stateful, error) {
	if err := checkOrder(n.Order, in); err != nil {
		return nil, err
	}
	if n.Win != nil {
		return newWindowRank(n, in, opts)
	}
	r := &rank{node: n, opts: opts, clock: opts.clock(), layout: newLayout(in, n.PartitionBy), more: map[int32][]uint64{}, next: 1}
	r.bag = newBag("rows", r.layout.key, opts.groups())
	r.bag.groups.SetTTL(n.TTL)
	r.bag.groups.OnDrop = r.drop
	r.from, r.to = int(max(n.Start, 1)-1), math.MaxInt
	if n.End > 0 && n.End < math.MaxInt32 {
		r.to = int(n.End)
		if n.Input != nil && n.Input.Props().Mode == catalog.AppendOnly {
			r.keep = r.to
		}
	}
	out := r.layout.types
	if n.RankCol {
		out = append(append([]arrow.DataType(nil), out...), arrow.PrimitiveTypes.Int64)
	}
	r.diff = newChanges(&n.P, out)
	r.less = func(a, b elem) bool {
		if a.pre != b.pre {
			return a.pre < b.pre
		}
		if a.row != b.row {
			if c := bytes.Compare(r.sortKey(a.row), r.sortKey(b.row)); c != 0 {
				return c < 0
			}
		}
		if r.lastWins {
			return a.seq > b.seq
		}
		return a.seq < b.seq
	}
	return r, nil
}

// sortKey and value are the two parts of row i.
func (r *rank) sortKey(i int32) []byte {
	row := r.bag.row(i)
	l, n := binary.Uvarint(row)
	return row[n : n+int(l)]
}

func (r *rank) value(i int32) []byte {
	row := r.bag.row(i)
	l, n := binary.Uvarint(row)
	return row[n+int(l):]
}

func (r *rank) elem(i int32, seq uint64) elem { return elem{prefix(r.sortKey(i)), seq, i} }

// Process implements Operator.
func (r *rank) Process(_ int, b *batch.Batch, _ Output) error {
	if b.N == 0 {
		return nil
	}
	r.layout.encodeKeys(&r.keys, b, r.node.PartitionBy)
	r.layout.encodeRows(&r.rows, b)
	encodeOrder(&r.order, r.node.Order, b.Cols, b.N)
	r.groups = state.Resize(r.groups, b.N)
	r.bag.groups.SetNow(r.clock.time())
	fresh, err := r.bag.groups.Upsert(&r.keys, r.groups)
	if err != nil {
		return err
	}
	r.grow()
	for _, i := range fresh {
		r.begin(r.groups[i])
	}
	for i, g := range r.groups {
		if b.Kind(i).Retracts() {
			r.retract(g, i)
			continue
		}
		if err := r.insert(g, i); err != nil {
			return err
		}
	}
	return nil
}

func (r *rank) grow() {
	n := r.bag.groups.Rows()
	r.bag.size, r.lists, r.mark = extend(r.bag.size, n), extend(r.lists, n), extend(r.mark, n)
}

func (r *rank) begin(g int32) {
	r.bag.size[g] = 0
	r.lists[g] = ordered{}
	r.mark[g] = false
}

// touch notes the partition's top rows before its first change of the epoch.
func (r *rank) touch(g int32) {
	if r.mark[g] {
		return
	}
	r.mark[g] = true
	r.touched = append(r.touched, g)
	r.old = r.topRows(r.old, g)
	r.oldEnd = append(r.oldEnd, len(r.old))
	r.bag.groups.Touch(g)
	r.bag.groups.Refresh(g)
}

// topRows appends partition g's rows that go out.
func (r *rank) topRows(dst []int32, g int32) []int32 {
	l := &r.lists[g]
	if !r.newest {
		return l.rows(dst, r.from, r.to)
	}
	if l.n > 0 {
		dst = append(dst, l.last().row)
	}
	return dst
}

// rowBytes gives what the bag keeps of input row i.
func (r *rank) rowBytes(i int) []byte {
	key := r.order.At(i)
	r.buf = append(binary.AppendUvarint(r.buf[:0], uint64(len(key))), key...)
	r.buf = append(r.buf, r.rows.At(i)...)
	return r.buf
}

func (r *rank) insert(g int32, i int) error {
	l := &r.lists[g]
	if r.keep > 0 && l.n == r.keep {
		// The common case of a long stream: the row does not make it.
		last, key := l.last(), r.order.At(i)
		if p := prefix(key); p > last.pre || p == last.pre && bytes.Compare(key, r.sortKey(last.row)) >= r.tie() {
			return nil
		}
	}
	r.touch(g)
	row, _, err := r.add(g, r.rowBytes(i))
	if err != nil {
		return err
	}
	seq := r.next
	r.next++
	r.arrive(row, seq)
	l.insert(r.elem(row, seq), r.less)
	if r.keep > 0 && l.n > r.keep {
		last := l.last()
		l.removeAt(len(l.chunks)-1, len(l.chunks[len(l.chunks)-1])-1)
		if m := r.more[last.row]; len(m) > 0 {
			r.setMore(last.row, m[:len(m)-1])
		} else {
			r.leave(last.row)
		}
		r.bag.rows.Touch(last.row)
	}
	return nil
}

// tie is how far a sort key must be behind the last one kept for its row to stay out.
func (r *rank) tie() int {
	if r.lastWins {
		return 1
	}
	return 0
}

func (r *rank) add(g int32, data []byte) (int32, bool, error) {
	row, fresh, err := r.bag.add(g, data)
	if err != nil {
		return 0, false, fmt.Errorf("keep a row: %w", err)
	}
	if fresh {
		n := r.bag.rows.Rows()
		r.seq, r.balance = extend(r.seq, n), extend(r.balance, n)
		r.seq[row], r.balance[row] = 0, 0
	}
	return row, fresh, nil
}

// arrive adds a copy of a row.
func (r *rank) arrive(row int32, seq uint64) {
	if r.seq[row] == 0 {
		r.seq[row] = seq
	} else {
		r.more[row] = append(r.more[row], seq)
	}
	r.bag.rows.Touch(row)
}

func (r *rank) setMore(row int32, seqs []uint64) {
	if len(seqs) == 0 {
		delete(r.more, row)
	} else {
		r.more[row] = seqs
	}
}

func (r *rank) leave(row int32) {
	r.seq[row] = 0
	r.left = append(r.left, row)
}

// retract takes the first copy of a row out. A row that is not there belongs to state past its retention.
func (r *rank) retract(g int32, i int) {
	row := r.bag.find(g, r.rowBytes(i))
	if row < 0 || r.seq[row] == 0 {
		if r.lists[g].n == 0 {
			r.touch(g) // to be dropped at the end of the epoch
		}
		return
	}
	r.touch(g)
	r.lists[g].remove(r.elem(row, r.seq[row]), r.less)
	if m := r.more[row]; len(m) > 0 {
		r.seq[row] = m[0]
		r.setMore(row, m[1:])
	} else {
		r.leave(row)
	}
	r.bag.rows.Touch(row)
}

// drop forgets the rows of a partition that is past its retention, or has none.
func (r *rank) drop(g int32) {
	if int(g) >= len(r.lists) {
		return
	}
	for _, c := range r.lists[g].chunks {
		for _, e := range c {
			if r.seq[e.row] != 0 {
				r.seq[e.row] = 0
				delete(r.more, e.row)
				r.bag.remove(e.row)
			}
		}
	}
	r.lists[g] = ordered{}
}

// EndEpoch implements Operator.
func (r *rank) EndEpoch(e Epoch, out Output) error {
	from := 0
	for i, g := range r.touched {
		old := r.old[from:r.oldEnd[i]]
		from = r.oldEnd[i]
		r.top = r.topRows(r.top[:0], g)
		if err := r.compare(g, old, r.top); err != nil {
			return err
		}
		if err := r.diff.end(out); err != nil {
			return err
		}
	}
	if err := r.diff.flush(out); err != nil {
		return err
	}
	return r.settle(e)
}

// settle ends an epoch whose changes are out.
func (r *rank) settle(e Epoch) error {
	for _, row := range r.left {
		if r.bag.rows.Used(row) && r.seq[row] == 0 {
			r.bag.remove(row)
		}
	}
	for _, g := range r.touched {
		r.mark[g] = false
		r.bag.drop(g)
	}
	r.touched, r.old, r.oldEnd, r.left = r.touched[:0], r.old[:0], r.oldEnd[:0], r.left[:0]
	r.clock.endEpoch(e)
	r.bag.groups.SetNow(r.clock.time())
	r.bag.groups.Expire(batch.TargetRows)
	return nil
}

// compare puts the changes from old to now, the top rows of partition g, into r.diff.
func (r *rank) compare(g int32, old, now []int32) error {
	key := r.bag.groups.Key(g)
	add := func(row int32, at int, retract bool) error {
		if err := r.layout.decode(key, r.value(row), r.diff.cols()); err != nil {
			return err
		}
		if r.node.RankCol {
			r.diff.cols()[len(r.layout.types)].(*array.Int64Builder).Append(int64(r.from + at + 1))
		}
		r.diff.add(retract)
		return nil
	}
	if !r.node.RankCol {
		for _, row := range old {
			r.balance[row]++
		}
		for _, row := range now {
			r.balance[row]--
		}
		// Balance is now what each row lost; give it back while going through the rows.
		for i, row := range old {
			if r.balance[row] > 0 {
				r.balance[row]--
				if err := add(row, i, true); err != nil {
					return err
				}
			}
		}
		for i, row := range now {
			if r.balance[row] < 0 {
				r.balance[row]++
				if err := add(row, i, false); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for i, row := range old {
		if i >= len(now) || now[i] != row {
			if err := add(row, i, true); err != nil {
				return err
			}
		}
	}
	for i, row := range now {
		if i >= len(old) || old[i] != row {
			if err := add(row, i, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// Snapshot implements Stateful.
func (r *rank) Snapshot(w state.Writer, full bool) error {
	if r.node.TTL > 0 {
		err := r.bag.groups.Snapshot(w, "partitions", r.opts.groups(), full, func(dst []byte, _ int32) []byte { return dst })
		if err != nil {
			return err
		}
	}
	return r.bag.snapshot(w, full, func(dst []byte, row int32) []byte {
		dst = binary.AppendUvarint(dst, r.seq[row])
		for _, s := range r.more[row] {
			dst = binary.AppendUvarint(dst, s)
		}
		return dst
	})
}

// Restore implements Stateful.
func (r *rank) Restore(rd state.Reader) error {
	if r.node.TTL > 0 {
		err := r.bag.groups.Restore(rd, "partitions", r.layout.key, r.opts.groups(), func(g int32, _ []byte) error {
			r.grow()
			return nil
		})
		if err != nil {
			return err
		}
	}
	return r.bag.restore(rd, r.node.TTL > 0, func(row int32, data []byte) error {
		r.grow()
		n := r.bag.rows.Rows()
		r.seq, r.balance = extend(r.seq, n), extend(r.balance, n)
		kept := r.bag.row(row)
		if l, n := binary.Uvarint(kept); n <= 0 || l > uint64(len(kept)-n) {
			return fmt.Errorf("%w: a ranked row has no sort key", state.ErrCorrupt)
		}
		for len(data) > 0 {
			seq, rest, err := uvarintOf(data)
			if err != nil {
				return err
			}
			data = rest
			r.arrive(row, seq)
			r.lists[r.bag.owner[row]].insert(r.elem(row, seq), r.less)
			r.next = max(r.next, seq+1)
		}
		return nil
	})
}

// StateBytes implements Stateful.
func (r *rank) StateBytes() int64 {
	// A row takes an element of a list besides its place in the bag; chunks are three quarters full.
	return r.bag.bytes() + int64(cap(r.seq))*12 + int64(r.bag.rows.Len())*32 + int64(cap(r.lists))*32 + int64(len(r.more))*64
}

var _ Stateful = (*rank)(nil)
