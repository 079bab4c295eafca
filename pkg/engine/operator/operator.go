// Package operator holds the streaming operators of a plan: each takes and gives batches, keeps keyed state, and emits what
// it coalesced at the end of an epoch.
//
// An operator instance is used by one goroutine. The same code runs for streams and for bounded input, where the one epoch at the end is Final.
package operator

import (
	"time"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/state"
)

// NoWatermark is the watermark before the first one. MaxWatermark closes everything: bounded input has ended.
const (
	NoWatermark  = int64(-1 << 63)
	MaxWatermark = int64(1<<63 - 1)
)

// Epoch describes the moment in which an epoch ends.
type Epoch struct {
	ID int64
	// Now is the processing-time clock of the epoch: recorded with it, so that a replay sees the same.
	Now time.Time
	// Watermark is the event time, microseconds, up to which the operator's inputs are complete (min over its ports).
	Watermark int64
	// Final is true in the one last epoch of bounded input.
	Final bool
}

// Output takes an operator's result. The batch is given away.
type Output func(*batch.Batch) error

// Operator is one vertex of the running plan.
//
// Within an epoch: any number of Process calls, then one EndEpoch when all rows of the epoch from all ports have arrived. Rows with event
// time are late when they lie at or before the watermark of the last EndEpoch.
type Operator interface {
	Process(port int, b *batch.Batch, out Output) error
	EndEpoch(e Epoch, out Output) error
}

// Stateful operators keep keyed state. Snapshot writes what changed since the last Snapshot (everything if full), right
// after EndEpoch. Restore is called once before the first Process with all entries whose key group the instance owns.
type Stateful interface {
	Operator
	Snapshot(w state.Writer, full bool) error
	Restore(r state.Reader) error
	// StateBytes is the memory that the state takes, about.
	StateBytes() int64
}
