package sqlcase

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/sql/optimize"
)

var (
	seeds = flag.Uint64("seeds", 15, "random queries that TestRandom runs")
	scale = flag.Int("scale", 1, "how much larger its tables are")
	first = flag.Uint64("seed", 0, "the first of them")
	dump  = flag.String("dump", "", "a file for the queries as cases, for make oracle")
)

// TestRandom runs random queries in all ways, also without the optimizer's rules, and compares with the oracle.
func TestRandom(t *testing.T) {
	var cases strings.Builder
	for seed := *first; seed < *first+*seeds; seed++ {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 7)), scale: *scale}
		c := &Case{}
		g.inputs(c)
		c.Out = map[string][]string{}
		g.into(c, g.IntN(4))
		if len(c.Out["o"]) > 2000**scale {
			continue
		}
		c.Name = fmt.Sprintf("seed %d", seed)
		cases.WriteString(c.String())
		for _, w := range append(ways(c), unoptimized(g, c)...) {
			if *scale > 100 && !w.batch {
				continue // an epoch a row takes too long
			}
			got, err := run(c, w)
			if err != nil {
				t.Fatalf("seed %d, %s: %v\n%s", seed, w.name, err, c.SQL)
			}
			if err := check(c, w, got); err != nil {
				t.Fatalf("seed %d, %s: %v\n%s\n%v", seed, w.name, err, c.SQL, c.In)
			}
		}
	}
	if *dump != "" {
		if err := os.WriteFile(*dump, []byte(cases.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// unoptimized are ways to run a case with plans that lack some rules, or all that can be spared.
func unoptimized(g *generator, c *Case) []way {
	var ids []string
	for _, r := range optimize.Rules() {
		if !r.Needed {
			ids = append(ids, r.ID)
		}
	}
	all := ways(c)
	straight, crashing := all[0], all[3]
	straight.name, straight.skip = "without any rule", strings.Join(ids, ",")
	crashing.skip = ids[g.IntN(len(ids))]
	crashing.name = "without " + crashing.skip
	return []way{straight, crashing}
}

// TestRandomLateRows runs windows over input whose epochs are given, so that it is known which rows are late.
func TestRandomLateRows(t *testing.T) {
	for seed := *first; seed < *first+*seeds; seed++ {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 11)), scale: 1}
		c := g.late()
		for _, w := range ways(c) {
			if w.batch {
				continue // nothing is late in one epoch
			}
			got, err := run(c, w)
			if err != nil {
				t.Fatalf("seed %d, %s: %v\n%s", seed, w.name, err, c.Query)
			}
			if err := check(c, w, got); err != nil {
				t.Fatalf("seed %d, %s: %v\n%s\n%v", seed, w.name, err, c.Query, c.In)
			}
		}
	}
}
