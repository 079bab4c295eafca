// Package connector joins the engine to the outside: what each connector can do, and the running job made of them.
//
// A connector is a value in an explicit set (package connectors has the full one); its capabilities are the interfaces below that it
// implements besides [Connector]. What it lacks is a plan-time error.
package connector

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/freshet-dw/freshet/pkg/blob"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// Connector answers for the tables of one or more connector names.
type Connector interface {
	// Names are the values of the 'connector' option that it serves.
	Names() []string
	// Describe checks the table's options, all of them, without I/O, and says what the connector can do with the table.
	Describe(t *catalog.Table) (catalog.Caps, error)
}

// Sinker writes tables.
type Sinker interface {
	NewSink(ctx context.Context, env *Env, s *plan.Sink, worker int) (endpoint.Sink, error)
}

// Lookuper answers point queries.
type Lookuper interface {
	NewLookup(ctx context.Context, env *Env, j *plan.LookupJoin, worker int) (endpoint.Lookup, error)
}

// Scanner reads tables from outside Kafka.
type Scanner interface {
	NewScan(ctx context.Context, env *Env, s *plan.Source) (Scan, error)
}

// Scan is one opened source.
type Scan interface {
	// Splits lists the splits' IDs. Seek sets where splits go on; those not named start at their beginning.
	Splits() []string
	Seek(positions map[string]int64) error
	// Poll gives chunks without waiting longer than ctx; io.EOF when a bounded source is at its end. Chunk.Split.Source is set by the caller.
	Poll(ctx context.Context) ([]*endpoint.Chunk, error)
	NewReader(worker int) (endpoint.Reader, error)
	Close() error
}

// Log is the connector whose transactions carry a job's progress (Kafka).
type Log interface {
	OpenSession(ctx context.Context, env *Env, p *plan.Plan, sources []*plan.Source, sinks []*plan.Sink) (Session, error)
}

// Session is a job's open transactional client.
type Session interface {
	Recover(ctx context.Context) (endpoint.Progress, error)
	Splits(s *plan.Source) []string
	Poll(ctx context.Context) ([]*endpoint.Chunk, error)
	Reader(s *plan.Source, worker int) (endpoint.Reader, error)
	Sink(s *plan.Sink, worker int) (endpoint.Sink, error)
	Begin() error
	Commit(ctx context.Context, p endpoint.Progress) error
	Close() error
}

// LateSession is a Session that keeps late rows in its transaction.
type LateSession interface {
	Session
	WriteLate(ctx context.Context, r endpoint.LateRows) error
}

// LateTopicSetting names the topic to which late rows are written.
const LateTopicSetting = "freshet.late-rows.topic"

// Env is what a job's connectors share.
type Env struct {
	// Job names the job: consumer group, state directory, insert tokens.
	Job string
	// Instance tells apart the processes that run the job; it must be the same after a restart of the same replica.
	Instance string
	// Ephemeral jobs are not run again: what keeps their progress may go when they end.
	Ephemeral bool
	// Dir is what relative paths in options are relative to: the SQL file's directory.
	Dir   string
	Zone  *time.Location
	Tel   *obs.Telemetry
	State blob.Store
	// Counters of bad and dead-lettered records; nil in tests that do not look.
	Metrics *Metrics

	mu     sync.Mutex
	shared map[string]*sharedEntry
}

type sharedEntry struct {
	value any
	close func() error
	err   error
	once  sync.Once
}

// Shared gives the job's one value for key, made by open at first use: a client that all workers use.
func Shared[T any](env *Env, key string, open func() (T, func() error, error)) (T, error) {
	env.mu.Lock()
	if env.shared == nil {
		env.shared = map[string]*sharedEntry{}
	}
	e, ok := env.shared[key]
	if !ok {
		e = &sharedEntry{}
		env.shared[key] = e
	}
	env.mu.Unlock()
	e.once.Do(func() {
		var v T
		v, e.close, e.err = open()
		e.value = v
	})
	if e.err != nil {
		var zero T
		return zero, e.err
	}
	return e.value.(T), nil
}

// closeShared closes what Shared opened.
func (env *Env) closeShared() []error {
	env.mu.Lock()
	defer env.mu.Unlock()
	var errs []error
	for _, e := range env.shared {
		if e.err == nil && e.close != nil {
			errs = append(errs, e.close())
		}
	}
	env.shared = nil
	return errs
}

// Set is the connectors that SQL files may name.
type Set struct {
	byName map[string]Connector
}

var _ catalog.Describer = (*Set)(nil)

// NewSet makes a set of the connectors.
func NewSet(cs ...Connector) *Set {
	s := &Set{byName: map[string]Connector{}}
	for _, c := range cs {
		for _, n := range c.Names() {
			s.byName[n] = c
		}
	}
	return s
}

// With is the set with more connectors.
func (s *Set) With(cs ...Connector) *Set {
	out := NewSet(cs...)
	for n, c := range s.byName {
		if _, ok := out.byName[n]; !ok {
			out.byName[n] = c
		}
	}
	return out
}

// Names lists the connector names.
func (s *Set) Names() []string {
	out := make([]string, 0, len(s.byName))
	for n := range s.byName {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// Describe implements catalog.Describer.
func (s *Set) Describe(t *catalog.Table) (catalog.Caps, error) {
	c, err := s.of(t)
	if err != nil {
		return catalog.Caps{}, err
	}
	return c.Describe(t)
}

// Of is the table's connector.
func (s *Set) Of(t *catalog.Table) (Connector, error) { return s.of(t) }

func (s *Set) of(t *catalog.Table) (Connector, error) {
	name, ok := t.Options["connector"]
	if !ok {
		return nil, fault.WithRemedy(fault.Newf(fault.Config, "table %s has no 'connector' option", t.Name),
			"add it to its WITH clause; there are "+strings.Join(s.Names(), ", "))
	}
	c, ok := s.byName[name]
	if !ok {
		err := fault.Newf(fault.Config, "table %s: there is no connector %q", t.Name, name)
		return nil, fault.WithRemedy(err, "choose one of "+strings.Join(s.Names(), ", "))
	}
	return c, nil
}

func lacks(t *catalog.Table, what string) error {
	return fault.Newf(fault.Config, "table %s: connector %q cannot be %s", t.Name, t.Options["connector"], what)
}

// Metrics count what goes wrong with records, by table.
type Metrics struct {
	Bad func(table, reason string, n int)
}

// CountBad counts bad records if anybody listens.
func (m *Metrics) CountBad(table, reason string, n int) {
	if m != nil && m.Bad != nil {
		m.Bad(table, reason, n)
	}
}

func wrapTable(err error, t *catalog.Table, deed string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s table %s: %w", deed, t.Name, err)
}
