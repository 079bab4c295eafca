package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// mod is a module that is ready at once and runs until it is canceled.
func mod(name string, deps ...string) Module {
	return Module{Name: name, Deps: deps, Start: func(ctx context.Context, ready func()) error {
		ready()
		<-ctx.Done()
		return ctx.Err()
	}}
}

func group(name string, deps ...string) Module { return Module{Name: name, Deps: deps} }

func names(ms []Module) string {
	var out []string
	for _, m := range ms {
		out = append(out, m.Name)
	}
	return strings.Join(out, " ")
}

func TestPlan(t *testing.T) {
	modules := []Module{mod("dwd", "kafka", "dim-lookup"), mod("kafka"), mod("redis"), mod("dim-lookup", "redis"), mod("ods", "kafka"), group("layers", "ods", "dwd")}
	for _, c := range []struct{ targets, want string }{
		{"dwd", "kafka redis dim-lookup dwd"},
		{"ods", "kafka ods"},
		{"redis, ods", "kafka redis ods"},
		{"all", "kafka redis dim-lookup dwd ods layers"},
		{"layers", "kafka redis dim-lookup dwd ods layers"},
	} {
		got, err := Plan(modules, c.targets)
		if err != nil || names(got) != c.want {
			t.Errorf("%s: %q, %v; want %q", c.targets, names(got), err, c.want)
		}
	}
}

func TestPlanErrors(t *testing.T) {
	modules := []Module{mod("ods-binlog"), mod("dwd", "ods-binlgo"), mod("dwd")}
	_, err := Plan(modules, "ods-binlg", "xyzzy")
	if err == nil {
		t.Fatal("no error")
	}
	got := fault.Render(err, "")
	want := `module dwd is declared twice
module dwd depends on the unknown module "ods-binlgo"
  → did you mean ods-binlog?
unknown target "ods-binlg"
  → did you mean ods-binlog?
unknown target "xyzzy"
  → known are: all, dwd, ods-binlog
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	_, err = Plan([]Module{mod("z", "a"), mod("a", "b"), mod("b", "c"), mod("c", "a")}, "all")
	if err == nil || !strings.Contains(err.Error(), "a → b → c → a") {
		t.Errorf("cycle: %v", err)
	}
	if _, err = Plan(modules[:1]); fault.KindOf(err) != fault.Config {
		t.Errorf("no target: %v", err)
	}
}

// record runs and returns the events as "name state", in order.
func record(t *testing.T, ctx context.Context, stopTimeout time.Duration, modules []Module, targets ...string) (string, error) {
	t.Helper()
	var events []string
	r := Runner{Modules: modules, StopTimeout: stopTimeout, Progress: func(e Event) {
		events = append(events, e.Module+" "+string(e.State))
	}}
	err := r.Run(ctx, targets...)
	return strings.Join(events, ", "), err
}

func TestOrderedStartAndStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		slow := mod("kafka")
		slow.Start = func(ctx context.Context, ready func()) error {
			time.Sleep(3 * time.Second)
			ready()
			<-ctx.Done()
			time.Sleep(time.Second)
			return nil
		}
		got, err := record(t, ctx, 0, []Module{mod("dwd", "stores"), slow, mod("redis"), group("stores", "kafka", "redis")}, "dwd")
		want := "kafka starting, redis starting, redis ready, kafka ready, stores ready, dwd starting, dwd ready, " +
			"dwd stopping, dwd stopped, stores stopped, redis stopping, kafka stopping, redis stopped, kafka stopped"
		if err != nil || got != want {
			t.Fatalf("err %v\ngot  %s\nwant %s", err, got, want)
		}
	})
}

func TestFailureStopsAllAndKeepsCauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := errors.New("disk full"), errors.New("close file")
		modules := []Module{
			{Name: "store", Start: func(ctx context.Context, ready func()) error {
				ready()
				<-ctx.Done()
				return second
			}},
			{Name: "job", Deps: []string{"store"}, Start: func(ctx context.Context, ready func()) error {
				ready()
				time.Sleep(time.Second)
				return fault.Wrap(fault.Permanent, first, "write")
			}},
			mod("other", "job"),
		}
		err := Run(t.Context(), nil, modules, "all")
		if !errors.Is(err, first) || !errors.Is(err, second) || fault.KindOf(err) != fault.Permanent {
			t.Fatalf("err = %v", err)
		}
		if got := err.Error(); got != "module job: write: disk full\nmodule store: close file" {
			t.Fatalf("text %q", got)
		}
	})
}

func TestPanicBecomesError(t *testing.T) {
	m := Module{Name: "bad", Start: func(context.Context, func()) error { panic(fmt.Sprint("boom", 7)) }}
	err := Run(t.Context(), nil, []Module{mod("good"), m}, "all")
	if fault.KindOf(err) != fault.Internal || !strings.Contains(err.Error(), "panic: boom7") || !strings.Contains(err.Error(), "service_test.go") {
		t.Fatalf("err = %v", err)
	}
}

func TestCompleteTargetsEndTheRun(t *testing.T) {
	job := Module{Name: "job", Deps: []string{"store"}, Start: func(context.Context, func()) error { return nil }}
	got, err := record(t, t.Context(), 0, []Module{job, mod("store")}, "job")
	if want := "store starting, store ready, job starting, job ready, job stopped, store stopping, store stopped"; err != nil || got != want {
		t.Fatalf("err %v\ngot  %s\nwant %s", err, got, want)
	}
}

func TestStuckModuleIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		stuck := Module{Name: "stuck", Deps: []string{"store"}, Start: func(ctx context.Context, ready func()) error {
			ready()
			cancel()
			<-release
			return nil
		}}
		events, err := record(t, ctx, 10*time.Second, []Module{mod("store"), stuck}, "all")
		if err == nil || !strings.Contains(err.Error(), "module stuck did not stop within 10s") {
			t.Fatalf("err = %v", err)
		}
		// The dependency ends by force although its dependant is stuck.
		if !strings.HasSuffix(events, "store stopped") {
			t.Fatalf("events %s", events)
		}
		close(release)
	})
}

func TestCanceledWhileStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		never := Module{Name: "never", Start: func(ctx context.Context, ready func()) error {
			<-ctx.Done()
			return fmt.Errorf("wait for broker: %w", ctx.Err())
		}}
		got, err := record(t, ctx, 0, []Module{never, mod("dependant", "never")}, "all")
		if want := "never starting, never stopping, never stopped"; err != nil || got != want {
			t.Fatalf("err %v got %s", err, got)
		}
	})
}
