// Package cli dispatches the verbs of the freshet program and decides its exit
// status. A verb is a [Command] in the list that [Commands] returns; it gets
// everything of its surroundings through [Env] and never ends the process.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
)

// Exit statuses, which scripts may rely on.
const (
	ExitOK          = 0
	ExitFailure     = 1   // the work failed
	ExitUsage       = 2   // the command line or the configuration is wrong
	ExitInterrupted = 130 // stopped by Ctrl-C or SIGTERM before it was done
)

// Env is what a verb may touch of the process.
type Env struct {
	Stdin  io.Reader
	Stdout io.Writer // results
	Stderr io.Writer // progress, logs, errors
	Vars   []string  // environment variables as "NAME=value"
	// Interruptible gives a context that the next Ctrl-C ends instead of the process's, until stop is called; nil where there is no such thing.
	Interruptible func(ctx context.Context) (inner context.Context, stop func())
	// Functions are user functions in Go, which SQL files and the shell may call: a program of one's own passes them.
	Functions []*catalog.Function
}

// Command is a verb.
type Command struct {
	Name    string
	Summary string // one line, for the list of verbs
	Usage   string // what follows the verb, as "[flags] FILE.sql", then a blank line and details
	Hidden  bool   // not listed: for child processes

	// Run does the work. Flags are parsed by [Parse]; errors of kind Config end
	// in status 2, others in 1. When ctx is canceled by a signal and Run returns
	// Canceled, the status is 130; nil is 0: a graceful stop is success.
	Run func(ctx context.Context, env Env, args []string) error
}

// Main runs the verb that args name and returns the exit status.
func Main(ctx context.Context, env Env, commands []Command, args []string) int {
	if len(args) == 0 {
		overview(env.Stderr, commands)
		return ExitUsage
	}
	name, rest := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		if len(rest) == 0 {
			overview(env.Stdout, commands)
			return ExitOK
		}
		name, rest = rest[0], []string{"--help"}
	case "-v", "-version", "--version":
		name = "version"
	}
	for _, c := range commands {
		if c.Name == name {
			return run(ctx, env, c, rest)
		}
	}
	var names []string
	for _, c := range commands {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	err := fault.Newf(fault.Config, "unknown verb %q", name)
	remedy := fault.DidYouMean(name, names)
	if remedy == "" {
		remedy = "run freshet help for the list"
	}
	fmt.Fprint(env.Stderr, "freshet: ", fault.Render(fault.WithRemedy(err, remedy), ""))
	return ExitUsage
}

func run(ctx context.Context, env Env, c Command, args []string) int {
	err := c.Run(ctx, env, args)
	var help *helpWanted
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &help):
		usage(env.Stdout, c, help.flags)
		return ExitOK
	case fault.KindOf(err) == fault.Canceled && ctx.Err() != nil:
		return ExitInterrupted
	}
	var src *sourced
	text := ""
	if errors.As(err, &src) {
		text = src.text
	}
	for _, line := range strings.SplitAfter(strings.TrimSuffix(fault.Render(err, text), "\n"), "\n") {
		fmt.Fprint(env.Stderr, line)
	}
	fmt.Fprintln(env.Stderr)
	if fault.KindOf(err) == fault.Config {
		if errors.As(err, new(*badUsage)) {
			fmt.Fprintf(env.Stderr, "run freshet %s --help for its flags\n", c.Name)
		}
		return ExitUsage
	}
	return ExitFailure
}

// WithSource gives the text that err's positions refer to, for the excerpt.
func WithSource(err error, text string) error {
	if err == nil {
		return nil
	}
	return &sourced{err, text}
}

type sourced struct {
	error
	text string
}

func (s *sourced) Unwrap() error { return s.error }

type helpWanted struct{ flags *flag.FlagSet }

func (*helpWanted) Error() string { return "help wanted" }

type badUsage struct{ error }

func (b *badUsage) Unwrap() error { return b.error }

// Parse parses a verb's flags. What it returns is to be returned by Run as it
// is: the wish for help, or a mistake in the command line.
func Parse(fs *flag.FlagSet, args []string) error {
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return &helpWanted{fs}
	}
	if err != nil {
		err = fault.Wrap(fault.Config, &badUsage{err}, "%s", fs.Name())
		var names []string
		fs.VisitAll(func(f *flag.Flag) { names = append(names, "-"+f.Name) })
		if wrong, ok := strings.CutPrefix(errors.Unwrap(err).Error(), "flag provided but not defined: "); ok {
			if remedy := fault.DidYouMean(wrong, names); remedy != "" {
				err = fault.WithRemedy(err, remedy)
			}
		}
	}
	return err
}

// NoArgs refuses arguments that are left after the flags.
func NoArgs(fs *flag.FlagSet) error {
	if fs.NArg() == 0 {
		return nil
	}
	return fault.Wrap(fault.Config, &badUsage{fmt.Errorf("unexpected argument %q", fs.Arg(0))}, "%s", fs.Name())
}

func overview(w io.Writer, commands []Command) {
	fmt.Fprint(w, "Freshet, a layered realtime warehouse.\n\nusage: freshet VERB [flags] [arguments]\n\nverbs:\n")
	width := 0
	for _, c := range commands {
		width = max(width, len(c.Name))
	}
	for _, c := range commands {
		if !c.Hidden {
			fmt.Fprintf(w, "  %-*s  %s\n", width, c.Name, c.Summary)
		}
	}
	fmt.Fprint(w, "\nfreshet VERB --help tells more.\n")
}

func usage(w io.Writer, c Command, fs *flag.FlagSet) {
	line, details, _ := strings.Cut(c.Usage, "\n\n")
	fmt.Fprintf(w, "%s\n\nusage: %s\n", c.Summary, strings.TrimSpace("freshet "+c.Name+" "+line))
	if details != "" {
		fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(details))
	}
	n := 0
	fs.VisitAll(func(*flag.Flag) { n++ })
	if n > 0 {
		fmt.Fprint(w, "\nflags:\n")
		fs.SetOutput(w)
		fs.PrintDefaults()
	}
}
