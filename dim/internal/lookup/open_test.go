package lookup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

const productSQL = `
CREATE TABLE ods_product (product_id INT, name STRING, price DECIMAL(10, 2), PRIMARY KEY (product_id) NOT ENFORCED)
WITH ('connector' = 'kafka', 'topic' = 'ods_shop_product', 'format' = 'canal-json');
CREATE TABLE dim_product (product_id STRING, name STRING, price DECIMAL(10, 2), PRIMARY KEY (product_id) NOT ENFORCED)
WITH ('connector' = 'redis', 'redis.type' = 'hash', 'key' = 'dim:product:{product_id}');
INSERT INTO dim_product SELECT CAST(product_id AS STRING), UPPER(name), price FROM ods_product;
`

// world is a warehouse with one dimension in Redis, and a broker.
type world struct {
	deps   warehouse.Deps
	redis  *miniredis.Miniredis
	client *kgo.Client
}

func newWorld(t *testing.T, files map[string]string) *world {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, "ods_shop_product"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	w := &world{redis: miniredis.RunT(t)}
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var c warehouse.Config
	if err := config.Load(&c, config.Sources{}); err != nil {
		t.Fatal(err)
	}
	c.Kafka.Brokers, c.Redis.Addr = cluster.ListenAddrs(), w.redis.Addr()
	w.deps = warehouse.Deps{Config: c, Dir: dir, Tel: obs.Discard(), Health: &obs.Health{}}
	if w.client, err = kafka.NewClient(c.Kafka); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.client.Close)
	return w
}

// change produces an update of a product as the binlog ingester writes it, and gives its place.
func (w *world) change(t *testing.T, id int, name string) *kgo.Record {
	t.Helper()
	r := &kgo.Record{Topic: "ods_shop_product", Key: fmt.Appendf(nil, `{"product_id":%d}`, id), Value: fmt.Appendf(nil,
		`{"data":[{"product_id":"%d","name":"%s","price":"2.50"}],"old":[{"name":"x"}],"type":"UPDATE","database":"shop","table":"product","pkNames":["product_id"],"isDdl":false,"es":1,"ts":1}`, id, name)}
	if err := w.client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return r
}

func (w *world) store(id, name string) {
	w.redis.HSet("dim:product:"+id, "name", name)
	w.redis.HSet("dim:product:"+id, "price", "2.50")
}

func productName(t *testing.T, s *Service, id string) string {
	t.Helper()
	_, _, a, err := s.lookup(t.Context(), "dim_product", [][]string{{id}}, []string{"name"})
	if err != nil {
		t.Fatal(err)
	}
	if a[0].row == nil {
		return ""
	}
	return a[0].row[1].GetTextValue()
}

func TestChangeTopicRefreshesTheCache(t *testing.T) {
	w := newWorld(t, map[string]string{"dim/dim_product.sql": productSQL})
	w.store("7", "OLD")
	s, err := Open(t.Context(), w.deps, defaults(t), "dim")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if got := productName(t, s, "7") + productName(t, s, "8"); got != "OLD" {
		t.Fatalf("before: %q", got)
	}
	w.store("7", "NEW")
	w.store("8", "BORN")
	if got := productName(t, s, "7") + productName(t, s, "8"); got != "OLD" {
		t.Fatalf("not cached: %q", got)
	}
	start := time.Now()
	w.change(t, 7, "new")
	last := w.change(t, 8, "born")
	eventually(t, func() bool { return productName(t, s, "7") == "NEW" && productName(t, s, "8") == "BORN" })
	if took := time.Since(start); took > time.Second {
		t.Errorf("the change showed after %s", took)
	}
	// The job that builds the table has committed the change: its group's offset ends the mark.
	at := partition{group: "dim-dim_product", topic: last.Topic, partition: last.Partition}
	waiting := func() bool {
		m := map[partition]bool{}
		s.tables["dim_product"].cache.waiting(m)
		return m[at]
	}
	if !waiting() {
		t.Fatal("no change is waiting for the job")
	}
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: at.topic, Partition: at.partition, At: last.Offset + 1, LeaderEpoch: -1})
	if _, err := kadm.NewClient(w.client).CommitOffsets(t.Context(), at.group, offsets); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return !waiting() })
	if took := time.Since(start); took > 2500*time.Millisecond {
		t.Errorf("the mark ended after %s: by time, not by the commit", took)
	}
}

func TestRedisDown(t *testing.T) {
	w := newWorld(t, map[string]string{"dim/dim_product.sql": productSQL})
	w.store("7", "KEPT")
	c := defaults(t)
	c.Store.Timeout, c.Store.Failures, c.Cache.TTL = 50*time.Millisecond, 2, time.Nanosecond
	s, err := Open(t.Context(), w.deps, c, "dim")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	h := s.Handler()
	if code, got := call(t, h, "GET", "/v1/dim/dim_product/7", ""); code != 200 || got != `{"found":true,"row":{"product_id":"7","name":"KEPT","price":"2.50"}}` {
		t.Fatalf("%d %s", code, got)
	}
	w.redis.Close()
	for range 3 {
		if code, got := call(t, h, "GET", "/v1/dim/dim_product/7", ""); code != 200 || !strings.HasSuffix(got, `"stale":true}`) {
			t.Fatalf("%d %s", code, got)
		}
	}
	if code, _ := call(t, h, "GET", "/v1/dim/dim_product/8", ""); code != 503 {
		t.Fatalf("unread key: %d", code)
	}
	if err := s.check(t.Context()); err == nil {
		t.Fatal("ready")
	}
	if err := w.redis.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		code, got := call(t, h, "GET", "/v1/dim/dim_product/7", "")
		return code == 200 && !strings.Contains(got, "stale")
	})
}

func TestModule(t *testing.T) {
	w := newWorld(t, map[string]string{"dim/dim_product.sql": productSQL})
	c := defaults(t)
	c.HTTP, c.GRPC = "127.0.0.1:0", "127.0.0.1:0"
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	m := Module(w.deps, c, "dim")
	r := service.Runner{Modules: []service.Module{m}, Progress: func(e service.Event) {
		if e.State == service.Ready {
			cancel()
		}
	}}
	if err := r.Run(ctx, "dim-lookup"); err != nil || ctx.Err() == context.DeadlineExceeded {
		t.Fatal(err, ctx.Err())
	}
}

func TestOpenNamesBrokenFiles(t *testing.T) {
	w := newWorld(t, map[string]string{"dim/a.sql": "SELECT", "dim/b.sql": productSQL, "dim/c.sql": "INSERT INTO nowhere SELECT 1;"})
	_, err := Open(t.Context(), w.deps, defaults(t), "dim")
	if err == nil || !strings.Contains(err.Error(), "a.sql") || !strings.Contains(err.Error(), "c.sql") {
		t.Fatalf("err = %v", err)
	}
}

// The demo's dimensions are in three stores and all served, and each of their changes names its key.
func TestShopDimensions(t *testing.T) {
	w := newWorld(t, nil)
	w.deps.Dir = filepath.Join("..", "..", "..", "deploy", "shop")
	w.deps.Config.HBase.ZooKeeper = "127.0.0.1:1" // nobody is asked
	s, err := Open(t.Context(), w.deps, defaults(t), "dim")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, got := call(t, s.Handler(), "GET", "/v1/dim", "")
	for _, want := range []string{
		`"name":"dim_product"`, `"store":"redis","topics":["ods_shop_product"]`,
		`"name":"dim_region"`, `"store":"mysql","topics":["ods_shop_region"]`,
		`"name":"dim_user"`, `"store":"hbase-2.2","topics":["ods_shop_user"]`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	for _, c := range s.changes {
		if c.decoder == nil {
			t.Errorf("a change in %v drops all keys of %s", c.topics, c.table.info.Name)
		}
	}
}
