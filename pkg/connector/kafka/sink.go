package kafka

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/formats"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// sink writes one table on one worker, inside the session's transaction: what it has sent counts when the session commits.
type sink struct {
	s          *session
	t          *table
	topic      string
	value, key format.Encoder
	vcols      []int
	kcols      []int
	changes    bool // the format or the key expresses updates and deletes
	topicCol   int  // column of the batch that says where a row goes, −1: all to topic
	headerCol  int  // column of the batch with the headers, −1: none
	timeCol    int  // column of the batch with the timestamp, −1: the broker's clock
	partition  int32
	turn       bool // round-robin
	keys       [][]byte
	slab       []byte
}

// Sink implements connector.Session.
func (s *session) Sink(n *plan.Sink, worker int) (endpoint.Sink, error) {
	t := s.tables[n]
	at := map[int]int{} // input column by table column
	for i, c := range n.Columns {
		at[c] = i
	}
	k := &sink{s: s, t: t, changes: n.Caps.SinkMode != catalog.AppendOnly, topicCol: -1, headerCol: -1, timeCol: -1, partition: -1}
	if len(t.topics) > 0 {
		k.topic = t.topics[0]
	}
	if t.partitioner != "default" {
		k.partition, k.turn = int32(worker), t.partitioner == "round-robin"
	}
	for c, i := range at {
		if col := t.t.Columns[c]; col.Kind == catalog.Metadata {
			switch col.MetadataKey {
			case "topic":
				k.topicCol = i
			case "headers":
				k.headerCol = i
			case "timestamp":
				k.timeCol = i
			}
		}
	}
	var err error
	if k.value, err = formats.NewEncoder(t.value.name, t.fields(t.valueCols, false), s.formatOptions(t.value, k.topic, "value")); err != nil {
		return nil, fmt.Errorf("table %s: %w", t.t.Name, err)
	}
	for _, c := range t.valueCols {
		k.vcols = append(k.vcols, at[c])
	}
	if t.key.name != "" {
		if k.key, err = formats.NewEncoder(t.key.name, t.fields(t.keyCols, true), s.formatOptions(t.key, k.topic, "key")); err != nil {
			return nil, fmt.Errorf("table %s, key: %w", t.t.Name, err)
		}
		for _, c := range t.keyCols {
			k.kcols = append(k.kcols, at[c])
		}
	}
	return k, nil
}

// Begin implements endpoint.Sink.
func (k *sink) Begin(endpoint.Epoch) error { return nil }

// keep copies b into memory that the record owns.
func (k *sink) keep(b []byte) []byte {
	if len(k.slab)+len(b) > cap(k.slab) {
		k.slab = make([]byte, 0, max(256<<10, len(b)))
	}
	at := len(k.slab)
	k.slab = append(k.slab, b...)
	return k.slab[at:len(k.slab):len(k.slab)]
}

// Write implements endpoint.Sink.
func (k *sink) Write(ctx context.Context, b *batch.Batch) error {
	if b.Kinds != nil && !k.changes {
		for _, kind := range b.Kinds {
			if kind != batch.Insert {
				return fault.Newf(fault.Internal, "topic %s takes inserts only and was given a %s", k.topic, kind)
			}
		}
	}
	k.keys = k.keys[:0]
	if k.key != nil {
		kb := batch.Select(b, k.kcols)
		keys := &batch.Batch{N: kb.N, Cols: kb.Cols}
		for range b.N {
			k.keys = append(k.keys, nil)
		}
		if err := k.key.Encode(keys, func(row int, v []byte) error { k.keys[row] = k.keep(v); return nil }); err != nil {
			return fmt.Errorf("encode key: %w", err)
		}
	}
	values := batch.Select(b, k.vcols)
	if k.t.upsert {
		// A delete is a tombstone and −U says nothing: the format sees plain rows.
		values = &batch.Batch{N: b.N, Cols: values.Cols}
	} else {
		values = &batch.Batch{N: b.N, Cols: values.Cols, Kinds: b.Kinds}
	}
	records := make([]kgo.Record, b.N)
	return k.value.Encode(values, func(row int, v []byte) error {
		r := &records[row]
		if err := k.metadata(r, b, row); err != nil {
			return err
		}
		if k.key != nil {
			r.Key = k.keys[row]
		}
		if k.t.upsert {
			// A row taken back is a tombstone, unless its successor with the same key comes right after it.
			switch b.Kind(row) {
			case batch.UpdateBefore, batch.Delete:
				if row+1 < b.N && !b.Kind(row+1).Retracts() && bytes.Equal(k.keys[row], k.keys[row+1]) {
					return nil
				}
			default:
				r.Value = k.keep(v)
			}
		} else {
			r.Value = k.keep(v)
		}
		k.s.produce(ctx, r)
		return nil
	})
}

// metadata sets where the record goes and what the row says about it.
func (k *sink) metadata(r *kgo.Record, b *batch.Batch, row int) error {
	r.Topic, r.Partition = k.topic, k.partition
	if k.turn {
		k.partition = (k.partition + 1) & math.MaxInt32
	}
	if k.topicCol >= 0 {
		a := b.Cols[k.topicCol].(*array.String)
		if a.IsNull(row) {
			return fault.Newf(fault.Data, "table %s: the topic of a row is NULL", k.t.t.Name)
		}
		r.Topic = strings.Clone(a.Value(row))
		if !slices.Contains(k.t.topics, r.Topic) && (k.t.pattern == nil || !k.t.pattern.MatchString(r.Topic)) {
			return fault.Newf(fault.Data, "table %s: a row names topic %q, which is not one of the table's", k.t.t.Name, r.Topic)
		}
	}
	if k.timeCol >= 0 {
		if a := b.Cols[k.timeCol].(*array.Timestamp); a.IsValid(row) {
			r.Timestamp = time.UnixMicro(int64(a.Value(row)))
		}
	}
	if k.headerCol >= 0 {
		a := b.Cols[k.headerCol].(*array.Map)
		if a.IsNull(row) {
			return nil
		}
		keys, items := a.Keys().(*array.String), a.Items().(*array.Binary)
		from, to := a.ValueOffsets(row)
		for i := int(from); i < int(to); i++ {
			if keys.IsValid(i) && items.IsValid(i) {
				r.Headers = append(r.Headers, kgo.RecordHeader{Key: strings.Clone(keys.Value(i)), Value: k.keep(items.Value(i))})
			}
		}
	}
	return nil
}

// Flush implements endpoint.Sink: the commit waits for what was sent; an error that is known already stops the epoch here.
func (k *sink) Flush(context.Context) error { return k.s.sent() }

// Commit implements endpoint.Sink.
func (k *sink) Commit(context.Context, endpoint.Epoch) error { return nil }

// Close implements endpoint.Sink.
func (k *sink) Close() error { return nil }
