package sqlcase

import (
	"cmp"
	"slices"
)

// columns lists a relation's columns.
func columns(q string) string { return q + ".id, " + q + ".k, " + q + ".n, " + q + ".x" }

// semi keeps rows of l by whether r has a partner: EXISTS over any join condition, or IN in three-valued logic.
func (g *generator) semi(l, r expression) expression {
	not := g.IntN(2) == 0
	neg := map[bool]string{true: "NOT "}[not]
	out := expression{sql: "SELECT " + columns("l") + " FROM " + l.as("l") + " WHERE "}
	var holds func(a tuple) truth
	switch g.IntN(3) {
	case 0:
		on := joinConditions[g.IntN(len(joinConditions))]
		out.sql += neg + "EXISTS (SELECT 1 FROM " + r.as("r") + " WHERE " + on.sql + ")"
		holds = func(a tuple) truth {
			for _, b := range r.rows {
				if on.eval(a, b) == yes {
					return yes
				}
			}
			return no
		}
	case 1:
		out.sql += "l.k " + neg + "IN (SELECT r.k FROM " + r.as("r") + ")"
		holds = func(a tuple) truth { return among(a, r.rows, func(tuple, tuple) truth { return yes }) }
	default:
		out.sql += "l.k " + neg + "IN (SELECT r.k FROM " + r.as("r") + " WHERE r.n <> l.n)"
		holds = func(a tuple) truth {
			return among(a, r.rows, func(a, b tuple) truth {
				if a.n == nil {
					return unknown
				}
				return compare(b.n, *a.n, unequal)
			})
		}
	}
	for _, a := range l.rows {
		t := holds(a)
		if not {
			t = yes - t
		}
		if t == yes {
			out.rows = append(out.rows, a)
		}
	}
	return out
}

// among is a.k IN (the k of those rows that where lets through).
func among(a tuple, rows []tuple, where func(a, b tuple) truth) truth {
	t := no
	for _, b := range rows {
		if where(a, b) == yes {
			t = max(t, same(a.k, b.k))
		}
	}
	return t
}

// set is INTERSECT or EXCEPT, with or without ALL.
func (g *generator) set(a, b expression) expression {
	op := []string{"INTERSECT", "INTERSECT ALL", "EXCEPT", "EXCEPT ALL"}[g.IntN(4)]
	out := expression{sql: "SELECT " + columns("p") + " FROM " + a.as("p") + " " + op + " SELECT " + columns("q") + " FROM " + b.as("q")}
	out.sql = "SELECT " + columns("s") + " FROM " + out.as("s")
	for _, rs := range groups(a.rows, tuple.String) {
		second := 0
		for _, t := range b.rows {
			if t.String() == rs[0].String() {
				second++
			}
		}
		n := 0
		switch {
		case op == "INTERSECT" && second > 0, op == "EXCEPT" && second == 0:
			n = 1
		case op == "INTERSECT ALL":
			n = min(len(rs), second)
		case op == "EXCEPT ALL":
			n = max(len(rs)-second, 0)
		}
		for range n {
			out.rows = append(out.rows, rs[0])
		}
	}
	return out
}

// scalar computes columns by correlated subqueries: a count of rows below, and the greatest of a key.
func (g *generator) scalar(l, r expression) expression {
	out := expression{sql: "SELECT l.id, l.k, CAST((SELECT COUNT(*) FROM " + r.as("r") + " WHERE r.n < l.n) AS INT) AS n, (SELECT MAX(r.x) FROM " + r.as("r") + " WHERE r.k = l.k) AS x FROM " + l.as("l")}
	for _, a := range l.rows {
		n := int64(0)
		var x []tuple
		for _, b := range r.rows {
			if a.n != nil && compare(b.n, *a.n, less) == yes {
				n++
			}
			if same(a.k, b.k) == yes && b.x != nil {
				x = append(x, b)
			}
		}
		t := tuple{id: a.id, k: a.k, n: &n}
		if len(x) > 0 {
			t.x = slices.MaxFunc(x, func(a, b tuple) int { return cmp.Compare(*a.x, *b.x) }).x
		}
		out.rows = append(out.rows, t)
	}
	return out
}

// lateral joins each row of l with the rows of r that are tied to it.
func (g *generator) lateral(l, r expression) expression {
	on := joinConditions[g.IntN(len(joinConditions))]
	left := g.IntN(2) == 0
	kind := map[bool]string{true: " LEFT JOIN ", false: " JOIN "}[left]
	out := expression{sql: "SELECT l.id, t.k, l.n, t.x FROM " + l.as("l") + kind + "LATERAL (SELECT r.k, r.x + r.x AS x FROM " + r.as("r") + " WHERE " + on.sql + ") AS t ON TRUE"}
	for _, a := range l.rows {
		hit := false
		for _, b := range r.rows {
			if on.eval(a, b) == yes {
				t := tuple{id: a.id, k: b.k, n: a.n}
				if b.x != nil {
					t.x = ptr(*b.x * 2)
				}
				out.rows, hit = append(out.rows, t), true
			}
		}
		if left && !hit {
			out.rows = append(out.rows, tuple{id: a.id, n: a.n})
		}
	}
	return out
}
