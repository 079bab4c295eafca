package job

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format/avro/registry/registrytest"
)

// put writes values to a topic with one partition.
func (f *fixture) put(topic string, values ...string) {
	f.t.Helper()
	if err := f.cluster.CreateTopic(topic, 1, nil); err != nil {
		f.t.Fatal(err)
	}
	for _, v := range values {
		if err := f.client.ProduceSync(context.Background(), &kgo.Record{Topic: topic, Value: []byte(v)}).FirstErr(); err != nil {
			f.t.Fatal(err)
		}
	}
}

// TestRegistryThroughTopics writes keys and values with schemas in a registry, evolves the table and reads both versions.
func TestRegistryThroughTopics(t *testing.T) {
	f := start(t)
	srv := registrytest.New(t)
	f.put("plain", `{"id":1,"n":5}`)
	f.put("more", `{"id":2,"n":6,"note":"new"}`)
	table := func(name, topic, columns string) string {
		return fmt.Sprintf("CREATE TABLE %s (%s, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = '%s', 'scan.bounded.mode' = 'latest-offset', 'key.format' = 'avro-confluent', 'key.avro-confluent.url' = '%s', 'value.format' = 'avro-confluent', 'value.avro-confluent.url' = '%s');\n",
			name, columns, topic, srv.URL, srv.URL)
	}
	source := func(topic, columns string) string {
		return fmt.Sprintf("CREATE TABLE src (%s) WITH ('connector' = 'kafka', 'topic' = '%s', 'format' = 'json', 'scan.bounded.mode' = 'latest-offset', 'scan.startup.mode' = 'earliest-offset');\n", columns, topic)
	}
	run := func(sql string) {
		t.Helper()
		if err := f.run(sql, nil); err != nil {
			t.Fatal(err)
		}
	}
	run("SET 'pipeline.name' = 'one';\n" + source("plain", "id BIGINT, n INT") + table("o", "versions", "id BIGINT, n INT") + "INSERT INTO o SELECT id, n FROM src;")
	run("SET 'pipeline.name' = 'two';\n" + source("more", "id BIGINT, n INT, note STRING") + table("o", "versions", "id BIGINT, n INT, note STRING") + "INSERT INTO o SELECT id, n, note FROM src;")
	for subject, want := range map[string]string{"versions-key": `"name":"id"`, "versions-value": `"name":"note"`} {
		if got := srv.Latest(subject); !strings.Contains(got, want) {
			t.Errorf("%s is %s", subject, got)
		}
	}
	got := f.printed("SET 'pipeline.name' = 'three';\n" + table("v", "versions", "id BIGINT, note STRING, n INT") + "CREATE TABLE p (id BIGINT, note STRING, n INT) WITH ('connector' = 'print');\nINSERT INTO p SELECT id, note, n FROM v;")
	if s := strings.Join(got, " "); s != "+I[1, NULL, 5] +I[2, new, 6]" {
		t.Error(s)
	}
}

// TestRegistryDown checks that a record is not taken for bad because the registry does not answer.
func TestRegistryDown(t *testing.T) {
	f := start(t)
	srv := registrytest.New(t)
	srv.Token = "t"
	f.put("x", "\x00\x00\x00\x00\x01\x02")
	sql := fmt.Sprintf("CREATE TABLE x (id BIGINT) WITH ('connector' = 'kafka', 'topic' = 'x', 'scan.bounded.mode' = 'latest-offset', 'format' = 'avro-confluent', 'avro-confluent.url' = '%s', 'bad-records' = 'skip');\nCREATE TABLE b (id BIGINT) WITH ('connector' = 'kafka', 'topic' = 'b', 'format' = 'json');\nINSERT INTO b SELECT id FROM x;", srv.URL)
	err := f.run(sql, nil)
	if err == nil || !strings.Contains(err.Error(), "Unauthorized") || !strings.Contains(err.Error(), "x/0 at offset 0") || fault.RemedyOf(err) == "" {
		t.Errorf("%v; %s", err, fault.RemedyOf(err))
	}
}

// TestChangeLogs counts rows of change logs of all kinds.
func TestChangeLogs(t *testing.T) {
	f := start(t)
	for format, msgs := range map[string][]string{
		"canal-json":    {`{"type":"INSERT","data":[{"id":"1","n":"5"},{"id":"2","n":"7"}]}`, `{"type":"UPDATE","data":[{"id":"1","n":"6"}],"old":[{"n":"5"}]}`, `{"type":"DELETE","data":[{"id":"2","n":"7"}]}`},
		"debezium-json": {`{"op":"r","after":{"id":1,"n":5}}`, `{"op":"c","after":{"id":2,"n":7}}`, `{"op":"u","before":{"id":1,"n":5},"after":{"id":1,"n":6}}`, `{"op":"d","before":{"id":2,"n":7}}`},
		"maxwell-json":  {`{"type":"insert","data":{"id":1,"n":5}}`, `{"type":"insert","data":{"id":2,"n":7}}`, `{"type":"update","data":{"id":1,"n":6},"old":{"n":5}}`, `{"type":"delete","data":{"id":2,"n":7}}`},
		"ogg-json":      {`{"op_type":"I","after":{"id":1,"n":5}}`, `{"op_type":"I","after":{"id":2,"n":7}}`, `{"op_type":"U","before":{"id":1,"n":5},"after":{"id":1,"n":6}}`, `{"op_type":"D","before":{"id":2,"n":7}}`},
	} {
		topic := strings.ReplaceAll(format, "-", "_")
		f.put(topic, msgs...)
		got := f.printed(fmt.Sprintf("SET 'pipeline.name' = '%s';\nCREATE TABLE s (id BIGINT, n INT) WITH ('connector' = 'kafka', 'topic' = '%s', 'format' = '%s', 'scan.bounded.mode' = 'latest-offset', 'scan.startup.mode' = 'earliest-offset');\n"+
			"CREATE TABLE p (c BIGINT, n BIGINT) WITH ('connector' = 'print');\nINSERT INTO p SELECT COUNT(*), SUM(CAST(n AS BIGINT)) FROM s;", topic, topic, format))
		if s := strings.Join(got, " "); !strings.Contains(s, "[1, 6]") {
			t.Errorf("%s: %s", format, s)
		}
	}
}
