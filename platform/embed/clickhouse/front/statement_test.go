package front

import (
	"fmt"
	"testing"
)

func TestParseStatement(t *testing.T) {
	for _, c := range []struct{ sql, verb, format, body, insert string }{
		{sql: "SELECT 1", verb: "SELECT", body: "SELECT 1"},
		{sql: "  -- note\n/* x */ select 1 format JSON;", verb: "SELECT", format: "JSON", body: "  -- note\n/* x */ select 1  "},
		{sql: "SELECT 1 FORMAT CSV SETTINGS max_threads=1", verb: "SELECT", format: "CSV", body: "SELECT 1   SETTINGS max_threads=1"},
		{sql: "SELECT format FROM t", verb: "SELECT", body: "SELECT format FROM t"},
		{sql: "SELECT format('{}', 1), ' FORMAT CSV'", verb: "SELECT", body: "SELECT format('{}', 1), ' FORMAT CSV'"},
		{sql: "SELECT * FROM (SELECT 1 AS format) ;", verb: "SELECT", body: "SELECT * FROM (SELECT 1 AS format) "},
		{sql: "(SELECT 1) UNION ALL (SELECT 2)", verb: "SELECT", body: "(SELECT 1) UNION ALL (SELECT 2)"},
		{sql: "WITH 1 AS x SELECT x -- FORMAT CSV", verb: "WITH", body: "WITH 1 AS x SELECT x -- FORMAT CSV"},
		{sql: "CREATE TABLE t (a Int8) ENGINE = Memory", verb: "CREATE", body: "CREATE TABLE t (a Int8) ENGINE = Memory"},
		{sql: "", body: ""},
		{sql: "INSERT INTO t VALUES (1)", verb: "INSERT", insert: "INSERT INTO t|*|Values| (1)"},
		{sql: "INSERT INTO t (a, `b c`) FORMAT CSV\n1,2\n\n3,4", verb: "INSERT", insert: "INSERT INTO t (a, `b c`)|a, `b c`|CSV|1,2\n\n3,4"},
		{sql: "insert into table db.`t t` format Native", verb: "INSERT", insert: "INSERT INTO db.`t t`|*|Native|"},
		{sql: "INSERT INTO t (a) SETTINGS insert_deduplication_token='x y' FORMAT TSV \r\n7", verb: "INSERT",
			insert: "INSERT INTO t (a) SETTINGS insert_deduplication_token='x y'|a|TSV|7"},
		{sql: "INSERT INTO FUNCTION file('a)b.csv', 'CSV') (a) VALUES", verb: "INSERT", insert: "INSERT INTO FUNCTION file('a)b.csv', 'CSV') (a)|a|Values|"},
		{sql: "INSERT INTO t (a);", verb: "INSERT", insert: "INSERT INTO t (a)|a||"},
		{sql: "INSERT INTO t SELECT 1", verb: "INSERT"},
		{sql: "INSERT INTO t (a) WITH 1 AS x SELECT x", verb: "INSERT"},
		{sql: "INSERT INTO", verb: "INSERT"},
		{sql: "INSERT INTO t (a", verb: "INSERT"},
	} {
		st := parseStatement(c.sql)
		got := ""
		if h := st.insert; h != nil {
			got = fmt.Sprintf("%s|%s|%s|%s", h.into, h.columns, h.format, c.sql[h.dataAt:])
		}
		if c.verb == "INSERT" {
			c.body = c.sql
		}
		if st.verb != c.verb || st.format != c.format || st.body != c.body || got != c.insert {
			t.Errorf("%q:\n got %q %q %q %q\nwant %q %q %q %q", c.sql, st.verb, st.format, st.body, got, c.verb, c.format, c.body, c.insert)
		}
	}
}

func FuzzParseStatement(f *testing.F) {
	for _, s := range []string{"SELECT 1 FORMAT CSV", "INSERT INTO t (a) SETTINGS x='\\'' FORMAT CSV\n1", "INSERT INTO FUNCTION f('", "`\\", "/*", "--"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		if st := parseStatement(sql); st.insert != nil && (st.insert.dataAt < 0 || st.insert.dataAt > len(sql)) {
			t.Fatalf("data begins at %d of %d", st.insert.dataAt, len(sql))
		}
	})
}
