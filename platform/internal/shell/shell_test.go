package shell

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/blob"
	"github.com/freshet-dw/freshet/pkg/connector/connectors"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/job"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/sql"
)

// output may be written by the query's goroutines.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

// take gives what was written since the last call, with times made equal.
func (o *output) take() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := regexp.MustCompile(`\d+\.\d\d s`).ReplaceAllString(o.b.String(), "# s")
	o.b.Reset()
	return text
}

func newShell(t *testing.T, change func(*Config)) (*Shell, *output) {
	t.Helper()
	state, err := blob.NewDir(t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	out := &output{}
	cfg := Config{Out: out, Err: out, Dir: t.TempDir(), Runtime: &job.Runtime{Connectors: connectors.New(connectors.Config{}), State: state, Tel: obs.Discard(),
		Settings: map[string]string{"execution.checkpointing.interval": "1000 ms", "parallelism.default": "1"}}}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, out
}

const clicks = `CREATE TABLE clicks (page INT, who BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '6', 'rows-per-second' = '1000000',
	'fields.page.kind' = 'sequence', 'fields.page.start' = '1', 'fields.page.end' = '6', 'fields.who.kind' = 'sequence', 'fields.who.start' = '1', 'fields.who.end' = '6');`

func TestStatements(t *testing.T) {
	s, out := newShell(t, nil)
	for _, c := range []struct{ text, want string }{
		{clicks, "ok\n"},
		{"SHOW TABLES; SHOW VIEWS;", "+------------+\n| table name |\n+------------+\n| clicks     |\n+------------+\n1 row\nempty set\n"},
		{"SELECT page FROM clicks WHERE page < 3;", "+----+-------------+\n| op | page        |\n+----+-------------+\n| +I | 1           |\n| +I | 2           |\n+----+-------------+\n2 changes in # s\n"},
		{"SELECT 'x\ny', CAST(NULL AS INT) AS n, TRUE AS b;", "+----+--------+-------------+-------+\n| op | EXPR$0 | n           | b     |\n+----+--------+-------------+-------+\n" +
			"| +I | x↵y    | <NULL>      | true  |\n+----+--------+-------------+-------+\n1 change in # s\n"},
		{"SET 'sql-client.execution.result-mode' = 'table'; SELECT page / 4 AS p, COUNT(*) AS n FROM clicks GROUP BY page / 4;",
			"ok\n+---+---+\n| p | n |\n+---+---+\n| 0 | 3 |\n| 1 | 3 |\n+---+---+\n2 rows in # s\n"},
		{"RESET 'sql-client.execution.result-mode'; SET 'sql-client.display.max-column-width' = '5'; SELECT 'abcdefgh' AS t;",
			"ok\nok\n+----+-------+\n| op | t     |\n+----+-------+\n| +I | abcd… |\n+----+-------+\n1 change in # s\n"},
		{"CREATE TABLE hole (page INT) WITH ('connector' = 'blackhole'); INSERT INTO hole SELECT page FROM clicks;", "ok\ndone: 6 rows in, 6 rows out, # s\n"},
		{"BEGIN STATEMENT SET; INSERT INTO hole SELECT page FROM clicks; INSERT INTO hole SELECT page + 1 FROM clicks; END;", "done: 6 rows in, 12 rows out, # s\n"},
		{"EXPLAIN SELECT page FROM clicks;", "2 Sink(table=result, connector=print, columns=[page])\n  1 Source(table=clicks, connector=datagen, columns=[page]) [I]\n"},
		{"help;", help},
		{"clear", ""},
	} {
		if err := s.Run(t.Context(), "", c.text); err != nil {
			t.Fatalf("%s: %v", c.text, err)
		}
		if got := out.take(); got != c.want {
			t.Errorf("%s\n%s\nwant\n%s", c.text, got, c.want)
		}
	}
	if err := s.Run(t.Context(), "", " quit ;"); !errors.Is(err, ErrQuit) {
		t.Error(err)
	}
}

func TestFaults(t *testing.T) {
	s, out := newShell(t, nil)
	if err := s.Run(t.Context(), "", "CREATE TABLE hole (a INT) WITH ('connector' = 'blackhole'); SELECT * FROM hoel; SHOW TABLES;"); err == nil ||
		!strings.Contains(fault.Render(err, ""), "did you mean hole?") {
		t.Error(err)
	}
	if got := out.take(); got != "ok\n" {
		t.Errorf("after the fault: %s", got)
	}
	// The session goes on, without what failed.
	if err := s.Run(t.Context(), "", "INSERT INTO hole SELECT 1;"); err != nil {
		t.Error(err)
	}
	if err := s.Run(t.Context(), "", "SELECT 1 / (x - 1) FROM (VALUES 1) AS t (x);"); err == nil || !strings.Contains(err.Error(), "division by zero") {
		t.Error(err)
	}
	if err := s.Run(t.Context(), "", "SET 'parallelism.default' = 'many'; SELECT 1;"); fault.KindOf(err) != fault.Config {
		t.Error(err)
	}
}

func TestBackgroundJobs(t *testing.T) {
	s, out := newShell(t, nil)
	must := func(text string) string {
		t.Helper()
		if err := s.Run(t.Context(), "", text); err != nil {
			t.Fatal(err)
		}
		return out.take()
	}
	must("CREATE TABLE many (a BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '100'); CREATE TABLE hole (a BIGINT) WITH ('connector' = 'blackhole');" +
		"SET 'table.dml-sync' = 'false'; SET 'pipeline.name' = 'mine'; SET 'execution.checkpointing.interval' = '20 ms';")
	if got := must("INSERT INTO hole SELECT a FROM many;"); got != "job 1 runs in the background: mine\n" {
		t.Error(got)
	}
	awaitState(t, must, `\| 1 +\| mine +\| RUNNING +\| [-0-9: ]+ \| [1-9]`)
	if err := s.Run(t.Context(), "", "STOP JOB '7';"); err == nil || !strings.Contains(err.Error(), "there is no job '7'") {
		t.Error(err)
	}
	must("STOP JOB '1';")
	awaitState(t, must, "CANCELED")
}

func awaitState(t *testing.T, must func(string) string, want string) {
	t.Helper()
	last := ""
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if last = must("SHOW JOBS;"); regexp.MustCompile(want).MatchString(last) {
			return
		}
	}
	t.Fatalf("no %s in\n%s", want, last)
}

// TestInterrupt stops an endless query as Ctrl-C does, and draws the live table on a terminal of 40 by 10.
func TestInterrupt(t *testing.T) {
	var stop context.CancelFunc
	s, out := newShell(t, func(c *Config) {
		c.Screen = func() (int, int, bool) { return 40, 10, true }
		c.Interruptible = func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancel(ctx)
			stop = cancel
			return ctx, cancel
		}
	})
	text := `CREATE TABLE many (a BIGINT, t AS 'a text that is wider than the screen is') WITH ('connector' = 'datagen', 'rows-per-second' = '1000', 'fields.a.kind' = 'sequence', 'fields.a.start' = '1', 'fields.a.end' = '1000000');
		SET 'sql-client.execution.result-mode' = 'table'; SET 'execution.checkpointing.interval' = '20 ms'; SELECT a, t FROM many;`
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context(), "", text) }()
	seen := ""
	for deadline := time.Now().Add(20 * time.Second); strings.Count(seen, "Ctrl-C stops") < 2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing is drawn:\n%s", seen)
		}
		seen += out.take()
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(seen, "\x1b[9A\x1b[J") || !strings.Contains(seen, "the first 4 are shown") {
		t.Errorf("drawn:\n%q", seen)
	}
	for _, l := range strings.Split(seen, "\n") {
		if strings.HasPrefix(l, "|") && width(l) > 40 {
			t.Errorf("a line of %d characters: %s", width(l), l)
		}
	}
	if end := out.take(); !strings.Contains(end, "rows in # s, stopped") {
		t.Error(end)
	}
}

func TestInclude(t *testing.T) {
	s, out := newShell(t, func(c *Config) {
		c.Include = []sql.File{{Name: "a.sql", Src: clicks + "CREATE VIEW first AS SELECT page FROM clicks WHERE page = 1; INSERT INTO nowhere SELECT 1;"},
			{Name: "b.sql", Src: "CREATE TABLE clicks (page STRING) WITH ('connector' = 'blackhole');"}}
	})
	if err := s.Run(t.Context(), "", "SELECT * FROM `first`;"); err != nil || !strings.Contains(out.take(), "| +I | 1 ") {
		t.Error(err)
	}
}

func TestComplete(t *testing.T) {
	s, _ := newShell(t, nil)
	if err := s.Run(t.Context(), "", clicks+"CREATE VIEW clever AS SELECT page AS sheet FROM clicks;"); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"SELECT * FROM cl":         "ever icks",
		"sel":                      "ect",
		"SEL":                      "ECT",
		"SELECT clicks.":           "page who",
		"SELECT pa":                "ge rameter rse_url rtition ttern", // keywords in the case of what is there
		"DESCRIBE cle":             "ver",
		"SET 'table.exec.st":       "ate.ttl'",
		"SELECT 'cl":               "",
		"SELECT ARRAY_SI":          "ZE",
		"SELECT x FROM t WHERE wh": "en enever ere o",
	} {
		ends, n := s.Complete(text)
		if got := strings.Join(ends, " "); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		if len(ends) > 0 && n > len(text) {
			t.Errorf("%s: %d characters of the word", text, n)
		}
	}
	if ends, _ := s.Complete("cre"); !slices.Contains(ends, "ate") {
		t.Error(ends)
	}
}

// TestInteract types through the line editor.
func TestInteract(t *testing.T) {
	s, out := newShell(t, nil)
	keys := "SELECT 1 AS a,\n 2 AS b;\nSELECT nope;\n\nexit;\nSELECT 3;\n"
	history := t.TempDir() + "/sub/history"
	if err := s.Interact(t.Context(), Editor{Stdin: strings.NewReader(keys), History: history}); err != nil {
		t.Fatal(err)
	}
	got := out.take()
	for _, want := range []string{"| +I | 1 ", "column nope does not exist"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "| +I | 3 ") {
		t.Error("it goes on after EXIT")
	}
}
