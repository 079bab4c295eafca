package sqlcase

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql"
)

var rewriteCookbook = flag.Bool("rewrite-cookbook", false, "write what the straight run gives into the cookbook's empty out sections")

// TestCookbook compiles every recipe with the real connectors and runs it in memory in all ways.
func TestCookbook(t *testing.T) {
	pages, err := filepath.Glob(CookbookPages)
	if err != nil {
		t.Fatal(err)
	}
	set := CookbookConnectors()
	recipes := 0
	for _, page := range pages {
		rs, err := Cookbook(page)
		if err != nil {
			t.Fatal(err)
		}
		recipes += len(rs)
		t.Run(strings.TrimSuffix(filepath.Base(page), ".md"), func(t *testing.T) {
			for _, r := range slices.Backward(rs) { // from the end, so that rewriting keeps earlier lines' numbers
				t.Run(r.Title, func(t *testing.T) {
					if _, err := sql.Compile(page, r.Text(), sql.Options{Describer: set}); err != nil {
						t.Fatal(fault.Render(err, ""))
					}
					c, err := r.Case(set)
					if err != nil {
						t.Fatal(fault.Render(err, ""))
					}
					if *rewriteCookbook {
						fill(t, page, r, c)
						return
					}
					for name, rows := range c.Out {
						if len(rows) == 0 && !strings.Contains(r.Rows, "# nothing") {
							t.Errorf("nothing is expected in %s", name)
						}
					}
					Run(t, c)
				})
			}
		})
	}
	if recipes < 60 {
		t.Errorf("%d recipes, want 60 at least", recipes)
	}
}

// fill writes the rows of the straight run under "out" headings that have none.
func fill(t *testing.T, page string, r *Recipe, c *Case) {
	t.Helper()
	got, err := run(c, ways(c)[0])
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	var out []string
	out = append(out, lines[:r.RowsLine-1]...)
	i := r.RowsLine - 1
	for ; lines[i] != "```"; i++ {
		out = append(out, lines[i])
		name, isOut := strings.CutPrefix(lines[i], "-- out ")
		name = strings.TrimSuffix(name, " --")
		if isOut && len(c.Out[name]) == 0 && got.sinks[name] != nil {
			out = append(out, got.sinks[name].final()...)
		}
	}
	out = append(out, lines[i:]...)
	if err := os.WriteFile(page, []byte(strings.Join(out, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}
