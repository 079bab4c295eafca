package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"github.com/freshet-dw/freshet/platform/embed/clickhouse"
)

const (
	childCommand  = "clickhouse-server"
	parentCommand = "clickhouse-parent" // starts a server and waits to be killed
)

// TestMain is also the child: Start runs this test binary again.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childCommand {
		if err := clickhouse.ServeChild(context.Background(), os.Args[2:]); err != nil && !errors.Is(err, context.Canceled) {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) > 2 && os.Args[1] == parentCommand {
		s, err := clickhouse.Start(context.Background(), clickhouse.Config{Dir: os.Args[2], Args: []string{childCommand}, Logger: quiet()})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(s.PID(), s.HTTPAddr())
		select {}
	}
	os.Exit(m.Run())
}

// start runs a server over dir for the test's life.
func start(t testing.TB, dir string) *clickhouse.Server {
	t.Helper()
	s, err := clickhouse.Start(context.Background(), clickhouse.Config{
		Dir: dir, Args: []string{childCommand}, Logger: slog.New(slog.NewTextHandler(logWriter{t}, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

type logWriter struct{ t testing.TB }

func (w logWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}
