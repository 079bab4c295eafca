// Package redis is the thin edge to Redis: configuration, client construction,
// error classification and batches that are repeated until they arrive.
//
// The client never repeats a command by itself, since a lost reply does not
// tell whether an increment was applied; [Batch] repeats whole chunks and is
// therefore for idempotent commands only.
package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/fault"
	goredis "github.com/redis/go-redis/v9"
)

// Config is the configuration of a connection to one server.
type Config struct {
	Addr     string        `cfg:"addr" default:"127.0.0.1:6379" help:"Address, host:port."`
	User     string        `cfg:"user" help:"ACL user; empty for the default user."`
	Password config.Secret `cfg:"password" help:"Password."`
	DB       int           `cfg:"db" help:"Database number."`
	TLS      bool          `cfg:"tls" help:"Connect by TLS."`
	Pool     int           `cfg:"pool" default:"16" help:"Most connections held open."`
	Timeout  time.Duration `cfg:"timeout" default:"5s" help:"Limit for dialling, and for each reply."`
}

// Validate checks the settings without any I/O.
func (c *Config) Validate() error {
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		return config.Invalid("addr", "%q is not host:port", c.Addr)
	}
	if c.DB < 0 {
		return config.Invalid("db", "must not be negative")
	}
	return nil
}

// Open makes a client. It does not connect: see [Ping]. The caller closes it.
func Open(cfg Config) (*goredis.Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fault.Wrap(fault.Config, err, "Redis configuration")
	}
	opts := &goredis.Options{
		Addr: cfg.Addr, Username: cfg.User, Password: cfg.Password.Reveal(), DB: cfg.DB,
		ClientName:  "freshet",
		DialTimeout: cfg.Timeout, ReadTimeout: cfg.Timeout, WriteTimeout: cfg.Timeout,
		PoolSize: cfg.Pool, MaxRetries: -1, ContextTimeoutEnabled: true,
	}
	if cfg.TLS {
		opts.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return goredis.NewClient(opts), nil
}

// Ping returns nil when the server answers, else a classified error.
func Ping(ctx context.Context, c goredis.Cmdable) error {
	return Classify(c.Ping(ctx).Err(), "reach Redis")
}

// Classify gives err its fault kind and puts the deed before it. Nil and
// goredis.Nil (no such key), which is an answer, are returned as nil. Errors
// that have a kind keep it.
func Classify(err error, deed string, args ...any) error {
	if err == nil || errors.Is(err, goredis.Nil) {
		return nil
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return fault.Wrap(fault.None, err, deed, args...)
	}
	return fault.Wrap(kindOf(err), err, deed, args...)
}

func kindOf(err error) fault.Kind {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, goredis.ErrClosed):
		return fault.Canceled
	case goredis.IsLoadingError(err), goredis.IsClusterDownError(err), goredis.IsMasterDownError(err),
		goredis.IsMaxClientsError(err), goredis.IsReadOnlyError(err), goredis.IsNoReplicasError(err), goredis.IsOOMError(err):
		return fault.Unavailable
	case goredis.IsTryAgainError(err), errors.Is(err, goredis.TxFailedErr):
		return fault.Transient
	case goredis.IsAuthError(err):
		return fault.Config
	}
	var reply goredis.Error
	if errors.As(err, &reply) {
		// Error replies start with a code word; the codes not known above are
		// answers to the command itself.
		switch code, _, _ := strings.Cut(reply.Error(), " "); code { // by code, not by text
		case "BUSY", "MISCONF":
			return fault.Unavailable
		}
		return fault.Permanent
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, goredis.ErrPoolTimeout) {
		return fault.Transient // the first is a net.Error too
	}
	var ne net.Error
	if errors.As(err, &ne) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.Unavailable
	}
	return fault.Internal
}
