package javaregexp

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// flags of a pattern as Java names them.
type javaFlags struct {
	ignoreCase, unicodeCase, multiline, dotAll, unixLines, comments, unicodeClass bool
}

// translator reads one pattern.
type translator struct {
	in    []rune
	i     int
	out   strings.Builder
	flags javaFlags
	// groups counts capturing groups of the output; user and ends hold the numbers of those that the pattern wrote, and of those
	// that took the line end that `$` stands before.
	groups     int
	user, ends []int
	names      map[string]bool
	// capture makes `$` remember the line end that it went over; without it matches are not looked at, only whether there is one.
	capture bool
}

// translate gives Go's pattern for Java's.
func translate(p string, capture bool) (t *translator, err error) {
	t = &translator{in: []rune(unquote(p)), names: map[string]bool{}, capture: capture}
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			t, err = nil, f
		}
	}()
	t.alternatives(0)
	if !t.end() {
		t.bad("unmatched )")
	}
	return t, nil
}

// unquote writes what stands between \Q and \E as escaped characters.
func unquote(p string) string {
	if !strings.Contains(p, `\Q`) {
		return p
	}
	var out strings.Builder
	for p != "" {
		switch {
		case strings.HasPrefix(p, `\Q`):
			text, rest, _ := strings.Cut(p[2:], `\E`)
			for _, r := range text {
				if r < 0x80 && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
					out.WriteByte('\\')
				}
				out.WriteRune(r)
			}
			p = rest
		case p[0] == '\\' && len(p) > 1:
			out.WriteString(p[:2])
			p = p[2:]
		default:
			out.WriteByte(p[0])
			p = p[1:]
		}
	}
	return out.String()
}

// bad ends with a fault in Java's eyes too; foreign with one that is only ours.
func (t *translator) bad(format string, args ...any) {
	panic(&Error{At: t.i + 1, Reason: fmt.Sprintf(format, args...)})
}

func (t *translator) foreign(what string) {
	panic(&Error{At: t.i + 1, Reason: what + " is not available in this engine", Foreign: true})
}

func (t *translator) end() bool { return t.i >= len(t.in) }

func (t *translator) peek(s string) bool {
	k := t.i
	for _, r := range s {
		if k >= len(t.in) || t.in[k] != r {
			return false
		}
		k++
	}
	return true
}

func (t *translator) eat(s string) bool {
	if !t.peek(s) {
		return false
	}
	t.i += utf8.RuneCountInString(s)
	return true
}

// space skips what the flag x makes a comment.
func (t *translator) space() {
	for t.flags.comments && !t.end() {
		switch r := t.in[t.i]; {
		case r < 0x80 && strings.ContainsRune(" \t\n\v\f\r", r):
			t.i++
		case r == '#':
			for !t.end() && t.in[t.i] != '\n' {
				t.i++
			}
		default:
			return
		}
	}
}

// maxDepth bounds nested groups and classes, Go's engine has a like bound.
const maxDepth = 500

// alternatives reads up to the end or an unread ")".
func (t *translator) alternatives(depth int) {
	if depth > maxDepth {
		t.foreign("nesting this deep")
	}
	for {
		t.space()
		switch {
		case t.end() || t.in[t.i] == ')':
			return
		case t.eat("|"):
			t.out.WriteByte('|')
		default:
			t.piece(depth)
		}
	}
}

// piece is an atom with its quantifier.
func (t *translator) piece(depth int) {
	start := t.out.Len()
	if !t.atom(depth) {
		return
	}
	t.space()
	if t.end() {
		return
	}
	q := ""
	switch t.in[t.i] {
	case '*', '+', '?':
		q = string(t.in[t.i])
		t.i++
	case '{':
		q = t.repeat()
	default:
		return
	}
	if s := t.out.String(); start < len(s) {
		atom := s[start:]
		t.out.Reset()
		t.out.WriteString(s[:start])
		if utf8.RuneCountInString(atom) > 1 && !closed(atom) {
			atom = "(?:" + atom + ")"
		}
		t.out.WriteString(atom + q)
	}
	switch {
	case t.eat("?"):
		t.out.WriteByte('?')
	case t.peek("+"):
		t.foreign("the possessive quantifier " + q + "+")
	}
	t.space()
	if !t.end() && (t.in[t.i] == '*' || t.in[t.i] == '+' || t.in[t.i] == '?') {
		t.bad("dangling %c", t.in[t.i])
	}
}

// closed tells whether a quantifier after the atom takes all of it.
func closed(atom string) bool { return atom[0] == '(' || atom[0] == '[' || atom[0] == '\\' }

func (t *translator) number() (string, bool) {
	from := t.i
	for !t.end() && t.in[t.i] >= '0' && t.in[t.i] <= '9' {
		t.i++
	}
	return string(t.in[from:t.i]), t.i > from
}

// repeat is {n}, {n,} or {n,m}.
func (t *translator) repeat() string {
	t.i++
	lo, ok := t.number()
	if !ok {
		t.bad("illegal repetition")
	}
	q := "{" + lo
	if t.eat(",") {
		hi, _ := t.number()
		q += "," + hi
	}
	if !t.eat("}") {
		t.bad("unclosed counted quantifier")
	}
	return q + "}"
}

const (
	lineEnds  = `\n\r\x{85}\x{2028}\x{2029}`
	endOfText = `(?:\r\n|[` + lineEnds + `])\z`
)

// atom is false when what it read is no atom, so that no quantifier may follow.
func (t *translator) atom(depth int) bool {
	switch r := t.in[t.i]; r {
	case '(':
		return t.group(depth)
	case '[':
		t.i++
		t.writeSet(t.class(depth + 1))
		return true
	case '.':
		t.i++
		switch {
		case t.flags.dotAll:
			t.out.WriteString(`(?s:.)`)
		case t.flags.unixLines:
			t.out.WriteString(`[^\n]`)
		default:
			t.out.WriteString(`[^` + lineEnds + `]`)
		}
	case '^':
		t.i++
		if t.flags.multiline {
			t.out.WriteString(`(?m:^)`)
		} else {
			t.out.WriteString(`\A`)
		}
	case '$':
		t.i++
		t.dollar()
	case '\\':
		t.i++
		return t.escape()
	case '*', '+', '?':
		t.bad("dangling %c", r)
	case '{':
		t.bad("illegal repetition")
	default:
		t.i++
		t.literal(r)
	}
	return true
}

// dollar is the end, or before the line end that ends the text.
func (t *translator) dollar() {
	switch {
	case t.flags.multiline:
		t.out.WriteString(`(?m:$)`)
	case t.flags.unixLines:
		t.finalEnd(`\n\z`)
	default:
		t.finalEnd(endOfText)
	}
}

func (t *translator) finalEnd(end string) {
	if !t.capture {
		t.out.WriteString(`(?:\z|` + end + `)`)
		return
	}
	t.groups++
	t.ends = append(t.ends, t.groups)
	t.out.WriteString(`(?:\z|(` + end + `))`)
}

// literal writes one character, in both cases under (?i).
func (t *translator) literal(r rune) {
	if t.flags.ignoreCase {
		if t.flags.unicodeCase {
			t.out.WriteString("(?i:" + regexp.QuoteMeta(string(r)) + ")")
			return
		}
		if c := r | 0x20; c >= 'a' && c <= 'z' {
			fmt.Fprintf(&t.out, "[%c%c]", c-0x20, c)
			return
		}
	}
	if r >= 0xd800 && r < 0xe000 {
		t.foreign("half a surrogate pair")
	}
	t.out.WriteString(regexp.QuoteMeta(string(r)))
}

// group reads from "(".
func (t *translator) group(depth int) bool {
	t.i++
	saved := t.flags
	open := "("
	switch {
	case t.eat("?:"):
		open = "(?:"
	case t.peek("?=") || t.peek("?!"):
		t.foreign("look-ahead (?" + string(t.in[t.i+1]) + "…)")
	case t.peek("?<=") || t.peek("?<!"):
		t.foreign("look-behind (?<" + string(t.in[t.i+2]) + "…)")
	case t.peek("?>"):
		t.foreign("the atomic group (?>…)")
	case t.eat("?<"):
		from := t.i
		for !t.end() && t.in[t.i] != '>' {
			if r := t.in[t.i]; r >= 0x80 || !unicode.IsLetter(r) && (t.i == from || !unicode.IsDigit(r)) {
				t.bad("a group's name has letters and digits")
			}
			t.i++
		}
		name := string(t.in[from:t.i])
		if name == "" || !t.eat(">") {
			t.bad("a group's name has letters and digits")
		}
		if t.names[name] {
			t.bad("a second group <%s>", name)
		}
		t.names[name] = true
	case t.eat("?"):
		if t.readFlags() {
			return false // for the rest of the group around it
		}
		open = "(?:"
	}
	if open == "(" {
		t.groups++
		t.user = append(t.user, t.groups)
	}
	t.out.WriteString(open)
	t.alternatives(depth + 1)
	if !t.eat(")") {
		t.bad("unclosed group")
	}
	t.out.WriteByte(')')
	t.flags = saved
	return true
}

// readFlags reads what follows "(?" of (?i) or (?i-s:…): true in the first case.
func (t *translator) readFlags() bool {
	on := true
	for !t.end() {
		r := t.in[t.i]
		t.i++
		switch r {
		case 'i':
			t.flags.ignoreCase = on
		case 'u':
			t.flags.unicodeCase = on
		case 'm':
			t.flags.multiline = on
		case 's':
			t.flags.dotAll = on
		case 'd':
			t.flags.unixLines = on
		case 'x':
			t.flags.comments = on
		case 'U':
			t.flags.unicodeClass, t.flags.unicodeCase = on, on
		case '-':
			on = false
		case ')':
			return true
		case ':':
			return false
		default:
			t.i--
			t.bad("unknown flag %c", r)
		}
	}
	t.bad("unclosed group")
	return false
}

// escape reads behind a backslash outside of a class.
func (t *translator) escape() bool {
	if t.end() {
		t.bad("a lone backslash")
	}
	r := t.in[t.i]
	switch r {
	case 'E':
		t.i++ // an end without a beginning is nothing
		return false
	case 'b', 'B', 'A', 'z':
		t.i++
		if t.peek("{") {
			t.foreign(`\b{g}`)
		}
		t.out.WriteString(`\` + string(r))
	case 'Z':
		t.i++
		t.finalEnd(endOfText)
	case 'R':
		t.i++
		t.out.WriteString(`(?:\r\n|[\n\x0b\f\r\x{85}\x{2028}\x{2029}])`)
	case 'G':
		t.foreign(`\G`)
	case 'X':
		t.foreign(`\X`)
	case 'k':
		t.foreign("a back reference")
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		t.foreign("a back reference")
	default:
		if set, ok := t.escapedSet(); ok {
			t.writeSet(set)
			return true
		}
		t.literal(t.escapedChar())
	}
	return true
}

// hex reads n hexadecimal digits.
func (t *translator) hex(n int) rune {
	v := rune(0)
	for range n {
		d := -1
		if !t.end() && t.in[t.i] < 0x80 {
			d = strings.IndexByte("0123456789abcdef", byte(unicode.ToLower(t.in[t.i])))
		}
		if d < 0 {
			t.bad("want a hexadecimal digit")
		}
		v = v<<4 | rune(d)
		t.i++
	}
	return v
}

// escapedChar is the character that the escape at t.i stands for.
func (t *translator) escapedChar() rune {
	if t.end() {
		t.bad("a lone backslash")
	}
	r := t.in[t.i]
	t.i++
	switch r {
	case 't':
		return '\t'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 'f':
		return '\f'
	case 'a':
		return '\a'
	case 'e':
		return 0x1b
	case 'c':
		if t.end() {
			t.bad("a lone \\c")
		}
		t.i++
		return t.in[t.i-1] ^ 64
	case '0':
		v, n := rune(0), 0
		for n < 3 && !t.end() && t.in[t.i] >= '0' && t.in[t.i] <= '7' && v*8+t.in[t.i]-'0' <= 0xff {
			v = v*8 + t.in[t.i] - '0'
			t.i++
			n++
		}
		if n == 0 {
			t.bad("want an octal digit")
		}
		return v
	case 'x':
		if !t.eat("{") {
			return t.hex(2)
		}
		v := rune(0)
		for n := 0; !t.eat("}"); n++ {
			if v = v<<4 | t.hex(1); v > unicode.MaxRune {
				t.bad("a character beyond 10FFFF")
			}
		}
		return v
	case 'u':
		v := t.hex(4)
		if v >= 0xd800 && v < 0xdc00 && t.peek(`\u`) {
			back := t.i
			t.i += 2
			if low := t.hex(4); low >= 0xdc00 && low < 0xe000 {
				return (v-0xd800)<<10 + low - 0xdc00 + 0x10000
			}
			t.i = back
		}
		return v
	case 'N':
		t.foreign("a character by name")
	}
	if r < 0x80 && unicode.IsLetter(r) || r >= '1' && r <= '9' {
		t.i--
		t.bad("\\%c is no escape", r)
	}
	return r
}
