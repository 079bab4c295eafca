package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	chclient "github.com/freshet-dw/freshet/pkg/clickhouse"
	chtable "github.com/freshet-dw/freshet/pkg/connector/clickhouse"
	"github.com/freshet-dw/freshet/pkg/connector/connectortest"
	hbasetable "github.com/freshet-dw/freshet/pkg/connector/hbase"
	mysqltable "github.com/freshet-dw/freshet/pkg/connector/mysql"
	redistable "github.com/freshet-dw/freshet/pkg/connector/redis"
	"github.com/freshet-dw/freshet/pkg/fault"
	hbaseclient "github.com/freshet-dw/freshet/pkg/hbase"
	mysqlclient "github.com/freshet-dw/freshet/pkg/mysql"
	redisclient "github.com/freshet-dw/freshet/pkg/redis"
	"github.com/freshet-dw/freshet/platform/embed/clickhouse"
	"github.com/freshet-dw/freshet/platform/embed/hbase"
	"github.com/freshet-dw/freshet/platform/embed/mysql"
	"github.com/freshet-dw/freshet/platform/embed/redis"
)

// outage is how long a store is away while a sink flushes.
const outage = 2 * time.Second

// same compares rows without regard to order.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	got, want = slices.Clone(got), slices.Clone(want)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("%s: got\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestHBaseTable(t *testing.T) {
	cfg := hbase.Config{Dir: t.TempDir(), Logger: quiet()}
	srv, err := hbase.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = srv.Close() }()
	cfg.ZKAddr, cfg.RPCAddr = srv.ZKAddr(), srv.RPCAddr()
	conf := hbaseclient.Config{ZooKeeper: srv.ZKAddr(), Timeout: 5 * time.Second}
	r := connectortest.New(t, &hbasetable.Connector{Client: conf})
	client, err := hbaseclient.Open(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	dump := func(table string) (out []string) {
		t.Helper()
		err := client.Scan(t.Context(), table, nil, nil, func(row hbaseclient.Row) error {
			for _, c := range row.Cells {
				out = append(out, fmt.Sprintf("%s %s:%s=%q", row.Key, c.Family, c.Qualifier, c.Value))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}

	tab := r.Table(`CREATE TABLE u (user_id STRING, f ROW<name STRING, n BIGINT>, g ROW<x INT>, PRIMARY KEY (user_id) NOT ENFORCED) WITH ('connector' = 'hbase-2.2', 'table-name' = 'dim_user')`)
	s := r.Sink(tab, 0)
	first := r.Rows(tab, `{"user_id":"1","f":{"name":"a","n":258},"g":{"x":1}}`, `{"user_id":"2","f":{"name":"b","n":2},"g":{"x":2}}`, `-D{"user_id":"2","f":{"name":"b","n":2},"g":{"x":2}}`,
		`{"user_id":"3","f":{"name":null,"n":null}}`, `{"user_id":"4","f":{"name":"d"}}`, `-D{"user_id":"4"}`, `{"user_id":"4","f":{"name":"again","n":4},"g":{"x":4}}`)
	after1 := []string{
		`1 f:n="\x00\x00\x00\x00\x00\x00\x01\x02"`, `1 f:name="a"`, `1 g:x="\x00\x00\x00\x01"`, `3 f:n=""`, `3 f:name="null"`, `3 g:x=""`,
		`4 f:n="\x00\x00\x00\x00\x00\x00\x00\x04"`, `4 f:name="again"`, `4 g:x="\x00\x00\x00\x04"`,
	}
	r.Write(s, connectortest.Epoch(1), first)
	same(t, "first epoch", dump("dim_user"), after1)
	r.Write(s, connectortest.Epoch(1), first)
	same(t, "first epoch twice", dump("dim_user"), after1)
	r.Write(s, connectortest.Epoch(2), r.Rows(tab, `-D{"user_id":"1"}`, `-D{"user_id":"3"}`, `-U{"user_id":"4"}`, `+U{"user_id":"4","f":{"name":"four","n":4},"g":{"x":4}}`))
	after2 := []string{`4 f:n="\x00\x00\x00\x00\x00\x00\x00\x04"`, `4 f:name="four"`, `4 g:x="\x00\x00\x00\x04"`}
	same(t, "second epoch", dump("dim_user"), after2)
	r.Write(r.Restart().Sink(tab, 0), connectortest.Epoch(1), first)
	same(t, "first epoch again, late", dump("dim_user"), after2)
	r.Write(s, connectortest.Epoch(3), r.Rows(tab, `{"user_id":"1","f":{"name":"back","n":1},"g":{"x":1}}`))

	l := r.Lookup(tab, "user_id")
	same(t, "lookup", r.Ask(l, tab, []string{"user_id"}, `{"user_id":"4"}`, `{"user_id":"2"}`, `{"user_id":null}`, `{"user_id":"1"}`),
		[]string{"+I[4, +I[four, 4], +I[4]]", "", "", "+I[1, +I[back, 1], +I[1]]"})

	types := r.Table(`CREATE TABLE ty (k BIGINT, c ROW<b BOOLEAN, i TINYINT, j SMALLINT, f FLOAT, d DOUBLE, n DECIMAL(20,4), dt DATE, tm TIME, ts TIMESTAMP(3), z TIMESTAMP_LTZ(3), bin BYTES, s STRING>, PRIMARY KEY (k) NOT ENFORCED)
		WITH ('connector' = 'hbase-1.4', 'table-name' = 'ns_types', 'null-string-literal' = '\N')`)
	src := r.Rows(types, `{"k":-1,"c":{"b":true,"i":-5,"j":300,"f":0.1,"d":-1e300,"n":"-1234567890123456.7891","dt":"1969-12-31","tm":"23:59:59","ts":"1969-12-31 23:59:59.999","z":"2024-01-01 00:00:00.5Z","bin":"AAEC","s":"ü"}}`,
		`{"k":2,"c":{"n":"0.0128","s":"null"}}`)
	r.Write(r.Sink(types, 0), connectortest.Epoch(1), src)
	same(t, "types", r.Ask(r.Lookup(types, "k"), types, []string{"k"}, `{"k":-1}`, `{"k":2}`), []string{src.RowString(0), src.RowString(1)})

	if err := srv.Close(); err != nil {
		t.Fatal(err)
	}
	up := make(chan error, 1)
	time.AfterFunc(outage, func() { srv, err = hbase.Start(context.WithoutCancel(t.Context()), cfg); up <- err })
	r.Write(s, connectortest.Epoch(4), r.Rows(tab, `{"user_id":"5","f":{"name":"e","n":5},"g":{"x":5}}`))
	if err := <-up; err != nil {
		t.Fatal(err)
	}
	same(t, "written over an outage", r.Ask(l, tab, []string{"user_id"}, `{"user_id":"5"}`), []string{"+I[5, +I[e, 5], +I[5]]"})
}

func TestMySQLTable(t *testing.T) {
	srv, err := mysql.Start(t.Context(), mysql.Config{Dir: t.TempDir(), Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = srv.Close() }()
	g := newGate(t, srv.Addr())
	r := connectortest.New(t, &mysqltable.Connector{Client: mysqlclient.Config{Addr: g.addr, User: "root", Timeout: 2 * time.Second}})
	db, err := sql.Open("mysql", srv.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	dump := func(query string) (out []string) {
		t.Helper()
		rows, err := db.Query(query)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				t.Fatal(err)
			}
			out = append(out, s)
		}
		return out
	}

	tab := r.Table(`CREATE TABLE gmv (m TIMESTAMP(0), province VARCHAR(32), gmv DECIMAL(18,2), orders BIGINT, PRIMARY KEY (m, province) NOT ENFORCED) WITH ('connector' = 'mysql', 'database' = 'dm', 'table-name' = 'gmv_minute')`)
	all := "SELECT CONCAT_WS(' ', m, province, gmv, orders) FROM dm.gmv_minute"
	s, other := r.Sink(tab, 0), r.Sink(tab, 1)
	first := r.Rows(tab, `{"m":"2024-05-01 10:00:00","province":"北京","gmv":"1.50","orders":1}`, `{"m":"2024-05-01 10:00:00","province":"a","gmv":"9","orders":9}`, `{"m":"2024-05-01 10:00:00","province":"A","gmv":"7","orders":7}`,
		`-D{"m":"2024-05-01 10:00:00","province":"a","gmv":"9","orders":9}`)
	second := r.Rows(tab, `-U{"m":"2024-05-01 10:00:00","province":"北京","gmv":"1.50","orders":1}`, `+U{"m":"2024-05-01 10:00:00","province":"北京","gmv":"-2.75","orders":2}`, `-D{"m":"2024-05-01 10:00:00","province":"A"}`)
	r.Write(s, connectortest.Epoch(1), first)
	r.Write(other, connectortest.Epoch(1), r.Rows(tab, `{"m":"2024-05-01 10:01:00","province":"b","gmv":null,"orders":3}`))
	after1 := []string{"2024-05-01 10:00:00 北京 1.50 1", "2024-05-01 10:00:00 A 7.00 7", "2024-05-01 10:01:00 b 3"}
	same(t, "first epoch", dump(all), after1)
	if _, err := db.Exec("DELETE FROM dm.gmv_minute WHERE province = 'A'"); err != nil {
		t.Fatal(err)
	}
	r.Write(r.Restart().Sink(tab, 0), connectortest.Epoch(1), first)
	same(t, "a replay is left out", dump(all), []string{after1[0], after1[2]})
	r.Write(s, connectortest.Epoch(2), second)
	after2 := []string{"2024-05-01 10:00:00 北京 -2.75 2", "2024-05-01 10:01:00 b 3"}
	same(t, "second epoch", dump(all), after2)
	if err := r.Stage(r.Restart().Sink(tab, 0), connectortest.Epoch(1), first); fault.KindOf(err) != fault.Fenced || !strings.Contains(err.Error(), "gmv_minute") {
		t.Fatalf("an older epoch: %v", err)
	}
	same(t, "after an older epoch", dump(all), after2)
	reset := connectortest.Epoch(1)
	reset.Now = connectortest.Epoch(30).Now
	r.Write(r.Restart().Sink(tab, 0), reset, r.Rows(tab, `{"m":"2024-05-01 10:02:00","province":"new life","gmv":1,"orders":1}`))
	after2 = append(after2, "2024-05-01 10:02:00 new life 1.00 1")
	same(t, "a job that counts from 1 again", dump(all), after2)

	l := r.Lookup(tab, "province", "m")
	same(t, "lookup", r.Ask(l, tab, []string{"province", "m"}, `{"province":"b","m":"2024-05-01 10:01:00"}`, `{"province":"B","m":"2024-05-01 10:01:00"}`, `{"province":"北京","m":"2024-05-01 10:00:00"}`, `{"province":null,"m":"2024-05-01 10:00:00"}`),
		[]string{"+I[2024-05-01T10:01:00, b, NULL, 3]", "", "+I[2024-05-01T10:00:00, 北京, -2.75, 2]", ""})
	byPart := r.Lookup(tab, "m")
	if got := r.Ask(byPart, tab, []string{"m"}, `{"m":"2024-05-01 10:02:00"}`); got[0] != "+I[2024-05-01T10:02:00, new life, 1.00, 1]" {
		t.Errorf("lookup by a part of the key: %q", got)
	}

	types := r.Table(`CREATE TABLE ty (id INT, b BOOLEAN, i TINYINT, j SMALLINT, l BIGINT, f FLOAT, d DOUBLE, n DECIMAL(20,4), dt DATE, tm TIME(3), ts TIMESTAMP(6), z TIMESTAMP_LTZ(3), bin BYTES, s STRING, c CHAR(3), PRIMARY KEY (id) NOT ENFORCED)
		WITH ('connector' = 'jdbc', 'url' = 'jdbc:mysql://` + g.addr + `/types', 'table-name' = 'ty')`)
	src := r.Rows(types, `{"id":1,"b":true,"i":-5,"j":300,"l":-9007199254740993,"f":0.1,"d":-1e300,"n":"-1234567890123456.7891","dt":"1969-12-31","tm":"23:59:59.5","ts":"1969-12-31 23:59:59.999999","z":"2024-01-01 00:00:00.5Z","bin":"AAEC","s":"ü'\"\\","c":"abc"}`,
		`{"id":2}`, `{"id":3,"b":false,"s":""}`)
	r.Write(r.Sink(types, 0), connectortest.Epoch(1), src)
	want := []string{src.RowString(0), src.RowString(1), src.RowString(2)}
	same(t, "types, looked up", r.Ask(r.Lookup(types, "id"), types, []string{"id"}, `{"id":1}`, `{"id":2}`, `{"id":3}`), want)
	same(t, "types, scanned", r.Scan(types, nil, nil), want)
	same(t, "scan goes on", r.Scan(types, []string{"id"}, map[string]int64{"all": 2}), []string{"+I[3]"})

	log := r.Table(`CREATE TABLE log (a INT, b STRING) WITH ('connector' = 'mysql', 'table-name' = 'dm.log')`)
	ls := r.Sink(log, 0)
	for range 2 {
		r.Write(ls, connectortest.Epoch(1), r.Rows(log, `{"a":1,"b":"x"}`, `{"a":1,"b":"x"}`))
	}
	same(t, "rows without key", r.Scan(log, nil, nil), []string{"+I[1, x]", "+I[1, x]"})

	if err := r.Stage(r.Sink(types, 0), connectortest.Epoch(9), r.Rows(types, `{"id":9,"c":"long"}`)); fault.KindOf(err) != fault.Permanent || !strings.Contains(err.Error(), "types.ty") {
		t.Errorf("a value that does not fit: %v", err)
	}
	g.close()
	time.AfterFunc(outage, g.open)
	r.Write(other, connectortest.Epoch(31), r.Rows(tab, `{"m":"2024-05-01 10:03:00","province":"c","gmv":3,"orders":3}`))
	same(t, "written over an outage", dump(all), append(after2, "2024-05-01 10:03:00 c 3.00 3"))
}

func TestClickHouseTable(t *testing.T) {
	srv, err := clickhouse.Start(context.WithoutCancel(t.Context()), clickhouse.Config{Dir: t.TempDir(), Args: []string{childCommand}, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = srv.Close() }()
	g := newGate(t, srv.TCPAddr())
	r := connectortest.New(t, &chtable.Connector{Client: chclient.Config{Addr: g.addr, Timeout: 10 * time.Second}})
	client, err := chclient.Open(t.Context(), chclient.Config{Addr: srv.TCPAddr()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	dump := func(query string) (out []string) {
		t.Helper()
		rows, err := client.Query(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				t.Fatal(err)
			}
			out = append(out, s)
		}
		return out
	}

	tab := r.Table(`CREATE TABLE wide (id BIGINT, name STRING NOT NULL, n DECIMAL(12,2), PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'clickhouse', 'database-name' = 'dm', 'table-name' = 'wide')`)
	all := "SELECT concat(toString(id), ' ', name, ' ', ifNull(toString(n), 'null')) FROM dm.wide FINAL"
	s := r.Sink(tab, 0)
	first := r.Rows(tab, `{"id":1,"name":"a","n":"1.5"}`, `{"id":2,"name":"b","n":null}`, `{"id":3,"name":"c"}`, `-D{"id":3,"name":"c"}`, `{"id":3,"name":"again"}`)
	second := r.Rows(tab, `-U{"id":1,"name":"a"}`, `+U{"id":1,"name":"A","n":2}`, `-D{"id":2}`)
	r.Write(s, connectortest.Epoch(1), first)
	same(t, "first epoch", dump(all), []string{"1 a 1.5", "2 b null", "3 again null"})
	r.Write(s, connectortest.Epoch(2), second)
	after2 := []string{"1 A 2", "3 again null"}
	same(t, "second epoch", dump(all), after2)
	r.Write(r.Restart().Sink(tab, 0), connectortest.Epoch(1), first)
	r.Write(r.Restart().Sink(tab, 0), connectortest.Epoch(2), second)
	same(t, "replays", dump(all), after2)
	if got := dump("SELECT toString(count()) FROM dm.wide WHERE id = 1"); got[0] != "2" && got[0] != "1" {
		t.Errorf("a replay stored rows again: %s of id 1", got)
	}

	logs := r.Table(`CREATE TABLE log (ts TIMESTAMP(3) NOT NULL, line STRING, tags ARRAY<STRING>) WITH ('connector' = 'clickhouse', 'table.order-by' = 'ts', 'table.partition-by' = 'toYYYYMM(ts)')`)
	two := r.Rows(logs, `{"ts":"2024-05-01 10:00:00.123","line":"x","tags":["a"]}`, `{"ts":"2024-06-01 10:00:00","line":null,"tags":[]}`, `{"ts":"2024-05-01 10:00:00.123","line":"x","tags":["a"]}`)
	ls, other := r.Sink(logs, 0), r.Sink(logs, 1)
	for range 2 {
		r.Write(ls, connectortest.Epoch(1), two)
		r.Write(other, connectortest.Epoch(1), two)
	}
	same(t, "rows without key", dump("SELECT concat(toString(ts), ' ', ifNull(line, 'null'), ' ', toString(tags)) FROM log"),
		slices.Repeat([]string{"2024-05-01 10:00:00.123 x ['a']", "2024-06-01 10:00:00.000 null []", "2024-05-01 10:00:00.123 x ['a']"}, 2))

	types := r.Table(`CREATE TABLE ty (id INT, b BOOLEAN, i TINYINT, l BIGINT, f FLOAT, d DOUBLE, n DECIMAL(20,4), dt DATE, ts TIMESTAMP(6), z TIMESTAMP_LTZ(3), bin BYTES, m MAP<STRING, INT>, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'clickhouse')`)
	r.Write(r.Sink(types, 0), connectortest.Epoch(1), r.Rows(types, `{"id":1,"b":true,"i":-5,"l":-9007199254740993,"f":0.1,"d":-1e300,"n":"-1234567890123456.7891","dt":"1969-12-31","ts":"1969-12-31 23:59:59.999999","z":"2024-01-01 00:00:00.5Z","bin":"AAEC","m":{"k":1}}`, `{"id":2}`))
	same(t, "types", dump("SELECT concat(toString(tuple(id, b, i, l, f, d, n, dt, ts, z, hex(bin), m)), '') FROM ty FINAL"), []string{
		`(1,true,-5,-9007199254740993,0.1,-1e300,-1234567890123456.7891,'1969-12-31','1969-12-31 23:59:59.999999','2024-01-01 00:00:00.500','000102',{'k':1})`,
		`(2,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,{})`})
	same(t, "column types", dump("SELECT concat(name, ' ', type) FROM system.columns WHERE table = 'wide'"), []string{"id Int64", "name String", "n Nullable(Decimal(12, 2))", "_version UInt64", "_deleted UInt8"})

	g.close()
	time.AfterFunc(outage, g.open)
	r.Write(s, connectortest.Epoch(4), r.Rows(tab, `{"id":4,"name":"d","n":4}`))
	same(t, "written over an outage", dump(all), append(after2, "4 d 4"))
}

func TestRedisTable(t *testing.T) {
	dir := t.TempDir()
	start := func(port int) *redis.Server {
		srv, err := redis.Start(context.WithoutCancel(t.Context()), redis.Config{Dir: dir, Port: port, Log: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		return srv
	}
	srv := start(0)
	_, port, err := net.SplitHostPort(srv.Addr())
	if err != nil {
		t.Fatal(err)
	}
	p, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	r := connectortest.New(t, &redistable.Connector{Client: redisclient.Config{Addr: srv.Addr(), Timeout: 2 * time.Second, Pool: 4}})
	tab := r.Table(`CREATE TABLE d (id BIGINT, name STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'redis', 'key' = 'd:{id}')`)
	s := r.Sink(tab, 0)
	first := r.Rows(tab, `{"id":1,"name":"a"}`, `{"id":2,"name":"b"}`)
	r.Write(s, connectortest.Epoch(1), first)
	r.Write(s, connectortest.Epoch(2), r.Rows(tab, `{"id":1,"name":"A"}`, `-D{"id":2}`))
	// The server forgets neither rows nor versions when it starts again.
	if err := srv.Close(); err != nil {
		t.Fatal(err)
	}
	srv = start(p)
	defer func() { _ = srv.Close() }()
	r.Write(r.Restart().Sink(tab, 0), connectortest.Epoch(1), first)
	r.Write(s, connectortest.Epoch(3), r.Rows(tab, `{"id":3,"name":"c"}`))
	got := r.Ask(r.Lookup(tab, "id"), tab, []string{"id"}, `{"id":1}`, `{"id":2}`, `{"id":3}`)
	if !slices.Equal(got, []string{"+I[1, A]", "", "+I[3, c]"}) {
		t.Errorf("looked up %q", got)
	}
}
