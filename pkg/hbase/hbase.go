// Package hbase is a thin HBase client: tables, rows, batches of versioned writes.
//
// The caller gives each write its version, HBase's cell timestamp. The newest version
// of a cell wins whatever order writes arrive in, so a replay of old writes changes
// nothing. Errors carry a kind of package fault; an exception of the server is an
// [Exception] within.
//
// It does not cache rows, and it does not order writes: two writes of the same cell
// with the same version end with either value.
package hbase

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tsuna/gohbase"
	"github.com/tsuna/gohbase/hrpc"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// Config says where HBase is and how long to wait for it.
type Config struct {
	// ZooKeeper is the quorum, host:port[,host:port…].
	ZooKeeper string `cfg:"zookeeper" help:"ZooKeeper quorum, host:port[,host:port]."`
	// ZooKeeperRoot is the parent of HBase's nodes, /hbase when empty.
	ZooKeeperRoot string `cfg:"zookeeper_root" help:"Parent of the nodes of HBase; /hbase when empty."`
	// Timeout bounds each call, region look-ups and retries included; 30 s when zero.
	Timeout time.Duration `cfg:"timeout" default:"30s" help:"Limit for each call, look-ups and retries included."`
	// ReadTimeout ends a connection that does not answer; 30 s when zero.
	ReadTimeout time.Duration `cfg:"read_timeout" default:"30s" help:"Limit for each answer, after which the connection is made anew."`
	// BatchRows is the most rows sent in one request, 1000 when zero.
	BatchRows int `cfg:"batch_rows" default:"1000" help:"Most rows sent in one request."`
	// InFlight is the most requests of one Apply or MultiGet at a time, 4 when zero.
	InFlight int `cfg:"in_flight" default:"4" help:"Most requests of one batch at a time."`
	// Snappy compresses cells on the wire.
	Snappy bool `cfg:"snappy" help:"Compress cells on the wire."`
	// Logger receives the driver's messages; none when nil.
	Logger *slog.Logger
}

func (c *Config) check() error {
	var errs []error
	bad := func(remedy, format string, args ...any) {
		errs = append(errs, fault.WithRemedy(fault.Newf(fault.Config, format, args...), remedy))
	}
	if c.ZooKeeper == "" {
		bad("set it to host:port[,host:port…]", "hbase: ZooKeeper address is empty")
	} else {
		for addr := range strings.SplitSeq(c.ZooKeeper, ",") {
			if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
				bad("write host:port", "hbase: ZooKeeper address %q has no port", addr)
			}
		}
	}
	if c.Timeout < 0 || c.ReadTimeout < 0 || c.BatchRows < 0 || c.InFlight < 0 {
		bad("leave them out for the defaults", "hbase: timeouts and sizes must not be negative")
	}
	if err := fault.Join(errs...); err != nil {
		return err
	}
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&c.Timeout, 30*time.Second)
	set(&c.ReadTimeout, 30*time.Second)
	if c.BatchRows == 0 {
		c.BatchRows = 1000
	}
	if c.InFlight == 0 {
		c.InFlight = 4
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

func (c *Config) options() []gohbase.Option {
	opts := []gohbase.Option{
		gohbase.Logger(c.Logger),
		gohbase.RegionReadTimeout(c.ReadTimeout),
		gohbase.RegionLookupTimeout(min(c.Timeout, 10*time.Second)),
		gohbase.RpcQueueSize(c.BatchRows),
		// Batches come whole from SendBatch: waiting for more only adds delay.
		gohbase.FlushInterval(0),
	}
	if c.ZooKeeperRoot != "" {
		opts = append(opts, gohbase.ZookeeperRoot(c.ZooKeeperRoot))
	}
	return opts
}

// Client is safe for concurrent use.
type Client struct {
	cfg Config
	hb  gohbase.Client
}

// Open checks the configuration and that HBase answers.
func Open(ctx context.Context, cfg Config) (*Client, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	opts := cfg.options()
	if cfg.Snappy {
		opts = append(opts, gohbase.CompressionCodec("snappy"))
	}
	c := &Client{cfg: cfg, hb: gohbase.NewClient(cfg.ZooKeeper, opts...)}
	if err := c.Ping(ctx); err != nil {
		c.hb.Close()
		return nil, err
	}
	return c, nil
}

// Close ends all connections; calls in flight fail.
func (c *Client) Close() error {
	c.hb.Close()
	return nil
}

func (c *Client) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.cfg.Timeout)
}

// Ping reads a row of the region directory.
func (c *Client) Ping(ctx context.Context) error {
	ctx, cancel := c.within(ctx)
	defer cancel()
	s, err := hrpc.NewScanStr(ctx, "hbase:meta", hrpc.NumberOfRows(1))
	if err != nil {
		return classify(err, "ping HBase at %s", c.cfg.ZooKeeper)
	}
	sc := c.hb.Scan(s)
	if _, err = sc.Next(); errors.Is(err, io.EOF) {
		err = nil
	}
	return classify(errors.Join(err, sc.Close()), "ping HBase at %s", c.cfg.ZooKeeper)
}

// FamilyOptions are the attributes of a column family; zero values take HBase's
// defaults, with one version.
type FamilyOptions struct {
	Versions    int
	MinVersions int
	// TTL is kept in whole seconds.
	TTL time.Duration
}

func (o FamilyOptions) attributes() map[string]string {
	a := map[string]string{
		"VERSIONS":     strconv.Itoa(max(o.Versions, 1)),
		"MIN_VERSIONS": strconv.Itoa(o.MinVersions),
		// The driver's default is a block encoding that HBase tunes by hand.
		"DATA_BLOCK_ENCODING": "NONE",
	}
	if o.TTL > 0 {
		a["TTL"] = strconv.FormatInt(max(int64(o.TTL/time.Second), 1), 10)
	}
	return a
}

// EnsureTable creates a table, split at the keys, unless it exists. It does not change
// a table that exists.
func (c *Client) EnsureTable(ctx context.Context, table string, families map[string]FamilyOptions, splitKeys [][]byte) error {
	ctx, cancel := c.within(ctx)
	defer cancel()
	attrs := make(map[string]map[string]string, len(families))
	for name, o := range families {
		attrs[name] = o.attributes()
	}
	var dial connections
	defer dial.close()
	admin := gohbase.NewAdminClient(c.cfg.ZooKeeper, append(c.cfg.options(), gohbase.RegionDialer(dial.dial))...)
	err := admin.CreateTable(hrpc.NewCreateTable(ctx, []byte(table), attrs, hrpc.SplitKeys(splitKeys)))
	if hasClass(err, classTableExists) {
		return nil
	}
	return classify(err, "create HBase table %s with families %v", table, slices.Sorted(maps.Keys(families)))
}

// connections closes what the driver's admin client, which has no usable Close, opens.
type connections struct {
	mu   sync.Mutex
	open []net.Conn
}

func (d *connections) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var nd net.Dialer
	conn, err := nd.DialContext(ctx, network, addr)
	if err == nil {
		d.mu.Lock()
		d.open = append(d.open, conn)
		d.mu.Unlock()
	}
	return conn, err
}

func (d *connections) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, conn := range d.open {
		_ = conn.Close() // nothing is in flight
	}
}
