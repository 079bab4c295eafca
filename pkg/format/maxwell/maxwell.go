// Package maxwell decodes and encodes maxwell-json, the change messages of Maxwell's daemon, with the semantics of Flink's
// maxwell-json format.
//
// A message holds one row: {"database":"shop","table":"orders","type":"update","ts":1596684893,"data":{…},"old":{…}}. "insert" gives
// +I, "delete" −D, and "update" −U and +U, the old row being the new one with the values of "old" put in; a key that is in "old" with null
// was null before. Beyond Flink, which knows these three only, the rows of a bootstrap ("bootstrap-insert") are +I, and its marks and DDL
// messages give no row.
package maxwell

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
const Name = "maxwell-json"

// ParseOptions reads the options and checks them.
func ParseOptions(in format.Options) (json.Options, error) {
	s := option.New(Name, in)
	o := json.ReadOptions(s)
	o.NumericBooleans = true
	return o, s.Err()
}

// The keys of a message.
const (
	keyData = iota
	keyOld
	keyType
	keyDatabase
	keyTable
	keyTs
	keyPK
	keyCount
)

func metadata() map[string]envelope.Metadata {
	return map[string]envelope.Metadata{
		"database":            {Key: keyDatabase, Type: types.String()},
		"table":               {Key: keyTable, Type: types.String()},
		"primary-key-columns": {Key: keyPK, Type: types.ArrayOf(types.String())},
		"ingestion-timestamp": {Key: keyTs, Type: types.TimestampLTZOf(3)},
	}
}

// Metadata are the columns that METADATA FROM 'value.…' can name, without the prefix, and their types.
func Metadata() map[string]types.Type { return envelope.Types(metadata()) }

// Decoder decodes maxwell-json. It is not safe for concurrent use.
type Decoder struct {
	opts     json.Options
	fields   int
	row      *json.Row
	meta     *json.Row
	metaKeys []int
	keys     *json.Keys
	envelope []json.Span
	before   []json.Span
	after    []json.Span
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
		keys: json.NewKeys("data", "old", "type", "database", "table", "ts", "primary_key_columns")}
	d.metaKeys, d.meta, err = envelope.Resolve(Name, metadata(), meta, json.Options{EpochUnit: json.Second, IgnoreParseErrors: opts.IgnoreParseErrors})
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
				bad(i, fault.Wrap(fault.Data, err, "decode maxwell-json"))
			}
		}
	}
}

var (
	errNoData = errors.New(`"data" is missing or null`)
	errNoOld  = errors.New(`"old" of an update is missing or null`)
)

func (d *Decoder) message(v []byte, out *batch.Builder, msg int32) error {
	end, err := d.keys.Find(v, json.Start(v), d.envelope)
	if err == nil {
		err = json.End(v, end)
	}
	if err != nil {
		return err
	}
	typ, err := json.Text(v, d.envelope[keyType])
	if err != nil {
		return fmt.Errorf(`"type": %w`, err)
	}
	for i, k := range d.metaKeys {
		d.extra[i] = d.envelope[k]
	}
	switch string(typ) {
	case "insert", "bootstrap-insert":
		return d.one(v, out, batch.Insert, msg)
	case "delete":
		return d.one(v, out, batch.Delete, msg)
	case "update":
		return d.update(v, out, msg)
	case "bootstrap-start", "bootstrap-complete", "table-create", "table-alter", "table-drop", "database-create", "database-alter", "database-drop":
		return nil
	}
	return fmt.Errorf(`unknown "type" %q`, typ)
}

// data finds the row's values.
func (d *Decoder) data(v []byte) ([]json.Span, error) {
	s := d.envelope[keyData]
	if json.IsNull(v, s) {
		return nil, errNoData
	}
	spans, _, err := d.row.Scan(v, s.From)
	if err != nil {
		return nil, fmt.Errorf(`"data": %w`, err)
	}
	return spans, nil
}

func (d *Decoder) one(v []byte, out *batch.Builder, kind batch.Kind, msg int32) error {
	spans, err := d.data(v)
	if err != nil {
		return err
	}
	return d.emit(v, spans, out, kind, msg)
}

func (d *Decoder) update(v []byte, out *batch.Builder, msg int32) error {
	spans, err := d.data(v)
	if err != nil {
		return err
	}
	d.after = append(d.after[:0], spans...)
	d.before = append(d.before[:0], spans...)
	old := d.envelope[keyOld]
	if json.IsNull(v, old) {
		return errNoOld
	}
	if spans, _, err = d.row.Scan(v, old.From); err != nil {
		return fmt.Errorf(`"old": %w`, err)
	}
	for f, s := range spans {
		if !s.Missing() {
			d.before[f] = s
		}
	}
	if err := d.emit(v, d.before, out, batch.UpdateBefore, msg); err != nil {
		return fmt.Errorf(`"old": %w`, err)
	}
	return d.emit(v, d.after, out, batch.UpdateAfter, msg)
}

func (d *Decoder) emit(v []byte, spans []json.Span, out *batch.Builder, kind batch.Kind, msg int32) error {
	if err := d.row.Append(v, spans); err != nil {
		return err
	}
	if err := d.meta.Append(v, d.extra); err != nil {
		return err
	}
	out.RowDone(kind, msg)
	return nil
}

// NewEncoder makes an encoder for rows of the fields: +I and +U are of type insert, −U and −D of type delete.
func NewEncoder(fields []format.Field, opts json.Options) (*envelope.Encoder, error) {
	return envelope.NewEncoder(Name, fields, opts, envelope.Text{Before: `{"data":`, After: `,"type":"insert"}`},
		envelope.Text{Before: `{"data":`, After: `,"type":"delete"}`})
}
