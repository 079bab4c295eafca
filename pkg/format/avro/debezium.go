package avro

import (
	"errors"
	"fmt"

	"github.com/hamba/avro/v2"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// envelopeFields are the parts of Debezium's messages around rows with the fields.
func envelopeFields(fields []format.Field) []format.Field {
	row := types.RowOf(rowFields(fields)...)
	return []format.Field{{Name: "before", Type: row}, {Name: "after", Type: row}, {Name: "op", Type: types.String()}}
}

// envelopeSchema is the schema of Debezium's messages around rows with the fields: a record or null, as in Flink.
func envelopeSchema(fields []format.Field, legacy bool) (avro.Schema, error) {
	text, err := appendSchema(nil, types.RowOf(rowFields(envelopeFields(fields))...), recordName, legacy)
	if err != nil {
		return nil, err
	}
	return ParseSchema(string(text))
}

// change reads messages that were written with one schema of Debezium's.
type change struct {
	union         int // number of the record's branch if the schema is a union, else −1
	steps         []changeStep
	before, after *node
	op            *node
}

// changeStep is a field of the message: read over, and remembered if it is one of the parts.
type changeStep struct {
	skip *node
	part byte // 'b', 'a', 'o', or 0
}

func newChange(writer, reader avro.Schema, fields []format.Field) (*change, error) {
	w, r := record(writer), record(reader)
	if w == nil {
		return nil, errors.New("the schema is no record")
	}
	rs := &resolver{}
	c := &change{union: recordAt(writer)}
	row := types.RowOf(rowFields(fields)...)
	for _, f := range w.Fields() {
		s := changeStep{skip: rs.skip(f.Type())}
		var own avro.Schema
		for _, rf := range r.Fields() {
			if rf.Name() == f.Name() {
				own = rf.Type()
			}
		}
		var err error
		switch f.Name() {
		case "before":
			s.part = 'b'
			c.before, err = rs.value(f.Type(), own, row)
		case "after":
			s.part = 'a'
			c.after, err = rs.value(f.Type(), own, row)
		case "op":
			s.part = 'o'
			c.op, err = rs.value(f.Type(), own, types.String())
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		c.steps = append(c.steps, s)
	}
	if c.before == nil || c.after == nil || c.op == nil {
		return nil, fmt.Errorf("the schema %s has not the fields before, after and op of Debezium's messages", w.FullName())
	}
	return c, nil
}

// recordAt is the number of the branch of a union that is its record, −1 if s is no union.
func recordAt(s avro.Schema) int {
	if u, ok := deref(s).(*avro.UnionSchema); ok {
		for i, b := range u.Types() {
			if _, ok := deref(b).(*avro.RecordSchema); ok {
				return i
			}
		}
	}
	return -1
}

// DebeziumDecoder decodes Debezium's change messages in Avro. It is not safe for concurrent use.
type DebeziumDecoder struct {
	readers *readers[*change]
	cur     cursor
}

var _ format.Decoder = (*DebeziumDecoder)(nil)

// NewDebeziumDecoder makes a decoder for the fields, which are some of the table's columns; schema is all of these, nil if the fields are
// all.
func NewDebeziumDecoder(fields, schema []format.Field, o ConfluentOptions) (*DebeziumDecoder, error) {
	if schema == nil {
		schema = fields
	}
	own := o.Schema
	if own == nil {
		var err error
		if own, err = envelopeSchema(schema, false); err != nil {
			return nil, fault.Wrap(fault.Config, err, DebeziumName)
		}
	}
	if _, err := newChange(own, own, fields); err != nil {
		return nil, fault.Wrap(fault.Config, err, DebeziumName)
	}
	rs, err := newReaders(o, func(w avro.Schema) (*change, error) { return newChange(w, own, fields) })
	return &DebeziumDecoder{readers: rs}, err
}

// Decode implements format.Decoder. Tombstones and empty messages give no row.
func (d *DebeziumDecoder) Decode(msgs []format.Message, out *batch.Builder, bad func(i int, err error)) {
	for i := range msgs {
		if len(msgs[i].Value) == 0 {
			continue
		}
		n := out.Len()
		c, data, err := d.readers.of(msgs[i].Value)
		if err == nil {
			err = d.message(c, data, out, int32(i))
		}
		if err != nil {
			out.RollbackTo(n)
			bad(i, dataOrDown(err, "decode debezium-avro-confluent"))
		}
	}
}

var errNoBefore = fault.WithRemedy(errors.New("before is null"),
	"have the database log whole rows: binlog_row_image=FULL in MySQL, REPLICA IDENTITY FULL in PostgreSQL")

func (d *DebeziumDecoder) message(c *change, data []byte, out *batch.Builder, msg int32) error {
	d.cur.reset(data)
	if c.union >= 0 {
		if i, err := d.cur.long(); err != nil || i != int64(c.union) {
			return errors.Join(err, errors.New("the message is no record"))
		}
	}
	var before, after int
	var op []byte
	for _, s := range c.steps {
		at := d.cur.i
		if err := d.cur.skip(s.skip); err != nil {
			return err
		}
		switch s.part {
		case 'b':
			before = at
		case 'a':
			after = at
		case 'o':
			var err error
			if op, err = textAt(c.op, data[at:]); err != nil {
				return fmt.Errorf("op: %w", err)
			}
		}
	}
	if d.cur.i != len(data) {
		return fmt.Errorf("%d bytes follow the record: it was written with another schema", len(data)-d.cur.i)
	}
	switch string(op) {
	case "c", "r":
		return d.row(c.after, "after", data, after, out, batch.Insert, msg)
	case "u":
		if err := d.row(c.before, "before", data, before, out, batch.UpdateBefore, msg); err != nil {
			return err
		}
		return d.row(c.after, "after", data, after, out, batch.UpdateAfter, msg)
	case "d":
		return d.row(c.before, "before", data, before, out, batch.Delete, msg)
	}
	return fmt.Errorf("unknown op %q", op)
}

// textAt reads a text without a column; nil is null.
func textAt(n *node, data []byte) ([]byte, error) {
	var c cursor
	c.reset(data)
	if n.op == opUnion {
		i, err := c.long()
		if err != nil {
			return nil, err
		}
		if uint64(i) >= uint64(len(n.branches)) {
			return nil, errBranch
		}
		n = n.branches[i]
	}
	switch n.op {
	case opNull:
		return nil, nil
	case opString:
		return c.bytes()
	case opEnum:
		i, err := c.int()
		if err == nil && uint64(i) >= uint64(len(n.symbols)) {
			err = errSymbol
		}
		if err != nil {
			return nil, err
		}
		return n.symbols[i], nil
	}
	return nil, errors.New("not a text")
}

func (d *DebeziumDecoder) row(n *node, which string, data []byte, at int, out *batch.Builder, kind batch.Kind, msg int32) error {
	d.cur.reset(data)
	d.cur.i = at
	if n.op == opUnion {
		if i, err := d.cur.long(); err == nil && uint64(i) < uint64(len(n.branches)) && n.branches[i].op == opNull {
			if which == "before" {
				return errNoBefore
			}
			return fmt.Errorf("%s is null", which)
		}
		d.cur.i = at
	}
	n.bindRow(out.Cols)
	if err := d.cur.read(n); err != nil {
		return fmt.Errorf("%s: %w", which, err)
	}
	out.RowDone(kind, msg)
	return nil
}

// DebeziumEncoder encodes each row as a message of its own, as Flink does: +I and +U with op c, −U and −D with op d.
type DebeziumEncoder struct {
	start  *ConfluentEncoder // the beginning of messages
	union  int               // number of the record's branch if the schema is a union, else −1
	row    *Writer
	fields []debeziumField
}

// debeziumField is a field of the message's schema.
type debeziumField struct {
	part            byte // 'b', 'a', 'o', or 0
	nullAt, valueAt int  // numbers of the union's branches, −1: no such
	value           []byte
}

var _ format.Encoder = (*DebeziumEncoder)(nil)

// NewDebeziumEncoder makes an encoder for rows of the fields.
func NewDebeziumEncoder(fields []format.Field, o ConfluentOptions) (*DebeziumEncoder, error) {
	own := o.Schema
	if own == nil {
		var err error
		if own, err = envelopeSchema(fields, o.Legacy); err != nil {
			return nil, fault.Wrap(fault.Config, err, DebeziumName)
		}
	}
	start, err := newConfluentEncoder(own, envelopeFields(fields), o)
	if err != nil {
		return nil, err
	}
	e := &DebeziumEncoder{start: start, union: recordAt(own)}
	for _, f := range record(own).Fields() {
		p := debeziumField{nullAt: -1, valueAt: -1}
		if u, ok := deref(f.Type()).(*avro.UnionSchema); ok {
			for i, b := range u.Types() {
				if deref(b).Type() == avro.Null {
					p.nullAt = i
				} else if p.valueAt < 0 {
					p.valueAt = i
				}
			}
		}
		switch f.Name() {
		case "before", "after":
			p.part = f.Name()[0]
			if p.nullAt < 0 || record(f.Type()) == nil {
				return nil, fault.Newf(fault.Config, "%s: field %s of the schema is no record or null", DebeziumName, f.Name())
			}
			if e.row, err = NewWriter(record(f.Type()), fields); err != nil {
				return nil, fault.Wrap(fault.Config, err, "%s: %s", DebeziumName, f.Name())
			}
		case "op":
			p.part = 'o'
		default:
			if p.value, err = encodeDefault(nil, f.Type(), f.Default()); err != nil {
				return nil, fault.Wrap(fault.Config, err, "%s: default of %s", DebeziumName, f.Name())
			}
		}
		e.fields = append(e.fields, p)
	}
	return e, nil
}

// Encode implements format.Encoder.
func (e *DebeziumEncoder) Encode(b *batch.Batch, emit func(row int, value []byte) error) error {
	for i := 0; i < b.N; i++ {
		buf, err := e.start.start()
		if err != nil {
			return err
		}
		if e.union >= 0 {
			buf = appendLong(buf, int64(e.union))
		}
		has, op := byte('a'), byte('c')
		if b.Kind(i).Retracts() {
			has, op = 'b', 'd'
		}
		for _, f := range e.fields {
			switch {
			case f.part == 0:
				buf = append(buf, f.value...)
			case f.part == 'o':
				if f.valueAt >= 0 {
					buf = appendLong(buf, int64(f.valueAt))
				}
				buf = append(appendLong(buf, 1), op)
			case f.part != has:
				buf = appendLong(buf, int64(f.nullAt))
			default:
				if buf, err = e.row.AppendRow(appendLong(buf, int64(f.valueAt)), b.Cols, i); err != nil {
					return fault.Wrap(fault.Data, err, "encode %s", DebeziumName)
				}
			}
		}
		e.start.buf = buf
		if err := emit(i, buf); err != nil {
			return err
		}
	}
	return nil
}
