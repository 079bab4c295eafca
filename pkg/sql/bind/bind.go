// Package bind gives a parsed statement its meaning: names are found, types inferred with Flink's rules, implicit casts
// made explicit, views inlined (one node however often they are read), and every INSERT becomes a tree of plan nodes
// under a sink.
//
// The tree is right but naive: it has no exchanges, joins hold their whole condition, scans read all columns.
// Package optimize makes it runnable. Faults are collected, each with its place, so that one pass over a file finds as many as it can.
package bind

import (
	"slices"
	"strconv"
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
	ns        *namespace
	tables    map[string]*catalog.Table
	defs      map[string]*ast.CreateTable // how each table was declared, LIKE written out
	order     []string                    // tables in the order of their declaration
	views     map[string]*view
	scans     map[string]*rel
	caps      map[*catalog.Table]catalog.Caps
	sinks     []*plan.Sink
	library   catalog.Functions // nil: no user functions
	functions map[string]userFunction
	used      map[string]*catalog.Function // by the names in plans
	shown     *Result                      // of the last statement
	corr      *correlation                 // of the subquery whose SELECT is bound next
	free      []*correlation               // of the subqueries around that are bound free, outermost first
	errs      []error
	places    map[plan.Expr]ast.Pos // where column references stand, for messages
}

type view struct {
	def  *ast.CreateView
	at   at   // where its names without a qualifier are
	rel  *rel // bound at first use
	busy bool // being bound: a reference now is a cycle
	bad  bool
}

// New gives an empty Binder. Settings is read and written: SET statements change it.
func New(d catalog.Describer, settings map[string]string) *Binder {
	return &Binder{describer: d, settings: settings, ns: newNamespace(), tables: map[string]*catalog.Table{}, defs: map[string]*ast.CreateTable{}, views: map[string]*view{}, scans: map[string]*rel{},
		used: map[string]*catalog.Function{}, caps: map[*catalog.Table]catalog.Caps{}, places: map[plan.Expr]ast.Pos{}}
}

// Tables are the declared tables in order of declaration.
func (b *Binder) Tables() []*catalog.Table {
	out := make([]*catalog.Table, len(b.order))
	for i, n := range b.order {
		out[i] = b.tables[n]
	}
	return out
}

// Declare adds a table, or replaces it.
func (b *Binder) Declare(t *catalog.Table) {
	if _, ok := b.tables[t.Name]; !ok {
		b.order = append(b.order, t.Name)
	}
	b.tables[t.Name] = t
}

// forget drops a table or view.
func (b *Binder) forget(key string) {
	delete(b.tables, key)
	delete(b.defs, key)
	delete(b.views, key)
	if i := slices.Index(b.order, key); i >= 0 {
		b.order = slices.Delete(b.order, i, i+1)
	}
	b.stale()
}

// stale makes views read anew what they name: a declaration has changed.
func (b *Binder) stale() {
	for _, v := range b.views {
		v.rel = nil
	}
}

// Views are the names of the views, sorted.
func (b *Binder) Views() []string { return sortedKeys(b.views) }

// Sinks are the INSERTs bound so far, in order.
func (b *Binder) Sinks() []*plan.Sink { return b.sinks }

// Statement binds one statement. Its error is all faults found, joined, each of kind fault.Config with its place.
func (b *Binder) Statement(s ast.Statement) error {
	b.errs, b.shown = nil, nil
	switch s := s.(type) {
	case *ast.CreateTable:
		b.createTable(s)
	case *ast.CreateView:
		b.createView(s)
	case *ast.CreateFunction:
		b.createFunction(s)
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
		} else {
			b.shown = b.showSettings()
		}
	case *ast.Reset:
		if s.Key != nil {
			delete(b.settings, s.Key.Value)
		} else {
			clear(b.settings)
		}
	case *ast.Drop:
		b.drop(s)
	case *ast.AlterTable:
		b.alterTable(s)
	case *ast.AlterView:
		b.alterView(s)
	case *ast.CreateCatalog:
		b.createCatalog(s)
	case *ast.CreateDatabase:
		b.createDatabase(s)
	case *ast.AlterDatabase:
		b.alterDatabase(s)
	case *ast.Use:
		b.use(s)
	case *ast.Show:
		b.shown = b.show(s)
	case *ast.Describe:
		b.shown = b.describeObject(s)
	case *ast.QueryStatement:
		b.query(s.Query, nil)
	default:
		b.refuse(s)
	}
	return fault.Join(b.errs...)
}

// refuse says of a statement of Flink's that it does not run here, and what to do.
func (b *Binder) refuse(s ast.Statement) {
	remedy := "a job is made of CREATE TABLE, CREATE VIEW, SET and INSERT INTO … SELECT"
	switch s.(type) {
	case *ast.Update, *ast.Delete, *ast.Truncate:
		remedy = "rows change by what an INSERT's query gives: write to a table with a PRIMARY KEY"
	case *ast.CreateMaterializedTable, *ast.AlterMaterializedTable:
		remedy = "write CREATE TABLE and INSERT INTO … SELECT: the job keeps the table fresh"
	case *ast.CompilePlan, *ast.ExecutePlan:
		remedy = "a job's plan is made of its file at every start; state is kept where the plan allows it"
	case *ast.Jar, *ast.Module:
		remedy = "functions are registered in Go or come as WASM modules"
	case *ast.Analyze:
		remedy = "leave it out: plans do not depend on statistics"
	case *ast.CallProcedure:
		remedy = "there are no procedures"
	case *ast.StopJob:
		remedy = "STOP JOB works in the shell, freshet sql"
	}
	words := strings.Fields(ast.String(s))
	b.remedy(s.Pos(), remedy, "%s is not supported here", strings.Join(words[:min(2, len(words))], " "))
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
	key := b.key(s.Name)
	switch s.Kind {
	case "TABLE":
		switch _, ok := b.tables[key]; {
		case ok:
			b.forget(key)
		case b.views[key] != nil:
			b.remedy(s.Name.Pos(), "write DROP VIEW", "%s is a view", key)
		case !s.IfExists:
			b.remedy(s.Name.Pos(), fault.DidYouMean(key, b.order), "table %s does not exist", key)
		}
	case "VIEW":
		switch {
		case b.views[key] != nil:
			b.forget(key)
		case b.tables[key] != nil:
			b.remedy(s.Name.Pos(), "write DROP TABLE", "%s is a table", key)
		case !s.IfExists:
			b.remedy(s.Name.Pos(), fault.DidYouMean(key, sortedKeys(b.views)), "view %s does not exist", key)
		}
	case "FUNCTION":
		b.dropFunction(s)
	case "DATABASE", "CATALOG":
		b.dropDatabase(s)
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
	d := *b
	d.sinks, d.errs, d.scans, d.views = nil, nil, map[string]*rel{}, map[string]*view{}
	for name, v := range b.views {
		d.views[name] = &view{def: v.def, at: v.at, bad: v.bad}
	}
	q, ok := s.(*ast.QueryStatement)
	if !ok {
		err := d.Statement(s)
		return d.sinks, err
	}
	d.Query(q, "print")
	return d.sinks, fault.Join(d.errs...)
}

// ResultTable is the name of the tables that queries without INSERT write to, before a number.
const ResultTable = "result"

// Do runs f and gives the faults that it found.
func (b *Binder) Do(f func()) error {
	b.errs, b.shown = nil, nil
	f()
	return fault.Join(b.errs...)
}

// Clear forgets the sinks bound so far, and what they read: the next statement starts a job of its own.
func (b *Binder) Clear() {
	b.sinks, b.scans = nil, map[string]*rel{}
	b.stale()
}

// Query binds a query into a sink that shows its changes: a table result of the connector.
func (b *Binder) Query(q *ast.QueryStatement, connector string) {
	r := b.query(q.Query, nil)
	if r == nil {
		return
	}
	name := ResultTable
	for n := 2; slices.ContainsFunc(b.sinks, func(s *plan.Sink) bool { return s.Table.Name == name }); n++ {
		name = ResultTable + strconv.Itoa(n)
	}
	t := &catalog.Table{Name: name, Options: map[string]string{"connector": connector}, Pos: q.Pos()}
	n := &plan.Sink{Input: r.node, Table: t, Caps: catalog.Caps{Sink: true, SinkMode: catalog.AllChanges}}
	for i, f := range r.fields {
		t.Columns = append(t.Columns, catalog.Column{Name: f.name, Type: r.out()[i].Type})
		n.Columns = append(n.Columns, i)
	}
	b.sinks = append(b.sinks, plan.New(n, q.Pos()))
}

// batch tells whether the statements run over bounded input, as a whole.
func (b *Binder) batch() bool {
	return strings.EqualFold(b.settings["execution.runtime-mode"], "batch")
}
