package hbase

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// ZooKeeper's wire constants, of its jute records.
const (
	zkExists       = 3
	zkGetData      = 4
	zkGetChildren  = 8
	zkSync         = 9
	zkPing         = 11
	zkGetChildren2 = 12
	zkSetAuth      = 100
	zkSetWatches   = 101
	zkClose        = -11

	zkNoNode        = -101
	zkUnimplemented = -6

	zkMaxFrame = 1 << 20
	zkPassword = 16
)

// zkServer answers read requests over a fixed tree of nodes.
type zkServer struct {
	nodes    map[string][]byte
	sessions atomic.Int64
	started  time.Time
}

func newZKServer(nodes map[string][]byte, started time.Time) *zkServer {
	z := &zkServer{nodes: nodes, started: started}
	// Session ids differ between runs, so that a client's old session is not taken over.
	z.sessions.Store(started.UnixNano())
	return z
}

// serve speaks one connection until the client closes its session or errs.
func (z *zkServer) serve(c net.Conn) error {
	head := make([]byte, 4)
	if _, err := io.ReadFull(c, head); err != nil {
		return err
	}
	if string(head) == "ruok" {
		_, err := c.Write([]byte("imok"))
		return err
	}
	first, err := readFrame(io.MultiReader(strings.NewReader(string(head)), c), zkMaxFrame)
	if err != nil {
		return err
	}
	timeout, reply, err := z.connect(first)
	if err != nil {
		return err
	}
	for {
		if err := writeZK(c, reply); err != nil {
			return err
		}
		if err := c.SetReadDeadline(time.Now().Add(timeout)); err != nil {
			return err
		}
		frame, err := readFrame(c, zkMaxFrame)
		if err != nil {
			return err
		}
		var last bool
		if reply, last, err = z.answer(frame); err != nil {
			return err
		}
		if last {
			return writeZK(c, reply)
		}
	}
}

func writeZK(w io.Writer, b []byte) error {
	out := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(b)), uint32(len(b)))
	_, err := w.Write(append(out, b...))
	return err
}

// connect answers a ConnectRequest: version, last zxid, timeout ms, session id, password.
func (z *zkServer) connect(b []byte) (time.Duration, []byte, error) {
	if len(b) < 28 {
		return 0, nil, fmt.Errorf("%w: short connect request", errFrame)
	}
	ms := int32(binary.BigEndian.Uint32(b[12:]))
	ms = min(max(ms, 1000), 120_000)
	session := int64(binary.BigEndian.Uint64(b[16:]))
	if session == 0 {
		session = z.sessions.Add(1)
	}
	out := binary.BigEndian.AppendUint32(nil, 0)
	out = binary.BigEndian.AppendUint32(out, uint32(ms))
	out = binary.BigEndian.AppendUint64(out, uint64(session))
	out = binary.BigEndian.AppendUint32(out, zkPassword)
	out = append(out, make([]byte, zkPassword)...)
	return time.Duration(ms) * time.Millisecond, out, nil
}

// answer replies to one request; last says that the session ends with it.
func (z *zkServer) answer(b []byte) (reply []byte, last bool, err error) {
	if len(b) < 8 {
		return nil, false, fmt.Errorf("%w: short request", errFrame)
	}
	xid, op := int32(binary.BigEndian.Uint32(b)), int32(binary.BigEndian.Uint32(b[4:]))
	b = b[8:]
	header := func(code int32) []byte {
		h := binary.BigEndian.AppendUint32(nil, uint32(xid))
		h = binary.BigEndian.AppendUint64(h, 1)
		return binary.BigEndian.AppendUint32(h, uint32(code))
	}
	switch op {
	case zkPing, zkSetAuth, zkSetWatches:
		return header(0), false, nil
	case zkClose:
		return header(0), true, nil
	case zkExists, zkGetData, zkGetChildren, zkGetChildren2, zkSync:
	default:
		return header(zkUnimplemented), false, nil
	}
	path, err := zkPath(b)
	if err != nil {
		return nil, false, err
	}
	data, ok := z.nodes[path]
	if !ok {
		return header(zkNoNode), false, nil
	}
	out := header(0)
	switch op {
	case zkSync:
		out = appendZKBytes(out, []byte(path))
	case zkExists:
		out = z.appendStat(out, path)
	case zkGetData:
		out = z.appendStat(appendZKBytes(out, data), path)
	default:
		names := z.children(path)
		out = binary.BigEndian.AppendUint32(out, uint32(len(names)))
		for _, n := range names {
			out = appendZKBytes(out, []byte(n))
		}
		if op == zkGetChildren2 {
			out = z.appendStat(out, path)
		}
	}
	return out, false, nil
}

func zkPath(b []byte) (string, error) {
	if len(b) < 4 {
		return "", fmt.Errorf("%w: no path", errFrame)
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return "", fmt.Errorf("%w: path of %d bytes in %d", errFrame, n, len(b)-4)
	}
	return string(b[4 : 4+n]), nil
}

func appendZKBytes(dst, s []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)))
	return append(dst, s...)
}

func (z *zkServer) children(path string) []string {
	var names []string
	prefix := strings.TrimSuffix(path, "/") + "/"
	for p := range z.nodes {
		if rest, ok := strings.CutPrefix(p, prefix); ok && rest != "" && !strings.Contains(rest, "/") {
			names = append(names, rest)
		}
	}
	return names
}

// appendStat writes a node's Stat record; nodes never change while the server runs.
func (z *zkServer) appendStat(dst []byte, path string) []byte {
	ms := uint64(z.started.UnixMilli())
	for _, v := range []uint64{1, 1, ms, ms} { // czxid, mzxid, ctime, mtime
		dst = binary.BigEndian.AppendUint64(dst, v)
	}
	dst = append(dst, make([]byte, 12)...) // version, cversion, aversion
	dst = binary.BigEndian.AppendUint64(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(z.nodes[path])))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(z.children(path))))
	return binary.BigEndian.AppendUint64(dst, 1)
}
