// Package binlog brings the tables of a MySQL or MariaDB server to Kafka: first a copy of every table, then its changes from the row binlog,
// one canal-json record a row.
//
// Guarantees. Changes come exactly once, in the order of the binlog per key: the position is committed in the Kafka transaction of the
// rows (package positions), so that a restart or kill -9 at any time neither loses nor repeats one. The copy and the changes meet without a gap: on MariaDB
// exactly; on MySQL, which does not tell the position of a snapshot, the changes start a moment before it, and a change that the copy has already may come
// again after it, which is the same to a reader that keeps the newest row by key. A crash during the copy repeats the rows of the table that was being copied
// and the changes since that copy began, not those of finished tables: the same again to a reader that keeps the newest row by key; for a table without a primary key
// it means repeated records. Only records of finished batches are visible to read_committed readers.
//
// A row is keyed by the JSON object of its primary key. An UPDATE that changes the key is a DELETE of the old and an INSERT of the new row.
// A table without a primary key has records without a key, partitioned by all columns; its UPDATEs are a DELETE and an INSERT too, since old and
// new row may be in different partitions.
//
// Values are text as MySQL prints them, whatever the server's settings: DECIMAL exactly, TIMESTAMP in UTC, zero dates as zeros, ENUM and SET by name, BIT as an unsigned
// number, FLOAT and DOUBLE as the shortest text that reads back the same, JSON of MySQL with sorted keys. BINARY, VARBINARY, BLOB, GEOMETRY and VECTOR are base64, which
// is what canal-json readers of Flink and of this project take for BYTES (Canal itself writes them as ISO 8859-1 text).
//
// Not given: XA transactions that are rolled back after PREPARE, statement-format changes (counted and logged), deletion of rows by TRUNCATE (logged),
// rows of a table from before it was renamed into the included ones.
package binlog

import (
	"errors"
	"path"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/mysql"
)

// Config is the section of freshet.yaml.
type Config struct {
	Name       string        `cfg:"name" default:"binlog" help:"Name of the source, under which its position is kept. A new name copies all tables again."`
	MySQL      mysql.Config  `cfg:"mysql" help:"The database server to read when own_server is set."`
	Own        bool          `cfg:"own_server" help:"Read the server of this section's mysql, not the warehouse's."`
	Databases  []string      `cfg:"databases" default:"shop" help:"Databases to read, as patterns: * and ? stand for characters."`
	Include    []string      `cfg:"include" help:"Tables to read, as patterns of database.table; default all."`
	Exclude    []string      `cfg:"exclude" help:"Tables to leave out, as patterns of database.table."`
	Prefix     string        `cfg:"topic_prefix" default:"ods_" help:"Start of the topics' names; database_table follows."`
	Partitions int           `cfg:"partitions" default:"4" help:"Partitions of topics that are created."`
	ServerID   uint32        `cfg:"server_id" help:"Id under which the server knows this reader, unlike all other replicas'; default derived from the name."`
	Flavor     string        `cfg:"flavor" default:"auto" enum:"auto|mysql|mariadb" help:"Kind of server."`
	Interval   time.Duration `cfg:"interval" default:"100ms" help:"How long rows wait to be committed together."`
	Batch      int           `cfg:"batch" default:"10000" help:"Most rows of one Kafka transaction."`
	MaxRecord  config.Bytes  `cfg:"max_record" default:"16MiB" help:"Largest record; the topics are created with it. A larger row is a dead letter."`
	Heartbeat  time.Duration `cfg:"heartbeat" default:"2s" help:"How often an idle server says that it is there; after three of them without a word the connection is made anew."`
	SkipCopy   bool          `cfg:"skip_copy" help:"Start with the changes from now on; no initial copy."`
}

// Validate checks what concerns several keys.
func (c *Config) Validate() error {
	var errs []error
	if c.Name == "" || strings.Contains(c.Name, "/") {
		errs = append(errs, config.Invalid("name", "must be a name without /"))
	}
	if len(c.Databases) == 0 {
		errs = append(errs, config.Invalid("databases", "must name at least one"))
	}
	for i, list := range [][]string{c.Databases, c.Include, c.Exclude} {
		key := [...]string{"databases", "include", "exclude"}[i]
		for _, p := range list {
			if _, err := path.Match(p, ""); err != nil {
				errs = append(errs, config.Invalid(key, "%q is not a pattern", p))
			}
			if key != "databases" && !strings.Contains(p, ".") {
				errs = append(errs, config.Invalid(key, "%q is not database.table", p))
			}
		}
	}
	if c.Partitions <= 0 {
		errs = append(errs, config.Invalid("partitions", "must be above 0"))
	}
	if c.Interval <= 0 || c.Batch <= 0 {
		errs = append(errs, config.Invalid("interval", "and batch must be above 0"))
	}
	if c.Heartbeat < 100*time.Millisecond {
		errs = append(errs, config.Invalid("heartbeat", "must be at least 100ms"))
	}
	if c.MaxRecord < 1<<20 || c.MaxRecord > 64<<20 {
		errs = append(errs, config.Invalid("max_record", "must be between 1MiB and 64MiB"))
	}
	return errors.Join(errs...)
}

// wanted tells whether a table is to be read.
func (c *Config) wanted(database, table string) bool {
	full := database + "." + table
	return matches(c.Databases, database) && (len(c.Include) == 0 || matches(c.Include, full)) && !matches(c.Exclude, full)
}

func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, name); ok { // Validate has proved that it is a pattern
			return true
		}
	}
	return false
}

// topic is the table's topic; characters that Kafka does not take become underscores.
func (c *Config) topic(database, table string) string {
	return c.Prefix + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, database+"_"+table)
}
