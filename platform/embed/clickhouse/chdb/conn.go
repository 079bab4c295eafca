package chdb

import (
	"errors"
	"runtime"
	"sync"
	"unsafe"
)

// Conn is one session of the engine. It runs one statement at a time: calls wait for each other.
type Conn struct {
	lib   *Library
	mu    sync.Mutex
	outer uintptr // chdb_connection*
	inner uintptr // chdb_connection
}

var errClosed = errors.New("the engine's connection is closed")

// Close ends the session and drops its temporary tables. Closing twice is harmless.
func (c *Conn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.outer == 0 {
		return
	}
	c.lib.connectMu.Lock()
	defer c.lib.connectMu.Unlock()
	c.lib.closeConn(c.outer)
	c.outer, c.inner = 0, 0
}

// Query runs one statement and returns its whole output in the given format; the caller frees it.
// params fill {name:Type} placeholders, as text. An error of the engine is an *Error.
func (c *Conn) Query(sql []byte, format string, params map[string]string) (*Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inner == 0 {
		return nil, errClosed
	}
	h := c.start(c.lib.query, c.lib.queryParams, sql, format, params)
	return c.lib.take(h)
}

// Exec runs a statement whose output does not matter.
func (c *Conn) Exec(sql string) error {
	r, err := c.Query([]byte(sql), "Null", nil)
	r.Free()
	return err
}

type (
	queryFunc  = func(conn uintptr, sql unsafe.Pointer, n uintptr, format unsafe.Pointer, fn uintptr) uintptr
	paramsFunc = func(conn uintptr, sql unsafe.Pointer, n uintptr, format unsafe.Pointer, fn uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) uintptr
)

func (c *Conn) start(plain queryFunc, with paramsFunc, sql []byte, format string, params map[string]string) uintptr {
	f := []byte(format)
	defer runtime.KeepAlive(sql)
	defer runtime.KeepAlive(f)
	if len(params) == 0 {
		return plain(c.inner, address(sql), uintptr(len(sql)), address(f), uintptr(len(f)))
	}
	var names, values []*byte // typed pointers keep the bytes alive during the call
	var nameLens, valueLens []uintptr
	for k, v := range params {
		names = append(names, &append([]byte(k), 0)[0])
		values = append(values, &append([]byte(v), 0)[0])
		nameLens = append(nameLens, uintptr(len(k)))
		valueLens = append(valueLens, uintptr(len(v)))
	}
	h := with(c.inner, address(sql), uintptr(len(sql)), address(f), uintptr(len(f)),
		unsafe.Pointer(&names[0]), unsafe.Pointer(&nameLens[0]), unsafe.Pointer(&values[0]), unsafe.Pointer(&valueLens[0]), uintptr(len(params)))
	runtime.KeepAlive(names)
	runtime.KeepAlive(values)
	return h
}

// address is never nil: the engine does not accept a null pointer, even with length 0.
func address(b []byte) unsafe.Pointer {
	if len(b) == 0 {
		return unsafe.Pointer(new(byte))
	}
	return unsafe.Pointer(&b[0])
}

// Stream is a running query whose output comes in chunks, each a whole piece of the format.
// It holds its connection until Close.
type Stream struct {
	c *Conn
	h uintptr
}

// Stream starts a SELECT. Only formats whose chunks may be concatenated make sense: Native, row formats without a header.
func (c *Conn) Stream(sql []byte, format string, params map[string]string) (*Stream, error) {
	c.mu.Lock()
	if c.inner == 0 {
		c.mu.Unlock()
		return nil, errClosed
	}
	h := c.start(c.lib.stream, c.lib.streamParams, sql, format, params)
	if err := c.lib.check(h); err != nil {
		c.mu.Unlock()
		return nil, err
	}
	return &Stream{c: c, h: h}, nil
}

// Next returns the next chunk, which the caller frees, or nil at the end.
func (s *Stream) Next() (*Result, error) {
	r, err := s.c.lib.take(s.c.lib.streamFetch(s.c.inner, s.h))
	if err != nil {
		return nil, err
	}
	if r.RowsRead == 0 && len(r.Data) == 0 {
		r.Free()
		return nil, nil
	}
	return r, nil
}

// Cancel stops the query before its end. Close must still follow.
func (s *Stream) Cancel() { s.c.lib.streamCancel(s.c.inner, s.h) }

// Close frees the stream and its connection for the next statement.
func (s *Stream) Close() {
	s.c.lib.destroy(s.h)
	s.c.mu.Unlock()
}

// Insert is a running INSERT fed with data in pieces. It holds its connection until Close.
type Insert struct {
	c *Conn
	h uintptr
}

// Insert starts "INSERT INTO t (columns) [SETTINGS …]" (no FORMAT clause) fed by Write with data in format.
// This is the only way in for binary data: inline data is cut at its first blank line.
func (c *Conn) Insert(sql, format string) (*Insert, error) {
	c.mu.Lock()
	if c.inner == 0 {
		c.mu.Unlock()
		return nil, errClosed
	}
	q, f := []byte(sql), []byte(format)
	h := c.lib.insert(c.inner, address(q), uintptr(len(q)), address(f), uintptr(len(f)))
	runtime.KeepAlive(q)
	runtime.KeepAlive(f)
	if h == 0 {
		c.mu.Unlock()
		return nil, errors.New("start an insert: the engine gave no stream")
	}
	if e := c.lib.insertError(h); e != 0 {
		err := parseError(cString(e))
		c.lib.insertDestroy(h)
		c.mu.Unlock()
		return nil, err
	}
	return &Insert{c: c, h: h}, nil
}

// Write gives the engine more data; pieces need not end at row borders.
func (i *Insert) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if i.c.lib.insertAppend(i.h, address(b), uintptr(len(b))) == 0 {
		runtime.KeepAlive(b)
		return len(b), nil
	}
	if e := i.c.lib.insertError(i.h); e != 0 {
		return 0, parseError(cString(e))
	}
	return 0, errors.New("append to an insert: refused without a reason")
}

// Done ends the data and waits until the rows are stored. Without it Close drops what is not yet stored.
func (i *Insert) Done() (*Result, error) {

	return i.c.lib.take(i.c.lib.insertDone(i.h))
}

// Close frees the insert and its connection for the next statement.
func (i *Insert) Close() {
	i.c.lib.insertDestroy(i.h)
	i.c.mu.Unlock()
}
