package layer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/connectors"
	"github.com/freshet-dw/freshet/pkg/engine/exec"
	"github.com/freshet-dw/freshet/pkg/engine/udf"
	"github.com/freshet-dw/freshet/pkg/engine/wasm"
	"github.com/freshet-dw/freshet/pkg/job"
	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

// Connectors makes the set of connectors with the warehouse's addresses.
func Connectors(d warehouse.Deps) *connector.Set {
	c := d.Config
	return connectors.New(connectors.Config{
		Kafka: c.Kafka, MySQL: c.MySQL, Redis: c.Redis, HBase: c.HBase, ClickHouse: c.ClickHouse, DeadLetter: c.DeadLetter, Lake: d.Path(c.Data),
	})
}

// Functions are the user functions: those that the program was built with, and what WebAssembly modules hold.
func Functions(d warehouse.Deps) (catalog.Functions, error) {
	return udf.NewSet([]udf.Loader{wasm.NewLoader(wasm.Limits{})}, d.Functions...)
}

// Runtime makes the runtime that the warehouse's SQL files run in.
func Runtime(d warehouse.Deps) (*job.Runtime, error) {
	state, err := d.State()
	if err != nil {
		return nil, err
	}
	functions, err := Functions(d)
	if err != nil {
		return nil, err
	}
	return &job.Runtime{Connectors: Connectors(d), Functions: functions, State: state, Tel: d.Tel, Instance: d.Config.Instance, Settings: d.Settings()}, nil
}

// JobModule is a target that runs all SQL files of some folders, each as a supervised job. All files are compiled before any of them starts, so that a
// mistake in one is reported with the others' at once and nothing half runs. A job that fails for good does not stop the others: it is
// logged, counted, and makes the process unready.
func JobModule(d warehouse.Deps, name, help string, folders ...string) service.Module {
	return service.Module{Name: name, Help: help, Start: func(ctx context.Context, ready func()) error {
		files, err := d.Files(folders...)
		if err != nil {
			return err
		}
		rt, err := Runtime(d)
		if err != nil {
			return err
		}
		var jobs []*job.Job
		var errs []error
		for _, f := range files {
			j, err := rt.Compile(f.Path, f.Job)
			errs = append(errs, err)
			jobs = append(jobs, j)
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
		var wg sync.WaitGroup
		for _, j := range jobs {
			st := &jobState{since: time.Now()}
			remove := d.Health.Add("job "+j.Name, st.check)
			wg.Go(func() {
				defer remove()
				err := j.Supervise(ctx, st.committed)
				if err != nil && ctx.Err() == nil {
					d.Tel.Log.Error("job stopped for good", "job", j.Name, "err", err)
					st.fail(err)
					<-ctx.Done() // keep the health check failing
				}
			})
		}
		ready()
		wg.Wait()
		return ctx.Err()
	}}
}

type jobState struct {
	mu    sync.Mutex
	since time.Time
	err   error
}

func (s *jobState) committed(exec.Stats) {
	s.mu.Lock()
	s.since = time.Now()
	s.mu.Unlock()
}

func (s *jobState) fail(err error) {
	s.mu.Lock()
	s.err = err
	s.mu.Unlock()
}

func (s *jobState) check(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if age := time.Since(s.since); age > time.Minute {
		return fmt.Errorf("no epoch has ended for %s", age.Round(time.Second))
	}
	return nil
}
