//go:build oracle

package oracle

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/freshet-dw/freshet/pkg/testkit/sqlcase"
)

var (
	rewrite = flag.Bool("rewrite", false, "write Flink's answers into sections that are empty or hold ?")
	all     = flag.Bool("rewrite-all", false, "write Flink's answers over those in the files")
	explain = flag.Bool("explain", false, "log the columns' types and Flink's plan")
	where   = flag.String("cases", "../sqlcase/testdata", "a case file, or a folder of case files and folders")
)

// cluster gives the address of the oracle: that of FRESHET_ORACLE, or of one of our own.
func cluster(t *testing.T) string {
	if a := os.Getenv("FRESHET_ORACLE"); a != "" {
		return a
	}
	cache := os.Getenv("FRESHET_ORACLE_CACHE")
	if cache == "" {
		home, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		cache = filepath.Join(home, "freshet", "oracle")
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	a, err := Start(ctx, "flink", cache)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestOracle runs the case files on Flink.
func TestOracle(t *testing.T) {
	address := cluster(t)
	files, err := sqlcase.Files(*where)
	if err != nil {
		t.Fatal(err)
	}
	clients := &pool{address: address}
	t.Cleanup(clients.close)
	for _, f := range files {
		t.Run(strings.TrimSuffix(f.Name, ".txt"), func(t *testing.T) { runFile(t, clients, f) })
	}
}

func runFile(t *testing.T, clients *pool, f sqlcase.CaseFile) {
	cases, err := sqlcase.ParseFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	answers := map[int][2]*Answer{}
	t.Cleanup(func() {
		if *rewrite || *all {
			if err := rewriteFile(f.Path, answers, *all); err != nil {
				t.Error(err)
			}
		}
	})
	for i, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			stream, batch := ask(t, clients, c)
			mu.Lock()
			answers[i] = [2]*Answer{stream, batch}
			mu.Unlock()
			if stream.Error != "" {
				t.Log("Flink says", stream.Error)
			}
			diffs := Compare(c, stream, batch)
			if f.Folder == sqlcase.FlinkWrong {
				if len(diffs) == 0 {
					t.Error("Flink agrees: move the case to the folder agree")
				}
				return
			}
			for _, d := range diffs {
				if rewritten(c) {
					t.Log(d)
				} else {
					t.Error(d)
				}
			}
		})
	}
}

// rewritten tells whether the case's differences are what is being written.
func rewritten(c *sqlcase.Case) bool {
	if *all {
		return c.Error == ""
	}
	if !*rewrite || c.Error != "" {
		return false
	}
	for _, sections := range []map[string][]string{c.Out, c.Batch, c.Log} {
		for _, rows := range sections {
			if asks(rows) {
				return true
			}
		}
	}
	return len(c.Out) == 0
}

func ask(t *testing.T, clients *pool, c *sqlcase.Case) (stream, batch *Answer) {
	client, err := clients.get()
	if err != nil {
		t.Fatal(err)
	}
	defer clients.put(client)
	if sql, ok := cutBatchMode(c.SQL); ok { // the mode is the environment's own on Flink
		k := *c
		k.SQL = sql
		if stream, err = client.Ask(t.Context(), &k, true, *explain); err != nil {
			t.Fatal(err)
		}
		return stream, nil
	}
	if stream, err = client.Ask(t.Context(), c, false, *explain); err != nil {
		t.Fatal(err)
	}
	if *explain {
		t.Logf("columns %s\n%s", strings.Join(stream.Types, ", "), stream.Plan)
	}
	if stream.Error != "" || Batch(c) {
		return stream, nil
	}
	if batch, err = client.Ask(t.Context(), c, true, false); err != nil {
		t.Fatal(err)
	}
	if batch.Error != "" && batch.Phase == "plan" {
		t.Log("in batch mode Flink does not take it:", strings.SplitN(batch.Error, "\n", 2)[0])
		return stream, nil
	}
	return stream, batch
}

// cutBatchMode takes the statement that sets batch mode out of a case's SQL.
func cutBatchMode(sql string) (string, bool) {
	return cutLine(sql, "SET 'execution.runtime-mode' = 'batch';")
}

func cutLine(sql, line string) (string, bool) {
	before, after, ok := strings.Cut(sql, line+"\n")
	return before + after, ok
}

func rewriteFile(path string, answers map[int][2]*Answer, all bool) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	out, err := Rewrite(string(text), answers, all)
	if err != nil || out == string(text) {
		return err
	}
	return os.WriteFile(path, []byte(out), 0o644)
}

// pool keeps connections for the tests that run side by side.
type pool struct {
	address string
	mu      sync.Mutex
	free    []*Client
}

func (p *pool) get() (*Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		c := p.free[n-1]
		p.free = p.free[:n-1]
		return c, nil
	}
	return Dial(p.address)
}

func (p *pool) put(c *Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, c)
}

func (p *pool) close() {
	for _, c := range p.free {
		_ = c.Close()
	}
}
