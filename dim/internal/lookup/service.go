package lookup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	dimpb "github.com/freshet-dw/freshet/dim/proto"
	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/job"
	"github.com/freshet-dw/freshet/pkg/layer"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

// Module is the target dim-lookup. It serves the tables that the SQL files of the folder write, as far as they have a primary key and a store that
// answers point queries.
func Module(d warehouse.Deps, c Config, folder string) service.Module {
	return service.Module{Name: "dim-lookup", Help: "dimension layer: the lookup service", Start: func(ctx context.Context, ready func()) error {
		s, err := Open(ctx, d, c, folder)
		if err != nil {
			return err
		}
		defer d.Health.Add("dim-lookup", s.check)()
		return errors.Join(s.Serve(ctx, ready), s.Close())
	}}
}

// Service answers lookups. Open makes one.
type Service struct {
	cfg       Config
	tel       *obs.Telemetry
	tables    map[string]*table
	stores    map[string]*store
	metrics   *metrics
	changes   []*change
	ends      *connector.Job
	life      context.Context
	end       context.CancelFunc
	following sync.WaitGroup
	now       func() time.Time

	// Addresses, once Serve called ready.
	HTTP, GRPC net.Addr
}

// Open compiles the folder's SQL files and starts to follow their change topics. It waits for no store.
func Open(ctx context.Context, d warehouse.Deps, c Config, folder string) (*Service, error) {
	zone, err := time.LoadLocation(d.Config.Zone)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "time zone")
	}
	files, err := d.Files(folder)
	if err != nil {
		return nil, err
	}
	set := layer.Connectors(d)
	functions, err := layer.Functions(d)
	if err != nil {
		return nil, err
	}
	rt := &job.Runtime{Connectors: set, Functions: functions, Tel: d.Tel, Settings: d.Settings()}
	var jobs []*job.Job
	var errs []error
	for _, f := range files {
		j, err := rt.Compile(f.Path, f.Job)
		jobs, errs = append(jobs, j), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s := newService(ctx, d.Tel, c, time.Now)
	env := &connector.Env{Job: "dim-lookup", Instance: d.Config.Instance, Dir: d.Dir, Zone: zone, Tel: d.Tel}
	if s.ends, err = set.Open(ctx, env, &plan.Plan{}); err != nil {
		s.end()
		return nil, err
	}
	for i, j := range jobs {
		for _, sink := range j.Plan.Sinks {
			cs, err := s.add(sink, j.Name, d.Path(folder), zone)
			if err != nil {
				return nil, errors.Join(fmt.Errorf("%s: %w", files[i].Path, err), s.Close())
			}
			s.changes = append(s.changes, cs...)
		}
	}
	fs, err := followers(d.Config.Kafka, s.changes, d.Tel, s.now())
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for _, f := range fs {
		s.following.Go(func() { f.run(s.life) })
	}
	s.following.Go(s.sample)
	return s, nil
}

func newService(ctx context.Context, tel *obs.Telemetry, c Config, now func() time.Time) *Service {
	s := &Service{cfg: c, tel: tel, tables: map[string]*table{}, stores: map[string]*store{}, metrics: newMetrics(tel.Metrics), now: now}
	// What is under way when the servers stop is answered before life ends.
	s.life, s.end = context.WithCancel(context.WithoutCancel(ctx))
	return s
}

// add serves a sink's table, and gives the changes that concern it.
func (s *Service) add(sink *plan.Sink, job, dir string, zone *time.Location) ([]*change, error) {
	def := sink.Table
	if !sink.Caps.Lookup || len(def.PrimaryKey) == 0 {
		s.tel.Log.Info("table is not served: its store answers no point queries, or it has no primary key", "table", def.Name, "connector", def.Options["connector"])
		return nil, nil
	}
	t := s.tables[def.Name]
	if t == nil {
		plain := *def
		plain.Options = maps.Clone(def.Options)
		maps.DeleteFunc(plain.Options, func(k, _ string) bool { return strings.HasPrefix(k, "lookup.") }) // one cache is enough, and only ours hears of changes
		var columns []int
		for i, c := range def.Columns {
			if c.Kind == catalog.Physical {
				columns = append(columns, i)
			}
		}
		on := &plan.LookupJoin{Table: &plain, TableKeys: def.PrimaryKey, Columns: columns}
		var err error
		if t, err = s.table(&plain, columns, zone, func() (endpoint.Lookup, error) { return s.ends.Lookup(on, 0) }); err != nil {
			return nil, err
		}
	}
	var out []*change
	for _, o := range origins(sink) {
		c, ok, err := newChange(t, o, job, dir, zone)
		if err != nil {
			return nil, fmt.Errorf("read changes of table %s: %w", def.Name, err)
		}
		if ok {
			out = append(out, c)
			t.info.Topics = append(t.info.Topics, c.topics...)
		}
	}
	return out, nil
}

// table makes the table of a definition, whose lookups give the columns.
func (s *Service) table(def *catalog.Table, columns []int, zone *time.Location, open func() (endpoint.Lookup, error)) (*table, error) {
	t := &table{
		info: &dimpb.Table{Name: def.Name, Store: def.Options["connector"]}, cache: newCache(s.cfg.Cache, s.now), open: open,
		life: s.life, now: s.now, flights: map[string]*flight{},
	}
	for _, c := range columns {
		t.info.Columns = append(t.info.Columns, &dimpb.Column{Name: def.Columns[c].Name, Type: def.Columns[c].Type.String()})
		t.names = append(t.names, def.Columns[c].Name)
	}
	k := &keys{}
	for _, c := range def.PrimaryKey {
		k.names, k.types = append(k.names, def.Columns[c].Name), append(k.types, def.Columns[c].Type)
	}
	t.info.Key = k.names
	var err error
	if t.keys, err = newKeys(k.names, k.types, zone); err != nil {
		return nil, fmt.Errorf("table %s: %w", def.Name, err)
	}
	place := storeOf(def)
	if s.stores[place] == nil {
		s.stores[place] = newStore(place, s.cfg.Store, s.metrics, s.now)
	}
	t.store = s.stores[place]
	t.meter(s.metrics)
	s.tables[def.Name] = t
	return t, nil
}

// storeOf names the server that has the table: the connector, and the address if the table has one of its own.
func storeOf(def *catalog.Table) string {
	name := def.Options["connector"]
	for _, k := range []string{"url", "address", "zookeeper.quorum"} {
		if v := def.Options[k]; v != "" {
			return name + " " + v
		}
	}
	return name
}

// errNoTable is in the chain when a request names a table that is not served.
var errNoTable = errors.New("no such table")

func (s *Service) find(name string) (*table, error) {
	t := s.tables[name]
	if t == nil {
		err := fault.Newf(fault.Data, "%w: %q", errNoTable, name)
		return nil, fault.WithRemedy(err, fault.DidYouMean(name, slices.Collect(maps.Keys(s.tables))))
	}
	return t, nil
}

// lookup is a request of either interface: keys as their parts, columns by name.
func (s *Service) lookup(ctx context.Context, name string, parts [][]string, columns []string) (*table, []int, []answer, error) {
	t, err := s.find(name)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(parts) > s.cfg.MaxBatch {
		return nil, nil, nil, fault.Newf(fault.Data, "%d keys in one request; at most %d are answered", len(parts), s.cfg.MaxBatch)
	}
	cols, err := t.columns(columns)
	if err != nil {
		return nil, nil, nil, err
	}
	keys := make([]string, len(parts))
	for i, p := range parts {
		if keys[i], err = t.keys.canonical(p); err != nil {
			return nil, nil, nil, fault.Wrap(fault.None, err, "key %d", i)
		}
	}
	answers, err := t.get(ctx, keys)
	return t, cols, answers, err
}

// check is the readiness: one store that does not answer is no reason to take the others from the callers.
func (s *Service) check(context.Context) error {
	var down []string
	for name, st := range s.stores {
		if st.breaker.state() == open {
			down = append(down, name)
		}
	}
	if len(down) > 0 && len(down) == len(s.stores) {
		slices.Sort(down)
		return fault.Newf(fault.Unavailable, "no store answers: %s", strings.Join(down, ", "))
	}
	return nil
}

func (s *Service) sample() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		s.metrics.sample()
		select {
		case <-s.life.Done():
			return
		case <-tick.C:
		}
	}
}

// Serve answers until ctx is done. It calls ready when all addresses listen.
func (s *Service) Serve(ctx context.Context, ready func()) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	var errs [2]error
	up := make(chan struct{}, 2)
	want := 0
	serve := func(i int, addr, kind string, at *net.Addr, run func(listening func(net.Addr)) error) {
		if addr == "" {
			return
		}
		want++
		wg.Go(func() {
			errs[i] = run(func(a net.Addr) {
				*at = a
				s.tel.Log.Info("answer lookups", "interface", kind, "addr", a.String(), "tables", len(s.tables))
				up <- struct{}{}
			})
			cancel(errs[i])
		})
	}
	serve(0, s.cfg.HTTP, "http", &s.HTTP, func(l func(net.Addr)) error { return obs.Serve(ctx, s.cfg.HTTP, s.Handler(), l) })
	serve(1, s.cfg.GRPC, "grpc", &s.GRPC, func(l func(net.Addr)) error { return s.serveGRPC(ctx, l) })
	for range want {
		select {
		case <-up:
		case <-ctx.Done():
			want = -1
		}
	}
	if want > 0 && ctx.Err() == nil {
		ready()
	}
	wg.Wait()
	return errors.Join(errs[:]...)
}

// Close ends what Open started.
func (s *Service) Close() error {
	s.end()
	s.following.Wait()
	var errs []error
	for _, t := range s.tables {
		errs = append(errs, t.close())
	}
	if s.ends != nil {
		errs = append(errs, s.ends.Close())
	}
	return errors.Join(errs...)
}
