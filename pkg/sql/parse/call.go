package parse

import (
	"strings"

	"github.com/freshet-dw/freshet/pkg/sql/ast"
)

// functionWords are the reserved words that are also functions.
const functionWords = `ABS AVG CARDINALITY CEIL CEILING CHAR CHARACTER_LENGTH CHAR_LENGTH CLASSIFIER COALESCE COLLECT CONVERT CORR COUNT COVAR_POP
COVAR_SAMP CUME_DIST CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP DENSE_RANK ELEMENT EVERY EXP FIRST_VALUE FLOOR FUSION GROUPING HASH HOUR
INTERSECTION LAG LAST_VALUE LEAD LEFT LN LOCALTIME LOCALTIMESTAMP LOWER MATCH_NUMBER MAX MIN MINUTE MOD MONTH NEXT NTH_VALUE NTILE
NULLIF OCTET_LENGTH PERCENTILE_CONT PERCENTILE_DISC PERCENT_RANK POWER PREV RANK REGR_AVGX REGR_AVGY REGR_COUNT REGR_INTERCEPT
REGR_R2 REGR_SLOPE REGR_SXX REGR_SXY REGR_SYY RIGHT ROW_NUMBER SECOND SOME SQRT STDDEV_POP STDDEV_SAMP SUBSTRING SUM TRANSLATE
TRUNCATE UPPER USER VAR_POP VAR_SAMP YEAR DAY TRIM POSITION OVERLAY`

var functions = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(functionWords) {
		m[w] = true
	}
	return m
}()

// nameOrCall parses a column reference or a call of a named function.
func (p *parser) nameOrCall() ast.Expr {
	n := p.name()
	if p.isOp("(") {
		return p.call(n)
	}
	return n
}

// keywordName takes the current keyword as a function's name.
func (p *parser) keywordName() *ast.Name {
	t := p.next()
	id := &ast.Ident{Loc: p.since(p.posOf(t)), Name: t.text}
	return &ast.Name{Loc: id.Loc, Parts: []*ast.Ident{id}}
}

// special parses a call that starts with a keyword and a parenthesis; nil if the word is no function.
func (p *parser) special(kw string) ast.Expr {
	switch kw {
	case "EXTRACT", "TRIM", "SUBSTRING", "POSITION", "OVERLAY", "TIMESTAMPADD", "TIMESTAMPDIFF", "FLOOR", "CEIL", "CEILING":
		return p.keywordCall(kw)
	case "JSON_VALUE", "JSON_QUERY", "JSON_EXISTS", "JSON_OBJECT", "JSON_ARRAY", "JSON_OBJECTAGG", "JSON_ARRAYAGG":
		return p.jsonCall(kw)
	}
	if functions[kw] {
		return p.call(p.keywordName())
	}
	return nil
}

// call parses the arguments and what may follow them.
func (p *parser) call(n *ast.Name) *ast.FuncCall {
	f := &ast.FuncCall{Name: n}
	p.expectOp("(")
	switch {
	case p.isOp("*"):
		p.next()
		f.Star = true
	case p.isOp(")"):
	default:
		if p.accept("DISTINCT") {
			f.Distinct = true
		} else {
			p.accept("ALL")
		}
		f.Args = commaList(p, p.arg)
		f.OrderBy = p.orderBy()
	}
	p.expectOp(")")
	p.callTail(f)
	return f
}

func (p *parser) callTail(f *ast.FuncCall) {
	for _, w := range []string{"RESPECT", "IGNORE"} {
		if p.acceptSeq(w, "NULLS") {
			f.Nulls = w
		}
	}
	if p.acceptSeq("WITHIN", "GROUP") {
		p.expectOp("(")
		if !p.is("ORDER") {
			p.fail("ORDER BY")
		}
		f.WithinGroup = p.orderBy()
		p.expectOp(")")
	}
	if p.accept("FILTER") {
		p.expectOp("(")
		p.expect("WHERE")
		f.Filter = p.expr()
		p.expectOp(")")
	}
	if p.accept("OVER") {
		if p.isOp("(") {
			f.Over = p.windowSpec()
		} else {
			w := p.ident()
			f.Over = &ast.WindowSpec{Loc: w.Loc, Ref: w}
		}
	}
	f.Loc = p.since(f.Name.Start)
}

func (p *parser) plain(x ast.Expr) *ast.Arg {
	return &ast.Arg{Loc: ast.Loc{Start: x.Pos(), End: x.EndPos()}, Value: x}
}

func (p *parser) arg() *ast.Arg {
	start := p.start()
	a := &ast.Arg{}
	if t := p.tok(); (t.kind == tWord || t.kind == tQuoted) && p.followedBy("=>") {
		a.Name = p.takeIdent()
		a.Name.Quoted = a.Name.Quoted || ast.Reserved(t.kw)
		p.next()
	}
	switch s := p.start(); {
	case p.accept("DEFAULT"):
		a.Value = &ast.DefaultArg{Loc: p.since(s)}
	case p.is("TABLE"):
		a.Value = p.tableArg()
	case p.is("DESCRIPTOR") && p.followedBy("("):
		p.next()
		cols := parenList(p, p.name)
		a.Value = &ast.Descriptor{Columns: cols, Loc: p.since(s)}
	case p.is("SELECT"), p.is("WITH"), p.is("VALUES"):
		q := p.query()
		a.Value = &ast.Subquery{Query: q, Loc: q.Loc}
	case p.starAhead() > 0: // COUNT(a.*) of a pattern variable
		a.Value = p.selectItem().X
	default:
		a.Value = p.expr()
	}
	a.Loc = p.since(start)
	return a
}

// tableArg parses TABLE t or TABLE (query) with PARTITION BY and ORDER BY, each of one item or several in parentheses.
func (p *parser) tableArg() ast.Expr {
	start := p.start()
	p.next()
	a := &ast.TableArg{}
	if p.acceptOp("(") {
		a.Query = p.query()
		p.expectOp(")")
	} else {
		a.Name = p.name()
	}
	if p.acceptSeq("PARTITION", "BY") {
		if p.isOp("(") {
			a.PartitionBy = parenList(p, p.expr)
		} else {
			a.PartitionBy = []ast.Expr{p.expr()}
		}
	}
	if p.acceptSeq("ORDER", "BY") {
		if p.isOp("(") {
			a.OrderBy = parenList(p, p.orderItem)
		} else {
			a.OrderBy = []*ast.OrderItem{p.orderItem()}
		}
	}
	a.Loc = p.since(start)
	return a
}

var symbolUnits = append([]string{"MILLENNIUM", "CENTURY", "DECADE", "EPOCH", "DOW", "DOY", "ISODOW", "ISOYEAR",
	"MILLISECOND", "MICROSECOND", "NANOSECOND"}, intervalUnits...)

// symbol takes a time unit as a Symbol.
func (p *parser) symbol() *ast.Symbol {
	start := p.start()
	t := p.tok()
	u := p.acceptAny(symbolUnits...)
	if full := map[string]string{"SQL_TSI_SECOND": "SECOND", "SQL_TSI_MINUTE": "MINUTE", "SQL_TSI_HOUR": "HOUR", "SQL_TSI_DAY": "DAY",
		"SQL_TSI_WEEK": "WEEK", "SQL_TSI_MONTH": "MONTH", "SQL_TSI_QUARTER": "QUARTER", "SQL_TSI_YEAR": "YEAR"}[strings.ToUpper(t.text)]; u == "" && full != "" {
		p.next()
		u = full
	}
	if u == "" {
		p.fail("a time unit: " + orList(intervalUnits))
	}
	return &ast.Symbol{Name: u, Loc: p.since(start)}
}

// keywordCall parses the functions whose arguments are separated by keywords.
func (p *parser) keywordCall(kw string) ast.Expr {
	f := &ast.FuncCall{Name: p.keywordName(), Keyword: true}
	add := func(x ast.Expr) { f.Args = append(f.Args, p.plain(x)) }
	p.expectOp("(")
	switch kw {
	case "EXTRACT":
		add(p.symbol())
		p.expect("FROM")
		add(p.expr())
	case "FLOOR", "CEIL", "CEILING":
		add(p.expr())
		if f.Keyword = p.accept("TO"); f.Keyword {
			add(p.symbol())
		} else {
			for p.acceptOp(",") {
				add(p.expr())
			}
		}
	case "TIMESTAMPADD", "TIMESTAMPDIFF":
		add(p.symbol())
		for range 2 {
			p.expectOp(",")
			add(p.expr())
		}
	case "TRIM":
		p.trim(f)
	case "SUBSTRING":
		add(p.expr())
		f.Keyword = p.accept("FROM")
		if !f.Keyword {
			for p.acceptOp(",") {
				add(p.expr())
			}
			break
		}
		add(p.expr())
		if p.accept("FOR") {
			add(p.expr())
		}
	case "POSITION":
		add(p.exprPrec(ast.PrecIn + 1))
		p.expect("IN")
		add(p.expr())
		if p.accept("FROM") {
			add(p.expr())
		}
	case "OVERLAY":
		add(p.expr())
		p.expect("PLACING")
		add(p.expr())
		p.expect("FROM")
		add(p.expr())
		if p.accept("FOR") {
			add(p.expr())
		}
	}
	p.expectOp(")")
	p.callTail(f)
	return f
}

// trim parses [BOTH|LEADING|TRAILING] [chars] FROM x, or x.
func (p *parser) trim(f *ast.FuncCall) {
	start := p.start()
	side := p.acceptAny("BOTH", "LEADING", "TRAILING")
	sym := &ast.Symbol{Name: side, Loc: p.since(start)}
	var chars ast.Expr
	if side == "" || !p.is("FROM") {
		chars = p.expr()
		if side == "" && !p.is("FROM") {
			f.Keyword = false
			f.Args = []*ast.Arg{p.plain(chars)}
			return
		}
	}
	if side == "" {
		sym = &ast.Symbol{Name: "BOTH", Loc: ast.Loc{Start: start, End: start}}
	}
	if chars == nil {
		chars = &ast.StringLit{Loc: ast.Loc{Start: p.start(), End: p.start()}, Value: " "}
	}
	p.expect("FROM")
	f.Args = []*ast.Arg{p.plain(sym), p.plain(chars), p.plain(p.expr())}
}

func (p *parser) jsonCall(kw string) ast.Expr {
	f := &ast.FuncCall{Name: p.keywordName(), Keyword: true, JSON: &ast.JSONClauses{}}
	add := func(x ast.Expr) { f.Args = append(f.Args, p.plain(x)) }
	p.expectOp("(")
	start := p.start()
	switch kw {
	case "JSON_VALUE", "JSON_QUERY", "JSON_EXISTS":
		add(p.expr())
		p.expectOp(",")
		add(p.expr())
		start = p.start()
		p.jsonPathClauses(kw, f.JSON)
	case "JSON_OBJECT", "JSON_OBJECTAGG":
		if kw == "JSON_OBJECT" && (p.isOp(")") || p.isSeq("NULL", "ON") || p.isSeq("ABSENT", "ON")) {
			p.jsonOnNull(f.JSON)
			break
		}
		for {
			k, v := p.jsonPair()
			add(k)
			add(v)
			if kw == "JSON_OBJECTAGG" || !p.acceptOp(",") {
				break
			}
		}
		start = p.start()
		p.jsonOnNull(f.JSON)
	default: // JSON_ARRAY, JSON_ARRAYAGG
		if !p.isOp(")") && !p.isSeq("NULL", "ON") && !p.isSeq("ABSENT", "ON") {
			for _, x := range p.exprs() {
				add(x)
			}
			f.OrderBy = p.orderBy()
		}
		start = p.start()
		p.jsonOnNull(f.JSON)
	}
	f.JSON.Loc = p.since(start)
	if *f.JSON == (ast.JSONClauses{Loc: f.JSON.Loc}) {
		f.JSON = nil
	}
	p.expectOp(")")
	p.callTail(f)
	return f
}

// jsonPair parses [KEY] k VALUE v, or k : v.
func (p *parser) jsonPair() (ast.Expr, ast.Expr) {
	if p.is("KEY") && p.ahead(1).kw != "VALUE" && !p.followedBy(":") {
		p.next()
	}
	k := p.expr()
	if !p.acceptOp(":") {
		p.expect("VALUE")
	}
	return k, p.expr()
}

func (p *parser) jsonOnNull(c *ast.JSONClauses) {
	if w := p.acceptAny("NULL", "ABSENT"); w != "" {
		p.expect("ON", "NULL")
		c.OnNull = w
	}
}

func (p *parser) jsonPathClauses(kw string, c *ast.JSONClauses) {
	if kw != "JSON_EXISTS" && p.accept("RETURNING") {
		c.Returning = p.dataType()
	}
	if kw == "JSON_QUERY" {
		switch {
		case p.accept("WITHOUT"):
			c.Wrapper = "WITHOUT"
		case p.accept("WITH"):
			c.Wrapper = "WITH UNCONDITIONAL"
			if w := p.acceptAny("CONDITIONAL", "UNCONDITIONAL"); w != "" {
				c.Wrapper = "WITH " + w
			}
		}
		if c.Wrapper != "" {
			p.accept("ARRAY")
			p.expect("WRAPPER")
		}
	}
	for !p.isOp(")") {
		start := p.start()
		b := &ast.JSONBehavior{}
		switch kw {
		case "JSON_EXISTS":
			b.Kind = p.expectAny("TRUE", "FALSE", "UNKNOWN", "ERROR")
		case "JSON_VALUE":
			if b.Kind = p.expectAny("NULL", "ERROR", "DEFAULT"); b.Kind == "DEFAULT" {
				b.Default = p.expr()
			}
		default:
			if b.Kind = p.expectAny("NULL", "ERROR", "EMPTY"); b.Kind == "EMPTY" {
				b.Kind += " " + p.expectAny("ARRAY", "OBJECT")
			}
		}
		b.Loc = p.since(start)
		p.expect("ON")
		target := &c.OnError
		if kw != "JSON_EXISTS" && p.accept("EMPTY") {
			target = &c.OnEmpty
		} else {
			p.expect("ERROR")
		}
		if *target != nil {
			p.failAt(&p.toks[p.i-1], "keep one of the two", "ON %s is given twice", p.toks[p.i-1].text)
		}
		*target = b
	}
}

// windowSpec parses ([w] [PARTITION BY …] [ORDER BY …] [ROWS|RANGE …]).
func (p *parser) windowSpec() *ast.WindowSpec {
	start := p.start()
	w := &ast.WindowSpec{Paren: true}
	p.expectOp("(")
	if isIdent(p.tok()) {
		w.Ref = p.ident()
	}
	if p.acceptSeq("PARTITION", "BY") {
		w.PartitionBy = p.exprs()
	}
	w.OrderBy = p.orderBy()
	if p.is("ROWS") || p.is("RANGE") {
		w.Frame = p.frame()
	}
	if !p.isOp(")") {
		p.fail("PARTITION BY, ORDER BY, ROWS, RANGE or )")
	}
	p.next()
	w.Loc = p.since(start)
	return w
}

func (p *parser) frame() *ast.Frame {
	start := p.start()
	f := &ast.Frame{Rows: p.next().kw == "ROWS"}
	if p.accept("BETWEEN") {
		f.From = p.bound()
		p.expect("AND")
		f.To = p.bound()
	} else {
		f.From = p.bound()
	}
	f.Loc = p.since(start)
	return f
}

func (p *parser) bound() *ast.Bound {
	start := p.start()
	b := &ast.Bound{}
	switch {
	case p.acceptSeq("CURRENT", "ROW"):
		b.Kind = ast.CurrentRow
	case p.acceptSeq("UNBOUNDED", "PRECEDING"):
		b.Kind = ast.UnboundedPreceding
	case p.acceptSeq("UNBOUNDED", "FOLLOWING"):
		b.Kind = ast.UnboundedFollowing
	default:
		b.Offset = p.exprPrec(ast.PrecIn + 1)
		b.Kind = ast.Preceding
		if p.expectAny("PRECEDING", "FOLLOWING") == "FOLLOWING" {
			b.Kind = ast.Following
		}
	}
	b.Loc = p.since(start)
	return b
}
