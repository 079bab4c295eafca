package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ergochat/readline"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/parse"
)

// Editor reads statements from a terminal, with history and completion.
type Editor struct {
	// History is the file that keeps the statements; empty: they are kept for the session.
	History string
	Stdin   io.Reader
}

// Prompts of a statement's first and further lines.
const (
	prompt = "freshet> "
	more   = "      -> "
)

// Interact reads and runs statements until QUIT, Ctrl-D or the end of ctx. Faults of a statement are printed and do not end it.
func (s *Shell) Interact(ctx context.Context, e Editor) error {
	if e.History != "" {
		if err := os.MkdirAll(filepath.Dir(e.History), 0o700); err != nil {
			return fault.Wrap(fault.Config, err, "make the directory of the history")
		}
	}
	c := &completer{s: s}
	rl, err := readline.NewFromConfig(&readline.Config{Prompt: prompt, HistoryFile: e.History, DisableAutoSaveHistory: true, HistorySearchFold: true,
		AutoComplete: c, Stdin: e.Stdin, Stdout: s.cfg.Out, Stderr: s.cfg.Err, HistoryLimit: 10_000})
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "open the terminal")
	}
	defer func() { _ = rl.Close() }()
	fmt.Fprintln(s.cfg.Out, "Freshet SQL. HELP; shows what there is, Ctrl-D ends.")
	for ctx.Err() == nil {
		if c.before == "" {
			rl.SetPrompt(prompt)
		} else {
			rl.SetPrompt(more)
		}
		text, err := rl.ReadLine()
		switch {
		case errors.Is(err, readline.ErrInterrupt):
			c.before = ""
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fault.Wrap(fault.Unavailable, err, "read from the terminal")
		}
		c.before += text + "\n"
		if strings.TrimSpace(c.before) == "" {
			c.before = ""
			continue
		}
		if done, err := s.command(c.before); !done && !parse.Complete(c.before) {
			continue
		} else if errors.Is(err, ErrQuit) {
			return nil
		}
		statement := c.before
		c.before = ""
		_ = rl.SaveToHistory(strings.TrimSpace(strings.ReplaceAll(statement, "\n", " ")))
		if err := s.Run(ctx, "", statement); errors.Is(err, ErrQuit) {
			return nil
		} else if err != nil && ctx.Err() == nil {
			fmt.Fprint(s.cfg.Err, fault.Render(err, statement))
		}
	}
	return nil
}

// completer joins the shell's completion to the editor's.
type completer struct {
	s      *Shell
	before string // the statement's earlier lines
}

// Do implements readline.AutoCompleter.
func (c *completer) Do(line []rune, pos int) ([][]rune, int) {
	ends, n := c.s.Complete(c.before + string(line[:pos]))
	out := make([][]rune, len(ends))
	for i, e := range ends {
		out[i] = []rune(e)
	}
	return out, n
}
