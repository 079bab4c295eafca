package parse

import "github.com/freshet-dw/freshet/pkg/sql/ast"

const anExpression = "an expression"

// primary parses an operand.
func (p *parser) primary() ast.Expr {
	t := p.tok()
	start := p.start()
	switch t.kind {
	case tInteger, tDecimal, tApprox:
		return p.number()
	case tString, tUnicode:
		s := p.stringLit()
		for p.tok().kind == tString { // 'a' 'b' is one text
			s.Value += p.next().val
			s.Loc = p.since(start)
		}
		return s
	case tBytes:
		p.next()
		return &ast.BytesLit{Value: []byte(t.val), Loc: p.since(start)}
	case tQuoted:
		return p.nameOrCall()
	case tOp:
		if t.val == "(" {
			return p.paren()
		}
	case tWord:
		if x := p.word(t, start); x != nil {
			return x
		}
		if isIdent(t) {
			return p.nameOrCall()
		}
		if ast.Reserved(t.kw) && t.kw != "FROM" {
			if e := p.ahead(1); e.kw == "FROM" || e.kw == "AS" ||
				e.kind == tOp && (e.val == "," || e.val == ")" || e.val == "=" || e.val == ".") {
				p.failAt(t, "write `"+t.text+"`", "%s is a reserved word, so it is not a column's name", t.text)
			}
		}
	}
	p.fail(anExpression)
	return nil
}

func (p *parser) followedBy(op string) bool {
	a := p.ahead(1)
	return a.kind == tOp && a.val == op
}

// word parses an operand that starts with a keyword, or gives nil.
func (p *parser) word(t *token, start ast.Pos) ast.Expr {
	switch t.kw {
	case "":
		return nil
	case "TRUE", "FALSE":
		p.next()
		return &ast.BoolLit{Value: t.kw == "TRUE", Loc: p.since(start)}
	case "NULL", "UNKNOWN":
		p.next()
		return &ast.NullLit{Unknown: t.kw == "UNKNOWN", Loc: p.since(start)}
	case "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_LTZ":
		return p.timeLit(t.kw, start)
	case "INTERVAL":
		return p.interval()
	case "CASE":
		return p.caseExpr()
	case "CAST", "TRY_CAST":
		p.next()
		p.expectOp("(")
		c := &ast.Cast{Try: t.kw == "TRY_CAST", X: p.expr()}
		p.expect("AS")
		c.Type = p.dataType()
		p.expectOp(")")
		c.Loc = p.since(start)
		return c
	case "EXISTS":
		p.next()
		p.expectOp("(")
		q := p.query()
		p.expectOp(")")
		return &ast.Exists{Query: q, Loc: p.since(start)}
	case "ROW":
		return p.row()
	case "ARRAY", "MAP", "MULTISET":
		if t.kw != "MAP" || p.followedBy("[") || p.followedBy("(") {
			return p.collection(t.kw)
		}
		return nil
	case "RUNNING", "FINAL":
		if par := p.ahead(2); p.ahead(1).kind == tWord && par.kind == tOp && par.val == "(" {
			p.next()
			x := p.postfix(p.primary())
			return &ast.Unary{Op: t.kw, X: x, Loc: p.since(start)}
		}
		return nil
	case "CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME", "LOCALTIME", "LOCALTIMESTAMP", "CURRENT_USER", "SESSION_USER",
		"SYSTEM_USER", "USER", "CURRENT_ROLE", "CURRENT_PATH", "CURRENT_CATALOG", "CURRENT_SCHEMA":
		if !p.followedBy("(") {
			n := p.takeIdent()
			return &ast.FuncCall{Name: &ast.Name{Loc: n.Loc, Parts: []*ast.Ident{n}}, Niladic: true, Loc: n.Loc}
		}
	}
	if p.followedBy("(") {
		return p.special(t.kw)
	}
	return nil
}

func (p *parser) timeLit(kw string, start ast.Pos) ast.Expr {
	lit := &ast.TimeLit{Kind: kw}
	switch {
	case p.ahead(1).kind == tString:
		p.next()
	case p.isSeq(kw, "WITH", "LOCAL", "TIME", "ZONE") && kw == "TIMESTAMP":
		for range 5 {
			p.next()
		}
		lit.Kind = "TIMESTAMP_LTZ"
		if p.tok().kind != tString {
			p.fail("text in quotes '…'")
		}
	case p.followedBy("("):
		p.failAt(p.tok(), "write CAST(x AS "+kw+")", "%s is a type, not a function", kw)
	default:
		p.failAt(p.tok(), "write "+kw+" '…' for a value, `"+p.tok().text+"` for a column", "%s is a reserved word", kw)
	}
	lit.Text = p.next().val
	lit.Loc = p.since(start)
	return lit
}

func (p *parser) interval() ast.Expr {
	start := p.start()
	p.next()
	if t, a := p.tok(), p.ahead(1); t.kind == tString || t.kind == tOp && (t.val == "-" || t.val == "+") && a.kind == tString {
		lit := &ast.IntervalLit{}
		if t.kind == tOp {
			lit.Negative = t.val == "-"
			p.next()
		}
		lit.Text = p.next().val
		lit.Unit = p.intervalUnit()
		lit.Loc = p.since(start)
		return lit
	}
	x := &ast.IntervalExpr{}
	switch t := p.tok(); {
	case p.acceptOp("("):
		x.X = p.expr()
		p.expectOp(")")
	case t.kind == tInteger || t.kind == tDecimal:
		x.X = p.number()
	case isIdent(t):
		x.X = p.name()
	default:
		p.fail("text in quotes and a unit, such as INTERVAL '5' MINUTE")
	}
	x.Unit = p.intervalUnit()
	x.Loc = p.since(start)
	return x
}

func (p *parser) caseExpr() ast.Expr {
	start := p.start()
	p.next()
	c := &ast.Case{}
	if !p.is("WHEN") {
		c.Operand = p.expr()
	}
	for p.is("WHEN") {
		s := p.start()
		p.next()
		w := &ast.When{Cond: p.expr()}
		if c.Operand != nil && p.isOp(",") {
			p.failAt(p.tok(), "write one WHEN for each value", "WHEN with several values is not supported")
		}
		p.expect("THEN")
		w.Then = p.expr()
		w.Loc = p.since(s)
		c.Whens = append(c.Whens, w)
	}
	if len(c.Whens) == 0 {
		p.fail("WHEN")
	}
	if p.accept("ELSE") {
		c.Else = p.expr()
	}
	p.expect("END")
	c.Loc = p.since(start)
	return c
}

// row parses ROW(a, b AS n).
func (p *parser) row() ast.Expr {
	start := p.start()
	p.next()
	r := &ast.Row{Explicit: true}
	p.expectOp("(")
	if !p.isOp(")") {
		r.Fields = commaList(p, func() *ast.RowField {
			s := p.start()
			f := &ast.RowField{X: p.expr()}
			if p.accept("AS") {
				f.Alias = p.ident()
			}
			f.Loc = p.since(s)
			return f
		})
	}
	p.expectOp(")")
	r.Loc = p.since(start)
	return r
}

// collection parses ARRAY, MAP or MULTISET with […] or (query).
func (p *parser) collection(kind string) ast.Expr {
	start := p.start()
	p.next()
	var elems []ast.Expr
	var q *ast.Query
	switch {
	case p.acceptOp("["):
		if !p.isOp("]") {
			elems = p.exprs()
		}
		p.expectOp("]")
	case p.acceptOp("("):
		q = p.query()
		p.expectOp(")")
	default:
		p.fail("[ or (")
	}
	loc := p.since(start)
	switch kind {
	case "ARRAY":
		return &ast.Array{Loc: loc, Elems: elems, Query: q}
	case "MAP":
		if len(elems)%2 != 0 {
			p.failAt(&p.toks[p.i-1], "write MAP[key1, value1, key2, value2]", "MAP has a key without a value")
		}
		return &ast.Map{Loc: loc, Elems: elems, Query: q}
	}
	return &ast.Multiset{Loc: loc, Elems: elems, Query: q}
}
