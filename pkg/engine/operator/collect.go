package operator

import (
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// collect is ARRAY_AGG, COLLECT and SINGLE_VALUE: what the values of a group are made into at the end.
type collect struct {
	valueList // encoded by the codec
	codec     *state.Codec
	form      collectForm
	skip      bool // leave NULLs out
	err       error
}

type collectForm uint8

const (
	formArray    collectForm = iota // nulls too; NULL if there are no rows
	formMultiset                    // without nulls; empty if there are no rows
	formSingle                      // the one value, null or not
)

// arrayWithoutNulls is ARRAY_AGG … IGNORE NULLS.
const arrayWithoutNulls = "ARRAY_AGG_IGNORE_NULLS"

func newCollect(c plan.AggCall, arg int, t types.Type) accumulator {
	form := map[string]collectForm{"ARRAY_AGG": formArray, arrayWithoutNulls: formArray, "COLLECT": formMultiset, "SINGLE_VALUE": formSingle}[c.Func]
	return &collect{valueList: valueList{arg: arg}, codec: state.NewCodec(codecTypes(t)), form: form,
		skip: form == formMultiset || c.Func == arrayWithoutNulls}
}

func (a *collect) add(in *input, sel []int32) {
	col := in.cols[a.arg : a.arg+1]
	for _, i := range sel {
		if a.skip && col[0].IsNull(int(i)) {
			continue
		}
		a.buf = a.codec.AppendRow(a.buf[:0], col, int(i))
		a.change(in.rows[i], in.signOf(i), a.buf)
	}
}

func (a *collect) merge(row int32, from accumulator, fromRow int32) {
	for _, v := range from.(*collect).items[fromRow] {
		a.change(row, 1, v)
	}
}

func (a *collect) result(dst array.Builder, row int32) {
	items := a.items[row]
	switch b := dst.(type) {
	case *array.MapBuilder:
		if a.form == formMultiset {
			b.Append(true)
			// In the order in which the values came first.
			counts := map[string]int32{}
			for _, v := range items {
				counts[string(v)]++
			}
			for _, v := range items {
				if n := counts[string(v)]; n > 0 {
					a.decode(v, b.KeyBuilder())
					b.ItemBuilder().(*array.Int32Builder).Append(n)
					delete(counts, string(v))
				}
			}
			return
		}
	case *array.ListBuilder:
		if a.form == formArray && len(items) > 0 {
			b.Append(true)
			for _, v := range items {
				a.decode(v, b.ValueBuilder())
			}
			return
		}
	}
	if len(items) > 1 {
		a.err = fault.Newf(fault.Data, "a scalar subquery gives %d rows: it may give one", len(items))
	}
	if len(items) == 0 || a.form != formSingle {
		dst.AppendNull()
		return
	}
	a.decode(items[0], dst)
}

// decode appends a value; the codec made it, or load checked it.
func (a *collect) decode(v []byte, dst array.Builder) {
	if _, err := a.codec.DecodeRow(v, []array.Builder{dst}); err != nil {
		dst.AppendNull()
	}
}

func (a *collect) load(row int32, data []byte) ([]byte, error) {
	rest, err := a.valueList.load(row, data)
	if err != nil {
		return nil, err
	}
	for _, v := range a.items[row] {
		if n, err := a.codec.Size(v); err != nil || n != len(v) {
			return nil, errShort
		}
	}
	return rest, nil
}

func (a *collect) failed() error { return a.err }
