package operator

import (
	"time"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/expr"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
)

// Options are what operators need of the job that runs them. The zero value is a job with the default number of key groups, in UTC.
type Options struct {
	// Groups is the job's number of key groups (0: state.DefaultGroups).
	Groups int
	// Now is the processing time of the current epoch, the same from its first Process to its EndEpoch and in a replay. Nil: that of the
	// last EndEpoch.
	Now func() time.Time
	// Watermark is the watermark of the operator's input when its rows are processed, NoWatermark if there is none yet (nil: never one).
	Watermark func() int64
	// Zone is the session's time zone (nil: UTC).
	Zone *time.Location
	// Late counts rows that were dropped because they came after their window was closed.
	Late func(n int)
	// LateRows, if set, is given the rows that Late counts, of the operator's input port.
	LateRows func(port int, b *batch.Batch) error
	// First is true for the one instance of an operator that answers for what has no key: it gives the result of an
	// batch job's aggregate without keys over no rows.
	First bool
	// Functions are the user functions of the plan.
	Functions map[string]*catalog.Function
}

// Expr are the options of the operators' expressions.
func (o Options) Expr() expr.Options { return expr.Options{Zone: o.zone(), Functions: o.Functions} }

func (o Options) groups() int {
	if o.Groups > 0 {
		return o.Groups
	}
	return state.DefaultGroups
}

func (o Options) zone() *time.Location {
	if o.Zone != nil {
		return o.Zone
	}
	return time.UTC
}

// late counts the rows idx of b, and hands them on where that is asked for.
func (o Options) late(port int, b *batch.Batch, idx []int32) error {
	if len(idx) == 0 {
		return nil
	}
	if o.Late != nil {
		o.Late(len(idx))
	}
	if o.LateRows == nil {
		return nil
	}
	return o.LateRows(port, batch.Take(b, idx))
}

// clock gives the time of the current epoch.
type clock struct {
	now  func() time.Time
	last time.Time
}

func (o Options) clock() clock { return clock{now: o.Now} }

func (c *clock) time() time.Time {
	if c.now != nil {
		return c.now()
	}
	return c.last
}

func (c *clock) endEpoch(e Epoch) { c.last = e.Now }
