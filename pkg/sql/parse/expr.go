package parse

import (
	"strings"

	"github.com/freshet-dw/freshet/pkg/sql/ast"
)

func (p *parser) expr() ast.Expr { return p.exprPrec(0) }

func (p *parser) exprs() []ast.Expr { return commaList(p, p.expr) }

// exprPrec parses an expression of operators that bind at least as tightly as least.
func (p *parser) exprPrec(least int) ast.Expr {
	p.enter()
	defer p.leave()
	x := p.prefix()
	for {
		next := p.infix(x, least)
		if next == nil {
			return x
		}
		p.grow()
		x = next
	}
}

func (p *parser) prefix() ast.Expr {
	start := p.start()
	switch {
	case p.is("NOT"):
		p.next()
		x := p.exprPrec(ast.PrecNot)
		return &ast.Unary{Op: "NOT", X: x, Loc: p.since(start)}
	case p.isOp("-"), p.isOp("+"):
		op := p.next().val
		x := p.exprPrec(ast.PrecSign)
		return &ast.Unary{Op: op, X: x, Loc: p.since(start)}
	}
	return p.postfix(p.primary())
}

// postfix parses [i] and .f after x.
func (p *parser) postfix(x ast.Expr) ast.Expr {
	start := x.Pos()
	for {
		switch {
		case p.isOp("["):
			p.grow()
			p.next()
			i := p.expr()
			p.expectOp("]")
			x = &ast.Index{X: x, I: i, Loc: p.since(start)}
		case p.isOp("."):
			p.grow()
			p.next()
			f := &ast.FieldAccess{X: x}
			if !p.acceptOp("*") {
				f.Field = p.ident()
			}
			f.Loc = p.since(start)
			x = f
		default:
			return x
		}
	}
}

// infix parses an operator after x with its right side; nil if none binds at least as tightly as least.
func (p *parser) infix(x ast.Expr, least int) ast.Expr {
	t := p.tok()
	switch t.kind {
	case tOp:
		switch t.val {
		case "+", "-", "*", "/", "%", "||":
			return p.binary(x, t.val, 1, least)
		case "=", "<>", "<", "<=", ">", ">=":
			return p.comparison(x, t.val, least)
		}
	case tWord:
		return p.wordInfix(x, t.kw, least)
	}
	return nil
}

// binary parses an operator of so many words and its right side.
func (p *parser) binary(x ast.Expr, op string, words, least int) ast.Expr {
	prec := ast.BinaryPrecedence(op)
	if prec < least {
		return nil
	}
	at := p.start()
	for range words {
		p.next()
	}
	y := p.exprPrec(prec + 1)
	return &ast.Binary{Op: op, OpPos: at, X: x, Y: y, Loc: p.since(x.Pos())}
}

func (p *parser) comparison(x ast.Expr, op string, least int) ast.Expr {
	a := p.ahead(1)
	if par := p.ahead(2); a.kind == tWord && par.kind == tOp && par.val == "(" &&
		(a.kw == "ANY" || a.kw == "SOME" || a.kw == "ALL") && least <= ast.PrecCompare {
		p.next()
		q := &ast.Quantified{X: x, Op: op, All: p.next().kw == "ALL"}
		q.List, q.Query = p.listOrQuery()
		q.Loc = p.since(x.Pos())
		return q
	}
	return p.binary(x, op, 1, least)
}

func (p *parser) wordInfix(x ast.Expr, kw string, least int) ast.Expr {
	switch kw {
	case "AND", "OR", "OVERLAPS", "CONTAINS", "EQUALS", "PRECEDES", "SUCCEEDS":
		return p.binary(x, kw, 1, least)
	case "IMMEDIATELY":
		for _, w := range []string{"PRECEDES", "SUCCEEDS"} {
			if p.isSeq("IMMEDIATELY", w) {
				return p.binary(x, "IMMEDIATELY "+w, 2, least)
			}
		}
	case "MEMBER", "SUBMULTISET":
		n := 1
		if p.isSeq(kw, "OF") {
			n = 2
		}
		return p.binary(x, kw+" OF", n, least)
	case "MULTISET":
		return p.multisetOp(x, least)
	case "IS":
		return p.isPredicate(x, least)
	case "NOT", "IN", "BETWEEN", "LIKE", "SIMILAR", "RLIKE":
		return p.predicate(x, least)
	}
	for _, w := range []string{"AND", "OR", "IN", "BETWEEN", "LIKE", "IS"} { // for suggestions
		p.is(w)
	}
	return nil
}

func (p *parser) multisetOp(x ast.Expr, least int) ast.Expr {
	for _, op := range []string{"UNION", "INTERSECT", "EXCEPT"} {
		if !p.isSeq("MULTISET", op) {
			continue
		}
		for _, q := range []string{"ALL", "DISTINCT"} {
			if p.isSeq("MULTISET", op, q) {
				return p.binary(x, "MULTISET "+op+" "+q, 3, least)
			}
		}
		return p.binary(x, "MULTISET "+op, 2, least)
	}
	return nil
}

func (p *parser) isPredicate(x ast.Expr, least int) ast.Expr {
	switch {
	case p.isSeq("IS", "DISTINCT", "FROM"):
		return p.binary(x, "IS DISTINCT FROM", 3, least)
	case p.isSeq("IS", "NOT", "DISTINCT", "FROM"):
		return p.binary(x, "IS NOT DISTINCT FROM", 4, least)
	case least > ast.PrecIs:
		return nil
	}
	p.next()
	is := &ast.Is{X: x, Not: p.accept("NOT")}
	switch {
	case p.acceptSeq("A", "SET"):
		is.What = "A SET"
	case p.accept("JSON"):
		is.What = "JSON"
		if k := p.acceptAny("VALUE", "OBJECT", "ARRAY", "SCALAR"); k != "" {
			is.What += " " + k
		}
	default:
		is.What = p.expectAny("NULL", "TRUE", "FALSE", "UNKNOWN", "DISTINCT", "JSON", "EMPTY")
		if is.What == "DISTINCT" {
			p.fail("FROM")
		}
	}
	is.Loc = p.since(x.Pos())
	return is
}

// predicate parses [NOT] IN, BETWEEN, LIKE, SIMILAR TO and RLIKE.
func (p *parser) predicate(x ast.Expr, least int) ast.Expr {
	not := p.is("NOT")
	if not {
		switch p.ahead(1).kw {
		case "IN", "BETWEEN", "LIKE", "SIMILAR", "RLIKE":
		default:
			return nil
		}
	}
	if least > ast.PrecIn {
		return nil
	}
	if not {
		p.next()
	}
	start := x.Pos()
	switch kw := p.next().kw; kw {
	case "IN":
		in := &ast.In{X: x, Not: not}
		if !p.isOp("(") {
			p.fail("( and a list or a query")
		}
		in.List, in.Query = p.listOrQuery()
		in.Loc = p.since(start)
		return in
	case "BETWEEN":
		b := &ast.Between{X: x, Not: not}
		b.Symmetric = p.acceptAny("SYMMETRIC", "ASYMMETRIC") == "SYMMETRIC"
		b.Low = p.exprPrec(ast.PrecIn + 1)
		p.expect("AND")
		b.High = p.exprPrec(ast.PrecIn + 1)
		b.Loc = p.since(start)
		return b
	default:
		l := &ast.Like{Op: kw, X: x, Not: not}
		if kw == "SIMILAR" {
			p.expect("TO")
			l.Op = "SIMILAR TO"
		}
		l.Pattern = p.exprPrec(ast.PrecIn + 1)
		if kw != "RLIKE" && p.accept("ESCAPE") {
			l.Escape = p.exprPrec(ast.PrecIn + 1)
		}
		l.Loc = p.since(start)
		return l
	}
}

// listOrQuery parses (a, b, …) or (query).
func (p *parser) listOrQuery() ([]ast.Expr, *ast.Query) {
	p.expectOp("(")
	if p.atQuery() {
		q := p.query()
		p.expectOp(")")
		return nil, q
	}
	list := p.exprs()
	if sub, ok := list[0].(*ast.Subquery); ok && len(list) == 1 && p.atQueryTail() {
		q := p.queryAfter(sub.Query)
		p.expectOp(")")
		return nil, q
	}
	p.expectOp(")")
	return list, nil
}

// paren parses what starts with a parenthesis: an expression, a row, or a subquery.
func (p *parser) paren() ast.Expr {
	start := p.start()
	p.next()
	if p.atQuery() {
		q := p.query()
		p.expectOp(")")
		return &ast.Subquery{Query: q, Loc: p.since(start)}
	}
	x := p.expr()
	if sub, ok := x.(*ast.Subquery); ok && p.atQueryTail() { // ((SELECT …) UNION …)
		q := p.queryAfter(sub.Query)
		p.expectOp(")")
		return &ast.Subquery{Query: q, Loc: p.since(start)}
	}
	if p.isOp(")") {
		p.next()
		if d, ok := x.(*ast.Binary); ok && d.Op == "-" && p.atIntervalUnit() {
			u := p.intervalUnit()
			return &ast.Difference{X: d.X, Y: d.Y, Unit: u, Loc: p.since(start)}
		}
		return x
	}
	row := &ast.Row{Fields: []*ast.RowField{{Loc: ast.Loc{Start: x.Pos(), End: x.EndPos()}, X: x}}}
	if !p.isOp(",") {
		p.fail(")")
	}
	for p.acceptOp(",") {
		y := p.expr()
		row.Fields = append(row.Fields, &ast.RowField{Loc: ast.Loc{Start: y.Pos(), End: y.EndPos()}, X: y})
	}
	p.expectOp(")")
	row.Loc = p.since(start)
	return row
}

func (p *parser) unicode(t *token) string {
	escape := '\\'
	if p.accept("UESCAPE") {
		e := p.tok()
		if r := []rune(e.val); e.kind == tString && len(r) == 1 {
			escape = r[0]
			p.next()
		} else {
			p.fail("one character in quotes")
		}
	}
	var b strings.Builder
	rs := []rune(t.val)
	for i := 0; i < len(rs); i++ {
		if rs[i] != escape {
			b.WriteRune(rs[i])
			continue
		}
		if i+1 < len(rs) && rs[i+1] == escape {
			b.WriteRune(escape)
			i++
			continue
		}
		n, digits := 4, rs[i+1:]
		if len(digits) > 0 && digits[0] == '+' {
			n, digits = 6, digits[1:]
			i++
		}
		if len(digits) < n {
			p.failAt(t, "write \\XXXX or \\+XXXXXX", "Unicode escape is too short")
		}
		r := rune(0)
		for _, d := range digits[:n] {
			v := strings.IndexRune("0123456789abcdef", d|0x20)
			if v < 0 {
				p.failAt(t, "write \\XXXX or \\+XXXXXX", "Unicode escape has a character that is not hexadecimal")
			}
			r = r<<4 | rune(v)
		}
		b.WriteRune(r)
		i += n
	}
	return b.String()
}
