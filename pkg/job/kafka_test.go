package job

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/blackhole"
	kafkatable "github.com/freshet-dw/freshet/pkg/connector/kafka"
	"github.com/freshet-dw/freshet/pkg/connector/print"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/kafka"
)

// printed runs a job with one print sink and gives its lines, sorted.
func (f *fixture) printed(sql string) []string {
	f.t.Helper()
	out := &strings.Builder{}
	f.rt.Connectors = connector.NewSet(&kafkatable.Connector{Client: kafka.Config{Brokers: f.cluster.ListenAddrs()}}, &print.Connector{Out: out}, blackhole.Connector{})
	if err := f.run(sql, nil); err != nil {
		f.t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	sort.Strings(lines)
	return lines
}

func TestUpsertTopicAsSource(t *testing.T) {
	f := start(t)
	put := func(key, value string) {
		r := &kgo.Record{Topic: "stock", Key: []byte(key), Partition: 0}
		if value != "" {
			r.Value = []byte(value)
		}
		if err := f.client.ProduceSync(context.Background(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.rt.CompileText("x", "SELECT 1", ""); fault.KindOf(err) != fault.Config {
		t.Fatalf("a file without INSERT: %v", err)
	}
	if err := f.cluster.CreateTopic("stock", 1, nil); err != nil {
		t.Fatal(err)
	}
	put(`{"id":1}`, `{"id":1,"n":10}`)
	put(`{"id":2}`, `{"id":2,"n":20}`)
	put(`{"id":1}`, `{"id":1,"n":11}`)
	put(`{"id":2}`, "")
	put(`{"id":3}`, `{"id":3,"n":30}`)
	put(`{"id":9}`, "") // a delete of what never was
	got := f.printed(`
CREATE TABLE stock (id BIGINT, n BIGINT, PRIMARY KEY (id) NOT ENFORCED)
  WITH ('connector' = 'upsert-kafka', 'topic' = 'stock', 'key.format' = 'json', 'value.format' = 'json', 'scan.bounded.mode' = 'latest-offset');
CREATE TABLE p (total BIGINT, c BIGINT) WITH ('connector' = 'print');
INSERT INTO p SELECT SUM(n), COUNT(*) FROM stock;`)
	if last := strings.Join(got, " "); !strings.Contains(last, "[41, 2]") || strings.Contains(last, "[61") {
		t.Fatalf("got %s", last)
	}
}

func TestMetadataColumnsAndKeys(t *testing.T) {
	f := start(t)
	at := time.Date(2024, 6, 1, 10, 0, 0, 0, time.UTC)
	r := &kgo.Record{Topic: "views", Key: []byte(`{"k":7}`), Value: []byte(`{"v":"x"}`), Timestamp: at, Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("y")}}}
	if err := f.client.ProduceSync(context.Background(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
	got := f.printed(`
CREATE TABLE src (
  key_k BIGINT, v STRING,
  ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', ` + "`partition`" + ` INT METADATA, ` + "`offset`" + ` BIGINT METADATA, topic STRING METADATA, headers MAP<STRING, BYTES> METADATA
) WITH ('connector' = 'kafka', 'topic' = 'views', 'key.format' = 'json', 'key.fields' = 'key_k', 'key.fields-prefix' = 'key_', 'value.format' = 'json',
  'value.fields-include' = 'EXCEPT_KEY', 'scan.bounded.mode' = 'latest-offset');
CREATE TABLE p (k BIGINT, v STRING, ts TIMESTAMP_LTZ(3), pt INT, o BIGINT, topic STRING, h BIGINT) WITH ('connector' = 'print');
INSERT INTO p SELECT key_k, v, ts, ` + "`partition`, `offset`" + `, topic, CAST(CARDINALITY(headers) AS BIGINT) FROM src;`)
	want := fmt.Sprintf("+I[7, x, 2024-06-01T10:00:00Z, %d, %d, views, 1]", r.Partition, r.Offset)
	if len(got) != 1 || got[0] != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestStartupModes(t *testing.T) {
	f := start(t)
	old := time.Now().Add(-time.Hour)
	var rs []*kgo.Record
	for i := range 10 {
		r := &kgo.Record{Topic: "views", Value: []byte(fmt.Sprintf(`{"n":%d}`, i)), Timestamp: old}
		if i >= 5 {
			r.Timestamp = time.Now()
		}
		rs = append(rs, r)
	}
	if err := f.client.ProduceSync(context.Background(), rs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[string]string{
		"'scan.startup.mode' = 'earliest-offset'": "[10]",
		fmt.Sprintf("'scan.startup.mode' = 'timestamp', 'scan.startup.timestamp-millis' = '%d'", time.Now().Add(-time.Minute).UnixMilli()): "[5]",
	} {
		got := f.printed(fmt.Sprintf(`
SET 'pipeline.name' = 'job-%d';
CREATE TABLE src (n BIGINT) WITH ('connector' = 'kafka', 'topic' = 'views', 'format' = 'json', 'scan.bounded.mode' = 'latest-offset', %s);
CREATE TABLE p (c BIGINT) WITH ('connector' = 'print');
INSERT INTO p SELECT COUNT(*) FROM src;`, time.Now().UnixNano(), mode))
		if !strings.Contains(strings.Join(got, " "), want) {
			t.Errorf("%s: got %q, want %s", mode, got, want)
		}
	}
}

func TestWrongTables(t *testing.T) {
	f := start(t)
	for _, c := range []struct{ with, says string }{
		{"'connector' = 'kafka', 'topic' = 't'", "'format' is required"},
		{"'connector' = 'kafka', 'topic' = 't', 'format' = 'jsn'", `no format "jsn"`},
		{"'connector' = 'kafka', 'topic' = 't', 'format' = 'json', 'scan.startup.mod' = 'earliest-offset'", "scan.startup.mode"},
		{"'connector' = 'kafka', 'topic' = 't', 'format' = 'json', 'json.fail-on-missing-fields' = 'true'", "json"},
		{"'connector' = 'kafka', 'topic' = 't', 'format' = 'json', 'key.fields' = 'a'", "'key.fields' needs 'key.format'"},
		{"'connector' = 'kafka', 'topic' = 't', 'format' = 'json', 'scan.bounded.mode' = 'sometime'", "must be one of"},
		{"'connector' = 'upsert-kafka', 'topic' = 't', 'key.format' = 'json', 'value.format' = 'json'", "needs a primary key"},
		{"'connector' = 'kafak', 'topic' = 't'", "no connector"},
		{"'topic' = 't'", "no 'connector' option"},
	} {
		_, err := f.rt.CompileText("t.sql", "CREATE TABLE t (a STRING) WITH ("+c.with+");\nCREATE TABLE o (a STRING) WITH ('connector' = 'kafka', 'topic' = 'o', 'format' = 'json');\nINSERT INTO o SELECT a FROM t;", "")
		text := fault.Render(err, "")
		if fault.KindOf(err) != fault.Config || !strings.Contains(text, c.says) || !strings.Contains(text, "t.sql:1") {
			t.Errorf("%s:\n%s", c.with, text)
		}
	}
}
