// Package mysql is the thin edge to MySQL and MariaDB: configuration, pool,
// error classification by number, upserts and transactions.
//
// Sessions speak utf8mb4 and UTC; DATETIME and TIMESTAMP come back as
// time.Time in UTC.
package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/fault"
	gomysql "github.com/go-sql-driver/mysql"
)

// Config is the configuration of a connection to one server.
type Config struct {
	Addr     string        `cfg:"addr" default:"127.0.0.1:3306" help:"Address, host:port, or the path of a unix socket."`
	User     string        `cfg:"user" default:"root" help:"User name."`
	Password config.Secret `cfg:"password" help:"Password."`
	Database string        `cfg:"database" help:"Default database."`
	TLS      string        `cfg:"tls" default:"false" enum:"false|true|preferred|skip-verify" help:"Encryption of the connection."`
	Pool     int           `cfg:"pool" default:"8" help:"Most connections held open."`
	Timeout  time.Duration `cfg:"timeout" default:"5s" help:"Limit for dialling."`
}

// Validate checks the settings without any I/O.
func (c *Config) Validate() error {
	if strings.HasPrefix(c.Addr, "/") {
		return nil
	}
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		return config.Invalid("addr", "%q is neither host:port nor the path of a socket", c.Addr)
	}
	return nil
}

// DSN is the data source name of go-sql-driver for the Config.
func DSN(c Config) string { return driverConfig(c).FormatDSN() }

func driverConfig(c Config) *gomysql.Config {
	d := gomysql.NewConfig()
	d.Net, d.Addr = "tcp", c.Addr
	if strings.HasPrefix(c.Addr, "/") {
		d.Net = "unix"
	}
	d.User, d.Passwd, d.DBName = c.User, c.Password.Reveal(), c.Database
	if c.TLS != "" && c.TLS != "false" {
		d.TLSConfig = c.TLS
	}
	d.Timeout = c.Timeout
	d.ParseTime, d.Loc = true, time.UTC
	d.Collation = "utf8mb4_general_ci"
	d.Params = map[string]string{"time_zone": "'+00:00'"}
	// One round trip a statement instead of three; safe with utf8mb4.
	d.InterpolateParams = true
	d.RejectReadOnly = true
	return d
}

// Open makes a pool. It does not connect: see [Ping]. The caller closes it.
func Open(cfg Config) (*sql.DB, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fault.Wrap(fault.Config, err, "MySQL configuration")
	}
	connector, err := gomysql.NewConnector(driverConfig(cfg))
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "MySQL configuration")
	}
	db := sql.OpenDB(connector)
	pool := cfg.Pool
	if pool <= 0 {
		pool = 8
	}
	db.SetMaxOpenConns(pool)
	db.SetMaxIdleConns(pool)
	// Below servers' wait_timeout and load balancers' idle limits.
	db.SetConnMaxLifetime(5 * time.Minute)
	return db, nil
}

// Ping returns nil when the server answers, else a classified error.
func Ping(ctx context.Context, db *sql.DB) error {
	return Classify(db.PingContext(ctx), "reach MySQL")
}

// Classify gives err its fault kind and puts the deed before it. Errors that
// have a kind keep it. Nil stays nil; sql.ErrNoRows, which is an answer, is
// Data.
func Classify(err error, deed string, args ...any) error {
	if err == nil {
		return nil
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return fault.Wrap(fault.None, err, deed, args...)
	}
	kind, remedy := classify(err)
	err = fault.Wrap(kind, err, deed, args...)
	if remedy != "" {
		err = fault.WithRemedy(err, remedy)
	}
	return err
}

func classify(err error) (fault.Kind, string) {
	var me *gomysql.MySQLError
	if errors.As(err, &me) {
		return classifyNumber(me.Number)
	}
	var ne net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return fault.Canceled, ""
	case errors.Is(err, context.DeadlineExceeded): // which is a net.Error too
		return fault.Transient, ""
	case errors.Is(err, sql.ErrNoRows):
		return fault.Data, ""
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, gomysql.ErrInvalidConn), errors.Is(err, sql.ErrConnDone),
		errors.As(err, &ne), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fault.Unavailable, ""
	case errors.Is(err, gomysql.ErrPktTooLarge):
		return fault.Data, "raise max_allowed_packet"
	}
	return fault.Internal, ""
}

// classifyNumber knows the server's error numbers, which MySQL and MariaDB
// share unless noted.
func classifyNumber(n uint16) (fault.Kind, string) {
	switch n {
	case 1205, // lock wait timeout
		1213,       // deadlock
		1020,       // record changed since last read (MariaDB)
		1317,       // query interrupted
		3024, 1969, // statement time limit (MySQL, MariaDB)
		1152, 1158, 1159, 1160, 1161, 1184, // connection broken off
		1927: // connection killed (MariaDB)
		return fault.Transient, ""
	case 1040, 1203, // too many connections
		1053, 1077, 1079, // shutting down
		1129,             // host blocked after errors
		1290, 1792, 1836: // read-only server
		return fault.Unavailable, ""
	case 1021, 1114, 3675: // disk or table full
		return fault.Unavailable, "free disk space on the database server"
	case 1045, 1698, 1251, 1130: // who are you
		return fault.Config, "check user and password of the MySQL connection"
	case 1049: // unknown database
		return fault.Config, "create the database or correct its name"
	case 1044, 1142, 1143, 1227, 1370: // not allowed
		return fault.Permanent, "grant the MySQL user the privilege"
	case 1062, 1586, // duplicate key
		1048, 1364, // no value for NOT NULL
		1264, 1265, 1292, 1366, 1367, 1406, 1411, 1441, 1690, // value does not fit
		1216, 1217, 1451, 1452, // foreign key
		3819, 4025, // check constraint (MySQL, MariaDB)
		3140,       // invalid JSON
		1153, 1301: // larger than max_allowed_packet
		return fault.Data, ""
	}
	return fault.Permanent, ""
}

var _ config.Validator = (*Config)(nil)
