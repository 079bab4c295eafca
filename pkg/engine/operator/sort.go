package operator

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// sorter is plan.Sort: rows wait, equal ones counted, until the watermark has passed their time, or in batch until the end of the input, and come
// out in order. Rows of equal order keys come in any order.
type sorter struct {
	node   *plan.Sort
	opts   Options
	layout *layout
	bag    *bag
	time   []int64 // by row, in a stream
	count  []int32 // by row; never negative at the end of an epoch
	due    *expiry
	mark   int64
	saved  int64

	keys, rows, order state.Keys
	ready             []int32
	out               *batch.Builder
	late              []int32
}

// NewSort makes the operator of a Sort node whose input has columns of types in. The error is of kind fault.Config: a column that has no order.
func NewSort(n *plan.Sort, in []types.Type, opts Options) (Stateful, error) {
	if err := checkOrder(n.Order, in); err != nil {
		return nil, err
	}
	if !n.Batch && (len(n.Order) == 0 || !in[n.Order[0].Col].IsTimestamp()) {
		return nil, fault.New(fault.Config, "ORDER BY in a stream begins with a time")
	}
	s := &sorter{node: n, opts: opts, layout: newLayout(in, n.PartitionBy), due: newExpiry(1_000_000), mark: NoWatermark, saved: NoWatermark}
	s.bag = newBag("rows", s.layout.key, opts.groups())
	s.out = batch.NewBuilder(s.layout.types...)
	return s, nil
}

// Process implements Operator.
func (s *sorter) Process(_ int, b *batch.Batch, _ Output) error {
	if b.N == 0 {
		return nil
	}
	var times *array.Timestamp
	if !s.node.Batch {
		col, ok := b.Cols[s.node.Order[0].Col].(*array.Timestamp)
		if !ok {
			return fault.Newf(fault.Internal, "sort by a time of type %s", b.Cols[s.node.Order[0].Col].DataType())
		}
		times = col
	}
	s.layout.encodeKeys(&s.keys, b, s.node.PartitionBy)
	s.layout.encodeRows(&s.rows, b)
	late := s.late[:0]
	for i := range b.N {
		if times != nil && (times.IsNull(i) || s.mark != NoWatermark && int64(times.Value(i)) <= s.mark) {
			late = append(late, int32(i))
			continue
		}
		g, _, err := s.bag.group(s.keys.At(i), s.keys.Hash[i])
		if err != nil {
			return fmt.Errorf("keep a row's key: %w", err)
		}
		r, fresh, err := s.bag.add(g, s.rows.At(i))
		if err != nil {
			return fmt.Errorf("keep a row: %w", err)
		}
		if fresh {
			s.grow()
			s.count[r] = 0
			if times != nil {
				s.time[r] = int64(times.Value(i))
				s.due.add(s.time[r], r)
			}
		}
		if b.Kind(i).Retracts() {
			s.count[r]--
		} else {
			s.count[r]++
		}
		s.bag.rows.Touch(r)
	}
	s.late = late
	return s.opts.late(0, b, late)
}

func (s *sorter) grow() {
	n := s.bag.rows.Rows()
	s.time, s.count = extend(s.time, n), extend(s.count, n)
}

// EndEpoch implements Operator.
func (s *sorter) EndEpoch(e Epoch, out Output) error {
	mark := e.Watermark
	if e.Final {
		mark = MaxWatermark
	}
	s.mark = max(s.mark, mark)
	s.ready = s.ready[:0]
	take := func(r int32) error { s.ready = append(s.ready, r); return nil }
	switch {
	case s.node.Batch && e.Final:
		if err := s.bag.rows.Each(take); err != nil {
			return err
		}
	case !s.node.Batch:
		if err := s.due.due(mark, func(r int32) int64 { return s.time[r] }, take); err != nil {
			return err
		}
	}
	if len(s.ready) == 0 {
		return nil
	}
	if err := s.sort(); err != nil {
		return err
	}
	return s.emit(out)
}

// sort puts the ready rows in order.
func (s *sorter) sort() error {
	if len(s.node.Order) == 0 {
		return nil
	}
	s.order.Reset()
	var part state.Keys
	for from := 0; from < len(s.ready); from += batch.TargetRows {
		for _, r := range s.ready[from:min(from+batch.TargetRows, len(s.ready))] {
			if err := s.load(r); err != nil {
				return err
			}
		}
		b := s.out.Build()
		encodeOrder(&part, s.node.Order, b.Cols, b.N)
		for i := range b.N {
			s.order.Data = append(s.order.Data, part.At(i)...)
			s.order.Offs = append(s.order.Offs, int32(len(s.order.Data)))
		}
	}
	at := make([]int32, len(s.ready))
	for i := range at {
		at[i] = int32(i)
	}
	slices.SortFunc(at, func(a, b int32) int { return bytes.Compare(s.order.At(int(a)), s.order.At(int(b))) })
	for i, j := range at {
		at[i] = s.ready[j]
	}
	s.ready = at
	return nil
}

func (s *sorter) load(r int32) error {
	if err := s.layout.decode(s.bag.groups.Key(s.bag.owner[r]), s.bag.row(r), s.out.Cols); err != nil {
		return err
	}
	s.out.RowDone(batch.Insert, -1)
	return nil
}

// emit gives the ready rows as often as they are there, and lets them go.
func (s *sorter) emit(out Output) error {
	for _, r := range s.ready {
		for range s.count[r] {
			if err := s.load(r); err != nil {
				return err
			}
			if s.out.Len() >= batch.TargetRows {
				if err := out(s.out.Build()); err != nil {
					return err
				}
			}
		}
	}
	for _, r := range s.ready {
		g := s.bag.owner[r]
		s.bag.remove(r)
		s.bag.drop(g)
	}
	if s.out.Len() == 0 {
		return nil
	}
	return out(s.out.Build())
}

// Snapshot implements Stateful.
func (s *sorter) Snapshot(w state.Writer, full bool) error {
	if full || s.saved != s.mark {
		if err := saveMark(w, s.opts.groups(), s.mark); err != nil {
			return err
		}
		s.saved = s.mark
	}
	return s.bag.snapshot(w, full, func(dst []byte, r int32) []byte {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(s.time[r]))
		return binary.LittleEndian.AppendUint32(dst, uint32(s.count[r]))
	})
}

// Restore implements Stateful.
func (s *sorter) Restore(r state.Reader) error {
	var err error
	if s.mark, err = loadMark(r); err != nil {
		return err
	}
	s.saved = s.mark
	return s.bag.restore(r, false, func(row int32, data []byte) error {
		if len(data) != 12 {
			return fmt.Errorf("%w: a waiting row of %d bytes", state.ErrCorrupt, len(data))
		}
		s.grow()
		s.time[row] = int64(binary.LittleEndian.Uint64(data))
		s.count[row] = int32(binary.LittleEndian.Uint32(data[8:]))
		if !s.node.Batch {
			s.due.add(s.time[row], row)
		}
		return nil
	})
}

// StateBytes implements Stateful.
func (s *sorter) StateBytes() int64 {
	return s.bag.groups.Bytes() + s.bag.rows.Bytes() + int64(cap(s.time))*8 + int64(cap(s.count))*4 + s.due.bytes()
}

var _ Stateful = (*sorter)(nil)
