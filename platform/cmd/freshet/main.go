// Command freshet is every part of Freshet in one program: freshet help lists
// its verbs.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/freshet-dw/freshet/platform/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the next one ends the process at once.
	context.AfterFunc(ctx, stop)
	env := cli.Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Vars: os.Environ()}
	os.Exit(cli.Main(ctx, env, cli.Commands(), os.Args[1:]))
}
