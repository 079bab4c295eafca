package ast

import "strings"

// Pretty prints a CREATE statement over several lines: an element of the column list or of WITH a line. Other nodes come as by [String].
func Pretty(n Node) string {
	p := printer{lines: true}
	p.node(n)
	return p.b.String()
}

// parens writes a list in parentheses, each item on a line of its own when the printer breaks lines at the outermost lists.
func parens[T Node](p *printer, items []T) {
	if !p.lines || len(items) == 0 {
		p.w("(")
		list(p, items)
		p.w(")")
		return
	}
	p.lines = false
	p.w("(")
	for i, x := range items {
		p.opt(i > 0, ",")
		p.w("\n  ")
		p.node(x)
	}
	p.w("\n)")
	p.lines = true
}

// part writes " WORD" before a clause, on a new line when the printer breaks lines.
func (p *printer) part(word string) {
	if p.lines {
		word = "\n" + strings.TrimPrefix(word, " ")
	}
	p.w(word)
}
