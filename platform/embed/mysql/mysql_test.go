package mysql

import (
	"database/sql"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/testkit/storetest"
)

// TestServer initialises one data directory and uses it throughout, since that
// takes seconds.
func TestServer(t *testing.T) {
	cfg := Config{Dir: filepath.Join(t.TempDir(), "mysql"), Databases: []string{"shop"}}
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	t.Run("conformance", func(t *testing.T) { storetest.MySQL(t, s.DSN("")) })

	db, err := sql.Open("mysql", s.DSN("shop"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE t (id INT PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	t.Run("restarted after a crash", func(t *testing.T) {
		for i := range 50 {
			if _, err := db.Exec("INSERT INTO t VALUES (?)", i); err != nil {
				t.Fatal(err)
			}
		}
		pid := s.Pid()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		n, deadline := 0, time.Now().Add(20*time.Second)
		for time.Now().Before(deadline) {
			if err = db.QueryRow("SELECT COUNT(*) FROM t").Scan(&n); err == nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if n != 50 || s.Pid() == pid {
			t.Fatalf("%d rows, pid %d then %d: %v", n, pid, s.Pid(), err)
		}
	})
	t.Run("closed and started again", func(t *testing.T) {
		pid := s.Pid()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if syscall.Kill(pid, 0) == nil {
			t.Fatal("the child lives on")
		}
		again, err := Start(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		db, err := sql.Open("mysql", again.DSN("shop"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var n int
		if err := db.QueryRow("SELECT COUNT(*) FROM t").Scan(&n); err != nil || n != 50 {
			t.Fatalf("%d rows: %v", n, err)
		}
	})
}

func TestStartErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Start(t.Context(), Config{Dir: t.TempDir(), Port: l.Addr().(*net.TCPAddr).Port})
	if fault.KindOf(err) != fault.Config || fault.RemedyOf(err) == "" {
		t.Errorf("port in use: %v", err)
	}
	_, err = Start(t.Context(), Config{Dir: t.TempDir(), Program: "/no/mysqld"})
	if fault.KindOf(err) != fault.Config || !strings.Contains(fault.RemedyOf(err), "apt-get install -y mariadb-server") {
		t.Errorf("no program: %v", err)
	}
	broken := filepath.Join(t.TempDir(), "mysqld")
	script := "#!/bin/sh\ncase \"$*\" in *--version*) echo Ver 8.0 MySQL;; *--initialize*) echo 'out of luck' >&2; exit 3;; esac\n"
	if err := os.WriteFile(broken, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = Start(t.Context(), Config{Dir: t.TempDir(), Program: broken})
	if err == nil || !strings.Contains(err.Error(), "out of luck") {
		t.Errorf("initialisation that fails: %v", err)
	}
}
