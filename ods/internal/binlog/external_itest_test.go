//go:build itest

package binlog

import (
	"os"
	"testing"
)

// TestExternal runs the suite against the server that FRESHET_TEST_MYSQL names: host:port, root without a password, row binlog with GTIDs.
func TestExternal(t *testing.T) {
	addr := os.Getenv("FRESHET_TEST_MYSQL")
	if addr == "" {
		t.Fatal("FRESHET_TEST_MYSQL is not set: make itest starts a MySQL 8.0 and names it")
	}
	all(t, external(addr))
}
