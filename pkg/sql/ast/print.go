package ast

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
)

// String prints a node as SQL on one line. Parsing it gives an equal tree.
func String(n Node) string {
	var p printer
	p.node(n)
	return p.b.String()
}

type printer struct {
	b     strings.Builder
	lines bool // break lines, see Pretty
}

// w writes strings as they are and nodes as SQL; nil nodes write nothing.
func (p *printer) w(parts ...any) {
	for _, part := range parts {
		switch part := part.(type) {
		case string:
			p.b.WriteString(part)
		case int:
			fmt.Fprint(&p.b, part)
		case Node:
			p.node(part)
		}
	}
}

// opt writes the parts if cond holds.
func (p *printer) opt(cond bool, parts ...any) {
	if cond {
		p.w(parts...)
	}
}

func list[T Node](p *printer, items []T) {
	for i, x := range items {
		p.opt(i > 0, ", ")
		p.node(x)
	}
}

// clause writes " WORD a, b" unless items is empty.
func clause[T Node](p *printer, word string, items []T) {
	if len(items) > 0 {
		p.w(" ", word, " ")
		list(p, items)
	}
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func quoteIdent(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

// plainIdent tells whether name needs no back-quotes by its characters.
func plainIdent(name string) bool {
	for i, r := range name {
		if r != '_' && r != '$' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r) && !unicode.IsMark(r)) {
			return false
		}
	}
	return name != "" && name != "$"
}

func (p *printer) ident(x *Ident) {
	if x.Quoted || Reserved(x.Name) || !plainIdent(x.Name) {
		p.w(quoteIdent(x.Name))
	} else {
		p.w(x.Name)
	}
}

// funcName writes a function's name, where one reserved word needs no quotes.
func (p *printer) funcName(n *Name) {
	if len(n.Parts) == 1 && !n.Parts[0].Quoted && plainIdent(n.Parts[0].Name) {
		p.w(n.Parts[0].Name)
		return
	}
	p.w(n)
}

// operand writes x in parentheses if it binds less tightly than least.
func (p *printer) operand(x Expr, least int) {
	if Precedence(x) < least {
		p.w("(", x, ")")
	} else {
		p.w(x)
	}
}

func (p *printer) node(n Node) {
	switch n := n.(type) {
	case *Ident:
		p.ident(n)
	case *Name:
		for i, part := range n.Parts {
			p.opt(i > 0, ".")
			p.ident(part)
		}
	case *Option:
		p.w(n.Key, " = ", n.Value)
	case *Hint:
		p.hint(n)
	case *DataType:
		p.dataType(n)
	case *TypeField:
		p.w(n.Name, " ", n.Type)
		if n.Comment != nil {
			p.w(" ", n.Comment)
		}
	case *IntervalUnit:
		p.unit(n)
	case Statement:
		p.statement(n)
	case AlterAction:
		p.alterAction(n)
	case Pattern:
		p.pattern(n)
	case Expr:
		p.expr(n)
	default:
		if !p.queryPart(n) && !p.exprPart(n) {
			p.ddlPart(n)
		}
	}
}

func (p *printer) hint(h *Hint) {
	p.ident(h.Name)
	if len(h.Options) == 0 && len(h.Args) == 0 {
		return
	}
	p.w("(")
	list(p, h.Options)
	p.opt(len(h.Options) > 0 && len(h.Args) > 0, ", ")
	list(p, h.Args)
	p.w(")")
}

func (p *printer) hints(hs []*Hint) {
	if len(hs) > 0 {
		p.w(" /*+ ")
		list(p, hs)
		p.w(" */")
	}
}

func (p *printer) unit(u *IntervalUnit) {
	p.w(u.From)
	if u.FromPrecision >= 0 {
		p.w("(", u.FromPrecision)
		p.opt(u.To == "" && u.FracPrecision >= 0, ", ", u.FracPrecision)
		p.w(")")
	}
	if u.To != "" {
		p.w(" TO ", u.To)
		p.opt(u.FracPrecision >= 0, "(", u.FracPrecision, ")")
	}
}

func (p *printer) dataType(t *DataType) {
	switch {
	case t.User != nil:
		p.w(t.User)
	case t.Name == "INTERVAL":
		p.w("INTERVAL ", t.Unit)
	case t.Name == "RAW":
		p.w("RAW")
		parens(p, t.Raw)
	case t.Name == "ROW":
		p.w("ROW<")
		list(p, t.Fields)
		p.w(">")
	case t.Elem != nil:
		p.w(t.Name, "<")
		if t.Key != nil {
			p.w(t.Key, ", ")
		}
		p.w(t.Elem, ">")
	default:
		p.w(t.Name)
		for i, n := range t.Params {
			p.w([]string{"(", ", "}[min(i, 1)], n)
		}
		p.opt(len(t.Params) > 0, ")")
	}
	p.opt(t.NotNull, " NOT NULL")
}

func (p *printer) expr(x Expr) {
	switch x := x.(type) {
	case *NumberLit:
		p.w(x.Text)
	case *StringLit:
		p.w(quote(x.Value))
	case *BytesLit:
		p.w("X'", strings.ToUpper(hex.EncodeToString(x.Value)), "'")
	case *BoolLit:
		p.w(map[bool]string{true: "TRUE", false: "FALSE"}[x.Value])
	case *NullLit:
		p.w(map[bool]string{true: "UNKNOWN", false: "NULL"}[x.Unknown])
	case *TimeLit:
		kind := x.Kind
		if kind == "TIMESTAMP_LTZ" {
			kind = "TIMESTAMP WITH LOCAL TIME ZONE"
		}
		p.w(kind, " ", quote(x.Text))
	case *IntervalLit:
		p.w("INTERVAL ")
		p.opt(x.Negative, "-")
		p.w(quote(x.Text), " ", x.Unit)
	case *IntervalExpr:
		p.w("INTERVAL (", x.X, ") ", x.Unit)
	case *Symbol:
		p.w(x.Name)
	case *Star:
		if x.Qualifier != nil {
			p.w(x.Qualifier, ".")
		}
		p.w("*")
	case *Unary:
		p.unary(x)
	case *Binary:
		prec := BinaryPrecedence(x.Op)
		p.operand(x.X, prec)
		p.w(" ", x.Op, " ")
		p.operand(x.Y, prec+1)
	case *Difference:
		prec := BinaryPrecedence("-")
		p.w("(")
		p.operand(x.X, prec)
		p.w(" - ")
		p.operand(x.Y, prec+1)
		p.w(") ", x.Unit)
	case *Is, *Between, *In, *Like, *Quantified:
		p.predicate(x)
	case *Exists:
		p.w("EXISTS (", x.Query, ")")
	case *Case:
		p.w("CASE")
		if x.Operand != nil {
			p.w(" ", x.Operand)
		}
		for _, w := range x.Whens {
			p.w(" ", w)
		}
		if x.Else != nil {
			p.w(" ELSE ", x.Else)
		}
		p.w(" END")
	case *Cast:
		p.opt(x.Try, "TRY_")
		p.w("CAST(", x.X, " AS ", x.Type, ")")
	case *TableArg:
		p.tableArg(x)
	case *Descriptor:
		p.w("DESCRIPTOR")
		parens(p, x.Columns)
	case *DefaultArg:
		p.w("DEFAULT")
	case *FuncCall:
		p.call(x)
	default:
		p.container(x)
	}
}

func (p *printer) unary(x *Unary) {
	switch x.Op {
	case "NOT":
		p.w("NOT ")
		p.operand(x.X, PrecNot)
	case "-", "+":
		p.w(x.Op)
		if _, sign := x.X.(*Unary); sign { // "--" would start a comment
			p.w("(", x.X, ")")
		} else {
			p.operand(x.X, PrecSign)
		}
	default:
		p.w(x.Op, " ", x.X)
	}
}

func (p *printer) predicate(x Expr) {
	not := func(n bool) string {
		if n {
			return " NOT"
		}
		return ""
	}
	switch x := x.(type) {
	case *Is:
		p.operand(x.X, PrecIs)
		p.w(" IS", not(x.Not), " ", x.What)
	case *Between:
		p.operand(x.X, PrecIn)
		p.w(not(x.Not), " BETWEEN ")
		p.opt(x.Symmetric, "SYMMETRIC ")
		p.operand(x.Low, PrecIn+1)
		p.w(" AND ")
		p.operand(x.High, PrecIn+1)
	case *In:
		p.operand(x.X, PrecIn)
		p.w(not(x.Not), " IN ")
		p.listOrQuery(x.List, x.Query)
	case *Quantified:
		p.operand(x.X, PrecCompare)
		p.w(" ", x.Op, map[bool]string{true: " ALL ", false: " ANY "}[x.All])
		p.listOrQuery(x.List, x.Query)
	case *Like:
		p.operand(x.X, PrecIn)
		p.w(not(x.Not), " ", x.Op, " ")
		p.operand(x.Pattern, PrecIn+1)
		if x.Escape != nil {
			p.w(" ESCAPE ")
			p.operand(x.Escape, PrecIn+1)
		}
	}
}

func (p *printer) listOrQuery(l []Expr, q *Query) {
	if q != nil {
		p.w("(", q, ")")
	} else {
		parens(p, l)
	}
}

func (p *printer) container(x Expr) {
	elems := func(kind string, e []Expr, q *Query) {
		p.w(kind)
		if q != nil {
			p.w("(", q, ")")
			return
		}
		p.w("[")
		list(p, e)
		p.w("]")
	}
	switch x := x.(type) {
	case *Row:
		p.opt(x.Explicit, "ROW")
		parens(p, x.Fields)
	case *Array:
		elems("ARRAY", x.Elems, x.Query)
	case *Map:
		elems("MAP", x.Elems, x.Query)
	case *Multiset:
		elems("MULTISET", x.Elems, x.Query)
	case *Index:
		p.access(x.X)
		p.w("[", x.I, "]")
	case *FieldAccess:
		if _, name := x.X.(*Name); name { // (a).b, not the name a.b
			p.w("(", x.X, ")")
		} else {
			p.access(x.X)
		}
		p.w(".")
		if x.Field == nil {
			p.w("*")
		} else {
			p.w(x.Field)
		}
	case *Subquery:
		p.w("(", x.Query, ")")
	}
}

// access writes the operand of [i] and .f, in parentheses unless it can only be read as an operand.
func (p *printer) access(x Expr) {
	switch x.(type) {
	case *Index, *FieldAccess, *Name, *FuncCall, *Subquery, *Array, *Map:
		p.w(x)
	default:
		p.w("(", x, ")")
	}
}
