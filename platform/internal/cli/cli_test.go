package cli

import (
	"bytes"
	"context"
	"flag"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/fault"
)

func TestStatus(t *testing.T) {
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	failing := func(err error) Command {
		return Command{Name: "fail", Summary: "Fails.", Usage: "[flags]\n\nDetails.", Run: func(_ context.Context, _ Env, args []string) error {
			fs := flag.NewFlagSet("fail", flag.ContinueOnError)
			fs.Int("count", 3, "how `often`")
			if err := Parse(fs, args); err != nil {
				return err
			}
			if err := NoArgs(fs); err != nil {
				return err
			}
			return err
		}}
	}
	for _, c := range []struct {
		name, args  string
		ctx         context.Context
		err         error
		status      int
		out, errout string
	}{
		{"success", "fail", nil, nil, ExitOK, "", ""},
		{"failure", "fail", nil, fault.New(fault.Unavailable, "no broker"), ExitFailure, "", "no broker\n"},
		{"config", "fail", nil, fault.WithRemedy(fault.New(fault.Config, "bad"), "do"), ExitUsage, "", "bad\n  → do\n"},
		{"excerpt", "fail", nil, WithSource(fault.At("f", 1, 3).Errorf(fault.Config, "no such"), "a b"), ExitUsage, "", "f:1:3: no such\n 1 | a b\n   |   ^\n"},
		{"interrupted", "fail", canceled, fault.Wrap(fault.Canceled, context.Canceled, "load"), ExitInterrupted, "", ""},
		{"canceled by itself", "fail", nil, fault.New(fault.Canceled, "peer left"), ExitFailure, "", "peer left\n"},
		{"help", "fail --help", nil, nil, ExitOK, "Fails.\n\nusage: freshet fail [flags]\n\nDetails.\n\nflags:\n  -count often\n    \thow often (default 3)\n", ""},
		{"help verb", "help fail", nil, nil, ExitOK, "Fails.", ""},
		{"unknown flag", "fail -cuont 1", nil, nil, ExitUsage, "", "did you mean -count?"},
		{"bad value", "fail -count x", nil, nil, ExitUsage, "", "run freshet fail --help"},
		{"argument", "fail x", nil, nil, ExitUsage, "", `unexpected argument "x"`},
		{"unknown verb", "fial", nil, nil, ExitUsage, "", "did you mean fail?"},
		{"no verb", "", nil, nil, ExitUsage, "", "Fails.\n"},
		{"overview", "--help", nil, nil, ExitOK, "verbs:", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errout bytes.Buffer
			ctx := c.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			hidden := Command{Name: "child", Hidden: true}
			status := Main(ctx, Env{Stdout: &out, Stderr: &errout}, []Command{failing(c.err), hidden}, strings.Fields(c.args))
			if status != c.status || !strings.Contains(out.String(), c.out) || !strings.Contains(errout.String(), c.errout) {
				t.Errorf("status %d, want %d\nout: %s\nerr: %s", status, c.status, &out, &errout)
			}
			if strings.Contains(out.String()+errout.String(), "child") {
				t.Error("a hidden verb shows")
			}
		})
	}
}

func TestVersion(t *testing.T) {
	var out bytes.Buffer
	if status := Main(t.Context(), Env{Stdout: &out, Stderr: &out}, Commands(), []string{"--version"}); status != 0 || !strings.HasPrefix(out.String(), "freshet ") {
		t.Fatalf("status %d: %s", status, &out)
	}
}

func TestEveryVerbHasHelp(t *testing.T) {
	for _, c := range Commands() {
		if c.Hidden {
			continue
		}
		var out bytes.Buffer
		if status := Main(t.Context(), Env{Stdout: &out, Stderr: &out}, Commands(), []string{c.Name, "--help"}); status != 0 || !strings.Contains(out.String(), "usage: freshet "+c.Name) {
			t.Errorf("%s --help: status %d: %s", c.Name, status, &out)
		}
	}
}
