package collect

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

type fixture struct {
	*Server
	t       *testing.T
	cluster *kfake.Cluster
	reader  *kgo.Client
}

func start(t *testing.T, change func(*Config)) *fixture {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	var c Config
	if err := config.Load(&c, config.Sources{}); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&c)
	}
	d := warehouse.Deps{Dir: "../../../deploy/shop", Tel: obs.Discard(), Health: &obs.Health{}}
	d.Config.Kafka = kafka.Config{Brokers: cluster.ListenAddrs()}
	d.Config.DeadLetter = "dead"
	s, err := New(context.Background(), d, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	reader, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(c.Topic, "dead"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reader.Close)
	return &fixture{s, t, cluster, reader}
}

func (f *fixture) post(body []byte, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/v1/events", bytes.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

// records waits for n records of both topics.
func (f *fixture) records(n int) map[string][]*kgo.Record {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out := map[string][]*kgo.Record{}
	for got := 0; got < n; {
		fs := f.reader.PollFetches(ctx)
		if ctx.Err() != nil {
			f.t.Fatalf("%d of %d records came", got, n)
		}
		fs.EachRecord(func(r *kgo.Record) { out[r.Topic] = append(out[r.Topic], r); got++ })
	}
	return out
}

const good = `{"event_id":"e%d","mid":"m%d","page_id":"p","event_time":"1717230000000"}`

func TestBatchWithBadEvents(t *testing.T) {
	f := start(t, nil)
	body := "[" + fmt.Sprintf(good, 1, 1) + `,{"mid":"m2","color":"red"},{"mid":7},` + fmt.Sprintf(good, 2, 2) + `,{"page_id":"no mid"}]`
	w := f.post([]byte(body))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"accepted":2`) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, want := range []string{`"index":1`, "color", `"index":2`, `"index":4`, "mid is missing"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in %s", want, w.Body)
		}
	}
	got := f.records(5)
	if len(got["ods_page_view"]) != 2 || len(got["dead"]) != 3 {
		t.Fatalf("%d events and %d dead letters", len(got["ods_page_view"]), len(got["dead"]))
	}
	for _, r := range got["dead"] {
		headers := map[string]string{}
		for _, h := range r.Headers {
			headers[h.Key] = string(h.Value)
		}
		if headers["reason"] == "" || headers["source"] != "http" || headers["topic"] != "ods_page_view" {
			t.Errorf("dead letter headers %v", headers)
		}
	}
	if k := string(got["ods_page_view"][0].Key); k != "m1" && k != "m2" {
		t.Errorf("key %q", k)
	}
}

func TestForms(t *testing.T) {
	f := start(t, nil)
	one := []byte(fmt.Sprintf(good, 1, 1))
	var z bytes.Buffer
	zw := gzip.NewWriter(&z)
	_, _ = zw.Write(one)
	_ = zw.Close()
	for name, w := range map[string]*httptest.ResponseRecorder{
		"single": f.post(one), "lines": f.post(append(append(append([]byte{}, one...), '\n'), one...)), "beacon": f.post(one, "Content-Type", "text/plain"),
		"gzip": f.post(z.Bytes(), "Content-Encoding", "gzip"),
	} {
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/v1/pixel?d="+url.QueryEscape(string(one)), nil)
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "image/gif" {
		t.Errorf("pixel: %d %s", w.Code, w.Body)
	}
	f.records(6)
}

func TestRefusals(t *testing.T) {
	f := start(t, func(c *Config) { c.MaxBody, c.MaxEvent = 4096, 1024 })
	large := []byte(`{"mid":"m","url":"` + strings.Repeat("x", 2000) + `"}`)
	for _, c := range []struct {
		name   string
		body   []byte
		header []string
		status int
		says   string
		dead   int
	}{
		{"not JSON", []byte("hello"), nil, 400, "not JSON", 1},
		{"empty", nil, nil, 400, "empty", 1},
		{"oversized event", large, nil, 400, "more than", 1},
		{"oversized body", bytes.Repeat([]byte(" "), 5000), nil, 413, "larger", 0},
		{"unknown encoding", large, []string{"Content-Encoding", "br"}, 400, "gzip", 0},
		{"broken gzip", large, []string{"Content-Encoding", "gzip"}, 400, "gzip", 0},
	} {
		w := f.post(c.body, c.header...)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
		if c.dead > 0 {
			if got := f.records(c.dead); len(got["dead"]) != c.dead {
				t.Errorf("%s: no dead letter", c.name)
			}
		}
	}
}

func TestKafkaDown(t *testing.T) {
	f := start(t, func(c *Config) { c.Timeout = time.Second })
	f.cluster.Close()
	w := f.post([]byte(fmt.Sprintf(good, 1, 1)))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func TestEventsWithoutIDGetOne(t *testing.T) {
	f := start(t, nil)
	w := f.post([]byte(`[{"mid":"a"},{"mid":"b"}]`))
	if w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	rs := f.records(2)["ods_page_view"]
	if len(rs) != 2 || bytes.Equal(rs[0].Value, rs[1].Value) || len(rs[0].Value) < 32 {
		t.Fatalf("%d records: %v", len(rs), rs)
	}
}

func TestWrongSchemaIsAConfigurationError(t *testing.T) {
	for _, change := range []func(*Config){
		func(c *Config) { c.Message = "shop.Nothing" }, func(c *Config) { c.Proto = "proto/none.proto" },
		func(c *Config) { c.Key = "user_id" }, func(c *Config) { c.Received = "mid" },
	} {
		var c Config
		if err := config.Load(&c, config.Sources{}); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if _, err := loadSchema(context.Background(), "../../../deploy/shop/"+c.Proto, c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
