// Package remote is how sinks and lookups hold on to a store that may be down: connect late, repeat with patience, say so.
package remote

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/fault"
)

// Lazy is a value that is made at its first successful use.
type Lazy[T any] struct {
	open  func(context.Context) (T, error)
	close func(T) error
	mu    sync.Mutex
	v     T
	ok    bool
}

// Shared gives the job's one Lazy for key. Close may be nil.
func Shared[T any](env *connector.Env, key string, open func(context.Context) (T, error), closeFn func(T) error) (*Lazy[T], error) {
	return connector.Shared(env, key, func() (*Lazy[T], func() error, error) {
		l := &Lazy[T]{open: open, close: closeFn}
		return l, l.shut, nil
	})
}

// Get gives the value, made now if it is not there yet. An error is not remembered.
func (l *Lazy[T]) Get(ctx context.Context) (T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ok {
		return l.v, nil
	}
	v, err := l.open(ctx)
	if err != nil {
		var zero T
		return zero, err
	}
	l.v, l.ok = v, true
	return v, nil
}

func (l *Lazy[T]) shut() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ok || l.close == nil {
		return nil
	}
	l.ok = false
	return l.close(l.v)
}

// firstTry bounds what Warm waits for a store that does not answer.
const firstTry = 5 * time.Second

// Warm makes the value early if the store is up, so that tables exist before the first row and wrong settings show at the start. A store
// that is down is no error: the first write waits for it.
func Warm[T any](ctx context.Context, env *connector.Env, l *Lazy[T], deed string) error {
	ctx, cancel := context.WithTimeout(ctx, firstTry)
	defer cancel()
	_, err := l.Get(ctx)
	if err == nil {
		return nil
	}
	if fault.KindOf(err).Retryable() || ctx.Err() != nil {
		Log(env).Warn("store is not there yet; the first use waits for it", "job", env.Job, "deed", deed, "error", err)
		return nil
	}
	return fmt.Errorf("%s: %w", deed, err)
}

// Do repeats fn while the store is down or busy, for as long as ctx lives: back-pressure, never loss. A value that the store
// refuses stops the job, for the row has left the place where it could be put aside.
func Do(ctx context.Context, env *connector.Env, deed string, fn func(context.Context) error) error {
	err := fault.Retry(ctx, fault.Policy{Max: 5 * time.Second, OnErr: func(err error, attempt int, wait time.Duration) {
		Log(env).Warn("store does not take the request; it is repeated", "job", env.Job, "deed", deed, "attempt", attempt, "wait", wait, "error", err)
	}}, fn)
	if err != nil && fault.KindOf(err) == fault.Data {
		return fault.Wrap(fault.Permanent, err, "%s", deed)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", deed, err)
	}
	return nil
}

// Log is the job's logger.
func Log(env *connector.Env) *slog.Logger {
	if env.Tel == nil || env.Tel.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return env.Tel.Log
}
