package parse

import (
	"fmt"
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
)

// clauseWords are what an implicit alias is most often a misspelling of.
var clauseWords = []string{"FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "JOIN", "LEFT", "INNER", "UNION", "ON", "WINDOW"}

// fail reports that the current token is not what may stand here: expected, in the user's words.
func (p *parser) fail(expected string) {
	t := p.tok()
	if p.aliasAt == p.i-1 && p.i > 0 {
		prev := &p.toks[p.i-1]
		if near := fault.Nearest(prev.text, clauseWords); len(near) > 0 && len(prev.text) > 2 {
			p.failAt(prev, fmt.Sprintf("%s: did you mean %s?", prev.text, near[0]), "%s is taken for an alias, then %s cannot follow", prev.text, describe(t))
		}
	}
	remedy := ""
	switch {
	case t.kind == tBad:
		p.failAt(t, t.remedy, "%s", t.val)
	case t.kind == tWord && t.kw == "QUALIFY":
		remedy = "Flink 1.20 has no QUALIFY: put the query in a subquery and filter it with WHERE"
	case t.kind == tWord:
		if near := fault.Nearest(t.text, p.candidates()); len(near) > 0 && !strings.EqualFold(near[0], t.text) {
			remedy = fmt.Sprintf("%s: did you mean %s?", t.text, near[0])
		}
		if remedy == "" && expected == identifier && ast.Reserved(t.text) {
			remedy = fmt.Sprintf("%s is a reserved word: write `%s`", strings.ToUpper(t.text), t.text)
		}
	case t.kind == tHintStart:
		remedy = "hints stand after SELECT or after a table's name"
	}
	p.failAt(t, remedy, "%s is not expected here: expected %s", describe(t), expected)
}

const identifier = "an identifier"

// candidates are the keywords asked for at the current token, without those too short to guess by.
func (p *parser) candidates() []string {
	var out []string
	for _, w := range p.wanted {
		if len(w) > 2 && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// failAt records an error at t and unwinds to the statement.
func (p *parser) failAt(t *token, remedy, format string, args ...any) {
	err := fault.Pos(p.posOf(t)).Errorf(fault.Config, format, args...)
	if remedy != "" {
		err = fault.WithRemedy(err, remedy)
	}
	p.errs = append(p.errs, err)
	panic(bailout{})
}

// describe names a token as the user wrote it.
func describe(t *token) string {
	text := t.text
	if r := []rune(text); len(r) > 40 {
		text = string(r[:40]) + "…"
	}
	switch t.kind {
	case tEOF:
		return "the end of the text"
	case tOp, tHintStart, tHintEnd:
		return "'" + text + "'"
	case tString, tBytes, tUnicode:
		return "text " + text
	case tInteger, tDecimal, tApprox:
		return "number " + text
	}
	return text
}
