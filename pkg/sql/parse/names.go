package parse

import (
	"strconv"

	"github.com/freshet-dw/freshet/pkg/sql/ast"
)

// isIdent tells whether t can be an identifier.
func isIdent(t *token) bool {
	return t.kind == tQuoted || t.kind == tWord && (t.kw == "" || !ast.Reserved(t.kw))
}

func (p *parser) ident() *ast.Ident {
	t := p.tok()
	if !isIdent(t) {
		p.fail(identifier)
	}
	return p.takeIdent()
}

// takeIdent makes an identifier of the current word, whatever it is.
func (p *parser) takeIdent() *ast.Ident {
	t := p.next()
	return &ast.Ident{Loc: p.since(p.posOf(t)), Name: t.val, Quoted: t.kind == tQuoted}
}

func (p *parser) identList() []*ast.Ident { return parenList(p, p.ident) }

func (p *parser) optIdentList() []*ast.Ident {
	if p.isOp("(") {
		return p.identList()
	}
	return nil
}

// name parses a.b.c.
func (p *parser) name() *ast.Name {
	n := &ast.Name{Parts: []*ast.Ident{p.ident()}}
	for p.isOp(".") {
		p.next()
		n.Parts = append(n.Parts, p.ident())
	}
	n.Loc = p.since(n.Parts[0].Start)
	return n
}

func (p *parser) optAlias() *ast.Ident {
	if p.accept("AS") {
		if t := p.tok(); t.kind == tString {
			p.failAt(t, "write the alias in back-quotes", "an alias is an identifier, not text")
		}
		return p.ident()
	}
	if isIdent(p.tok()) {
		p.aliasAt = p.i
		return p.takeIdent()
	}
	return nil
}

func (p *parser) stringLit() *ast.StringLit {
	t := p.tok()
	switch t.kind {
	case tString:
		p.next()
		return &ast.StringLit{Loc: p.since(p.posOf(t)), Value: t.val}
	case tUnicode:
		p.next()
		s := p.unicode(t)
		return &ast.StringLit{Loc: p.since(p.posOf(t)), Value: s}
	}
	p.fail("text in quotes '…'")
	return nil
}

// options parses ('k' = 'v', …).
func (p *parser) options() []*ast.Option {
	if p.ahead(1).kind == tOp && p.ahead(1).val == ")" && p.isOp("(") {
		p.next()
		p.next()
		return nil
	}
	return parenList(p, p.option)
}

func (p *parser) option() *ast.Option {
	start := p.start()
	if t := p.tok(); t.kind == tWord {
		p.failAt(t, "write '"+t.text+"' = '…'", "option keys are text in quotes")
	}
	k := p.stringLit()
	p.expectOp("=")
	if t := p.tok(); t.kind == tWord || t.kind == tInteger {
		p.failAt(t, "write '"+t.text+"'", "option values are text in quotes")
	}
	v := p.stringLit()
	return &ast.Option{Loc: p.since(start), Key: k, Value: v}
}

// hints parses /*+ A, B(…) */ if one stands here.
func (p *parser) hints() []*ast.Hint {
	var out []*ast.Hint
	for p.tok().kind == tHintStart {
		p.next()
		for {
			out = append(out, p.hint())
			p.acceptOp(",")
			if p.tok().kind == tHintEnd {
				break
			}
		}
		p.next()
	}
	return out
}

func (p *parser) hint() *ast.Hint {
	start := p.start()
	if t := p.tok(); t.kind != tWord && t.kind != tQuoted {
		p.fail("a hint such as OPTIONS('k' = 'v')")
	}
	h := &ast.Hint{Name: p.takeIdent()}
	if p.acceptOp("(") {
		for !p.isOp(")") {
			switch t := p.tok(); {
			case t.kind == tString && p.ahead(1).kind == tOp && p.ahead(1).val == "=":
				h.Options = append(h.Options, p.option())
			case t.kind == tString:
				h.Args = append(h.Args, p.stringLit())
			case isIdent(t) && p.ahead(1).kind == tOp && p.ahead(1).val == "=": // k = 'v' is the same as 'k' = 'v'
				s := p.start()
				k := p.takeIdent()
				p.next()
				h.Options = append(h.Options, &ast.Option{Key: &ast.StringLit{Loc: k.Loc, Value: k.Name}, Value: p.stringLit(), Loc: p.since(s)})
			case isIdent(t):
				h.Args = append(h.Args, p.name())
			case t.kind == tInteger || t.kind == tDecimal:
				h.Args = append(h.Args, p.number())
			default:
				p.fail("a hint's argument")
			}
			if !p.acceptOp(",") && !p.isOp(")") {
				p.fail(", or )")
			}
		}
		p.next()
	}
	h.Loc = p.since(start)
	return h
}

func (p *parser) number() *ast.NumberLit {
	t := p.next()
	return &ast.NumberLit{Loc: p.since(p.posOf(t)), Kind: ast.NumberKind(t.kind - tInteger), Text: t.text}
}

// integer parses an unsigned integer that fits an int32.
func (p *parser) integer(what string) int {
	t := p.tok()
	if t.kind != tInteger {
		p.fail(what)
	}
	n, err := strconv.ParseInt(t.text, 10, 32)
	if err != nil {
		p.failAt(t, "", "%s is larger than 2147483647", t.text)
	}
	p.next()
	return int(n)
}
