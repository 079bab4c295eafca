// Package mysql is the local stack's MySQL: a private MariaDB or MySQL server
// as a child process, with a data directory and port of its own and a full row
// binlog with GTIDs, as change capture needs it.
//
// Guarantees: committed transactions and their binlog survive kill -9 of this
// process and of the child (with Sync, power loss too); the child ends when
// this process ends, however it ends; a child that crashes is started again on
// the same port. The system's own instance and its configuration files are
// never touched. The account is root without a password, on loopback only.
package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/mysql"
	"github.com/freshet-dw/freshet/platform/embed/port"
)

// Config says where the server keeps its data and listens.
type Config struct {
	Dir       string   // data directory, created and initialised if missing
	Port      int      // on 127.0.0.1; 0 takes a free one
	Sync      bool     // fsync InnoDB's log at each commit; the binlog always is
	Databases []string // created if missing
	Program   string   // server program; default: found on PATH and in the usual places
	Log       *slog.Logger
}

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 20 * time.Second
	// maxCrashes in a row, none of which lasted crashReset, end the server.
	maxCrashes = 5
	crashReset = 30 * time.Second
)

// Server is a running server.
type Server struct {
	cfg    Config
	inst   installation
	port   int
	socket string

	stop   context.CancelFunc
	done   chan struct{}
	mu     sync.Mutex
	err    error
	pid    int
	closed bool
}

// Start finds the server program, initialises the data directory if it is new
// (one to three seconds) and returns once the server answers. The context
// bounds the start only; the server runs until Close.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Dir == "" {
		return nil, fault.New(fault.Config, "start MySQL: no data directory given")
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "start MySQL")
	}
	cfg.Dir = dir
	inst, err := find(ctx, cfg.Program)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, inst: inst, done: make(chan struct{})}
	if s.port, err = freePort(ctx, cfg.Port); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fault.Wrap(fault.Config, err, "make MySQL's data directory")
	}
	s.inst.chooseUser(dir)
	endStale(dir, cfg.Log)
	if err := s.initialise(ctx); err != nil {
		return nil, err
	}
	s.socket = filepath.Join(dir, "mysqld.sock")
	if len(s.socket) > 100 { // the kernel's limit is 107
		tmp, err := os.MkdirTemp("", "freshet-mysql")
		if err != nil {
			return nil, fault.Wrap(fault.Config, err, "make a directory for MySQL's socket")
		}
		if err := s.inst.own(tmp); err != nil {
			return nil, err
		}
		s.socket = filepath.Join(tmp, "mysqld.sock")
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = cancel
	ready := make(chan error, 1)
	go s.supervise(run, ready)
	select {
	case err = <-ready:
	case <-ctx.Done():
		err = fault.Wrap(fault.Canceled, ctx.Err(), "start MySQL")
	}
	if err == nil {
		err = s.prepare(ctx)
	}
	if err != nil {
		_ = s.Close() // the start's error says more
		return nil, err
	}
	return s, nil
}

// Addr is the server's host:port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// DSN is the data source name of go-sql-driver for a database ("" for none).
func (s *Server) DSN(database string) string {
	return mysql.DSN(mysql.Config{Addr: s.Addr(), User: "root", Database: database, Timeout: 5 * time.Second})
}

// Pid is the child's process id.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pid
}

// Done is closed when the server has ended for good; Err then tells why.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err is nil while the server runs and after Close, else why it ended.
func (s *Server) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close shuts the server down and waits until it is gone. It may be called
// more than once.
func (s *Server) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	s.stop()
	<-s.done
	if dir := filepath.Dir(s.socket); first && dir != s.cfg.Dir {
		_ = os.RemoveAll(dir)
	}
	return s.Err()
}

// prepare creates what is asked for.
func (s *Server) prepare(ctx context.Context) error {
	db, err := s.open()
	if err != nil {
		return err
	}
	defer db.Close()
	for _, name := range s.cfg.Databases {
		if _, err := db.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS "+mysql.Quote(name)+" CHARACTER SET utf8mb4"); err != nil {
			return mysql.Classify(err, "create database %s", name)
		}
	}
	return nil
}

func (s *Server) open() (*sql.DB, error) {
	return mysql.Open(mysql.Config{Addr: s.Addr(), User: "root", Pool: 1, Timeout: 2 * time.Second})
}

// freePort is the wanted port, if nobody has it, or any for 0.
func freePort(ctx context.Context, wanted int) (int, error) {
	if wanted == 0 {
		ports, err := port.Free(ctx, 1)
		if err != nil {
			return 0, err
		}
		return ports[0], nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", wanted))
	if err != nil {
		err = fault.Wrap(fault.Config, err, "start MySQL")
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fault.WithRemedy(err, "choose another port or stop the process that holds it")
		}
		return 0, err
	}
	return wanted, fault.Wrap(fault.Internal, l.Close(), "start MySQL")
}

// endStale ends a server that an earlier process left in the directory, which
// happens only where the system cannot tie a child's life to its parent's.
func endStale(dir string, log *slog.Logger) {
	text, err := os.ReadFile(filepath.Join(dir, "mysqld.pid"))
	if err != nil {
		return
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return
	}
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.Contains(string(cmdline), "--datadir="+filepath.Join(dir, "data")+"\x00") {
		return
	}
	log.Warn("embedded mysql: ending a server left behind", "pid", pid)
	if syscall.Kill(pid, syscall.SIGTERM) != nil {
		return
	}
	for end := time.Now().Add(stopTimeout); time.Now().Before(end) && syscall.Kill(pid, 0) == nil; {
		time.Sleep(20 * time.Millisecond)
	}
}
