package bind

import (
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
)

// alterTable edits a table's definition and declares it anew. Statements before it keep the table as it was.
func (b *Binder) alterTable(s *ast.AlterTable) {
	key := b.key(s.Name)
	def := b.defs[key]
	if def == nil {
		switch {
		case b.views[key] != nil:
			b.remedy(s.Name.Pos(), "write ALTER VIEW", "%s is a view", key)
		case !s.IfExists:
			b.remedy(s.Name.Pos(), fault.DidYouMean(key, b.order), "table %s does not exist", key)
		}
		return
	}
	d := *def
	d.Columns, d.Keys, d.Options, d.Watermarks = slices.Clone(def.Columns), slices.Clone(def.Keys), slices.Clone(def.Options), slices.Clone(def.Watermarks)
	e := &editor{b: b, d: &d}
	to := key
	switch a := s.Action.(type) {
	case *ast.AlterRename:
		to = b.rename2(key, a)
		name := *s.Name
		name.Parts = append(slices.Clone(s.Name.Parts[:len(s.Name.Parts)-1]), a.To.Parts[len(a.To.Parts)-1])
		d.Name = &name
	case *ast.AlterRenameColumn:
		e.renameColumn(a)
	case *ast.AlterSet:
		for _, o := range a.Options {
			e.set(o)
		}
	case *ast.AlterReset:
		for _, k := range a.Keys {
			e.reset(k)
		}
	case *ast.AlterColumns:
		e.columns(a)
	case *ast.AlterDrop:
		e.drop(a)
	default:
		b.remedy(s.Action.Pos(), "partitions come and go with the rows that are written", "ALTER TABLE … %s is not supported", strings.Fields(ast.String(s.Action))[0]+" PARTITION")
	}
	if len(b.errs) > 0 {
		return
	}
	t := b.table(to, &d)
	if len(b.errs) > 0 {
		return
	}
	if to != key {
		b.forget(key)
	}
	b.defs[to] = &d
	b.Declare(t)
	b.stale()
}

// rename2 is the key that RENAME TO gives.
func (b *Binder) rename2(key string, a *ast.AlterRename) string {
	p := placeOf(key)
	if len(a.To.Parts) > 1 {
		p = b.ns.place(a.To)
	}
	to := p.key(a.To.Last())
	if b.exists(to) && to != key {
		b.errorf(a.To.Pos(), "%s exists already", to)
	}
	return to
}

// alterView gives a view another name or another query.
func (b *Binder) alterView(s *ast.AlterView) {
	key := b.key(s.Name)
	v := b.views[key]
	if v == nil {
		b.remedy(s.Name.Pos(), fault.DidYouMean(key, sortedKeys(b.views)), "view %s does not exist", key)
		return
	}
	switch a := s.Action.(type) {
	case *ast.AlterRename:
		to := b.rename2(key, a)
		if len(b.errs) == 0 {
			def := *v.def
			def.Name = a.To
			v.def = &def
			delete(b.views, key)
			b.views[to] = v
		}
	case *ast.AlterAs:
		def := *v.def
		def.Query, def.Columns = a.Query, nil
		if nv := b.newView(&def); !nv.bad {
			b.views[key] = nv
		}
	}
	b.stale()
}

// editor changes one table's definition.
type editor struct {
	b *Binder
	d *ast.CreateTable
}

func (e *editor) find(name string) int {
	return slices.IndexFunc(e.d.Columns, func(c *ast.ColumnDef) bool { return c.Name.Name == name })
}

// column finds a column that must exist.
func (e *editor) column(n ast.Node, name string) int {
	i := e.find(name)
	if i < 0 {
		var names []string
		for _, c := range e.d.Columns {
			names = append(names, c.Name.Name)
		}
		e.b.remedy(n.Pos(), fault.DidYouMean(name, names), "table %s has no column %s", e.d.Name.Dotted(), name)
	}
	return i
}

// user tells what else in the definition names a column.
func (e *editor) user(name string, keys bool) string {
	names := func(x ast.Node) (found bool) {
		ast.Walk(x, func(n ast.Node) bool {
			if id, ok := n.(*ast.Name); ok && id.Parts[0].Name == name {
				found = true
			}
			return !found
		})
		return found
	}
	for _, c := range e.d.Columns {
		if c.Computed != nil && c.Name.Name != name && names(c.Computed) {
			return "the computed column " + c.Name.Name
		}
	}
	for _, w := range e.d.Watermarks {
		if w.Column.Parts[0].Name == name || names(w.X) {
			return "the watermark"
		}
	}
	for _, p := range e.d.PartitionBy {
		if p.Name == name {
			return "PARTITIONED BY"
		}
	}
	for _, k := range e.d.Keys {
		if keys && slices.ContainsFunc(k.Columns, func(c *ast.Ident) bool { return c.Name == name }) {
			return "the primary key"
		}
	}
	return ""
}

func (e *editor) renameColumn(a *ast.AlterRenameColumn) {
	if len(a.From.Parts) > 1 {
		e.b.errorf(a.From.Pos(), "a field inside a column cannot be renamed")
		return
	}
	i := e.column(a.From, a.From.Last())
	if i < 0 {
		return
	}
	from := a.From.Last()
	if e.find(a.To.Name) >= 0 {
		e.b.errorf(a.To.Pos(), "column %s exists already", a.To.Name)
	}
	if by := e.user(from, false); by != "" {
		e.b.remedy(a.From.Pos(), "change that first", "column %s is used by %s", from, by)
	}
	c := *e.d.Columns[i]
	if c.Metadata && c.MetaKey == nil {
		c.MetaKey = &ast.StringLit{Loc: c.Loc, Value: from}
	}
	c.Name = a.To
	e.d.Columns[i] = &c
	for n, k := range e.d.Keys {
		nk := *k
		nk.Columns = slices.Clone(k.Columns)
		for j, id := range nk.Columns {
			if id.Name == from {
				nk.Columns[j] = a.To
			}
		}
		e.d.Keys[n] = &nk
	}
}

func (e *editor) set(o *ast.Option) {
	if i := slices.IndexFunc(e.d.Options, func(x *ast.Option) bool { return x.Key.Value == o.Key.Value }); i >= 0 {
		e.d.Options[i] = o
		return
	}
	e.d.Options = append(e.d.Options, o)
}

func (e *editor) reset(k *ast.StringLit) {
	if k.Value == "connector" {
		e.b.errorf(k.Pos(), "a table needs its connector")
		return
	}
	e.d.Options = slices.DeleteFunc(e.d.Options, func(o *ast.Option) bool { return o.Key.Value == k.Value })
}

// columns is ADD and MODIFY.
func (e *editor) columns(a *ast.AlterColumns) {
	if a.Distribution != nil {
		if (e.d.Distribution != nil) != a.Modify {
			e.b.errorf(a.Distribution.Pos(), "table %s has %s distribution", e.d.Name.Dotted(), map[bool]string{true: "no", false: "a"}[a.Modify])
		}
		e.d.Distribution = a.Distribution
	}
	for _, p := range a.Columns {
		c := p.Column
		if c.PrimaryKey != nil {
			k, plain := *c.PrimaryKey, *c
			k.Columns, plain.PrimaryKey = []*ast.Ident{c.Name}, nil
			a.Keys, c = append(a.Keys, &k), &plain
		}
		i := e.find(c.Name.Name)
		switch {
		case a.Modify && i < 0:
			e.column(c.Name, c.Name.Name)
			continue
		case !a.Modify && i >= 0:
			e.b.remedy(c.Name.Pos(), "write MODIFY to change it", "column %s exists already", c.Name.Name)
			continue
		case a.Modify && !p.First && p.After == nil:
			e.d.Columns[i] = c
			continue
		case a.Modify:
			e.d.Columns = slices.Delete(e.d.Columns, i, i+1)
		}
		to := len(e.d.Columns)
		if p.First {
			to = 0
		} else if p.After != nil {
			if to = e.column(p.After, p.After.Name) + 1; to == 0 {
				continue
			}
		}
		e.d.Columns = slices.Insert(e.d.Columns, to, c)
	}
	if len(a.Keys) > 0 {
		e.one(a.Keys[0].Pos(), a.Modify, len(e.d.Keys) > 0, "primary key")
		e.d.Keys = a.Keys
	}
	if len(a.Watermarks) > 0 {
		e.one(a.Watermarks[0].Pos(), a.Modify, len(e.d.Watermarks) > 0, "watermark")
		e.d.Watermarks = a.Watermarks
	}
}

// one checks that MODIFY finds what it changes and ADD does not.
func (e *editor) one(p ast.Pos, modify, has bool, what string) {
	switch {
	case modify && !has:
		e.b.remedy(p, "write ADD", "table %s has no %s", e.d.Name.Dotted(), what)
	case !modify && has:
		e.b.remedy(p, "write MODIFY to change it", "table %s has a %s already", e.d.Name.Dotted(), what)
	}
}

func (e *editor) drop(a *ast.AlterDrop) {
	none := func(what string) {
		e.b.errorf(a.Pos(), "table %s has no %s", e.d.Name.Dotted(), what)
	}
	switch a.Kind {
	case "COLUMN":
		e.dropColumns(a)
	case "PRIMARY KEY":
		if len(e.d.Keys) == 0 {
			none("primary key")
		}
		e.d.Keys = nil
	case "CONSTRAINT":
		name := a.Columns[0].Last()
		if len(e.d.Keys) == 0 || e.d.Keys[0].Constraint == nil || e.d.Keys[0].Constraint.Name != name {
			none("constraint " + name)
		}
		e.d.Keys = nil
	case "WATERMARK":
		if len(e.d.Watermarks) == 0 {
			none("watermark")
		}
		e.d.Watermarks = nil
	case "DISTRIBUTION":
		if e.d.Distribution == nil {
			none("distribution")
		}
		e.d.Distribution = nil
	}
}

func (e *editor) dropColumns(a *ast.AlterDrop) {
	gone := map[string]bool{}
	for _, n := range a.Columns {
		switch {
		case len(n.Parts) > 1:
			e.b.errorf(n.Pos(), "a field inside a column cannot be dropped")
		case gone[n.Last()]:
			e.b.errorf(n.Pos(), "column %s is named twice", n.Last())
		default:
			e.column(n, n.Last())
		}
		gone[n.Last()] = true
	}
	e.d.Columns = slices.DeleteFunc(e.d.Columns, func(c *ast.ColumnDef) bool { return gone[c.Name.Name] })
	for _, n := range a.Columns {
		if by := e.user(n.Last(), true); by != "" {
			e.b.remedy(n.Pos(), "change that first", "column %s is used by %s", n.Last(), by)
		}
	}
}
