package operator

import (
	"math"
	"math/big"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"

	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// variance is VAR_POP, VAR_SAMP, STDDEV_POP and STDDEV_SAMP from sums, which is how Flink computes them.
type variance struct {
	sumFloat
	square       []float64
	sample, root bool
	class        class
	scale        int
}

func (a *variance) grow(n int)      { a.sumFloat.grow(n); a.square = extend(a.square, n) }
func (a *variance) reset(row int32) { a.sumFloat.reset(row); a.square[row] = 0 }
func (a *variance) bytes() int64    { return a.sumFloat.bytes() + int64(cap(a.square))*8 }

func (a *variance) add(in *input, sel []int32) {
	a.countAcc.add(in, sel)
	col := in.cols[a.arg]
	for _, i := range sel {
		if !col.IsValid(int(i)) {
			continue
		}
		var x float64
		if a.class == classDecimal {
			x = in.decimals(a.arg)[i].ToFloat64(int32(a.scale))
		} else {
			x = in.doubles(a.arg, a.t)[i]
		}
		s := float64(in.signOf(i))
		a.sum[in.rows[i]] += s * x
		a.square[in.rows[i]] += s * x * x
	}
}

func (a *variance) merge(row int32, from accumulator, fromRow int32) {
	b := from.(*variance)
	a.sumFloat.merge(row, &b.sumFloat, fromRow)
	a.square[row] += b.square[fromRow]
}

func (a *variance) result(dst array.Builder, row int32) {
	n := float64(a.n[row])
	d := n
	if a.sample {
		d--
	}
	if d <= 0 {
		dst.AppendNull()
		return
	}
	v := max(0, (a.square[row]-a.sum[row]*a.sum[row]/n)/d)
	if a.root {
		v = math.Sqrt(v)
	}
	if b, ok := dst.(*array.Decimal128Builder); ok {
		t := b.Type().(interface{ GetScale() int32 })
		x, _ := new(big.Float).SetInt(pow10(int(t.GetScale()))).Float64()
		y, _ := big.NewFloat(math.Round(v * x)).Int(nil)
		b.Append(decimal128.FromBigInt(y))
		return
	}
	appendFloat(dst, v)
}

func (a *variance) save(dst []byte, row int32) []byte {
	return putFloat(a.sumFloat.save(dst, row), a.square[row])
}

func (a *variance) load(row int32, data []byte) ([]byte, error) {
	data, err := a.sumFloat.load(row, data)
	if err != nil {
		return nil, err
	}
	a.square[row], data, err = getFloat(data)
	return data, err
}

// varianceInt is the same of integers, in integers: Flink computes (SUM(x*x) - SUM(x)*SUM(x)/COUNT(x)) / COUNT(x) with each product and sum of
// the argument's own type, wrapping, and divisions that cut off.
type varianceInt struct {
	sumInt
	square       []int64
	sample, root bool
	t            types.Type
}

func (a *varianceInt) grow(n int)      { a.sumInt.grow(n); a.square = extend(a.square, n) }
func (a *varianceInt) reset(row int32) { a.sumInt.reset(row); a.square[row] = 0 }
func (a *varianceInt) bytes() int64    { return a.sumInt.bytes() + int64(cap(a.square))*8 }

func (a *varianceInt) add(in *input, sel []int32) {
	a.sumInt.add(in, sel)
	v, col := in.ints(a.arg), in.cols[a.arg]
	for _, i := range sel {
		if col.IsValid(int(i)) {
			a.square[in.rows[i]] += in.signOf(i) * v[i] * v[i]
		}
	}
}

func (a *varianceInt) merge(row int32, from accumulator, fromRow int32) {
	b := from.(*varianceInt)
	a.sumInt.merge(row, &b.sumInt, fromRow)
	a.square[row] += b.square[fromRow]
}

// wrap is v in the argument's type.
func (a *varianceInt) wrap(v int64) int64 {
	switch a.t.Kind {
	case types.TinyInt:
		return int64(int8(v))
	case types.SmallInt:
		return int64(int16(v))
	case types.Int:
		return int64(int32(v))
	}
	return v
}

func (a *varianceInt) result(dst array.Builder, row int32) {
	n := a.n[row]
	d := n
	if a.sample {
		d--
	}
	if n <= 0 || d <= 0 {
		dst.AppendNull()
		return
	}
	sum := a.wrap(a.sum[row])
	v := (a.wrap(a.square[row]) - a.wrap(sum*sum)/n) / d
	if a.root {
		// The root of a negative number is NaN, which is 0 as an integer.
		v = int64(math.Sqrt(float64(max(v, 0))))
	}
	appendInt(dst, v)
}

func (a *varianceInt) save(dst []byte, row int32) []byte {
	return putUint64(a.sumInt.save(dst, row), uint64(a.square[row]))
}

func (a *varianceInt) load(row int32, data []byte) ([]byte, error) {
	data, err := a.sumInt.load(row, data)
	if err != nil {
		return nil, err
	}
	return loadInto(a.square, row, data)
}
