// Package endpoint is what the engine asks of the outside world: sources, sinks and lookups of one running job, and the log
// that commits its progress. Connectors implement it; engine/exec calls it.
package endpoint

import (
	"context"
	"time"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// Split is one ordered part of a source: a Kafka partition, a file, a range of a generator. ID is stable over restarts: "topic/3".
type Split struct {
	Source int // the plan node's ID
	ID     string
}

// Chunk is a run of raw records of one split, in order: read, not yet decoded.
type Chunk struct {
	Split Split
	// From and Next are the positions of its first record and of the one after its last.
	From, Next int64
	Rows       int
	Bytes      int
	// Time is the newest record timestamp in it (milliseconds since the epoch), 0 if there is none.
	Time    int64
	Payload any
	// Cut splits the chunk at position at (From < at < Next) into what lies before and the rest.
	Cut func(at int64) (head, tail *Chunk)
}

// Reader decodes the chunks of one source. One instance a worker.
type Reader interface {
	// Decode gives the chunk's rows as batches with the columns of plan.Source.Columns. Bad records were dealt with
	// (counted, dead-lettered) before it returns; an error stops the job.
	Decode(c *Chunk, out func(*batch.Batch) error) error
}

// Epoch names an epoch to sinks. Token is the same when the epoch is replayed after a crash and differs from any other
// epoch's of the job; Version grows with every epoch and is fit as a cell timestamp or row version.
type Epoch struct {
	ID      int64
	Version uint64
	Token   string
	Now     time.Time
	Final   bool
	// Watermark is the sink's event time in microseconds since the epoch when the epoch ends; math.MinInt64 if there is none, math.MaxInt64 when
	// the input has ended. Only Ticker.Tick is given it.
	Watermark int64
}

// Sink writes the rows of one sink node. One instance a worker; all calls from one goroutine. Each worker gets all changes of a key.
type Sink interface {
	// Begin opens an epoch, before its first Write.
	Begin(e Epoch) error
	Write(ctx context.Context, b *batch.Batch) error
	// Flush ends the epoch: when it returns, all its rows are in the store, or staged durably for Commit. A replay of the
	// epoch after a crash between Flush and the commit must not double them.
	Flush(ctx context.Context) error
	// Commit publishes what was staged, after the job's commit. It may be called again for the same epoch after a restart.
	Commit(ctx context.Context, e Epoch) error
	Close() error
}

// Ticker is a Sink that acts when time passes, also in epochs that bring it no rows. Tick is called on one worker, after the rows of the epoch
// are published on all of them and also when the epoch was not worth a commit.
type Ticker interface {
	Tick(ctx context.Context, e Epoch) error
}

// Lookup answers point queries of a lookup join. One instance a worker.
type Lookup interface {
	// Lookup takes the key columns (one array per LookupJoin.TableKeys, types as the table's) and gives, for each input
	// row in order, its matches: rows [offsets[i], offsets[i+1]) of the returned batch, whose columns are LookupJoin.Columns.
	Lookup(ctx context.Context, keys *batch.Batch) (rows *batch.Batch, offsets []int32, err error)
	Close() error
}

// LateRows are rows that came too late for the operator that was to take them.
type LateRows struct {
	// Operator is the operator's line in EXPLAIN.
	Operator string
	Columns  plan.Schema
	Rows     *batch.Batch
}

// LateWriter is a Job that keeps late rows, inside its transaction: they are there exactly when the offsets have moved past them.
type LateWriter interface {
	// WantsLate tells whether the job was asked to keep them.
	WantsLate() bool
	// WriteLate may be called from all workers at once.
	WriteLate(ctx context.Context, r LateRows) error
}

// Progress is what one commit moves: the positions after the epoch and the snapshot that belongs to them.
type Progress struct {
	Epoch     int64
	Positions map[Split]int64
	// Snapshot names the state snapshot in the job's state directory; empty for stateless jobs that never made one.
	Snapshot string
}

// Job is the outside of one running job instance. Poll, Commit and Recover are called from one goroutine.
type Job interface {
	// Recover reads the last committed progress, before the first Poll; the zero Progress for a new job. Poll then goes on from there.
	Recover(ctx context.Context) (Progress, error)
	// Resume sets where the sources go on whose positions the job's log does not keep itself. It is called once, after Recover.
	Resume(ctx context.Context, positions map[Split]int64) error
	// KeepsPositions is true when Commit and Recover carry all sources' positions; otherwise the engine keeps them in its snapshots.
	KeepsPositions() bool
	// Poll gives the next chunks, waiting until ctx ends for the first one. io.EOF (with or without chunks): all sources are bounded and at
	// their end.
	Poll(ctx context.Context) ([]*Chunk, error)
	// Splits lists the splits of a source that exist now, after Recover: each of them holds the watermark back until it had rows or went idle.
	Splits(s *plan.Source) []string
	Reader(s *plan.Source, worker int) (Reader, error)
	Sink(s *plan.Sink, worker int) (Sink, error)
	Lookup(j *plan.LookupJoin, worker int) (Lookup, error)
	// Transactional sinks (Kafka) write inside the job's transaction: BeginEpoch opens it, Commit ends it together with the progress.
	BeginEpoch(e Epoch) error
	// Commit makes progress durable in one step. When it fails with a kind fault.Fenced the instance must give up.
	Commit(ctx context.Context, p Progress) error
	// NeedsIntent is true when a sink is outside the transaction, so that the epoch must be replayed exactly after a crash.
	NeedsIntent() bool
	Close() error
}
