package parse

import (
	"strings"

	"github.com/freshet-dw/freshet/pkg/sql/ast"
)

// atQuery tells whether a query starts here without a parenthesis.
func (p *parser) atQuery() bool {
	return p.is("SELECT") || p.is("WITH") || p.is("VALUES") || p.is("TABLE") && (isIdent(p.ahead(1)))
}

// atQueryTail tells whether the query in parentheses just read goes on.
func (p *parser) atQueryTail() bool {
	switch p.tok().kw {
	case "UNION", "INTERSECT", "EXCEPT", "MINUS", "ORDER", "LIMIT", "OFFSET", "FETCH":
		return true
	}
	return false
}

func (p *parser) query() *ast.Query {
	p.enter()
	defer p.leave()
	start := p.start()
	q := &ast.Query{}
	if p.accept("WITH") {
		if t := p.tok(); p.is("RECURSIVE") {
			p.failAt(t, "write the recursion out as a chain of joins of a fixed length", "Flink has no WITH RECURSIVE")
		}
		q.With = commaList(p, p.cte)
	}
	q.Body = p.setOps(p.queryTerm(), 0)
	p.queryTail(q, start)
	return q
}

// queryAfter goes on with a query whose first operand is the given query in parentheses.
func (p *parser) queryAfter(first *ast.Query) *ast.Query {
	q := &ast.Query{Body: p.setOps(first, 0)}
	p.queryTail(q, first.Start)
	return q
}

func (p *parser) cte() *ast.CTE {
	start := p.start()
	c := &ast.CTE{Name: p.ident(), Columns: p.optIdentList()}
	p.expect("AS")
	p.expectOp("(")
	c.Query = p.query()
	p.expectOp(")")
	c.Loc = p.since(start)
	return c
}

func (p *parser) queryTail(q *ast.Query, start ast.Pos) {
	q.OrderBy = p.orderBy()
	if p.accept("LIMIT") {
		if !p.accept("ALL") {
			q.Limit = p.expr()
			if p.acceptOp(",") { // LIMIT start, count
				q.Offset = q.Limit
				q.Limit = p.expr()
			}
		}
	}
	if q.Offset == nil && p.accept("OFFSET") {
		q.Offset = p.expr()
		p.acceptAny("ROW", "ROWS")
	}
	if q.Limit == nil && p.accept("FETCH") {
		p.expectAny("FIRST", "NEXT")
		q.Limit = p.expr()
		p.expectAny("ROW", "ROWS")
		p.expect("ONLY")
	}
	q.Loc = p.since(start)
}

// setOps parses UNION, EXCEPT (level 0) and INTERSECT (level 1) after x, grouping to the left.
func (p *parser) setOps(x ast.QueryBody, level int) ast.QueryBody {
	for {
		op := ""
		switch {
		case p.is("INTERSECT"):
			op = "INTERSECT"
		case level == 0 && p.is("UNION"):
			op = "UNION"
		case level == 0 && (p.is("EXCEPT") || p.is("MINUS")):
			op = "EXCEPT"
		default:
			return x
		}
		p.grow()
		p.next()
		s := &ast.SetOp{Op: op, X: x, All: p.accept("ALL")}
		if !s.All {
			p.accept("DISTINCT")
		}
		s.Y = p.queryTerm()
		if op != "INTERSECT" {
			s.Y = p.setOps(s.Y, 1)
		}
		s.Loc = p.since(x.Pos())
		x = s
	}
}

// queryTerm parses SELECT, VALUES, TABLE t or (query).
func (p *parser) queryTerm() ast.QueryBody {
	start := p.start()
	switch {
	case p.is("SELECT"):
		return p.selectBody()
	case p.accept("VALUES"):
		v := &ast.Values{Rows: p.exprs()}
		v.Loc = p.since(start)
		return v
	case p.accept("TABLE"):
		t := &ast.TableQuery{Name: p.name()}
		t.Loc = p.since(start)
		return t
	case p.isOp("("):
		p.next()
		q := p.query()
		p.expectOp(")")
		return q
	}
	p.fail("a query: SELECT, WITH, VALUES or (")
	return nil
}

func (p *parser) selectBody() ast.QueryBody {
	start := p.start()
	p.next()
	s := &ast.Select{Hints: p.hints()}
	p.accept("STREAM")
	if p.accept("DISTINCT") {
		s.Distinct = true
	} else {
		p.accept("ALL")
	}
	s.Items = commaList(p, p.selectItem)
	if p.accept("FROM") {
		s.From = p.from()
	}
	if p.accept("WHERE") {
		s.Where = p.expr()
	}
	if p.is("GROUP") {
		s.GroupBy = p.groupBy()
	}
	if p.accept("HAVING") {
		s.Having = p.expr()
	}
	if p.accept("WINDOW") {
		s.Windows = commaList(p, func() *ast.NamedWindow {
			st := p.start()
			w := &ast.NamedWindow{Name: p.ident()}
			p.expect("AS")
			w.Spec = p.windowSpec()
			w.Loc = p.since(st)
			return w
		})
	}
	if p.is("QUALIFY") {
		p.fail("the end of the query")
	}
	s.Loc = p.since(start)
	return s
}

func (p *parser) selectItem() *ast.SelectItem {
	start := p.start()
	it := &ast.SelectItem{}
	switch star := p.starAhead(); {
	case star == 0:
		p.next()
		it.X = &ast.Star{Loc: p.since(start)}
	case star > 0:
		n := &ast.Name{Parts: []*ast.Ident{p.ident()}}
		for p.next(); !p.isOp("*"); p.next() {
			n.Parts = append(n.Parts, p.ident())
		}
		n.Loc = ast.Loc{Start: start, End: n.Parts[len(n.Parts)-1].End}
		p.next()
		it.X = &ast.Star{Qualifier: n, Loc: p.since(start)}
	default:
		if p.is("FROM") || p.tok().kind == tEOF {
			p.fail("what to select: an expression or *")
		}
		it.X = p.expr()
		it.Alias = p.optAlias()
	}
	it.Loc = p.since(start)
	return it
}

// starAhead is the distance to the star of * or a.b.*; -1 if neither stands here.
func (p *parser) starAhead() int {
	for n := 0; ; n += 2 {
		t := p.ahead(n)
		if t.kind == tOp && t.val == "*" {
			return n
		}
		if dot := p.ahead(n + 1); !isIdent(t) || dot.kind != tOp || dot.val != "." {
			return -1
		}
	}
}

func (p *parser) orderBy() []*ast.OrderItem {
	if !p.acceptSeq("ORDER", "BY") {
		return nil
	}
	return commaList(p, p.orderItem)
}

func (p *parser) orderItem() *ast.OrderItem {
	start := p.start()
	o := &ast.OrderItem{X: p.expr()}
	o.Desc = p.acceptAny("ASC", "DESC") == "DESC"
	if p.accept("NULLS") {
		o.Nulls = p.expectAny("FIRST", "LAST")
	}
	o.Loc = p.since(start)
	return o
}

func (p *parser) groupBy() *ast.GroupBy {
	start := p.start()
	p.next()
	p.expect("BY")
	g := &ast.GroupBy{Distinct: p.accept("DISTINCT")}
	if !g.Distinct {
		p.accept("ALL")
	}
	g.Items = commaList(p, p.groupItem)
	g.Loc = p.since(start)
	return g
}

func (p *parser) groupItem() *ast.GroupItem {
	p.enter()
	defer p.leave()
	start := p.start()
	g := &ast.GroupItem{}
	switch {
	case p.acceptSeq("GROUPING", "SETS"):
		g.Kind, g.Items = ast.GroupSets, parenList(p, p.groupItem)
	case p.accept("ROLLUP"):
		g.Kind, g.Items = ast.GroupRollup, parenList(p, p.groupExprs)
	case p.accept("CUBE"):
		g.Kind, g.Items = ast.GroupCube, parenList(p, p.groupExprs)
	default:
		return p.groupExprs()
	}
	g.Loc = p.since(start)
	return g
}

// groupExprs parses (), (a, b) or an expression.
func (p *parser) groupExprs() *ast.GroupItem {
	start := p.start()
	g := &ast.GroupItem{}
	if p.isOp("(") && p.followedBy(")") {
		p.next()
		p.next()
		g.Kind = ast.GroupEmpty
	} else {
		x := p.expr()
		g.Exprs = []ast.Expr{x}
		if r, ok := x.(*ast.Row); ok && !r.Explicit {
			g.Exprs = nil
			for _, f := range r.Fields {
				g.Exprs = append(g.Exprs, f.X)
			}
		}
	}
	g.Loc = p.since(start)
	return g
}

// sample parses TABLESAMPLE BERNOULLI|SYSTEM (n) [REPEATABLE (n)].
func (p *parser) sample() *ast.Sample {
	start := p.start()
	p.next()
	s := &ast.Sample{Method: strings.ToUpper(p.expectAny("BERNOULLI", "SYSTEM"))}
	p.expectOp("(")
	s.Percent = p.expr()
	p.expectOp(")")
	if p.accept("REPEATABLE") {
		p.expectOp("(")
		s.Repeatable = p.expr()
		p.expectOp(")")
	}
	s.Loc = p.since(start)
	return s
}
