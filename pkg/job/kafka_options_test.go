package job

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// all reads n records of the topics.
func (f *fixture) all(n int, topics ...string) []*kgo.Record {
	f.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(f.cluster.ListenAddrs()...), kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		f.t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var out []*kgo.Record
	for len(out) < n && ctx.Err() == nil {
		out = append(out, cl.PollFetches(ctx).Records()...)
	}
	if len(out) != n {
		f.t.Fatalf("%d records in %v, want %d", len(out), topics, n)
	}
	return out
}

// TestPlaces reads one partition of ten records, 0 to 4 an hour old, from and to all kinds of places.
func TestPlaces(t *testing.T) {
	f := start(t)
	if err := f.cluster.CreateTopic("ten", 1, nil); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i := range 10 {
		r := &kgo.Record{Topic: "ten", Value: fmt.Appendf(nil, `{"n":%d}`, i), Timestamp: now.Add(-time.Hour)}
		if i >= 5 {
			r.Timestamp = now
		}
		if err := f.client.ProduceSync(context.Background(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	half := fmt.Sprint(now.Add(-time.Minute).UnixMilli())
	later := fmt.Sprint(now.Add(time.Hour).UnixMilli())
	for i, c := range []struct{ with, want string }{
		{"'scan.bounded.mode' = 'latest-offset'", "0 1 2 3 4 5 6 7 8 9"},
		{"'scan.bounded.mode' = 'latest-offset', 'scan.startup.mode' = 'latest-offset'", ""},
		{"'scan.bounded.mode' = 'latest-offset', 'properties.auto.offset.reset' = 'latest'", ""},
		{"'scan.bounded.mode' = 'latest-offset', 'scan.startup.mode' = 'timestamp', 'scan.startup.timestamp-millis' = '" + half + "'", "5 6 7 8 9"},
		{"'scan.bounded.mode' = 'latest-offset', 'scan.startup.mode' = 'timestamp', 'scan.startup.timestamp-millis' = '" + later + "'", ""},
		{"'scan.bounded.mode' = 'latest-offset', 'scan.startup.mode' = 'specific-offsets', 'scan.startup.specific-offsets' = 'partition:0,offset:7'", "7 8 9"},
		{"'scan.bounded.mode' = 'timestamp', 'scan.bounded.timestamp-millis' = '" + half + "', 'scan.startup.mode' = 'earliest-offset'", "0 1 2 3 4"},
		{"'scan.bounded.mode' = 'timestamp', 'scan.bounded.timestamp-millis' = '" + later + "', 'scan.startup.mode' = 'earliest-offset'", "0 1 2 3 4 5 6 7 8 9"},
		{"'scan.bounded.mode' = 'specific-offsets', 'scan.bounded.specific-offsets' = 'partition:0,offset:3'", "0 1 2"},
		{"'scan.bounded.mode' = 'specific-offsets', 'scan.bounded.specific-offsets' = 'partition:0,offset:9', 'scan.startup.mode' = 'specific-offsets', 'scan.startup.specific-offsets' = 'partition:0,offset:8'", "8"},
		{"'scan.bounded.mode' = 'group-offsets'", ""}, // the group has read nothing
	} {
		got := f.printed(fmt.Sprintf("SET 'pipeline.name' = 'places-%d';\nCREATE TABLE src (n BIGINT) WITH ('connector' = 'kafka', 'topic' = 'ten', 'format' = 'json', %s);\nCREATE TABLE p (n BIGINT) WITH ('connector' = 'print');\nINSERT INTO p SELECT n FROM src;", i, c.with))
		for j, l := range got {
			got[j] = strings.Trim(l, "+I[]")
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: got %s, want %s", c.with, s, c.want)
		}
	}
}

// TestWriteMetadata writes timestamp, headers and topic of records, and keeps the key's columns in the order of key.fields.
func TestWriteMetadata(t *testing.T) {
	f := start(t)
	f.put("in", `{"a":1,"b":"x","to":"left","tt":"2024-01-31 12:30:00.5Z","h":{"k":"djE="}}`, `{"a":2,"b":"y","to":"right"}`)
	err := f.run(`
CREATE TABLE src (a INT, b STRING, `+"`to`"+` STRING, tt TIMESTAMP_LTZ(3), h MAP<STRING, BYTES>) WITH ('connector' = 'kafka', 'topic' = 'in', 'format' = 'json', 'scan.bounded.mode' = 'latest-offset');
CREATE TABLE o (a INT, b STRING, dest STRING METADATA FROM 'topic', ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', headers MAP<STRING, BYTES> METADATA, off BIGINT METADATA FROM 'offset' VIRTUAL)
  WITH ('connector' = 'kafka', 'topic' = 'left;right', 'key.format' = 'json', 'key.fields' = 'b;a', 'value.format' = 'json', 'value.fields-include' = 'EXCEPT_KEY');
INSERT INTO o SELECT a, b, `+"`to`"+`, tt, h FROM src;`, nil)
	if err != nil {
		t.Fatal(err)
	}
	rs := f.all(2, "left", "right")
	slices.SortFunc(rs, func(a, b *kgo.Record) int { return strings.Compare(a.Topic, b.Topic) })
	if r := rs[0]; r.Topic != "left" || string(r.Key) != `{"b":"x","a":1}` || string(r.Value) != "{}" || r.Timestamp.UnixMilli() != 1706704200500 || len(r.Headers) != 1 || r.Headers[0].Key != "k" || string(r.Headers[0].Value) != "v1" {
		t.Errorf("%s %s %s %v %v", r.Topic, r.Key, r.Value, r.Timestamp, r.Headers)
	}
	if r := rs[1]; r.Topic != "right" || len(r.Headers) != 0 || time.Since(r.Timestamp) > time.Hour {
		t.Errorf("%s %v %v", r.Topic, r.Timestamp, r.Headers)
	}
	f.put("in2", `{"a":3,"to":"elsewhere"}`)
	err = f.run("SET 'pipeline.name' = 'elsewhere';\nCREATE TABLE src (a INT, `to` STRING) WITH ('connector' = 'kafka', 'topic' = 'in2', 'format' = 'json', 'scan.bounded.mode' = 'latest-offset');\nCREATE TABLE o (a INT, dest STRING METADATA FROM 'topic') WITH ('connector' = 'kafka', 'topic-pattern' = 'left|right', 'format' = 'json');\nINSERT INTO o SELECT a, `to` FROM src;", nil)
	if err == nil || !strings.Contains(err.Error(), `a row names topic "elsewhere"`) {
		t.Error(err)
	}
}

func TestPartitioners(t *testing.T) {
	f := start(t)
	var in []string
	for i := range 20 {
		in = append(in, fmt.Sprintf(`{"n":%d}`, i))
	}
	f.put("twenty", in...)
	for partitioner, want := range map[string]string{"fixed": "[20]", "round-robin": "[5 5 5 5]"} {
		topic := "by-" + partitioner
		if err := f.cluster.CreateTopic(topic, 4, nil); err != nil {
			t.Fatal(err)
		}
		if err := f.run(fmt.Sprintf("SET 'pipeline.name' = '%s';\nSET 'parallelism.default' = '1';\nCREATE TABLE src (n BIGINT) WITH ('connector' = 'kafka', 'topic' = 'twenty', 'format' = 'json', 'scan.bounded.mode' = 'latest-offset');\nCREATE TABLE o (n BIGINT) WITH ('connector' = 'kafka', 'topic' = '%s', 'format' = 'json', 'sink.partitioner' = '%s');\nINSERT INTO o SELECT n FROM src;", topic, topic, partitioner), nil); err != nil {
			t.Fatal(err)
		}
		counts := map[int32]int{}
		for _, r := range f.all(20, topic) {
			counts[r.Partition]++
		}
		var got []int
		for _, n := range counts {
			got = append(got, n)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: %v", partitioner, counts)
		}
	}
}

// TestTopicPattern reads topics by pattern, and begins again when another one matches.
func TestTopicPattern(t *testing.T) {
	f := start(t)
	f.put("log_a", `{"n":1}`)
	f.put("log_b", `{"n":2}`)
	f.put("old_log_c", `{"n":4}`)
	src := func(more string) string {
		return "CREATE TABLE src (n BIGINT, topic STRING METADATA) WITH ('connector' = 'kafka', 'topic-pattern' = 'log_.*', 'format' = 'json', 'scan.startup.mode' = 'earliest-offset'" + more + ");\n"
	}
	got := f.printed(src(", 'scan.bounded.mode' = 'latest-offset'") + "CREATE TABLE p (n BIGINT, topic STRING) WITH ('connector' = 'print');\nINSERT INTO p SELECT n, topic FROM src;")
	if s := strings.Join(got, " "); s != "+I[1, log_a] +I[2, log_b]" {
		t.Error(s)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- f.runContext(ctx, "SET 'pipeline.name' = 'follow';\n"+src(", 'scan.topic-partition-discovery.interval' = '100 ms'")+"CREATE TABLE o (n BIGINT, topic STRING) WITH ('connector' = 'kafka', 'topic' = 'out', 'format' = 'json');\nINSERT INTO o SELECT n, topic FROM src;", nil)
	}()
	f.all(2, "out")
	f.put("log_d", `{"n":8}`)
	select {
	case err := <-done:
		if !fault.KindOf(err).Retryable() {
			t.Errorf("%v of kind %v", err, fault.KindOf(err))
		}
	case <-ctx.Done():
		t.Error("the job did not see the new topic")
	}
}

func TestKafkaOptionErrors(t *testing.T) {
	f := start(t)
	for _, c := range []struct{ with, says string }{
		{"'connector' = 'kafka', 'format' = 'json'", "option 'topic' is required"},
		{"'connector' = 'kafka', 'topic' = 'a', 'topic-pattern' = 'b', 'format' = 'json'", "cannot both be set"},
		{"'connector' = 'kafka', 'topic-pattern' = '(', 'format' = 'json'", "is not a regular expression"},
		{"'connector' = 'kafka', 'topic' = 't', 'format' = 'json', 'scan.startup.mode' = 'timestamp'", "needs 'scan.startup.timestamp-millis'"},
		{"'connector' = 'kafka', 'topic' = 't', 'format' = 'json', 'scan.bounded.mode' = 'specific-offsets', 'scan.bounded.specific-offsets' = '0:3'", `"0:3" is not of the form partition:0,offset:42`},
		{"'connector' = 'kafka', 'topic' = 't;u', 'format' = 'json', 'scan.startup.mode' = 'specific-offsets', 'scan.startup.specific-offsets' = 'partition:0,offset:1'", "specific offsets are for one topic"},
		{"'connector' = 'kafka', 'topic' = 't', 'format' = 'json', 'sink.partitioner' = 'org.x.Y'", "no partitioner"},
		{"'connector' = 'kafka', 'topic' = 't', 'value.format' = 'json', 'key.format' = 'json', 'key.fields' = 'a', 'sink.partitioner' = 'round-robin'", "cannot be used with a key"},
		{"'connector' = 'kafka', 'topic' = 't', 'format' = 'json', 'topic-patern' = 'x'", "topic-pattern"},
	} {
		_, err := f.rt.CompileText("t.sql", "CREATE TABLE t (a STRING) WITH ("+c.with+");\nCREATE TABLE o (a STRING) WITH ('connector' = 'kafka', 'topic' = 'o', 'format' = 'json');\nINSERT INTO o SELECT a FROM t;", "")
		text := fault.Render(err, "")
		if fault.KindOf(err) != fault.Config || !strings.Contains(text, c.says) || !strings.Contains(text, "t.sql:1") {
			t.Errorf("%s:\n%s", c.with, text)
		}
	}
	for _, c := range []struct{ columns, format, says string }{
		{"a STRING, ts TIMESTAMP(6)", "'format' = 'avro'", "the legacy mapping of timestamps has no TIMESTAMP(6)"},
		{"a STRING, m MAP<INT, INT>", "'format' = 'json'", "JSON has no map keys of type INT"},
		{"a STRING, b STRING", "'format' = 'raw'", "raw has one column, not 2"},
		{"a STRING, m MAP<STRING, INT>", "'format' = 'csv'", "csv cannot hold a MAP<STRING, INT>"},
	} {
		_, err := f.rt.CompileText("t.sql", "CREATE TABLE t ("+c.columns+") WITH ('connector' = 'kafka', 'topic' = 't', "+c.format+");\nCREATE TABLE o (a STRING) WITH ('connector' = 'kafka', 'topic' = 'o', 'format' = 'json');\nINSERT INTO o SELECT a FROM t;", "")
		if text := fault.Render(err, ""); fault.KindOf(err) != fault.Config || !strings.Contains(text, c.says) || !strings.Contains(text, "t.sql:1") {
			t.Errorf("%s:\n%s", c.columns, text)
		}
	}
	for _, c := range []struct{ column, says string }{
		{"p INT METADATA FROM 'partition'", "the metadata partition cannot be written"},
		{"ts BIGINT METADATA FROM 'timestamp'", "the metadata timestamp is TIMESTAMP_LTZ(3), not BIGINT"},
		{"tp STRING METADATA FROM 'topic'", "the metadata topic cannot be written"},
	} {
		_, err := f.rt.CompileText("t.sql", "CREATE TABLE t (a STRING) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');\nCREATE TABLE o (a STRING, "+c.column+") WITH ('connector' = 'kafka', 'topic' = 'o', 'format' = 'json');\nINSERT INTO o SELECT a, NULL FROM t;", "")
		if text := fault.Render(err, ""); fault.KindOf(err) != fault.Config || !strings.Contains(text, c.says) {
			t.Errorf("%s:\n%s", c.column, text)
		}
	}
}
