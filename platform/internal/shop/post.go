package shop

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// browse makes the traffic: one goroutine makes batches, some post them. feed ends with the wish to stop, work a while later.
func (s *Simulator) browse(feed, work context.Context, gen *views, log *accessLog, began time.Time) error {
	g, failed := errgroup.WithContext(work)
	queue := make(chan *events, 2*s.cfg.Posters)
	g.Go(func() error {
		defer close(queue)
		for {
			e, ok := gen.batch()
			if !ok {
				return nil
			}
			if err := gen.pace.wait(feed, began, e.offset); err != nil {
				return fault.Wrap(fault.Canceled, err, "simulate page views")
			}
			if err := log.write(e.log, e.logged, e.broken); err != nil {
				return err
			}
			select {
			case queue <- e:
			case <-feed.Done():
				return fault.Wrap(fault.Canceled, feed.Err(), "simulate page views")
			case <-failed.Done():
				return nil // a poster tells why
			}
		}
	})
	for range s.cfg.Posters {
		g.Go(func() error {
			// Posters end when the maker has closed the queue and it is empty; the maker's own failure must not leave batches uncertain.
			for e := range queue {
				if err := s.post(work, e); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// answer is the collector's.
type answer struct {
	Accepted int `json:"accepted"`
	Rejected []struct {
		Index  int    `json:"index"`
		Reason string `json:"reason"`
	} `json:"rejected"`
	Error string `json:"error"`
}

// post sends a batch until its answer is there, and enters it into the account.
func (s *Simulator) post(ctx context.Context, e *events) error {
	body := e.body
	if e.gzip {
		var err error
		if body, err = pack(body); err != nil {
			return err
		}
	}
	var a answer
	misread := 0
	err := fault.Retry(ctx, s.patience(), func(ctx context.Context) (err error) {
		a, err = s.send(ctx, body, e.gzip)
		if fault.KindOf(err) == fault.Transient {
			if misread++; misread == 20 {
				return fault.Wrap(fault.Permanent, err, "give up after %d times", misread)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	if a.Accepted != e.accepted() || len(a.Rejected) != e.refused() {
		reasons := ""
		if len(a.Rejected) > 0 {
			reasons = ", the first because: " + a.Rejected[0].Reason
		}
		s.account.Fault("the collector took %d events of a batch and refused %d%s; it should have taken %d and refused %d", a.Accepted, len(a.Rejected), reasons, e.accepted(), e.refused())
	}
	s.account.Seen(e.views, e.repeated)
	for reason, n := range e.rejected {
		s.account.Rejected(reason, n)
	}
	s.count.views.Add(int64(len(e.views)))
	s.count.batches.Add(1)
	return nil
}

func pack(body []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "pack a batch")
	}
	if _, err := z.Write(body); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "pack a batch")
	}
	if err := z.Close(); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "pack a batch")
	}
	return b.Bytes(), nil
}

// send posts the body once. Whatever is not an answer of the collector about the events is an error worth repeating, except that it does not know
// the address.
func (s *Simulator) send(ctx context.Context, body []byte, packed bool) (answer, error) {
	var a answer
	ctx, cancel := context.WithTimeout(ctx, s.cfg.HTTPWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(s.cfg.Collector, "/")+"/v1/events", bytes.NewReader(body))
	if err != nil {
		return a, fault.Wrap(fault.Config, err, "post events")
	}
	req.Header.Set("Content-Type", "application/json")
	if packed {
		req.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return a, fault.Wrap(fault.Unavailable, err, "post events")
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return a, fault.Wrap(fault.Unavailable, err, "read the collector's answer")
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusBadRequest:
		if err := json.Unmarshal(data, &a); err != nil {
			return a, fault.Wrap(fault.Transient, err, "understand the collector's answer")
		}
		if a.Error != "" {
			return a, fault.Newf(fault.Transient, "post events: %s", a.Error)
		}
		return a, nil
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge:
		return a, fault.Newf(fault.Permanent, "post events: %s: %.200s", resp.Status, data)
	default:
		return a, fault.Newf(fault.Unavailable, "post events: %s: %.200s", resp.Status, data)
	}
}
