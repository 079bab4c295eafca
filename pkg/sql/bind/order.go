package bind

import (
	"slices"
	"strconv"

	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// orderAt tells where the columns of ORDER BY are in the result of the query below.
type orderAt struct {
	cols  []int // of each item: its column; -1 where the item is to be bound over the result
	extra int   // columns at the result's end that only the order needs
}

// orderBody finds the ORDER BY items in a SELECT's list: a place in it, an alias, or the same expression. The others are added to the list,
// if it is not DISTINCT.
func orderBody(q *ast.Query) (ast.QueryBody, orderAt) {
	at := orderAt{cols: make([]int, len(q.OrderBy))}
	sel, ok := q.Body.(*ast.Select)
	var items []*ast.SelectItem
	if ok {
		items = slices.Clone(sel.Items)
	}
	for i, o := range q.OrderBy {
		at.cols[i] = -1
		if n, isNum := o.X.(*ast.NumberLit); isNum {
			if c, err := strconv.Atoi(n.Text); err == nil {
				at.cols[i] = c - 1
			}
			continue
		}
		if !ok {
			continue
		}
		name, isName := o.X.(*ast.Name)
		isName = isName && len(name.Parts) == 1
		own := false
		for c, it := range sel.Items {
			if _, star := it.X.(*ast.Star); star {
				own = own || isName
				break // the places behind it are not known yet
			}
			n, plain := it.X.(*ast.Name)
			if isName && it.Alias != nil && it.Alias.Name == name.Last() || isName && it.Alias == nil && plain && n.Last() == name.Last() ||
				ast.String(it.X) == ast.String(o.X) {
				at.cols[i], own = c, true
				break
			}
		}
		own = own || isName && slices.ContainsFunc(sel.Items, func(it *ast.SelectItem) bool {
			n, plain := it.X.(*ast.Name)
			return it.Alias != nil && it.Alias.Name == name.Last() || it.Alias == nil && plain && n.Last() == name.Last()
		})
		if !own && !sel.Distinct {
			at.cols[i] = -2 - at.extra // from the end, in the order of addition
			at.extra++
			items = append(items, &ast.SelectItem{Loc: o.Loc, X: o.X, Alias: &ast.Ident{Loc: o.Loc, Name: "$order" + itoa(i)}})
		}
	}
	if at.extra == 0 {
		return q.Body, at
	}
	c := *sel
	c.Items = items
	return &c, at
}

// limit binds ORDER BY and LIMIT: the first rows of one partition.
func (b *Binder) limit(q *ast.Query, r *rel, at orderAt) *rel {
	if q.Limit == nil && q.Offset != nil {
		b.remedy(q.Offset.Pos(), "add LIMIT n", "OFFSET without LIMIT has no end in a stream")
		return r
	}
	end, ok := int64(0), true
	if q.Limit != nil {
		if end, ok = b.constant(q.Limit); !ok {
			return r
		}
	}
	start := int64(0)
	if q.Offset != nil {
		if start, ok = b.constant(q.Offset); !ok {
			return r
		}
	}
	visible := len(r.fields) - at.extra
	s := &scope{rel: r, clause: "ORDER BY"}
	var es []plan.Expr
	for i, o := range q.OrderBy {
		switch c := at.cols[i]; {
		case c <= -2:
			es = append(es, s.ref(visible-2-c))
		case c == -1 && isNumber(o.X) || c >= visible:
			b.errorf(o.X.Pos(), "ORDER BY %s: the query has columns 1 to %d", ast.String(o.X), visible)
			return b.narrow(r, visible)
		case c >= 0:
			es = append(es, s.ref(c))
		default:
			es = append(es, b.expr(s, o.X))
		}
	}
	pre, cols := b.extend(r, es)
	order := sortKeys(q.OrderBy, cols)
	var n plan.Node
	switch {
	case q.Limit == nil:
		n = plan.New(&plan.Sort{Input: pre.node, Order: order, Batch: b.batch()}, q.OrderBy[0].Pos())
	case end == 0:
		n = calc(pre.node, &plan.Literal{Value: false, T: types.Of(types.Boolean).AsNotNull()}, plan.Refs(pre.out()), nil, q.Pos())
	default:
		n = plan.New(&plan.Rank{Input: pre.node, Order: order, Start: start + 1, End: start + end, Sorted: true}, q.Pos())
	}
	return b.narrow(&rel{node: n, fields: pre.fields}, visible)
}

func isNumber(x ast.Expr) bool {
	_, ok := x.(*ast.NumberLit)
	return ok
}

func sortKeys(items []*ast.OrderItem, cols []int) []plan.SortKey {
	var keys []plan.SortKey
	for i, o := range items {
		// Nulls are the lowest values: first ascending, last descending.
		k := plan.SortKey{Col: cols[i], Desc: o.Desc, NullsLast: o.Desc}
		if o.Nulls != "" {
			k.NullsLast = o.Nulls == "LAST"
		}
		keys = append(keys, k)
	}
	return keys
}

// constant is a LIMIT's number.
func (b *Binder) constant(x ast.Expr) (int64, bool) {
	if x == nil {
		return 0, false
	}
	e := b.expr(&scope{rel: &rel{node: &plan.Values{}}, clause: "LIMIT"}, x)
	if l, ok := e.(*plan.Literal); ok {
		if v, ok := l.Value.(int64); ok {
			return v, true
		}
	}
	b.errorf(x.Pos(), "a whole number is wanted here")
	return 0, false
}
