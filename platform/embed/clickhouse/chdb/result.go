package chdb

import (
	"errors"
	"regexp"
	"strconv"
	"unsafe"
)

// Result is a statement's output. Its Data lives in C memory and dies with Free.
type Result struct {
	lib *Library
	h   uintptr

	Data         []byte  // C memory: copy what must outlive Free
	RowsRead     uint64  // rows of the output
	StorageRows  uint64  // rows read from tables
	StorageBytes uint64  // bytes read from tables
	RowsWritten  uint64  // rows inserted
	BytesWritten uint64  // bytes inserted
	Elapsed      float64 // seconds
}

// Free releases the output. Harmless on nil and when called twice.
func (r *Result) Free() {
	if r != nil && r.h != 0 {
		r.lib.destroy(r.h)
		r.h, r.Data = 0, nil
	}
}

// check frees h and returns its error, if it has one.
func (l *Library) check(h uintptr) error {
	if h == 0 {
		return errors.New("the engine gave no result")
	}
	e := l.resultError(h)
	if e == 0 {
		return nil
	}
	err := parseError(cString(e))
	l.destroy(h)
	return err
}

func (l *Library) take(h uintptr) (*Result, error) {
	if err := l.check(h); err != nil {
		return nil, err
	}
	r := &Result{
		lib: l, h: h,
		RowsRead: l.rowsRead(h), StorageRows: l.storageRows(h), StorageBytes: l.storageBytes(h),
		RowsWritten: l.rowsWritten(h), BytesWritten: l.bytesWritten(h), Elapsed: l.elapsed(h),
	}
	if n := l.length(h); n > 0 {
		r.Data = unsafe.Slice((*byte)(pointer(l.buffer(h))), n)
	}
	return r, nil
}

// Error is an exception of the engine.
type Error struct {
	Code int    // ClickHouse's error code; 1002 (UNKNOWN_EXCEPTION) when the text has none
	Name string // such as UNKNOWN_TABLE; UNKNOWN_EXCEPTION when the text has none
	Text string // whole text: "Code: 60. DB::Exception: …"
}

func (e *Error) Error() string { return e.Text }

var (
	codeRE = regexp.MustCompile(`Code: (\d+)`)
	nameRE = regexp.MustCompile(`\(([A-Z][A-Z0-9_]+)\)\s*$`)
)

func parseError(text string) *Error {
	e := &Error{Code: 1002, Name: "UNKNOWN_EXCEPTION", Text: text}
	if m := codeRE.FindStringSubmatch(text); m != nil {
		if code, err := strconv.Atoi(m[1]); err == nil {
			e.Code = code
		}
	}
	if m := nameRE.FindStringSubmatch(text); m != nil {
		e.Name = m[1]
	}
	return e
}
