package sql

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/fault"
)

const fuzzTables = `
CREATE TABLE a (id BIGINT, k STRING, n INT, x DECIMAL(10, 2), ts TIMESTAMP(3), pt AS PROCTIME(), n2 AS n * 2, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'kafka');
CREATE TABLE b (id BIGINT, k STRING, n INT, x DECIMAL(10, 2), ts TIMESTAMP(3), pt AS PROCTIME(), n2 AS n * 2, WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka', 'key.fields' = 'k');
CREATE TABLE c (id BIGINT, k STRING, n INT, x DECIMAL(10, 2), PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'kafka', 'format' = 'canal-json');
CREATE TABLE u (id BIGINT, k STRING, n INT, x DECIMAL(10, 2), PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'upsert-kafka');
CREATE TABLE d (id BIGINT, city STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'redis');
CREATE TABLE o (id BIGINT, k STRING, n INT, x DECIMAL(38, 2)) WITH ('connector' = 'print');
CREATE TABLE oa (id BIGINT, k STRING, n INT, x DECIMAL(38, 2)) WITH ('connector' = 'kafka');
CREATE TABLE oc (id BIGINT, k STRING, n INT, x DECIMAL(38, 2), PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'mysql');
`

// relation writes a random query whose columns are id, k, n, x.
func relation(r *rand.Rand, depth int) string {
	cond := func(q string) string {
		return []string{"%[1]s.n > 1 + 1", "%[1]s.k = 'a' AND %[1]s.id IN (1, 2)", "%[1]s.n = %[1]s.n OR TRUE", "%[1]s.x > 3 OR %[1]s.k LIKE 'b%%'", "%[1]s.k IS NOT NULL"}[r.IntN(5)]
	}
	where := func(q string) string {
		if r.IntN(2) == 0 {
			return ""
		}
		return " WHERE " + fmt.Sprintf(cond(q), q)
	}
	if depth <= 0 {
		t := []string{"a", "b", "c", "u"}[r.IntN(4)]
		return "SELECT id, k, n, x FROM " + t + where(t)
	}
	sub := func() string { return "(" + relation(r, depth-1-r.IntN(2)) + ")" }
	switch r.IntN(11) {
	case 0:
		return "SELECT id + 1 AS id, UPPER(k) AS k, n * 2 AS n, x FROM " + sub() + " q" + where("q")
	case 1:
		return "SELECT MAX(id) AS id, k, CAST(COUNT(*) AS INT) AS n, CAST(SUM(x) AS DECIMAL(10, 2)) AS x FROM " + sub() + " q" + where("q") + " GROUP BY k"
	case 2:
		return "SELECT id, MIN(k) AS k, CAST(COUNT(DISTINCT n) + AVG(n) AS INT) AS n, CAST(AVG(x) AS DECIMAL(10, 2)) AS x FROM " + sub() + " q GROUP BY id HAVING COUNT(*) > 1"
	case 3:
		kind := []string{"", "LEFT ", "RIGHT ", "FULL "}[r.IntN(4)]
		on := []string{"l.id = r.id", "l.id = r.id + 1 AND l.n < r.n", "l.k = r.k AND r.n > 1 AND l.n > 0", "l.id = r.n"}[r.IntN(4)]
		return "SELECT l.id, r.k, l.n, r.x FROM " + sub() + " l " + kind + "JOIN " + sub() + " r ON " + on + where("r")
	case 4:
		return relation(r, depth-1) + " UNION ALL " + relation(r, depth-1)
	case 5:
		return "SELECT id, k, CAST(rn AS INT) AS n, x FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY x DESC, id) AS rn FROM " + sub() + " q) WHERE rn <= 3"
	case 6:
		return "SELECT id, k, n, x FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY ts DESC) AS rn FROM a) WHERE rn = 1"
	case 7:
		return "SELECT COUNT(*) AS id, k, 1 AS n, CAST(SUM(x) AS DECIMAL(10, 2)) AS x FROM TABLE(TUMBLE(TABLE " + []string{"a", "b"}[r.IntN(2)] +
			", DESCRIPTOR(ts), INTERVAL '1' MINUTE))" + []string{"", " WHERE n2 > 3"}[r.IntN(2)] + " GROUP BY window_start, window_end, k"
	case 8:
		return "SELECT l.id, r.k, l.n2 AS n, r.x FROM a l JOIN b r ON l.k = r.k AND r.ts BETWEEN l.ts - INTERVAL '1' HOUR AND l.ts + INTERVAL '5' MINUTE" + where("l")
	case 9:
		return "SELECT q.id, d.city AS k, q.n, q.x FROM " + sub() + " q LEFT JOIN d FOR SYSTEM_TIME AS OF PROCTIME() ON d.id = q.id" + where("q")
	}
	return "SELECT DISTINCT id, k, n, x FROM " + sub() + " q"
}

// TestRandomQueries compiles random queries, with each optional rule left out in turn: whatever the plan, it must hold together.
func TestRandomQueries(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		src := fuzzTables + "CREATE VIEW v AS " + relation(r, 3) + ";\n"
		for i := range 1 + r.IntN(2) {
			from := "(" + relation(r, 2) + ")"
			if i > 0 || r.IntN(2) == 0 {
				from = "v"
			}
			src += "INSERT INTO " + []string{"o", "oc", "oa"}[r.IntN(3)] + " SELECT * FROM " + from + ";\n"
		}
		_, err := Compile("random.sql", src, Options{Describer: connectors{}})
		if err != nil && (fault.KindOf(err) != fault.Config || !strings.Contains(err.Error(), "inserts only")) {
			t.Fatalf("seed %d: %s\n%s", seed, fault.Render(err, src), src[len(fuzzTables):])
		}
		everyRule(t, src)
		if t.Failed() {
			t.Fatalf("seed %d: %s", seed, src[len(fuzzTables):])
		}
	}
}

// FuzzCompile must never panic, and every fault must have a kind.
func FuzzCompile(f *testing.F) {
	files, err := filepath.Glob("testdata/plan/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, block := range strings.Split(string(text), "\n\n") {
			sql, _, _ := strings.Cut(block, "\n----")
			if _, sql, ok := strings.Cut(sql, "\nplan"); ok {
				_, sql, _ = strings.Cut(sql, "\n")
				f.Add(sql)
			}
			f.Add(strings.TrimPrefix(sql, "plan\n"))
		}
	}
	prelude := strings.ReplaceAll(fuzzTables, "\n", " ")
	f.Fuzz(func(t *testing.T, src string) {
		_, err := Compile("fuzz.sql", prelude+"\n"+src, Options{Describer: connectors{}})
		if k := fault.KindOf(err); err != nil && k != fault.Config {
			t.Errorf("%v: %v", k, err)
		}
	})
}
