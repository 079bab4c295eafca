package operator

import (
	"bytes"
	"slices"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// jsonAgg is JSON_ARRAYAGG(value) and JSON_OBJECTAGG(key, value) over values that are JSON text already, NULL for SQL's NULL. An array keeps
// the order in which values came; an object's keys are in the order of their bytes, as Flink writes them, and may come once only.
//
// An item is kept as its key with its length (of objects), then the value.
type jsonAgg struct {
	valueList
	key    int // column, -1: an array
	absent bool
	err    error
	keys   [][]byte
}

// The names of these functions in a plan, by what becomes of NULLs.
const (
	jsonArrayNull, jsonArrayAbsent   = "JSON_ARRAYAGG_NULL_ON_NULL", "JSON_ARRAYAGG_ABSENT_ON_NULL"
	jsonObjectNull, jsonObjectAbsent = "JSON_OBJECTAGG_NULL_ON_NULL", "JSON_OBJECTAGG_ABSENT_ON_NULL"
)

func newJSONAgg(c plan.AggCall) accumulator {
	a := &jsonAgg{valueList: valueList{arg: c.Args[0]}, key: -1, absent: c.Func == jsonArrayAbsent || c.Func == jsonObjectAbsent}
	if c.Func == jsonObjectNull || c.Func == jsonObjectAbsent {
		a.key, a.arg = c.Args[0], c.Args[1]
	}
	return a
}

func (a *jsonAgg) add(in *input, sel []int32) {
	col, v := in.cols[a.arg], in.byteStrings(a.arg)
	var keys [][]byte
	if a.key >= 0 {
		keys = in.byteStrings(a.key)
	}
	for _, i := range sel {
		null := col.IsNull(int(i))
		if null && a.absent {
			continue
		}
		a.buf = a.buf[:0]
		if keys != nil {
			if in.cols[a.key].IsNull(int(i)) {
				a.err = fault.New(fault.Data, "a key of JSON_OBJECTAGG is NULL: leave such rows out by FILTER or WHERE")
				continue
			}
			a.buf = putString(a.buf, keys[i])
		}
		if null {
			a.buf = append(a.buf, "null"...)
		} else {
			a.buf = append(a.buf, v[i]...)
		}
		a.change(in.rows[i], in.signOf(i), a.buf)
	}
}

func (a *jsonAgg) merge(row int32, from accumulator, fromRow int32) {
	for _, v := range from.(*jsonAgg).items[fromRow] {
		a.change(row, 1, v)
	}
}

func (a *jsonAgg) result(dst array.Builder, row int32) {
	items := a.items[row]
	if a.key < 0 {
		a.buf = append(a.buf[:0], '[')
		for i, v := range items {
			if i > 0 {
				a.buf = append(a.buf, ',')
			}
			a.buf = append(a.buf, v...)
		}
		appendBytes(dst, append(a.buf, ']'))
		return
	}
	a.keys = append(a.keys[:0], items...)
	slices.SortFunc(a.keys, func(x, y []byte) int { return bytes.Compare(jsonKey(x), jsonKey(y)) })
	a.buf = append(a.buf[:0], '{')
	for i, v := range a.keys {
		key, value, _ := getString(v)
		if i > 0 {
			if a.buf = append(a.buf, ','); bytes.Equal(key, jsonKey(a.keys[i-1])) {
				a.err = fault.WithRemedy(fault.Newf(fault.Data, "JSON_OBJECTAGG has key %q twice in one group", key), "group by the key too, or take one row a key first")
			}
		}
		a.buf = append(appendJSONString(a.buf, key), ':')
		a.buf = append(a.buf, value...)
	}
	appendBytes(dst, append(a.buf, '}'))
}

func jsonKey(item []byte) []byte {
	key, _, _ := getString(item) // putString made it, or load checked it
	return key
}

// appendJSONString appends s as a JSON string.
func appendJSONString(dst, s []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\b':
			dst = append(dst, '\\', 'b')
		case c == '\f':
			dst = append(dst, '\\', 'f')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

func (a *jsonAgg) load(row int32, data []byte) ([]byte, error) {
	rest, err := a.valueList.load(row, data)
	if err != nil || a.key < 0 {
		return rest, err
	}
	for _, v := range a.items[row] {
		if _, _, err := getString(v); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

func (a *jsonAgg) failed() error { return a.err }

// approxCount is APPROX_COUNT_DISTINCT over rows that are never taken back.
type approxCount struct {
	arg    int
	sketch []hyperLogLog
}

func (a *approxCount) grow(n int)      { a.sketch = extend(a.sketch, n) }
func (a *approxCount) reset(row int32) { a.sketch[row] = hyperLogLog{} }

func (a *approxCount) bytes() int64 {
	n := int64(cap(a.sketch)) * 48
	for i := range a.sketch {
		n += int64(cap(a.sketch[i].exact)*8 + cap(a.sketch[i].registers))
	}
	return n
}

func (a *approxCount) add(in *input, sel []int32) {
	col, v := in.cols[a.arg], in.byteStrings(a.arg)
	for _, i := range sel {
		if col.IsValid(int(i)) {
			a.sketch[in.rows[i]].add(kernel.HashBytes(v[i]))
		}
	}
}

func (a *approxCount) merge(row int32, from accumulator, fromRow int32) {
	a.sketch[row].merge(&from.(*approxCount).sketch[fromRow])
}

func (a *approxCount) result(dst array.Builder, row int32) {
	appendInt(dst, a.sketch[row].count())
}

func (a *approxCount) save(dst []byte, row int32) []byte { return a.sketch[row].save(dst) }

func (a *approxCount) load(row int32, data []byte) ([]byte, error) { return a.sketch[row].load(data) }
