package plan

import (
	"fmt"
	"sort"
	"strings"
	"time"
)

// line builds "Name(k=v, k=v)".
type line struct {
	name  string
	parts []string
}

func (l *line) add(key, format string, args ...any) {
	l.parts = append(l.parts, key+"="+fmt.Sprintf(format, args...))
}

func (l *line) list(key string, items []string) { l.add(key, "[%s]", strings.Join(items, ", ")) }

func (l *line) ttl(key string, ms int64) {
	if ms > 0 {
		l.add(key, "%s", duration(ms*1000))
	}
}

func (l *line) String() string { return l.name + "(" + strings.Join(l.parts, ", ") + ")" }

func duration(us int64) string {
	d := time.Duration(us) * time.Microsecond
	switch {
	case d == 0:
		return "0s"
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}

func in(n Node, i int) Schema { return n.Inputs()[i].Props().Out }

func (k JoinKind) String() string {
	return [...]string{"inner", "left", "right", "full", "semi", "anti"}[k]
}

func (k WindowKind) String() string {
	return [...]string{"TUMBLE", "HOP", "CUMULATE", "SESSION"}[k]
}

// Describe prints the spec with its time column's name taken from in.
func (w WindowSpec) Describe(in Schema) string {
	s := fmt.Sprintf("%s(%s", w.Kind, in.Name(w.TimeCol))
	if w.Slide != 0 {
		s += ", " + duration(w.Slide)
	}
	if w.Size != 0 {
		s += ", " + duration(w.Size)
	}
	if w.Offset != 0 {
		s += ", offset " + duration(w.Offset)
	}
	if w.ProcTime {
		s += ", proctime"
	}
	return s + ")"
}

func (n *Source) Describe() string {
	l := line{name: "Source"}
	l.add("table", "%s", n.Table.Name)
	l.add("connector", "%s", n.Table.Option("connector", "?"))
	cols := make([]string, len(n.Columns))
	for i, c := range n.Columns {
		cols[i] = n.Table.Columns[c].Name
	}
	l.list("columns", cols)
	return l.String()
}

func (n *Values) Describe() string {
	l := line{name: "Values"}
	rows := make([]string, len(n.Rows))
	for i, r := range n.Rows {
		rows[i] = "(" + strings.Join(exprs(r), ", ") + ")"
	}
	l.list("rows", rows)
	return l.String()
}

func exprs(es []Expr) []string {
	out := make([]string, len(es))
	for i, e := range es {
		out[i] = e.String()
	}
	return out
}

func (n *Watermark) Describe() string {
	l := line{name: "Watermark"}
	l.add("time", "%s", in(n, 0).Name(n.TimeCol))
	if len(n.Mark) > 0 {
		l.list("mark", in(n, 0).Names(n.Mark))
	} else {
		l.add("delay", "%s", duration(n.Delay))
	}
	if n.Idle > 0 {
		l.add("idle", "%s", duration(n.Idle))
	}
	return l.String()
}

func (n *Calc) Describe() string {
	l := line{name: "Calc"}
	items := make([]string, len(n.Exprs))
	for i, e := range n.Exprs {
		items[i] = e.String()
		if i < len(n.P.Out) && n.P.Out[i].Name != items[i] && n.P.Out[i].Name != "" {
			items[i] += " AS " + n.P.Out[i].Name
		}
	}
	l.list("select", items)
	if n.Filter != nil {
		l.add("where", "[%s]", n.Filter)
	}
	return l.String()
}

func (n *Exchange) Describe() string {
	if len(n.Keys) == 0 {
		return "Exchange(single)"
	}
	return "Exchange(hash=[" + strings.Join(in(n, 0).Names(n.Keys), ", ") + "])"
}

func (n *Union) Describe() string { return fmt.Sprintf("Union(all, inputs=%d)", len(n.Ins)) }

func (n *ChangelogNormalize) Describe() string {
	l := line{name: "ChangelogNormalize"}
	l.list("keys", in(n, 0).Names(n.Keys))
	return l.String()
}

func aggs(calls []AggCall, s Schema) []string {
	out := make([]string, len(calls))
	for i, a := range calls {
		out[i] = a.String(s)
		if a.Name != "" {
			out[i] += " AS " + a.Name
		}
	}
	return out
}

func (n *GroupAgg) Describe() string {
	l := line{name: "GroupAgg"}
	l.list("keys", in(n, 0).Names(n.Keys))
	l.list("aggs", aggs(n.Aggs, in(n, 0)))
	if n.Retract {
		l.add("retract", "true")
	}
	l.ttl("ttl", n.TTL)
	return l.String()
}

func (n *WindowAssign) Describe() string {
	l := line{name: "WindowAssign"}
	if n.Win.Kind == Session {
		l.list("partition", in(n, 0).Names(n.PartitionBy))
	}
	l.add("window", "%s", n.Win.Describe(in(n, 0)))
	return l.String()
}

func (n *WindowAgg) Describe() string {
	l := line{name: "WindowAgg"}
	l.list("keys", in(n, 0).Names(n.Keys))
	l.add("window", "%s", n.Win.Describe(in(n, 0)))
	l.list("aggs", aggs(n.Aggs, in(n, 0)))
	l.list("columns", n.WindowCols)
	if n.Retract {
		l.add("retract", "true")
	}
	return l.String()
}

func onKeys(l, r Schema, lk, rk []int) []string {
	out := make([]string, len(lk))
	for i := range lk {
		out[i] = l.Name(lk[i]) + " = " + r.Name(rk[i])
	}
	return out
}

func (n *Join) Describe() string {
	l := line{name: "Join"}
	l.add("kind", "%s", n.Kind)
	l.list("on", onKeys(in(n, 0), in(n, 1), n.LeftKeys, n.RightKeys))
	if n.Win != nil {
		l.add("window", "%s", n.Win.Kind)
	}
	if n.Cond != nil {
		l.add("where", "[%s]", n.Cond)
	}
	l.ttl("left-ttl", n.LeftTTL)
	l.ttl("right-ttl", n.RightTTL)
	return l.String()
}

func (n *IntervalJoin) Describe() string {
	l := line{name: "IntervalJoin"}
	l.add("kind", "%s", n.Kind)
	l.list("on", onKeys(in(n, 0), in(n, 1), n.LeftKeys, n.RightKeys))
	l.add("time", "%s <= %s <= %s", shifted(in(n, 0).Name(n.LeftTime), n.Lower), in(n, 1).Name(n.RightTime),
		shifted(in(n, 0).Name(n.LeftTime), n.Upper))
	if n.ProcTime {
		l.add("proctime", "true")
	}
	if n.Cond != nil {
		l.add("where", "[%s]", n.Cond)
	}
	return l.String()
}

func shifted(name string, us int64) string {
	switch {
	case us < 0:
		return name + " - " + duration(-us)
	case us > 0:
		return name + " + " + duration(us)
	}
	return name
}

func (n *LookupJoin) Describe() string {
	l := line{name: "LookupJoin"}
	kind := "inner"
	if n.Left {
		kind = "left"
	}
	l.add("kind", "%s", kind)
	l.add("table", "%s", n.Table.Name)
	l.add("connector", "%s", n.Table.Option("connector", "?"))
	on := make([]string, len(n.TableKeys))
	for i, k := range n.TableKeys {
		on[i] = n.Table.Columns[k].Name + " = " + n.KeyExprs[i].String()
	}
	l.list("on", on)
	cols := make([]string, len(n.Columns))
	for i, c := range n.Columns {
		cols[i] = n.Table.Columns[c].Name
	}
	l.list("columns", cols)
	if n.Cond != nil {
		l.add("where", "[%s]", n.Cond)
	}
	if len(n.Hints) > 0 {
		hints := make([]string, 0, len(n.Hints))
		for k, v := range n.Hints {
			hints = append(hints, k+"="+v)
		}
		sort.Strings(hints)
		l.list("hints", hints)
	}
	return l.String()
}

func order(s Schema, keys []SortKey) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = s.Name(k.Col)
		if k.Desc {
			out[i] += " DESC"
		}
		if k.NullsLast != k.Desc {
			out[i] += map[bool]string{true: " NULLS LAST", false: " NULLS FIRST"}[k.NullsLast]
		}
	}
	return out
}

func (n *Rank) Describe() string {
	l := line{name: "Rank"}
	l.list("partition", in(n, 0).Names(n.PartitionBy))
	l.list("order", order(in(n, 0), n.Order))
	if n.End > 0 {
		l.add("rows", "%d..%d", n.Start, n.End)
	} else {
		l.add("rows", "%d..", n.Start)
	}
	if n.RankCol {
		l.add("number", "true")
	}
	if n.Win != nil {
		l.add("window", "%s", n.Win.Kind)
	}
	l.ttl("ttl", n.TTL)
	return l.String()
}

func (n *Over) Describe() string {
	l := line{name: "Over"}
	l.add("func", "%s", n.Func)
	l.list("partition", in(n, 0).Names(n.PartitionBy))
	l.list("order", order(in(n, 0), n.Order))
	return l.String()
}

func (n *Deduplicate) Describe() string {
	l := line{name: "Deduplicate"}
	l.list("keys", in(n, 0).Names(n.Keys))
	l.add("keep", "%s", map[bool]string{true: "last", false: "first"}[n.KeepLast])
	if n.TimeCol < 0 {
		l.add("time", "proctime")
	} else {
		l.add("time", "%s", in(n, 0).Name(n.TimeCol))
	}
	l.ttl("ttl", n.TTL)
	return l.String()
}

func (n *Sink) Describe() string {
	l := line{name: "Sink"}
	l.add("table", "%s", n.Table.Name)
	l.add("connector", "%s", n.Table.Option("connector", "?"))
	cols := make([]string, len(n.Columns))
	for i, c := range n.Columns {
		cols[i] = n.Table.Columns[c].Name
	}
	l.list("columns", cols)
	if len(n.Keys) > 0 {
		l.list("keys", in(n, 0).Names(n.Keys))
	}
	if n.Materialize {
		l.add("materialize", "true")
	}
	return l.String()
}

var (
	_ Node = (*Source)(nil)
	_ Node = (*Values)(nil)
	_ Node = (*Watermark)(nil)
	_ Node = (*Calc)(nil)
	_ Node = (*Exchange)(nil)
	_ Node = (*Union)(nil)
	_ Node = (*ChangelogNormalize)(nil)
	_ Node = (*GroupAgg)(nil)
	_ Node = (*WindowAssign)(nil)
	_ Node = (*WindowAgg)(nil)
	_ Node = (*Join)(nil)
	_ Node = (*IntervalJoin)(nil)
	_ Node = (*LookupJoin)(nil)
	_ Node = (*Rank)(nil)
	_ Node = (*Deduplicate)(nil)
	_ Node = (*Over)(nil)
	_ Node = (*Sink)(nil)
)
