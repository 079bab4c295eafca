package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Match is MATCH_RECOGNIZE: it finds Pattern in the rows of each partition in Order. Out is the input columns Pass, then Measures.
//
// Defines (one a variable, nil: any row) and Measures are expressions over Slots. Only a row's own partition is looked at; Order's first key is
// the time column TimeCol, or TimeCol is -1 and the rows are put in order when the bounded input has ended.
type Match struct {
	P           Props
	Input       Node
	PartitionBy []int
	Order       []SortKey
	TimeCol     int
	ProcTime    bool
	Vars        []string // the variables that a row can be mapped to; RowPattern.Var and the lists of variables below are indexes
	Pattern     *RowPattern
	Defines     []Expr
	Measures    []Expr
	Slots       []MatchSlot
	Aggs        []MatchAgg
	// AggArgs are the arguments and filters of Aggs, over the input's columns and two more: the variable that the row is mapped to, and the
	// number of the match.
	AggArgs []Expr
	Pass    []int
	Rows    MatchRows
	Skip    MatchSkip
	SkipTo  []int // variables of SkipToFirst and SkipToLast
	Within  int64 // microseconds that a match is shorter than, 0: no bound
	// Eager takes matches as Flink's automaton does, for the patterns that Flink takes: of the matches from one row the one that is complete first;
	// and the row after a greedy quantifier is one that the quantified variable does not take.
	Eager bool
}

// MatchRows is what a match gives.
type MatchRows uint8

// ONE ROW PER MATCH; ALL ROWS PER MATCH with empty matches, without them, and with unmatched rows.
const (
	OneRow MatchRows = iota
	AllRows
	AllRowsOmitEmpty
	AllRowsUnmatched
)

// MatchSkip is where the search goes on after a match.
type MatchSkip uint8

// The places of AFTER MATCH SKIP.
const (
	SkipNextRow MatchSkip = iota
	SkipPastLast
	SkipToFirst
	SkipToLast
)

// RowPattern is a pattern over rows.
type RowPattern struct {
	Op        PatternOp
	Var       int           // PatternVar
	Subs      []*RowPattern // PatternSeq (none: empty), PatternAlt, PatternPermute; one of PatternRepeat and PatternExclude
	Min, Max  int           // PatternRepeat; Max -1: no bound
	Reluctant bool
}

// PatternOp is the kind of a RowPattern.
type PatternOp uint8

// The kinds of patterns.
const (
	PatternVar PatternOp = iota
	PatternSeq
	PatternAlt
	PatternPermute
	PatternRepeat
	PatternExclude
	PatternStart // ^
	PatternEnd   // $
)

// MatchNav says which row a slot reads: the Offset-th row, from the first or the last, of those mapped to Vars (nil: to any); of the whole match if
// Final or First, else up to the current row (in Defines always up to the current row); and from there Shift rows on (NEXT) or back (PREV) in the partition. Without such a row the value is NULL.
type MatchNav struct {
	Vars   []int
	First  bool
	Offset int
	Final  bool
	Shift  int
}

// SlotKind tells what a slot holds.
type SlotKind uint8

// The kinds of slots.
const (
	SlotColumn     SlotKind = iota // input column Col of the row that Nav reaches
	SlotClassifier                 // the variable that that row is mapped to
	SlotAgg                        // Aggs[Agg]
	SlotNumber                     // MATCH_NUMBER()
	SlotRowTime                    // MATCH_ROWTIME(): the time of the match's last row
	SlotProcTime                   // MATCH_PROCTIME()
)

// MatchSlot is one value that Defines and Measures read.
type MatchSlot struct {
	Kind SlotKind
	Nav  MatchNav
	Col  int
	Agg  int
	T    types.Type
}

// MatchAgg aggregates over the rows mapped to Vars (nil: any), up to the current row or Final of the whole match. Args and Filter are indexes into AggArgs.
type MatchAgg struct {
	AggCall
	Vars  []int
	Final bool
}

func (n *Match) Props() *Props          { return &n.P }
func (n *Match) Inputs() []Node         { return []Node{n.Input} }
func (n *Match) SetInput(_ int, x Node) { n.Input = x }

var _ Node = (*Match)(nil)

// SlotSchema is the columns that Defines and Measures are over.
func (n *Match) SlotSchema() Schema {
	s := make(Schema, len(n.Slots))
	for i, x := range n.Slots {
		s[i] = Column{Name: n.slotName(x), Type: x.T}
	}
	return s
}

// AggSchema is the columns that AggArgs are over.
func (n *Match) AggSchema() Schema {
	return append(slices.Clone(n.Input.Props().Out), Column{Name: "CLASSIFIER()", Type: types.String()}, Column{Name: "MATCH_NUMBER()", Type: types.Of(types.BigInt)})
}

// Reads are the input columns that the node reads for itself and for the measures kept, ascending.
func (n *Match) Reads(measures []Expr) []int {
	cols := slices.Clone(n.PartitionBy)
	for _, k := range n.Order {
		cols = append(cols, k.Col)
	}
	if n.TimeCol >= 0 {
		cols = append(cols, n.TimeCol)
	}
	width := len(n.Input.Props().Out)
	for _, i := range Columns(append(slices.Clone(n.Defines), measures...)...) {
		switch s := n.Slots[i]; s.Kind {
		case SlotColumn:
			cols = append(cols, s.Col)
		case SlotAgg:
			a := n.Aggs[s.Agg]
			args := slices.Clone(a.Args)
			if a.Filter >= 0 {
				args = append(args, a.Filter)
			}
			for _, x := range args {
				for _, c := range Columns(n.AggArgs[x]) {
					if c < width {
						cols = append(cols, c)
					}
				}
			}
		}
	}
	slices.Sort(cols)
	return slices.Compact(cols)
}

// AggNumber tells whether an aggregate reads MATCH_NUMBER().
func (n *Match) AggNumber() bool {
	number := len(n.Input.Props().Out) + 1
	return slices.Contains(Columns(n.AggArgs...), number)
}

func deriveMatch(n *Match, name func(int, string) string) {
	p, in := &n.P, n.Input.Props().Out
	p.Mode = catalog.AppendOnly
	out := make(Schema, 0, len(n.Pass)+len(n.Measures))
	for _, c := range n.Pass {
		out = append(out, Column{Name: name(len(out), in[c].Name), Type: in[c].Type})
	}
	for _, e := range n.Measures {
		c := Column{Name: name(len(out), e.String()), Type: e.Type()}
		if n.Rows == AllRowsUnmatched {
			c.Type = c.Type.AsNullable()
		}
		if ref, ok := e.(*ColRef); ok {
			switch s := n.Slots[ref.Index]; {
			case s.Kind == SlotProcTime:
				c.Attr = ProcTime
			case s.Kind == SlotRowTime && !n.ProcTime, s.Kind == SlotColumn && n.Rows == OneRow && !n.ProcTime && s.Col == n.TimeCol:
				c.Attr = RowTime
			}
		}
		out = append(out, c)
	}
	p.Out = out
}

func checkMatch(c *checker, n *Match, in Schema) {
	c.cols(in, n.PartitionBy...)
	c.cols(in, n.Pass...)
	for _, k := range n.Order {
		c.cols(in, k.Col)
	}
	c.width(n, len(n.Pass)+len(n.Measures))
	for i, s := range n.Slots {
		if s.Kind == SlotColumn {
			c.cols(in, s.Col)
		}
		if s.Kind == SlotAgg && s.Agg >= len(n.Aggs) {
			c.say("slot %d reads aggregate %d of %d", i, s.Agg, len(n.Aggs))
		}
	}
	for _, a := range n.Aggs {
		c.aggs(exprSchema(n.AggArgs), []AggCall{a.AggCall})
	}
	c.exprs(n.AggSchema(), n.AggArgs...)
	for _, e := range n.Defines {
		if e != nil {
			c.exprs(n.SlotSchema(), e)
		}
	}
	c.exprs(n.SlotSchema(), n.Measures...)
}

func exprSchema(es []Expr) Schema {
	s := make(Schema, len(es))
	for i, e := range es {
		s[i] = Column{Name: e.String(), Type: e.Type()}
	}
	return s
}

func (n *Match) varList(vars []int) string {
	if vars == nil {
		return "*"
	}
	names := make([]string, len(vars))
	for i, v := range vars {
		names[i] = n.Vars[v]
	}
	return strings.Join(names, "|")
}

// slotName writes a slot as SQL would: LAST(A.price, 1), PREV(FIRST(*.x), 2), FINAL COUNT(*).
func (n *Match) slotName(s MatchSlot) string {
	final := ""
	if s.Nav.Final {
		final = "FINAL "
	}
	what := ""
	switch s.Kind {
	case SlotNumber:
		return "MATCH_NUMBER()"
	case SlotRowTime:
		return "MATCH_ROWTIME()"
	case SlotProcTime:
		return "MATCH_PROCTIME()"
	case SlotAgg:
		a := n.Aggs[s.Agg]
		if a.Final {
			final = "FINAL "
		}
		text := a.AggCall.String(exprSchema(n.AggArgs))
		if a.Vars != nil {
			text += " OF " + n.varList(a.Vars)
		}
		return final + text
	case SlotClassifier:
		what = "CLASSIFIER(" + n.varList(s.Nav.Vars) + ")"
	case SlotColumn:
		what = n.varList(s.Nav.Vars) + "." + n.Input.Props().Out.Name(s.Col)
	}
	f := "LAST"
	if s.Nav.First {
		f = "FIRST"
	}
	offset := ""
	if s.Nav.Offset > 0 {
		offset = ", " + strconv.Itoa(s.Nav.Offset)
	}
	if s.Nav.First || s.Nav.Offset > 0 || s.Nav.Final {
		what = final + f + "(" + what + offset + ")"
	}
	switch {
	case s.Nav.Shift < 0:
		what = fmt.Sprintf("PREV(%s, %d)", what, -s.Nav.Shift)
	case s.Nav.Shift > 0:
		what = fmt.Sprintf("NEXT(%s, %d)", what, s.Nav.Shift)
	}
	return what
}

// text writes the pattern as SQL does.
func (p *RowPattern) text(vars []string) string {
	list := func(sep string) string {
		parts := make([]string, len(p.Subs))
		for i, s := range p.Subs {
			parts[i] = s.text(vars)
			if s.Op == PatternAlt || s.Op == PatternRepeat && p.Op == PatternRepeat || s.Op == PatternSeq && len(s.Subs) != 0 && p.Op != PatternPermute && p.Op != PatternExclude {
				parts[i] = "(" + parts[i] + ")"
			}
		}
		return strings.Join(parts, sep)
	}
	switch p.Op {
	case PatternVar:
		return vars[p.Var]
	case PatternStart:
		return "^"
	case PatternEnd:
		return "$"
	case PatternAlt:
		return list(" | ")
	case PatternPermute:
		return "PERMUTE(" + list(", ") + ")"
	case PatternExclude:
		return "{- " + list("") + " -}"
	case PatternRepeat:
		q := fmt.Sprintf("{%d,%d}", p.Min, p.Max)
		switch {
		case p.Max < 0 && p.Min == 0:
			q = "*"
		case p.Max < 0 && p.Min == 1:
			q = "+"
		case p.Max < 0:
			q = fmt.Sprintf("{%d,}", p.Min)
		case p.Min == 0 && p.Max == 1:
			q = "?"
		}
		if p.Reluctant {
			q += "?"
		}
		return list("") + q
	}
	if len(p.Subs) == 0 {
		return "()"
	}
	return list(" ")
}

// Describe is the node's line in EXPLAIN.
func (n *Match) Describe() string {
	l := line{name: "Match"}
	s := in(n, 0)
	l.list("partition", s.Names(n.PartitionBy))
	l.list("order", order(s, n.Order))
	if n.ProcTime {
		l.add("time", "proctime")
	}
	l.add("pattern", "%s", n.Pattern.text(n.Vars))
	var defs []string
	for i, d := range n.Defines {
		if d != nil {
			defs = append(defs, n.Vars[i]+" AS "+d.String())
		}
	}
	l.list("define", defs)
	ms := make([]string, len(n.Measures))
	for i, m := range n.Measures {
		ms[i] = m.String()
		if at := len(n.Pass) + i; at < len(n.P.Out) && n.P.Out[at].Name != ms[i] {
			ms[i] += " AS " + n.P.Out[at].Name
		}
	}
	l.list("measures", ms)
	l.add("rows", "%s", [...]string{"one", "all", "all, omit empty", "all, with unmatched"}[n.Rows])
	skip := [...]string{"next row", "past last row", "first ", "last "}[n.Skip]
	if n.SkipTo != nil {
		skip += n.varList(n.SkipTo)
	}
	l.add("skip", "%s", skip)
	if n.Within > 0 {
		l.add("within", "%s", duration(n.Within))
	}
	if n.Eager {
		l.add("choice", "earliest")
	}
	return l.String()
}
