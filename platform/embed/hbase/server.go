package hbase

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/protobuf/proto"

	"github.com/tsuna/gohbase/pb"
)

// Config says where a Server keeps its data and listens. Addresses are host:port; port
// 0 takes a free one, an empty address means 127.0.0.1:0.
type Config struct {
	Dir     string
	ZKAddr  string
	RPCAddr string
	Logger  *slog.Logger

	// ScannerLease ends scanners nobody has asked for this long; 60 s when zero.
	ScannerLease time.Duration
	// SweepInterval is the pause between garbage sweeps, 30 s when zero, none when
	// negative.
	SweepInterval time.Duration
	// SweepBytes is how much must be written to a region before it is swept for
	// surplus versions; 16 MiB when zero.
	SweepBytes int64
	// TombstoneGrace is how long a tombstone outlives its writing, so that a replay of
	// older cells stays hidden; 24 h when zero.
	TombstoneGrace time.Duration
}

func (c *Config) setDefaults() error {
	if c.Dir == "" {
		return errors.New("hbase: Dir is empty: name the directory for the data")
	}
	for _, a := range []struct {
		name string
		addr *string
	}{{"ZKAddr", &c.ZKAddr}, {"RPCAddr", &c.RPCAddr}} {
		if *a.addr == "" {
			*a.addr = "127.0.0.1:0"
		}
		if _, _, err := net.SplitHostPort(*a.addr); err != nil {
			return fmt.Errorf("hbase: %s must be host:port: %w", a.name, err)
		}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.ScannerLease <= 0 {
		c.ScannerLease = time.Minute
	}
	if c.SweepInterval == 0 {
		c.SweepInterval = 30 * time.Second
	}
	if c.SweepBytes == 0 {
		c.SweepBytes = 16 << 20
	}
	if c.TombstoneGrace == 0 {
		c.TombstoneGrace = 24 * time.Hour
	}
	return nil
}

// Server is a running HBase with its ZooKeeper.
type Server struct {
	cfg     Config
	log     *slog.Logger
	db      *pebble.DB
	catalog *catalog
	scans   *scanners
	zk      net.Listener
	rpc     net.Listener
	name    *pb.ServerName
	admin   adminState

	done    chan struct{}
	closing sync.Once
	err     error
	work    sync.WaitGroup

	connMu sync.Mutex
	conns  map[net.Conn]struct{}
}

// Start opens the data directory and serves until Close or until ctx ends.
func Start(ctx context.Context, cfg Config) (_ *Server, err error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: cfg.Logger, done: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	var lc net.ListenConfig
	if s.rpc, err = lc.Listen(ctx, "tcp", cfg.RPCAddr); err != nil {
		return nil, fmt.Errorf("hbase: listen for RPC on %s: %w", cfg.RPCAddr, err)
	}
	if s.zk, err = lc.Listen(ctx, "tcp", cfg.ZKAddr); err != nil {
		return nil, fmt.Errorf("hbase: listen for ZooKeeper on %s: %w", cfg.ZKAddr, err)
	}
	host, portText, err := net.SplitHostPort(s.rpc.Addr().String())
	if err != nil {
		return nil, fmt.Errorf("hbase: read RPC address: %w", err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("hbase: read RPC port: %w", err)
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	started := time.Now()
	code := uint64(started.UnixMilli())
	s.name = &pb.ServerName{HostName: proto.String(host), Port: proto.Uint32(uint32(port)), StartCode: &code}

	opts := &pebble.Options{
		Logger:       pebbleLog{s.log},
		Cache:        pebble.NewCache(64 << 20),
		MemTableSize: 32 << 20,
	}
	defer opts.Cache.Unref()
	if s.db, err = pebble.Open(filepath.Join(cfg.Dir, "pebble"), opts); err != nil {
		return nil, fmt.Errorf("hbase: open data in %s: %w", cfg.Dir, err)
	}
	if s.catalog, err = openCatalog(s.db, net.JoinHostPort(host, portText), code); err != nil {
		return nil, fmt.Errorf("hbase: %w", err)
	}
	s.admin.balancer = true
	if err = s.createNamespaceTable(); err != nil {
		return nil, fmt.Errorf("hbase: create system tables: %w", err)
	}
	s.scans = newScanners(cfg.ScannerLease)

	zk := newZKServer(s.znodes(), started)
	s.serve(s.zk, "zookeeper", zk.serve)
	s.serve(s.rpc, "rpc", func(c net.Conn) error { return newConn(s, c).serve() })
	s.background(s.expireScanners)
	if cfg.SweepInterval > 0 {
		s.background(s.sweepLoop)
	}
	s.background(func() {
		select {
		case <-ctx.Done():
			s.stop()
		case <-s.done:
		}
	})
	return s, nil
}

// ZKAddr is the host:port of ZooKeeper, which clients are given.
func (s *Server) ZKAddr() string { return s.zk.Addr().String() }

// RPCAddr is the host:port of master and region server.
func (s *Server) RPCAddr() string { return s.rpc.Addr().String() }

// stop ends listeners and connections; it does not wait.
func (s *Server) stop() {
	s.closing.Do(func() {
		close(s.done)
		for _, l := range []net.Listener{s.zk, s.rpc} {
			if l != nil {
				s.err = errors.Join(s.err, l.Close())
			}
		}
		s.connMu.Lock()
		for c := range s.conns {
			_ = c.Close() // only unblocks its reader
		}
		s.connMu.Unlock()
	})
}

// Close ends all connections, waits for their requests and closes the data. It may be
// called more than once.
func (s *Server) Close() error {
	s.stop()
	s.work.Wait()
	s.connMu.Lock()
	defer s.connMu.Unlock()
	if s.scans != nil {
		s.scans.closeAll()
	}
	if s.db != nil {
		s.err = errors.Join(s.err, s.db.Close())
		s.db = nil
	}
	return s.err
}

func (s *Server) background(f func()) { s.work.Go(f) }

// serve accepts connections until the listener closes; each ends with its handler.
func (s *Server) serve(l net.Listener, what string, handle func(net.Conn) error) {
	s.background(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				select {
				case <-s.done:
					return
				case <-time.After(10 * time.Millisecond): // out of descriptors, say
					continue
				}
			}
			if !s.track(c) {
				_ = c.Close()
				return
			}
			s.background(func() {
				defer s.untrack(c)
				if err := handle(c); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
					s.log.Debug("hbase: connection ended", "protocol", what, "peer", c.RemoteAddr(), "err", err)
				}
			})
		}
	})
}

func (s *Server) track(c net.Conn) bool {
	s.connMu.Lock()
	defer s.connMu.Unlock()
	select {
	case <-s.done:
		return false
	default:
		s.conns[c] = struct{}{}
		return true
	}
}

func (s *Server) untrack(c net.Conn) {
	s.connMu.Lock()
	delete(s.conns, c)
	s.connMu.Unlock()
	_ = c.Close()
}

// znodes are the nodes clients read: each value is 0xff, the length and text of a
// creator's name, then PBUF and a message.
func (s *Server) znodes() map[string][]byte {
	wrap := func(m proto.Message) []byte {
		id := "embedded:" + strconv.FormatUint(s.name.GetStartCode(), 10)
		b := binary.BigEndian.AppendUint32([]byte{0xff}, uint32(len(id)))
		b = append(append(b, id...), pbufMagic...)
		return append(b, pb.MustMarshal(m)...)
	}
	meta := wrap(&pb.MetaRegionServer{
		Server: s.name, RpcVersion: proto.Uint32(0), State: pb.RegionState_OPEN.Enum(),
	})
	return map[string][]byte{
		"/":                         {},
		"/hbase":                    {},
		"/hbase/master":             wrap(&pb.Master{Master: s.name, RpcVersion: proto.Uint32(0), InfoPort: proto.Uint32(0)}),
		"/hbase/meta-region-server": meta,
		"/hbase/hbaseid":            wrap(&pb.ClusterId{ClusterId: proto.String(clusterID)}),
	}
}

// joinClose closes c and keeps err first.
func joinClose(err error, c io.Closer) error { return errors.Join(err, c.Close()) }

// pebbleLog passes Pebble's messages on at debug level.
type pebbleLog struct{ log *slog.Logger }

func (l pebbleLog) Infof(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("pebble: " + fmt.Sprintf(format, args...))
	}
}

func (l pebbleLog) Errorf(format string, args ...any) {
	l.log.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf is called when the log cannot be written any more. Pebble requires that it
// does not return: going on could acknowledge writes that are lost.
func (l pebbleLog) Fatalf(format string, args ...any) {
	l.log.Error("pebble: " + fmt.Sprintf(format, args...))
	panic("hbase: storage failed: " + fmt.Sprintf(format, args...))
}
