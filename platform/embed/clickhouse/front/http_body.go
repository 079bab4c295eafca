package front

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// decodeBody undoes the body's Content-Encoding, then ClickHouse's own framing (decompress=1).
// An encoding that it does not know is refused: passed on undecoded, it once read as an empty insert.
func decodeBody(body io.Reader, encodings []string, framed bool) (r io.Reader, closeBody func(), err error) {
	closeBody = func() {}
	encoding := strings.ToLower(strings.TrimSpace(strings.Join(encodings, ",")))
	switch encoding {
	case "", "identity":
		r = body
	case "gzip":
		r, err = gzip.NewReader(body)
	case "deflate":
		r, err = zlib.NewReader(body)
	case "lz4":
		r = lz4.NewReader(body)
	case "zstd":
		var d *zstd.Decoder
		if d, err = zstd.NewReader(body, zstd.WithDecoderConcurrency(1)); err == nil {
			r, closeBody = d, d.Close
		}
	default:
		return nil, nil, newException(1, "UNSUPPORTED_METHOD",
			fmt.Sprintf("Content-Encoding %q is not supported: send gzip, deflate, lz4, zstd or none", encoding))
	}
	if err != nil {
		return nil, nil, bodyError(err)
	}
	if framed {
		src := &countingReader{r: bufio.NewReaderSize(r, 64<<10)}
		r = &framedReader{src: src, r: compress.NewReader(src)}
	}
	return r, closeBody, nil
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// framedReader ends with io.EOF only between two frames. Inside a frame the end of the body is an error.
type framedReader struct {
	src *countingReader
	r   io.Reader
}

func (f *framedReader) Read(p []byte) (int, error) {
	before := f.src.n
	n, err := f.r.Read(p)
	switch {
	case n > 0 || err == nil:
		return n, nil
	case errors.Is(err, io.EOF) && f.src.n == before:
		return 0, io.EOF
	case errors.Is(err, io.EOF):
		return 0, io.ErrUnexpectedEOF
	}
	return 0, err
}

// readHead reads up to n bytes. Fewer mean a clean end; a broken encoding is an error, which io.ReadFull
// would not tell apart.
func readHead(r io.Reader, n int) ([]byte, error) {
	var b bytes.Buffer
	_, err := io.CopyN(&b, r, int64(n))
	if err == io.EOF {
		err = nil
	}
	return b.Bytes(), err
}

func bodyError(err error) error {
	return newException(33, "CANNOT_READ_ALL_DATA", "read the request's body: "+err.Error())
}
