package bind

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
)

// definition is s with LIKE written out and inline keys moved behind the columns: what SHOW CREATE TABLE prints and ALTER TABLE edits.
func (b *Binder) definition(s *ast.CreateTable) *ast.CreateTable {
	d := *s
	d.Like, d.As, d.IfNotExists, d.OrReplace = nil, nil, false, false
	d.Keys, d.Columns = slices.Clone(s.Keys), nil
	for _, c := range s.Columns {
		if c.PrimaryKey != nil {
			k, plain := *c.PrimaryKey, *c
			k.Columns, plain.PrimaryKey = []*ast.Ident{c.Name}, nil
			d.Keys, c = append(d.Keys, &k), &plain
		}
		d.Columns = append(d.Columns, c)
	}
	if s.Like != nil {
		b.tableLike(s.Like, &d)
	}
	return &d
}

// How LIKE merges a feature, as in Flink's MergeTableLikeUtil.
const (
	including   = "INCLUDING"
	excluding   = "EXCLUDING"
	overwriting = "OVERWRITING"
)

// tableLike puts what LIKE takes from another table before d's own parts.
func (b *Binder) tableLike(l *ast.TableLike, d *ast.CreateTable) {
	name := b.key(l.Table)
	src := b.defs[name]
	if src == nil {
		b.remedy(l.Table.Pos(), fault.DidYouMean(name, b.relations()), "table %s does not exist", name)
		return
	}
	how := map[string]string{"CONSTRAINTS": including, "DISTRIBUTION": including, "GENERATED": including, "METADATA": including,
		"OPTIONS": overwriting, "PARTITIONS": including, "WATERMARKS": including}
	for _, o := range l.Options {
		if o.Feature == "ALL" {
			for f := range how {
				how[f] = o.Merge
			}
		}
	}
	for _, o := range l.Options {
		if o.Feature != "ALL" {
			how[o.Feature] = o.Merge
		}
		if o.Merge == overwriting && slices.Contains([]string{"ALL", "CONSTRAINTS", "DISTRIBUTION", "PARTITIONS"}, o.Feature) {
			b.remedy(o.Pos(), "write INCLUDING or EXCLUDING", "%s cannot be overwritten", o.Feature)
		}
	}
	b.likeColumns(src, d, how)
	d.Options = b.likeOptions(l, src, d, how["OPTIONS"])
	if len(src.Keys) > 0 && how["CONSTRAINTS"] != excluding {
		if len(d.Keys) > 0 {
			b.remedy(d.Keys[0].Pos(), "write LIKE … (EXCLUDING CONSTRAINTS)", "%s has a primary key already", name)
		} else {
			d.Keys = src.Keys
		}
	}
	if len(src.PartitionBy) > 0 && how["PARTITIONS"] != excluding {
		if len(d.PartitionBy) > 0 {
			b.remedy(d.PartitionBy[0].Pos(), "write LIKE … (EXCLUDING PARTITIONS)", "%s is partitioned already", name)
		} else {
			d.PartitionBy = src.PartitionBy
		}
	}
	if len(src.Watermarks) > 0 && how["WATERMARKS"] != excluding {
		switch {
		case len(d.Watermarks) == 0:
			d.Watermarks = src.Watermarks
		case how["WATERMARKS"] == including:
			b.remedy(d.Watermarks[0].Pos(), "write LIKE … (OVERWRITING WATERMARKS)", "%s has a watermark already", name)
		}
	}
	if d.Distribution == nil && how["DISTRIBUTION"] != excluding {
		d.Distribution = src.Distribution
	}
}

func (b *Binder) likeColumns(src, d *ast.CreateTable, how map[string]string) {
	var out []*ast.ColumnDef
	own := slices.Clone(d.Columns)
	for _, c := range src.Columns {
		feature := ""
		switch {
		case c.Computed != nil:
			feature = "GENERATED"
		case c.Metadata:
			feature = "METADATA"
		}
		if how[feature] == excluding {
			continue
		}
		if i := slices.IndexFunc(own, func(o *ast.ColumnDef) bool { return o.Name.Name == c.Name.Name }); i >= 0 {
			if how[feature] != overwriting {
				remedy := "take it out"
				if feature != "" {
					remedy = "write LIKE … (OVERWRITING " + feature + ")"
				}
				b.remedy(own[i].Name.Pos(), remedy, "column %s is in %s already", c.Name.Name, src.Name.Dotted())
			} else {
				c = own[i]
			}
			own = slices.Delete(own, i, i+1)
		}
		out = append(out, c)
	}
	d.Columns = append(out, own...)
}

func (b *Binder) likeOptions(l *ast.TableLike, src, d *ast.CreateTable, how string) []*ast.Option {
	if how == excluding {
		return d.Options
	}
	var out []*ast.Option
	own := slices.Clone(d.Options)
	for _, o := range src.Options {
		if i := slices.IndexFunc(own, func(x *ast.Option) bool { return x.Key.Value == o.Key.Value }); i >= 0 {
			if how == including {
				b.remedy(own[i].Pos(), "write LIKE … (OVERWRITING OPTIONS)", "%s has the option %s already", l.Table.Dotted(), o.Key.Value)
			}
			o = own[i]
			own = slices.Delete(own, i, i+1)
		}
		out = append(out, o)
	}
	return append(out, own...)
}
