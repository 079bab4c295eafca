// Package parse reads Flink SQL 1.20 text into the tree of package ast.
//
// It takes Flink's grammar: what it accepts, Flink's parser accepts, except that an alias may name a field inside ROW(…).
// It checks no names or types. Errors have kind fault.Config and the place of the offending token, and say what may stand
// there; [File] goes on after a bad statement and reports up to ten. No input makes it panic or recurse without bound.
package parse

import (
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
)

const (
	maxErrors    = 10
	maxDepth     = 500    // nested expressions, queries, types and patterns
	maxOperators = 50_000 // binary operators, joins and set operators of one statement: each deepens the tree by one
)

// File parses statements separated by semicolons. Name is the file's name in positions. When there are errors it gives the
// good statements together with all errors joined.
func File(name, src string) ([]ast.Statement, error) {
	p := newParser(name, src)
	var out []ast.Statement
	for {
		for p.acceptOp(";") {
		}
		if p.tok().kind == tEOF {
			break
		}
		if len(p.errs) >= maxErrors {
			p.errs = append(p.errs, p.pos().fault().Errorf(fault.Config, "more errors follow; these come first"))
			break
		}
		var s ast.Statement
		if p.guard(func() {
			s = p.statement()
			p.end()
		}) {
			out = append(out, s)
		}
	}
	return out, fault.Join(p.errs...)
}

// Statement parses one statement, with or without a semicolon after it.
func Statement(name, src string) (ast.Statement, error) {
	return one(name, src, (*parser).statement)
}

// Query parses one query.
func Query(name, src string) (*ast.Query, error) { return one(name, src, (*parser).query) }

// Expr parses one expression.
func Expr(name, src string) (ast.Expr, error) { return one(name, src, (*parser).expr) }

// Type parses one data type.
func Type(name, src string) (*ast.DataType, error) { return one(name, src, (*parser).dataType) }

func one[T any](name, src string, f func(*parser) T) (T, error) {
	p := newParser(name, src)
	var out, none T
	p.guard(func() {
		out = f(p)
		for p.acceptOp(";") {
		}
		if p.tok().kind != tEOF {
			p.fail("the end of the text")
		}
	})
	if err := fault.Join(p.errs...); err != nil {
		return none, err
	}
	return out, nil
}

type place ast.Pos

func (p place) fault() fault.Pos { return fault.Pos(p) }

type parser struct {
	file  string
	toks  []token
	i     int
	depth int
	ops   int
	errs  []error
	// wanted holds the keywords that were asked for at the current token, to guess what a misspelt word was meant to be.
	wanted []string
	// aliasAt is the index of the last implicit alias (without AS), which may be a misspelt keyword.
	aliasAt int
}

func newParser(file, src string) *parser { return &parser{file: file, toks: lex(src), aliasAt: -1} }

// bailout unwinds to guard after an error was recorded.
type bailout struct{}

// guard runs f; on an error it skips to after the next semicolon and gives false.
func (p *parser) guard(f func()) (ok bool) {
	p.ops = 0
	defer func() {
		if r := recover(); r != nil {
			if _, mine := r.(bailout); !mine {
				panic(r)
			}
			for p.tok().kind != tEOF && !p.isOp(";") {
				p.next()
			}
			ok = false
		}
	}()
	f()
	return true
}

// end checks that a statement ends here.
func (p *parser) end() {
	if p.tok().kind != tEOF && !p.isOp(";") {
		p.fail("; or the end of the statement")
	}
}

func (p *parser) tok() *token { return &p.toks[p.i] }

func (p *parser) ahead(n int) *token { return &p.toks[min(p.i+n, len(p.toks)-1)] }

func (p *parser) next() *token {
	t := &p.toks[p.i]
	if p.i < len(p.toks)-1 {
		p.i++
	}
	p.wanted = p.wanted[:0]
	return t
}

func (p *parser) posOf(t *token) ast.Pos {
	return ast.Pos{File: p.file, Line: int(t.line), Col: int(t.col)}
}

func (p *parser) pos() place { return place(p.posOf(p.tok())) }

func (p *parser) start() ast.Pos { return p.posOf(p.tok()) }

// since is the stretch from start to the last token taken.
func (p *parser) since(start ast.Pos) ast.Loc {
	if p.i == 0 {
		return ast.Loc{Start: start, End: start}
	}
	t := &p.toks[p.i-1]
	return ast.Loc{Start: start, End: ast.Pos{File: p.file, Line: int(t.endLine), Col: int(t.endCol)}}
}

// is tells whether the current word is the keyword.
func (p *parser) is(kw string) bool {
	if t := &p.toks[p.i]; t.kind == tWord && t.kw == kw {
		return true
	}
	p.wanted = append(p.wanted, kw)
	return false
}

// isSeq tells whether the next words are these keywords.
func (p *parser) isSeq(kws ...string) bool {
	if !p.is(kws[0]) {
		return false
	}
	for n, kw := range kws[1:] {
		if t := p.ahead(n + 1); t.kind != tWord || t.kw != kw {
			return false
		}
	}
	return true
}

func (p *parser) accept(kw string) bool {
	if p.is(kw) {
		p.next()
		return true
	}
	return false
}

func (p *parser) acceptSeq(kws ...string) bool {
	if !p.isSeq(kws...) {
		return false
	}
	for range kws {
		p.next()
	}
	return true
}

// acceptAny takes one of the keywords and returns it, or "".
func (p *parser) acceptAny(kws ...string) string {
	for _, kw := range kws {
		if p.accept(kw) {
			return kw
		}
	}
	return ""
}

func (p *parser) expect(kws ...string) {
	for _, kw := range kws {
		if !p.accept(kw) {
			p.fail(kw)
		}
	}
}

func (p *parser) expectAny(kws ...string) string {
	kw := p.acceptAny(kws...)
	if kw == "" {
		p.fail(orList(kws))
	}
	return kw
}

func (p *parser) isOp(op string) bool {
	t := &p.toks[p.i]
	return t.kind == tOp && t.val == op
}

func (p *parser) acceptOp(op string) bool {
	if p.isOp(op) {
		p.next()
		return true
	}
	return false
}

func (p *parser) expectOp(op string) {
	if !p.acceptOp(op) {
		p.fail(op)
	}
}

// enter counts a nesting level; the caller defers leave.
func (p *parser) enter() {
	if p.depth++; p.depth > maxDepth {
		p.failAt(p.tok(), "split the statement with views", "nesting is deeper than %d levels", maxDepth)
	}
}

func (p *parser) leave() { p.depth-- }

// grow counts one more operator of a chain.
func (p *parser) grow() {
	if p.ops++; p.ops > maxOperators {
		p.failAt(p.tok(), "split the statement with views", "statement has more than %d operators", maxOperators)
	}
}

func orList(s []string) string {
	if len(s) < 2 {
		return strings.Join(s, "")
	}
	return strings.Join(s[:len(s)-1], ", ") + " or " + s[len(s)-1]
}

// commaList parses f, f, … .
func commaList[T any](p *parser, f func() T) []T {
	out := []T{f()}
	for p.acceptOp(",") {
		out = append(out, f())
	}
	return out
}

// parenList parses (f, f, …).
func parenList[T any](p *parser, f func() T) []T {
	p.expectOp("(")
	out := commaList(p, f)
	p.expectOp(")")
	return out
}
