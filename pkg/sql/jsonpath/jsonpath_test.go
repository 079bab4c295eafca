package jsonpath

import (
	"errors"
	"testing"
)

const doc = `{"a": 1, "b": {"c": [1, 2.50, "x", null, {"d": true}]}, "e": null, "f": "q\"\n\u00e9", "g g": 7, "h": [{"p": 5, "t": "A"}, {"p": 15, "t": "B"}, {"p": 25}]}`

// TestEval holds what Flink 1.20 gives, but for tests of existence and IN in filters, with which its jobs end.
func TestEval(t *testing.T) {
	for path, want := range map[string]string{
		"$.a": "1", "lax $.a": "1", "STRICT  $.a": "1", "a": "1", "$['a']": "1", `$["g g"]`: "7", "$.b.c[1]": "2.5", "$.b.c[-1].d": "true", "$.e": "null", "$.f": `"q\"\né"`,
		"$.zz": "!", "lax $.zz": "", "$.a.b": "!", "lax $.a.b": "", "$.b.c[9]": "!", "lax $.b.c[9]": "", "$.a[0]": "!",
		"$.h[*].p": "[5,15,25]", "$.h[*].t": `["A","B"]`, "$.h.*": `[{"p":5,"t":"A"},{"p":15,"t":"B"},{"p":25}]`, "$.a[*]": "[]", "$.zz[*]": "!", "lax $.zz[*]": "[]",
		"$.h[0,2].p": "[5,25]", "$.h[0:2].p": "[5,15]", "$.h[-1:].p": "[25]", "$.h[:1].p": "[5]", "$.h[:-1].p": "[5,15]", "$.h[9:].p": "[]", "$.b.c[-2:4]": `[null,{"d":true},1,2.5,"x",null]`,
		"$..p": "[5,15,25]", "$..d": "[true]", "$..zz": "[]", "$..c[1]": "[2.5]", "$..[0]": `[1,{"p":5,"t":"A"}]`, "$..[0].p": "[5]", "$..[?(@.p > 6)].p": "[15,25]",
		"$['a','e']": `{"a":1,"e":null}`, "$['a','nope']": `{"a":1}`,
		"$.h[?(@.p > 6)].p": "[15,25]", "$.h[?(@.t == 'A')].p": "[5]", "$.h[?(@.t != 'A')].p": "[15,25]", "$.h[?(@.p == '5')].p": "[5]", "$.h[?(@.p === '5')].p": "[]",
		"$.h[?(@.p >= 5 && @.p < 20)].p": "[5,15]", "$.h[?(@.p < 6 || @.p > 20)].p": "[5,25]", "$.h[?(!(@.p < 6))].p": "[15,25]", "$.h[?(@.t =~ /[ab]/i)].p": "[5,15]", "$.h[?(@.t =~ /b/)].p": "[]",
		"$.h[?(@.p in [5, 25])].p": "[5,25]", "$.h[?(@.t nin ['A'])].p": "[15,25]", "$.h[?(@.p > $.a)].p": "[5,15,25]", "$.h[?(@.t)].p": "[5,15]", "$.h[?(!@.t)].p": "[25]",
		"$.h[?(@.t size 1)].p": "[5,15]", "$.h[?(@.t empty false)].p": "[5,15]", "$.h[?(@.t contains 'A')].p": "[5]", "$.a[?(@.d)]": "!",
		"$.h[?(@.p anyof [1])].p": "[]", "$.b[?(@.c subsetof [1])]": "[]", "$.b[?(@.c all [1, 'x'])].c[0]": "[1]", "$.h[?(@['t'] == \"B\")].p": "[15]",
		"$.h.length()": "3", "$.b.length()": "1", "$.h.size()": "3", "$.h[*].p.length()": "[null,null,null]", "$..p.sum()": "45.0", "$.b.keys()": `["c"]`, "$.b.c.max()": "2.5",
	} {
		p, err := Compile(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		v, ok := First([]byte(doc))
		if !ok {
			t.Fatal("the document is no JSON")
		}
		got := "!"
		if x, err := p.Eval(v); err == nil {
			if got = ""; x != nil {
				got = string(AppendJSON(nil, x))
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestCompileNamesTheFault(t *testing.T) {
	for path, want := range map[string]string{
		"$.": "a path cannot end with a point at character 1", "$[": "unclosed [ at character 3", "$.a b": "write a name with blanks as ['the name'] at character 4",
		"$x": "expected . or [ at character 2", "$..": "a path cannot end with a point at character 1", "$.a[x]": "expected a name in quotes, a position, * or ? at character 5",
		"$[?(@.a ==)]": "expected a value at character 11", "$[?(1)]": "expected a comparison at character 6", "$.a.foo()": "there is no function foo() at character 8",
		"$.a.concat('x')": "the function concat() is not available in this engine", "$[?(@.a TYPE 'x')]": "the filter operator TYPE is not available in this engine",
		"$[?(@.a =~ /(?=x)/)]": "regular expression /(?=x)/: look-ahead (?=…) is not available in this engine, at character 7",
	} {
		_, err := Compile(path)
		if err == nil || err.Error() != "JSON path '"+path+"': "+want {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
	if _, err := Compile("$.a.append(1)"); !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
}

func TestFirst(t *testing.T) {
	for text, want := range map[string]bool{
		"{}": true, " [1, 2] ": true, "{} x": true, "1 2": true, "12x": false, "truex": false, "01": false, `"a`: false, "[1,]": false, `{"a":1,"a":2}`: true, "NaN": false, "": false, "  ": false,
		"-": false, `{"a":}`: false, "{a:1}": false, "[1 2]": false, "1.": false, ".5": false, "1e": false, "+1": false, "tru": false, "null ": true, "-0.5e-3": true, "\"\x01\"": false, `"\u00e9"`: true, `"\x"`: false,
	} {
		if _, ok := First([]byte(text)); ok != want {
			t.Errorf("%q: %v", text, ok)
		}
	}
}

func TestAppendJSON(t *testing.T) {
	for text, want := range map[string]string{
		`{"b" : [ 1 , 2.50 ], "a":"\u0001\u001f\/", "b":1e5}`: `{"b":100000.0,"a":"\u0001\u001F/"}`, `-0`: "0", `-0.0`: "-0.0", `1E400`: "Infinity", `1234567.5e3`: "1.2345675E9", `"\ud83d\ude00"`: `"😀"`,
	} {
		if got := string(AppendJSON(nil, []byte(text))); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// FuzzEval: neither path nor document can bring it down, and what a path gives is JSON.
func FuzzEval(f *testing.F) {
	f.Add("$.h[?(@.p > 6 && !(@.t =~ /a/i))].p", doc)
	f.Add("lax $..['a','b'][-1:2].length()", "[1, {\"a\": \"\\ud800\"}]")
	f.Fuzz(func(t *testing.T, path, text string) {
		p, err := Compile(path)
		v, ok := First([]byte(text))
		if err != nil || !ok {
			return
		}
		if x, err := p.Eval(v); err == nil && x != nil {
			if _, ok := First(x); !ok && len(x) < 1000 {
				t.Fatalf("%s of %s gives %s", path, text, x)
			}
			_ = AppendJSON(nil, x)
		}
	})
}
