package collect

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

// Module is the target ods-collect.
func Module(d warehouse.Deps, c Config) service.Module {
	return service.Module{Name: "ods-collect", Help: "HTTP collector of tracking events", Start: func(ctx context.Context, ready func()) error {
		s, err := New(ctx, d, c)
		if err != nil {
			return err
		}
		defer s.Close()
		defer d.Health.Add("ods-collect", s.ping)()
		return obs.Serve(ctx, c.Listen, s, func(a net.Addr) {
			d.Tel.Log.Info("collect events", "url", "http://"+a.String()+"/v1/events", "topic", c.Topic)
			ready()
		})
	}}
}

// Server is the collector's HTTP handler:
//
//	POST /v1/events   one event, an array of events, or one event a line; gzip by Content-Encoding; any Content-Type (sendBeacon sends text/plain)
//	GET  /v1/pixel?d= one event, URL-encoded JSON, answered by a 1x1 GIF
//
// The answer to POST is {"accepted": n, "rejected": [{"index": i, "reason": "…"}]}: 200 when anything was taken, 400 when nothing was, 413 for a body that
// is too large, 503 with Retry-After when Kafka does not take it in time: send all of it again.
type Server struct {
	cfg    Config
	schema *schema
	client *kgo.Client
	dead   string
	log    *obs.Telemetry
	mux    *http.ServeMux
	events *prometheus.CounterVec
	now    func() time.Time
}

// New connects to Kafka and makes sure of the topics.
func New(ctx context.Context, d warehouse.Deps, c Config) (*Server, error) {
	sc, err := loadSchema(ctx, d.Path(c.Proto), c)
	if err != nil {
		return nil, err
	}
	client, err := kafka.NewClient(d.Config.Kafka, kgo.ProducerLinger(2*time.Millisecond), kgo.RecordDeliveryTimeout(c.Timeout), kgo.MaxBufferedBytes(256<<20),
		kgo.ProducerBatchCompression(kgo.Lz4Compression(), kgo.NoCompression()))
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: c, schema: sc, client: client, dead: d.Config.DeadLetter, log: d.Tel, mux: http.NewServeMux(), now: time.Now}
	s.events = obs.Register(d.Tel.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{Name: "freshet_collect_events_total", Help: "Events by what became of them."}, []string{"result"}))
	topics := []kafka.Topic{{Name: c.Topic, Partitions: int32(c.Partition)}, {Name: s.dead, Partitions: 1}}
	if err := kafka.EnsureTopics(ctx, kadm.NewClient(client), topics); err != nil {
		client.Close()
		return nil, fmt.Errorf("create the collector's topics: %w", err)
	}
	s.mux.HandleFunc("POST /v1/events", s.post)
	s.mux.HandleFunc("OPTIONS /v1/events", s.preflight)
	s.mux.HandleFunc("GET /v1/pixel", s.pixel)
	return s, nil
}

// Close ends the client; requests in work were answered before.
func (s *Server) Close() { s.client.Close() }

func (s *Server) ping(ctx context.Context) error { return kafka.Ping(ctx, s.client) }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.cfg.CORS != "" {
		w.Header().Set("Access-Control-Allow-Origin", s.cfg.CORS)
	}
	s.mux.ServeHTTP(w, r)
}

func (s *Server) preflight(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Access-Control-Allow-Methods", "POST")
	w.Header().Set("Access-Control-Allow-Headers", "Content-Type, Content-Encoding")
	w.WriteHeader(http.StatusNoContent)
}

type rejection struct {
	Index  int    `json:"index"`
	Reason string `json:"reason"`
}

type answer struct {
	Accepted int         `json:"accepted"`
	Rejected []rejection `json:"rejected,omitempty"`
	Error    string      `json:"error,omitempty"`
}

func reply(w http.ResponseWriter, status int, a answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(a) // the client is gone if this fails
}

var errTooLarge = errors.New("body too large")

// body reads the request, unpacked, up to the limit.
func (s *Server) body(r *http.Request) ([]byte, error) {
	in := io.Reader(r.Body)
	switch enc := r.Header.Get("Content-Encoding"); enc {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, fmt.Errorf("not gzip: %w", err)
		}
		in = z
	default:
		return nil, fmt.Errorf("Content-Encoding %q is not known; use gzip or none", enc)
	}
	var data []byte
	if n := r.ContentLength; in == io.Reader(r.Body) && n >= 0 && n <= int64(s.cfg.MaxBody) {
		data = make([]byte, n)
		n, err := io.ReadFull(in, data)
		if err != nil {
			return nil, fmt.Errorf("read body: %w, %d of %d bytes came", err, n, len(data))
		}
		return data, nil
	}
	data, err := io.ReadAll(io.LimitReader(in, int64(s.cfg.MaxBody)+1))
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	if int64(len(data)) > int64(s.cfg.MaxBody) {
		return nil, errTooLarge
	}
	return data, nil
}

func (s *Server) post(w http.ResponseWriter, r *http.Request) {
	data, err := s.body(r)
	switch {
	case errors.Is(err, errTooLarge):
		s.events.WithLabelValues("body_too_large").Inc()
		reply(w, http.StatusRequestEntityTooLarge, answer{Error: fmt.Sprintf("the body is larger than %s", s.cfg.MaxBody)})
		return
	case err != nil:
		reply(w, http.StatusBadRequest, answer{Error: err.Error()})
		return
	}
	a, records, err := s.records(r, data)
	if err != nil {
		// Not JSON: keep it whole.
		a = answer{Rejected: []rejection{{0, err.Error()}}}
		records = []*kgo.Record{s.deadLetter(r, data, err.Error())}
	}
	if err := s.send(r.Context(), records); err != nil {
		s.unavailable(w, err)
		return
	}
	s.count(a)
	status := http.StatusOK
	if a.Accepted == 0 && len(a.Rejected) > 0 {
		status = http.StatusBadRequest
	}
	reply(w, status, a)
}

func (s *Server) count(a answer) {
	s.events.WithLabelValues("accepted").Add(float64(a.Accepted))
	s.events.WithLabelValues("rejected").Add(float64(len(a.Rejected)))
}

// records makes the records of a body's events, in their order; an event that does not fit becomes a dead letter. The error says why the body as a whole
// is not a sequence of JSON values.
func (s *Server) records(r *http.Request, body []byte) (answer, []*kgo.Record, error) {
	b := &batch{server: s, request: r, now: s.now(), encoder: s.schema.encoder()}
	err := b.take(body)
	return b.answer, b.records, err
}

// deadLetterRoom is what of an oversized event a dead letter keeps; a record must stay below Kafka's 1 MiB.
const deadLetterRoom = 900 << 10

func (s *Server) deadLetter(r *http.Request, data []byte, reason string) *kgo.Record {
	h := func(k, v string) kgo.RecordHeader { return kgo.RecordHeader{Key: k, Value: []byte(v)} }
	headers := []kgo.RecordHeader{h("topic", s.cfg.Topic), h("source", "http"), h("position", r.RemoteAddr), h("reason", reason)}
	if len(data) > deadLetterRoom {
		headers = append(headers, h("bytes", strconv.Itoa(len(data))))
		data = data[:deadLetterRoom]
	}
	return &kgo.Record{Topic: s.dead, Value: data, Headers: headers}
}

// send produces all records and waits for all acknowledgements.
func (s *Server) send(ctx context.Context, records []*kgo.Record) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Timeout)
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var first error
	done := func(_ *kgo.Record, err error) {
		if err != nil {
			mu.Lock()
			if first == nil {
				first = err
			}
			mu.Unlock()
		}
		wg.Done()
	}
	wg.Add(len(records))
	for _, rec := range records {
		s.client.TryProduce(ctx, rec, done)
	}
	wg.Wait()
	if first != nil {
		return kafka.Classify(first, "write %d events to %s", len(records), s.cfg.Topic)
	}
	return nil
}

func (s *Server) unavailable(w http.ResponseWriter, err error) {
	s.events.WithLabelValues("unavailable").Inc()
	s.log.Log.Warn("events were not taken; the client is told to send them again", "kind", fault.KindOf(err).String(), "err", err)
	w.Header().Set("Retry-After", "1")
	reply(w, http.StatusServiceUnavailable, answer{Error: "Kafka does not take the events now; send all of them again"})
}

var gif = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")

// pixel takes one event from an image request. The image comes even for a bad event: the page that asked cannot do anything about it.
func (s *Server) pixel(w http.ResponseWriter, r *http.Request) {
	a, records, err := s.records(r, []byte(r.URL.Query().Get("d")))
	if err != nil {
		a = answer{Rejected: []rejection{{0, err.Error()}}}
		records = []*kgo.Record{s.deadLetter(r, []byte(r.URL.RawQuery), err.Error())}
	}
	if err := s.send(r.Context(), records); err != nil {
		s.unavailable(w, err)
		return
	}
	s.count(a)
	w.Header().Set("Content-Type", "image/gif")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(gif)
}
