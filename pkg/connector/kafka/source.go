package kafka

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/avro"
	"github.com/freshet-dw/freshet/pkg/format/formats"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// reader decodes one source's chunks on one worker.
type reader struct {
	s     *session
	t     *table
	value format.Decoder
	key   format.Decoder // nil: no column comes from the key
	vb    *batch.Builder
	kb    *batch.Builder
	// from tells for each output column where it comes from.
	from []origin
	recs []*kgo.Record
	msgs []format.Message
	keys []format.Message
	// keyRow is, by message, the row of its key in kb, or -1.
	keyRow []int32
	idx    []int32
}

type origin struct {
	part byte // 'v' value, 'k' key, 'm' metadata
	col  int
	meta string
	typ  arrow.DataType
}

// Reader implements connector.Session.
func (s *session) Reader(n *plan.Source, _ int) (endpoint.Reader, error) {
	t := s.tables[n]
	r := &reader{s: s, t: t}
	// A column that is in key and value is read from the value, as in Flink; of an upsert table from the key, which tombstones have too.
	inKey := map[int]bool{}
	for _, k := range t.keyCols {
		inKey[k] = t.upsert || !slices.Contains(t.valueCols, k)
	}
	var vcols, kcols []int
	var meta []string
	for i, c := range n.Columns {
		col := t.t.Columns[c]
		o := origin{typ: batch.ArrowType(n.P.Out[i].Type)}
		switch {
		case col.Kind == catalog.Metadata:
			o.part, o.meta = 'm', col.MetadataKey
			if o.meta == "" {
				o.meta = col.Name
			}
			if rest, ok := strings.CutPrefix(o.meta, valuePrefix); ok {
				o.part, o.col = 'f', len(meta)
				meta = append(meta, rest)
			}
		case inKey[c]:
			o.part, o.col = 'k', len(kcols)
			kcols = append(kcols, c)
		default:
			o.part, o.col = 'v', len(vcols)
			vcols = append(vcols, c)
		}
		r.from = append(r.from, o)
	}
	var err error
	fields := t.fields(vcols, false)
	extra := []formats.Extra{formats.WithSchema(t.fields(t.valueCols, false))}
	types := fieldTypes(fields)
	if len(meta) > 0 {
		extra = append(extra, formats.WithMetadata(meta...))
		for _, m := range meta {
			types = append(types, batch.ArrowType(formats.Metadata(t.value.name)[m]))
		}
	}
	if r.value, err = formats.NewDecoder(t.value.name, fields, s.formatOptions(t.value, "", "value"), extra...); err != nil {
		return nil, fmt.Errorf("table %s: %w", t.t.Name, err)
	}
	r.vb = batch.NewBuilder(types...)
	for i := range r.from {
		if r.from[i].part == 'f' { // the format's metadata comes after its fields
			r.from[i].part, r.from[i].col = 'v', len(fields)+r.from[i].col
		}
	}
	if len(kcols) > 0 {
		fields := t.fields(kcols, true)
		if r.key, err = formats.NewDecoder(t.key.name, fields, s.formatOptions(t.key, "", "key")); err != nil {
			return nil, fmt.Errorf("table %s, key: %w", t.t.Name, err)
		}
		r.kb = batch.NewBuilder(fieldTypes(fields)...)
	}
	return r, nil
}

// formatOptions are the options of the format and what it does not know by itself: what the paths of its files are relative to, and under
// which subject the schema of a part of the topic's records is registered.
func (s *session) formatOptions(f formatSpec, topic, part string) format.Options {
	switch f.name {
	case "protobuf":
		out := maps.Clone(f.opts)
		out["base-dir"] = s.env.Dir
		return out
	case avro.ConfluentName, avro.DebeziumName:
		if f.opts["subject"] == "" && f.opts["schema-registry.subject"] == "" {
			out := maps.Clone(f.opts)
			out["subject"] = topic + "-" + part
			return out
		}
	}
	return f.opts
}

func fieldTypes(fs []format.Field) []arrow.DataType {
	out := make([]arrow.DataType, len(fs))
	for i, f := range fs {
		out[i] = batch.ArrowType(f.Type)
	}
	return out
}

// valuePrefix starts the metadata keys that the value's format answers for.
const valuePrefix = "value."

// Decode implements endpoint.Reader.
func (r *reader) Decode(c *endpoint.Chunk, out func(*batch.Batch) error) error {
	recs := c.Payload.([]*kgo.Record)
	for len(recs) > 0 {
		r.recs = r.recs[:0]
		for len(recs) > 0 && len(r.recs) < batch.TargetRows {
			if !recs[0].Attrs.IsControl() {
				r.recs = append(r.recs, recs[0])
			}
			recs = recs[1:]
		}
		if len(r.recs) == 0 {
			continue
		}
		b, err := r.decode()
		if err != nil {
			return err
		}
		if b.N > 0 {
			if err := out(b); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reader) decode() (*batch.Batch, error) {
	var failed error
	bad := func(i int, err error) {
		if e := r.s.bad(r.t, r.recs[i], err); e != nil && failed == nil {
			failed = e
		}
	}
	r.msgs = r.msgs[:0]
	for _, rec := range r.recs {
		r.msgs = append(r.msgs, format.Message{Key: rec.Key, Value: rec.Value})
	}
	if r.key != nil {
		r.decodeKeys(bad)
	}
	r.decodeRuns(bad)
	if failed != nil {
		r.vb.Build()
		return nil, failed
	}
	msg := append(r.idx[:0], r.vb.Msg...)
	r.idx = msg
	vb := r.vb.Build()
	return r.assemble(vb, msg), nil
}

// decodeKeys decodes all keys; a message whose key is bad is bad, and is left out of the value's messages by an empty slot.
func (r *reader) decodeKeys(bad func(int, error)) {
	r.keys = r.keys[:0]
	for _, m := range r.msgs {
		r.keys = append(r.keys, format.Message{Value: m.Key})
	}
	r.key.Decode(r.keys, r.kb, func(i int, err error) { bad(i, fmt.Errorf("key: %w", err)) })
	r.keyRow = r.keyRow[:0]
	for range r.msgs {
		r.keyRow = append(r.keyRow, -1)
	}
	for row, m := range r.kb.Msg {
		r.keyRow[m] = int32(row)
	}
}

// decodeRuns decodes the values between tombstones and bad keys. A tombstone is a delete with the key only in an upsert table, and nothing in any other.
func (r *reader) decodeRuns(bad func(int, error)) {
	usable := func(i int) bool { return r.key == nil || r.keyRow[i] >= 0 }
	for at := 0; at < len(r.msgs); {
		if !usable(at) {
			at++
			continue
		}
		if r.msgs[at].Value == nil {
			if r.t.upsert {
				for _, c := range r.vb.Cols {
					c.AppendNull()
				}
				r.vb.RowDone(batch.Delete, int32(at))
			}
			at++
			continue
		}
		to := at
		for to < len(r.msgs) && r.msgs[to].Value != nil && usable(to) {
			to++
		}
		before, base := len(r.vb.Msg), at
		r.value.Decode(r.msgs[at:to], r.vb, func(i int, err error) { bad(base+i, err) })
		for i := before; i < len(r.vb.Msg); i++ {
			r.vb.Msg[i] += int32(base)
		}
		at = to
	}
}

// assemble puts value, key and metadata columns into the source's order.
func (r *reader) assemble(v *batch.Batch, msg []int32) *batch.Batch {
	out := &batch.Batch{N: v.N, Kinds: v.Kinds, Cols: make([]arrow.Array, len(r.from))}
	var keys *batch.Batch
	if r.key != nil {
		kb := r.kb.Build()
		rows := make([]int32, len(msg))
		for i, m := range msg {
			rows[i] = r.keyRow[m]
		}
		keys = batch.Take(kb, rows)
	}
	for i, o := range r.from {
		switch o.part {
		case 'v':
			out.Cols[i] = v.Cols[o.col]
		case 'k':
			out.Cols[i] = keys.Cols[o.col]
		default:
			out.Cols[i] = r.metadata(o, msg)
		}
	}
	return out
}

func (r *reader) metadata(o origin, msg []int32) arrow.Array {
	b := batch.NewBuilder(o.typ).Cols[0]
	b.Reserve(len(msg))
	for _, m := range msg {
		rec := r.recs[m]
		switch b := b.(type) {
		case *array.TimestampBuilder:
			b.Append(arrow.Timestamp(rec.Timestamp.UnixMicro()))
		case *array.Int32Builder:
			switch {
			case o.meta == "partition":
				b.Append(rec.Partition)
			case rec.LeaderEpoch < 0:
				b.AppendNull()
			default:
				b.Append(rec.LeaderEpoch)
			}
		case *array.Int64Builder:
			if o.meta == "offset" {
				b.Append(rec.Offset)
			} else {
				b.Append(int64(rec.Partition))
			}
		case *array.StringBuilder:
			if o.meta == "topic" {
				b.Append(rec.Topic)
			} else {
				b.Append([...]string{"CreateTime", "LogAppendTime", "NoTimestampType"}[min(uint8(rec.Attrs.TimestampType()), 2)])
			}
		case *array.MapBuilder:
			b.Append(true)
			for _, h := range rec.Headers {
				b.KeyBuilder().(*array.StringBuilder).Append(h.Key)
				b.ItemBuilder().(*array.BinaryBuilder).Append(h.Value)
			}
		default:
			b.AppendNull()
		}
	}
	return b.NewArray()
}

// bad deals with a record that cannot be decoded, as the table asks. The dead letter is part of the transaction: it is there exactly
// when the offset has moved past the record.
func (s *session) bad(t *table, r *kgo.Record, reason error) error {
	if k := fault.KindOf(reason); k.Retryable() || k == fault.Permanent { // the schema registry's fault, not the record's: it must come again
		return fmt.Errorf("table %s: record %s/%d at offset %d: %w", t.t.Name, r.Topic, r.Partition, r.Offset, reason)
	}
	if t.bad == "fail" {
		return fault.WithRemedy(fault.Wrap(fault.Data, reason, "table %s: record %s/%d at offset %d", t.t.Name, r.Topic, r.Partition, r.Offset),
			"set 'bad-records' = 'dead-letter' to keep such records aside and go on")
	}
	s.env.Metrics.CountBad(t.t.Name, rootReason(reason), 1)
	if t.bad == "skip" {
		return nil
	}
	s.produce(s.ctx, DeadLetter(s.dead, r, s.env.Job, reason))
	return nil
}

// DeadLetter makes the record that keeps a bad one: key and value as they were, and where it comes from and what is wrong in headers.
func DeadLetter(topic string, r *kgo.Record, job string, reason error) *kgo.Record {
	header := func(k, v string) kgo.RecordHeader { return kgo.RecordHeader{Key: k, Value: []byte(v)} }
	return &kgo.Record{Topic: topic, Key: r.Key, Value: r.Value, Headers: []kgo.RecordHeader{
		header("topic", r.Topic), header("partition", strconv.Itoa(int(r.Partition))), header("offset", strconv.FormatInt(r.Offset, 10)),
		header("job", job), header("reason", reason.Error()),
	}}
}

// rootReason is the innermost message: few distinct values, fit for a metric label.
func rootReason(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			s := err.Error()
			if len(s) > 60 {
				s = s[:60]
			}
			return s
		}
		err = next
	}
}
