package bind

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/function"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// from binds an item of FROM; nil after a fault that leaves no columns.
func (b *Binder) from(t ast.TableRef, with *ctes) *rel {
	switch t := t.(type) {
	case *ast.TableName:
		if t.AsOf != nil {
			b.remedy(t.Pos(), "write FROM a JOIN t FOR SYSTEM_TIME AS OF a.proctime ON …", "FOR SYSTEM_TIME AS OF stands on the right side of a join")
			return nil
		}
		r := b.tableName(t, with)
		return alias(b, r, t.Alias, t.Name.Last())
	case *ast.Derived:
		r := b.query(t.Query, with)
		return alias(b, r, t.Alias, "")
	case *ast.TableFunc:
		if f := b.tableFunction(t); f != nil {
			return b.correlateFunction(nothing(t.Pos()), t, f)
		}
		return b.windowTVF(t, with)
	case *ast.Unnest:
		return b.unnest(nothing(t.Pos()), t)
	case *ast.MatchRecognize:
		return b.match(t, with)
	case *ast.Join:
		return b.join(t, with)
	}
	b.errorf(t.Pos(), "this item of FROM is not supported")
	return nil
}

// alias gives r's columns the alias's qualifier and names.
func alias(b *Binder, r *rel, a *ast.TableAlias, def string) *rel {
	if r == nil {
		return nil
	}
	out := &rel{node: r.node, fields: slices.Clone(r.fields)}
	qual := def
	if a != nil {
		qual = a.Name.Name
	}
	for i := range out.fields {
		if a != nil || def != "" {
			out.fields[i].qual = qual
		}
	}
	if a != nil && len(a.Columns) > 0 {
		if len(a.Columns) != len(out.fields) {
			b.errorf(a.Pos(), "alias %s names %d columns, there are %d", qual, len(a.Columns), len(out.fields))
			return out
		}
		for i, c := range a.Columns {
			out.fields[i].name = c.Name
		}
	}
	return out
}

// tableName binds a WITH name, a view or a table, in this order.
func (b *Binder) tableName(t *ast.TableName, with *ctes) *rel {
	name := b.key(t.Name)
	if c := with.find(t.Name.Dotted()); c != nil {
		if c.rel == nil {
			if b.apart(func() { c.rel = b.query(c.query, c.outer) }); c.rel == nil {
				return nil
			}
			c.rel = b.rename(c.rel, c.cols)
		}
		return c.rel
	}
	if v := b.views[name]; v != nil {
		return b.view(t, v)
	}
	table := b.tables[name]
	if table == nil {
		var names []string
		for c := with; c != nil; c = c.outer {
			names = append(names, c.name)
		}
		b.remedy(t.Name.Pos(), fault.DidYouMean(name, append(names, b.relations()...)), "table %s does not exist", name)
		return nil
	}
	return b.scan(t, table)
}

func (b *Binder) rename(r *rel, cols []*ast.Ident) *rel {
	if len(cols) == 0 {
		return r
	}
	if len(cols) != len(r.fields) {
		b.errorf(cols[0].Pos(), "%d names are given, the query has %d columns", len(cols), len(r.fields))
		return r
	}
	out := &rel{node: r.node, fields: slices.Clone(r.fields)}
	for i, c := range cols {
		out.fields[i].name = c.Name
	}
	return out
}

func (b *Binder) view(t *ast.TableName, v *view) *rel {
	switch {
	case v.busy:
		b.errorf(t.Pos(), "view %s reads itself", t.Name.Dotted())
		return nil
	case v.bad:
		return nil // its faults were told where it was created
	case v.rel == nil:
		v.busy = true
		now := b.ns.now
		b.ns.now = v.at
		b.apart(func() { v.rel = b.query(v.def.Query, nil) })
		b.ns.now = now
		v.busy = false
		if v.bad = v.rel == nil; v.bad {
			return nil
		}
		v.rel = b.rename(v.rel, v.def.Columns)
	}
	return v.rel
}

// withOptions gives t with the options of an OPTIONS hint on top, and those options as one text.
func (b *Binder) withOptions(t *catalog.Table, hints []*ast.Hint) (*catalog.Table, string) {
	key := ""
	for _, h := range hints {
		if !strings.EqualFold(h.Name.Name, "OPTIONS") {
			continue
		}
		c := *t
		c.Options, c.OptionPos = maps.Clone(t.Options), maps.Clone(t.OptionPos)
		for _, o := range h.Options {
			c.Options[o.Key.Value] = o.Value.Value
			c.OptionPos[o.Key.Value] = o.Pos()
			key += "\x00" + o.Key.Value + "\x00" + o.Value.Value
		}
		t = &c
	}
	return t, key
}

// scan gives the one node that reads a table: source, computed columns, watermark.
func (b *Binder) scan(t *ast.TableName, table *catalog.Table) *rel {
	id := fmt.Sprintf("%p", table)
	table, options := b.withOptions(table, t.Hints)
	key := id + options
	if r := b.scans[key]; r != nil {
		return r
	}
	caps, ok := b.describe(table)
	if !ok {
		return nil
	}
	if !caps.Scan {
		hint := ""
		if caps.Lookup {
			hint = "it can be looked up: JOIN " + table.Name + " FOR SYSTEM_TIME AS OF a.proctime"
		}
		b.remedy(t.Pos(), hint, "table %s (connector %s) cannot be scanned", table.Name, table.Option("connector", "?"))
		return nil
	}
	src := &plan.Source{Table: table, Caps: caps}
	at := make([]int, len(table.Columns)) // column → place in the source's output
	plain := true
	for i, c := range table.Columns {
		if c.Kind == catalog.Computed {
			plain = false
			continue
		}
		at[i] = len(src.Columns)
		src.Columns = append(src.Columns, i)
	}
	pos := catalog.Pos(t.Pos())
	var node plan.Node = plan.New(src, pos)
	out := node.Props().Out
	es := make([]plan.Expr, len(table.Columns))
	names := make([]string, len(table.Columns))
	for i, c := range table.Columns {
		names[i] = c.Name
		if c.Kind != catalog.Computed {
			e := plan.Expr(&plan.ColRef{Index: at[i], Name: c.Name, T: out[at[i]].Type})
			es[i] = function.Cast(e, c.Type)
			plain = plain && es[i] == e
		}
	}
	for i, c := range table.Columns {
		if c.Kind != catalog.Computed {
			continue
		}
		x, _ := c.Computed.(plan.Expr)
		if x == nil {
			return nil // its fault was told at the declaration
		}
		es[i] = plan.Rewrite(x, func(e plan.Expr) plan.Expr {
			if r, ok := e.(*plan.ColRef); ok {
				return es[r.Index]
			}
			return nil
		})
	}
	if !plain {
		node = calc(node, nil, es, names, pos)
	}
	if w := table.Watermark; w != nil {
		mark := &plan.Watermark{TimeCol: w.Column, Delay: w.Delay, Idle: b.idle(table)}
		if x, ok := w.Expr.(plan.Expr); ok { // computed beside the columns, and dropped again above
			refs := plan.Refs(node.Props().Out)
			node = calc(node, nil, append(refs[:len(refs):len(refs)], x), append(slices.Clone(names), "$watermark"), pos)
			mark.Mark, mark.Input = []int{len(refs)}, node
			node = calc(plan.New(mark, pos), nil, plan.Refs(mark.P.Out)[:len(refs)], nil, pos)
		} else {
			mark.Input = node
			node = plan.New(mark, pos)
		}
	}
	r := relOf(node, table.Name)
	b.scans[key] = r
	return r
}

// idle is the idle time-out of a table's watermarks in microseconds.
func (b *Binder) idle(t *catalog.Table) int64 {
	text := t.Option("scan.watermark.idle-timeout", b.settings["table.exec.source.idle-timeout"])
	if text == "" {
		return 0
	}
	d, err := ParseDuration(text)
	if err != nil {
		b.fail(t.OptionPos["scan.watermark.idle-timeout"], err)
	}
	return d.Microseconds()
}
