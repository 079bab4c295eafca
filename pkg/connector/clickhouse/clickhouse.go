// Package clickhouse is the connector clickhouse, a sink.
//
// Each worker inserts an epoch as one block with a token that a replay repeats, so ClickHouse stores it once. A table with a primary key
// is a ReplacingMergeTree by the columns _version and _deleted, which the sink adds: read it with FINAL. One without takes inserts only.
// It does not scan tables.
package clickhouse

import (
	"context"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/clickhouse"
	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/internal/remote"
	"github.com/freshet-dw/freshet/pkg/connector/option"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Connector writes ClickHouse tables. Client is used for tables that give no url.
type Connector struct {
	Client clickhouse.Config
}

var (
	_ connector.Connector = (*Connector)(nil)
	_ connector.Sinker    = (*Connector)(nil)
)

// Specs are the options.
var Specs = []option.Spec{
	{Key: "url", Help: "clickhouse://host:port or host:port of the native protocol. Default: the warehouse's server."},
	{Key: "database-name", Help: "Database; made if it is missing. Default: the warehouse's, else default."},
	{Key: "table-name", Help: "Table. Default: the name of the declared table."},
	{Key: "username", Help: "User."},
	{Key: "password", Help: "Password."},
	{Key: "table.create", Kind: option.Bool, Default: "true", Help: "Make the table from the declared columns if it is missing, and add columns that it lacks."},
	{Key: "table.engine", Help: "Engine of the table that is made. Default: ReplacingMergeTree(_version, _deleted) with a primary key, else MergeTree."},
	{Key: "table.order-by", Help: "Sorting key: expressions with commas. Default: the primary key."},
	{Key: "table.partition-by", Help: "Partition expression: toYYYYMM(event_time)."},
	{Key: "table.ttl", Help: "TTL expression."},
	{Key: "sink.buffer-flush.max-rows", Kind: option.Int, Help: "Taken for compatibility: rows are written once an epoch."},
	{Key: "sink.buffer-flush.interval", Kind: option.Duration, Help: "Taken for compatibility, as above."},
	{Key: "sink.parallelism", Kind: option.Int, Help: "Taken for compatibility."},
}

// The columns that make a table of the newest rows.
const (
	versionColumn = "_version"
	deletedColumn = "_deleted"
)

// Names implements connector.Connector.
func (*Connector) Names() []string { return []string{"clickhouse"} }

type table struct {
	t      *catalog.Table
	cfg    clickhouse.Config
	def    clickhouse.Table
	create bool
	upsert bool
}

// Describe implements connector.Connector.
func (c *Connector) Describe(t *catalog.Table) (catalog.Caps, error) {
	tb, err := c.parse(t)
	if err != nil {
		return catalog.Caps{}, err
	}
	if tb.upsert {
		return catalog.Caps{Sink: true, SinkMode: catalog.Upsert}, nil
	}
	return catalog.Caps{Sink: true, SinkMode: catalog.AppendOnly}, nil
}

func (c *Connector) parse(t *catalog.Table) (*table, error) {
	v, err := option.Check(t, Specs)
	errs := []error{err}
	tb := &table{t: t, cfg: c.Client, create: v.Bool("table.create"), upsert: len(t.PrimaryKey) > 0}
	if s := v.Get("url"); s != "" {
		if err := tb.address(v, s); err != nil {
			errs = append(errs, err)
		}
	}
	if tb.cfg.Addr == "" {
		errs = append(errs, fault.WithRemedy(v.Errorf("connector", "no ClickHouse server is configured"), "set 'url' in the table, or clickhouse.addr in freshet.yaml"))
	}
	if v.Has("username") {
		tb.cfg.User = v.Get("username")
	}
	if v.Has("password") {
		tb.cfg.Password = v.Get("password")
	}
	database := v.Get("database-name")
	if database == "" {
		if database = tb.cfg.Database; database == "" {
			database = "default"
		}
	}
	// The database may have to be made first.
	tb.cfg.Database = ""
	name := v.Get("table-name")
	if name == "" {
		name = t.Name
	}
	if db, rest, ok := strings.Cut(name, "."); ok && !v.Has("database-name") {
		database, name = db, rest
	}
	tb.def = clickhouse.Table{Name: clickhouse.QuoteName(database) + "." + clickhouse.QuoteName(name), Engine: v.Get("table.engine"), PartitionBy: v.Get("table.partition-by"), TTL: v.Get("table.ttl")}
	errs = append(errs, tb.columns(v)...)
	if by := v.Get("table.order-by"); by != "" {
		tb.def.OrderBy = []string{by}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return tb, nil
}

func (tb *table) columns(v option.Values) []error {
	var errs []error
	for i, c := range tb.t.Columns {
		if c.Kind != catalog.Physical {
			continue
		}
		if tb.upsert && (c.Name == versionColumn || c.Name == deletedColumn) {
			errs = append(errs, v.Errorf("connector", "column %s is the sink's own: give it another name", c.Name))
		}
		typ, err := columnType(c.Type, slices.Contains(tb.t.PrimaryKey, i))
		if err != nil {
			errs = append(errs, v.Errorf("connector", "column %s: %w", c.Name, err))
		}
		tb.def.Columns = append(tb.def.Columns, clickhouse.Column{Name: c.Name, Type: typ})
	}
	for _, k := range tb.t.PrimaryKey {
		tb.def.OrderBy = append(tb.def.OrderBy, clickhouse.QuoteName(tb.t.Columns[k].Name))
	}
	if tb.upsert {
		tb.def.Columns = append(tb.def.Columns, clickhouse.Column{Name: versionColumn, Type: "UInt64"}, clickhouse.Column{Name: deletedColumn, Type: "UInt8"})
		if tb.def.Engine == "" {
			tb.def.Engine = "ReplacingMergeTree(" + versionColumn + ", " + deletedColumn + ")"
		}
	}
	return errs
}

func (tb *table) address(v option.Values, s string) error {
	addr := s
	if strings.Contains(s, "://") {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "clickhouse" && u.Scheme != "tcp" {
			return fault.WithRemedy(v.Errorf("url", "option 'url' is '%s'", s), "write clickhouse://host:9000, the native protocol")
		}
		addr = u.Host
		if db := strings.Trim(u.Path, "/"); db != "" {
			tb.cfg.Database = db
		}
		if u.User != nil {
			tb.cfg.User = u.User.Username()
			tb.cfg.Password, _ = u.User.Password()
		}
	}
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return v.Errorf("url", "option 'url' is '%s'; it must be clickhouse://host:port", s)
	}
	tb.cfg.Addr = addr
	return nil
}

// columnType is the type that holds t exactly. Keys are never null.
func columnType(t types.Type, key bool) (string, error) {
	if t.IsTimestamp() {
		name := "DateTime64(6, 'UTC')"
		if t.Precision <= 3 {
			name = "DateTime64(3, 'UTC')"
		}
		if t.NotNull || key {
			return name, nil
		}
		return "Nullable(" + name + ")", nil
	}
	if t.Kind == types.Time || t.Kind == types.Null {
		return "", fault.WithRemedy(fault.Newf(fault.Config, "type %s has no ClickHouse type", t), "cast it to STRING")
	}
	return clickhouse.TypeOf(batch.ArrowType(t), !t.NotNull && !key)
}

// open gives the job's client with database and table made.
func (tb *table) open(env *connector.Env) (*remote.Lazy[*clickhouse.Client], error) {
	place := "clickhouse " + tb.cfg.User + "@" + tb.cfg.Addr
	client, err := remote.Shared(env, place, func(ctx context.Context) (*clickhouse.Client, error) {
		cfg := tb.cfg
		// The sink repeats by itself, to say so.
		cfg.Retry = fault.Policy{Attempts: 1}
		return clickhouse.Open(ctx, cfg)
	}, (*clickhouse.Client).Close)
	if err != nil {
		return nil, err
	}
	return remote.Shared(env, place+" table "+tb.def.Name, func(ctx context.Context) (*clickhouse.Client, error) {
		c, err := client.Get(ctx)
		if err != nil || !tb.create {
			return c, err
		}
		database, _, _ := strings.Cut(tb.def.Name, ".")
		if database != "`default`" {
			if err := c.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+database); err != nil {
				return nil, err
			}
		}
		return c, c.EnsureTable(ctx, tb.def)
	}, nil)
}
