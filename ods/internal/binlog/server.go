package binlog

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"slices"
	"strings"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	sqldriver "github.com/go-sql-driver/mysql"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/mysql"
)

// open makes a pool whose sessions give times as the server prints them: zero dates have no time.Time.
func open(c mysql.Config) (*sql.DB, error) {
	d, err := sqldriver.ParseDSN(mysql.DSN(c))
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "MySQL configuration")
	}
	d.ParseTime = false
	d.Logger = &sqldriver.NopLogger{}
	var connector driver.Connector
	if connector, err = sqldriver.NewConnector(d); err != nil {
		return nil, fault.Wrap(fault.Config, err, "MySQL configuration")
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(2)
	return db, nil
}

func tlsConfig(c mysql.Config) *tls.Config {
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		host = c.Addr
	}
	switch c.TLS {
	case "true":
		return &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	case "skip-verify", "preferred":
		return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // it is what the setting says
	}
	return nil
}

// classify knows the errors of both clients.
func classify(err error, deed string, args ...any) error {
	var e *gomysql.MyError
	if errors.As(err, &e) {
		// One table of numbers for both.
		err = errors.Join(&sqldriver.MySQLError{Number: e.Code, Message: e.Message}, err)
		switch {
		case e.Code == gomysql.ER_MASTER_FATAL_ERROR_READING_BINLOG && strings.Contains(e.Message, "same server"):
			return fault.WithRemedy(fault.Wrap(fault.Unavailable, e, deed, args...), "another replica has our server id: set ods.binlog.server_id")
		case e.Code == gomysql.ER_MASTER_FATAL_ERROR_READING_BINLOG || e.Code == 1373 || e.Code == 1955:
			return fault.WithRemedy(fault.Wrap(fault.Permanent, e, deed, args...),
				"the server has deleted the binlog that comes next: give the source a new ods.binlog.name, under which all tables are copied again, and keep binlogs longer (binlog_expire_logs_seconds)")
		}
		return mysql.Classify(err, deed, args...)
	}
	err = mysql.Classify(err, deed, args...)
	var d *sqldriver.MySQLError
	if errors.As(err, &d) && d.Number == 1412 { // the table was altered under the snapshot
		return fault.Wrap(fault.Transient, err, "")
	}
	return err
}

// check learns the server's kind and refuses settings that lose rows.
func (s *source) check(ctx context.Context, db *sql.DB) error {
	var version string
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return classify(err, "ask the database server for its version")
	}
	s.flavor = s.cfg.Flavor
	if s.flavor == "" || s.flavor == "auto" {
		s.flavor = gomysql.MySQLFlavor
		if strings.Contains(strings.ToLower(version), "mariadb") {
			s.flavor = gomysql.MariaDBFlavor
		}
	}
	var errs []error
	for _, v := range []struct{ name, want, remedy string }{
		{"log_bin", "ON", "start the server with --log-bin"},
		{"binlog_format", "ROW", "SET GLOBAL binlog_format=ROW"},
		{"binlog_row_image", "FULL", "SET GLOBAL binlog_row_image=FULL"},
	} {
		var name, value string
		err := db.QueryRowContext(ctx, "SHOW GLOBAL VARIABLES LIKE '"+v.name+"'").Scan(&name, &value)
		if errors.Is(err, sql.ErrNoRows) {
			continue // newer servers have rows only
		}
		if err != nil {
			return classify(err, "read the server's %s", v.name)
		}
		if !strings.EqualFold(value, v.want) && value != "1" {
			errs = append(errs, fault.WithRemedy(fault.Newf(fault.Config, "the server's %s is %s, not %s", v.name, value, v.want), v.remedy))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return s.readCharsets(ctx, db)
}

func (s *source) readCharsets(ctx context.Context, db *sql.DB) error {
	s.charsets = map[uint64]string{}
	for _, from := range []string{"COLLATIONS", "COLLATION_CHARACTER_SET_APPLICABILITY"} { // MariaDB has the newest collations in the second only
		err := each(ctx, db, "SELECT ID, CHARACTER_SET_NAME FROM information_schema."+from+" WHERE ID IS NOT NULL AND CHARACTER_SET_NAME IS NOT NULL",
			func(scan func(...any) error) error {
				var id uint64
				var name string
				if err := scan(&id, &name); err != nil {
					return err
				}
				s.charsets[id] = name
				return nil
			})
		var unknown *sqldriver.MySQLError
		if errors.As(err, &unknown) && unknown.Number == 1054 {
			continue // no ids there: an older server
		}
		if err != nil {
			return classify(err, "read the server's character sets")
		}
	}
	return nil
}

// querier is a pool or a connection.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func each(ctx context.Context, db querier, query string, f func(scan func(...any) error) error, args ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// tables lists the wanted tables with their columns as they are now.
func (s *source) tables(ctx context.Context, db querier) ([]*table, error) {
	var names [][2]string
	err := each(ctx, db, "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE IN ('BASE TABLE','SYSTEM VERSIONED') AND TABLE_SCHEMA NOT IN ('mysql','sys','information_schema','performance_schema') ORDER BY 1, 2",
		func(scan func(...any) error) error {
			var n [2]string
			err := scan(&n[0], &n[1])
			if s.cfg.wanted(n[0], n[1]) {
				names = append(names, n)
			}
			return err
		})
	if err != nil {
		return nil, classify(err, "list tables")
	}
	var out []*table
	for _, n := range names {
		t, err := s.describe(ctx, db, n[0], n[1])
		if err != nil {
			return nil, err
		}
		if t != nil {
			out = append(out, t)
		}
	}
	return out, nil
}

// describe reads a table's columns from the information schema; nil when there is no such table.
func (s *source) describe(ctx context.Context, db querier, database, name string) (*table, error) {
	t := &table{database: database, name: name}
	err := each(ctx, db, "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, COALESCE(CHARACTER_SET_NAME,'') FROM information_schema.COLUMNS WHERE TABLE_SCHEMA=? AND TABLE_NAME=? ORDER BY ORDINAL_POSITION",
		func(scan func(...any) error) error {
			var c column
			var data, cs string
			if err := scan(&c.name, &data, &c.typ, &cs); err != nil {
				return err
			}
			is, ok := types[strings.ToLower(data)]
			if !ok {
				return fault.Newf(fault.Permanent, "column %s.%s has the type %s, which is not known", t.full(), c.name, c.typ)
			}
			c.kind, c.bits, c.sqlType = is.kind, is.bits, is.sqlType
			c.unsigned = strings.Contains(c.typ, "unsigned") || strings.Contains(c.typ, "zerofill")
			if c.kind == kindEnum || c.kind == kindSet {
				c.values = enumValues(c.typ)
			}
			if c.kind == kindText {
				if cs == "binary" {
					c.kind = kindBinary
				}
				var err error
				if c.enc, err = charset(cs); err != nil {
					return fault.Wrap(fault.Permanent, err, "column %s.%s", t.full(), c.name)
				}
			}
			t.columns = append(t.columns, c)
			return nil
		}, database, name)
	if err != nil {
		return nil, classify(err, "describe %s", t.full())
	}
	if len(t.columns) == 0 {
		return nil, nil
	}
	err = each(ctx, db, "SELECT COLUMN_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA=? AND TABLE_NAME=? AND INDEX_NAME='PRIMARY' ORDER BY SEQ_IN_INDEX",
		func(scan func(...any) error) error {
			var c string
			if err := scan(&c); err != nil {
				return err
			}
			t.pk = append(t.pk, slices.IndexFunc(t.columns, func(x column) bool { return x.name == c }))
			return nil
		}, database, name)
	t.prepare(&s.cfg)
	return t, classify(err, "describe the key of %s", t.full())
}
