// Package warehouse is a warehouse directory as a process sees it: freshet.yaml with the connections that all layers share, the SQL files of
// each layer, and the runtime that runs them.
package warehouse

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/blob"
	"github.com/freshet-dw/freshet/pkg/clickhouse"
	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/hbase"
	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/pkg/mysql"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/redis"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
)

// FileName is the configuration's name in a warehouse directory.
const FileName = "freshet.yaml"

// Config is what all layers share. A layer's binary embeds it and adds its own section.
type Config struct {
	Name     string        `cfg:"name" default:"warehouse" help:"The warehouse's name; it starts consumer group and state names of nothing, and is shown on pages."`
	Zone     string        `cfg:"zone" default:"UTC" help:"Time zone of TIMESTAMP_LTZ and of day borders, as Asia/Shanghai."`
	Data     string        `cfg:"data" default:"data" help:"Directory for state and landed files; relative to the warehouse directory."`
	Sync     bool          `cfg:"sync" default:"true" help:"Force state to the disk at each commit, so that it survives a power failure and not only a crash."`
	Epoch    time.Duration `cfg:"epoch" default:"1s" help:"Commit interval of jobs that do not SET execution.checkpointing.interval."`
	Workers  int           `cfg:"workers" help:"Worker goroutines per job; default one a core."`
	Instance string        `cfg:"instance" default:"0" help:"Name of this replica among those of its layer; the same after a restart."`
	Admin    string        `cfg:"admin" default:"127.0.0.1:9464" help:"Address of /metrics, /healthz, /readyz and /debug/pprof; empty for none."`

	DeadLetter string `cfg:"dead_letter" default:"freshet_dead_letter" help:"Topic that keeps records which could not be processed."`

	Kafka      kafka.Config      `cfg:"kafka"`
	MySQL      mysql.Config      `cfg:"mysql"`
	Redis      redis.Config      `cfg:"redis"`
	HBase      hbase.Config      `cfg:"hbase"`
	ClickHouse clickhouse.Config `cfg:"clickhouse"`
	Telemetry  obs.Config        `cfg:"telemetry"`
}

// Validate checks what concerns several keys.
func (c *Config) Validate() error {
	var errs []error
	if _, err := time.LoadLocation(c.Zone); err != nil {
		errs = append(errs, config.Invalid("zone", "%q is no time zone", c.Zone))
	}
	if c.Epoch < 10*time.Millisecond {
		errs = append(errs, config.Invalid("epoch", "%s is too short: at least 10ms", c.Epoch))
	}
	return errors.Join(errs...)
}

// Deps is what a layer's modules are built from.
type Deps struct {
	Config Config
	Dir    string // the warehouse directory
	Tel    *obs.Telemetry
	Health *obs.Health
	// Functions are the user functions in Go that the program was built with (package engine/udf makes them).
	Functions []*catalog.Function
}

// Path resolves a path of the configuration against the warehouse directory.
func (d Deps) Path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(d.Dir, p)
}

// State opens the state directory.
func (d Deps) State() (blob.Store, error) {
	return blob.NewDir(filepath.Join(d.Path(d.Config.Data), "state"), d.Config.Sync)
}

// Settings are the SQL settings that the configuration implies.
func (d Deps) Settings() map[string]string {
	s := map[string]string{
		"execution.checkpointing.interval": strconv.FormatInt(d.Config.Epoch.Milliseconds(), 10) + " ms",
		"table.local-time-zone":            d.Config.Zone,
	}
	if d.Config.Workers > 0 {
		s["parallelism.default"] = strconv.Itoa(d.Config.Workers)
	}
	return s
}

// File is one SQL file of the warehouse.
type File struct {
	Path string
	// Job is the job's name: the path below the warehouse without extension, with '-' for '/'.
	Job string
}

// Files lists the .sql files under the folders, sorted; a folder that is not there is empty.
func (d Deps) Files(folders ...string) ([]File, error) {
	var out []File
	for _, folder := range folders {
		root := filepath.Join(d.Dir, folder)
		err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
			if err != nil {
				if errors.Is(err, fs.ErrNotExist) && p == root {
					return nil
				}
				return err
			}
			if e.IsDir() || filepath.Ext(p) != ".sql" {
				return nil
			}
			rel, err := filepath.Rel(d.Dir, p)
			if err != nil {
				return err
			}
			job := strings.ReplaceAll(strings.TrimSuffix(filepath.ToSlash(rel), ".sql"), "/", "-")
			out = append(out, File{Path: p, Job: job})
			return nil
		})
		if err != nil {
			return nil, fault.Wrap(fault.Config, err, "list SQL files under %s", root)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out, nil
}

// Find gives the warehouse directory that holds path: the nearest folder upwards with a freshet.yaml; "" if there is none.
func Find(path string) string {
	dir, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	if st, err := os.Stat(dir); err == nil && !st.IsDir() {
		dir = filepath.Dir(dir)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, FileName)); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}
