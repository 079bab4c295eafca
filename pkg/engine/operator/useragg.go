package operator

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/udf"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// userAcc is an aggregate function of the user's: a state of its own for every group.
type userAcc struct {
	f    *catalog.Function
	make func() udf.Aggregator
	cols []int
	args []arrow.Array
	rows []udf.Aggregator
	err  error // the first; the operator ends with it
	size int64 // of the states as they were last saved
}

func newUserAcc(c plan.AggCall, name string, functions map[string]*catalog.Function, retract bool) (accumulator, error) {
	f := functions[name]
	if f == nil {
		return nil, fault.Newf(fault.Internal, "the plan has no function %s", name)
	}
	start, ok := f.Impl.(udf.NewAggregate)
	switch {
	case !ok:
		return nil, fault.Newf(fault.Config, "%s is a %s, not an aggregate", name, f.Kind)
	case retract && !f.Retract:
		return nil, fault.WithRemedy(fault.Newf(fault.Config, "aggregate %s cannot take rows back, and its input has updates", name), "give it a retract function, or aggregate before the updates are made")
	}
	make, err := start()
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "start function %s", name)
	}
	return &userAcc{f: f, make: make, cols: c.Args}, nil
}

func (a *userAcc) grow(n int)      { a.rows = extend(a.rows, n) }
func (a *userAcc) reset(row int32) { a.rows[row] = a.make() }
func (a *userAcc) bytes() int64    { return int64(cap(a.rows))*32 + a.size }
func (a *userAcc) failed() error   { return a.err }

func (a *userAcc) fail(err error) {
	if err != nil && a.err == nil {
		a.err = udf.Failure(a.f, err)
	}
}

func (a *userAcc) add(in *input, sel []int32) {
	a.args = a.args[:0]
	for _, c := range a.cols {
		a.args = append(a.args, in.cols[c])
	}
	for _, i := range sel {
		g := a.rows[in.rows[i]]
		if in.signOf(i) < 0 {
			a.fail(g.Retract(a.args, int(i)))
		} else {
			a.fail(g.Add(a.args, int(i)))
		}
	}
}

func (a *userAcc) merge(row int32, from accumulator, fromRow int32) {
	a.fail(a.rows[row].Merge(from.(*userAcc).rows[fromRow]))
}

func (a *userAcc) result(dst array.Builder, row int32) {
	n := dst.Len()
	err := a.rows[row].Result(dst)
	a.fail(err)
	if dst.Len() == n {
		dst.AppendNull()
	}
}

func (a *userAcc) save(dst []byte, row int32) []byte {
	state := a.rows[row].Save(nil)
	a.size = max(a.size, int64(len(state))*int64(len(a.rows)))
	return putString(dst, state)
}

func (a *userAcc) load(row int32, data []byte) ([]byte, error) {
	v, rest, err := getString(data)
	if err != nil {
		return nil, err
	}
	if a.rows[row] == nil {
		a.rows[row] = a.make()
	}
	return rest, a.rows[row].Load(v)
}
