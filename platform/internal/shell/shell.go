// Package shell runs SQL statements one after the other for a person: declarations stay for the session, SHOW and its like answer as tables,
// queries show their changes while they run, and INSERTs are jobs in the foreground or background.
//
// It does not read the keyboard by itself: package cli hands it statements, or an [Editor] that knows the terminal.
package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/job"
	"github.com/freshet-dw/freshet/pkg/sql"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/bind"
	"github.com/freshet-dw/freshet/pkg/sql/parse"
)

// Config is what a shell works with.
type Config struct {
	// Runtime runs the jobs; the shell adds its own connector for results to a copy.
	Runtime *job.Runtime
	// Include are files whose tables and views the session knows from the start.
	Include  []sql.File
	Out, Err io.Writer
	// Screen tells the terminal's size in characters and whether Out is one; nil: it is none.
	Screen func() (width, height int, terminal bool)
	// Interruptible gives a context that the next Ctrl-C ends, in place of the whole program, until stop is called. Nil: ctx itself.
	Interruptible func(ctx context.Context) (inner context.Context, stop func())
	// Dir is the directory that relative paths of tables are in.
	Dir string
}

// Shell is a session of statements with its jobs. It is used by one goroutine.
type Shell struct {
	cfg     Config
	session *sql.Session
	results *results
	jobs    jobs
}

// Settings of Flink's SQL client that the shell reads.
const (
	setSync     = "table.dml-sync"
	setMode     = "sql-client.execution.result-mode"
	setMaxWidth = "sql-client.display.max-column-width"
	setName     = "pipeline.name"
	setInterval = "execution.checkpointing.interval"
)

// New makes a shell. With an error of the included files it is usable all the same.
func New(cfg Config) (*Shell, error) {
	if cfg.Screen == nil {
		cfg.Screen = func() (int, int, bool) { return 0, 0, false }
	}
	if cfg.Interruptible == nil {
		cfg.Interruptible = func(ctx context.Context) (context.Context, func()) { return ctx, func() {} }
	}
	s := &Shell{cfg: cfg, results: &results{}}
	rt := *cfg.Runtime
	rt.Connectors = rt.Connectors.With(s.results)
	s.cfg.Runtime = &rt
	var err error
	s.session, err = sql.NewSession(sql.Options{Describer: rt.Connectors, Functions: rt.Functions, Settings: rt.Settings, Include: cfg.Include, Queries: connectorName})
	return s, err
}

// Close stops the jobs in the background, after a last commit each.
func (s *Shell) Close() { s.jobs.stopAll() }

// ErrQuit is what Run gives for QUIT and EXIT.
var ErrQuit = errors.New("quit")

// Run executes the statements of text, called name in messages, up to the first that fails. Its errors are for fault.Render with text.
func (s *Shell) Run(ctx context.Context, name, text string) error {
	if done, err := s.command(text); done {
		return err
	}
	statements, err := parse.File(name, text)
	if err != nil {
		return err
	}
	for _, st := range statements {
		if err := s.statement(ctx, st); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return fault.Wrap(fault.Canceled, ctx.Err(), "run %s", name)
		}
	}
	return nil
}

const help = `Statements end with a semicolon and may span lines. Tab completes, Ctrl-R searches the history, Ctrl-C stops a running query.

  SHOW TABLES; DESCRIBE t; SHOW CREATE TABLE t;    what there is
  SELECT … ;                                       shows the changes of the result until the input ends or Ctrl-C
  INSERT INTO … SELECT … ;                         a job in the foreground; SET 'table.dml-sync' = 'false'; for the background
  SHOW JOBS; STOP JOB 'id';                        the jobs in the background
  EXPLAIN … ;                                      the plan
  SET 'sql-client.execution.result-mode' = 'table';  one live table; 'changelog': every change (the default); 'tableau': the same
  QUIT; EXIT; CLEAR; HELP;
`

// command runs the words that are no SQL.
func (s *Shell) command(text string) (bool, error) {
	switch strings.ToUpper(strings.TrimRight(strings.TrimSpace(text), "; \t\n")) {
	case "QUIT", "EXIT":
		return true, ErrQuit
	case "HELP":
		_, err := io.WriteString(s.cfg.Out, help)
		return true, err
	case "CLEAR":
		if _, _, terminal := s.cfg.Screen(); terminal {
			_, err := io.WriteString(s.cfg.Out, "\x1b[H\x1b[2J")
			return true, err
		}
		return true, nil
	}
	return false, nil
}

func (s *Shell) statement(ctx context.Context, st ast.Statement) error {
	switch x := st.(type) {
	case *ast.Show:
		if x.What == "JOBS" {
			return s.show(s.jobs.list())
		}
	case *ast.StopJob:
		return s.jobs.stop(x)
	}
	o, err := s.session.Execute(st)
	if err != nil {
		return err
	}
	switch {
	case o.Query != nil:
		return s.query(ctx, o)
	case o.Plan != nil:
		return s.insert(ctx, st, o)
	case o.Shown != nil:
		return s.show(o.Shown)
	}
	_, err = fmt.Fprintln(s.cfg.Out, "ok")
	return err
}

// show prints what a statement answers; a single text comes as it is.
func (s *Shell) show(r *bind.Result) error {
	if len(r.Columns) == 1 && r.Columns[0] == "result" {
		for _, row := range r.Rows {
			if _, err := fmt.Fprintln(s.cfg.Out, row[0]); err != nil {
				return err
			}
		}
		return nil
	}
	return printTable(s.cfg.Out, r.Columns, r.Rows, 0)
}

// counted prints a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// seconds prints how long something took.
func seconds(since time.Time) string { return fmt.Sprintf("%.2f s", time.Since(since).Seconds()) }
