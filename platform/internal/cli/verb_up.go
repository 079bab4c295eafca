package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/platform/embed"
)

func upCommand() Command {
	return Command{
		Name:    "up",
		Summary: "Run Kafka, Redis, MySQL, ClickHouse and HBase on this machine, until Ctrl-C.",
		Usage: `[flags]

Starts the stores behind their own protocols on loopback ports and prints
their addresses. Data stays in the data directory over restarts.`,
		Run: up,
	}
}

func up(ctx context.Context, env Env, args []string) error {
	fs := flag.NewFlagSet("up", flag.ContinueOnError)
	cfg := embed.Config{Ports: embed.DefaultPorts()}
	StackFlags(fs, &cfg)
	level := fs.String("log", "warn", "least severe log `level` shown: debug, info, warn, error")
	if err := Parse(fs, args); err != nil {
		return err
	}
	if err := NoArgs(fs); err != nil {
		return err
	}
	tel, err := obs.New(ctx, obs.Config{Level: *level, Format: "text"}, "freshet", Version(), env.Stderr)
	if err != nil {
		return err
	}
	cfg.Log = tel.Log
	began := time.Now()
	cfg.Progress = func(name, state string) {
		fmt.Fprintf(env.Stderr, "%6.1fs  %-10s %s\n", time.Since(began).Seconds(), name, state)
	}
	stack, err := embed.Start(ctx, cfg)
	if err != nil {
		return err
	}
	if err := printAddresses(env.Stdout, stack); err != nil {
		return fault.Join(fault.Wrap(fault.Unavailable, err, "print addresses"), stack.Close())
	}
	select {
	case <-ctx.Done():
		fmt.Fprintln(env.Stderr, "stopping")
		return stack.Close()
	case <-stack.Done():
		return fault.Join(stack.Err(), stack.Close())
	}
}

// StackFlags declares the flags of the local stack, which several verbs share.
func StackFlags(fs *flag.FlagSet, cfg *embed.Config) {
	fs.StringVar(&cfg.Dir, "data", "data", "data `directory`")
	fs.BoolVar(&cfg.Sync, "sync", false, "fsync before acknowledging, to survive loss of power too")
	for _, p := range cfg.Ports.List() {
		fs.IntVar(p.Value, p.Flag, *p.Value, "`port` of "+p.Name+"; 0 takes a free one")
	}
	fs.Func("stores", "comma-separated `list` of the stores to start (default "+strings.Join(embed.Stores(), ",")+")", func(s string) error {
		cfg.Stores = strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
		return nil
	})
}

// printAddresses shows where each store listens and a command that reaches it.
func printAddresses(out io.Writer, s *embed.Stack) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "STORE\tADDRESS\tTRY")
	port := func(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }
	if s.Kafka != nil {
		fmt.Fprintf(w, "Kafka\t%s\tkcat -b %[1]s -L\n", s.Kafka.Addr())
	}
	if s.Redis != nil {
		fmt.Fprintf(w, "Redis\t%s\tredis-cli -p %s info\n", s.Redis.Addr(), port(s.Redis.Addr()))
	}
	if s.MySQL != nil {
		fmt.Fprintf(w, "MySQL\t%s\tmysql -h 127.0.0.1 -P %s -u root -e 'show databases'\n", s.MySQL.Addr(), port(s.MySQL.Addr()))
	}
	if s.ClickHouse != nil {
		fmt.Fprintf(w, "ClickHouse\t%s\tcurl http://%[1]s -d 'select version()'\n", s.ClickHouse.HTTPAddr())
		fmt.Fprintf(w, "ClickHouse native\t%s\tclickhouse client --port %s\n", s.ClickHouse.TCPAddr(), port(s.ClickHouse.TCPAddr()))
	}
	if s.HBase != nil {
		fmt.Fprintf(w, "HBase (ZooKeeper)\t%s\thbase.zookeeper.quorum=%[1]s\n", s.HBase.ZKAddr())
	}
	return w.Flush()
}
