package bind

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/function"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// Result is what a statement such as SHOW answers: a table of texts, under Flink's column names.
type Result struct {
	Columns []string
	Rows    [][]string
}

// Null is a cell without a value.
const Null = "<NULL>"

// Shown is what the last statement answers, nil for one that only changes something.
func (b *Binder) Shown() *Result { return b.shown }

// listing is a Result of one column, sorted.
func listing(column string, names []string) *Result {
	slices.Sort(names)
	r := &Result{Columns: []string{column}}
	for _, n := range names {
		r.Rows = append(r.Rows, []string{n})
	}
	return r
}

func (b *Binder) showSettings() *Result {
	r := &Result{Columns: []string{"key", "value"}}
	for _, k := range sortedKeys(b.settings) {
		r.Rows = append(r.Rows, []string{k, b.settings[k]})
	}
	return r
}

func (b *Binder) show(s *ast.Show) *Result {
	var r *Result
	switch s.What {
	case "TABLES", "VIEWS":
		a := b.ns.now
		if s.From != nil {
			a = b.ns.databaseName(s.From)
		}
		if b.database(s.Pos(), a) == nil {
			return nil
		}
		var names []string
		for _, k := range b.relations() {
			if placeOf(k) == a && (s.What == "TABLES" || b.views[k] != nil) {
				names = append(names, k[strings.LastIndex(k, ".")+1:])
			}
		}
		r = listing(strings.ToLower(strings.TrimSuffix(s.What, "S"))+" name", names)
	case "CATALOGS":
		r = listing("catalog name", sortedKeys(b.ns.catalogs))
	case "DATABASES":
		name := b.ns.now.catalog
		if s.From != nil {
			name = s.From.Last()
		}
		c := b.ns.catalogs[name]
		if c == nil {
			b.remedy(s.Pos(), fault.DidYouMean(name, sortedKeys(b.ns.catalogs)), "catalog %s does not exist", name)
			return nil
		}
		r = listing("database name", sortedKeys(c.databases))
	case "CURRENT CATALOG":
		r = listing("current catalog name", []string{b.ns.now.catalog})
	case "CURRENT DATABASE":
		r = listing("current database name", []string{b.ns.now.database})
	case "FUNCTIONS":
		var names []string
		for _, n := range function.Names() {
			if !strings.HasPrefix(n, "$") {
				names = append(names, n)
			}
		}
		names = append(names, b.functionNames()...)
		slices.Sort(names)
		r = listing("function name", slices.Compact(names))
	case "MODULES":
		r = listing("module name", slices.Clone(b.ns.module))
	case "FULL MODULES":
		r = &Result{Columns: []string{"module name", "used"}, Rows: [][]string{{"core", strconv.FormatBool(slices.Contains(b.ns.module, "core"))}}}
	case "COLUMNS":
		r = b.describeTable(s.From)
		if r != nil {
			r.Columns[0] = "field name"
		}
	case "CREATE TABLE", "CREATE VIEW", "CREATE CATALOG":
		r = b.showCreate(s)
	case "USER FUNCTIONS":
		r = listing("function name", b.functionNames())
	case "PROCEDURES", "JARS":
		r = listing(strings.ToLower(strings.TrimSuffix(s.What, "S"))+"s", nil)
	default:
		b.remedy(s.Pos(), "in the shell, freshet sql, SHOW JOBS lists its jobs", "SHOW %s is not supported here", s.What)
		return nil
	}
	if r == nil || s.Like == nil {
		return r
	}
	pattern := likePattern(s.Like.Value, s.ILike)
	r.Rows = slices.DeleteFunc(r.Rows, func(row []string) bool { return pattern.MatchString(row[0]) == s.Not })
	return r
}

// likePattern is SQL's LIKE as a regular expression; ILIKE takes letters of both cases.
func likePattern(like string, fold bool) *regexp.Regexp {
	var out strings.Builder
	out.WriteString("^(?s")
	if fold {
		out.WriteString("i")
	}
	out.WriteString(":")
	rs := []rune(like)
	for i := 0; i < len(rs); i++ {
		switch c := rs[i]; {
		case c == '\\' && i+1 < len(rs):
			i++
			out.WriteString(regexp.QuoteMeta(string(rs[i])))
		case c == '%':
			out.WriteString(".*")
		case c == '_':
			out.WriteString(".")
		default:
			out.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return regexp.MustCompile(out.String() + ")$")
}

func (b *Binder) describeObject(s *ast.Describe) *Result {
	info := func(rows ...[]string) *Result {
		return &Result{Columns: []string{"info name", "info value"}, Rows: rows}
	}
	switch s.Kind {
	case "CATALOG":
		c := b.ns.catalogs[s.Name.Last()]
		if c == nil {
			b.remedy(s.Name.Pos(), fault.DidYouMean(s.Name.Last(), sortedKeys(b.ns.catalogs)), "catalog %s does not exist", s.Name.Last())
			return nil
		}
		r := info([]string{"name", s.Name.Last()}, []string{"type", c.options["type"]}, []string{"comment", c.comment})
		if s.Extended {
			for _, k := range sortedKeys(c.options) {
				r.Rows = append(r.Rows, []string{"option:" + k, c.options[k]})
			}
		}
		return r
	case "DATABASE":
		a := b.ns.databaseName(s.Name)
		d := b.database(s.Name.Pos(), a)
		if d == nil {
			return nil
		}
		r := info([]string{"catalog", a.catalog}, []string{"name", a.database}, []string{"comment", d.comment})
		if s.Extended {
			for _, k := range sortedKeys(d.options) {
				r.Rows = append(r.Rows, []string{"option:" + k, d.options[k]})
			}
		}
		return r
	case "TABLE":
		return b.describeTable(s.Name)
	}
	b.remedy(s.Pos(), "docs/reference/functions.md describes the functions", "DESCRIBE %s is not supported here", s.Kind)
	return nil
}

// describeTable gives a table's or view's columns as Flink's DESCRIBE does.
func (b *Binder) describeTable(n *ast.Name) *Result {
	r := &Result{Columns: []string{"name", "type", "null", "key", "extras", "watermark"}}
	key := b.key(n)
	if v := b.views[key]; v != nil {
		rel := b.view(&ast.TableName{Loc: n.Loc, Name: n}, v)
		if rel == nil {
			return nil
		}
		for i, f := range rel.fields {
			t := rel.out()[i].Type
			r.Rows = append(r.Rows, []string{f.name, t.AsNullable().String() + timeNote(rel.out()[i].Attr), yes(t.Nullable()), Null, Null, Null})
		}
		return r
	}
	t := b.tables[key]
	if t == nil {
		b.remedy(n.Pos(), fault.DidYouMean(key, b.relations()), "table %s does not exist", key)
		return nil
	}
	d := b.defs[key]
	keys := Null
	if len(t.PrimaryKey) > 0 {
		var names []string
		for _, k := range t.PrimaryKey {
			names = append(names, t.Columns[k].Name)
		}
		keys = "PRI(" + strings.Join(names, ", ") + ")"
	}
	comments := slices.ContainsFunc(t.Columns, func(c catalog.Column) bool { return c.Comment != "" })
	if comments {
		r.Columns = append(r.Columns, "comment")
	}
	for i, c := range t.Columns {
		attr := plan.NoTime
		if c.ProcTime {
			attr = plan.ProcTime
		}
		row := []string{c.Name, c.Type.AsNullable().String(), yes(c.Type.Nullable()), Null, Null, Null}
		for _, w := range d.Watermarks {
			if w.Column.Dotted() == c.Name {
				row[5], attr = ast.String(w.X), plan.RowTime
			}
		}
		row[1] += timeNote(attr)
		if slices.Contains(t.PrimaryKey, i) {
			row[3] = keys
		}
		switch def := columnDef(d, c.Name); c.Kind {
		case catalog.Computed:
			row[4] = "AS " + ast.String(def.Computed)
		case catalog.Metadata:
			row[4] = "METADATA"
			if def.MetaKey != nil {
				row[4] += " FROM " + ast.String(def.MetaKey)
			}
			if c.Virtual {
				row[4] += " VIRTUAL"
			}
		}
		if comments {
			row = append(row, c.Comment)
		}
		r.Rows = append(r.Rows, row)
	}
	return r
}

func columnDef(d *ast.CreateTable, name string) *ast.ColumnDef {
	for _, c := range d.Columns {
		if c.Name.Name == name {
			return c
		}
	}
	return nil
}

func timeNote(a plan.TimeAttr) string { return [...]string{"", " *ROWTIME*", " *PROCTIME*"}[a] }

func yes(b bool) string { return strings.ToUpper(strconv.FormatBool(b)) }

// showCreate writes the statement that would declare the object again.
func (b *Binder) showCreate(s *ast.Show) *Result {
	kind := strings.TrimPrefix(s.What, "CREATE ")
	r := &Result{Columns: []string{"result"}}
	key := b.key(s.From)
	if kind == "CATALOG" {
		c := b.ns.catalogs[s.From.Last()]
		if c == nil {
			b.remedy(s.From.Pos(), fault.DidYouMean(s.From.Last(), sortedKeys(b.ns.catalogs)), "catalog %s does not exist", s.From.Last())
			return nil
		}
		d := &ast.CreateCatalog{Name: s.From.Parts[len(s.From.Parts)-1]}
		for _, k := range sortedKeys(c.options) {
			d.Options = append(d.Options, &ast.Option{Key: &ast.StringLit{Value: k}, Value: &ast.StringLit{Value: c.options[k]}})
		}
		r.Rows = [][]string{{ast.Pretty(d)}}
		return r
	}
	v, d := b.views[key], b.defs[key]
	switch {
	case v == nil && d == nil:
		b.remedy(s.From.Pos(), fault.DidYouMean(key, b.relations()), "%s %s does not exist", strings.ToLower(kind), key)
	case kind == "TABLE" && d == nil:
		b.remedy(s.From.Pos(), "write SHOW CREATE VIEW", "%s is a view", key)
	case kind == "VIEW" && v == nil:
		b.remedy(s.From.Pos(), "write SHOW CREATE TABLE", "%s is a table", key)
	case kind == "VIEW":
		r.Rows = [][]string{{ast.Pretty(v.def)}}
	default:
		r.Rows = [][]string{{ast.Pretty(d)}}
	}
	return r
}
