package e2e

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"

	"github.com/freshet-dw/freshet/platform/embed/clickhouse"
)

// childCommand makes the test program the embedded ClickHouse's child.
const childCommand = "clickhouse-server"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childCommand {
		if err := clickhouse.ServeChild(context.Background(), os.Args[2:]); err != nil && !errors.Is(err, context.Canceled) {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// gate forwards connections to a server as long as it is open. Closed, it breaks them off and refuses new ones.
type gate struct {
	t      *testing.T
	addr   string
	target string
	mu     sync.Mutex
	l      net.Listener
	conns  []net.Conn
	wg     sync.WaitGroup
}

func newGate(t *testing.T, target string) *gate {
	t.Helper()
	g := &gate{t: t, target: target, addr: "127.0.0.1:0"}
	g.open()
	t.Cleanup(func() { g.close(); g.wg.Wait() })
	return g
}

func (g *gate) open() {
	l, err := net.Listen("tcp", g.addr)
	if err != nil {
		g.t.Error(err)
		return
	}
	g.mu.Lock()
	g.l, g.addr = l, l.Addr().String()
	g.mu.Unlock()
	g.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", g.target)
			if err != nil {
				_ = c.Close()
				continue
			}
			g.mu.Lock()
			g.conns = append(g.conns, c, s)
			g.mu.Unlock()
			pipe := func(from, to net.Conn) func() {
				return func() {
					buf := make([]byte, 32<<10)
					for {
						n, err := from.Read(buf)
						if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
							_ = from.Close()
							_ = to.Close()
							return
						}
					}
				}
			}
			g.wg.Go(pipe(c, s))
			g.wg.Go(pipe(s, c))
		}
	})
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.l == nil {
		return
	}
	_ = g.l.Close()
	for _, c := range g.conns {
		_ = c.Close()
	}
	g.l, g.conns = nil, nil
}
