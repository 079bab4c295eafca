package hbase

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tsuna/gohbase/pb"
)

// writer applies mutations and afterwards waits once for all of them to be on disk.
type writer struct {
	server  *Server
	pending []*pebble.Batch
	buf     []byte
	valBuf  []byte
}

// set adds a cell to a batch, with the server's time where it asks for that.
func (w *writer) set(b *pebble.Batch, t *table, c *cell, now uint64) error {
	if c.ts == latestTimestamp {
		c.ts = now
	}
	w.buf = cellKey(w.buf[:0], t.Data, c)
	if c.typ != typePut {
		c.val = binary.BigEndian.AppendUint64(nil, nowMillis())
	}
	w.valBuf = cellValue(w.valBuf[:0], c)
	return b.Set(w.buf, w.valBuf, nil)
}

// apply makes a batch visible; it is durable after wait. The caller holds the region.
func (w *writer) apply(r *region, b *pebble.Batch) error {
	if b.Empty() {
		return b.Close()
	}
	r.written.Add(int64(b.Len()))
	if err := w.server.db.ApplyNoSyncWait(b, pebble.Sync); err != nil {
		return joinClose(fmt.Errorf("apply mutations: %w", err), b)
	}
	w.pending = append(w.pending, b)
	return nil
}

// wait returns when everything applied is on disk. Concurrent writers share syncs.
func (w *writer) wait() error {
	var err error
	for _, b := range w.pending {
		err = errors.Join(err, b.SyncWait(), b.Close())
	}
	w.pending = nil
	return err
}

func closedRegion(r *region) error {
	return throwf(classNotServing, "%s is closing", r.name)
}

// blind applies checked mutations that read nothing, atomically.
func (w *writer) blind(r *region, ms []*mutation) error {
	now := nowMillis()
	b := w.server.db.NewBatch()
	for _, m := range ms {
		for i := range m.cells {
			if err := w.set(b, r.table, &m.cells[i], now); err != nil {
				return joinClose(err, b)
			}
		}
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return joinClose(closedRegion(r), b)
	}
	return w.apply(r, b)
}

// guarded applies mutations of one row if the condition holds, or without one always.
// It returns the new cells of appends and increments.
func (w *writer) guarded(r *region, cond *pb.Condition, ms []*mutation) (cells []cell, done bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, false, closedRegion(r)
	}
	now := nowMillis()
	if cond != nil {
		ok, seen, err := w.server.condition(r, cond)
		if err != nil || !ok {
			return nil, false, err
		}
		now = max(now, seen) // the clock may stand behind the cell that was seen
	}
	b := w.server.db.NewBatch()
	for _, m := range ms {
		got, err := w.change(b, r, m, now)
		if err != nil {
			return nil, false, joinClose(err, b)
		}
		cells = append(cells, got...)
	}
	// Clients get cells in stored order, whatever order they sent them in.
	slices.SortStableFunc(cells, func(a, b cell) int {
		return cmp.Or(bytes.Compare(a.fam, b.fam), bytes.Compare(a.qual, b.qual))
	})
	return cells, true, w.apply(r, b)
}

// change adds one mutation to a batch after reading what it depends on.
func (w *writer) change(b *pebble.Batch, r *region, m *mutation, now uint64) (out []cell, err error) {
	var current map[string]cell
	if m.reads() {
		if current, err = w.server.latest(r, m); err != nil {
			return nil, err
		}
	}
	for i := range m.cells {
		c := m.cells[i]
		old, found := current[string(c.fam)+":"+string(c.qual)]
		switch {
		case m.kind == pb.MutationProto_APPEND && found:
			c.val = append(clone(old.val), c.val...)
			c.ts = max(now, old.ts)
		case m.kind == pb.MutationProto_INCREMENT:
			if c.val, err = increment(c.val, old.val, found); err != nil {
				return nil, err
			}
			if found {
				c.ts = max(now, old.ts)
			}
		case c.newest() && found:
			c.ts = old.ts
		}
		if found && c.ttl == 0 && m.kind != pb.MutationProto_DELETE {
			c.ttl = old.ttl // HBase carries a cell's own TTL forward
		}
		if err := w.set(b, r.table, &c, now); err != nil {
			return nil, err
		}
		if m.kind == pb.MutationProto_APPEND || m.kind == pb.MutationProto_INCREMENT {
			out = append(out, c)
		}
	}
	return out, nil
}

func increment(delta, old []byte, found bool) ([]byte, error) {
	if len(delta) != 8 {
		return nil, throwf(classDoNotRetry, "Field is not a long, it's %d bytes wide", len(delta))
	}
	if !found {
		return delta, nil
	}
	if len(old) != 8 {
		return nil, throwf(classDoNotRetry, "Field is not a long, it's %d bytes wide", len(old))
	}
	return binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(old)+binary.BigEndian.Uint64(delta)), nil
}

// latest reads the newest version of each column the mutation names, by family:qualifier.
func (s *Server) latest(r *region, m *mutation) (map[string]cell, error) {
	q := &query{versions: 1, limit: -1, times: newTimeRange(nil), now: nowMillis(), columns: map[string]map[string]struct{}{}}
	for i := range m.cells {
		c := &m.cells[i]
		if q.columns[string(c.fam)] == nil {
			q.columns[string(c.fam)] = map[string]struct{}{}
		}
		q.columns[string(c.fam)][string(c.qual)] = struct{}{}
	}
	cells, err := s.readCells(r, m.row, q)
	if err != nil {
		return nil, err
	}
	out := make(map[string]cell, len(cells))
	for _, c := range cells {
		out[string(c.fam)+":"+string(c.qual)] = c
	}
	return out, nil
}

// condition evaluates a check-and-mutate; seen is the timestamp of the cell it saw.
// An empty operand asks whether the cell is absent or empty. The other operators compare
// the operand with the cell, in that order, as HBase's API documents it.
func (s *Server) condition(r *region, cond *pb.Condition) (ok bool, seen uint64, err error) {
	if r.table.family(cond.GetFamily()) == nil {
		return false, 0, noFamily(r.table, cond.GetFamily())
	}
	compare, raw, err := newComparator(cond.GetComparator())
	if err != nil {
		return false, 0, err
	}
	m := &mutation{row: cond.GetRow(), cells: []cell{{fam: cond.GetFamily(), qual: cond.GetQualifier()}}}
	found, err := s.latest(r, m)
	if err != nil {
		return false, 0, err
	}
	op := cond.GetCompareType()
	for _, c := range found {
		if len(raw) == 0 {
			return (len(c.val) == 0) == (op != pb.CompareType_NOT_EQUAL), c.ts, nil
		}
		return holds(op, compare(c.val)), c.ts, nil
	}
	return len(raw) == 0 && op != pb.CompareType_NOT_EQUAL, 0, nil
}
