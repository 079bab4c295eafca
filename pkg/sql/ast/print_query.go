package ast

func (p *printer) tableArg(x *TableArg) {
	p.w("TABLE ")
	if x.Query != nil {
		p.w("(", x.Query, ")")
	} else {
		p.w(x.Name)
	}
	if len(x.PartitionBy) > 0 {
		p.w(" PARTITION BY ")
		parens(p, x.PartitionBy)
	}
	if len(x.OrderBy) > 0 {
		p.w(" ORDER BY ")
		parens(p, x.OrderBy)
	}
}

func (p *printer) call(f *FuncCall) {
	p.funcName(f.Name)
	if f.Niladic {
		return
	}
	p.w("(")
	p.opt(f.Star, "*")
	p.opt(f.Distinct, "DISTINCT ")
	if !f.Keyword || !p.keywordArgs(f) {
		list(p, f.Args)
	}
	clause(p, "ORDER BY", f.OrderBy)
	if f.JSON != nil {
		p.json(f.JSON)
	}
	p.w(")")
	p.opt(f.Nulls != "", " ", f.Nulls, " NULLS")
	if len(f.WithinGroup) > 0 {
		p.w(" WITHIN GROUP (ORDER BY ")
		list(p, f.WithinGroup)
		p.w(")")
	}
	if f.Filter != nil {
		p.w(" FILTER (WHERE ", f.Filter, ")")
	}
	if f.Over != nil {
		p.w(" OVER ", f.Over)
	}
}

// keywordArgs writes arguments that are separated by keywords; false if the function has none.
func (p *printer) keywordArgs(f *FuncCall) bool {
	var words []string
	switch f.FuncName() {
	case "EXTRACT":
		words = []string{" FROM "}
	case "FLOOR", "CEIL", "CEILING":
		words = []string{" TO "}
	case "SUBSTRING":
		words = []string{" FROM ", " FOR "}
	case "TRIM":
		words = []string{" ", " FROM "}
	case "OVERLAY":
		words = []string{" PLACING ", " FROM ", " FOR "}
	case "POSITION":
		p.operand(f.Args[0].Value, PrecIn+1)
		p.w(" IN ", f.Args[1])
		if len(f.Args) > 2 {
			p.w(" FROM ", f.Args[2])
		}
		return true
	case "JSON_OBJECT", "JSON_OBJECTAGG":
		for i, a := range f.Args {
			switch {
			case i%2 == 1:
				p.w(" VALUE ")
			case i > 0:
				p.w(", KEY ")
			default:
				p.w("KEY ")
			}
			p.w(a)
		}
		return true
	default:
		return false
	}
	for i, a := range f.Args {
		p.opt(i > 0, words[max(i-1, 0)])
		p.w(a)
	}
	return true
}

func (p *printer) json(c *JSONClauses) {
	if c.Returning != nil {
		p.w(" RETURNING ", c.Returning)
	}
	p.opt(c.Wrapper != "", " ", c.Wrapper, " ARRAY WRAPPER")
	for _, b := range []struct {
		what string
		b    *JSONBehavior
	}{{"EMPTY", c.OnEmpty}, {"ERROR", c.OnError}} {
		if b.b == nil {
			continue
		}
		p.w(" ", b.b.Kind)
		if b.b.Default != nil {
			p.w(" ", b.b.Default)
		}
		p.w(" ON ", b.what)
	}
	p.opt(c.OnNull != "", " ", c.OnNull, " ON NULL")
}

// exprPart writes parts of expressions; false if n is none.
func (p *printer) exprPart(n Node) bool {
	switch n := n.(type) {
	case *When:
		p.w("WHEN ", n.Cond, " THEN ", n.Then)
	case *Arg:
		if n.Name != nil {
			p.w(n.Name, " => ")
		}
		p.w(n.Value)
	case *RowField:
		p.w(n.X)
		if n.Alias != nil {
			p.w(" AS ", n.Alias)
		}
	case *WindowSpec:
		if !n.Paren {
			p.w(n.Ref)
			break
		}
		p.w("(")
		if n.Ref != nil {
			p.w(n.Ref)
		}
		clause(p, "PARTITION BY", n.PartitionBy)
		clause(p, "ORDER BY", n.OrderBy)
		if f := n.Frame; f != nil {
			p.w(map[bool]string{true: " ROWS ", false: " RANGE "}[f.Rows])
			if f.To != nil {
				p.w("BETWEEN ", f.From, " AND ", f.To)
			} else {
				p.w(f.From)
			}
		}
		p.w(")")
	case *Bound:
		if n.Offset != nil {
			p.operand(n.Offset, PrecIn+1)
			p.w(" ")
		}
		p.w([]string{"UNBOUNDED PRECEDING", "PRECEDING", "CURRENT ROW", "FOLLOWING", "UNBOUNDED FOLLOWING"}[n.Kind])
	default:
		return false
	}
	return true
}

func (p *printer) operandBody(b QueryBody, rightOf string) {
	if s, ok := b.(*SetOp); ok && rightOf != "" && !(s.Op == "INTERSECT" && rightOf != "INTERSECT") {
		p.w("(", b, ")")
		return
	}
	if _, ok := b.(*Query); ok {
		p.w("(", b, ")")
		return
	}
	p.w(b)
}

// queryPart writes queries, tables and their parts; false if n is none.
func (p *printer) queryPart(n Node) bool {
	switch n := n.(type) {
	case *Query:
		if len(n.With) > 0 {
			p.w("WITH ")
			list(p, n.With)
			p.w(" ")
		}
		p.operandBody(n.Body, "")
		clause(p, "ORDER BY", n.OrderBy)
		if n.Limit != nil {
			p.w(" LIMIT ", n.Limit)
		}
		if n.Offset != nil {
			p.w(" OFFSET ", n.Offset)
		}
	case *CTE:
		p.w(n.Name)
		p.columns(n.Columns)
		p.w(" AS (", n.Query, ")")
	case *OrderItem:
		p.w(n.X)
		p.opt(n.Desc, " DESC")
		p.opt(n.Nulls != "", " NULLS ", n.Nulls)
	case *Select:
		p.selectBody(n)
	case *SetOp:
		if s, ok := n.X.(*SetOp); ok && n.Op == "INTERSECT" && s.Op != "INTERSECT" {
			p.w("(", n.X, ")")
		} else {
			p.operandBody(n.X, "")
		}
		p.w(" ", n.Op, map[bool]string{true: " ALL ", false: " "}[n.All])
		p.operandBody(n.Y, n.Op)
	case *Values:
		p.w("VALUES ")
		list(p, n.Rows)
	case *TableQuery:
		p.w("TABLE ", n.Name)
	case *SelectItem:
		p.w(n.X)
		if n.Alias != nil {
			p.w(" AS ", n.Alias)
		}
	case *GroupBy:
		p.w(" GROUP BY ")
		p.opt(n.Distinct, "DISTINCT ")
		list(p, n.Items)
	case *GroupItem:
		p.groupItem(n)
	case *NamedWindow:
		p.w(n.Name, " AS ", n.Spec)
	case TableRef:
		p.table(n)
	case *TableAlias:
		p.w(" AS ", n.Name)
		p.columns(n.Columns)
	case *Measure:
		p.w(n.X, " AS ", n.Alias)
	case *Subset:
		p.w(n.Name, " = ")
		parens(p, n.Symbols)
	case *Define:
		p.w(n.Name, " AS ", n.Cond)
	default:
		return false
	}
	return true
}

func (p *printer) columns(c []*Ident) {
	if len(c) > 0 {
		p.w(" ")
		parens(p, c)
	}
}

func (p *printer) selectBody(s *Select) {
	p.w("SELECT")
	p.hints(s.Hints)
	p.opt(s.Distinct, " DISTINCT")
	p.w(" ")
	list(p, s.Items)
	if s.From != nil {
		p.w(" FROM ", s.From)
	}
	if s.Where != nil {
		p.w(" WHERE ", s.Where)
	}
	if s.GroupBy != nil {
		p.w(s.GroupBy)
	}
	if s.Having != nil {
		p.w(" HAVING ", s.Having)
	}
	clause(p, "WINDOW", s.Windows)
}

func (p *printer) groupItem(g *GroupItem) {
	switch g.Kind {
	case GroupEmpty:
		p.w("()")
	case GroupExprs:
		if len(g.Exprs) == 1 {
			p.w(g.Exprs[0])
		} else {
			parens(p, g.Exprs)
		}
	default:
		p.w([]string{"ROLLUP ", "CUBE ", "GROUPING SETS "}[g.Kind-GroupRollup])
		parens(p, g.Items)
	}
}

func (p *printer) alias(a *TableAlias) {
	if a != nil {
		p.w(a)
	}
}

func (p *printer) table(t TableRef) {
	switch t := t.(type) {
	case *TableName:
		p.w(t.Name)
		p.hints(t.Hints)
		if t.AsOf != nil {
			p.w(" FOR SYSTEM_TIME AS OF ")
			p.operand(t.AsOf, PrecIn+1)
		}
		p.alias(t.Alias)
		if s := t.Sample; s != nil {
			p.w(" TABLESAMPLE ", s.Method, " (", s.Percent, ")")
			if s.Repeatable != nil {
				p.w(" REPEATABLE (", s.Repeatable, ")")
			}
		}
	case *Derived:
		p.opt(t.Lateral, "LATERAL ")
		p.w("(", t.Query, ")")
		p.alias(t.Alias)
	case *TableFunc:
		p.opt(t.Lateral, "LATERAL ")
		if t.Bare {
			p.w(t.Call)
		} else {
			p.w("TABLE(", t.Call, ")")
		}
		p.alias(t.Alias)
	case *Unnest:
		p.opt(t.Lateral, "LATERAL ")
		p.w("UNNEST")
		parens(p, t.Exprs)
		p.opt(t.WithOrdinality, " WITH ORDINALITY")
		p.alias(t.Alias)
	case *Join:
		p.join(t)
	case *MatchRecognize:
		p.match(t)
	}
}

func (p *printer) join(j *Join) {
	p.w(j.Left)
	p.opt(j.Kind != CommaJoin, " ")
	p.opt(j.Natural, "NATURAL ")
	p.w([]string{"JOIN ", "LEFT JOIN ", "RIGHT JOIN ", "FULL JOIN ", "CROSS JOIN ", ", "}[j.Kind])
	if _, ok := j.Right.(*Join); ok {
		p.w("(", j.Right, ")")
	} else {
		p.w(j.Right)
	}
	if j.On != nil {
		p.w(" ON ", j.On)
	}
	if j.Using != nil {
		p.w(" USING ")
		parens(p, j.Using)
	}
}

func (p *printer) match(m *MatchRecognize) {
	p.w(m.Input, " MATCH_RECOGNIZE (")
	clause(p, "PARTITION BY", m.PartitionBy)
	clause(p, "ORDER BY", m.OrderBy)
	clause(p, "MEASURES", m.Measures)
	p.w(map[bool]string{true: " ALL ROWS PER MATCH", false: " ONE ROW PER MATCH"}[m.AllRows])
	p.opt(m.Rows != "", " "+m.Rows)
	if a := m.After; a != nil {
		p.w(" AFTER MATCH SKIP ")
		p.opt(a.Kind != "PAST LAST ROW", "TO ")
		p.w(a.Kind)
		if a.Symbol != nil {
			p.w(" ", a.Symbol)
		}
	}
	p.w(" PATTERN (")
	p.w(m.Pattern, ")")
	if m.Within != nil {
		p.w(" WITHIN ", m.Within)
	}
	clause(p, "SUBSET", m.Subsets)
	clause(p, "DEFINE", m.Defines)
	p.w(")")
	p.alias(m.Alias)
}

// pattern writes a row pattern; an alternative or sequence inside another is in parentheses.
func (p *printer) pattern(x Pattern) {
	inner := func(x Pattern, alt bool) {
		_, seq := x.(*PatternSeq)
		_, or := x.(*PatternAlt)
		_, rep := x.(*PatternRepeat)
		if s, ok := x.(*PatternSeq); or || seq && !alt && ok && len(s.Items) > 0 || rep && !alt {
			p.w("(", x, ")")
		} else {
			p.w(x)
		}
	}
	switch x := x.(type) {
	case *PatternSymbol:
		p.w(x.Name)
	case *PatternAnchor:
		p.w(map[bool]string{false: "^", true: "$"}[x.End])
	case *PatternSeq:
		p.opt(len(x.Items) == 0, "()")
		for i, it := range x.Items {
			p.opt(i > 0, " ")
			if _, rep := it.(*PatternRepeat); rep {
				p.w(it)
			} else {
				inner(it, false)
			}
		}
	case *PatternAlt:
		for i, it := range x.Items {
			p.opt(i > 0, " | ")
			inner(it, true)
		}
	case *PatternRepeat:
		inner(x.X, false)
		switch {
		case x.Max == -1 && x.Min == 0:
			p.w("*")
		case x.Max == -1 && x.Min == 1:
			p.w("+")
		case x.Max == -1:
			p.w("{", x.Min, ",}")
		case x.Max == 1 && x.Min == 0:
			p.w("?")
		default:
			p.w("{", x.Min, ",", x.Max, "}")
		}
		p.opt(x.Reluctant, "?")
	case *PatternPermute:
		p.w("PERMUTE")
		parens(p, x.Items)
	case *PatternExclude:
		p.w("{- ", x.X, " -}")
	}
}
