package hbase

import (
	"bytes"
	"math/rand/v2"
	"slices"

	"github.com/tsuna/gohbase/pb"
)

func sortedUnique(in [][]byte) [][]byte {
	out := slices.Clone(in)
	slices.SortFunc(out, bytes.Compare)
	return slices.CompactFunc(out, bytes.Equal)
}

// rowFilter drops rows by a comparison of their keys.
type rowFilter struct {
	passAll
	test comparison
	drop bool
}

func newRowFilter(_ *filterSource, m *pb.RowFilter) (filter, error) {
	test, err := newComparison(m.GetCompareFilter().GetCompareOp(), m.GetCompareFilter().GetComparator())
	return &rowFilter{test: test}, err
}

func (f *rowFilter) row(row []byte) bool {
	f.drop = f.test.drops(row)
	return f.drop
}

func (f *rowFilter) cell(*cell) code {
	if f.drop {
		return codeNextRow
	}
	return codeInclude
}

func (f *rowFilter) dropRow() bool { return f.drop }
func (f *rowFilter) reset()        { f.drop = false }

// prefix passes rows with a prefix and ends behind them.
type prefix struct {
	passAll
	prefix   []byte
	reversed bool
	drop     bool
	passed   bool
}

func newPrefix(s *filterSource, m *pb.PrefixFilter) (filter, error) {
	return &prefix{prefix: m.GetPrefix(), reversed: s.reversed, drop: true}, nil
}

func (f *prefix) row(row []byte) bool {
	if f.prefix == nil || f.passed {
		return true
	}
	order := bytes.Compare(row[:min(len(row), len(f.prefix))], f.prefix)
	if (!f.reversed && order > 0) || (f.reversed && order < 0) {
		f.passed = true
	}
	f.drop = order != 0
	return f.drop
}

func (f *prefix) cell(*cell) code {
	if f.drop {
		return codeNextRow
	}
	return codeInclude
}

func (f *prefix) dropRow() bool { return f.drop }
func (f *prefix) done() bool    { return f.passed }
func (f *prefix) reset()        { f.drop = true }

// inclusiveStop ends the scan behind a row.
type inclusiveStop struct {
	passAll
	stop     []byte
	reversed bool
	ended    bool
}

func newInclusiveStop(s *filterSource, m *pb.InclusiveStopFilter) (filter, error) {
	return &inclusiveStop{stop: m.GetStopRowKey(), reversed: s.reversed}, nil
}

func (f *inclusiveStop) row(row []byte) bool {
	order := bytes.Compare(row, f.stop)
	f.ended = f.ended || (!f.reversed && order > 0) || (f.reversed && order < 0)
	return f.ended
}

func (f *inclusiveStop) cell(*cell) code {
	if f.ended {
		return codeNextRow
	}
	return codeInclude
}

func (f *inclusiveStop) done() bool { return f.ended }

// page passes a number of rows of each region.
type page struct {
	passAll
	size, accepted int64
}

func newPage(_ *filterSource, m *pb.PageFilter) (filter, error) {
	if m.GetPageSize() < 0 {
		return nil, throwf(classIllegalArgument, "must be positive %d", m.GetPageSize())
	}
	return &page{size: m.GetPageSize()}, nil
}

func (f *page) dropRow() bool {
	f.accepted++
	return f.accepted > f.size
}

func (f *page) wholeRows() bool { return true }
func (f *page) done() bool      { return f.accepted >= f.size }

type randomRow struct {
	passAll
	chance float32
	drop   bool
}

func newRandomRow(_ *filterSource, m *pb.RandomRowFilter) (filter, error) {
	return &randomRow{chance: m.GetChance()}, nil
}

func (f *randomRow) row([]byte) bool {
	f.drop = f.chance < 0 || (f.chance <= 1 && rand.Float32() >= f.chance)
	return f.drop
}

func (f *randomRow) cell(*cell) code {
	if f.drop {
		return codeNextRow
	}
	return codeInclude
}

func (f *randomRow) dropRow() bool   { return f.drop }
func (f *randomRow) wholeRows() bool { return true }
func (f *randomRow) reset()          { f.drop = false }

// firstKey passes the first cell of a row.
type firstKey struct {
	passAll
	found bool
}

func newFirstKey(*filterSource, *pb.FirstKeyOnlyFilter) (filter, error) { return &firstKey{}, nil }

func (f *firstKey) reset() { f.found = false }
func (f *firstKey) cell(*cell) code {
	if f.found {
		return codeNextRow
	}
	f.found = true
	return codeInclude
}

// firstMatching passes cells up to the first of one of its columns.
type firstMatching struct {
	passAll
	quals map[string]struct{}
	found bool
}

func newFirstMatching(_ *filterSource, m *pb.FirstKeyValueMatchingQualifiersFilter) (filter, error) {
	f := &firstMatching{quals: map[string]struct{}{}}
	for _, q := range m.GetQualifiers() {
		f.quals[string(q)] = struct{}{}
	}
	return f, nil
}

func (f *firstMatching) reset() { f.found = false }
func (f *firstMatching) cell(c *cell) code {
	if f.found {
		return codeNextRow
	}
	_, f.found = f.quals[string(c.qual)]
	return codeInclude
}

// fuzzyRow passes rows that agree with one of its keys where the mask says so.
type fuzzyRow struct {
	passAll
	keys []*pb.BytesBytesPair
}

func newFuzzyRow(_ *filterSource, m *pb.FuzzyRowFilter) (filter, error) {
	for _, k := range m.GetFuzzyKeysData() {
		if len(k.GetFirst()) != len(k.GetSecond()) {
			return nil, throwf(classIllegalArgument, "fuzzy key and mask differ in length: %q, %v", k.GetFirst(), k.GetSecond())
		}
	}
	return &fuzzyRow{keys: m.GetFuzzyKeysData()}, nil
}

func (f *fuzzyRow) cell(c *cell) code {
	for _, k := range f.keys {
		if fuzzyMatch(c.row, k.GetFirst(), k.GetSecond()) {
			return codeInclude
		}
	}
	return codeNextRow
}

// fuzzyMatch compares where the mask is fixed: 0, or -1 as Java clients send it.
func fuzzyMatch(row, key, mask []byte) bool {
	for i := range min(len(row), len(key)) {
		if (mask[i] == 0 || mask[i] == 0xff) && row[i] != key[i] {
			return false
		}
	}
	return true
}

// singleColumn passes rows by the value of one column.
type singleColumn struct {
	passAll
	test      comparison
	fam, qual []byte
	ifMissing bool // drop rows without the column
	latest    bool // look at the newest version only
	exclude   bool // leave the column out of the result

	found, matched bool
}

func buildSingleColumn(m *pb.SingleColumnValueFilter) (*singleColumn, error) {
	test, err := newComparison(m.GetCompareOp(), m.GetComparator())
	return &singleColumn{
		test: test, fam: m.GetColumnFamily(), qual: m.GetColumnQualifier(),
		ifMissing: m.GetFilterIfMissing(), latest: m.GetLatestVersionOnly(),
	}, err
}

func newSingleColumn(_ *filterSource, m *pb.SingleColumnValueFilter) (filter, error) {
	return buildSingleColumn(m)
}

func newSingleColumnExclude(_ *filterSource, m *pb.SingleColumnValueExcludeFilter) (filter, error) {
	f, err := buildSingleColumn(m.GetSingleColumnValueFilter())
	f.exclude = true
	return f, err
}

func (f *singleColumn) cell(c *cell) code {
	switch {
	case f.matched:
		return codeInclude
	case f.latest && f.found:
		return codeNextRow
	case !c.of(f.fam, f.qual):
		return codeInclude
	}
	f.found = true
	if f.test.drops(orEmpty(c.val)) {
		if f.latest {
			return codeNextRow
		}
		return codeInclude
	}
	f.matched = true
	return codeInclude
}

func (f *singleColumn) rowCells(cells []cell) []cell {
	if !f.exclude {
		return cells
	}
	return keepCells(cells, func(c *cell) bool { return !c.of(f.fam, f.qual) })
}

func (f *singleColumn) dropRow() bool {
	if f.found {
		return !f.matched
	}
	return f.ifMissing
}

func (f *singleColumn) wholeRows() bool { return true }
func (f *singleColumn) reset()          { f.found, f.matched = false, false }

// multiRowRange passes rows within one of its ranges.
type multiRowRange struct {
	passAll
	ranges   []*pb.RowRange
	reversed bool
	ended    bool
}

func newMultiRowRange(s *filterSource, m *pb.MultiRowRangeFilter) (filter, error) {
	for _, r := range m.GetRowRangeList() {
		if len(r.GetStopRow()) > 0 && bytes.Compare(r.GetStartRow(), r.GetStopRow()) > 0 {
			return nil, throwf(classIllegalArgument, "range start %q is behind its stop %q", r.GetStartRow(), r.GetStopRow())
		}
	}
	return &multiRowRange{ranges: m.GetRowRangeList(), reversed: s.reversed}, nil
}

func (f *multiRowRange) row(row []byte) bool {
	f.ended = true // unless a range is still to come
	for _, r := range f.ranges {
		from, to := bytes.Compare(row, r.GetStartRow()), -1
		if len(r.GetStopRow()) > 0 {
			to = bytes.Compare(row, r.GetStopRow())
		}
		low := from > 0 || (from == 0 && r.GetStartRowInclusive())
		high := to < 0 || (to == 0 && r.GetStopRowInclusive())
		if low && high {
			f.ended = false
			return false
		}
		if (!low && !f.reversed) || (!high && f.reversed) {
			f.ended = false
		}
	}
	return true
}

func (f *multiRowRange) done() bool { return f.ended }
