package binlog

import (
	"context"
	"database/sql"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/ods/internal/positions"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/pkg/mysql"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

// Module is the target ods-binlog. It is ready when the topics of all tables are there; an outage of the database or of Kafka makes it unready until it is over.
func Module(d warehouse.Deps, c Config) service.Module {
	return service.Module{Name: "ods-binlog", Help: "MySQL and MariaDB tables and their changes to Kafka", Start: func(ctx context.Context, ready func()) error {
		s := newSource(d, c)
		defer d.Health.Add("ods-binlog", s.healthy)()
		return s.run(ctx, ready)
	}}
}

type metrics struct {
	rows     *prometheus.CounterVec
	lag      prometheus.Gauge
	restarts prometheus.Counter
	ddl      prometheus.Counter
	dead     prometheus.Counter
	unread   prometheus.Counter
}

func newMetrics(t *obs.Telemetry) metrics {
	counter := func(name, help string) prometheus.Counter {
		return obs.Register(t.Metrics, prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help}))
	}
	return metrics{
		rows: obs.Register(t.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "freshet_binlog_records_total", Help: "Committed records by table and type."}, []string{"table", "type"})),
		lag: obs.Register(t.Metrics, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "freshet_binlog_lag_seconds", Help: "Age of the newest change when it was read; 0 when there is nothing to read."})),
		restarts: counter("freshet_binlog_restarts_total", "How often reading began again after an error."),
		ddl:      counter("freshet_binlog_ddl_total", "Statements that alter tables, seen in the binlog."),
		dead:     counter("freshet_binlog_dead_letters_total", "Rows too large for a record."),
		unread:   counter("freshet_binlog_unreadable_statements_total", "Changes logged as statements, which cannot be read."),
	}
}

// source is the reader of one server.
type source struct {
	cfg     Config
	server  mysql.Config
	kafka   kafka.Config
	dead    string
	log     *slog.Logger
	metrics metrics
	trouble atomic.Pointer[error]

	// Of one session: what follows is made anew after each error.
	flavor   string
	charsets map[uint64]string // by collation id
	out      *positions.Writer
	state    *state
	topics   map[string]bool
	pending  int // records since the last commit
	counts   map[count]int
}

type count struct{ table, typ string }

func newSource(d warehouse.Deps, c Config) *source {
	s := &source{cfg: c, server: d.Config.MySQL, kafka: d.Config.Kafka, dead: d.Config.DeadLetter, log: d.Tel.With("ods-binlog").Log, metrics: newMetrics(d.Tel)}
	if c.Own {
		s.server = c.MySQL
	}
	if s.cfg.ServerID == 0 {
		h := fnv.New32a()
		_, _ = h.Write([]byte(c.Name + s.server.Addr)) // cannot fail
		s.cfg.ServerID = 1<<30 | h.Sum32()>>2
	}
	starting := fault.New(fault.Unavailable, "starting")
	s.trouble.Store(&starting)
	return s
}

func (s *source) healthy(context.Context) error {
	if e := s.trouble.Load(); e != nil {
		return *e
	}
	return nil
}

// calm is how long a session must have lasted for the next error to be a first one.
const calm = 30 * time.Second

// run begins a session again after each error that may pass.
func (s *source) run(ctx context.Context, ready func()) error {
	policy := fault.Policy{Initial: 100 * time.Millisecond, Max: 5 * time.Second}
	ready = sync.OnceFunc(ready)
	for n := 1; ; n++ {
		began := time.Now()
		err := s.session(ctx, ready)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if k := fault.KindOf(err); !k.Retryable() && k != fault.Canceled {
			return err
		}
		if time.Since(began) > calm {
			n = 1
		}
		s.trouble.Store(&err)
		s.metrics.restarts.Inc()
		wait := policy.Backoff(n, rand.Float64())
		s.log.Warn("reading the binlog begins again from the last committed position", "err", err, "wait", wait.Round(time.Millisecond))
		if err := (fault.SystemClock{}).Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// session reads from the last committed position until something fails.
func (s *source) session(ctx context.Context, ready func()) error {
	db, err := open(s.server)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := s.check(ctx, db); err != nil {
		return err
	}
	out, last, err := positions.Open(ctx, positions.Options{Kafka: s.kafka, Source: s.cfg.Name, MaxRecord: int(s.cfg.MaxRecord)})
	if err != nil {
		return err
	}
	defer out.Close()
	s.out, s.pending, s.topics, s.counts = out, 0, map[string]bool{}, map[count]int{}
	if s.state, err = readState(last, s.flavor); err != nil {
		return err
	}
	tables, err := s.tables(ctx, db)
	if err != nil {
		return err
	}
	if len(tables) == 0 {
		s.log.Warn("no table to read yet; those that are created later will be", "databases", s.cfg.Databases)
	}
	topics := []kafka.Topic{{Name: s.dead, Partitions: 1}}
	for _, t := range tables {
		topics = append(topics, s.topic(t.topic))
	}
	if err := kafka.EnsureTopics(ctx, kadm.NewClient(out.Client()), topics); err != nil {
		return err
	}
	for _, t := range topics {
		s.topics[t.Name] = true
	}
	ready()
	if err := s.copyTables(ctx, db, tables); err != nil {
		return err
	}
	return s.stream(ctx, db)
}

func (s *source) topic(name string) kafka.Topic {
	return kafka.Topic{Name: name, Partitions: int32(s.cfg.Partitions), Configs: map[string]string{"max.message.bytes": strconv.Itoa(int(s.cfg.MaxRecord) + 64<<10)}}
}

// send adds a record to the batch.
func (s *source) send(ctx context.Context, t *table, typ string, rec *kgo.Record) error {
	if !s.topics[rec.Topic] { // a new table
		if err := kafka.EnsureTopics(ctx, kadm.NewClient(s.out.Client()), []kafka.Topic{s.topic(rec.Topic)}); err != nil {
			return err
		}
		s.topics[rec.Topic] = true
	}
	if size := len(rec.Key) + len(rec.Value); size > int(s.cfg.MaxRecord) {
		typ = "dead_letter"
		s.metrics.dead.Inc()
		s.log.Warn("row is too large for a record", "table", t.full(), "bytes", size, "key", string(rec.Key))
		rec = s.deadLetter(rec, size)
	}
	s.pending++
	s.counts[count{t.full(), typ}]++
	return s.out.Produce(ctx, rec)
}

// deadLetterRoom is what of an oversized row a dead letter keeps.
const deadLetterRoom = 900 << 10

func (s *source) deadLetter(rec *kgo.Record, size int) *kgo.Record {
	h := func(k, v string) kgo.RecordHeader { return kgo.RecordHeader{Key: k, Value: []byte(v)} }
	return &kgo.Record{Topic: s.dead, Key: rec.Key, Value: rec.Value[:deadLetterRoom], Partition: rec.Partition, Headers: []kgo.RecordHeader{
		h("topic", rec.Topic), h("source", "binlog"), h("position", s.state.At.String()), h("bytes", strconv.Itoa(size)),
		h("reason", "the row has more than "+s.cfg.MaxRecord.String()),
	}}
}

// commit makes the batch visible together with the state.
func (s *source) commit(ctx context.Context) error {
	if err := s.out.Commit(ctx, s.state.encode()); err != nil {
		return err
	}
	s.pending = 0
	for c, n := range s.counts {
		s.metrics.rows.WithLabelValues(c.table, c.typ).Add(float64(n))
	}
	clear(s.counts)
	return nil
}

var _ querier = (*sql.DB)(nil)
