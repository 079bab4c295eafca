package lookup

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/freshet-dw/freshet/pkg/connector/connectortest"
	"github.com/freshet-dw/freshet/pkg/connector/dim"
	"github.com/freshet-dw/freshet/pkg/fault"
)

// TestConnector asks the service as the SQL connector freshet-dim does.
func TestConnector(t *testing.T) {
	s, _, store, _ := fixture(t, nil)
	store.set(8, "a \"b\"\n")
	var busy atomic.Int32
	h := s.Handler()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if busy.Add(-1) >= 0 {
			http.Error(w, `{"error":"too many requests wait"}`, http.StatusTooManyRequests)
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	r := connectortest.New(t, dim.Connector{})
	table := func(name, more string) string {
		return "CREATE TABLE " + name + " (name STRING, id BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'freshet-dim', 'url' = '" + srv.URL + "'" + more + ")"
	}
	tab := r.Table(table("people", ", 'lookup.batch-size' = '2'"))
	l := r.Lookup(tab, "id")
	busy.Store(2)
	got := r.Ask(l, tab, []string{"id"}, `{"id":7}`, `{"id":777}`, `{"id":8}`, `{"id":null}`, `{"id":7}`)
	if s := strings.Join(got, "|"); s != "+I[p7, 7]||+I[a \"b\"\n, 8]||+I[p7, 7]" {
		t.Errorf("%q", s)
	}
	elsewhere := r.Table(table("elsewhere", ""))
	keys := r.Rows(r.Table("CREATE TABLE k (id BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'freshet-dim', 'url' = 'http://x')"), `{"id":7}`)
	if _, _, err := r.Lookup(elsewhere, "id").Lookup(t.Context(), keys); fault.KindOf(err) != fault.Permanent || !strings.Contains(err.Error(), `no such table: "elsewhere"`) {
		t.Errorf("%v of kind %v", err, fault.KindOf(err))
	}
}
