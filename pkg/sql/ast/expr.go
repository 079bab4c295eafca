package ast

// NumberKind tells the three numeric literal forms apart.
type NumberKind uint8

// Integer is 12, Decimal is 1.20, Approx is 1.2e3.
const (
	Integer NumberKind = iota
	Decimal
	Approx
)

// NumberLit is an unsigned number; a sign is a Unary.
type NumberLit struct {
	Loc
	Kind NumberKind
	Text string // as written
}

// StringLit is a character literal, unescaped: '…', U&'…' or _charset'…'.
type StringLit struct {
	Loc
	Value string
}

// BytesLit is X'…'.
type BytesLit struct {
	Loc
	Value []byte
}

// BoolLit is TRUE or FALSE.
type BoolLit struct {
	Loc
	Value bool
}

// NullLit is NULL, or UNKNOWN (a BOOLEAN NULL).
type NullLit struct {
	Loc
	Unknown bool
}

// TimeLit is DATE '…', TIME '…', TIMESTAMP '…' or TIMESTAMP WITH LOCAL TIME ZONE '…'.
type TimeLit struct {
	Loc
	Kind string // "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_LTZ"
	Text string
}

// IntervalUnit is an interval's qualifier: DAY, DAY(3), DAY TO SECOND(3), …
type IntervalUnit struct {
	Loc
	From          string // "YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"
	FromPrecision int    // -1: not written
	To            string // "" if the qualifier is one unit
	FracPrecision int    // fractional seconds, -1: not written
}

// IntervalLit is INTERVAL [-]'text' unit.
type IntervalLit struct {
	Loc
	Negative bool
	Text     string
	Unit     *IntervalUnit
}

// IntervalExpr is INTERVAL with a number, column or (expression) instead of a string: INTERVAL 5 DAY, INTERVAL (x) DAY.
type IntervalExpr struct {
	Loc
	X    Expr
	Unit *IntervalUnit
}

// Difference is (X - Y) Unit: the time between two points, in a unit.
type Difference struct {
	Loc
	X, Y Expr
	Unit *IntervalUnit
}

// Symbol is a keyword as a function's argument: the time unit of EXTRACT, FLOOR, CEIL, TIMESTAMPADD and TIMESTAMPDIFF, the
// side of TRIM, a JSON null rule. Upper case.
type Symbol struct {
	Loc
	Name string
}

// Star is * or t.* in a select list.
type Star struct {
	Loc
	Qualifier *Name // nil: *
}

// Unary is "-", "+" or "NOT"; in MATCH_RECOGNIZE also "RUNNING" or "FINAL".
type Unary struct {
	Loc
	Op string
	X  Expr
}

// Binary is X Op Y. Op is one of: + - * / % || = <> < <= > >= AND OR, IS DISTINCT FROM, IS NOT DISTINCT FROM, MEMBER OF,
// SUBMULTISET OF, MULTISET UNION [ALL|DISTINCT], MULTISET INTERSECT …, MULTISET EXCEPT …, OVERLAPS, CONTAINS, EQUALS,
// PRECEDES, SUCCEEDS, IMMEDIATELY PRECEDES, IMMEDIATELY SUCCEEDS. != is given as <>.
type Binary struct {
	Loc
	Op    string
	OpPos Pos
	X, Y  Expr
}

// Is is X IS [NOT] What: NULL, TRUE, FALSE, UNKNOWN, JSON, JSON VALUE, JSON OBJECT, JSON ARRAY, JSON SCALAR, A SET, EMPTY.
type Is struct {
	Loc
	X    Expr
	Not  bool
	What string
}

// Between is X [NOT] BETWEEN [SYMMETRIC] Low AND High.
type Between struct {
	Loc
	X         Expr
	Not       bool
	Symmetric bool
	Low, High Expr
}

// In is X [NOT] IN (List) or X [NOT] IN (Query).
type In struct {
	Loc
	X     Expr
	Not   bool
	List  []Expr
	Query *Query
}

// Quantified is X Op ANY|SOME|ALL (List or Query). SOME is given as ANY.
type Quantified struct {
	Loc
	X     Expr
	Op    string
	All   bool
	List  []Expr
	Query *Query
}

// Like is X [NOT] LIKE Pattern [ESCAPE Escape]; Op is LIKE, SIMILAR TO or RLIKE.
type Like struct {
	Loc
	Op      string
	X       Expr
	Not     bool
	Pattern Expr
	Escape  Expr
}

// Exists is EXISTS (query). NOT EXISTS is a Unary NOT over it.
type Exists struct {
	Loc
	Query *Query
}

// When is one WHEN … THEN …
type When struct {
	Loc
	Cond Expr // the value to compare with Operand in CASE x WHEN …
	Then Expr
}

// Case is CASE [Operand] WHEN … END.
type Case struct {
	Loc
	Operand Expr // nil: searched CASE
	Whens   []*When
	Else    Expr // nil: NULL
}

// Cast is CAST(X AS Type) or, with Try, TRY_CAST.
type Cast struct {
	Loc
	Try  bool
	X    Expr
	Type *DataType
}

// Arg is one argument of a call, named in f(name => value). Value can also be *TableArg, *Descriptor, *DefaultArg or *Symbol.
type Arg struct {
	Loc
	Name  *Ident
	Value Expr
}

// TableArg is TABLE t or TABLE (query), with optional PARTITION BY and ORDER BY, as an argument of a table function.
type TableArg struct {
	Loc
	Name        *Name // or Query
	Query       *Query
	PartitionBy []Expr
	OrderBy     []*OrderItem
}

// Descriptor is DESCRIPTOR(c, …).
type Descriptor struct {
	Loc
	Columns []*Name
}

// DefaultArg is DEFAULT as an argument.
type DefaultArg struct{ Loc }

// FuncCall is any call. The forms with keywords are given with plain arguments and Keyword set:
//
//	EXTRACT(u FROM x)            → [Symbol u, x]
//	FLOOR(x TO u), CEIL(x TO u)  → [x, Symbol u]
//	TIMESTAMPADD(u, n, x)        → [Symbol u, n, x]; TIMESTAMPDIFF(u, a, b) → [Symbol u, a, b]
//	TRIM(side chars FROM x)      → [Symbol side, chars, x]; chars is ' ' when not written; plain TRIM(x) → [x], Keyword unset
//	SUBSTRING(x FROM a FOR b)    → [x, a, b]
//	POSITION(a IN b FROM c)      → [a, b, c]
//	OVERLAY(x PLACING y FROM a FOR b) → [x, y, a, b]
//	JSON_OBJECT(KEY k VALUE v …) → [k, v, …]; JSON_OBJECTAGG likewise
type FuncCall struct {
	Loc
	Name     *Name
	Niladic  bool // written without parentheses: CURRENT_TIMESTAMP
	Keyword  bool
	Star     bool // COUNT(*)
	Distinct bool
	Args     []*Arg
	OrderBy  []*OrderItem // ARRAY_AGG(x ORDER BY y)
	JSON     *JSONClauses
	// Nulls is "", "RESPECT" or "IGNORE".
	Nulls       string
	WithinGroup []*OrderItem
	Filter      Expr
	Over        *WindowSpec
}

// FuncName is the call's name as matched by Flink: upper-cased last part.
func (f *FuncCall) FuncName() string { return upper(f.Name.Last()) }

// JSONClauses are the clauses of JSON_VALUE, JSON_QUERY, JSON_EXISTS, JSON_OBJECT, JSON_ARRAY and their aggregates. Empty means not written.
type JSONClauses struct {
	Loc
	Returning        *DataType
	Wrapper          string // WITHOUT, WITH CONDITIONAL, WITH UNCONDITIONAL (all ARRAY WRAPPER)
	OnEmpty, OnError *JSONBehavior
	OnNull           string // NULL or ABSENT
}

// JSONBehavior is what stands before ON EMPTY or ON ERROR.
type JSONBehavior struct {
	Loc
	Kind    string // NULL, ERROR, TRUE, FALSE, UNKNOWN, EMPTY, EMPTY ARRAY, EMPTY OBJECT, DEFAULT
	Default Expr   // DEFAULT's
}

// WindowSpec is the window of OVER: a name, or a definition that may start from a named window.
type WindowSpec struct {
	Loc
	Ref         *Ident // OVER w: only Ref, Paren unset; OVER (w …): Ref and Paren
	Paren       bool
	PartitionBy []Expr
	OrderBy     []*OrderItem
	Frame       *Frame
}

// Frame is ROWS or RANGE BETWEEN From AND To.
type Frame struct {
	Loc
	Rows bool
	From *Bound
	To   *Bound // nil: CURRENT ROW, not written
}

// BoundKind is the kind of a frame's end.
type BoundKind uint8

// The bounds, in order of time.
const (
	UnboundedPreceding BoundKind = iota
	Preceding
	CurrentRow
	Following
	UnboundedFollowing
)

// Bound is one end of a frame; Offset is set for Preceding and Following.
type Bound struct {
	Loc
	Kind   BoundKind
	Offset Expr
}

// RowField is a member of a row constructor. Alias names the field: ROW(count(*) AS n).
type RowField struct {
	Loc
	X     Expr
	Alias *Ident
}

// Row is ROW(a, b AS n), or (a, b) when Explicit is unset.
type Row struct {
	Loc
	Explicit bool
	Fields   []*RowField
}

// Array is ARRAY[…] or ARRAY(query).
type Array struct {
	Loc
	Elems []Expr
	Query *Query
}

// Map is MAP[k, v, …] or MAP(query); Elems alternate keys and values.
type Map struct {
	Loc
	Elems []Expr
	Query *Query
}

// Multiset is MULTISET[…] or MULTISET(query).
type Multiset struct {
	Loc
	Elems []Expr
	Query *Query
}

// Index is X[I].
type Index struct {
	Loc
	X, I Expr
}

// FieldAccess is X.Field where X is not a name: f(x).y, (a).b, x[1].y. Star access is (X).*.
type FieldAccess struct {
	Loc
	X     Expr
	Field *Ident // nil: .*
}

// Subquery is a query in parentheses as a value.
type Subquery struct {
	Loc
	Query *Query
}

func (*Name) expr()         {}
func (*Difference) expr()   {}
func (*NumberLit) expr()    {}
func (*StringLit) expr()    {}
func (*BytesLit) expr()     {}
func (*BoolLit) expr()      {}
func (*NullLit) expr()      {}
func (*TimeLit) expr()      {}
func (*IntervalLit) expr()  {}
func (*IntervalExpr) expr() {}
func (*Symbol) expr()       {}
func (*Star) expr()         {}
func (*Unary) expr()        {}
func (*Binary) expr()       {}
func (*Is) expr()           {}
func (*Between) expr()      {}
func (*In) expr()           {}
func (*Quantified) expr()   {}
func (*Like) expr()         {}
func (*Exists) expr()       {}
func (*Case) expr()         {}
func (*Cast) expr()         {}
func (*TableArg) expr()     {}
func (*Descriptor) expr()   {}
func (*DefaultArg) expr()   {}
func (*FuncCall) expr()     {}
func (*Row) expr()          {}
func (*Array) expr()        {}
func (*Map) expr()          {}
func (*Multiset) expr()     {}
func (*Index) expr()        {}
func (*FieldAccess) expr()  {}
func (*Subquery) expr()     {}
