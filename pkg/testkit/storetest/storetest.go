// Package storetest holds the conformance suites of the stores: what Freshet
// relies on of Kafka, Redis, MySQL, HBase and ClickHouse, run alike against the
// embedded servers and the real ones.
//
// Each suite takes an address, uses names of its own and leaves other data
// alone. A behaviour that a layer begins to rely on is added here first.
package storetest

import (
	"context"
	"testing"
	"time"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// await polls until ok, for what servers do in their own time.
func await(t *testing.T, ctx context.Context, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
