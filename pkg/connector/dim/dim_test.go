package dim_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/connector/connectortest"
	"github.com/freshet-dw/freshet/pkg/connector/dim"
	"github.com/freshet-dw/freshet/pkg/fault"
)

// TestTypesAndKeys reads the service's forms of all types, asks with keys of two columns in the order of the primary key, and keeps answers.
func TestTypesAndKeys(t *testing.T) {
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, r.URL.Path+" "+string(body))
		_, _ = io.WriteString(w, `{"rows":[{"found":true,"row":{"price":"12.50","d":"2024-01-31","ts":"2024-01-31T23:59:59.5","z":"2024-01-31T23:59:59.5Z","by":"AP8=","m":{"k":1},"r":{"x":1},"a":[1,null],"n":null},"stale":true}]}`)
	}))
	t.Cleanup(srv.Close)
	r := connectortest.New(t, dim.Connector{})
	tab := r.Table("CREATE TABLE prices (price DECIMAL(10,2), d DATE, ts TIMESTAMP(3), z TIMESTAMP_LTZ(3), byt BYTES, m MAP<STRING, INT>, r ROW<x INT>, a ARRAY<INT>, n INT, shop STRING, day_at DATE, PRIMARY KEY (day_at, shop) NOT ENFORCED) " +
		"WITH ('connector' = 'freshet-dim', 'url' = '" + srv.URL + "/', 'table-name' = 'dim_price', 'lookup.cache' = 'PARTIAL')")
	l := r.Lookup(tab, "shop", "day_at")
	for range 2 {
		got := r.Ask(l, tab, []string{"shop", "day_at"}, `{"shop":"s","day_at":"2024-01-31"}`)
		if want := "+I[12.50, 2024-01-31, 2024-01-31T23:59:59.500, 2024-01-31T23:59:59.500Z, NULL, {k=1}, +I[1], [1, NULL], NULL, NULL, NULL]"; got[0] != want {
			t.Errorf("%s\nwant\n%s", got[0], want)
		}
	}
	if len(asked) != 1 || !strings.HasPrefix(asked[0], `/v1/dim/dim_price {"keys":[["2024-01-31","s"]],"columns":["price",`) {
		t.Errorf("%q", asked)
	}
}

func TestFaults(t *testing.T) {
	r := connectortest.New(t, dim.Connector{})
	for _, c := range []struct{ ddl, says string }{
		{"CREATE TABLE d (id INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'freshet-dim')", "option 'url' is required"},
		{"CREATE TABLE d (id INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'freshet-dim', 'url' = 'dim:80')", "no address of a service"},
		{"CREATE TABLE d (id INT) WITH ('connector' = 'freshet-dim', 'url' = 'http://d')", "declare PRIMARY KEY"},
		{"CREATE TABLE d (id INT, m MAP<INT, INT>, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'freshet-dim', 'url' = 'http://d')", "map keys of type INT"},
		{"CREATE TABLE d (id INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'freshet-dim', 'ulr' = 'http://d', 'url' = 'http://d')", "did you mean url"},
	} {
		if got := r.Faults(c.ddl); !strings.Contains(got, c.says) {
			t.Errorf("%s\nsays %s\nwant %s", c.ddl, got, c.says)
		}
	}
	tab := r.Table("CREATE TABLE d (id INT, n INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'freshet-dim', 'url' = 'http://d')")
	if _, err := r.LookupErr(tab, "n"); fault.KindOf(err) != fault.Config {
		t.Error(err)
	}
}
