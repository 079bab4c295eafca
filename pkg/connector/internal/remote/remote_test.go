package remote

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/fault"
)

func TestLazyForgetsErrors(t *testing.T) {
	env := &connector.Env{Job: "j"}
	opened, closed := 0, 0
	down := fault.New(fault.Unavailable, "down")
	open := func(context.Context) (int, error) {
		if opened++; opened == 1 {
			return 0, down
		}
		return opened, nil
	}
	l, err := Shared(env, "k", open, func(int) error { closed++; return nil })
	if err != nil {
		t.Fatal(err)
	}
	again, err := Shared(env, "k", open, nil)
	if err != nil || again != l {
		t.Fatal("not shared", err)
	}
	if err := Warm(t.Context(), env, l, "open it"); err != nil {
		t.Errorf("a store that is down is an error at the start: %v", err)
	}
	for range 2 {
		if v, err := l.Get(t.Context()); v != 2 || err != nil {
			t.Errorf("%d, %v", v, err)
		}
	}
	if err := errors.Join(l.shut(), l.shut()); err != nil || closed != 1 {
		t.Errorf("closed %d times: %v", closed, err)
	}
}

func TestWarmReportsWhatRepeatingDoesNotCure(t *testing.T) {
	l := &Lazy[int]{open: func(context.Context) (int, error) { return 0, fault.New(fault.Config, "wrong password") }}
	if err := Warm(t.Context(), &connector.Env{}, l, "open table t"); fault.KindOf(err) != fault.Config || !strings.HasPrefix(err.Error(), "open table t: ") {
		t.Error(err)
	}
}

func TestDo(t *testing.T) {
	env := &connector.Env{}
	n := 0
	err := Do(t.Context(), env, "write t", func(context.Context) error {
		if n++; n < 3 {
			return fault.New(fault.Transient, "busy")
		}
		return nil
	})
	if err != nil || n != 3 {
		t.Errorf("%d calls, %v", n, err)
	}
	// Nobody upstream can put the row aside any more.
	if err := Do(t.Context(), env, "write t", func(context.Context) error { return fault.New(fault.Data, "too long") }); fault.KindOf(err) != fault.Permanent || err.Error() != "write t: too long" {
		t.Errorf("%s %v", fault.KindOf(err), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := Do(ctx, env, "write t", func(context.Context) error { return fault.New(fault.Unavailable, "down") }); fault.KindOf(err) != fault.Canceled {
		t.Errorf("%s %v", fault.KindOf(err), err)
	}
}
