// Package debezium decodes and encodes debezium-json, the change messages of Debezium, with the semantics of Flink's
// debezium-json format.
//
// A message holds one change: {"before":{…},"after":{…},"op":"u",…}, bare or under "payload" next to its "schema"; both are
// understood without being told. "c" and "r" give +I, "u" −U and +U, "d" −D.
package debezium

import (
	"errors"
	"fmt"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/envelope"
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

// ofSource marks the keys of metadata that are in the envelope's source.
const ofSource = 1 << 8

func metadata() map[string]envelope.Metadata {
	return map[string]envelope.Metadata{
		"schema":              {Key: keySchema, Type: types.String()},
		"ingestion-timestamp": {Key: keyTs, Type: types.TimestampLTZOf(3)},
		"source.timestamp":    {Key: ofSource + sourceTs, Type: types.TimestampLTZOf(3)},
		"source.database":     {Key: ofSource + sourceDB, Type: types.String()},
		"source.schema":       {Key: ofSource + sourceSchema, Type: types.String()},
		"source.table":        {Key: ofSource + sourceTable, Type: types.String()},
		"source.properties":   {Key: keySource, Type: types.MapOf(types.String(), types.String())},
	}
}

// Metadata are the columns that METADATA FROM 'value.…' can name, without the prefix, and their types.
func Metadata() map[string]types.Type { return envelope.Types(metadata()) }

// Decoder decodes debezium-json. It is not safe for concurrent use.
type Decoder struct {
	opts       json.Options
	fields     int
	row        *json.Row
	meta       *json.Row
	metaKeys   []int
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
	if d.metaKeys, d.meta, err = envelope.Resolve(Name, metadata(), meta, json.Options{EpochUnit: json.Millisecond, IgnoreParseErrors: opts.IgnoreParseErrors}); err != nil {
		return nil, err
	}
	for _, k := range d.metaKeys {
		d.wantSource = d.wantSource || k&ofSource != 0
	}
	d.extra = make([]json.Span, len(meta))
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
	for i, k := range d.metaKeys {
		if k&ofSource != 0 {
			d.extra[i] = d.source[k&^ofSource]
		} else {
			d.extra[i] = d.envelope[k]
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

// NewEncoder makes an encoder for rows of the fields: +I and +U have the op c, −U and −D the op d. The row that is not there is null, or left out
// with encode.ignore-null-fields.
func NewEncoder(fields []format.Field, opts json.Options) (*envelope.Encoder, error) {
	insert, remove := envelope.Text{Before: `{"before":null,"after":`, After: `,"op":"c"}`}, envelope.Text{Before: `{"before":`, After: `,"after":null,"op":"d"}`}
	if opts.IgnoreNullFields {
		insert.Before, remove.After = `{"after":`, `,"op":"d"}`
	}
	return envelope.NewEncoder(Name, fields, opts, insert, remove)
}
