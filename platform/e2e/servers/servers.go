// Package servers starts real servers for the integration tests: Apache Kafka, Apache HBase, MariaDB, MySQL and Redis, from package
// registries only.
//
// A server is a child process on free loopback ports with a data directory of its own; it ends when this process ends, however that ends. What is
// downloaded is kept below ~/.cache/freshet/servers (or $FRESHET_CACHE/servers) and complete once it has its name there. Logs are
// files in the server's directory. Nothing here is fit for production: heaps are small, and there is no security.
package servers

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
)

// Addresses are where the servers of StartAll listen.
type Addresses struct {
	Kafka string // broker, host:port
	MySQL string // MariaDB, host:port; user root without a password
	HBase string // ZooKeeper, host:port
	Redis string // host:port
}

// StartAll starts Kafka, MariaDB, HBase and Redis side by side in folders of dir. If one cannot start the others are stopped again, and all
// causes are returned. The context bounds the start only; stop waits until all have ended.
func StartAll(ctx context.Context, dir string) (Addresses, func() error, error) {
	starts := []struct {
		name  string
		start func(context.Context, string) (*Server, error)
	}{{"kafka", StartKafka}, {"mariadb", StartMariaDB}, {"hbase", StartHBase}, {"redis", StartRedis}}
	running := make([]*Server, len(starts))
	errs := make([]error, len(starts))
	var wg sync.WaitGroup
	for i, s := range starts {
		wg.Go(func() { running[i], errs[i] = s.start(ctx, filepath.Join(dir, s.name)) })
	}
	wg.Wait()
	stop := func() error {
		errs := make([]error, len(running))
		var wg sync.WaitGroup
		for i, s := range running {
			if s != nil {
				wg.Go(func() { errs[i] = s.Stop() })
			}
		}
		wg.Wait()
		return errors.Join(errs...)
	}
	if err := errors.Join(errs...); err != nil {
		return Addresses{}, nil, errors.Join(err, stop())
	}
	return Addresses{Kafka: running[0].Addr, MySQL: running[1].Addr, HBase: running[2].Addr, Redis: running[3].Addr}, stop, nil
}
