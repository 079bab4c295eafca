// Package bind gives a parsed statement its meaning: names are found, types inferred with Flink's rules, implicit casts
// made explicit, views inlined (one node however often they are read), and every INSERT becomes a tree of plan nodes
// under a sink.
//
// The tree is right but naive: it has no exchanges, joins hold their whole condition, scans read all columns.
// Package optimize makes it runnable. Faults are collected, each with its place, so that one pass over a file finds as many as it can.
package bind

import (
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// A Binder holds what the statements of a file have declared so far. It is not safe for concurrent use.
type Binder struct {
	describer catalog.Describer
	settings  map[string]string
	tables    map[string]*catalog.Table
	order     []string // tables in the order of their declaration
	views     map[string]*view
	scans     map[string]*rel
	caps      map[*catalog.Table]catalog.Caps
	sinks     []*plan.Sink
	errs      []error
	places    map[plan.Expr]ast.Pos // where column references stand, for messages
}

type view struct {
	def  *ast.CreateView
	rel  *rel // bound at first use
	busy bool // being bound: a reference now is a cycle
	bad  bool
}

// New gives an empty Binder. Settings is read and written: SET statements change it.
func New(d catalog.Describer, settings map[string]string) *Binder {
	return &Binder{describer: d, settings: settings, tables: map[string]*catalog.Table{}, views: map[string]*view{}, scans: map[string]*rel{},
		caps: map[*catalog.Table]catalog.Caps{}, places: map[plan.Expr]ast.Pos{}}
}

// Tables are the declared tables in order of declaration.
func (b *Binder) Tables() []*catalog.Table {
	out := make([]*catalog.Table, len(b.order))
	for i, n := range b.order {
		out[i] = b.tables[n]
	}
	return out
}

// Declare adds a table from outside the file.
func (b *Binder) Declare(t *catalog.Table) {
	if _, ok := b.tables[t.Name]; !ok {
		b.order = append(b.order, t.Name)
	}
	b.tables[t.Name] = t
}

// Sinks are the INSERTs bound so far, in order.
func (b *Binder) Sinks() []*plan.Sink { return b.sinks }

// Statement binds one statement. Its error is all faults found, joined, each of kind fault.Config with its place.
func (b *Binder) Statement(s ast.Statement) error {
	b.errs = nil
	switch s := s.(type) {
	case *ast.CreateTable:
		b.createTable(s)
	case *ast.CreateView:
		b.createView(s)
	case *ast.Insert:
		b.insert(s)
	case *ast.StatementSet:
		for _, i := range s.Inserts {
			b.insert(i)
		}
	case *ast.Execute:
		return b.Statement(s.Stmt)
	case *ast.Set:
		if s.Key != nil {
			b.settings[s.Key.Value] = s.Value.Value
		}
	case *ast.Reset:
		if s.Key != nil {
			delete(b.settings, s.Key.Value)
		} else {
			clear(b.settings)
		}
	case *ast.Drop:
		b.drop(s)
	case *ast.Use: // there is one catalog with one database
	case *ast.QueryStatement:
		b.query(s.Query, nil)
	default:
		b.remedy(s.Pos(), "a job is made of CREATE TABLE, CREATE VIEW, SET and INSERT INTO … SELECT", "%s is not supported here", kindOf(s))
	}
	return fault.Join(b.errs...)
}

// kindOf names a statement by its first words.
func kindOf(s ast.Statement) string {
	words := strings.Fields(ast.String(s))
	return strings.Join(words[:min(2, len(words))], " ")
}

func (b *Binder) errorf(p ast.Pos, format string, args ...any) {
	b.errs = append(b.errs, fault.Pos(p).Errorf(fault.Config, format, args...))
}

func (b *Binder) remedy(p ast.Pos, remedy, format string, args ...any) {
	err := fault.Pos(p).Errorf(fault.Config, format, args...)
	if remedy != "" {
		err = fault.WithRemedy(err, remedy)
	}
	b.errs = append(b.errs, err)
}

// fail records err, placed at p if it has no place of its own.
func (b *Binder) fail(p ast.Pos, err error) {
	for _, e := range fault.Flatten(err) {
		if _, ok := fault.PosOf(e); !ok {
			remedy := fault.RemedyOf(e)
			if e = fault.WithPos(e, fault.Pos(p)); remedy != "" {
				e = fault.WithRemedy(e, remedy)
			}
		}
		b.errs = append(b.errs, e)
	}
}

// poison stands for an expression that has a fault already; its type agrees with everything.
func poison() plan.Expr { return &plan.Literal{T: types.Type{}} }

// tableKey is a table's name without the default catalog and database.
func tableKey(n *ast.Name) string {
	return strings.TrimPrefix(strings.TrimPrefix(n.Dotted(), "default_catalog."), "default_database.")
}

// relations are the names of all tables and views, for did-you-mean.
func (b *Binder) relations() []string {
	var out []string
	out = append(out, b.order...)
	for n := range b.views {
		out = append(out, n)
	}
	return out
}

func (b *Binder) drop(s *ast.Drop) {
	name := tableKey(s.Name)
	switch s.Kind {
	case "TABLE":
		if _, ok := b.tables[name]; !ok && !s.IfExists {
			b.remedy(s.Name.Pos(), fault.DidYouMean(name, b.relations()), "table %s does not exist", name)
		}
		delete(b.tables, name)
		for i, n := range b.order {
			if n == name {
				b.order = append(b.order[:i:i], b.order[i+1:]...)
				break
			}
		}
	case "VIEW":
		if _, ok := b.views[name]; !ok && !s.IfExists {
			b.remedy(s.Name.Pos(), fault.DidYouMean(name, b.relations()), "view %s does not exist", name)
		}
		delete(b.views, name)
	default:
		b.errorf(s.Pos(), "DROP %s is not supported here", s.Kind)
	}
}

// describe asks the connector about t, once.
func (b *Binder) describe(t *catalog.Table) (catalog.Caps, bool) {
	if c, ok := b.caps[t]; ok {
		return c, true
	}
	c, err := b.describer.Describe(t)
	if err != nil {
		b.fail(t.Pos, err)
		return c, false
	}
	b.caps[t] = c
	return c, true
}

// Detached binds a statement of EXPLAIN into sinks of its own: nodes are shared neither with the job nor with other calls. A query without
// INSERT gets a print sink.
func (b *Binder) Detached(s ast.Statement) ([]*plan.Sink, error) {
	d := New(b.describer, b.settings)
	d.tables, d.order, d.caps = b.tables, b.order, b.caps
	for name, v := range b.views {
		d.views[name] = &view{def: v.def, bad: v.bad}
	}
	q, ok := s.(*ast.QueryStatement)
	if !ok {
		err := d.Statement(s)
		return d.sinks, err
	}
	r := d.query(q.Query, nil)
	if r != nil {
		t := &catalog.Table{Name: "result", Options: map[string]string{"connector": "print"}, Pos: s.Pos()}
		n := &plan.Sink{Input: r.node, Table: t, Caps: catalog.Caps{Sink: true, SinkMode: catalog.AllChanges}}
		for i, c := range r.out() {
			t.Columns = append(t.Columns, catalog.Column{Name: c.Name, Type: c.Type})
			n.Columns = append(n.Columns, i)
		}
		d.sinks = append(d.sinks, plan.New(n, s.Pos()))
	}
	return d.sinks, fault.Join(d.errs...)
}
