package parse

import "github.com/freshet-dw/freshet/pkg/sql/ast"

func (p *parser) ifNotExists() bool {
	if !p.accept("IF") {
		return false
	}
	p.expect("NOT", "EXISTS")
	return true
}

func (p *parser) ifExists() bool {
	if !p.accept("IF") {
		return false
	}
	p.expect("EXISTS")
	return true
}

func (p *parser) create(start ast.Pos) ast.Statement {
	replace := p.acceptSeq("OR", "REPLACE")
	temporary := p.accept("TEMPORARY")
	system := temporary && p.accept("SYSTEM")
	var s ast.Statement
	var loc *ast.Loc
	switch {
	case system:
		if !p.is("FUNCTION") {
			p.fail("FUNCTION")
		}
		fallthrough
	case !replace && p.is("FUNCTION"):
		f := p.function()
		f.Temporary, f.System = temporary, system
		s, loc = f, &f.Loc
	case p.accept("TABLE"):
		t := p.createTable()
		t.OrReplace, t.Temporary = replace, temporary
		s, loc = t, &t.Loc
	case p.accept("VIEW"):
		v := &ast.CreateView{OrReplace: replace, Temporary: temporary, IfNotExists: p.ifNotExists(), Name: p.name(), Columns: p.optIdentList()}
		if p.accept("COMMENT") {
			v.Comment = p.stringLit()
		}
		p.expect("AS")
		v.Query = p.query()
		s, loc = v, &v.Loc
	case temporary || replace:
		p.fail("TABLE, VIEW or FUNCTION")
	case p.acceptSeq("MATERIALIZED", "TABLE"):
		m := p.materialized()
		s, loc = m, &m.Loc
	case p.accept("CATALOG"):
		c := &ast.CreateCatalog{IfNotExists: p.ifNotExists(), Name: p.ident()}
		if p.accept("COMMENT") {
			c.Comment = p.stringLit()
		}
		if p.accept("WITH") {
			c.Options = p.options()
		}
		s, loc = c, &c.Loc
	case p.accept("DATABASE"):
		d := &ast.CreateDatabase{IfNotExists: p.ifNotExists(), Name: p.name()}
		if p.accept("COMMENT") {
			d.Comment = p.stringLit()
		}
		if p.accept("WITH") {
			d.Options = p.options()
		}
		s, loc = d, &d.Loc
	default:
		p.fail("TABLE, VIEW, FUNCTION, DATABASE or CATALOG")
	}
	*loc = p.since(start)
	return s
}

// function parses FUNCTION [IF [NOT] EXISTS] f AS 'class' [LANGUAGE l] [USING JAR '…', …].
func (p *parser) function() *ast.CreateFunction {
	p.expect("FUNCTION")
	f := &ast.CreateFunction{}
	if p.accept("IF") {
		p.accept("NOT")
		p.expect("EXISTS")
		f.IfNotExists = true
	}
	f.Name = p.name()
	p.expect("AS")
	f.Class = p.stringLit()
	if p.accept("LANGUAGE") {
		f.Language = p.expectAny("JAVA", "SCALA", "PYTHON", "SQL", "GO", "WASM")
	}
	if p.accept("USING") {
		f.Resources = commaList(p, func() *ast.FunctionResource {
			start := p.start()
			r := &ast.FunctionResource{Kind: p.expectAny("JAR", "FILE", "ARCHIVE"), Path: p.stringLit()}
			r.Loc = p.since(start)
			return r
		})
	}
	return f
}

func (p *parser) createTable() *ast.CreateTable {
	t := &ast.CreateTable{IfNotExists: p.ifNotExists(), Name: p.name()}
	if p.acceptOp("(") {
		for {
			p.tableElement(t)
			if !p.acceptOp(",") {
				break
			}
		}
		if !p.isOp(")") {
			p.fail(", or ) after the column")
		}
		p.next()
	}
	if p.accept("COMMENT") {
		t.Comment = p.stringLit()
	}
	if p.is("DISTRIBUTED") {
		t.Distribution = p.distribution()
	}
	if p.acceptSeq("PARTITIONED", "BY") {
		t.PartitionBy = p.identList()
	}
	if p.accept("WITH") {
		t.Options = p.options()
	}
	switch {
	case p.accept("LIKE"):
		t.Like = p.tableLike()
	case p.accept("AS"):
		t.As = p.query()
	}
	return t
}

func (p *parser) tableElement(t *ast.CreateTable) {
	switch {
	case p.is("WATERMARK"):
		t.Watermarks = append(t.Watermarks, p.watermark())
	case p.is("CONSTRAINT"), p.is("PRIMARY"), p.is("UNIQUE"):
		t.Keys = append(t.Keys, p.key(true))
	case p.isOp(")"):
		p.failAt(p.tok(), "remove the comma before )", "a column is missing")
	default:
		t.Columns = append(t.Columns, p.column())
	}
}

func (p *parser) watermark() *ast.Watermark {
	start := p.start()
	p.next()
	p.expect("FOR")
	w := &ast.Watermark{Column: p.name()}
	p.expect("AS")
	w.X = p.expr()
	w.Loc = p.since(start)
	return w
}

// key parses [CONSTRAINT c] PRIMARY KEY [(…)] [NOT ENFORCED].
func (p *parser) key(columns bool) *ast.PrimaryKey {
	start := p.start()
	k := &ast.PrimaryKey{}
	if p.accept("CONSTRAINT") {
		k.Constraint = p.ident()
	}
	if p.accept("UNIQUE") {
		k.Unique = true
	} else {
		p.expect("PRIMARY", "KEY")
	}
	if columns {
		k.Columns = p.identList()
	}
	switch {
	case p.acceptSeq("NOT", "ENFORCED"):
		k.NotEnforced = true
	case p.accept("ENFORCED"):
		k.Enforced = true
	}
	k.Loc = p.since(start)
	return k
}

func (p *parser) column() *ast.ColumnDef {
	start := p.start()
	c := &ast.ColumnDef{Name: p.ident()}
	switch {
	case p.accept("AS"):
		c.Computed = p.expr()
	case p.isOp(","), p.isOp(")"): // CREATE TABLE t (a, b) AS SELECT …
	default:
		c.Type = p.dataType()
		if p.accept("METADATA") {
			c.Metadata = true
			if p.accept("FROM") {
				c.MetaKey = p.stringLit()
			}
			c.Virtual = p.accept("VIRTUAL")
		} else if p.is("CONSTRAINT") || p.is("PRIMARY") || p.is("UNIQUE") {
			c.PrimaryKey = p.key(false)
		}
	}
	if p.accept("COMMENT") {
		c.Comment = p.stringLit()
	}
	c.Loc = p.since(start)
	return c
}

func (p *parser) distribution() *ast.Distribution {
	start := p.start()
	p.next()
	d := &ast.Distribution{}
	if p.accept("BY") {
		d.Kind = p.acceptAny("HASH", "RANGE")
		d.Columns = p.identList()
	}
	if p.accept("INTO") {
		if p.tok().kind != tInteger {
			p.fail("a number of buckets")
		}
		d.Buckets = p.number()
		p.expect("BUCKETS")
	} else if d.Columns == nil {
		p.fail("BY or INTO")
	}
	d.Loc = p.since(start)
	return d
}

func (p *parser) tableLike() *ast.TableLike {
	start := p.start()
	l := &ast.TableLike{Table: p.name()}
	if p.acceptOp("(") {
		for !p.acceptOp(")") {
			s := p.start()
			o := &ast.LikeOption{Merge: p.expectAny("INCLUDING", "EXCLUDING", "OVERWRITING")}
			o.Feature = p.expectAny("ALL", "CONSTRAINTS", "DISTRIBUTION", "GENERATED", "METADATA", "OPTIONS", "PARTITIONS", "WATERMARKS")
			o.Loc = p.since(s)
			l.Options = append(l.Options, o)
		}
	}
	l.Loc = p.since(start)
	return l
}

func (p *parser) materialized() *ast.CreateMaterializedTable {
	m := &ast.CreateMaterializedTable{IfNotExists: p.ifNotExists(), Name: p.name()}
	if p.acceptOp("(") {
		m.Keys = commaList(p, func() *ast.PrimaryKey { return p.key(true) })
		p.expectOp(")")
	}
	if p.accept("COMMENT") {
		m.Comment = p.stringLit()
	}
	if p.acceptSeq("PARTITIONED", "BY") {
		m.PartitionBy = p.identList()
	}
	if p.accept("WITH") {
		m.Options = p.options()
	}
	if p.accept("FRESHNESS") {
		p.expectOp("=")
		at := p.tok()
		lit, ok := p.interval0().(*ast.IntervalLit)
		if !ok {
			p.failAt(at, "write FRESHNESS = INTERVAL '3' MINUTE", "FRESHNESS takes an interval literal")
		}
		m.Freshness = lit
	}
	if p.accept("REFRESH_MODE") {
		p.expectOp("=")
		m.RefreshMode = p.expectAny("FULL", "CONTINUOUS")
	}
	p.expect("AS")
	m.As = p.query()
	return m
}

func (p *parser) drop(start ast.Pos) ast.Statement {
	d := &ast.Drop{Temporary: p.accept("TEMPORARY")}
	d.System = d.Temporary && p.accept("SYSTEM")
	switch {
	case d.System:
		p.expect("FUNCTION")
		d.Kind = "FUNCTION"
	case !d.Temporary && p.acceptSeq("MATERIALIZED", "TABLE"):
		d.Kind = "MATERIALIZED TABLE"
	case d.Temporary:
		d.Kind = p.expectAny("TABLE", "VIEW", "FUNCTION")
	default:
		d.Kind = p.expectAny("TABLE", "VIEW", "FUNCTION", "DATABASE", "CATALOG")
	}
	d.IfExists = p.ifExists()
	d.Name = p.name()
	if d.Kind == "DATABASE" {
		d.Behavior = p.acceptAny("CASCADE", "RESTRICT")
	}
	d.Loc = p.since(start)
	return d
}
