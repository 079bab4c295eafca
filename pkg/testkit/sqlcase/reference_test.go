package sqlcase

import (
	"slices"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/sql/function"
)

// TestReferenceExamples runs every example of the function reference: what the page says a function gives is what it gives, and what it says is
// not there is refused.
func TestReferenceExamples(t *testing.T) {
	for _, g := range function.Docs() {
		for _, d := range g.Docs {
			t.Run(d.Name, func(t *testing.T) {
				c := &Case{SQL: function.DocTable + ";\n", Query: d.Query(), In: map[string][]string{"orders": nil}}
				for _, r := range function.DocRows {
					c.In["orders"] = append(c.In["orders"], "+I["+r+"]")
				}
				w := ways(c)[1]
				got, err := run(c, w)
				if d.NotYet {
					if err == nil {
						t.Errorf("%s runs: its entry says not yet", d.Example)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				var have []string
				if o := got.sinks["o"]; o == nil {
					t.Fatalf("%s gives no rows", d.Example)
				}
				for _, r := range got.sinks["o"].final() {
					have = append(have, strings.TrimSuffix(strings.TrimPrefix(r, "["), "]"))
				}
				want := strings.Split(d.Result, "; ")
				slices.Sort(want)
				slices.Sort(have)
				if !slices.Equal(have, want) {
					t.Errorf("%s gives %s, the reference says %s", d.Example, strings.Join(have, "; "), d.Result)
				}
			})
		}
	}
}
