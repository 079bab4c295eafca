package bind

import (
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// field is a column as names see it. Its place in a rel is the column's place in the node's output.
type field struct {
	qual, name string
	hidden     bool // reached with its qualifier only: the right side's columns of USING
	star       int  // place among the columns of *, where USING puts its columns first; 0 for the place in the rel
}

// rel is a bound relation.
type rel struct {
	node   plan.Node
	fields []field
}

func (r *rel) out() plan.Schema { return r.node.Props().Out }

// starOrder gives the places of r's fields in the order of *.
func (r *rel) starOrder() []int {
	out := make([]int, len(r.fields))
	for i := range out {
		out[i] = i
	}
	slices.SortStableFunc(out, func(a, b int) int { return r.fields[a].star - r.fields[b].star })
	return out
}

// number gives the fields their places in *.
func (r *rel) number(order []int) {
	for place, i := range order {
		r.fields[i].star = place
	}
}

// relOf gives node's columns the qualifier qual.
func relOf(node plan.Node, qual string) *rel {
	r := &rel{node: node}
	for _, c := range node.Props().Out {
		r.fields = append(r.fields, field{qual: qual, name: c.Name})
	}
	return r
}

// scope is where an expression's names are looked up.
type scope struct {
	rel    *rel
	clause string // for messages: "WHERE"
	agg    *aggregation
	over   *overs
	subs   *subqueries  // where a subquery may stand as a value
	corr   *correlation // in a subquery: the outer query
	with   *ctes        // WITH names for subqueries
	match  *matchScope  // DEFINE and MEASURES of MATCH_RECOGNIZE
}

func (s *scope) ref(i int) *plan.ColRef {
	c := s.rel.out()[i]
	return &plan.ColRef{Index: i, Name: c.Name, T: c.Type}
}

// find gives the fields that match a qualifier ("" for any) and name.
func (s *scope) find(qual, name string) []int {
	var out []int
	for i, f := range s.rel.fields {
		if f.name == name && (qual == "" && !f.hidden || qual != "" && f.qual == qual) {
			out = append(out, i)
		}
	}
	return out
}

// name resolves a column, or a field of a ROW column, in s.
func (b *Binder) name(s *scope, n *ast.Name) plan.Expr {
	parts := n.Strings()
	var found []int
	used := 0
	// The longest qualifier wins: t.c before column t's field c.
	for q := len(parts) - 1; q >= 0 && len(found) == 0; q-- {
		qual := ""
		if q > 0 {
			qual = parts[q-1]
		}
		found, used = s.find(qual, parts[q]), q+1
	}
	switch {
	case len(found) == 0:
		if e, ok := b.outerName(s, n); ok {
			return e
		}
		if e, ok := b.freeName(n); ok {
			return e
		}
		b.unknownColumn(s, n)
		return poison()
	case len(found) > 1:
		quals := make([]string, len(found))
		for i, f := range found {
			quals[i] = s.rel.fields[f].qual
		}
		b.remedy(n.Pos(), "write it as "+quals[0]+"."+parts[used-1], "column %s is ambiguous: it is in %s", parts[used-1], strings.Join(quals, " and "))
		return poison()
	}
	ref := s.ref(found[0])
	b.places[ref] = n.Pos()
	return b.path(ref, n.Parts[used:])
}

// path goes down into ROW fields.
func (b *Binder) path(e plan.Expr, parts []*ast.Ident) plan.Expr {
	for _, p := range parts {
		t := e.Type()
		i := slices.IndexFunc(t.Fields, func(f types.Field) bool { return f.Name == p.Name })
		if t.Kind != types.Row || i < 0 {
			if t.Kind == types.Null {
				return poison()
			}
			var names []string
			for _, f := range t.Fields {
				names = append(names, f.Name)
			}
			b.remedy(p.Pos(), fault.DidYouMean(p.Name, names), "%s, which is %s, has no field %s", e, t, p.Name)
			return poison()
		}
		ft := t.Fields[i].Type
		e = &plan.Call{Func: "FIELD", Args: []plan.Expr{e, &plan.Literal{Value: int64(i), T: types.Of(types.Int).AsNotNull()}},
			T: ft.WithNull(ft.Nullable() || t.Nullable())}
	}
	return e
}

func (b *Binder) unknownColumn(s *scope, n *ast.Name) {
	var names []string
	quals := map[string]bool{}
	for _, f := range s.rel.fields {
		if f.name != "" && !strings.HasPrefix(f.name, "$") && !slices.Contains(names, f.name) {
			names = append(names, f.name)
		}
		quals[f.qual] = true
	}
	parts := n.Strings()
	if len(parts) > 1 && !quals[parts[len(parts)-2]] {
		var qs []string
		for q := range quals {
			qs = append(qs, q)
		}
		if len(s.find("", parts[0])) == 0 {
			b.remedy(n.Pos(), fault.DidYouMean(parts[len(parts)-2], qs), "table or alias %s is not in FROM", parts[len(parts)-2])
			return
		}
	}
	if len(parts) > 1 {
		names = nil
		for _, f := range s.rel.fields {
			if f.qual == parts[len(parts)-2] {
				names = append(names, f.name)
			}
		}
	}
	remedy := fault.DidYouMean(parts[len(parts)-1], names)
	if remedy == "" && len(names) > 0 {
		remedy = "there are " + strings.Join(names[:min(len(names), 12)], ", ")
	}
	b.remedy(n.Pos(), remedy, "column %s does not exist", n.Dotted())
}
