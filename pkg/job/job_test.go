package job

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/blob"
	"github.com/freshet-dw/freshet/pkg/connector"
	kafkatable "github.com/freshet-dw/freshet/pkg/connector/kafka"
	"github.com/freshet-dw/freshet/pkg/engine/exec"
	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/pkg/obs"
)

type fixture struct {
	t       *testing.T
	cluster *kfake.Cluster
	client  *kgo.Client
	rt      *Runtime
}

func start(t *testing.T) *fixture {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, "views"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	store, err := blob.NewDir(t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	set := connector.NewSet(&kafkatable.Connector{Client: kafka.Config{Brokers: cluster.ListenAddrs()}})
	return &fixture{t, cluster, client, &Runtime{Connectors: set, State: store, Tel: obs.Discard()}}
}

func (f *fixture) send(topic string, values ...string) {
	f.t.Helper()
	var rs []*kgo.Record
	for _, v := range values {
		rs = append(rs, &kgo.Record{Topic: topic, Key: []byte(v), Value: []byte(v)})
	}
	if err := f.client.ProduceSync(context.Background(), rs...).FirstErr(); err != nil {
		f.t.Fatal(err)
	}
}

// read gives the committed records of a topic up to its end.
func (f *fixture) read(topic string) []*kgo.Record {
	f.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(f.cluster.ListenAddrs()...), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		f.t.Fatal(err)
	}
	defer cl.Close()
	var out []*kgo.Record
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 700*time.Millisecond)
		fs := cl.PollFetches(ctx)
		cancel()
		if fs.NumRecords() == 0 {
			return out
		}
		fs.EachRecord(func(r *kgo.Record) { out = append(out, r) })
	}
}

// latest is an upsert topic as a table: the last value by key.
func (f *fixture) latest(topic string) map[string]string {
	out := map[string]string{}
	for _, r := range f.read(topic) {
		if r.Value == nil {
			delete(out, string(r.Key))
		} else {
			out[string(r.Key)] = string(r.Value)
		}
	}
	return out
}

func (f *fixture) run(sql string, each func(exec.Stats)) error {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return f.runContext(ctx, sql, each)
}

func (f *fixture) runContext(ctx context.Context, sql string, each func(exec.Stats)) error {
	j, err := f.rt.CompileText("job.sql", sql, "")
	if err != nil {
		f.t.Error(err)
		return err
	}
	return j.Run(ctx, each)
}

const uv = `
SET 'execution.checkpointing.interval' = '50 ms';
CREATE TABLE pageview (mid STRING, at_time STRING, n BIGINT, log_date AS SUBSTRING(at_time, 1, 10))
  WITH ('connector' = 'kafka', 'topic' = 'views', 'format' = 'json', 'scan.bounded.mode' = 'latest-offset');
CREATE TABLE uv (log_date STRING, uv BIGINT, total BIGINT, PRIMARY KEY (log_date) NOT ENFORCED)
  WITH ('connector' = 'upsert-kafka', 'topic' = 'uv', 'key.format' = 'json', 'value.format' = 'json');
INSERT INTO uv SELECT log_date, COUNT(DISTINCT mid), SUM(n) FROM pageview GROUP BY log_date;
`

func view(day, mid int) string {
	return fmt.Sprintf(`{"mid":"m%d","at_time":"2024-06-%02d 10:00:00","n":%d,"other":[1,{"x":"}"}]}`, mid, day, mid)
}

func TestStateGoesOnOverRestarts(t *testing.T) {
	f := start(t)
	want := map[string]string{}
	seen := map[int]map[int]bool{}
	total := map[int]int{}
	for round := range 3 {
		var vs []string
		for i := range 1000 {
			day, mid := 1+i%3, (i*7+round*100)%400
			if seen[day] == nil {
				seen[day] = map[int]bool{}
			}
			seen[day][mid] = true
			total[day] += mid
			vs = append(vs, view(day, mid))
		}
		f.send("views", vs...)
		if err := f.run(uv, nil); err != nil {
			t.Fatal(err)
		}
		for d := 1; d <= 3; d++ {
			want[fmt.Sprintf(`{"log_date":"2024-06-%02d"}`, d)] = fmt.Sprintf(`{"log_date":"2024-06-%02d","uv":%d,"total":%d}`, d, len(seen[d]), total[d])
		}
		got := f.latest("uv")
		for k, v := range want {
			if got[k] != v {
				t.Fatalf("round %d: %s is %s, want %s", round, k, got[k], v)
			}
		}
	}
}

func TestFailureRepeatsNothing(t *testing.T) {
	f := start(t)
	var vs []string
	for i := range 5000 {
		vs = append(vs, view(1, i))
	}
	f.send("views", vs...)
	sql := "SET 'execution.epoch.max-rows' = '500';" + strings.Replace(uv, "'50 ms'", "'10 ms'", 1)
	j, err := f.rt.CompileText("job.sql", sql, "")
	if err != nil {
		t.Fatal(err)
	}
	fails := 0
	j.cfg.Hook = func(step string) error {
		if step == "commit" && fails < 3 {
			fails++
			return fmt.Errorf("made to fail")
		}
		return nil
	}
	f.rt.Restart.Initial, f.rt.Restart.Max = time.Millisecond, 5*time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	if err := j.Supervise(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if fails != 3 {
		t.Fatalf("failed %d times", fails)
	}
	got := f.latest("uv")[`{"log_date":"2024-06-01"}`]
	if want := `{"log_date":"2024-06-01","uv":5000,"total":12497500}`; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

func TestBadRecordsBecomeDeadLetters(t *testing.T) {
	f := start(t)
	f.send("views", view(1, 1), `{"mid":`, view(1, 2), `not json`)
	if err := f.run(uv, nil); err != nil {
		t.Fatal(err)
	}
	dead := f.read(kafkatable.DeadLetterTopic)
	if len(dead) != 2 {
		t.Fatalf("%d dead letters", len(dead))
	}
	for _, r := range dead {
		h := map[string]string{}
		for _, x := range r.Headers {
			h[x.Key] = string(x.Value)
		}
		if h["topic"] != "views" || h["partition"] == "" || h["offset"] == "" || h["reason"] == "" || h["job"] != "job" {
			t.Errorf("headers %v", h)
		}
	}
	if got := f.latest("uv")[`{"log_date":"2024-06-01"}`]; !strings.Contains(got, `"uv":2`) {
		t.Errorf("got %s", got)
	}
}

func TestProgressIsInTheOffsets(t *testing.T) {
	f := start(t)
	f.send("views", view(1, 1))
	if err := f.run(uv, nil); err != nil {
		t.Fatal(err)
	}
	offsets, err := kadm.NewClient(f.client).FetchOffsets(context.Background(), "job")
	if err != nil {
		t.Fatal(err)
	}
	meta := ""
	offsets.Each(func(o kadm.OffsetResponse) { meta = o.Metadata })
	var m struct {
		Epoch    int64  `json:"e"`
		Snapshot string `json:"s"`
	}
	if err := json.Unmarshal([]byte(meta), &m); err != nil || m.Epoch < 1 || !strings.HasPrefix(m.Snapshot, "job/manifest/") {
		t.Fatalf("metadata %q: %v", meta, err)
	}
}
