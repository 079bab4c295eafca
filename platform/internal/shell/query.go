package shell

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/blob"
	"github.com/freshet-dw/freshet/pkg/engine/exec"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql"
)

// query runs a SELECT in the foreground and shows its result. It keeps nothing: its state is in a directory that goes with it.
func (s *Shell) query(ctx context.Context, o *sql.Outcome) error {
	dir, err := os.MkdirTemp("", "freshet-query-")
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "make a directory for the query's state")
	}
	defer func() { _ = os.RemoveAll(dir) }()
	rt := *s.cfg.Runtime
	if rt.State, err = blob.NewDir(dir, false); err != nil {
		return err
	}
	rt.Ephemeral = true
	if set := o.Plan.Settings[setInterval]; set == s.cfg.Runtime.Settings[setInterval] {
		o.Plan.Settings[setInterval] = "200 ms" // a person waits
	}
	j, err := rt.Job(o.Plan, "query-"+strconv.FormatInt(time.Now().UnixMicro(), 36), s.cfg.Dir)
	if err != nil {
		return err
	}
	v := s.view(o)
	s.results.show(v)
	defer s.results.show(nil)
	inner, stop := s.cfg.Interruptible(ctx)
	defer stop()
	if err := v.begin(); err != nil {
		return err
	}
	if err := j.Run(inner, func(exec.Stats) {}); err != nil {
		return err
	}
	return v.end(inner.Err() != nil)
}

// view chooses how a query's result is shown.
func (s *Shell) view(o *sql.Outcome) view {
	out := &paper{s: s, columns: o.Query.Columns, started: time.Now(), max: 30}
	if n, err := strconv.Atoi(o.Plan.Settings[setMaxWidth]); err == nil && n > 0 {
		out.max = n
	}
	mode := strings.ToLower(o.Plan.Settings[setMode])
	batch := strings.EqualFold(o.Plan.Settings["execution.runtime-mode"], "batch")
	if mode == "table" || batch && mode != "changelog" && mode != "tableau" {
		return &live{paper: out, count: map[string]int{}}
	}
	return &changelog{paper: out}
}
