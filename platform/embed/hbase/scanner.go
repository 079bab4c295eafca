package hbase

import (
	"sync"
	"time"
)

// scanner is an open scan of one region. One request at a time holds it.
type scanner struct {
	reader          *reader
	size            int // bytes of cells per response
	batch           int // cells per result, 0 for all
	handlesPartials bool
	rest            []cell // of a row that was cut
	sequence        uint64
	deadline        time.Time
}

func (n *scanner) Close() error { return n.reader.Close() }

// scanners holds the open scans that wait for their client.
type scanners struct {
	lease time.Duration

	mu     sync.Mutex
	open   map[uint64]*scanner
	next   uint64
	closed bool
}

func newScanners(lease time.Duration) *scanners {
	return &scanners{
		lease: lease, open: map[uint64]*scanner{},
		// Ids of an earlier run must not name a scan of this one.
		next: uint64(time.Now().UnixNano()),
	}
}

// add registers a scan; ok is false when the server is closing.
func (s *scanners) add(n *scanner) (id uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, false
	}
	s.next++
	n.deadline = time.Now().Add(s.lease)
	s.open[s.next] = n
	return s.next, true
}

// take hands the scan to one request; it goes back with put or is closed.
func (s *scanners) take(id uint64) (*scanner, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.open[id]
	if !ok {
		return nil, throwf(classUnknownScanner, "Unknown scanner '%d': its lease expired, it was closed, or it is in use", id)
	}
	delete(s.open, id)
	return n, nil
}

func (s *scanners) put(id uint64, n *scanner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = n.Close() // its client is being cut off as well
		return
	}
	n.deadline = time.Now().Add(s.lease)
	s.open[id] = n
}

func (s *scanners) expire(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, n := range s.open {
		if now.After(n.deadline) {
			delete(s.open, id)
			_ = n.Close() // an iterator's error was already reported to its reader
		}
	}
}

func (s *scanners) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for id, n := range s.open {
		delete(s.open, id)
		_ = n.Close()
	}
}

// expireScanners frees the views of scans whose clients went away.
func (s *Server) expireScanners() {
	t := time.NewTicker(max(s.cfg.ScannerLease/4, time.Millisecond))
	defer t.Stop()
	for {
		select {
		case now := <-t.C:
			s.scans.expire(now)
		case <-s.done:
			return
		}
	}
}
