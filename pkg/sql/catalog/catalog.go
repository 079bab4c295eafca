// Package catalog holds the tables, views and settings that a SQL file declares, after binding.
package catalog

import (
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Pos is a place in a SQL file; lines and columns count from 1, the zero value is "unknown".
type Pos struct {
	File      string
	Line, Col int
}

// ColumnKind tells where a column's value comes from.
type ColumnKind uint8

// Physical columns are read and written by the format, Metadata columns by the connector, Computed ones by an expression.
const (
	Physical ColumnKind = iota
	Metadata
	Computed
)

// Column is one declared column of a table.
type Column struct {
	Name        string
	Type        types.Type
	Kind        ColumnKind
	MetadataKey string // Metadata: the connector's key, "timestamp", "partition", …
	Virtual     bool   // Metadata … VIRTUAL: not written by sinks
	Computed    any    // Computed: the bound plan.Expr over the table's full column list
	ProcTime    bool   // the column is PROCTIME()
	Comment     string
	Pos         Pos
}

// Watermark is WATERMARK FOR Column AS Column - Delay.
type Watermark struct {
	Column int   // index in Columns
	Delay  int64 // microseconds
	// Expr, a plan.Expr over the table's columns, is the watermark itself where that is not the column less a delay; nil if it is.
	Expr any
}

// Table is a declared table: its columns and the options of its WITH clause.
type Table struct {
	Name        string
	Columns     []Column
	PrimaryKey  []int // indexes in Columns, nil if none
	Watermark   *Watermark
	PartitionBy []int
	Options     map[string]string // WITH (...), and the OPTIONS hint's on top
	OptionPos   map[string]Pos
	Comment     string
	Pos         Pos
}

// ColumnIndex is the index of the column called name, or -1.
func (t *Table) ColumnIndex(name string) int {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return i
		}
	}
	return -1
}

// Option gives an option's value or def.
func (t *Table) Option(key, def string) string {
	if v, ok := t.Options[key]; ok {
		return v
	}
	return def
}

// Caps is what a connector can do with a table: what the planner asks before it plans.
type Caps struct {
	Scan, Lookup, Sink bool
	Bounded            bool
	// SourceMode is the change stream that a scan gives. SinkMode is what the sink takes: Upsert needs a primary key.
	SourceMode, SinkMode ChangeMode
	// Metadata keys that the connector offers, with their types.
	Metadata map[string]types.Type
	// Writable are the metadata keys that a sink takes.
	Writable []string
	// KeyedBy names columns by whose hash the source is already partitioned (option key.fields), nil if unknown.
	KeyedBy []string
}

// ChangeMode is a set of row kinds.
type ChangeMode uint8

// Row kinds as bits, and the usual sets.
const (
	HasInsert ChangeMode = 1 << iota
	HasUpdateBefore
	HasUpdateAfter
	HasDelete

	AppendOnly = HasInsert
	Upsert     = HasInsert | HasUpdateAfter | HasDelete
	AllChanges = HasInsert | HasUpdateBefore | HasUpdateAfter | HasDelete
)

// Has tells whether m holds all of o.
func (m ChangeMode) Has(o ChangeMode) bool { return m&o == o }

// String prints the set as Flink's EXPLAIN does: [I,UB,UA,D].
func (m ChangeMode) String() string {
	s := "["
	for i, n := range []string{"I", "UB", "UA", "D"} {
		if m&(1<<i) != 0 {
			if len(s) > 1 {
				s += ","
			}
			s += n
		}
	}
	return s + "]"
}

// Describer answers for the connectors; implemented by the connector set, and by a fake in planner tests. It validates
// the table's options and reports all faults of them in one error.
type Describer interface {
	Describe(t *Table) (Caps, error)
}
