package kafka

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kprom"
)

// Metrics hooks the client's counters (freshet_kafka_…) into reg under the
// label client=name; a second live client of the name gets name-2, and so on.
// They leave the registry when the client is closed.
func Metrics(reg prometheus.Registerer, name string) kgo.Opt {
	marker := func(label string) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "freshet_kafka_client", Help: "1 for each live Kafka client.",
			ConstLabels: prometheus.Labels{"client": label},
		}, func() float64 { return 1 })
	}
	label := name
	m := marker(label)
	// kprom panics on a taken name, so the label is claimed beforehand.
	for n := 2; reg.Register(m) != nil && n < 10_000; n++ {
		label = fmt.Sprintf("%s-%d", name, n)
		m = marker(label)
	}
	return kgo.WithHooks(&hooks{
		Metrics: kprom.NewMetrics("freshet_kafka",
			kprom.Registerer(prometheus.WrapRegistererWith(prometheus.Labels{"client": label}, reg))),
		reg: reg, marker: m,
	})
}

type hooks struct {
	*kprom.Metrics
	reg    prometheus.Registerer
	marker prometheus.Collector
}

// OnClientClosed gives up the series and the label.
func (h *hooks) OnClientClosed(cl *kgo.Client) {
	h.Metrics.OnClientClosed(cl)
	h.reg.Unregister(h.marker)
}

var _ kgo.HookClientClosed = (*hooks)(nil)
