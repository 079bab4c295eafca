package exec

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// edge leads from a node to port port of node to (an index into graph.nodes).
type edge struct {
	to, port int
}

// graph is the plan as arrays: nodes in topological order with their readers.
type graph struct {
	nodes []plan.Node
	index map[plan.Node]int
	outs  [][]edge
	// depth counts the exchanges on the longest way from a source to the node. The end of an epoch goes through the
	// depths in order: when depth d has emitted and all exchanges are empty, depth d+1 has all of the epoch's rows.
	depth    []int
	maxDepth int
	// functions are the plan's user functions.
	functions map[string]*catalog.Function
}

func newGraph(p *plan.Plan) *graph {
	g := &graph{index: map[plan.Node]int{}, functions: p.Functions}
	var visit func(n plan.Node)
	visit = func(n plan.Node) {
		if _, ok := g.index[n]; ok {
			return
		}
		for _, in := range n.Inputs() {
			visit(in)
		}
		g.index[n] = len(g.nodes)
		g.nodes = append(g.nodes, n)
	}
	for _, s := range p.Sinks {
		visit(s)
	}
	g.outs = make([][]edge, len(g.nodes))
	g.depth = make([]int, len(g.nodes))
	for i, n := range g.nodes {
		for port, in := range n.Inputs() {
			j := g.index[in]
			g.outs[j] = append(g.outs[j], edge{i, port})
			d := g.depth[j]
			if _, ok := in.(*plan.Exchange); ok {
				d++
			}
			g.depth[i] = max(g.depth[i], d)
		}
		g.maxDepth = max(g.maxDepth, g.depth[i])
	}
	return g
}

// fingerprint names the plan's shape: state saved under one fingerprint fits only the same plan.
func (g *graph) fingerprint() string {
	h := sha256.New()
	for i, n := range g.nodes {
		fmt.Fprintf(h, "%d %s <-", i, n.Describe())
		for _, in := range n.Inputs() {
			fmt.Fprintf(h, " %d", g.index[in])
		}
		fmt.Fprintln(h)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
