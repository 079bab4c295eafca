package plan

import "slices"

func deriveUnion(n *Union) {
	p := &n.P
	p.Mode, p.Out = 0, slices.Clone(n.Ins[0].Props().Out)
	for _, i := range n.Ins {
		in := i.Props()
		p.Mode |= in.Mode
		for c := range p.Out {
			if in.Out[c].Attr != p.Out[c].Attr {
				p.Out[c].Attr = NoTime
			}
			p.Out[c].Type.NotNull = p.Out[c].Type.NotNull && in.Out[c].Type.NotNull
		}
	}
	deriveUnionKeys(n)
}

// deriveUnionKeys: a column that is another constant in every input tells their rows apart; with the keys of each it is a key of all.
func deriveUnionKeys(n *Union) {
	for c := range n.P.Out {
		seen := map[string]bool{}
		key := []int{c}
		for _, i := range n.Ins {
			calc, ok := i.(*Calc)
			if !ok || len(calc.P.Keys) == 0 && len(calc.Input.Props().Keys) == 0 {
				return
			}
			l, ok := calc.Exprs[c].(*Literal)
			if !ok || seen[l.String()] {
				break
			}
			seen[l.String()] = true
			k, ok := constantKey(calc)
			if !ok {
				return
			}
			for _, x := range k {
				if !slices.Contains(key, x) {
					key = append(key, x)
				}
			}
		}
		if len(seen) == len(n.Ins) {
			slices.Sort(key)
			n.P.Keys = [][]int{key}
			return
		}
	}
}

// constantKey is a key of c's input in c's columns, where columns that are constant in the input need not be kept.
func constantKey(c *Calc) ([]int, bool) {
	for _, k := range c.Input.Props().Keys {
		var rest []int
		for _, x := range k {
			if !constantColumn(c.Input, x) {
				rest = append(rest, x)
			}
		}
		if mapped, ok := MapKey(rest, c.Exprs); ok {
			return mapped, true
		}
	}
	return nil, false
}

// constantColumn tells whether a node gives the same value in a column of every row.
func constantColumn(n Node, col int) bool {
	switch n := n.(type) {
	case *Calc:
		switch e := n.Exprs[col].(type) {
		case *Literal:
			return true
		case *ColRef:
			return constantColumn(n.Input, e.Index)
		}
	case *GroupAgg:
		return col < len(n.Keys) && constantColumn(n.Input, n.Keys[col])
	case *Exchange:
		return constantColumn(n.Input, col)
	}
	return false
}
