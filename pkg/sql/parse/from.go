package parse

import "github.com/freshet-dw/freshet/pkg/sql/ast"

// from parses the tables of FROM: joins and commas, grouping to the left.
func (p *parser) from() ast.TableRef {
	p.enter()
	defer p.leave()
	return p.joins(p.table())
}

func (p *parser) joins(x ast.TableRef) ast.TableRef {
	for {
		j := &ast.Join{Left: x}
		switch {
		case p.acceptOp(","):
			j.Kind = ast.CommaJoin
		case p.acceptSeq("CROSS", "JOIN"):
			j.Kind = ast.CrossJoin
		default:
			j.Natural = p.accept("NATURAL")
			kind, ok := p.joinKind()
			if !ok {
				if j.Natural {
					p.fail("JOIN")
				}
				return x
			}
			j.Kind = kind
		}
		p.grow()
		j.Right = p.table()
		if j.Kind <= ast.FullJoin && !j.Natural {
			switch {
			case p.accept("ON"):
				j.On = p.expr()
			case p.accept("USING"):
				j.Using = p.identList()
			case j.Kind != ast.InnerJoin:
				p.fail("ON or USING")
			}
		}
		j.Loc = p.since(x.Pos())
		x = j
	}
}

func (p *parser) joinKind() (ast.JoinKind, bool) {
	kind := ast.InnerJoin
	switch p.acceptAny("JOIN", "INNER", "LEFT", "RIGHT", "FULL") {
	case "":
		return 0, false
	case "JOIN":
		return kind, true
	case "LEFT":
		kind = ast.LeftJoin
	case "RIGHT":
		kind = ast.RightJoin
	case "FULL":
		kind = ast.FullJoin
	}
	if kind != ast.InnerJoin {
		p.accept("OUTER")
	}
	p.expect("JOIN")
	return kind, true
}

// table parses one table with its alias.
func (p *parser) table() ast.TableRef {
	p.enter()
	defer p.leave()
	start := p.start()
	lateral := p.accept("LATERAL")
	var x ast.TableRef
	switch {
	case p.isOp("("):
		p.next()
		if !lateral && !p.atQuery() {
			return p.parenTable(start)
		}
		q := p.query()
		p.expectOp(")")
		x = &ast.Derived{Lateral: lateral, Query: q}
	case p.accept("TABLE"):
		p.expectOp("(")
		p.accept("SPECIFIC")
		x = &ast.TableFunc{Lateral: lateral, Call: p.tableCall()}
		p.expectOp(")")
	case p.accept("UNNEST"):
		u := &ast.Unnest{Lateral: lateral, Exprs: parenList(p, p.expr)}
		u.WithOrdinality = p.acceptSeq("WITH", "ORDINALITY")
		x = u
	case p.is("VALUES"):
		p.failAt(p.tok(), "write FROM (VALUES …) AS t(a, b)", "VALUES in FROM needs parentheses")
	default:
		if !isIdent(p.tok()) {
			p.fail("a table, or a query in parentheses")
		}
		n := p.name()
		switch {
		case p.isOp("("):
			x = &ast.TableFunc{Lateral: lateral, Bare: true, Call: p.call(n)}
		case lateral:
			p.fail("( after the function's name")
		default:
			x = p.namedTable(n)
		}
	}
	return p.tableSuffix(x, start)
}

// tableCall parses the function of TABLE(…).
func (p *parser) tableCall() *ast.FuncCall {
	if t := p.tok(); !isIdent(t) && functions[t.kw] {
		return p.call(p.keywordName())
	}
	n := p.name()
	if !p.isOp("(") {
		p.fail("( after the function's name")
	}
	return p.call(n)
}

func (p *parser) namedTable(n *ast.Name) *ast.TableName {
	t := &ast.TableName{Name: n, Hints: p.hints()}
	if p.acceptSeq("FOR", "SYSTEM_TIME") {
		p.expect("AS", "OF")
		t.AsOf = p.exprPrec(ast.PrecIn + 1)
	}
	return t
}

// tableSuffix parses MATCH_RECOGNIZE, an alias and TABLESAMPLE after x and sets x's place.
func (p *parser) tableSuffix(x ast.TableRef, start ast.Pos) ast.TableRef {
	setLoc(x, p.since(start))
	if p.is("MATCH_RECOGNIZE") {
		x = p.matchRecognize(x)
	}
	if a := p.tableAlias(); a != nil {
		setAlias(x, a)
		if _, done := x.(*ast.MatchRecognize); !done && p.is("MATCH_RECOGNIZE") { // the standard's place of the input's alias
			setLoc(x, p.since(start))
			return p.tableSuffix(x, start)
		}
	}
	if t, ok := x.(*ast.TableName); ok && p.is("TABLESAMPLE") {
		t.Sample = p.sample()
	}
	setLoc(x, p.since(start))
	return x
}

func (p *parser) tableAlias() *ast.TableAlias {
	start := p.start()
	id := p.optAlias()
	if id == nil {
		return nil
	}
	a := &ast.TableAlias{Name: id}
	if p.isOp("(") {
		p.aliasAt = -1
		a.Columns = p.identList()
	}
	a.Loc = p.since(start)
	return a
}

// parenTable parses what follows "(" in FROM when it is not plainly a query: (a JOIN b …), ((SELECT …) UNION …).
func (p *parser) parenTable(start ast.Pos) ast.TableRef {
	if !p.isOp("(") {
		x := p.from()
		p.expectOp(")")
		return p.parenTail(x, start)
	}
	x := p.table()
	if d, ok := x.(*ast.Derived); ok && d.Alias == nil && !d.Lateral && (p.atQueryTail() || p.isOp(")")) {
		q := d.Query
		if p.atQueryTail() {
			q = p.queryAfter(d.Query)
		}
		p.expectOp(")")
		return p.tableSuffix(&ast.Derived{Query: q}, start)
	}
	x = p.joins(x)
	p.expectOp(")")
	return p.parenTail(x, start)
}

func (p *parser) parenTail(x ast.TableRef, start ast.Pos) ast.TableRef {
	if t := p.tok(); p.is("AS") || isIdent(t) {
		if a := p.ahead(1); t.kw == "AS" && a.kind == tWord || isIdent(t) {
			p.failAt(t, "give each joined table its own alias", "a join in parentheses takes no alias")
		}
	}
	setLoc(x, p.since(start))
	return x
}

func setLoc(x ast.TableRef, loc ast.Loc) {
	switch x := x.(type) {
	case *ast.TableName:
		x.Loc = loc
	case *ast.Derived:
		x.Loc = loc
	case *ast.TableFunc:
		x.Loc = loc
	case *ast.Unnest:
		x.Loc = loc
	case *ast.MatchRecognize:
		x.Loc = loc
	case *ast.Join:
		x.Loc = loc
	}
}

func setAlias(x ast.TableRef, a *ast.TableAlias) {
	switch x := x.(type) {
	case *ast.TableName:
		x.Alias = a
	case *ast.Derived:
		x.Alias = a
	case *ast.TableFunc:
		x.Alias = a
	case *ast.Unnest:
		x.Alias = a
	case *ast.MatchRecognize:
		x.Alias = a
	}
}
