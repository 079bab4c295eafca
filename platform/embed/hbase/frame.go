package hbase

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/golang/snappy"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/tsuna/gohbase/pb"
)

const (
	// maxFrame is HBase's hbase.ipc.max.request.size.
	maxFrame = 256 << 20
	// frameStep bounds what is allocated before the bytes have arrived.
	frameStep = 1 << 20

	codecKeyValue = "org.apache.hadoop.hbase.codec.KeyValueCodec"
	codecSnappy   = "org.apache.hadoop.io.compress.SnappyCodec"

	// snappyChunk keeps a chunk's compressed form within Hadoop's 256 KiB buffer.
	snappyChunk = 256*1024*5/6 - 32
)

var errFrame = errors.New("malformed frame")

// readFrame reads a 4-byte big-endian length and that many bytes. A length that the
// sender does not back with data costs at most frameStep bytes of memory.
func readFrame(r io.Reader, limit int) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if uint64(n) > uint64(limit) {
		return nil, fmt.Errorf("%w: %d bytes exceed %d", errFrame, n, limit)
	}
	buf := make([]byte, 0, min(int(n), frameStep))
	for len(buf) < int(n) {
		have := len(buf)
		if have == cap(buf) {
			grown := make([]byte, have, min(2*have, int(n)))
			copy(grown, buf)
			buf = grown
		}
		buf = buf[:min(cap(buf), int(n))]
		if _, err := io.ReadFull(r, buf[have:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return buf, nil
}

// request is one decoded request frame; cells is the uncompressed cell block.
type request struct {
	header pb.RequestHeader
	param  []byte
	cells  []byte
}

// decodeRequest splits a frame: delimited header, delimited parameter, cell block.
func decodeRequest(frame []byte, compressed bool) (*request, error) {
	head, n := protowire.ConsumeBytes(frame)
	if n < 0 {
		return nil, fmt.Errorf("%w: header: %w", errFrame, protowire.ParseError(n))
	}
	req := &request{}
	if err := proto.Unmarshal(head, &req.header); err != nil {
		return nil, fmt.Errorf("%w: header: %w", errFrame, err)
	}
	if req.header.CallId == nil {
		return nil, fmt.Errorf("%w: no call id", errFrame)
	}
	rest := frame[n:]
	if req.header.GetRequestParam() {
		param, n := protowire.ConsumeBytes(rest)
		if n < 0 {
			return nil, fmt.Errorf("%w: parameter: %w", errFrame, protowire.ParseError(n))
		}
		req.param, rest = param, rest[n:]
	}
	if l := req.header.GetCellBlockMeta().GetLength(); l > 0 {
		if uint64(l) > uint64(len(rest)) {
			return nil, fmt.Errorf("%w: cell block of %d bytes in %d", errFrame, l, len(rest))
		}
		req.cells = rest[len(rest)-int(l):]
		if compressed {
			var err error
			if req.cells, err = decompress(req.cells); err != nil {
				return nil, err
			}
		}
	}
	return req, nil
}

// decompress reads Hadoop's block stream: per block its raw length, then chunks of
// compressed length and bytes until the raw length is reached.
func decompress(b []byte) ([]byte, error) {
	var out []byte
	for len(b) > 0 {
		if len(b) < 4 {
			return nil, fmt.Errorf("%w: short block length", errFrame)
		}
		left := uint64(binary.BigEndian.Uint32(b))
		b = b[4:]
		if uint64(len(out))+left > maxFrame {
			return nil, fmt.Errorf("%w: cell block inflates over %d bytes", errFrame, maxFrame)
		}
		for left > 0 {
			if len(b) < 4 {
				return nil, fmt.Errorf("%w: short chunk length", errFrame)
			}
			n := binary.BigEndian.Uint32(b)
			b = b[4:]
			if uint64(n) > uint64(len(b)) {
				return nil, fmt.Errorf("%w: chunk of %d bytes in %d", errFrame, n, len(b))
			}
			raw, err := snappy.DecodedLen(b[:n])
			if err != nil || uint64(raw) > left || raw == 0 {
				return nil, fmt.Errorf("%w: chunk of %d raw bytes, %d expected", errFrame, raw, left)
			}
			chunk, err := snappy.Decode(nil, b[:n])
			if err != nil {
				return nil, fmt.Errorf("%w: snappy: %w", errFrame, err)
			}
			out = append(out, chunk...)
			left -= uint64(raw)
			b = b[n:]
		}
	}
	return out, nil
}

func compress(cells []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(cells)))
	for len(cells) > 0 {
		n := min(len(cells), snappyChunk)
		chunk := snappy.Encode(nil, cells[:n])
		out = binary.BigEndian.AppendUint32(out, uint32(len(chunk)))
		out = append(out, chunk...)
		cells = cells[n:]
	}
	return out
}

// nextCell decodes the first KeyValue of a cell block; the cell aliases b. Tags, which
// the codec allows behind the value, are ignored.
func nextCell(b []byte) (c cell, rest []byte, err error) {
	if len(b) < 12 {
		return c, nil, fmt.Errorf("%w: short cell", errFrame)
	}
	total := uint64(binary.BigEndian.Uint32(b))
	if total > uint64(len(b)-4) || total < 8 {
		return c, nil, fmt.Errorf("%w: cell of %d bytes in %d", errFrame, total, len(b)-4)
	}
	rest = b[4+total:]
	kl, vl := uint64(binary.BigEndian.Uint32(b[4:])), uint64(binary.BigEndian.Uint32(b[8:]))
	b = b[12 : 4+total]
	if kl+vl > uint64(len(b)) || kl < 12 {
		return c, nil, fmt.Errorf("%w: cell with key of %d, value of %d in %d", errFrame, kl, vl, len(b))
	}
	key := b[:kl]
	c.val = b[kl : kl+vl : kl+vl]
	rl := int(binary.BigEndian.Uint16(key))
	if 2+rl+1 > len(key)-9 {
		return c, nil, fmt.Errorf("%w: row of %d in key of %d", errFrame, rl, kl)
	}
	c.row = key[2 : 2+rl : 2+rl]
	fl := int(key[2+rl])
	key = key[2+rl+1:]
	if fl > len(key)-9 {
		return c, nil, fmt.Errorf("%w: family of %d", errFrame, fl)
	}
	c.fam = key[:fl:fl]
	q := len(key) - 9
	c.qual = key[fl:q:q]
	c.ts = binary.BigEndian.Uint64(key[q:])
	c.typ = key[q+8]
	return c, rest, nil
}

func appendCell(dst []byte, c *cell) []byte {
	kl := 2 + len(c.row) + 1 + len(c.fam) + len(c.qual) + 9
	dst = binary.BigEndian.AppendUint32(dst, uint32(8+kl+len(c.val)))
	dst = binary.BigEndian.AppendUint32(dst, uint32(kl))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(c.val)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(c.row)))
	dst = append(dst, c.row...)
	dst = append(dst, byte(len(c.fam)))
	dst = append(dst, c.fam...)
	dst = append(dst, c.qual...)
	dst = binary.BigEndian.AppendUint64(dst, c.ts)
	dst = append(dst, c.typ)
	return append(dst, c.val...)
}
