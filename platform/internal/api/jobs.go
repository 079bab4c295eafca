package api

import (
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/platform/internal/screen"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Job is a job's state as its metrics tell it.
type Job struct {
	Name             string  `json:"name"`
	Up               bool    `json:"up"`
	Restarts         int64   `json:"restarts"`
	Commits          int64   `json:"commits"`
	SourceRows       int64   `json:"source_rows"`
	SinkRows         int64   `json:"sink_rows"`
	LateRows         int64   `json:"late_rows"`
	BadRecords       int64   `json:"bad_records"`
	LookupMisses     int64   `json:"lookup_misses"`
	StateBytes       int64   `json:"state_bytes"`
	DelaySeconds     float64 `json:"delay_seconds"`
	WatermarkSeconds float64 `json:"watermark_seconds,omitempty"` // Unix
}

// Jobs reads the jobs of this process from its metrics. Jobs of other processes are not known here.
type Jobs struct{ Gatherer prometheus.Gatherer }

// List gives all jobs, by name.
func (j Jobs) List() ([]Job, error) {
	families, err := j.Gatherer.Gather()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "read metrics")
	}
	jobs := map[string]*Job{}
	for _, f := range families {
		metric, ok := strings.CutPrefix(f.GetName(), "freshet_job_")
		if !ok {
			continue
		}
		for _, m := range f.Metric {
			name := label(m, "job")
			if name == "" {
				continue
			}
			if jobs[name] == nil {
				jobs[name] = &Job{Name: name}
			}
			jobs[name].add(metric, m.GetCounter().GetValue()+m.GetGauge().GetValue())
		}
	}
	out := make([]Job, 0, len(jobs))
	for _, job := range jobs {
		out = append(out, *job)
	}
	slices.SortFunc(out, func(a, b Job) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// add takes a metric's value; one with further labels comes several times.
func (j *Job) add(metric string, v float64) {
	switch metric {
	case "up":
		j.Up = v == 1
	case "restarts_total":
		j.Restarts += int64(v)
	case "commits_total":
		j.Commits += int64(v)
	case "source_rows_total":
		j.SourceRows += int64(v)
	case "sink_rows_total":
		j.SinkRows += int64(v)
	case "late_rows_total":
		j.LateRows += int64(v)
	case "bad_records_total":
		j.BadRecords += int64(v)
	case "lookup_misses_total":
		j.LookupMisses += int64(v)
	case "state_bytes":
		j.StateBytes = int64(v)
	case "delay_seconds":
		j.DelaySeconds = v
	case "watermark_seconds":
		j.WatermarkSeconds = v
	}
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.Label {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// Totals counts jobs for the big screen.
func (j Jobs) Totals() screen.JobTotals {
	var t screen.JobTotals
	list, err := j.List()
	if err != nil {
		return t
	}
	for _, job := range list {
		if job.Up {
			t.Running++
		} else {
			t.Down++
		}
	}
	return t
}

func (j Jobs) misses() int64 {
	var n int64
	list, err := j.List()
	if err != nil {
		return 0
	}
	for _, job := range list {
		n += job.LookupMisses
	}
	return n
}
