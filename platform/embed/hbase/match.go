package hbase

import (
	"bytes"
)

// query is what a Get or Scan asks for within a row.
type query struct {
	// columns maps a family to its wanted qualifiers, none meaning all of the family;
	// nil means every family.
	columns  map[string]map[string]struct{}
	ranges   map[string]timeRange // per family, over times
	times    timeRange
	versions int
	limit    int // cells per family and row, negative for all
	offset   int
	filter   filter // nil for none
	now      uint64 // ms, for expiry
}

// timeRange is [from, to).
type timeRange struct{ from, to uint64 }

// step says how iteration goes on after a cell.
type step int

const (
	stepCell   step = iota // the next cell
	stepColumn             // the next column of the row
	stepFamily             // the next family of the row
	stepRow                // the next row
)

// matcher decides which cells of a row a query sees. Cells come in stored order. The
// order of the checks is HBase's: expiry, tombstones, columns, time range, versions of
// the family, filter, versions of the query, limit.
type matcher struct {
	q     *query
	table *table

	fam       *family
	famName   []byte
	wanted    bool
	quals     map[string]struct{}
	times     timeRange
	familyDel int64 // newest family tombstone, -1 for none
	familyAt  []uint64
	included  int // cells of this family that passed, for limit and offset

	qual      []byte
	newColumn bool
	columnDel int64
	columnAt  []uint64
	seen      int // versions before the filter
	passed    int // versions after the filter

	halted bool // the filter was done in the middle of the row
	out    []cell
}

func (m *matcher) startRow() {
	m.fam, m.famName, m.out, m.halted = nil, nil, nil, false
}

func (m *matcher) startFamily(c *cell) {
	m.famName = c.fam
	m.fam = m.table.family(c.fam)
	m.quals, m.wanted = nil, m.fam != nil
	if m.q.columns != nil && m.wanted {
		m.quals, m.wanted = m.q.columns[string(c.fam)], false
		if _, ok := m.q.columns[string(c.fam)]; ok {
			m.wanted = true
		}
	}
	m.times = m.q.times
	if r, ok := m.q.ranges[string(c.fam)]; ok {
		m.times = r
	}
	m.familyDel, m.familyAt, m.included = -1, m.familyAt[:0], 0
	m.newColumn = true
}

func (m *matcher) startColumn(c *cell) {
	m.qual = c.qual
	m.newColumn = false
	m.columnDel, m.columnAt = -1, m.columnAt[:0]
	m.seen, m.passed = 0, 0
}

// expired reports whether the cell's own TTL has run out.
func (c *cell) expired(now uint64) bool {
	return c.ttl != 0 && c.ts <= latestTimestamp && c.ts+c.ttl < now
}

func (f *family) expired(ts, now uint64) bool {
	return f.ttlMillis != 0 && now > f.ttlMillis && ts < now-f.ttlMillis
}

// add looks at the next cell and keeps it in out when the query sees it.
func (m *matcher) add(c *cell) step {
	if m.q.filter != nil && m.q.filter.done() {
		m.halted = true
		return stepRow
	}
	if m.famName == nil || !bytes.Equal(m.famName, c.fam) {
		m.startFamily(c)
	}
	if !m.wanted {
		return stepFamily
	}
	if m.newColumn || !bytes.Equal(m.qual, c.qual) {
		m.startColumn(c)
	}
	if c.expired(m.q.now) {
		return stepCell
	}
	old := m.fam.expired(c.ts, m.q.now)
	if old && m.fam.minVersions == 0 {
		return stepColumn
	}
	if c.typ != typePut {
		m.tombstone(c)
		return stepCell
	}
	if int64(c.ts) <= m.familyDel || int64(c.ts) <= m.columnDel {
		return stepColumn
	}
	if contains(m.familyAt, c.ts) || contains(m.columnAt, c.ts) {
		return stepCell
	}
	if m.quals != nil {
		if _, ok := m.quals[string(c.qual)]; !ok {
			return stepColumn
		}
	}
	if c.ts >= m.times.to {
		return stepCell
	}
	if c.ts < m.times.from {
		return stepColumn
	}
	limit := m.fam.maxVersions
	if m.q.filter == nil {
		limit = min(limit, m.q.versions)
	}
	if m.seen++; m.seen > limit || (old && m.seen > m.fam.minVersions) {
		return stepColumn
	}
	next := stepCell
	if m.q.filter != nil {
		var keep bool
		if keep, next = m.filter(c); !keep {
			return next
		}
	}
	if m.included++; m.q.limit >= 0 && m.included > m.q.limit+m.q.offset {
		return stepFamily
	}
	if m.included > m.q.offset {
		m.out = append(m.out, *c)
	}
	return next
}

func (m *matcher) tombstone(c *cell) {
	switch c.typ {
	case typeDeleteFamily:
		m.familyDel = max(m.familyDel, int64(c.ts))
	case typeDeleteColumn:
		m.columnDel = max(m.columnDel, int64(c.ts))
	case typeDeleteFamilyVersion:
		m.familyAt = append(m.familyAt, c.ts)
	case typeDelete:
		m.columnAt = append(m.columnAt, c.ts)
	}
}

func contains(times []uint64, ts uint64) bool {
	for _, t := range times {
		if t == ts {
			return true
		}
	}
	return false
}

// filter asks the query's filter about a cell and counts the versions that pass.
func (m *matcher) filter(c *cell) (keep bool, next step) {
	switch m.q.filter.cell(c) {
	case codeSkip:
		return false, stepCell
	case codeNextColumn:
		return false, stepColumn
	case codeNextRow:
		return false, stepFamily
	case codeIncludeNextColumn:
		next = stepColumn
	case codeIncludeNextRow:
		next = stepFamily
	}
	if m.passed++; m.passed > min(m.fam.maxVersions, m.q.versions) {
		return false, stepColumn
	}
	m.q.filter.transform(c)
	return true, next
}
