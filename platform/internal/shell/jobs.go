package shell

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/freshet-dw/freshet/pkg/engine/exec"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/job"
	"github.com/freshet-dw/freshet/pkg/sql"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/bind"
)

// insert runs an INSERT or STATEMENT SET.
func (s *Shell) insert(ctx context.Context, st ast.Statement, o *sql.Outcome) error {
	name := s.session.Settings()[setName]
	if name == "" { // every INSERT is a new job, as in Flink
		name = "shell-" + o.Plan.Sinks[0].Table.Name + "-" + strconv.FormatInt(time.Now().UnixMicro(), 36)
	}
	j, err := s.cfg.Runtime.Job(o.Plan, name, s.cfg.Dir)
	if err != nil {
		return err
	}
	if s.session.Settings()[setSync] == "false" {
		id := s.jobs.start(ctx, j)
		_, err := fmt.Fprintf(s.cfg.Out, "job %s runs in the background: %s\n", id, name)
		return err
	}
	inner, stop := s.cfg.Interruptible(ctx)
	defer stop()
	started := time.Now()
	var last exec.Stats
	p := s.status(started)
	err = j.Run(inner, func(e exec.Stats) { last = e; p.update(e) })
	p.clear()
	if err != nil {
		return err
	}
	word := "done"
	if inner.Err() != nil {
		word = "stopped after a last commit"
	}
	_, err = fmt.Fprintf(s.cfg.Out, "%s: %d rows in, %d rows out, %s\n", word, last.SourceRows, last.SinkRows, seconds(started))
	return err
}

// jobs are the INSERTs in the background.
type jobs struct {
	mu  sync.Mutex
	all []*background
	wg  sync.WaitGroup
}

type background struct {
	id, name string
	started  time.Time
	cancel   context.CancelFunc
	state    string
	rows     int64
}

func (js *jobs) start(ctx context.Context, j *job.Job) string {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	js.mu.Lock()
	b := &background{id: strconv.Itoa(len(js.all) + 1), name: j.Name, started: time.Now(), cancel: cancel, state: "RUNNING"}
	js.all = append(js.all, b)
	js.mu.Unlock()
	js.wg.Go(func() {
		err := j.Supervise(ctx, func(e exec.Stats) {
			js.mu.Lock()
			b.rows = e.SourceRows
			js.mu.Unlock()
		})
		js.mu.Lock()
		defer js.mu.Unlock()
		switch {
		case err != nil:
			b.state = "FAILED: " + err.Error()
		case ctx.Err() != nil:
			b.state = "CANCELED"
		default:
			b.state = "FINISHED"
		}
	})
	return b.id
}

func (js *jobs) list() *bind.Result {
	r := &bind.Result{Columns: []string{"job id", "job name", "status", "start time", "rows in"}}
	js.mu.Lock()
	defer js.mu.Unlock()
	for _, b := range js.all {
		r.Rows = append(r.Rows, []string{b.id, b.name, b.state, b.started.Format("2006-01-02 15:04:05"), strconv.FormatInt(b.rows, 10)})
	}
	return r
}

// stop ends a job after a last commit.
func (js *jobs) stop(s *ast.StopJob) error {
	js.mu.Lock()
	defer js.mu.Unlock()
	var ids []string
	for _, b := range js.all {
		if b.id == s.Job.Value {
			b.cancel()
			return nil
		}
		ids = append(ids, b.id)
	}
	err := fault.Pos(s.Job.Pos()).Errorf(fault.Config, "there is no job '%s'", s.Job.Value)
	return fault.WithRemedy(err, fault.DidYouMean(s.Job.Value, ids))
}

func (js *jobs) stopAll() {
	js.mu.Lock()
	for _, b := range js.all {
		b.cancel()
	}
	js.mu.Unlock()
	js.wg.Wait()
}

// status is one line that is written over while a job runs, on terminals only.
type status struct {
	s              *Shell
	started, shown time.Time
	on             bool
}

func (s *Shell) status(started time.Time) *status {
	_, _, terminal := s.cfg.Screen()
	return &status{s: s, started: started, shown: started, on: terminal}
}

func (p *status) update(e exec.Stats) {
	if now := time.Now(); p.on && now.Sub(p.shown) >= 500*time.Millisecond {
		p.shown = now
		fmt.Fprintf(p.s.cfg.Err, "\r\x1b[K%s: epoch %d, %d rows in, %d rows out (Ctrl-C stops)", seconds(p.started), e.Epoch, e.SourceRows, e.SinkRows)
	}
}

func (p *status) clear() {
	if p.on && p.shown != p.started {
		fmt.Fprint(p.s.cfg.Err, "\r\x1b[K")
	}
}
