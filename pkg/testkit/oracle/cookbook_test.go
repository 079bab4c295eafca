//go:build oracle

package oracle

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/testkit/sqlcase"
)

// TestCookbook runs the documentation's recipes on Flink, over the rows that stand beside them.
func TestCookbook(t *testing.T) {
	pages, err := filepath.Glob(sqlcase.CookbookPages)
	if err != nil || len(pages) == 0 {
		t.Fatal("no pages", err)
	}
	clients := &pool{address: cluster(t)}
	t.Cleanup(clients.close)
	set := sqlcase.CookbookConnectors()
	for _, page := range pages {
		recipes, err := sqlcase.Cookbook(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range recipes {
			t.Run(strings.TrimSuffix(filepath.Base(page), ".md")+"/"+r.Title, func(t *testing.T) {
				t.Parallel()
				c, err := r.Case(set)
				if err != nil {
					t.Fatal(err)
				}
				stream, batch := ask(t, clients, c)
				diffs := Compare(c, stream, batch)
				if c.Flink != "" {
					if len(diffs) == 0 {
						t.Error("Flink runs it: take the section flink away")
					}
					return
				}
				for _, d := range diffs {
					t.Error(d)
				}
			})
		}
	}
}
