// Package service runs the parts of a process: modules by name, each started
// after the modules that it depends on report ready, and stopped before them.
//
// Guarantees: the start order is a function of the declaration and of the
// order in which modules become ready, never of a map; one failure stops
// everything; every cause is returned, joined, with the module's name; a panic
// in a module's own goroutine is an error with its stack. A module that does
// not stop within the time-out is named in the error and left behind: Go
// cannot end it.
//
// Not given: restarts. A module that can live through an outage retries
// inside.
package service

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// Module is one part of a process.
type Module struct {
	Name string
	Help string   // one line for lists of targets
	Deps []string // started before, stopped after

	// Start runs the module until ctx is done and then returns nil or ctx's
	// error. It calls ready once it serves its dependants. Returning nil before
	// ctx is done means that the work is complete, and counts as ready.
	// A module without Start is a group: it is ready when its Deps are.
	Start func(ctx context.Context, ready func()) error
}

// State is where a module is in its life.
type State string

// The states in the order of a module's life. Failed ends it in place of Stopped.
const (
	Starting State = "starting"
	Ready    State = "ready"
	Stopping State = "stopping"
	Stopped  State = "stopped"
	Failed   State = "failed"
)

// Event tells of a module's new state. Elapsed is the time since its start.
type Event struct {
	Module  string
	State   State
	Err     error
	Elapsed time.Duration
}

// Runner holds the options of Run.
type Runner struct {
	Log      *slog.Logger // default: discard
	Modules  []Module
	Progress func(Event) // called from one goroutine, must not block; may be nil

	// StopTimeout bounds the whole stop: when it has passed, what still runs is
	// canceled at once whatever depends on it, and gets a fifth of the time
	// more. Default 20 s.
	StopTimeout time.Duration
}

// Run runs the targets with all that they depend on until ctx is done, a
// module fails, or all targets are complete; see [Runner.Run].
func Run(ctx context.Context, log *slog.Logger, modules []Module, targets ...string) error {
	return Runner{Log: log, Modules: modules}.Run(ctx, targets...)
}

type running struct {
	Module
	state      State
	began      time.Time
	cancel     context.CancelFunc
	dependants []string
}

type signal struct {
	name  string
	ended bool // otherwise: ready
	err   error
}

// Run returns nil after a graceful stop, whether ctx ended it or the targets
// were complete; otherwise all modules' errors, joined, the first cause first.
func (r Runner) Run(ctx context.Context, targets ...string) error {
	order, err := Plan(r.Modules, targets...)
	if err != nil {
		return err
	}
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	if r.StopTimeout <= 0 {
		r.StopTimeout = 20 * time.Second
	}
	run := &run{Runner: r, byName: map[string]*running{}, signals: make(chan signal)}
	// Modules live in contexts that ctx does not cancel: the order of stopping
	// is ours to give. Values pass through.
	run.base, run.cancelBase = context.WithCancel(context.WithoutCancel(ctx))
	defer run.cancelBase()
	for _, m := range order {
		run.byName[m.Name] = &running{Module: m}
		run.order = append(run.order, run.byName[m.Name])
		for _, d := range m.Deps {
			run.byName[d].dependants = append(run.byName[d].dependants, m.Name)
		}
	}
	for _, list := range targets {
		for _, t := range strings.Split(list, ",") {
			t = strings.TrimSpace(t)
			if _, declared := run.byName[t]; declared {
				run.targets = append(run.targets, t)
			} else if t == All {
				for _, m := range order {
					run.targets = append(run.targets, m.Name)
				}
			}
		}
	}
	return run.loop(ctx)
}

// run is owned by the goroutine that loops; modules only send signals.
type run struct {
	Runner
	base       context.Context
	cancelBase context.CancelFunc
	order      []*running
	byName     map[string]*running
	targets    []string
	signals    chan signal
	errs       []error
}

func (r *run) loop(ctx context.Context) error {
	abandoned := make(chan struct{})
	defer close(abandoned)
	stopping := ctx.Err() != nil
	var deadline, forced <-chan time.Time
	for {
		if stopping {
			if deadline == nil {
				timer, last := time.NewTimer(r.StopTimeout), time.NewTimer(r.StopTimeout+r.StopTimeout/5)
				defer timer.Stop()
				defer last.Stop()
				deadline, forced = timer.C, last.C
			}
			r.stopFree()
		} else {
			r.startFree(abandoned)
			r.readyGroups(abandoned)
			stopping = r.complete()
			if stopping {
				continue
			}
		}
		if stopping && !slices.ContainsFunc(r.order, (*running).alive) {
			return fault.Join(r.errs...)
		}
		done := ctx.Done()
		if stopping {
			done = nil
		}
		select {
		case s := <-r.signals:
			if r.handle(s, stopping) {
				stopping = true
			}
		case <-done:
			stopping = true
		case <-deadline:
			deadline = make(chan time.Time) // once
			r.cancelBase()
		case <-forced:
			for _, m := range r.order {
				if m.alive() {
					r.errs = append(r.errs, fault.Newf(fault.Internal, "module %s did not stop within %v", m.Name, r.StopTimeout))
				}
			}
			return fault.Join(r.errs...)
		}
	}
}

func (m *running) alive() bool { return m.state == Starting || m.state == Ready || m.state == Stopping }

// up reports whether dependants may start: a complete module served its purpose.
func (m *running) up() bool { return m.state == Ready || m.state == Stopped }

// startFree starts each module whose dependencies are up, in plan order.
func (r *run) startFree(abandoned <-chan struct{}) {
	for _, m := range r.order {
		if m.state != "" || m.Start == nil || !r.depsUp(m) {
			continue
		}
		ctx, cancel := context.WithCancel(r.base)
		m.cancel, m.began = cancel, time.Now()
		r.set(m, Starting, nil)
		send := func(s signal) {
			select {
			case r.signals <- s:
			case <-abandoned:
			}
		}
		go func() {
			defer cancel()
			err := guarded(ctx, m.Module, func() { send(signal{name: m.Name}) })
			send(signal{name: m.Name, ended: true, err: err})
		}()
	}
}

// readyGroups makes groups ready in plan order, so that nested groups settle in
// one pass, and then starts what waited for them.
func (r *run) readyGroups(abandoned <-chan struct{}) {
	changed := false
	for _, m := range r.order {
		if m.state == "" && m.Start == nil && r.depsUp(m) {
			m.began = time.Now()
			r.set(m, Ready, nil)
			changed = true
		}
	}
	if changed {
		r.startFree(abandoned)
		r.readyGroups(abandoned)
	}
}

func (r *run) depsUp(m *running) bool {
	return !slices.ContainsFunc(m.Deps, func(d string) bool { return !r.byName[d].up() })
}

// complete reports whether every target has ended by itself. A group is
// complete when its dependencies are.
func (r *run) complete() bool {
	var done func(string) bool
	done = func(name string) bool {
		m := r.byName[name]
		if m.Start != nil || len(m.Deps) == 0 {
			return m.state == Stopped
		}
		return !slices.ContainsFunc(m.Deps, func(d string) bool { return !done(d) })
	}
	return !slices.ContainsFunc(r.targets, func(t string) bool { return !done(t) })
}

// stopFree cancels each running module whose dependants have all ended.
func (r *run) stopFree() {
	for _, m := range slices.Backward(r.order) {
		if m.state != Starting && m.state != Ready {
			continue
		}
		if slices.ContainsFunc(m.dependants, func(d string) bool { return r.byName[d].alive() }) {
			continue
		}
		if m.Start == nil {
			r.set(m, Stopped, nil)
			continue
		}
		r.set(m, Stopping, nil)
		m.cancel()
	}
}

// handle takes a module's signal and reports whether everything must stop.
func (r *run) handle(s signal, stopping bool) (stop bool) {
	m := r.byName[s.name]
	if !s.ended {
		if m.state == Starting {
			r.set(m, Ready, nil)
		}
		return false
	}
	// The context's own error is no cause once we canceled it.
	if s.err != nil && (m.state == Stopping || stopping) && errors.Is(s.err, context.Canceled) && fault.KindOf(s.err) == fault.Canceled {
		s.err = nil
	}
	if s.err != nil {
		err := fault.Wrap(fault.None, s.err, "module %s", s.name)
		r.errs = append(r.errs, err)
		r.set(m, Failed, s.err)
		return true
	}
	if m.state == Starting {
		r.set(m, Ready, nil)
	}
	r.set(m, Stopped, nil)
	return false
}

func (r *run) set(m *running, s State, err error) {
	m.state = s
	e := Event{Module: m.Name, State: s, Err: err, Elapsed: time.Since(m.began)}
	switch {
	case err != nil:
		r.Log.Error("module failed", "module", m.Name, "err", err)
	case m.Start == nil:
		r.Log.Debug("group "+string(s), "module", m.Name)
	default:
		r.Log.Info("module "+string(s), "module", m.Name, "elapsed", e.Elapsed.Round(time.Millisecond))
	}
	if r.Progress != nil {
		r.Progress(e)
	}
}

// guarded turns a panic into an error with the stack. Goexit (as by t.FailNow)
// is reported as an error too, lest the run wait forever.
func guarded(ctx context.Context, m Module, ready func()) (err error) {
	returned := false
	defer func() {
		if p := recover(); p != nil {
			err = fault.Newf(fault.Internal, "panic: %v\n%s", p, debug.Stack())
		} else if !returned {
			err = fault.New(fault.Internal, "its goroutine was ended from inside")
		}
	}()
	err = m.Start(ctx, ready)
	returned = true
	return err
}
