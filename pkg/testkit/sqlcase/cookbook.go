package sqlcase

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/clickhouse"
	"github.com/freshet-dw/freshet/pkg/connector"
	real "github.com/freshet-dw/freshet/pkg/connector/connectors"
	"github.com/freshet-dw/freshet/pkg/hbase"
	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/pkg/mysql"
	"github.com/freshet-dw/freshet/pkg/redis"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/bind"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/parse"
)

// Recipe is an example of the documentation: statements over real connectors, with rows in and out.
type Recipe struct {
	Title string
	Line  int // of the title in its file
	SQL   string
	// Rows is the text of the sections in, out, batch and log; RowsLine is the line of the file at which it starts.
	Rows     string
	RowsLine int
	head     *Recipe // what stands before the page's first recipe
}

// Cookbook reads the recipes of a Markdown page: under a heading of the second level a block of SQL, and a block called rows. Such blocks
// before the first heading are common to all recipes: tables, and rows that a recipe's own replace.
func Cookbook(path string) ([]*Recipe, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []*Recipe
	head := &Recipe{}
	at := head
	block := ""
	for i, line := range strings.Split(string(data), "\n") {
		switch {
		case block == "" && strings.HasPrefix(line, "## "):
			at = &Recipe{Title: strings.TrimSpace(line[3:]), Line: i + 1, head: head}
			out = append(out, at)
		case block == "" && strings.HasPrefix(line, "```"):
			if block = strings.TrimPrefix(line, "```"); block == "" {
				block = "text"
			}
			if block == "rows" {
				at.RowsLine = i + 2
			}
		case line == "```":
			block = ""
		case block == "sql":
			at.SQL += line + "\n"
		case block == "rows":
			at.Rows += line + "\n"
		}
	}
	// A recipe without rows is prose, or a fragment that is not run.
	return slices.DeleteFunc(out, func(r *Recipe) bool { return r.Rows == "" }), nil
}

// CookbookPages is where the pages are, seen from a package beside this one.
const CookbookPages = "../../../docs/sql/cookbook/*.md"

// CookbookConnectors answers for the real connectors, with addresses that nobody connects to: tables leave theirs out.
func CookbookConnectors() *connector.Set {
	return real.New(real.Config{Kafka: kafka.Config{Brokers: []string{"kafka:9092"}}, MySQL: mysql.Config{Addr: "mysql:3306", User: "shop"}, Redis: redis.Config{Addr: "redis:6379"},
		HBase: hbase.Config{ZooKeeper: "zookeeper:2181"}, ClickHouse: clickhouse.Config{Addr: "clickhouse:9000"}})
}

// Text is the recipe's statements with the page's common ones before them.
func (r *Recipe) Text() string { return r.head.SQL + r.SQL }

// Case makes the recipe one that runs in memory: tables with rows are read from them, the others collect what is written. D answers for
// the real connectors, whose kinds of changes the tables keep.
func (r *Recipe) Case(d catalog.Describer) (*Case, error) {
	cases, err := Parse(r.head.Rows + "=== " + r.Title + "\n" + r.Rows)
	if err != nil {
		return nil, err
	}
	c := cases[0]
	statements, err := parse.File(r.Title, r.Text())
	if err != nil {
		return nil, err
	}
	b := bind.New(d, map[string]string{})
	for _, s := range statements {
		if err := b.Statement(s); err != nil {
			return nil, err
		}
		if t, ok := s.(*ast.CreateTable); ok {
			if err := r.inMemory(c, d, b, t); err != nil {
				return nil, err
			}
		}
		c.SQL += ast.String(s) + ";\n"
	}
	return c, nil
}

// inMemory gives a table the connectors of the cases.
func (r *Recipe) inMemory(c *Case, d catalog.Describer, b *bind.Binder, s *ast.CreateTable) error {
	i := slices.IndexFunc(b.Tables(), func(t *catalog.Table) bool { return t.Name == s.Name.Last() })
	if i < 0 {
		return fmt.Errorf("table %s is not declared", s.Name.Last())
	}
	t := b.Tables()[i]
	caps, err := d.Describe(t)
	if err != nil {
		return err
	}
	kind, changes := "collect", caps.SinkMode
	for name := range c.In {
		if base, _, _ := strings.Cut(name, "/"); base == t.Name {
			kind, changes = "values", caps.SourceMode
		}
	}
	if kind == "values" && !caps.Scan { // looked up
		changes = catalog.AppendOnly
	}
	mode := map[catalog.ChangeMode]string{catalog.AppendOnly: "append", catalog.AllChanges: "all"}[changes]
	if mode == "" {
		mode = "upsert"
	}
	option := func(k, v string) *ast.Option {
		return &ast.Option{Key: &ast.StringLit{Value: k}, Value: &ast.StringLit{Value: v}}
	}
	s.Options = []*ast.Option{option("connector", kind), option("mode", mode)}
	s.PartitionBy = nil
	if s.Like != nil {
		s.Like.Options = append(s.Like.Options, &ast.LikeOption{Merge: "EXCLUDING", Feature: "OPTIONS"})
	}
	for _, col := range s.Columns {
		col.Metadata, col.Virtual, col.MetaKey = false, false, nil
	}
	return nil
}
