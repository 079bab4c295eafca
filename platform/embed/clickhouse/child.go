package clickhouse

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/freshet-dw/freshet/platform/embed/clickhouse/chdb"
	"github.com/freshet-dw/freshet/platform/embed/clickhouse/front"
)

// Descriptors that the child gets from its parent.
const (
	httpFD   = 3 // HTTP listener
	tcpFD    = 4 // native listener
	readyFD  = 5 // the child writes a byte when it serves
	parentFD = 6 // ends when the parent dies or closes it
)

const (
	lockWait   = 15 * time.Second // for an engine that is still closing the same data
	childGrace = 10 * time.Second // for running queries and the engine's shutdown
)

// ServeChild is the body of the hidden subcommand that Start runs: it serves the listeners that it inherits
// until its parent closes the control pipe, dies, or ctx ends. args are what follows the subcommand's name.
//
// It is for Start only: without the inherited descriptors it returns an error.
func ServeChild(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("clickhouse-server", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	dir := fs.String("dir", "", "data folder")
	lib := fs.String("lib", "", "path of libchdb.so")
	queries := fs.Int("queries", 0, "queries at the same time")
	if err := fs.Parse(args); err != nil {
		return fmt.Errorf("clickhouse-server: %w", err)
	}
	if *dir == "" || *lib == "" {
		return errors.New("clickhouse-server: -dir and -lib are required")
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))

	parent := os.NewFile(parentFD, "parent")
	ready := os.NewFile(readyFD, "ready")
	httpL, err := inherit(httpFD)
	if err != nil {
		return err
	}
	tcpL, err := inherit(tcpFD)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the process: a pipe's read cannot be joined
		_, _ = io.Copy(io.Discard, parent)
		cancel()
		time.AfterFunc(childGrace, func() { _ = unix.Kill(os.Getpid(), unix.SIGKILL) }) // a hung engine must not outlive its parent
	}()

	unlock, err := lockDir(ctx, *dir)
	if err != nil {
		return err
	}
	defer unlock()
	l, err := chdb.Load(*lib)
	if err != nil {
		return err
	}
	e, err := front.Open(l, *dir, front.Options{Queries: *queries, Logger: log})
	if err != nil {
		return err
	}
	defer e.Close()

	srv := &http.Server{
		Handler: front.NewHTTP(e), ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	errs := make(chan error, 2)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := srv.Serve(httpL); !errors.Is(err, http.ErrServerClosed) {
			errs <- fmt.Errorf("serve HTTP: %w", err)
		}
	})
	wg.Go(func() {
		if err := front.ServeTCP(ctx, tcpL, e); err != nil {
			errs <- err
		}
	})
	if _, err := ready.Write([]byte{1}); err != nil {
		log.Warn("tell the parent", "error", err)
	}
	ready.Close()

	var cause error
	select {
	case <-ctx.Done():
	case cause = <-errs:
	}
	cancel()
	stopCtx, stop := context.WithTimeout(context.WithoutCancel(ctx), childGrace/2)
	defer stop()
	if err := srv.Shutdown(stopCtx); err != nil {
		srv.Close()
	}
	wg.Wait()
	return cause
}

func inherit(fd uintptr) (net.Listener, error) {
	f := os.NewFile(fd, "listener")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("clickhouse-server: inherit descriptor %d (only freshet itself starts this command): %w", fd, err)
	}
	return l, nil
}

// lockDir holds the data folder for this process: two engines over one folder destroy it. It waits for a
// predecessor that is still closing.
func lockDir(ctx context.Context, dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create data folder: %w", err)
	}
	path := filepath.Join(dir, "freshet.lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	deadline := time.Now().Add(lockWait)
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(deadline) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w: another process uses this data folder; stop it or choose another folder", path, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
