package clickhouse_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/testkit/storetest"
)

func post(t testing.TB, addr, query string) string {
	t.Helper()
	resp, err := http.Post("http://"+addr+"/", "text/plain", strings.NewReader(query))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestStart(t *testing.T) {
	s := start(t, t.TempDir())
	if got := post(t, s.HTTPAddr(), "SELECT 1 + 1"); got != "2\n" {
		t.Fatalf("got %q", got)
	}
}

func TestConformance(t *testing.T) {
	s := start(t, t.TempDir())
	storetest.ClickHouse(t, s.TCPAddr(), s.HTTPAddr())
}
