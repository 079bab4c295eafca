package bind

import (
	"maps"
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
)

// The catalog and database in which names without a qualifier are, until USE.
const (
	DefaultCatalog  = "default_catalog"
	DefaultDatabase = "default_database"
)

// at is a catalog and a database in it.
type at struct{ catalog, database string }

var home = at{DefaultCatalog, DefaultDatabase}

// namespace is the catalogs with their databases, all in memory, and which of them names without a qualifier are in.
type namespace struct {
	catalogs map[string]*catalogDef
	now      at
	module   []string // modules in use
}

type catalogDef struct {
	options   map[string]string
	comment   string
	databases map[string]*databaseDef
}

type databaseDef struct {
	options map[string]string
	comment string
}

func newNamespace() *namespace {
	return &namespace{now: home, module: []string{"core"}, catalogs: map[string]*catalogDef{
		DefaultCatalog: {options: map[string]string{"type": "generic_in_memory"}, databases: map[string]*databaseDef{DefaultDatabase: {}}}}}
}

// key is the full name of what path and name say, shortened by the default catalog and database.
func (a at) key(name string) string {
	switch {
	case a == home:
		return name
	case a.catalog == DefaultCatalog:
		return a.database + "." + name
	}
	return a.catalog + "." + a.database + "." + name
}

// place is the catalog and database of a table's or view's name.
func (ns *namespace) place(n *ast.Name) at {
	a, parts := ns.now, n.Strings()
	if len(parts) > 1 {
		a.database = parts[len(parts)-2]
	}
	if len(parts) > 2 {
		a.catalog = parts[len(parts)-3]
	}
	return a
}

// key is the name under which a table or view is kept: without the default catalog and database.
func (b *Binder) key(n *ast.Name) string { return b.ns.place(n).key(n.Last()) }

// newKey is key for something that is to be made: its database must exist.
func (b *Binder) newKey(n *ast.Name) (string, bool) {
	a := b.ns.place(n)
	if len(n.Parts) > 3 {
		b.remedy(n.Pos(), "write catalog.database.name", "%s has too many parts", n.Dotted())
		return "", false
	}
	return a.key(n.Last()), b.database(n.Pos(), a) != nil
}

// database finds a database, with a fault if there is none.
func (b *Binder) database(p ast.Pos, a at) *databaseDef {
	c := b.ns.catalogs[a.catalog]
	if c == nil {
		b.remedy(p, fault.DidYouMean(a.catalog, sortedKeys(b.ns.catalogs)), "catalog %s does not exist", a.catalog)
		return nil
	}
	d := c.databases[a.database]
	if d == nil {
		b.remedy(p, fault.DidYouMean(a.database, sortedKeys(c.databases)), "database %s does not exist in %s", a.database, a.catalog)
	}
	return d
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func optionMap(os []*ast.Option) map[string]string {
	m := map[string]string{}
	for _, o := range os {
		m[o.Key.Value] = o.Value.Value
	}
	return m
}

func text(s *ast.StringLit) string {
	if s == nil {
		return ""
	}
	return s.Value
}

func (b *Binder) createCatalog(s *ast.CreateCatalog) {
	name := s.Name.Name
	if b.ns.catalogs[name] != nil {
		if !s.IfNotExists {
			b.errorf(s.Name.Pos(), "catalog %s exists already", name)
		}
		return
	}
	c := &catalogDef{options: optionMap(s.Options), comment: text(s.Comment), databases: map[string]*databaseDef{}}
	if t := c.options["type"]; t != "generic_in_memory" {
		b.remedy(s.Pos(), "write WITH ('type' = 'generic_in_memory')", "there is no catalog of type %q: tables are declared in SQL files", t)
		return
	}
	database := c.options["default-database"]
	if database == "" {
		database = "default"
	}
	c.databases[database] = &databaseDef{}
	b.ns.catalogs[name] = c
}

// databaseName is the place that a name of a database means.
func (ns *namespace) databaseName(n *ast.Name) at {
	a := at{ns.now.catalog, n.Last()}
	if len(n.Parts) > 1 {
		a.catalog = n.Parts[len(n.Parts)-2].Name
	}
	return a
}

func (b *Binder) createDatabase(s *ast.CreateDatabase) {
	a := b.ns.databaseName(s.Name)
	c := b.ns.catalogs[a.catalog]
	switch {
	case c == nil:
		b.database(s.Name.Pos(), a)
	case c.databases[a.database] == nil:
		c.databases[a.database] = &databaseDef{options: optionMap(s.Options), comment: text(s.Comment)}
	case !s.IfNotExists:
		b.errorf(s.Name.Pos(), "database %s exists already", s.Name.Dotted())
	}
}

func (b *Binder) alterDatabase(s *ast.AlterDatabase) {
	var options *map[string]string
	var comment *string
	if s.Catalog {
		c := b.ns.catalogs[s.Name.Last()]
		if c == nil {
			b.remedy(s.Name.Pos(), fault.DidYouMean(s.Name.Last(), sortedKeys(b.ns.catalogs)), "catalog %s does not exist", s.Name.Last())
			return
		}
		options, comment = &c.options, &c.comment
	} else {
		d := b.database(s.Name.Pos(), b.ns.databaseName(s.Name))
		if d == nil {
			return
		}
		options = &d.options
	}
	if *options == nil {
		*options = map[string]string{}
	}
	switch a := s.Action.(type) {
	case *ast.AlterSet:
		maps.Copy(*options, optionMap(a.Options))
	case *ast.AlterReset:
		for _, k := range a.Keys {
			delete(*options, k.Value)
		}
	case *ast.AlterComment:
		*comment = a.Comment.Value
	}
}

func (b *Binder) use(s *ast.Use) {
	switch s.Kind {
	case "CATALOG":
		name := s.Name.Last()
		c := b.ns.catalogs[name]
		if c == nil {
			b.remedy(s.Name.Pos(), fault.DidYouMean(name, sortedKeys(b.ns.catalogs)), "catalog %s does not exist", name)
			return
		}
		database := c.options["default-database"]
		switch {
		case name == DefaultCatalog:
			database = DefaultDatabase
		case database == "":
			database = "default"
		}
		b.ns.now = at{name, database}
	case "MODULES":
		var used []string
		for _, m := range s.Modules {
			if m.Name != "core" {
				b.remedy(m.Pos(), fault.DidYouMean(m.Name, []string{"core"}), "module %s is not loaded", m.Name)
			}
			used = append(used, m.Name)
		}
		if len(used) > 0 {
			b.ns.module = used
		}
	default:
		if a := b.ns.databaseName(s.Name); b.database(s.Name.Pos(), a) != nil {
			b.ns.now = a
		}
	}
}

// dropDatabase drops a database or, with the word CATALOG, a catalog, and with CASCADE what is in it.
func (b *Binder) dropDatabase(s *ast.Drop) {
	a, catalog := b.ns.databaseName(s.Name), s.Kind == "CATALOG"
	if catalog {
		a = at{catalog: s.Name.Last()}
	}
	c := b.ns.catalogs[a.catalog]
	if c == nil || !catalog && c.databases[a.database] == nil {
		switch {
		case s.IfExists:
		case catalog:
			b.remedy(s.Name.Pos(), fault.DidYouMean(a.catalog, sortedKeys(b.ns.catalogs)), "catalog %s does not exist", a.catalog)
		default:
			b.database(s.Name.Pos(), a)
		}
		return
	}
	if a.catalog == b.ns.now.catalog && (catalog || a.database == b.ns.now.database) || a == home || catalog && a.catalog == DefaultCatalog {
		b.remedy(s.Pos(), "USE another one first; the default one stays", "%s is in use", s.Name.Dotted())
		return
	}
	var inside []string
	for _, k := range b.relations() {
		if p := placeOf(k); p.catalog == a.catalog && (catalog || p.database == a.database) {
			inside = append(inside, k)
		}
	}
	if len(inside) > 0 && s.Behavior != "CASCADE" && !catalog {
		b.remedy(s.Pos(), "drop them first, or write CASCADE", "database %s is not empty: it has %s", s.Name.Dotted(), strings.Join(inside, ", "))
		return
	}
	for _, k := range inside {
		b.forget(k)
	}
	if catalog {
		delete(b.ns.catalogs, a.catalog)
	} else {
		delete(c.databases, a.database)
	}
}

// placeOf is the catalog and database of a key.
func placeOf(key string) at {
	parts := strings.Split(key, ".")
	switch len(parts) {
	case 1:
		return home
	case 2:
		return at{DefaultCatalog, parts[0]}
	}
	return at{parts[0], parts[1]}
}
