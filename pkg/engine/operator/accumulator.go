package operator

import (
	"fmt"
	"math/big"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"

	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

var errShort = fmt.Errorf("%w: an accumulator ends early", state.ErrCorrupt)

// accumulator keeps one aggregate's state of all groups in columns indexed by group row.
type accumulator interface {
	// grow makes room for rows below n.
	grow(n int)
	// reset sets a row to the state of no input.
	reset(row int32)
	// add applies the input rows in sel, in order, each to its group row; rows with a negative sign are taken back.
	add(in *input, sel []int32)
	// merge adds what row has in from, an accumulator of the same call, to a row of its own. Only for input that is never taken back.
	merge(row int32, from accumulator, fromRow int32)
	result(dst array.Builder, row int32)
	// save appends the row's state to dst; load takes it from the start of data and gives the rest.
	save(dst []byte, row int32) []byte
	load(row int32, data []byte) ([]byte, error)
	bytes() int64
}

// extend gives s at least length n, new elements zero.
func extend[T any](s []T, n int) []T {
	if n <= len(s) {
		return s
	}
	if n <= cap(s) {
		return s[:n]
	}
	out := make([]T, n, max(n, cap(s)+cap(s)/2, 16))
	copy(out, s)
	return out
}

// countAcc is COUNT(*) (arg -1) and COUNT(x).
type countAcc struct {
	arg int
	n   []int64
}

func (a *countAcc) grow(n int)      { a.n = extend(a.n, n) }
func (a *countAcc) reset(row int32) { a.n[row] = 0 }
func (a *countAcc) bytes() int64    { return int64(cap(a.n)) * 8 }

func (a *countAcc) add(in *input, sel []int32) {
	n, rows := a.n, in.rows
	switch {
	case a.arg >= 0 && in.cols[a.arg].NullN() > 0:
		col := in.cols[a.arg]
		for _, i := range sel {
			if col.IsValid(int(i)) {
				n[rows[i]] += in.signOf(i)
			}
		}
	case in.sign != nil:
		for _, i := range sel {
			n[rows[i]] += in.sign[i]
		}
	default:
		for _, i := range sel {
			n[rows[i]]++
		}
	}
}

func (a *countAcc) merge(row int32, from accumulator, fromRow int32) {
	a.n[row] += from.(*countAcc).n[fromRow]
}

func (in *input) signOf(i int32) int64 {
	if in.sign == nil {
		return 1
	}
	return in.sign[i]
}

func (a *countAcc) result(dst array.Builder, row int32)      { appendInt(dst, a.n[row]) }
func (a *countAcc) save(dst []byte, row int32) []byte        { return putUint64(dst, uint64(a.n[row])) }
func (a *countAcc) load(row int32, d []byte) ([]byte, error) { return loadInto(a.n, row, d) }

func loadInto(s []int64, row int32, data []byte) ([]byte, error) {
	v, rest, err := getUint64(data)
	if err == nil {
		s[row] = int64(v)
	}
	return rest, err
}

// sumInt is SUM, SUM0 and AVG of integers: the sum wraps as Flink's does.
type sumInt struct {
	countAcc
	sum  []int64
	form sumForm
}

// sumForm is what a sum is made into at the end.
type sumForm uint8

const (
	formSum sumForm = iota
	formSum0
	formAvg
)

func (a *sumInt) grow(n int)      { a.countAcc.grow(n); a.sum = extend(a.sum, n) }
func (a *sumInt) reset(row int32) { a.n[row], a.sum[row] = 0, 0 }
func (a *sumInt) bytes() int64    { return a.countAcc.bytes() + int64(cap(a.sum))*8 }

func (a *sumInt) add(in *input, sel []int32) {
	a.countAcc.add(in, sel)
	v, sum, rows := in.ints(a.arg), a.sum, in.rows
	if col := in.cols[a.arg]; col.NullN() > 0 || in.sign != nil {
		for _, i := range sel {
			if col.IsValid(int(i)) {
				sum[rows[i]] += in.signOf(i) * v[i]
			}
		}
		return
	}
	for _, i := range sel {
		sum[rows[i]] += v[i]
	}
}

func (a *sumInt) merge(row int32, from accumulator, fromRow int32) {
	b := from.(*sumInt)
	a.n[row] += b.n[fromRow]
	a.sum[row] += b.sum[fromRow]
}

func (a *sumInt) result(dst array.Builder, row int32) {
	switch {
	case a.n[row] == 0 && a.form != formSum0:
		dst.AppendNull()
	case a.form == formAvg:
		appendInt(dst, a.sum[row]/a.n[row])
	default:
		appendInt(dst, a.sum[row])
	}
}

func (a *sumInt) save(dst []byte, row int32) []byte {
	return putUint64(a.countAcc.save(dst, row), uint64(a.sum[row]))
}

func (a *sumInt) load(row int32, data []byte) ([]byte, error) {
	data, err := a.countAcc.load(row, data)
	if err != nil {
		return nil, err
	}
	return loadInto(a.sum, row, data)
}

// sumFloat is SUM, SUM0 and AVG of floats. narrow sums round to float32 at every step, as Flink's SUM(FLOAT) does.
type sumFloat struct {
	countAcc
	sum    []float64
	form   sumForm
	narrow bool
	t      types.Type
}

func (a *sumFloat) grow(n int)      { a.countAcc.grow(n); a.sum = extend(a.sum, n) }
func (a *sumFloat) reset(row int32) { a.n[row], a.sum[row] = 0, 0 }
func (a *sumFloat) bytes() int64    { return a.countAcc.bytes() + int64(cap(a.sum))*8 }

func (a *sumFloat) add(in *input, sel []int32) {
	a.countAcc.add(in, sel)
	v, sum, rows, col := in.doubles(a.arg, a.t), a.sum, in.rows, in.cols[a.arg]
	for _, i := range sel {
		if !col.IsValid(int(i)) {
			continue
		}
		x := v[i]
		if in.sign != nil && in.sign[i] < 0 {
			x = -x
		}
		r := rows[i]
		sum[r] += x
		if a.narrow {
			sum[r] = float64(float32(sum[r]))
		}
	}
}

func (a *sumFloat) merge(row int32, from accumulator, fromRow int32) {
	b := from.(*sumFloat)
	a.n[row] += b.n[fromRow]
	a.sum[row] += b.sum[fromRow]
}

func (a *sumFloat) result(dst array.Builder, row int32) {
	switch {
	case a.n[row] == 0 && a.form != formSum0:
		dst.AppendNull()
	case a.n[row] == 0:
		appendFloat(dst, 0)
	case a.form == formAvg:
		appendFloat(dst, a.sum[row]/float64(a.n[row]))
	default:
		appendFloat(dst, a.sum[row])
	}
}

func (a *sumFloat) save(dst []byte, row int32) []byte {
	return putFloat(a.countAcc.save(dst, row), a.sum[row])
}

func (a *sumFloat) load(row int32, data []byte) ([]byte, error) {
	data, err := a.countAcc.load(row, data)
	if err != nil {
		return nil, err
	}
	a.sum[row], data, err = getFloat(data)
	return data, err
}

// sumDecimal is SUM, SUM0 and AVG of decimals. A sum that needs more than 38 digits gives NULL.
type sumDecimal struct {
	countAcc
	sum         []decimal128.Num
	form        sumForm
	scale       int // of the argument
	outPrec     int
	outScale    int
	tmp, tmpDiv big.Int
}

func (a *sumDecimal) grow(n int)      { a.countAcc.grow(n); a.sum = extend(a.sum, n) }
func (a *sumDecimal) reset(row int32) { a.n[row], a.sum[row] = 0, decimal128.Num{} }
func (a *sumDecimal) bytes() int64    { return a.countAcc.bytes() + int64(cap(a.sum))*16 }

func (a *sumDecimal) add(in *input, sel []int32) {
	a.countAcc.add(in, sel)
	v, sum, rows, col := in.decimals(a.arg), a.sum, in.rows, in.cols[a.arg]
	for _, i := range sel {
		if !col.IsValid(int(i)) {
			continue
		}
		r := rows[i]
		if in.sign != nil && in.sign[i] < 0 {
			sum[r] = sum[r].Sub(v[i])
		} else {
			sum[r] = sum[r].Add(v[i])
		}
	}
}

func (a *sumDecimal) merge(row int32, from accumulator, fromRow int32) {
	b := from.(*sumDecimal)
	a.n[row] += b.n[fromRow]
	a.sum[row] = a.sum[row].Add(b.sum[fromRow])
}

func (a *sumDecimal) result(dst array.Builder, row int32) {
	b := dst.(*array.Decimal128Builder)
	if a.n[row] == 0 && a.form != formSum0 {
		b.AppendNull()
		return
	}
	x := a.sum[row].BigInt()
	scale := a.scale
	if a.form == formAvg {
		if !a.sum[row].FitsInPrecision(38) { // AVG is SUM / COUNT
			b.AppendNull()
			return
		}
		// Enough digits below the result's last one are not needed: the division rounds half away from zero exactly.
		x.Mul(x, pow10(max(0, a.outScale-scale)))
		divisor := a.tmpDiv.SetInt64(a.n[row])
		if scale > a.outScale {
			divisor.Mul(divisor, pow10(scale-a.outScale))
		}
		x = divHalfUp(x, divisor)
	} else if scale < a.outScale {
		x.Mul(x, pow10(a.outScale-scale))
	} else if scale > a.outScale {
		x = divHalfUp(x, pow10(scale-a.outScale))
	}
	if a.tmp.Abs(x).Cmp(pow10(min(a.outPrec, 38))) >= 0 {
		b.AppendNull()
		return
	}
	b.Append(decimal128.FromBigInt(x))
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// divHalfUp is x/d rounded to the nearest, half away from zero.
func divHalfUp(x, d *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(x, d, new(big.Int))
	if r.Lsh(r.Abs(r), 1).Cmp(new(big.Int).Abs(d)) >= 0 {
		q.Add(q, big.NewInt(int64(x.Sign()*d.Sign())))
	}
	return q
}

func (a *sumDecimal) save(dst []byte, row int32) []byte {
	dst = putUint64(a.countAcc.save(dst, row), a.sum[row].LowBits())
	return putUint64(dst, uint64(a.sum[row].HighBits()))
}

func (a *sumDecimal) load(row int32, data []byte) ([]byte, error) {
	data, err := a.countAcc.load(row, data)
	if err != nil {
		return nil, err
	}
	lo, data, err := getUint64(data)
	if err != nil {
		return nil, err
	}
	hi, data, err := getUint64(data)
	a.sum[row] = decimal128.New(int64(hi), lo)
	return data, err
}

// newAccumulator makes the accumulator of one call. retract: the input takes rows back.
func newAccumulator(c plan.AggCall, in []types.Type, functions map[string]*catalog.Function, retract bool) (accumulator, error) {
	if name, _, ok := plan.UserFunction(c.Func); ok {
		return newUserAcc(c, name, functions, retract)
	}
	arg := -1
	var t types.Type
	if len(c.Args) > 0 {
		arg, t = c.Args[0], in[c.Args[0]]
	}
	cl := classOf(t)
	count := countAcc{arg: arg}
	form := formSum
	switch c.Func {
	case "COUNT", "ROW_NUMBER":
		return &count, nil
	case "RANK", "DENSE_RANK":
		return &rankAcc{arg: arg, dense: c.Func == "DENSE_RANK"}, nil
	case "SUM0", "$SUM0":
		form = formSum0
	case "AVG":
		form = formAvg
	}
	if arg < 0 {
		return nil, fault.Newf(fault.Config, "aggregate %s needs an argument", c.Func)
	}
	switch c.Func {
	case "SUM", "SUM0", "$SUM0", "AVG":
		switch {
		case t.IsInteger() && !c.T.IsInteger(), !t.IsNumeric():
			return nil, fault.Newf(fault.Config, "no %s of %s giving %s", c.Func, t, c.T)
		case cl == classInt:
			return &sumInt{countAcc: count, form: form}, nil
		case cl == classFloat:
			return &sumFloat{countAcc: count, form: form, narrow: t.Kind == types.Float && form != formAvg, t: t}, nil
		}
		return &sumDecimal{countAcc: count, form: form, scale: t.Scale, outPrec: c.T.Precision, outScale: c.T.Scale}, nil
	case "VAR_POP", "VAR_SAMP", "VARIANCE", "STDDEV_POP", "STDDEV_SAMP", "STDDEV":
		if !t.IsNumeric() {
			return nil, fault.Newf(fault.Config, "no %s of %s", c.Func, t)
		}
		if cl == classInt {
			return &varianceInt{sumInt: sumInt{countAcc: count}, t: t, sample: c.Func != "VAR_POP" && c.Func != "STDDEV_POP", root: c.Func[0] == 'S'}, nil
		}
		return &variance{
			sumFloat: sumFloat{countAcc: count, t: t}, class: cl, scale: t.Scale,
			sample: c.Func != "VAR_POP" && c.Func != "STDDEV_POP",
			root:   c.Func[0] == 'S',
		}, nil
	case "MIN", "MAX":
		return newExtreme(c, arg, t, retract)
	case "LAG":
		return newLag(c, in), nil
	case "FIRST_VALUE", "LAST_VALUE":
		return newEdge(c, arg, t, retract), nil
	case "ARRAY_AGG", arrayWithoutNulls, "COLLECT", "SINGLE_VALUE":
		return newCollect(c, arg, t), nil
	case jsonArrayNull, jsonArrayAbsent, jsonObjectNull, jsonObjectAbsent:
		return newJSONAgg(c), nil
	case "APPROX_COUNT_DISTINCT":
		return &approxCount{arg: arg}, nil
	case "LISTAGG":
		if cl != classBytes {
			return nil, fault.Newf(fault.Config, "no LISTAGG of %s", t)
		}
		return newListAgg(c, retract), nil
	}
	return nil, fault.Newf(fault.Config, "aggregate function %s is not supported", c.Func)
}
