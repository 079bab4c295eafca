// Package json decodes JSON objects into columns and encodes rows as JSON objects, with the coercions and output forms of
// Flink's json format.
//
// The decoder looks at the structure of the whole message, finds the values of the wanted keys and converts only those: what
// is in keys that nobody reads is not checked beyond its brackets and quotes. A message is an object (one row), an array of
// objects (a row each) or null (no row); text after it makes the message bad, where Flink ignores it.
package json

import (
	"fmt"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/option"
	"github.com/freshet-dw/freshet/pkg/format/internal/text"
)

// Name is the format's name in 'format' = '…'.
const Name = "json"

// NullKey is what the encoder does with a NULL key of a map.
type NullKey int

// The modes of map-null-key.mode.
const (
	NullKeyFail NullKey = iota
	NullKeyDrop
	NullKeyLiteral
)

// Options are the options of the format. The zero value is Flink's defaults.
type Options struct {
	FailOnMissingField bool          // a missing key is an error, not NULL
	IgnoreParseErrors  bool          // a value that cannot be read is NULL, a message that cannot be read gives no row
	TimestampStandard  text.Standard // of TIMESTAMP and TIMESTAMP_LTZ
	MapNullKey         NullKey
	MapNullKeyLiteral  string // the key written by NullKeyLiteral
	DecimalAsPlain     bool   // 0.000000027 instead of 2.7E-8
	IgnoreNullFields   bool   // leave NULL fields out when encoding

	// What the formats that are made of JSON ask for; no user sets them.

	NumericBooleans bool  // 1 is true: databases that have no boolean send it so
	EpochUnit       int64 // a number in a timestamp counts these since the epoch; 0: numbers are no timestamps
	AnySeparator    bool  // a timestamp may have a space or a T before the time, whatever the standard
}

// Units of EpochUnit, in microseconds.
const (
	Millisecond = 1_000
	Second      = 1_000_000
)

// ParseOptions reads the options and checks them.
func ParseOptions(in format.Options) (Options, error) {
	s := option.New(Name, in)
	o := ReadOptions(s)
	o.FailOnMissingField = s.Bool("fail-on-missing-field", false)
	if o.FailOnMissingField && o.IgnoreParseErrors {
		s.Errorf("fail-on-missing-field", "set only one of them", "cannot be used with 'ignore-parse-errors'")
	}
	s.Bool("decode.json-parser.enabled", true) // which parser Flink uses; there is one here
	return o, s.Err()
}

// ReadOptions reads the options that all formats made of JSON share.
func ReadOptions(s *option.Set) Options {
	return Options{
		IgnoreParseErrors: s.Bool("ignore-parse-errors", false),
		TimestampStandard: text.Standard(s.Enum("timestamp-format.standard", 0, "SQL", "ISO-8601", "ISO-8601-WITH-OFFSET")),
		MapNullKey:        NullKey(s.Enum("map-null-key.mode", 0, "FAIL", "DROP", "LITERAL")),
		MapNullKeyLiteral: s.Text("map-null-key.literal", "null"),
		DecimalAsPlain:    s.Bool("encode.decimal-as-plain-number", false),
		IgnoreNullFields:  s.Bool("encode.ignore-null-fields", false),
	}
}

// Decoder decodes messages of plain JSON. It is not safe for concurrent use.
type Decoder struct{ row *Row }

var _ format.Decoder = (*Decoder)(nil)

// NewDecoder makes a decoder for the fields.
func NewDecoder(fields []format.Field, opts Options) (*Decoder, error) {
	row, err := NewRow(fields, opts)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "json")
	}
	return &Decoder{row}, nil
}

// Decode implements format.Decoder. A tombstone gives no row. With ignore-parse-errors bad is never called.
func (d *Decoder) Decode(msgs []format.Message, out *batch.Builder, bad func(i int, err error)) {
	d.row.Bind(out.Cols)
	for i := range msgs {
		v := msgs[i].Value
		if v == nil {
			continue
		}
		n := out.Len()
		if err := d.message(v, out, int32(i)); err != nil {
			out.RollbackTo(n)
			if !d.row.opts.IgnoreParseErrors {
				bad(i, fault.Wrap(fault.Data, err, "decode JSON"))
			}
		}
	}
}

func (d *Decoder) message(v []byte, out *batch.Builder, msg int32) error {
	at := space(v, 0)
	if at < len(v) && v[at] != '{' {
		return d.other(v, at, out, msg)
	}
	spans, end, err := d.row.Scan(v, at)
	if err != nil {
		return err
	}
	if err := End(v, end); err != nil {
		return err
	}
	if err := d.row.Append(v, spans); err != nil {
		return err
	}
	out.RowDone(batch.Insert, msg)
	return nil
}

// other decodes a message that is no object.
func (d *Decoder) other(v []byte, at int, out *batch.Builder, msg int32) error {
	end, err := skip(v, at)
	if err != nil {
		return err
	}
	if err := End(v, end); err != nil {
		return err
	}
	if s := (Span{at, end}); v[at] != '[' {
		if IsNull(v, s) {
			return nil
		}
		return fmt.Errorf("%s where an object should be", clip(v[at:end]))
	}
	return Elements(v, Span{at, end}, func(s Span) error {
		if IsNull(v, s) {
			return nil
		}
		n := out.Len()
		spans, _, err := d.row.Scan(v, s.From)
		if err == nil {
			err = d.row.Append(v, spans)
		}
		if err != nil {
			if d.row.opts.IgnoreParseErrors {
				out.RollbackTo(n)
				return nil
			}
			return err
		}
		out.RowDone(batch.Insert, msg)
		return nil
	})
}

// Start is where the value of a message begins.
func Start(v []byte) int { return space(v, 0) }

// End checks that nothing but white space follows the value that ended at i.
func End(v []byte, i int) error {
	if i = space(v, i); i < len(v) {
		return unexpected(v, i, "the end")
	}
	return nil
}
