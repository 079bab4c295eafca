package expr

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/javaregexp"
)

// regexFunctions take regular expressions in Java's syntax, see package javaregexp. One that Java would not take either gives false or NULL, as
// in Flink; one that only this engine cannot run is an error of the statement when it is constant, else of the row.
func regexFunctions() map[string]builder {
	return map[string]builder{
		"SIMILAR TO": similar, "REGEXP": regexpMatch, "RLIKE": regexpMatch, "REGEXP_EXTRACT": regexpExtract, "REGEXP_SUBSTR": regexpExtract,
		"REGEXP_EXTRACT_ALL": regexpExtractAll, "REGEXP_REPLACE": regexpReplace, "REGEXP_COUNT": regexpCount, "REGEXP_INSTR": regexpInstr,
	}
}

// patternError is the error of the statement for the constant pattern p.
func patternError(b *binding, p string, err error) error {
	return fault.WithRemedy(fault.Wrap(fault.Config, err, "%s: regular expression '%s'", b.call.Func, p),
		"write it without look-around, possessive quantifiers and back references")
}

// regexps are the patterns of argument 1, compiled once each.
type regexps struct {
	m   *memo[compiled]
	one *compiled // the constant pattern
}

type compiled struct {
	p   *javaregexp.Pattern // nil for what is no pattern
	err error
}

func compileRegexp(s string) (compiled, error) {
	p, err := javaregexp.Compile(s)
	var e *javaregexp.Error
	if errors.As(err, &e) && !e.Foreign {
		err = nil
	}
	return compiled{p: p, err: err}, nil
}

func (b *binding) regexps() (*regexps, error) {
	r := &regexps{m: newMemo(compileRegexp)}
	p, ok := b.str(1)
	if !ok {
		b.fail = true
		return r, nil
	}
	c, _ := r.m.get(p)
	if c.err != nil {
		return nil, patternError(b, p, c.err)
	}
	r.one = &c
	return r, nil
}

// get is the pattern p, nil if it is none; an error that the row must raise goes to failed.
func (r *regexps) get(p string, failed *error) *javaregexp.Pattern {
	if r.one != nil {
		return r.one.p
	}
	c, _ := r.m.get(p)
	if c.err != nil {
		*failed = fault.Wrap(fault.Permanent, c.err, "regular expression '%s'", p)
	}
	return c.p
}

// regexpMatch is REGEXP: a match anywhere; false for an empty or broken pattern.
func regexpMatch(b *binding) (impl, error) {
	if err := b.arity(2, 2); err != nil {
		return nil, err
	}
	r, err := b.regexps()
	if err != nil {
		return nil, err
	}
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		s, p := strs(a[0]), strs(a[1])
		out := toBools(n, kernel.Valid(n, a...), func(i int) (bool, bool) {
			re := r.get(p.At(i), &failed)
			return re != nil && p.At(i) != "" && re.Match(s.At(i)), true
		})
		return out, failed
	}, nil
}

// regexpExtract is REGEXP_EXTRACT(s, pattern[, group]): null without a match, for a group that took no part, a group that is not there.
func regexpExtract(b *binding) (impl, error) {
	if err := b.arity(2, 3); err != nil {
		return nil, err
	}
	r, err := b.regexps()
	if err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		s, p, group := strs(a[0]), strs(a[1]), groupOf(a, n, 0)
		out := toStrings(t, n, kernel.Valid(n, a...), s.Size(n), func(i int, dst []byte) ([]byte, bool) {
			re, g, v := r.get(p.At(i), &failed), group.At(i), s.At(i)
			if re == nil || g < 0 || g > int64(re.Groups()) {
				return dst, false
			}
			if g == 0 {
				text, ok := re.Whole(v)
				return append(dst, text...), ok
			}
			loc := re.Find(v)
			if loc == nil || loc[2*g] < 0 {
				return dst, false
			}
			return append(dst, v[loc[2*g]:loc[2*g+1]]...), true
		})
		return out, failed
	}, nil
}

// groupOf is the third argument, the number of a group.
func groupOf(a []kernel.Vec, n int, otherwise int64) kernel.Nums[int64] {
	if len(a) > 2 {
		return ints(a[2], n)
	}
	return kernel.Nums[int64]{V: []int64{otherwise}}
}

// regexpExtractAll is REGEXP_EXTRACT_ALL(s, pattern[, group, 1 by default]): the group's text in every match.
func regexpExtractAll(b *binding) (impl, error) {
	if err := b.arity(2, 3); err != nil {
		return nil, err
	}
	r, err := b.regexps()
	if err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		s, p, group := strs(a[0]), strs(a[1]), groupOf(a, n, 1)
		l := newTexts(n, kernel.Valid(n, a...))
		for i := 0; i < n; i++ {
			if kernel.IsValid(l.valid, i) {
				re, g, v := r.get(p.At(i), &failed), group.At(i), s.Bytes(i)
				if re == nil || g < 0 || g > int64(re.Groups()) {
					l.null(i)
				} else {
					re.Each(s.At(i), func(loc []int) {
						if loc[2*g] < 0 {
							l.add(nil, true)
						} else {
							l.add(v[loc[2*g]:loc[2*g+1]], false)
						}
					})
				}
			}
			l.done(i)
		}
		return l.list(t), failed
	}, nil
}

// regexpReplace replaces every match by the text as it is; null for a broken pattern.
func regexpReplace(b *binding) (impl, error) {
	if err := b.arity(3, 3); err != nil {
		return nil, err
	}
	r, err := b.regexps()
	if err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		s, p, w := strs(a[0]), strs(a[1]), strs(a[2])
		out := toStrings(t, n, kernel.Valid(n, a...), s.Size(n), func(i int, dst []byte) ([]byte, bool) {
			re := r.get(p.At(i), &failed)
			if re == nil {
				return dst, false
			}
			return re.AppendReplaced(dst, s.At(i), w.At(i)), true
		})
		return out, failed
	}, nil
}

func regexpCount(b *binding) (impl, error) {
	return regexpNumber(b, func(re *javaregexp.Pattern, s string) (k int64) {
		re.Each(s, func([]int) { k++ })
		return k
	})
}

// regexpInstr is the position of the first match, 0 without one.
func regexpInstr(b *binding) (impl, error) {
	return regexpNumber(b, func(re *javaregexp.Pattern, s string) int64 {
		loc := re.Find(s)
		if loc == nil {
			return 0
		}
		return int64(utf8.RuneCountInString(s[:loc[0]])) + 1
	})
}

func regexpNumber(b *binding, f func(re *javaregexp.Pattern, s string) int64) (impl, error) {
	if err := b.arity(2, 2); err != nil {
		return nil, err
	}
	r, err := b.regexps()
	if err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		s, p := strs(a[0]), strs(a[1])
		out := intColumn(t, n, kernel.Valid(n, a...), func(i int) (int64, bool) {
			re := r.get(p.At(i), &failed)
			if re == nil {
				return 0, false
			}
			return f(re, s.At(i)), true
		})
		return out, failed
	}, nil
}

// similar is SIMILAR TO: SQL's regular expressions over the whole string.
func similar(b *binding) (impl, error) {
	if err := b.arity(2, 3); err != nil {
		return nil, err
	}
	escape := ""
	if len(b.args) > 2 {
		var ok bool
		if escape, ok = b.str(2); !ok || utf8.RuneCountInString(escape) != 1 {
			return nil, fault.Newf(fault.Config, "the escape of SIMILAR TO must be one constant character")
		}
	}
	m := newMemo(func(s string) (*javaregexp.Pattern, error) {
		p, err := similarPattern(s, escape)
		if err != nil {
			return nil, err
		}
		return javaregexp.Compile(p)
	})
	if p, ok := b.str(1); ok {
		if _, err := m.get(p); err != nil {
			return nil, fault.Wrap(fault.Config, err, "SIMILAR TO pattern '%s'", p)
		}
	} else {
		b.fail = true
	}
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		s, p := strs(a[0]), strs(a[1])
		out := toBools(n, kernel.Valid(n, a[0], a[1]), func(i int) (bool, bool) {
			re, err := m.get(p.At(i))
			if err != nil {
				failed = fault.Wrap(fault.Permanent, err, "SIMILAR TO pattern '%s'", p.At(i))
				return false, false
			}
			return re.Match(s.At(i)), true
		})
		return out, failed
	}, nil
}

// similarClasses are SQL's names of sets inside brackets.
var similarClasses = map[string]string{"[:ALPHA:]": `\p{Alpha}`, "[:UPPER:]": `\p{Upper}`, "[:LOWER:]": `\p{Lower}`, "[:DIGIT:]": `\d`, "[:SPACE:]": " ",
	"[:WHITESPACE:]": `\s`, "[:ALNUM:]": `\p{Alnum}`}

// similarPattern writes a SIMILAR TO pattern as Java's: % is any text and _ any character, \ and $ are themselves, all else that is special in
// SQL's regular expressions is special in Java's.
func similarPattern(p, escape string) (string, error) {
	const special = "[]()|^-+*_%?{}"
	bad := func(i int) (string, error) {
		return "", fault.Newf(fault.Config, "at character %d there is no regular expression of SQL", i+1)
	}
	var s strings.Builder
	rs := []rune(p)
	esc := rune(-1)
	if escape != "" {
		esc, _ = utf8.DecodeRuneInString(escape)
	}
	quoted := func(r rune) {
		if strings.ContainsRune(`[]()|^-+*?{}$\.`, r) {
			s.WriteByte('\\')
		}
		s.WriteRune(r)
	}
	set := false
	for i := 0; i < len(rs); i++ {
		switch r := rs[i]; {
		case r == esc:
			if i++; i == len(rs) || !strings.ContainsRune(special, rs[i]) && rs[i] != esc {
				return bad(i - 1)
			}
			quoted(rs[i])
		case set && r == ']':
			set = false
			s.WriteByte(']')
		case set && r == '[' && i+1 < len(rs) && rs[i+1] == ':':
			rest := string(rs[i:])
			name := rest[:strings.Index(rest+":]", ":]")]
			class, ok := similarClasses[strings.ToUpper(name+":]")]
			if !ok {
				return bad(i)
			}
			s.WriteString(class)
			i += utf8.RuneCountInString(name) + 1
		case set && r != '-' && r != '^' && strings.ContainsRune(special, r):
			return bad(i)
		case set:
			s.WriteRune(r)
		case r == '[':
			set = true
			s.WriteByte('[')
		case r == ']':
			return bad(i)
		case r == '%':
			s.WriteString("(?s:.*)")
		case r == '_':
			s.WriteByte('.')
		case r == '\\' || r == '$':
			s.WriteByte('\\')
			s.WriteRune(r)
		default:
			s.WriteRune(r)
		}
	}
	if set {
		return bad(len(rs))
	}
	return `\A(?:` + s.String() + `)\z`, nil
}
