package ast

func (p *printer) with(o []*Option) {
	if len(o) > 0 {
		p.part(" WITH ")
		parens(p, o)
	}
}

func (p *printer) comment(c *StringLit) {
	if c != nil {
		p.part(" COMMENT ")
		p.w(c)
	}
}

// ddlPart writes parts of data definition statements.
func (p *printer) ddlPart(n Node) {
	switch n := n.(type) {
	case *ColumnDef:
		p.column(n)
	case *PrimaryKey:
		if n.Constraint != nil {
			p.w("CONSTRAINT ", n.Constraint, " ")
		}
		p.w(map[bool]string{true: "UNIQUE", false: "PRIMARY KEY"}[n.Unique])
		p.columns(n.Columns)
		p.opt(n.NotEnforced, " NOT ENFORCED")
		p.opt(n.Enforced, " ENFORCED")
	case *Watermark:
		p.w("WATERMARK FOR ", n.Column, " AS ", n.X)
	case *Distribution:
		if len(n.Columns) > 0 {
			p.w(" BY ")
			p.opt(n.Kind != "", n.Kind)
			parens(p, n.Columns)
		}
		if n.Buckets != nil {
			p.w(" INTO ", n.Buckets, " BUCKETS")
		}
	case *LikeOption:
		p.w(n.Merge, " ", n.Feature)
	case *FunctionResource:
		p.w(n.Kind, " ", n.Path)
	case *ColumnPlace:
		p.w(n.Column)
		p.opt(n.First, " FIRST")
		if n.After != nil {
			p.w(" AFTER ", n.After)
		}
	case *PartitionSpec:
		p.w("PARTITION ")
		parens(p, n.Items)
		p.with(n.Options)
	case *PartitionItem:
		p.w(n.Column)
		if n.Value != nil {
			p.w(" = ", n.Value)
		}
	case *Assign:
		p.w(n.Column, " = ", n.X)
	}
}

func (p *printer) column(c *ColumnDef) {
	p.w(c.Name)
	switch {
	case c.Computed != nil:
		p.w(" AS ", c.Computed)
	case c.Type != nil:
		p.w(" ", c.Type)
		if c.Metadata {
			p.w(" METADATA")
			if c.MetaKey != nil {
				p.w(" FROM ", c.MetaKey)
			}
			p.opt(c.Virtual, " VIRTUAL")
		}
		if c.PrimaryKey != nil {
			p.w(" ", c.PrimaryKey)
		}
	}
	p.comment(c.Comment)
}

// schema writes columns, keys and watermarks as one list.
func (p *printer) schema(columns []*ColumnDef, keys []*PrimaryKey, marks []*Watermark) {
	var all []Node
	for _, c := range columns {
		all = append(all, c)
	}
	for _, k := range keys {
		all = append(all, k)
	}
	for _, m := range marks {
		all = append(all, m)
	}
	if len(all) > 0 {
		p.w(" ")
		parens(p, all)
	}
}

func (p *printer) partitionedBy(c []*Ident) {
	if len(c) > 0 {
		p.part(" PARTITIONED BY ")
		parens(p, c)
	}
}

func (p *printer) createTable(t *CreateTable) {
	p.w("CREATE ")
	p.opt(t.OrReplace, "OR REPLACE ")
	p.opt(t.Temporary, "TEMPORARY ")
	p.w("TABLE ")
	p.opt(t.IfNotExists, "IF NOT EXISTS ")
	p.w(t.Name)
	p.schema(t.Columns, t.Keys, t.Watermarks)
	p.comment(t.Comment)
	if t.Distribution != nil {
		p.part(" DISTRIBUTED")
		p.w(t.Distribution)
	}
	p.partitionedBy(t.PartitionBy)
	p.with(t.Options)
	if l := t.Like; l != nil {
		p.w(" LIKE ", l.Table)
		for i, o := range l.Options {
			p.w([]string{" (", " "}[min(i, 1)], o)
		}
		p.opt(len(l.Options) > 0, ")")
	}
	if t.As != nil {
		p.w(" AS ", t.As)
	}
}

func (p *printer) createOther(s Statement) {
	switch s := s.(type) {
	case *CreateMaterializedTable:
		p.w("CREATE MATERIALIZED TABLE ")
		p.opt(s.IfNotExists, "IF NOT EXISTS ")
		p.w(s.Name)
		p.schema(nil, s.Keys, nil)
		p.comment(s.Comment)
		p.partitionedBy(s.PartitionBy)
		p.with(s.Options)
		if s.Freshness != nil {
			p.w(" FRESHNESS = ", s.Freshness)
		}
		p.opt(s.RefreshMode != "", " REFRESH_MODE = ", s.RefreshMode)
		p.w(" AS ", s.As)
	case *CreateView:
		p.w("CREATE ")
		p.opt(s.OrReplace, "OR REPLACE ")
		p.opt(s.Temporary, "TEMPORARY ")
		p.w("VIEW ")
		p.opt(s.IfNotExists, "IF NOT EXISTS ")
		p.w(s.Name)
		p.columns(s.Columns)
		p.comment(s.Comment)
		p.part(" AS ")
		p.w(s.Query)
	case *CreateFunction:
		p.w(map[bool]string{true: "ALTER ", false: "CREATE "}[s.Alter])
		p.opt(s.Temporary, "TEMPORARY ")
		p.opt(s.System, "SYSTEM ")
		p.w("FUNCTION ")
		p.opt(s.IfNotExists, map[bool]string{true: "IF EXISTS ", false: "IF NOT EXISTS "}[s.Alter])
		p.w(s.Name, " AS ", s.Class)
		p.opt(s.Language != "", " LANGUAGE ", s.Language)
		clause(p, "USING", s.Resources)
	case *CreateCatalog:
		p.w("CREATE CATALOG ")
		p.opt(s.IfNotExists, "IF NOT EXISTS ")
		p.w(s.Name)
		p.comment(s.Comment)
		p.with(s.Options)
	case *CreateDatabase:
		p.w("CREATE DATABASE ")
		p.opt(s.IfNotExists, "IF NOT EXISTS ")
		p.w(s.Name)
		p.comment(s.Comment)
		p.with(s.Options)
	}
}

func (p *printer) alterAction(a AlterAction) {
	switch a := a.(type) {
	case *AlterRename:
		p.w("RENAME TO ", a.To)
	case *AlterRenameColumn:
		p.w("RENAME ", a.From, " TO ", a.To)
	case *AlterSet:
		p.w("SET ")
		parens(p, a.Options)
	case *AlterReset:
		p.w("RESET ")
		parens(p, a.Keys)
	case *AlterComment:
		p.w("COMMENT ", a.Comment)
	case *AlterAs:
		p.w("AS ", a.Query)
	case *AlterColumns:
		p.w(map[bool]string{true: "MODIFY", false: "ADD"}[a.Modify])
		if a.Distribution != nil {
			p.w(" DISTRIBUTION", a.Distribution)
			break
		}
		var all []Node
		for _, c := range a.Columns {
			all = append(all, c)
		}
		for _, k := range a.Keys {
			all = append(all, k)
		}
		for _, m := range a.Watermarks {
			all = append(all, m)
		}
		p.w(" ")
		parens(p, all)
	case *AlterDrop:
		p.w("DROP ")
		switch {
		case a.Kind == "COLUMN":
			parens(p, a.Columns)
		case len(a.Columns) > 0:
			p.w(a.Kind, " ", a.Columns[0])
		default:
			p.w(a.Kind)
		}
	case *AlterPartition:
		if a.Drop {
			p.w("DROP ")
			p.opt(a.IfExists, "IF EXISTS ")
			list(p, a.Partitions)
			break
		}
		p.w("ADD")
		p.opt(a.IfExists, " IF NOT EXISTS")
		for _, s := range a.Partitions {
			p.w(" ", s)
		}
	case *AlterRun:
		p.w(a.Kind)
		p.with(a.Options)
		if a.Partition != nil {
			p.w(" ", a.Partition)
		}
	}
}
