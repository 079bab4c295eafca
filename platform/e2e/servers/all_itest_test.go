//go:build itest && linux

package servers

import (
	"context"
	"net"
	"testing"
	"time"
)

func TestStartAll(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	began := time.Now()
	a, stop, err := StartAll(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("all are ready after %s: %+v", time.Since(began).Round(time.Millisecond), a)
	for _, addr := range []string{a.Kafka, a.MySQL, a.HBase, a.Redis} {
		c, err := net.DialTimeout("tcp", addr, 5*time.Second)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{a.Kafka, a.MySQL, a.HBase, a.Redis} {
		if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			t.Errorf("%s still listens", addr)
			_ = c.Close()
		}
	}
}
