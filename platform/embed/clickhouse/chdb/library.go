// Package chdb binds libchdb.so, the ClickHouse engine as a shared library, without cgo.
//
// It guarantees that loading and connecting leave the Go runtime's signal handlers and the process's
// standard input usable, and that every result's C memory has one owner who frees it.
// It does not speak any ClickHouse protocol, does not authenticate, and cannot protect the process from
// a crash inside the engine: run it in a process of its own.
//
// The library boots the engine at the first Connect and allows one data path per process. Linux only.
package chdb

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
	"golang.org/x/sys/unix"
)

// Library is a loaded libchdb.so. Safe for concurrent use.
type Library struct {
	connectMu sync.Mutex // connect and close change process-wide state

	connect         func(argc int32, argv unsafe.Pointer) uintptr
	closeConn       func(conn uintptr)
	query           func(conn uintptr, sql unsafe.Pointer, n uintptr, format unsafe.Pointer, fn uintptr) uintptr
	queryParams     func(conn uintptr, sql unsafe.Pointer, n uintptr, format unsafe.Pointer, fn uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) uintptr
	stream          func(conn uintptr, sql unsafe.Pointer, n uintptr, format unsafe.Pointer, fn uintptr) uintptr
	streamParams    func(conn uintptr, sql unsafe.Pointer, n uintptr, format unsafe.Pointer, fn uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) uintptr
	streamFetch     func(conn, result uintptr) uintptr
	streamCancel    func(conn, result uintptr)
	insert          func(conn uintptr, sql unsafe.Pointer, n uintptr, format unsafe.Pointer, fn uintptr) uintptr
	insertAppend    func(insert uintptr, data unsafe.Pointer, n uintptr) int32
	insertDone      func(insert uintptr) uintptr
	insertError     func(insert uintptr) uintptr
	insertDestroy   func(insert uintptr)
	destroy         func(result uintptr)
	buffer          func(result uintptr) uintptr
	length          func(result uintptr) uintptr
	rowsRead        func(result uintptr) uint64
	storageRows     func(result uintptr) uint64
	storageBytes    func(result uintptr) uint64
	rowsWritten     func(result uintptr) uint64
	bytesWritten    func(result uintptr) uint64
	elapsed         func(result uintptr) float64
	resultError     func(result uintptr) uintptr
	setSignals      func(enabled int32)
	version         func() uintptr
	sigaction       func(sig int32, act, old unsafe.Pointer) int32
	signalsDisabled bool
}

// Load opens the library at path (a libchdb.so of version 26.7 or newer: older ones have no insert stream).
//
// The process's descriptor 0 becomes /dev/null, because the engine reads the data of an INSERT from it
// whenever it is a pipe or a file.
func Load(path string) (*Library, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	l := &Library{}
	for _, f := range []struct {
		fn   any
		name string
	}{
		{&l.connect, "chdb_connect"},
		{&l.closeConn, "chdb_close_conn"},
		{&l.query, "chdb_query_n"},
		{&l.queryParams, "chdb_query_with_params_n"},
		{&l.stream, "chdb_stream_query_n"},
		{&l.streamParams, "chdb_stream_query_with_params_n"},
		{&l.streamFetch, "chdb_stream_fetch_result"},
		{&l.streamCancel, "chdb_stream_cancel_query"},
		{&l.insert, "chdb_stream_insert_n"},
		{&l.insertAppend, "chdb_stream_append"},
		{&l.insertDone, "chdb_stream_done"},
		{&l.insertError, "chdb_stream_insert_error"},
		{&l.insertDestroy, "chdb_destroy_insert_stream"},
		{&l.destroy, "chdb_destroy_query_result"},
		{&l.buffer, "chdb_result_buffer"},
		{&l.length, "chdb_result_length"},
		{&l.rowsRead, "chdb_result_rows_read"},
		{&l.storageRows, "chdb_result_storage_rows_read"},
		{&l.storageBytes, "chdb_result_storage_bytes_read"},
		{&l.rowsWritten, "chdb_result_rows_written"},
		{&l.bytesWritten, "chdb_result_bytes_written"},
		{&l.elapsed, "chdb_result_elapsed"},
		{&l.resultError, "chdb_result_error"},
		{&l.setSignals, "chdb_set_signal_handlers_enabled"},
		{&l.version, "chdb_version"},
	} {
		sym, err := purego.Dlsym(handle, f.name)
		if err != nil {
			return nil, fmt.Errorf("load %s: no function %s: the library is older than 26.7; run `make chdb`", path, f.name)
		}
		purego.RegisterFunc(f.fn, sym)
	}
	libc, err := purego.Dlopen("libc.so.6", purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("load libc: %w", err)
	}
	purego.RegisterLibFunc(&l.sigaction, libc, "sigaction")
	if err := nullStdin(); err != nil {
		return nil, err
	}
	return l, nil
}

func nullStdin() error {
	f, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Dup3(int(f.Fd()), 0, 0); err != nil {
		return fmt.Errorf("replace standard input by %s: %w", os.DevNull, err)
	}
	return nil
}

// Version is the engine's version, such as "26.7.3".
func (l *Library) Version() string { return cString(l.version()) }

// sigactionWords is the size of glibc's struct sigaction (152 bytes on the 64-bit targets) in words.
const sigactionWords = 19

// keepSignals restores every signal disposition after fn. Connecting overwrites SIGSEGV and others, and
// disabling the engine's handlers resets them to the default: either would break the Go runtime, which
// turns faults into panics and preempts goroutines by a signal.
func (l *Library) keepSignals(fn func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var old [65][sigactionWords]uint64
	for s := int32(1); s <= 64; s++ {
		l.sigaction(s, nil, unsafe.Pointer(&old[s]))
	}
	fn()
	for s := int32(1); s <= 64; s++ {
		switch unix.Signal(s) {
		case unix.SIGKILL, unix.SIGSTOP, 32, 33: // not settable; 32 and 33 are glibc's own
			continue
		}
		l.sigaction(s, unsafe.Pointer(&old[s]), nil)
	}
}

// Connect opens a connection: a session with its own settings and temporary tables. The first one boots the
// engine (about a second). args are clickhouse-local's, such as "--path=/data"; all must name the same path.
func (l *Library) Connect(args ...string) (*Conn, error) {
	argv := make([]*byte, 0, len(args)+2)
	for _, a := range append([]string{"chdb"}, args...) {
		argv = append(argv, &append([]byte(a), 0)[0])
	}
	argv = append(argv, nil)

	l.connectMu.Lock()
	defer l.connectMu.Unlock()
	var outer uintptr
	l.keepSignals(func() {
		if !l.signalsDisabled {
			l.setSignals(0)
			l.signalsDisabled = true
		}
		outer = l.connect(int32(len(args)+1), unsafe.Pointer(&argv[0]))
	})
	runtime.KeepAlive(argv)
	if outer == 0 {
		return nil, errors.New("connect to the embedded engine: refused; its own log says why")
	}
	inner := *(*uintptr)(pointer(outer))
	if inner == 0 {
		return nil, errors.New("connect to the embedded engine: empty connection")
	}
	return &Conn{lib: l, outer: outer, inner: inner}, nil
}

// pointer turns a C address into a pointer. C memory does not move, so the conversion is sound, but
// vet cannot know that.
func pointer(addr uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&addr)) }

func cString(addr uintptr) string {
	if addr == 0 {
		return ""
	}
	n := 0
	for *(*byte)(unsafe.Add(pointer(addr), n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(pointer(addr)), n))
}
