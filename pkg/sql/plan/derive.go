package plan

import (
	"fmt"
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Derive sets n's output columns, keys and possible row kinds from its fields and its inputs' properties. Names that a Calc, an aggregate
// or a join has already are kept. Strict takes the event-time property from the columns of regular joins and of aggregates, as
// the finished plan must; before that, a join may yet turn out to be one by time.
func Derive(n Node, strict bool) {
	p := n.Props()
	p.Keys = nil
	old := p.Out
	name := func(i int, def string) string {
		if i < len(old) && old[i].Name != "" {
			return old[i].Name
		}
		return def
	}
	switch n := n.(type) {
	case *Source:
		deriveSource(n)
	case *Values:
		p.Mode = catalog.AppendOnly
		if len(n.Rows) == 1 {
			p.Keys = [][]int{{}}
		}
	case *Watermark:
		pass(n, n.Input)
		p.Out = slices.Clone(p.Out)
		p.Out[n.TimeCol].Attr = RowTime
	case *Calc:
		deriveCalc(n, name)
	case *Exchange:
		pass(n, n.Input)
	case *Union:
		deriveUnion(n)
	case *ChangelogNormalize:
		pass(n, n.Input)
		p.Mode = catalog.AllChanges
		p.Keys = [][]int{n.Keys}
	case *GroupAgg:
		deriveGroupAgg(n, name, strict)
	case *WindowAssign:
		in := n.Input.Props()
		if p.Mode = in.Mode; n.Win.Kind == Session {
			p.Mode = catalog.AppendOnly
		}
		p.Out = append(slices.Clone(in.Out), windowColumns(n.Win, in.Out, []string{"start", "end", "time"})...)
		p.Out[n.Win.TimeCol].Attr = NoTime
		for _, k := range in.Keys {
			p.Keys = append(p.Keys, append(slices.Clone(k), len(in.Out), len(in.Out)+1))
		}
	case *WindowAgg:
		deriveWindowAgg(n, name)
	case *Join:
		deriveJoin(n, name, strict)
	case *IntervalJoin:
		p.Mode = catalog.AppendOnly
		p.Out = joinColumns(n.Kind, n.Left.Props().Out, n.Right.Props().Out, name)
	case *TemporalJoin:
		deriveTemporal(n, name)
	case *Correlate:
		deriveCorrelate(n, name)
	case *LookupJoin:
		deriveLookup(n, name)
	case *Rank:
		deriveRank(n, name)
	case *Deduplicate:
		in := n.Input.Props()
		p.Out, p.Keys = in.Out, [][]int{n.Keys}
		p.Mode = catalog.HasInsert | catalog.HasUpdateBefore | catalog.HasUpdateAfter
		if !n.KeepLast && n.TimeCol < 0 && in.Mode == catalog.AppendOnly {
			p.Mode = catalog.AppendOnly
		}
		if in.Mode != catalog.AppendOnly {
			p.Mode = catalog.AllChanges
		}
	case *Sort:
		deriveSort(n)
	case *OverAgg:
		deriveOverAgg(n, name)
	case *Match:
		deriveMatch(n, name)
	case *Over:
		in := n.Input.Props()
		p.Mode = catalog.AllChanges
		p.Out = append(slices.Clone(in.Out), Column{Name: name(len(in.Out), "w0$o0"), Type: rankType()})
		p.Keys = append(slices.Clone(in.Keys), append(slices.Clone(n.PartitionBy), len(in.Out)))
	case *Sink:
		p.Mode = n.Input.Props().Mode
		p.Out = nil
	}
	p.UpsertKey = nil
	if len(p.Keys) > 0 {
		p.UpsertKey = p.Keys[0]
	}
	p.RowTime = slices.IndexFunc(p.Out, func(c Column) bool { return c.Attr == RowTime })
}

func pass(n, input Node) {
	p, in := n.Props(), input.Props()
	p.Out, p.Mode, p.Keys = in.Out, in.Mode, in.Keys
}

func deriveSource(n *Source) {
	p := &n.P
	out := make(Schema, len(n.Columns))
	for i, c := range n.Columns {
		col := n.Table.Columns[c]
		out[i] = Column{Name: col.Name, Type: col.Type}
		if t, ok := n.Caps.Metadata[col.MetadataKey]; ok && col.Kind == catalog.Metadata {
			out[i].Type = t
		}
	}
	p.Out, p.Mode = out, n.Caps.SourceMode
	if n.Table.PrimaryKey != nil {
		var key []int
		for _, k := range n.Table.PrimaryKey {
			key = append(key, slices.Index(n.Columns, k))
		}
		if !slices.Contains(key, -1) {
			p.Keys = [][]int{key}
		}
	}
}

func deriveCalc(n *Calc, name func(int, string) string) {
	p, in := &n.P, n.Input.Props()
	out := make(Schema, len(n.Exprs))
	for i, e := range n.Exprs {
		out[i] = Column{Name: name(i, e.String()), Type: e.Type()}
		switch e := e.(type) {
		case *ColRef:
			out[i].Attr = in.Out[e.Index].Attr
		case *Call:
			if e.Func == "PROCTIME" {
				out[i].Attr = ProcTime
			}
		}
	}
	p.Out, p.Mode = out, in.Mode
	for _, k := range in.Keys {
		if mapped, ok := MapKey(k, n.Exprs); ok {
			p.Keys = append(p.Keys, mapped)
		}
	}
}

// MapKey finds the columns of key in a projection, through casts that keep different values different; ok is false when one is lost.
func MapKey(key []int, exprs []Expr) (mapped []int, ok bool) {
	mapped = []int{}
	for _, k := range key {
		i := slices.IndexFunc(exprs, func(e Expr) bool { return keeps(e, k) })
		if i < 0 {
			return nil, false
		}
		mapped = append(mapped, i)
	}
	return mapped, true
}

func keeps(e Expr, col int) bool {
	switch e := e.(type) {
	case *ColRef:
		return e.Index == col
	case *Call:
		if e.Func != "CAST" {
			return false
		}
		from, to := e.Args[0].Type(), e.T
		injective := from.IsInteger() && to.IsInteger() && to.Kind >= from.Kind ||
			from.IsString() && to.Kind == types.Varchar && to.Precision >= from.Precision ||
			to.Kind == types.Varchar && to.Precision == types.MaxLength && (from.IsInteger() || from.Kind == types.Date || from.Kind == types.Boolean) ||
			from.Kind == to.Kind && from.IsTimestamp() && to.Precision >= from.Precision
		return injective && keeps(e.Args[0], col)
	}
	return false
}

func deriveGroupAgg(n *GroupAgg, name func(int, string) string, strict bool) {
	p, in := &n.P, n.Input.Props()
	n.Retract = in.Mode != catalog.AppendOnly
	var out Schema
	for i, k := range n.Keys {
		c := Column{Name: name(i, in.Out.Name(k)), Type: in.Out[k].Type}
		if !strict {
			c.Attr = in.Out[k].Attr // it stays one if the groups turn out to be windows
		}
		out = append(out, c)
	}
	for _, a := range n.Aggs {
		out = append(out, Column{Name: name(len(out), a.Name), Type: a.T})
	}
	p.Out = out
	key := make([]int, len(n.Keys))
	for i := range key {
		key[i] = i
	}
	p.Keys = [][]int{key}
	p.Mode = catalog.HasInsert | catalog.HasUpdateBefore | catalog.HasUpdateAfter
	// A group ends when its last row is deleted or moves to another group; rows that are found by the group's keys do not move.
	moves := in.UpsertKey == nil || !subset(n.Keys, in.UpsertKey)
	if n.Retract && len(n.Keys) > 0 && (in.Mode.Has(catalog.HasDelete) || moves) {
		p.Mode |= catalog.HasDelete
	}
	if len(n.Aggs) == 0 {
		p.Mode &^= catalog.HasUpdateBefore | catalog.HasUpdateAfter
	}
}

// windowColumns are the columns that a window adds, by kind: "start", "end" and "time".
func windowColumns(w WindowSpec, in Schema, kinds []string) Schema {
	out := make(Schema, len(kinds))
	for i, k := range kinds {
		out[i] = Column{Name: "window_" + k, Type: types.TimestampOf(3).AsNotNull()}
		if k != "time" {
			continue
		}
		out[i].Attr = RowTime
		if w.ProcTime {
			out[i].Attr = ProcTime
		}
		if w.Local || w.ProcTime {
			out[i].Type = types.TimestampLTZOf(3).AsNotNull()
		}
	}
	return out
}

func deriveWindowAgg(n *WindowAgg, name func(int, string) string) {
	p, in := &n.P, n.Input.Props()
	n.Retract = in.Mode != catalog.AppendOnly
	p.Mode = catalog.AppendOnly
	var out Schema
	var key []int
	for i, k := range n.Keys {
		out = append(out, Column{Name: name(i, in.Out.Name(k)), Type: in.Out[k].Type})
		key = append(key, i)
	}
	for _, a := range n.Aggs {
		out = append(out, Column{Name: name(len(out), a.Name), Type: a.T})
	}
	for i, c := range windowColumns(n.Win, in.Out, n.WindowCols) {
		// Any one of the window's columns tells it from a key's other windows.
		if i == 0 {
			key = append(key, len(out))
		}
		c.Name = name(len(out), c.Name)
		out = append(out, c)
	}
	p.Out = out
	if len(n.WindowCols) > 0 {
		p.Keys = [][]int{key}
	}
}

func joinColumns(kind JoinKind, left, right Schema, name func(int, string) string) Schema {
	out := slices.Clone(left)
	if kind == SemiJoin || kind == AntiJoin {
		return out
	}
	for i := range out {
		if kind == RightJoin || kind == FullJoin {
			out[i].Type = out[i].Type.AsNullable()
		}
	}
	taken := map[string]bool{}
	for _, c := range left {
		taken[c.Name] = true
	}
	for _, c := range right {
		if kind == LeftJoin || kind == FullJoin {
			c.Type = c.Type.AsNullable()
		}
		c.Name = name(len(out), Unique(c.Name, taken))
		taken[c.Name] = true
		out = append(out, c)
	}
	return out
}

// Unique is name, or name0, name1, … if that is taken.
func Unique(name string, taken map[string]bool) string {
	if !taken[name] {
		return name
	}
	for i := 0; ; i++ {
		if n := fmt.Sprintf("%s%d", name, i); !taken[n] {
			return n
		}
	}
}

func subset(a, b []int) bool {
	for _, x := range a {
		if !slices.Contains(b, x) {
			return false
		}
	}
	return true
}

func deriveJoin(n *Join, name func(int, string) string, strict bool) {
	p, l, r := &n.P, n.Left.Props(), n.Right.Props()
	p.Out = joinColumns(n.Kind, l.Out, r.Out, name)
	if strict && n.Win == nil {
		for i := range p.Out {
			if p.Out[i].Attr == RowTime {
				p.Out[i].Attr = NoTime
			}
		}
	}
	p.Mode = catalog.AllChanges
	if l.Mode == catalog.AppendOnly && r.Mode == catalog.AppendOnly && (n.Kind == InnerJoin || n.Kind == SemiJoin || n.Win != nil) {
		p.Mode = catalog.AppendOnly
	}
	if n.Kind == SemiJoin || n.Kind == AntiJoin {
		p.Keys = l.Keys
		return
	}
	shift := func(k []int) []int {
		out := make([]int, len(k))
		for i, c := range k {
			out[i] = c + len(l.Out)
		}
		return out
	}
	covered := func(keys [][]int, on []int) bool {
		return slices.ContainsFunc(keys, func(k []int) bool { return subset(k, on) })
	}
	// Rows are spread by the join key: all changes of a key come from one task, in order, only if it holds the join key or never changes.
	if covered(r.Keys, n.RightKeys) && (n.Kind == InnerJoin || n.Kind == LeftJoin) {
		for _, k := range l.Keys {
			if l.Mode == catalog.AppendOnly || subset(n.LeftKeys, k) {
				p.Keys = append(p.Keys, k)
			}
		}
	}
	if covered(l.Keys, n.LeftKeys) && (n.Kind == InnerJoin || n.Kind == RightJoin) {
		for _, k := range r.Keys {
			if r.Mode == catalog.AppendOnly || subset(n.RightKeys, k) {
				p.Keys = append(p.Keys, shift(k))
			}
		}
	}
	for _, a := range l.Keys {
		for _, b := range r.Keys {
			holds := true
			for i := range n.LeftKeys {
				holds = holds && (slices.Contains(a, n.LeftKeys[i]) || slices.Contains(b, n.RightKeys[i]))
			}
			if holds && len(p.Keys) < 8 {
				p.Keys = append(p.Keys, append(slices.Clone(a), shift(b)...))
			}
		}
	}
}

func deriveLookup(n *LookupJoin, name func(int, string) string) {
	p, in := &n.P, n.Input.Props()
	right := make(Schema, len(n.Columns))
	for i, c := range n.Columns {
		right[i] = Column{Name: n.Table.Columns[c].Name, Type: n.Table.Columns[c].Type}
	}
	kind := InnerJoin
	if n.Left {
		kind = LeftJoin
	}
	p.Out, p.Mode = joinColumns(kind, in.Out, right, name), in.Mode
	if n.Table.PrimaryKey != nil && subset(n.Table.PrimaryKey, n.TableKeys) {
		p.Keys = in.Keys
	}
}

func deriveRank(n *Rank, name func(int, string) string) {
	p, in := &n.P, n.Input.Props()
	p.Out, p.Mode = in.Out, catalog.AllChanges
	for _, k := range in.Keys {
		if in.Mode == catalog.AppendOnly || subset(n.PartitionBy, k) {
			p.Keys = append(p.Keys, k)
		}
	}
	if n.Win != nil && in.Mode == catalog.AppendOnly {
		p.Mode = catalog.AppendOnly
	}
	if n.RankCol {
		p.Out = append(slices.Clone(in.Out), Column{Name: name(len(in.Out), "rank"), Type: types.Of(types.BigInt).AsNotNull()})
		// Updates replace the row at a number: what drops out is told by that number alone.
		p.Keys = [][]int{append(slices.Clone(n.PartitionBy), len(in.Out))}
	} else if n.Start == 1 && n.End == 1 {
		p.Keys = append([][]int{slices.Clone(n.PartitionBy)}, p.Keys...)
	}
}

// New derives n's properties and gives n.
func New[N Node](n N, pos catalog.Pos) N {
	n.Props().Pos = pos
	Derive(n, false)
	return n
}

// Refs are references to all columns of in.
func Refs(in Schema) []Expr {
	out := make([]Expr, len(in))
	for i, c := range in {
		out[i] = &ColRef{Index: i, Name: c.Name, T: c.Type}
	}
	return out
}

// Walk visits e and its operands, outside in, until f returns false for one.
func Walk(e Expr, f func(Expr) bool) {
	if e == nil || !f(e) {
		return
	}
	if c, ok := e.(*Call); ok {
		for _, a := range c.Args {
			Walk(a, f)
		}
	}
}

// Rewrite gives e with f applied to every part, outside in: where f gives a non-nil expression that one stands, unvisited.
func Rewrite(e Expr, f func(Expr) Expr) Expr {
	if e == nil {
		return nil
	}
	if x := f(e); x != nil {
		return x
	}
	c, ok := e.(*Call)
	if !ok {
		return e
	}
	args := make([]Expr, len(c.Args))
	changed := false
	for i, a := range c.Args {
		args[i] = Rewrite(a, f)
		changed = changed || args[i] != a
	}
	if !changed {
		return e
	}
	return &Call{Func: c.Func, Args: args, T: c.T}
}

// Columns are the input columns that the expressions read, ascending.
func Columns(es ...Expr) []int {
	var out []int
	for _, e := range es {
		Walk(e, func(x Expr) bool {
			if c, ok := x.(*ColRef); ok && !slices.Contains(out, c.Index) {
				out = append(out, c.Index)
			}
			return true
		})
	}
	slices.Sort(out)
	return out
}

// Conjuncts splits e at its ANDs; nil gives none.
func Conjuncts(e Expr) []Expr {
	if e == nil {
		return nil
	}
	if c, ok := e.(*Call); ok && c.Func == "AND" {
		var out []Expr
		for _, a := range c.Args {
			out = append(out, Conjuncts(a)...)
		}
		return out
	}
	return []Expr{e}
}

// And joins conditions; none gives nil.
func And(es ...Expr) Expr {
	es = slices.DeleteFunc(slices.Clone(es), func(e Expr) bool { return e == nil })
	switch len(es) {
	case 0:
		return nil
	case 1:
		return es[0]
	}
	nullable := false
	for _, e := range es {
		nullable = nullable || e.Type().Nullable()
	}
	return &Call{Func: "AND", Args: es, T: types.Of(types.Boolean).WithNull(nullable)}
}

// Equal tells whether two expressions over the same input are the same.
func Equal(a, b Expr) bool {
	switch a := a.(type) {
	case *ColRef:
		b, ok := b.(*ColRef)
		return ok && a.Index == b.Index
	case *Literal:
		b, ok := b.(*Literal)
		return ok && a.T.Equal(b.T) && a.String() == b.String()
	case *Call:
		b, ok := b.(*Call)
		if !ok || a.Func != b.Func || len(a.Args) != len(b.Args) || !a.T.EqualIgnoreNull(b.T) {
			return false
		}
		for i := range a.Args {
			if !Equal(a.Args[i], b.Args[i]) {
				return false
			}
		}
		return true
	}
	return a == b
}
