package shop

import (
	"bytes"
	"net"
	"sync"
	"testing"
)

// cutter is a TCP relay to a MySQL server that cuts connections at their COMMIT: before the server gets it, when the server has answered, or
// at once after passing it on, when the outcome is open.
type cutter struct {
	listener net.Listener
	server   string

	mu      sync.Mutex
	commits int
	done    map[string]int
	wg      sync.WaitGroup
}

const (
	before = "before the commit"
	after  = "after the commit"
	during = "during the commit"
)

func startCutter(t *testing.T, server string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{listener: l, server: server, done: map[string]int{before: 0, after: 0, during: 0}}
	c.wg.Add(1)
	go func() {
		defer c.wg.Done()
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.wg.Add(1)
			go c.serve(conn)
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	return c
}

func (c *cutter) addr() string { return c.listener.Addr().String() }

func (c *cutter) cuts() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done
}

// fate says what becomes of the next commit; "" for most.
func (c *cutter) fate() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commits++
	how := map[int]string{2: before, 4: after, 6: during}[c.commits%7]
	if how != "" {
		c.done[how]++
	}
	return how
}

func (c *cutter) serve(client net.Conn) {
	defer c.wg.Done()
	defer client.Close()
	server, err := net.Dial("tcp", c.server)
	if err != nil {
		return
	}
	defer server.Close()
	var mu sync.Mutex
	swallow := false // the next answer ends the connection
	c.wg.Add(1)
	go func() {
		defer c.wg.Done()
		defer client.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			mu.Lock()
			end := swallow
			mu.Unlock()
			if err != nil || end {
				return
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		how := ""
		if bytes.HasSuffix(buf[:n], []byte("\x03COMMIT")) { // COM_QUERY
			how = c.fate()
		}
		if how == before {
			return
		}
		if how == after {
			mu.Lock()
			swallow = true
			mu.Unlock()
		}
		if _, err := server.Write(buf[:n]); err != nil || how == during {
			return
		}
	}
}
