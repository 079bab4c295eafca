package hbase

import (
	"bytes"
	"errors"
	"math"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/tsuna/gohbase/pb"
)

// maxRow is the longest row key in bytes.
const maxRow = math.MaxInt16

func nowMillis() uint64 { return uint64(time.Now().UnixMilli()) }

func checkRow(r *region, row []byte) error {
	switch {
	case len(row) == 0:
		return throwf(classIllegalArgument, "Row length is 0")
	case len(row) > maxRow:
		return throwf(classIllegalArgument, "Row length %d is > %d", len(row), maxRow)
	case !r.contains(row):
		return throwf(classWrongRegion, "Requested row out of range for region %s, row=%q", r.name, row)
	}
	return nil
}

func (c *call) get(req *pb.GetRequest) (proto.Message, error) {
	r, err := c.server.catalog.region(req.GetRegion().GetValue())
	if err != nil {
		return nil, err
	}
	res, err := c.readRow(r, req.GetGet())
	if err != nil {
		return nil, err
	}
	return &pb.GetResponse{Result: res}, nil
}

// readRow serves a Get, alone or within a Multi.
func (c *call) readRow(r *region, g *pb.Get) (*pb.Result, error) {
	if r != metaRegion {
		if err := checkRow(r, g.GetRow()); err != nil {
			return nil, err
		}
	}
	q, err := newQuery(r.table, g.GetColumn(), g.GetTimeRange(), g.GetCfTimeRange(),
		g.GetMaxVersions(), g.StoreLimit, g.StoreOffset, g.GetFilter(), nowMillis(), false)
	if err != nil {
		return nil, err
	}
	cells, err := c.server.readCells(r, g.GetRow(), q)
	if err != nil {
		return nil, err
	}
	if g.GetExistenceOnly() {
		return &pb.Result{Exists: proto.Bool(len(cells) > 0), AssociatedCellCount: proto.Int32(0)}, nil
	}
	return c.result(cells), nil
}

func (s *Server) readCells(r *region, row []byte, q *query) ([]cell, error) {
	rd, err := s.newReader(r, span{start: row, stop: row, hasStop: true}, q)
	if err != nil {
		return nil, err
	}
	cells, err := rd.next()
	return cells, errors.Join(err, rd.Close())
}

const (
	defaultResultSize = 2 << 20
	maxResultSize     = 100 << 20
)

func (c *call) scan(req *pb.ScanRequest) (proto.Message, error) {
	if req.ScannerId == nil {
		return c.openScan(req)
	}
	return c.continueScan(req, req.GetScannerId())
}

func (c *call) openScan(req *pb.ScanRequest) (proto.Message, error) {
	r, err := c.server.catalog.region(req.GetRegion().GetValue())
	if err != nil {
		return nil, err
	}
	sc := req.GetScan()
	if sc == nil {
		return nil, throwf(classDoNotRetry, "neither a scan nor a scanner id is given")
	}
	q, err := newQuery(r.table, sc.GetColumn(), sc.GetTimeRange(), sc.GetCfTimeRange(),
		sc.GetMaxVersions(), sc.StoreLimit, sc.StoreOffset, sc.GetFilter(), nowMillis(), sc.GetReversed())
	if err != nil {
		return nil, err
	}
	rd, err := c.server.newReader(r, scanSpan(r, sc), q)
	if err != nil {
		return nil, err
	}
	n := &scanner{
		reader: rd, size: defaultResultSize, batch: int(sc.GetBatchSize()),
		handlesPartials: req.GetClientHandlesPartials() && !(q.filter != nil && q.filter.wholeRows()),
	}
	if sc.MaxResultSize != nil {
		n.size = int(min(sc.GetMaxResultSize(), maxResultSize))
	}
	resp, err := c.fill(n, req)
	if err != nil {
		return nil, joinClose(err, n)
	}
	if !resp.GetMoreResultsInRegion() || req.GetCloseScanner() {
		return resp, n.Close()
	}
	n.sequence++ // this request was number 0
	id, ok := c.server.scans.add(n)
	if !ok {
		return nil, joinClose(throwf(classServerStopped, "server is closing"), n)
	}
	resp.ScannerId = &id
	return resp, nil
}

// scanSpan cuts the scan's rows to the region's. A reversed scan runs from its start
// row down to its stop row.
func scanSpan(r *region, sc *pb.Scan) span {
	start, stop := sc.GetStartRow(), sc.GetStopRow()
	if len(start) > 0 && bytes.Equal(start, stop) { // equal ends ask for that row
		return span{start: start, stop: start, hasStop: true, reversed: sc.GetReversed()}
	}
	if sc.GetReversed() {
		s := span{start: stop, afterStart: len(stop) > 0, stop: start, hasStop: true, reversed: true}
		if r == metaRegion {
			return s
		}
		if bytes.Compare(r.start, s.start) > 0 {
			s.start, s.afterStart = r.start, false
		}
		if len(r.end) > 0 && (len(s.stop) == 0 || bytes.Compare(s.stop, r.end) >= 0) {
			s.stop, s.hasStop = r.end, false
		}
		return s
	}
	s := span{start: start, stop: stop}
	if r == metaRegion {
		return s
	}
	if bytes.Compare(r.start, s.start) > 0 {
		s.start = r.start
	}
	if len(r.end) > 0 && (len(s.stop) == 0 || bytes.Compare(s.stop, r.end) > 0) {
		s.stop = r.end
	}
	return s
}

func (c *call) continueScan(req *pb.ScanRequest, id uint64) (proto.Message, error) {
	n, err := c.server.scans.take(id)
	if err != nil {
		return nil, err
	}
	ttl := proto.Uint32(uint32(c.server.cfg.ScannerLease.Milliseconds()))
	if req.GetCloseScanner() && req.GetNumberOfRows() == 0 {
		resp := &pb.ScanResponse{MoreResults: proto.Bool(false), MoreResultsInRegion: proto.Bool(false), Ttl: ttl}
		return resp, n.Close()
	}
	if req.GetRenew() {
		c.server.scans.put(id, n)
		return &pb.ScanResponse{
			ScannerId: &id, MoreResults: proto.Bool(true), MoreResultsInRegion: proto.Bool(true), Ttl: ttl,
		}, nil
	}
	if req.NextCallSeq != nil {
		if req.GetNextCallSeq() != n.sequence {
			return nil, joinClose(throwf(classOutOfOrder, "expected nextCallSeq %d, got %d",
				n.sequence, req.GetNextCallSeq()), n)
		}
		n.sequence++
	}
	resp, err := c.fill(n, req)
	if err != nil {
		return nil, joinClose(err, n)
	}
	if !resp.GetMoreResultsInRegion() || req.GetCloseScanner() {
		return resp, n.Close()
	}
	c.server.scans.put(id, n)
	resp.ScannerId = &id
	return resp, nil
}

// fill reads up to the request's rows and the scan's size into a response. A row that
// passes the size is cut when the client handles partial results.
func (c *call) fill(n *scanner, req *pb.ScanRequest) (*pb.ScanResponse, error) {
	resp := &pb.ScanResponse{
		MoreResults: proto.Bool(true), MoreResultsInRegion: proto.Bool(true),
		Ttl: proto.Uint32(uint32(c.server.cfg.ScannerLease.Milliseconds())),
	}
	scanned, filtered := n.reader.rowsScanned, n.reader.rowsFiltered
	size, count := 0, 0
	limit := int(req.GetNumberOfRows())
	for count < limit && size < n.size {
		cells := n.rest
		if n.rest = nil; cells == nil {
			var err error
			if cells, err = n.reader.next(); err != nil {
				return nil, err
			}
			if cells == nil {
				resp.MoreResultsInRegion = proto.Bool(false)
				break
			}
		}
		cut := len(cells)
		if n.batch > 0 {
			cut = min(cut, n.batch)
		}
		for i := range cells[:cut] {
			size += cells[i].size()
			if n.handlesPartials && size >= n.size {
				cut = i + 1
				break
			}
		}
		if cut < len(cells) {
			n.rest = cells[cut:]
		}
		c.addResult(resp, cells[:cut], n.rest != nil)
		count++
	}
	if n.rest == nil && n.reader.filterDone() {
		resp.MoreResultsInRegion = proto.Bool(false)
		if count == 0 {
			resp.MoreResults = proto.Bool(false)
		}
	}
	if req.GetTrackScanMetrics() {
		resp.ScanMetrics = &pb.ScanMetrics{Metrics: []*pb.NameInt64Pair{
			{Name: proto.String("ROWS_SCANNED"), Value: proto.Int64(n.reader.rowsScanned - scanned)},
			{Name: proto.String("ROWS_FILTERED"), Value: proto.Int64(n.reader.rowsFiltered - filtered)},
		}}
	}
	return resp, nil
}

func (c *call) addResult(resp *pb.ScanResponse, cells []cell, partial bool) {
	if c.inline {
		resp.Results = append(resp.Results, &pb.Result{Cell: pbCells(cells), Partial: proto.Bool(partial)})
		return
	}
	for i := range cells {
		c.out = appendCell(c.out, &cells[i])
	}
	resp.CellsPerResult = append(resp.CellsPerResult, uint32(len(cells)))
	resp.PartialFlagPerResult = append(resp.PartialFlagPerResult, partial)
}
