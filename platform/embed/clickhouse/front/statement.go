package front

import (
	"strings"
)

// statement is what the servers must know of a query's text before the engine sees it.
type statement struct {
	verb    string // first keyword, upper case
	format  string // output format of a FORMAT clause, "" without one
	body    string // text without its FORMAT clause and final semicolon
	returns bool   // has rows to send

	insert *insertHead
}

// formatValues is the data format of a VALUES clause: SQL expressions, so the engine parses it with the query.
const formatValues = "Values"

// insertHead is the front of an INSERT whose data follows on the wire or after the text.
type insertHead struct {
	into    string // "INSERT INTO t (a, b) SETTINGS …", as the engine's insert stream wants it
	target  string // "t" or "FUNCTION f(…)"
	columns string // "a, b", or "*"
	format  string // of the data; "" when the text names none
	dataAt  int    // offset in the query where inline data begins
}

// token kinds: a word, a quoted name, a string, or one sign.
type token struct {
	text       string
	start, end int
	word       bool
}

func (t token) is(keyword string) bool { return t.word && strings.EqualFold(t.text, keyword) }

// scanner splits SQL into tokens, skipping blanks and comments. It stops at what it cannot read, which is
// all it needs: inline data is not SQL.
type scanner struct {
	src string
	pos int
}

func (s *scanner) skipBlank() {
	for s.pos < len(s.src) {
		rest := s.src[s.pos:]
		switch {
		case strings.IndexByte(" \t\r\n\f\v", rest[0]) >= 0:
			s.pos++
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "#!"), strings.HasPrefix(rest, "# "):
			if i := strings.IndexByte(rest, '\n'); i >= 0 {
				s.pos += i + 1
			} else {
				s.pos = len(s.src)
			}
		case strings.HasPrefix(rest, "/*"):
			if i := strings.Index(rest[2:], "*/"); i >= 0 {
				s.pos += i + 4
			} else {
				s.pos = len(s.src)
			}
		default:
			return
		}
	}
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// next returns false at the end of the text.
func (s *scanner) next() (token, bool) {
	s.skipBlank()
	if s.pos >= len(s.src) {
		return token{start: len(s.src), end: len(s.src)}, false
	}
	start := s.pos
	c := s.src[start]
	switch {
	case isWord(c):
		for s.pos < len(s.src) && isWord(s.src[s.pos]) {
			s.pos++
		}
		return token{text: s.src[start:s.pos], start: start, end: s.pos, word: true}, true
	case c == '\'' || c == '"' || c == '`':
		s.pos++
		for s.pos < len(s.src) && s.src[s.pos] != c {
			if s.src[s.pos] == '\\' {
				s.pos++
			}
			s.pos++
		}
		s.pos = min(s.pos+1, len(s.src))
	default:
		s.pos++
	}
	return token{text: s.src[start:s.pos], start: start, end: s.pos}, true
}

var rowVerbs = map[string]bool{
	"SELECT": true, "WITH": true, "SHOW": true, "DESCRIBE": true, "DESC": true, "EXPLAIN": true,
	"EXISTS": true, "CHECK": true, "FROM": true, "VALUES": true,
}

// parseStatement reads as much of a query as the protocols need. It never fails: what it does not
// understand goes to the engine as it is, which reports the error.
func parseStatement(sql string) statement {
	st := statement{body: sql}
	s := &scanner{src: sql}
	t, ok := s.next()
	for ok && t.text == "(" {
		t, ok = s.next()
	}
	if !ok || !t.word {
		return st
	}
	st.verb = strings.ToUpper(t.text)
	st.returns = rowVerbs[st.verb]
	if st.verb == "INSERT" {
		st.insert = parseInsert(s)
		return st
	}
	if st.returns {
		st.cutFormat(s)
	}
	return st
}

// cutFormat finds FORMAT at bracket depth 0 and takes it out of the body. SETTINGS after it stay.
func (st *statement) cutFormat(s *scanner) {
	depth := 0
	end := len(s.src)
	for {
		t, ok := s.next()
		if !ok {
			break
		}
		switch {
		case t.text == "(" || t.text == "[" || t.text == "{":
			depth++
		case t.text == ")" || t.text == "]" || t.text == "}":
			depth--
		case t.text == ";" && depth == 0:
			end = min(end, t.start)
		case t.is("FORMAT") && depth == 0:
			name, ok := s.next()
			if !ok || !name.word {
				continue
			}
			rest := *s
			after, more := rest.next()
			if more && after.text != ";" && !after.is("SETTINGS") {
				continue // a column called format
			}
			st.format = name.text
			st.body = s.src[:t.start] + " " + strings.TrimRight(s.src[name.end:], "; \t\r\n")
			return
		}
	}
	st.body = s.src[:end]
}

// parseInsert reads after the word INSERT. It returns nil for INSERT … SELECT and for what it cannot read.
func parseInsert(s *scanner) *insertHead {
	t, ok := s.next()
	if t.is("INTO") {
		t, ok = s.next()
	}
	if t.is("TABLE") {
		t, ok = s.next()
	}
	if !ok {
		return nil
	}
	h := &insertHead{columns: "*"}
	start, end := t.start, t.end
	if t.is("FUNCTION") {
		if t, ok = s.next(); !ok || !t.word {
			return nil
		}
		if t, ok = s.next(); !ok || t.text != "(" {
			return nil
		}
		if end, ok = closing(s); !ok {
			return nil
		}
		t, ok = s.next()
	} else {
		for {
			t, ok = s.next()
			if !ok || t.text != "." {
				break
			}
			if t, ok = s.next(); !ok {
				return nil
			}
			end = t.end
		}
	}
	h.target = s.src[start:end]
	if ok && t.text == "(" {
		colStart := t.end
		end, ok = closing(s)
		if !ok {
			return nil
		}
		h.columns = s.src[colStart : end-1]
		t, ok = s.next()
	}
	h.into = "INSERT INTO " + h.target
	if h.columns != "*" {
		h.into += " (" + h.columns + ")"
	}
	if ok && t.is("SETTINGS") {
		from := t.start
		to := t.end
		for {
			t, ok = s.next()
			if !ok || t.text == ";" || t.is("FORMAT") || t.is("VALUES") || t.is("SELECT") || t.is("WITH") || t.is("FROM") {
				break
			}
			to = t.end
		}
		h.into += " " + s.src[from:to]
	}
	return h.data(s, t, ok)
}

func (h *insertHead) data(s *scanner, t token, ok bool) *insertHead {
	switch {
	case !ok:
		h.dataAt = len(s.src)
	case t.text == ";":
		h.dataAt = len(s.src)
	case t.is("VALUES"):
		h.format, h.dataAt = formatValues, t.end
	case t.is("FORMAT"):
		name, ok := s.next()
		if !ok || !name.word {
			return nil
		}
		h.format = name.text
		if strings.EqualFold(h.format, formatValues) {
			h.format = formatValues
		}
		h.dataAt = dataStart(s.src, name.end)
	default:
		return nil
	}
	return h
}

// dataStart passes over what may stand between the format's name and the data: blanks up to and with one
// newline, or a semicolon first.
func dataStart(src string, i int) int {
	for i < len(src) {
		switch src[i] {
		case ' ', '\t', '\r', ';':
			i++
			continue
		case '\n':
			return i + 1
		}
		break
	}
	return i
}

// closing passes over tokens up to the bracket that closes an open one and returns its end.
func closing(s *scanner) (int, bool) {
	for depth := 1; ; {
		t, ok := s.next()
		if !ok {
			return 0, false
		}
		switch t.text {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return t.end, true
			}
		}
	}
}
