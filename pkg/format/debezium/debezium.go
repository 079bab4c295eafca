// Package debezium decodes and encodes debezium-json, the change messages of Debezium, with the semantics of Flink's
// debezium-json format.
//
// A message holds one change: {"before":{…},"after":{…},"op":"u",…}, bare or under "payload" next to its "schema"; both are
// understood without being told. "c" and "r" give +I, "u" −U and +U, "d" −D.
package debezium

import (
	"errors"
	"fmt"
	"strings"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/option"
	"github.com/freshet-dw/freshet/pkg/format/json"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Name is the format's name in 'format' = '…'.
const Name = "debezium-json"

// ParseOptions reads the options and checks them.
func ParseOptions(in format.Options) (json.Options, error) {
	s := option.New(Name, in)
	o := json.ReadOptions(s)
	s.Bool("schema-include", false) // seen from the message
	o.NumericBooleans = true
	return o, s.Err()
}

// The keys of an envelope, and of its source.
const (
	keyBefore = iota
	keyAfter
	keyOp
	keySource
	keyTs
	keyPayload
	keySchema
	keyCount
)

const (
	sourceTs = iota
	sourceDB
	sourceSchema
	sourceTable
	sourceCount
)

// metadata is where a metadata column comes from: a key of the envelope, or of the source when fromSource is set.
type metadata struct {
	key        int
	fromSource bool
	typ        types.Type
}

func allMetadata() map[string]metadata {
	return map[string]metadata{
		"schema":              {keySchema, false, types.String()},
		"ingestion-timestamp": {keyTs, false, types.TimestampLTZOf(3)},
		"source.timestamp":    {sourceTs, true, types.TimestampLTZOf(3)},
		"source.database":     {sourceDB, true, types.String()},
		"source.schema":       {sourceSchema, true, types.String()},
		"source.table":        {sourceTable, true, types.String()},
		"source.properties":   {keySource, false, types.MapOf(types.String(), types.String())},
	}
}

// Metadata are the columns that METADATA FROM 'value.…' can name, without the prefix, and their types.
func Metadata() map[string]types.Type {
	out := map[string]types.Type{}
	for k, m := range allMetadata() {
		out[k] = m.typ
	}
	return out
}

// Decoder decodes debezium-json. It is not safe for concurrent use.
type Decoder struct {
	opts       json.Options
	fields     int
	row        *json.Row
	meta       *json.Row
	metaFrom   []metadata
	keys       *json.Keys
	sourceKeys *json.Keys
	wantSource bool
	envelope   []json.Span
	source     []json.Span
	extra      []json.Span
}

var _ format.Decoder = (*Decoder)(nil)

// NewDecoder makes a decoder for the fields, followed by a column for each key of meta (with or without "value.").
func NewDecoder(fields []format.Field, meta []string, opts json.Options) (*Decoder, error) {
	row, err := json.NewRow(fields, opts)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, Name)
	}
	d := &Decoder{opts: opts, fields: len(fields), row: row,
		keys:       json.NewKeys("before", "after", "op", "source", "ts_ms", "payload", "schema"),
		sourceKeys: json.NewKeys("ts_ms", "db", "schema", "table"),
		envelope:   make([]json.Span, keyCount), source: make([]json.Span, sourceCount)}
	known := allMetadata()
	var extra []format.Field
	for _, name := range meta {
		m, ok := known[strings.TrimPrefix(name, "value.")]
		if !ok {
			var names []string
			for k := range known {
				names = append(names, k)
			}
			return nil, fault.WithRemedy(fault.Newf(fault.Config, "%s has no metadata %q", Name, name), fault.DidYouMean(name, names))
		}
		d.metaFrom = append(d.metaFrom, m)
		d.wantSource = d.wantSource || m.fromSource
		extra = append(extra, format.Field{Name: name, Type: m.typ})
	}
	if d.meta, err = json.NewRow(extra, json.Options{EpochMillis: true, IgnoreParseErrors: opts.IgnoreParseErrors}); err != nil {
		return nil, fault.Wrap(fault.Config, err, Name)
	}
	d.extra = make([]json.Span, len(extra))
	return d, nil
}

// Decode implements format.Decoder. Tombstones and empty messages give no row. With ignore-parse-errors bad is never called.
func (d *Decoder) Decode(msgs []format.Message, out *batch.Builder, bad func(i int, err error)) {
	d.row.Bind(out.Cols[:d.fields])
	d.meta.Bind(out.Cols[d.fields:])
	for i := range msgs {
		v := msgs[i].Value
		if len(v) == 0 {
			continue
		}
		n := out.Len()
		if err := d.message(v, out, int32(i)); err != nil {
			out.RollbackTo(n)
			if !d.opts.IgnoreParseErrors {
				bad(i, fault.Wrap(fault.Data, err, "decode debezium-json"))
			}
		}
	}
}

var errNoBefore = fault.WithRemedy(errors.New(`"before" is missing or null`),
	"have the database log whole rows: binlog_row_image=FULL in MySQL, REPLICA IDENTITY FULL in PostgreSQL")

func (d *Decoder) message(v []byte, out *batch.Builder, msg int32) error {
	end, err := d.keys.Find(v, json.Start(v), d.envelope)
	if err == nil {
		err = json.End(v, end)
	}
	if err != nil {
		return err
	}
	schema := d.envelope[keySchema]
	if payload := d.envelope[keyPayload]; !payload.Missing() && d.envelope[keyOp].Missing() {
		if json.IsNull(v, payload) {
			return nil // a tombstone in an envelope
		}
		if _, err := d.keys.Find(v, payload.From, d.envelope); err != nil {
			return err
		}
		d.envelope[keySchema] = schema
	}
	op, err := json.Text(v, d.envelope[keyOp])
	if err != nil {
		return fmt.Errorf(`"op": %w`, err)
	}
	if d.wantSource {
		clear(d.source)
		if s := d.envelope[keySource]; !json.IsNull(v, s) {
			if _, err := d.sourceKeys.Find(v, s.From, d.source); err != nil {
				return fmt.Errorf(`"source": %w`, err)
			}
		}
	}
	for i, m := range d.metaFrom {
		if m.fromSource {
			d.extra[i] = d.source[m.key]
		} else {
			d.extra[i] = d.envelope[m.key]
		}
	}
	before, after := d.envelope[keyBefore], d.envelope[keyAfter]
	switch string(op) {
	case "c", "r":
		return d.emit(v, "after", after, out, batch.Insert, msg)
	case "u":
		if json.IsNull(v, before) {
			return errNoBefore
		}
		if err := d.emit(v, "before", before, out, batch.UpdateBefore, msg); err != nil {
			return err
		}
		return d.emit(v, "after", after, out, batch.UpdateAfter, msg)
	case "d":
		if json.IsNull(v, before) {
			return errNoBefore
		}
		return d.emit(v, "before", before, out, batch.Delete, msg)
	}
	return fmt.Errorf(`unknown "op" %q`, op)
}

func (d *Decoder) emit(v []byte, which string, s json.Span, out *batch.Builder, kind batch.Kind, msg int32) error {
	if json.IsNull(v, s) {
		return fmt.Errorf("%q is missing or null", which)
	}
	spans, _, err := d.row.Scan(v, s.From)
	if err == nil {
		err = d.row.Append(v, spans)
	}
	if err != nil {
		return fmt.Errorf("%q: %w", which, err)
	}
	if err := d.meta.Append(v, d.extra); err != nil {
		return err
	}
	out.RowDone(kind, msg)
	return nil
}

// Encoder encodes each row as a message of its own, as Flink does: +I and +U with op c, −U and −D with op d.
type Encoder struct {
	w   *json.RowWriter
	buf []byte
}

var _ format.Encoder = (*Encoder)(nil)

// NewEncoder makes an encoder for rows of the fields.
func NewEncoder(fields []format.Field, opts json.Options) (*Encoder, error) {
	w, err := json.NewRowWriter(fields, opts)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, Name)
	}
	return &Encoder{w: w}, nil
}

// Encode implements format.Encoder.
func (e *Encoder) Encode(b *batch.Batch, emit func(row int, value []byte) error) error {
	for i := 0; i < b.N; i++ {
		open, close := `{"before":null,"after":`, `,"op":"c"}`
		if b.Kind(i).Retracts() {
			open, close = `{"before":`, `,"after":null,"op":"d"}`
		}
		buf, err := e.w.AppendRow(append(e.buf[:0], open...), b.Cols, i)
		if err != nil {
			return fault.Wrap(fault.Data, err, "encode debezium-json")
		}
		e.buf = append(buf, close...)
		if err := emit(i, e.buf); err != nil {
			return err
		}
	}
	return nil
}
