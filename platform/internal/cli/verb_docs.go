package cli

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/function"
)

// docsCommand writes the reference pages, which are kept in the repository and compared by CI.
func docsCommand() Command {
	return Command{Name: "docs", Summary: "Write the generated reference pages.", Usage: "[--out DIR]", Hidden: true, Run: func(ctx context.Context, _ Env, args []string) error {
		fs := flag.NewFlagSet("docs", flag.ContinueOnError)
		out := fs.String("out", filepath.Join("docs", "reference"), "`directory` of the pages")
		if err := Parse(fs, args); err != nil {
			return err
		}
		if err := NoArgs(fs); err != nil {
			return err
		}
		if err := os.MkdirAll(*out, 0o755); err != nil {
			return fault.Wrap(fault.Config, err, "make the directory of the pages")
		}
		for name, text := range map[string]string{"configuration.md": configurationPage(), "cli.md": commandPage(ctx), "functions.md": generated + function.Reference()} {
			if err := os.WriteFile(filepath.Join(*out, name), []byte(text), 0o644); err != nil {
				return fault.Wrap(fault.Permanent, err, "write page")
			}
		}
		return nil
	}}
}

const generated = "<!-- Written by `make generate`; do not edit. -->\n"

func configurationPage() string {
	return generated + "# Configuration\n\nAll keys of `freshet.yaml`, the file of a warehouse directory. Each can be overridden by an environment variable (`FRESHET_` and the key in " +
		"capitals, dots as underscores) and by `-set key=value`.\n\n" + strings.TrimSpace(config.Reference(&settings{})) + "\n"
}

func commandPage(ctx context.Context) string {
	var b strings.Builder
	b.WriteString(generated + "# The freshet program\n\nIts verbs and their flags, as `freshet VERB --help` shows them.\n")
	for _, c := range Commands() {
		if c.Hidden {
			continue
		}
		var text bytes.Buffer
		Main(ctx, Env{Stdout: &text, Stderr: &text}, Commands(), []string{c.Name, "--help"})
		fmt.Fprintf(&b, "\n## freshet %s\n\n```\n%s\n```\n", c.Name, strings.TrimSpace(text.String()))
	}
	return b.String()
}
