// Package lookup is the lookup service of the dimension layer: it answers point queries on the tables that the SQL files of dim/ build, over gRPC
// and HTTP/JSON, by the same connector code that lookup joins use in-process.
//
// Each table has a near cache. A change in a source topic of the table's job drops the changed keys, and what is read for them is kept only
// briefly until the job has committed past the change, so that an answer lags behind the store by a fraction of a second and not by the cache's lifetime.
// Questions for one key at one time are asked once. A store gets a bounded number of requests at a time; after some failures in a row it
// is left alone for a while, and answers that are not too old are given in its place, marked stale.
//
// It does not give answers of several keys at one point in time, and it does not write.
package lookup

import (
	"errors"
	"time"

	"github.com/freshet-dw/freshet/pkg/config"
)

// Config is the section dim.lookup of freshet.yaml.
type Config struct {
	HTTP     string `cfg:"http" default:"127.0.0.1:8090" help:"Address of the HTTP/JSON interface; empty for none."`
	GRPC     string `cfg:"grpc" default:"127.0.0.1:8091" help:"Address of the gRPC interface; empty for none."`
	MaxBatch int    `cfg:"max_batch" default:"1000" help:"Most keys of one request."`
	Cache    Cache  `cfg:"cache"`
	Store    Store  `cfg:"store"`
}

// Cache is the near cache of each table.
type Cache struct {
	MaxRows  int           `cfg:"max_rows" default:"100000" help:"Most keys kept of each table; the one used longest ago goes first. 0: nothing is kept."`
	TTL      time.Duration `cfg:"ttl" default:"10m" help:"How long a row is kept that no change drops."`
	Missing  time.Duration `cfg:"missing" default:"1m" help:"How long it is remembered that a key has no row. 0: not at all."`
	MaxStale time.Duration `cfg:"max_stale" default:"1h" help:"Age up to which a kept row is given, marked stale, while the store does not answer. 0: never."`
	Settle   time.Duration `cfg:"settle" default:"3s" help:"How long after a key's change its rows are taken for possibly old ones; longer while the job that writes the table lags."`
	Unsure   time.Duration `cfg:"unsure" default:"100ms" help:"How long a row is kept that may be an old one."`
}

// Store is how each store (as Redis) is treated.
type Store struct {
	Timeout     time.Duration `cfg:"timeout" default:"1s" help:"How long a store may take for a batch of keys."`
	MaxInFlight int           `cfg:"max_in_flight" default:"16" help:"Most requests to one store at a time."`
	MaxWaiting  int           `cfg:"max_waiting" default:"256" help:"Most requests that wait for their turn; further ones are refused at once."`
	Failures    int           `cfg:"failures" default:"5" help:"Failures in a row after which the store is left alone."`
	Pause       time.Duration `cfg:"pause" default:"1s" help:"How long it is left alone before one request probes it."`
}

// Validate checks what concerns several keys.
func (c *Config) Validate() error {
	var errs []error
	if c.HTTP == "" && c.GRPC == "" {
		errs = append(errs, config.Invalid("http", "there is neither an HTTP nor a gRPC address"))
	}
	if c.HTTP != "" && c.HTTP == c.GRPC {
		errs = append(errs, config.Invalid("grpc", "%s is the HTTP address too", c.GRPC))
	}
	if c.MaxBatch <= 0 {
		errs = append(errs, config.Invalid("max_batch", "must be above 0"))
	}
	return errors.Join(errs...)
}

// Validate checks the cache's limits.
func (c *Cache) Validate() error {
	var errs []error
	if c.MaxRows < 0 {
		errs = append(errs, config.Invalid("max_rows", "must not be below 0"))
	}
	if c.TTL <= 0 || c.Settle <= 0 || c.Unsure <= 0 {
		errs = append(errs, config.Invalid("ttl", "ttl, settle and unsure must be above 0"))
	}
	if c.Missing < 0 || c.MaxStale < 0 {
		errs = append(errs, config.Invalid("missing", "missing and max_stale must not be below 0"))
	}
	return errors.Join(errs...)
}

// Validate checks the limits.
func (c *Store) Validate() error {
	var errs []error
	if c.Timeout <= 0 || c.Pause <= 0 {
		errs = append(errs, config.Invalid("timeout", "timeout and pause must be above 0"))
	}
	if c.MaxInFlight <= 0 || c.Failures <= 0 {
		errs = append(errs, config.Invalid("max_in_flight", "max_in_flight and failures must be above 0"))
	}
	if c.MaxWaiting < 0 {
		errs = append(errs, config.Invalid("max_waiting", "must not be below 0"))
	}
	return errors.Join(errs...)
}
