package front

import (
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// response sends a result, compressed as the client asked. Headers go out with the first byte, so an error
// before it still gets its own status.
type response struct {
	w       http.ResponseWriter
	frames  *compress.Writer // ClickHouse's own framing (compress=1)
	enc     io.WriteCloser   // Content-Encoding
	tag     string
	started bool
}

func newResponse(w http.ResponseWriter, r *http.Request, format string) (*response, error) {
	u := r.URL.Query()
	o := &response{w: w, tag: randomHex(8)}
	h := w.Header()
	h.Set("X-ClickHouse-Format", format)
	h.Set("X-ClickHouse-Exception-Tag", o.tag)
	h.Set("Content-Type", contentType(format))
	switch {
	case u.Get("compress") == "1":
		method := compress.LZ4
		if strings.EqualFold(u.Get("network_compression_method"), "zstd") {
			method = compress.ZSTD
		}
		o.frames = compress.NewWriter(0, method)
	case u.Get("enable_http_compression") == "1":
		for _, name := range []string{"zstd", "lz4", "gzip", "deflate"} {
			if !accepts(r.Header.Get("Accept-Encoding"), name) {
				continue
			}
			var err error
			switch name {
			case "zstd":
				o.enc, err = zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
			case "lz4":
				o.enc = lz4.NewWriter(w)
			case "gzip":
				o.enc, err = gzip.NewWriterLevel(w, gzip.BestSpeed)
			case "deflate":
				o.enc, err = zlib.NewWriterLevel(w, zlib.BestSpeed)
			}
			if err != nil {
				return nil, fmt.Errorf("compress the response: %w", err)
			}
			h.Set("Content-Encoding", name)
			break
		}
	}
	return o, nil
}

func accepts(header, name string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part, params, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(part), name) {
			return strings.ReplaceAll(params, " ", "") != "q=0"
		}
	}
	return false
}

func (o *response) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	o.started = true
	if o.enc != nil {
		_, err := o.enc.Write(b)
		return err
	}
	if o.frames == nil {
		_, err := o.w.Write(b)
		return err
	}
	for len(b) > 0 {
		n := min(len(b), frame)
		if err := o.frames.Compress(b[:n]); err != nil {
			return err
		}
		if _, err := o.w.Write(o.frames.Data); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// finish ends the response. It returns err when nothing has been sent; later, an exception goes into the
// body, between marks that carry the tag of the headers.
func (o *response) finish(err error) error {
	if err != nil && !o.started {
		o.w.Header().Del("Content-Encoding")
		return err
	}
	if err != nil {
		text := exception(err).Text + "\n"
		_ = o.write([]byte("\r\n__exception__\r\n" + o.tag + "\r\n" + text + strconv.Itoa(len(text)) + " " + o.tag + "\r\n__exception__\r\n"))
	}
	if o.enc != nil {
		_ = o.enc.Close() // the client has gone: nobody to tell
	}
	return nil
}

func contentType(format string) string {
	switch {
	case strings.HasPrefix(format, "JSONEach"):
		return "application/x-ndjson; charset=UTF-8"
	case strings.HasPrefix(format, "JSON"):
		return "application/json; charset=UTF-8"
	case strings.HasPrefix(format, "CSVWithNames"):
		return "text/csv; charset=UTF-8; header=present"
	case strings.HasPrefix(format, "CSV"):
		return "text/csv; charset=UTF-8; header=absent"
	case format == "Native", format == "Parquet", strings.HasPrefix(format, "RowBinary"), strings.HasPrefix(format, "Arrow"):
		return "application/octet-stream"
	}
	return "text/tab-separated-values; charset=UTF-8"
}

// statusOf maps error codes as ClickHouse does; what is not named here is 500.
var statusOf = map[int]int{
	6: 400, 27: 400, 36: 400, 41: 400, 42: 400, 43: 400, 46: 400, 47: 400, 53: 400, 62: 400, 108: 400, 115: 400, 117: 400, 457: 400,
	60: 404, 81: 404,
	192: 403, 193: 403, 497: 403, 516: 403,
	159: 408, 48: 501, 1: 501, 210: 503, 202: 503,
}

func writeException(w http.ResponseWriter, err error) {
	e := exception(err)
	status := http.StatusInternalServerError
	if s, ok := statusOf[e.Code]; ok {
		status = s
	}
	h := w.Header()
	h.Del("Content-Encoding")
	h.Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.Code))
	h.Set("X-ClickHouse-Exception-Name", e.Name)
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, e.Text+"\n")
}
