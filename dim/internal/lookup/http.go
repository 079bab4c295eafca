package lookup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"

	dimpb "github.com/freshet-dw/freshet/dim/proto"
	"github.com/freshet-dw/freshet/pkg/fault"
)

// Handler is the HTTP/JSON interface:
//
//	GET  /v1/dim                          {"tables": [{"name", "columns": [{"name", "type"}], "key", "store", "topics"}]}
//	GET  /v1/dim/{table}                  one of them
//	GET  /v1/dim/{table}/{key}?columns=   {"found": true, "row": {…}}; a key of several columns: /{part}/{part}. 404 when there is no such key
//	POST /v1/dim/{table}                  {"keys": ["1", 2, ["a", 3]], "columns": ["name"]} → {"rows": [{"found": true, "row": {…}}, {"found": false}]}
//
// A row from before the store stopped to answer has "stale": true. Errors are {"error": "…"}: 400 for a key or column that cannot be, 404 for
// the table, 429 when too many requests wait, 503 when the store does not answer.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/dim", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, appendTables([]byte(`{"tables":[`), s.list()))
	})
	mux.HandleFunc("GET /v1/dim/{table}", s.describe)
	mux.HandleFunc("GET /v1/dim/{table}/{key...}", s.getOne)
	mux.HandleFunc("POST /v1/dim/{table}", s.getMany)
	return mux
}

func write(w http.ResponseWriter, code int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n')) // the client is gone if this fails
}

func fail(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	switch codeOf(err) {
	case codes.NotFound:
		code = http.StatusNotFound
	case codes.InvalidArgument:
		code = http.StatusBadRequest
	case codes.ResourceExhausted:
		code = http.StatusTooManyRequests
	case codes.Unavailable, codes.Canceled, codes.DeadlineExceeded:
		code = http.StatusServiceUnavailable
	}
	if code == http.StatusServiceUnavailable || code == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	write(w, code, append(appendText([]byte(`{"error":`), message(err)), '}'))
}

func (s *Service) describe(w http.ResponseWriter, r *http.Request) {
	t, err := s.find(r.PathValue("table"))
	if err != nil {
		fail(w, err)
		return
	}
	write(w, http.StatusOK, appendTable(nil, t.info))
}

func appendTables(dst []byte, ts []*dimpb.Table) []byte {
	for i, t := range ts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendTable(dst, t)
	}
	return append(dst, "]}"...)
}

func appendTable(dst []byte, t *dimpb.Table) []byte {
	type column struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	out := struct {
		Name    string   `json:"name"`
		Columns []column `json:"columns"`
		Key     []string `json:"key"`
		Store   string   `json:"store"`
		Topics  []string `json:"topics,omitempty"`
	}{Name: t.Name, Key: t.Key, Store: t.Store, Topics: t.Topics}
	for _, c := range t.Columns {
		out.Columns = append(out.Columns, column{c.Name, c.Type})
	}
	text, _ := json.Marshal(out) // strings only
	return append(dst, text...)
}

func (s *Service) getOne(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("table")
	t, err := s.find(name)
	if err != nil {
		fail(w, err)
		return
	}
	parts := []string{r.PathValue("key")}
	if n := len(t.keys.names); n > 1 {
		parts = strings.SplitN(parts[0], "/", n)
	}
	var columns []string
	if c := r.URL.Query().Get("columns"); c != "" {
		columns = strings.Split(c, ",")
	}
	_, cols, answers, err := s.lookup(r.Context(), name, [][]string{parts}, columns)
	if err != nil {
		fail(w, err)
		return
	}
	code := http.StatusOK
	if answers[0].row == nil {
		code = http.StatusNotFound
	}
	write(w, code, appendAnswer(nil, t.shown(columns), cols, answers[0]))
}

// shown are the names of the columns in an answer.
func (t *table) shown(columns []string) []string {
	if len(columns) == 0 {
		return t.names
	}
	return columns
}

func appendAnswer(dst []byte, names []string, cols []int, a answer) []byte {
	dst = append(dst, `{"found":`...)
	if a.row == nil {
		dst = append(dst, "false"...)
	} else {
		dst = append(dst, `true,"row":`...)
		dst = appendObject(dst, names, pick(a.row, cols))
	}
	if a.stale {
		dst = append(dst, `,"stale":true`...)
	}
	return append(dst, '}')
}

// maxBody bounds a request: a thousand keys are far smaller.
const maxBody = 4 << 20

func (s *Service) getMany(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Keys    []json.RawMessage `json:"keys"`
		Columns []string          `json:"columns"`
	}
	d := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&req); err != nil {
		fail(w, fault.Wrap(fault.Data, err, `the body is not {"keys": […]}`))
		return
	}
	parts := make([][]string, len(req.Keys))
	for i, k := range req.Keys {
		var err error
		if parts[i], err = keyOf(k); err != nil {
			fail(w, fault.Wrap(fault.Data, err, "key %d", i))
			return
		}
	}
	t, cols, answers, err := s.lookup(r.Context(), r.PathValue("table"), parts, req.Columns)
	if err != nil {
		fail(w, err)
		return
	}
	names := t.shown(req.Columns)
	body := append(make([]byte, 0, 128*len(answers)+16), `{"rows":[`...)
	for i, a := range answers {
		if i > 0 {
			body = append(body, ',')
		}
		body = appendAnswer(body, names, cols, a)
	}
	write(w, http.StatusOK, append(body, "]}"...))
}

// keyOf reads a key: its value, or an array of its columns' values.
func keyOf(raw json.RawMessage) ([]string, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, err
		}
		var out []string
		for _, e := range list {
			text, err := scalar(e)
			if err != nil {
				return nil, err
			}
			out = append(out, text)
		}
		return out, nil
	}
	text, err := scalar(raw)
	return []string{text}, err
}

func scalar(raw json.RawMessage) (string, error) {
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0 || raw[0] == '{' || raw[0] == '[' || raw[0] == 'n':
		return "", fmt.Errorf("%s is no value of a key", raw)
	case raw[0] == '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	}
	return string(raw), nil
}
