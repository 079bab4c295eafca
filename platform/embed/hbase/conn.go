package hbase

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/tsuna/gohbase/pb"
)

const (
	preamble    = "HBas\x00\x50" // magic, version 0, simple authentication
	maxPreamble = 1 << 20
	// connRequests bounds the requests of one connection in work at a time; further
	// ones wait in the socket.
	connRequests = 64
)

// conn speaks HBase's RPC protocol with one client. Requests run concurrently and are
// answered in the order in which they finish, as clients expect.
type conn struct {
	server     *Server
	net        net.Conn
	cellBlocks bool
	compressed bool

	writeMu sync.Mutex
}

func newConn(s *Server, c net.Conn) *conn { return &conn{server: s, net: c} }

func (c *conn) serve() error {
	r := bufio.NewReaderSize(c.net, 64<<10)
	if err := c.hello(r); err != nil {
		return err
	}
	var inWork sync.WaitGroup
	defer inWork.Wait()
	slots := make(chan struct{}, connRequests)
	for {
		frame, err := readFrame(r, maxFrame)
		if err != nil {
			return err
		}
		req, err := decodeRequest(frame, c.compressed)
		if err != nil {
			return err
		}
		slots <- struct{}{}
		inWork.Go(func() {
			defer func() { <-slots }()
			c.handle(req)
		})
	}
}

// hello reads the preamble and the connection header.
func (c *conn) hello(r io.Reader) error {
	got := make([]byte, len(preamble))
	if _, err := io.ReadFull(r, got); err != nil {
		return err
	}
	if string(got) != preamble {
		return fmt.Errorf("%w: preamble %q", errFrame, got)
	}
	frame, err := readFrame(r, maxPreamble)
	if err != nil {
		return err
	}
	var h pb.ConnectionHeader
	if err := proto.Unmarshal(frame, &h); err != nil {
		return fmt.Errorf("%w: connection header: %w", errFrame, err)
	}
	switch codec := h.GetCellBlockCodecClass(); codec {
	case codecKeyValue:
		c.cellBlocks = true
	case "":
	default:
		return c.refuse(throwf(classNoCodec, "%s", codec))
	}
	switch class := h.GetCellBlockCompressorClass(); class {
	case codecSnappy:
		c.compressed = true
	case "":
	default:
		return c.refuse(throwf(classNoCompression, "%s", class))
	}
	return nil
}

// refuse answers a connection header that cannot be served, as HBase does with call id -1.
func (c *conn) refuse(err error) error {
	return errors.Join(err, c.reply(1<<32-1, nil, nil, err))
}

// handle runs one request. A panic in it is a defect of the server: it is logged, the
// client gets an exception, the process lives on.
func (c *conn) handle(req *request) {
	id := req.header.GetCallId()
	defer func() {
		if p := recover(); p != nil {
			c.server.log.Error("hbase: request panicked", "method", req.header.GetMethodName(),
				"panic", p, "stack", string(debug.Stack()))
			_ = c.reply(id, nil, nil, throwf(classDoNotRetry, "internal error: %v", p))
		}
	}()
	call := &call{server: c.server, req: req, inline: !c.cellBlocks}
	resp, err := call.dispatch()
	if werr := c.reply(id, resp, call.out, err); werr != nil {
		_ = c.net.Close() // the reader ends with it
	}
}

// reply writes a response frame: delimited header, delimited message, cell block.
func (c *conn) reply(id uint32, msg proto.Message, cells []byte, err error) error {
	header := &pb.ResponseHeader{CallId: &id}
	var body []byte
	if err != nil {
		e := asException(err)
		cells = nil
		header.Exception = &pb.ExceptionResponse{
			ExceptionClassName: &e.class,
			StackTrace:         proto.String(e.Error()),
			DoNotRetry:         proto.Bool(true),
		}
	} else {
		var merr error
		if body, merr = proto.Marshal(msg); merr != nil {
			return fmt.Errorf("encode response: %w", merr)
		}
		if len(cells) > 0 {
			if c.compressed {
				cells = compress(cells)
			}
			header.CellBlockMeta = &pb.CellBlockMeta{Length: proto.Uint32(uint32(len(cells)))}
		}
	}
	head, merr := proto.Marshal(header)
	if merr != nil {
		return fmt.Errorf("encode response header: %w", merr)
	}
	buf := make([]byte, 4, 4+len(head)+len(body)+20)
	buf = protowire.AppendBytes(buf, head)
	if err == nil {
		buf = protowire.AppendBytes(buf, body)
	}
	binary.BigEndian.PutUint32(buf, uint32(len(buf)-4+len(cells)))
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	out := net.Buffers{buf, cells}
	_, werr := out.WriteTo(c.net)
	return werr
}
