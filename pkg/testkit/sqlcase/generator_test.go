package sqlcase

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// random makes a row with small values, some of them NULL.
func (g *generator) random() tuple {
	maybe := func(v int64) *int64 {
		if g.IntN(7) == 0 {
			return nil
		}
		return &v
	}
	t := tuple{id: maybe(g.Int64N(7 * int64(g.scale))), n: maybe(g.Int64N(6)), x: maybe(g.Int64N(900) - 200)}
	if g.IntN(6) > 0 {
		t.k = ptr(fmt.Sprint(1 + g.IntN(3*g.scale)))
	}
	return t
}

// inputs makes a random case's tables: a of inserts with event time, b of inserts in two splits, c of changes.
func (g *generator) inputs(c *Case) {
	c.SQL = `CREATE TABLE a (id BIGINT, k STRING, n INT, x DECIMAL(10, 2), ts TIMESTAMP(3), pt AS PROCTIME(), WATERMARK FOR ts AS ts - INTERVAL '5' MINUTE) WITH ('connector' = 'values');
CREATE TABLE e (id BIGINT, k STRING, n INT, x DECIMAL(10, 2), ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' MINUTE) WITH ('connector' = 'values');
CREATE TABLE d (id BIGINT, k STRING, n INT, x DECIMAL(10, 2)) WITH ('connector' = 'values');
CREATE TABLE u (id BIGINT, k STRING, n INT, x DECIMAL(10, 2), PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'values', 'mode' = 'upsert');
CREATE TABLE b (id BIGINT, k STRING, n INT, x DECIMAL(10, 2)) WITH ('connector' = 'values');
CREATE TABLE c (id BIGINT, k STRING, n INT, x DECIMAL(10, 2)) WITH ('connector' = 'values', 'mode' = 'all');
`
	c.In = map[string][]string{}
	var a, b, ch []tuple
	for range 12 * g.scale {
		t, s := g.random(), g.Int64N(300)
		a = append(a, t)
		g.times = append(g.times, s)
		c.In["a"] = append(c.In["a"], fmt.Sprintf("+I%s, 1970-01-01T00:%02d:%02d]", strings.TrimSuffix(t.String(), "]"), s/60, s%60))
	}
	for i := range 10 * g.scale {
		t := g.random()
		b = append(b, t)
		split := fmt.Sprintf("b/%d", i%2)
		c.In[split] = append(c.In[split], "+I"+t.String())
	}
	for range 18 * g.scale {
		switch i := g.IntN(max(1, 2*len(ch))); {
		case len(ch) == 0 || i >= len(ch):
			ch = append(ch, g.random())
			c.In["c"] = append(c.In["c"], "+I"+ch[len(ch)-1].String())
		case g.IntN(2) == 0:
			c.In["c"] = append(c.In["c"], "-D"+ch[i].String())
			ch = slices.Delete(ch, i, i+1)
		default:
			c.In["c"] = append(c.In["c"], "-U"+ch[i].String())
			ch[i] = g.random()
			c.In["c"] = append(c.In["c"], "+U"+ch[i].String())
		}
	}
	for range 8 * g.scale {
		t, s := g.random(), g.Int64N(300)
		g.others, g.later = append(g.others, t), append(g.later, s)
		c.In["e"] = append(c.In["e"], fmt.Sprintf("+I%s, 1970-01-01T00:%02d:%02d]", strings.TrimSuffix(t.String(), "]"), s/60, s%60))
	}
	for range 5 * g.scale {
		g.dims = append(g.dims, g.random())
		c.In["d"] = append(c.In["d"], "+I"+g.dims[len(g.dims)-1].String())
	}
	u := map[int64]tuple{}
	for range 12 * g.scale {
		t := g.random()
		t.id = ptr(g.Int64N(5 * int64(g.scale)))
		kind := "+U"
		if _, ok := u[*t.id]; !ok {
			kind = "+I"
		}
		if g.IntN(4) == 0 {
			kind = "-D"
			delete(u, *t.id)
		} else {
			u[*t.id] = t
		}
		split := fmt.Sprintf("u/%d", *t.id%2)
		c.In[split] = append(c.In[split], kind+t.String())
	}
	c.In["u/0"] = append(c.In["u/0"], "-D[-1, NULL, NULL, NULL]") // a key that was never there
	g.events = a
	g.tables = []expression{
		{"SELECT id, k, n, x FROM a", a}, {"SELECT id, k, n, x FROM b", b}, {"SELECT id, k, n, x FROM c", ch}, {"SELECT id, k, n, x FROM c", ch},
		{"SELECT id, k, n, x FROM u", slices.Collect(maps.Values(u))},
	}
}

// into makes the statements that write a random expression, into tables with keys where it has some, and what they leave.
func (g *generator) into(c *Case, depth int) {
	sub := func() expression { return g.make(depth) }
	create := func(name, key string) string {
		if key != "" {
			key = ", PRIMARY KEY (" + key + ") NOT ENFORCED"
		}
		return "CREATE TABLE " + name + " (id BIGINT, k STRING, n INT, x DECIMAL(10, 2)" + key + ") WITH ('connector' = 'collect');\n"
	}
	insert := func(name, key, sql string, rows []tuple) {
		c.SQL += create(name, key) + "INSERT INTO " + name + " " + sql + ";\n"
		c.Out[name] = lines(rows)
	}
	known := func(rows []tuple) []tuple {
		return filter(rows, condition{eval: func(t tuple) truth { return yes - unknownIf(t.k == nil) }})
	}
	keyed := func() expression { // by k
		for {
			if e := g.byKey(sub()); strings.HasSuffix(e.sql, " GROUP BY k") || strings.HasSuffix(e.sql, " GROUP BY k HAVING COUNT(*) < 3") {
				return e
			}
		}
	}
	switch g.IntN(9) {
	case 0, 1, 2:
		e := sub()
		insert("o", "", e.sql, e.rows)
	case 3:
		e := keyed()
		for i := range e.rows {
			if e.rows[i].k == nil {
				e.rows[i].k = ptr("-")
			}
		}
		insert("o", "k", "SELECT id, COALESCE(k, '-'), n, x FROM "+e.as("q"), e.rows)
	case 4:
		e := keyed()
		cond := conditions[g.IntN(len(conditions))]
		insert("o", "k", "SELECT * FROM "+e.as("q")+" WHERE k IS NOT NULL AND "+fmt.Sprintf(cond.sql, "q"), known(filter(e.rows, cond)))
	case 5:
		for {
			e := g.top(sub())
			if strings.HasPrefix(e.sql, "SELECT id, k, CAST(rn AS INT)") {
				insert("o", "k, n", "SELECT * FROM "+e.as("q")+" WHERE k IS NOT NULL", known(e.rows))
				return
			}
		}
	case 6:
		e := g.byID(sub())
		insert("o", "id", "SELECT * FROM "+e.as("q")+" WHERE id IS NOT NULL", filter(e.rows, condition{eval: func(t tuple) truth { return yes - unknownIf(t.id == nil) }}))
	case 7:
		l, r := keyed(), keyed()
		out := expression{sql: "SELECT l.id, l.k, r.n, r.x FROM " + l.as("l") + " LEFT JOIN " + r.as("r") + " ON l.k = r.k WHERE l.k IS NOT NULL"}
		for _, a := range known(l.rows) {
			t := tuple{id: a.id, k: a.k}
			for _, b := range r.rows {
				if same(a.k, b.k) == yes {
					t.n, t.x = b.n, b.x
				}
			}
			out.rows = append(out.rows, t)
		}
		insert("o", "k", out.sql, out.rows)
	case 8:
		v := sub()
		c.SQL += "CREATE VIEW v AS " + v.sql + ";\n"
		v.sql = "SELECT * FROM v"
		insert("o", "", v.sql, v.rows)
		e := g.byKey(v)
		insert("p", "", e.sql, e.rows)
		e = g.join(v, expression{"SELECT id, k, n, x FROM c", g.tables[2].rows})
		insert("q", "", e.sql, e.rows)
	}
}

func unknownIf(b bool) truth {
	if b {
		return unknown
	}
	return no
}
