package hbase_test

import (
	"log/slog"
	"testing"

	"github.com/freshet-dw/freshet/pkg/testkit/storetest"
	"github.com/freshet-dw/freshet/platform/embed/hbase"
)

func start(t testing.TB, cfg hbase.Config) *hbase.Server {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	s, err := hbase.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	storetest.HBase(t, start(t, hbase.Config{}).ZKAddr())
}
