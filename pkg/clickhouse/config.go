package clickhouse

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// Config says which server to use and how.
type Config struct {
	Addr        string        // host:port of the native protocol
	Database    string        // "default" when empty
	User        string        // "default" when empty
	Password    string        //
	TLS         bool          // encrypt; checks the server's certificate
	TLSConfig   *tls.Config   // instead of the system's roots; implies TLS
	Compression string        // "none", "lz4" or "zstd"; when empty lz4, but none to this machine
	DialTimeout time.Duration // 5 s when 0
	Timeout     time.Duration // longest silence of the server during one call; 5 min when 0
	Conns       int           // connections at most for queries, and as many kept for inserts; 8 when 0
	Retry       fault.Policy  // of inserts; the zero value retries until the context ends
}

func (c *Config) fill() error {
	var errs []error
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		errs = append(errs, fmt.Errorf("address %q: %w: want host:port of the native protocol, such as localhost:9000", c.Addr, err))
	}
	if c.Database == "" {
		c.Database = "default"
	}
	if c.User == "" {
		c.User = "default"
	}
	switch c.Compression {
	case "":
		c.Compression = "lz4"
		if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
			c.Compression = "none"
		}
	case "none", "lz4", "zstd":
	default:
		errs = append(errs, fmt.Errorf("compression %q: want none, lz4 or zstd", c.Compression))
	}
	if c.TLS && c.TLSConfig == nil {
		c.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	}
	if c.DialTimeout <= 0 {
		c.DialTimeout = 5 * time.Second
	}
	if c.Timeout <= 0 {
		c.Timeout = 5 * time.Minute
	}
	if c.Conns <= 0 {
		c.Conns = 8
	}
	return fault.Wrap(fault.Config, errors.Join(errs...), "ClickHouse client")
}
