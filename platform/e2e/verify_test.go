package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
	goredis "github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/hbase"
	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/platform/embed"
	"github.com/freshet-dw/freshet/platform/internal/shop/account"
)

// scenario is an account of a shop with three orders and four page views.
func scenario() account.Expected {
	a := account.New()
	day := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	add := func(rows ...any) {
		for _, r := range rows {
			a.Commit([]account.Change{{Op: account.Insert, Row: r}})
		}
	}
	add(account.Region{ID: 1, Province: "Hunan", Area: "Central"}, account.User{ID: 7, Gender: "F", Province: "Hunan", BirthYear: 1990, Level: 3},
		account.Product{ID: 10, Name: "Tea", Category: "Food", Brand: "X", Price: 150, Status: "ON_SALE"})
	for id := range int64(3) {
		add(account.Order{ID: id, User: 7, Region: 1, Status: account.Created, CreatedAt: day}, account.Item{ID: 100 + id, Order: id, Product: 10, Quantity: 2, Price: 150})
	}
	add(account.Item{ID: 104, Order: 1, Product: 99, Quantity: 1, Price: 1005}, account.Payment{ID: 1, Order: 1, Status: account.Paid, Method: "CARD", PaidAt: day.Add(time.Second)},
		account.Audit{Actor: "x", Action: "y", At: day})
	a.Commit([]account.Change{{Op: account.Update, Row: account.Order{ID: 1, User: 7, Region: 1, Status: account.Paid, CreatedAt: day}},
		{Op: account.Delete, Row: account.Item{ID: 102, Order: 2}}, {Op: account.Delete, Row: account.Order{ID: 2}}})
	a.Seen([]account.View{{Mid: "a", Line: "app", Time: day.UnixMilli(), User: 7, Product: 10}, {Mid: "b", Line: "app", Time: day.UnixMilli() + 1, Product: 99},
		{Mid: "b", Line: "web", Time: day.UnixMilli() + 86_400_000, User: 1234}, {Mid: "b", Line: "web", Time: day.UnixMilli()}}, 1)
	a.Rejected(account.Oversized, 1)
	a.Rejected(account.LogLine, 2)
	a.Logged(3)
	return a.Expect()
}

// fill writes what the account expects into the stores, by other means than the warehouse.
func fill(t *testing.T, s *Stores, e account.Expected) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// HBase
	must(s.HBase.EnsureTable(ctx, "uv_index", map[string]hbase.FamilyOptions{"f": {}}, nil))
	must(s.HBase.EnsureTable(ctx, "dim_user", map[string]hbase.FamilyOptions{"f": {}}, nil))
	cell := func(q string, v []byte) hbase.Cell { return hbase.Cell{Family: "f", Qualifier: q, Value: v} }
	number := func(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }
	for day, n := range e.UV {
		must(s.HBase.Apply(ctx, "uv_index", []hbase.Mutation{{Row: []byte(day), Version: 1, Cells: []hbase.Cell{cell("UV", binary.BigEndian.AppendUint64(nil, uint64(n)))}}}))
	}
	for _, u := range e.Users {
		must(s.HBase.Apply(ctx, "dim_user", []hbase.Mutation{{Row: []byte(strconv.FormatInt(u.ID, 10)), Version: 1, Cells: []hbase.Cell{cell("birth_year", number(u.BirthYear)),
			cell("gender", []byte(u.Gender)), cell("level", number(u.Level)), cell("province", []byte(u.Province))}}}))
	}
	// MySQL
	exec := func(q string, args ...any) { t.Helper(); _, err := s.MySQL.ExecContext(ctx, q, args...); must(err) }
	exec("CREATE DATABASE dim")
	exec("CREATE DATABASE dm")
	exec("CREATE TABLE dim.dim_region (region_id INT PRIMARY KEY, province VARCHAR(32), area VARCHAR(16))")
	exec("CREATE TABLE dm.gmv_minute_province (minute_start DATETIME, province VARCHAR(32), gmv DECIMAL(18,2), orders BIGINT, PRIMARY KEY (minute_start, province))")
	for _, r := range e.Regions {
		exec("INSERT INTO dim.dim_region VALUES (?, ?, ?)", r.ID, r.Province, r.Area)
	}
	for _, g := range e.GMV {
		exec("INSERT INTO dm.gmv_minute_province VALUES (?, ?, ?, ?)", g.Minute, g.Province, money(g.GMV), g.Orders)
	}
	exec("INSERT INTO dm.gmv_minute_province VALUES ('2026-03-01 09:00:00', 'Hunan', 0, 0)") // all refunded
	// Redis
	for _, p := range e.Products {
		must(s.Redis.HSet(ctx, fmt.Sprintf("dim:product:%d", p.ID), "name", p.Name, "category", p.Category, "brand", p.Brand, "price", money(p.Price), "status", p.Status).Err())
	}
	for _, f := range e.Features {
		must(s.Redis.HSet(ctx, fmt.Sprintf("user_feature:%d", f.User), "paid_orders", f.Orders, "gmv", money(f.GMV)).Err())
	}
	for hour, top := range e.TopN {
		for _, p := range top {
			must(s.Redis.ZAdd(ctx, "top_product:"+hour, goredis.Z{Member: p.Product, Score: float64(p.GMV) / 100}).Err())
		}
	}
	fillClickHouse(t, s, e)
	fillKafka(t, s, e)
	for table, n := range map[string]int64{"ods/orders": e.Changes["orders"].Total(), "ods/order_item": e.Changes["order_item"].Total(), "ods/payment": e.Changes["payment"].Total(),
		"dm/traffic_wide": 4} {
		dir := filepath.Join(s.Lake, table, "dt=2026-03-01", "hm=1000")
		writeParquet(t, filepath.Join(dir, "part-0.parquet"), n)
		must(os.WriteFile(filepath.Join(dir, "_SUCCESS"), nil, 0o644))
		must(os.WriteFile(filepath.Join(dir, ".part-1.inprogress"), []byte("half"), 0o644))
	}
}

func fillClickHouse(t *testing.T, s *Stores, e account.Expected) {
	t.Helper()
	exec := func(q string) {
		t.Helper()
		if err := s.ClickHouse.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TABLE dm_trade_wide (item_id Int64, order_id Nullable(Int64), user_id Nullable(Int64), product_id Nullable(Int64), quantity Nullable(Int32), price Nullable(Decimal(10,2)),
		amount Nullable(Decimal(18,2)), order_status Nullable(String), pay_status Nullable(String), pay_method Nullable(String), province Nullable(String), area Nullable(String),
		category Nullable(String), brand Nullable(String), created_at Nullable(DateTime64(3)), paid_at Nullable(DateTime64(3)), _version UInt64, _deleted UInt8)
		ENGINE = ReplacingMergeTree(_version) ORDER BY item_id`)
	row := func(t account.Trade, version, deleted int) string {
		null := func(s string) string {
			if s == "" {
				return "NULL"
			}
			return "'" + s + "'"
		}
		paid := "NULL"
		if !t.PaidAt.IsZero() {
			paid = t.PaidAt.Format("'2006-01-02 15:04:05.000'")
		}
		return fmt.Sprintf("INSERT INTO dm_trade_wide VALUES (%d, %d, %d, %d, %d, %s, %s, %s, %s, %s, %s, %s, %s, %s, '%s', %s, %d, %d)", t.Item, t.Order, t.User, t.Product, t.Quantity, money(t.Price),
			money(t.Amount()), null(t.Status), null(t.PayStatus), null(t.PayMethod), null(t.Province), null(t.Area), null(t.Category), null(t.Brand), t.CreatedAt.Format("2006-01-02 15:04:05.000"), paid, version, deleted)
	}
	for _, r := range e.Trade {
		old := r
		old.Status, old.PayStatus = account.Created, ""
		exec(row(old, 1, 0))
		exec(row(r, 2, 0))
	}
	gone := account.Trade{Item: 102, Order: 2, Quantity: 2, Price: 150, CreatedAt: e.Trade[0].CreatedAt}
	exec(row(gone, 1, 0))
	exec(row(gone, 2, 1))
	exec(`CREATE TABLE dm_traffic_wide (event_id String, line String, user_id Int64, product_id Int64, event_time DateTime64(3), category Nullable(String), user_gender Nullable(String))
		ENGINE = MergeTree ORDER BY event_id`)
	exec(`INSERT INTO dm_traffic_wide VALUES ('1', 'app', 7, 10, '2026-03-01 10:00:00.000', 'Food', 'F'), ('2', 'app', 0, 99, '2026-03-01 10:00:00.001', NULL, NULL),
		('3', 'web', 1234, 0, '2026-03-02 10:00:00.000', NULL, NULL), ('4', 'web', 0, 0, '2026-03-01 10:00:00.000', NULL, NULL)`)
}

func produce(t *testing.T, s *Stores, opts []kgo.Opt, records ...*kgo.Record) *kgo.Client {
	t.Helper()
	cl, err := kafka.NewClient(s.Kafka, append(opts, kgo.AllowAutoTopicCreation())...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	if len(opts) > 0 {
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
	}
	if err := cl.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return cl
}

func fillKafka(t *testing.T, s *Stores, e account.Expected) {
	t.Helper()
	var records []*kgo.Record
	for table, n := range e.Changes {
		for kind, k := range map[string]int64{"INSERT": n.Inserts, "UPDATE": n.Updates, "DELETE": n.Deletes} {
			for range k {
				records = append(records, &kgo.Record{Topic: "ods_shop_" + table, Value: fmt.Appendf(nil, `{"type":%q,"data":[{}]}`, kind)})
			}
		}
	}
	for i := range e.LogLines {
		records = append(records, &kgo.Record{Topic: "ods_nginx_access", Value: fmt.Appendf(nil, `{"raw":"line %d"}`, i)})
	}
	records = append(records, dead("1", "http", "the event has 307200 bytes, more than 256KiB"), dead("1", "http", "the event has 307200 bytes, more than 256KiB"), dead("2", "log", "no match"), dead("3", "log", "no match"))
	end := func(cl *kgo.Client, how kgo.TransactionEndTry) {
		if err := cl.EndTransaction(t.Context(), how); err != nil {
			t.Fatal(err)
		}
	}
	end(produce(t, s, []kgo.Opt{kgo.TransactionalID("good")}, records...), kgo.TryCommit)
	end(produce(t, s, []kgo.Opt{kgo.TransactionalID("bad")}, records...), kgo.TryAbort) // not to be seen
}

func dead(value, source, reason string) *kgo.Record {
	return &kgo.Record{Topic: "freshet_dead_letter", Value: []byte(value), Headers: []kgo.RecordHeader{{Key: "source", Value: []byte(source)}, {Key: "reason", Value: []byte(reason)}}}
}

func writeParquet(t *testing.T, path string, rows int64) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	b := array.NewInt64Builder(memory.DefaultAllocator)
	for i := range rows {
		b.Append(i)
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	rec := array.NewRecord(schema, []arrow.Array{b.NewArray()}, rows)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := pqarrow.NewFileWriter(schema, f, nil, pqarrow.DefaultWriterProps())
	if err == nil {
		err = w.Write(rec)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestVerify fills the stores of a stack as the account says, and then makes one thing wrong after the other: each must be found, at its place and alone.
func TestVerify(t *testing.T) {
	stack, err := embed.Start(t.Context(), embed.Config{Dir: t.TempDir(), ClickHouseArgs: []string{childCommand}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := Connect(t.Context(), Addresses{Kafka: list{stack.Kafka.Addr()}, MySQL: stack.MySQL.DSN(""), Redis: stack.Redis.Addr(), HBase: stack.HBase.ZKAddr(),
		ClickHouse: stack.ClickHouse.TCPAddr(), Lake: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	e := scenario()
	if n := len(Verify(t.Context(), s, e)); n < len(checks())-2 {
		t.Errorf("empty stores have only %d differences", n)
	}
	fill(t, s, e)
	var told strings.Builder
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if diffs := WaitFor(ctx, s, e, 0, &told); len(diffs) > 0 {
		t.Fatalf("%v\n%s", diffs, told.String())
	}
	if diffs := WaitForDimensions(ctx, s, e, &told); len(diffs) > 0 {
		t.Fatal(diffs)
	}
	for _, c := range []struct {
		store, key string
		spoil      func(e *account.Expected)
	}{
		{"account", "it is partial", func(e *account.Expected) { e.Partial = "stopped" }},
		{"account", "the simulator was answered wrongly", func(e *account.Expected) { e.Faults = []string{"x"} }},
		{"HBase uv_index", "2026-03-02", func(e *account.Expected) { e.UV = maps.Clone(e.UV); e.UV["2026-03-02"]++ }},
		{"HBase uv_index", "2026-03-02", func(e *account.Expected) { e.UV = maps.Clone(e.UV); delete(e.UV, "2026-03-02") }},
		{"HBase user dimension", "7", func(e *account.Expected) { e.Users = clone(e.Users); e.Users[0].Level++ }},
		{"MySQL region dimension", "1", func(e *account.Expected) { e.Regions = clone(e.Regions); e.Regions[0].Area = "x" }},
		{"MySQL dm.gmv_minute_province", "2026-03-01 10:00 Hunan", func(e *account.Expected) { e.GMV = clone(e.GMV); e.GMV[0].GMV++ }},
		{"Redis product dimension", "10", func(e *account.Expected) { e.Products = clone(e.Products); e.Products[0].Price++ }},
		{"Redis user_feature", "7", func(e *account.Expected) { e.Features = clone(e.Features); e.Features[0].Orders++ }},
		{"Redis top_product", "2026-03-01 10 product 99", func(e *account.Expected) {
			e.TopN = map[string][]account.TopEntry{"2026-03-01 10": {{Product: 99, GMV: 1006}, {Product: 10, GMV: 300}}}
		}},
		{"ClickHouse dm_trade_wide", "totals", func(e *account.Expected) { e.Trade = e.Trade[1:] }},
		{"ClickHouse dm_trade_wide", "104", func(e *account.Expected) { e.Trade = clone(e.Trade); e.Trade[2].PayStatus = "x" }},
		{"ClickHouse dm_trade_wide", "104", func(e *account.Expected) { e.Trade = clone(e.Trade); e.Trade[2].PaidAt = time.Time{} }},
		{"Kafka changes", "audit_log", func(e *account.Expected) {
			e.Changes = maps.Clone(e.Changes)
			e.Changes["audit_log"] = account.Changes{Inserts: 2}
		}},
		{"Kafka freshet_dead_letter", account.LogLine, func(e *account.Expected) { e.Rejected = map[string]int64{account.LogLine: 3, account.Oversized: 1} }},
	} {
		wrong := e
		c.spoil(&wrong)
		if diffs := Verify(t.Context(), s, wrong); len(diffs) != 1 || diffs[0].Store != c.store || diffs[0].Key != c.key {
			t.Errorf("%s %s: found %v", c.store, c.key, diffs)
		}
	}
	t.Run("traffic", func(t *testing.T) {
		if err := s.ClickHouse.Exec(t.Context(), "INSERT INTO dm_traffic_wide SELECT * FROM dm_traffic_wide WHERE event_id = '4'"); err != nil {
			t.Fatal(err)
		}
		if diffs := Verify(t.Context(), s, e); len(diffs) != 2 || diffs[0].Key != "web: event ids" || diffs[1].Key != "web" {
			t.Errorf("a row that is there twice: %v", diffs)
		}
	})
	t.Run("log", func(t *testing.T) {
		produce(t, s, nil, &kgo.Record{Topic: "ods_nginx_access", Value: []byte(`{"raw":"line 0"}`)})
		if diffs := (check{"log", checkLog, nil, false}).do(t.Context(), s, e); len(diffs) != 1 || diffs[0].Key != "records" {
			t.Errorf("a repeated line: %v", diffs)
		}
	})
	t.Run("lake", func(t *testing.T) {
		writeParquet(t, filepath.Join(s.Lake, "dm", "traffic_wide", "dt=2026-03-01", "hm=1005", "part-0.parquet"), 1)
		if diffs := (check{"lake", checkLake, nil, false}).do(t.Context(), s, e); len(diffs) != 1 || diffs[0].Key != "dm/traffic_wide" || diffs[0].Got != "5" {
			t.Errorf("a row too many: %v", diffs)
		}
	})
}

func clone[T any](s []T) []T { return append([]T(nil), s...) }

// TestClassify knows the reasons that the collectors and jobs give.
func TestClassify(t *testing.T) {
	for _, c := range []struct{ source, topic, reason, want string }{
		{"http", "ods_page_view", "the event has 307412 bytes, more than 256KiB", account.Oversized},
		{"http", "ods_page_view", `(line 1:40): unknown field "colour"`, account.UnknownField},
		{"http", "ods_page_view", "field mid is missing", account.MissingMid},
		{"http", "ods_page_view", "not a JSON array: unexpected end of JSON input", account.NotJSON},
		{"http", "ods_page_view", "event 2 is not JSON: unexpected EOF", account.NotJSON},
		{"http", "ods_page_view", `(line 1:40): invalid value for int32 field duration_ms: "long"`, account.BadType},
		{"log", "ods_nginx_access", "the line ends too early", account.LogLine},
		{"", "ods_page_view", "invalid field number", BrokenRecord},
		{"http", "ods_page_view", "moonlight", "other: moonlight"},
		{"", "dwd_page_view", "moonlight", "of dwd_page_view: moonlight"},
	} {
		r := dead("v", c.source, c.reason)
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: "topic", Value: []byte(c.topic)})
		if got := classify(r); got != c.want {
			t.Errorf("%+v is %s", c, got)
		}
	}
}

func TestCents(t *testing.T) {
	for in, want := range map[string]account.Cents{"1.5": 150, "12": 1200, "0.01": 1, "3.140000": 314, "-2.05": -205, "-0.05": -5} {
		if got, err := cents(in); err != nil || got != want {
			t.Errorf("%s is %d: %v", in, got, err)
		}
	}
	for _, in := range []string{"1.005", "x", "", "1,5"} {
		if got, err := cents(in); err == nil {
			t.Errorf("%q is %d", in, got)
		}
	}
	if money(-5) != "-0.05" || money(1234) != "12.34" {
		t.Error(money(-5), money(1234))
	}
}

func TestAddresses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.json")
	for text, brokers := range map[string]string{`{"kafka":"a:1,b:2","mysql":"root@tcp(1.2.3.4:5)/","collector":"1.2.3.4:6"}`: "[a:1 b:2]",
		`{"kafka":["a:1"],"mysql":"1.2.3.4:5","collector":"http://1.2.3.4:6/v1/events"}`: "[a:1]"} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		a, err := ReadAddresses(file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := a.MySQLConfig()
		if err != nil || c.Addr != "1.2.3.4:5" || c.User != "root" || fmt.Sprint([]string(a.Kafka)) != brokers || a.CollectorURL() != "http://1.2.3.4:6" {
			t.Errorf("%s: %+v, MySQL %+v: %v", text, a, c, err)
		}
	}
}
