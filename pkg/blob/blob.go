// Package blob stores immutable named objects: state snapshots and landed files. A name is a slash-separated path.
// Put is atomic: a reader sees the whole object or none. This package has the local directory; object stores implement the same interface.
package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// Store is a flat name space of objects.
type Store interface {
	// Put writes the object, replacing one of the same name.
	Put(ctx context.Context, name string, data []byte) error
	// Get reads a whole object; the error is fs.ErrNotExist if there is none.
	Get(ctx context.Context, name string) ([]byte, error)
	// Create streams an object: it appears under its name when the writer is closed; Abort discards it.
	Create(ctx context.Context, name string) (Writer, error)
	// List gives the names with a prefix, sorted.
	List(ctx context.Context, prefix string) ([]string, error)
	// Delete removes an object; one that is not there is no error.
	Delete(ctx context.Context, name string) error
	// Rename publishes an object under another name, atomically where the store can. A missing source with an existing target is no
	// error, so that a publication can be repeated.
	Rename(ctx context.Context, from, to string) error
	// String is the store's address for messages.
	String() string
}

// Writer is an object being written.
type Writer interface {
	io.WriteCloser
	Abort()
}

// Dir is a Store in a local directory. With Sync, an object that Put has acknowledged survives a power failure; without, a process crash only.
type Dir struct {
	Root string
	Sync bool
}

var _ Store = (*Dir)(nil)

// NewDir makes the directory if needed.
func NewDir(root string, sync bool) (*Dir, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, fault.Wrap(fault.Config, err, "create directory %s", root)
	}
	return &Dir{Root: root, Sync: sync}, nil
}

func (d *Dir) String() string { return "file://" + d.Root }

func (d *Dir) path(name string) (string, error) {
	if name == "" || !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", fault.Newf(fault.Internal, "object name %q leaves its store", name)
	}
	return filepath.Join(d.Root, filepath.FromSlash(name)), nil
}

// Create implements Store. The object is written beside its final place, under a dot name that List leaves out.
func (d *Dir) Create(_ context.Context, name string) (Writer, error) {
	p, err := d.path(name)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return nil, classify(err, "create directory of %s", p)
	}
	f, err := os.CreateTemp(filepath.Dir(p), ".tmp-"+filepath.Base(p)+"-*")
	if err != nil {
		return nil, classify(err, "create %s", p)
	}
	return &dirWriter{File: f, d: d, final: p}, nil
}

type dirWriter struct {
	*os.File
	d     *Dir
	final string
}

func (w *dirWriter) Write(p []byte) (int, error) {
	n, err := w.File.Write(p)
	if err != nil {
		return n, classify(err, "write %s", w.final)
	}
	return n, nil
}

func (w *dirWriter) Close() error {
	if w.d.Sync {
		if err := w.Sync(); err != nil {
			w.Abort()
			return classify(err, "sync %s", w.final)
		}
	}
	tmp := w.Name()
	if err := errors.Join(w.Chmod(0o644), w.File.Close()); err != nil {
		_ = os.Remove(tmp)
		return classify(err, "close %s", w.final)
	}
	if err := os.Rename(tmp, w.final); err != nil {
		_ = os.Remove(tmp)
		return classify(err, "publish %s", w.final)
	}
	return w.d.syncDir(filepath.Dir(w.final))
}

func (w *dirWriter) Abort() {
	_ = w.File.Close()
	_ = os.Remove(w.Name())
}

func (d *Dir) syncDir(dir string) error {
	if !d.Sync {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return classify(err, "open directory %s", dir)
	}
	defer func() { _ = f.Close() }()
	if err := f.Sync(); err != nil {
		return classify(err, "sync directory %s", dir)
	}
	return nil
}

// Put implements Store.
func (d *Dir) Put(ctx context.Context, name string, data []byte) error {
	w, err := d.Create(ctx, name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, bytes.NewReader(data)); err != nil {
		w.Abort()
		return err
	}
	return w.Close()
}

// Get implements Store.
func (d *Dir) Get(_ context.Context, name string) ([]byte, error) {
	p, err := d.path(name)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(p)
	if err != nil {
		return nil, classify(err, "read %s", p)
	}
	return data, nil
}

// List implements Store.
func (d *Dir) List(_ context.Context, prefix string) ([]string, error) {
	var out []string
	start := d.Root
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
		start = filepath.Join(d.Root, filepath.FromSlash(prefix[:i]))
	}
	err := filepath.WalkDir(start, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if e.IsDir() || strings.HasPrefix(e.Name(), ".tmp-") {
			return nil
		}
		rel, err := filepath.Rel(d.Root, p)
		if err != nil {
			return err
		}
		if rel = filepath.ToSlash(rel); strings.HasPrefix(rel, prefix) {
			out = append(out, rel)
		}
		return nil
	})
	if err != nil {
		return nil, classify(err, "list %s under %s", prefix, d.Root)
	}
	sort.Strings(out)
	return out, nil
}

// Delete implements Store.
func (d *Dir) Delete(_ context.Context, name string) error {
	p, err := d.path(name)
	if err != nil {
		return err
	}
	if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return classify(err, "delete %s", p)
	}
	return nil
}

// Rename implements Store.
func (d *Dir) Rename(_ context.Context, from, to string) error {
	f, err := d.path(from)
	if err != nil {
		return err
	}
	t, err := d.path(to)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(t), 0o755); err != nil {
		return classify(err, "create directory of %s", t)
	}
	if err := os.Rename(f, t); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			if _, serr := os.Stat(t); serr == nil {
				return nil
			}
		}
		return classify(err, "rename %s to %s", f, t)
	}
	return d.syncDir(filepath.Dir(t))
}

// classify tells a full disk, which passes once somebody frees room, from what repeating cannot help.
func classify(err error, format string, args ...any) error {
	kind := fault.Permanent
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.WithRemedy(fault.Wrap(fault.Unavailable, err, format, args...), "free space on the disk; work goes on by itself then")
	case errors.Is(err, syscall.EINTR), errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EMFILE):
		kind = fault.Transient
	}
	return fault.Wrap(kind, fmt.Errorf("%w", err), format, args...)
}
