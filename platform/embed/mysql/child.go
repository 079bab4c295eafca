package mysql

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/mysql"
)

// flags are the server's settings: everything that change capture needs, and
// little memory.
func (s *Server) flags() []string {
	dir := s.cfg.Dir
	flush := "2" // the system's cache outlives a killed process
	if s.cfg.Sync {
		flush = "1"
	}
	f := []string{
		"--no-defaults",
		"--datadir=" + filepath.Join(dir, "data"),
		fmt.Sprintf("--port=%d", s.port), "--bind-address=127.0.0.1",
		"--socket=" + s.socket, "--pid-file=" + filepath.Join(dir, "mysqld.pid"),
		"--log-error=" + filepath.Join(dir, "error.log"),
		"--skip-name-resolve", "--server-id=1", "--default-time-zone=+00:00", "--character-set-server=utf8mb4",
		"--log-bin=" + filepath.Join(dir, "binlog", "binlog"),
		"--binlog-format=ROW", "--binlog-row-image=FULL", "--binlog-row-metadata=FULL",
		"--sync-binlog=1", "--log-slave-updates=ON",
		"--innodb-flush-log-at-trx-commit=" + flush,
		"--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M", "--performance-schema=OFF",
		"--max-connections=200", "--max-allowed-packet=64M",
	}
	if s.inst.mariadb {
		return append(f, "--binlog-annotate-row-events=ON", "--gtid-strict-mode=ON")
	}
	return append(f, "--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--mysqlx=OFF")
}

// supervise runs the child until ctx is done, again after each crash, and
// reports the first start on ready.
func (s *Server) supervise(ctx context.Context, ready chan<- error) {
	defer close(s.done)
	// The child's death signal is tied to the thread that starts it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	crashes := 0
	for {
		began := time.Now()
		err := s.runChild(ctx, ready)
		ready = nil
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > crashReset {
			crashes = 0
		}
		if crashes++; crashes > maxCrashes || err == nil {
			if err == nil {
				err = fault.New(fault.Unavailable, "MySQL was shut down from outside")
			}
			s.mu.Lock()
			s.err = err
			s.mu.Unlock()
			return
		}
		s.cfg.Log.Warn("embedded mysql crashed, starting it again", "err", err, "crashes", crashes)
		if (fault.SystemClock{}).Sleep(ctx, time.Duration(crashes)*200*time.Millisecond) != nil {
			return
		}
	}
}

// runChild runs the child once. It returns nil when the child ended by itself
// without an error.
func (s *Server) runChild(ctx context.Context, ready chan<- error) error {
	report := func(err error) {
		if ready != nil {
			ready <- err
			ready = nil
		}
	}
	// Not tied to ctx: an end by ctx must be a graceful one.
	cmd := s.inst.command(context.WithoutCancel(ctx), s.inst.program, s.flags()...)
	dieWithParent(cmd.SysProcAttr)
	// Ctrl-C reaches the whole foreground group; the child is told to stop in its turn.
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		err = fault.Wrap(fault.Config, err, "start %s", s.inst.program)
		report(err)
		return err
	}
	s.mu.Lock()
	s.pid = cmd.Process.Pid
	s.mu.Unlock()
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()

	probe, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	up := make(chan error, 1)
	go func() { up <- s.awaitUp(probe) }()
	select {
	case err := <-up:
		if err != nil && ctx.Err() == nil {
			report(fault.Wrap(fault.Unavailable, err, "wait for MySQL: %s", s.tail()))
			return s.terminate(cmd.Process, exited)
		}
		report(nil)
	case err := <-exited:
		cancel()
		<-up
		err = fault.Newf(fault.Unavailable, "MySQL ended at its start (%v): %s", err, s.tail())
		report(err)
		return err
	}
	select {
	case err := <-exited:
		if err == nil {
			return nil
		}
		return fault.Newf(fault.Unavailable, "MySQL ended: %v: %s", err, s.tail())
	case <-ctx.Done():
		return s.terminate(cmd.Process, exited)
	}
}

func (s *Server) awaitUp(ctx context.Context) error {
	db, err := s.open()
	if err != nil {
		return err
	}
	defer db.Close()
	policy := fault.Policy{Initial: 20 * time.Millisecond, Max: 100 * time.Millisecond, Retry: func(error) bool { return true }}
	return fault.Retry(ctx, policy, func(ctx context.Context) error { return mysql.Ping(ctx, db) })
}

// terminate asks the child to shut down, and kills it when it does not.
func (s *Server) terminate(p *os.Process, exited <-chan error) error {
	_ = p.Signal(syscall.SIGTERM) // gone already is as good
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case err := <-exited:
		return err
	case <-timer.C:
		s.cfg.Log.Warn("embedded mysql does not stop, killing it")
		_ = p.Kill()
		return <-exited
	}
}

// tail is the end of the error log.
func (s *Server) tail() string {
	text, err := os.ReadFile(filepath.Join(s.cfg.Dir, "error.log"))
	if err != nil {
		return "no error log"
	}
	return lastLines(string(text), 5)
}
