// Package changes keeps the rows of an epoch until a sink writes them, and only the last change of each key.
//
// What it gives depends on the epoch's changes alone, so a replay of the epoch writes the same.
package changes

import (
	"slices"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// Buffer holds one worker's rows of one epoch.
type Buffer struct {
	keys    []int
	codec   *state.Codec
	keyCols []arrow.Array
	enc     []byte
	batches []*batch.Batch
	n       int            // rows in batches
	at      map[string]int // by key: the entry of last
	last    []int32        // row number over all batches, in the order in which keys came
}

// New makes a buffer. keys are the columns of the key; without keys rows are kept as they are and only inserts are taken.
func New(keys []int) *Buffer {
	return &Buffer{keys: keys, at: map[string]int{}, keyCols: make([]arrow.Array, len(keys))}
}

// Reset empties the buffer for a new epoch.
func (b *Buffer) Reset() {
	b.batches, b.n, b.last = nil, 0, b.last[:0]
	clear(b.at)
}

// Add takes a batch.
func (b *Buffer) Add(x *batch.Batch) error {
	if x.N == 0 {
		return nil
	}
	base := b.n
	b.batches = append(b.batches, x)
	b.n += x.N
	if len(b.keys) == 0 {
		for _, k := range x.Kinds {
			if k != batch.Insert {
				return fault.Newf(fault.Internal, "a sink without key was given the change %s", k)
			}
		}
		return nil
	}
	for i, k := range b.keys {
		b.keyCols[i] = x.Cols[k]
	}
	if b.codec == nil {
		types := make([]arrow.DataType, len(b.keys))
		for i, c := range b.keyCols {
			types[i] = c.DataType()
		}
		b.codec = state.NewCodec(types)
	}
	for i := range x.N {
		b.enc = b.codec.AppendRow(b.enc[:0], b.keyCols, i)
		if e, ok := b.at[string(b.enc)]; ok {
			b.last[e] = int32(base + i)
			continue
		}
		b.at[string(b.enc)] = len(b.last)
		b.last = append(b.last, int32(base+i))
	}
	return nil
}

// Rows gives what the epoch comes to: per key one row, whose kind is Insert (write it) or Delete; all rows if there is no key.
// It is nil when there are none.
func (b *Buffer) Rows() *batch.Batch {
	if b.n == 0 || len(b.keys) > 0 && len(b.last) == 0 {
		return nil
	}
	all := batch.Concat(b.batches)
	if len(b.keys) == 0 {
		return &batch.Batch{N: all.N, Cols: all.Cols}
	}
	out := all
	if len(b.last) < all.N {
		out = batch.Take(all, b.last)
	}
	kinds := make([]batch.Kind, out.N)
	deletes := false
	for i := range kinds {
		// A −U that no +U of its key follows is a delete: a filter has hidden the new row, or the row has moved to another key.
		if out.Kind(i).Retracts() {
			kinds[i], deletes = batch.Delete, true
		}
	}
	if !deletes {
		kinds = nil
	}
	return &batch.Batch{N: out.N, Cols: out.Cols, Kinds: kinds}
}

// Split gives the rows to write and the rows to delete of what Rows gave; either may be nil.
func Split(b *batch.Batch) (upserts, deletes *batch.Batch) {
	if b.Kinds == nil {
		return b, nil
	}
	dst := make([]uint8, b.N)
	for i, k := range b.Kinds {
		if k == batch.Delete {
			dst[i] = 1
		}
	}
	parts := batch.Partition(b, dst, 2)
	return parts[0], parts[1]
}

// Clock makes versions of epochs. They grow with time, not with the epoch's number, which starts again from 1 when a job's progress is
// thrown away; and a replay, whose clock is the same, has the same version.
func Clock(e endpoint.Epoch) int64 { return e.Now.UnixMicro() }

// Keys are the input columns that hold the table's primary key; nil if it has none.
func Keys(s *plan.Sink) ([]int, error) {
	var out []int
	for _, k := range s.Table.PrimaryKey {
		i := slices.Index(s.Columns, k)
		if i < 0 {
			return nil, fault.Newf(fault.Config, "an INSERT into %s must write its key column %s", s.Table.Name, s.Table.Columns[k].Name)
		}
		out = append(out, i)
	}
	return out, nil
}
