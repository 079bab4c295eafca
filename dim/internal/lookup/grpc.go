package lookup

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	dimpb "github.com/freshet-dw/freshet/dim/proto"
	"github.com/freshet-dw/freshet/pkg/fault"
)

// rpc is the gRPC interface.
type rpc struct {
	dimpb.UnimplementedDimServer
	s *Service
}

// BatchGet implements dimpb.DimServer.
func (r rpc) BatchGet(ctx context.Context, req *dimpb.BatchGetRequest) (*dimpb.BatchGetResponse, error) {
	parts := make([][]string, len(req.Keys))
	for i, k := range req.Keys {
		parts[i] = k.GetParts()
	}
	t, cols, answers, err := r.s.lookup(ctx, req.Table, parts, req.Columns)
	if err != nil {
		return nil, statusOf(err)
	}
	resp := &dimpb.BatchGetResponse{Columns: req.Columns, Rows: make([]*dimpb.Row, len(answers))}
	if cols == nil {
		resp.Columns = t.names
	}
	rows := make([]dimpb.Row, len(answers))
	for i, a := range answers {
		row := &rows[i]
		row.Found, row.Stale, row.Values = a.row != nil, a.stale, pick(a.row, cols)
		resp.Rows[i] = row
	}
	return resp, nil
}

// pick gives the values of the columns; nil columns: all of them.
func pick(row []*dimpb.Value, cols []int) []*dimpb.Value {
	if cols == nil || row == nil {
		return row
	}
	out := make([]*dimpb.Value, len(cols))
	for i, c := range cols {
		out[i] = row[c]
	}
	return out
}

// Describe implements dimpb.DimServer.
func (r rpc) Describe(_ context.Context, req *dimpb.DescribeRequest) (*dimpb.Table, error) {
	t, err := r.s.find(req.Table)
	if err != nil {
		return nil, statusOf(err)
	}
	return t.info, nil
}

// ListTables implements dimpb.DimServer.
func (r rpc) ListTables(context.Context, *dimpb.ListTablesRequest) (*dimpb.ListTablesResponse, error) {
	return &dimpb.ListTablesResponse{Tables: r.s.list()}, nil
}

func (s *Service) list() []*dimpb.Table {
	var out []*dimpb.Table
	for _, name := range slices.Sorted(maps.Keys(s.tables)) {
		out = append(out, s.tables[name].info)
	}
	return out
}

// codeOf sorts errors into what the caller can do about them.
func codeOf(err error) codes.Code {
	switch {
	case errors.Is(err, errNoTable):
		return codes.NotFound
	case errors.Is(err, errBusy):
		return codes.ResourceExhausted
	case errors.Is(err, context.DeadlineExceeded) && fault.KindOf(err) == fault.Canceled:
		return codes.DeadlineExceeded
	}
	switch fault.KindOf(err) {
	case fault.Data:
		return codes.InvalidArgument
	case fault.Unavailable, fault.Transient:
		return codes.Unavailable
	case fault.Canceled:
		return codes.Canceled
	}
	return codes.Internal
}

func statusOf(err error) error { return status.Error(codeOf(err), message(err)) }

func message(err error) string {
	if r := fault.RemedyOf(err); r != "" {
		return err.Error() + ": " + r
	}
	return err.Error()
}

func (s *Service) serveGRPC(ctx context.Context, listening func(net.Addr)) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.cfg.GRPC)
	if err != nil {
		return fault.WithRemedy(fault.Wrap(fault.Config, err, "listen on %s", s.cfg.GRPC), "choose another dim.lookup.grpc or stop the process that holds it")
	}
	server := grpc.NewServer()
	dimpb.RegisterDimServer(server, rpc{s: s})
	h := health.NewServer()
	healthpb.RegisterHealthServer(server, h)
	h.SetServingStatus(dimpb.Dim_ServiceDesc.ServiceName, healthpb.HealthCheckResponse_SERVING)
	listening(l.Addr())
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	select {
	case err := <-done:
		return fault.Wrap(fault.Internal, err, "serve %s", s.cfg.GRPC)
	case <-ctx.Done():
	}
	h.Shutdown()
	hard := time.AfterFunc(5*time.Second, server.Stop)
	defer hard.Stop()
	server.GracefulStop()
	if err := <-done; !errors.Is(err, grpc.ErrServerStopped) { // stopped before it began to serve
		return fault.Wrap(fault.Internal, err, "serve %s", s.cfg.GRPC)
	}
	return nil
}
