package operator

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// layout says how rows are kept by key: the key's columns once for all rows of a key, the other columns row by row.
type layout struct {
	types []arrow.DataType
	keys  []int
	rest  []int
	key   *state.Codec
	row   *state.Codec

	keyCols, rowCols []arrow.Array
	keyDst, rowDst   []array.Builder
}

func newLayout(ts []types.Type, keys []int) *layout {
	l := &layout{types: batch.ArrowTypes(ts), keys: keys}
	sorted := slices.Clone(keys)
	slices.Sort(sorted)
	twice := len(slices.Compact(sorted)) < len(keys)
	var keyTypes, rowTypes []arrow.DataType
	for _, k := range keys {
		keyTypes = append(keyTypes, l.types[k])
	}
	for i, t := range l.types {
		if twice || !slices.Contains(keys, i) {
			l.rest, rowTypes = append(l.rest, i), append(rowTypes, t)
		}
	}
	if twice {
		// A column that is a key twice cannot be put together from the parts: rows hold all columns then.
		l.keys = nil
	}
	l.key, l.row = state.NewCodec(keyTypes), state.NewCodec(rowTypes)
	l.keyCols, l.rowCols = make([]arrow.Array, len(keys)), make([]arrow.Array, len(l.rest))
	l.keyDst, l.rowDst = make([]array.Builder, len(l.keys)), make([]array.Builder, len(l.rest))
	return l
}

// encodeKeys sets k to the keys of b's rows with their hashes. cols are the key's columns.
func (l *layout) encodeKeys(k *state.Keys, b *batch.Batch, cols []int) {
	for i, c := range cols {
		l.keyCols[i] = b.Cols[c]
	}
	l.key.Encode(k, l.keyCols, b.N)
	k.Hash = state.Resize(k.Hash, b.N)
	if len(cols) == 0 {
		clear(k.Hash)
		return
	}
	kernel.Hash(l.keyCols, b.N, k.Hash)
}

// encodeRows sets k to the other columns of b's rows.
func (l *layout) encodeRows(k *state.Keys, b *batch.Batch) {
	for i, c := range l.rest {
		l.rowCols[i] = b.Cols[c]
	}
	l.row.Encode(k, l.rowCols, b.N)
}

// decode appends a row to dst, a builder for each column of the layout.
func (l *layout) decode(key, row []byte, dst []array.Builder) error {
	if len(l.keys) > 0 {
		for i, c := range l.keys {
			l.keyDst[i] = dst[c]
		}
		if _, err := l.key.DecodeRow(key, l.keyDst); err != nil {
			return fmt.Errorf("read a kept row's key: %w", err)
		}
	}
	for i, c := range l.rest {
		l.rowDst[i] = dst[c]
	}
	if _, err := l.row.DecodeRow(row, l.rowDst); err != nil {
		return fmt.Errorf("read a kept row: %w", err)
	}
	return nil
}
