package operator

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// NewDeduplicate makes the operator of a Deduplicate node whose input has columns of types in. The error is of kind
// fault.Config: a time column that is no timestamp.
func NewDeduplicate(n *plan.Deduplicate, in []types.Type, opts Options) (Stateful, error) {
	if n.TimeCol >= 0 && !in[n.TimeCol].IsTimestamp() {
		return nil, fault.Newf(fault.Config, "deduplicate by column %d: type %s is no time", n.TimeCol+1, in[n.TimeCol])
	}
	if n.TimeCol < 0 && !n.KeepLast {
		return newFirstRow(n, in, opts), nil
	}
	return newBestRow(n, in, opts), nil
}

// firstRow gives the first row of every key as it comes; it keeps the keys only. Retention counts from the first row.
type firstRow struct {
	opts   Options
	clock  clock
	cols   []int
	layout *layout
	seen   *state.Table

	keys state.Keys
	rows []int32
}

func newFirstRow(n *plan.Deduplicate, in []types.Type, opts Options) *firstRow {
	f := &firstRow{opts: opts, clock: opts.clock(), cols: n.Keys, layout: newLayout(in, n.Keys)}
	f.seen = state.NewTable(f.layout.key)
	f.seen.SetTTL(n.TTL)
	return f
}

// Process implements Operator. Rows taken back are ignored: the input has none.
func (f *firstRow) Process(_ int, b *batch.Batch, out Output) error {
	if b = inserts(b); b.N == 0 {
		return nil
	}
	f.layout.encodeKeys(&f.keys, b, f.cols)
	f.rows = state.Resize(f.rows, b.N)
	f.seen.SetNow(f.clock.time())
	fresh, err := f.seen.Upsert(&f.keys, f.rows)
	switch {
	case err != nil:
		return err
	case len(fresh) == 0:
		return nil
	case len(fresh) == b.N:
		return out(b)
	}
	return out(batch.Take(b, fresh))
}

// inserts gives the rows of b that are not taken back, as inserts.
func inserts(b *batch.Batch) *batch.Batch {
	if b.Kinds == nil {
		return b
	}
	var idx []int32
	for i, k := range b.Kinds {
		if !k.Retracts() {
			idx = append(idx, int32(i))
		}
	}
	b = &batch.Batch{N: b.N, Cols: b.Cols}
	if len(idx) == b.N {
		return b
	}
	return batch.Take(b, idx)
}

// EndEpoch implements Operator.
func (f *firstRow) EndEpoch(e Epoch, _ Output) error {
	f.clock.endEpoch(e)
	f.seen.SetNow(f.clock.time())
	f.seen.Expire(batch.TargetRows)
	return nil
}

// Snapshot implements Stateful.
func (f *firstRow) Snapshot(w state.Writer, full bool) error {
	return f.seen.Snapshot(w, "seen", f.opts.groups(), full, func(dst []byte, _ int32) []byte { return dst })
}

// Restore implements Stateful.
func (f *firstRow) Restore(r state.Reader) error {
	return f.seen.Restore(r, "seen", f.layout.key, f.opts.groups(), func(int32, []byte) error { return nil })
}

// StateBytes implements Stateful.
func (f *firstRow) StateBytes() int64 { return f.seen.Bytes() }

// bestRow keeps one row of every key: the last that came, or the one with the first or last event time (of equal times the
// first that came, or the last). What it gives at the end of an epoch is one change a key.
type bestRow struct {
	node   *plan.Deduplicate
	opts   Options
	clock  clock
	layout *layout
	keys   *state.Table
	row    []uint64 // the kept row, 0: none
	time   []int64
	rows   blobs
	diff   *changes

	touched []int32
	slot    []int32  // by key: 1 + its place in touched, 0: not touched
	old     []uint64 // of the touched: the row at the start of the epoch

	enc, restEnc state.Keys
	groups       []int32
}

func newBestRow(n *plan.Deduplicate, in []types.Type, opts Options) *bestRow {
	d := &bestRow{node: n, opts: opts, clock: opts.clock(), layout: newLayout(in, n.Keys)}
	d.keys = state.NewTable(d.layout.key)
	d.keys.SetTTL(n.TTL)
	d.keys.OnDrop = func(g int32) {
		if int(g) < len(d.row) {
			d.rows.free(d.row[g])
			d.row[g] = 0
		}
	}
	p := n.P
	p.Keys = [][]int{n.Keys}
	d.diff = newChanges(&p, d.layout.types)
	return d
}

// Process implements Operator. A row taken back, which only inputs with changes have, takes the kept row back.
func (d *bestRow) Process(_ int, b *batch.Batch, _ Output) error {
	if b.N == 0 {
		return nil
	}
	d.layout.encodeKeys(&d.enc, b, d.node.Keys)
	d.layout.encodeRows(&d.restEnc, b)
	d.groups = state.Resize(d.groups, b.N)
	d.keys.SetNow(d.clock.time())
	fresh, err := d.keys.Upsert(&d.enc, d.groups)
	if err != nil {
		return err
	}
	d.grow()
	for _, i := range fresh {
		g := d.groups[i]
		d.row[g], d.slot[g] = 0, 0
	}
	var times *array.Timestamp
	if d.node.TimeCol >= 0 {
		times = b.Cols[d.node.TimeCol].(*array.Timestamp)
	}
	for i, g := range d.groups {
		if b.Kind(i).Retracts() {
			// A key without a row is noted too, to be dropped at the end of the epoch.
			if d.row[g] != 0 || d.slot[g] == 0 {
				d.set(g, 0)
			}
			continue
		}
		if times != nil {
			t := int64(math.MinInt64)
			if times.IsValid(i) {
				t = int64(times.Value(i))
			}
			if d.row[g] != 0 && (d.node.KeepLast && t < d.time[g] || !d.node.KeepLast && t >= d.time[g]) {
				continue
			}
			d.time[g] = t
		}
		d.set(g, d.rows.put(d.restEnc.At(i)))
	}
	return nil
}

func (d *bestRow) grow() {
	n := d.keys.Rows()
	d.row, d.slot = extend(d.row, n), extend(d.slot, n)
	if d.node.TimeCol >= 0 {
		d.time = extend(d.time, n)
	}
}

func (d *bestRow) touch(g int32) {
	d.touched, d.old = append(d.touched, g), append(d.old, d.row[g])
	d.slot[g] = int32(len(d.touched))
	d.keys.Touch(g)
	d.keys.Refresh(g)
}

// set replaces the kept row. That from the start of the epoch stays until its end.
func (d *bestRow) set(g int32, row uint64) {
	if d.slot[g] == 0 {
		d.touch(g)
	} else if d.row[g] != d.old[d.slot[g]-1] {
		d.rows.free(d.row[g])
	}
	d.row[g] = row
}

// EndEpoch implements Operator.
func (d *bestRow) EndEpoch(e Epoch, out Output) error {
	for i, g := range d.touched {
		old, now := d.old[i], d.row[g]
		// With retention an unchanged row goes out too, so that it is kept downstream.
		if old == now || old != 0 && now != 0 && d.node.TTL == 0 && bytes.Equal(d.rows.get(old), d.rows.get(now)) {
			continue
		}
		for _, ref := range []uint64{old, now} {
			if ref == 0 {
				continue
			}
			if err := d.layout.decode(d.keys.Key(g), d.rows.get(ref), d.diff.cols()); err != nil {
				return fmt.Errorf("deduplicate: %w", err)
			}
			d.diff.add(ref == old)
		}
		if err := d.diff.end(out); err != nil {
			return err
		}
	}
	if err := d.diff.flush(out); err != nil {
		return err
	}
	for i, g := range d.touched {
		if d.old[i] != d.row[g] {
			d.rows.free(d.old[i])
		}
		d.slot[g] = 0
		if d.row[g] == 0 {
			d.keys.Delete(g)
		}
	}
	d.touched, d.old = d.touched[:0], d.old[:0]
	d.clock.endEpoch(e)
	d.keys.SetNow(d.clock.time())
	d.keys.Expire(batch.TargetRows)
	d.rows.compact(d.row)
	return nil
}

// Snapshot implements Stateful.
func (d *bestRow) Snapshot(w state.Writer, full bool) error {
	return d.keys.Snapshot(w, "rows", d.opts.groups(), full, func(dst []byte, g int32) []byte {
		if d.node.TimeCol >= 0 {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(d.time[g]))
		}
		return append(dst, d.rows.get(d.row[g])...)
	})
}

// Restore implements Stateful.
func (d *bestRow) Restore(r state.Reader) error {
	return d.keys.Restore(r, "rows", d.layout.key, d.opts.groups(), func(g int32, data []byte) error {
		d.grow()
		if d.node.TimeCol >= 0 {
			if len(data) < 8 {
				return fmt.Errorf("%w: a kept row has no time", state.ErrCorrupt)
			}
			d.time[g] = int64(binary.LittleEndian.Uint64(data))
			data = data[8:]
		}
		if n, err := d.layout.row.Size(data); err != nil || n != len(data) {
			return fmt.Errorf("%w: a kept row of %d bytes", state.ErrCorrupt, len(data))
		}
		d.row[g] = d.rows.put(data)
		return nil
	})
}

// StateBytes implements Stateful.
func (d *bestRow) StateBytes() int64 {
	return d.keys.Bytes() + d.rows.used + int64(cap(d.row)+cap(d.time))*8 + int64(cap(d.slot))*4
}

var (
	_ Stateful = (*firstRow)(nil)
	_ Stateful = (*bestRow)(nil)
)
