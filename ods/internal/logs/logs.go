package logs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/ods/internal/positions"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

// Module is the target ods-logs.
func Module(d warehouse.Deps, c Config) service.Module {
	return service.Module{Name: "ods-logs", Help: "access logs of web servers to Kafka", Start: func(ctx context.Context, ready func()) error {
		if len(c.Files) == 0 {
			d.Tel.Log.Warn("no log files to follow: set ods.logs.files")
			ready()
			<-ctx.Done()
			return ctx.Err()
		}
		s, err := newSource(d, c)
		if err != nil {
			return err
		}
		defer d.Health.Add("ods-logs", s.healthy)()
		return s.run(ctx, ready)
	}}
}

type source struct {
	cfg     Config
	format  *format
	pattern []string
	name    string
	machine string
	kafka   kafka.Config
	dead    string
	log     *slog.Logger
	trouble atomic.Pointer[error]

	lines    *prometheus.CounterVec
	files    prometheus.Gauge
	behind   prometheus.Gauge
	cut      prometheus.Counter
	restarts prometheus.Counter

	// Of one session.
	out      *positions.Writer
	tails    []*tail
	known    map[identity]saved // of files that are not open
	first    bool               // no position was ever committed
	pending  int
	dirty    bool
	unopened map[string]bool // files that cannot be opened, told once
	counts   map[string]int
	buf      []byte
	entry    entry
}

func newSource(d warehouse.Deps, c Config) (*source, error) {
	f, err := compile(c.Format)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "ods.logs.format")
	}
	s := &source{cfg: c, format: f, name: c.Name, kafka: d.Config.Kafka, dead: d.Config.DeadLetter, log: d.Tel.With("ods-logs").Log}
	// Each machine has its own files.
	if d.Config.Instance != "" && d.Config.Instance != "0" {
		s.name += "-" + d.Config.Instance
	}
	if s.machine, err = os.Hostname(); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "ask for the machine's name")
	}
	for _, p := range c.Files {
		s.pattern = append(s.pattern, d.Path(p))
	}
	counter := func(name, help string) prometheus.Counter {
		return obs.Register(d.Tel.Metrics, prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help}))
	}
	gauge := func(name, help string) prometheus.Gauge {
		return obs.Register(d.Tel.Metrics, prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help}))
	}
	s.lines = obs.Register(d.Tel.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{Name: "freshet_logs_lines_total", Help: "Committed lines by what became of them."}, []string{"result"}))
	s.files = gauge("freshet_logs_files", "Log files that are followed.")
	s.behind = gauge("freshet_logs_behind_bytes", "Bytes of log files that were not read yet.")
	s.cut = counter("freshet_logs_cut_total", "How often a file was cut off or replaced under its name.")
	s.restarts = counter("freshet_logs_restarts_total", "How often reading began again after an error.")
	starting := fault.New(fault.Unavailable, "starting")
	s.trouble.Store(&starting)
	return s, nil
}

func (s *source) healthy(context.Context) error {
	if e := s.trouble.Load(); e != nil {
		return *e
	}
	return nil
}

// run begins a session again after each error that may pass.
func (s *source) run(ctx context.Context, ready func()) error {
	policy := fault.Policy{Initial: 100 * time.Millisecond, Max: 5 * time.Second}
	ready = sync.OnceFunc(ready)
	for n := 1; ; n++ {
		began := time.Now()
		err := s.session(ctx, ready)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if k := fault.KindOf(err); !k.Retryable() && k != fault.Canceled {
			return err
		}
		if time.Since(began) > 30*time.Second {
			n = 1
		}
		s.trouble.Store(&err)
		s.restarts.Inc()
		wait := policy.Backoff(n, rand.Float64())
		s.log.Warn("reading log files begins again from the last committed positions", "err", err, "wait", wait.Round(time.Millisecond))
		if err := (fault.SystemClock{}).Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// session follows the files from the last committed positions until something fails.
func (s *source) session(ctx context.Context, ready func()) error {
	out, last, err := positions.Open(ctx, positions.Options{Kafka: s.kafka, Source: s.name})
	if err != nil {
		return err
	}
	defer out.Close()
	topics := []kafka.Topic{{Name: s.cfg.Topic, Partitions: int32(s.cfg.Partitions)}, {Name: s.dead, Partitions: 1}}
	if err := kafka.EnsureTopics(ctx, kadm.NewClient(out.Client()), topics); err != nil {
		return err
	}
	known, err := readRegistry(last)
	if err != nil {
		return err
	}
	s.known = map[identity]saved{}
	s.out, s.tails, s.pending, s.dirty, s.first, s.unopened, s.counts = out, nil, 0, false, last == nil, map[string]bool{}, map[string]int{}
	defer func() {
		for _, t := range s.tails {
			_ = t.file.Close() // it was only read
		}
	}()
	s.buf = make([]byte, chunk)
	s.resume(known)
	s.scan()
	s.first, s.dirty = false, true
	if err := s.commit(ctx); err != nil { // from here on new files are read from their start, whatever start says
		return err
	}
	s.trouble.Store(nil)
	ready()
	tick := time.NewTicker(s.cfg.Poll)
	defer tick.Stop()
	for {
		busy, err := s.pass(ctx)
		if err != nil {
			return err
		}
		if busy {
			continue
		}
		s.scan()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// pass reads what is new in all files, a chunk of each, and commits it. It tells whether there is more to read at once.
func (s *source) pass(ctx context.Context) (busy bool, err error) {
	take := func(p place, line []byte, long bool) error { return s.line(ctx, p, line, long) }
	limit := int(s.cfg.MaxLine)
	var behind int64
	var ended []*tail
	for _, t := range s.tails {
		more, err := t.read(s.buf, limit, take)
		if err != nil && !s.outage(t, err) {
			return false, err
		}
		busy = busy || more
		behind += max(0, t.size-t.Offset)
		if more || t.gone.IsZero() || time.Since(t.gone) < s.cfg.RotateWait {
			continue
		}
		if err := t.last(s.buf, limit, take); err != nil && !s.outage(t, err) {
			return false, err
		}
		ended = append(ended, t)
	}
	for _, t := range ended {
		s.log.Info("rotated log file is read to its end", "file", t.Path, "bytes", t.Offset)
		s.drop(t)
		t.Ended = time.Now().Unix()
		s.known[t.identity] = t.saved
		s.dirty = true
	}
	s.files.Set(float64(len(s.tails)))
	s.behind.Set(float64(behind))
	if s.pending > 0 || s.dirty {
		return busy, s.commit(ctx)
	}
	return busy, nil
}

// outage tells whether an error is of the file: the others go on.
func (s *source) outage(t *tail, err error) bool {
	var file *fs.PathError
	if !errors.As(err, &file) {
		return false
	}
	s.warn(t.Path, err)
	return true
}

func (s *source) warn(path string, err error) {
	if !s.unopened[path] {
		s.unopened[path] = true
		s.log.Warn("log file cannot be read; it is tried again", "file", path, "err", err)
	}
}

// resume opens files of the registry that were renamed since; scan opens the others.
func (s *source) resume(registry *registry) {
	now := find(s.pattern)
	for _, k := range registry.Files {
		s.known[k.identity] = k
		if now[k.identity] != "" || k.Ended != 0 {
			continue
		}
		if k.Path = moved(k); k.Path != "" {
			if t := s.open(k); t != nil {
				if same, err := t.fresh(); err == nil && same {
					t.gone, t.size = time.Now(), -1
					delete(s.known, k.identity)
					continue
				}
				s.drop(t) // the inode has another file now, which no pattern names
			}
		}
		k = s.known[k.identity]
		s.log.Warn("log file is gone; what was written to it while nobody watched is not read", "file", k.Path, "read", k.Offset)
		k.Ended = time.Now().Unix()
		s.known[k.identity] = k
	}
}

func (s *source) drop(t *tail) {
	_ = t.file.Close() // it was only read
	s.tails = slices.DeleteFunc(s.tails, func(x *tail) bool { return x == t })
}

func (s *source) open(k saved) *tail {
	f, err := os.Open(k.Path)
	if err != nil {
		s.warn(k.Path, err)
		return nil
	}
	delete(s.unopened, k.Path)
	t := &tail{saved: k, file: f, size: -1}
	t.reset = func(why string) {
		s.cut.Inc()
		s.dirty = true
		s.log.Warn("log file is read from its start: "+why, "file", t.Path, "read", t.Offset)
	}
	s.tails = append(s.tails, t)
	return t
}

// scan finds new files, and those that were renamed or deleted.
func (s *source) scan() {
	now := find(s.pattern)
	for _, t := range s.tails {
		path, there := now[t.identity]
		switch {
		case there:
			if path != t.Path {
				t.Path, s.dirty = path, true
			}
			t.gone = time.Time{}
			delete(now, t.identity)
		case t.gone.IsZero():
			t.gone = time.Now()
		}
	}
	var paths []string
	ids := map[string]identity{}
	for id, path := range now {
		paths = append(paths, path)
		ids[path] = id
	}
	slices.Sort(paths) // access.log.1 after access.log: order between files is not promised
	for _, path := range paths {
		k, known := s.known[ids[path]]
		k.identity, k.Path, k.Ended = ids[path], path, 0
		t := s.open(k)
		if t == nil {
			continue
		}
		// The name may have gone to another file since.
		info, err := t.file.Stat()
		if err != nil || identify(info) != k.identity {
			s.drop(t)
			continue
		}
		delete(s.known, k.identity)
		s.dirty = true
		if s.first && !known && s.cfg.Start == "end" {
			t.toEnd(info.Size())
		}
		s.log.Info("following log file", "file", path, "offset", t.Offset)
	}
}

// toEnd begins after the last whole line of what is there.
func (t *tail) toEnd(size int64) {
	back := min(size, chunk)
	b := make([]byte, back)
	n, _ := t.file.ReadAt(b, size-back) // what cannot be read now is read from the start
	b = b[:n]
	i := strings.LastIndexByte(string(b), '\n')
	if i < 0 {
		return
	}
	t.Offset = size - back + int64(i) + 1
	t.Mark = markOf(b[:i+1])
}

// room is what a Kafka record of the usual size takes.
const room = 1_000_000

// line makes a record, or a dead letter. A full batch is committed before the line, since the position is not behind it yet.
func (s *source) line(ctx context.Context, p place, line []byte, long bool) error {
	if s.pending >= s.cfg.Batch {
		if err := s.commit(ctx); err != nil {
			return err
		}
	}
	result := "ok"
	var rec *kgo.Record
	var reason error
	if long {
		reason = fmt.Errorf("the line is longer than %s", s.cfg.MaxLine)
	} else if reason = s.format.parse(line, &s.entry); reason == nil {
		if rec = record(s.cfg.Topic, s.machine, &s.entry, p, line); len(rec.Value) > room {
			reason = fmt.Errorf("the record has %d bytes", len(rec.Value))
		}
	}
	if reason != nil {
		result, rec = "rejected", deadLetter(s.dead, s.cfg.Topic, p, line, reason.Error())
	}
	s.counts[result]++
	s.pending++
	return s.out.Produce(ctx, rec)
}

// commit makes the lines visible together with the positions behind them.
func (s *source) commit(ctx context.Context) error {
	r := registry{Version: 1, Files: []saved{}}
	for _, t := range s.tails {
		t.settle()
		r.Files = append(r.Files, t.saved)
	}
	for id, k := range s.known {
		if k.Ended != 0 && time.Since(time.Unix(k.Ended, 0)) > remember {
			delete(s.known, id)
			continue
		}
		r.Files = append(r.Files, k)
	}
	b, _ := json.Marshal(r) // strings and numbers cannot fail
	if err := s.out.Commit(ctx, b); err != nil {
		return err
	}
	for result, n := range s.counts {
		s.lines.WithLabelValues(result).Add(float64(n))
	}
	clear(s.counts)
	s.pending, s.dirty = 0, false
	return nil
}
