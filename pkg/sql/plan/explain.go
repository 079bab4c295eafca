package plan

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Detail is what EXPLAIN prints beside the tree.
type Detail uint8

// The details, a set: each node's columns, keys and event time; what it keeps (StateOf); Advice; the plan as JSON.
const (
	ShowColumns Detail = 1 << iota
	ShowState
	ShowAdvice
	ShowJSON
	ShowTree Detail = 0
)

// Explain prints the plan: a tree under every sink with the change kinds of each node, inputs indented under their reader. A node that several
// readers share is printed where it is met first; later it is one line "↑ id".
func Explain(p *Plan, details Detail) string {
	var b strings.Builder
	seen := map[Node]bool{}
	for _, s := range p.Sinks {
		explain(&b, s, 0, details, seen)
	}
	if details&ShowAdvice != 0 {
		for i, a := range Advice(p) {
			fmt.Fprintf(&b, "advice %d: %s\n", i+1, a)
		}
	}
	if details&ShowJSON != 0 {
		b.WriteString(asJSON(p))
	}
	if len(p.Settings) > 0 && details&ShowColumns != 0 {
		keys := make([]string, 0, len(p.Settings))
		for k := range p.Settings {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			fmt.Fprintf(&b, "SET %s = %s\n", quote(k), quote(p.Settings[k]))
		}
	}
	return b.String()
}

func explain(b *strings.Builder, n Node, depth int, details Detail, seen map[Node]bool) {
	pad := strings.Repeat("  ", depth)
	p := n.Props()
	if seen[n] {
		fmt.Fprintf(b, "%s↑ %d\n", pad, p.ID)
		return
	}
	seen[n] = true
	fmt.Fprintf(b, "%s%d %s", pad, p.ID, n.Describe())
	if _, sink := n.(*Sink); !sink {
		fmt.Fprintf(b, " %s", p.Mode)
	}
	b.WriteByte('\n')
	if details&ShowColumns != 0 && len(p.Out) > 0 {
		fmt.Fprintf(b, "%s    : %s\n", pad, p.Out)
		if p.UpsertKey != nil {
			fmt.Fprintf(b, "%s    : key [%s]\n", pad, strings.Join(p.Out.Names(p.UpsertKey), ", "))
		}
		if p.RowTime >= 0 {
			fmt.Fprintf(b, "%s    : event time %s\n", pad, p.Out.Name(p.RowTime))
		}
	}
	if details&ShowState != 0 {
		for _, s := range StateOf(n) {
			warn := ""
			if s.Unbounded() {
				warn = " (unbounded)"
			}
			fmt.Fprintf(b, "%s    : keeps %s%s\n", pad, s, warn)
		}
	}
	for _, i := range n.Inputs() {
		explain(b, i, depth+1, details, seen)
	}
}

// Number sets p.Nodes to all nodes under the sinks in topological order, inputs first, and their ids from 1.
func (p *Plan) Number() {
	p.Nodes = nil
	seen := map[Node]bool{}
	var visit func(Node)
	visit = func(n Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		for _, i := range n.Inputs() {
			visit(i)
		}
		p.Nodes = append(p.Nodes, n)
		n.Props().ID = len(p.Nodes)
	}
	for _, s := range p.Sinks {
		visit(s)
	}
}

// Readers maps every node to the nodes that read it, a reader once for each input that it reads.
func (p *Plan) Readers() map[Node][]Node {
	out := map[Node][]Node{}
	for _, n := range p.Nodes {
		for _, i := range n.Inputs() {
			out[i] = append(out[i], n)
		}
	}
	return out
}

// Replace makes every reader of old read n instead.
func (p *Plan) Replace(old, n Node) {
	for _, r := range p.Nodes {
		if r == n {
			continue
		}
		for i, in := range slices.Clone(r.Inputs()) {
			if in == old {
				r.SetInput(i, n)
			}
		}
	}
}
