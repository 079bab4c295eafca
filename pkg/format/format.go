// Package format holds what all formats share: messages in, columns out, and back. A format decodes straight into Arrow
// builders and reads only the columns that are asked for.
package format

import (
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Message is one record of a stream as a decoder sees it. Value nil is a tombstone (Kafka).
type Message struct {
	Key, Value []byte
}

// Field is one column to decode or encode.
type Field struct {
	Name string
	Type types.Type
}

// Decoder turns messages into rows of a fixed list of fields.
type Decoder interface {
	// Decode appends the rows of msgs to out, whose columns are the decoder's fields in order. A message may give any number
	// of rows (canal-json updates give two); each row's batch.Builder.Msg entry is its message's index in msgs. A message that cannot be decoded adds nothing
	// and is reported by bad(index, reason); Decode goes on with the next one.
	Decode(msgs []Message, out *batch.Builder, bad func(i int, err error))
}

// Encoder turns rows into message values.
type Encoder interface {
	// Encode calls emit for the rows of b in order with the row's value; the slice is reused, copy it to keep it.
	// It may skip rows that the format does not express (an append-only format and −U).
	Encode(b *batch.Batch, emit func(row int, value []byte) error) error
}

// Options are a format's options with the "<format>." prefix taken off.
type Options map[string]string
