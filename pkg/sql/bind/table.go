package bind

import (
	"maps"
	"slices"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func (b *Binder) exists(name string) bool { return b.tables[name] != nil || b.views[name] != nil }

func (b *Binder) createTable(s *ast.CreateTable) {
	name := tableKey(s.Name)
	if b.exists(name) {
		if !s.IfNotExists && !s.OrReplace {
			b.errorf(s.Name.Pos(), "%s exists already", name)
		}
		if !s.OrReplace {
			return
		}
	}
	if s.As != nil {
		b.remedy(s.As.Pos(), "write CREATE TABLE, then INSERT INTO … SELECT", "CREATE TABLE … AS is not supported")
		return
	}
	t := &catalog.Table{Name: name, Options: map[string]string{}, OptionPos: map[string]catalog.Pos{}, Pos: s.Name.Pos()}
	if s.Comment != nil {
		t.Comment = s.Comment.Value
	}
	if s.Like != nil {
		b.like0(s.Like, t)
	}
	for _, o := range s.Options {
		t.Options[o.Key.Value] = o.Value.Value
		t.OptionPos[o.Key.Value] = o.Pos()
	}
	b.columns(s.Columns, t)
	b.primaryKey(s, t)
	for _, p := range s.PartitionBy {
		if i := b.column(t, p); i >= 0 {
			t.PartitionBy = append(t.PartitionBy, i)
		}
	}
	for _, w := range s.Watermarks {
		b.watermark(w, t)
	}
	if t.Options["connector"] == "" {
		b.remedy(s.Name.Pos(), "add WITH ('connector' = 'kafka', …)", "table %s has no connector", name)
	}
	b.Declare(t)
	if len(b.errs) > 0 || t.Options["connector"] == "" {
		return
	}
	if caps, ok := b.describe(t); ok {
		b.checkMetadata(t, caps)
	}
}

// like0 copies what LIKE takes from another table.
func (b *Binder) like0(l *ast.TableLike, t *catalog.Table) {
	name := tableKey(l.Table)
	src := b.tables[name]
	if src == nil {
		b.remedy(l.Table.Pos(), fault.DidYouMean(name, b.relations()), "table %s does not exist", name)
		return
	}
	excluded := map[string]bool{}
	for _, o := range l.Options {
		excluded[o.Feature] = o.Merge == "EXCLUDING"
		if o.Feature == "ALL" && o.Merge == "EXCLUDING" {
			for _, f := range []string{"CONSTRAINTS", "GENERATED", "METADATA", "OPTIONS", "PARTITIONS", "WATERMARKS"} {
				excluded[f] = true
			}
		}
	}
	moved := make([]int, len(src.Columns))
	for i, c := range src.Columns {
		moved[i] = -1
		if c.Kind == catalog.Computed && excluded["GENERATED"] || c.Kind == catalog.Metadata && excluded["METADATA"] {
			continue
		}
		moved[i] = len(t.Columns)
		t.Columns = append(t.Columns, c)
	}
	for i, c := range t.Columns {
		if x, ok := c.Computed.(plan.Expr); ok {
			t.Columns[i].Computed = plan.Rewrite(x, func(e plan.Expr) plan.Expr {
				if r, ok := e.(*plan.ColRef); ok {
					return &plan.ColRef{Index: moved[r.Index], Name: r.Name, T: r.T}
				}
				return nil
			})
		}
	}
	if !excluded["OPTIONS"] {
		maps.Copy(t.Options, src.Options)
		maps.Copy(t.OptionPos, src.OptionPos)
	}
	if !excluded["CONSTRAINTS"] {
		for _, k := range src.PrimaryKey {
			t.PrimaryKey = append(t.PrimaryKey, moved[k])
		}
	}
	if !excluded["PARTITIONS"] {
		for _, k := range src.PartitionBy {
			t.PartitionBy = append(t.PartitionBy, moved[k])
		}
	}
	if w := src.Watermark; w != nil && !excluded["WATERMARKS"] && moved[w.Column] >= 0 {
		t.Watermark = &catalog.Watermark{Column: moved[w.Column], Delay: w.Delay}
	}
}

// columns declares the physical and metadata columns first, so that a computed one can name any of them.
func (b *Binder) columns(defs []*ast.ColumnDef, t *catalog.Table) {
	var computed []int
	for _, d := range defs {
		if t.ColumnIndex(d.Name.Name) >= 0 {
			b.errorf(d.Name.Pos(), "column %s is declared twice", d.Name.Name)
			continue
		}
		c := catalog.Column{Name: d.Name.Name, Pos: d.Name.Pos()}
		if d.Comment != nil {
			c.Comment = d.Comment.Value
		}
		switch {
		case d.Computed != nil:
			c.Kind = catalog.Computed
			computed = append(computed, len(t.Columns))
		case d.Type == nil:
			b.errorf(d.Name.Pos(), "column %s has no type", d.Name.Name)
			continue
		default:
			var err error
			if c.Type, err = d.Type.Logical(); err != nil {
				b.fail(d.Type.Pos(), err)
			}
			if d.Metadata {
				c.Kind, c.MetadataKey, c.Virtual = catalog.Metadata, c.Name, d.Virtual
				if d.MetaKey != nil {
					c.MetadataKey = d.MetaKey.Value
				}
			}
		}
		t.Columns = append(t.Columns, c)
	}
	r := tableRel(t, true)
	for _, i := range computed {
		for _, d := range defs {
			if d.Name.Name == t.Columns[i].Name {
				e := b.expr(&scope{rel: r, clause: "a computed column"}, d.Computed)
				t.Columns[i].Computed, t.Columns[i].Type = e, e.Type()
				if c, ok := e.(*plan.Call); ok && c.Func == "PROCTIME" {
					t.Columns[i].ProcTime = true
				}
			}
		}
	}
}

// tableRel is a table's own column list as a scope; with stored, computed columns are out of reach.
func tableRel(t *catalog.Table, stored bool) *rel {
	n := &plan.Values{}
	r := &rel{node: n}
	for _, c := range t.Columns {
		n.P.Out = append(n.P.Out, plan.Column{Name: c.Name, Type: c.Type})
		f := field{qual: t.Name, name: c.Name}
		if stored && c.Kind == catalog.Computed {
			f = field{hidden: true}
		}
		r.fields = append(r.fields, f)
	}
	return r
}

// column finds a column by a name in a table-level clause.
func (b *Binder) column(t *catalog.Table, id *ast.Ident) int {
	i := t.ColumnIndex(id.Name)
	if i < 0 {
		var names []string
		for _, c := range t.Columns {
			names = append(names, c.Name)
		}
		b.remedy(id.Pos(), fault.DidYouMean(id.Name, names), "table %s has no column %s", t.Name, id.Name)
	}
	return i
}

func (b *Binder) primaryKey(s *ast.CreateTable, t *catalog.Table) {
	keys := slices.Clone(s.Keys)
	for _, d := range s.Columns {
		if d.PrimaryKey != nil {
			k := *d.PrimaryKey
			k.Columns = []*ast.Ident{d.Name}
			keys = append(keys, &k)
		}
	}
	for n, k := range keys {
		switch {
		case k.Unique:
			b.remedy(k.Pos(), "declare PRIMARY KEY (…) NOT ENFORCED", "UNIQUE is not supported")
			continue
		case n > 0:
			b.errorf(k.Pos(), "table %s has two primary keys", t.Name)
			continue
		case !k.NotEnforced:
			b.remedy(k.Pos(), "write PRIMARY KEY (…) NOT ENFORCED", "a primary key cannot be enforced here: the data is not Freshet's own")
		}
		t.PrimaryKey = nil
		for _, id := range k.Columns {
			i := b.column(t, id)
			if i < 0 {
				continue
			}
			if t.Columns[i].Kind == catalog.Computed {
				b.errorf(id.Pos(), "column %s is computed and cannot be part of the primary key", id.Name)
			}
			t.Columns[i].Type.NotNull = true
			t.PrimaryKey = append(t.PrimaryKey, i)
		}
	}
}

func (b *Binder) watermark(w *ast.Watermark, t *catalog.Table) {
	if len(w.Column.Parts) != 1 {
		b.errorf(w.Column.Pos(), "a watermark on a nested field is not supported; add a computed column")
		return
	}
	i := b.column(t, w.Column.Parts[0])
	if i < 0 {
		return
	}
	c := t.Columns[i]
	if !c.Type.IsTimestamp() || c.Type.Precision > 3 && c.Type.Precision > 6 {
		if c.Type.Kind != types.Null {
			b.remedy(w.Column.Pos(), "make it TIMESTAMP(3) or TIMESTAMP_LTZ(3), by a computed column if need be", "a watermark wants a timestamp, %s is %s", c.Name, c.Type)
		}
		return
	}
	delay, ok := int64(0), false
	switch e := b.expr(&scope{rel: tableRel(t, false), clause: "WATERMARK"}, w.X).(type) {
	case *plan.ColRef:
		ok = e.Index == i
	case *plan.Call:
		if e.Func == "-" {
			ref, isRef := e.Args[0].(*plan.ColRef)
			l, isLit := e.Args[1].(*plan.Literal)
			if ok = isRef && isLit && ref.Index == i && l.T.Kind == types.IntervalDayTime; ok {
				delay = l.Value.(int64) * 1000
			}
		}
	case *plan.Literal:
		return // a fault that is told already
	}
	if !ok || t.Watermark != nil {
		b.remedy(w.X.Pos(), "write WATERMARK FOR "+c.Name+" AS "+c.Name+" - INTERVAL '5' SECOND", "the watermark is its column less a constant interval, and there is one of it")
		return
	}
	t.Watermark = &catalog.Watermark{Column: i, Delay: delay}
}

func (b *Binder) checkMetadata(t *catalog.Table, caps catalog.Caps) {
	for _, c := range t.Columns {
		if c.Kind != catalog.Metadata {
			continue
		}
		if _, ok := caps.Metadata[c.MetadataKey]; !ok {
			b.remedy(c.Pos, fault.DidYouMean(c.MetadataKey, slices.Sorted(maps.Keys(caps.Metadata))), "connector %s has no metadata %s", t.Option("connector", "?"), c.MetadataKey)
		}
	}
}

func (b *Binder) createView(s *ast.CreateView) {
	name := tableKey(s.Name)
	if b.exists(name) {
		if !s.IfNotExists && !s.OrReplace {
			b.errorf(s.Name.Pos(), "%s exists already", name)
		}
		if !s.OrReplace {
			return
		}
	}
	v := &view{def: s}
	before := len(b.errs)
	v.rel = b.query(s.Query, nil)
	if v.bad = v.rel == nil || len(b.errs) > before; !v.bad {
		v.rel = b.rename(v.rel, s.Columns)
	}
	b.views[name] = v
}
