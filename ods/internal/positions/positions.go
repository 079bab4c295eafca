// Package positions writes batches of records to Kafka together with the position in the source that they were read up to, in one transaction.
//
// Guarantees: the batch and its position become visible together or not at all; Open fences every earlier writer of the same source and
// then returns the last committed position, so that a source which goes on from there neither loses nor repeats a record, whenever and however
// the process ended. Not given: more than one live writer per source; the older one gets errors of kind Fenced.
package positions

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/kafka"
)

// Topic is the compacted topic that keeps the positions, keyed by source.
const Topic = "freshet_positions"

// transactionTimeout is how long the broker keeps an unfinished transaction of a writer that is gone and does not come back.
const transactionTimeout = time.Minute

// probeSuffix marks the key of the record by which Open knows that it has read everything before.
const probeSuffix = "/open"

// Options are what Open needs.
type Options struct {
	Kafka     kafka.Config
	Source    string // the writer's name; also its transactional id
	MaxRecord int    // largest record in bytes; 0: the client's default
	Extra     []kgo.Opt
}

// Writer writes for one source. It is not safe for concurrent use. After an error it must be closed and opened again.
type Writer struct {
	client *kgo.Client
	source string
	open   bool
	began  time.Time

	mu  sync.Mutex
	err error
}

// Open makes sure of the positions topic, fences earlier writers and returns the last committed position, nil if there is none.
func Open(ctx context.Context, o Options) (*Writer, []byte, error) {
	opts := []kgo.Opt{
		kgo.TransactionalID("freshet-" + o.Source),
		kgo.TransactionTimeout(transactionTimeout),
		kgo.RecordPartitioner(Partitioner()),
		kgo.ProducerBatchCompression(kgo.Lz4Compression(), kgo.NoCompression()),
		kgo.MaxBufferedBytes(64 << 20),
		kgo.MaxBufferedRecords(50_000),
	}
	if o.MaxRecord > 0 {
		opts = append(opts, kgo.ProducerBatchMaxBytes(int32(o.MaxRecord)+64<<10))
	}
	client, err := kafka.NewClient(o.Kafka, append(opts, o.Extra...)...)
	if err != nil {
		return nil, nil, err
	}
	w := &Writer{client: client, source: o.Source}
	last, err := w.recover(ctx, o)
	if err != nil {
		client.CloseAllowingRebalance()
		return nil, nil, err
	}
	return w, last, nil
}

func (w *Writer) recover(ctx context.Context, o Options) ([]byte, error) {
	topic := kafka.Topic{Name: Topic, Partitions: 1, Configs: map[string]string{
		// Small segments, since only closed ones are compacted and all is read at a start.
		"cleanup.policy": "compact", "segment.bytes": strconv.Itoa(16 << 20), "segment.ms": "600000",
	}}
	if err := kafka.EnsureTopics(ctx, kadm.NewClient(w.client), []kafka.Topic{topic}); err != nil {
		return nil, err
	}
	// Asking for the producer's id fences the writer before us and aborts what it left open.
	if _, _, err := w.client.ProducerID(ctx); err != nil {
		return nil, kafka.Classify(err, "fence earlier writers of %s", w.source)
	}
	// What other sources have open in the topic hides later records from readers. Our own record, written now, is seen
	// only when everything before it is.
	probe := &kgo.Record{Topic: Topic, Key: []byte(w.source + probeSuffix), Value: []byte(time.Now().UTC().Format(time.RFC3339Nano))}
	if err := w.Produce(ctx, probe); err != nil {
		return nil, err
	}
	if err := w.end(ctx); err != nil {
		return nil, err
	}
	reader, err := kafka.NewClient(o.Kafka, kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{Topic: {probe.Partition: kgo.NewOffset().AtStart()}}))
	if err != nil {
		return nil, err
	}
	defer reader.CloseAllowingRebalance()
	var last []byte
	for {
		fetches := reader.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return nil, fault.Wrap(fault.Canceled, err, "read the position of %s", w.source)
		}
		for _, e := range fetches.Errors() {
			return nil, kafka.Classify(e.Err, "read the position of %s", w.source)
		}
		done := false
		fetches.EachRecord(func(r *kgo.Record) {
			if string(r.Key) == w.source && r.Offset < probe.Offset {
				last = r.Value
			}
			done = done || r.Offset >= probe.Offset
		})
		if done {
			return last, nil
		}
	}
}

// Client is the writer's client, for administration.
func (w *Writer) Client() *kgo.Client { return w.client }

// Open tells whether records wait for a Commit.
func (w *Writer) Open() bool { return w.open }

// Age is how long the first record has waited for a Commit; 0 without one.
func (w *Writer) Age() time.Duration {
	if !w.open {
		return 0
	}
	return time.Since(w.began)
}

func (w *Writer) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Produce adds a record to the batch. It blocks while the client's buffer is full, as it is when Kafka is down.
func (w *Writer) Produce(ctx context.Context, r *kgo.Record) error {
	if err := w.failure(); err != nil {
		return w.classify(err, "write to %s", r.Topic)
	}
	if !w.open {
		if err := w.client.BeginTransaction(); err != nil {
			return w.classify(err, "begin transaction of %s", w.source)
		}
		w.open, w.began = true, time.Now()
	}
	w.client.Produce(ctx, r, func(r *kgo.Record, err error) {
		if err == nil {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.err == nil {
			w.err = err
		}
	})
	return nil
}

// Commit ends the batch: its records and the position become visible.
func (w *Writer) Commit(ctx context.Context, position []byte) error {
	if err := w.Produce(ctx, &kgo.Record{Topic: Topic, Key: []byte(w.source), Value: position}); err != nil {
		return err
	}
	return w.end(ctx)
}

func (w *Writer) end(ctx context.Context) error {
	if err := w.client.Flush(ctx); err != nil {
		return w.classify(err, "write a batch of %s", w.source)
	}
	if err := w.failure(); err != nil {
		return w.classify(err, "write a batch of %s", w.source)
	}
	if err := w.client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return w.classify(err, "commit a batch of %s", w.source)
	}
	w.open = false
	return nil
}

// classify knows that the broker also fences a writer whose transaction took too long, as after an outage; that one may come again.
func (w *Writer) classify(err error, deed string, args ...any) error {
	err = kafka.Classify(err, deed, args...)
	if fault.KindOf(err) == fault.Fenced && w.open && time.Since(w.began) > transactionTimeout/2 {
		return fault.Wrap(fault.Transient, err, "transaction timed out")
	}
	return err
}

// Close aborts what was not committed.
func (w *Writer) Close() {
	if w.open {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		// Without success the next Open aborts it.
		if w.client.AbortBufferedRecords(ctx) == nil {
			_ = w.client.EndTransaction(ctx, kgo.TryAbort)
		}
	}
	w.client.CloseAllowingRebalance()
}
