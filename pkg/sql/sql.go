// Package sql is the front end as one call: a Flink SQL file in, its settings, tables and the plan of its job out.
//
// All INSERTs of a file are one job that shares scans and views. Nothing is opened or connected: what a connector can do is asked of a
// catalog.Describer. Faults come all together, each with its place; fault.Render shows them with the line and a caret.
package sql

import (
	"cmp"
	"maps"
	"slices"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/bind"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/optimize"
	"github.com/freshet-dw/freshet/pkg/sql/parse"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// Options says what surrounds a file.
type Options struct {
	// Describer answers for the connectors.
	Describer catalog.Describer
	// Settings hold before the file's first SET.
	Settings map[string]string
	// Tables are known before the file's first CREATE.
	Tables []*catalog.Table
	// Include are files whose CREATEs and SETs come first; their INSERTs are jobs of their own and not part of this one.
	Include []File
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
	// Tables are all tables in the order of their declaration, Options.Tables first.
	Tables []*catalog.Table
	// Plan is the job of all INSERTs; nil when the file has none.
	Plan *plan.Plan
	// Explains are the plans that the file's EXPLAIN statements ask for, printed.
	Explains []string
}

// Compile parses, binds and optimizes the file name with text src. Its error joins all faults found, of kind fault.Config.
func Compile(name, src string, opts Options) (*Script, error) {
	statements, err := parse.File(name, src)
	if err != nil {
		return nil, err
	}
	settings := maps.Clone(opts.Settings)
	if settings == nil {
		settings = map[string]string{}
	}
	b := bind.New(opts.Describer, settings)
	for _, t := range opts.Tables {
		b.Declare(t)
	}
	var errs []error
	for _, f := range opts.Include {
		included, err := parse.File(f.Name, f.Src)
		errs = append(errs, err)
		for _, s := range included {
			switch s.(type) {
			case *ast.CreateTable, *ast.CreateView, *ast.Set:
				errs = append(errs, b.Statement(s))
			}
		}
	}
	var explained []*ast.Explain
	for _, s := range statements {
		if e, ok := s.(*ast.Explain); ok {
			explained = append(explained, e)
			continue
		}
		errs = append(errs, b.Statement(s))
	}
	if err := sorted(errs); err != nil {
		return nil, err
	}
	script := &Script{Name: name, Settings: settings, Tables: b.Tables()}
	for _, e := range explained {
		text, err := explain(b, e, settings)
		errs = append(errs, err)
		script.Explains = append(script.Explains, text)
	}
	if sinks := b.Sinks(); len(sinks) > 0 {
		script.Plan = &plan.Plan{Sinks: sinks, Settings: settings}
		var trace func(string)
		if opts.Trace != nil {
			trace = func(rule string) { opts.Trace(rule, plan.Explain(script.Plan, false)) }
		}
		errs = append(errs, optimize.Optimize(script.Plan, trace))
	}
	if err := sorted(errs); err != nil {
		return nil, err
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

// Explain is the job's plan as text; with details, columns and keys of every node too.
func (s *Script) Explain(details bool) string {
	if s.Plan == nil {
		return ""
	}
	return plan.Explain(s.Plan, details)
}

// explain plans one EXPLAIN's statement apart from the job.
func explain(b *bind.Binder, e *ast.Explain, settings map[string]string) (string, error) {
	sinks, err := b.Detached(e.Stmt)
	if err != nil {
		return "", err
	}
	p := &plan.Plan{Sinks: sinks, Settings: maps.Clone(settings)}
	if err := optimize.Optimize(p, nil); err != nil {
		return "", err
	}
	return plan.Explain(p, len(e.Details) > 0), nil
}
