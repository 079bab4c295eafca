package oracle

import (
	"slices"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/testkit/sqlcase"
)

func answer(t *testing.T, log string) *Answer {
	t.Helper()
	a, err := parseAnswer([]byte(`{"log":[` + log + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestValuesPrintAsHere(t *testing.T) {
	a := answer(t, `{"t":"o","k":"+I","v":["a",null,{"f":"1069547520"},{"d":"9094988921128908188"},{"d":"4607182418800017408"},{"ts":[1717200005,123000000]},`+
		`{"ltz":[-1,999999000]},{"ts":[0,1]},{"date":-1},{"time":3723004},{"b":"00ff"},{"a":["1",null]},{"r":["x",{"a":[]}]},{"m":[["k","v"],["j",null]]}]}`)
	want := "[a, NULL, 1.5, 1e+300, 1, 2024-06-01T00:00:05.123, 1969-12-31T23:59:59.999999Z, 1970-01-01T00:00:00.000000001, 1969-12-31, 01:02:03.004, 00ff, " +
		"[1, NULL], +I[x, []], {k=v, j=NULL}]"
	if got := a.Log[0].Text; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestMapsHaveNoOrder(t *testing.T) {
	for a, b := range map[string]string{
		"[{b=1, a=[2, 1]}, x]":            "[{a=[2, 1], b=1}, x]",
		"[{b={d=1, c=2}, a={}}]":          "[{a={}, b={c=2, d=1}}]",
		"[+I[{b=1, a=2}, y], {z=1, y=2}]": "[+I[{a=2, b=1}, y], {y=2, z=1}]",
		"[a{b, c]":                        "[a{b, c]",
	} {
		if canonical(a) != canonical(b) {
			t.Errorf("%s and %s become %s and %s", a, b, canonical(a), canonical(b))
		}
	}
	if canonical("[{a=1}]") == canonical("[{a=2}]") || canonical("[1, 2]") == canonical("[2, 1]") {
		t.Error("different rows are the same")
	}
}

const (
	added   = `{"t":"o","k":"+I","v":["a","1"],"turn":0}`
	before  = `{"t":"o","k":"-U","v":["a","1"],"turn":1}`
	between = `{"t":"o","k":"+U","v":["a","2"],"turn":1}`
	again   = `{"t":"o","k":"-U","v":["a","2"],"turn":1}`
	after   = `{"t":"o","k":"+U","v":["a","3"],"turn":1}`
)

func TestCompare(t *testing.T) {
	all := answer(t, strings.Join([]string{added, before, between, again, after}, ","))
	once := answer(t, added)
	keyed := answer(t, `{"t":"o","k":"+I","v":["a","1"],"key":["a"],"turn":0},{"t":"o","k":"+U","v":["a","2"],"key":["a"],"turn":1}`)
	failed := &Answer{Error: "no"}
	rows := func(ls ...string) map[string][]string { return map[string][]string{"o": ls} }
	for _, c := range []struct {
		name          string
		c             sqlcase.Case
		stream, batch *Answer
		want          string
	}{
		{"same", sqlcase.Case{Out: rows("[a, 3]")}, all, all, ""},
		{"other row", sqlcase.Case{Out: rows("[a, 2]")}, all, nil, "o on Flink"},
		{"no rows", sqlcase.Case{Out: rows()}, all, nil, "o on Flink"},
		{"no batch", sqlcase.Case{Out: rows("[a, 3]")}, all, nil, ""},
		{"other batch", sqlcase.Case{Out: rows("[a, 3]")}, all, once, "o in batch mode on Flink"},
		{"batch section", sqlcase.Case{Out: rows("[a, 3]"), Batch: rows("[a, 1]")}, all, once, ""},
		{"batch known to differ", sqlcase.Case{Out: rows("[a, 3]"), FlinkBatch: "why"}, all, once, ""},
		{"batch no longer differs", sqlcase.Case{Out: rows("[a, 3]"), FlinkBatch: "why"}, all, all, "Flink agrees in batch mode"},
		{"batch known to differ, but stream too", sqlcase.Case{Out: rows("[a, 2]"), FlinkBatch: "why"}, all, once, "o on Flink"},
		{"batch fails", sqlcase.Case{Out: rows("[a, 3]")}, all, failed, "Flink fails in batch mode"},
		{"log", sqlcase.Case{Log: rows("+I[a, 1]", "-U[a, 1]", "+U[a, 2]", "-U[a, 2]", "+U[a, 3]")}, all, nil, ""},
		{"log of other kinds", sqlcase.Case{Log: rows("+I[a, 1]", "-D[a, 1]", "+I[a, 2]", "-U[a, 2]", "+U[a, 3]")}, all, nil, ""},
		{"net log", sqlcase.Case{Log: rows("+I[a, 1]", "-U[a, 1]", "+U[a, 3]")}, all, nil, ""},
		{"net over turns", sqlcase.Case{Log: rows("+I[a, 3]")}, all, nil, "changelog of o"},
		{"longer log", sqlcase.Case{Log: rows("+I[a, 1]", "-U[a, 1]", "+U[a, 3]", "+I[b, 1]")}, all, nil, "changelog of o"},
		{"shorter log", sqlcase.Case{Log: rows("+I[a, 1]")}, all, nil, "changelog of o"},
		{"log by key", sqlcase.Case{Log: rows("+I[a, 1]", "-U[a, 1]", "+U[a, 2]")}, keyed, nil, ""},
		{"other log by key", sqlcase.Case{Log: rows("+I[a, 1]", "-D[a, 1]", "+U[a, 2]")}, keyed, nil, "changelog of o"},
		{"unknown log", sqlcase.Case{Log: rows("?")}, all, nil, "changelog of o"},
		{"error", sqlcase.Case{Error: "x"}, failed, nil, ""},
		{"no error", sqlcase.Case{Error: "x"}, all, nil, "Flink runs it"},
		{"fails", sqlcase.Case{Out: rows()}, failed, nil, "Flink fails"},
	} {
		got := strings.Join(Compare(&c.c, c.stream, c.batch), "\n")
		if (c.want == "") != (got == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestTable(t *testing.T) {
	keyed := answer(t, `{"t":"o","k":"+I","v":["a","1"],"key":["a"]},{"t":"o","k":"+I","v":["b","1"],"key":["b"]},{"t":"p","k":"+I","v":["z"]},`+
		`{"t":"o","k":"+U","v":["a","2"],"key":["a"]},{"t":"o","k":"-D","v":["b",null],"key":["b"]}`)
	if got, err := keyed.Table("o"); err != nil || !slices.Equal(got, []string{"[a, 2]"}) {
		t.Error(got, err)
	}
	if _, err := answer(t, before).Table("o"); err == nil {
		t.Error("a row that is not there was taken back")
	}
}
