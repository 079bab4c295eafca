package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/engine/exec"
	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/job"
	"github.com/freshet-dw/freshet/pkg/layer"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/sql"
	"github.com/freshet-dw/freshet/pkg/sql/bind"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

func runCommand() Command {
	return Command{
		Name: "run", Summary: "Run one SQL file in the foreground, or the targets of a warehouse.",
		Usage: `[flags] FILE.sql | [flags] -target=all

With a file: compiles it, runs its INSERTs as one job and shows a line of
progress a second; the changes of a SELECT alone are printed. The job ends when
its sources are bounded and read to the end, or at Ctrl-C, after a last commit.
Connections come from the nearest freshet.yaml above the file, or the one of -C.

With -target: runs layers of the warehouse in the current directory (or -C).
Targets: all, or any of ods-binlog, ods-collect, ods-logs, ods-land, dim-build,
dim-lookup, dwd, dm-light, dm-heavy, platform, separated by commas.`,
		Run: func(ctx context.Context, env Env, args []string) error {
			fs := flag.NewFlagSet("run", flag.ContinueOnError)
			target := fs.String("target", "", "targets to run instead of a file")
			dir := fs.String("C", "", "warehouse directory, with "+warehouse.FileName)
			name := fs.String("name", "", "the job's name; default the file's")
			stats := fs.String("stats", "", "write the run's figures as JSON to this file at the end")
			profile := fs.String("cpuprofile", "", "write a CPU profile to this file")
			flags := &config.Flags{}
			s := &settings{}
			flags.Register(fs, s)
			if err := Parse(fs, args); err != nil {
				return err
			}
			stop, err := startProfile(*profile)
			if err != nil {
				return err
			}
			defer stop()
			if *target != "" {
				if err := NoArgs(fs); err != nil {
					return err
				}
				return runTargets(ctx, env, s, flags, *dir, *target)
			}
			if fs.NArg() != 1 {
				return fault.WithRemedy(fault.Newf(fault.Config, "run takes one SQL file, not %d", fs.NArg()), "or give -target to run layers")
			}
			return runFile(ctx, env, s, flags, *dir, fs.Arg(0), *name, *stats)
		},
	}
}

// printResults writes what SHOW, DESCRIBE and EXPLAIN answer, a row a line with tabs between.
func printResults(w io.Writer, rs []*bind.Result) {
	for _, r := range rs {
		for _, row := range r.Rows {
			fmt.Fprintln(w, strings.Join(row, "\t"))
		}
	}
}

// load reads the configuration of the warehouse directory.
func (s *settings) load(env Env, flags *config.Flags, dir string) error {
	return config.Load(s, config.Sources{File: filepath.Join(dir, warehouse.FileName), Optional: true, Env: env.Vars, Flags: flags})
}

func runFile(ctx context.Context, env Env, s *settings, flags *config.Flags, dir, file, name, statsFile string) error {
	if dir == "" {
		if dir = warehouse.Find(file); dir == "" {
			dir = "."
		}
	}
	if err := s.load(env, flags, dir); err != nil {
		return err
	}
	started := time.Now()
	tel, err := obs.New(ctx, s.Telemetry, "freshet", Version(), env.Stderr)
	if err != nil {
		return err
	}
	defer func() { _ = tel.Close(context.WithoutCancel(ctx)) }()
	d := warehouse.Deps{Config: s.Config, Dir: dir, Tel: tel, Health: &obs.Health{}, Functions: env.Functions}
	rt, err := layer.Runtime(d)
	if err != nil {
		return err
	}
	src, err := os.ReadFile(file)
	if err != nil {
		return fault.Wrap(fault.Config, err, "read SQL file")
	}
	rt.Queries = "print"
	j, err := rt.CompileText(file, string(src), name)
	if err != nil {
		return WithSource(err, string(src))
	}
	printResults(env.Stdout, j.Results)
	fmt.Fprintf(env.Stderr, "job %s: %d sinks, state in %s\n", j.Name, len(j.Plan.Sinks), rt.State)
	p := newProgress(env, started)
	if err := j.Run(ctx, p.epoch); err != nil {
		return err
	}
	return p.end(statsFile)
}

// progress prints a line a second from the job's epochs.
type progress struct {
	env            Env
	started, shown time.Time
	first          time.Duration // process start to first commit
	last, before   exec.Stats
}

func newProgress(env Env, started time.Time) *progress {
	return &progress{env: env, started: started, shown: started}
}

func (p *progress) epoch(s exec.Stats) {
	if s.Committed && p.first == 0 {
		p.first = time.Since(p.started)
	}
	p.last = s
	now := time.Now()
	if now.Sub(p.shown) < time.Second {
		return
	}
	rate := float64(s.SourceRows-p.before.SourceRows) / now.Sub(p.shown).Seconds()
	line := fmt.Sprintf("%6.1fs  epoch %d  %d rows in (%s/s), %d out, state %s", now.Sub(p.started).Seconds(), s.Epoch, s.SourceRows, thousands(rate), s.SinkRows, config.Bytes(s.StateBytes))
	if s.Watermark != operator.NoWatermark && s.Watermark != operator.MaxWatermark {
		line += "  watermark " + time.UnixMicro(s.Watermark).UTC().Format("2006-01-02 15:04:05")
	}
	fmt.Fprintln(p.env.Stderr, line)
	p.shown, p.before = now, s
}

func (p *progress) end(file string) error {
	s := p.last
	took := time.Since(p.started)
	u := resources()
	fmt.Fprintf(p.env.Stderr, "done: %d rows in %.2fs (%s/s), %d rows out, %.3f CPU s per million, peak memory %s, first commit after %.2fs\n",
		s.SourceRows, took.Seconds(), thousands(float64(s.SourceRows)/took.Seconds()), s.SinkRows, u.cpu/max(1, float64(s.SourceRows))*1e6, config.Bytes(u.rss), p.first.Seconds())
	if file == "" {
		return nil
	}
	return writeJSON(file, map[string]any{
		"source_rows": s.SourceRows, "sink_rows": s.SinkRows, "seconds": took.Seconds(), "cpu_seconds": u.cpu,
		"cpu_seconds_per_million": u.cpu / max(1, float64(s.SourceRows)) * 1e6, "peak_rss_bytes": u.rss, "first_commit_seconds": p.first.Seconds(), "epochs": s.Epoch,
	})
}

func thousands(f float64) string {
	switch {
	case f >= 1e6:
		return fmt.Sprintf("%.2fM", f/1e6)
	case f >= 1e3:
		return fmt.Sprintf("%.1fk", f/1e3)
	}
	return fmt.Sprintf("%.0f", f)
}

func explainCommand() Command {
	return Command{
		Name: "explain", Summary: "Show the plan of a SQL file.",
		Usage: "[flags] FILE.sql\n\nCompiles the file and prints the physical plan of its INSERTs. Nothing is connected to.",
		Run: func(ctx context.Context, env Env, args []string) error {
			fs := flag.NewFlagSet("explain", flag.ContinueOnError)
			dir := fs.String("C", "", "warehouse directory, with "+warehouse.FileName)
			flags := &config.Flags{}
			s := &settings{}
			flags.Register(fs, s)
			if err := Parse(fs, args); err != nil {
				return err
			}
			if fs.NArg() != 1 {
				return fault.Newf(fault.Config, "explain takes one SQL file, not %d", fs.NArg())
			}
			file := fs.Arg(0)
			if *dir == "" {
				if *dir = warehouse.Find(file); *dir == "" {
					*dir = "."
				}
			}
			if err := s.load(env, flags, *dir); err != nil {
				return err
			}
			src, err := os.ReadFile(file)
			if err != nil {
				return fault.Wrap(fault.Config, err, "read SQL file")
			}
			d := warehouse.Deps{Config: s.Config, Dir: *dir, Tel: obs.Discard(), Health: &obs.Health{}, Functions: env.Functions}
			functions, err := layer.Functions(d)
			if err != nil {
				return err
			}
			rt := &job.Runtime{Connectors: layer.Connectors(d), Functions: functions, Tel: d.Tel, Settings: d.Settings()}
			script, err := sql.Compile(file, string(src), sql.Options{Describer: rt.Connectors, Functions: functions, Settings: rt.Settings})
			if err != nil {
				return WithSource(err, string(src))
			}
			printResults(env.Stdout, script.Results)
			if script.Plan == nil && len(script.Results) == 0 {
				return fault.WithRemedy(fault.Newf(fault.Config, "%s has no INSERT INTO and no EXPLAIN: there is nothing to plan", file), "add an INSERT INTO … SELECT …")
			}
			fmt.Fprint(env.Stdout, script.Explain(plan.ShowColumns|plan.ShowState|plan.ShowAdvice))
			return nil
		},
	}
}
