package parse

import (
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"
)

type lexer struct {
	src       string
	off       int
	line      int32
	lineStart int
	extra     int // UTF-8 continuation bytes seen in this line before off
	inHint    bool
	toks      []token
}

// lex cuts src into tokens; it always ends with tEOF and gives bad input as tBad tokens.
func lex(src string) []token {
	l := &lexer{src: strings.TrimPrefix(src, "\ufeff"), line: 1, toks: make([]token, 0, len(src)/5+8)}
	for l.next() {
	}
	return l.toks
}

func (l *lexer) col() int32 { return int32(l.off-l.lineStart-l.extra) + 1 }

// step moves over n bytes, keeping the line and column.
func (l *lexer) step(n int) {
	for end := l.off + n; l.off < end; l.off++ {
		c := l.src[l.off]
		if c == '\n' {
			l.line++
			l.lineStart, l.extra = l.off+1, 0
		} else if c >= 0x80 && c < 0xc0 {
			l.extra++
		}
	}
}

func (l *lexer) peek(i int) byte {
	if l.off+i < len(l.src) {
		return l.src[l.off+i]
	}
	return 0
}

// next adds one token and tells whether there may be more.
func (l *lexer) next() bool {
	bad := l.space()
	t := token{line: l.line, col: l.col()}
	if bad != "" {
		t.kind, t.val, t.text = tBad, bad, "/*"
		l.step(len(l.src) - l.off)
		l.add(t)
		l.add(token{line: l.line, col: l.col()})
		return false
	}
	if l.off >= len(l.src) {
		l.add(t)
		return false
	}
	start := l.off
	c := l.src[l.off]
	switch {
	case c == '\'':
		l.quoted(&t, tString, '\'')
	case c == '`':
		l.quoted(&t, tQuoted, '`')
		if t.kind == tQuoted && t.val == "" {
			t.kind, t.val = tBad, "empty identifier"
		}
	case (c == 'x' || c == 'X') && l.peek(1) == '\'':
		l.step(1)
		l.quoted(&t, tBytes, '\'')
		if t.kind == tBytes {
			b, err := hex.DecodeString(t.val)
			if err != nil {
				t.kind, t.val, t.remedy = tBad, "X'…' needs an even number of hexadecimal digits", "write for example X'0AFF'"
			} else {
				t.val = string(b)
			}
		}
	case (c == 'u' || c == 'U') && l.peek(1) == '&' && l.peek(2) == '\'':
		l.step(2)
		l.quoted(&t, tUnicode, '\'')
	case (c == 'n' || c == 'N') && l.peek(1) == '\'':
		l.step(1)
		l.quoted(&t, tString, '\'')
	case c >= '0' && c <= '9', c == '.' && isDigit(l.peek(1)) && !l.afterOperand():
		l.number(&t)
	case c == '"':
		l.quoted(&t, tBad, '"')
		t.val, t.remedy = `" does not quote anything in Flink SQL`, "write text as 'text' and identifiers as `identifier`"
	default:
		if n := l.wordLen(); n > 0 {
			l.step(n)
			t.kind = tWord
			if l.src[start:l.off] == "$" { // a row pattern's end
				t.kind = tOp
				break
			}
			t.kw = keyword(l.src[start:l.off])
			if c == '_' && l.peek(0) == '\'' { // _UTF8'text'
				l.quoted(&t, tString, '\'')
				t.kw = ""
			}
			break
		}
		l.operator(&t, c)
	}
	t.text = l.src[start:l.off]
	if t.kind == tWord || t.kind == tOp && t.val == "" {
		t.val = t.text
	}
	l.add(t)
	return true
}

func (l *lexer) add(t token) {
	t.endLine, t.endCol = l.line, l.col()
	l.toks = append(l.toks, t)
}

// afterOperand tells whether the last token ends an operand, so that ".5" after it is a field access gone wrong, not a number.
func (l *lexer) afterOperand() bool {
	if len(l.toks) == 0 {
		return false
	}
	switch t := &l.toks[len(l.toks)-1]; t.kind {
	case tQuoted:
		return true
	case tWord:
		return t.kw == ""
	case tOp:
		return t.text == ")" || t.text == "]"
	}
	return false
}

// space skips blanks and comments; it returns what is wrong with an endless comment.
func (l *lexer) space() string {
	for l.off < len(l.src) {
		c := l.src[l.off]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
			l.step(1)
		case c == '-' && l.peek(1) == '-':
			n := strings.IndexByte(l.src[l.off:], '\n')
			if n < 0 {
				n = len(l.src) - l.off
			}
			l.step(n)
		case c == '/' && l.peek(1) == '*' && l.peek(2) != '+':
			n := strings.Index(l.src[l.off+2:], "*/")
			if n < 0 {
				return "comment is not closed by */"
			}
			l.step(n + 4)
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(l.src[l.off:])
			if !unicode.IsSpace(r) {
				return ""
			}
			l.step(n)
		default:
			return ""
		}
	}
	return ""
}

// quoted reads text in quotes where a doubled quote stands for one.
func (l *lexer) quoted(t *token, kind tokenKind, q byte) {
	l.step(1)
	start, doubled := l.off, false
	for i := l.off; i < len(l.src); i++ {
		if l.src[i] != q {
			continue
		}
		if i+1 < len(l.src) && l.src[i+1] == q {
			doubled = true
			i++
			continue
		}
		t.kind, t.val = kind, l.src[start:i]
		if doubled {
			t.val = strings.ReplaceAll(t.val, string([]byte{q, q}), string(q))
		}
		l.step(i + 1 - l.off)
		return
	}
	l.step(len(l.src) - l.off)
	t.kind, t.val = tBad, "text is not closed by '"
	if q == '`' {
		t.val = "identifier is not closed by `"
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (l *lexer) digits() {
	for isDigit(l.peek(0)) {
		l.step(1)
	}
}

func (l *lexer) number(t *token) {
	t.kind = tInteger
	l.digits()
	if l.peek(0) == '.' && l.peek(1) != '.' {
		t.kind = tDecimal
		l.step(1)
		l.digits()
	}
	if e := l.peek(0); e == 'e' || e == 'E' {
		n := 1
		if s := l.peek(1); s == '+' || s == '-' {
			n = 2
		}
		if isDigit(l.peek(n)) {
			t.kind = tApprox
			l.step(n)
			l.digits()
		}
	}
	if n := l.wordLen(); n > 0 {
		l.step(n)
		t.kind, t.val = tBad, "identifier starts with a digit, or a number ends in letters"
		t.remedy = "put the identifier in back-quotes"
	}
}

// wordLen is the length of the identifier or number tail at off, 0 if none.
func (l *lexer) wordLen() int {
	i := l.off
	for i < len(l.src) {
		c := l.src[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_':
			i++
			continue
		case c == '$' || isDigit(c):
			if i == l.off && c != '$' {
				return 0
			}
			i++
			continue
		case c < utf8.RuneSelf:
			return i - l.off
		}
		r, n := utf8.DecodeRuneInString(l.src[i:])
		if r == utf8.RuneError || !unicode.IsLetter(r) && (i == l.off || !unicode.IsDigit(r) && !unicode.IsMark(r)) {
			return i - l.off
		}
		i += n
	}
	return i - l.off
}

func (l *lexer) operator(t *token, c byte) {
	t.kind = tOp
	if c == '/' && l.peek(1) == '*' { // only /*+ comes here
		l.step(3)
		l.inHint = true
		t.kind = tHintStart
		return
	}
	if c == '*' && l.peek(1) == '/' && l.inHint {
		l.step(2)
		l.inHint = false
		t.kind = tHintEnd
		return
	}
	if l.off+1 < len(l.src) {
		switch two := l.src[l.off : l.off+2]; two {
		case "<>", "!=", "<=", ">=", "||", "=>", "{-", "-}":
			l.step(2)
			if two == "!=" {
				t.val = "<>"
			}
			return
		}
	}
	if strings.IndexByte("()[]{},;.+-*/%=<>:?|^$", c) >= 0 {
		l.step(1)
		return
	}
	r, n := utf8.DecodeRuneInString(l.src[l.off:])
	l.step(n)
	t.kind, t.val = tBad, "character is not part of SQL"
	switch r {
	case utf8.RuneError:
		if n == 1 {
			t.val, t.remedy = "byte is not UTF-8", "save the file as UTF-8"
		}
	case '，', '；', '（', '）', '‘', '’', '“', '”', '。', '＝':
		t.remedy = "type it with the keyboard in half-width (ASCII) mode"
	}
}
