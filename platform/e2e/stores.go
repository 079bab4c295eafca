// Package e2e compares a running warehouse with the simulator's account, exactly.
//
// [Verify] reads the stores at the ends of all roads and lists what differs from an account; [WaitFor] does so until nothing differs. Neither knows
// how the warehouse was started: the addresses may be those of the embedded stack or of real servers.
// The package's tests start the built program, drive it by the simulator, kill it, and verify. FRESHET_E2E sets the size (tiny, small, full), FRESHET_SEED
// repeats a run, FRESHET_BIN names a program that is built already, FRESHET_E2E_KEEP a directory in which the data stays, FRESHET_E2E_ARGS further arguments of
// freshet demo, such as those that put fresh real servers in the place of embedded ones.
package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	gomysql "github.com/go-sql-driver/mysql"
	goredis "github.com/redis/go-redis/v9"

	"github.com/freshet-dw/freshet/pkg/clickhouse"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/hbase"
	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/pkg/mysql"
	"github.com/freshet-dw/freshet/pkg/redis"
)

// Addresses says where a warehouse can be reached. Its JSON form is what a starting program writes when it is ready.
type Addresses struct {
	Kafka          list   `json:"kafka"`      // brokers, host:port
	MySQL          string `json:"mysql"`      // host:port, or a data source name
	Redis          string `json:"redis"`      // host:port
	HBase          string `json:"hbase"`      // ZooKeeper quorum
	ClickHouse     string `json:"clickhouse"` // native protocol, host:port
	ClickHouseHTTP string `json:"clickhouse_http"`
	Collector      string `json:"collector"` // URL, or host:port
	Page           string `json:"page"`
	Lake           string `json:"lake"`      // directory of landed files
	NginxLog       string `json:"nginx_log"` // file that is tailed
}

// list is a JSON array of strings, or one string with commas.
type list []string

func (l *list) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*l = strings.Split(one, ",")
		return nil
	}
	return json.Unmarshal(data, (*[]string)(l))
}

// ReadAddresses reads a file of addresses.
func ReadAddresses(file string) (Addresses, error) {
	var a Addresses
	data, err := os.ReadFile(file)
	if err != nil {
		return a, fault.Wrap(fault.Config, err, "read addresses")
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return a, fault.Wrap(fault.Config, err, "read addresses from %s", file)
	}
	return a, nil
}

// MySQLConfig is the connection to MySQL.
func (a Addresses) MySQLConfig() (mysql.Config, error) {
	c := mysql.Config{Addr: a.MySQL, User: "root", Timeout: 5 * time.Second}
	if !strings.ContainsRune(a.MySQL, '@') {
		return c, nil
	}
	d, err := gomysql.ParseDSN(a.MySQL)
	if err != nil {
		return c, fault.Wrap(fault.Config, err, "read MySQL's address")
	}
	c.Addr, c.User = d.Addr, d.User
	c.Password = secret(d.Passwd)
	return c, nil
}

// CollectorURL is the collector's base URL.
func (a Addresses) CollectorURL() string {
	if strings.Contains(a.Collector, "://") {
		return strings.TrimSuffix(strings.TrimSuffix(a.Collector, "/"), "/v1/events")
	}
	return "http://" + a.Collector
}

// Stores are connections to a warehouse's stores. A store without an address is not verified.
type Stores struct {
	Kafka      kafka.Config
	MySQL      *sql.DB
	Redis      *goredis.Client
	HBase      *hbase.Client
	ClickHouse *clickhouse.Client
	Lake       string
}

// Connect opens the stores whose addresses are given.
func Connect(ctx context.Context, a Addresses) (s *Stores, err error) {
	s = &Stores{Lake: a.Lake, Kafka: kafka.Config{Brokers: a.Kafka, ClientID: "freshet-verify"}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
			s = nil
		}
	}()
	if a.MySQL != "" {
		c, err := a.MySQLConfig()
		if err != nil {
			return s, err
		}
		if s.MySQL, err = mysql.Open(c); err != nil {
			return s, err
		}
	}
	if a.Redis != "" {
		if s.Redis, err = redis.Open(redis.Config{Addr: a.Redis, Timeout: 10 * time.Second}); err != nil {
			return s, err
		}
	}
	if a.HBase != "" {
		if s.HBase, err = hbase.Open(ctx, hbase.Config{ZooKeeper: a.HBase, Timeout: 20 * time.Second}); err != nil {
			return s, err
		}
	}
	if a.ClickHouse != "" {
		if s.ClickHouse, err = clickhouse.Open(ctx, clickhouse.Config{Addr: a.ClickHouse}); err != nil {
			return s, err
		}
	}
	return s, nil
}

// Close closes all connections.
func (s *Stores) Close() error {
	var errs []error
	if s.MySQL != nil {
		errs = append(errs, s.MySQL.Close())
	}
	if s.Redis != nil {
		errs = append(errs, s.Redis.Close())
	}
	if s.HBase != nil {
		errs = append(errs, s.HBase.Close())
	}
	if s.ClickHouse != nil {
		errs = append(errs, s.ClickHouse.Close())
	}
	return errors.Join(errs...)
}

// Difference is one thing that is otherwise than the account says.
type Difference struct {
	Store string // which store and table
	Key   string // which row or figure
	Want  string // what the account says; empty: nothing
	Got   string // what is there; empty: nothing
}

func (d Difference) String() string {
	show := func(s string) string {
		if s == "" {
			return "nothing"
		}
		return s
	}
	return fmt.Sprintf("%s: %s: got %s, want %s", d.Store, d.Key, show(d.Got), show(d.Want))
}
