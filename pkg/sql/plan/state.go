package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// State is an estimate of one thing that a node keeps between epochs.
type State struct {
	// Kept is what, "one row of (k STRING, v INT)"; Per what there is one of it for, "k", empty for one in all.
	Kept, Per string
	// Bytes is about how much of memory one takes, its share of the hash table included. Texts count 24 bytes, collections 64.
	Bytes int
	Bound Bounded
	// Until says when it is dropped, "1d after its last change"; empty if never.
	Until string
}

// Bounded tells what bounds the number of things kept.
type Bounded uint8

// The bounds, from the safest.
const (
	ByNumber Bounded = iota // a fixed number
	ByTime                  // a time to live, a watermark or a window
	ByInput                 // the input has an end
	ByKeys                  // grows with new keys, for ever
	ByRows                  // grows with every row, for ever
)

// Unbounded tells whether s grows without end.
func (s State) Unbounded() bool { return s.Bound >= ByKeys }

// String is s's line in EXPLAIN.
func (s State) String() string {
	t := s.Kept
	if s.Per != "" {
		t += " for each " + s.Per
	}
	t += fmt.Sprintf(", about %d B", s.Bytes)
	switch {
	case s.Until != "":
		t += ", " + s.Until
	case s.Bound == ByInput:
		t += ", until the input ends"
	case s.Bound >= ByKeys:
		t += ", for ever"
	}
	return t
}

// overhead is what an entry of a state table takes beside its values: its place in the hash table, its hash and its time.
const overhead = 24

func bytesOf(cols ...Column) int {
	n := overhead
	for _, c := range cols {
		n += width(c.Type)
	}
	return n
}

// width is about what a value takes.
func width(t types.Type) int {
	switch t.Kind {
	case types.Boolean, types.TinyInt:
		return 1
	case types.SmallInt:
		return 2
	case types.Int, types.Float, types.Date, types.Time:
		return 4
	case types.BigInt, types.Double, types.Timestamp, types.TimestampLTZ:
		return 8
	case types.Decimal:
		return 16
	case types.Char, types.Varchar, types.Binary, types.Varbinary:
		return 24
	case types.Row:
		n := 0
		for _, f := range t.Fields {
			n += width(f.Type)
		}
		return n
	case types.Array, types.Map, types.Multiset:
		return 64
	}
	return 8
}

// StateOf estimates what n keeps between epochs; none for nodes that keep nothing. The plan must be optimized.
func StateOf(n Node) []State {
	endless := !bounded(n)
	grows := func(s State, ttl int64) State {
		switch {
		case ttl > 0:
			s.Bound, s.Until = ByTime, "dropped "+duration(ttl*1000)+" after its last change"
		case !endless:
			s.Bound = ByInput
		}
		return s
	}
	switch n := n.(type) {
	case *GroupAgg:
		return groupState(n, grows)
	case *WindowAgg:
		s := accumulators(n.Aggs, in(n, 0), n.Retract)
		s.Per = strings.Join(append(in(n, 0).Names(n.Keys), "open window"), ", ")
		s.Bytes += bytesOf(at(in(n, 0), n.Keys)...)
		s.Bound, s.Until = ByTime, n.Win.ends()
		return []State{s}
	case *ChangelogNormalize:
		return []State{grows(rows(in(n, 0), n.Keys, ByKeys), n.TTL)}
	case *Join:
		return joinState(n, grows)
	case *IntervalJoin:
		left, right := rows(in(n, 0), nil, ByTime), rows(in(n, 1), nil, ByTime)
		left.Until = "until event time is " + duration(max(0, n.Upper)) + " past it"
		right.Until = "until event time is " + duration(max(0, -n.Lower)) + " past it"
		return []State{left, right}
	case *TemporalJoin:
		left := rows(in(n, 0), nil, ByTime)
		left.Until = "until the watermark reaches it"
		right := rows(in(n, 1), n.RightKeys, ByKeys)
		right.Kept = "the last version and those that the watermark has not passed, rows of (" + in(n, 1).String() + ")"
		return []State{left, grows(right, 0)}
	case *Rank:
		return []State{rankState(n, grows)}
	case *Deduplicate:
		return []State{grows(rows(in(n, 0), n.Keys, ByKeys), n.TTL)}
	case *OverAgg:
		return []State{overState(n, grows)}
	case *Sort:
		s := rows(in(n, 0), nil, ByTime)
		if s.Until = "until the watermark passes it"; n.Batch {
			s.Bound, s.Until = ByInput, ""
		}
		return []State{s}
	case *Match:
		s := rows(in(n, 0), nil, ByRows)
		s.Kept = "rows of (" + in(n, 0).String() + ") while a match may begin at them"
		s.Per = strings.Join(in(n, 0).Names(n.PartitionBy), ", ")
		if n.Within > 0 {
			s.Bound, s.Until = ByTime, "for "+duration(n.Within)+" at most"
		}
		return []State{grows(s, 0)}
	case *Sink:
		if n.Materialize {
			s := rows(in(n, 0), n.Keys, ByKeys)
			s.Kept = "the rows that are not taken back, of (" + in(n, 0).String() + ")"
			return []State{grows(s, n.TTL)}
		}
	}
	return nil
}

// bounded tells whether all that n reads has an end.
func bounded(n Node) bool {
	if s, ok := n.(*Source); ok {
		return s.Caps.Bounded
	}
	return !slices.ContainsFunc(n.Inputs(), func(x Node) bool { return !bounded(x) })
}

func at(s Schema, cols []int) []Column {
	var out []Column
	for _, c := range cols {
		out = append(out, s[c])
	}
	return out
}

// rows are whole rows of s, one for each value of keys; without keys every row.
func rows(s Schema, keys []int, b Bounded) State {
	return State{Kept: "a row of (" + s.String() + ")", Per: strings.Join(s.Names(keys), ", "), Bytes: bytesOf(s...), Bound: b}
}

// ends tells until when a window's state is kept.
func (w *WindowSpec) ends() string {
	if w.ProcTime {
		return "until the window's end"
	}
	return "until the watermark passes the window's end"
}

// accumulators are those of one group.
func accumulators(aggs []AggCall, in Schema, retract bool) State {
	s := State{Kept: "a row count"}
	var sets []string
	if len(aggs) > 0 {
		s.Kept = "accumulators of " + itemCount(len(aggs), "aggregate")
	}
	for _, a := range aggs {
		s.Bytes += 8 + width(a.T)
		switch {
		case a.Distinct:
			sets = append(sets, "the distinct values of "+a.String(in))
		case retract && (a.Func == "MIN" || a.Func == "MAX" || a.Func == "FIRST_VALUE" || a.Func == "LAST_VALUE"), a.Func == "LISTAGG", a.Func == "COLLECT", a.Func == "ARRAY_AGG":
			sets = append(sets, "all values of "+a.String(in))
		}
	}
	if len(sets) > 0 {
		s.Kept += ", with " + strings.Join(sets, " and ")
	}
	return s
}

func itemCount(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func groupState(n *GroupAgg, grows func(State, int64) State) []State {
	s := accumulators(n.Aggs, in(n, 0), n.Retract)
	s.Bytes += bytesOf(at(in(n, 0), n.Keys)...)
	sets := strings.Contains(s.Kept, ", with ")
	if len(n.Keys) == 0 && !sets {
		return []State{s} // one row
	}
	s.Per, s.Bound = strings.Join(in(n, 0).Names(n.Keys), ", "), ByKeys
	if sets {
		s.Bound = ByRows
	}
	return []State{grows(s, n.TTL)}
}

func joinState(n *Join, grows func(State, int64) State) []State {
	var out []State
	for i, ttl := range []int64{n.LeftTTL, n.RightTTL} {
		keys := [][]int{n.LeftKeys, n.RightKeys}[i]
		s := rows(in(n, i), nil, ByRows)
		for _, k := range n.Inputs()[i].Props().Keys {
			if subset(k, keys) {
				s.Per, s.Bound = strings.Join(in(n, i).Names(keys), ", "), ByKeys
				break
			}
		}
		if len(n.Inputs()[i].Props().Keys) > 0 && len(n.Inputs()[i].Props().Keys[0]) == 0 {
			s.Per, s.Bound = "", ByNumber
			out = append(out, s)
			continue
		}
		if n.Win != nil {
			s.Bound, s.Until = ByTime, n.Win.ends()
			out = append(out, s)
			continue
		}
		out = append(out, grows(s, ttl))
	}
	return out
}

func rankState(n *Rank, grows func(State, int64) State) State {
	s := rows(in(n, 0), nil, ByRows)
	s.Per = strings.Join(in(n, 0).Names(n.PartitionBy), ", ")
	if n.End > 0 && n.Input.Props().Mode == catalog.AppendOnly {
		s.Kept = itemCount(int(n.End), "row") + " of (" + in(n, 0).String() + ")"
		s.Bytes *= int(min(n.End, 1<<20))
		s.Bound = ByKeys
		if len(n.PartitionBy) == 0 {
			s.Bound = ByNumber
			return s
		}
	} else {
		s.Kept = "all rows of (" + in(n, 0).String() + ")"
	}
	if n.Win != nil {
		s.Bound, s.Until = ByTime, n.Win.ends()
		return s
	}
	return grows(s, n.TTL)
}

func overState(n *OverAgg, grows func(State, int64) State) State {
	s := accumulators(n.Calls, in(n, 0), false)
	s.Per, s.Bound = strings.Join(in(n, 0).Names(n.PartitionBy), ", "), ByKeys
	s.Bytes += bytesOf(at(in(n, 0), n.PartitionBy)...)
	if low := n.Frame.Lower; low.Kind == Preceding {
		s.Kept += ", and the rows of the frame"
		if s.Bytes += bytesOf(in(n, 0)...); !n.Frame.Rows {
			s.Bound, s.Until = ByTime, "until event time leaves the frame"
			return s
		}
	}
	if len(n.PartitionBy) == 0 {
		s.Bound = ByNumber
		return s
	}
	return grows(s, n.TTL)
}
