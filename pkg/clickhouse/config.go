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
	Addr        string        `cfg:"addr" default:"127.0.0.1:9000" help:"Address of the native protocol, host:port."`
	Database    string        `cfg:"database" help:"Database; default when empty."`
	User        string        `cfg:"user" help:"User name; default when empty."`
	Password    string        `cfg:"password,secret" help:"Password."`
	TLS         bool          `cfg:"tls" help:"Encrypt, and check the server's certificate."`
	TLSConfig   *tls.Config   // instead of the system's roots; implies TLS
	Compression string        `cfg:"compression" help:"none, lz4 or zstd; when empty lz4, but none to this machine."`
	DialTimeout time.Duration `cfg:"dial_timeout" default:"5s" help:"Limit for dialling."`
	Timeout     time.Duration `cfg:"timeout" default:"5m" help:"Longest silence of the server during one call."`
	Conns       int           `cfg:"conns" default:"8" help:"Most connections for queries, and as many kept for inserts."`
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
