package sql

import (
	"maps"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/bind"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/optimize"
	"github.com/freshet-dw/freshet/pkg/sql/parse"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// A Session executes statements one after the other, as a terminal gives them: declarations and settings stay, each INSERT and each query is a
// job of its own. It is not safe for concurrent use.
type Session struct {
	b        *bind.Binder
	settings map[string]string
	opts     Options
}

// Outcome is what one statement came to.
type Outcome struct {
	// Shown is what it answers by itself: SHOW, DESCRIBE, EXPLAIN, SET.
	Shown *bind.Result
	// Plan is the job that it asks to run; nil for other statements.
	Plan *plan.Plan
	// Query is the table that the result goes to when the job is a query's.
	Query *catalog.Table
}

// NewSession gives a session that knows what the included files declare. It is usable also when some of them have faults, which the error tells.
func NewSession(opts Options) (*Session, error) {
	settings := maps.Clone(opts.Settings)
	if settings == nil {
		settings = map[string]string{}
	}
	s := &Session{b: bind.New(opts.Describer, settings), settings: settings, opts: opts}
	if opts.Functions != nil {
		s.b.UseFunctions(opts.Functions)
	}
	var errs []error
	for _, f := range opts.Include {
		included, err := parse.File(f.Name, f.Src)
		errs = append(errs, err)
		for _, st := range included {
			switch st := st.(type) {
			case *ast.CreateTable:
				st.IfNotExists = true
				if st.As == nil {
					errs = append(errs, s.b.Statement(st))
				}
			case *ast.CreateView:
				st.IfNotExists = true
				errs = append(errs, s.b.Statement(st))
			}
		}
	}
	return s, fault.Join(errs...)
}

// Settings are the settings in force; they change with SET and RESET.
func (s *Session) Settings() map[string]string { return s.settings }

// Tables are the declared tables in the order of their declaration, Views the names of the views, sorted.
func (s *Session) Tables() []*catalog.Table { return s.b.Tables() }

// Views are the names of the declared views, sorted.
func (s *Session) Views() []string { return s.b.Views() }

// Execute runs a statement as far as it goes without running a job.
func (s *Session) Execute(st ast.Statement) (*Outcome, error) {
	switch x := st.(type) {
	case *ast.Explain:
		shown, err := s.explain(x)
		return &Outcome{Shown: shown}, sorted([]error{err})
	case *ast.QueryStatement:
		connector := s.opts.Queries
		if connector == "" {
			connector = "print"
		}
		err := s.b.Do(func() { s.b.Query(x, connector) })
		o, err := s.job(err)
		if o != nil && o.Plan != nil {
			o.Query = o.Plan.Sinks[0].Table
		}
		return o, err
	}
	return s.job(s.b.Statement(st))
}

// job takes the sinks that the last statement has bound, if any, as a job.
func (s *Session) job(err error) (*Outcome, error) {
	sinks := s.b.Sinks()
	s.b.Clear()
	if err != nil {
		return nil, sorted([]error{err})
	}
	o := &Outcome{Shown: s.b.Shown()}
	if len(sinks) > 0 {
		if o.Plan, err = s.plan(sinks); err != nil {
			return nil, sorted([]error{err})
		}
	}
	return o, nil
}

func (s *Session) plan(sinks []*plan.Sink) (*plan.Plan, error) {
	p := &plan.Plan{Sinks: sinks, Settings: maps.Clone(s.settings), Functions: s.b.Functions()}
	var trace func(string)
	if s.opts.Trace != nil {
		trace = func(rule string) { s.opts.Trace(rule, plan.Explain(p, plan.ShowTree)) }
	}
	return p, optimize.Optimize(p, trace)
}

// explain plans one EXPLAIN's statement apart from the job.
func (s *Session) explain(e *ast.Explain) (*bind.Result, error) {
	sinks, err := s.b.Detached(e.Stmt)
	if err != nil {
		return nil, err
	}
	p := &plan.Plan{Sinks: sinks, Settings: maps.Clone(s.settings), Functions: s.b.Functions()}
	if err := optimize.Optimize(p, nil); err != nil {
		return nil, err
	}
	details := plan.ShowTree
	for _, d := range e.Details {
		details |= map[string]plan.Detail{"CHANGELOG_MODE": plan.ShowColumns, "ESTIMATED_COST": plan.ShowState, "PLAN_ADVICE": plan.ShowAdvice, "JSON_EXECUTION_PLAN": plan.ShowJSON}[d]
	}
	r := &bind.Result{Columns: []string{"result"}}
	r.Rows = append(r.Rows, []string{strings.TrimSuffix(plan.Explain(p, details), "\n")})
	return r, nil
}
