package optimize

import (
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// temporalJoin splits the condition of joins with a versioned table into equalities on the table's key and the rest, and has them read the
// versions themselves: what only keeps the newest row of a key (a deduplication by time, the completion of an upsert stream) is left
// out below them, and filters above the versions become part of the condition, because a version that fails one still ends its
// predecessor.
func temporalJoin(r *run) {
	r.transform(func(n plan.Node) plan.Node {
		j, ok := n.(*plan.TemporalJoin)
		if !ok || len(j.LeftKeys) > 0 {
			return n
		}
		left, right := j.Left.Props(), j.Right.Props()
		nl := len(left.Out)
		a, b := left.Out[j.LeftTime].Type, right.Out[j.RightTime].Type
		switch {
		case a.Kind != b.Kind:
			r.fail(j, "CAST is no remedy: declare both time columns with the same type", "a temporal join wants event times of one type on both sides, they are %s and %s", a, b)
			return n
		case len(right.Keys) == 0:
			r.fail(j, "declare PRIMARY KEY (…) NOT ENFORCED, or join a view that keeps the last row of a key: ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) = 1",
				"the versioned table of a temporal join needs a primary key")
			return n
		}
		key, rest := versionKey(j, right.Keys, nl)
		if key == nil {
			r.fail(j, "compare all its columns with = in ON, and CAST the other side to the column's type",
				"the versioned table's key (%s) is not in the equalities of the join", strings.Join(right.Out.Names(right.Keys[0]), ", "))
			return n
		}
		le := plan.Refs(left.Out)
		for _, k := range key {
			j.LeftKeys, j.RightKeys = append(j.LeftKeys, place(&le, k.left)), append(j.RightKeys, k.right)
		}
		out, wider := j.P.Out, len(le)-nl
		if wider > 0 {
			j.Left = calcOver(j.Left, nil, le, left.Out, j)
		}
		move := func(i int) int {
			if i >= nl {
				return i + wider
			}
			return i
		}
		j.Cond = remap(plan.And(rest...), move)
		width := len(right.Out)
		valid := r.versions(j)
		if valid >= 0 {
			j.Cond = plan.And(j.Cond, &plan.ColRef{Index: nl + wider + valid, Name: "$valid", T: types.Of(types.Boolean)})
		}
		j.P.Out = nil
		plan.Derive(j, false)
		if wider == 0 && valid < 0 {
			for i := range out {
				j.P.Out[i].Name = out[i].Name
			}
			return j
		}
		es := make([]plan.Expr, nl+width)
		for i := range es {
			es[i] = ref(j.P.Out, move(i))
		}
		return calcOver(j, nil, es, out, j)
	})
}

type keyPart struct {
	left  plan.Expr
	right int
}

// versionKey finds a key of the right side whose columns are all compared with expressions of the left.
func versionKey(j *plan.TemporalJoin, keys [][]int, nl int) (key []keyPart, rest []plan.Expr) {
	conds := plan.Conjuncts(j.Cond)
	for _, k := range keys {
		key, rest = []keyPart{}, nil
		found := map[int]bool{}
		for _, e := range conds {
			if a, b, ok := equality(e, nl); ok {
				if c, ok := b.(*plan.ColRef); ok && slices.Contains(k, c.Index-nl) && !found[c.Index-nl] {
					found[c.Index-nl] = true
					key = append(key, keyPart{a, c.Index - nl})
					continue
				}
			}
			rest = append(rest, e)
		}
		if len(found) == len(k) && len(k) > 0 {
			return key, rest
		}
	}
	return nil, nil
}

// versions lets j's right side give all versions. It gives the column that tells whether a version is one of the table's rows, -1 if all are.
func (r *run) versions(j *plan.TemporalJoin) int {
	var calcs []*plan.Calc
	n := j.Right
	for {
		c, ok := n.(*plan.Calc)
		if !ok {
			break
		}
		calcs = append(calcs, c)
		n = c.Input
	}
	switch x := n.(type) {
	case *plan.Deduplicate:
		if x.KeepLast && x.TimeCol >= 0 {
			n = x.Input
		}
	case *plan.Watermark:
		n = rawWatermark(x)
	}
	valid := -1
	for _, c := range slices.Backward(calcs) {
		es, names := slices.Clone(c.Exprs), slices.Clone(c.P.Out)
		var ok plan.Expr
		if valid >= 0 {
			ok = ref(n.Props().Out, valid)
		}
		if ok = plan.And(c.Filter, ok); ok != nil {
			valid = len(es)
			es = append(es, ok)
			names = append(names, plan.Column{Name: "$valid"})
		}
		n = calcOver(n, nil, es, names, c)
	}
	j.Right = n
	return valid
}

// rawWatermark gives w over its source's own upserts: each is a version, and a delete needs to tell its key only.
func rawWatermark(w *plan.Watermark) plan.Node {
	var calcs []*plan.Calc
	n := w.Input
	for {
		c, ok := n.(*plan.Calc)
		if !ok || c.Filter != nil {
			break
		}
		calcs = append(calcs, c)
		n = c.Input
	}
	norm, ok := n.(*plan.ChangelogNormalize)
	if !ok {
		return w
	}
	n = norm.Input
	for _, c := range slices.Backward(calcs) {
		n = calcOver(n, nil, slices.Clone(c.Exprs), slices.Clone(c.P.Out), c)
	}
	return plan.New(&plan.Watermark{Input: n, TimeCol: w.TimeCol, Delay: w.Delay, Idle: w.Idle}, w.P.Pos)
}
