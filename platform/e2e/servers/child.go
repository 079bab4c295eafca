package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// Server is a server as a child process.
type Server struct {
	// Addr is where clients connect, host:port; of HBase, its ZooKeeper. It stays the same over Restart.
	Addr string
	// Log is the file with what the process wrote.
	Log string

	name    string
	args    []string
	dir     string
	timeout time.Duration
	// impatient: a server that takes its time to stop may be killed after a moment, since all that it acknowledged is in its log.
	impatient bool
	ready     func(context.Context) error

	since int // size of the log at the last start

	mu     sync.Mutex
	pid    int
	exited chan struct{}
}

const (
	stopTimeout = 20 * time.Second
	stopMoment  = 5 * time.Second
	probeEvery  = 50 * time.Millisecond
)

// start runs the process and waits until ready gives nil, at most timeout.
func (s *Server) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	log, err := os.OpenFile(s.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fault.Wrap(fault.Config, err, "start %s", s.name)
	}
	if st, err := log.Stat(); err == nil {
		s.since = int(st.Size())
	}
	cmd := exec.Command(s.args[0], s.args[1:]...) // not tied to ctx, which bounds the start only
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the tests; they stop the servers in their turn
	dieWithParent(cmd.SysProcAttr)
	started, exited := make(chan error), make(chan struct{})
	go func() {
		// The child is told of the death of the thread that started it: the thread must live as long.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer log.Close()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
		close(exited)
	}()
	if err := <-started; err != nil {
		return fault.Wrap(fault.Config, err, "start %s", s.name)
	}
	s.mu.Lock()
	s.pid, s.exited = cmd.Process.Pid, exited
	s.mu.Unlock()
	for {
		probe, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := s.ready(probe)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-exited:
			return fault.Newf(fault.Unavailable, "%s ended at its start; the end of %s:\n%s", s.name, s.Log, s.tail())
		case <-ctx.Done():
			return errors.Join(fault.Newf(fault.Unavailable, "%s was not ready in time: %w; the end of %s:\n%s", s.name, err, s.Log, s.tail()), s.Kill())
		case <-time.After(probeEvery):
		}
	}
}

// Stop asks the server to end, kills it when it does not, and waits until it is gone.
func (s *Server) Stop() error { return s.signal(syscall.SIGTERM) }

// Kill ends the server without asking, as kill -9 does, and waits until it is gone.
func (s *Server) Kill() error { return s.signal(syscall.SIGKILL) }

func (s *Server) signal(sig syscall.Signal) error {
	s.mu.Lock()
	pid, exited := s.pid, s.exited
	s.mu.Unlock()
	select {
	case <-exited:
		return nil
	default:
	}
	_ = syscall.Kill(pid, sig) // gone meanwhile is as good
	patience := stopTimeout
	if s.impatient {
		patience = stopMoment
	}
	select {
	case <-exited:
		return nil
	case <-time.After(patience):
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	<-exited
	if s.impatient {
		return nil
	}
	return fault.Newf(fault.Internal, "%s had to be killed: it did not stop within %s", s.name, stopTimeout)
}

// Restart starts the server again on its data and address, after Stop or Kill.
func (s *Server) Restart(ctx context.Context) error { return s.start(ctx) }

func (s *Server) tail() string {
	text, err := os.ReadFile(s.Log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// run fills in what all servers have, and starts.
func (s *Server) run(ctx context.Context, dir string) (*Server, error) {
	s.dir, s.Log = dir, filepath.Join(dir, s.name+".log")
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// folder makes the server's directory, an absolute path.
func folder(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	return dir, fault.Wrap(fault.Config, err, "make a server's directory")
}

// once runs a command that prepares a directory; its output is in the error.
func once(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fault.Wrap(fault.Config, err, "%s: %s", strings.Join(args, " "), strings.TrimSpace(string(out)))
	}
	return nil
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// logged is ready once the log has the text.
func (s *Server) logged(text string) func(context.Context) error {
	return func(context.Context) error {
		data, err := os.ReadFile(s.Log)
		if err != nil {
			return err
		}
		if !strings.Contains(string(data[min(len(data), s.since):]), text) {
			return fmt.Errorf("the log does not say %q yet", text)
		}
		return nil
	}
}
