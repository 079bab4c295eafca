package front

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/freshet-dw/freshet/platform/embed/clickhouse/chdb"
	"github.com/freshet-dw/freshet/platform/embed/clickhouse/native"
)

// notSettings are URL parameters of the HTTP interface itself; every other one is a setting.
var notSettings = map[string]bool{
	"query": true, "database": true, "default_format": true, "client_protocol_version": true,
	"compress": true, "decompress": true, "user": true, "password": true, "query_id": true, "session_id": true,
	"session_timeout": true, "session_check": true, "role": true, "quota_key": true, "buffer_size": true,
	"wait_end_of_query": true, "stacktrace": true, "close_session": true, "enable_http_compression": true,
	"network_compression_method": true, "network_zstd_compression_level": true, "http_zlib_compression_level": true,
}

// HTTP serves ClickHouse's HTTP interface. Sessions (session_id) are accepted and not kept: every request
// has its own settings and temporary tables.
type HTTP struct{ engine *Engine }

// NewHTTP returns the handler of ClickHouse's HTTP interface.
func NewHTTP(e *Engine) *HTTP { return &HTTP{engine: e} }

// request is an HTTP query, taken apart.
type request struct {
	url      url.Values
	settings map[string]string
	params   map[string]string
	format   string // when the query names none
	database string
	revision int
	head     string // SQL of the URL or form
	body     io.Reader
	files    []externalFile
}

type externalFile struct {
	name, format, structure string
	data                    []byte
}

func (h *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/ping", "/replicas_status":
		_, _ = io.WriteString(w, "Ok.\n")
		return
	case "/", "/query":
	default:
		http.Error(w, "There is no handle "+r.URL.Path, http.StatusNotFound)
		return
	}
	if r.Method == http.MethodGet && r.URL.RawQuery == "" {
		_, _ = io.WriteString(w, "Ok.\n")
		return
	}
	w.Header().Set("X-ClickHouse-Query-Id", queryID(r))
	w.Header().Set("X-ClickHouse-Server-Display-Name", "embedded")
	w.Header().Set("X-ClickHouse-Timezone", "UTC")
	if err := h.serve(w, r); err != nil {
		writeException(w, err)
	}
}

func queryID(r *http.Request) string {
	if id := r.URL.Query().Get("query_id"); id != "" {
		return id
	}
	return randomHex(16)
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// serve returns an error only while nothing has been sent.
func (h *HTTP) serve(w http.ResponseWriter, r *http.Request) error {
	if user, password := credentials(r); h.engine.auth != nil && !h.engine.auth(user, password) {
		return authFailed(user)
	}
	q, closeBody, err := readRequest(r)
	if err != nil {
		return err
	}
	defer closeBody()
	release, err := h.engine.acquire(r.Context())
	if err != nil {
		return err
	}
	defer release()
	c, err := h.engine.session(q.database)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := setSettings(c, q.settings); err != nil {
		return err
	}
	mark, err := h.engine.mark(c)
	if err != nil {
		return err
	}
	for _, f := range q.files {
		if err := c.Exec("CREATE TEMPORARY TABLE " + quoteName(f.name) + " (" + f.structure + ")"); err != nil {
			return err
		}
		if err := insertAll(c, "INSERT INTO "+quoteName(f.name), f.format, f.data); err != nil {
			return err
		}
	}
	return h.run(w, r, c, mark, q)
}

func credentials(r *http.Request) (user, password string) {
	if user, password, ok := r.BasicAuth(); ok {
		return user, password
	}
	if user := r.Header.Get("X-ClickHouse-User"); user != "" {
		return user, r.Header.Get("X-ClickHouse-Key")
	}
	q := r.URL.Query()
	return q.Get("user"), q.Get("password")
}

// run decides by the query's text: rows to send, data to insert, or neither.
func (h *HTTP) run(w http.ResponseWriter, r *http.Request, c *chdb.Conn, mark string, q *request) error {
	text, data, err := splitQuery(q)
	if err != nil {
		return err
	}
	st := parseStatement(text)
	if st.insert != nil && st.insert.format != formatValues && st.insert.format != "" {
		return insertBody(w, c, st.insert, data)
	}
	rest, err := io.ReadAll(data)
	if err != nil {
		return bodyError(err)
	}
	text += string(rest)
	if len(rest) > 0 {
		st = parseStatement(text)
	}
	if strings.TrimSpace(text) == "" {
		return newException(62, "SYNTAX_ERROR", "Empty query")
	}
	if !st.returns {
		res, err := c.Query([]byte(text), q.format, q.params)
		if err != nil {
			return err
		}
		defer res.Free()
		summary(w, res)
		_, _ = w.Write(res.Data)
		return nil
	}
	stop := h.killWhenGone(r.Context(), mark)
	defer stop()
	return h.sendRows(w, r, c, st, q)
}

// killWhenGone kills the marked query when its client leaves. stop waits for the killer to end.
func (h *HTTP) killWhenGone(request context.Context, mark string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-request.Done():
			h.engine.kill(ctx, mark)
		case <-ctx.Done():
		}
	}()
	return func() { cancel(); <-done }
}

// maxHead is how much of a body is looked at to tell an INSERT's text from its data.
const maxHead = 256 << 10

// splitQuery returns the SQL and what follows it. The SQL of an INSERT ends where its data begins; other
// SQL may go on in the data, which is then text.
func splitQuery(q *request) (text string, data io.Reader, err error) {
	text, data = q.head, q.body
	if text == "" {
		b, err := readHead(q.body, maxHead)
		if err != nil {
			return "", nil, bodyError(err)
		}
		text = string(b)
	} else if st := parseStatement(text); st.insert == nil || st.insert.format == formatValues {
		text += "\n"
	}
	if st := parseStatement(text); st.insert != nil && st.insert.format != formatValues && st.insert.dataAt < len(text) {
		data = io.MultiReader(strings.NewReader(text[st.insert.dataAt:]), data)
		text = text[:st.insert.dataAt]
	}
	return text, data, nil
}

// insertBody feeds data to an INSERT as it arrives. A body that breaks off or cannot be decoded stores no
// block that the engine has not stored already, and is always an error.
func insertBody(w http.ResponseWriter, c *chdb.Conn, head *insertHead, data io.Reader) error {
	ins, err := c.Insert(head.into, head.format)
	if err != nil {
		return err
	}
	defer ins.Close()
	n, err := io.CopyBuffer(ins, struct{ io.Reader }{data}, make([]byte, 1<<20))
	var engine *chdb.Error
	switch {
	case errors.As(err, &engine):
		return err
	case err != nil:
		return bodyError(err)
	case n == 0:
		return newException(108, "NO_DATA_TO_INSERT", "No data to insert")
	}
	res, err := ins.Done()
	if err != nil {
		return err
	}
	defer res.Free()
	summary(w, res)
	w.WriteHeader(http.StatusOK)
	return nil
}

// sendRows answers a query that returns rows.
func (h *HTTP) sendRows(w http.ResponseWriter, r *http.Request, c *chdb.Conn, st statement, q *request) error {
	format := st.format
	if format == "" {
		format = q.format
	}
	out, err := newResponse(w, r, format)
	if err != nil {
		return err
	}
	switch {
	case format == "Native":
		err = nativeBlocks(c, native.NewTranslator(), st, q.params, q.revision, func(block []byte, _ int) error { return out.write(block) })
	case streamable[format] && (st.verb == "SELECT" || st.verb == "WITH"):
		err = streamed(c, st, format, q.params, func(res *chdb.Result) error {
			defer res.Free()
			return out.write(res.Data)
		})
	default:
		var res *chdb.Result
		if res, err = c.Query([]byte(st.body), format, q.params); err == nil {
			summary(w, res)
			err = out.write(res.Data)
			res.Free()
		}
	}
	return out.finish(err)
}

// streamable formats are those whose chunks add up to the whole: no header, footer or index.
var streamable = map[string]bool{
	"TabSeparated": true, "TSV": true, "TabSeparatedRaw": true, "TSVRaw": true, "CSV": true,
	"JSONEachRow": true, "JSONLines": true, "NDJSON": true, "JSONCompactEachRow": true, "RowBinary": true, "LineAsString": true,
}

func summary(w http.ResponseWriter, r *chdb.Result) {
	w.Header().Set("X-ClickHouse-Summary", fmt.Sprintf(
		`{"read_rows":"%d","read_bytes":"%d","written_rows":"%d","written_bytes":"%d","result_rows":"%d","elapsed_ns":"%d"}`,
		r.StorageRows, r.StorageBytes, r.RowsWritten, r.BytesWritten, r.RowsRead, int64(r.Elapsed*1e9)))
}

// readRequest takes the request apart. closeBody frees the decoders.
func readRequest(r *http.Request) (q *request, closeBody func(), err error) {
	u := r.URL.Query()
	q = &request{url: u, settings: map[string]string{}, params: map[string]string{}, head: u.Get("query")}
	for k, v := range u {
		name, isParam := strings.CutPrefix(k, "param_")
		switch {
		case isParam:
			q.params[name] = v[0]
		case notSettings[k], strings.HasSuffix(k, "_structure"):
		case strings.HasSuffix(k, "_format") && u.Has(strings.TrimSuffix(k, "_format")+"_structure"):
		default:
			q.settings[k] = v[0]
		}
	}
	q.format = firstOf(u.Get("default_format"), r.Header.Get("X-ClickHouse-Format"), "TabSeparated")
	q.database = firstOf(u.Get("database"), r.Header.Get("X-ClickHouse-Database"))
	q.revision, _ = strconv.Atoi(u.Get("client_protocol_version"))
	q.revision = min(q.revision, revision)
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		return q, func() {}, q.readForm(r)
	}
	body, closeBody, err := decodeBody(r.Body, r.Header.Values("Content-Encoding"), u.Get("decompress") == "1")
	if err != nil {
		return nil, nil, err
	}
	q.body = body
	return q, closeBody, nil
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// readForm takes the query, its parameters and external tables from a multipart form.
func (q *request) readForm(r *http.Request) error {
	q.body = bytes.NewReader(nil)
	if err := r.ParseMultipartForm(64 << 20); err != nil {
		return bodyError(err)
	}
	if v := r.FormValue("query"); v != "" {
		q.head = v
	}
	add := func(name string, data []byte) {
		q.files = append(q.files, externalFile{
			name: name, data: data,
			format:    firstOf(q.url.Get(name+"_format"), "TabSeparated"),
			structure: q.url.Get(name + "_structure"),
		})
	}
	for name, v := range r.MultipartForm.Value {
		if param, ok := strings.CutPrefix(name, "param_"); ok {
			q.params[param] = v[0]
		} else if q.url.Has(name + "_structure") { // clickhouse-go sends files without a name
			add(name, []byte(v[0]))
		}
	}
	for name, headers := range r.MultipartForm.File {
		f, err := headers[0].Open()
		if err != nil {
			return bodyError(err)
		}
		data, err := io.ReadAll(f)
		f.Close()
		if err != nil {
			return bodyError(err)
		}
		add(name, data)
	}
	return nil
}
