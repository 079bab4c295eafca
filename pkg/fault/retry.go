package fault

import (
	"context"
	"math/rand/v2"
	"time"
)

// Clock is the time that a retry waits in; tests inject their own.
type Clock interface {
	Now() time.Time
	// Sleep waits for d or until ctx is done, and then returns its error.
	Sleep(ctx context.Context, d time.Duration) error
}

// SystemClock is the machine's clock.
type SystemClock struct{}

// Now returns time.Now.
func (SystemClock) Now() time.Time { return time.Now() }

// Sleep waits on a timer.
func (SystemClock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Policy says how often and how patiently to repeat. The zero Policy means:
// first wait 100 ms, doubling to 10 s, ±50 % jitter, until ctx is done.
type Policy struct {
	Initial    time.Duration // first wait; default 100 ms
	Max        time.Duration // longest wait; default 10 s
	Multiplier float64       // growth of the wait; default 2
	Jitter     float64       // share of the wait that is random, 0..1; default 0.5, negative for none
	Attempts   int           // calls in total; 0 = no limit
	MaxElapsed time.Duration // no new call after this long; 0 = no limit

	Clock Clock                                         // default SystemClock
	Rand  func() float64                                // in [0,1); default math/rand
	Retry func(err error) bool                          // default KindOf(err).Retryable()
	OnErr func(err error, attempt int, d time.Duration) // told before each wait; may be nil
}

func (p Policy) withDefaults() Policy {
	if p.Initial <= 0 {
		p.Initial = 100 * time.Millisecond
	}
	if p.Max <= 0 {
		p.Max = 10 * time.Second
	}
	if p.Multiplier < 1 {
		p.Multiplier = 2
	}
	switch {
	case p.Jitter == 0:
		p.Jitter = 0.5
	case p.Jitter < 0:
		p.Jitter = 0
	}
	if p.Clock == nil {
		p.Clock = SystemClock{}
	}
	if p.Rand == nil {
		p.Rand = rand.Float64
	}
	if p.Retry == nil {
		p.Retry = func(err error) bool { return KindOf(err).Retryable() }
	}
	return p
}

// Backoff returns the wait after the n-th failed call, n from 1, given a
// random number in [0,1).
func (p Policy) Backoff(n int, random float64) time.Duration {
	p = p.withDefaults()
	d := float64(p.Initial)
	for i := 1; i < n && d < float64(p.Max); i++ {
		d *= p.Multiplier
	}
	d = min(d, float64(p.Max))
	return time.Duration(d * (1 - p.Jitter + p.Jitter*2*random))
}

// Retry calls fn until it succeeds, fails with an error that repeating cannot
// help, the policy's limits are reached or ctx is done. It returns fn's last
// error, never a bare "gave up"; if ctx ended the wait, joined with ctx's error
// and of kind Canceled.
func Retry(ctx context.Context, policy Policy, fn func(context.Context) error) error {
	p := policy.withDefaults()
	start := p.Clock.Now()
	for n := 1; ; n++ {
		err := fn(ctx)
		if err == nil || !p.Retry(err) {
			return err
		}
		if ctx.Err() != nil {
			return Wrap(Canceled, Join(err, ctx.Err()), "")
		}
		if p.Attempts > 0 && n >= p.Attempts {
			return Wrap(None, err, "after %d attempts", n)
		}
		d := p.Backoff(n, p.Rand())
		if p.MaxElapsed > 0 && p.Clock.Now().Sub(start)+d > p.MaxElapsed {
			return Wrap(None, err, "after %d attempts", n)
		}
		if p.OnErr != nil {
			p.OnErr(err, n, d)
		}
		if serr := p.Clock.Sleep(ctx, d); serr != nil {
			return Wrap(Canceled, Join(err, serr), "")
		}
	}
}
