// Package port finds ports for servers that cannot be given a listener: children, and services that listen later.
package port

import (
	"context"
	"math/rand/v2"
	"net"
	"strconv"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// The range lies below the ports that systems give to outgoing connections (32768 and up on Linux): a port from there could become the local end of a connection
// between the moment it is found and the moment it is listened on.
const (
	first = 20_000
	last  = 32_000
)

// Free gives n different ports of 127.0.0.1 that nobody listens on now.
func Free(ctx context.Context, n int) ([]int, error) {
	var lc net.ListenConfig
	var out []int
	var err error
	for try := 0; try < 1000 && len(out) < n; try++ {
		p := first + rand.IntN(last-first)
		l, lerr := lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p)))
		if lerr != nil {
			err = lerr
			continue
		}
		defer l.Close() // all of them are held until all are found
		out = append(out, p)
	}
	if len(out) < n {
		return nil, fault.Wrap(fault.Config, err, "find a free port between %d and %d", first, last)
	}
	return out, nil
}
