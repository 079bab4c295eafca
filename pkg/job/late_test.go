package job

import (
	"fmt"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// TestLateRowsToTopic: rows that come after their window was closed are written to the topic asked for, in the job's transaction.
func TestLateRowsToTopic(t *testing.T) {
	f := start(t)
	if err := f.cluster.CreateTopic("ev", 1, nil); err != nil {
		t.Fatal(err)
	}
	f.send("ev", `{"k":"a","n":1,"ts":"2024-06-01 00:00:01"}`, `{"k":"a","n":2,"ts":"2024-06-01 00:00:30"}`)
	const sql = `SET 'freshet.late-rows.topic' = 'too_late';
CREATE TABLE ev (k STRING, n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
  WITH ('connector' = 'kafka', 'topic' = 'ev', 'format' = 'json', 'scan.bounded.mode' = 'latest-offset');
CREATE TABLE p (k STRING, s BIGINT) WITH ('connector' = 'print');
INSERT INTO p SELECT k, SUM(n) FROM ev GROUP BY k, TUMBLE(ts, INTERVAL '10' SECOND);`
	// The first run ends with its input: all its windows are closed. What the next one reads is late.
	f.printed(sql)
	if recs := f.read("too_late"); len(recs) != 0 {
		t.Fatalf("%d late rows in time", len(recs))
	}
	f.send("ev", `{"k":"b","n":3,"ts":"2024-06-01 00:00:02"}`)
	if got := strings.Join(f.printed(sql), " "); got != "" {
		t.Errorf("the late row counts: %s", got)
	}
	recs := f.read("too_late")
	if len(recs) != 1 {
		t.Fatalf("%d late rows in the topic", len(recs))
	}
	got := string(recs[0].Value)
	for _, h := range recs[0].Headers {
		got += fmt.Sprintf(" %s=%s", h.Key, h.Value)
	}
	for _, want := range []string{`"k":"b"`, `"n":3`, `2024-06-01T00:00:02`, "operator=WindowAgg(", "kind=+I", "job="} {
		if !strings.Contains(got, want) {
			t.Errorf("the record has no %s: %s", want, got)
		}
	}

	// Without a Kafka table there is no transaction to write them in.
	err := f.run(`SET 'freshet.late-rows.topic' = 'too_late';
CREATE TABLE p (n INT) WITH ('connector' = 'blackhole');
INSERT INTO p SELECT n FROM (VALUES (1)) AS t(n);`, nil)
	if fault.KindOf(err) != fault.Config || !strings.Contains(err.Error(), "no Kafka table") {
		t.Errorf("got %v", err)
	}
}
