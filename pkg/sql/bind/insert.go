package bind

import (
	"fmt"
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/function"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

func (b *Binder) insert(s *ast.Insert) {
	name := b.key(s.Table)
	table := b.tables[name]
	if table == nil {
		if b.views[name] != nil {
			b.errorf(s.Table.Pos(), "%s is a view: INSERT wants a table", name)
		} else {
			b.remedy(s.Table.Pos(), fault.DidYouMean(name, b.order), "table %s does not exist", name)
		}
		b.query(s.Query, nil)
		return
	}
	table, _ = b.withOptions(table, s.Hints)
	caps, ok := b.describe(table)
	if ok && !caps.Sink {
		b.errorf(s.Table.Pos(), "table %s (connector %s) cannot be written", name, table.Option("connector", "?"))
		return
	}
	if s.Overwrite {
		b.remedy(s.Pos(), "write INSERT INTO, and remove the old content first if it must go", "INSERT OVERWRITE is not supported yet")
		return
	}
	before := len(b.errs)
	r := b.query(s.Query, nil)
	if r == nil || !ok || len(b.errs) > before {
		return
	}
	n := &plan.Sink{Table: table, Caps: caps}
	for i, c := range table.Columns {
		if c.Kind == catalog.Physical || c.Kind == catalog.Metadata && !c.Virtual {
			n.Columns = append(n.Columns, i)
		}
		if c.Kind == catalog.Metadata && !c.Virtual {
			b.writable(c, caps, s.Table.Pos())
		}
	}
	es, names := b.sinkColumns(s, n, r)
	if len(b.errs) > before {
		return
	}
	n.Input = calc(r.node, nil, es, names, s.Pos())
	for _, k := range table.PrimaryKey {
		n.Keys = append(n.Keys, slices.Index(n.Columns, k))
	}
	b.sinks = append(b.sinks, plan.New(n, s.Table.Pos()))
}

// writable checks that the sink takes the metadata column.
func (b *Binder) writable(c catalog.Column, caps catalog.Caps, at ast.Pos) {
	t, ok := caps.Metadata[c.MetadataKey]
	switch {
	case !ok: // told where the table is declared
	case !slices.Contains(caps.Writable, c.MetadataKey):
		can := "declare the column VIRTUAL: then it is read only"
		if len(caps.Writable) > 0 {
			can += "; what can be written is " + strings.Join(caps.Writable, ", ")
		}
		b.remedy(at, can, "column %s: the metadata %s cannot be written", c.Name, c.MetadataKey)
	case !function.ImplicitCast(c.Type, t):
		b.remedy(at, "declare it "+t.AsNullable().String(), "column %s: the metadata %s is %s, not %s", c.Name, c.MetadataKey, t.AsNullable(), c.Type.AsNullable())
	}
}

// sinkColumns fits the query's columns to the table's: by the list of names, or in order, with implicit casts.
func (b *Binder) sinkColumns(s *ast.Insert, n *plan.Sink, r *rel) (es []plan.Expr, names []string) {
	static := map[int]plan.Expr{}
	if s.Partition != nil {
		for _, p := range s.Partition.Items {
			if i := b.column(n.Table, p.Column); i >= 0 && p.Value != nil {
				static[i] = b.expr(&scope{rel: &rel{node: &plan.Values{}}, clause: "PARTITION"}, p.Value)
			}
		}
	}
	var targets []int
	if s.Columns != nil {
		for _, c := range s.Columns {
			i := b.column(n.Table, c.Parts[0])
			switch {
			case i < 0:
				return nil, nil
			case len(c.Parts) > 1 || !slices.Contains(n.Columns, i):
				b.errorf(c.Pos(), "column %s cannot be written", c.Dotted())
				return nil, nil
			case slices.Contains(targets, i):
				b.errorf(c.Pos(), "column %s is named twice", c.Dotted())
				return nil, nil
			}
			targets = append(targets, i)
		}
	} else {
		for _, c := range n.Columns {
			if static[c] == nil {
				targets = append(targets, c)
			}
		}
	}
	if len(targets) != len(r.fields) {
		b.errorf(s.Query.Pos(), "%s takes %d columns (%s), the query gives %d (%s)", n.Table.Name, len(targets), declared(n.Table, targets),
			len(r.fields), given(r))
		return nil, nil
	}
	for _, c := range n.Columns {
		col := n.Table.Columns[c]
		names = append(names, col.Name)
		var e plan.Expr
		if i := slices.Index(targets, c); i >= 0 {
			e = &plan.ColRef{Index: i, Name: r.out()[i].Name, T: r.out()[i].Type}
		} else if e = static[c]; e == nil {
			if col.Type.NotNull {
				b.remedy(s.Pos(), "add it to the column list", "column %s of %s is NOT NULL and is given no value", col.Name, n.Table.Name)
			}
			e = &plan.Literal{T: col.Type.AsNullable()}
		}
		if !function.ImplicitCast(e.Type(), col.Type) {
			b.remedy(itemPos(s.Query, slices.Index(targets, c)), fmt.Sprintf("write CAST(%s AS %s)", r.source(slices.Index(targets, c)), col.Type.AsNullable()), "column %s of %s is %s, the query gives %s", col.Name, n.Table.Name, col.Type, e.Type())
			continue
		}
		es = append(es, function.Cast(e, col.Type))
	}
	return es, names
}

// source names column i as the query's author knows it.
func (r *rel) source(i int) string {
	if i < 0 || strings.HasPrefix(r.fields[i].name, "EXPR$") {
		return "…"
	}
	return r.fields[i].name
}

func declared(t *catalog.Table, cols []int) string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = t.Columns[c].Name + " " + t.Columns[c].Type.String()
	}
	return strings.Join(out, ", ")
}

func given(r *rel) string {
	out := make([]string, len(r.fields))
	for i, f := range r.fields {
		out[i] = f.name + " " + r.out()[i].Type.String()
	}
	return strings.Join(out, ", ")
}

// itemPos is the place of the i-th select item of q, or of q.
func itemPos(q *ast.Query, i int) ast.Pos {
	if s, ok := q.Body.(*ast.Select); ok && i >= 0 && i < len(s.Items) {
		for _, it := range s.Items[:i+1] {
			if _, star := it.X.(*ast.Star); star {
				return it.Pos()
			}
		}
		return s.Items[i].Pos()
	}
	return q.Pos()
}
