package kafka

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestUnfinishedDecisionIsCompleted carries out a decision whose offsets a kill left unwritten.
func TestUnfinishedDecisionIsCompleted(t *testing.T) {
	s, err := Start(t.Context(), Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	if _, err := adm.CreateTopic(t.Context(), 1, 1, nil, "in"); err != nil {
		t.Fatal(err)
	}
	d := decision{Producer: 7, Groups: []txnOffsets{{Group: "g", Offsets: []txnOffset{{Topic: "in", Offset: 42, LeaderEpoch: -1, Metadata: "snapshot"}}}}}
	if _, err := complete(t.Context(), s.Addr(), []decision{d}, nil); err != nil {
		t.Fatal(err)
	}
	got, err := adm.FetchOffsets(t.Context(), "g")
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := got.Lookup("in", 0); !ok || o.At != 42 || o.Metadata != "snapshot" {
		t.Fatalf("offset %+v", o)
	}
}
