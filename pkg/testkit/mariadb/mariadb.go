// Package mariadb starts a private MariaDB server with a full row binlog for a test, on a free port of 127.0.0.1, in a directory of its own.
// The account is root without a password. The server ends with the test, also when the test's process is killed (on Linux).
package mariadb

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/mysql"
)

// Server is a running server.
type Server struct {
	Dir  string
	port int
	args []string
	cred *syscall.Credential
	cmd  *exec.Cmd
	done chan struct{}
}

func lookup(name string) string {
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/bin"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return filepath.Join(dir, name)
		}
	}
	return ""
}

// Start makes a new server with additional flags, which takes two to three seconds. The test fails when MariaDB is not installed.
func Start(t testing.TB, flags ...string) *Server {
	t.Helper()
	daemon, install := lookup("mariadbd"), lookup("mariadb-install-db")
	if daemon == "" || install == "" {
		t.Fatal("MariaDB is not installed: sudo apt-get install -y mariadb-server")
	}
	// Not t.TempDir: its name may be too long for a socket and its parents closed to the mysql account.
	dir, err := os.MkdirTemp("/tmp", "freshet-mariadb-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &Server{Dir: dir}
	if os.Geteuid() == 0 {
		account, err := user.Lookup("mysql")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.ParseUint(account.Uid, 10, 32)
		gid, _ := strconv.ParseUint(account.Gid, 10, 32)
		s.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	cmd := exec.Command(install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", "--innodb-log-file-size=8M")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("initialise MariaDB: %v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	s.args = append([]string{
		daemon, "--no-defaults", "--datadir=" + data, fmt.Sprintf("--port=%d", s.port), "--bind-address=127.0.0.1", "--socket=" + filepath.Join(dir, "sock"),
		"--pid-file=" + filepath.Join(dir, "pid"), "--log-error=" + filepath.Join(dir, "error.log"), "--skip-name-resolve", "--server-id=1",
		"--character-set-server=utf8mb4", "--log-bin=" + filepath.Join(data, "binlog"), "--binlog-format=ROW", "--binlog-row-image=FULL", "--binlog-row-metadata=FULL",
		"--gtid-strict-mode=ON", "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0",
		"--performance-schema=OFF", "--max-allowed-packet=64M",
	}, flags...)
	t.Cleanup(func() { s.Stop(t) })
	s.Restart(t)
	return s
}

// Restart starts the server on the same port and directory, after Stop.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.done = make(chan struct{})
	started := make(chan error)
	go func() {
		defer close(s.done)
		// The child's death signal is tied to the thread that starts it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		s.cmd = exec.Command(s.args[0], s.args[1:]...)
		s.cmd.SysProcAttr = attributes(s.cred)
		err := s.cmd.Start()
		started <- err
		if err == nil {
			_ = s.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	db, err := mysql.Open(s.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	policy := fault.Policy{Initial: 20 * time.Millisecond, Max: 50 * time.Millisecond, Retry: func(error) bool { return true }}
	if err := fault.Retry(ctx, policy, func(ctx context.Context) error { return mysql.Ping(ctx, db) }); err != nil {
		text, _ := os.ReadFile(filepath.Join(s.Dir, "error.log"))
		t.Fatalf("MariaDB does not answer: %v\n%s", err, text)
	}
}

// Stop ends the server and waits for it.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	select {
	case <-s.done:
		return
	default:
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(15 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
}

// Addr is the server's host:port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Config is the configuration of a connection.
func (s *Server) Config() mysql.Config {
	return mysql.Config{Addr: s.Addr(), User: "root", Timeout: 2 * time.Second}
}

// Open makes a pool that is closed with the test.
func (s *Server) Open(t testing.TB) *sql.DB {
	t.Helper()
	db, err := mysql.Open(s.Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}
