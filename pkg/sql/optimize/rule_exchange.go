package optimize

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

func itoa(i int) string { return strconv.Itoa(i) }

// spread is how rows are distributed over tasks. Rows with equal values of keys share a task; no keys and known: all rows do.
// Exact means by this engine's hash of keys in this order, not by a source's own.
type spread struct {
	known, exact bool
	keys         []int
}

// serves tells whether a node that keeps state by keys can read these rows as they are. State belongs to the key group of the node's keys, and
// the rows must come to the task that owns it, after a restart too: so an exchange by some of the keys, or by the keys in another
// order, does not serve. A source that is partitioned by some of the keys does: that is its connector's promise.
func (s spread) serves(keys []int) bool {
	if s.exact {
		return slices.Equal(s.keys, keys)
	}
	return s.known && !slices.ContainsFunc(s.keys, func(k int) bool { return !slices.Contains(keys, k) })
}

// mapped follows the keys through a projection.
func (s spread) mapped(to func(int) int) spread {
	if !s.known {
		return s
	}
	keys := make([]int, len(s.keys))
	for i, k := range s.keys {
		if keys[i] = to(k); keys[i] < 0 {
			return spread{}
		}
	}
	return spread{known: true, exact: s.exact, keys: keys}
}

// exchange puts an Exchange before every keyed node whose rows are not distributed by its keys already. Readers of one node by the same keys
// share it.
func exchange(r *run) {
	spreads := map[plan.Node]spread{}
	made := map[string]*plan.Exchange{}
	shuffle := func(in plan.Node, keys []int) plan.Node {
		id := fmt.Sprintf("%p %v", in, keys)
		x := made[id]
		if x == nil {
			x = plan.New(&plan.Exchange{Input: in, Keys: keys}, in.Props().Pos)
			plan.Derive(x, true)
			x.P.Mode = in.Props().Mode
			made[id] = x
			spreads[x] = spread{known: true, exact: true, keys: keys}
		}
		return x
	}
	for _, n := range slices.Clone(r.p.Nodes) {
		need := func(i int, keys []int) {
			if in := n.Inputs()[i]; !spreads[in].serves(keys) {
				n.SetInput(i, shuffle(in, keys))
			}
		}
		pair := func(left, right []int) {
			l, rt := spreads[n.Inputs()[0]], spreads[n.Inputs()[1]]
			if !(l.known && l.exact && slices.Equal(l.keys, left)) {
				n.SetInput(0, shuffle(n.Inputs()[0], left))
			}
			if !(rt.known && rt.exact && slices.Equal(rt.keys, right)) {
				n.SetInput(1, shuffle(n.Inputs()[1], right))
			}
		}
		switch n := n.(type) {
		case *plan.GroupAgg:
			need(0, n.Keys)
		case *plan.WindowAgg:
			need(0, n.Keys)
		case *plan.Match:
			need(0, n.PartitionBy)
		case *plan.Rank:
			need(0, n.PartitionBy)
		case *plan.Sort:
			need(0, n.PartitionBy)
		case *plan.OverAgg:
			need(0, n.PartitionBy)
		case *plan.WindowAssign:
			if n.Win.Kind == plan.Session {
				need(0, n.PartitionBy)
			}
		case *plan.Deduplicate:
			need(0, n.Keys)
		case *plan.ChangelogNormalize:
			need(0, n.Keys)
		case *plan.Join:
			pair(n.LeftKeys, n.RightKeys)
		case *plan.IntervalJoin:
			pair(n.LeftKeys, n.RightKeys)
		case *plan.TemporalJoin:
			pair(n.LeftKeys, n.RightKeys)
		case *plan.Sink:
			if n.Materialize {
				need(0, n.Keys)
			}
		}
		spreads[n] = spreadOf(n, spreads)
	}
}

// sourceKeyed tells whether a source's partitions hold all rows with equal values of the source's columns keys.
func sourceKeyed(s *plan.Source, keys []int) bool { return spreadOf(s, nil).serves(keys) }

func spreadOf(n plan.Node, of map[plan.Node]spread) spread {
	at := func(keys []int) func(int) int { return func(k int) int { return slices.Index(keys, k) } }
	switch n := n.(type) {
	case *plan.Source:
		if len(n.Caps.KeyedBy) == 0 {
			return spread{}
		}
		s := spread{known: true}
		for _, name := range n.Caps.KeyedBy {
			k := slices.IndexFunc(n.Columns, func(c int) bool { return n.Table.Columns[c].Name == name })
			if k < 0 {
				return spread{}
			}
			s.keys = append(s.keys, k)
		}
		return s
	case *plan.Calc:
		return of[n.Input].mapped(func(k int) int {
			return slices.IndexFunc(n.Exprs, func(e plan.Expr) bool {
				c, ok := e.(*plan.ColRef)
				return ok && c.Index == k
			})
		})
	case *plan.Exchange:
		return spread{known: true, exact: true, keys: n.Keys}
	case *plan.GroupAgg:
		return of[n.Input].mapped(at(n.Keys))
	case *plan.WindowAgg:
		return of[n.Input].mapped(at(n.Keys))
	case *plan.Match:
		return of[n.Input].mapped(at(n.Pass))
	case *plan.Join:
		return joinSpread(n.Kind, n.Left, n.LeftKeys, n.RightKeys)
	case *plan.IntervalJoin:
		return joinSpread(n.Kind, n.Left, n.LeftKeys, n.RightKeys)
	case *plan.TemporalJoin:
		return spread{known: true, exact: true, keys: n.LeftKeys}
	case *plan.Correlate:
		return of[n.Input].mapped(at(n.Keep))
	case *plan.Watermark, *plan.ChangelogNormalize, *plan.LookupJoin, *plan.Rank, *plan.Deduplicate, *plan.WindowAssign, *plan.OverAgg, *plan.Sort:
		return of[n.Inputs()[0]]
	}
	return spread{}
}

func joinSpread(kind plan.JoinKind, left plan.Node, lk, rk []int) spread {
	switch kind {
	case plan.FullJoin:
		return spread{}
	case plan.RightJoin:
		s := spread{known: true, exact: true}
		for _, k := range rk {
			s.keys = append(s.keys, k+len(left.Props().Out))
		}
		return s
	}
	return spread{known: true, exact: true, keys: lk}
}
