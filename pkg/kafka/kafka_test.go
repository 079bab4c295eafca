package kafka

import (
	"fmt"
	"io"
	"testing"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestConfigErrors(t *testing.T) {
	for name, cfg := range map[string]Config{
		"none":     {},
		"url":      {Brokers: []string{"kafka://a:1"}},
		"half tls": {Brokers: []string{"a:1"}, TLS: TLS{Cert: "c"}},
		"no user":  {Brokers: []string{"a:1"}, SASL: SASL{Mechanism: "plain"}},
		"no file":  {Brokers: []string{"a:1"}, TLS: TLS{Enabled: true, CA: "/no/such"}},
	} {
		if _, err := NewClient(cfg); fault.KindOf(err) != fault.Config {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		err  error
		want fault.Kind
	}{
		{kerr.ProducerFenced, fault.Fenced},
		{fmt.Errorf("x: %w", kerr.InvalidProducerEpoch), fault.Fenced},
		{kerr.RebalanceInProgress, fault.Transient},
		{kerr.NotLeaderForPartition, fault.Transient},
		{kerr.MessageTooLarge, fault.Data},
		{kerr.UnknownTopicOrPartition, fault.Unavailable},
		{kerr.SaslAuthenticationFailed, fault.Config},
		{kerr.UnsupportedVersion, fault.Permanent},
		{&kgo.ErrGroupSession{Err: kerr.FencedInstanceID}, fault.Fenced},
		{&kgo.ErrDataLoss{}, fault.Permanent},
		{kgo.ErrClientClosed, fault.Canceled},
		{io.EOF, fault.Unavailable},
	} {
		if got := fault.KindOf(Classify(c.err, "commit")); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}

func TestMetricsOfEqualNames(t *testing.T) {
	reg := prometheus.NewRegistry()
	clients := func() int {
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "freshet_kafka_client" {
				return len(f.Metric)
			}
		}
		return 0
	}
	cfg := Config{Brokers: []string{"127.0.0.1:1"}}
	for range 2 { // the second round finds the names free again
		a, err := NewClient(cfg, Metrics(reg, "job"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := NewClient(cfg, Metrics(reg, "job"))
		if err != nil {
			t.Fatal(err)
		}
		if clients() != 2 {
			t.Fatalf("%d clients registered", clients())
		}
		a.Close()
		b.Close()
		if clients() != 0 {
			t.Fatal("series of closed clients stay")
		}
	}
}
