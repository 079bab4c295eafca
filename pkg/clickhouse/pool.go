package clickhouse

import (
	"context"
	"sync"

	"github.com/ClickHouse/ch-go"
)

// pool keeps idle insert connections. ch-go takes columns as they are, which clickhouse-go's batches do not.
type pool struct {
	opt ch.Options
	max int

	mu     sync.Mutex
	idle   []*ch.Client
	closed bool
}

func newPool(cfg Config) *pool {
	opt := ch.Options{
		Address: cfg.Addr, Database: cfg.Database, User: cfg.User, Password: cfg.Password,
		TLS: cfg.TLSConfig, DialTimeout: cfg.DialTimeout, HandshakeTimeout: cfg.DialTimeout,
		ReadTimeout: cfg.Timeout, ClientName: "freshet",
	}
	switch cfg.Compression {
	case "lz4":
		opt.Compression = ch.CompressionLZ4
	case "zstd":
		opt.Compression = ch.CompressionZSTD
	}
	return &pool{opt: opt, max: cfg.Conns}
}

// get returns an idle connection or dials. With probe it checks an idle one first, which the server may have
// closed meanwhile: for a call that cannot be repeated.
func (p *pool) get(ctx context.Context, probe bool) (*ch.Client, error) {
	for {
		c, err := p.takeIdle()
		if err != nil {
			return nil, err
		}
		if c == nil {
			return ch.Dial(ctx, p.opt)
		}
		if !c.IsClosed() && (!probe || c.Ping(ctx) == nil) {
			return c, nil
		}
		_ = c.Close()
	}
}

func (p *pool) takeIdle() (*ch.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ch.ErrClosed
	}
	n := len(p.idle)
	if n == 0 {
		return nil, nil
	}
	c := p.idle[n-1]
	p.idle = p.idle[:n-1]
	return c, nil
}

// put takes a connection back after a call that went well.
func (p *pool) put(c *ch.Client) {
	p.mu.Lock()
	if !p.closed && len(p.idle) < p.max && !c.IsClosed() {
		p.idle = append(p.idle, c)
		c = nil
	}
	p.mu.Unlock()
	if c != nil {
		_ = c.Close()
	}
}

func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, c := range idle {
		_ = c.Close()
	}
}
