package operator

import (
	"encoding/binary"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// rankAcc is RANK and DENSE_RANK over rows that come in the order of arg, which is a time. Without arg no two rows are equal.
type rankAcc struct {
	arg   int
	dense bool
	n     []int64 // rows so far
	rank  []int64
	last  []int64
}

func (a *rankAcc) grow(n int) {
	a.n, a.rank, a.last = extend(a.n, n), extend(a.rank, n), extend(a.last, n)
}
func (a *rankAcc) reset(row int32) { a.n[row], a.rank[row], a.last[row] = 0, 0, 0 }
func (a *rankAcc) bytes() int64    { return int64(cap(a.n)) * 24 }

func (a *rankAcc) add(in *input, sel []int32) {
	var v []int64
	if a.arg >= 0 {
		v = in.ints(a.arg)
	}
	for _, i := range sel {
		r := in.rows[i]
		a.n[r]++
		if v != nil && a.rank[r] > 0 && a.last[r] == v[i] {
			continue
		}
		if a.dense {
			a.rank[r]++
		} else {
			a.rank[r] = a.n[r]
		}
		if v != nil {
			a.last[r] = v[i]
		}
	}
}

// merge is never called: a rank belongs to rows in one order.
func (a *rankAcc) merge(int32, accumulator, int32) {}

func (a *rankAcc) result(dst array.Builder, row int32) { appendInt(dst, a.rank[row]) }

func (a *rankAcc) save(dst []byte, row int32) []byte {
	return putUint64(putUint64(putUint64(dst, uint64(a.n[row])), uint64(a.rank[row])), uint64(a.last[row]))
}

func (a *rankAcc) load(row int32, data []byte) (_ []byte, err error) {
	for _, s := range [][]int64{a.n, a.rank, a.last} {
		if data, err = loadInto(s, row, data); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// lag is LAG(value, offset[, default]): the last offset+1 values of a group, and the newest row's default.
type lag struct {
	args   []int
	codec  *state.Codec
	values [][][]byte // by group, oldest first, in the codec's form
	def    [][]byte
	offset []int64 // of the newest row
	size   int64
}

func newLag(c plan.AggCall, in []types.Type) accumulator {
	return &lag{args: c.Args, codec: state.NewCodec([]arrow.DataType{batch.ArrowType(in[c.Args[0]])})}
}

func (a *lag) grow(n int) {
	a.values, a.def, a.offset = extend(a.values, n), extend(a.def, n), extend(a.offset, n)
}
func (a *lag) reset(row int32) { a.values[row], a.def[row], a.offset[row] = nil, nil, 0 }
func (a *lag) bytes() int64    { return int64(cap(a.values))*56 + a.size }

func (a *lag) add(in *input, sel []int32) {
	cols, offsets := in.cols[a.args[0]:a.args[0]+1], in.ints(a.args[1])
	for _, i := range sel {
		r := in.rows[i]
		a.offset[r] = offsets[i]
		if len(a.args) > 2 {
			a.def[r] = a.codec.AppendRow(a.def[r][:0], in.cols[a.args[2]:a.args[2]+1], int(i))
		}
		v := a.values[r]
		var old []byte
		if int64(len(v)) > offsets[i] { // the oldest gives its place to the newest
			old = v[0]
			copy(v, v[1:])
			v = v[:len(v)-1]
			a.size -= int64(len(old)) + 24
		}
		old = a.codec.AppendRow(old[:0], cols, int(i))
		a.size += int64(len(old)) + 24
		a.values[r] = append(v, old)
	}
}

// merge is never called: the values are in one order.
func (a *lag) merge(int32, accumulator, int32) {}

func (a *lag) result(dst array.Builder, row int32) {
	v := a.values[row]
	out := a.def[row]
	if int64(len(v)) > a.offset[row] {
		out = v[int64(len(v))-1-a.offset[row]]
	}
	if out == nil {
		dst.AppendNull()
		return
	}
	if _, err := a.codec.DecodeRow(out, []array.Builder{dst}); err != nil {
		dst.AppendNull() // the codec made it, or load checked it
	}
}

func (a *lag) save(dst []byte, row int32) []byte {
	dst = binary.AppendUvarint(dst, uint64(a.offset[row]))
	dst = putString(dst, a.def[row])
	dst = binary.AppendUvarint(dst, uint64(len(a.values[row])))
	for _, v := range a.values[row] {
		dst = putString(dst, v)
	}
	return dst
}

func (a *lag) load(row int32, data []byte) ([]byte, error) {
	number := func() (v uint64) {
		n := 0
		if v, n = binary.Uvarint(data); n <= 0 {
			n, data = 0, nil
		}
		data = data[n:]
		return v
	}
	value := func() ([]byte, error) {
		v, rest, err := getString(data)
		data = rest
		if err != nil || len(v) == 0 {
			return nil, err
		}
		if n, err := a.codec.Size(v); err != nil || n != len(v) {
			return nil, errShort
		}
		return append([]byte(nil), v...), nil
	}
	a.offset[row] = int64(number())
	if data == nil {
		return nil, errShort
	}
	var err error
	if a.def[row], err = value(); err != nil {
		return nil, err
	}
	count := number()
	if data == nil || count > uint64(len(data)) {
		return nil, errShort
	}
	a.values[row] = nil
	for ; count > 0; count-- {
		v, err := value()
		if err != nil || v == nil {
			return nil, errShort
		}
		a.size += int64(len(v)) + 24
		a.values[row] = append(a.values[row], v)
	}
	return data, nil
}
