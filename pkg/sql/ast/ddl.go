package ast

// ColumnDef is a column of CREATE TABLE or ALTER TABLE. Exactly one of: a physical column (Type only), a metadata column
// (Type and Metadata), a computed column (Computed only); a column of CREATE TABLE AS's reorder list has only a Name.
type ColumnDef struct {
	Loc
	Name       *Ident
	Type       *DataType
	Computed   Expr
	Metadata   bool
	MetaKey    *StringLit // METADATA FROM '…', nil: the column's name
	Virtual    bool
	PrimaryKey *PrimaryKey // inline PRIMARY KEY, Columns empty
	Comment    *StringLit
}

// PrimaryKey is [CONSTRAINT c] PRIMARY KEY (…) [NOT] ENFORCED. Unique marks UNIQUE instead, which Flink parses and refuses.
type PrimaryKey struct {
	Loc
	Constraint  *Ident
	Unique      bool
	Columns     []*Ident
	NotEnforced bool
	Enforced    bool // ENFORCED written
}

// Watermark is WATERMARK FOR Column AS X.
type Watermark struct {
	Loc
	Column *Name
	X      Expr
}

// Distribution is DISTRIBUTED [BY [HASH|RANGE] (…)] [INTO n BUCKETS].
type Distribution struct {
	Loc
	Kind    string // "", HASH, RANGE
	Columns []*Ident
	Buckets *NumberLit
}

// LikeOption is one INCLUDING|EXCLUDING|OVERWRITING … of LIKE.
type LikeOption struct {
	Loc
	Merge   string // INCLUDING, EXCLUDING, OVERWRITING
	Feature string // ALL, CONSTRAINTS, DISTRIBUTION, GENERATED, METADATA, OPTIONS, PARTITIONS, WATERMARKS
}

// TableLike is LIKE t (options).
type TableLike struct {
	Loc
	Table   *Name
	Options []*LikeOption
}

// CreateTable is CREATE [OR REPLACE] [TEMPORARY] TABLE, also … LIKE and … AS query.
type CreateTable struct {
	Loc
	OrReplace, Temporary, IfNotExists bool
	Name                              *Name
	Columns                           []*ColumnDef
	Keys                              []*PrimaryKey // table-level
	Watermarks                        []*Watermark
	Comment                           *StringLit
	Distribution                      *Distribution
	PartitionBy                       []*Ident
	Options                           []*Option
	Like                              *TableLike
	As                                *Query
}

// CreateMaterializedTable is CREATE MATERIALIZED TABLE … FRESHNESS = INTERVAL … AS query.
type CreateMaterializedTable struct {
	Loc
	IfNotExists bool
	Name        *Name
	Keys        []*PrimaryKey
	Comment     *StringLit
	PartitionBy []*Ident
	Options     []*Option
	Freshness   *IntervalLit
	RefreshMode string // "", FULL, CONTINUOUS
	As          *Query
}

// CreateView is CREATE [TEMPORARY] VIEW.
type CreateView struct {
	Loc
	OrReplace, Temporary, IfNotExists bool
	Name                              *Name
	Columns                           []*Ident
	Comment                           *StringLit
	Query                             *Query
}

// CreateFunction is CREATE or, with Alter, ALTER FUNCTION.
type CreateFunction struct {
	Loc
	Alter             bool
	Temporary, System bool
	IfNotExists       bool // IF EXISTS for Alter
	Name              *Name
	Class             *StringLit
	Language          string // "", JAVA, SCALA, PYTHON, or another word, upper case
	Resources         []*FunctionResource
}

// FunctionResource is one USING JAR '…'.
type FunctionResource struct {
	Loc
	Kind string // JAR, FILE, ARCHIVE
	Path *StringLit
}

// CreateCatalog is CREATE CATALOG c WITH (…).
type CreateCatalog struct {
	Loc
	IfNotExists bool
	Name        *Ident
	Comment     *StringLit
	Options     []*Option
}

// CreateDatabase is CREATE DATABASE.
type CreateDatabase struct {
	Loc
	IfNotExists bool
	Name        *Name
	Comment     *StringLit
	Options     []*Option
}

// Drop is DROP of any object. Kind: TABLE, VIEW, FUNCTION, CATALOG, DATABASE, MATERIALIZED TABLE.
type Drop struct {
	Loc
	Kind              string
	Temporary, System bool
	IfExists          bool
	Name              *Name
	Behavior          string // "", CASCADE, RESTRICT
}

// AlterTable is ALTER TABLE [IF EXISTS] t Action.
type AlterTable struct {
	Loc
	IfExists bool
	Name     *Name
	Action   AlterAction
}

// AlterView is ALTER VIEW v RENAME TO … or AS query.
type AlterView struct {
	Loc
	Name   *Name
	Action AlterAction // *AlterRename or *AlterAs
}

// AlterMaterializedTable is ALTER MATERIALIZED TABLE t SUSPEND | RESUME | REFRESH | SET …
type AlterMaterializedTable struct {
	Loc
	Name   *Name
	Action AlterAction // *AlterRun, *AlterSet or *AlterReset
}

// AlterDatabase is ALTER DATABASE d SET (…), AlterCatalog ALTER CATALOG c SET, RESET or COMMENT.
type AlterDatabase struct {
	Loc
	Catalog bool // ALTER CATALOG
	Name    *Name
	Action  AlterAction // *AlterSet, *AlterReset, *AlterComment
}

// AlterAction is what an ALTER does.
type AlterAction interface {
	Node
	alterAction()
}

// AlterRename is RENAME TO name.
type AlterRename struct {
	Loc
	To *Name
}

// AlterRenameColumn is RENAME a TO b.
type AlterRenameColumn struct {
	Loc
	From *Name
	To   *Ident
}

// AlterSet is SET (options).
type AlterSet struct {
	Loc
	Options []*Option
}

// AlterReset is RESET ('k', …).
type AlterReset struct {
	Loc
	Keys []*StringLit
}

// AlterComment is COMMENT '…'.
type AlterComment struct {
	Loc
	Comment *StringLit
}

// AlterAs is AS query.
type AlterAs struct {
	Loc
	Query *Query
}

// ColumnPlace is a column with where it goes: FIRST, or AFTER a column.
type ColumnPlace struct {
	Loc
	Column *ColumnDef
	First  bool
	After  *Ident
}

// AlterColumns is ADD (…) or, with Modify, MODIFY (…).
type AlterColumns struct {
	Loc
	Modify       bool
	Columns      []*ColumnPlace
	Keys         []*PrimaryKey
	Watermarks   []*Watermark
	Distribution *Distribution
}

// AlterDrop is DROP of Kind: COLUMN (Columns), PRIMARY KEY, CONSTRAINT (Columns[0]), WATERMARK, DISTRIBUTION.
type AlterDrop struct {
	Loc
	Kind    string
	Columns []*Name
}

// AlterPartition is ADD [IF NOT EXISTS] PARTITION (…) [WITH (…)] … or, with Drop, DROP [IF EXISTS] PARTITION (…), …
type AlterPartition struct {
	Loc
	Drop       bool
	IfExists   bool // IF NOT EXISTS for ADD
	Partitions []*PartitionSpec
}

// PartitionSpec is PARTITION (k = v, …) [WITH (…)].
type PartitionSpec struct {
	Loc
	Items   []*PartitionItem
	Options []*Option
}

// PartitionItem is column = value, or a column alone.
type PartitionItem struct {
	Loc
	Column *Ident
	Value  Expr
}

// AlterRun is SUSPEND, RESUME [WITH (…)] or REFRESH [PARTITION (…)].
type AlterRun struct {
	Loc
	Kind      string
	Options   []*Option
	Partition *PartitionSpec
}

func (*AlterRename) alterAction()       {}
func (*AlterRenameColumn) alterAction() {}
func (*AlterSet) alterAction()          {}
func (*AlterReset) alterAction()        {}
func (*AlterComment) alterAction()      {}
func (*AlterAs) alterAction()           {}
func (*AlterColumns) alterAction()      {}
func (*AlterDrop) alterAction()         {}
func (*AlterPartition) alterAction()    {}
func (*AlterRun) alterAction()          {}

func (*CreateTable) statement()             {}
func (*CreateMaterializedTable) statement() {}
func (*CreateView) statement()              {}
func (*CreateFunction) statement()          {}
func (*CreateCatalog) statement()           {}
func (*CreateDatabase) statement()          {}
func (*Drop) statement()                    {}
func (*AlterTable) statement()              {}
func (*AlterView) statement()               {}
func (*AlterMaterializedTable) statement()  {}
func (*AlterDatabase) statement()           {}
