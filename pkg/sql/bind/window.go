package bind

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// groupWindow is a legacy group window, GROUP BY TUMBLE(ts, INTERVAL …).
type groupWindow struct {
	spec plan.WindowSpec
	time plan.Expr
	kind string
}

func isGroupWindow(name string) bool { return name == "TUMBLE" || name == "HOP" || name == "SESSION" }

// windowFunction splits TUMBLE_START and the like; the kind is that of plan.WindowAgg's columns.
func windowFunction(name string) (kind string, ok bool) {
	for _, w := range []string{"TUMBLE_", "HOP_", "SESSION_"} {
		if len(name) > len(w) && name[:len(w)] == w {
			kind, ok = map[string]string{"START": "start", "END": "end", "ROWTIME": "time", "PROCTIME": "time"}[name[len(w):]]
			return kind, ok
		}
	}
	return "", false
}

func (b *Binder) groupWindow(s *scope, a *aggregation, f *ast.FuncCall) {
	name := f.FuncName()
	if a.win != nil {
		b.errorf(f.Pos(), "GROUP BY can hold one window only")
		return
	}
	want := 2
	if name == "HOP" {
		want = 3
	}
	if len(f.Args) != want {
		b.errorf(f.Pos(), "%s wants %d arguments, a time column and intervals", name, want)
		return
	}
	t := b.expr(s, f.Args[0].Value)
	w := &groupWindow{kind: name, time: t}
	ref, ok := t.(*plan.ColRef)
	if !ok || s.rel.out()[ref.Index].Attr == plan.NoTime {
		if t.Type().Kind != types.Null {
			b.notTimeAttribute(f.Args[0].Pos(), t)
		}
		return
	}
	var iv []int64
	for _, x := range f.Args[1:] {
		iv = append(iv, b.duration(x.Value))
	}
	switch name {
	case "TUMBLE":
		w.spec = plan.WindowSpec{Kind: plan.Tumble, Size: iv[0]}
	case "HOP":
		w.spec = plan.WindowSpec{Kind: plan.Hop, Slide: iv[0], Size: iv[1]}
	case "SESSION":
		w.spec = plan.WindowSpec{Kind: plan.Session, Slide: iv[0]}
	}
	b.timeOf(&w.spec, s.rel.out()[ref.Index])
	a.win = w
}

func (b *Binder) timeOf(w *plan.WindowSpec, c plan.Column) {
	w.ProcTime = c.Attr == plan.ProcTime
	w.Local = c.Type.Kind == types.TimestampLTZ
}

func (b *Binder) notTimeAttribute(p ast.Pos, e plan.Expr) {
	b.remedy(p, "declare WATERMARK FOR "+e.String()+" AS "+e.String()+" - INTERVAL '5' SECOND in the table, or a column AS PROCTIME()",
		"a window wants a time attribute, %s is %s", e, e.Type())
}

// duration is a constant day-time interval in microseconds.
func (b *Binder) duration(x ast.Expr) int64 {
	e := b.expr(&scope{rel: &rel{node: &plan.Values{}}, clause: "a window"}, x)
	l, ok := e.(*plan.Literal)
	if ok && l.T.Kind == types.IntervalDayTime {
		return l.Value.(int64) * 1000
	}
	if !ok || l.T.Kind != types.Null {
		b.remedy(x.Pos(), "write it as INTERVAL '1' MINUTE", "a constant interval of days to seconds is wanted, this is %s", e.Type())
	}
	return 0
}

// windowColumn binds TUMBLE_START(…) and the like.
func (b *Binder) windowColumn(s *scope, x *ast.FuncCall, kind string) plan.Expr {
	if s.agg == nil || s.agg.win == nil {
		b.remedy(x.Pos(), "add the window to GROUP BY", "%s has no window in GROUP BY", x.FuncName())
		return poison()
	}
	a := s.agg
	i := slices.Index(a.winCols, kind)
	if i < 0 {
		i = len(a.winCols)
		a.winCols = append(a.winCols, kind)
	}
	t := types.TimestampOf(3)
	if kind == "time" && (a.win.spec.Local || a.win.spec.ProcTime) {
		t = types.TimestampLTZOf(3)
	}
	return &windowPlace{agg: a, index: i, t: t.AsNotNull(), label: x.FuncName()}
}

// windowPlace stands for a window column until the aggregate is made.
type windowPlace struct {
	agg   *aggregation
	index int
	t     types.Type
	label string
}

func (p *windowPlace) Type() types.Type { return p.t }
func (p *windowPlace) String() string   { return p.label }

// windowTVF binds TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL …)) and HOP, CUMULATE, SESSION.
func (b *Binder) windowTVF(x *ast.TableFunc, with *ctes) *rel {
	f := x.Call
	name := f.FuncName()
	order := map[string][]string{"TUMBLE": {"DATA", "TIMECOL", "SIZE", "OFFSET"}, "HOP": {"DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET"},
		"CUMULATE": {"DATA", "TIMECOL", "STEP", "SIZE", "OFFSET"}, "SESSION": {"DATA", "TIMECOL", "GAP"}}[name]
	if order == nil {
		b.remedy(x.Pos(), "the table functions are TUMBLE, HOP, CUMULATE and SESSION", "table function %s is not supported", name)
		return nil
	}
	args := map[string]ast.Expr{}
	for i, a := range f.Args {
		key := ""
		if a.Name != nil {
			key = upper(a.Name.Name)
		} else if i < len(order) {
			key = order[i]
		}
		if !slices.Contains(order, key) {
			b.errorf(a.Pos(), "%s has no such argument; it takes %v", name, order)
			return nil
		}
		args[key] = a.Value
	}
	for _, k := range order {
		if args[k] == nil && k != "OFFSET" {
			b.errorf(f.Pos(), "%s wants %s", name, k)
			return nil
		}
	}
	if q, ok := args["DATA"].(*ast.Subquery); ok { // (SELECT …) without TABLE
		args["DATA"] = &ast.TableArg{Loc: q.Loc, Query: q.Query}
	}
	data, ok := args["DATA"].(*ast.TableArg)
	if !ok {
		b.remedy(args["DATA"].Pos(), "write TABLE t", "the first argument of %s is a table", name)
		return nil
	}
	var in *rel
	if data.Query != nil {
		in = b.query(data.Query, with)
	} else {
		in = b.tableName(&ast.TableName{Loc: data.Loc, Name: data.Name}, with)
	}
	if in == nil {
		return nil
	}
	d, ok := args["TIMECOL"].(*ast.Descriptor)
	if !ok || len(d.Columns) != 1 {
		b.remedy(args["TIMECOL"].Pos(), "write DESCRIPTOR(column)", "%s wants its time column", name)
		return nil
	}
	e := b.name(&scope{rel: in, clause: "DESCRIPTOR"}, d.Columns[0])
	ref, ok := e.(*plan.ColRef)
	if !ok {
		return nil
	}
	col := in.out()[ref.Index]
	if col.Attr == plan.NoTime {
		b.notTimeAttribute(d.Columns[0].Pos(), e)
		return nil
	}
	w := plan.WindowSpec{TimeCol: ref.Index}
	micros := func(k string) int64 {
		if args[k] == nil {
			return 0
		}
		return b.duration(args[k])
	}
	w.Size, w.Offset = micros("SIZE"), micros("OFFSET")
	switch name {
	case "HOP":
		w.Kind, w.Slide = plan.Hop, micros("SLIDE")
	case "CUMULATE":
		w.Kind, w.Slide = plan.Cumulate, micros("STEP")
	case "SESSION":
		w.Kind, w.Slide = plan.Session, micros("GAP")
	}
	b.timeOf(&w, col)
	var by []int
	if len(data.PartitionBy) > 0 && w.Kind != plan.Session {
		b.remedy(data.PartitionBy[0].Pos(), "take PARTITION BY out and group by the column", "%s windows have no PARTITION BY: only SESSION takes it", name)
		return nil
	}
	for _, x := range data.PartitionBy {
		ref, ok := b.expr(&scope{rel: in, clause: "PARTITION BY"}, x).(*plan.ColRef)
		if !ok {
			b.remedy(x.Pos(), "compute it in a subquery", "PARTITION BY of SESSION takes columns")
			return nil
		}
		by = append(by, ref.Index)
	}
	out := relOf(plan.New(&plan.WindowAssign{Input: in.node, Win: w, PartitionBy: by}, f.Pos()), "")
	copy(out.fields, in.fields)
	return alias(b, out, x.Alias, "")
}
