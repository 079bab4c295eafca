// Package ogg decodes and encodes ogg-json, the change messages of Oracle GoldenGate, with the semantics of Flink's ogg-json
// format.
//
// A message holds one change with whole rows: {"table":"S.T","op_type":"U","op_ts":"2020-05-13 17:26:27.936000","before":{…},"after":{…}}.
// "I" gives +I, "U" −U and +U, "D" −D. "T" (truncate) is bad: which rows are gone is not in it.
package ogg

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
const Name = "ogg-json"

// ParseOptions reads the options and checks them.
func ParseOptions(in format.Options) (json.Options, error) {
	s := option.New(Name, in)
	o := json.ReadOptions(s)
	return o, s.Err()
}

// The keys of a message.
const (
	keyBefore = iota
	keyAfter
	keyOp
	keyTable
	keyPK
	keyCurrentTs
	keyOpTs
	keyCount
)

func metadata() map[string]envelope.Metadata {
	return map[string]envelope.Metadata{
		"table":               {Key: keyTable, Type: types.String()},
		"primary-keys":        {Key: keyPK, Type: types.ArrayOf(types.String())},
		"ingestion-timestamp": {Key: keyCurrentTs, Type: types.TimestampLTZOf(6)},
		"event-timestamp":     {Key: keyOpTs, Type: types.TimestampLTZOf(6)},
	}
}

// Metadata are the columns that METADATA FROM 'value.…' can name, without the prefix, and their types.
func Metadata() map[string]types.Type { return envelope.Types(metadata()) }

// Decoder decodes ogg-json. It is not safe for concurrent use.
type Decoder struct {
	opts     json.Options
	fields   int
	row      *json.Row
	meta     *json.Row
	metaKeys []int
	keys     *json.Keys
	envelope []json.Span
	extra    []json.Span
}

var _ format.Decoder = (*Decoder)(nil)

// NewDecoder makes a decoder for the fields, followed by a column for each key of meta (with or without "value.").
func NewDecoder(fields []format.Field, meta []string, opts json.Options) (*Decoder, error) {
	row, err := json.NewRow(fields, opts)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, Name)
	}
	d := &Decoder{opts: opts, fields: len(fields), row: row, envelope: make([]json.Span, keyCount), extra: make([]json.Span, len(meta)),
		keys: json.NewKeys("before", "after", "op_type", "table", "primary_keys", "current_ts", "op_ts")}
	known := metadata()
	for k, m := range known {
		// GoldenGate writes times without a zone; they are in UTC: they are read as TIMESTAMP, which has the same values.
		if m.Type.Kind == types.TimestampLTZ {
			known[k] = envelope.Metadata{Key: m.Key, Type: types.TimestampOf(m.Type.Precision)}
		}
	}
	d.metaKeys, d.meta, err = envelope.Resolve(Name, known, meta, json.Options{AnySeparator: true, IgnoreParseErrors: opts.IgnoreParseErrors})
	return d, err
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
				bad(i, fault.Wrap(fault.Data, err, "decode ogg-json"))
			}
		}
	}
}

var errNoBefore = fault.WithRemedy(errors.New(`"before" is missing or null`),
	"have GoldenGate write whole rows (gg.handler.name.includeAllColumns, supplemental logging of all columns; REPLICA IDENTITY FULL in PostgreSQL)")

func (d *Decoder) message(v []byte, out *batch.Builder, msg int32) error {
	end, err := d.keys.Find(v, json.Start(v), d.envelope)
	if err == nil {
		err = json.End(v, end)
	}
	if err != nil {
		return err
	}
	op, err := json.Text(v, d.envelope[keyOp])
	if err != nil {
		return fmt.Errorf(`"op_type": %w`, err)
	}
	for i, k := range d.metaKeys {
		d.extra[i] = d.envelope[k]
	}
	before, after := d.envelope[keyBefore], d.envelope[keyAfter]
	switch string(op) {
	case "I":
		return d.emit(v, "after", after, out, batch.Insert, msg)
	case "U":
		if json.IsNull(v, before) {
			return errNoBefore
		}
		if err := d.emit(v, "before", before, out, batch.UpdateBefore, msg); err != nil {
			return err
		}
		return d.emit(v, "after", after, out, batch.UpdateAfter, msg)
	case "D":
		if json.IsNull(v, before) {
			return errNoBefore
		}
		return d.emit(v, "before", before, out, batch.Delete, msg)
	}
	return fmt.Errorf(`unknown "op_type" %q`, op)
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

// NewEncoder makes an encoder for rows of the fields: +I and +U have the op_type I, −U and −D the op_type D. The row that is not there is null,
// or left out with encode.ignore-null-fields.
func NewEncoder(fields []format.Field, opts json.Options) (*envelope.Encoder, error) {
	insert, remove := envelope.Text{Before: `{"before":null,"after":`, After: `,"op_type":"I"}`}, envelope.Text{Before: `{"before":`, After: `,"after":null,"op_type":"D"}`}
	if opts.IgnoreNullFields {
		insert.Before, remove.After = `{"after":`, `,"op_type":"D"}`
	}
	return envelope.NewEncoder(Name, fields, opts, insert, remove)
}
