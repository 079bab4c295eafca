package clickhouse_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/platform/embed/clickhouse"
)

func TestFindLib(t *testing.T) {
	root := t.TempDir()
	t.Setenv("HOME", filepath.Join(root, "home"))
	t.Setenv(clickhouse.LibEnv, "")
	sub := filepath.Join(root, "repo", "a", "b")
	if err := os.MkdirAll(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(sub)
	put := func(path string, size int64) string {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		return path
	}
	find := func(want string) {
		t.Helper()
		if got, err := clickhouse.FindLib(); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	fails := func(why string) {
		t.Helper()
		if got, err := clickhouse.FindLib(); err == nil || !strings.Contains(err.Error(), "make chdb") {
			t.Errorf("%s: got %q, %v; want an error that names `make chdb`", why, got, err)
		}
	}
	const in = "node_modules/@chdb/lib-linux-x64-gnu/libchdb.so"
	fails("nothing installed")
	find(put(filepath.Join(root, "home/.cache/freshet/chdb", in), 2<<20))
	repo := put(filepath.Join(root, "repo/.cache/chdb", in), 2<<20)
	find(repo)
	env := put(filepath.Join(root, "env.so"), 2<<20)
	t.Setenv(clickhouse.LibEnv, env)
	find(env)
	t.Setenv(clickhouse.LibEnv, "")
	put(repo, 100)
	fails("a download that broke off")
}

func TestStartErrors(t *testing.T) {
	for _, c := range []struct {
		name, want string
		cfg        clickhouse.Config
	}{
		{"no folder", "set Dir", clickhouse.Config{}},
		{"no library", "no such file", clickhouse.Config{Dir: t.TempDir(), Lib: "/nonexistent/libchdb.so"}},
		{"bad port", "HTTP port", clickhouse.Config{Dir: t.TempDir(), HTTPAddr: "127.0.0.1:99999"}},
		{"bad program", "run /nonexistent", clickhouse.Config{Dir: t.TempDir(), Exe: "/nonexistent"}},
		{"dying child", "exit status 1: clickhouse-server: flag provided", clickhouse.Config{Dir: t.TempDir(), Args: []string{childCommand, "-x"}}},
	} {
		c.cfg.Logger = quiet()
		s, err := clickhouse.Start(t.Context(), c.cfg)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}
