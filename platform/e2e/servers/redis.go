package servers

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/redis"
	"github.com/freshet-dw/freshet/platform/embed/port"
)

// StartRedis starts the system's Redis program on the data in dir, with an append-only file.
func StartRedis(ctx context.Context, dir string) (*Server, error) {
	program, err := need("apt-get install -y redis-server", "redis-server")
	if err != nil {
		return nil, err
	}
	if dir, err = folder(dir); err != nil {
		return nil, err
	}
	p, err := port.Free(ctx, 1)
	if err != nil {
		return nil, err
	}
	s := &Server{name: "redis", Addr: local(p[0]), timeout: 20 * time.Second}
	s.args = append([]string{program}, strings.Fields("--bind 127.0.0.1 --protected-mode yes --appendonly yes --appendfsync everysec --daemonize no --port "+strconv.Itoa(p[0]))...)
	s.args = append(s.args, "--save", "", "--dir", dir)
	s.ready = func(ctx context.Context) error {
		c, err := redis.Open(redis.Config{Addr: s.Addr, Timeout: time.Second, Pool: 1})
		if err != nil {
			return err
		}
		defer c.Close()
		return redis.Ping(ctx, c)
	}
	return s.run(ctx, dir)
}
