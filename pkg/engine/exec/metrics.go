package exec

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/obs"
)

// Metrics are the engine's metrics, one set a process, labelled by job. A nil *Metrics counts nothing.
type Metrics struct {
	epochs, rows, sinkRows, lateRows, misses *prometheus.CounterVec
	stateBytes, epoch, mark, delay           *prometheus.GaugeVec
	commit                                   *prometheus.HistogramVec
}

// NewMetrics registers the engine's metrics, or finds them when they are registered already.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return obs.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{"job"}, labels...)))
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return obs.Register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"job"}))
	}
	m := &Metrics{
		epochs:     counter("freshet_job_commits_total", "Epochs committed."),
		rows:       counter("freshet_job_source_rows_total", "Records read from sources and committed."),
		sinkRows:   counter("freshet_job_sink_rows_total", "Rows given to sinks and committed."),
		lateRows:   counter("freshet_job_late_rows_total", "Rows dropped because their window had closed."),
		misses:     counter("freshet_job_lookup_misses_total", "Rows for which a lookup join found nothing.", "table"),
		stateBytes: gauge("freshet_job_state_bytes", "Memory held by keyed state, about."),
		epoch:      gauge("freshet_job_epoch", "Number of the last committed epoch."),
		mark:       gauge("freshet_job_watermark_seconds", "Lowest watermark at the sinks, Unix seconds."),
		delay:      gauge("freshet_job_delay_seconds", "At the last commit: now less the newest record's timestamp."),
		commit: obs.Register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "freshet_job_commit_seconds", Help: "Time from the end of an epoch's rows to its commit.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}, []string{"job"})),
	}
	return m
}

func (m *Metrics) late(job string, n int) {
	if m != nil {
		m.lateRows.WithLabelValues(job).Add(float64(n))
	}
}

func (m *Metrics) miss(job, table string, n int) {
	if m != nil {
		m.misses.WithLabelValues(job, table).Add(float64(n))
	}
}

func (m *Metrics) observe(job string, s, before Stats, now time.Time) {
	if m == nil {
		return
	}
	m.epochs.WithLabelValues(job).Inc()
	m.rows.WithLabelValues(job).Add(float64(s.SourceRows - before.SourceRows))
	m.sinkRows.WithLabelValues(job).Add(float64(s.SinkRows - before.SinkRows))
	m.stateBytes.WithLabelValues(job).Set(float64(s.StateBytes))
	m.epoch.WithLabelValues(job).Set(float64(s.Epoch))
	if s.Watermark != operator.NoWatermark && s.Watermark != operator.MaxWatermark {
		m.mark.WithLabelValues(job).Set(float64(s.Watermark) / 1e6)
	}
	if s.EventTime > 0 {
		m.delay.WithLabelValues(job).Set(now.Sub(time.UnixMilli(s.EventTime)).Seconds())
	}
	m.commit.WithLabelValues(job).Observe(s.CommitTime.Seconds())
}
