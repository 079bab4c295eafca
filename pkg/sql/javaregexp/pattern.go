// Package javaregexp matches Java's regular expressions (java.util.regex.Pattern), which are those of Flink's functions, with Go's engine.
//
// A pattern is rewritten so that it matches the same: what both write differently ((?<name>…), \h, \R, \Z, \x{h}, unions and
// intersections of classes, POSIX classes, comments) and what both write alike and read differently (`.`, `$` and \s next to line
// ends, (?i), which folds ASCII only). What needs backtracking cannot be had in time linear in the text and is refused: look-around,
// back references, possessive quantifiers, atomic groups, \G and \X.
//
// Known to differ: \b next to letters outside of ASCII, which Java counts as parts of words; `^` and `$` under (?m) next to line ends other
// than \n.
package javaregexp

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// Error is why a pattern was not compiled. Foreign is true for one that Java takes and this package does not, false for one that is no
// pattern in Java either.
type Error struct {
	At      int // the character of the pattern, from 1
	Reason  string
	Foreign bool
}

func (e *Error) Error() string { return fmt.Sprintf("%s, at character %d", e.Reason, e.At) }

// Pattern is a compiled pattern. It is safe for use by several goroutines.
type Pattern struct {
	match *regexp.Regexp
	// find has a group for each of the pattern's, numbered by user, and one for each `$`, numbered by ends, that holds the line end which
	// the engine must go over to see that it is the last: it is no part of the match.
	find       *regexp.Regexp
	user, ends []int
	// plain is the text of a pattern that is nothing but text.
	plain   string
	isPlain bool
	// empty tells that the pattern matches the empty text wherever it stands.
	empty bool
}

// Compile reads a pattern. Its error is an *Error.
func Compile(p string) (*Pattern, error) {
	m, err := translate(p, false)
	if err != nil {
		return nil, err
	}
	out := &Pattern{}
	if out.match, err = build(m.out.String()); err != nil {
		return nil, err
	}
	out.find, out.user = out.match, m.user
	if c, err := translate(p, true); err == nil && len(c.ends) > 0 {
		out.user, out.ends = c.user, c.ends
		if out.find, err = build(c.out.String()); err != nil {
			return nil, err
		}
	}
	out.plain, out.isPlain = literal(out.match.String())
	out.empty = out.match.MatchString("") && free(out.match.String())
	return out, nil
}

func build(s string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(s)
	if err == nil {
		return re, nil
	}
	e := &Error{At: 1, Reason: err.Error(), Foreign: true}
	var why *syntax.Error
	if errors.As(err, &why) {
		e.Reason = fmt.Sprintf("%s: %s", why.Code, why.Expr)
		// A group or a repetition too large is Java's to take; anything else passed the translation by mistake.
	}
	return nil, e
}

// literal gives the text of a pattern that is nothing else.
func literal(s string) (string, bool) {
	re, err := syntax.Parse(s, syntax.Perl)
	switch {
	case err != nil:
	case re.Op == syntax.OpEmptyMatch:
		return "", true
	case re.Op == syntax.OpLiteral && re.Flags&syntax.FoldCase == 0:
		return string(re.Rune), true
	}
	return "", false
}

// free tells whether a pattern looks at nothing but the text that it matches.
func free(s string) bool {
	re, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return false
	}
	var ok func(re *syntax.Regexp) bool
	ok = func(re *syntax.Regexp) bool {
		switch re.Op {
		case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
			return false
		}
		for _, s := range re.Sub {
			if !ok(s) {
				return false
			}
		}
		return true
	}
	return ok(re)
}

// Groups is the number of groups that the pattern captures.
func (p *Pattern) Groups() int { return len(p.user) }

// Plain is the text that a pattern without anything special stands for.
func (p *Pattern) Plain() (text string, ok bool) { return p.plain, p.isPlain }

// Match tells whether the pattern matches somewhere in s.
func (p *Pattern) Match(s string) bool {
	if p.isPlain {
		return strings.Contains(s, p.plain)
	}
	return p.match.MatchString(s)
}

// Whole is the text of the first match; ok is false without one.
func (p *Pattern) Whole(s string) (text string, ok bool) {
	if p.isPlain {
		return p.plain, strings.Contains(s, p.plain)
	}
	if len(p.ends) > 0 {
		loc := p.Find(s)
		if loc == nil {
			return "", false
		}
		return s[loc[0]:loc[1]], true
	}
	if text = p.match.FindString(s); text != "" { // which allocates nothing
		return text, true
	}
	return "", p.match.MatchString(s)
}

// Find is where the first match and its groups begin and end, in pairs, as regexp.FindStringSubmatchIndex; nil without a match.
func (p *Pattern) Find(s string) []int { return p.groups(p.find.FindStringSubmatchIndex(s)) }

// groups leaves out the groups of line ends, and the line ends themselves from those of the pattern.
func (p *Pattern) groups(loc []int) []int {
	if loc == nil || len(p.ends) == 0 {
		return loc
	}
	end := -1
	for _, g := range p.ends {
		if loc[2*g] >= 0 {
			end = loc[2*g]
		}
	}
	out := make([]int, 2+2*len(p.user))
	out[0], out[1] = loc[0], loc[1]
	for k, g := range p.user {
		out[2*k+2], out[2*k+3] = loc[2*g], loc[2*g+1]
	}
	for k := range out {
		if end >= 0 && out[k] > end {
			out[k] = end
		}
	}
	return out
}

// Each calls f with every match from left to right as Java's Matcher.find gives them: an empty match may stand where another ended.
func (p *Pattern) Each(s string, f func(loc []int)) {
	last := -1 // end of the last match that was not empty
	between := func(to int) {
		if last >= 0 && last < to && p.empty {
			f(append([]int{last, last}, p.unset()...))
		}
		last = -1
	}
	for _, loc := range p.find.FindAllStringSubmatchIndex(s, -1) {
		loc = p.groups(loc)
		between(loc[0])
		f(loc)
		if loc[1] > loc[0] {
			last = loc[1]
		}
	}
	between(len(s) + utf8.RuneSelf)
}

// unset are the groups of a match in which none took part.
func (p *Pattern) unset() []int {
	out := make([]int, 2*len(p.user))
	for k := range out {
		out[k] = -1
	}
	return out
}

// AppendReplaced appends s with every match replaced by the text with.
func (p *Pattern) AppendReplaced(dst []byte, s, with string) []byte {
	if p.isPlain && p.plain != "" {
		for {
			k := strings.Index(s, p.plain)
			if k < 0 {
				return append(dst, s...)
			}
			dst = append(append(dst, s[:k]...), with...)
			s = s[k+len(p.plain):]
		}
	}
	if !p.match.MatchString(s) {
		return append(dst, s...)
	}
	at := 0
	p.Each(s, func(loc []int) {
		dst = append(append(dst, s[at:loc[0]]...), with...)
		at = loc[1]
	})
	return append(dst, s[at:]...)
}
