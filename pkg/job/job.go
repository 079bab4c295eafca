// Package job turns a SQL file into a running job: it compiles the file, opens the connectors, runs the plan and, supervised, starts it
// again after a failure from its last commit.
package job

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/freshet-dw/freshet/pkg/blob"
	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/option"
	"github.com/freshet-dw/freshet/pkg/engine/exec"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/sql"
	"github.com/freshet-dw/freshet/pkg/sql/bind"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// Runtime is what the jobs of a process share.
type Runtime struct {
	Connectors *connector.Set
	State      blob.Store
	Tel        *obs.Telemetry
	// Instance tells this process's replica apart from the other ones of its job; it must be the same after a restart. Default "0".
	Instance string
	// Settings are defaults for SET, as "execution.checkpointing.interval".
	Settings map[string]string
	Restart  fault.Policy
	// Functions are the user functions that SQL may call or name in CREATE FUNCTION; nil: none.
	Functions catalog.Functions
	// Queries is the connector that shows SELECTs without INSERT, as a part of a file's job; empty: they are no part of it.
	Queries string
	// Ephemeral jobs leave nothing behind: their progress is of no use to a later run.
	Ephemeral bool
}

// Job is a compiled SQL file.
type Job struct {
	Name   string
	File   string
	Source string
	Plan   *plan.Plan
	// Results are what the file's SHOW, DESCRIBE and EXPLAIN answer.
	Results []*bind.Result
	rt      *Runtime
	cfg     exec.Config
	dir     string
}

// Settings that the runtime reads.
const (
	setInterval = "execution.checkpointing.interval"
	setZone     = "table.local-time-zone"
	setName     = "pipeline.name"
	setWorkers  = "parallelism.default"
	setGroups   = "pipeline.max-parallelism"
	setMaxRows  = "execution.epoch.max-rows"
	setMaxBytes = "execution.epoch.max-bytes"
	setMode     = "execution.runtime-mode"
)

// Compile reads and plans the file. The job's name is pipeline.name, else name, else the file's base name. Errors are of kind fault.Config with
// their place in the file; Render shows them.
func (rt *Runtime) Compile(file, name string) (*Job, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "read SQL file")
	}
	return rt.CompileText(file, string(src), name)
}

// CompileText is Compile of a text that is called file in messages.
func (rt *Runtime) CompileText(file, src, name string) (*Job, error) {
	script, err := sql.Compile(file, src, sql.Options{Describer: rt.Connectors, Settings: rt.Settings, Functions: rt.Functions, Queries: rt.Queries})
	if err != nil {
		return nil, err
	}
	if script.Plan == nil || len(script.Plan.Sinks) == 0 {
		return nil, fault.WithRemedy(fault.Newf(fault.Config, "%s has no INSERT INTO: there is nothing to run", file), "add an INSERT INTO … SELECT …")
	}
	if name == "" {
		name = strings.TrimSuffix(filepath.Base(file), ".sql")
	}
	if n := script.Plan.Settings[setName]; n != "" {
		name = n
	}
	j, err := rt.Job(script.Plan, name, filepath.Dir(file))
	if j != nil {
		j.File, j.Source, j.Results = file, src, script.Results
	}
	return j, err
}

// Job makes a job of a plan; relative paths of its tables are in dir.
func (rt *Runtime) Job(p *plan.Plan, name, dir string) (*Job, error) {
	j := &Job{Name: name, Plan: p, rt: rt, dir: dir}
	return j, j.configure(p.Settings)
}

func (j *Job) configure(settings map[string]string) error {
	var errs []error
	c := exec.Config{Name: j.Name, State: j.rt.State, Log: j.rt.Tel.Log, Metrics: exec.NewMetrics(j.rt.Tel.Metrics)}
	number := func(key string) int {
		v := settings[key]
		if v == "" {
			return 0
		}
		n, err := option.ParseSize(v)
		if err != nil || n <= 0 {
			errs = append(errs, fault.Newf(fault.Config, "SET '%s' = '%s' must be a number above 0", key, v))
		}
		return int(n)
	}
	if v := settings[setInterval]; v != "" {
		d, err := option.ParseDuration(v)
		if err != nil || d < 10*time.Millisecond {
			errs = append(errs, fault.Newf(fault.Config, "SET '%s' = '%s' must be a duration of at least 10 ms", setInterval, v))
		}
		c.Interval = d
	}
	if v := settings[setZone]; v != "" {
		z, err := time.LoadLocation(v)
		if err != nil {
			errs = append(errs, fault.Wrap(fault.Config, err, "SET '%s' = '%s'", setZone, v))
		}
		c.Zone = z
	}
	c.Workers, c.Groups = number(setWorkers), number(setGroups)
	c.MaxRows, c.MaxBytes = number(setMaxRows), int64(number(setMaxBytes))
	if strings.EqualFold(settings[setMode], "batch") { // one epoch: the whole input
		c.Interval, c.MaxRows, c.MaxBytes = math.MaxInt64, math.MaxInt, math.MaxInt64
	}
	j.cfg = c
	errs = append(errs, exec.Check(j.Plan, c.Zone))
	return errors.Join(errs...)
}

// Run runs the job once: until its bounded sources end, ctx ends, or something fails. onEpoch may be nil.
func (j *Job) Run(ctx context.Context, onEpoch func(exec.Stats)) error {
	bad := obs.Register(j.rt.Tel.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "freshet_job_bad_records_total", Help: "Records that could not be decoded, by reason."}, []string{"job", "table", "reason"}))
	env := &connector.Env{
		Job: j.Name, Instance: j.rt.Instance, Ephemeral: j.rt.Ephemeral, Dir: j.dir, Zone: j.cfg.Zone, Tel: j.rt.Tel, State: j.rt.State,
		Metrics: &connector.Metrics{Bad: func(table, reason string, n int) { bad.WithLabelValues(j.Name, table, reason).Add(float64(n)) }},
	}
	if env.Instance == "" {
		env.Instance = "0"
	}
	if env.Zone == nil {
		env.Zone = time.UTC
	}
	ends, err := j.rt.Connectors.Open(ctx, env, j.Plan)
	if err != nil {
		return fmt.Errorf("open job %s: %w", j.Name, err)
	}
	cfg := j.cfg
	cfg.OnEpoch = onEpoch
	return errors.Join(exec.Run(ctx, j.Plan, ends, cfg), ends.Close())
}

// Supervise runs the job and, when it fails with what may pass, runs it again after a pause that grows, from its last commit. It
// returns when the job ends, ctx ends, or an error says that trying again cannot help.
func (j *Job) Supervise(ctx context.Context, onEpoch func(exec.Stats)) error {
	restarts := obs.Register(j.rt.Tel.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "freshet_job_restarts_total", Help: "Restarts after a failure, by kind of error."}, []string{"job", "kind"}))
	up := obs.Register(j.rt.Tel.Metrics, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "freshet_job_up", Help: "1 while the job runs."}, []string{"job"}))
	defer up.WithLabelValues(j.Name).Set(0)
	p := j.rt.Restart
	if p.Initial == 0 {
		p.Initial, p.Max = 200*time.Millisecond, 30*time.Second
	}
	for attempt := 0; ; attempt++ {
		up.WithLabelValues(j.Name).Set(1)
		err := j.Run(ctx, func(s exec.Stats) {
			if s.Committed {
				attempt = 0
			}
			if onEpoch != nil {
				onEpoch(s)
			}
		})
		up.WithLabelValues(j.Name).Set(0)
		if ctx.Err() != nil && (err == nil || fault.KindOf(err) == fault.Canceled) {
			return nil
		}
		if err == nil || !restartable(err) {
			return err
		}
		pause := p.Backoff(attempt+1, rand.Float64())
		restarts.WithLabelValues(j.Name, fault.KindOf(err).String()).Inc()
		j.rt.Tel.Log.Warn("job failed; it starts again from its last commit", "job", j.Name, "in", pause, "err", err)
		if (fault.SystemClock{}).Sleep(ctx, pause) != nil {
			return nil
		}
	}
}

// restartable tells whether running the job again can help. Fenced jobs restart too: they wait as a standby.
func restartable(err error) bool {
	switch fault.KindOf(err) {
	case fault.Config, fault.Canceled, fault.Permanent, fault.Data:
		return false
	}
	return true
}
