package operator

import (
	"bytes"
	"encoding/binary"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func codecTypes(t types.Type) []arrow.DataType { return []arrow.DataType{batch.ArrowType(t)} }

// newEdge makes FIRST_VALUE or LAST_VALUE: nulls do not count.
func newEdge(c plan.AggCall, arg int, t types.Type, retract bool) accumulator {
	last := c.Func == "LAST_VALUE"
	switch classOf(t) {
	case classInt:
		return makeEdge(intValues, arg, last, retract)
	case classFloat:
		return makeEdge(floatValues, arg, last, retract)
	case classDecimal:
		return makeEdge(decimalValues, arg, last, retract)
	case classBytes:
		return makeEdge(bytesValues, arg, last, retract)
	}
	return makeEdge(otherValues(t), arg, last, retract)
}

func makeEdge[T any](v values[T], arg int, last, retract bool) accumulator {
	if retract {
		return &multiEdge[T]{valueList: valueList{arg: arg}, values: v, last: last}
	}
	return &edge[T]{slot: slot[T]{arg: arg, values: v}, last: last}
}

// edge is FIRST_VALUE or LAST_VALUE over rows that are never taken back.
type edge[T any] struct {
	slot[T]
	last bool
}

func (a *edge[T]) add(in *input, sel []int32) {
	col, v := in.cols[a.arg], a.values.column(in, a.arg)
	for _, i := range sel {
		if r := in.rows[i]; col.IsValid(int(i)) && (a.last || !a.has[r]) {
			a.set(r, v[i])
		}
	}
}

func (a *edge[T]) merge(row int32, from accumulator, fromRow int32) {
	b := from.(*edge[T])
	if b.has[fromRow] && (a.last || !a.has[row]) {
		a.set(row, b.val[fromRow])
	}
}

// valueList keeps all values of a group in the order in which they came. Taking one back removes the first equal one, as
// Flink does, and costs a walk over the group's values.
type valueList struct {
	arg   int
	items [][][]byte
	size  int64
	buf   []byte
}

func (a *valueList) grow(n int)      { a.items = extend(a.items, n) }
func (a *valueList) reset(row int32) { a.items[row] = nil }
func (a *valueList) bytes() int64    { return int64(cap(a.items))*24 + a.size }

// merge is never called: input that takes rows back is not sliced.
func (a *valueList) merge(int32, accumulator, int32) {}

func (a *valueList) change(row int32, sign int64, v []byte) {
	if sign > 0 {
		a.items[row] = append(a.items[row], append([]byte(nil), v...))
		a.size += int64(len(v)) + 24
		return
	}
	l := a.items[row]
	for j := range l {
		if bytes.Equal(l[j], v) {
			a.items[row] = append(l[:j], l[j+1:]...)
			a.size -= int64(len(v)) + 24
			return
		}
	}
}

func (a *valueList) save(dst []byte, row int32) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(a.items[row])))
	for _, v := range a.items[row] {
		dst = putString(dst, v)
	}
	return dst
}

func (a *valueList) load(row int32, data []byte) ([]byte, error) {
	count, n := binary.Uvarint(data)
	if n <= 0 || count > uint64(len(data)) {
		return nil, errShort
	}
	data = data[n:]
	for ; count > 0; count-- {
		v, rest, err := getString(data)
		if err != nil {
			return nil, err
		}
		a.change(row, 1, v)
		data = rest
	}
	return data, nil
}

// multiEdge is FIRST_VALUE or LAST_VALUE over rows that may be taken back.
type multiEdge[T any] struct {
	valueList
	values values[T]
	last   bool
}

func (a *multiEdge[T]) add(in *input, sel []int32) {
	col, v := in.cols[a.arg], a.values.column(in, a.arg)
	for _, i := range sel {
		if col.IsValid(int(i)) {
			a.buf = a.values.put(a.buf[:0], v[i])
			a.change(in.rows[i], in.signOf(i), a.buf)
		}
	}
}

func (a *multiEdge[T]) result(dst array.Builder, row int32) {
	l := a.items[row]
	if len(l) == 0 {
		dst.AppendNull()
		return
	}
	at := 0
	if a.last {
		at = len(l) - 1
	}
	v, _, err := a.values.get(l[at])
	if err != nil {
		dst.AppendNull() // put made it, so this does not happen
		return
	}
	a.values.out(dst, v)
}

var comma = []byte(",")

// newListAgg makes LISTAGG(x[, delimiter]); the delimiter is a column, "," if not given.
func newListAgg(c plan.AggCall, retract bool) accumulator {
	delim := -1
	if len(c.Args) > 1 {
		delim = c.Args[1]
	}
	if retract {
		return &multiListAgg{valueList: valueList{arg: c.Args[0]}, delimCol: delim}
	}
	return &listAgg{slot: slot[[]byte]{arg: c.Args[0], values: bytesValues}, delimCol: delim}
}

// listAgg is LISTAGG over rows that are never taken back: the text itself.
type listAgg struct {
	slot[[]byte]
	delimCol int
}

func delimiter(in *input, c int, i int32, old []byte) []byte {
	if c < 0 || in.cols[c].IsNull(int(i)) {
		return old
	}
	return in.byteStrings(c)[i]
}

func (a *listAgg) add(in *input, sel []int32) {
	col, v := in.cols[a.arg], in.byteStrings(a.arg)
	for _, i := range sel {
		if col.IsNull(int(i)) {
			continue
		}
		r := in.rows[i]
		if !a.has[r] {
			a.set(r, v[i])
			continue
		}
		a.val[r] = append(append(a.val[r], delimiter(in, a.delimCol, i, comma)...), v[i]...)
	}
}

// merge is never called: texts lose their delimiters when merged, so LISTAGG is not sliced.
func (a *listAgg) merge(int32, accumulator, int32) {}

// multiListAgg is LISTAGG over rows that may be taken back. A group's delimiter is that of its last row.
type multiListAgg struct {
	valueList
	delimCol int
	delims   [][]byte // nil: a comma
}

func (a *multiListAgg) grow(n int) {
	a.valueList.grow(n)
	a.delims = extend(a.delims, n)
}

func (a *multiListAgg) reset(row int32) {
	a.valueList.reset(row)
	a.delims[row] = nil
}

func (a *multiListAgg) save(dst []byte, row int32) []byte {
	return putString(a.valueList.save(dst, row), a.delim(row))
}

func (a *multiListAgg) load(row int32, data []byte) ([]byte, error) {
	data, err := a.valueList.load(row, data)
	if err != nil {
		return nil, err
	}
	d, rest, err := getString(data)
	if err != nil {
		return nil, err
	}
	a.delims[row] = bytes.Clone(d)
	return rest, nil
}

func (a *multiListAgg) delim(row int32) []byte {
	if d := a.delims[row]; d != nil {
		return d
	}
	return comma
}

func (a *multiListAgg) add(in *input, sel []int32) {
	col, v := in.cols[a.arg], in.byteStrings(a.arg)
	for _, i := range sel {
		if col.IsNull(int(i)) {
			continue
		}
		r := in.rows[i]
		if old := a.delim(r); a.delimCol >= 0 {
			if d := delimiter(in, a.delimCol, i, old); !bytes.Equal(d, old) {
				a.delims[r] = append([]byte{}, d...)
			}
		}
		a.change(r, in.signOf(i), v[i])
	}
}

func (a *multiListAgg) result(dst array.Builder, row int32) {
	if len(a.items[row]) == 0 {
		dst.AppendNull()
		return
	}
	appendBytes(dst, bytes.Join(a.items[row], a.delim(row)))
}
