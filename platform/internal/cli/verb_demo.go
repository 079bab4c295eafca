package cli

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/warehouse"
	"github.com/freshet-dw/freshet/platform/embed"
	"github.com/freshet-dw/freshet/platform/internal/shop"
)

func demoCommand() Command {
	return Command{
		Name: "demo", Summary: "Run the demo warehouse: stores, all layers, a simulated shop and the big screen.",
		Usage: `[flags]

Starts the stores on this machine, all targets of deploy/shop on them and a
simulated shop with its traffic, then shows a line a second until Ctrl-C:
what arrives, how far each layer is behind, and the metrics. The big screen is
a web page, whose address is shown. Logs go to freshet.log in the data directory.

The data directory keeps everything, so that the next start goes on from there.
A store left out of -stores is taken from freshet.yaml or -set: this runs the demo on
real servers.`,
		Run: func(ctx context.Context, env Env, args []string) error {
			o, err := demoFlags(args)
			if err != nil {
				return err
			}
			return runDemo(ctx, env, o)
		},
	}
}

// demoOptions are the parsed flags of freshet demo.
type demoOptions struct {
	stack     embed.Config
	shop      shop.Config
	simulate  bool
	open      bool
	freePorts bool
	dir       string // warehouse directory
	addresses string
	account   string
	settings  *settings
	flags     *config.Flags
}

func demoFlags(args []string) (*demoOptions, error) {
	o := &demoOptions{stack: embed.Config{Ports: embed.DefaultPorts()}, settings: &settings{}, flags: &config.Flags{}}
	fs := flag.NewFlagSet("demo", flag.ContinueOnError)
	StackFlags(fs, &o.stack)
	// Its own data by default: freshet up keeps its in data.
	o.stack.Dir = filepath.Join("data", "shop")
	fs.Lookup("data").DefValue = o.stack.Dir
	fs.Float64Var(&o.shop.OrdersPerSecond, "orders-per-second", 20, "`rate` of new orders; 0 with a total: as fast as it goes")
	fs.Float64Var(&o.shop.ViewsPerSecond, "views-per-second", 500, "`rate` of page views; 0 with a total: as fast as it goes")
	fs.Int64Var(&o.shop.TotalOrders, "total-orders", 0, "`number` of orders after which no more come; 0: without end")
	fs.Int64Var(&o.shop.TotalViews, "total-views", 0, "`number` of page views after which no more come; 0: without end")
	fs.Uint64Var(&o.shop.Seed, "seed", 1, "`number` from which the shop's business follows")
	fs.BoolVar(&o.shop.Faults, "faults", true, "late, repeated, broken and unknown things too")
	fs.BoolVar(&o.simulate, "simulate", true, "run the simulated shop; without it, freshet simulate can be run beside")
	fs.BoolVar(&o.open, "open", true, "open the big screen in a browser, when there is a desktop")
	ports := fs.String("ports", "default", "default: the usual `ports` plus 10,000; auto: free ones, for several demos side by side")
	fs.StringVar(&o.dir, "C", "", "warehouse `directory`, with "+warehouse.FileName+" (default deploy/shop, looked for upwards from here and from the program)")
	fs.StringVar(&o.addresses, "addresses", "", "write all addresses as JSON to this `file` once everything is ready")
	fs.StringVar(&o.account, "account", "", "write what the stores must hold as JSON to this `file` when the shop has stopped")
	o.flags.Register(fs, o.settings)
	if err := Parse(fs, args); err != nil {
		return nil, err
	}
	if err := NoArgs(fs); err != nil {
		return nil, err
	}
	switch *ports {
	case "default":
	case "auto":
		o.freePorts = true
		given := map[string]bool{}
		fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
		for _, p := range o.stack.Ports.List() {
			if !given[p.Flag] {
				*p.Value = 0
			}
		}
	default:
		return nil, fault.WithRemedy(fault.Newf(fault.Config, "demo: -ports %q is unknown", *ports), "use default or auto")
	}
	if o.simulate && o.shop.OrdersPerSecond == 0 && o.shop.ViewsPerSecond == 0 && o.shop.TotalOrders == 0 && o.shop.TotalViews == 0 {
		return nil, fault.WithRemedy(fault.New(fault.Config, "demo: all rates and totals are 0"), "give a rate or a total, or -simulate=false")
	}
	if len(o.stack.Stores) == 0 {
		o.stack.Stores = embed.Stores()
	}
	return o, o.locate()
}

// locate makes the directories absolute and finds the warehouse.
func (o *demoOptions) locate() error {
	var err error
	if o.stack.Dir, err = filepath.Abs(o.stack.Dir); err != nil {
		return fault.Wrap(fault.Config, err, "data directory")
	}
	if o.dir == "" {
		var from []string
		if wd, err := os.Getwd(); err == nil {
			from = append(from, wd)
		}
		if exe, err := os.Executable(); err == nil {
			from = append(from, filepath.Dir(exe))
		}
		if o.dir = findShop(from...); o.dir == "" {
			return fault.WithRemedy(fault.New(fault.Config, "demo: there is no deploy/shop here, above, or beside the program"), "name the warehouse directory with -C")
		}
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return fault.Wrap(fault.Config, err, "warehouse directory")
	}
	if _, err := os.Stat(filepath.Join(o.dir, warehouse.FileName)); err != nil {
		return fault.WithRemedy(fault.Wrap(fault.Config, err, "demo: %s is no warehouse directory", o.dir), "name one with -C")
	}
	return nil
}

// findShop looks for deploy/shop in the folders and those above them.
func findShop(from ...string) string {
	for _, dir := range from {
		for {
			shop := filepath.Join(dir, "deploy", "shop")
			if _, err := os.Stat(filepath.Join(shop, warehouse.FileName)); err == nil {
				return shop
			}
			up := filepath.Dir(dir)
			if up == dir {
				break
			}
			dir = up
		}
	}
	return ""
}

// addresses is what -addresses writes: where everything is.
type addresses struct {
	Kafka          string `json:"kafka"`
	MySQL          string `json:"mysql"`
	Redis          string `json:"redis"`
	HBase          string `json:"hbase"` // ZooKeeper
	ClickHouse     string `json:"clickhouse"`
	ClickHouseHTTP string `json:"clickhouse_http,omitempty"`
	Collector      string `json:"collector"` // URL
	Page           string `json:"page"`      // URL
	Admin          string `json:"admin"`     // URL
	Lookup         string `json:"lookup,omitempty"`
	LookupGRPC     string `json:"lookup_grpc,omitempty"`
	Lake           string `json:"lake"`
	NginxLog       string `json:"nginx_log"`
	Warehouse      string `json:"warehouse"`
	Log            string `json:"log"`
}

// writeAddresses replaces the file in one step: whoever waits for it never reads half of it.
func writeAddresses(file string, a addresses) error {
	if file == "" {
		return nil
	}
	part := fmt.Sprintf("%s.%d", file, os.Getpid())
	if err := writeJSON(part, a); err != nil {
		return err
	}
	return fault.Wrap(fault.Permanent, os.Rename(part, file), "write addresses")
}
