package parse

import (
	"github.com/freshet-dw/freshet/pkg/sql/ast"
)

func (p *parser) statement() ast.Statement {
	p.enter()
	defer p.leave()
	start := p.start()
	switch {
	case p.atQuery() || p.isOp("("):
		q := p.query()
		return &ast.QueryStatement{Query: q, Loc: q.Loc}
	case p.is("INSERT"), p.is("UPSERT"):
		return p.insert()
	case p.accept("CREATE"):
		return p.create(start)
	case p.accept("DROP"):
		return p.drop(start)
	case p.accept("ALTER"):
		return p.alter(start)
	case p.accept("SET"):
		return p.set(start)
	case p.accept("RESET"):
		r := &ast.Reset{}
		if p.tok().kind == tString {
			r.Key = p.stringLit()
		}
		r.Loc = p.since(start)
		return r
	case p.accept("EXPLAIN"):
		return p.explain(start)
	case p.accept("BEGIN"):
		return p.script(start)
	case p.accept("EXECUTE"):
		return p.execute(start)
	case p.accept("COMPILE"):
		return p.compile(start)
	case p.accept("SHOW"):
		return p.show(start)
	case p.accept("DESCRIBE"), p.accept("DESC"):
		return p.describe(start)
	case p.accept("USE"):
		return p.use(start)
	}
	return p.otherStatement(start)
}

func (p *parser) otherStatement(start ast.Pos) ast.Statement {
	switch {
	case p.is("LOAD"), p.is("UNLOAD"):
		m := &ast.Module{Unload: p.next().kw == "UNLOAD"}
		p.expect("MODULE")
		m.Name = p.ident()
		if !m.Unload && p.accept("WITH") {
			m.Options = p.options()
		}
		m.Loc = p.since(start)
		return m
	case p.is("ADD"), p.is("REMOVE"):
		j := &ast.Jar{Remove: p.next().kw == "REMOVE"}
		p.expect("JAR")
		j.Path = p.stringLit()
		j.Loc = p.since(start)
		return j
	case p.accept("DELETE"):
		p.expect("FROM")
		d := &ast.Delete{Table: p.name(), Alias: p.optAlias()}
		if p.accept("WHERE") {
			d.Where = p.expr()
		}
		d.Loc = p.since(start)
		return d
	case p.accept("UPDATE"):
		u := &ast.Update{Table: p.name(), Alias: p.optAlias()}
		p.expect("SET")
		u.Set = commaList(p, func() *ast.Assign {
			s := p.start()
			a := &ast.Assign{Column: p.name()}
			p.expectOp("=")
			a.X = p.expr()
			a.Loc = p.since(s)
			return a
		})
		if p.accept("WHERE") {
			u.Where = p.expr()
		}
		u.Loc = p.since(start)
		return u
	case p.accept("TRUNCATE"):
		p.expect("TABLE")
		t := &ast.Truncate{Table: p.name()}
		t.Loc = p.since(start)
		return t
	case p.accept("ANALYZE"):
		return p.analyze(start)
	case p.accept("CALL"):
		n := p.name()
		if !p.isOp("(") {
			p.fail("( after the procedure's name")
		}
		c := &ast.CallProcedure{Call: p.call(n)}
		c.Loc = p.since(start)
		return c
	case p.accept("STOP"):
		p.expect("JOB")
		s := &ast.StopJob{Job: p.stringLit()}
		for p.accept("WITH") {
			if p.expectAny("SAVEPOINT", "DRAIN") == "SAVEPOINT" {
				s.Savepoint = true
			} else {
				s.Drain = true
			}
		}
		s.Loc = p.since(start)
		return s
	case p.is("END"):
		p.failAt(p.tok(), "start the set with BEGIN STATEMENT SET; or EXECUTE STATEMENT SET BEGIN", "END has no BEGIN before it")
	}
	p.fail("a statement: SELECT, INSERT, CREATE, SET, …")
	return nil
}

func (p *parser) analyze(start ast.Pos) ast.Statement {
	p.expect("TABLE")
	a := &ast.Analyze{Table: p.name()}
	if p.is("PARTITION") {
		a.Partition = p.partitionSpec()
	}
	p.expect("COMPUTE", "STATISTICS")
	if p.accept("FOR") {
		if a.AllColumns = p.acceptSeq("ALL", "COLUMNS"); !a.AllColumns {
			p.expect("COLUMNS")
			a.Columns = commaList(p, p.ident)
		}
	}
	a.Loc = p.since(start)
	return a
}

func (p *parser) insert() *ast.Insert {
	start := p.start()
	if p.is("UPSERT") {
		p.failAt(p.tok(), "write INSERT INTO: a table with a PRIMARY KEY is upserted", "UPSERT is not supported")
	}
	p.expect("INSERT")
	in := &ast.Insert{Overwrite: p.expectAny("INTO", "OVERWRITE") == "OVERWRITE"}
	p.accept("TABLE")
	in.Table = p.name()
	in.Hints = p.hints()
	if p.is("PARTITION") {
		at := p.tok()
		in.Partition = p.partitionSpec()
		for _, it := range in.Partition.Items {
			if it.Value == nil {
				p.failAt(at, "write PARTITION (column = 'value')", "partition column %s has no value", it.Column.Name)
			}
		}
	}
	if p.isOp("(") && !p.queryInParens() {
		in.Columns = parenList(p, p.name)
	}
	in.Query = p.query()
	in.Loc = p.since(start)
	return in
}

// queryInParens tells whether the parentheses that open here hold a query.
func (p *parser) queryInParens() bool {
	n := 0
	for t := p.ahead(n); t.kind == tOp && t.val == "("; t = p.ahead(n) {
		n++
	}
	switch p.ahead(n).kw {
	case "SELECT", "WITH", "VALUES", "TABLE":
		return true
	}
	return false
}

// partitionSpec parses PARTITION (k = v, …).
func (p *parser) partitionSpec() *ast.PartitionSpec {
	start := p.start()
	p.expect("PARTITION")
	s := &ast.PartitionSpec{}
	s.Items = parenList(p, func() *ast.PartitionItem {
		st := p.start()
		it := &ast.PartitionItem{Column: p.ident()}
		if p.acceptOp("=") {
			it.Value = p.expr()
		}
		it.Loc = p.since(st)
		return it
	})
	s.Loc = p.since(start)
	return s
}

func (p *parser) set(start ast.Pos) ast.Statement {
	s := &ast.Set{}
	if t := p.tok(); t.kind != tEOF && !p.isOp(";") {
		if t.kind == tWord || t.kind == tQuoted {
			p.failAt(t, "write SET 'key' = 'value'", "SET takes its key and value in quotes")
		}
		o := p.option()
		s.Key, s.Value = o.Key, o.Value
	}
	s.Loc = p.since(start)
	return s
}

func (p *parser) explain(start ast.Pos) ast.Statement {
	e := &ast.Explain{}
	if p.acceptSeq("PLAN", "FOR") {
		e.PlanFor = true
	} else {
		for {
			d := p.acceptAny("ESTIMATED_COST", "CHANGELOG_MODE", "JSON_EXECUTION_PLAN", "PLAN_ADVICE")
			if d == "" {
				break
			}
			e.Details = append(e.Details, d)
			if !p.acceptOp(",") {
				break
			}
		}
	}
	e.Stmt = p.insertOrSet("a query, INSERT or STATEMENT SET")
	e.Loc = p.since(start)
	return e
}

// insertOrSet parses a query, an INSERT or STATEMENT SET BEGIN … END.
func (p *parser) insertOrSet(expected string) ast.Statement {
	start := p.start()
	switch {
	case p.is("STATEMENT"):
		return p.statementSet(start)
	case p.is("INSERT"):
		return p.insert()
	case p.is("CREATE"):
		p.next()
		return p.create(start)
	case p.atQuery() || p.isOp("("):
		q := p.query()
		return &ast.QueryStatement{Query: q, Loc: q.Loc}
	}
	p.fail(expected)
	return nil
}

func (p *parser) execute(start ast.Pos) ast.Statement {
	if p.accept("PLAN") {
		x := &ast.ExecutePlan{Path: p.stringLit()}
		x.Loc = p.since(start)
		return x
	}
	if p.is("STATEMENT") {
		return p.statementSet(start)
	}
	x := &ast.Execute{Stmt: p.insertOrSet("STATEMENT SET, INSERT, a query or PLAN")}
	x.Loc = p.since(start)
	return x
}

// statementSet parses STATEMENT SET BEGIN insert; … END.
func (p *parser) statementSet(start ast.Pos) ast.Statement {
	p.expect("STATEMENT", "SET", "BEGIN")
	s := &ast.StatementSet{}
	for !p.accept("END") {
		s.Inserts = append(s.Inserts, p.insertOrFail())
		p.expectOp(";")
	}
	p.nonEmpty(s)
	s.Loc = p.since(start)
	return s
}

// script parses BEGIN STATEMENT SET; insert; … END.
func (p *parser) script(start ast.Pos) ast.Statement {
	p.expect("STATEMENT", "SET")
	p.expectOp(";")
	s := &ast.StatementSet{Script: true}
	before := len(p.errs)
	for {
		for p.acceptOp(";") {
		}
		if p.accept("END") {
			break
		}
		if p.tok().kind == tEOF && len(p.errs) > before || len(p.errs) >= maxErrors {
			break
		}
		p.guard(func() { // a bad INSERT does not hide the errors of the next
			s.Inserts = append(s.Inserts, p.insertOrFail())
			p.expectOp(";")
		})
	}
	if len(p.errs) > before {
		panic(bailout{})
	}
	p.nonEmpty(s)
	s.Loc = p.since(start)
	return s
}

func (p *parser) insertOrFail() *ast.Insert {
	if !p.is("INSERT") {
		p.is("END")
		p.fail("INSERT or END of the statement set")
	}
	return p.insert()
}

func (p *parser) nonEmpty(s *ast.StatementSet) {
	if len(s.Inserts) == 0 {
		p.failAt(&p.toks[p.i-1], "put INSERT statements before END", "statement set is empty")
	}
}

func (p *parser) compile(start ast.Pos) ast.Statement {
	c := &ast.CompilePlan{Execute: p.acceptSeq("AND", "EXECUTE")}
	p.expect("PLAN")
	c.Path = p.stringLit()
	c.IfNotExists = p.acceptSeq("IF", "NOT", "EXISTS")
	p.expect("FOR")
	c.Stmt = p.insertOrSet("INSERT or STATEMENT SET")
	c.Loc = p.since(start)
	return c
}

func (p *parser) use(start ast.Pos) ast.Statement {
	u := &ast.Use{Kind: "DATABASE"}
	switch {
	case p.is("CATALOG") && p.ahead(1).kind != tEOF && !p.followedBy(";") && !p.followedBy("."):
		p.next()
		u.Kind = "CATALOG"
		u.Name = p.name()
	case p.accept("MODULES"):
		u.Kind = "MODULES"
		u.Modules = commaList(p, p.ident)
	default:
		u.Name = p.name()
	}
	u.Loc = p.since(start)
	return u
}

func (p *parser) describe(start ast.Pos) ast.Statement {
	d := &ast.Describe{Kind: "TABLE"}
	if t := p.ahead(1); isIdent(t) || t.kind == tString || t.kw == "EXTENDED" {
		if k := p.acceptAny("CATALOG", "DATABASE", "FUNCTION", "JOB"); k != "" {
			d.Kind = k
		}
	}
	d.Extended = p.accept("EXTENDED")
	if d.Kind == "JOB" {
		d.Job = p.stringLit()
	} else {
		d.Name = p.name()
	}
	d.Loc = p.since(start)
	return d
}

func (p *parser) show(start ast.Pos) ast.Statement {
	s := &ast.Show{}
	switch {
	case p.accept("CREATE"):
		kind := p.expectAny("TABLE", "VIEW", "CATALOG", "FUNCTION", "DATABASE")
		s.What = "CREATE " + kind
		s.From = p.name()
	case p.accept("CURRENT"):
		s.What = "CURRENT " + p.expectAny("CATALOG", "DATABASE")
	case p.accept("PARTITIONS"):
		s.What = "PARTITIONS"
		s.From = p.name()
		if p.is("PARTITION") {
			s.Parts = p.partitionSpec()
		}
	case p.acceptSeq("USER", "FUNCTIONS"):
		s.What = "USER FUNCTIONS"
	case p.acceptSeq("FULL", "MODULES"):
		s.What = "FULL MODULES"
	default:
		s.What = p.expectAny("TABLES", "VIEWS", "CATALOGS", "DATABASES", "FUNCTIONS", "COLUMNS", "MODULES", "JARS", "JOBS", "PROCEDURES")
	}
	if s.From == nil {
		if s.FromWord = p.acceptAny("FROM", "IN"); s.FromWord != "" {
			s.From = p.name()
		} else if s.What == "COLUMNS" {
			p.fail("FROM and a table")
		}
	}
	s.Not = p.accept("NOT")
	if w := p.acceptAny("LIKE", "ILIKE"); w != "" {
		s.ILike = w == "ILIKE"
		s.Like = p.stringLit()
	} else if s.Not {
		p.fail("LIKE or ILIKE")
	}
	s.Loc = p.since(start)
	return s
}
