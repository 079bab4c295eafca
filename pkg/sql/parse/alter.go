package parse

import "github.com/freshet-dw/freshet/pkg/sql/ast"

func (p *parser) alter(start ast.Pos) ast.Statement {
	switch {
	case p.accept("TABLE"):
		t := &ast.AlterTable{IfExists: p.ifExists(), Name: p.name()}
		t.Action = p.alterTable()
		t.Loc = p.since(start)
		return t
	case p.accept("VIEW"):
		v := &ast.AlterView{Name: p.name()}
		s := p.start()
		if p.accept("AS") {
			q := p.query()
			v.Action = &ast.AlterAs{Query: q, Loc: p.since(s)}
		} else {
			p.expect("RENAME", "TO")
			n := p.name()
			v.Action = &ast.AlterRename{To: n, Loc: p.since(s)}
		}
		v.Loc = p.since(start)
		return v
	case p.acceptSeq("MATERIALIZED", "TABLE"):
		m := &ast.AlterMaterializedTable{Name: p.name()}
		m.Action = p.alterMaterialized()
		m.Loc = p.since(start)
		return m
	case p.is("DATABASE"), p.is("CATALOG"):
		d := &ast.AlterDatabase{Catalog: p.next().kw == "CATALOG", Name: p.name()}
		s := p.start()
		switch {
		case d.Catalog && p.accept("COMMENT"):
			c := p.stringLit()
			d.Action = &ast.AlterComment{Comment: c, Loc: p.since(s)}
		case d.Catalog && p.is("RESET"):
			d.Action = p.alterReset()
		default:
			d.Action = p.alterSet()
		}
		d.Loc = p.since(start)
		return d
	}
	temporary := p.accept("TEMPORARY")
	system := temporary && p.accept("SYSTEM")
	if !p.is("FUNCTION") {
		p.fail("TABLE, VIEW, FUNCTION, DATABASE or CATALOG")
	}
	f := p.function()
	f.Alter, f.Temporary, f.System = true, temporary, system
	f.Loc = p.since(start)
	return f
}

func (p *parser) alterSet() ast.AlterAction {
	s := p.start()
	p.expect("SET")
	o := p.options()
	return &ast.AlterSet{Options: o, Loc: p.since(s)}
}

func (p *parser) alterReset() ast.AlterAction {
	s := p.start()
	p.expect("RESET")
	keys := parenList(p, p.stringLit)
	return &ast.AlterReset{Keys: keys, Loc: p.since(s)}
}

func (p *parser) alterTable() ast.AlterAction {
	s := p.start()
	switch {
	case p.accept("RENAME"):
		if p.accept("TO") {
			n := p.name()
			return &ast.AlterRename{To: n, Loc: p.since(s)}
		}
		r := &ast.AlterRenameColumn{From: p.name()}
		p.expect("TO")
		r.To = p.ident()
		r.Loc = p.since(s)
		return r
	case p.is("SET"):
		return p.alterSet()
	case p.is("RESET"):
		return p.alterReset()
	case p.accept("ADD"):
		if p.is("PARTITION") || p.is("IF") && p.ahead(1).kw == "NOT" {
			return p.alterPartition(s, false)
		}
		return p.alterColumns(s, false)
	case p.accept("MODIFY"):
		return p.alterColumns(s, true)
	case p.accept("DROP"):
		return p.alterDrop(s)
	}
	p.fail("RENAME, SET, RESET, ADD, MODIFY or DROP")
	return nil
}

func (p *parser) alterColumns(s ast.Pos, modify bool) ast.AlterAction {
	a := &ast.AlterColumns{Modify: modify}
	element := func() bool {
		switch {
		case p.is("WATERMARK"):
			a.Watermarks = append(a.Watermarks, p.watermark())
		case p.is("CONSTRAINT"), p.is("PRIMARY"), p.is("UNIQUE"):
			a.Keys = append(a.Keys, p.key(true))
		default:
			st := p.start()
			c := &ast.ColumnPlace{Column: p.column()}
			if c.First = p.accept("FIRST"); !c.First && p.accept("AFTER") {
				c.After = p.ident()
			}
			c.Loc = p.since(st)
			a.Columns = append(a.Columns, c)
		}
		return true
	}
	switch {
	case p.is("DISTRIBUTION"):
		a.Distribution = p.distribution()
	case p.acceptOp("("):
		commaList(p, element)
		p.expectOp(")")
	default:
		element()
	}
	a.Loc = p.since(s)
	return a
}

func (p *parser) alterDrop(s ast.Pos) ast.AlterAction {
	d := &ast.AlterDrop{}
	switch {
	case p.is("PARTITION"), p.is("IF") && p.ahead(1).kw == "EXISTS":
		return p.alterPartition(s, true)
	case p.acceptSeq("PRIMARY", "KEY"):
		d.Kind = "PRIMARY KEY"
	case p.accept("CONSTRAINT"):
		d.Kind, d.Columns = "CONSTRAINT", []*ast.Name{p.name()}
	case p.accept("WATERMARK"):
		d.Kind = "WATERMARK"
	case p.accept("DISTRIBUTION"):
		d.Kind = "DISTRIBUTION"
	case p.isOp("("):
		d.Kind, d.Columns = "COLUMN", parenList(p, p.name)
	default:
		d.Kind, d.Columns = "COLUMN", []*ast.Name{p.name()}
	}
	d.Loc = p.since(s)
	return d
}

func (p *parser) alterPartition(s ast.Pos, drop bool) ast.AlterAction {
	a := &ast.AlterPartition{Drop: drop}
	if drop {
		a.IfExists = p.ifExists()
	} else {
		a.IfExists = p.ifNotExists()
	}
	for {
		ps := p.partitionSpec()
		if !drop && p.accept("WITH") {
			ps.Options = p.options()
			ps.Loc = p.since(ps.Start)
		}
		a.Partitions = append(a.Partitions, ps)
		if !(drop && p.acceptOp(",") || !drop && p.is("PARTITION")) {
			break
		}
	}
	a.Loc = p.since(s)
	return a
}

func (p *parser) alterMaterialized() ast.AlterAction {
	s := p.start()
	if p.is("SET") {
		return p.alterSet()
	}
	if p.is("RESET") {
		return p.alterReset()
	}
	a := &ast.AlterRun{Kind: p.expectAny("SUSPEND", "RESUME", "REFRESH")}
	if a.Kind == "RESUME" && p.accept("WITH") {
		a.Options = p.options()
	}
	if a.Kind == "REFRESH" && p.is("PARTITION") {
		a.Partition = p.partitionSpec()
	}
	a.Loc = p.since(s)
	return a
}
