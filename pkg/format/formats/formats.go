// Package formats is the set of message formats by name. It is where 'format' = '…' is looked up; a new format is a line in
// the set. Parquet is not among them: it is a file format, see package parquet.
package formats

import (
	"maps"
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/avro"
	"github.com/freshet-dw/freshet/pkg/format/canal"
	"github.com/freshet-dw/freshet/pkg/format/csv"
	"github.com/freshet-dw/freshet/pkg/format/debezium"
	"github.com/freshet-dw/freshet/pkg/format/json"
	"github.com/freshet-dw/freshet/pkg/format/maxwell"
	"github.com/freshet-dw/freshet/pkg/format/ogg"
	"github.com/freshet-dw/freshet/pkg/format/protobuf"
	"github.com/freshet-dw/freshet/pkg/format/raw"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// request is what a decoder or encoder is made for.
type request struct {
	fields []format.Field
	schema []format.Field
	meta   []string
	opts   format.Options
}

// Extra says more about a decoder than its fields.
type Extra func(*request)

// WithMetadata asks for metadata columns after the fields, in this order, each of the type that Metadata gives. The keys may have
// the prefix "value.".
func WithMetadata(keys ...string) Extra { return func(r *request) { r.meta = keys } }

// WithSchema says what all physical columns of the table are. Formats whose columns go by position (csv) need it when the
// fields are only some of them.
func WithSchema(all []format.Field) Extra { return func(r *request) { r.schema = all } }

type entry struct {
	mode     catalog.ChangeMode
	validate func(format.Options) error
	decoder  func(request) (format.Decoder, error)
	encoder  func(request) (format.Encoder, error)
	metadata func() map[string]types.Type
}

// define ties a format's functions to the options that its parser gives.
func define[O any, D format.Decoder, E format.Encoder](mode catalog.ChangeMode, parse func(format.Options) (O, error),
	decoder func(request, O) (D, error), encoder func([]format.Field, O) (E, error)) entry {
	return entry{
		mode:     mode,
		validate: func(o format.Options) error { _, err := parse(o); return err },
		decoder: func(r request) (format.Decoder, error) {
			o, err := parse(r.opts)
			if err != nil {
				return nil, err
			}
			d, err := decoder(r, o)
			if err != nil {
				return nil, err // not d: a nil *D is no nil Decoder
			}
			return d, nil
		},
		encoder: func(r request) (format.Encoder, error) {
			o, err := parse(r.opts)
			if err != nil {
				return nil, err
			}
			e, err := encoder(r.fields, o)
			if err != nil {
				return nil, err
			}
			return e, nil
		},
	}
}

func all() map[string]entry {
	canalJSON := define(catalog.AllChanges, canal.ParseOptions, func(r request, o canal.Options) (*canal.Decoder, error) {
		return canal.NewDecoder(r.fields, r.meta, o)
	}, canal.NewEncoder)
	canalJSON.metadata = canal.Metadata
	debeziumJSON := define(catalog.AllChanges, debezium.ParseOptions, func(r request, o json.Options) (*debezium.Decoder, error) {
		return debezium.NewDecoder(r.fields, r.meta, o)
	}, debezium.NewEncoder)
	debeziumJSON.metadata = debezium.Metadata
	maxwellJSON := define(catalog.AllChanges, maxwell.ParseOptions, func(r request, o json.Options) (*maxwell.Decoder, error) {
		return maxwell.NewDecoder(r.fields, r.meta, o)
	}, maxwell.NewEncoder)
	maxwellJSON.metadata = maxwell.Metadata
	oggJSON := define(catalog.AllChanges, ogg.ParseOptions, func(r request, o json.Options) (*ogg.Decoder, error) {
		return ogg.NewDecoder(r.fields, r.meta, o)
	}, ogg.NewEncoder)
	oggJSON.metadata = ogg.Metadata
	return map[string]entry{
		json.Name: define(catalog.AppendOnly, json.ParseOptions, func(r request, o json.Options) (*json.Decoder, error) {
			return json.NewDecoder(r.fields, o)
		}, json.NewEncoder),
		canal.Name:    canalJSON,
		debezium.Name: debeziumJSON,
		maxwell.Name:  maxwellJSON,
		ogg.Name:      oggJSON,
		protobuf.Name: define(catalog.AppendOnly, protobuf.ParseOptions, func(r request, o protobuf.Options) (*protobuf.Decoder, error) {
			return protobuf.NewDecoder(r.fields, o)
		}, protobuf.NewEncoder),
		avro.Name: define(catalog.AppendOnly, avro.ParseOptions, func(r request, o avro.Options) (*avro.Decoder, error) {
			return avro.NewDecoder(r.fields, r.schema, o)
		}, avro.NewEncoder),
		avro.ConfluentName: define(catalog.AppendOnly, avro.ParseConfluentOptions, func(r request, o avro.ConfluentOptions) (*avro.ConfluentDecoder, error) {
			return avro.NewConfluentDecoder(r.fields, r.schema, o)
		}, avro.NewConfluentEncoder),
		avro.DebeziumName: define(catalog.AllChanges, avro.ParseDebeziumOptions, func(r request, o avro.ConfluentOptions) (*avro.DebeziumDecoder, error) {
			return avro.NewDebeziumDecoder(r.fields, r.schema, o)
		}, avro.NewDebeziumEncoder),
		csv.Name: define(catalog.AppendOnly, csv.ParseOptions, func(r request, o csv.Options) (*csv.Decoder, error) {
			return csv.NewDecoder(r.fields, r.schema, o)
		}, csv.NewEncoder),
		raw.Name: define(catalog.AppendOnly, raw.ParseOptions, func(r request, o raw.Options) (*raw.Decoder, error) {
			return raw.NewDecoder(r.fields, o)
		}, raw.NewEncoder),
	}
}

// Names are the formats' names, sorted.
func Names() []string { return slices.Sorted(maps.Keys(all())) }

func lookup(name string) (entry, error) {
	e, ok := all()[name]
	if !ok {
		remedy := fault.DidYouMean(name, Names())
		if remedy == "" {
			remedy = "the formats are " + strings.Join(Names(), ", ")
		}
		return e, fault.WithRemedy(fault.Newf(fault.Config, "there is no format %q", name), remedy)
	}
	return e, nil
}

// Validate checks the format's name and its options, with no I/O. Opts have the "<format>." prefix taken off.
func Validate(name string, opts format.Options) error {
	e, err := lookup(name)
	if err != nil {
		return err
	}
	return e.validate(opts)
}

// ChangeMode says what rows the format's messages give: AllChanges for change logs of databases, else inserts only. Of an
// unknown format it is AppendOnly.
func ChangeMode(name string) catalog.ChangeMode {
	if e, ok := all()[name]; ok {
		return e.mode
	}
	return catalog.AppendOnly
}

// Metadata are the metadata columns that the format offers, without the prefix "value.", and their types.
func Metadata(name string) map[string]types.Type {
	if e := all()[name]; e.metadata != nil {
		return e.metadata()
	}
	return nil
}

// NewDecoder makes a decoder for the fields: those columns of the table that are read, in the order wanted.
func NewDecoder(name string, fields []format.Field, opts format.Options, extra ...Extra) (format.Decoder, error) {
	e, err := lookup(name)
	if err != nil {
		return nil, err
	}
	r := request{fields: fields, opts: opts}
	for _, x := range extra {
		x(&r)
	}
	if len(r.meta) > 0 && e.metadata == nil {
		return nil, fault.Newf(fault.Config, "format %s has no metadata columns", name)
	}
	return e.decoder(r)
}

// NewEncoder makes an encoder for rows of the fields.
func NewEncoder(name string, fields []format.Field, opts format.Options) (format.Encoder, error) {
	e, err := lookup(name)
	if err != nil {
		return nil, err
	}
	return e.encoder(request{fields: fields, opts: opts})
}
