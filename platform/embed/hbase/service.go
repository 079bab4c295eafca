package hbase

import (
	"google.golang.org/protobuf/proto"

	"github.com/tsuna/gohbase/pb"
)

// call is one request in work.
type call struct {
	server *Server
	req    *request
	inline bool   // the client takes no cell blocks: results go into the message
	out    []byte // the response's cell block
}

// method decodes a request's parameter as a Req and runs f.
func method[Req any, P interface {
	*Req
	proto.Message
}](c *call, f func(P) (proto.Message, error)) (proto.Message, error) {
	p := P(new(Req))
	if err := proto.Unmarshal(c.req.param, p); err != nil {
		return nil, throwf(classDoNotRetry, "decode parameter of %s: %v", c.req.header.GetMethodName(), err)
	}
	return f(p)
}

func (c *call) dispatch() (proto.Message, error) {
	switch name := c.req.header.GetMethodName(); name {
	case "Get":
		return method(c, c.get)
	case "Mutate":
		return method(c, c.mutate)
	case "Multi":
		return method(c, c.multi)
	case "Scan":
		return method(c, c.scan)
	case "CreateTable":
		return method(c, c.createTable)
	case "DeleteTable":
		return method(c, c.deleteTable)
	case "EnableTable":
		return method(c, c.enableTable)
	case "DisableTable":
		return method(c, c.disableTable)
	case "getProcedureResult":
		return method(c, c.procedureResult)
	case "GetTableNames":
		return method(c, c.tableNames)
	case "GetClusterStatus":
		return method(c, c.clusterStatus)
	case "SetBalancerRunning":
		return method(c, c.setBalancer)
	case "IsBalancerEnabled":
		return &pb.IsBalancerEnabledResponse{Enabled: proto.Bool(c.server.admin.get())}, nil
	case "IsMasterRunning":
		return &pb.IsMasterRunningResponse{IsMasterRunning: proto.Bool(true)}, nil
	case "MoveRegion":
		return method(c, c.moveRegion)
	case "Snapshot":
		return method(c, c.createSnapshot)
	case "IsSnapshotDone":
		return method(c, c.snapshotDone)
	case "DeleteSnapshot":
		return method(c, c.deleteSnapshot)
	case "GetCompletedSnapshots":
		return method(c, c.listSnapshots)
	case "RestoreSnapshot":
		return method(c, c.restoreSnapshot)
	case "IsRestoreSnapshotDone":
		return &pb.IsRestoreSnapshotDoneResponse{Done: proto.Bool(true)}, nil
	default:
		return nil, throwf(classUnsupported, "method %q is not served", name)
	}
}

// result turns cells into a message, or into the cell block and a count.
func (c *call) result(cells []cell) *pb.Result {
	if c.inline {
		return &pb.Result{Cell: pbCells(cells)}
	}
	for i := range cells {
		c.out = appendCell(c.out, &cells[i])
	}
	return &pb.Result{AssociatedCellCount: proto.Int32(int32(len(cells)))}
}

// clone also keeps empty apart from absent.
func clone(b []byte) []byte { return append([]byte{}, b...) }

// pbCells copies cells, whose memory the next row reuses.
func pbCells(cells []cell) []*pb.Cell {
	out := make([]*pb.Cell, len(cells))
	for i := range cells {
		k := cells[i]
		out[i] = &pb.Cell{
			Row: clone(k.row), Family: clone(k.fam), Qualifier: clone(k.qual), Value: clone(k.val),
			Timestamp: &k.ts, CellType: pb.CellType(k.typ).Enum(),
		}
	}
	return out
}
