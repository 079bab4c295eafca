package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// signals sends Ctrl-C and SIGTERM where they belong: SIGTERM, and Ctrl-C when nothing in the foreground wants it, end the process's context.
type signals struct {
	mu    sync.Mutex
	inner context.CancelFunc
}

// watch gives the process's context. After the signal that ended it the next one ends the process at once.
func watch(parent context.Context) (context.Context, *signals) {
	ctx, cancel := context.WithCancel(parent)
	s := &signals{}
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	go func() {
		for sig := range ch {
			if sig == os.Interrupt && s.interrupt() {
				continue
			}
			signal.Stop(ch)
			cancel()
			return
		}
	}()
	return ctx, s
}

// interrupt ends what runs in the foreground, if anything does.
func (s *signals) interrupt() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inner == nil {
		return false
	}
	s.inner()
	s.inner = nil
	return true
}

// interruptible gives a context that the next Ctrl-C ends in place of the process's.
func (s *signals) interruptible(ctx context.Context) (context.Context, func()) {
	inner, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	s.inner = cancel
	s.mu.Unlock()
	return inner, func() {
		s.mu.Lock()
		s.inner = nil
		s.mu.Unlock()
		cancel()
	}
}
