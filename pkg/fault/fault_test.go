package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want Kind
	}{
		{"nil", nil, None},
		{"unclassified", io.EOF, Internal},
		{"new", New(Data, "bad"), Data},
		{"outermost wins", Wrap(Permanent, New(Transient, "x"), "commit"), Permanent},
		{"through fmt", fmt.Errorf("read: %w", New(Fenced, "x")), Fenced},
		{"remedy keeps kind", WithRemedy(New(Config, "x"), "y"), Config},
		{"position keeps kind", WithPos(New(Config, "x"), At("f", 1, 1)), Config},
		{"canceled", fmt.Errorf("poll: %w", context.Canceled), Canceled},
		{"deadline", context.DeadlineExceeded, Transient},
		{"gravest of join", Join(New(Transient, "a"), New(Config, "b"), New(Canceled, "c")), Config},
		{"join ignores unclassified", Join(io.EOF, New(Transient, "b")), Transient},
		{"bare kind", fmt.Errorf("x: %w", Unavailable), Unavailable},
		{"newf", Newf(Data, "row %d: %w", 3, io.EOF), Data},
	} {
		if got := KindOf(c.err); got != c.want {
			t.Errorf("%s: KindOf = %v, want %v", c.name, got, c.want)
		}
	}
}

func TestIsAndAs(t *testing.T) {
	err := fmt.Errorf("outer: %w", Wrap(Transient, io.ErrUnexpectedEOF, "read %s", "orders"))
	if !errors.Is(err, Transient) || errors.Is(err, Data) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("errors.Is does not see kind and cause of %v", err)
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal("errors.As does not find *Error")
	}
	if got := err.Error(); got != "outer: read orders: unexpected EOF" {
		t.Fatalf("text = %q", got)
	}
	if Wrap(Data, nil, "x") != nil || WithRemedy(nil, "x") != nil || WithPos(nil, Pos{}) != nil || Join(nil, nil) != nil {
		t.Fatal("wrapping nil must stay nil")
	}
}

func TestRender(t *testing.T) {
	source := "SELECT a,\n\t'表' || b\r\nFROM t"
	err := Join(
		At("q.sql", 1, 8).Errorf(Config, "unknown column %q", "a"),
		WithRemedy(At("q.sql", 2, 9).Errorf(Config, "unknown column %q", "b"), "did you mean \"c\"?"),
		At("q.sql", 9, 1).Errorf(Config, "past the end"),
		New(Config, "no position"),
	)
	want := `q.sql:1:8: unknown column "a"
 1 | SELECT a,
   |        ^
q.sql:2:9: unknown column "b"
 2 | 	'表' || b
   | 	        ^
  → did you mean "c"?
q.sql:9:1: past the end
no position
`
	if got := Render(err, source); got != want {
		t.Fatalf("got:\n%s\nwant:\n%s", got, want)
	}
	if got := Render(Wrap(Config, err, ""), ""); strings.Count(got, "\n") != 5 || strings.Contains(got, "|") {
		t.Fatalf("without source:\n%s", got)
	}
	if Render(nil, source) != "" {
		t.Fatal("nil must render as nothing")
	}
}

func TestFlattenKeepsSentences(t *testing.T) {
	if got := Flatten(fmt.Errorf("%w: %w", io.EOF, io.ErrClosedPipe)); len(got) != 1 {
		t.Fatalf("a sentence with two causes became %d errors", len(got))
	}
	if got := Flatten(Join(Join(io.EOF, io.ErrClosedPipe), io.ErrNoProgress)); len(got) != 3 {
		t.Fatalf("nested joins gave %d errors, want 3", len(got))
	}
}

func TestPosOfInnermost(t *testing.T) {
	err := WithPos(At("in.sql", 2, 3).Errorf(Config, "x"), At("out.sql", 9, 9))
	if p, ok := PosOf(err); !ok || p.String() != "in.sql:2:3" {
		t.Fatalf("PosOf = %v %v", p, ok)
	}
	if _, ok := PosOf(io.EOF); ok {
		t.Fatal("position out of nothing")
	}
	if r := RemedyOf(fmt.Errorf("a: %w", WithRemedy(err, "do this"))); r != "do this" {
		t.Fatalf("RemedyOf = %q", r)
	}
}

type fakeClock struct {
	now   time.Time
	slept []time.Duration
}

func (c *fakeClock) Now() time.Time { return c.now }
func (c *fakeClock) Sleep(ctx context.Context, d time.Duration) error {
	c.slept = append(c.slept, d)
	c.now = c.now.Add(d)
	return ctx.Err()
}

func TestRetry(t *testing.T) {
	ctx := context.Background()
	run := func(p Policy, errs ...error) (int, *fakeClock, error) {
		clock := &fakeClock{now: time.Unix(0, 0)}
		p.Clock, p.Rand = clock, func() float64 { return 0.5 }
		calls := 0
		err := Retry(ctx, p, func(context.Context) error {
			calls++
			if calls > len(errs) {
				return nil
			}
			return errs[calls-1]
		})
		return calls, clock, err
	}
	soft, hard := New(Transient, "soft"), New(Permanent, "hard")

	calls, clock, err := run(Policy{Initial: time.Second, Max: 3 * time.Second}, soft, soft, soft, soft)
	if err != nil || calls != 5 || fmt.Sprint(clock.slept) != "[1s 2s 3s 3s]" {
		t.Fatalf("calls=%d slept=%v err=%v", calls, clock.slept, err)
	}
	if calls, _, err = run(Policy{}, soft, hard, soft); calls != 2 || KindOf(err) != Permanent {
		t.Fatalf("permanent error: calls=%d err=%v", calls, err)
	}
	if calls, _, err = run(Policy{Attempts: 3}, soft, soft, soft, soft); calls != 3 || !errors.Is(err, Transient) {
		t.Fatalf("attempts: calls=%d err=%v", calls, err)
	}
	if calls, _, err = run(Policy{Initial: time.Second, MaxElapsed: 4 * time.Second}, soft, soft, soft, soft); calls != 3 || err == nil {
		t.Fatalf("elapsed: calls=%d err=%v", calls, err)
	}
}

func TestRetryCanceledKeepsCause(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	err := Retry(ctx, Policy{Initial: time.Hour, OnErr: func(error, int, time.Duration) { cancel() }}, func(context.Context) error {
		return Wrap(Unavailable, io.EOF, "dial")
	})
	if KindOf(err) != Canceled || !errors.Is(err, io.EOF) || !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v (%v)", err, KindOf(err))
	}
}

func TestBackoffJitter(t *testing.T) {
	p := Policy{Initial: 100 * time.Millisecond, Max: time.Second, Jitter: 0.2}
	if lo, hi := p.Backoff(1, 0), p.Backoff(1, 0.999999); lo != 80*time.Millisecond || hi < 119*time.Millisecond || hi > 120*time.Millisecond {
		t.Fatalf("jitter range %v..%v", lo, hi)
	}
	if d := (Policy{Jitter: -1}).Backoff(1000, 0.3); d != 10*time.Second {
		t.Fatalf("capped wait = %v", d)
	}
}
