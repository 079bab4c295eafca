package positions

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/kafka"
)

func cluster(t *testing.T) kafka.Config {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, "out"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return kafka.Config{Brokers: c.ListenAddrs()}
}

func open(t *testing.T, c kafka.Config, source string) (*Writer, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	w, last, err := Open(ctx, Options{Kafka: c, Source: source})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w, string(last)
}

func write(t *testing.T, w *Writer, position string, values ...string) {
	t.Helper()
	for _, v := range values {
		if err := w.Produce(t.Context(), &kgo.Record{Topic: "out", Key: []byte(v), Value: []byte(v)}); err != nil {
			t.Fatal(err)
		}
	}
	if position == "" {
		return
	}
	if err := w.Commit(t.Context(), []byte(position)); err != nil {
		t.Fatal(err)
	}
}

// visible reads all committed records.
func visible(t *testing.T, c kafka.Config) map[string]int {
	t.Helper()
	r, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers...), kgo.ConsumeTopics("out"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := map[string]int{}
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
		fs := r.PollFetches(ctx)
		cancel()
		if fs.NumRecords() == 0 {
			return out
		}
		fs.EachRecord(func(r *kgo.Record) { out[string(r.Value)]++ })
	}
}

func TestRecordsAndPositionTogether(t *testing.T) {
	c := cluster(t)
	w, last := open(t, c, "a")
	if last != "" {
		t.Fatalf("position %q of a new source", last)
	}
	write(t, w, "1", "x", "y")
	write(t, w, "2", "z")
	other, _ := open(t, c, "b")
	write(t, other, "other", "o")
	// What another source has open must not hide our position for long; what we left open never becomes visible.
	write(t, other, "", "pending")
	if err := other.client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, w, "", "lost")
	if err := w.client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, last := open(t, c, "a")
	if last != "2" {
		t.Errorf("position %q, want 2", last)
	}
	if err := w.Commit(t.Context(), []byte("3")); fault.KindOf(err) != fault.Fenced {
		t.Errorf("the older writer: %v", err)
	}
	write(t, again, "4", "v")
	if err := other.Commit(t.Context(), []byte("p")); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(visible(t, c)); got != "map[o:1 pending:1 v:1 x:1 y:1 z:1]" {
		t.Error(got)
	}
	again.Close()
	if _, last = open(t, c, "a"); last != "4" {
		t.Errorf("position %q, want 4", last)
	}
}

// TestPartitions compares with the client's own partitioning, which is Kafka's.
func TestPartitions(t *testing.T) {
	c := cluster(t)
	w, _ := open(t, c, "a")
	plain, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	for i := range 200 {
		key := []byte(fmt.Sprintf(`{"id":%d}`, i*i*7919))
		r := &kgo.Record{Topic: "out", Key: key}
		if err := w.Produce(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if err := w.client.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		want, err := plain.ProduceSync(t.Context(), &kgo.Record{Topic: "out", Key: key}).First()
		if err != nil || r.Partition != want.Partition {
			t.Fatalf("%s in partition %d, want %d: %v", key, r.Partition, want.Partition, err)
		}
	}
	var all []int64
	for i := range 100 {
		write(t, w, "", "")
		if err := w.Produce(t.Context(), &kgo.Record{Topic: "out", Partition: Spread([]byte(fmt.Sprint(i)))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(t.Context(), []byte("p")); err != nil {
		t.Fatal(err)
	}
	ends, err := kadm.NewClient(plain).ListEndOffsets(t.Context(), "out")
	if err != nil {
		t.Fatal(err)
	}
	ends.Each(func(o kadm.ListedOffset) { all = append(all, o.Offset) })
	for _, n := range all {
		if n < 50 {
			t.Errorf("records without keys are not spread: %v", all)
		}
	}
}
