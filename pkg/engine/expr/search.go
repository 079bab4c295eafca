package expr

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func searchFunctions() map[string]builder {
	return map[string]builder{
		"LIKE": like(false), "NOT LIKE": like(true), "POSITION": position, "LOCATE": position, "INSTR": instr, "STARTSWITH": affix(strings.HasPrefix), "ENDSWITH": affix(strings.HasSuffix),
		"IS_ALPHA": charClass(unicode.IsLetter, func(types.Type) bool { return false }), "IS_DIGIT": charClass(unicode.IsDigit, types.Type.IsInteger),
		"IS_DECIMAL": charClass(nil, func(t types.Type) bool { return t.IsInteger() || t.IsApprox() }),
	}
}

// likeMatcher makes the test for a LIKE pattern. Patterns with % at the ends only, the common ones, are one search.
func likeMatcher(pattern string, escape rune) (func(string) bool, error) {
	const one, many = rune(-1), rune(-2)
	var toks []rune
	wild := false // contains _ or a % inside
	for rs, i := []rune(pattern), 0; i < len(rs); i++ {
		switch r := rs[i]; {
		case escape != 0 && r == escape:
			if i++; i == len(rs) || rs[i] != '%' && rs[i] != '_' && rs[i] != escape {
				return nil, fault.Newf(fault.Config, "LIKE pattern '%s' has a lone escape character", pattern)
			}
			toks = append(toks, rs[i])
		case r == '%':
			if k := len(toks); k == 0 || toks[k-1] != many {
				toks = append(toks, many)
			}
		case r == '_':
			toks = append(toks, one)
			wild = true
		default:
			toks = append(toks, r)
		}
	}
	if !wild {
		var parts []string
		var b strings.Builder
		for _, t := range toks {
			if t == many {
				parts = append(parts, b.String())
				b.Reset()
				continue
			}
			b.WriteRune(t)
		}
		parts = append(parts, b.String())
		first, last := parts[0], parts[len(parts)-1]
		switch {
		case len(parts) == 1:
			return func(s string) bool { return s == first }, nil
		case len(parts) == 2 && last == "":
			return func(s string) bool { return strings.HasPrefix(s, first) }, nil
		case len(parts) == 2 && first == "":
			return func(s string) bool { return strings.HasSuffix(s, last) }, nil
		case len(parts) == 3 && first == "" && last == "":
			mid := parts[1]
			return func(s string) bool { return strings.Contains(s, mid) }, nil
		}
		mids := parts[1 : len(parts)-1]
		return func(s string) bool {
			if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
				return false
			}
			s = s[len(first) : len(s)-len(last)]
			for _, m := range mids {
				k := strings.Index(s, m)
				if k < 0 {
					return false
				}
				s = s[k+len(m):]
			}
			return true
		}, nil
	}
	return func(s string) bool {
		// Greedy matching that goes back to the last % only.
		i, k := 0, 0
		backI, backK := -1, 0
		for i < len(s) {
			if k < len(toks) {
				if toks[k] == many {
					backI, backK = i, k+1
					k++
					continue
				}
				r, w := utf8.DecodeRuneInString(s[i:])
				if toks[k] == r || toks[k] == one && !lineEnd(r) {
					i += w
					k++
					continue
				}
			}
			if backI < 0 {
				return false
			}
			_, w := utf8.DecodeRuneInString(s[backI:])
			backI += w
			i, k = backI, backK
		}
		for k < len(toks) && toks[k] == many {
			k++
		}
		return k == len(toks)
	}, nil
}

// lineEnd are the characters that Java's `.`, as which Flink runs _, does not match.
func lineEnd(r rune) bool { return r == '\n' || r == '\r' || r == 0x85 || r == 0x2028 || r == 0x2029 }

// memo keeps what was compiled of the patterns of a column; a constant pattern is compiled once.
type memo[T any] struct {
	m       map[string]T
	compile func(string) (T, error)
}

func newMemo[T any](compile func(string) (T, error)) *memo[T] {
	return &memo[T]{m: map[string]T{}, compile: compile}
}

func (m *memo[T]) get(s string) (T, error) {
	if v, ok := m.m[s]; ok {
		return v, nil
	}
	s = strings.Clone(s)
	v, err := m.compile(s)
	if err == nil {
		if len(m.m) > 1000 {
			clear(m.m)
		}
		m.m[s] = v
	}
	return v, err
}

func like(invert bool) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(2, 3); err != nil {
			return nil, err
		}
		escape := rune(0)
		if len(b.args) > 2 {
			s, ok := b.str(2)
			if !ok || utf8.RuneCountInString(s) != 1 {
				return nil, fault.Newf(fault.Config, "the escape of LIKE must be one constant character")
			}
			escape, _ = utf8.DecodeRuneInString(s)
		}
		m := newMemo(func(p string) (func(string) bool, error) { return likeMatcher(p, escape) })
		if p, ok := b.str(1); ok {
			if _, err := m.get(p); err != nil {
				return nil, err
			}
		} else {
			b.fail = escape != 0
		}
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			var failed error
			s, p := strs(a[0]), strs(a[1])
			var match func(string) bool
			if a[1].Const {
				match, failed = m.get(p.At(0))
			}
			if failed != nil {
				return nil, failed
			}
			out := toBools(n, kernel.Valid(n, a[0], a[1]), func(i int) (bool, bool) {
				f := match
				if f == nil {
					var err error
					if f, err = m.get(p.At(i)); err != nil {
						failed = err
						return false, false
					}
				}
				return f(s.At(i)) != invert, true
			})
			return out, failed
		}, nil
	}
}

// indexFrom is the position from 1 of the first sub in s at or after character from; 0 if there is none. An empty sub is at 1.
func indexFrom(s, sub string, from int) int {
	if sub == "" {
		return 1
	}
	skip := byteAt(s, from-1)
	k := strings.Index(s[skip:], sub)
	if k < 0 {
		return 0
	}
	return utf8.RuneCountInString(s[:skip+k]) + 1
}

// position is POSITION(sub IN s) and LOCATE(sub, s[, from]).
func position(b *binding) (impl, error) {
	if err := b.arity(2, 3); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		sub, s := strs(a[0]), strs(a[1])
		from := kernel.Nums[int64]{V: []int64{1}}
		if len(a) > 2 {
			from = ints(a[2], n)
		}
		return intColumn(t, n, kernel.Valid(n, a...), func(i int) (int64, bool) {
			return int64(indexFrom(s.At(i), sub.At(i), clampInt(from.At(i)))), true
		}), nil
	}, nil
}

// instr is INSTR(s, sub[, from[, nth]]); a negative from searches backwards from the end.
func instr(b *binding) (impl, error) {
	if err := b.arity(2, 4); err != nil {
		return nil, err
	}
	b.fail = len(b.args) > 3
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		s, sub := strs(a[0]), strs(a[1])
		from, nth := kernel.Nums[int64]{V: []int64{1}}, kernel.Nums[int64]{V: []int64{1}}
		if len(a) > 2 {
			from = ints(a[2], n)
		}
		if len(a) > 3 {
			nth = ints(a[3], n)
		}
		out := intColumn(t, n, kernel.Valid(n, a...), func(i int) (int64, bool) {
			v, p, f, k := s.At(i), sub.At(i), clampInt(from.At(i)), nth.At(i)
			if k <= 0 {
				failed = fault.Newf(fault.Permanent, "INSTR with occurrence %d: it must be positive", k)
				return 0, false
			}
			if f < 0 {
				return int64(lastIndex(v, p, -f, k)), true
			}
			at := 0
			for ; k > 0 && f > 0; k-- {
				if at = indexFrom(v, p, f); at == 0 {
					break
				}
				f = at + 1
			}
			return int64(at), true
		})
		return out, failed
	}, nil
}

// lastIndex is the position of the nth sub counted from the end, the search starting back characters before it. The empty sub is past the end.
func lastIndex(s, sub string, back int, nth int64) int {
	if sub == "" {
		return utf8.RuneCountInString(s) + 1
	}
	end := byteAt(s, utf8.RuneCountInString(s)-back+1)
	for ; nth > 0; nth-- {
		k := strings.LastIndex(s[:end], sub)
		if k < 0 {
			return 0
		}
		if nth == 1 {
			return utf8.RuneCountInString(s[:k]) + 1
		}
		_, w := utf8.DecodeLastRuneInString(s[:k+len(sub)])
		end = k + len(sub) - w
	}
	return 0
}

func affix(f func(s, affix string) bool) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(2, 2); err != nil {
			return nil, err
		}
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			s, p := strs(a[0]), strs(a[1])
			return toBools(n, kernel.Valid(n, a...), func(i int) (bool, bool) { return f(s.At(i), p.At(i)), true }), nil
		}, nil
	}
}

// charClass is IS_ALPHA and IS_DIGIT of text whose characters are all in the class, and with nil IS_DECIMAL of text that is a number. Null and
// the empty text are false. A number is itself tested by its type: DECIMAL is none of the three, as in Flink.
func charClass(in func(rune) bool, number func(t types.Type) bool) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(1, 1); err != nil {
			return nil, err
		}
		kind := b.typ(0)
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			valid := kernel.Valid(n, a[0])
			if !kind.IsString() {
				yes := number(kind)
				return toBools(n, nil, func(i int) (bool, bool) { return yes && kernel.IsValid(valid, i), true }), nil
			}
			s := strs(a[0])
			return toBools(n, nil, func(i int) (bool, bool) {
				if !kernel.IsValid(valid, i) || s.At(i) == "" {
					return false, true
				}
				if in == nil {
					_, ok := parseFloat(strings.TrimFunc(s.At(i), func(r rune) bool { return r <= ' ' }))
					return ok, true
				}
				return strings.IndexFunc(s.At(i), func(r rune) bool { return !in(r) }) < 0, true
			}), nil
		}, nil
	}
}
