package optimize

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// oneWindowColumn drops from a partition the window's start when its end is there too: the end tells the window, but for sessions.
func (r *run) oneWindowColumn(n plan.Node, cols []int) []int {
	ends := map[plan.Node]bool{}
	for _, c := range cols {
		if w, kind := windowColumn(n, c); kind == "end" {
			ends[w] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(cols), func(c int) bool {
		w, kind := windowColumn(n, c)
		if s := specOf(w); s != nil && s.Kind == plan.Session {
			return false
		}
		return kind == "start" && ends[w]
	})
}

// windowColumn follows a column down to the node that makes it, if that is a window's start, end or time.
func windowColumn(n plan.Node, col int) (plan.Node, string) {
	switch n := n.(type) {
	case *plan.Calc:
		if c, ok := n.Exprs[col].(*plan.ColRef); ok {
			return windowColumn(n.Input, c.Index)
		}
	case *plan.WindowAssign:
		if i := col - len(n.Input.Props().Out); i >= 0 {
			return n, [...]string{"start", "end", "time"}[i]
		}
	case *plan.WindowAgg:
		if i := col - (len(n.P.Out) - len(n.WindowCols)); i >= 0 {
			return n, n.WindowCols[i]
		}
	case *plan.GroupAgg:
		if col < len(n.Keys) {
			return windowColumn(n.Input, n.Keys[col])
		}
	case *plan.Rank:
		if col < len(n.Input.Props().Out) {
			return windowColumn(n.Input, col)
		}
	case *plan.Join:
		if n.Win == nil {
			return nil, ""
		}
		if nl := len(n.Left.Props().Out); col >= nl && n.Kind != plan.LeftJoin && n.Kind != plan.FullJoin {
			return windowColumn(n.Right, col-nl)
		} else if col < nl && n.Kind != plan.RightJoin && n.Kind != plan.FullJoin {
			return windowColumn(n.Left, col)
		}
	case *plan.Deduplicate:
		return windowColumn(n.Input, col)
	}
	return nil, ""
}

// windowOf gives the windows whose start and end are both among cols, nil if there are none or if n's rows change: then they cannot wait for
// the window's end.
func windowOf(n plan.Node, cols []int) *plan.WindowSpec {
	if n.Props().Mode != catalog.AppendOnly {
		return nil
	}
	starts := map[plan.Node]bool{}
	for _, c := range cols {
		if w, kind := windowColumn(n, c); kind == "start" {
			starts[w] = true
		}
	}
	for _, c := range cols {
		if w, kind := windowColumn(n, c); kind == "end" && starts[w] {
			return specOf(w)
		}
	}
	return nil
}

func specOf(n plan.Node) *plan.WindowSpec {
	switch n := n.(type) {
	case *plan.WindowAssign:
		w := n.Win
		return &w
	case *plan.WindowAgg:
		w := n.Win
		return &w
	}
	return nil
}

// windowRank makes of a Rank or Deduplicate by the start and end of windows one that gives a window's rows when the window is over.
func (r *run) windowRank(n plan.Node) plan.Node {
	end := func(in plan.Node, cols []int) int {
		return slices.IndexFunc(cols, func(c int) bool { _, kind := windowColumn(in, c); return kind == "end" })
	}
	switch n := n.(type) {
	case *plan.Rank:
		if n.Win != nil {
			return n
		}
		n.Win = windowOf(n.Input, n.PartitionBy)
		n.PartitionBy = r.oneWindowColumn(n.Input, n.PartitionBy)
		n.WinKey = end(n.Input, n.PartitionBy)
		plan.Derive(n, false)
	case *plan.Deduplicate:
		win := windowOf(n.Input, n.Keys)
		n.Keys = r.oneWindowColumn(n.Input, n.Keys)
		if win != nil {
			order := []plan.SortKey{{Col: n.TimeCol, Desc: n.KeepLast, NullsLast: n.KeepLast}}
			if n.TimeCol < 0 { // in the order in which rows come
				order = nil
			}
			return plan.New(&plan.Rank{Input: n.Input, PartitionBy: n.Keys, Order: order, Start: 1, End: 1, Win: win, WinKey: end(n.Input, n.Keys), LastWins: n.KeepLast}, n.P.Pos)
		}
		plan.Derive(n, false)
	}
	return n
}

// windowJoin makes a join in windows of one whose keys are the start and end of equal windows on both sides.
func (r *run) windowJoin(j *plan.Join) plan.Node {
	if j.Win != nil {
		return j
	}
	l, rt := windowOf(j.Left, j.LeftKeys), windowOf(j.Right, j.RightKeys)
	if l == nil || rt == nil || l.ProcTime != rt.ProcTime || l.Local != rt.Local || l.Kind != rt.Kind || l.Size != rt.Size || l.Slide != rt.Slide || l.Offset != rt.Offset {
		return j
	}
	key := -1
	starts := false
	for i := range j.LeftKeys {
		a, kind := windowColumn(j.Left, j.LeftKeys[i])
		b, other := windowColumn(j.Right, j.RightKeys[i])
		if a == nil || b == nil || kind != other {
			continue
		}
		starts = starts || kind == "start"
		if kind == "end" {
			key = i
		}
	}
	if key < 0 || !starts {
		return j
	}
	j.Win, j.WinKey = l, key
	plan.Derive(j, false)
	return j
}
