package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// identity is a file whatever its name is. Inodes are used again, so what was read is compared too: see mark.
type identity struct {
	Dev   uint64 `json:"dev"`
	Inode uint64 `json:"ino"`
}

func identify(info os.FileInfo) identity {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}
	}
	return identity{uint64(st.Dev), st.Ino} //nolint:unconvert // Dev is narrower on other systems
}

// mark is the hash of the last bytes before the offset: other bytes there mean another content, which begins at 0.
type mark struct {
	Length int    `json:"len"`
	Hash   uint64 `json:"hash"`
}

// markRoom is more than one line's time and address.
const markRoom = 256

func markOf(b []byte) mark {
	if len(b) > markRoom {
		b = b[len(b)-markRoom:]
	}
	h := fnv.New64a()
	_, _ = h.Write(b) // cannot fail
	return mark{len(b), h.Sum64()}
}

// saved is how far a file was read, as it is committed.
type saved struct {
	identity
	Path   string `json:"path"`
	Offset int64  `json:"offset"`
	Mark   mark   `json:"mark"`
	Skip   bool   `json:"skip,omitempty"` // in a line that is too long
	// Ended is when the file was given up, in Unix seconds: it is remembered for a day, should its name come back.
	Ended int64 `json:"ended,omitempty"`
}

const remember = 24 * time.Hour

type registry struct {
	Version int     `json:"version"`
	Files   []saved `json:"files"`
}

func readRegistry(b []byte) (*registry, error) {
	r := &registry{Version: 1}
	if b == nil {
		return r, nil
	}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "read the positions of log files")
	}
	if r.Version != 1 {
		return nil, fault.WithRemedy(fault.Newf(fault.Config, "the positions of log files have version %d, which is newer than this program", r.Version), "set a new ods.logs.name")
	}
	return r, nil
}

// tail is an open file.
type tail struct {
	saved
	file  *os.File
	gone  time.Time // since when no pattern finds it; zero: it is there
	size  int64
	reset func(why string) // told when the content was replaced

	prev []byte // the bytes of the mark before base
	data []byte // of the chunk in work, from base on
	base int64
}

// chunk is how much of a file is read at once, so that files take turns.
const chunk = 1 << 20

// fresh tells whether the file still has what was read before: not cut off, not another file of the same inode.
func (t *tail) fresh() (bool, error) {
	info, err := t.file.Stat()
	if err != nil {
		return false, err
	}
	t.size = info.Size()
	if t.size < t.Offset {
		return false, nil
	}
	b := make([]byte, t.Mark.Length)
	if _, err := t.file.ReadAt(b, t.Offset-int64(len(b))); err != nil {
		if errors.Is(err, io.EOF) {
			return false, nil // cut off just now
		}
		return false, err
	}
	t.prev = b
	return t.Offset == 0 || markOf(b) == t.Mark, nil
}

// settle makes the mark of the offset, of bytes that were read and not of what the file has now.
func (t *tail) settle() {
	if t.data == nil {
		return
	}
	done := t.data[:t.Offset-t.base]
	if len(done) < markRoom {
		done = append(slices.Clone(t.prev), done...)
	}
	t.Mark = markOf(done)
}

// take is called for each line, without its end; long is set for the beginning of a line that is too long.
type take func(p place, line []byte, long bool) error

// read hands the whole lines of the next chunk to f and moves the offset behind each. It tells whether there may be more at once.
func (t *tail) read(buf []byte, limit int, f take) (more bool, err error) {
	info, err := t.file.Stat()
	if err != nil {
		return false, err
	}
	if info.Size() == t.size && t.Offset == t.size {
		return false, nil
	}
	ok, err := t.fresh()
	if err != nil {
		return false, err
	}
	if !ok {
		t.reset("the file was cut off or replaced")
		t.Offset, t.Mark, t.Skip, t.prev = 0, mark{}, false, nil
	}
	if t.Offset == t.size {
		return false, nil
	}
	n, err := t.file.ReadAt(buf, t.Offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	t.base, t.data = t.Offset, buf[:n]
	defer func() { t.settle(); t.data = nil }()
	for rest := t.data; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			if len(rest) > limit || t.Skip {
				err := t.line(rest, len(rest), true, limit, f)
				t.Skip = true
				return n == len(buf), err
			}
			break // its end is not there yet
		}
		if err := t.line(rest[:i+1], i, i > limit, limit, f); err != nil {
			return false, err
		}
		t.Skip = false
		rest = rest[i+1:]
	}
	return n == len(buf), nil
}

// line hands over one line, of which whole is all with its end, and moves on.
func (t *tail) line(whole []byte, length int, long bool, limit int, f take) error {
	text := bytes.TrimSuffix(whole[:length], []byte("\r"))
	if long {
		text = text[:min(len(text), limit)]
	}
	if !t.Skip {
		if err := f(place{t.Path, t.Offset}, text, long); err != nil {
			return err
		}
	}
	t.Offset += int64(len(whole))
	return nil
}

// last hands over a line without an end in a file that nobody writes to any more.
func (t *tail) last(buf []byte, limit int, f take) error {
	if ok, err := t.fresh(); err != nil || !ok {
		return err
	}
	n, err := t.file.ReadAt(buf, t.Offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	t.base, t.data = t.Offset, buf[:n]
	defer func() { t.settle(); t.data = nil }()
	if n == 0 || bytes.IndexByte(buf[:n], '\n') >= 0 {
		return nil
	}
	return t.line(buf[:n], n, n > limit, limit, f)
}

func compressed(path string) bool {
	return slices.Contains([]string{".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip"}, strings.ToLower(filepath.Ext(path)))
}

// find lists the files of the patterns by identity.
func find(patterns []string) map[identity]string {
	out := map[identity]string{}
	for _, p := range patterns {
		names, _ := filepath.Glob(p) // Validate has proved that it is a pattern
		for _, name := range names {
			info, err := os.Stat(name)
			if err != nil || !info.Mode().IsRegular() || compressed(name) {
				continue // gone between, or no log
			}
			if id := identify(info); out[id] == "" {
				out[id] = name
			}
		}
	}
	return out
}

// moved looks for a file that was renamed while nobody watched, in its directory.
func moved(s saved) string {
	dir := filepath.Dir(s.Path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && identify(info) == s.identity && !compressed(e.Name()) {
			return filepath.Join(dir, e.Name())
		}
	}
	return ""
}
