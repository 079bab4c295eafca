package javaregexp

import (
	"fmt"
	"strings"
	"testing"
)

// TestFind holds what java.util.regex gives: all matches of a pattern in a text, groups after their match, "-" for one that took no part.
func TestFind(t *testing.T) {
	for _, c := range [][3]string{
		{`a`, "banana", "a|a|a"},
		{`(\d+)-(\d+)`, "1-2 33-44", "1-2(1)(2)|33-44(33)(44)"},
		{`(?<year>\d{4})`, "in 2024", "2024(2024)"},
		{`(a)|(b)`, "ab", "a(a)(-)|b(-)(b)"},
		{`(?:a)+`, "aaab", "aaa"},
		{`.`, "a\r\nb\u2028c", "a|b|c"},
		{`(?s).+`, "a\nb", "a\nb"},
		{`a$`, "a\n", "a"},
		{`a$`, "a\r\n", "a"},
		{`a$`, "a\nb", ""},
		{`(a$)`, "a\n", "a(a)"},
		{`a\Z`, "a\n", "a"},
		{`a\z`, "a\n", ""},
		{`^a`, "ba\na", ""},
		{`(?m)^a$`, "b\na\nc", "a"},
		{`\h+`, "a \t\u00a0\u3000b", " \t\u00a0\u3000"},
		{`\v`, "a\x0bb", "\x0b"},
		{`\R`, "a\r\nb", "\r\n"},
		{`\s+`, "a \x0b\fb", " \x0b\f"},
		{`\w+`, "aé_1", "a|_1"},
		{`(?U)\w+`, "aé_1", "aé_1"},
		{`\d`, "1٣", "1"},
		{`[a-z&&[^bc]]+`, "abcd", "a|d"},
		{`[a-c[x-z]]+`, "axbd", "axb"},
		{`[^a-c]`, "abd", "d"},
		{`[]a]+`, "]a", "]a"},
		{`[a-]+`, "a-b", "a-"},
		{`[\d.]+`, "1.5x", "1.5"},
		{`\p{Alpha}+`, "abé", "ab"},
		{`\p{L}+`, "abé1", "abé"},
		{`\p{IsHan}+`, "订单a", "订单"},
		{`[\u4e00-\u9fa5]+`, "a订单b", "订单"},
		{`\p{InCJK_UNIFIED_IDEOGRAPHS}+`, "a订单b", "订单"},
		{`\P{L}`, "a1", "1"},
		{`\p{Punct}+`, "a!?b", "!?"},
		{`(?i)stra(ss)e`, "STRASSE", "STRASSE(SS)"},
		{`(?i)é`, "É", ""},
		{`(?iu)é`, "É", "É"},
		{`(?i)[a-c]+`, "aBCd", "aBC"},
		{`(?i)k`, "\u212a", ""},
		{`a(?i)b(?-i)c`, "aBc aBC", "aBc"},
		{`(?x) a  b # comment`, "ab", "ab"},
		{`\Qa.b\E+`, "a.bb", "a.bb"},
		{`\Q.\E*x`, "..x", "..x"},
		{`\x41\x{42}\u0043\0104`, "ABCD", "ABCD"},
		{`\t\e\cA`, "\t\x1b\x01", "\t\x1b\x01"},
		{`a{2,3}`, "aaaa", "aaa"},
		{`a{2,}?`, "aaaa", "aa|aa"},
		{`x*`, "xab", "x|||"},
		{`x*`, "abc", "|||"},
		{`\d*`, "a12b", "|12||"},
		{`\.`, "a.b", "."},
		{`a|b|`, "ab", "a|b|"},
		{`\bfoo\b`, "a foo b", "foo"},
		{`(a+)(b+)?`, "aac", "aa(aa)(-)"},
		{`é`, "café", "é"},
		{`[é-ü]`, "aö", "ö"},
		{`\//`, "a//b", "//"},
		{`\uD83D\uDE00`, "x😀", "😀"},
		{`^*a`, "a", "a"},
		{`\Aab\z`, "abc", ""},
		{`^ab`, "cab", ""},
		{`ab$`, "abc", ""},
	} {
		p, err := Compile(c[0])
		if err != nil {
			t.Errorf("%s: %v", c[0], err)
			continue
		}
		var got []string
		p.Each(c[1], func(loc []int) {
			s := c[1][loc[0]:loc[1]]
			for k := 2; k < len(loc); k += 2 {
				if loc[k] < 0 {
					s += "(-)"
				} else {
					s += "(" + c[1][loc[k]:loc[k+1]] + ")"
				}
			}
			got = append(got, s)
		})
		if g := strings.Join(got, "|"); g != c[2] || (len(got) > 0) != p.Match(c[1]) || (p.Find(c[1]) != nil) != p.Match(c[1]) {
			t.Errorf("%s in %q: %q, want %q; match %v", c[0], c[1], g, c[2], p.Match(c[1]))
		}
	}
}

func TestRefused(t *testing.T) {
	for p, want := range map[string]string{
		`a(?=b)`:         "look-ahead (?=…) is not available in this engine, at character 3",
		`(?!a)b`:         "look-ahead (?!…) is not available in this engine, at character 2",
		`(?<=a)b`:        "look-behind (?<=…) is not available in this engine, at character 2",
		`(?<!a)b`:        "look-behind (?<!…) is not available in this engine, at character 2",
		`(a)\1`:          "a back reference is not available in this engine, at character 5",
		`(?<n>a)\k<n>`:   "a back reference is not available in this engine, at character 9",
		`a++`:            "the possessive quantifier ++ is not available in this engine, at character 3",
		`a{2}+`:          "the possessive quantifier {2}+ is not available in this engine, at character 5",
		`(?>a)`:          "the atomic group (?>…) is not available in this engine, at character 2",
		`\Ga`:            `\G is not available in this engine, at character 2`,
		`\p{IsNoSuch}`:   `\p{IsNoSuch} is not available in this engine, at character 3`,
		`(`:              "unclosed group, at character 2",
		`a)`:             "unmatched ), at character 2",
		`*a`:             "dangling *, at character 1",
		`a**`:            "dangling *, at character 3",
		`[a`:             "unclosed character class, at character 3",
		`[b-a]`:          "illegal character range, at character 5",
		`\y`:             `\y is no escape, at character 2`,
		`a{`:             "illegal repetition, at character 3",
		`(?<a>x)(?<a>y)`: "a second group <a>, at character 13",
		`\`:              "a lone backslash, at character 2",
		`(?k)a`:          "unknown flag k, at character 3",
		`\xZZ`:           "want a hexadecimal digit, at character 3",
		`a{1,2`:          "unclosed counted quantifier, at character 6",
		`x{2000}`:        "invalid repeat count: {2000}, at character 1",
		`\x{110000}`:     "a character beyond 10FFFF, at character 10",
	} {
		_, err := Compile(p)
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", p, err, want)
		}
	}
}

func TestAppendReplaced(t *testing.T) {
	for _, c := range [][4]string{
		{"[0-9]+", "a1b22", "#", "a#b#"}, {"x*", "xab", "-", "--a-b-"}, {"a", "banana", "$1", "b$1n$1n$1"}, {"$", "a", "!", "a!"}, {"b", "a", "x", "a"}, {"", "ab", "-", "-a-b-"},
	} {
		p, err := Compile(c[0])
		if err != nil {
			t.Fatal(err)
		}
		if got := string(p.AppendReplaced(nil, c[1], c[2])); got != c[3] {
			t.Errorf("%s in %s: %s, want %s", c[0], c[1], got, c[3])
		}
	}
}

// FuzzCompile: no pattern panics or is translated into one that Go's engine cannot read.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{`a(b|c)*$`, `[a-z&&[^b]]\p{L}`, `(?i)é\Q.\E`, `(?x) # c`, `\x{1F600}{2,3}?`, `[^\d\]-]`, `(?<n>\R)`} {
		f.Add(s, "abc\n")
	}
	f.Fuzz(func(t *testing.T, p, s string) {
		re, err := Compile(p)
		if err != nil {
			if _, ok := err.(*Error); !ok {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		found := false
		re.Each(s, func(loc []int) {
			found = true
			_ = s[loc[0]:loc[1]]
		})
		if found != re.Match(s) {
			t.Fatalf("%q in %q: found %v, match %v", p, s, found, re.Match(s))
		}
		_ = fmt.Sprint(re.Groups())
	})
}
