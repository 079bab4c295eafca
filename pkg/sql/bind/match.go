package bind

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// match binds MATCH_RECOGNIZE.
func (b *Binder) match(x *ast.MatchRecognize, with *ctes) *rel {
	in := b.from(x.Input, with)
	if in == nil {
		return nil
	}
	in = &rel{node: in.node, fields: slices.Clone(in.fields)}
	before := len(b.errs)
	m := &matchScope{in: in, vars: map[string][]int{}, define: -1}
	n := &plan.Match{Input: in.node, TimeCol: -1}
	s := &scope{rel: in, clause: "MATCH_RECOGNIZE"}
	for _, p := range x.PartitionBy {
		if c, ok := b.matchColumn(s, p, "PARTITION BY"); ok && !slices.Contains(n.PartitionBy, c) {
			n.PartitionBy = append(n.PartitionBy, c)
		}
	}
	b.matchOrder(s, x, n)
	n.Pattern = b.rowPattern(m, x.Pattern)
	b.subsets(m, x)
	n.Vars = m.names
	n.Within = b.within(x)
	b.afterMatch(m, x, n)
	m.timeCol, m.procTime, m.oneRow = n.TimeCol, n.ProcTime, !x.AllRows
	switch {
	case x.Rows == "OMIT EMPTY MATCHES":
		n.Rows = plan.AllRowsOmitEmpty
	case x.Rows == "WITH UNMATCHED ROWS":
		n.Rows = plan.AllRowsUnmatched
	case x.AllRows:
		n.Rows = plan.AllRows
	}
	b.excluded(x, n)
	b.defines(m, x, n)
	n.Input = in.node
	var names []string
	for _, c := range x.Measures {
		name := c.Alias.Name
		if slices.Contains(names, name) {
			b.errorf(c.Alias.Pos(), "there are two measures %s", name)
		}
		e := b.expr(&scope{rel: in, clause: "MEASURES", match: m}, c.X)
		n.Measures, names = append(n.Measures, e), append(names, name)
	}
	if len(b.errs) > before {
		return nil
	}
	n.Slots, n.Aggs, n.AggArgs = m.slots, m.aggs, m.aggArgs
	n.Eager = !m.beyond && len(m.subsets) == 0 && n.Rows == plan.OneRow && flinkTakes(x.Pattern, n.Pattern)
	return alias(b, b.matchOutput(in, n, names, x), x.Alias, "")
}

// matchOutput makes the node with its columns in the standard's order: for ONE ROW PER MATCH the partition's and the measures; for ALL ROWS the
// partition's, the order's, the measures, and the other columns of the input.
func (b *Binder) matchOutput(in *rel, n *plan.Match, names []string, x *ast.MatchRecognize) *rel {
	n.Pass = slices.Clone(n.PartitionBy)
	head := len(n.Pass)
	if n.Rows != plan.OneRow {
		for _, k := range n.Order {
			if !slices.Contains(n.Pass, k.Col) {
				n.Pass = append(n.Pass, k.Col)
			}
		}
		head = len(n.Pass)
		for i, f := range in.fields {
			if !slices.Contains(n.Pass, i) && !f.hidden {
				n.Pass = append(n.Pass, i)
			}
		}
	}
	var fields []field
	taken := map[string]bool{}
	for i := range len(n.Pass) + len(n.Measures) {
		name := ""
		if i < len(n.Pass) {
			name = in.fields[n.Pass[i]].name
		} else {
			name = names[i-len(n.Pass)]
		}
		fields = append(fields, field{name: name})
		unique := plan.Unique(name, taken)
		taken[unique] = true
		n.P.Out = append(n.P.Out, plan.Column{Name: unique})
	}
	node := plan.New(n, x.Pos())
	if head == len(n.Pass) {
		return &rel{node: node, fields: fields}
	}
	refs := plan.Refs(node.Props().Out)
	p, w := len(n.Pass), len(refs)
	order := slices.Concat(refs[:head], refs[p:w], refs[head:p])
	return &rel{node: calc(node, nil, order, nil, x.Pos()), fields: slices.Concat(fields[:head], fields[p:w], fields[head:p])}
}

// matchColumn binds an expression that must be a column.
func (b *Binder) matchColumn(s *scope, x ast.Expr, clause string) (int, bool) {
	before := len(b.errs)
	e := b.expr(s, x)
	if ref, ok := e.(*plan.ColRef); ok {
		return ref.Index, true
	}
	if len(b.errs) == before {
		b.remedy(x.Pos(), "compute it in a subquery: FROM (SELECT …) MATCH_RECOGNIZE (…)", "%s of MATCH_RECOGNIZE takes columns only", clause)
	}
	return 0, false
}

func (b *Binder) matchOrder(s *scope, x *ast.MatchRecognize, n *plan.Match) {
	remedy := "order by the column of WATERMARK FOR, or by a column AS PROCTIME(), first"
	var cols []int
	for _, o := range x.OrderBy {
		c, ok := b.matchColumn(s, o.X, "ORDER BY")
		if !ok {
			return
		}
		cols = append(cols, c)
	}
	n.Order = sortKeys(x.OrderBy, cols)
	if len(cols) > 0 {
		switch c := s.rel.out()[cols[0]]; {
		case c.Attr == plan.NoTime:
		case x.OrderBy[0].Desc:
			b.remedy(x.OrderBy[0].Pos(), "write ORDER BY "+c.Name+" ASC", "a stream is ordered by ascending time")
			return
		default:
			n.TimeCol, n.ProcTime = cols[0], c.Attr == plan.ProcTime
			return
		}
	}
	if bounded(s.rel.node) {
		return
	}
	if len(cols) == 0 {
		b.remedy(x.Pos(), remedy, "MATCH_RECOGNIZE needs ORDER BY a time attribute")
		return
	}
	b.remedy(x.OrderBy[0].Pos(), remedy, "the first column of ORDER BY must be a time attribute, %s is %s: the input has no end after which it could be put in order",
		s.rel.fields[cols[0]].name, s.rel.out()[cols[0]].Type)
}

// bounded tells whether everything that n reads comes to an end.
func bounded(n plan.Node) bool {
	if s, ok := n.(*plan.Source); ok {
		return s.Caps.Bounded
	}
	return !slices.ContainsFunc(n.Inputs(), func(in plan.Node) bool { return !bounded(in) })
}

func (b *Binder) within(x *ast.MatchRecognize) int64 {
	if x.Within == nil {
		return 0
	}
	before := len(b.errs)
	d := b.duration(x.Within)
	if d <= 0 && len(b.errs) == before {
		b.errorf(x.Within.Pos(), "WITHIN wants an interval longer than nothing")
	}
	return d
}

// rowPattern binds a pattern; variables are numbered in the order in which they first stand in it.
func (b *Binder) rowPattern(m *matchScope, x ast.Pattern) *plan.RowPattern {
	list := func(op plan.PatternOp, xs ...ast.Pattern) *plan.RowPattern {
		p := &plan.RowPattern{Op: op}
		for _, x := range xs {
			s := b.rowPattern(m, x)
			if op == plan.PatternSeq && s.Op == plan.PatternSeq {
				p.Subs = append(p.Subs, s.Subs...) // (a b) c is a b c
			} else {
				p.Subs = append(p.Subs, s)
			}
		}
		return p
	}
	switch x := x.(type) {
	case *ast.PatternSymbol:
		v, ok := m.vars[x.Name.Name]
		if !ok {
			v = []int{len(m.names)}
			m.vars[x.Name.Name] = v
			m.names = append(m.names, x.Name.Name)
		}
		return &plan.RowPattern{Op: plan.PatternVar, Var: v[0]}
	case *ast.PatternSeq:
		return list(plan.PatternSeq, x.Items...)
	case *ast.PatternAlt:
		return list(plan.PatternAlt, x.Items...)
	case *ast.PatternPermute:
		return list(plan.PatternPermute, x.Items...)
	case *ast.PatternExclude:
		return list(plan.PatternExclude, x.X)
	case *ast.PatternRepeat:
		p := list(plan.PatternRepeat, x.X)
		p.Min, p.Max, p.Reluctant = x.Min, x.Max, x.Reluctant
		return p
	case *ast.PatternAnchor:
		if x.End {
			return &plan.RowPattern{Op: plan.PatternEnd}
		}
		return &plan.RowPattern{Op: plan.PatternStart}
	}
	b.errorf(x.Pos(), "this pattern is not supported")
	return &plan.RowPattern{Op: plan.PatternSeq}
}

func (b *Binder) subsets(m *matchScope, x *ast.MatchRecognize) {
	m.primary = slices.Clone(m.names)
	for _, s := range x.Subsets {
		if _, ok := m.vars[s.Name.Name]; ok {
			b.errorf(s.Name.Pos(), "SUBSET %s has the name of another variable", s.Name.Name)
			continue
		}
		var set []int
		for _, id := range s.Symbols {
			v, ok := m.variable(id.Name)
			if !ok || slices.Contains(m.subsets, id.Name) {
				b.remedy(id.Pos(), fault.DidYouMean(id.Name, m.primary), "variable %s is not in PATTERN", id.Name)
				continue
			}
			set = append(set, v...)
		}
		slices.Sort(set)
		m.vars[s.Name.Name] = slices.Compact(set)
		m.subsets = append(m.subsets, s.Name.Name)
	}
}

func (b *Binder) afterMatch(m *matchScope, x *ast.MatchRecognize, n *plan.Match) {
	if x.After == nil {
		// Flink goes on with the next row where it knows the form; the standard's default is for ALL ROWS.
		if x.AllRows {
			n.Skip = plan.SkipPastLast
		}
		return
	}
	switch x.After.Kind {
	case "NEXT ROW":
		n.Skip = plan.SkipNextRow
		return
	case "PAST LAST ROW":
		n.Skip = plan.SkipPastLast
		return
	case "FIRST":
		n.Skip = plan.SkipToFirst
	case "LAST":
		n.Skip = plan.SkipToLast
	}
	name := x.After.Symbol
	v, ok := m.variable(name.Name)
	if !ok {
		b.remedy(name.Pos(), fault.DidYouMean(name.Name, sortedKeys(m.vars)), "AFTER MATCH SKIP TO %s: there is no such variable in PATTERN", name.Name)
	}
	n.SkipTo = v
}

// excluded refuses what the standard does: a row that is neither shown as matched nor as unmatched.
func (b *Binder) excluded(x *ast.MatchRecognize, n *plan.Match) {
	if n.Rows != plan.AllRowsUnmatched {
		return
	}
	ast.Walk(x.Pattern, func(y ast.Node) bool {
		if e, ok := y.(*ast.PatternExclude); ok {
			b.remedy(e.Pos(), "leave out WITH UNMATCHED ROWS, or filter the result by CLASSIFIER()", "{- … -} cannot stand with WITH UNMATCHED ROWS")
			return false
		}
		return true
	})
}

func (b *Binder) defines(m *matchScope, x *ast.MatchRecognize, n *plan.Match) {
	n.Defines = make([]plan.Expr, len(m.names))
	seen := map[string]bool{}
	for _, d := range x.Defines {
		name := d.Name.Name
		v, ok := m.variable(name)
		switch {
		case !ok:
			b.remedy(d.Name.Pos(), fault.DidYouMean(name, m.primary), "variable %s of DEFINE is not in PATTERN", name)
			continue
		case slices.Contains(m.subsets, name):
			b.remedy(d.Name.Pos(), "define the variables that it stands for", "%s is a SUBSET", name)
			continue
		case seen[name]:
			b.errorf(d.Name.Pos(), "variable %s is defined twice", name)
			continue
		}
		seen[name] = true
		m.define = v[0]
		n.Defines[v[0]] = b.condition(&scope{rel: m.in, clause: "DEFINE", match: m}, d.Cond)
		m.define = -1
	}
}

// flinkTakes tells whether Flink runs a pattern: variables in a row, each once, each with a quantifier at most. Of the quantifiers it refuses the
// reluctant ?, a lower bound of 0 other than in ? and *, an optional variable after a greedy one, a greedy one at the end, and a pattern that
// can be empty. Groups without a quantifier are the same as none.
func flinkTakes(x ast.Pattern, p *plan.RowPattern) bool {
	anchored := false
	ast.Walk(x, func(y ast.Node) bool {
		_, is := y.(*ast.PatternAnchor)
		anchored = anchored || is
		return !anchored
	})
	items := p.Subs
	if p.Op != plan.PatternSeq {
		items = []*plan.RowPattern{p}
	}
	if anchored || len(items) == 0 {
		return false
	}
	seen := map[int]bool{}
	greedy, some := false, false // the one before is; one is not optional
	for _, it := range items {
		v, optional, g := it, false, false
		if it.Op == plan.PatternRepeat {
			v = it.Subs[0]
			question := it.Min == 0 && it.Max == 1
			optional = it.Min == 0
			g = !it.Reluctant && !question && it.Min != it.Max
			if question && it.Reluctant || optional && !question && it.Max >= 0 {
				return false
			}
		}
		if v.Op != plan.PatternVar || seen[v.Var] || optional && greedy {
			return false
		}
		seen[v.Var] = true
		greedy, some = g, some || !optional
	}
	return some && !greedy
}

// matchScope is where the names of DEFINE and MEASURES are looked up.
type matchScope struct {
	in       *rel
	vars     map[string][]int // variables and subsets
	names    []string         // variables in order
	primary  []string         // the same, for messages
	subsets  []string
	define   int // the variable being defined, -1 in MEASURES
	timeCol  int
	procTime bool
	oneRow   bool
	nav      *navigation
	agg      *aggArgs
	// beyond: something is used that Flink does not have.
	beyond  bool
	slots   []plan.MatchSlot
	aggs    []plan.MatchAgg
	aggArgs []plan.Expr
}

func (m *matchScope) variable(name string) ([]int, bool) {
	v, ok := m.vars[name]
	return v, ok
}

// slot gives the reference to a slot, adding it if there is none like it.
func (m *matchScope) slot(s plan.MatchSlot, label string) plan.Expr {
	same := func(o plan.MatchSlot) bool {
		return o.Kind == s.Kind && o.Col == s.Col && o.Agg == s.Agg && slices.Equal(o.Nav.Vars, s.Nav.Vars) && (o.Nav.Vars == nil) == (s.Nav.Vars == nil) &&
			o.Nav.First == s.Nav.First && o.Nav.Offset == s.Nav.Offset && o.Nav.Final == s.Nav.Final && o.Nav.Shift == s.Nav.Shift
	}
	i := slices.IndexFunc(m.slots, same)
	if i < 0 {
		i = len(m.slots)
		m.slots = append(m.slots, s)
	}
	return &plan.ColRef{Index: i, Name: label, T: s.T}
}

var rowLabel = types.String()
