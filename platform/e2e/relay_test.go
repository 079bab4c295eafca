package e2e

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// relay is a fixed TCP address in front of a server whose address may change when it is started again.
// A connection that the server breaks is broken for the client too, without a word.
type relay struct {
	listener net.Listener
	mu       sync.Mutex
	target   string
	wg       sync.WaitGroup
	conns    map[net.Conn]bool
	closed   bool
}

// newRelay listens on a free port of 127.0.0.1. The target may be empty: connections are then refused.
func newRelay(ctx context.Context, target string) (*relay, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{listener: l, target: target, conns: map[net.Conn]bool{}}
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

// addr is the fixed address.
func (r *relay) addr() string { return r.listener.Addr().String() }

// retarget sends new connections to another server.
func (r *relay) retarget(target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = target
}

// close breaks all connections.
func (r *relay) close() error {
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

func (r *relay) track(c net.Conn, on bool) {
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

func (r *relay) serve(client net.Conn) {
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
