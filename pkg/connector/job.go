package connector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// Job is the outside of one running job: at most one transactional session (Kafka), and scans, sinks and lookups of any
// other connectors. Without a session its progress is a file in the state directory.
type Job struct {
	set     *Set
	env     *Env
	session Session
	late    LateSession // set when late rows are to be kept
	scans   []*scan     // in plan order
	inLog   map[plan.Node]bool
	outside bool // a sink is outside the transaction
	scanned bool // a source is outside the log
	logDone bool
}

type scan struct {
	Scan
	src  *plan.Source
	done bool
}

var _ endpoint.Job = (*Job)(nil)

// Open opens the plan's tables. It connects: configuration errors were found by Describe before.
func (s *Set) Open(ctx context.Context, env *Env, p *plan.Plan) (*Job, error) {
	j := &Job{set: s, env: env, inLog: map[plan.Node]bool{}}
	var sources []*plan.Source
	var sinks []*plan.Sink
	var log Log
	for _, n := range p.Nodes {
		switch n := n.(type) {
		case *plan.Source:
			c, err := s.of(n.Table)
			if err != nil {
				return nil, err
			}
			if l, ok := c.(Log); ok {
				log, j.inLog[n] = l, true
				sources = append(sources, n)
				continue
			}
			sc, ok := c.(Scanner)
			if !ok {
				return nil, lacks(n.Table, "scanned")
			}
			opened, err := sc.NewScan(ctx, env, n)
			if err != nil {
				return nil, errors.Join(wrapTable(err, n.Table, "open"), j.Close())
			}
			j.scans = append(j.scans, &scan{Scan: opened, src: n})
			j.scanned = true
		case *plan.Sink:
			c, err := s.of(n.Table)
			if err != nil {
				return nil, err
			}
			if l, ok := c.(Log); ok {
				log, j.inLog[n] = l, true
				sinks = append(sinks, n)
				continue
			}
			j.outside = true
		}
	}
	if p.Settings[LateTopicSetting] != "" && log == nil {
		return nil, errors.Join(fault.WithRemedy(fault.Newf(fault.Config, "setting %s: the job has no Kafka table, in whose transaction late rows are written", LateTopicSetting),
			"leave the setting out, or read from or write to Kafka"), j.Close())
	}
	if log != nil {
		var err error
		if j.session, err = log.OpenSession(ctx, env, p, sources, sinks); err != nil {
			return nil, errors.Join(err, j.Close())
		}
		if s, ok := j.session.(LateSession); ok && p.Settings[LateTopicSetting] != "" {
			j.late = s
		}
		j.logDone = len(sources) == 0
	} else {
		j.logDone = true
	}
	return j, nil
}

// WantsLate implements endpoint.LateWriter.
func (j *Job) WantsLate() bool { return j.late != nil }

// WriteLate implements endpoint.LateWriter.
func (j *Job) WriteLate(ctx context.Context, r endpoint.LateRows) error {
	return j.late.WriteLate(ctx, r)
}

func (j *Job) progressName() string { return path.Join(j.env.Job, "progress.json") }

type savedProgress struct {
	Epoch    int64  `json:"epoch"`
	Snapshot string `json:"snapshot"`
}

// Recover implements endpoint.Job.
func (j *Job) Recover(ctx context.Context) (endpoint.Progress, error) {
	if j.session != nil {
		return j.session.Recover(ctx)
	}
	if j.env.State == nil {
		return endpoint.Progress{}, nil
	}
	data, err := j.env.State.Get(ctx, j.progressName())
	if errors.Is(err, fs.ErrNotExist) {
		return endpoint.Progress{}, nil
	}
	if err != nil {
		return endpoint.Progress{}, fmt.Errorf("read progress: %w", err)
	}
	var p savedProgress
	if err := json.Unmarshal(data, &p); err != nil {
		return endpoint.Progress{}, fault.Wrap(fault.Permanent, err, "progress file %s is damaged", j.progressName())
	}
	return endpoint.Progress{Epoch: p.Epoch, Snapshot: p.Snapshot}, nil
}

// Resume implements endpoint.Job.
func (j *Job) Resume(_ context.Context, positions map[endpoint.Split]int64) error {
	for _, s := range j.scans {
		mine := map[string]int64{}
		for split, pos := range positions {
			if split.Source == s.src.P.ID {
				mine[split.ID] = pos
			}
		}
		if err := s.Seek(mine); err != nil {
			return wrapTable(err, s.src.Table, "go on in")
		}
	}
	return nil
}

// KeepsPositions implements endpoint.Job.
func (j *Job) KeepsPositions() bool { return !j.scanned }

// Splits implements endpoint.Job.
func (j *Job) Splits(s *plan.Source) []string {
	if j.inLog[s] {
		return j.session.Splits(s)
	}
	for _, sc := range j.scans {
		if sc.src == s {
			return sc.Splits()
		}
	}
	return nil
}

// Poll implements endpoint.Job: scans first, then the log, which waits.
func (j *Job) Poll(ctx context.Context) ([]*endpoint.Chunk, error) {
	var out []*endpoint.Chunk
	open := false
	for _, s := range j.scans {
		if s.done {
			continue
		}
		pctx := ctx
		if open || !j.logDone {
			// Others wait too: do not let one quiet source hold up the rest.
			c, cancel := context.WithCancel(ctx)
			cancel()
			pctx = c
		}
		chunks, err := s.Poll(pctx)
		for _, c := range chunks {
			c.Split.Source = s.src.P.ID
		}
		out = append(out, chunks...)
		switch {
		case errors.Is(err, io.EOF):
			s.done = true
		case err != nil && pctx.Err() == nil:
			return nil, wrapTable(err, s.src.Table, "read")
		default:
			open = true
		}
	}
	if !j.logDone {
		pctx := ctx
		if len(out) > 0 {
			c, cancel := context.WithCancel(ctx)
			cancel()
			pctx = c
		}
		chunks, err := j.session.Poll(pctx)
		out = append(out, chunks...)
		switch {
		case errors.Is(err, io.EOF):
			j.logDone = true
		case err != nil && pctx.Err() == nil:
			return nil, err
		}
	}
	if !open && j.logDone {
		return out, io.EOF
	}
	return out, nil
}

// Reader implements endpoint.Job.
func (j *Job) Reader(s *plan.Source, worker int) (endpoint.Reader, error) {
	if j.inLog[s] {
		return j.session.Reader(s, worker)
	}
	for _, sc := range j.scans {
		if sc.src == s {
			return sc.NewReader(worker)
		}
	}
	return nil, fault.Newf(fault.Internal, "source %s was not opened", s.Table.Name)
}

// Sink implements endpoint.Job.
func (j *Job) Sink(s *plan.Sink, worker int) (endpoint.Sink, error) {
	if j.inLog[s] {
		return j.session.Sink(s, worker)
	}
	c, err := j.set.of(s.Table)
	if err != nil {
		return nil, err
	}
	sk, ok := c.(Sinker)
	if !ok {
		return nil, lacks(s.Table, "written")
	}
	out, err := sk.NewSink(context.Background(), j.env, s, worker)
	return out, wrapTable(err, s.Table, "open")
}

// Lookup implements endpoint.Job.
func (j *Job) Lookup(l *plan.LookupJoin, worker int) (endpoint.Lookup, error) {
	c, err := j.set.of(l.Table)
	if err != nil {
		return nil, err
	}
	lk, ok := c.(Lookuper)
	if !ok {
		return nil, lacks(l.Table, "looked up")
	}
	out, err := lk.NewLookup(context.Background(), j.env, l, worker)
	return out, wrapTable(err, l.Table, "open")
}

// NeedsIntent implements endpoint.Job.
func (j *Job) NeedsIntent() bool { return j.outside && j.env.State != nil }

// BeginEpoch implements endpoint.Job.
func (j *Job) BeginEpoch(endpoint.Epoch) error {
	if j.session != nil {
		return j.session.Begin()
	}
	return nil
}

// Commit implements endpoint.Job.
func (j *Job) Commit(ctx context.Context, p endpoint.Progress) error {
	if j.session != nil {
		return j.session.Commit(ctx, p)
	}
	if j.env.State == nil {
		return nil
	}
	data, err := json.Marshal(savedProgress{Epoch: p.Epoch, Snapshot: p.Snapshot})
	if err != nil {
		return err
	}
	return j.env.State.Put(ctx, j.progressName(), data)
}

// Close implements endpoint.Job.
func (j *Job) Close() error {
	var errs []error
	for _, s := range j.scans {
		errs = append(errs, s.Close())
	}
	if j.session != nil {
		errs = append(errs, j.session.Close())
	}
	errs = append(errs, j.env.closeShared()...)
	return errors.Join(errs...)
}
