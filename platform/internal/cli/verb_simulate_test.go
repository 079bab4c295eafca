package cli

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/platform/embed/mysql"
	"github.com/freshet-dw/freshet/platform/internal/shop/account"
)

func runSimulate(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	status := Main(t.Context(), Env{Stdout: io.Discard, Stderr: &out}, Commands(), append([]string{"simulate", "-C", t.TempDir()}, args...))
	return status, out.String()
}

func TestSimulateWritesTheAccount(t *testing.T) {
	srv, err := mysql.Start(t.Context(), mysql.Config{Dir: filepath.Join(t.TempDir(), "mysql")})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, events := io.Reader(r.Body), []json.RawMessage(nil)
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = z
		}
		if err := json.NewDecoder(body).Decode(&events); err != nil {
			t.Error(err)
		}
		_ = json.NewEncoder(w).Encode(map[string]int{"accepted": len(events)})
	}))
	defer collector.Close()
	dir := t.TempDir()
	file, log := filepath.Join(dir, "account.json"), filepath.Join(dir, "access.log")
	status, out := runSimulate(t, "--mysql", srv.Addr(), "--collector", collector.URL, "--nginx-log", log, "--account", file, "--seed", "3", "--faults=false",
		"--total-orders", "20", "--total-views", "50", "--users", "10", "--products", "5")
	if status != ExitOK || !strings.Contains(out, "orders 20 ") {
		t.Fatalf("status %d: %s", status, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var e account.Expected
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	views := e.Views["app"].Rows + e.Views["web"].Rows + e.Views["mini"].Rows
	if e.Changes["orders"].Inserts != 20 || views != 50 || e.LogLines != 5 || e.Partial != "" || len(e.Faults) > 0 {
		t.Errorf("account: %d orders, %d views, %d log lines, partial %q, faults %v", e.Changes["orders"].Inserts, views, e.LogLines, e.Partial, e.Faults)
	}
	if lines, err := os.ReadFile(log); err != nil || bytes.Count(lines, []byte("\n")) != 5 {
		t.Errorf("log %q: %v", lines, err)
	}
}

func TestSimulateRefusesNothing(t *testing.T) {
	if status, out := runSimulate(t); status != ExitUsage || !strings.Contains(out, "give a rate or a total") {
		t.Errorf("status %d: %s", status, out)
	}
}
