package lookup

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	dimpb "github.com/freshet-dw/freshet/dim/proto"
)

func call(t *testing.T, h http.Handler, method, path, body string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, strings.TrimSpace(string(text))
}

func TestHTTP(t *testing.T) {
	s, _, store, clk := fixture(t, func(c *Config) { c.MaxBatch = 4 })
	store.set(8, "a \"b\"\n")
	h := s.Handler()
	table := `{"name":"people","columns":[{"name":"id","type":"BIGINT"},{"name":"name","type":"STRING"}],"key":["id"],"store":"fake"}`
	for _, c := range []struct {
		method, path, body string
		code               int
		want               string
	}{
		{"GET", "/v1/dim", "", 200, `{"tables":[` + table + `]}`},
		{"GET", "/v1/dim/people", "", 200, table},
		{"GET", "/v1/dim/peple", "", 404, `{"error":"no such table: \"peple\": did you mean people?"}`},
		{"GET", "/v1/dim/people/7", "", 200, `{"found":true,"row":{"id":7,"name":"p7"}}`},
		{"GET", "/v1/dim/people/7?columns=name", "", 200, `{"found":true,"row":{"name":"p7"}}`},
		{"GET", "/v1/dim/people/777", "", 404, `{"found":false}`},
		{"GET", "/v1/dim/people/x", "", 400, `{"error":"key 0: key column id is BIGINT: \"x\" is none"}`},
		{"POST", "/v1/dim/people", `{"keys":["1", 777, [8]], "columns":["name","id"]}`, 200,
			`{"rows":[{"found":true,"row":{"name":"p1","id":1}},{"found":false},{"found":true,"row":{"name":"a \"b\"\n","id":8}}]}`},
		{"POST", "/v1/dim/people", `{"keys":[]}`, 200, `{"rows":[]}`},
		{"POST", "/v1/dim/people", `{"keys":[null]}`, 400, `{"error":"key 0: null is no value of a key"}`},
		{"POST", "/v1/dim/people", `{"keys":[[1,2]]}`, 400, `{"error":"key 0: a key has 1 parts (id), not 2: give them in this order"}`},
		{"POST", "/v1/dim/people", `{"keys":[1,2,3,4,5]}`, 400, `{"error":"5 keys in one request; at most 4 are answered"}`},
		{"POST", "/v1/dim/people", `{"keys":[1],"columns":["nme"]}`, 400, `{"error":"table people has no column \"nme\": did you mean name?"}`},
	} {
		code, got := call(t, h, c.method, c.path, c.body)
		if code != c.code || got != c.want {
			t.Errorf("%s %s %s: %d %s\nwant %d %s", c.method, c.path, c.body, code, got, c.code, c.want)
		}
	}
	if code, got := call(t, h, "POST", "/v1/dim/people", `{"kys":[1]}`); code != 400 || !strings.Contains(got, "kys") {
		t.Errorf("unknown field: %d %s", code, got)
	}
	store.fail(errStore)
	clk.add(11 * time.Minute)
	if code, got := call(t, h, "GET", "/v1/dim/people/7", ""); code != 200 || got != `{"found":true,"row":{"id":7,"name":"p7"},"stale":true}` {
		t.Errorf("stale: %d %s", code, got)
	}
	if code, got := call(t, h, "GET", "/v1/dim/people/9", ""); code != 503 {
		t.Errorf("down: %d %s", code, got)
	}
}

// serve runs the service on free ports and gives a connection to it.
func serve(t testing.TB, s *Service) *grpc.ClientConn {
	t.Helper()
	s.cfg.HTTP, s.cfg.GRPC = "127.0.0.1:0", "127.0.0.1:0"
	ctx, cancel := context.WithCancel(t.Context())
	up, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- s.Serve(ctx, func() { close(up) }) }()
	select {
	case <-up:
	case err := <-done:
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(s.GRPC.String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return conn
}

func TestGRPC(t *testing.T) {
	s, _, store, clk := fixture(t, nil)
	conn := serve(t, s)
	client := dimpb.NewDimClient(conn)
	get := func(table string, columns []string, ids ...string) (*dimpb.BatchGetResponse, error) {
		req := &dimpb.BatchGetRequest{Table: table, Columns: columns}
		for _, id := range ids {
			req.Keys = append(req.Keys, &dimpb.Key{Parts: []string{id}})
		}
		return client.BatchGet(t.Context(), req)
	}
	resp, err := get("people", nil, "3", "777")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(resp.Columns, ","); got != "id,name" || len(resp.Rows) != 2 {
		t.Fatalf("columns %s, %d rows", got, len(resp.Rows))
	}
	if r := resp.Rows[0]; !r.Found || r.Stale || r.Values[0].GetIntValue() != 3 || r.Values[1].GetTextValue() != "p3" {
		t.Fatalf("row 0: %v", r)
	}
	if r := resp.Rows[1]; r.Found || len(r.Values) != 0 {
		t.Fatalf("row 1: %v", r)
	}
	if resp, err = get("people", []string{"name"}, "4"); err != nil || len(resp.Rows[0].Values) != 1 || resp.Rows[0].Values[0].GetTextValue() != "p4" {
		t.Fatalf("one column: %v, %v", resp, err)
	}
	code := func(_ *dimpb.BatchGetResponse, err error) codes.Code { return status.Code(err) }
	if c := code(get("nobody", nil, "1")); c != codes.NotFound {
		t.Errorf("no table: %v", c)
	}
	if c := code(get("people", []string{"x"}, "1")); c != codes.InvalidArgument {
		t.Errorf("no column: %v", c)
	}
	if c := code(get("people", nil, "one")); c != codes.InvalidArgument {
		t.Errorf("no key: %v", c)
	}
	store.fail(errStore)
	clk.add(11 * time.Minute)
	if resp, err = get("people", nil, "3"); err != nil || !resp.Rows[0].Stale {
		t.Errorf("stale: %v, %v", resp, err)
	}
	if c := code(get("people", nil, "50")); c != codes.Unavailable {
		t.Errorf("down: %v", c)
	}
	list, err := client.ListTables(t.Context(), &dimpb.ListTablesRequest{})
	if err != nil || len(list.Tables) != 1 || list.Tables[0].Columns[0].Type != "BIGINT" {
		t.Errorf("list: %v, %v", list, err)
	}
	if tb, err := client.Describe(t.Context(), &dimpb.DescribeRequest{Table: "people"}); err != nil || tb.Key[0] != "id" {
		t.Errorf("describe: %v, %v", tb, err)
	}
	h, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{Service: "freshet.dim.v1.Dim"})
	if err != nil || h.Status != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("health: %v, %v", h, err)
	}
}
