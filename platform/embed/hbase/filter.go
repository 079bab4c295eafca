package hbase

import (
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/tsuna/gohbase/pb"
)

// code is a filter's answer about a cell, of HBase's ReturnCode. A seek hint is
// answered as codeSkip: it only saves reading, the result is the same.
type code int

const (
	codeInclude code = iota
	codeIncludeNextColumn
	codeIncludeNextRow
	codeSkip
	codeNextColumn
	codeNextRow
)

func (c code) includes() bool { return c <= codeIncludeNextRow }

// filter is a server-side filter with the calls HBase makes on one, in its order: row
// for each row, cell and transform for its cells, then rowCells and dropRow, then reset.
type filter interface {
	// row reports that the row is dropped, judged by its key.
	row(row []byte) bool
	cell(c *cell) code
	// transform may change a cell that was included.
	transform(c *cell)
	// rowCells may drop cells of a row; only asked when wholeRows.
	rowCells(cells []cell) []cell
	// dropRow reports that the row is dropped, judged by all of it.
	dropRow() bool
	wholeRows() bool
	// done reports that no further row passes.
	done() bool
	// reset forgets the row.
	reset()
}

// passAll is what a filter does that does not say otherwise.
type passAll struct{}

func (passAll) row([]byte) bool              { return false }
func (passAll) cell(*cell) code              { return codeInclude }
func (passAll) transform(*cell)              {}
func (passAll) rowCells(cells []cell) []cell { return cells }
func (passAll) dropRow() bool                { return false }
func (passAll) wholeRows() bool              { return false }
func (passAll) done() bool                   { return false }
func (passAll) reset()                       {}

const (
	filterPackage = "org.apache.hadoop.hbase.filter."
	// maxFilterDepth bounds nesting, which a client chooses.
	maxFilterDepth = 64
)

// decode reads a serialized filter or comparator.
func decode(name string, b []byte, into proto.Message) error {
	if err := proto.Unmarshal(b, into); err != nil {
		return throwf(classDoNotRetry, "decode %s: %v", name, err)
	}
	return nil
}

// newFilter builds a filter from its Java class name and serialized form.
func newFilter(f *pb.Filter, reversed bool, depth int) (filter, error) {
	if depth > maxFilterDepth {
		return nil, throwf(classDoNotRetry, "filters nest deeper than %d", maxFilterDepth)
	}
	name, ok := strings.CutPrefix(f.GetName(), filterPackage)
	s := &filterSource{name: name, body: f.GetSerializedFilter(), reversed: reversed, depth: depth}
	if make := builder(name); ok && make != nil {
		return make(s)
	}
	return nil, throwf(classDoNotRetry, "java.lang.ClassNotFoundException: no filter %s", f.GetName())
}

// builder finds the constructor for a class in filterPackage.
func builder(name string) func(*filterSource) (filter, error) {
	switch name {
	case "FilterList":
		return build(newFilterList)
	case "FilterWrapper":
		return build(func(s *filterSource, m *pb.FilterWrapper) (filter, error) { return s.inner(m.GetFilter()) })
	case "SkipFilter":
		return build(newSkip)
	case "WhileMatchFilter":
		return build(newWhileMatch)
	case "ColumnCountGetFilter":
		return build(newColumnCount)
	case "ColumnPaginationFilter":
		return build(newColumnPagination)
	case "ColumnPrefixFilter":
		return build(newColumnPrefix)
	case "MultipleColumnPrefixFilter":
		return build(newColumnPrefixes)
	case "ColumnRangeFilter":
		return build(newColumnRange)
	case "DependentColumnFilter":
		return build(newDependentColumn)
	case "FamilyFilter":
		return build(newFamilyFilter)
	case "QualifierFilter":
		return build(newQualifierFilter)
	case "ValueFilter":
		return build(newValueFilter)
	case "RowFilter":
		return build(newRowFilter)
	case "FirstKeyOnlyFilter":
		return build(newFirstKey)
	case "FirstKeyValueMatchingQualifiersFilter":
		return build(newFirstMatching)
	case "FuzzyRowFilter":
		return build(newFuzzyRow)
	case "InclusiveStopFilter":
		return build(newInclusiveStop)
	case "KeyOnlyFilter":
		return build(newKeyOnly)
	case "PageFilter":
		return build(newPage)
	case "PrefixFilter":
		return build(newPrefix)
	case "RandomRowFilter":
		return build(newRandomRow)
	case "SingleColumnValueFilter":
		return build(newSingleColumn)
	case "SingleColumnValueExcludeFilter":
		return build(newSingleColumnExclude)
	case "TimestampsFilter":
		return build(newTimestamps)
	case "MultiRowRangeFilter":
		return build(newMultiRowRange)
	default:
		return nil
	}
}

// filterSource is what a builder works from.
type filterSource struct {
	name     string
	body     []byte
	reversed bool
	depth    int
}

func (s *filterSource) inner(f *pb.Filter) (filter, error) {
	return newFilter(f, s.reversed, s.depth+1)
}

// build adapts a constructor that takes its decoded message.
func build[Msg any, P interface {
	*Msg
	proto.Message
}](f func(s *filterSource, m P) (filter, error)) func(*filterSource) (filter, error) {
	return func(s *filterSource) (filter, error) {
		m := P(new(Msg))
		if err := decode(s.name, s.body, m); err != nil {
			return nil, err
		}
		return f(s, m)
	}
}
