// Package clickhouse is a thin ClickHouse client: queries through clickhouse-go, inserts as whole columns
// straight from Arrow.
//
// Guarantees: every error has a fault.Kind by its code or type; an insert with a token is repeated on
// retryable errors and stored once, if its table keeps tokens (ReplicatedMergeTree, or MergeTree with
// non_replicated_deduplication_window); a value that does not fit its column is an error, never cut or wrapped.
// Not guaranteed: an insert that spans partitions is atomic per partition only; an insert without a token
// that fails while the server works on it is not repeated, since it may have been stored.
package clickhouse

import (
	"context"
	"fmt"
	"strings"
	"sync"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Client talks to one server. Safe for concurrent use.
type Client struct {
	cfg  Config
	conn driver.Conn
	pool *pool

	mu     sync.RWMutex
	tables map[string][]Column // columns by table, as last seen
}

// Rows are a query's result; see clickhouse-go.
type Rows = driver.Rows

// Row is a query's only row.
type Row = driver.Row

// Open connects and checks that the server answers. A bad Config is found before anything is dialled.
func Open(ctx context.Context, cfg Config) (*Client, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	opt := &chgo.Options{
		Addr:        []string{cfg.Addr},
		Auth:        chgo.Auth{Database: cfg.Database, Username: cfg.User, Password: cfg.Password},
		TLS:         cfg.TLSConfig,
		DialTimeout: cfg.DialTimeout, ReadTimeout: cfg.Timeout,
		MaxOpenConns: cfg.Conns, MaxIdleConns: cfg.Conns,
		// Asynchronous inserts would acknowledge before the rows are stored.
		Settings: chgo.Settings{"async_insert": 0},
	}
	switch cfg.Compression {
	case "lz4":
		opt.Compression = &chgo.Compression{Method: chgo.CompressionLZ4}
	case "zstd":
		opt.Compression = &chgo.Compression{Method: chgo.CompressionZSTD}
	}
	conn, err := chgo.Open(opt)
	if err != nil {
		return nil, wrap(err, "open ClickHouse %s", cfg.Addr)
	}
	c := &Client{cfg: cfg, conn: conn, pool: newPool(cfg), tables: map[string][]Column{}}
	if err := c.Ping(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// Ping checks that the server answers.
func (c *Client) Ping(ctx context.Context) error {
	return wrap(c.conn.Ping(ctx), "ping ClickHouse %s", c.cfg.Addr)
}

// Close closes all connections. Calls that still run fail.
func (c *Client) Close() error {
	c.pool.close()
	return wrap(c.conn.Close(), "close ClickHouse %s", c.cfg.Addr)
}

// Exec runs a statement without rows. args fill ? placeholders.
func (c *Client) Exec(ctx context.Context, query string, args ...any) error {
	return wrap(c.conn.Exec(ctx, query, args...), "run %s", head(query))
}

// Query runs a statement with rows. The caller closes them and checks their Err.
func (c *Client) Query(ctx context.Context, query string, args ...any) (Rows, error) {
	rows, err := c.conn.Query(ctx, query, args...)
	return rows, wrap(err, "run %s", head(query))
}

// Scan runs a query with exactly one row into dest.
func (c *Client) Scan(ctx context.Context, query string, dest ...any) error {
	return wrap(c.conn.QueryRow(ctx, query).Scan(dest...), "run %s", head(query))
}

// Conn is the connection pool of clickhouse-go, for what this package does not wrap. Its errors are not classified.
func (c *Client) Conn() driver.Conn { return c.conn }

// head is the front of a statement, for errors.
func head(query string) string {
	q := strings.Join(strings.Fields(query), " ")
	if len(q) > 80 {
		q = q[:80] + "…"
	}
	return fmt.Sprintf("%q", q)
}
