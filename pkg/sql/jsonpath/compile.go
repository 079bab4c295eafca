package jsonpath

import (
	"fmt"
	"strconv"
	"strings"
)

// compiler reads one path.
type compiler struct {
	in    string
	i     int
	depth int // of filters within filters
}

func (c *compiler) fail(format string, args ...any) error {
	return fmt.Errorf("%s at character %d", fmt.Sprintf(format, args...), c.i+1)
}

func (c *compiler) end() bool { return c.i >= len(c.in) }

func (c *compiler) at(b byte) bool { return c.i < len(c.in) && c.in[c.i] == b }

func (c *compiler) space() {
	for !c.end() && strings.IndexByte(" \t\r\n", c.in[c.i]) >= 0 {
		c.i++
	}
}

// path reads all of the input. Without $ or @ at its beginning it is taken as $.path.
func (c *compiler) path(p *Path) error {
	if c.end() || c.in[0] != '$' && c.in[0] != '@' {
		c.in = "$." + c.in
	}
	if strings.HasSuffix(c.in, ".") {
		return c.fail("a path cannot end with a point")
	}
	c.i = 1
	if !c.end() && c.in[c.i] != '.' && c.in[c.i] != '[' {
		return c.fail("expected . or [")
	}
	for !c.end() {
		if p.function != nil {
			return c.fail("nothing can follow a function")
		}
		if err := c.step(p); err != nil {
			return err
		}
	}
	p.Definite = true
	for i := range p.steps {
		p.steps[i].upstreamSure = p.Definite
		p.Definite = p.Definite && p.steps[i].definite(i == len(p.steps)-1 && p.function == nil)
	}
	if k := len(p.steps); k > 0 && p.steps[k-1].kind == scan {
		return c.fail("a path cannot end with ..")
	}
	if p.function != nil && len(p.steps) > 0 && p.steps[0].kind == scan {
		p.Definite = true
	}
	return nil
}

func (c *compiler) step(p *Path) error {
	switch c.in[c.i] {
	case '.':
		if c.i++; c.at('.') {
			c.i++
			p.steps = append(p.steps, step{kind: scan})
		}
		if c.end() || c.at('.') {
			return c.fail("a step is missing")
		}
		if c.at('[') {
			return c.bracket(p)
		}
		fallthrough
	default:
		if c.at('*') {
			c.i++
			p.steps = append(p.steps, step{kind: wild, fragment: "[*]"})
			return nil
		}
		return c.name(p)
	case '[':
		return c.bracket(p)
	}
}

func (c *compiler) name(p *Path) error {
	from := c.i
	for !c.end() && strings.IndexByte(".[( ", c.in[c.i]) < 0 {
		c.i++
	}
	name := c.in[from:c.i]
	switch {
	case c.at(' '):
		return c.fail("write a name with blanks as ['the name']")
	case c.at('('):
		return c.call(p, name)
	case name == "":
		return c.fail("a name is missing")
	}
	p.steps = append(p.steps, step{kind: prop, names: []string{name}})
	return nil
}

func (c *compiler) call(p *Path, name string) error {
	if !functions[name] {
		if name == "append" || name == "concat" {
			return fmt.Errorf("the function %s() is %w", name, ErrUnsupported)
		}
		return c.fail("there is no function %s()", name)
	}
	f := &function{name: name}
	end := strings.IndexByte(c.in[c.i:], ')')
	if end < 0 {
		return c.fail("the arguments of %s are not closed", name)
	}
	arg := strings.TrimSpace(c.in[c.i+1 : c.i+end])
	if arg != "" {
		return fmt.Errorf("the function %s with arguments is %w", name, ErrUnsupported)
	}
	c.i += end + 1
	p.function = f
	return nil
}

func bracketed(k int) string { return "[" + strconv.Itoa(k) + "]" }

func (c *compiler) bracket(p *Path) error {
	c.i++
	c.space()
	if c.end() {
		return c.fail("unclosed [")
	}
	switch b := c.in[c.i]; {
	case b == '\'' || b == '"':
		return c.quoted(p, b)
	case b == '*':
		c.i++
		p.steps = append(p.steps, step{kind: wild, fragment: "[*]"})
		return c.close()
	case b == '?':
		return c.filter(p)
	case b == '-' || b == ':' || b >= '0' && b <= '9':
		return c.positions(p)
	}
	return c.fail("expected a name in quotes, a position, * or ?")
}

func (c *compiler) close() error {
	c.space()
	if !c.at(']') {
		return c.fail("expected ]")
	}
	c.i++
	return nil
}

// quoted reads 'name', 'name' ….
func (c *compiler) quoted(p *Path, quote byte) error {
	s := step{kind: prop}
	for {
		c.space()
		if !c.at(quote) {
			return c.fail("expected a name in quotes")
		}
		name, err := c.text(quote)
		if err != nil {
			return err
		}
		s.names = append(s.names, name)
		if c.space(); c.at(',') {
			c.i++
			continue
		}
		p.steps = append(p.steps, s)
		return c.close()
	}
}

// text reads a quoted text with backslash escapes, as those of Java.
func (c *compiler) text(quote byte) (string, error) {
	var out []byte
	for c.i++; !c.end(); c.i++ {
		switch b := c.in[c.i]; b {
		case quote:
			c.i++
			return string(out), nil
		case '\\':
			if c.i++; c.end() {
				return "", c.fail("a lone backslash")
			}
			switch e := c.in[c.i]; e {
			case 'n':
				out = append(out, '\n')
			case 'r':
				out = append(out, '\r')
			case 't':
				out = append(out, '\t')
			case 'b':
				out = append(out, '\b')
			case 'f':
				out = append(out, '\f')
			case 'u':
				if c.i+4 >= len(c.in) {
					return "", c.fail("want four hexadecimal digits")
				}
				n, err := strconv.ParseUint(c.in[c.i+1:c.i+5], 16, 32)
				if err != nil {
					return "", c.fail("want four hexadecimal digits")
				}
				out = append(out, string(rune(n))...)
				c.i += 4
			default:
				out = append(out, e)
			}
		default:
			out = append(out, b)
		}
	}
	return "", c.fail("unclosed text")
}

// positions reads 1, 1,2 or a slice 1:2.
func (c *compiler) positions(p *Path) error {
	end := strings.IndexByte(c.in[c.i:], ']')
	if end < 0 {
		return c.fail("unclosed [")
	}
	text := strings.TrimSpace(c.in[c.i : c.i+end])
	number := func(s string) (int, error) {
		k, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || k != int(int32(k)) {
			return 0, c.fail("'%s' is no position", strings.TrimSpace(s))
		}
		return k, nil
	}
	var s step
	if from, to, ok := strings.Cut(text, ":"); ok {
		s.kind = slice
		var err error
		if s.hasFrom = strings.TrimSpace(from) != ""; s.hasFrom {
			if s.from, err = number(from); err != nil {
				return err
			}
		}
		if s.hasTo = strings.TrimSpace(to) != ""; s.hasTo {
			if s.to, err = number(to); err != nil {
				return err
			}
		}
		if !s.hasFrom && !s.hasTo {
			return c.fail("a slice wants a position")
		}
	} else {
		s.kind = index
		for _, part := range strings.Split(text, ",") {
			k, err := number(part)
			if err != nil {
				return err
			}
			s.indexes = append(s.indexes, k)
		}
		if len(s.indexes) == 1 {
			s.fragment = bracketed(s.indexes[0])
		}
	}
	p.steps = append(p.steps, s)
	c.i += end + 1
	return nil
}

// filter reads ?( condition )].
func (c *compiler) filter(p *Path) error {
	c.i++
	if c.space(); !c.at('(') {
		return c.fail("expected ( after ?")
	}
	if c.depth++; c.depth > 50 {
		return c.fail("filters nested this deep")
	}
	c.i++
	cond, err := c.or()
	if err != nil {
		return err
	}
	c.depth--
	if c.space(); !c.at(')') {
		return c.fail("expected )")
	}
	c.i++
	p.steps = append(p.steps, step{kind: filter, cond: cond, fragment: "[?]"})
	return c.close()
}
