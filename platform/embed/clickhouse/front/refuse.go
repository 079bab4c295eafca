package front

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/ClickHouse/ch-go/proto"
)

// RefuseCode is the code of the exception that Refuse answers with: NETWORK_ERROR, which clients retry.
const RefuseCode = 210

// refuseTimeout bounds a refused connection: a client that says nothing is hung up on.
const refuseTimeout = 2 * time.Second

// RefuseTCP answers native clients with an exception until ctx ends, so that they learn at once why nothing
// works. It leaves the listener open.
func RefuseTCP(ctx context.Context, l *net.TCPListener, reason func() string) {
	stop := interruptAccept(ctx, l)
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		wg.Go(func() {
			defer nc.Close()
			_ = nc.SetDeadline(time.Now().Add(refuseTimeout))
			refuseConn(nc, reason())
		})
	}
}

func refuseConn(nc net.Conn, reason string) {
	r := proto.NewReader(nc)
	code, err := r.ReadByte()
	if err != nil || proto.ClientCode(code) != proto.ClientCodeHello {
		return
	}
	var h proto.ClientHello
	if err := h.Decode(r); err != nil { // unread bytes would reset the connection and lose the answer
		return
	}
	e := newException(RefuseCode, "NETWORK_ERROR", reason)
	var out proto.Buffer
	out.PutByte(byte(proto.ServerCodeException))
	(&proto.Exception{Code: proto.Error(e.Code), Name: "DB::Exception", Message: e.Text}).EncodeAware(&out, min(h.ProtocolVersion, revision))
	_, _ = nc.Write(out.Buf)
}

// RefuseHTTP answers HTTP clients with 503 until ctx ends. It leaves the listener open.
func RefuseHTTP(ctx context.Context, l *net.TCPListener, reason func() string, log *slog.Logger) {
	stop := interruptAccept(ctx, l)
	defer stop()
	srv := &http.Server{
		ReadHeaderTimeout: refuseTimeout, ReadTimeout: refuseTimeout, WriteTimeout: refuseTimeout,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20))
			w.Header().Set("Connection", "close")
			w.Header().Set("Retry-After", "1")
			writeException(w, newException(RefuseCode, "NETWORK_ERROR", reason()))
		}),
	}
	defer srv.Close()
	_ = srv.Serve(openListener{l}) // ends with the interrupted Accept
}

// openListener stays open when its server closes. An interrupted Accept looks closed to the server, which
// would otherwise wait and try again.
type openListener struct{ net.Listener }

func (l openListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = net.ErrClosed
	}
	return c, err
}

func (openListener) Close() error { return nil }

// interruptAccept makes Accept return when ctx ends, and the listener usable again after stop.
func interruptAccept(ctx context.Context, l *net.TCPListener) (stop func()) {
	_ = l.SetDeadline(time.Time{})
	cancel := context.AfterFunc(ctx, func() { _ = l.SetDeadline(time.Unix(1, 0)) })
	return func() { cancel() }
}
