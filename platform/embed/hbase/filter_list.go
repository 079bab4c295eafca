package hbase

import (
	"bytes"

	"github.com/tsuna/gohbase/pb"
)

func newFilterList(s *filterSource, m *pb.FilterList) (filter, error) {
	var fs []filter
	for _, f := range m.GetFilters() {
		n, err := s.inner(f)
		if err != nil {
			return nil, err
		}
		fs = append(fs, n)
	}
	if m.GetOperator() == pb.FilterList_MUST_PASS_ONE {
		return &anyOf{filters: fs, last: make([]verdict, len(fs))}, nil
	}
	return &allOf{filters: fs}, nil
}

// allOf is a FilterList whose filters must all pass.
type allOf struct{ filters []filter }

func (l *allOf) row(row []byte) bool {
	dropped := false
	for _, f := range l.filters {
		if f.done() {
			return true
		}
		if f.row(row) {
			dropped = true
		}
	}
	return dropped
}

// cell passes a cell on only while it is included: later filters that count must not
// see cells that earlier ones dropped.
func (l *allOf) cell(c *cell) code {
	all := codeInclude
	for _, f := range l.filters {
		if f.done() {
			return codeNextRow
		}
		if all = strictest(all, f.cell(c)); !all.includes() {
			return all
		}
	}
	return all
}

// strictest joins two answers so that nothing either wants dropped or skipped remains.
func strictest(a, b code) code {
	if a.includes() == b.includes() {
		return max(a, b)
	}
	if b.includes() {
		a, b = b, a
	}
	switch { // a includes, b does not
	case a == codeIncludeNextRow:
		return codeNextRow
	case a == codeIncludeNextColumn && b == codeSkip:
		return codeNextColumn
	default:
		return b
	}
}

func (l *allOf) transform(c *cell) {
	for _, f := range l.filters {
		f.transform(c)
	}
}

func (l *allOf) rowCells(cells []cell) []cell {
	for _, f := range l.filters {
		cells = f.rowCells(cells)
	}
	return cells
}

// dropRow stops at the first filter that drops: later ones that count rows must not
// count this one.
func (l *allOf) dropRow() bool {
	for _, f := range l.filters {
		if f.dropRow() {
			return true
		}
	}
	return false
}

func (l *allOf) wholeRows() bool { return anyWholeRows(l.filters) }

func anyWholeRows(fs []filter) bool {
	for _, f := range fs {
		if f.wholeRows() {
			return true
		}
	}
	return false
}

func (l *allOf) done() bool {
	for _, f := range l.filters {
		if f.done() {
			return true
		}
	}
	return false
}

func (l *allOf) reset() {
	for _, f := range l.filters {
		f.reset()
	}
}

// anyOf is a FilterList of which one filter must pass.
type anyOf struct {
	filters []filter
	last    []verdict
}

// verdict is a filter's last answer: one that asked for the next column or row is not
// asked again before it comes.
type verdict struct {
	asked     bool
	code      code
	fam, qual []byte
	included  bool // of the current cell
}

func (v *verdict) waits(c *cell) bool {
	if !v.asked {
		return false
	}
	switch v.code {
	case codeNextColumn, codeIncludeNextColumn:
		return bytes.Equal(v.fam, c.fam) && bytes.Equal(v.qual, c.qual)
	case codeNextRow, codeIncludeNextRow:
		return true
	default:
		return false
	}
}

func (l *anyOf) row(row []byte) bool {
	if len(l.filters) == 0 {
		return false
	}
	dropped := true
	for _, f := range l.filters {
		if !f.done() && !f.row(row) {
			dropped = false
		}
	}
	return dropped
}

func (l *anyOf) cell(c *cell) code {
	if len(l.filters) == 0 {
		return codeInclude
	}
	all := code(-1)
	for i, f := range l.filters {
		v := &l.last[i]
		v.included = false
		if f.done() {
			continue
		}
		if v.waits(c) {
			all = loosest(all, codeSkip)
			continue
		}
		got := f.cell(c)
		*v = verdict{asked: true, code: got, fam: c.fam, qual: c.qual, included: got.includes()}
		all = loosest(all, got)
	}
	if all < 0 {
		return codeSkip
	}
	return all
}

// loosest joins two answers so that nothing either wants is dropped or skipped; a
// negative code stands for no answer yet.
func loosest(a, b code) code {
	switch {
	case a < 0:
		return b
	case a.includes() == b.includes():
		return min(a, b)
	}
	if b.includes() {
		a, b = b, a
	}
	switch { // a includes, b does not
	case b == codeSkip || a == codeInclude:
		return codeInclude
	case b == codeNextColumn:
		return codeIncludeNextColumn
	default:
		return a
	}
}

func (l *anyOf) transform(c *cell) {
	for i, f := range l.filters {
		if l.last[i].included {
			f.transform(c)
		}
	}
}

func (l *anyOf) rowCells(cells []cell) []cell {
	for _, f := range l.filters {
		cells = f.rowCells(cells)
	}
	return cells
}

func (l *anyOf) dropRow() bool {
	drop := len(l.filters) > 0
	for _, f := range l.filters {
		if !f.dropRow() {
			drop = false
		}
	}
	return drop
}

func (l *anyOf) wholeRows() bool { return anyWholeRows(l.filters) }

func (l *anyOf) done() bool {
	for _, f := range l.filters {
		if !f.done() {
			return false
		}
	}
	return len(l.filters) > 0
}

func (l *anyOf) reset() {
	for i, f := range l.filters {
		f.reset()
		l.last[i] = verdict{}
	}
}

// skip drops rows of which its filter drops any cell.
type skip struct {
	passAll
	inner filter
	drop  bool
}

func newSkip(s *filterSource, m *pb.SkipFilter) (filter, error) {
	f, err := s.inner(m.GetFilter())
	return &skip{inner: f}, err
}

func (f *skip) cell(c *cell) code {
	got := f.inner.cell(c)
	f.drop = f.drop || got != codeInclude
	return got
}

func (f *skip) transform(c *cell) { f.inner.transform(c) }
func (f *skip) dropRow() bool     { return f.drop }
func (f *skip) wholeRows() bool   { return true }
func (f *skip) reset() {
	f.inner.reset()
	f.drop = false
}

// whileMatch ends the scan at the first thing its filter drops.
type whileMatch struct {
	passAll
	inner filter
	ended bool
}

func newWhileMatch(s *filterSource, m *pb.WhileMatchFilter) (filter, error) {
	f, err := s.inner(m.GetFilter())
	return &whileMatch{inner: f}, err
}

func (f *whileMatch) row(row []byte) bool {
	drop := f.inner.row(row)
	f.ended = f.ended || drop
	return drop
}

func (f *whileMatch) cell(c *cell) code {
	got := f.inner.cell(c)
	f.ended = f.ended || got != codeInclude
	return got
}

func (f *whileMatch) dropRow() bool {
	drop := f.inner.dropRow()
	f.ended = f.ended || drop
	return drop
}

func (f *whileMatch) transform(c *cell) { f.inner.transform(c) }
func (f *whileMatch) wholeRows() bool   { return true }
func (f *whileMatch) done() bool        { return f.ended || f.inner.done() }
func (f *whileMatch) reset()            { f.inner.reset() }
