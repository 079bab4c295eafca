package avro

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/hamba/avro/v2"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/avro/registry"
	"github.com/freshet-dw/freshet/pkg/format/internal/option"
)

// The names of the formats whose schemas are in a registry.
const (
	ConfluentName = "avro-confluent"
	DebeziumName  = "debezium-avro-confluent"
)

// ConfluentOptions are the options of the formats whose schemas are in a registry.
type ConfluentOptions struct {
	name     string
	Registry registry.Config
	Subject  string      // where the encoder registers its schema
	Schema   avro.Schema // nil: the table's own
	text     string      // of Schema
	Legacy   bool        // of the table's own schema: see TableSchema
}

// ParseConfluentOptions reads the options of avro-confluent and checks them.
func ParseConfluentOptions(in format.Options) (ConfluentOptions, error) {
	return parseConfluent(ConfluentName, in)
}

// ParseDebeziumOptions reads the options of debezium-avro-confluent and checks them.
func ParseDebeziumOptions(in format.Options) (ConfluentOptions, error) {
	return parseConfluent(DebeziumName, in)
}

func parseConfluent(name string, in format.Options) (ConfluentOptions, error) {
	s := option.New(name, in)
	either := func(key string) string { return s.Text(key, s.Text("schema-registry."+key, "")) }
	o := ConfluentOptions{name: name, Subject: either("subject"), Legacy: s.Bool("timestamp_mapping.legacy", true)}
	for u := range strings.SplitSeq(either("url"), ",") {
		if u = strings.TrimSpace(u); u == "" {
			continue
		}
		if !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "https://") {
			s.Errorf("url", "write http://host:8081", "%q is no address of a registry", u)
		}
		o.Registry.URLs = append(o.Registry.URLs, u)
	}
	if len(o.Registry.URLs) == 0 {
		s.Errorf("url", "write http://host:8081", "is required")
	}
	if text := either("schema"); text != "" {
		var err error
		o.text = text
		if o.Schema, err = ParseSchema(text); err != nil {
			s.Errorf("schema", "", "%v", err)
		} else if record(o.Schema) == nil {
			s.Errorf("schema", "give the record's definition", "is no record")
		}
	}
	property := func(key, property string) string { return s.Text(key, s.Text("properties."+property, "")) }
	source := property("basic-auth.credentials-source", "basic.auth.credentials.source")
	if source != "" && source != "USER_INFO" {
		s.Errorf("basic-auth.credentials-source", "use USER_INFO and 'basic-auth.user-info'", "%q is not supported", source)
	}
	o.Registry.User = property("basic-auth.user-info", "basic.auth.user.info")
	if source = property("bearer-auth.credentials-source", "bearer.auth.credentials.source"); source != "" && source != "STATIC_TOKEN" {
		s.Errorf("bearer-auth.credentials-source", "use STATIC_TOKEN and 'bearer-auth.token'", "%q is not supported", source)
	}
	o.Registry.Token = property("bearer-auth.token", "bearer.auth.token")
	o.Registry.Certs = property("ssl.truststore.location", "schema.registry.ssl.truststore.location")
	o.Registry.ClientCert = property("ssl.keystore.location", "schema.registry.ssl.keystore.location")
	property("ssl.truststore.password", "schema.registry.ssl.truststore.password") // PEM files have none
	property("ssl.keystore.password", "schema.registry.ssl.keystore.password")
	return o, s.Err()
}

// readers makes and keeps what reads the schemas met so far.
type readers[R any] struct {
	client *registry.Client
	byID   map[uint32]reader[R]
	make   func(writer avro.Schema) (R, error)
}

type reader[R any] struct {
	r   R
	err error // the schema cannot be read into the table
}

func newReaders[R any](o ConfluentOptions, make func(avro.Schema) (R, error)) (*readers[R], error) {
	c, err := registry.New(o.Registry)
	return &readers[R]{client: c, byID: map[uint32]reader[R]{}, make: make}, err
}

var errMagic = errors.New("the message does not begin with byte 0 and a schema's number, as a registry's clients write it")

// of gives the reader of the message and the record's bytes.
func (rs *readers[R]) of(v []byte) (r R, data []byte, err error) {
	if len(v) < 5 || v[0] != 0 {
		return r, nil, errMagic
	}
	id := binary.BigEndian.Uint32(v[1:])
	known, ok := rs.byID[id]
	if !ok {
		text, err := rs.client.Schema(context.Background(), int(id))
		if err != nil {
			return r, nil, err // not kept: the schema may be registered later
		}
		var s avro.Schema
		if s, known.err = ParseSchema(text); known.err == nil {
			known.r, known.err = rs.make(s)
		}
		if known.err != nil {
			known.err = fmt.Errorf("schema %d: %w", id, known.err)
		}
		rs.byID[id] = known
	}
	return known.r, v[5:], known.err
}

// dataOrDown keeps the kind of errors that are the registry's, not the message's.
func dataOrDown(err error, deed string) error {
	if k := fault.KindOf(err); k == fault.Unavailable || k == fault.Transient || k == fault.Permanent {
		return fault.Wrap(k, err, "%s", deed)
	}
	return fault.Wrap(fault.Data, err, "%s", deed)
}

// ConfluentDecoder decodes records whose schemas are in a registry. It is not safe for concurrent use.
type ConfluentDecoder struct{ readers *readers[*Reader] }

var _ format.Decoder = (*ConfluentDecoder)(nil)

// NewConfluentDecoder makes a decoder for the fields, which are some of the table's columns; schema is all of these, nil if the fields are
// all.
func NewConfluentDecoder(fields, schema []format.Field, o ConfluentOptions) (*ConfluentDecoder, error) {
	if schema == nil {
		schema = fields
	}
	own := o.Schema
	if own == nil {
		var err error
		// Which type of timestamp the table's own schema has does not matter for reading: the writer's units count.
		if own, err = TableSchema(schema, false); err != nil {
			return nil, fault.Wrap(fault.Config, err, "%s", o.name)
		}
	}
	if _, err := NewReader(own, own, fields); err != nil {
		return nil, fault.Wrap(fault.Config, err, "%s", o.name)
	}
	rs, err := newReaders(o, func(w avro.Schema) (*Reader, error) { return NewReader(w, own, fields) })
	return &ConfluentDecoder{rs}, err
}

// Decode implements format.Decoder. A tombstone gives no row. Errors of the kinds Unavailable and Transient are the registry's.
func (d *ConfluentDecoder) Decode(msgs []format.Message, out *batch.Builder, bad func(i int, err error)) {
	for i := range msgs {
		if msgs[i].Value == nil {
			continue
		}
		r, data, err := d.readers.of(msgs[i].Value)
		if err == nil {
			err = r.Read(data, out)
		}
		if err != nil {
			out.Rollback()
			bad(i, dataOrDown(err, "decode avro-confluent"))
			continue
		}
		out.RowDone(batch.Insert, int32(i))
	}
}

// ConfluentEncoder encodes rows with a schema that it registers at the first row. Rows of kind −U are left out.
type ConfluentEncoder struct {
	name    string
	w       *Writer
	client  *registry.Client
	subject string
	schema  string
	head    [5]byte
	known   bool
	buf     []byte
}

var _ format.Encoder = (*ConfluentEncoder)(nil)

// NewConfluentEncoder makes an encoder for rows of the fields.
func NewConfluentEncoder(fields []format.Field, o ConfluentOptions) (*ConfluentEncoder, error) {
	own := o.Schema
	if own == nil {
		var err error
		if own, err = TableSchema(fields, o.Legacy); err != nil {
			return nil, fault.Wrap(fault.Config, err, "%s", o.name)
		}
	}
	return newConfluentEncoder(own, fields, o)
}

func newConfluentEncoder(schema avro.Schema, fields []format.Field, o ConfluentOptions) (*ConfluentEncoder, error) {
	if o.Subject == "" {
		return nil, fault.WithRemedy(fault.Newf(fault.Config, "%s: option '%s.subject' is required for writing", o.name, o.name), "name the subject to register the schema under: for Kafka that is <topic>-value")
	}
	w, err := NewWriter(schema, fields)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "%s", o.name)
	}
	text := o.text
	if text == "" {
		if text, err = schemaText(schema); err != nil {
			return nil, err
		}
	}
	c, err := registry.New(o.Registry)
	return &ConfluentEncoder{name: o.name, w: w, client: c, subject: o.Subject, schema: text}, err
}

func schemaText(s avro.Schema) (string, error) {
	m, ok := s.(interface{ MarshalJSON() ([]byte, error) })
	if !ok {
		return "", fault.Newf(fault.Internal, "schema %T has no JSON form", s)
	}
	text, err := m.MarshalJSON() // with logical types and defaults, which String leaves out
	return string(text), err
}

// start gives the beginning of a message, after it has the schema's number.
func (e *ConfluentEncoder) start() ([]byte, error) {
	if !e.known {
		id, err := e.client.Register(context.Background(), e.subject, e.schema)
		if err != nil {
			return nil, err
		}
		binary.BigEndian.PutUint32(e.head[1:], uint32(id))
		e.known = true
	}
	return append(e.buf[:0], e.head[:]...), nil
}

// Encode implements format.Encoder.
func (e *ConfluentEncoder) Encode(b *batch.Batch, emit func(row int, value []byte) error) error {
	for i := 0; i < b.N; i++ {
		if b.Kind(i) == batch.UpdateBefore {
			continue
		}
		buf, err := e.start()
		if err != nil {
			return err
		}
		if e.buf, err = e.w.AppendRow(buf, b.Cols, i); err != nil {
			return fault.Wrap(fault.Data, err, "encode %s", e.name)
		}
		if err := emit(i, e.buf); err != nil {
			return err
		}
	}
	return nil
}
