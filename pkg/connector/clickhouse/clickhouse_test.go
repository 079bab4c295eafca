package clickhouse

import (
	"fmt"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/clickhouse"
	"github.com/freshet-dw/freshet/pkg/connector/connectortest"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
)

func TestTableSQL(t *testing.T) {
	c := &Connector{Client: clickhouse.Config{Addr: "127.0.0.1:1"}}
	r := connectortest.New(t, c)
	for _, x := range []struct{ ddl, want string }{
		{`CREATE TABLE t (id BIGINT, ts TIMESTAMP(3) NOT NULL, z TIMESTAMP_LTZ(6), n DECIMAL(12,2), tags ARRAY<STRING>, PRIMARY KEY (id, ts) NOT ENFORCED) WITH ('connector' = 'clickhouse')`,
			"CREATE TABLE IF NOT EXISTS `default`.`t` (`id` Int64, `ts` DateTime64(3, 'UTC'), `z` Nullable(DateTime64(6, 'UTC')), `n` Nullable(Decimal(12, 2)), `tags` Array(Nullable(String)), `_version` UInt64, `_deleted` UInt8) " +
				"ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY (`id`, `ts`) SETTINGS non_replicated_deduplication_window=1000"},
		{`CREATE TABLE t (a INT NOT NULL, b STRING) WITH ('connector' = 'clickhouse', 'table-name' = 'd.x', 'table.order-by' = 'a, b', 'table.partition-by' = 'a % 10', 'table.ttl' = 'now()')`,
			"CREATE TABLE IF NOT EXISTS `d`.`x` (`a` Int32, `b` Nullable(String)) ENGINE = MergeTree PARTITION BY a % 10 ORDER BY (a, b) TTL now() SETTINGS non_replicated_deduplication_window=1000"},
	} {
		tb, err := c.parse(r.Table(x.ddl))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := tb.def.SQL(); got != x.want {
			t.Errorf("%s\ngives\n%s\nwant\n%s", x.ddl, got, x.want)
		}
	}
}

func TestFaults(t *testing.T) {
	r := connectortest.New(t, &Connector{})
	for _, c := range []struct{ ddl, want string }{
		{`CREATE TABLE t (a INT) WITH ('connector' = 'clickhouse')`, "no ClickHouse server is configured"},
		{`CREATE TABLE t (a INT) WITH ('connector' = 'clickhouse', 'url' = 'http://h:8123')`, "the native protocol"},
		{`CREATE TABLE t (a INT) WITH ('connector' = 'clickhouse', 'url' = 'h')`, "must be clickhouse://host:port"},
		{`CREATE TABLE t (a TIME) WITH ('connector' = 'clickhouse', 'url' = 'h:9000')`, "cast it to STRING"},
		{`CREATE TABLE t (a INT, _version BIGINT, PRIMARY KEY (a) NOT ENFORCED) WITH ('connector' = 'clickhouse', 'url' = 'h:9000')`, "column _version is the sink's own"},
		{`CREATE TABLE t (a INT) WITH ('connector' = 'clickhouse', 'url' = 'h:9000', 'table.orderby' = 'a')`, "table.order-by"},
	} {
		if got := r.Faults(c.ddl); !strings.Contains(got, c.want) {
			t.Errorf("%s\n  says %s\n  want %s", c.ddl, got, c.want)
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	r := connectortest.New(b, &Connector{Client: clickhouse.Config{Addr: "127.0.0.1:1"}})
	tab := r.Table(`CREATE TABLE t (id BIGINT, name STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'clickhouse')`)
	k := r.Sink(tab, 0).(*sink)
	rows := make([]string, batch.TargetRows)
	size := 0
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"id":%d,"name":"name %d"}`, i, i)
		size += len(rows[i])
	}
	src := r.Rows(tab, rows...)
	if err := k.Begin(connectortest.Epoch(1)); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		k.rows.Reset()
		if err := k.rows.Add(src); err != nil {
			b.Fatal(err)
		}
		if rec := k.record(k.rows.Rows()); rec.NumRows() != int64(src.N) {
			b.Fatal(rec.NumRows())
		}
	}
}
