package filesystem

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/freshet-dw/freshet/pkg/blob"
	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
)

const stagingDir = ".staging"

// publisher brings the files of all of a job's writers of one table to light. It keeps no truth: which partitions are open is read from
// the directory.
type publisher struct {
	env   *connector.Env
	tb    *table
	store *blob.Dir
	zone  *time.Location
	stage string // .staging/<job>-<instance>

	mu      sync.Mutex
	started bool
	pending map[int64][]string   // staged by epoch
	open    map[string]time.Time // partitions without marker, by directory: since when
}

// scope names the process among all that write the directory, in a form fit for file names and without '-', which ends it there.
func scope(env *connector.Env) string {
	name := env.Job
	if env.Instance != "" {
		name += "_" + env.Instance
	}
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '_' || r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z' {
			return r
		}
		return '_'
	}, strings.TrimLeft(name, "._"))
}

func join(dir, file string) string { return path.Join(dir, file) }

func newPublisher(env *connector.Env, tb *table) (*publisher, error) {
	return connector.Shared(env, "filesystem "+tb.dir, func() (*publisher, func() error, error) {
		store, err := blob.NewDir(tb.dir, true)
		if err != nil {
			return nil, nil, err
		}
		p := &publisher{env: env, tb: tb, store: store, zone: tb.zone, stage: stagingDir + "/" + scope(env), pending: map[int64][]string{}, open: map[string]time.Time{}}
		if p.zone == nil {
			p.zone = env.Zone
		}
		if p.zone == nil {
			p.zone = time.UTC
		}
		return p, nil, nil
	})
}

func (p *publisher) staged(name string) string { return p.stage + "/" + name }

// add notes a staged file.
func (p *publisher) add(epoch int64, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.pending[epoch], name) { // else: a flush that was repeated
		p.pending[epoch] = append(p.pending[epoch], name)
	}
}

// start looks, once, at what an earlier process left: the staged files of the committed epoch (0: none) are to be published, all others are
// thrown away, for a restart either replays their epoch or reads its input anew.
func (p *publisher) start(ctx context.Context, committed int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.startLocked(ctx, committed)
}

func (p *publisher) startLocked(ctx context.Context, committed int64) error {
	if p.started {
		return nil
	}
	if err := p.recoverMerges(ctx); err != nil { // before their files are swept
		return err
	}
	names, err := p.store.List(ctx, p.stage+"/")
	if err != nil {
		return err
	}
	p.pending = map[int64][]string{}
	for _, n := range names {
		rel := strings.TrimPrefix(n, p.stage+"/")
		if epoch, ok := epochOf(rel); ok && committed > 0 && epoch == committed {
			p.pending[epoch] = append(p.pending[epoch], rel)
		} else if err := p.store.Delete(ctx, n); err != nil {
			return err
		}
	}
	if err := p.findOpen(ctx); err != nil {
		return err
	}
	p.prune(filepath.Join(p.store.Root, filepath.FromSlash(p.stage)))
	p.started = true
	return nil
}

// epochOf reads the epoch from a file name made by Flush: …-epoch-clock.suffix.
func epochOf(name string) (int64, bool) {
	base := path.Base(name)
	base = strings.TrimSuffix(base, path.Ext(base))
	parts := strings.Split(base, "-")
	if len(parts) < 3 {
		return 0, false
	}
	n, err := strconv.ParseInt(parts[len(parts)-2], 10, 64)
	return n, err == nil
}

// publish shows the epoch's files of all workers. The first of them does it for all: by then all have flushed.
func (p *publisher) publish(ctx context.Context, epoch int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.startLocked(ctx, epoch); err != nil {
		return err
	}
	for _, name := range p.pending[epoch] {
		dir := path.Dir(name)
		if p.tb.marker != "" {
			// Gone before the file is there: a reader must not take the partition for complete.
			if err := p.store.Delete(ctx, join(dir, p.tb.marker)); err != nil {
				return err
			}
		}
		if err := p.store.Rename(ctx, p.staged(name), name); err != nil {
			return err
		}
		if _, ok := p.open[dir]; !ok && p.tb.marker != "" {
			p.open[dir] = time.Now()
		}
	}
	delete(p.pending, epoch)
	return nil
}

// hidden tells names that are not data: those that start with a dot or an underscore.
func hidden(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") || strings.HasPrefix(part, "_") {
			return true
		}
	}
	return false
}

// findOpen lists the partitions that hold files and no marker.
func (p *publisher) findOpen(ctx context.Context) error {
	if p.tb.marker == "" {
		return nil
	}
	names, err := p.store.List(ctx, "")
	if err != nil {
		return err
	}
	marked := map[string]bool{}
	for _, n := range names {
		if path.Base(n) == p.tb.marker {
			marked[path.Dir(n)] = true
		}
	}
	for _, n := range names {
		dir := path.Dir(n)
		if hidden(n) || marked[dir] {
			continue
		}
		since := time.Now()
		if info, err := os.Stat(filepath.Join(p.store.Root, filepath.FromSlash(n))); err == nil {
			since = info.ModTime()
		}
		if old, ok := p.open[dir]; !ok || since.Before(old) {
			p.open[dir] = since
		}
	}
	return nil
}

// tick closes the partitions that are complete.
func (p *publisher) tick(ctx context.Context, e endpoint.Epoch) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tb.marker == "" || !p.started {
		return nil
	}
	dirs := make([]string, 0, len(p.open))
	for dir, since := range p.open {
		if p.complete(dir, since, e) {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	for _, dir := range dirs {
		if p.tb.compact {
			if err := p.merge(ctx, dir); err != nil {
				return err
			}
		}
		if err := p.store.Put(ctx, join(dir, p.tb.marker), nil); err != nil {
			return err
		}
		delete(p.open, dir)
		p.prune(filepath.Join(p.store.Root, filepath.FromSlash(p.stage)))
	}
	return nil
}

// complete: a partition whose values name no time is complete when the job ends, no sooner.
func (p *publisher) complete(dir string, since time.Time, e endpoint.Epoch) bool {
	if e.Watermark == math.MaxInt64 || e.Final {
		return true
	}
	if !p.tb.byTime {
		return !e.Now.Before(since.Add(p.tb.delay))
	}
	start, ok := p.tb.partitionStart(dir, p.zone)
	return ok && e.Watermark >= start.Add(p.tb.delay).UnixMicro()
}

// prune takes away empty directories below dir; that one fails because it is not empty is what stops it.
func (p *publisher) prune(dir string) {
	var dirs []string
	_ = filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			dirs = append(dirs, name)
		}
		return nil
	})
	slices.Reverse(dirs)
	for _, d := range dirs {
		if err := os.Remove(d); err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
	}
}
