package cli

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/freshet-dw/freshet/pkg/layer"
)

func versionCommand() Command {
	return Command{Name: "version", Summary: "Print the version.", Run: func(_ context.Context, env Env, args []string) error {
		fs := flag.NewFlagSet("version", flag.ContinueOnError)
		if err := Parse(fs, args); err != nil {
			return err
		}
		if err := NoArgs(fs); err != nil {
			return err
		}
		_, err := fmt.Fprintf(env.Stdout, "freshet %s (%s, %s/%s)\n", Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return err
	}}
}

// Version is the module's version, or the commit that the program was built
// from, or "devel".
func Version() string {
	if layer.Version != "dev" {
		return layer.Version // set at link time
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, modified := "", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				modified = "+changes"
			}
		}
	}
	if revision == "" {
		return "devel"
	}
	return revision + modified
}
