package redis

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// record is one change: commands applied at a time in a database.
type record struct {
	time time.Time
	db   int
	cmds [][]string
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode appends the record's frame: length of the payload and its CRC-32C,
// both 32 bits little endian, then the payload: time (varint, ns since 1970),
// database, number of commands, and for each the number of its arguments and
// each argument with its length (all uvarint).
func (r record) encode(b []byte) []byte {
	start := len(b)
	b = append(b, make([]byte, 8)...)
	b = binary.AppendVarint(b, r.time.UnixNano())
	b = binary.AppendUvarint(b, uint64(r.db))
	b = binary.AppendUvarint(b, uint64(len(r.cmds)))
	for _, cmd := range r.cmds {
		b = binary.AppendUvarint(b, uint64(len(cmd)))
		for _, a := range cmd {
			b = binary.AppendUvarint(b, uint64(len(a)))
			b = append(b, a...)
		}
	}
	payload := b[start+8:]
	binary.LittleEndian.PutUint32(b[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(b[start+4:], crc32.Checksum(payload, castagnoli))
	return b
}

var errMalformed = errors.New("malformed record")

// decode reads a payload.
func decode(p []byte) (record, error) {
	bad := false
	uvarint := func() uint64 {
		n, size := binary.Uvarint(p)
		// No count or length can exceed the bytes that are left.
		if size <= 0 || n > uint64(len(p)) {
			bad = true
			return 0
		}
		p = p[size:]
		return n
	}
	ns, size := binary.Varint(p)
	if size <= 0 {
		return record{}, errMalformed
	}
	p = p[size:]
	r := record{time: time.Unix(0, ns).UTC(), db: int(uvarint())}
	for range uvarint() {
		var cmd []string
		for range uvarint() {
			n := uvarint()
			if bad || n > uint64(len(p)) {
				return record{}, errMalformed
			}
			cmd = append(cmd, string(p[:n]))
			p = p[n:]
		}
		if len(cmd) == 0 {
			return record{}, errMalformed
		}
		r.cmds = append(r.cmds, cmd)
	}
	if bad || len(p) > 0 || r.db >= databases {
		return record{}, errMalformed
	}
	return r, nil
}

// wal is the log: files log-N, each preceded by snapshot-N unless N is 1.
type wal struct {
	dir  string
	sync bool

	mu       sync.Mutex
	cond     sync.Cond // pending grew, safe grew, or the end came
	number   int
	file     *os.File
	size     int64  // of the current file, including pending
	pending  []byte // encoded, not yet handed to the file
	position int64  // of the end of pending, counted since the start
	safe     int64  // up to here everything is in the file, and synced
	closed   bool
	err      error
	ended    bool

	compacting bool
	compactors sync.WaitGroup
}

func (w *wal) path(kind string, n int) string {
	return filepath.Join(w.dir, fmt.Sprintf("%s-%08d", kind, n))
}

// openWAL replays the newest snapshot and the logs since, and opens the last
// log for appending. It returns the number of records.
func openWAL(ctx context.Context, dir string, sync bool, apply func(record) error) (*wal, int, error) {
	w := &wal{dir: dir, sync: sync}
	w.cond.L = &w.mu
	numbers, err := w.list("log")
	if err != nil {
		return nil, 0, err
	}
	snapshots, err := w.list("snapshot")
	if err != nil {
		return nil, 0, err
	}
	first, total := 1, 0
	if len(snapshots) > 0 {
		first = snapshots[len(snapshots)-1]
		n, _, err := replay(ctx, w.path("snapshot", first), apply, false)
		if err != nil {
			return nil, 0, err
		}
		total += n
	}
	w.number = first
	if len(numbers) > 0 {
		w.number = max(first, numbers[len(numbers)-1])
	}
	for n := first; n <= w.number; n++ {
		got, end, err := replay(ctx, w.path("log", n), apply, n == w.number)
		if errors.Is(err, os.ErrNotExist) && n == w.number {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		total += got
		w.size = end
	}
	w.file, err = os.OpenFile(w.path("log", w.number), os.O_CREATE|os.O_RDWR, 0o644)
	if err == nil {
		err = w.file.Truncate(w.size)
	}
	if err == nil {
		_, err = w.file.Seek(w.size, io.SeekStart)
	}
	if err != nil {
		return nil, 0, fault.Wrap(fault.Config, err, "open Redis' log")
	}
	w.removeBefore(first)
	return w, total, syncDir(dir)
}

// list returns the numbers of the files of a kind, ascending.
func (w *wal) list(kind string) ([]int, error) {
	paths, err := filepath.Glob(filepath.Join(w.dir, kind+"-????????"))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "list Redis' files")
	}
	var out []int
	for _, p := range paths {
		var n int
		if _, err := fmt.Sscanf(filepath.Base(p), kind+"-%d", &n); err == nil {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, cmp.Compare)
	return out, nil
}

// replay applies a file's records and returns their number and the offset
// after the last whole one. Only the newest log may end in a torn record, of a
// change that nobody was told about.
func replay(ctx context.Context, path string, apply func(record) error, torn bool) (n int, end int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, fault.Wrap(fault.Config, err, "open Redis' data")
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, 0, fault.Wrap(fault.Config, err, "open Redis' data")
	}
	damaged := func(why string) error {
		return fault.WithRemedy(fault.Newf(fault.Permanent, "%s is damaged at byte %d: %s", path, end, why),
			fmt.Sprintf("restore the file, or give up what follows with: truncate -s %d %s", end, path))
	}
	in := bufio.NewReaderSize(f, 1<<20)
	var head [8]byte
	var payload bytes.Buffer
	for {
		if n%1000 == 0 && ctx.Err() != nil {
			return n, end, fault.Wrap(fault.Canceled, ctx.Err(), "load Redis' data")
		}
		_, err := io.ReadFull(in, head[:])
		if err == io.EOF {
			return n, end, nil
		}
		size := int64(binary.LittleEndian.Uint32(head[:]))
		// A file system may leave zeros after a loss of power.
		if err != nil || size == 0 || size > info.Size()-end-8 {
			if torn {
				return n, end, nil
			}
			return n, end, damaged("the last record is not whole")
		}
		payload.Reset()
		if _, err := io.CopyN(&payload, in, size); err != nil {
			return n, end, fault.Wrap(fault.Unavailable, err, "read %s", path)
		}
		if crc32.Checksum(payload.Bytes(), castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
			if torn && end+8+size == info.Size() {
				return n, end, nil
			}
			return n, end, damaged("wrong checksum")
		}
		r, err := decode(payload.Bytes())
		if err != nil {
			return n, end, damaged(err.Error())
		}
		if err := apply(r); err != nil {
			return n, end, damaged(err.Error())
		}
		n++
		end += 8 + size
	}
}

// append queues a record and returns its position and the log's size.
func (w *wal) append(r record) (position, size int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := len(w.pending)
	w.pending = r.encode(w.pending)
	n := int64(len(w.pending) - before)
	w.position += n
	w.size += n
	w.cond.Broadcast()
	return w.position, w.size
}

// wait returns once everything up to the position is safe.
func (w *wal) wait(position int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.safe < position && !w.ended {
		w.cond.Wait()
	}
	if w.safe < position {
		return cmp.Or(w.err, os.ErrClosed)
	}
	return nil
}

// run writes what is pending, all of it at once, until close.
func (w *wal) run() error {
	var batch []byte
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() {
		w.ended = true
		w.cond.Broadcast()
	}()
	for {
		for len(w.pending) == 0 && !w.closed {
			w.cond.Wait()
		}
		if len(w.pending) == 0 {
			w.err = w.file.Close()
			return w.err
		}
		batch, w.pending = w.pending, batch[:0]
		to, file := w.position, w.file
		w.mu.Unlock()
		_, err := file.Write(batch)
		if err == nil && w.sync {
			err = file.Sync()
		}
		w.mu.Lock()
		if err != nil {
			w.err = fault.Wrap(fault.Unavailable, err, "write Redis' log")
			return w.err
		}
		w.safe = to
		w.cond.Broadcast()
	}
}

func (w *wal) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.cond.Broadcast()
}

func (w *wal) removeBefore(number int) {
	for _, kind := range []string{"log", "snapshot"} {
		numbers, err := w.list(kind)
		if err != nil {
			return
		}
		for _, n := range numbers {
			if n < number {
				_ = os.Remove(w.path(kind, n)) // tried again at the next start
			}
		}
	}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err == nil {
		err = errors.Join(d.Sync(), d.Close())
	}
	return fault.Wrap(fault.Unavailable, err, "sync %s", dir)
}
