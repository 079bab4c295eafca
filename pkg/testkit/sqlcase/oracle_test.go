package sqlcase

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// The oracle evaluates small relational expressions over whole tables, row by row and as plainly as it can; the random test compares what the
// engine leaves, after any number of changes, with what the oracle makes of the tables' last contents.

// tuple is a row of the only schema there is: id BIGINT, k STRING, n INT, x DECIMAL(10, 2) in hundredths. nil is NULL.
type tuple struct {
	id *int64
	k  *string
	n  *int64
	x  *int64
}

func ptr[T any](v T) *T { return &v }

func show[T any](p *T, format func(T) string) string {
	if p == nil {
		return "NULL"
	}
	return format(*p)
}

func number(v int64) string { return fmt.Sprint(v) }
func word(v string) string  { return v }

func hundredths(v int64) string {
	sign := ""
	if v < 0 {
		sign, v = "-", -v
	}
	return fmt.Sprintf("%s%d.%02d", sign, v/100, v%100)
}

func (t tuple) String() string {
	return fmt.Sprintf("[%s, %s, %s, %s]", show(t.id, number), show(t.k, word), show(t.n, number), show(t.x, hundredths))
}

// expression is a query and its value.
type expression struct {
	sql  string
	rows []tuple
}

func (e expression) as(name string) string { return "(" + e.sql + ") " + name }

// truth is a value of three-valued logic.
type truth int8

const (
	no truth = iota
	unknown
	yes
)

func compare[T cmp.Ordered](a *T, b T, ok func(int) bool) truth {
	switch {
	case a == nil:
		return unknown
	case ok(cmp.Compare(*a, b)):
		return yes
	}
	return no
}

func less(c int) bool    { return c < 0 }
func more(c int) bool    { return c > 0 }
func equal(c int) bool   { return c == 0 }
func unequal(c int) bool { return c != 0 }

// condition is a predicate over one relation; its text has %[1]s for the relation's name.
type condition struct {
	sql  string
	eval func(tuple) truth
}

var conditions = []condition{
	{"%[1]s.n > 1 + 1", func(t tuple) truth { return compare(t.n, 2, more) }},
	{"%[1]s.k = '1' AND %[1]s.id IN (1, 2, 5)", func(t tuple) truth {
		in := unknown
		if t.id != nil {
			in = no
			if slices.Contains([]int64{1, 2, 5}, *t.id) {
				in = yes
			}
		}
		return min(compare(t.k, "1", equal), in)
	}},
	{"(%[1]s.x > 3 OR %[1]s.k <> '2')", func(t tuple) truth { return max(compare(t.x, 300, more), compare(t.k, "2", unequal)) }},
	{"%[1]s.k IS NOT NULL AND %[1]s.n <> 4", func(t tuple) truth {
		if t.k == nil {
			return no
		}
		return compare(t.n, 4, unequal)
	}},
	{"NOT (%[1]s.n > 1 AND %[1]s.id < 4)", func(t tuple) truth { return yes - min(compare(t.n, 1, more), compare(t.id, 4, less)) }},
	{"%[1]s.n IS NULL", func(t tuple) truth {
		if t.n == nil {
			return yes
		}
		return no
	}},
}

func filter(rows []tuple, c condition) []tuple {
	var out []tuple
	for _, t := range rows {
		if c.eval(t) == yes {
			out = append(out, t)
		}
	}
	return out
}

// generator makes random expressions over tables.
type generator struct {
	*rand.Rand
	scale  int          // 1 for small tables, in which every pair of rows is likely to meet
	tables []expression // SELECTs of all columns
	events []tuple      // of table a, which has event time ts
	times  []int64      // of events' rows, in seconds
	others []tuple      // of table e, also with event time
	later  []int64
	dims   []tuple // of table d, for lookups
}

// where adds a random condition, or none, over the only relation q.
func (g *generator) where(q string, rows []tuple) (string, []tuple) {
	if g.IntN(2) == 0 {
		return "", rows
	}
	c := conditions[g.IntN(len(conditions))]
	return " WHERE " + fmt.Sprintf(c.sql, q), filter(rows, c)
}

func (g *generator) make(depth int) expression {
	if depth <= 0 {
		e := g.tables[g.IntN(len(g.tables))]
		w, rows := g.where("q", e.rows)
		return expression{"SELECT id, k, n, x FROM " + e.as("q") + w, rows}
	}
	sub := func() expression { return g.make(depth - 1 - g.IntN(2)) }
	switch g.IntN(21) {
	case 16, 17:
		return g.semi(sub(), sub())
	case 18:
		return g.set(sub(), sub())
	case 19:
		return g.scalar(sub(), sub())
	case 20:
		return g.lateral(sub(), sub())
	case 11, 12:
		return g.dedup()
	case 13:
		return g.interval()
	case 14:
		return g.lookup()
	case 15:
		return g.grouping(sub())
	case 0:
		return g.project(sub())
	case 1, 2:
		return g.byKey(sub())
	case 3:
		return g.byID(sub())
	case 4, 5:
		return g.join(sub(), sub())
	case 6:
		a, b := sub(), sub()
		return expression{a.sql + " UNION ALL " + b.sql, append(slices.Clone(a.rows), b.rows...)}
	case 7:
		return g.distinct(sub())
	case 8, 9:
		return g.top(sub())
	}
	return g.window()
}

func (g *generator) project(e expression) expression {
	w, rows := g.where("q", e.rows)
	out := expression{sql: "SELECT id + 1 AS id, CASE WHEN k = '3' THEN NULL ELSE COALESCE(k, '0') END AS k, n * 2 AS n, -x AS x FROM " + e.as("q") + w}
	for _, t := range rows {
		r := tuple{k: ptr("0")}
		if t.id != nil {
			r.id = ptr(*t.id + 1)
		}
		if t.k != nil {
			r.k = t.k
		}
		if r.k != nil && *r.k == "3" {
			r.k = nil
		}
		if t.n != nil {
			r.n = ptr(*t.n * 2)
		}
		if t.x != nil {
			r.x = ptr(-*t.x)
		}
		out.rows = append(out.rows, r)
	}
	return out
}

// groups collects rows by a text of their key, in the order of the keys' first rows.
func groups(rows []tuple, key func(tuple) string) [][]tuple {
	at := map[string]int{}
	var out [][]tuple
	for _, t := range rows {
		k := key(t)
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], t)
	}
	return out
}

func extreme[T cmp.Ordered](rows []tuple, of func(tuple) *T, better func(int) bool) *T {
	var best *T
	for _, t := range rows {
		if v := of(t); v != nil && (best == nil || better(cmp.Compare(*v, *best))) {
			best = v
		}
	}
	return best
}

func sum(rows []tuple, of func(tuple) *int64) (total *int64, n int64) {
	for _, t := range rows {
		if v := of(t); v != nil {
			if total == nil {
				total = new(int64)
			}
			*total += *v
			n++
		}
	}
	return total, n
}

func id(t tuple) *int64  { return t.id }
func kk(t tuple) *string { return t.k }
func nn(t tuple) *int64  { return t.n }
func xx(t tuple) *int64  { return t.x }

func (g *generator) byKey(e expression) expression {
	w, rows := g.where("q", e.rows)
	key, by := func(t tuple) string { return show(t.k, word) }, " GROUP BY k"
	global := g.IntN(5) == 0
	col := "k"
	if global {
		key, by, col = func(tuple) string { return "" }, "", "MIN(k) AS k"
	}
	having := g.IntN(3) == 0
	if having {
		by += " HAVING COUNT(*) < 3"
	}
	out := expression{sql: "SELECT MAX(id) AS id, " + col + ", CAST(COUNT(*) FILTER (WHERE n > 1) AS INT) AS n, CAST(SUM(x) AS DECIMAL(10, 2)) AS x FROM " + e.as("q") + w + by}
	gs := groups(rows, key)
	for _, rs := range gs {
		if having && len(rs) >= 3 {
			continue
		}
		count := int64(0)
		for _, t := range rs {
			if t.n != nil && *t.n > 1 {
				count++
			}
		}
		s, _ := sum(rs, xx)
		out.rows = append(out.rows, tuple{extreme(rs, id, more), extreme(rs, kk, less), &count, s})
	}
	return out
}

func (g *generator) byID(e expression) expression {
	w, rows := g.where("q", e.rows)
	out := expression{sql: "SELECT id, MIN(k) AS k, CAST(COUNT(DISTINCT n) + AVG(n) AS INT) AS n, MAX(x) AS x FROM " + e.as("q") + w + " GROUP BY id"}
	for _, rs := range groups(rows, func(t tuple) string { return show(t.id, number) }) {
		distinct := map[int64]bool{}
		for _, t := range rs {
			if t.n != nil {
				distinct[*t.n] = true
			}
		}
		r := tuple{id: rs[0].id, k: extreme(rs, kk, less), x: extreme(rs, xx, more)}
		if s, c := sum(rs, nn); s != nil {
			r.n = ptr(int64(len(distinct)) + *s/c)
		}
		out.rows = append(out.rows, r)
	}
	return out
}

var joinConditions = []struct {
	sql  string
	eval func(l, r tuple) truth
}{
	{"l.id = r.id", func(l, r tuple) truth { return same(l.id, r.id) }},
	{"l.id = r.id + 1 AND l.n < r.n", func(l, r tuple) truth {
		if l.id == nil || r.id == nil || l.n == nil || r.n == nil || *l.id != *r.id+1 || *l.n >= *r.n {
			return no
		}
		return yes
	}},
	{"l.id = r.id AND r.n > 1 AND l.n > 0", func(l, r tuple) truth {
		return min(same(l.id, r.id), compare(r.n, 1, more), compare(l.n, 0, more))
	}},
	{"l.id = r.n", func(l, r tuple) truth { return same(l.id, r.n) }},
	{"l.k = r.k AND l.id = r.id", func(l, r tuple) truth { return min(same(l.k, r.k), same(l.id, r.id)) }},
	{"l.k IS NOT DISTINCT FROM r.k AND l.n = r.n", func(l, r tuple) truth {
		if show(l.k, word) != show(r.k, word) {
			return no
		}
		return same(l.n, r.n)
	}},
}

func same[T comparable](a, b *T) truth {
	switch {
	case a == nil || b == nil:
		return unknown
	case *a == *b:
		return yes
	}
	return no
}

func (g *generator) join(l, r expression) expression {
	kind := g.IntN(4)
	on := joinConditions[g.IntN(len(joinConditions))]
	out := expression{sql: "SELECT l.id, r.k, l.n, r.x FROM " + l.as("l") + []string{" JOIN ", " LEFT JOIN ", " RIGHT JOIN ", " FULL JOIN "}[kind] + r.as("r") + " ON " + on.sql}
	matched := make([]bool, len(r.rows))
	type pair struct{ l, r tuple }
	var pairs []pair
	for _, a := range l.rows {
		hit := false
		for i, b := range r.rows {
			if on.eval(a, b) == yes {
				hit, matched[i] = true, true
				pairs = append(pairs, pair{a, b})
			}
		}
		if !hit && (kind == 1 || kind == 3) {
			pairs = append(pairs, pair{l: a})
		}
	}
	for i, b := range r.rows {
		if !matched[i] && kind >= 2 {
			pairs = append(pairs, pair{r: b})
		}
	}
	c := condition{"", func(tuple) truth { return yes }}
	if g.IntN(2) == 0 {
		c = conditions[g.IntN(len(conditions))]
		out.sql += " WHERE " + fmt.Sprintf(c.sql, "r")
	}
	for _, p := range pairs {
		if c.eval(p.r) == yes {
			out.rows = append(out.rows, tuple{p.l.id, p.r.k, p.l.n, p.r.x})
		}
	}
	return out
}

func (g *generator) distinct(e expression) expression {
	out := expression{sql: "SELECT DISTINCT id, k, n, x FROM " + e.as("q")}
	for _, rs := range groups(e.rows, tuple.String) {
		out.rows = append(out.rows, rs[0])
	}
	return out
}

// order compares as ORDER BY does: NULL is below everything.
func order[T cmp.Ordered](a, b *T) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Compare(*a, *b)
}

func (g *generator) top(e expression) expression {
	from, to := 1, 1+g.IntN(3)
	ranked := g.IntN(2) == 0
	n, limit := "n", fmt.Sprintf("rn <= %d", to)
	if ranked {
		n = "CAST(rn AS INT) AS n"
		if g.IntN(3) == 0 {
			from = 2
			to++
			limit = fmt.Sprintf("rn BETWEEN %d AND %d", from, to)
		}
	}
	out := expression{sql: "SELECT id, k, " + n + ", x FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY n DESC, id, x) AS rn FROM " + e.as("q") + ") WHERE " + limit}
	for _, rs := range groups(e.rows, func(t tuple) string { return show(t.k, word) }) {
		slices.SortStableFunc(rs, func(a, b tuple) int { return cmp.Or(-order(a.n, b.n), order(a.id, b.id), order(a.x, b.x)) })
		for i, t := range rs {
			if rank := i + 1; rank >= from && rank <= to {
				if ranked {
					t.n = ptr(int64(rank))
				}
				out.rows = append(out.rows, t)
			}
		}
	}
	return out
}

func (g *generator) window() expression {
	hop := g.IntN(2) == 0
	table := "TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '1' MINUTE)"
	if hop {
		table = "HOP(TABLE a, DESCRIPTOR(ts), INTERVAL '30' SECOND, INTERVAL '1' MINUTE)"
	}
	out := expression{sql: "SELECT COUNT(DISTINCT id) AS id, k, MAX(n) AS n, CAST(SUM(x) AS DECIMAL(10, 2)) AS x FROM TABLE(" + table + ") GROUP BY window_start, window_end, k"}
	type event struct {
		tuple
		window int64
	}
	at := map[string][]tuple{}
	var keys []string
	add := func(e event) {
		k := fmt.Sprint(e.window, show(e.k, word))
		if at[k] == nil {
			keys = append(keys, k)
		}
		at[k] = append(at[k], e.tuple)
	}
	for i, t := range g.events {
		s := g.times[i]
		if hop {
			add(event{t, s / 30})
			add(event{t, s/30 - 1})
		} else {
			add(event{t, s / 60})
		}
	}
	for _, k := range keys {
		rs := at[k]
		ids := map[string]bool{}
		for _, t := range rs {
			if t.id != nil {
				ids[number(*t.id)] = true
			}
		}
		s, _ := sum(rs, xx)
		out.rows = append(out.rows, tuple{ptr(int64(len(ids))), rs[0].k, extreme(rs, nn, more), s})
	}
	return out
}

// dedup keeps the first or last row of every k, by event time or as they come; of equal times the first stays first and the last last.
func (g *generator) dedup() expression {
	last, event := g.IntN(2) == 0, g.IntN(2) == 0
	by := "pt"
	if event {
		by = "ts"
	}
	if last {
		by += " DESC"
	}
	best := map[string]int{}
	for i, t := range g.events {
		k := show(t.k, word)
		j, ok := best[k]
		at, was := int64(i), int64(j)
		if event {
			at, was = g.times[i], g.times[j]
		}
		if !ok || last && at >= was || !last && at < was {
			best[k] = i
		}
	}
	out := expression{sql: "SELECT id, k, n, x FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY " + by + ") AS rn FROM a) WHERE rn = 1"}
	for _, i := range best {
		out.rows = append(out.rows, g.events[i])
	}
	return out
}

// interval joins a and e in a span of time.
func (g *generator) interval() expression {
	kind := g.IntN(4)
	below, above := g.Int64N(60), g.Int64N(60)
	out := expression{sql: fmt.Sprintf("SELECT l.id, r.k, l.n, r.x FROM a l %s JOIN e r ON l.k = r.k AND r.ts BETWEEN l.ts - INTERVAL '%d' SECOND AND l.ts + INTERVAL '%d' SECOND",
		[]string{"INNER", "LEFT", "RIGHT", "FULL"}[kind], below, above)}
	further := g.IntN(2) == 0
	if further {
		out.sql += " AND l.n >= r.n"
	}
	matched := make([]bool, len(g.others))
	for i, l := range g.events {
		hit := false
		for j, r := range g.others {
			d := g.later[j] - g.times[i]
			if same(l.k, r.k) == yes && d >= -below && d <= above && (!further || l.n != nil && r.n != nil && *l.n >= *r.n) {
				hit, matched[j] = true, true
				out.rows = append(out.rows, tuple{l.id, r.k, l.n, r.x})
			}
		}
		if !hit && (kind == 1 || kind == 3) {
			out.rows = append(out.rows, tuple{id: l.id, n: l.n})
		}
	}
	for j, r := range g.others {
		if !matched[j] && kind >= 2 {
			out.rows = append(out.rows, tuple{k: r.k, x: r.x})
		}
	}
	return out
}

// lookup enriches a from d.
func (g *generator) lookup() expression {
	left := g.IntN(2) == 0
	out := expression{sql: "SELECT l.id, r.k, l.n, r.x FROM a l JOIN d FOR SYSTEM_TIME AS OF l.pt AS r ON l.id = r.id AND r.n > 1"}
	if left {
		out.sql = strings.Replace(out.sql, " JOIN", " LEFT JOIN", 1)
	}
	for _, l := range g.events {
		hit := false
		for _, r := range g.dims {
			if min(same(l.id, r.id), compare(r.n, 1, more)) == yes {
				hit = true
				out.rows = append(out.rows, tuple{l.id, r.k, l.n, r.x})
			}
		}
		if !hit && left {
			out.rows = append(out.rows, tuple{id: l.id, n: l.n})
		}
	}
	return out
}

// grouping groups by two columns and counts distinct values of two others.
func (g *generator) grouping(e expression) expression {
	w, rows := g.where("q", e.rows)
	out := expression{sql: "SELECT COUNT(DISTINCT id) * 10 + COUNT(DISTINCT x) AS id, k, n, CAST(SUM(DISTINCT x) AS DECIMAL(10, 2)) AS x FROM " + e.as("q") + w + " GROUP BY k, n"}
	for _, rs := range groups(rows, func(t tuple) string { return show(t.k, word) + "/" + show(t.n, number) }) {
		ids, xs := map[int64]bool{}, map[int64]bool{}
		r := tuple{k: rs[0].k, n: rs[0].n}
		for _, t := range rs {
			if t.id != nil {
				ids[*t.id] = true
			}
			if t.x != nil && !xs[*t.x] {
				xs[*t.x] = true
				if r.x == nil {
					r.x = new(int64)
				}
				*r.x += *t.x
			}
		}
		r.id = ptr(int64(len(ids)*10 + len(xs)))
		out.rows = append(out.rows, r)
	}
	return out
}

// lines prints rows sorted.
func lines(rows []tuple) []string {
	out := make([]string, len(rows))
	for i, t := range rows {
		out[i] = t.String()
	}
	slices.Sort(out)
	return out
}
