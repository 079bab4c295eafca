package parse

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/ast"
)

// dataType parses a type with its suffixes ARRAY, MULTISET and [NOT] NULL.
func (p *parser) dataType() *ast.DataType {
	p.enter()
	defer p.leave()
	start := p.start()
	t := p.baseType()
	t.Loc = p.since(start)
	p.nullability(t)
	for p.is("ARRAY") || p.is("MULTISET") {
		p.grow()
		t = &ast.DataType{Name: p.next().kw, Elem: t}
		t.Loc = p.since(start)
		p.nullability(t)
	}
	return t
}

func (p *parser) nullability(t *ast.DataType) {
	switch {
	case p.acceptSeq("NOT", "NULL"):
		t.NotNull = true
	case p.is("NULL"):
		p.next()
	default:
		return
	}
	t.Loc = p.since(t.Start)
}

// param parses (n) if it stands here.
func (p *parser) param(t *ast.DataType) {
	if p.acceptOp("(") {
		t.Params = append(t.Params, p.integer("a length or precision"))
		p.expectOp(")")
	}
}

func (p *parser) baseType() *ast.DataType {
	w := p.tok()
	if w.kind == tQuoted || w.kind == tWord && w.kw == "" || w.kind == tWord && !ast.Reserved(w.kw) && w.kw != "MAP" {
		return &ast.DataType{User: p.name()}
	}
	if w.kind != tWord {
		p.fail("a type")
	}
	t := &ast.DataType{Name: w.kw}
	switch w.kw {
	case "BOOLEAN", "TINYINT", "SMALLINT", "BIGINT", "DATE", "STRING", "BYTES", "NULL":
		p.next()
	case "FLOAT", "REAL":
		p.next()
		t.Name = "FLOAT"
	case "INT", "INTEGER":
		p.next()
		t.Name = "INT"
	case "DOUBLE":
		p.next()
		p.accept("PRECISION")
	case "DECIMAL", "DEC", "NUMERIC":
		p.next()
		t.Name = "DECIMAL"
		if p.acceptOp("(") {
			t.Params = append(t.Params, p.integer("a precision"))
			if p.acceptOp(",") {
				t.Params = append(t.Params, p.integer("a scale"))
			}
			p.expectOp(")")
		}
	case "CHAR", "CHARACTER":
		p.next()
		t.Name = "CHAR"
		if p.accept("VARYING") {
			t.Name = "VARCHAR"
		}
		p.param(t)
	case "VARCHAR", "VARBINARY":
		p.next()
		p.param(t)
	case "BINARY":
		p.next()
		if p.accept("VARYING") {
			t.Name = "VARBINARY"
		}
		p.param(t)
	case "TIME", "TIMESTAMP", "TIMESTAMP_LTZ":
		p.next()
		p.param(t)
		p.timeZone(t)
	case "INTERVAL":
		p.next()
		t.Unit = p.intervalUnit()
	case "ARRAY", "MULTISET":
		p.next()
		p.expectOp("<")
		t.Elem = p.dataType()
		p.expectOp(">")
	case "MAP":
		p.next()
		p.expectOp("<")
		t.Key = p.dataType()
		p.expectOp(",")
		t.Elem = p.dataType()
		p.expectOp(">")
	case "ROW":
		p.next()
		p.rowType(t)
	case "RAW":
		p.next()
		p.expectOp("(")
		t.Raw = commaList(p, p.stringLit)
		p.expectOp(")")
	default:
		p.fail("a type")
	}
	return t
}

func (p *parser) timeZone(t *ast.DataType) {
	switch {
	case p.acceptSeq("WITHOUT", "TIME", "ZONE"):
	case p.acceptSeq("WITH", "LOCAL", "TIME", "ZONE"):
		if t.Name == "TIME" {
			p.failAt(p.tok(), "use TIME", "Flink has no TIME WITH LOCAL TIME ZONE")
		}
		t.Name = "TIMESTAMP_LTZ"
	case p.isSeq("WITH", "TIME", "ZONE"):
		p.failAt(p.tok(), "use TIMESTAMP_LTZ, an instant", "a time type WITH TIME ZONE is not supported")
	}
}

// rowType parses <a INT 'comment', …> or (a INT, …).
func (p *parser) rowType(t *ast.DataType) {
	closing := ">"
	switch {
	case p.isOp("<>"):
		p.next()
		return
	case p.acceptOp("("):
		closing = ")"
	default:
		p.expectOp("<")
	}
	if p.acceptOp(closing) {
		return
	}
	t.Fields = commaList(p, func() *ast.TypeField {
		start := p.start()
		f := &ast.TypeField{Name: p.ident(), Type: p.dataType()}
		if p.tok().kind == tString {
			f.Comment = p.stringLit()
		}
		f.Loc = p.since(start)
		return f
	})
	p.expectOp(closing)
}

var intervalUnits = []string{"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"}

var pluralUnits = map[string]string{"YEARS": "YEAR", "QUARTERS": "QUARTER", "MONTHS": "MONTH", "WEEKS": "WEEK", "DAYS": "DAY",
	"HOURS": "HOUR", "MINUTES": "MINUTE", "SECONDS": "SECOND"}

// timeUnit takes YEAR … SECOND; plurals fold to singulars.
func (p *parser) timeUnit() string {
	if t := p.tok(); t.kind == tWord && pluralUnits[t.kw] != "" {
		p.next()
		return pluralUnits[t.kw]
	}
	u := p.acceptAny(intervalUnits...)
	if u == "" {
		p.fail("a time unit: " + orList(intervalUnits))
	}
	return u
}

// atIntervalUnit tells whether a reserved word that is a unit follows; QUARTER and WEEK may be aliases.
func (p *parser) atIntervalUnit() bool {
	t := p.tok()
	return t.kind == tWord && ast.Reserved(t.kw) && slices.Contains(intervalUnits, t.kw)
}

func (p *parser) intervalUnit() *ast.IntervalUnit {
	start := p.start()
	u := &ast.IntervalUnit{From: p.timeUnit(), FromPrecision: -1, FracPrecision: -1}
	if p.acceptOp("(") {
		u.FromPrecision = p.integer("a precision")
		if u.From == "SECOND" && p.acceptOp(",") {
			u.FracPrecision = p.integer("a fractional precision")
		}
		p.expectOp(")")
	}
	if t := p.ahead(1); p.is("TO") && t.kind == tWord {
		p.next()
		u.To = p.timeUnit()
		order := map[string]int{"YEAR": 1, "MONTH": 2, "DAY": 11, "HOUR": 12, "MINUTE": 13, "SECOND": 14}
		if f, to := order[u.From], order[u.To]; f == 0 || to <= f || f < 10 && to > 10 {
			p.failAt(&p.toks[p.i-1], "", "an interval cannot go from %s to %s", u.From, u.To)
		}
		if u.To == "SECOND" && p.acceptOp("(") {
			u.FracPrecision = p.integer("a fractional precision")
			p.expectOp(")")
		}
	}
	u.Loc = p.since(start)
	return u
}
