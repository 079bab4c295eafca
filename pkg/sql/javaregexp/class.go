package javaregexp

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// runeSet is a set of characters: sorted pairs of first and last, apart from each other after clean.
type runeSet [][2]rune

func span(pairs ...rune) runeSet {
	var s runeSet
	for i := 0; i < len(pairs); i += 2 {
		s = append(s, [2]rune{pairs[i], pairs[i+1]})
	}
	return s
}

// clean sorts and joins.
func (s runeSet) clean() runeSet {
	slices.SortFunc(s, func(a, b [2]rune) int { return int(a[0] - b[0]) })
	out := s[:0]
	for _, r := range s {
		if k := len(out); k > 0 && r[0] <= out[k-1][1]+1 {
			out[k-1][1] = max(out[k-1][1], r[1])
		} else {
			out = append(out, r)
		}
	}
	return out
}

func (s runeSet) not() runeSet {
	var out runeSet
	next := rune(0)
	for _, r := range slices.Clone(s).clean() {
		if r[0] > next {
			out = append(out, [2]rune{next, r[0] - 1})
		}
		next = r[1] + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, [2]rune{next, unicode.MaxRune})
	}
	return out
}

func (s runeSet) and(o runeSet) runeSet { return append(s.not(), o.not()...).not() }

// fold adds the other case of ASCII letters.
func (s runeSet) fold() runeSet {
	for _, r := range s {
		for _, shift := range []rune{'a', 'A'} {
			if lo, hi := max(r[0], shift), min(r[1], shift+25); lo <= hi {
				s = append(s, [2]rune{lo ^ 0x20, hi ^ 0x20})
			}
		}
	}
	return s
}

func tables(ts ...*unicode.RangeTable) runeSet {
	var s runeSet
	add := func(lo, hi, stride rune) {
		if stride == 1 {
			s = append(s, [2]rune{lo, hi})
			return
		}
		for r := lo; r <= hi; r += stride {
			s = append(s, [2]rune{r, r})
		}
	}
	for _, t := range ts {
		for _, r := range t.R16 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range t.R32 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	return s
}

// writeSet writes the set as a class; an empty one matches nothing.
func (t *translator) writeSet(s runeSet) {
	open := "["
	if t.flags.ignoreCase {
		if t.flags.unicodeCase {
			open = "(?i:["
		} else {
			s = s.fold()
		}
	}
	s = slices.Clone(s).clean()
	if len(s) == 0 {
		t.out.WriteString(`[^\x00-\x{10FFFF}]`)
		return
	}
	t.out.WriteString(open)
	for _, r := range s {
		fmt.Fprintf(&t.out, `\x{%X}`, r[0])
		if r[1] > r[0] {
			fmt.Fprintf(&t.out, `-\x{%X}`, r[1])
		}
	}
	t.out.WriteByte(']')
	if open != "[" {
		t.out.WriteByte(')')
	}
}

// class reads behind "[", nested classes, && and all.
func (t *translator) class(depth int) runeSet {
	if depth > maxDepth {
		t.foreign("nesting this deep")
	}
	negate := t.eat("^")
	var all runeSet // of the operands of && read so far
	var s runeSet
	anded, first := false, true
	finish := func() runeSet {
		if anded {
			s = all.and(s)
		}
		if negate {
			s = s.not()
		}
		return s
	}
	for ; ; first = false {
		t.space()
		if t.end() {
			t.bad("unclosed character class")
		}
		switch {
		case t.in[t.i] == ']' && !first:
			t.i++
			return finish()
		case t.eat("["):
			s = append(s, t.class(depth+1)...)
		case t.peek("&&"):
			for t.eat("&") {
			}
			if anded {
				s = all.and(s)
			}
			all, s, anded = s, nil, true
			if t.peek("]") {
				s = all // && before ] is nothing
			}
		default:
			s = append(s, t.classItem()...)
		}
	}
}

// classItem is a character, a range or an escaped set.
func (t *translator) classItem() runeSet {
	lo := t.in[t.i]
	t.i++
	if lo == '\\' {
		if s, ok := t.escapedSet(); ok {
			return s
		}
		lo = t.escapedChar()
	}
	hi := lo
	if t.peek("-") && t.i+1 < len(t.in) && t.in[t.i+1] != ']' && t.in[t.i+1] != '[' {
		t.i++
		hi = t.in[t.i]
		t.i++
		if hi == '\\' {
			hi = t.escapedChar()
		}
		if hi < lo {
			t.bad("illegal character range")
		}
	}
	return span(lo, hi)
}

var (
	digits     = span('0', '9')
	wordChars  = span('0', '9', 'A', 'Z', '_', '_', 'a', 'z')
	spaces     = span('\t', '\r', ' ', ' ')
	horizontal = span('\t', '\t', ' ', ' ', 0xa0, 0xa0, 0x1680, 0x1680, 0x180e, 0x180e, 0x2000, 0x200a, 0x202f, 0x202f, 0x205f, 0x205f, 0x3000, 0x3000)
	vertical   = span('\n', '\r', 0x85, 0x85, 0x2028, 0x2029)
)

// escapedSet reads an escape that stands for a set.
func (t *translator) escapedSet() (runeSet, bool) {
	if t.end() {
		return nil, false
	}
	r := t.in[t.i]
	var s runeSet
	switch unicode.ToLower(r) {
	case 'd':
		if s = digits; t.flags.unicodeClass {
			s = tables(unicode.Nd)
		}
	case 'w':
		if s = wordChars; t.flags.unicodeClass {
			s = append(alphabetic(), tables(unicode.M, unicode.Nd, unicode.Pc, unicode.Join_Control)...)
		}
	case 's':
		if s = spaces; t.flags.unicodeClass {
			s = tables(unicode.White_Space)
		}
	case 'h':
		s = horizontal
	case 'v':
		s = vertical
	case 'p':
		t.i++
		return t.property(r == 'P'), true
	default:
		return nil, false
	}
	t.i++
	if unicode.IsUpper(r) {
		s = s.not()
	}
	return slices.Clone(s), true
}

func alphabetic() runeSet { return tables(unicode.L, unicode.Nl, unicode.Other_Alphabetic) }

// posix are Java's POSIX classes, of US-ASCII only.
var posix = map[string]runeSet{
	"Lower": span('a', 'z'), "Upper": span('A', 'Z'), "ASCII": span(0, 0x7f), "Alpha": span('A', 'Z', 'a', 'z'), "Digit": span('0', '9'),
	"Alnum": span('0', '9', 'A', 'Z', 'a', 'z'), "Punct": span('!', '/', ':', '@', '[', '`', '{', '~'), "Graph": span('!', '~'), "Print": span(' ', '~'),
	"Blank": span('\t', '\t', ' ', ' '), "Cntrl": span(0, 0x1f, 0x7f, 0x7f), "XDigit": span('0', '9', 'A', 'F', 'a', 'f'), "Space": span('\t', '\r', ' ', ' '),
	"L1": span(0, 0xff), "all": span(0, unicode.MaxRune),
}

// blocks are those of Unicode's blocks that patterns use; keys are lower case without separators.
var blocks = map[string]runeSet{
	"basiclatin": span(0, 0x7f), "latin1supplement": span(0x80, 0xff), "latinextendeda": span(0x100, 0x17f), "latinextendedb": span(0x180, 0x24f),
	"greek": span(0x370, 0x3ff), "cyrillic": span(0x400, 0x4ff), "hebrew": span(0x590, 0x5ff), "arabic": span(0x600, 0x6ff), "devanagari": span(0x900, 0x97f),
	"thai": span(0xe00, 0xe7f), "generalpunctuation": span(0x2000, 0x206f), "cjksymbolsandpunctuation": span(0x3000, 0x303f), "hiragana": span(0x3040, 0x309f),
	"katakana": span(0x30a0, 0x30ff), "bopomofo": span(0x3100, 0x312f), "cjkunifiedideographs": span(0x4e00, 0x9fff), "cjkunifiedideographsextensiona": span(0x3400, 0x4dbf),
	"hangulsyllables": span(0xac00, 0xd7af), "halfwidthandfullwidthforms": span(0xff00, 0xffef), "cjkcompatibilityideographs": span(0xf900, 0xfaff),
}

// binary are the properties that \p{Is…} may name, by upper case name.
func binaryProperty(name string) (runeSet, bool) {
	switch name {
	case "ALPHABETIC":
		return alphabetic(), true
	case "LETTER":
		return tables(unicode.L), true
	case "DIGIT":
		return tables(unicode.Nd), true
	case "LOWERCASE":
		return tables(unicode.Ll, unicode.Other_Lowercase), true
	case "UPPERCASE":
		return tables(unicode.Lu, unicode.Other_Uppercase), true
	case "TITLECASE":
		return tables(unicode.Lt), true
	case "PUNCTUATION":
		return tables(unicode.P), true
	case "CONTROL":
		return tables(unicode.Cc), true
	case "WHITE_SPACE", "WHITESPACE":
		return tables(unicode.White_Space), true
	case "HEX_DIGIT", "HEXDIGIT":
		return tables(unicode.Nd, unicode.Hex_Digit), true
	case "IDEOGRAPHIC":
		return tables(unicode.Ideographic), true
	}
	return nil, false
}

// property reads behind \p or \P.
func (t *translator) property(negate bool) runeSet {
	at := t.i
	var name string
	switch {
	case t.end():
		t.bad("\\p without a property")
	case t.eat("{"):
		from := t.i
		for !t.end() && t.in[t.i] != '}' {
			t.i++
		}
		name = string(t.in[from:t.i])
		if !t.eat("}") {
			t.bad("unclosed \\p{")
		}
	default:
		name = string(t.in[t.i])
		t.i++
	}
	s, ok := propertySet(name)
	if !ok {
		t.i = at
		t.foreign("\\p{" + name + "}")
	}
	if negate {
		s = s.not()
	}
	return slices.Clone(s)
}

func propertySet(name string) (runeSet, bool) {
	if key, value, ok := strings.Cut(name, "="); ok {
		switch strings.ToLower(key) {
		case "sc", "script":
			return scriptSet(value)
		case "blk", "block":
			return blockSet(value)
		case "gc", "general_category":
			return categorySet(value)
		}
		return nil, false
	}
	if s, ok := posix[name]; ok {
		return s, true
	}
	if rest, ok := strings.CutPrefix(name, "java"); ok {
		switch rest {
		case "LowerCase":
			return binaryProperty("LOWERCASE")
		case "UpperCase":
			return binaryProperty("UPPERCASE")
		case "Letter", "Alphabetic", "Digit":
			return binaryProperty(strings.ToUpper(rest))
		case "LetterOrDigit":
			return tables(unicode.L, unicode.Nd), true
		case "Whitespace":
			s := tables(unicode.Z)
			return append(s.and(span(0xa0, 0xa0, 0x2007, 0x2007, 0x202f, 0x202f).not()), span('\t', '\r', 0x1c, 0x1f)...), true
		}
		return nil, false
	}
	if rest, ok := strings.CutPrefix(name, "In"); ok {
		return blockSet(rest)
	}
	if rest, ok := strings.CutPrefix(name, "Is"); ok {
		if s, ok := binaryProperty(strings.ToUpper(rest)); ok {
			return s, true
		}
		if s, ok := categorySet(rest); ok {
			return s, true
		}
		return scriptSet(rest)
	}
	return categorySet(name)
}

func categorySet(name string) (runeSet, bool) {
	if name == "LC" {
		return tables(unicode.Lu, unicode.Ll, unicode.Lt), true
	}
	if t, ok := unicode.Categories[name]; ok && len(name) <= 2 {
		return tables(t), true
	}
	return nil, false
}

func scriptSet(name string) (runeSet, bool) {
	for s, t := range unicode.Scripts {
		if strings.EqualFold(s, name) {
			return tables(t), true
		}
	}
	return nil, false
}

func blockSet(name string) (runeSet, bool) {
	s, ok := blocks[strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))]
	return s, ok
}
