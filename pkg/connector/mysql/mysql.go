// Package mysql is the connectors jdbc and mysql: sink, lookup and bounded scan of MySQL tables, with the options of Flink's JDBC connector.
//
// An epoch's rows are written in one transaction together with a row that names the epoch, so a replayed epoch is left out and one of a
// process that was replaced is refused. Lookups match keys exactly, whatever the collation.
package mysql

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/url"
	"strings"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/internal/point"
	"github.com/freshet-dw/freshet/pkg/connector/internal/remote"
	"github.com/freshet-dw/freshet/pkg/connector/option"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/mysql"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
)

// Connector writes, looks up and scans MySQL tables. Client is used where a table gives no url.
type Connector struct {
	Client mysql.Config
}

var (
	_ connector.Connector = (*Connector)(nil)
	_ connector.Sinker    = (*Connector)(nil)
	_ connector.Lookuper  = (*Connector)(nil)
	_ connector.Scanner   = (*Connector)(nil)
)

// Specs are the options.
var Specs = append([]option.Spec{
	{Key: "url", Help: "jdbc:mysql://host:port/database. Default: the warehouse's server; then name the database in 'table-name'."},
	{Key: "table-name", Required: true, Help: "Table, or database.table."},
	{Key: "database", Help: "Database, where neither 'url' nor 'table-name' names it."},
	{Key: "username", Help: "User. Default: the warehouse's."},
	{Key: "password", Help: "Password. Default: the warehouse's."},
	{Key: "driver", Help: "Taken for compatibility."},
	{Key: "compatible-mode", Help: "Taken for compatibility."},
	{Key: "properties.*", Help: "Taken for compatibility: settings of the JDBC driver."},
	{Key: "connection.max-retry-timeout", Kind: option.Duration, Help: "Taken for compatibility: writes wait for a server that is down."},
	{Key: "table.create", Kind: option.Bool, Default: "true", Help: "Make database and table from the declared columns if the table is missing."},
	{Key: "scan.fetch-size", Kind: option.Int, Help: "Taken for compatibility: rows are streamed."},
	{Key: "scan.auto-commit", Kind: option.Bool, Help: "Taken for compatibility."},
	{Key: "scan.partition.column", Help: "Taken for compatibility: a table is one split."},
	{Key: "scan.partition.num", Kind: option.Int, Help: "Taken for compatibility, as above."},
	{Key: "scan.partition.lower-bound", Kind: option.Int, Help: "Taken for compatibility, as above."},
	{Key: "scan.partition.upper-bound", Kind: option.Int, Help: "Taken for compatibility, as above."},
	{Key: "scan.parallelism", Kind: option.Int, Help: "Taken for compatibility."},
	{Key: "sink.buffer-flush.max-rows", Kind: option.Int, Help: "Taken for compatibility: rows are written once an epoch."},
	{Key: "sink.buffer-flush.interval", Kind: option.Duration, Help: "Taken for compatibility, as above."},
	{Key: "sink.max-retries", Kind: option.Int, Help: "Taken for compatibility: writes wait for a server that is down."},
	{Key: "sink.parallelism", Kind: option.Int, Help: "Taken for compatibility."},
}, point.Specs...)

// Names implements connector.Connector.
func (*Connector) Names() []string { return []string{"jdbc", "mysql"} }

// table is a declared table, understood.
type table struct {
	t        *catalog.Table
	database string
	name     string
	cfg      mysql.Config
	create   bool
	cache    point.Settings
}

func (tb *table) full() string { return tb.database + "." + tb.name }

// Describe implements connector.Connector.
func (c *Connector) Describe(t *catalog.Table) (catalog.Caps, error) {
	if _, err := c.parse(t); err != nil {
		return catalog.Caps{}, err
	}
	caps := catalog.Caps{Scan: true, Bounded: true, SourceMode: catalog.AppendOnly, Lookup: true, Sink: true, SinkMode: catalog.AppendOnly}
	if len(t.PrimaryKey) > 0 {
		caps.SinkMode = catalog.Upsert
	}
	return caps, nil
}

func (c *Connector) parse(t *catalog.Table) (*table, error) {
	v, err := option.Check(t, Specs)
	errs := []error{err}
	tb := &table{t: t, cfg: c.Client, database: c.Client.Database, name: v.Get("table-name"), create: v.Bool("table.create")}
	if u := v.Get("url"); u != "" {
		if err := tb.address(v, u); err != nil {
			errs = append(errs, err)
		}
	}
	if tb.cfg.Addr == "" {
		errs = append(errs, fault.WithRemedy(v.Errorf("connector", "no MySQL server is configured"), "set 'url' in the table, or mysql.addr in freshet.yaml"))
	}
	if v.Has("username") {
		tb.cfg.User = v.Get("username")
	}
	if v.Has("password") {
		tb.cfg.Password = config.Secret(v.Get("password"))
	}
	if v.Has("database") {
		tb.database = v.Get("database")
	}
	if db, name, ok := strings.Cut(tb.name, "."); ok {
		tb.database, tb.name = db, name
	}
	if tb.database == "" && tb.name != "" {
		errs = append(errs, fault.WithRemedy(v.Errorf("table-name", "the database is not named"), "add 'database' = '…', or write 'table-name' = 'database.table'"))
	}
	// The database may have to be made first, so the session does not start in it.
	tb.cfg.Database = ""
	if tb.cache, err = point.Read(v); err != nil {
		errs = append(errs, err)
	}
	for _, col := range t.Columns {
		if col.Kind != catalog.Physical {
			continue
		}
		if _, err := columnType(col.Type, false); err != nil {
			errs = append(errs, v.Errorf("connector", "column %s: %w", col.Name, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return tb, nil
}

// address reads jdbc:mysql://host:port/database?properties. Of the properties user, password and useSSL are looked at.
func (tb *table) address(v option.Values, s string) error {
	rest, ok := strings.CutPrefix(s, "jdbc:")
	u, err := url.Parse(rest)
	if !ok || err != nil || u.Scheme != "mysql" && u.Scheme != "mariadb" || u.Host == "" {
		return fault.WithRemedy(v.Errorf("url", "option 'url' is '%s'", s), "write jdbc:mysql://host:3306/database")
	}
	tb.cfg.Addr = u.Host
	if u.Port() == "" {
		tb.cfg.Addr = net.JoinHostPort(u.Hostname(), "3306")
	}
	if db := strings.Trim(u.Path, "/"); db != "" {
		tb.database = db
	}
	q := u.Query()
	if user := q.Get("user"); user != "" {
		tb.cfg.User = user
	}
	if q.Has("password") {
		tb.cfg.Password = config.Secret(q.Get("password"))
	}
	if q.Get("useSSL") == "true" {
		tb.cfg.TLS = "preferred"
	}
	return nil
}

func (tb *table) place() string {
	return "mysql " + tb.cfg.User + "@" + tb.cfg.Addr
}

// open gives the job's pool.
func (tb *table) open(env *connector.Env) (*remote.Lazy[*sql.DB], error) {
	return remote.Shared(env, tb.place(), func(ctx context.Context) (*sql.DB, error) {
		db, err := mysql.Open(tb.cfg)
		if err != nil {
			return nil, err
		}
		if err := mysql.Ping(ctx, db); err != nil {
			return nil, errors.Join(err, db.Close())
		}
		return db, nil
	}, (*sql.DB).Close)
}

// ensured gives the pool once table and epoch table are there.
func (tb *table) ensured(env *connector.Env, sink bool) (*remote.Lazy[*sql.DB], error) {
	pool, err := tb.open(env)
	if err != nil {
		return nil, err
	}
	use := " read"
	if sink {
		use = " written"
	}
	return remote.Shared(env, tb.place()+" table "+tb.full()+use, func(ctx context.Context) (*sql.DB, error) {
		db, err := pool.Get(ctx)
		if err != nil {
			return nil, err
		}
		if tb.create {
			if err := tb.ensure(ctx, db); err != nil {
				return nil, err
			}
		}
		if sink {
			return db, ensureEpochs(ctx, db, tb.database)
		}
		return db, nil
	}, nil)
}
