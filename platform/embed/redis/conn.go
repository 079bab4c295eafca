package redis

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/alicebob/miniredis/v2/server"
)

// flushBytes of waiting replies end a pipeline's batch early.
const flushBytes = 1 << 20

// accept serves until the listener is closed.
func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				s.fail(err)
			}
			return
		}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			_ = c.Close()
			return
		}
		s.conns[c] = struct{}{}
		s.mu.Unlock()
		s.peers.Go(func() {
			s.serve(c)
			_ = c.Close()
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		})
	}
}

// session is the state of one connection.
type session struct {
	peer  *server.Peer
	out   *replies
	db    int
	queue [][]string // commands since MULTI; nil outside
	multi bool
}

// replies holds what a connection is to be told until the changes before it
// are safe. Once subscribed, messages pass straight through.
type replies struct {
	mu     sync.Mutex
	conn   net.Conn
	buf    bytes.Buffer
	direct bool
}

func (r *replies) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.direct {
		return r.conn.Write(p)
	}
	return r.buf.Write(p)
}

func (r *replies) send() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := r.conn.Write(r.buf.Bytes())
	r.buf.Reset()
	return err
}

func (r *replies) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Len()
}

// serve reads commands and answers them in order. Commands that have arrived
// together are applied together and wait for the log once.
func (s *Server) serve(c net.Conn) {
	out := &replies{conn: c}
	ss := &session{out: out, peer: server.NewPeer(bufio.NewWriter(out))}
	defer func() {
		// miniredis drops a subscriber when its last subscription ends.
		s.dispatch(ss, []string{"UNSUBSCRIBE"})
		s.dispatch(ss, []string{"PUNSUBSCRIBE"})
	}()
	in := bufio.NewReaderSize(c, 64<<10)
	for {
		args, err := readCommand(in)
		if err != nil {
			if errors.Is(err, errProtocol) {
				_, _ = io.WriteString(c, "-ERR Protocol error\r\n") // it is leaving anyway
			}
			return
		}
		var position int64
		for {
			if len(args) > 0 {
				if p := s.apply(ss, args); p > position {
					position = p
				}
			}
			if in.Buffered() == 0 || out.len() > flushBytes || ss.peer.Closed() {
				break
			}
			if args, err = readCommand(in); err != nil {
				break
			}
		}
		if s.wal != nil && position > 0 {
			if werr := s.wal.wait(position); werr != nil {
				return // unrecorded: no reply, the client must not count on it
			}
		}
		if out.send() != nil || err != nil || ss.peer.Closed() {
			return
		}
	}
}

// refused are the commands that would hold the store's lock while waiting.
var refused = []string{"BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BLMPOP", "BZMPOP", "BZPOPMAX", "BZPOPMIN"}

// unlogged are the commands that are not marked read-only by miniredis and
// still change no data.
var unlogged = []string{"PING", "ECHO", "AUTH", "HELLO", "SELECT", "QUIT", "MULTI", "DISCARD", "WATCH", "UNWATCH", "EXEC",
	"CLIENT", "COMMAND", "CLUSTER", "INFO", "TIME", "MEMORY", "OBJECT", "PUBSUB", "PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE",
	"PSUBSCRIBE", "PUNSUBSCRIBE", "WAIT", "XINFO"}

// apply runs one command and returns the log position that its reply must
// wait for, 0 for none.
func (s *Server) apply(ss *session, args []string) int64 {
	cmd := strings.ToUpper(args[0])
	if reason := refusal(cmd, args); reason != "" {
		ss.peer.WriteError("ERR " + reason)
		ss.peer.Flush()
		return 0
	}
	if cmd == "SUBSCRIBE" || cmd == "PSUBSCRIBE" {
		// Everything before must be out, since messages overtake from now on.
		if ss.out.send() != nil {
			ss.peer.Close()
			return 0
		}
		ss.out.mu.Lock()
		ss.out.direct = true
		ss.out.mu.Unlock()
	}
	st := s.store
	st.mu.Lock()
	defer st.mu.Unlock()
	t := st.tick(args)
	before := ss.out.len()
	st.set(t, random(cmd))
	s.dispatch(ss, args)
	failed := isFailure(ss.out, before)

	rec := record{time: t, db: ss.db}
	switch {
	case cmd == "MULTI" && !failed:
		ss.multi, ss.queue = true, nil
		return 0
	case cmd == "DISCARD":
		ss.multi, ss.queue = false, nil
		return 0
	case cmd == "EXEC":
		queued := ss.queue
		ss.multi, ss.queue = false, nil
		if failed || !slices.ContainsFunc(queued, func(a []string) bool { return s.changes(a[0]) }) {
			return 0
		}
		rec.cmds = append(append([][]string{{"MULTI"}}, queued...), []string{"EXEC"})
		for _, q := range queued {
			st.learn(q)
			if strings.EqualFold(q[0], "SELECT") {
				ss.selected(q)
			}
		}
	case ss.multi:
		if !failed {
			ss.queue = append(ss.queue, args)
		}
		return 0
	case cmd == "SELECT":
		if !failed {
			ss.selected(args)
		}
		return 0
	case !s.changes(cmd):
		return 0
	default:
		// A failed script may have changed something before it failed.
		if failed && !strings.HasPrefix(cmd, "EVAL") {
			return 0
		}
		st.learn(args)
		rec.cmds = [][]string{args}
	}
	if s.wal == nil {
		return 0
	}
	position, size := s.wal.append(rec)
	if size > s.cfg.CompactBytes {
		s.compact(t)
	}
	return position
}

func (s *Server) dispatch(ss *session, args []string) {
	s.store.srv.Dispatch(ss.peer, args)
	ss.peer.Flush()
}

func (s *Server) changes(cmd string) bool {
	cmd = strings.ToUpper(cmd)
	return !slices.Contains(unlogged, cmd) && s.store.srv.IsRegisteredCommand(cmd) && !s.store.srv.IsReadOnlyCommand(cmd)
}

func (ss *session) selected(args []string) {
	if len(args) == 2 {
		if n, err := strconv.Atoi(args[1]); err == nil {
			ss.db = n
		}
	}
}

// learn remembers scripts for snapshots.
func (s *store) learn(args []string) {
	switch cmd := strings.ToUpper(args[0]); {
	case cmd == "EVAL" && len(args) > 1:
		s.script(args[1])
	case cmd == "SCRIPT" && len(args) > 2 && strings.EqualFold(args[1], "LOAD"):
		s.script(args[2])
	case cmd == "SCRIPT" && len(args) > 1 && strings.EqualFold(args[1], "FLUSH"):
		clear(s.scripts)
	}
}

func (s *store) script(source string) {
	sum := sha1.Sum([]byte(source)) // the name that EVALSHA uses
	s.scripts[hex.EncodeToString(sum[:])] = source
}

// random tells the commands whose effect depends on dice.
func random(cmd string) bool {
	return cmd == "SPOP" || cmd == "EXEC" || strings.HasPrefix(cmd, "EVAL")
}

// refusal is why a command is not served, or "".
func refusal(cmd string, args []string) string {
	if slices.Contains(refused, cmd) {
		return cmd + " is not served by the embedded server"
	}
	if cmd == "XREAD" || cmd == "XREADGROUP" {
		for _, a := range args[1:] {
			if strings.EqualFold(a, "STREAMS") {
				break
			}
			if strings.EqualFold(a, "BLOCK") {
				return "BLOCK is not served by the embedded server"
			}
		}
	}
	var numbers []string
	switch {
	case cmd == "SELECT" && len(args) == 2, cmd == "SWAPDB" && len(args) == 3:
		numbers = args[1:]
	case cmd == "MOVE" && len(args) == 3:
		numbers = args[2:]
	case cmd == "COPY":
		for i := 3; i+1 < len(args); i++ {
			if strings.EqualFold(args[i], "DB") {
				numbers = args[i+1 : i+2]
			}
		}
	}
	for _, n := range numbers {
		if v, err := strconv.Atoi(n); err == nil && v >= databases {
			return "DB index is out of range"
		}
	}
	return ""
}

// isFailure reports whether the reply that starts at byte n is an error or the
// null of an aborted EXEC.
func isFailure(r *replies, n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.buf.Bytes()
	if n >= len(b) {
		return false
	}
	b = b[n:]
	return b[0] == '-' || bytes.HasPrefix(b, []byte("*-1\r\n"))
}

var errProtocol = errors.New("protocol error")

const (
	maxArgs = 1 << 20
	maxBulk = 512 << 20
)

// readCommand reads an array of bulk strings, or an inline command as people
// type them. An empty line is an empty command.
func readCommand(in *bufio.Reader) ([]string, error) {
	line, err := readLine(in)
	if err != nil {
		return nil, err
	}
	if line == "" {
		return nil, nil
	}
	if line[0] != '*' {
		return strings.Fields(line), nil
	}
	n, err := strconv.Atoi(line[1:])
	if err != nil || n > maxArgs {
		return nil, errProtocol
	}
	args := make([]string, 0, min(max(n, 0), 64))
	for range n {
		head, err := readLine(in)
		if err != nil {
			return nil, err
		}
		if head == "" || head[0] != '$' {
			return nil, errProtocol
		}
		size, err := strconv.Atoi(head[1:])
		if err != nil || size < 0 || size > maxBulk {
			return nil, errProtocol
		}
		arg, err := readN(in, size)
		if err != nil {
			return nil, err
		}
		if end, err := readLine(in); err != nil || end != "" {
			return nil, errors.Join(errProtocol, err)
		}
		args = append(args, arg)
	}
	return args, nil
}

// readN reads size bytes, trusting the announced size only as far as bytes
// arrive.
func readN(in *bufio.Reader, size int) (string, error) {
	if size <= 64<<10 {
		b := make([]byte, size)
		_, err := io.ReadFull(in, b)
		return string(b), err
	}
	var b strings.Builder
	if _, err := io.CopyN(&b, in, int64(size)); err != nil {
		return "", err
	}
	return b.String(), nil
}

func readLine(in *bufio.Reader) (string, error) {
	b, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", errProtocol
	}
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(string(b[:len(b)-1]), "\r"), nil
}
