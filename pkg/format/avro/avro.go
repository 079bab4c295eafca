// Package avro decodes and encodes rows in Avro: avro (records of the table's own schema), avro-confluent (records of schemas in a
// registry of Confluent's kind) and debezium-avro-confluent (change messages of Debezium), with the options of Flink's formats.
//
// The decoder compares the writer's schema with the table's once and makes a tree of steps from the two: wanted fields go straight into
// the columns' builders, all others are read over. Avro's rules of resolution apply: fields by name or alias, promotion of numbers, defaults
// for what the writer does not have, unions branch by branch. Beyond the rules, an enum or a fixed can be read as STRING, and the units of
// times and timestamps come from the writer's schema; Flink takes every long for milliseconds.
//
// A message with bytes after its record is bad, where Flink ignores them.
package avro

import (
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/option"
)

// Name is the plain format's name in 'format' = '…'.
const Name = "avro"

// Options are the options of the plain format.
type Options struct {
	JSON   bool // Avro's JSON encoding instead of the binary one
	Legacy bool // TIMESTAMP is timestamp-millis and there is no TIMESTAMP_LTZ
}

// ParseOptions reads the options and checks them.
func ParseOptions(in format.Options) (Options, error) {
	s := option.New(Name, in)
	o := Options{
		JSON:   s.Enum("encoding", 0, "binary", "json") == 1,
		Legacy: s.Bool("timestamp_mapping.legacy", true),
	}
	return o, s.Err()
}

// Decoder decodes records of the table's schema. It is not safe for concurrent use.
type Decoder struct {
	binary *Reader
	json   *jsonReader
}

var _ format.Decoder = (*Decoder)(nil)

// NewDecoder makes a decoder for the fields, which are some of the table's columns; schema is all of these, nil if the fields are all.
func NewDecoder(fields, schema []format.Field, opts Options) (*Decoder, error) {
	if schema == nil {
		schema = fields
	}
	s, err := TableSchema(schema, opts.Legacy)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, Name)
	}
	d := &Decoder{}
	if opts.JSON {
		d.json, err = newJSONReader(s, fields)
	} else {
		d.binary, err = NewReader(s, s, fields)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, Name)
	}
	return d, nil
}

// Decode implements format.Decoder. A tombstone gives no row.
func (d *Decoder) Decode(msgs []format.Message, out *batch.Builder, bad func(i int, err error)) {
	for i := range msgs {
		v := msgs[i].Value
		if v == nil {
			continue
		}
		var err error
		if d.json != nil {
			err = d.json.read(v, out)
		} else {
			err = d.binary.Read(v, out)
		}
		if err != nil {
			out.Rollback()
			bad(i, fault.Wrap(fault.Data, err, "decode Avro"))
			continue
		}
		out.RowDone(batch.Insert, int32(i))
	}
}

// Encoder encodes rows as records of the table's schema. Rows of kind −U are left out.
type Encoder struct {
	binary *Writer
	json   *jsonWriter
	buf    []byte
}

var _ format.Encoder = (*Encoder)(nil)

// NewEncoder makes an encoder for rows of the fields.
func NewEncoder(fields []format.Field, opts Options) (*Encoder, error) {
	s, err := TableSchema(fields, opts.Legacy)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, Name)
	}
	w, err := NewWriter(s, fields)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, Name)
	}
	e := &Encoder{binary: w}
	if opts.JSON {
		e.json = &jsonWriter{w: w.root, schema: record(s)}
	}
	return e, nil
}

// Encode implements format.Encoder.
func (e *Encoder) Encode(b *batch.Batch, emit func(row int, value []byte) error) error {
	for i := 0; i < b.N; i++ {
		if b.Kind(i) == batch.UpdateBefore {
			continue
		}
		var err error
		if e.json != nil {
			e.buf, err = e.json.appendRow(e.buf[:0], b.Cols, i)
		} else {
			e.buf, err = e.binary.AppendRow(e.buf[:0], b.Cols, i)
		}
		if err != nil {
			return fault.Wrap(fault.Data, err, "encode Avro")
		}
		if err := emit(i, e.buf); err != nil {
			return err
		}
	}
	return nil
}
