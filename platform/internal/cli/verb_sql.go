package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/layer"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/sql"
	"github.com/freshet-dw/freshet/pkg/warehouse"
	"github.com/freshet-dw/freshet/platform/internal/shell"
)

func sqlCommand() Command {
	return Command{
		Name: "sql", Summary: "Run SQL statements, interactively or from a text.",
		Usage: `[flags] [-e "SQL" | -f FILE.sql]

Without -e and -f it reads statements from the terminal, with history, completion
and a live view of results; from a pipe it runs what comes through it. In a
warehouse directory (or with -C) the tables and views of all its SQL files are
known: the first declaration of a name counts.

A SELECT shows its changes until its input ends or Ctrl-C. An INSERT is a job in
the foreground; SET 'table.dml-sync' = 'false' puts the next ones into the
background, where SHOW JOBS and STOP JOB 'id' find them. HELP tells more.`,
		Run: func(ctx context.Context, env Env, args []string) error {
			fs := flag.NewFlagSet("sql", flag.ContinueOnError)
			dir := fs.String("C", "", "warehouse directory, with "+warehouse.FileName)
			text := fs.String("e", "", "statements to run instead of reading them")
			file := fs.String("f", "", "file of statements to run")
			initial := fs.String("i", "", "file of statements to run first")
			history := fs.String("history", historyFile(env), "file that keeps the statements typed")
			flags := &config.Flags{}
			s := &settings{}
			flags.Register(fs, s)
			if err := Parse(fs, args); err != nil {
				return err
			}
			if err := NoArgs(fs); err != nil {
				return err
			}
			return runSQL(ctx, env, s, flags, sqlFlags{*dir, *text, *file, *initial, *history})
		},
	}
}

type sqlFlags struct{ dir, text, file, initial, history string }

// historyFile is where the XDG convention puts it.
func historyFile(env Env) string {
	for _, place := range [][2]string{{"XDG_STATE_HOME=", ""}, {"HOME=", ".local/state"}} {
		for _, v := range env.Vars {
			if dir, ok := strings.CutPrefix(v, place[0]); ok && dir != "" {
				return filepath.Join(dir, place[1], "freshet", "sql_history")
			}
		}
	}
	return ""
}

func runSQL(ctx context.Context, env Env, s *settings, flags *config.Flags, f sqlFlags) error {
	dir := f.dir
	if dir == "" {
		if dir = warehouse.Find("."); dir == "" {
			dir = "."
		}
	}
	if err := s.load(env, flags, dir); err != nil {
		return err
	}
	tel, err := obs.New(ctx, s.Telemetry, "freshet", Version(), env.Stderr)
	if err != nil {
		return err
	}
	defer func() { _ = tel.Close(context.WithoutCancel(ctx)) }()
	d := warehouse.Deps{Config: s.Config, Dir: dir, Tel: tel, Health: &obs.Health{}, Functions: env.Functions}
	rt, err := layer.Runtime(d)
	if err != nil {
		return err
	}
	include, err := declarations(d)
	if err != nil {
		return err
	}
	sh, err := shell.New(shell.Config{Runtime: rt, Include: include, Out: env.Stdout, Err: env.Stderr, Screen: screenOf(env.Stdout), Interruptible: env.Interruptible, Dir: dir})
	if err != nil {
		fmt.Fprintf(env.Stderr, "some declarations of %s have faults and are not known here:\n%s\n", dir, fault.Render(err, ""))
	}
	defer sh.Close()
	if f.initial != "" {
		if err := runFileIn(ctx, sh, f.initial); err != nil {
			return err
		}
	}
	switch {
	case f.text != "":
		return quit(WithSource(sh.Run(ctx, "", f.text), f.text))
	case f.file != "":
		return quit(runFileIn(ctx, sh, f.file))
	}
	if in, ok := env.Stdin.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		return sh.Interact(ctx, shell.Editor{History: f.history, Stdin: env.Stdin})
	}
	src, err := io.ReadAll(env.Stdin)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "read statements")
	}
	return quit(WithSource(sh.Run(ctx, "", string(src)), string(src)))
}

func quit(err error) error {
	if errors.Is(err, shell.ErrQuit) {
		return nil
	}
	return err
}

func runFileIn(ctx context.Context, sh *shell.Shell, file string) error {
	src, err := os.ReadFile(file)
	if err != nil {
		return fault.Wrap(fault.Config, err, "read SQL file")
	}
	return WithSource(sh.Run(ctx, file, string(src)), string(src))
}

// declarations are the warehouse's SQL files, none outside of one.
func declarations(d warehouse.Deps) ([]sql.File, error) {
	if _, err := os.Stat(filepath.Join(d.Dir, warehouse.FileName)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	files, err := d.Files("ods", "dim", "dwd", "dm")
	if err != nil {
		return nil, err
	}
	var out []sql.File
	for _, f := range files {
		src, err := os.ReadFile(f.Path)
		if err != nil {
			return nil, fault.Wrap(fault.Config, err, "read SQL file")
		}
		out = append(out, sql.File{Name: f.Path, Src: string(src)})
	}
	return out, nil
}

// screenOf tells the size of the terminal that w is.
func screenOf(w io.Writer) func() (int, int, bool) {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	return func() (int, int, bool) {
		width, height, err := term.GetSize(int(f.Fd()))
		return width, height, err == nil
	}
}
