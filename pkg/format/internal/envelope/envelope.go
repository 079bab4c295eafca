// Package envelope is what the change formats made of JSON share: the metadata columns that they read from the message around
// a row, and the text that they write around one.
package envelope

import (
	"maps"
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/json"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Metadata is a metadata column: the key of the message that it comes from, as a number of the format's own, and its type.
type Metadata struct {
	Key  int
	Type types.Type
}

// Types are the types of the metadata columns that a format offers.
func Types(known map[string]Metadata) map[string]types.Type {
	out := make(map[string]types.Type, len(known))
	for k, m := range known {
		out[k] = m.Type
	}
	return out
}

// Resolve looks up the metadata columns asked for, with or without "value." before their names, and makes a decoder for them.
func Resolve(format string, known map[string]Metadata, asked []string, opts json.Options) (keys []int, row *json.Row, err error) {
	var fields []field
	for _, name := range asked {
		m, ok := known[strings.TrimPrefix(name, "value.")]
		if !ok {
			names := slices.Sorted(maps.Keys(known))
			remedy := fault.DidYouMean(strings.TrimPrefix(name, "value."), names)
			if remedy == "" {
				remedy = "there are " + strings.Join(names, ", ")
			}
			return nil, nil, fault.WithRemedy(fault.Newf(fault.Config, "%s has no metadata %q", format, name), remedy)
		}
		keys = append(keys, m.Key)
		fields = append(fields, field{Name: name, Type: m.Type})
	}
	if row, err = json.NewRow(fields, opts); err != nil {
		return nil, nil, fault.Wrap(fault.Config, err, "%s", format)
	}
	return keys, row, nil
}

type field = format.Field

// Text is what stands before and after the row of a message.
type Text struct{ Before, After string }

// Encoder encodes each row as a message of its own, as Flink does: +I and +U with the text of an insert, −U and −D with that of
// a delete.
type Encoder struct {
	name           string
	w              *json.RowWriter
	insert, delete Text
	buf            []byte
}

var _ format.Encoder = (*Encoder)(nil)

// NewEncoder makes an encoder of the named format for rows of the fields.
func NewEncoder(name string, fields []format.Field, opts json.Options, insert, delete Text) (*Encoder, error) {
	w, err := json.NewRowWriter(fields, opts)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "%s", name)
	}
	return &Encoder{name: name, w: w, insert: insert, delete: delete}, nil
}

// Encode implements format.Encoder.
func (e *Encoder) Encode(b *batch.Batch, emit func(row int, value []byte) error) error {
	for i := 0; i < b.N; i++ {
		t := &e.insert
		if b.Kind(i).Retracts() {
			t = &e.delete
		}
		buf, err := e.w.AppendRow(append(e.buf[:0], t.Before...), b.Cols, i)
		if err != nil {
			return fault.Wrap(fault.Data, err, "encode %s", e.name)
		}
		e.buf = append(buf, t.After...)
		if err := emit(i, e.buf); err != nil {
			return err
		}
	}
	return nil
}
