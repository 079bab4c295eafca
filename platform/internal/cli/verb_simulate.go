package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/warehouse"
	"github.com/freshet-dw/freshet/platform/internal/shop"
)

func simulateCommand() Command {
	return Command{
		Name:    "simulate",
		Summary: "Be the demo shop: SQL transactions, page views and log lines, with an exact account.",
		Usage: `[flags]

Writes into a running warehouse what an online shop would: orders with their
payments, cancellations and refunds into MySQL, page views to the event
collector, lines into nginx's log; some of it late, repeated or broken. The
addresses come from the freshet.yaml of -C, or from flags. The same seed gives
the same shop. A rate of 0 with a total runs as fast as it goes.

At the end, or at Ctrl-C, --account FILE gets what every store of the warehouse
must hold then.`,
		Run: simulate,
	}
}

func simulate(ctx context.Context, env Env, args []string) error {
	fs := flag.NewFlagSet("simulate", flag.ContinueOnError)
	c := shop.Config{}
	fs.Float64Var(&c.OrdersPerSecond, "orders-per-second", 0, "`rate` of new orders; 0: as fast as it goes")
	fs.Float64Var(&c.ViewsPerSecond, "views-per-second", 0, "`rate` of page views; 0: as fast as it goes")
	fs.Int64Var(&c.TotalOrders, "total-orders", 0, "`number` of orders after which to end; 0: without end, if there is a rate")
	fs.Int64Var(&c.TotalViews, "total-views", 0, "`number` of page views after which to end; 0: without end, if there is a rate")
	fs.Uint64Var(&c.Seed, "seed", 1, "`number` from which everything follows")
	fs.IntVar(&c.Users, "users", 2000, "`number` of users")
	fs.IntVar(&c.Products, "products", 200, "`number` of products")
	fs.DurationVar(&c.Span, "span", 2*time.Hour, "simulated `time` that a total without a rate fills")
	fs.BoolVar(&c.Faults, "faults", true, "late, repeated, broken and unknown things too")
	account := fs.String("account", "", "write the account as JSON to this `file`")
	dir := fs.String("C", ".", "warehouse `directory`, with "+warehouse.FileName)
	database := fs.String("mysql", "", "`address` of MySQL, instead of the configuration's")
	fs.StringVar(&c.Collector, "collector", "", "`URL` of the event collector, instead of the configuration's")
	fs.StringVar(&c.NginxLog, "nginx-log", "", "`path` of the access log, instead of the configuration's")
	level := fs.String("log", "warn", "least severe log `level` shown: debug, info, warn, error")
	flags := &config.Flags{}
	s := &settings{}
	flags.Register(fs, s)
	if err := Parse(fs, args); err != nil {
		return err
	}
	if err := NoArgs(fs); err != nil {
		return err
	}
	if err := s.load(env, flags, *dir); err != nil {
		return err
	}
	tel, err := obs.New(ctx, obs.Config{Level: *level, Format: "text"}, "freshet", Version(), env.Stderr)
	if err != nil {
		return err
	}
	c.Log = tel.Log
	c.MySQL = s.MySQL
	if *database != "" {
		c.MySQL.Addr = *database
	}
	if c.Collector == "" {
		c.Collector = "http://" + s.ODS.Collect.Listen
	}
	if files := s.ODS.Logs.Files; c.NginxLog == "" && len(files) > 0 && !strings.ContainsAny(files[0], "*?[") {
		c.NginxLog = warehouse.Deps{Config: s.Config, Dir: *dir}.Path(files[0])
	}
	sim, err := shop.New(c)
	if err != nil {
		return err
	}
	err = showProgress(ctx, env.Stderr, sim)
	if *account != "" {
		err = fault.Join(err, writeJSON(*account, sim.Account().Expect()))
	}
	if err := sim.Close(); err != nil {
		return fault.Wrap(fault.Internal, err, "close the simulation's connections")
	}
	return err
}

// showProgress runs the simulation with a line a second.
func showProgress(ctx context.Context, out io.Writer, sim *shop.Simulator) error {
	done := make(chan error, 1)
	go func() { done <- sim.Run(ctx) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	began := time.Now()
	var last shop.Progress
	line := func() {
		p := sim.Progress()
		fmt.Fprintf(out, "%6.1fs  orders %d (+%d)  changes %d (+%d)  views %d (+%d)  log lines %d  retries %d\n", time.Since(began).Seconds(),
			p.Orders, p.Orders-last.Orders, p.Changes, p.Changes-last.Changes, p.Views, p.Views-last.Views, p.LogLines, p.Retries)
		last = p
	}
	for {
		select {
		case err := <-done:
			line()
			return err
		case <-tick.C:
			line()
		}
	}
}
