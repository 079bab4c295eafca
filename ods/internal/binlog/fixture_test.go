package binlog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/pkg/mysql"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

// childEnv makes the test's program a reader that can be killed: brokers, server and database.
const childEnv = "BINLOG_TEST_CHILD"

func TestMain(m *testing.M) {
	spec := os.Getenv(childEnv)
	if spec == "" {
		os.Exit(m.Run())
	}
	go func() { // the parent is gone
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	p := strings.Split(spec, " ")
	d, c := settings(p[0], p[1], p[2])
	d.Tel.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	c.Batch = 1000
	err := Module(d, c).Start(context.Background(), func() { fmt.Println("ready") })
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func settings(broker, server, database string) (warehouse.Deps, Config) {
	var c Config
	if err := config.Load(&c, config.Sources{}); err != nil {
		panic(err)
	}
	c.Databases, c.Interval = []string{database}, 10*time.Millisecond
	d := warehouse.Deps{Tel: obs.Discard(), Health: &obs.Health{}}
	d.Config.Kafka = kafka.Config{Brokers: []string{broker}}
	d.Config.MySQL = mysql.Config{Addr: server, User: "root", Timeout: 2 * time.Second}
	d.Config.DeadLetter = "dead"
	return d, c
}

// fixture is a database of its own with a Kafka of its own.
type fixture struct {
	*testing.T
	server   server
	db       *sql.DB
	name     string
	cluster  *kfake.Cluster
	d        warehouse.Deps
	c        Config
	reader   *kgo.Client
	messages map[string][]message // by table
	total    int
}

// message is a record as read.
type message struct {
	partition int32
	offset    int64
	key       string
	keyless   bool
	Data      []map[string]*string `json:"data"`
	Old       []map[string]*string `json:"old"`
	Type      string               `json:"type"`
	Database  string               `json:"database"`
	Table     string               `json:"table"`
	PK        []string             `json:"pkNames"`
	MySQLType map[string]string    `json:"mysqlType"`
	ES        int64                `json:"es"`
	GTID      string               `json:"gtid"`
}

// server is the private MariaDB, or another one.
type server interface {
	Addr() string
	Config() mysql.Config
	Open(testing.TB) *sql.DB
}

// numbers is a derived table of the numbers 1 to n as seq, for n up to 100,000.
func numbers(n int) string {
	digits := "(SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)"
	return fmt.Sprintf("(SELECT seq FROM (SELECT 1+a.d+10*b.d+100*c.d+1000*e.d+10000*f.d AS seq FROM %s a, %s b, %s c, %s e, %s f) x WHERE seq<=%d ORDER BY seq) n", digits, digits, digits, digits, digits, n)
}

func newFixture(t *testing.T, server server) *fixture {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	f := &fixture{T: t, server: server, name: "db_" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "_")), cluster: cluster, messages: map[string][]message{}}
	f.exec("DROP DATABASE IF EXISTS "+f.name, "CREATE DATABASE "+f.name+" CHARACTER SET utf8mb4")
	cfg := server.Config()
	cfg.Database = f.name
	if f.db, err = mysql.Open(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.db.Close() })
	f.d, f.c = settings(cluster.ListenAddrs()[0], server.Addr(), f.name)
	if f.reader, err = kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeRegex(), kgo.ConsumeTopics("^ods_.*", "^dead$"), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.MetadataMaxAge(100*time.Millisecond), kgo.MetadataMinAge(50*time.Millisecond), kgo.FetchMaxWait(50*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.reader.Close)
	return f
}

func (f *fixture) exec(queries ...string) {
	f.Helper()
	db := f.db
	if db == nil {
		db = f.server.Open(f.T)
	}
	for _, q := range queries {
		if _, err := db.Exec(q); err != nil {
			f.Fatalf("%s: %v", q, err)
		}
	}
}

// start runs the module; the function stops it and returns its error.
func (f *fixture) start() (stop func() error) {
	f.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- Module(f.d, f.c).Start(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-done:
		f.Fatalf("module ended: %v", err)
	case <-time.After(20 * time.Second):
		f.Fatalf("module is not ready: %v", f.d.Health.Check(ctx))
	}
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		err := <-done
		if errors.Is(err, context.Canceled) {
			err = nil
		}
		return err
	}
	f.Cleanup(func() { _ = stop() })
	return stop
}

// child starts the reader as a process of its own.
func (f *fixture) child() *exec.Cmd {
	f.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+strings.Join([]string{f.cluster.ListenAddrs()[0], f.server.Addr(), f.name}, " "))
	if testing.Verbose() {
		cmd.Stderr = os.Stderr
	}
	if _, err := cmd.StdinPipe(); err != nil {
		f.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		f.Fatal(err)
	}
	return cmd
}

// read polls once.
func (f *fixture) read(ctx context.Context) {
	f.reader.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
		m := message{partition: r.Partition, offset: r.Offset, key: string(r.Key), keyless: r.Key == nil}
		if r.Topic != "dead" {
			if err := json.Unmarshal(r.Value, &m); err != nil {
				f.Fatalf("%v: %s", err, r.Value)
			}
			if want := f.c.topic(m.Database, m.Table); r.Topic != want {
				f.Errorf("record of %s in %s", want, r.Topic)
			}
		} else {
			m.Table = "dead"
			for _, h := range r.Headers {
				m.Type += h.Key + "=" + string(h.Value) + ";"
			}
		}
		f.messages[m.Table] = append(f.messages[m.Table], m)
		f.total++
	})
}

// until reads until enough says so.
func (f *fixture) until(what string, enough func() bool) {
	f.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for !enough() {
		if ctx.Err() != nil {
			f.Fatalf("%s: not within the time; %d records, health %v", what, f.total, f.d.Health.Check(context.Background()))
		}
		poll, stop := context.WithTimeout(ctx, 200*time.Millisecond)
		f.read(poll)
		stop()
	}
}

func (f *fixture) count(table string, n int) []message {
	f.Helper()
	f.until(fmt.Sprintf("%d records of %s, there are %d", n, table, len(f.messages[table])), func() bool { return len(f.messages[table]) >= n })
	if len(f.messages[table]) > n {
		f.Fatalf("%d records of %s, want %d", len(f.messages[table]), table, n)
	}
	return f.messages[table]
}

func line(m map[string]*string) string {
	var out []string
	for k, v := range m {
		if v == nil {
			out = append(out, k+"=NULL")
		} else {
			out = append(out, k+"="+*v)
		}
	}
	sort.Strings(out)
	return strings.Join(out, " ")
}

// rebuilt applies the records in the order of their partitions: rows with their number.
func (f *fixture) rebuilt(table string) map[string]int {
	rows, byKey := map[string]int{}, map[string]string{}
	for _, m := range f.messages[table] {
		now := line(m.Data[0])
		if m.keyless {
			if m.Type == typeInsert {
				rows[now]++
			} else {
				rows[now]--
			}
			continue
		}
		if m.Type == typeDelete {
			delete(byKey, m.key)
		} else {
			byKey[m.key] = now
		}
	}
	for _, r := range byKey {
		rows[r]++
	}
	for r, n := range rows {
		if n == 0 {
			delete(rows, r)
		}
	}
	return rows
}

// stored reads a table by SELECT, for tables of types that need no conversion.
func (f *fixture) stored(table string) map[string]int {
	f.Helper()
	db, err := open(f.d.Config.MySQL)
	if err != nil {
		f.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT * FROM " + f.name + "." + table)
	if err != nil {
		f.Fatal(err)
	}
	defer rows.Close()
	names, _ := rows.Columns()
	out := map[string]int{}
	for rows.Next() {
		values, to := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range to {
			to[i] = &values[i]
		}
		if err := rows.Scan(to...); err != nil {
			f.Fatal(err)
		}
		m := map[string]*string{}
		for i, n := range names {
			m[n] = nil
			if values[i].Valid {
				m[n] = &values[i].String
			}
		}
		out[line(m)]++
	}
	return out
}

// same compares what was rebuilt with what is stored.
func (f *fixture) same(table string) {
	f.Helper()
	got, want := f.rebuilt(table), f.stored(table)
	bad := 0
	for r, n := range want {
		if got[r] != n {
			if bad++; bad < 5 {
				f.Errorf("%s: %d times %s, want %d", table, got[r], r, n)
			}
		}
	}
	for r, n := range got {
		if want[r] == 0 {
			if bad++; bad < 5 {
				f.Errorf("%s: %d times %s, which is not stored", table, n, r)
			}
		}
	}
	if bad > 0 {
		f.Fatalf("%s: %d of %d rows differ", table, bad, len(want))
	}
}
