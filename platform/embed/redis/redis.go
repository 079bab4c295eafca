// Package redis is the local stack's Redis: the commands of miniredis on a
// loopback port, made durable.
//
// Every change is one record of a log: the command (a whole transaction is one
// record), its database and the time at which it was applied. Starting applies
// the log to an empty store with the clock set to each record's time, so that
// relative expiries, stream ids and random picks come out as they did. A reply
// to a change leaves only after its record is in the file and, with Sync, on
// the disk; the changes that wait share one fsync. From time to time the store
// is written out as a snapshot and older logs are removed.
//
// Guarantees: an acknowledged change survives kill -9 (with Sync, power loss);
// a transaction is there whole or not at all; time passes as on the wall, in steps of at least 5 ms.
//
// Not given: blocking reads (BLPOP, XREAD BLOCK and their kind are refused),
// access control, replication, cluster, Redis' own file formats. While streams
// or HyperLogLogs exist no snapshot is taken and the log only grows.
package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/freshet-dw/freshet/pkg/fault"
)

// Config says where the server keeps its data and listens.
type Config struct {
	Dir          string // data directory, created if missing; empty keeps everything in memory
	Port         int    // on 127.0.0.1; 0 takes a free one
	Sync         bool   // fsync before a change is acknowledged
	CompactBytes int64  // log size that starts a compaction; default 64 MiB
	Log          *slog.Logger
}

// databases is how many there are, as in Redis' default configuration.
const databases = 16

// Server is a running server.
type Server struct {
	cfg      Config
	listener net.Listener
	store    *store
	wal      *wal // nil in memory

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
	err    error
	done   chan struct{}
	peers  sync.WaitGroup // the acceptor and the connections
	writer sync.WaitGroup // the log's writer and the compactor
}

// store is the data with its clock. Its mutex makes the order of application
// the order of the log.
type store struct {
	mu      sync.Mutex
	mini    *miniredis.Miniredis
	srv     *server.Server
	last    time.Time         // what the clock shows
	step    time.Duration     // least distance of the clock's moves
	timed   bool              // something depends on time
	scripts map[string]string // sources by SHA-1, which miniredis does not give out
}

func newStore() (*store, error) {
	mini := miniredis.NewMiniRedis()
	// Dialling starts miniredis without a listener; commands are dispatched to
	// it directly.
	c, err := mini.Dial()
	if err != nil {
		return nil, err
	}
	s := &store{mini: mini, srv: mini.Server(), scripts: map[string]string{}}
	s.set(time.Unix(0, 0), false)
	mini.ClockTTL(true)
	return s, c.Close()
}

// set moves the clock, and throws the dice for commands that need them.
func (s *store) set(t time.Time, dice bool) {
	if !t.Equal(s.last) {
		s.last = t
		s.mini.SetTime(t)
	}
	if dice {
		s.mini.Seed(int(t.UnixNano()))
	}
}

// tick moves the clock to the wall's time, when something depends on time, and
// returns what it shows. At each move miniredis looks at every key, so moves
// are as far apart as keeps them to a twentieth of the time: 5 ms in a small
// store, half a second with 50,000 keys. Time never runs backwards.
func (s *store) tick(args []string) time.Time {
	s.timed = s.timed || timed(args)
	wall := time.Now().UTC()
	if s.timed && wall.Sub(s.last) >= s.step {
		s.set(wall, false)
		s.mini.DB(0)
		s.step = max(5*time.Millisecond, 20*time.Since(wall))
	}
	return s.last
}

// timed tells the commands after which time matters: those that set an expiry,
// and those that use the clock or dice themselves.
func timed(args []string) bool {
	switch cmd := strings.ToUpper(args[0]); cmd {
	case "SET":
		return len(args) > 3
	case "SETEX", "PSETEX", "GETEX", "RESTORE", "TIME", "SPOP":
		return true
	default:
		return strings.Contains(cmd, "EXPIRE") || strings.HasPrefix(cmd, "EVAL") || strings.HasPrefix(cmd, "X") || cmd == "HSETEX"
	}
}

// Start loads the data and listens. The context bounds the start only; the
// server runs until Close, or until its log cannot be written (see Done).
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.CompactBytes <= 0 {
		cfg.CompactBytes = 64 << 20
	}
	st, err := newStore()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "start Redis")
	}
	s := &Server{cfg: cfg, store: st, conns: map[net.Conn]struct{}{}, done: make(chan struct{})}
	var lc net.ListenConfig
	s.listener, err = lc.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", cfg.Port))
	if err != nil {
		st.mini.Close()
		err = fault.Wrap(fault.Config, err, "start Redis")
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fault.WithRemedy(err, "choose another port or stop the process that holds it")
		}
		return nil, err
	}
	if cfg.Dir != "" {
		if err := s.load(ctx); err != nil {
			return nil, fault.Join(err, s.listener.Close())
		}
	}
	s.peers.Go(s.accept)
	if s.wal != nil {
		s.writer.Go(func() {
			if err := s.wal.run(); err != nil {
				s.fail(err)
			}
		})
	}
	return s, nil
}

func (s *Server) load(ctx context.Context) error {
	if err := os.MkdirAll(s.cfg.Dir, 0o755); err != nil {
		return fault.Wrap(fault.Config, err, "make Redis' data directory")
	}
	began := time.Now()
	w, records, err := openWAL(ctx, s.cfg.Dir, s.cfg.Sync, s.store.replayer())
	if err != nil {
		return err
	}
	s.wal = w
	// The time that the server was away passes now.
	s.store.set(maxTime(s.store.last, time.Now().UTC()), false)
	s.cfg.Log.Debug("embedded redis: loaded", "records", records, "elapsed", time.Since(began))
	return nil
}

// Addr is the server's host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Done is closed when the server has stopped; Err then tells why.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err is nil while the server runs and after Close, else why it stopped.
func (s *Server) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close stops listening, ends connections and writes what waits. It may be
// called more than once.
func (s *Server) Close() error {
	s.stop(nil)
	s.peers.Wait()
	// The log ends last, after every connection that may still append.
	if s.wal != nil {
		s.wal.close()
	}
	s.writer.Wait()
	if s.wal != nil {
		s.wal.compactors.Wait()
	}
	s.store.mini.Close()
	return s.Err()
}

// fail stops the server because a change could not be recorded: the store is
// ahead of the log, so nothing more may be answered from it.
func (s *Server) fail(err error) {
	s.cfg.Log.Error("embedded redis stops", "err", err)
	s.stop(err)
}

func (s *Server) stop(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	s.err = err
	for c := range s.conns {
		_ = c.Close() // its reader ends; nothing is owed to it
	}
	_ = s.listener.Close()
	close(s.done)
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
