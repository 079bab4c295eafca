package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/layer"
	"github.com/freshet-dw/freshet/pkg/mysql"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/pkg/warehouse"
	"github.com/freshet-dw/freshet/platform/embed"
	"github.com/freshet-dw/freshet/platform/internal/shop"
)

// runDemo starts stores, targets and the shop in this order and stops them in the opposite one, so that what the shop did last is still committed.
func runDemo(ctx context.Context, env Env, o *demoOptions) (err error) {
	s := o.settings
	if err := s.load(env, o.flags, o.dir); err != nil {
		return err
	}
	if err := s.place(ctx, o.freePorts); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(nginxLog(o.stack.Dir)), 0o755); err != nil {
		return fault.Wrap(fault.Config, err, "make the data directory")
	}
	logPath := filepath.Join(o.stack.Dir, "freshet.log")
	logFile, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fault.Wrap(fault.Config, err, "open the log")
	}
	defer func() { err = fault.Join(err, logFile.Close()) }()
	show := newDisplay(env.Stderr)
	if s.Telemetry.Format == "auto" {
		s.Telemetry.Format = "text" // a person reads this file
	}
	tel, err := obs.New(ctx, s.Telemetry, "freshet", Version(), logFile)
	if err != nil {
		return err
	}
	tel.Log = show.tee(tel.Log)
	defer func() { _ = tel.Close(context.WithoutCancel(ctx)) }()

	show.say("freshet demo · data in %s · log in %s", short(o.stack.Dir), short(logPath))
	o.stack.Log, o.stack.Progress = tel.Log, show.store
	stack, err := embed.Start(ctx, o.stack)
	if err != nil {
		if ctx.Err() != nil { // what was cut short fails in many ways
			show.say("stopped while starting")
			return fault.Wrap(fault.Canceled, ctx.Err(), "start the stores")
		}
		return err
	}
	defer func() {
		show.say("stop the stores")
		err = fault.Join(err, stack.Close())
		if err == nil {
			show.say("stopped; nothing is left running")
		}
	}()
	s.on(stack, o.stack.Dir)
	if err := createDatabases(ctx, s.MySQL); err != nil {
		return err
	}
	d := demo{demoOptions: o, show: show, stack: stack, tel: tel, where: s.addresses(stack, o.dir, logPath)}
	if err := d.prepareShop(ctx); err != nil {
		return err
	}
	return d.run(ctx)
}

// createDatabases makes the databases that the layers share with the shop's server; the binlog service looks for its own when it starts.
func createDatabases(ctx context.Context, c mysql.Config) error {
	c.Database = ""
	db, err := mysql.Open(c)
	if err != nil {
		return err
	}
	for _, name := range []string{"shop", "dim", "dm"} {
		if _, xerr := db.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS "+mysql.Quote(name)); err == nil {
			err = mysql.Classify(xerr, "create database %s", name)
		}
	}
	return fault.Join(err, db.Close())
}

// demo is a demo whose stores run.
type demo struct {
	*demoOptions
	show  *display
	stack *embed.Stack
	tel   *obs.Telemetry
	where addresses
	sim   *shop.Simulator // nil without simulation
}

// prepareShop creates the shop's tables and first rows, before the binlog service makes its first copy.
func (d *demo) prepareShop(ctx context.Context) error {
	if !d.simulate {
		return nil
	}
	c := d.shop
	c.MySQL, c.Collector, c.NginxLog, c.Log = d.settings.MySQL, d.where.Collector, d.where.NginxLog, d.tel.Log
	sim, err := shop.New(c)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := sim.Prepare(ctx); err != nil {
		return fault.Join(err, sim.Close())
	}
	d.show.ready("shop database", time.Since(began))
	d.sim = sim
	return nil
}

func (d *demo) run(ctx context.Context) error {
	deps := warehouse.Deps{Config: d.settings.Config, Dir: d.dir, Tel: d.tel, Health: &obs.Health{}}
	life, stopTargets := context.WithCancel(context.WithoutCancel(ctx))
	defer stopTargets()
	ready := make(chan struct{})
	served := make(chan error, 1)
	go func() {
		served <- layer.Serve(life, deps, d.settings.modules(deps), service.All, func(e service.Event) {
			if d.show.target(e) {
				close(ready)
			}
		})
	}()
	stopAll := func(why error) error {
		d.show.say("stop the targets; they commit what they have read")
		stopTargets()
		return fault.Join(why, <-served)
	}
	closeShop := func() error {
		if d.sim == nil {
			return nil
		}
		return d.sim.Close()
	}
	select {
	case <-ready:
	case err := <-served:
		return fault.WithRemedy(fault.Join(err, closeShop()), "the log tells more: "+d.where.Log)
	case <-d.stack.Done():
		return stopAll(fault.Join(d.stack.Err(), closeShop()))
	case <-ctx.Done():
		return stopAll(closeShop())
	}
	if err := writeAddresses(d.addresses, d.where); err != nil {
		return stopAll(fault.Join(err, closeShop()))
	}
	d.show.say("big screen  %s    metrics %s/metrics    Ctrl-C stops", d.where.Page, d.where.Admin)
	if d.open {
		openBrowser(d.where.Page)
	}

	work, stopShop := context.WithCancel(ctx)
	defer stopShop()
	sold := make(chan error, 1)
	if d.sim != nil {
		go func() { sold <- d.sim.Run(work) }()
	}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		d.watch(work)
	}()
	var cause error
	targetsDown, shopDone := false, d.sim == nil
	for cause == nil && !targetsDown && ctx.Err() == nil {
		select {
		case cause = <-served:
			targetsDown = true
		case <-d.stack.Done():
			cause = fault.Join(fault.New(fault.Unavailable, "a store has ended"), d.stack.Err())
		case err := <-sold:
			shopDone = true
			if ctx.Err() == nil && err != nil {
				cause = err
			} else if err == nil {
				d.show.say("the shop has done all its business; the warehouse goes on until Ctrl-C")
				cause = d.writeAccount()
			}
		case <-ctx.Done():
		}
	}
	if !shopDone {
		d.show.say("stop the shop")
	}
	stopShop()
	<-watched
	if !shopDone {
		if err := <-sold; err != nil && fault.KindOf(err) != fault.Canceled {
			cause = fault.Join(cause, err)
		}
		cause = fault.Join(cause, d.writeAccount())
	}
	cause = fault.Join(cause, closeShop())
	if targetsDown {
		return cause
	}
	return stopAll(cause)
}

func (d *demo) writeAccount() error {
	if d.account == "" || d.sim == nil {
		return nil
	}
	return writeJSON(d.account, d.sim.Account().Expect())
}

// openBrowser shows the page when there is a desktop to show it on. It is a convenience: nothing depends on it.
func openBrowser(url string) {
	program := ""
	switch {
	case runtime.GOOS == "darwin":
		program = "open"
	case os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "":
		program = "xdg-open"
	}
	if path, err := exec.LookPath(program); program != "" && err == nil {
		if cmd := exec.Command(path, url); cmd.Start() == nil {
			_ = cmd.Process.Release() // the browser is not ours to wait for
		}
	}
}

// short writes a path below the working directory relative to it.
func short(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || len(rel) >= len(path) || len(rel) > 1 && rel[:2] == ".." {
		return path
	}
	return fmt.Sprintf(".%c%s", filepath.Separator, rel)
}
