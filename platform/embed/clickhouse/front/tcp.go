package front

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"

	"github.com/freshet-dw/freshet/platform/embed/clickhouse/chdb"
	"github.com/freshet-dw/freshet/platform/embed/clickhouse/native"
)

// revision is the newest protocol revision that the server speaks.
const revision = 54460

// readBuffer is not smaller than the buffer that proto.NewReader makes, which so takes ours instead.
const readBuffer = 256 << 10

// ServeTCP serves the native protocol until ctx ends, then closes what is open and waits for it.
func ServeTCP(ctx context.Context, l net.Listener, e *Engine) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		nc, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			cancel()
			return fmt.Errorf("accept native connection: %w", err)
		}
		wg.Go(func() {
			if err := serveConn(ctx, nc, e); err != nil && ctx.Err() == nil {
				e.log.Debug("native connection ended", "client", nc.RemoteAddr(), "error", err)
			}
		})
	}
}

func serveConn(ctx context.Context, nc net.Conn, e *Engine) error {
	ctx, cancel := context.WithCancel(ctx)
	s := &session{e: e, nc: nc, zip: compress.NewWriter(0, compress.LZ4), tr: native.NewTranslator()}
	s.raw = bufio.NewReaderSize(nc, readBuffer)
	s.r = proto.NewReader(s.raw)
	// Data's frames end with its block, so this buffer is empty between blocks.
	s.unzip = bufio.NewReaderSize(compress.NewReader(s.raw), readBuffer)
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	defer func() {
		stop()
		cancel()
		nc.Close()
		if s.ahead != nil { // its reader ends with the connection
			<-s.ahead
		}
		if s.c != nil {
			s.c.Close()
		}
	}()
	err := s.run(ctx)
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// session is one native connection.
type session struct {
	e     *Engine
	nc    net.Conn
	raw   *bufio.Reader
	r     *proto.Reader // over raw, without a buffer of its own
	unzip *bufio.Reader // over raw, for compressed data
	out   proto.Buffer
	zip   *compress.Writer
	tr    *native.Translator
	c     *chdb.Conn
	mark  string
	rev   int

	// ahead holds the next packet's code when it was read while a query ran.
	ahead chan packetCode
}

type packetCode struct {
	code proto.ClientCode
	err  error
}

func (s *session) flush() error {
	_, err := s.nc.Write(s.out.Buf)
	s.out.Reset()
	return err
}

func (s *session) sendException(err error) error {
	e := exception(err)
	s.out.PutByte(byte(proto.ServerCodeException))
	(&proto.Exception{Code: proto.Error(e.Code), Name: "DB::Exception", Message: e.Text}).EncodeAware(&s.out, s.rev)
	return s.flush()
}

func (s *session) readCode() (proto.ClientCode, error) {
	if s.ahead != nil {
		p := <-s.ahead
		s.ahead = nil
		return p.code, p.err
	}
	b, err := s.r.ReadByte()
	return proto.ClientCode(b), err
}

// watch looks, while a query runs, whether its client cancels or leaves, and then kills the query.
// stop ends the watch, not the read: the packet that comes next stays for readCode.
func (s *session) watch(id string) (cancelled func() bool, stop func()) {
	if s.ahead != nil { // still one unread: nothing more can be read
		return func() bool { return false }, func() {}
	}
	ahead := make(chan packetCode, 1)
	s.ahead = ahead
	var gone atomic.Bool
	ctx, cancel := context.WithCancel(context.Background())
	killed := make(chan struct{})
	got := make(chan bool, 1)
	go func() {
		b, err := s.r.ReadByte()
		p := packetCode{proto.ClientCode(b), err}
		if err != nil || p.code == proto.ClientCodeCancel {
			gone.Store(true)
			got <- true
		}
		ahead <- p
	}()
	go func() {
		defer close(killed)
		select {
		case <-got:
			s.e.kill(ctx, id)
		case <-ctx.Done():
		}
	}()
	return gone.Load, func() {
		cancel()
		<-killed
	}
}

func (s *session) hello() error {
	code, err := s.r.ReadByte()
	if err != nil {
		return err
	}
	if proto.ClientCode(code) != proto.ClientCodeHello {
		return fmt.Errorf("read hello: first byte is %d: not the native protocol", code)
	}
	var h proto.ClientHello
	if err := h.Decode(s.r); err != nil {
		return fmt.Errorf("read hello: %w", err)
	}
	s.rev = min(h.ProtocolVersion, revision)
	if s.e.auth != nil && !s.e.auth(h.User, h.Password) {
		return errors.Join(authFailed(h.User), s.sendException(authFailed(h.User)))
	}
	if s.c, err = s.e.session(h.Database); err != nil {
		return errors.Join(err, s.sendException(err))
	}
	if s.mark, err = s.e.mark(s.c); err != nil {
		return errors.Join(err, s.sendException(err))
	}
	major, minor, patch := s.e.Version()
	(&proto.ServerHello{
		Name: "ClickHouse", Major: major, Minor: minor, Patch: patch, Revision: revision,
		Timezone: "UTC", DisplayName: "embedded",
	}).EncodeAware(&s.out, s.rev)
	if err := s.flush(); err != nil {
		return err
	}
	if proto.FeatureAddendum.In(s.rev) {
		if _, err := s.r.Str(); err != nil { // quota key
			return err
		}
	}
	return nil
}

func (s *session) run(ctx context.Context) error {
	if err := s.hello(); err != nil {
		return err
	}
	for {
		code, err := s.readCode()
		if err != nil {
			return err
		}
		switch code {
		case proto.ClientCodePing:
			proto.ServerCodePong.Encode(&s.out)
			err = s.flush()
		case proto.ClientCodeCancel: // of a query that has ended
		case proto.ClientCodeQuery:
			err = s.query(ctx)
		default:
			return fmt.Errorf("read packet: unexpected code %d", code)
		}
		if err != nil {
			return err
		}
	}
}
