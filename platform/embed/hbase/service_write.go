package hbase

import (
	"bytes"
	"errors"

	"google.golang.org/protobuf/proto"

	"github.com/tsuna/gohbase/pb"
)

func (c *call) mutate(req *pb.MutateRequest) (proto.Message, error) {
	r, err := c.server.catalog.region(req.GetRegion().GetValue())
	if err != nil {
		return nil, err
	}
	m, _, err := decodeMutation(req.GetMutation(), c.req.cells)
	if err != nil {
		return nil, err
	}
	if err := m.check(r); err != nil {
		return nil, err
	}
	w := &writer{server: c.server}
	var cells []cell
	done := true
	if cond := req.GetCondition(); cond != nil {
		if !bytes.Equal(cond.GetRow(), m.row) {
			return nil, throwf(classDoNotRetry, "Action's getRow must match")
		}
		cells, done, err = w.guarded(r, cond, []*mutation{m})
	} else {
		cells, err = w.one(r, m)
	}
	if err = errors.Join(err, w.wait()); err != nil {
		return nil, err
	}
	return &pb.MutateResponse{Result: c.result(cells), Processed: &done}, nil
}

// one applies a single mutation.
func (w *writer) one(r *region, m *mutation) ([]cell, error) {
	if m.reads() {
		cells, _, err := w.guarded(r, nil, []*mutation{m})
		return cells, err
	}
	return nil, w.blind(r, []*mutation{m})
}

// multi serves a batch of actions on any regions. Everything is applied first and made
// durable once. Actions fail singly, unless their region action is atomic.
func (c *call) multi(req *pb.MultiRequest) (proto.Message, error) {
	resp := &pb.MultiResponse{}
	w := &writer{server: c.server}
	block := c.req.cells
	var err error
	for _, ra := range req.GetRegionAction() {
		var res *pb.RegionActionResult
		if res, block, err = c.regionAction(w, ra, req.GetCondition(), block, resp); err != nil {
			break
		}
		resp.RegionActionResult = append(resp.RegionActionResult, res)
	}
	if err = errors.Join(err, w.wait()); err != nil {
		return nil, err
	}
	return resp, nil
}

// action is one entry of a region action with its answer.
type action struct {
	index    *uint32
	get      *pb.Get
	mutation *mutation
	err      error
	result   *pb.Result
}

func (c *call) regionAction(w *writer, ra *pb.RegionAction, cond *pb.Condition, block []byte, resp *pb.MultiResponse) (*pb.RegionActionResult, []byte, error) {
	r, regionErr := c.server.catalog.region(ra.GetRegion().GetValue())
	actions := make([]action, len(ra.GetAction()))
	for i, a := range ra.GetAction() {
		n := &actions[i]
		n.index, n.get = a.Index, a.GetGet()
		if a.GetMutation() == nil {
			if n.get == nil {
				n.err = throwf(classUnsupported, "an action must be a get or a mutation")
			}
			continue
		}
		// Cells are taken from the block even for a region that is not served: the
		// next action's follow them.
		var err error
		if n.mutation, block, err = decodeMutation(a.GetMutation(), block); err != nil {
			return nil, nil, err
		}
		if regionErr == nil {
			n.err = n.mutation.check(r)
		}
	}
	if regionErr != nil {
		return &pb.RegionActionResult{Exception: pbException(regionErr)}, block, nil
	}
	if ra.GetAtomic() || cond != nil {
		done, err := c.atomicAction(w, r, cond, actions)
		if err != nil {
			return &pb.RegionActionResult{Exception: pbException(err)}, block, nil
		}
		resp.Processed = &done
	} else {
		c.eachAction(w, r, actions)
	}
	res := &pb.RegionActionResult{ResultOrException: make([]*pb.ResultOrException, len(actions))}
	for i := range actions {
		a := &actions[i]
		roe := &pb.ResultOrException{Index: a.index, Result: a.result}
		if a.err != nil {
			roe.Result, roe.Exception = nil, pbException(a.err)
		} else if roe.Result == nil {
			roe.Result = &pb.Result{AssociatedCellCount: proto.Int32(0)}
		}
		res.ResultOrException[i] = roe
	}
	return res, block, nil
}

// eachAction runs actions in order; runs of blind mutations share a batch.
func (c *call) eachAction(w *writer, r *region, actions []action) {
	var run []*mutation
	from := 0
	flush := func(to int) {
		if len(run) > 0 {
			if err := w.blind(r, run); err != nil {
				for i := from; i < to; i++ {
					if actions[i].err == nil {
						actions[i].err = err
					}
				}
			}
		}
		run = run[:0]
		from = to + 1
	}
	for i := range actions {
		a := &actions[i]
		switch {
		case a.err != nil:
		case a.mutation != nil && !a.mutation.reads():
			run = append(run, a.mutation)
		case a.mutation != nil:
			flush(i)
			var cells []cell
			if cells, a.err = w.one(r, a.mutation); a.err == nil {
				a.result = c.result(cells)
			}
		default:
			flush(i)
			a.result, a.err = c.readRow(r, a.get)
		}
	}
	flush(len(actions))
}

// atomicAction applies all mutations of a region action or none.
func (c *call) atomicAction(w *writer, r *region, cond *pb.Condition, actions []action) (bool, error) {
	var ms []*mutation
	for i := range actions {
		a := &actions[i]
		if a.err != nil {
			return false, a.err
		}
		if a.mutation == nil {
			return false, throwf(classDoNotRetry, "Atomic put and/or delete only, not get")
		}
		if !bytes.Equal(a.mutation.row, actions[0].mutation.row) {
			return false, throwf(classDoNotRetry, "atomic actions must be of one row")
		}
		ms = append(ms, a.mutation)
	}
	_, done, err := w.guarded(r, cond, ms)
	return done, err
}

func pbException(err error) *pb.NameBytesPair {
	e := asException(err)
	return &pb.NameBytesPair{Name: &e.class, Value: []byte(e.Error())}
}
