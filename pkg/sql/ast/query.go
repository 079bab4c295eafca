package ast

// Query is a whole query: [WITH …] body [ORDER BY …] [OFFSET …] [LIMIT … | FETCH …].
type Query struct {
	Loc
	With    []*CTE
	Body    QueryBody
	OrderBy []*OrderItem
	Offset  Expr
	Limit   Expr // LIMIT n or FETCH FIRST n ROWS ONLY; nil: no limit, or LIMIT ALL
}

// CTE is one name AS (query) of WITH.
type CTE struct {
	Loc
	Name    *Ident
	Columns []*Ident
	Query   *Query
}

// OrderItem is one ORDER BY item. Nulls is "", "FIRST" or "LAST" (Flink's default: nulls are the lowest values).
type OrderItem struct {
	Loc
	X     Expr
	Desc  bool
	Nulls string
}

// Select is SELECT … FROM … WHERE … GROUP BY … HAVING … WINDOW …
type Select struct {
	Loc
	Hints    []*Hint
	Distinct bool
	Items    []*SelectItem
	From     TableRef // nil: no FROM
	Where    Expr
	GroupBy  *GroupBy // nil: no GROUP BY
	Having   Expr
	Windows  []*NamedWindow
}

// SelectItem is an expression (or *Star) with its alias.
type SelectItem struct {
	Loc
	X     Expr
	Alias *Ident
}

// GroupBy is GROUP BY [DISTINCT] items.
type GroupBy struct {
	Loc
	Distinct bool
	Items    []*GroupItem
}

// GroupKind is the form of a grouping item.
type GroupKind uint8

// GroupExprs is an expression or, with several, (a, b) as one; GroupEmpty is (); the others hold Items.
const (
	GroupExprs GroupKind = iota
	GroupEmpty
	GroupRollup
	GroupCube
	GroupSets
)

// GroupItem is one item of GROUP BY. ROLLUP and CUBE hold GroupExprs, GROUPING SETS any.
type GroupItem struct {
	Loc
	Kind  GroupKind
	Exprs []Expr
	Items []*GroupItem
}

// NamedWindow is one w AS (…) of the WINDOW clause.
type NamedWindow struct {
	Loc
	Name *Ident
	Spec *WindowSpec
}

// SetOp is X UNION|INTERSECT|EXCEPT [ALL] Y. MINUS is given as EXCEPT.
type SetOp struct {
	Loc
	Op   string // UNION, INTERSECT, EXCEPT
	All  bool
	X, Y QueryBody
}

// Values is VALUES row, …; each row is a *Row, or a bare expression for a one-column row.
type Values struct {
	Loc
	Rows []Expr
}

// TableQuery is TABLE t as a query.
type TableQuery struct {
	Loc
	Name *Name
}

func (*Query) queryBody()      {}
func (*Select) queryBody()     {}
func (*SetOp) queryBody()      {}
func (*Values) queryBody()     {}
func (*TableQuery) queryBody() {}

// TableAlias is AS name [(columns)].
type TableAlias struct {
	Loc
	Name    *Ident
	Columns []*Ident
}

// TableName is a table or view: t [/*+ hints */] [FOR SYSTEM_TIME AS OF x] [AS a].
type TableName struct {
	Loc
	Name   *Name
	Hints  []*Hint
	AsOf   Expr // nil: no FOR SYSTEM_TIME AS OF
	Sample *Sample
	Alias  *TableAlias
}

// Sample is TABLESAMPLE method(percent) [REPEATABLE(seed)].
type Sample struct {
	Loc
	Method     string // BERNOULLI or SYSTEM
	Percent    Expr
	Repeatable Expr
}

// Derived is [LATERAL] (query) [AS a].
type Derived struct {
	Loc
	Lateral bool
	Query   *Query
	Alias   *TableAlias
}

// TableFunc is [LATERAL] TABLE(f(…)) [AS a]; Bare is f(…) without TABLE().
type TableFunc struct {
	Loc
	Lateral bool
	Bare    bool
	Call    *FuncCall
	Alias   *TableAlias
}

// Unnest is UNNEST(x, …) [WITH ORDINALITY] [AS a].
type Unnest struct {
	Loc
	Lateral        bool
	Exprs          []Expr
	WithOrdinality bool
	Alias          *TableAlias
}

// JoinKind is the kind of a join as written.
type JoinKind uint8

// CommaJoin is FROM a, b.
const (
	InnerJoin JoinKind = iota
	LeftJoin
	RightJoin
	FullJoin
	CrossJoin
	CommaJoin
)

// Join is Left kind JOIN Right.
type Join struct {
	Loc
	Kind    JoinKind
	Natural bool
	Left    TableRef
	Right   TableRef
	On      Expr
	Using   []*Ident
}

func (*TableName) tableRef()      {}
func (*Derived) tableRef()        {}
func (*TableFunc) tableRef()      {}
func (*Unnest) tableRef()         {}
func (*Join) tableRef()           {}
func (*MatchRecognize) tableRef() {}

// MatchRecognize is Input MATCH_RECOGNIZE (…) [AS a].
type MatchRecognize struct {
	Loc
	Input       TableRef
	PartitionBy []Expr
	OrderBy     []*OrderItem
	Measures    []*Measure
	AllRows     bool   // ALL ROWS PER MATCH; otherwise ONE ROW PER MATCH
	Rows        string // after ALL ROWS PER MATCH: SHOW EMPTY MATCHES, OMIT EMPTY MATCHES, WITH UNMATCHED ROWS or nothing
	After       *AfterMatch
	Pattern     Pattern
	Within      Expr
	Subsets     []*Subset
	Defines     []*Define
	Alias       *TableAlias
}

// Measure is x AS alias of MEASURES.
type Measure struct {
	Loc
	X     Expr
	Alias *Ident
}

// AfterMatch is AFTER MATCH SKIP …
type AfterMatch struct {
	Loc
	Kind   string // NEXT ROW, PAST LAST ROW, FIRST, LAST
	Symbol *Ident // FIRST's and LAST's
}

// Subset is SUBSET name = (symbols).
type Subset struct {
	Loc
	Name    *Ident
	Symbols []*Ident
}

// Define is one symbol AS condition.
type Define struct {
	Loc
	Name *Ident
	Cond Expr
}

// Pattern is a row pattern: *PatternSymbol, *PatternSeq, *PatternAlt, *PatternRepeat, *PatternPermute, *PatternExclude or *PatternAnchor.
// A *PatternSeq without items is the empty pattern.
type Pattern interface {
	Node
	pattern()
}

// PatternSymbol is a pattern variable.
type PatternSymbol struct {
	Loc
	Name *Ident
}

// PatternSeq is a b c.
type PatternSeq struct {
	Loc
	Items []Pattern
}

// PatternAlt is a | b.
type PatternAlt struct {
	Loc
	Items []Pattern
}

// PatternRepeat is X with a quantifier: * + ? {n} {n,} {n,m} {,m}, reluctant with a further ?. Max -1 is unbounded.
type PatternRepeat struct {
	Loc
	X         Pattern
	Min, Max  int
	Reluctant bool
}

// PatternPermute is PERMUTE(a, b).
type PatternPermute struct {
	Loc
	Items []Pattern
}

// PatternExclude is {- a -}.
type PatternExclude struct {
	Loc
	X Pattern
}

// PatternAnchor is ^, the partition's start, or $, its end.
type PatternAnchor struct {
	Loc
	End bool
}

func (*PatternAnchor) pattern()  {}
func (*PatternSymbol) pattern()  {}
func (*PatternSeq) pattern()     {}
func (*PatternAlt) pattern()     {}
func (*PatternRepeat) pattern()  {}
func (*PatternPermute) pattern() {}
func (*PatternExclude) pattern() {}
