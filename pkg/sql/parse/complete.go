package parse

// Complete tells whether src is whole statements, so that a terminal need not ask for more lines: its last token is a semicolon, outside
// texts, comments and statement sets.
func Complete(src string) bool {
	toks := lex(src)
	set := false // inside BEGIN STATEMENT SET or STATEMENT SET BEGIN
	last := token{}
	for i, t := range toks {
		switch {
		case t.kind == tEOF:
			continue
		case t.kind == tBad && (t.text == "/*" || i+2 >= len(toks)):
			return false // an open comment or text
		case t.kw == "SET" && i > 0 && toks[i-1].kw == "STATEMENT":
			set = true
		case t.kw == "END" && set && (last.kind == tOp && last.val == ";" || last.kw == "BEGIN"):
			set = false
		}
		last = t
	}
	return !set && last.kind == tOp && last.val == ";"
}
