// Package kafka is the local stack's Kafka: one broker inside the process that
// speaks Kafka's protocol on a loopback port, keeps its topics, groups and
// transactions in a directory and creates topics on first use.
//
// Guarantees: a record, offset commit or transaction that was acknowledged
// survives kill -9 of the process and, with Sync, loss of power. It has one
// replica and no rack, quota or access rules; it is for development,
// demonstrations and tests.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// Config says where the broker keeps its data and listens.
type Config struct {
	Dir        string // data directory, created if missing; empty keeps everything in memory
	Port       int    // on 127.0.0.1; 0 takes a free one
	Partitions int    // of topics that are created without saying how many; default 4
	Sync       bool   // fsync each batch before it is acknowledged
	Log        *slog.Logger
}

// Server is a running broker.
type Server struct {
	cluster *kfake.Cluster
	journal *journal // nil in memory
	once    sync.Once
}

// Start reloads the data and listens. The context bounds nothing after the
// return; the server runs until Close.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.Wrap(fault.Canceled, err, "start Kafka")
	}
	if cfg.Partitions <= 0 {
		cfg.Partitions = 4
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.Ports(cfg.Port),
		kfake.ClusterID("freshet-local"),
		kfake.AllowAutoTopicCreation(),
		kfake.DefaultNumPartitions(cfg.Partitions),
		// A killed consumer is missed after a second, not after six.
		kfake.GroupMinSessionTimeout(time.Second),
		kfake.WithLogger(logger{cfg.Log}),
		kfake.BrokerConfigs(map[string]string{
			"log.segment.bytes":      strconv.Itoa(64 << 20),
			"log.cleaner.backoff.ms": "15000",
			"message.max.bytes":      strconv.Itoa(8 << 20),
		}),
	}
	if cfg.Dir != "" {
		if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
			return nil, fault.Wrap(fault.Config, err, "make Kafka's data directory")
		}
		opts = append(opts, kfake.DataDir(cfg.Dir))
		if cfg.Sync {
			opts = append(opts, kfake.SyncWrites())
		}
	}
	var open []openTxn
	var ds []decision
	var j *journal
	if cfg.Dir != "" {
		var err error
		if open, err = openTxns(cfg.Dir); err != nil {
			return nil, err
		}
		if j, err = openJournal(cfg.Dir, cfg.Sync); err != nil {
			return nil, err
		}
		if ds, err = j.unfinished(cfg.Dir); err != nil {
			return nil, err
		}
		// From version 6 on the request names topics by id; the journal keeps names.
		versions := kversion.Stable()
		versions.SetMaxKeyVersion(int16(kmsg.TxnOffsetCommit), 5)
		opts = append(opts, kfake.MaxVersions(versions))
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, startError(err, cfg)
	}
	s := &Server{cluster: cluster, journal: j}
	if open, err = complete(ctx, s.Addr(), ds, open); err != nil {
		return nil, fault.Join(err, s.Close())
	}
	if err := abort(ctx, s.Addr(), open); err != nil {
		return nil, fault.Join(err, s.Close())
	}
	if j != nil {
		j.watch(cluster)
	}
	return s, nil
}

func startError(err error, cfg Config) error {
	var path *fs.PathError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fault.WithRemedy(fault.Wrap(fault.Config, err, "start Kafka: port %d is in use", cfg.Port),
			"choose another port or stop the process that holds it")
	case errors.As(err, &path):
		return fault.Wrap(fault.Config, err, "start Kafka in %s", cfg.Dir)
	}
	return fault.Wrap(fault.Internal, err, "start Kafka in %s", cfg.Dir)
}

// Addr is the broker's host:port.
func (s *Server) Addr() string { return s.cluster.ListenAddrs()[0] }

// Close writes what is buffered and stops. It may be called more than once.
func (s *Server) Close() error {
	s.once.Do(func() {
		s.cluster.Close()
		if s.journal != nil {
			s.journal.close()
		}
	})
	return nil
}

// Compact applies retention and compaction now instead of at the next round.
func (s *Server) Compact() {
	s.cluster.ApplyRetention()
	s.cluster.Compact()
}

type logger struct{ log *slog.Logger }

func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	to := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		to = slog.LevelError
	case kfake.LogLevelWarn:
		to = slog.LevelWarn
	}
	if l.log.Enabled(context.Background(), to) {
		l.log.Log(context.Background(), to, "embedded kafka: "+fmt.Sprintf(format, args...))
	}
}
