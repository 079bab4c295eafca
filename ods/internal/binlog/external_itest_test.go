//go:build itest

package binlog

import (
	"database/sql"
	"os"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/mysql"
)

// TestExternal runs the suite against the server that FRESHET_TEST_MYSQL names: host:port, root without a password, row binlog with GTIDs.
func TestExternal(t *testing.T) {
	addr := os.Getenv("FRESHET_TEST_MYSQL")
	if addr == "" {
		t.Fatal("FRESHET_TEST_MYSQL is not set: make itest starts a MySQL 8.0 and names it")
	}
	all(t, external(addr))
}

// external is a server that is named by its address, as a real MySQL in an integration test.
type external string

func (e external) Addr() string { return string(e) }
func (e external) Config() mysql.Config {
	return mysql.Config{Addr: string(e), User: "root", Timeout: 2 * time.Second}
}

func (e external) Open(t testing.TB) *sql.DB {
	db, err := mysql.Open(e.Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}
