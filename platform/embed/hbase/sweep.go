package hbase

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// sweepRows is the number of rows looked at under one hold of a region's lock.
const sweepRows = 64

// sweepLoop removes what no query can see any more: surplus versions, expired cells,
// cells under tombstones, and tombstones older than the grace time.
func (s *Server) sweepLoop() {
	t := time.NewTicker(s.cfg.SweepInterval)
	defer t.Stop()
	for round := 1; ; round++ {
		select {
		case <-s.done:
			return
		case <-t.C:
		}
		for _, tab := range s.catalog.now.Load().tables {
			for _, r := range tab.regions {
				// Time alone makes garbage only in some tables; those are swept
				// now and then without writes.
				aged := round%20 == 0 && tab.expires()
				if r.written.Load() < s.cfg.SweepBytes && !aged {
					continue
				}
				r.written.Store(0)
				if _, err := s.sweep(r); err != nil && !errors.Is(err, errStopped) {
					s.log.Error("hbase: sweep region", "region", string(r.name), "err", err)
				}
			}
		}
	}
}

var errStopped = errors.New("server is closing")

func (t *table) expires() bool {
	for _, f := range t.Families {
		if f.ttlMillis != 0 {
			return true
		}
	}
	return false
}

// sweep cleans one region and returns the number of cells removed. It looks for rows
// with garbage without the lock, then judges those again and deletes under it: a cell
// may have been written anew in between.
func (s *Server) sweep(r *region) (removed int, err error) {
	sp := span{start: r.start, stop: r.end}
	for {
		select {
		case <-s.done:
			return removed, errStopped
		default:
		}
		dirty, next, err := s.dirtyRows(r, sp)
		if err != nil {
			return removed, err
		}
		if len(dirty) > 0 {
			n, err := s.cleanRows(r, dirty)
			if removed += n; err != nil {
				return removed, err
			}
		}
		if next == nil {
			return removed, nil
		}
		sp.start, sp.afterStart = next, true
	}
}

// dirtyRows collects rows with garbage; next is the last row looked at when there may
// be more.
func (s *Server) dirtyRows(r *region, sp span) (dirty [][]byte, next []byte, err error) {
	rows, err := openRows(s.db, r.table.Data, sp)
	if err != nil {
		return nil, nil, err
	}
	g := &garbage{table: r.table, now: nowMillis(), grace: uint64(s.cfg.TombstoneGrace.Milliseconds())}
	for range 1024 {
		var row []byte
		g.startRow()
		done, err := rows.next(func(k []byte) bool { row = k; return true }, func(c *cell) step {
			g.add(c)
			return stepCell
		})
		if err != nil || done {
			return dirty, nil, errors.Join(err, rows.Close())
		}
		next = bytes.Clone(row)
		if g.found(); len(g.dead) > 0 {
			if dirty = append(dirty, next); len(dirty) == sweepRows {
				break
			}
		}
	}
	return dirty, next, rows.Close()
}

func (s *Server) cleanRows(r *region, dirty [][]byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, nil
	}
	b := s.db.NewBatch()
	removed := 0
	g := &garbage{table: r.table, now: nowMillis(), grace: uint64(s.cfg.TombstoneGrace.Milliseconds())}
	for _, row := range dirty {
		rows, err := openRows(s.db, r.table.Data, span{start: row, stop: row, hasStop: true})
		if err != nil {
			return 0, joinClose(err, b)
		}
		g.startRow()
		_, err = rows.next(func([]byte) bool { return true }, func(c *cell) step {
			g.add(c)
			return stepCell
		})
		g.found()
		for _, key := range g.dead {
			err = errors.Join(err, b.Delete(key, nil))
		}
		removed += len(g.dead)
		if err = errors.Join(err, rows.Close()); err != nil {
			return 0, joinClose(err, b)
		}
	}
	// Not synced: garbage that comes back after a crash is swept again.
	return removed, b.Commit(pebble.NoSync)
}

// garbage finds the dead cells of a row.
type garbage struct {
	table      *table
	now, grace uint64
	cells      []cell
	dead       [][]byte
}

func (g *garbage) startRow() { g.cells, g.dead = g.cells[:0], nil }

func (g *garbage) add(c *cell) {
	c.row = bytes.Clone(c.row)
	g.cells = append(g.cells, *c)
}

// found judges the collected cells with the matcher of a query that asks for all
// versions: what it does not return is dead, tombstones aside.
func (g *garbage) found() {
	m := matcher{table: g.table, q: &query{versions: noLimit, limit: -1, times: newTimeRange(nil), now: g.now}}
	for i := range g.cells {
		c := &g.cells[i]
		if c.typ != typePut {
			m.add(c)
			if g.outlived(c) {
				g.drop(c)
			}
			continue
		}
		before := len(m.out)
		if m.add(c); len(m.out) == before {
			g.drop(c)
		}
	}
}

// outlived reports a tombstone whose grace is over. The cells it covers are dropped
// with it or were before, as the row is judged as a whole.
func (g *garbage) outlived(c *cell) bool {
	if len(c.val) != 8 {
		return false
	}
	return binary.BigEndian.Uint64(c.val)+g.grace < g.now
}

func (g *garbage) drop(c *cell) {
	g.dead = append(g.dead, cellKey(nil, g.table.Data, c))
}
