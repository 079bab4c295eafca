// Package sql is the front end as one call: a Flink SQL file in, its settings, tables and the plan of its job out.
//
// All INSERTs of a file are one job that shares scans and views. Nothing is opened or connected: what a connector can do is asked of a
// catalog.Describer. Faults come all together, each with its place; fault.Render shows them with the line and a caret.
package sql

import (
	"cmp"
	"slices"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/bind"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/parse"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// Options says what surrounds a file.
type Options struct {
	// Describer answers for the connectors.
	Describer catalog.Describer
	// Settings hold before the file's first SET.
	Settings map[string]string
	// Functions are the user functions; nil: none.
	Functions catalog.Functions
	// Include are files whose tables and views are known from the start, the first declaration of each name.
	Include []File
	// Queries is the connector of the tables that SELECTs without INSERT write to, as part of the job. Empty: they are checked and left out.
	Queries string
	// Trace, if set, is given the plan's text after every optimizer rule that ran.
	Trace func(rule, plan string)
}

// File is a SQL text with the name that messages give it.
type File struct {
	Name, Src string
}

// Script is a compiled file.
type Script struct {
	Name string
	// Settings are Options.Settings with the file's SETs on top.
	Settings map[string]string
	// Tables are all tables in the order of their declaration.
	Tables []*catalog.Table
	// Plan is the job of all INSERTs; nil when the file has none.
	Plan *plan.Plan
	// Results are what SHOW, DESCRIBE, EXPLAIN and SET alone answer, in the order of the file.
	Results []*bind.Result
}

// Compile parses, binds and optimizes the file name with text src. Its error joins all faults found, of kind fault.Config.
func Compile(name, src string, opts Options) (*Script, error) {
	statements, err := parse.File(name, src)
	if err != nil {
		return nil, err
	}
	s, err := NewSession(opts)
	errs := []error{err}
	script := &Script{Name: name, Settings: s.settings}
	for _, st := range statements {
		var shown *bind.Result
		switch st := st.(type) {
		case *ast.Explain:
			shown, err = s.explain(st)
		case *ast.QueryStatement:
			if opts.Queries != "" {
				err = s.b.Do(func() { s.b.Query(st, opts.Queries) })
				break
			}
			err = s.b.Statement(st)
		default:
			err = s.b.Statement(st)
			shown = s.b.Shown()
		}
		errs = append(errs, err)
		if shown != nil {
			script.Results = append(script.Results, shown)
		}
	}
	if err := sorted(errs); err != nil {
		return nil, err
	}
	script.Tables = s.b.Tables()
	if sinks := s.b.Sinks(); len(sinks) > 0 {
		if script.Plan, err = s.plan(sinks); err != nil {
			return nil, sorted([]error{err})
		}
	}
	return script, nil
}

// sorted joins errors in the order of their places.
func sorted(errs []error) error {
	flat := fault.Flatten(fault.Join(errs...))
	slices.SortStableFunc(flat, func(a, b error) int {
		p, _ := fault.PosOf(a)
		q, _ := fault.PosOf(b)
		return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Col, q.Col))
	})
	return fault.Join(flat...)
}

// Explain is the job's plan as text.
func (s *Script) Explain(details plan.Detail) string {
	if s.Plan == nil {
		return ""
	}
	return plan.Explain(s.Plan, details)
}
