package sqlcase

import (
	"flag"
	"math/rand/v2"
	"testing"
)

var (
	seeds = flag.Uint64("seeds", 60, "random queries that TestRandom runs")
	first = flag.Uint64("seed", 0, "the first of them")
)

// TestRandom runs random queries in all ways and compares with the oracle.
func TestRandom(t *testing.T) {
	for seed := *first; seed < *first+*seeds; seed++ {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 7))}
		c := &Case{}
		g.inputs(c)
		e := g.make(1 + g.IntN(3))
		if len(e.rows) > 2000 {
			continue
		}
		c.Query = e.sql
		c.Out = map[string][]string{"o": lines(e.rows)}
		for _, w := range ways(c) {
			got, err := run(c, w)
			if err != nil {
				t.Fatalf("seed %d, %s: %v\n%s", seed, w.name, err, c.Query)
			}
			check(t, c, w, got)
			if t.Failed() {
				t.Fatalf("seed %d, %s\n%s\n%v", seed, w.name, c.Query, c.In)
			}
		}
	}
}
