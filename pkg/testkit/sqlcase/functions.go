package sqlcase

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/udf"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// userFunctions are the functions in Go that the cases may call:
//
//	TWICE(BIGINT) BIGINT · TAG(STRING, BIGINT) STRING · PICKY(BIGINT) BIGINT, which fails for 13 · COUNT_ARGS(STRING …) INT
//	WORDS(STRING) ROW<word STRING, n INT>, a row a word
//	WAVG(BIGINT, BIGINT) BIGINT, retracts and merges · LAST_WORD(STRING) STRING, only adds
func userFunctions(loaders ...udf.Loader) (catalog.Functions, error) {
	bigint := types.Of(types.BigInt)
	return udf.NewSet(loaders,
		udf.Map1("twice", func(v int64) (int64, error) { return 2 * v, nil }),
		udf.Map2("tag", func(s string, n int64) (string, error) { return fmt.Sprintf("%s-%d", s, n), nil }),
		udf.Map1("picky", func(v int64) (int64, error) {
			if v == 13 {
				return 0, fmt.Errorf("13 is not welcome")
			}
			return v, nil
		}),
		udf.Scalar("count_args", []types.Type{types.String()}, types.Of(types.Int), func(args []arrow.Array, n int, out array.Builder) error {
			for i := range n {
				set := int32(0)
				for _, a := range args {
					if a.IsValid(i) {
						set++
					}
				}
				out.(*array.Int32Builder).Append(set)
			}
			return nil
		}, udf.Variadic),
		udf.Table("words", []types.Type{types.String()}, []types.Field{{Name: "word", Type: types.String()}, {Name: "n", Type: types.Of(types.Int)}},
			func(args []arrow.Array, row int, out *batch.Builder) error {
				if args[0].IsNull(row) {
					return nil
				}
				for _, w := range strings.Fields(args[0].(*array.String).Value(row)) {
					out.Cols[0].(*array.StringBuilder).Append(w)
					out.Cols[1].(*array.Int32Builder).Append(int32(len(w)))
					out.RowDone(batch.Insert, -1)
				}
				return nil
			}),
		udf.Aggregate("wavg", []types.Type{bigint, bigint}, bigint, func() udf.Aggregator { return &weightedAverage{} }, udf.WithRetract, udf.WithMerge),
		udf.Aggregate("last_word", []types.Type{types.String()}, types.String(), func() udf.Aggregator { return &greatestWord{} }),
	)
}

func (c *Case) userFunctions() (catalog.Functions, error) {
	if c.functions != nil {
		return c.functions, nil
	}
	return userFunctions()
}

// weightedAverage is Flink's own example of an aggregate: the average of values by weights.
type weightedAverage struct{ sum, weight int64 }

func (w *weightedAverage) change(args []arrow.Array, row int, sign int64) error {
	if args[0].IsValid(row) && args[1].IsValid(row) {
		v, n := args[0].(*array.Int64).Value(row), args[1].(*array.Int64).Value(row)
		w.sum += sign * v * n
		w.weight += sign * n
	}
	return nil
}

func (w *weightedAverage) Add(args []arrow.Array, row int) error     { return w.change(args, row, 1) }
func (w *weightedAverage) Retract(args []arrow.Array, row int) error { return w.change(args, row, -1) }

func (w *weightedAverage) Merge(other udf.Aggregator) error {
	o := other.(*weightedAverage)
	w.sum, w.weight = w.sum+o.sum, w.weight+o.weight
	return nil
}

func (w *weightedAverage) Result(dst array.Builder) error {
	if w.weight == 0 {
		dst.AppendNull()
		return nil
	}
	dst.(*array.Int64Builder).Append(w.sum / w.weight)
	return nil
}

func (w *weightedAverage) Save(dst []byte) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, uint64(w.sum)), uint64(w.weight))
}

func (w *weightedAverage) Load(data []byte) error {
	if len(data) != 16 {
		return fmt.Errorf("a weighted average of %d bytes", len(data))
	}
	w.sum, w.weight = int64(binary.LittleEndian.Uint64(data)), int64(binary.LittleEndian.Uint64(data[8:]))
	return nil
}

// greatestWord is the word that sorts last.
type greatestWord struct{ word string }

func (g *greatestWord) Add(args []arrow.Array, row int) error {
	if args[0].IsValid(row) {
		g.word = max(g.word, strings.Clone(args[0].(*array.String).Value(row)))
	}
	return nil
}

func (g *greatestWord) Retract([]arrow.Array, int) error { return fmt.Errorf("not possible") }
func (g *greatestWord) Merge(udf.Aggregator) error       { return fmt.Errorf("not possible") }

func (g *greatestWord) Result(dst array.Builder) error {
	dst.(*array.StringBuilder).Append(g.word)
	return nil
}

func (g *greatestWord) Save(dst []byte) []byte { return append(dst, g.word...) }

func (g *greatestWord) Load(data []byte) error { g.word = string(data); return nil }
