// Package layer is what all layers' processes share: SQL jobs as targets, and the main function of a layer's own binary.
package layer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

// Exit codes of all binaries.
const (
	ExitOK          = 0
	ExitFailure     = 1
	ExitUsage       = 2 // wrong flags, configuration or SQL
	ExitInterrupted = 130
)

// Layer is what the main function of a layer's binary hands to Main.
type Layer struct {
	Name string
	// Config is a pointer to a struct that embeds warehouse.Config and has the layer's sections; Shared gives the embedded part.
	Config any
	Shared func() *warehouse.Config
	// Modules builds the targets once the configuration is read.
	Modules func(d warehouse.Deps) []service.Module
	// Functions are user functions in Go, for the layer's SQL.
	Functions []*catalog.Function
}

// Main runs a layer's binary: flags, configuration, telemetry, targets, until a signal. It returns the exit code.
func Main(l Layer, args []string, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := l.run(ctx, args, stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return ExitOK
	case ctx.Err() != nil && fault.KindOf(err) == fault.Canceled:
		return ExitInterrupted
	}
	fmt.Fprint(stderr, fault.Render(err, ""))
	if fault.KindOf(err) == fault.Config {
		return ExitUsage
	}
	return ExitFailure
}

func (l Layer) run(ctx context.Context, args []string, stderr io.Writer) error {
	flags := &config.Flags{}
	fs := flag.NewFlagSet(l.Name, flag.ContinueOnError)
	fs.SetOutput(stderr)
	dir := fs.String("C", ".", "warehouse directory, the one with "+warehouse.FileName)
	target := fs.String("target", "all", "targets to run, separated by commas; 'all' is every one of this layer")
	checkOnly := fs.Bool("check", false, "check the configuration and stop")
	flags.Register(fs, l.Config)
	fs.Usage = func() {
		fmt.Fprintf(stderr, "usage: %s [flags]\n\nRuns the %s layer of a warehouse.\n\n", l.Name, l.Name)
		fs.PrintDefaults()
	}
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fault.Wrap(fault.Config, err, "")
	}
	if fs.NArg() > 0 {
		return fault.Newf(fault.Config, "unexpected argument %q", fs.Arg(0))
	}
	err := config.Load(l.Config, config.Sources{File: filepath.Join(*dir, warehouse.FileName), Optional: true, Env: os.Environ(), Flags: flags})
	if err != nil {
		return err
	}
	shared := l.Shared()
	tel, err := obs.New(ctx, shared.Telemetry, "freshet-"+l.Name, Version, stderr)
	if err != nil {
		return err
	}
	defer func() { _ = tel.Close(context.WithoutCancel(ctx)) }()
	d := warehouse.Deps{Config: *shared, Dir: *dir, Tel: tel, Health: &obs.Health{}, Functions: l.Functions}
	modules := l.Modules(d)
	if *checkOnly {
		_, err := service.Plan(WithAll(modules), Targets(*target)...)
		return err
	}
	return Serve(ctx, d, modules, *target, nil)
}

// Version is the program's version, set at link time.
var Version = "dev"

// Serve runs targets, and beside them the admin server.
func Serve(ctx context.Context, d warehouse.Deps, modules []service.Module, target string, events func(service.Event)) error {
	modules = WithAll(modules)
	targets := Targets(target)
	if d.Config.Admin != "" {
		modules = append(modules, AdminModule(d))
		targets = append([]string{"admin"}, targets...)
	}
	return service.Runner{Log: d.Tel.Log, Modules: modules, Progress: events}.Run(ctx, targets...)
}

// AdminModule serves metrics, health and profiles.
func AdminModule(d warehouse.Deps) service.Module {
	return service.Module{Name: "admin", Help: "metrics, health and profiles over HTTP", Start: func(ctx context.Context, ready func()) error {
		return obs.Serve(ctx, d.Config.Admin, obs.Admin(d.Tel, d.Health), func(a net.Addr) {
			d.Tel.Log.Info("metrics and health", "url", "http://"+a.String())
			ready()
		})
	}}
}
