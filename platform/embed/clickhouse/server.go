// Package clickhouse runs a ClickHouse on loopback ports: the real engine, as a library, behind ClickHouse's
// own HTTP and native protocols, in a child process.
//
// Guarantees: an INSERT that was answered survives kill -9 of the child and of the parent; the ports keep
// answering while the child is down, with an error that clients retry; a crashed child comes back by itself;
// a child never outlives its parent. It does not survive the loss of the machine (no fsync per insert), has no
// SQL users, no replication and one server per data folder. Linux only.
//
// How: the parent opens both listeners and the child inherits them, so nothing is proxied. While no child
// serves, the parent itself accepts and refuses.
package clickhouse

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/freshet-dw/freshet/platform/embed/clickhouse/front"
)

// Config says what to run and where.
type Config struct {
	Dir      string   // data folder, created when missing
	HTTPAddr string   // host:port; "127.0.0.1:0" when empty
	TCPAddr  string   // host:port of the native protocol; "127.0.0.1:0" when empty
	Lib      string   // path of libchdb.so; FindLib's when empty
	Exe      string   // program whose Args lead to ServeChild; this program when empty
	Args     []string // such as {"clickhouse-server"}
	Queries  int      // queries at the same time; 16 when 0
	Logger   *slog.Logger
}

const (
	startTimeout = 60 * time.Second
	stopTimeout  = childGrace + 5*time.Second
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 10 * time.Second
	steadyAfter  = 30 * time.Second // a child that lived so long starts the back-off anew
)

// Server is a running embedded ClickHouse.
type Server struct {
	cfg      Config
	httpL    *net.TCPListener
	tcpL     *net.TCPListener
	cancel   context.CancelFunc
	done     chan struct{}
	pid      atomic.Int64
	restarts atomic.Int64

	mu     sync.Mutex
	reason string // why no child serves
}

// Start opens the ports, starts the child and returns when it serves. The server stops when ctx ends or by Close.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if err := cfg.fill(); err != nil {
		return nil, fmt.Errorf("start embedded ClickHouse: %w", err)
	}
	s := &Server{cfg: cfg, done: make(chan struct{}), reason: "embedded ClickHouse is starting"}
	var err error
	if s.httpL, err = listen(cfg.HTTPAddr); err != nil {
		return nil, fmt.Errorf("start embedded ClickHouse: HTTP port: %w", err)
	}
	if s.tcpL, err = listen(cfg.TCPAddr); err != nil {
		s.httpL.Close()
		return nil, fmt.Errorf("start embedded ClickHouse: native port: %w", err)
	}
	ctx, s.cancel = context.WithCancel(ctx)
	c, err := s.spawn(ctx)
	if err != nil {
		s.cancel()
		s.closeListeners()
		return nil, fmt.Errorf("start embedded ClickHouse: %w", err)
	}
	go s.supervise(ctx, c)
	return s, nil
}

func (c *Config) fill() error {
	if c.Dir == "" {
		return errors.New("no data folder: set Dir")
	}
	if c.HTTPAddr == "" {
		c.HTTPAddr = "127.0.0.1:0"
	}
	if c.TCPAddr == "" {
		c.TCPAddr = "127.0.0.1:0"
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	var err error
	if c.Lib == "" {
		if c.Lib, err = FindLib(); err != nil {
			return err
		}
	} else if err := checkLib(c.Lib); err != nil {
		return err
	}
	if c.Exe == "" {
		if c.Exe, err = os.Executable(); err != nil {
			return fmt.Errorf("find this program: %w", err)
		}
	}
	return nil
}

func listen(addr string) (*net.TCPListener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

// HTTPAddr is the host:port of the HTTP interface.
func (s *Server) HTTPAddr() string { return s.httpL.Addr().String() }

// TCPAddr is the host:port of the native protocol.
func (s *Server) TCPAddr() string { return s.tcpL.Addr().String() }

// PID is the child's process id, 0 while there is none.
func (s *Server) PID() int { return int(s.pid.Load()) }

// Restarts counts the children that came after the first.
func (s *Server) Restarts() int { return int(s.restarts.Load()) }

// Close stops the child, lets it write out what it holds, and closes the ports. Closing twice is harmless.
func (s *Server) Close() error {
	s.cancel()
	<-s.done
	return nil
}

func (s *Server) closeListeners() {
	s.httpL.Close()
	s.tcpL.Close()
}

func (s *Server) why() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason
}

func (s *Server) setWhy(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reason = reason
}

// supervise holds a child up until ctx ends.
func (s *Server) supervise(ctx context.Context, c *child) {
	defer close(s.done)
	defer s.closeListeners()
	backoff := firstBackoff
	for {
		began := time.Now()
		select {
		case <-ctx.Done():
			c.stop(s.cfg.Logger)
			s.pid.Store(0)
			return
		case <-c.exited:
		}
		s.pid.Store(0)
		c.close()
		if time.Since(began) > steadyAfter {
			backoff = firstBackoff
		}
		if c = s.revive(ctx, c.err, &backoff); c == nil {
			return
		}
	}
}

// revive starts children until one serves, refusing clients meanwhile. It returns nil when ctx ends.
func (s *Server) revive(ctx context.Context, cause error, backoff *time.Duration) *child {
	refuseCtx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer func() { stop(); wg.Wait() }()
	s.setWhy(fmt.Sprintf("embedded ClickHouse has stopped (%v) and is being restarted", cause))
	wg.Go(func() { front.RefuseTCP(refuseCtx, s.tcpL, s.why) })
	wg.Go(func() { front.RefuseHTTP(refuseCtx, s.httpL, s.why, s.cfg.Logger) })
	for {
		s.cfg.Logger.Error("embedded ClickHouse has stopped; restarting", "error", cause, "after", *backoff)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(*backoff):
		}
		*backoff = min(*backoff*2, maxBackoff)
		s.restarts.Add(1)
		c, err := s.spawn(ctx)
		if err == nil {
			return c
		}
		if ctx.Err() != nil {
			return nil
		}
		cause = err
		s.setWhy(fmt.Sprintf("embedded ClickHouse does not start (%v); trying again", cause))
	}
}

// child is one run of the subcommand.
type child struct {
	cmd     *exec.Cmd
	control *os.File // its end tells the child to stop
	exited  chan struct{}
	err     error // of the process, once exited
}

// spawn starts a child and waits until it serves.
func (s *Server) spawn(ctx context.Context) (*child, error) {
	httpF, err := dup(s.httpL)
	if err != nil {
		return nil, err
	}
	defer httpF.Close()
	tcpF, err := dup(s.tcpL)
	if err != nil {
		return nil, err
	}
	defer tcpF.Close()
	readyR, readyW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer readyR.Close()
	defer readyW.Close()
	controlR, controlW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer controlR.Close()

	args := append(append([]string{}, s.cfg.Args...), "-dir", s.cfg.Dir, "-lib", s.cfg.Lib, "-queries", strconv.Itoa(s.cfg.Queries))
	cmd := exec.Command(s.cfg.Exe, args...)
	cmd.ExtraFiles = []*os.File{httpF, tcpF, readyW, controlR}
	// A group of its own: Ctrl-C in a terminal reaches the parent, which stops the child in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	logR, logW := io.Pipe()
	cmd.Stderr, cmd.Stdout = logW, logW
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		controlW.Close()
		logW.Close()
		return nil, fmt.Errorf("run %s: %w", s.cfg.Exe, err)
	}
	readyW.Close()
	s.pid.Store(int64(cmd.Process.Pid))

	c := &child{cmd: cmd, control: controlW, exited: make(chan struct{})}
	last := make(chan string, 1)
	go func() { last <- s.logLines(logR) }()
	go func() {
		err := cmd.Wait()
		logW.Close()
		c.err = exitCause(err, <-last)
		close(c.exited)
	}()

	_ = readyR.SetReadDeadline(time.Now().Add(startTimeout))
	unblock := context.AfterFunc(ctx, func() { _ = readyR.SetReadDeadline(time.Unix(1, 0)) })
	defer unblock()
	if _, err := io.ReadFull(readyR, make([]byte, 1)); err != nil {
		if !errors.Is(err, io.EOF) { // alive but silent, or not wanted any more
			_ = cmd.Process.Kill()
		}
		<-c.exited
		c.close()
		s.pid.Store(0)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, c.err
	}
	return c, nil
}

// dup returns the listener's descriptor for the child. TCPListener.File would switch it, and so the parent's
// own, to blocking mode, and then Accept could not be interrupted any more.
func dup(l *net.TCPListener) (*os.File, error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd, dupErr := -1, error(nil)
	if err := raw.Control(func(orig uintptr) { fd, dupErr = unix.FcntlInt(orig, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return nil, err
	}
	if dupErr != nil {
		return nil, fmt.Errorf("copy the listener's descriptor: %w", dupErr)
	}
	return os.NewFile(uintptr(fd), "listener"), nil
}

// logLines passes the child's output to the log and returns its last line, which mostly says why it died.
func (s *Server) logLines(r io.Reader) (last string) {
	br := bufio.NewReaderSize(r, 16<<10)
	for {
		line, _, err := br.ReadLine() // cuts lines longer than the buffer
		if err != nil {
			return last
		}
		if len(line) > 0 {
			last = string(line)
			s.cfg.Logger.Info("clickhouse", "line", last)
		}
	}
}

func exitCause(err error, last string) error {
	switch {
	case err == nil:
		return errors.New("the engine's process ended")
	case last == "":
		return fmt.Errorf("the engine's process: %w", err)
	}
	return fmt.Errorf("the engine's process: %w: %s", err, last)
}

func (c *child) close() { c.control.Close() }

// stop asks the child to end and kills it when it does not.
func (c *child) stop(log *slog.Logger) {
	c.close()
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-c.exited:
	case <-timer.C:
		log.Error("embedded ClickHouse does not stop: killing it")
		_ = c.cmd.Process.Kill()
		<-c.exited
	}
}
