//go:build itest

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/testkit/storetest"
	"github.com/freshet-dw/freshet/platform/e2e/servers"
)

// startReal starts a server for a test; its directory, with the logs, is kept when the test fails.
func startReal(t *testing.T, start func(context.Context, string) (*servers.Server, error)) *servers.Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "freshet-itest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("data and logs are kept in %s", dir)
		} else if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute) // with a download
	defer cancel()
	began := time.Now()
	s, err := start(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ready after %s", time.Since(began).Round(time.Millisecond))
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestRealKafka(t *testing.T) {
	s := startReal(t, servers.StartKafka)
	t.Run("conformance", func(t *testing.T) { storetest.Kafka(t, []string{s.Addr}) })
	t.Run("kill -9", func(t *testing.T) {
		verify := storetest.KafkaDurable(t, []string{s.Addr})
		again(t, s)
		verify([]string{s.Addr})
	})
}

func TestRealHBase(t *testing.T) {
	s := startReal(t, servers.StartHBase)
	storetest.HBase(t, s.Addr)
}

func TestRealMariaDB(t *testing.T) {
	s := startReal(t, servers.StartMariaDB)
	storetest.MySQL(t, "root@tcp("+s.Addr+")/")
}

func TestRealMySQL8(t *testing.T) {
	s := startReal(t, servers.StartMySQL8)
	storetest.MySQL(t, "root@tcp("+s.Addr+")/")
	t.Run("binlog", func(t *testing.T) { // the suite of ods-binlog, which this module may not import
		cmd := exec.CommandContext(t.Context(), "go", "test", "-tags", "itest", "-count=1", "-run", "^TestExternal$", "./internal/binlog")
		cmd.Dir = filepath.Join("..", "..", "ods")
		cmd.Env = append(os.Environ(), "FRESHET_TEST_MYSQL="+s.Addr)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	})
}

func TestRealRedis(t *testing.T) {
	s := startReal(t, servers.StartRedis)
	storetest.Redis(t, s.Addr)
}

// again kills a server and starts it on its data.
func again(t *testing.T, s *servers.Server) {
	t.Helper()
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}
