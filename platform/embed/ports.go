package embed

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// Ports are the servers' ports on 127.0.0.1; 0 takes a free one.
type Ports struct {
	Kafka, Redis, MySQL, ClickHouse, ClickHouseNative, ZooKeeper, HBase int
}

// DefaultPorts are the usual ports plus 10,000, so that the system's own
// servers are not in the way.
func DefaultPorts() Ports {
	return Ports{Kafka: 19092, Redis: 16379, MySQL: 13306, ClickHouse: 18123, ClickHouseNative: 19000, ZooKeeper: 12181, HBase: 26020}
}

// Port is one port with what it is for.
type Port struct {
	Store string // whose it is
	Name  string // what it speaks
	Flag  string // of freshet up and demo
	Value *int
}

// List names all ports, for flags and checks.
func (p *Ports) List() []Port {
	return []Port{
		{Kafka, "Kafka", "kafka-port", &p.Kafka},
		{Redis, "Redis", "redis-port", &p.Redis},
		{MySQL, "MySQL", "mysql-port", &p.MySQL},
		{ClickHouse, "ClickHouse HTTP", "clickhouse-port", &p.ClickHouse},
		{ClickHouse, "ClickHouse native", "clickhouse-native-port", &p.ClickHouseNative},
		{HBase, "HBase's ZooKeeper", "zookeeper-port", &p.ZooKeeper},
		{HBase, "HBase", "hbase-port", &p.HBase},
	}
}

// checkPorts reports every port of the stores that is taken, with its holder
// and the flag that changes it, before anything is started.
func checkPorts(ports Ports, stores []string) error {
	var errs []error
	for _, p := range ports.List() {
		if *p.Value == 0 || !slices.Contains(stores, p.Store) {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *p.Value))
		if err == nil {
			errs = append(errs, l.Close())
			continue
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			errs = append(errs, fault.WithRemedy(fault.Wrap(fault.Config, err, "%s port", p.Name), "choose another with -"+p.Flag))
			continue
		}
		who := ""
		if h := holder(*p.Value); h != "" {
			who = " by " + h
		}
		errs = append(errs, fault.WithRemedy(fault.Newf(fault.Config, "port %d for %s is in use%s", *p.Value, p.Name, who),
			fmt.Sprintf("stop that process, or choose another port with -%s PORT (0 takes a free one)", p.Flag)))
	}
	return fault.Join(errs...)
}

// holder finds the process that listens on a port, as far as the system tells:
// its sockets are found by inode under /proc. Elsewhere it returns "".
func holder(port int) string {
	inodes := map[string]bool{}
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(text), "\n") {
			f := strings.Fields(line)
			// Columns: sl, local address, remote address, state (0A is listening), …, inode.
			if len(f) < 10 || f[3] != "0A" {
				continue
			}
			_, hex, ok := strings.Cut(f[1], ":")
			if n, err := strconv.ParseUint(hex, 16, 16); ok && err == nil && int(n) == port {
				inodes["socket:["+f[9]+"]"] = true
			}
		}
	}
	if len(inodes) == 0 {
		return ""
	}
	fds, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return ""
	}
	for _, fd := range fds {
		if link, err := os.Readlink(fd); err == nil && inodes[link] {
			pid := strings.Split(fd, "/")[2]
			name, err := os.ReadFile("/proc/" + pid + "/comm")
			if err != nil {
				return "process " + pid
			}
			return fmt.Sprintf("%s (process %s)", strings.TrimSpace(string(name)), pid)
		}
	}
	return "a process of another user"
}

// lockDir makes the directory and takes its lock, which the kernel gives up
// when the process ends, however it ends.
func lockDir(dir string) (*os.File, error) {
	if dir == "" {
		return nil, fault.New(fault.Config, "no data directory given")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fault.WithRemedy(fault.Wrap(fault.Config, err, "make the data directory"), "choose another with -data DIR")
	}
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fault.WithRemedy(fault.Wrap(fault.Config, err, "lock the data directory"), "choose another with -data DIR")
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		who := "another process"
		if text, rerr := os.ReadFile(path); rerr == nil && len(text) > 0 {
			who = "process " + strings.TrimSpace(string(text))
		}
		_ = f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fault.Wrap(fault.Config, err, "lock %s", path)
		}
		return nil, fault.WithRemedy(fault.Newf(fault.Config, "the data directory %s is in use by %s", dir, who),
			"stop that process, or give this one a directory of its own with -data DIR")
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, fault.Join(fault.Wrap(fault.Config, err, "lock %s", path), f.Close())
	}
	return f, nil
}
