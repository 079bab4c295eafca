// Package protobuf decodes Protocol Buffers messages into columns and encodes rows as messages. The schema is .proto text,
// compiled when the decoder is made: there is no generated code.
//
// The decoder reads the wire format itself. Fields that no column asks for are skipped by their wire type, messages inside them
// unread. As the specification says, the last value of a field counts, messages that come in parts are merged, repeated
// scalars may be packed or not, a value of an unexpected wire type is an unknown field, and the last member of a oneof
// clears the others.
//
// Absent fields follow Flink: those with presence (messages, proto2, proto3's optional, oneof), and empty repeated fields
// and maps, are NULL unless read-default-values is set; proto3's plain scalars are their default. Two things are kinder
// than in Flink: an absent proto3 optional scalar is NULL, and a google.protobuf.Timestamp can be a TIMESTAMP column.
package protobuf

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/option"
)

// Name is the format's name in 'format' = '…'.
const Name = "protobuf"

// Options are the options of the format.
type Options struct {
	Message           string   // full name of the message, or its Java class as Flink wants it
	Files             []string // .proto files
	BaseDir           string   // what relative files and imports are relative to
	IgnoreParseErrors bool
	ReadDefaultValues bool
	NullString        string // written for NULL strings in arrays and maps
}

// ParseOptions reads the options and checks them. It reads no files.
func ParseOptions(in format.Options) (Options, error) {
	s := option.New(Name, in)
	o := Options{
		Message:           s.Text("message-class-name", ""),
		BaseDir:           s.Text("base-dir", "."),
		IgnoreParseErrors: s.Bool("ignore-parse-errors", false),
		ReadDefaultValues: s.Bool("read-default-values", false),
		NullString:        s.Text("write-null-string-literal", ""),
	}
	for _, f := range strings.FieldsFunc(s.Text("proto-file", ""), func(r rune) bool { return r == ',' || r == ';' }) {
		if f = strings.TrimSpace(f); f != "" {
			o.Files = append(o.Files, f)
		}
	}
	if o.Message == "" {
		s.Errorf("message-class-name", "set it to the full name of the message, such as 'shop.PageView'", "is required")
	}
	if len(o.Files) == 0 {
		s.Errorf("proto-file", "set it to the path of the .proto file that defines the message", "is required")
	}
	return o, s.Err()
}

// Decoder decodes messages. It is not safe for concurrent use.
type Decoder struct {
	row    *row
	ignore bool
}

var _ format.Decoder = (*Decoder)(nil)

// NewDecoder compiles the schema and makes a decoder for the fields.
func NewDecoder(fields []format.Field, opts Options) (*Decoder, error) {
	m, err := Load(opts)
	if err != nil {
		return nil, err
	}
	return NewDecoderOf(m, fields, opts)
}

// NewDecoderOf makes a decoder for messages of the given type.
func NewDecoderOf(m protoreflect.MessageDescriptor, fields []format.Field, opts Options) (*Decoder, error) {
	r, err := newRow(m, fields, opts)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "protobuf message %s", m.FullName())
	}
	return &Decoder{row: r, ignore: opts.IgnoreParseErrors}, nil
}

// Decode implements format.Decoder. A tombstone gives no row; an empty message is one with all fields absent. With
// ignore-parse-errors bad is never called.
func (d *Decoder) Decode(msgs []format.Message, out *batch.Builder, bad func(i int, err error)) {
	d.row.bind(out.Cols)
	for i := range msgs {
		v := msgs[i].Value
		if v == nil {
			continue
		}
		err := d.row.scan(v)
		if err == nil {
			err = d.row.append()
		}
		if err != nil {
			out.Rollback()
			if !d.ignore {
				bad(i, fault.Wrap(fault.Data, err, "decode protobuf message"))
			}
			continue
		}
		out.RowDone(batch.Insert, int32(i))
	}
}
