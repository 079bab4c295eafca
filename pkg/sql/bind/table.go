package bind

import (
	"maps"
	"slices"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/parse"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func (b *Binder) exists(name string) bool { return b.tables[name] != nil || b.views[name] != nil }

func (b *Binder) createTable(s *ast.CreateTable) {
	key, ok := b.newKey(s.Name)
	if !ok {
		return
	}
	if b.exists(key) {
		if !s.IfNotExists && !s.OrReplace {
			b.errorf(s.Name.Pos(), "%s exists already", key)
		}
		if !s.OrReplace {
			return
		}
	}
	replaced := b.exists(key)
	d := b.definition(s)
	var filled []*ast.Name
	if s.As != nil {
		if filled = b.asQuery(s, d); filled == nil {
			return
		}
	}
	b.defs[key] = d
	b.Declare(b.table(key, d))
	if replaced {
		delete(b.views, key)
		b.stale()
	}
	if s.As != nil && len(b.errs) == 0 {
		b.insert(&ast.Insert{Loc: s.Loc, Table: s.Name, Columns: filled, Query: s.As})
	}
}

// asQuery adds to a definition the columns that the query of CREATE TABLE … AS gives, after its own. Own columns of the same name keep their
// type; a list of names alone orders them. It gives the names of the query's columns, nil after a fault.
func (b *Binder) asQuery(s *ast.CreateTable, d *ast.CreateTable) []*ast.Name {
	r := b.query(s.As, nil)
	if r == nil {
		return nil
	}
	defs, names := map[string]*ast.ColumnDef{}, []*ast.Name(nil)
	var order []*ast.ColumnDef
	for i, f := range r.fields {
		at := itemPos(s.As, i)
		if defs[f.name] != nil {
			b.remedy(at, "give one of them another alias", "the query has two columns %s", f.name)
			return nil
		}
		t, err := parse.Type("", r.out()[i].Type.String())
		if err != nil || r.out()[i].Type.Kind == types.Null {
			b.remedy(at, "CAST it to a type that a table can have", "column %s is %s, which a table cannot hold", f.name, r.out()[i].Type)
			return nil
		}
		id := &ast.Ident{Loc: ast.Loc{Start: at, End: at}, Name: f.name}
		defs[f.name] = &ast.ColumnDef{Loc: id.Loc, Name: id, Type: t}
		names = append(names, &ast.Name{Loc: id.Loc, Parts: []*ast.Ident{id}})
		order = append(order, defs[f.name])
	}
	var own []*ast.ColumnDef
	bare := 0
	for _, c := range d.Columns {
		if c.Type == nil && c.Computed == nil {
			q := defs[c.Name.Name]
			if q == nil {
				b.remedy(c.Name.Pos(), fault.DidYouMean(c.Name.Name, sortedKeys(defs)), "the query gives no column %s", c.Name.Name)
				return nil
			}
			bare++
			c = q
		}
		own = append(own, c)
	}
	if bare > 0 && (bare != len(order) || bare != len(own)) {
		b.remedy(d.Columns[0].Pos(), "name all of them, without types, or give their types", "the list of names orders the query's %d columns, it has %d", len(order), len(own))
		return nil
	}
	for _, c := range order {
		if !slices.ContainsFunc(own, func(o *ast.ColumnDef) bool { return o.Name.Name == c.Name.Name }) {
			own = append(own, c)
		}
	}
	d.Columns = own
	return names
}

// table makes the table that a definition describes.
func (b *Binder) table(key string, d *ast.CreateTable) *catalog.Table {
	t := &catalog.Table{Name: key, Options: map[string]string{}, OptionPos: map[string]catalog.Pos{}, Comment: text(d.Comment), Pos: d.Name.Pos()}
	for _, o := range d.Options {
		t.Options[o.Key.Value] = o.Value.Value
		t.OptionPos[o.Key.Value] = o.Pos()
	}
	modern(t)
	b.columns(d.Columns, t)
	b.primaryKey(d.Keys, t)
	for _, p := range d.PartitionBy {
		if i := b.column(t, p); i >= 0 {
			t.PartitionBy = append(t.PartitionBy, i)
		}
	}
	for _, w := range d.Watermarks {
		b.watermark(w, t)
	}
	if t.Options["connector"] == "" {
		b.remedy(d.Name.Pos(), "add WITH ('connector' = 'kafka', …)", "table %s has no connector", key)
		return t
	}
	b.watermarkOptions(t)
	if len(b.errs) > 0 {
		return t
	}
	if caps, ok := b.describe(t); ok {
		b.checkMetadata(t, caps)
	}
	return t
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

func (b *Binder) primaryKey(keys []*ast.PrimaryKey, t *catalog.Table) {
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
	if t.Watermark != nil {
		b.remedy(w.Pos(), "leave one", "table %s has a watermark already", t.Name)
		return
	}
	x := b.expr(&scope{rel: tableRel(t, false), clause: "WATERMARK"}, w.X)
	t.Watermark = &catalog.Watermark{Column: i}
	switch e := x.(type) {
	case *plan.ColRef:
		if e.Index == i {
			return
		}
	case *plan.Call:
		if e.Func == "-" {
			ref, isRef := e.Args[0].(*plan.ColRef)
			l, isLit := e.Args[1].(*plan.Literal)
			if isRef && isLit && ref.Index == i && l.T.Kind == types.IntervalDayTime {
				t.Watermark.Delay = l.Value.(int64) * 1000
				return
			}
		}
	case *plan.Literal:
		if e.T.Kind == types.Null {
			return // a fault that is told already
		}
	}
	if x.Type().Kind != c.Type.Kind {
		b.remedy(w.X.Pos(), "write WATERMARK FOR "+c.Name+" AS "+c.Name+" - INTERVAL '5' SECOND", "the watermark of %s, which is %s, cannot be %s", c.Name, c.Type, x.Type())
		return
	}
	t.Watermark.Expr = x
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
	key, ok := b.newKey(s.Name)
	if !ok {
		return
	}
	if b.exists(key) {
		if !s.IfNotExists && !s.OrReplace {
			b.errorf(s.Name.Pos(), "%s exists already", key)
		}
		if !s.OrReplace {
			return
		}
	}
	if b.exists(key) {
		b.forget(key)
	}
	b.views[key] = b.newView(s)
}

// newView checks a view by binding it where it is declared.
func (b *Binder) newView(def *ast.CreateView) *view {
	v := &view{def: def, at: b.ns.now}
	before := len(b.errs)
	v.rel = b.query(def.Query, nil)
	if v.bad = v.rel == nil || len(b.errs) > before; !v.bad {
		v.rel = b.rename(v.rel, def.Columns)
	}
	return v
}
