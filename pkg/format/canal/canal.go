// Package canal decodes and encodes canal-json, the change messages of Alibaba's Canal, with the semantics of Flink's
// canal-json format.
//
// A message holds the rows of one statement on one table: {"data":[{…}],"old":[{…}],"type":"UPDATE",…}. INSERT gives +I,
// DELETE −D, and UPDATE a pair of −U and +U per element, the old row being the new one with the values of "old" put in; a key
// that is in "old" with null was null before. DDL messages give no row, of any kind, where Flink knows CREATE only. All rows of a message
// come out, or none.
package canal

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/envelope"
	"github.com/freshet-dw/freshet/pkg/format/internal/option"
	"github.com/freshet-dw/freshet/pkg/format/json"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Name is the format's name in 'format' = '…'.
const Name = "canal-json"

// Options are the options of the format.
type Options struct {
	JSON     json.Options
	Database *regexp.Regexp // of the databases to read; nil: all
	Table    *regexp.Regexp // of the tables to read; nil: all
}

// ParseOptions reads the options and checks them.
func ParseOptions(in format.Options) (Options, error) {
	s := option.New(Name, in)
	o := Options{JSON: json.ReadOptions(s), Database: include(s, "database.include"), Table: include(s, "table.include")}
	o.JSON.NumericBooleans = true
	return o, s.Err()
}

// include compiles a pattern that must match a whole name.
func include(s *option.Set, key string) *regexp.Regexp {
	v := s.Text(key, "")
	if v == "" {
		return nil
	}
	re, err := regexp.Compile("^(?:" + v + ")$")
	if err != nil {
		s.Errorf(key, "", "%q is not a regular expression: %v", v, err)
	}
	return re
}

// The keys of an envelope.
const (
	keyData = iota
	keyOld
	keyType
	keyDatabase
	keyTable
	keyTs
	keyEs
	keySQLType
	keyPKNames
	keyCount
)

func keys() *json.Keys {
	return json.NewKeys("data", "old", "type", "database", "table", "ts", "es", "sqlType", "pkNames")
}

func metadata() map[string]envelope.Metadata {
	return map[string]envelope.Metadata{
		"database":            {Key: keyDatabase, Type: types.String()},
		"table":               {Key: keyTable, Type: types.String()},
		"sql-type":            {Key: keySQLType, Type: types.MapOf(types.String(), types.Of(types.Int))},
		"pk-names":            {Key: keyPKNames, Type: types.ArrayOf(types.String())},
		"ingestion-timestamp": {Key: keyTs, Type: types.TimestampLTZOf(3)},
		"event-timestamp":     {Key: keyEs, Type: types.TimestampLTZOf(3)},
	}
}

// Metadata are the columns that METADATA FROM 'value.…' can name, without the prefix, and their types.
func Metadata() map[string]types.Type { return envelope.Types(metadata()) }

// Decoder decodes canal-json. It is not safe for concurrent use.
type Decoder struct {
	opts     Options
	fields   int
	row      *json.Row
	meta     *json.Row
	metaKeys []int
	keys     *json.Keys
	envelope []json.Span
	after    []json.Span
	before   []json.Span
	extra    []json.Span
	olds     []json.Span
}

var _ format.Decoder = (*Decoder)(nil)

// NewDecoder makes a decoder for the fields, followed by a column for each key of meta (with or without "value.").
func NewDecoder(fields []format.Field, meta []string, opts Options) (*Decoder, error) {
	row, err := json.NewRow(fields, opts.JSON)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, Name)
	}
	d := &Decoder{opts: opts, fields: len(fields), row: row, keys: keys(), envelope: make([]json.Span, keyCount)}
	if d.metaKeys, d.meta, err = envelope.Resolve(Name, metadata(), meta, json.Options{EpochUnit: json.Millisecond, IgnoreParseErrors: opts.JSON.IgnoreParseErrors}); err != nil {
		return nil, err
	}
	d.extra = make([]json.Span, len(meta))
	return d, nil
}

// Decode implements format.Decoder. Tombstones and empty messages give no row. With ignore-parse-errors bad is never called.
func (d *Decoder) Decode(msgs []format.Message, out *batch.Builder, bad func(i int, err error)) {
	d.bind(out.Cols)
	for i := range msgs {
		v := msgs[i].Value
		if len(v) == 0 {
			continue
		}
		n := out.Len()
		if err := d.message(v, out, int32(i)); err != nil {
			out.RollbackTo(n)
			if !d.opts.JSON.IgnoreParseErrors {
				bad(i, fault.Wrap(fault.Data, err, "decode canal-json"))
			}
		}
	}
}

func (d *Decoder) bind(cols []array.Builder) {
	d.row.Bind(cols[:d.fields])
	d.meta.Bind(cols[d.fields:])
}

func (d *Decoder) message(v []byte, out *batch.Builder, msg int32) error {
	end, err := d.keys.Find(v, json.Start(v), d.envelope)
	if err != nil {
		return err
	}
	if err := json.End(v, end); err != nil {
		return err
	}
	for _, f := range [...]struct {
		re   *regexp.Regexp
		key  int
		name string
	}{{d.opts.Database, keyDatabase, "database"}, {d.opts.Table, keyTable, "table"}} {
		if f.re == nil {
			continue
		}
		name, err := json.Text(v, d.envelope[f.key])
		if err != nil {
			return fmt.Errorf("%q: %w", f.name, err)
		}
		if !f.re.Match(name) {
			return nil
		}
	}
	typ, err := json.Text(v, d.envelope[keyType])
	if err != nil {
		return fmt.Errorf(`"type": %w`, err)
	}
	for i, k := range d.metaKeys {
		d.extra[i] = d.envelope[k]
	}
	switch string(typ) {
	case "INSERT":
		return d.rows(v, out, batch.Insert, msg)
	case "DELETE":
		return d.rows(v, out, batch.Delete, msg)
	case "UPDATE":
		return d.update(v, out, msg)
	case "CREATE", "ALTER", "ERASE", "QUERY", "TRUNCATE", "RENAME", "CINDEX", "DINDEX", "GTID", "XACOMMIT", "XAROLLBACK":
		return nil // DDL and transaction marks
	}
	return fmt.Errorf(`unknown "type" %q`, typ)
}

var (
	errNoData = errors.New(`"data" is missing or null`)
	errNoOld  = errors.New(`"old" of an UPDATE is missing or null`)
	errOldLen = errors.New(`"data" and "old" are of different lengths`)
)

func (d *Decoder) rows(v []byte, out *batch.Builder, kind batch.Kind, msg int32) error {
	s := d.envelope[keyData]
	if json.IsNull(v, s) {
		return errNoData
	}
	return json.Elements(v, s, func(s json.Span) error {
		spans, _, err := d.row.Scan(v, s.From)
		if err != nil {
			return err
		}
		return d.emit(v, spans, out, kind, msg)
	})
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

func (d *Decoder) update(v []byte, out *batch.Builder, msg int32) error {
	if json.IsNull(v, d.envelope[keyData]) {
		return errNoData
	}
	if json.IsNull(v, d.envelope[keyOld]) {
		return errNoOld
	}
	d.olds = d.olds[:0]
	if err := json.Elements(v, d.envelope[keyOld], func(s json.Span) error {
		d.olds = append(d.olds, s)
		return nil
	}); err != nil {
		return fmt.Errorf(`"old": %w`, err)
	}
	i := 0
	err := json.Elements(v, d.envelope[keyData], func(s json.Span) error {
		spans, _, err := d.row.Scan(v, s.From)
		if err != nil {
			return err
		}
		if i == len(d.olds) {
			return errOldLen
		}
		d.after = append(d.after[:0], spans...)
		d.before = append(d.before[:0], spans...)
		if spans, _, err = d.row.Scan(v, d.olds[i].From); err != nil {
			return fmt.Errorf(`"old": %w`, err)
		}
		i++
		for f, s := range spans {
			if !s.Missing() {
				d.before[f] = s
			}
		}
		if err := d.emit(v, d.before, out, batch.UpdateBefore, msg); err != nil {
			return fmt.Errorf(`"old": %w`, err)
		}
		return d.emit(v, d.after, out, batch.UpdateAfter, msg)
	})
	if err == nil && i < len(d.olds) {
		return errOldLen
	}
	return err
}

// NewEncoder makes an encoder for rows of the fields: +I and +U are of type INSERT, −U and −D of type DELETE.
func NewEncoder(fields []format.Field, opts Options) (*envelope.Encoder, error) {
	return envelope.NewEncoder(Name, fields, opts.JSON, envelope.Text{Before: `{"data":[`, After: `],"type":"INSERT"}`},
		envelope.Text{Before: `{"data":[`, After: `],"type":"DELETE"}`})
}
