package e2e

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// Relay is a fixed TCP address in front of a server whose address may change when it is started again.
// A connection that the server breaks is broken for the client too, without a word.
type Relay struct {
	listener net.Listener
	mu       sync.Mutex
	target   string
	wg       sync.WaitGroup
	conns    map[net.Conn]bool
	closed   bool
}

// NewRelay listens on a free port of 127.0.0.1. The target may be empty: connections are then refused.
func NewRelay(ctx context.Context, target string) (*Relay, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Relay{listener: l, target: target, conns: map[net.Conn]bool{}}
	r.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.wg.Go(func() { r.serve(c) })
		}
	})
	return r, nil
}

// Addr is the fixed address.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// Retarget sends new connections to another server.
func (r *Relay) Retarget(target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = target
}

// Close breaks all connections.
func (r *Relay) Close() error {
	err := r.listener.Close()
	r.mu.Lock()
	r.closed = true
	for c := range r.conns {
		_ = c.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
	return err
}

func (r *Relay) track(c net.Conn, on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !on:
		delete(r.conns, c)
	case r.closed:
		_ = c.Close()
	default:
		r.conns[c] = true
	}
}

func (r *Relay) serve(client net.Conn) {
	defer client.Close()
	r.mu.Lock()
	target := r.target
	r.mu.Unlock()
	server, err := net.DialTimeout("tcp", target, 5*time.Second)
	if err != nil {
		return
	}
	defer server.Close()
	for _, c := range []net.Conn{client, server} {
		r.track(c, true)
		defer r.track(c, false)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(client, server) // either side's end ends both
		_ = client.Close()
	}()
	_, _ = io.Copy(server, client)
	_ = server.Close()
	<-done
}
