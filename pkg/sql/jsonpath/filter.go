package jsonpath

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/freshet-dw/freshet/pkg/sql/javaregexp"
)

// condition tells whether a filter takes the value v of a document.
type condition func(r *run, v []byte) bool

// operand is a side of a comparison: what it is for a value.
type operand struct {
	value func(r *run, v []byte) node
	path  *Path // of @… and $…
	root  bool  // $…
	not   bool  // !@…
}

type nodeKind uint8

const (
	undefined nodeKind = iota // a path that is not there
	null
	boolean
	number
	text
	nested // object or array
	pattern
)

// node is an operand's value.
type node struct {
	kind nodeKind
	b    bool
	s    string // the text, or the number's
	raw  []byte // of nested
	re   *javaregexp.Pattern
}

func nodeOf(v []byte) node {
	switch v[0] {
	case 'n':
		return node{kind: null}
	case 't', 'f':
		return node{kind: boolean, b: v[0] == 't'}
	case '"':
		return node{kind: text, s: Text(v)}
	case '{', '[':
		return node{kind: nested, raw: v}
	}
	return node{kind: number, s: string(AppendText(nil, v))}
}

func (c *compiler) or() (condition, error) {
	if c.depth++; c.depth > 200 {
		return nil, c.fail("a condition nested this deep")
	}
	defer func() { c.depth-- }()
	left, err := c.and()
	for err == nil && c.operator("||") {
		var right condition
		a := left
		if right, err = c.and(); err == nil {
			left = func(r *run, v []byte) bool { return a(r, v) || right(r, v) }
		}
	}
	return left, err
}

func (c *compiler) and() (condition, error) {
	left, err := c.term()
	for err == nil && c.operator("&&") {
		var right condition
		a := left
		if right, err = c.term(); err == nil {
			left = func(r *run, v []byte) bool { return a(r, v) && right(r, v) }
		}
	}
	return left, err
}

func (c *compiler) operator(op string) bool {
	c.space()
	if strings.HasPrefix(c.in[c.i:], op) {
		c.i += len(op)
		return true
	}
	return false
}

func (c *compiler) term() (condition, error) {
	if c.space(); c.at('!') {
		save := c.i
		c.i++
		if c.space(); !c.at('@') && !c.at('$') {
			cond, err := c.term()
			return func(r *run, v []byte) bool { return !cond(r, v) }, err
		}
		c.i = save
	}
	if c.at('(') {
		c.i++
		cond, err := c.or()
		if err != nil {
			return nil, err
		}
		if c.space(); !c.at(')') {
			return nil, c.fail("expected )")
		}
		c.i++
		return cond, nil
	}
	return c.comparison()
}

// operators in the order in which they are tried: longer ones first.
var symbols = []string{"===", "!==", "==", "!=", ">=", "<=", "=~", ">", "<"}

var words = []string{"IN", "NIN", "CONTAINS", "ALL", "SIZE", "EMPTY", "SUBSETOF", "ANYOF", "NONEOF", "TYPE", "MATCHES"}

func (c *compiler) comparison() (condition, error) {
	left, err := c.operand()
	if err != nil {
		return nil, err
	}
	c.space()
	op := ""
	for _, s := range symbols {
		if strings.HasPrefix(c.in[c.i:], s) {
			op = s
			break
		}
	}
	if op == "" {
		word := c.in[c.i:]
		if k := strings.IndexByte(word, ' '); k > 0 && slices.Contains(words, strings.ToUpper(word[:k])) {
			op = strings.ToUpper(word[:k])
		}
	}
	if op == "" {
		if left.path == nil {
			return nil, c.fail("expected a comparison")
		}
		return func(r *run, v []byte) bool { return left.exists(r, v) != left.not }, nil
	}
	if op == "TYPE" || op == "MATCHES" {
		return nil, fmt.Errorf("the filter operator %s is %w", op, ErrUnsupported)
	}
	c.i += len(op)
	right, err := c.operand()
	if err != nil {
		return nil, err
	}
	return func(r *run, v []byte) bool { return compare(op, left.value(r, v), right.value(r, v)) }, nil
}

// exists tells whether the operand's path is in the document, be it null.
func (o operand) exists(r *run, v []byte) bool {
	from := v
	if o.root {
		from = r.root
	}
	sub := &run{root: r.root, require: true}
	if sub.eval(o.path.steps, 0, from) != nil {
		return false
	}
	_, err := o.path.result(sub)
	return err == nil
}

func (o operand) find(r *run, v []byte) node {
	from := v
	if o.root {
		from = r.root
	}
	sub := &run{root: r.root, lax: r.lax}
	if sub.eval(o.path.steps, 0, from) != nil || o.path.Definite && o.path.function == nil && len(sub.found) == 0 {
		return node{}
	}
	x, err := o.path.result(sub)
	if err != nil {
		return node{}
	}
	if x == nil {
		return node{kind: null}
	}
	return nodeOf(x)
}

func (c *compiler) operand() (operand, error) {
	c.space()
	o := operand{}
	if c.at('!') {
		c.i++
		c.space()
		if o.not = true; !c.at('@') && !c.at('$') {
			return o, c.fail("expected a path after !")
		}
	}
	if c.end() {
		return o, c.fail("a value is missing")
	}
	constant := func(n node) (operand, error) {
		return operand{value: func(*run, []byte) node { return n }}, nil
	}
	switch b := c.in[c.i]; {
	case b == '@' || b == '$':
		text, err := c.inner()
		if err != nil {
			return o, err
		}
		o.path, o.root = &Path{}, b == '$'
		sub := &compiler{in: text, depth: c.depth}
		if err := sub.path(o.path); err != nil {
			return o, err
		}
		o.value = o.find
		return o, nil
	case b == '\'' || b == '"':
		s, err := c.text(b)
		if err != nil {
			return o, err
		}
		return constant(node{kind: text, s: s})
	case b == '[' || b == '{':
		return c.literal()
	case b == '/':
		return c.pattern()
	}
	for word, n := range map[string]node{"true": {kind: boolean, b: true}, "false": {kind: boolean}, "null": {kind: null}} {
		if strings.HasPrefix(c.in[c.i:], word) {
			c.i += len(word)
			return constant(n)
		}
	}
	from := c.i
	for !c.end() && strings.IndexByte("0123456789+-.eE", c.in[c.i]) >= 0 {
		c.i++
	}
	s := c.in[from:c.i]
	if _, err := strconv.ParseFloat(s, 64); err != nil {
		c.i = from
		return o, c.fail("expected a value")
	}
	return constant(node{kind: number, s: s})
}

// inner is the text of a path in a filter: up to a blank, an operator or the parenthesis that closes what is around it.
func (c *compiler) inner() (string, error) {
	from, parens := c.i, 0
	for c.i++; !c.end(); c.i++ {
		switch b := c.in[c.i]; {
		case b == '[':
			end := closing(c.in, c.i)
			if end < 0 {
				return "", c.fail("unclosed [")
			}
			c.i = end
			continue
		case b == '(':
			parens++
			continue
		case b == ')' && parens > 0:
			parens--
			continue
		case strings.IndexByte(" )=<>~!&|,", b) >= 0 && parens == 0:
			return c.in[from:c.i], nil
		}
	}
	return c.in[from:], nil
}

// closing is where the bracket that opens at i is closed, text in quotes left aside.
func closing(s string, i int) int {
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '\'', '"':
			q := s[i]
			for i++; i < len(s) && s[i] != q; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// literal is an array or object, whose texts may stand in single quotes.
func (c *compiler) literal() (operand, error) {
	end := closing(c.in, c.i)
	if end < 0 {
		return operand{}, c.fail("unclosed %c", c.in[c.i])
	}
	var out []byte
	sub := &compiler{in: c.in[c.i : end+1]}
	for !sub.end() {
		if b := sub.in[sub.i]; b == '\'' || b == '"' {
			s, err := sub.text(b)
			if err != nil {
				return operand{}, c.fail("unclosed text")
			}
			out = AppendString(out, s)
			continue
		}
		out = append(out, sub.in[sub.i])
		sub.i++
	}
	v, ok := First(out)
	if !ok {
		return operand{}, c.fail("this is no JSON")
	}
	c.i = end + 1
	n := nodeOf(v)
	return operand{value: func(*run, []byte) node { return n }}, nil
}

// pattern is /regular expression/flags.
func (c *compiler) pattern() (operand, error) {
	end := c.i + 1
	for end < len(c.in) && c.in[end] != '/' {
		if c.in[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(c.in) {
		return operand{}, c.fail("unclosed /")
	}
	re := strings.ReplaceAll(c.in[c.i+1:end], `\/`, `/`)
	flags := ""
	for end++; end < len(c.in) && strings.IndexByte("dixmsuU", c.in[end]) >= 0; end++ {
		flags += string(c.in[end])
	}
	if flags != "" {
		re = "(?" + flags + ")" + re
	}
	p, err := javaregexp.Compile(`\A(?:` + re + `)\z`)
	if err != nil {
		return operand{}, fmt.Errorf("regular expression /%s/: %w", re, err)
	}
	c.i = end
	n := node{kind: pattern, re: p}
	return operand{value: func(*run, []byte) node { return n }}, nil
}

// order compares numbers with numbers and text with text.
func order(a, b node) (int, bool) {
	switch {
	case a.kind == number && b.kind == number:
		return compareNumbers(a.s, b.s), true
	case a.kind == text && b.kind == text:
		return strings.Compare(a.s, b.s), true
	}
	return 0, false
}

func compareNumbers(a, b string) int {
	x, err1 := strconv.ParseInt(a, 10, 64)
	y, err2 := strconv.ParseInt(b, 10, 64)
	if err1 == nil && err2 == nil {
		return cmp.Compare(x, y)
	}
	f, _ := strconv.ParseFloat(a, 64)
	g, _ := strconv.ParseFloat(b, 64)
	return cmp.Compare(f, g)
}

// same is the equality of filters: a number equals the text that writes it.
func same(a, b node) bool {
	switch {
	case a.kind == number && (b.kind == number || b.kind == text):
		if _, err := strconv.ParseFloat(b.s, 64); err != nil {
			return false
		}
		return compareNumbers(a.s, b.s) == 0
	case a.kind == text && (b.kind == number || b.kind == text):
		return a.s == b.s
	case a.kind != b.kind || a.kind == undefined || a.kind == pattern:
		return false
	case a.kind == boolean:
		return a.b == b.b
	case a.kind == nested:
		return equal(a.raw, b.raw)
	}
	return true
}

// values are the elements of an array.
func (n node) values() ([]node, bool) {
	if n.kind != nested || n.raw[0] != '[' {
		return nil, false
	}
	var out []node
	for _, v := range elements(n.raw) {
		out = append(out, nodeOf(v))
	}
	return out, true
}

func contains(list []node, x node) bool {
	return slices.ContainsFunc(list, func(y node) bool { return same(y, x) })
}

func compare(op string, a, b node) bool {
	c, ordered := order(a, b)
	switch op {
	case "==":
		return same(a, b)
	case "!=":
		return !same(a, b)
	case "===":
		return a.kind == b.kind && same(a, b)
	case "!==":
		return a.kind != b.kind || !same(a, b)
	case "<":
		return ordered && c < 0
	case "<=":
		return ordered && c <= 0
	case ">":
		return ordered && c > 0
	case ">=":
		return ordered && c >= 0
	case "=~":
		return matches(a, b)
	case "SIZE":
		return sizeIs(a, b)
	case "EMPTY":
		return isEmpty(a, b)
	}
	return compareLists(op, a, b)
}

func matches(a, b node) bool {
	if a.kind == pattern {
		a, b = b, a
	}
	if b.kind != pattern || a.kind == pattern {
		return false
	}
	switch a.kind {
	case text, number:
		return b.re.Match(a.s)
	case boolean:
		return b.re.Match(strconv.FormatBool(a.b))
	}
	return b.re.Match("")
}

func sizeIs(a, b node) bool {
	if b.kind != number {
		return false
	}
	n := -1
	switch {
	case a.kind == text:
		n = utf8.RuneCountInString(a.s)
	case a.kind == nested && a.raw[0] == '[':
		n = len(elements(a.raw))
	}
	return n >= 0 && compareNumbers(strconv.Itoa(n), b.s) == 0
}

func isEmpty(a, b node) bool {
	switch a.kind {
	case text:
		return b.kind == boolean && (a.s == "") == b.b
	case nested:
		empty := true
		each(a.raw, func(_, _ []byte) bool { empty = false; return false })
		return b.kind == boolean && empty == b.b
	}
	return false
}

// compareLists are the operators on arrays; a side that is none makes them false, NIN true.
func compareLists(op string, a, b node) bool {
	left, ok1 := a.values()
	right, ok2 := b.values()
	all := func(xs, in []node) bool {
		return !slices.ContainsFunc(xs, func(x node) bool { return !contains(in, x) })
	}
	switch op {
	case "IN":
		return ok2 && contains(right, a)
	case "NIN":
		return !ok2 || !contains(right, a)
	case "CONTAINS":
		if a.kind == text && b.kind == text {
			return strings.Contains(a.s, b.s)
		}
		return ok1 && contains(left, b)
	case "ALL":
		return a.kind == nested && ok2 && (!ok1 || all(right, left))
	}
	if !ok1 || !ok2 {
		return false
	}
	switch op {
	case "SUBSETOF":
		return all(left, right)
	case "ANYOF":
		return slices.ContainsFunc(left, func(x node) bool { return contains(right, x) })
	}
	return !slices.ContainsFunc(left, func(x node) bool { return contains(right, x) }) // NONEOF
}
