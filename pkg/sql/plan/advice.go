package plan

import (
	"fmt"
	"strings"
)

// Advice says what of the plan may cost more than it must, a sentence each with the place and a way out, in the order of the nodes.
func Advice(p *Plan) []string {
	var out []string
	say := func(n Node, format string, args ...any) {
		place := ""
		if pos := n.Props().Pos; pos.Line > 0 {
			place = fmt.Sprintf("%s:%d:%d: ", pos.File, pos.Line, pos.Col)
		}
		out = append(out, fmt.Sprintf("%s%s", place, fmt.Sprintf(format, args...)))
	}
	for _, n := range p.Nodes {
		for _, s := range StateOf(n) {
			if s.Unbounded() {
				grows := map[Bounded]string{ByKeys: "every new key", ByRows: "every row"}[s.Bound]
				say(n, "node %d keeps %s: its state grows with %s; %s", n.Props().ID, s, grows, bound(n))
			}
		}
		switch n := n.(type) {
		case *Sink:
			if n.Materialize {
				say(n, "node %d puts the changes of a key of %s in order, because the query's own key is another%s; group or join by the sink's key to spare this", n.P.ID, n.Table.Name, ownKey(n.Input))
			}
		case *Exchange:
			if len(n.Keys) == 0 {
				say(n, "node %d sends all rows to one worker: what reads them has no key", n.P.ID)
			}
		}
	}
	return out
}

func ownKey(n Node) string {
	if k := n.Props().UpsertKey; k != nil {
		return " (" + strings.Join(n.Props().Out.Names(k), ", ") + ")"
	}
	return ""
}

// bound is how a node's state can be given an end.
func bound(n Node) string {
	switch n.(type) {
	case *Join:
		return "bound it by SET 'table.exec.state.ttl', the hint STATE_TTL, or the distance of two event times in ON"
	case *GroupAgg:
		return "bound it by SET 'table.exec.state.ttl', the hint STATE_TTL, or group by a window"
	case *Match:
		return "bound it by WITHIN"
	case *TemporalJoin:
		return "it holds the table's last versions"
	}
	return "bound it by SET 'table.exec.state.ttl'"
}
