package plan

import (
	"time"

	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Column is one output column of a node.
type Column struct {
	Name string
	Type types.Type
	Attr TimeAttr
}

// TimeAttr tells whether a column is a time attribute, which windows and time-bounded joins need.
type TimeAttr uint8

// RowTime columns carry watermarks; ProcTime columns are PROCTIME().
const (
	NoTime TimeAttr = iota
	RowTime
	ProcTime
)

// Schema is a node's output columns.
type Schema []Column

// Props is what is known of a node's output stream.
type Props struct {
	// ID numbers the plan's nodes from 1 in topological order (inputs first). It names operator state, so it is
	// derived from the plan's shape only.
	ID int
	// Mode is the set of row kinds that the node gives.
	Mode catalog.ChangeMode
	// UpsertKey is a set of columns that identify a row of the change stream, nil if none is known.
	UpsertKey []int
	// Keys are all sets of columns known to identify a row; UpsertKey is the first. An empty set means a single row.
	Keys [][]int
	// Pos is the place in the SQL file that made the node, for messages.
	Pos catalog.Pos
	// RowTime is the column that carries event time with watermarks, -1 if none.
	RowTime int
	Out     Schema
}

// Node is a vertex of the physical plan. Plans are DAGs: a shared view is one node with several readers.
type Node interface {
	Props() *Props
	Inputs() []Node
	SetInput(i int, n Node)
	// Describe is the node's line in EXPLAIN without indent, id or inputs: "GroupAgg(keys=[log_date], aggs=[COUNT(DISTINCT mid) AS uv])".
	Describe() string
}

// Plan is the whole job: its sinks, its settings (SET …), and all nodes in topological order.
type Plan struct {
	Sinks    []*Sink
	Nodes    []Node
	Settings map[string]string
	// Functions are the user functions that the plan calls.
	Functions map[string]*catalog.Function
}

// Source scans a table. Out is: the physical and metadata columns named by Columns, in that order; computed columns are a
// Calc above. Columns are indexes into Table.Columns (projection push-down).
type Source struct {
	P       Props
	Table   *catalog.Table
	Columns []int
	Caps    catalog.Caps
}

// Values gives constant rows once.
type Values struct {
	P    Props
	Rows [][]Expr
}

// Watermark declares column TimeCol as event time. The watermark is the newest value of Mark's one column or, if there is none, of TimeCol,
// less Delay microseconds.
type Watermark struct {
	P       Props
	Input   Node
	TimeCol int
	Mark    []int
	Delay   int64
	Idle    int64 // microseconds without rows after which a source partition no longer holds the watermark back, 0: never
}

// Calc filters by Filter (nil: all rows) and computes Exprs, both over the input's columns.
type Calc struct {
	P      Props
	Input  Node
	Filter Expr
	Exprs  []Expr
}

// Exchange redistributes rows by the hash of Keys (no keys: all rows to one task).
type Exchange struct {
	P     Props
	Input Node
	Keys  []int
}

// Union gives all rows of its inputs, which have the same types.
type Union struct {
	P   Props
	Ins []Node
}

// ChangelogNormalize turns an upsert stream (no −U, deletes perhaps with key only) into a full change stream by keeping
// the last row by Keys.
type ChangelogNormalize struct {
	P     Props
	Input Node
	Keys  []int
	TTL   int64
}

// GroupAgg aggregates by Keys without a window. Out is the keys, then the aggregates. No keys: one row for all.
// Input may retract (Retract). TTL is state retention in milliseconds, 0 for ever.
type GroupAgg struct {
	P       Props
	Input   Node
	Keys    []int
	Aggs    []AggCall
	Retract bool // input has −U/−D
	Batch   bool // of a batch job: without keys it has a result over no rows too, at the end; in a stream Flink gives none
	TTL     int64
}

// WindowKind is the kind of a window table function or legacy group window.
type WindowKind uint8

// The window kinds.
const (
	Tumble WindowKind = iota
	Hop
	Cumulate
	Session
)

// WindowSpec describes windows over column TimeCol; Size, Slide (HOP's slide, CUMULATE's step, SESSION's gap) and Offset are microseconds.
type WindowSpec struct {
	Kind                WindowKind
	TimeCol             int
	Size, Slide, Offset int64
	ProcTime            bool
	// Local is true when TimeCol is TIMESTAMP_LTZ: window borders are aligned and shown in the session's zone.
	Local bool
}

// WindowAssign is a window table function: Out is the input and window_start, window_end, window_time. Sessions are those of each value of
// PartitionBy (none: of all rows); their rows come when the session is over.
type WindowAssign struct {
	P           Props
	Input       Node
	Win         WindowSpec
	PartitionBy []int
}

// WindowAgg aggregates by Keys and window and gives a window's rows when the watermark passes its end: append-only.
// Out is keys, aggregates, then the window columns asked for: each of WindowCols is "start", "end" or "time".
type WindowAgg struct {
	P          Props
	Input      Node
	Keys       []int
	Aggs       []AggCall
	Win        WindowSpec
	WindowCols []string
	Retract    bool
}

// JoinKind is the kind of a join.
type JoinKind uint8

// The join kinds.
const (
	InnerJoin JoinKind = iota
	LeftJoin
	RightJoin
	FullJoin
	SemiJoin
	AntiJoin
)

// Join is a regular join on equal keys: both sides are kept in state (TTL: milliseconds for each side, 0 for ever).
// Out is left's then right's columns (semi, anti: left's). Cond is the rest of the condition over left+right columns.
type Join struct {
	P                   Props
	Kind                JoinKind
	Left, Right         Node
	LeftKeys, RightKeys []int
	Cond                Expr
	LeftTTL, RightTTL   int64
	// Win is set when both sides are in the same windows and the keys hold their end, LeftKeys[WinKey]: rows are joined when the
	// watermark passes the window's end, and the join is append-only.
	Win    *WindowSpec
	WinKey int
}

// IntervalJoin joins rows whose event times satisfy left.LeftTime + Lower <= right.RightTime <= left.LeftTime + Upper
// (microseconds). Its state is bounded by the watermark, or by the clock.
type IntervalJoin struct {
	P                   Props
	Kind                JoinKind
	Left, Right         Node
	LeftKeys, RightKeys []int
	LeftTime, RightTime int
	Lower, Upper        int64
	// ProcTime: both times are the clock's at the rows' arrival.
	ProcTime bool
	Cond     Expr
}

// LookupJoin enriches rows from a table's store (FOR SYSTEM_TIME AS OF proctime). TableKeys are columns of Table (in
// Table.Columns) that must equal KeyExprs over the input. Out is the input's columns then Columns of the table.
// Cond is the rest of the condition over input + looked-up columns.
type LookupJoin struct {
	P         Props
	Input     Node
	Left      bool // LEFT JOIN: keep misses
	Table     *catalog.Table
	TableKeys []int
	KeyExprs  []Expr
	Columns   []int
	Cond      Expr
	Hints     map[string]string
	// Alias is the table's name in the query, for hints.
	Alias string
	// Retry asks again for keys without a row; nil: no.
	Retry *LookupRetry
}

// LookupRetry is what the hint LOOKUP says of misses: ask Attempts times at most, with Delay in between.
type LookupRetry struct {
	Attempts int
	Delay    time.Duration
}

// SortKey is one ORDER BY item.
type SortKey struct {
	Col       int
	Desc      bool
	NullsLast bool
}

// Rank is ROW_NUMBER() TopN: of every partition the rows Start..End (from 1) by Order; RankCol adds the number as the
// last column. End 0 means no limit known.
type Rank struct {
	P           Props
	Input       Node
	PartitionBy []int
	Order       []SortKey
	Start, End  int64
	RankCol     bool
	Sorted      bool // ORDER BY … LIMIT: a bounded result comes in order
	TTL         int64
	// Win is set when the partitions are those of windows: their rows come once, when the watermark passes the window's end, and it
	// is append-only. PartitionBy[WinKey] is the window's end. LastWins: of rows with equal sort keys the last that came is first.
	Win      *WindowSpec
	WinKey   int
	LastWins bool
}

// Over adds Func's value (ROW_NUMBER, RANK or DENSE_RANK) over rows of a partition in Order as the last column. Only the planner sees it: it
// becomes a Rank or a Deduplicate where the number has an upper bound, else an OverAgg, or is refused.
type Over struct {
	P           Props
	Input       Node
	Func        string
	PartitionBy []int
	Order       []SortKey
}

// Deduplicate keeps the first or last row of every key by event or processing time.
type Deduplicate struct {
	P        Props
	Input    Node
	Keys     []int
	KeepLast bool
	TimeCol  int // -1: processing time
	TTL      int64
}

// Sink writes into a table. Columns are the table columns (in Table.Columns) written, in the input's order. Keys are the input columns that
// make the upsert key (the table's primary key). Materialize: the stream's key differs from the sink's, so rows are kept
// by the sink's key to keep their order right.
type Sink struct {
	P           Props
	Input       Node
	Table       *catalog.Table
	Columns     []int
	Keys        []int
	Caps        catalog.Caps
	Materialize bool
	TTL         int64 // of Materialize's state
}
