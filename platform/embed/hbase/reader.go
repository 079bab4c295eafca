package hbase

import (
	"github.com/tsuna/gohbase/pb"
)

// reader yields the rows of one region that a query sees. It follows the order in
// which HBase's region scanner consults a filter.
type reader struct {
	rows  rows
	match matcher

	rowsScanned, rowsFiltered int64
	ended                     bool
}

func (s *Server) newReader(r *region, sp span, q *query) (*reader, error) {
	rd := &reader{match: matcher{q: q, table: r.table}}
	if r == metaRegion {
		rd.rows = openMeta(s.catalog.now.Load(), sp)
		return rd, nil
	}
	var err error
	rd.rows, err = openRows(s.db, r.table.Data, sp)
	return rd, err
}

func (r *reader) Close() error { return r.rows.Close() }

// filterDone reports that the filter will pass no further row.
func (r *reader) filterDone() bool {
	return r.match.q.filter != nil && (r.ended && r.match.halted || r.match.q.filter.done())
}

// next returns the cells of the next visible row; nil at the end of the region or when
// the filter is done.
func (r *reader) next() ([]cell, error) {
	f := r.match.q.filter
	for !r.ended {
		if r.filterDone() {
			break
		}
		declined := false
		done, err := r.rows.next(func(row []byte) bool {
			r.match.startRow()
			declined = f != nil && f.row(row)
			return !declined
		}, r.match.add)
		if err != nil {
			return nil, err
		}
		if done {
			break
		}
		if declined {
			r.rowsFiltered++
			if f.done() {
				break
			}
			r.rowsScanned++
			f.reset()
			continue
		}
		cells := r.match.out
		found := len(cells) > 0
		if found || f != nil {
			r.rowsScanned++
		}
		if f != nil {
			// As in HBase the scan ends with a row in which the filter was done, even
			// if a reset would let it pass more.
			r.ended = r.match.halted || f.done()
			cells = r.filterRow(f, cells)
			f.reset()
		}
		if len(cells) == 0 {
			if found || f != nil {
				r.rowsFiltered++
			}
			continue
		}
		return cells, nil
	}
	r.ended = true
	return nil, nil
}

// filterRow lets the filter change or drop a row. A filter that decides on whole rows
// is asked only about rows that still have cells.
func (r *reader) filterRow(f filter, cells []cell) []cell {
	if !f.wholeRows() {
		if f.dropRow() {
			return nil
		}
		return cells
	}
	if cells = f.rowCells(cells); len(cells) > 0 && f.dropRow() {
		return nil
	}
	return cells
}

// newQuery checks the columns of a Get or Scan against the table.
func newQuery(t *table, columns []*pb.Column, tr *pb.TimeRange, perFamily []*pb.ColumnFamilyTimeRange,
	versions uint32, limit, offset *uint32, f *pb.Filter, now uint64, reversed bool) (*query, error) {
	q := &query{versions: int(min(versions, noLimit)), limit: -1, times: newTimeRange(tr), now: now}
	if q.versions == 0 {
		return nil, throwf(classIllegalArgument, "max versions must be positive")
	}
	if limit != nil && *limit < noLimit {
		q.limit = int(*limit)
	}
	if offset != nil {
		q.offset = int(min(*offset, noLimit))
	}
	for _, c := range columns {
		if t.family(c.GetFamily()) == nil {
			return nil, noFamily(t, c.GetFamily())
		}
		if q.columns == nil {
			q.columns = map[string]map[string]struct{}{}
		}
		var quals map[string]struct{}
		for _, name := range c.GetQualifier() {
			if quals == nil {
				quals = map[string]struct{}{}
			}
			quals[string(name)] = struct{}{}
		}
		q.columns[string(c.GetFamily())] = quals
	}
	for _, r := range perFamily {
		if q.ranges == nil {
			q.ranges = map[string]timeRange{}
		}
		q.ranges[string(r.GetColumnFamily())] = newTimeRange(r.GetTimeRange())
	}
	if f != nil {
		var err error
		if q.filter, err = newFilter(f, reversed, 0); err != nil {
			return nil, err
		}
	}
	return q, nil
}

func newTimeRange(tr *pb.TimeRange) timeRange {
	r := timeRange{to: latestTimestamp}
	if tr != nil && tr.From != nil {
		r.from = tr.GetFrom()
	}
	if tr != nil && tr.To != nil {
		r.to = tr.GetTo()
	}
	if r.to >= latestTimestamp {
		r.to = 1<<64 - 1 // without an upper end the newest possible cell is seen too
	}
	return r
}

func noFamily(t *table, name []byte) error {
	return throwf(classNoFamily, "Column family %s does not exist in table %s", name, t.fullName())
}
