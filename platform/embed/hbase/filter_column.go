package hbase

import (
	"bytes"
	"encoding/binary"

	"github.com/tsuna/gohbase/pb"
)

// columnCount passes the first columns of a row.
type columnCount struct {
	passAll
	limit, count int
}

func newColumnCount(_ *filterSource, m *pb.ColumnCountGetFilter) (filter, error) {
	if m.GetLimit() < 0 {
		return nil, throwf(classIllegalArgument, "limit must be positive %d", m.GetLimit())
	}
	return &columnCount{limit: int(m.GetLimit())}, nil
}

func (f *columnCount) row([]byte) bool { return f.done() }
func (f *columnCount) done() bool      { return f.count > f.limit }
func (f *columnCount) reset()          { f.count = 0 }
func (f *columnCount) cell(*cell) code {
	if f.count++; f.done() {
		return codeNextColumn
	}
	return codeIncludeNextColumn
}

// columnPagination passes a page of a row's columns, from a number or a qualifier on.
type columnPagination struct {
	passAll
	limit, offset, count int
	from                 []byte
}

func newColumnPagination(_ *filterSource, m *pb.ColumnPaginationFilter) (filter, error) {
	if m.GetLimit() < 0 || m.GetOffset() < 0 {
		return nil, throwf(classIllegalArgument, "limit and offset must be positive")
	}
	return &columnPagination{limit: int(m.GetLimit()), offset: int(m.GetOffset()), from: m.ColumnOffset}, nil
}

func (f *columnPagination) reset() { f.count = 0 }
func (f *columnPagination) cell(c *cell) code {
	if f.from != nil {
		if f.count >= f.limit {
			return codeNextRow
		}
		if f.count == 0 && bytes.Compare(c.qual, f.from) < 0 {
			return codeSkip
		}
		f.count++
		return codeIncludeNextColumn
	}
	if f.count >= f.offset+f.limit {
		return codeNextRow
	}
	f.count++
	if f.count <= f.offset {
		return codeNextColumn
	}
	return codeIncludeNextColumn
}

type columnPrefix struct {
	passAll
	prefix []byte
}

func newColumnPrefix(_ *filterSource, m *pb.ColumnPrefixFilter) (filter, error) {
	return &columnPrefix{prefix: m.GetPrefix()}, nil
}

func (f *columnPrefix) cell(c *cell) code {
	switch {
	case bytes.HasPrefix(c.qual, f.prefix):
		return codeInclude
	case bytes.Compare(c.qual, f.prefix) > 0:
		return codeNextRow
	default:
		return codeSkip
	}
}

// columnPrefixes tests a qualifier against the greatest prefix not above it only, as
// HBase does: of prefixes that begin one another the longer hides the shorter.
type columnPrefixes struct {
	passAll
	sorted [][]byte
}

func newColumnPrefixes(_ *filterSource, m *pb.MultipleColumnPrefixFilter) (filter, error) {
	return &columnPrefixes{sorted: sortedUnique(m.GetSortedPrefixes())}, nil
}

func (f *columnPrefixes) cell(c *cell) code {
	n := 0
	for n < len(f.sorted) && bytes.Compare(f.sorted[n], c.qual) <= 0 {
		n++
	}
	switch {
	case n > 0 && bytes.HasPrefix(c.qual, f.sorted[n-1]):
		return codeInclude
	case n > 0 && n == len(f.sorted):
		return codeNextRow
	default:
		return codeSkip
	}
}

type columnRange struct {
	passAll
	low, high     []byte
	fromLow, toHi bool
}

func newColumnRange(_ *filterSource, m *pb.ColumnRangeFilter) (filter, error) {
	return &columnRange{
		low: m.MinColumn, high: m.MaxColumn,
		fromLow: m.GetMinColumnInclusive(), toHi: m.GetMaxColumnInclusive(),
	}, nil
}

func (f *columnRange) cell(c *cell) code {
	if f.low != nil {
		order := bytes.Compare(c.qual, f.low)
		if order < 0 {
			return codeSkip
		}
		if order == 0 && !f.fromLow {
			return codeNextColumn
		}
	}
	if f.high == nil {
		return codeInclude
	}
	if order := bytes.Compare(c.qual, f.high); order < 0 || (order == 0 && f.toHi) {
		return codeInclude
	}
	return codeNextRow
}

// dependentColumn passes cells with the timestamp of a cell of one column.
type dependentColumn struct {
	passAll
	test      comparison
	fam, qual []byte
	drop      bool
	times     []uint64
}

func newDependentColumn(_ *filterSource, m *pb.DependentColumnFilter) (filter, error) {
	cf := m.GetCompareFilter()
	test, err := newComparison(cf.GetCompareOp(), cf.GetComparator())
	return &dependentColumn{
		test: test, fam: m.GetColumnFamily(), qual: m.GetColumnQualifier(), drop: m.GetDropDependentColumn(),
	}, err
}

func (f *dependentColumn) cell(c *cell) code {
	if !c.of(f.fam, f.qual) {
		return codeInclude // rowCells decides when the row's timestamps are known
	}
	if f.test.compare != nil && f.test.drops(c.val) {
		return codeSkip
	}
	f.times = append(f.times, c.ts)
	if f.drop {
		return codeSkip
	}
	return codeInclude
}

func (f *dependentColumn) rowCells(cells []cell) []cell {
	return keepCells(cells, func(c *cell) bool { return contains(f.times, c.ts) })
}

func (f *dependentColumn) wholeRows() bool { return true }
func (f *dependentColumn) reset()          { f.times = f.times[:0] }

func (c *cell) of(fam, qual []byte) bool { return bytes.Equal(c.fam, fam) && bytes.Equal(c.qual, qual) }

func keepCells(cells []cell, keep func(*cell) bool) []cell {
	kept := cells[:0]
	for i := range cells {
		if keep(&cells[i]) {
			kept = append(kept, cells[i])
		}
	}
	return kept
}

// cellTest drops cells by a comparison of one of their parts.
type cellTest struct {
	passAll
	test    comparison
	of      func(*cell) []byte
	dropped code
}

func (f *cellTest) cell(c *cell) code {
	if f.test.drops(f.of(c)) {
		return f.dropped
	}
	return codeInclude
}

func newCellTest(cf *pb.CompareFilter, dropped code, of func(*cell) []byte) (filter, error) {
	test, err := newComparison(cf.GetCompareOp(), cf.GetComparator())
	return &cellTest{test: test, of: of, dropped: dropped}, err
}

func newFamilyFilter(_ *filterSource, m *pb.FamilyFilter) (filter, error) {
	return newCellTest(m.GetCompareFilter(), codeNextRow, func(c *cell) []byte { return c.fam })
}

func newQualifierFilter(_ *filterSource, m *pb.QualifierFilter) (filter, error) {
	return newCellTest(m.GetCompareFilter(), codeSkip, func(c *cell) []byte { return orEmpty(c.qual) })
}

func newValueFilter(_ *filterSource, m *pb.ValueFilter) (filter, error) {
	return newCellTest(m.GetCompareFilter(), codeSkip, func(c *cell) []byte { return orEmpty(c.val) })
}

type timestamps struct {
	passAll
	times map[uint64]struct{}
	first uint64
}

func newTimestamps(_ *filterSource, m *pb.TimestampsFilter) (filter, error) {
	f := &timestamps{times: map[uint64]struct{}{}, first: 1<<64 - 1}
	for _, t := range m.GetTimestamps() {
		if t < 0 {
			return nil, throwf(classIllegalArgument, "timestamp must be positive %d", t)
		}
		f.times[uint64(t)] = struct{}{}
		f.first = min(f.first, uint64(t))
	}
	return f, nil
}

func (f *timestamps) cell(c *cell) code {
	if _, ok := f.times[c.ts]; ok {
		return codeInclude
	}
	if c.ts < f.first {
		return codeNextColumn
	}
	return codeSkip
}

// keyOnly empties values, or leaves their length in four bytes.
type keyOnly struct {
	passAll
	length bool
}

func newKeyOnly(_ *filterSource, m *pb.KeyOnlyFilter) (filter, error) {
	return &keyOnly{length: m.GetLenAsVal()}, nil
}

func (f *keyOnly) transform(c *cell) {
	n := len(c.val)
	c.val = nil
	if f.length {
		c.val = binary.BigEndian.AppendUint32(nil, uint32(n))
	}
}
