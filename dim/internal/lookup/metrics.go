package lookup

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/freshet-dw/freshet/pkg/obs"
)

type metrics struct {
	reg                  prometheus.Registerer
	keys                 *prometheus.CounterVec
	changes              *prometheus.CounterVec
	latency              *prometheus.HistogramVec
	errors, refused      *prometheus.CounterVec
	rows, state, waiting *prometheus.GaugeVec
	collect              []func()
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return obs.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Name: "freshet_dim_" + name, Help: help}, labels))
	}
	gauge := func(name, help string, label string) *prometheus.GaugeVec {
		return obs.Register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "freshet_dim_" + name, Help: help}, []string{label}))
	}
	return &metrics{
		reg:     reg,
		keys:    counter("keys_total", "Keys asked for, by where the answer came from: hit, missing (kept that there is none), miss (asked the store), shared (another request asked), stale.", "table", "result"),
		changes: counter("changes_total", "Changes that dropped a key (key) or all keys (all).", "table", "scope"),
		errors:  counter("store_errors_total", "Requests that a store failed.", "store"),
		refused: counter("store_refused_total", "Requests that were not sent: too many waited, or the store was left alone.", "store"),
		latency: obs.Register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "freshet_dim_store_seconds", Help: "Time that a store took for a batch of keys.",
			Buckets: []float64{.0002, .0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2}}, []string{"store"})),
		rows:    gauge("cached_keys", "Keys kept.", "table"),
		state:   gauge("breaker_state", "0: the store is asked; 1: it is probed; 2: it is left alone.", "store"),
		waiting: gauge("store_waiting", "Requests that wait for their turn.", "store"),
	}
}

// watch adds a store's gauges to those that sample reads.
func (m *metrics) watch(s *store) {
	m.collect = append(m.collect, func() {
		m.state.WithLabelValues(s.name).Set(s.breaker.state())
		m.waiting.WithLabelValues(s.name).Set(float64(s.waiting.Load()))
	})
}

// sample reads what changes by itself.
func (m *metrics) sample() {
	for _, f := range m.collect {
		f()
	}
}
