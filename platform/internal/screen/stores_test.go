package screen

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/clickhouse"
	"github.com/freshet-dw/freshet/pkg/hbase"
	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/pkg/mysql"
	"github.com/freshet-dw/freshet/pkg/redis"
	embclickhouse "github.com/freshet-dw/freshet/platform/embed/clickhouse"
	embhbase "github.com/freshet-dw/freshet/platform/embed/hbase"
	embkafka "github.com/freshet-dw/freshet/platform/embed/kafka"
	embmysql "github.com/freshet-dw/freshet/platform/embed/mysql"
	embredis "github.com/freshet-dw/freshet/platform/embed/redis"
	goredis "github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestMain is also ClickHouse's child process: the embedded server runs this test binary again.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "clickhouse-server" {
		if err := embclickhouse.ServeChild(context.Background(), os.Args[2:]); err != nil && !errors.Is(err, context.Canceled) {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// at is a fixed moment: half past ten.
var at = time.Date(2026, 11, 23, 10, 30, 20, 0, time.UTC)

// polled asks a store once and returns what its tiles show.
func polled(t *testing.T, p Poller, err error) *Snapshot {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	apply, err := p.Poll(ctx, at)
	if err != nil {
		t.Fatal(err)
	}
	s := &Snapshot{}
	apply(s)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func closing(t *testing.T, c interface{ Close() error }) {
	t.Cleanup(func() { must(t, c.Close()) })
}

func TestRedis(t *testing.T) {
	server, err := embredis.Start(t.Context(), embredis.Config{Dir: t.TempDir()})
	must(t, err)
	closing(t, server)
	cfg := redis.Config{Addr: server.Addr(), Timeout: 5 * time.Second}
	p, err := Redis(cfg)
	if s := polled(t, p, err); len(s.Top.Products) != 0 || s.Top.Hour != "2026-11-23 10" {
		t.Errorf("empty store: %+v", s.Top)
	}
	closing(t, p)
	c, err := redis.Open(cfg)
	must(t, err)
	closing(t, c)
	must(t, c.ZAdd(t.Context(), "top_product:2026-11-23 09", goredis.Z{Member: "9", Score: 1}).Err())
	if s := polled(t, p, nil); s.Top.Hour != "2026-11-23 09" || len(s.Top.Products) != 1 {
		t.Errorf("an hour without sales must show the one before: %+v", s.Top)
	}
	must(t, c.ZAdd(t.Context(), "top_product:2026-11-23 10", goredis.Z{Member: "7", Score: 20.5}, goredis.Z{Member: "8", Score: 30}).Err())
	must(t, c.HSet(t.Context(), "dim:product:8", "name", "Tea", "category", "Food").Err())
	want := []Product{{"8", "Tea", "Food", 30}, {"7", "", "", 20.5}}
	if s := polled(t, p, nil); s.Top.Hour != "2026-11-23 10" || !slices.Equal(s.Top.Products, want) {
		t.Errorf("ranking %+v, want %v", s.Top, want)
	}
}

func TestHBase(t *testing.T) {
	server, err := embhbase.Start(t.Context(), embhbase.Config{Dir: t.TempDir(), ZKAddr: "127.0.0.1:0", RPCAddr: "127.0.0.1:0"})
	must(t, err)
	closing(t, server)
	cfg := hbase.Config{ZooKeeper: server.ZKAddr()}
	p := HBase(cfg, time.UTC)
	closing(t, p)
	if s := polled(t, p, nil); s.UV.Today != 0 || len(s.UV.Days) != 0 {
		t.Errorf("no table yet: %+v", s.UV)
	}
	c, err := hbase.Open(t.Context(), cfg)
	must(t, err)
	closing(t, c)
	must(t, c.EnsureTable(t.Context(), "uv_index", map[string]hbase.FamilyOptions{"f": {}}, nil))
	var rows []hbase.Mutation
	for date, n := range map[string]uint64{"2026-11-23": 120, "2026-11-22": 400, "2026-11-01": 5, "2026-11-24": 6} {
		rows = append(rows, hbase.Mutation{Row: []byte(date), Version: 1, Cells: []hbase.Cell{{Family: "f", Qualifier: "UV", Value: binary.BigEndian.AppendUint64(nil, n)}}})
	}
	must(t, c.Apply(t.Context(), "uv_index", rows))
	want := []Day{{"2026-11-22", 400}, {"2026-11-23", 120}}
	if s := polled(t, p, nil); s.UV.Today != 120 || !slices.Equal(s.UV.Days, want) {
		t.Errorf("visitors %+v, want %v", s.UV, want)
	}
}

func TestMySQL(t *testing.T) {
	server, err := embmysql.Start(t.Context(), embmysql.Config{Dir: t.TempDir()})
	must(t, err)
	closing(t, server)
	cfg := mysql.Config{Addr: server.Addr(), User: "root", Timeout: 5 * time.Second}
	// The warehouse's day began at four in the morning UTC.
	p, err := MySQL(cfg, time.FixedZone("west", -4*3600))
	s := polled(t, p, err)
	closing(t, p)
	if s.GMV.Today != "0" || len(s.GMV.Minutes) != 60 {
		t.Errorf("no table yet: %+v", s.GMV)
	}
	db, err := mysql.Open(cfg)
	must(t, err)
	closing(t, db)
	for _, q := range []string{
		"CREATE DATABASE dm",
		"CREATE TABLE dm.gmv_minute_province (minute_start DATETIME, province VARCHAR(32), gmv DECIMAL(18,2), orders BIGINT, PRIMARY KEY (minute_start, province))",
		`INSERT INTO dm.gmv_minute_province VALUES ('2026-11-23 10:29:00', 'Hunan', 0.10, 1), ('2026-11-23 10:29:00', 'Hebei', 1000000000000.20, 2),
		 ('2026-11-23 04:00:00', 'Hunan', 5, 3), ('2026-11-23 03:59:00', 'Hunan', 99, 99)`,
	} {
		_, err := db.ExecContext(t.Context(), q)
		must(t, err)
	}
	g := polled(t, p, nil).GMV
	if g.Today != "1000000000005.30" || g.Orders != 6 {
		t.Errorf("today %s in %d orders", g.Today, g.Orders)
	}
	if want := []Province{{"Hebei", "1000000000000.20", 2}, {"Hunan", "5.10", 4}}; !slices.Equal(g.Provinces, want) {
		t.Errorf("provinces %v, want %v", g.Provinces, want)
	}
	last := time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC).UnixMilli()
	if len(g.Minutes) != 60 || g.Minutes[59] != (Minute{last, "0", 0}) || g.Minutes[58] != (Minute{last - 60_000, "1000000000000.30", 3}) {
		t.Errorf("minutes end with %v", g.Minutes[57:])
	}
	if text, err := json.Marshal(g.Provinces[0]); err != nil || string(text) != `{"name":"Hebei","gmv":1000000000000.20,"orders":2}` {
		t.Errorf("%s %v", text, err)
	}
}

func TestClickHouse(t *testing.T) {
	server, err := embclickhouse.Start(t.Context(), embclickhouse.Config{Dir: t.TempDir(), Args: []string{"clickhouse-server"}})
	must(t, err)
	closing(t, server)
	cfg := clickhouse.Config{Addr: server.TCPAddr()}
	p := ClickHouse(cfg, time.UTC)
	closing(t, p)
	if s := polled(t, p, nil); s.Trade.Orders != 0 || s.Traffic.Views != 0 {
		t.Errorf("no tables yet: %+v %+v", s.Trade, s.Traffic)
	}
	c, err := clickhouse.Open(t.Context(), cfg)
	must(t, err)
	closing(t, c)
	updated := time.Now().Add(-1500 * time.Millisecond).UTC().Format("2006-01-02 15:04:05.000")
	for _, q := range []string{
		"CREATE TABLE dm_trade_wide (item_id Int64, order_id Nullable(Int64), user_id Nullable(Int64), order_status Nullable(String), created_at Nullable(DateTime64(3)), " +
			"updated_at Nullable(DateTime64(3)), _version UInt64) ENGINE = ReplacingMergeTree(_version) ORDER BY item_id",
		"INSERT INTO dm_trade_wide VALUES (1, 1, 5, 'CREATED', '2026-11-23 09:00:00', '2026-11-23 09:00:00', 1), (2, 1, 5, 'CREATED', '2026-11-23 09:00:00', '2026-11-23 09:00:00', 1), " +
			"(3, 2, 5, 'PAID', '2026-11-23 09:00:00', '2026-11-23 09:00:00', 1), (4, 3, 6, 'PAID', '2026-11-22 23:59:59', '2026-11-23 09:00:00', 1)",
		"INSERT INTO dm_trade_wide VALUES (1, 1, 7, 'PAID', '2026-11-23 09:00:00', '" + updated + "', 2), (2, 1, 7, 'PAID', '2026-11-23 09:00:00', '" + updated + "', 2)",
		"CREATE TABLE dm_traffic_wide (line Nullable(String), event_time Nullable(DateTime64(3, 'UTC'))) ENGINE = MergeTree ORDER BY tuple()",
		"INSERT INTO dm_traffic_wide VALUES ('app', '2026-11-23 09:00:00'), ('app', '2026-11-23 09:00:01'), ('web', '2026-11-23 00:00:00'), ('web', '2026-11-22 23:59:59'), ('web', '2026-11-16 09:00:00')",
	} {
		must(t, c.Exec(t.Context(), q))
	}
	s := polled(t, p, nil)
	if want := []Status{{"PAID", 2}}; s.Trade.Orders != 2 || s.Trade.Buyers != 2 || !slices.Equal(s.Trade.Statuses, want) {
		t.Errorf("trade %+v, want the newest versions only", s.Trade)
	}
	if want := []Line{{"app", 2}, {"web", 1}}; s.Traffic.Views != 3 || !slices.Equal(s.Traffic.Lines, want) {
		t.Errorf("traffic %+v", s.Traffic)
	}
	if l := s.Road.Layers[0]; l.Name != "store" || !l.Known || l.Idle || l.DelayMS < 1000 || l.DelayMS > 20_000 || l.Rows != 6 {
		t.Errorf("store %+v", l)
	}
}

func TestKafka(t *testing.T) {
	server, err := embkafka.Start(t.Context(), embkafka.Config{})
	must(t, err)
	closing(t, server)
	cfg := kafka.Config{Brokers: []string{server.Addr()}}
	p, err := Kafka(cfg, "freshet_dead_letter", func() int64 { return 5 })
	s := polled(t, p, err)
	closing(t, p)
	if len(s.Road.Layers) != 3 || s.Road.Layers[0].Known {
		t.Errorf("no topics yet: %+v", s.Road)
	}
	cl, err := kafka.NewClient(cfg, kgo.AllowAutoTopicCreation())
	must(t, err)
	t.Cleanup(cl.Close)
	send := func(topic string, n int, age time.Duration) {
		t.Helper()
		for range n {
			must(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: 0, Value: []byte("v"), Timestamp: time.Now().Add(-age)}).FirstErr())
		}
	}
	send("ods_page_view", 6, 2*time.Second)
	send("ods_shop_orders", 2, time.Minute)
	send("dwd_page_view", 3, time.Hour)
	// Jobs write dead letters in transactions; their markers and what they abort are no letters.
	tx, err := kafka.NewClient(cfg, kgo.AllowAutoTopicCreation(), kgo.TransactionalID("job"))
	must(t, err)
	t.Cleanup(tx.Close)
	for _, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
		must(t, tx.BeginTransaction())
		must(t, tx.ProduceSync(t.Context(), &kgo.Record{Topic: "freshet_dead_letter", Value: []byte("a")}, &kgo.Record{Topic: "freshet_dead_letter", Value: []byte("b")}).FirstErr())
		must(t, tx.EndTransaction(t.Context(), end))
	}
	adm := kadm.NewClient(cl)
	ends, err := adm.ListEndOffsets(t.Context(), "ods_page_view")
	must(t, err)
	read := kadm.Offsets{}
	ends.Each(func(o kadm.ListedOffset) { read.AddOffset(o.Topic, o.Partition, 0, -1) })
	must(t, adm.CommitAllOffsets(t.Context(), "job", read))

	// The client asks for the list of topics anew after half a second only.
	for deadline := time.Now().Add(10 * time.Second); (s.Road.Layers[0].Rows < 8 || s.Road.DeadLetters < 4) && time.Now().Before(deadline); {
		s = polled(t, p, nil)
	}
	ods, dwd, dm := s.Road.Layers[0], s.Road.Layers[1], s.Road.Layers[2]
	if ods.Rows != 8 || ods.Idle || ods.DelayMS < 1900 || ods.DelayMS > 25_000 || ods.Rate <= 0 || ods.Rates[len(ods.Rates)-1] != ods.Rate {
		t.Errorf("ods %+v", ods)
	}
	if dwd.Rows != 3 || !dwd.Idle || dwd.Newest == 0 || dm.Known {
		t.Errorf("dwd %+v, dm %+v", dwd, dm)
	}
	if s.Road.DeadLetters != 4 || s.Road.JoinMisses != 5 || s.Road.Lag < 4 || s.Road.Lag > 6 || s.ViewsRate <= 0 {
		t.Errorf("road %+v, views %v/s", s.Road, s.ViewsRate)
	}
}
