// Command freshet is every part of Freshet in one program: freshet help lists
// its verbs.
package main

import (
	"context"
	"os"

	"github.com/freshet-dw/freshet/platform/internal/cli"
)

func main() {
	ctx, signals := watch(context.Background())
	env := cli.Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Vars: os.Environ(), Interruptible: signals.interruptible}
	os.Exit(cli.Main(ctx, env, cli.Commands(), os.Args[1:]))
}
