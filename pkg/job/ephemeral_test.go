package job

import (
	"context"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestEphemeralLeavesNothing runs a query that names the group of a real job: neither a group of its own nor progress of that one is left.
func TestEphemeralLeavesNothing(t *testing.T) {
	f := start(t)
	for range 3 {
		if err := f.client.ProduceSync(context.Background(), &kgo.Record{Topic: "views", Value: []byte(`{"n":1}`)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	const text = `
CREATE TABLE src (n BIGINT) WITH ('connector' = 'kafka', 'topic' = 'views', 'format' = 'json', 'properties.group.id' = 'real', 'scan.bounded.mode' = 'latest-offset');
SELECT COUNT(*) FROM src;`
	f.rt.Ephemeral, f.rt.Queries = true, "print"
	for range 2 { // the second reads all again
		if got := f.printed("SET 'pipeline.name' = 'look';" + text); !strings.Contains(strings.Join(got, " "), "[3]") {
			t.Fatalf("got %q", got)
		}
	}
	groups, err := kadm.NewClient(f.client).ListGroups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups.Groups() {
		if g == "real" || g == "look" {
			t.Errorf("group %s is left", g)
		}
	}
}
