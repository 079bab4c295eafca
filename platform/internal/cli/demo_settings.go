package cli

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/platform/embed"
	"github.com/freshet-dw/freshet/platform/embed/port"
)

// listener is an address of one of the demo's services.
type listener struct {
	what, key string
	addr      *string
}

// listeners are the services that the demo's targets listen with.
func (s *settings) listeners() []listener {
	return []listener{
		{"the big screen", "platform.listen", &s.Platform.Listen},
		{"the event collector", "ods.collect.listen", &s.ODS.Collect.Listen},
		{"the lookup service", "dim.lookup.http", &s.DIM.Lookup.HTTP},
		{"the lookup service's gRPC", "dim.lookup.grpc", &s.DIM.Lookup.GRPC},
		{"metrics and health", "admin", &s.Admin},
	}
}

// place checks that the services' addresses are free before anything starts, or gives them free ones.
func (s *settings) place(ctx context.Context, free bool) error {
	ports, err := port.Free(ctx, len(s.listeners()))
	if err != nil {
		return err
	}
	var errs []error
	for i, l := range s.listeners() {
		if *l.addr == "" {
			continue
		}
		if free {
			*l.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[i]))
			continue
		}
		got, err := net.Listen("tcp", *l.addr)
		if err != nil {
			errs = append(errs, fault.WithRemedy(fault.Wrap(fault.Config, err, "%s", l.what), fmt.Sprintf("choose another address with -set %s=127.0.0.1:PORT, or free ones with -ports auto", l.key)))
			continue
		}
		errs = append(errs, got.Close())
	}
	return fault.Join(errs...)
}

// on puts the addresses of the stores that were started into the settings, and all files under dir.
func (s *settings) on(stack *embed.Stack, dir string) {
	s.Data = dir
	s.ODS.Logs.Files = []string{nginxLog(dir)}
	if stack.Kafka != nil {
		s.Kafka.Brokers = []string{stack.Kafka.Addr()}
	}
	if stack.MySQL != nil {
		s.MySQL.Addr, s.MySQL.User, s.MySQL.Password = stack.MySQL.Addr(), "root", config.Secret("")
	}
	if stack.Redis != nil {
		s.Redis.Addr = stack.Redis.Addr()
	}
	if stack.HBase != nil {
		s.HBase.ZooKeeper = stack.HBase.ZKAddr()
	}
	if stack.ClickHouse != nil {
		s.ClickHouse.Addr = stack.ClickHouse.TCPAddr()
	}
}

func nginxLog(dir string) string { return filepath.Join(dir, "nginx", "access.log") }

// addresses tells where everything is.
func (s *settings) addresses(stack *embed.Stack, warehouseDir, log string) addresses {
	url := func(addr string) string {
		if addr == "" {
			return ""
		}
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return "http://" + addr
		}
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		return "http://" + net.JoinHostPort(host, port)
	}
	a := addresses{
		Kafka: strings.Join(s.Kafka.Brokers, ","), MySQL: s.MySQL.Addr, Redis: s.Redis.Addr, HBase: s.HBase.ZooKeeper, ClickHouse: s.ClickHouse.Addr,
		Collector: url(s.ODS.Collect.Listen), Page: url(s.Platform.Listen), Admin: url(s.Admin), Lookup: url(s.DIM.Lookup.HTTP), LookupGRPC: s.DIM.Lookup.GRPC,
		Lake: filepath.Join(s.Data, "lake"), NginxLog: s.ODS.Logs.Files[0], Warehouse: warehouseDir, Log: log,
	}
	if stack.ClickHouse != nil {
		a.ClickHouseHTTP = stack.ClickHouse.HTTPAddr()
	}
	return a
}
