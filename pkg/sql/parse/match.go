package parse

import (
	"strings"

	"github.com/freshet-dw/freshet/pkg/sql/ast"
)

func (p *parser) matchRecognize(input ast.TableRef) ast.TableRef {
	p.next()
	m := &ast.MatchRecognize{Input: input}
	p.expectOp("(")
	if p.acceptSeq("PARTITION", "BY") {
		m.PartitionBy = p.exprs()
	}
	m.OrderBy = p.orderBy()
	if p.accept("MEASURES") {
		m.Measures = commaList(p, func() *ast.Measure {
			start := p.start()
			x := &ast.Measure{X: p.expr()}
			p.expect("AS")
			x.Alias = p.ident()
			x.Loc = p.since(start)
			return x
		})
	}
	switch {
	case p.acceptSeq("ONE", "ROW", "PER", "MATCH"):
	case p.acceptSeq("ALL", "ROWS", "PER", "MATCH"):
		m.AllRows = true
		for _, words := range [][]string{{"SHOW", "EMPTY", "MATCHES"}, {"OMIT", "EMPTY", "MATCHES"}, {"WITH", "UNMATCHED", "ROWS"}} {
			if p.acceptSeq(words...) {
				m.Rows = strings.Join(words, " ")
				break
			}
		}
	}
	if p.is("AFTER") {
		m.After = p.afterMatch()
	}
	p.expect("PATTERN")
	p.expectOp("(")
	m.Pattern = p.pattern()
	if !p.isOp(")") {
		p.fail("a pattern variable, a quantifier or )")
	}
	p.next()
	if p.accept("WITHIN") {
		m.Within = p.interval0()
	}
	if p.accept("SUBSET") {
		m.Subsets = commaList(p, func() *ast.Subset {
			start := p.start()
			s := &ast.Subset{Name: p.ident()}
			p.expectOp("=")
			s.Symbols = p.identList()
			s.Loc = p.since(start)
			return s
		})
	}
	p.expect("DEFINE")
	m.Defines = commaList(p, func() *ast.Define {
		start := p.start()
		d := &ast.Define{Name: p.ident()}
		p.expect("AS")
		d.Cond = p.expr()
		d.Loc = p.since(start)
		return d
	})
	p.expectOp(")")
	m.Loc = p.since(input.Pos())
	return m
}

func (p *parser) interval0() ast.Expr {
	if !p.is("INTERVAL") {
		p.fail("INTERVAL")
	}
	return p.interval()
}

func (p *parser) afterMatch() *ast.AfterMatch {
	start := p.start()
	p.next()
	p.expect("MATCH", "SKIP")
	a := &ast.AfterMatch{}
	switch {
	case p.acceptSeq("PAST", "LAST", "ROW"):
		a.Kind = "PAST LAST ROW"
	case p.accept("TO"):
		if p.acceptSeq("NEXT", "ROW") {
			a.Kind = "NEXT ROW"
			break
		}
		a.Kind = p.acceptAny("FIRST", "LAST")
		if a.Kind == "" {
			a.Kind = "LAST"
		}
		a.Symbol = p.ident()
	default:
		p.fail("PAST LAST ROW or TO")
	}
	a.Loc = p.since(start)
	return a
}

// pattern parses a | b | ….
func (p *parser) pattern() ast.Pattern {
	p.enter()
	defer p.leave()
	start := p.start()
	items := []ast.Pattern{p.patternSeq()}
	for p.acceptOp("|") {
		items = append(items, p.patternSeq())
	}
	if len(items) == 1 {
		return items[0]
	}
	return &ast.PatternAlt{Items: items, Loc: p.since(start)}
}

func (p *parser) patternSeq() ast.Pattern {
	start := p.start()
	if p.isOp(")") { // the empty pattern
		return &ast.PatternSeq{Loc: p.since(start)}
	}
	items := []ast.Pattern{p.patternFactor()}
	for isIdent(p.tok()) || p.isOp("(") || p.isOp("{-") || p.isOp("^") || p.isOp("$") || p.is("PERMUTE") {
		items = append(items, p.patternFactor())
	}
	if len(items) == 1 {
		return items[0]
	}
	return &ast.PatternSeq{Items: items, Loc: p.since(start)}
}

func (p *parser) patternFactor() ast.Pattern {
	start := p.start()
	var x ast.Pattern
	switch {
	case p.accept("PERMUTE"):
		items := parenList(p, p.pattern)
		x = &ast.PatternPermute{Items: items, Loc: p.since(start)}
	case p.acceptOp("("):
		x = p.pattern()
		p.expectOp(")")
	case p.isOp("^"), p.isOp("$"):
		end := p.next().val == "$"
		x = &ast.PatternAnchor{End: end, Loc: p.since(start)}
	case p.acceptOp("{-"):
		x = p.pattern()
		p.expectOp("-}")
		x = &ast.PatternExclude{X: x, Loc: p.since(start)}
	default:
		if !isIdent(p.tok()) {
			p.fail("a pattern variable")
		}
		id := p.ident()
		x = &ast.PatternSymbol{Name: id, Loc: id.Loc}
	}
	r := &ast.PatternRepeat{X: x, Max: -1}
	switch {
	case p.acceptOp("*"):
	case p.acceptOp("+"):
		r.Min = 1
	case p.acceptOp("?"):
		r.Max = 1
	case p.acceptOp("{"):
		p.repeatCount(r)
	default:
		return x
	}
	r.Reluctant = p.acceptOp("?")
	r.Loc = p.since(start)
	return r
}

// repeatCount parses n}, n,}, n,m} or ,m}.
func (p *parser) repeatCount(r *ast.PatternRepeat) {
	const count = "a number of repetitions"
	if !p.isOp(",") {
		r.Min = p.integer(count)
		r.Max = r.Min
	}
	if p.acceptOp(",") {
		r.Max = -1
		if !p.isOp("}") {
			r.Max = p.integer(count)
		}
	}
	if r.Max >= 0 && r.Max < r.Min {
		p.failAt(p.tok(), "", "the pattern's upper count %d is less than its lower count %d", r.Max, r.Min)
	}
	p.expectOp("}")
}
