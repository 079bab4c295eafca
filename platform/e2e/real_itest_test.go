//go:build itest && linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/platform/e2e/servers"
)

// onRealServers starts Kafka, HBase, Redis and MariaDB and makes the warehouse use them; ClickHouse stays the embedded one, which is the real engine.
func onRealServers(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "freshet-itest")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute) // with downloads
	defer cancel()
	a, stop, err := servers.StartAll(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("data and logs are kept in %s", dir)
		} else if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("FRESHET_E2E_ARGS", fmt.Sprintf("-stores=clickhouse -set=kafka.brokers=%s -set=mysql.addr=%s -set=hbase.zookeeper=%s -set=redis.addr=%s", a.Kafka, a.MySQL, a.HBase, a.Redis))
}

func TestEndToEndOnRealServers(t *testing.T) {
	onRealServers(t)
	endToEnd(t)
}

func TestEndToEndKillOnRealServers(t *testing.T) {
	onRealServers(t)
	endToEndKill(t)
}
