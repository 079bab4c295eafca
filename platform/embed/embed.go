// Package embed is the local stack: Kafka, Redis, MySQL, ClickHouse and HBase
// behind their own protocols on loopback ports, with one data directory.
//
// The production clients and the usual command-line tools work against it. One
// process owns a data directory; a second one is refused. Data survives a
// restart and kill -9. See the packages below for what each server leaves out.
package embed

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/platform/embed/clickhouse"
	"github.com/freshet-dw/freshet/platform/embed/hbase"
	"github.com/freshet-dw/freshet/platform/embed/kafka"
	"github.com/freshet-dw/freshet/platform/embed/mysql"
	"github.com/freshet-dw/freshet/platform/embed/redis"
)

// The stores by name, in the order in which they are shown.
const (
	Kafka      = "kafka"
	Redis      = "redis"
	MySQL      = "mysql"
	ClickHouse = "clickhouse"
	HBase      = "hbase"
)

// Stores lists all stores.
func Stores() []string { return []string{Kafka, Redis, MySQL, ClickHouse, HBase} }

// Config says what to start, where it keeps its data and listens.
type Config struct {
	Dir       string   // data directory, created if missing
	Ports     Ports    // see DefaultPorts; 0 takes a free port
	Stores    []string // which to start; empty for all
	Databases []string // created in MySQL if missing
	Sync      bool     // fsync before acknowledging: survive loss of power too

	// ClickHouseArgs are the arguments with which this program becomes
	// ClickHouse's child process; default "clickhouse-server".
	ClickHouseArgs []string

	Log *slog.Logger
	// Progress is told each store's "starting", then "ready" or "failed". It is
	// called by one goroutine at a time; may be nil.
	Progress func(name, state string)
}

// Stack is what runs.
type Stack struct {
	Kafka      *kafka.Server
	Redis      *redis.Server
	MySQL      *mysql.Server
	ClickHouse *clickhouse.Server
	HBase      *hbase.Server

	lock   *os.File
	cancel context.CancelFunc
	done   chan struct{}
	watch  sync.WaitGroup
	once   sync.Once
	mu     sync.Mutex
	err    error
}

// Start starts the stores side by side and returns when all are ready. If one
// cannot start, those that could are stopped again and all causes are
// returned. The context bounds the start only.
func Start(ctx context.Context, cfg Config) (*Stack, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if len(cfg.Stores) == 0 {
		cfg.Stores = Stores()
	}
	for _, name := range cfg.Stores {
		if !slices.Contains(Stores(), name) {
			return nil, fault.WithRemedy(fault.Newf(fault.Config, "unknown store %q", name), "known are: "+strings.Join(Stores(), ", "))
		}
	}
	if len(cfg.ClickHouseArgs) == 0 {
		cfg.ClickHouseArgs = []string{"clickhouse-server"}
	}
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	if err := checkPorts(cfg.Ports, cfg.Stores); err != nil {
		return nil, fault.Join(err, lock.Close())
	}
	// Servers live in a context of their own, which ctx cancels only while they start.
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	release := context.AfterFunc(ctx, cancel)
	s := &Stack{lock: lock, cancel: cancel, done: make(chan struct{})}
	if err := s.startAll(life, cfg); err != nil {
		return nil, fault.Join(err, s.Close())
	}
	if !release() {
		return nil, fault.Join(fault.Wrap(fault.Canceled, ctx.Err(), "start the local stack"), s.Close())
	}
	s.watchServers()
	return s, nil
}

func (s *Stack) startAll(ctx context.Context, cfg Config) error {
	dir := func(name string) string { return filepath.Join(cfg.Dir, name) }
	local := func(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
	log := func(name string) *slog.Logger { return cfg.Log.With("store", name) }
	starters := map[string]func() error{
		Kafka: func() (err error) {
			s.Kafka, err = kafka.Start(ctx, kafka.Config{Dir: dir(Kafka), Port: cfg.Ports.Kafka, Sync: cfg.Sync, Log: log(Kafka)})
			return err
		},
		Redis: func() (err error) {
			s.Redis, err = redis.Start(ctx, redis.Config{Dir: dir(Redis), Port: cfg.Ports.Redis, Sync: cfg.Sync, Log: log(Redis)})
			return err
		},
		MySQL: func() (err error) {
			s.MySQL, err = mysql.Start(ctx, mysql.Config{Dir: dir(MySQL), Port: cfg.Ports.MySQL, Sync: cfg.Sync, Databases: cfg.Databases, Log: log(MySQL)})
			return err
		},
		ClickHouse: func() (err error) {
			s.ClickHouse, err = clickhouse.Start(ctx, clickhouse.Config{Dir: dir(ClickHouse), HTTPAddr: local(cfg.Ports.ClickHouse),
				TCPAddr: local(cfg.Ports.ClickHouseNative), Args: cfg.ClickHouseArgs, Logger: log(ClickHouse)})
			return err
		},
		HBase: func() (err error) {
			s.HBase, err = hbase.Start(ctx, hbase.Config{Dir: dir(HBase), ZKAddr: local(cfg.Ports.ZooKeeper), RPCAddr: local(cfg.Ports.HBase), Logger: log(HBase)})
			return err
		},
	}
	var mu sync.Mutex
	tell := func(name, state string) {
		mu.Lock()
		defer mu.Unlock()
		if cfg.Progress != nil {
			cfg.Progress(name, state)
		}
	}
	errs := make([]error, len(cfg.Stores))
	var wg sync.WaitGroup
	for i, name := range cfg.Stores {
		tell(name, "starting")
		wg.Go(func() {
			if err := starters[name](); err != nil {
				// One that failed must not be waited for by the others.
				s.cancel()
				errs[i] = err
				tell(name, "failed")
				return
			}
			tell(name, "ready")
		})
	}
	wg.Wait()
	// Those that were only canceled with the first are no causes.
	causes := slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return err == nil || fault.KindOf(err) == fault.Canceled })
	if len(causes) > 0 {
		return fault.Join(causes...)
	}
	return fault.Join(errs...)
}

// watchServers closes done when a server that reports its end has ended.
func (s *Stack) watchServers() {
	type ending interface {
		Done() <-chan struct{}
		Err() error
	}
	ended := make(chan struct{})
	var once sync.Once
	add := func(name string, e ending) {
		s.watch.Go(func() {
			<-e.Done()
			if err := e.Err(); err != nil {
				s.mu.Lock()
				s.err = fault.Join(s.err, fault.Wrap(fault.None, err, "%s", name))
				s.mu.Unlock()
			}
			once.Do(func() { close(ended) })
		})
	}
	if s.Redis != nil {
		add(Redis, s.Redis)
	}
	if s.MySQL != nil {
		add(MySQL, s.MySQL)
	}
	if s.Redis != nil || s.MySQL != nil {
		s.watch.Go(func() {
			<-ended
			close(s.done)
		})
	}
}

// Done is closed when a server has ended by itself, or after Close, if Redis or
// MySQL is part of the stack.
func (s *Stack) Done() <-chan struct{} { return s.done }

// Err tells why a server ended.
func (s *Stack) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close stops all servers side by side and waits for them. It may be called
// more than once.
func (s *Stack) Close() error {
	var err error
	s.once.Do(func() { err = s.close() })
	return err
}

func (s *Stack) close() error {
	var mu sync.Mutex
	var errs []error
	var wg sync.WaitGroup
	stop := func(name string, f func() error) {
		wg.Go(func() {
			if err := f(); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fault.Wrap(fault.Internal, err, "stop %s", name))
			}
		})
	}
	if s.Kafka != nil {
		stop(Kafka, s.Kafka.Close)
	}
	if s.Redis != nil {
		stop(Redis, s.Redis.Close)
	}
	if s.MySQL != nil {
		stop(MySQL, s.MySQL.Close)
	}
	if s.ClickHouse != nil {
		stop(ClickHouse, s.ClickHouse.Close)
	}
	if s.HBase != nil {
		stop(HBase, s.HBase.Close)
	}
	wg.Wait()
	s.watch.Wait()
	s.cancel()
	errs = append(errs, s.lock.Close())
	return fault.Join(errs...)
}
