package operator

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// aggregates are the calls of one aggregating node over the rows of a table of groups. Calls that are distinct over the same
// argument and filter share one set.
type aggregates struct {
	calls   []call
	filters []*filter
	sets    []*distinct
	elems   []*elements // all, in the order of their names
	owners  owners
	in      *input
}

type call struct {
	acc      accumulator
	filter   *filter
	distinct *distinct
}

// filter is the rows of a batch that a FILTER clause lets through.
type filter struct {
	col int
	sel []int32
	buf []int32
}

// distinct is the rows of a batch by which a DISTINCT argument becomes new in its group, or goes.
type distinct struct {
	args   []int
	filter *filter
	elems  *elements
	nulls  bool         // NULL is a value too
	codec  *state.Codec // more than one argument, or NULLs
	keys   state.Keys
	sel    []int32
	buf    []int32
}

func newAggregates(cs []plan.AggCall, in []types.Type, groups *state.Table, opts Options, retract bool) (*aggregates, error) {
	a := &aggregates{in: newInput(in)}
	elems := func() *elements {
		e := newElements(fmt.Sprintf("values%d", len(a.elems)), groups, opts.groups(), &a.owners, retract)
		a.elems = append(a.elems, e)
		return e
	}
	for _, c := range cs {
		if c.Func == "APPROX_COUNT_DISTINCT" && retract {
			c.Func, c.Distinct = "COUNT", true // what was put into a sketch cannot be taken out
		}
		// MIN and MAX are the same over all values as over distinct ones.
		isDistinct := c.Distinct && c.Func != "MIN" && c.Func != "MAX"
		f := a.filterFor(c.Filter)
		var d *distinct
		if isDistinct {
			nulls := c.Func == "ARRAY_AGG"
			for _, o := range a.sets {
				if o.filter == f && slices.Equal(o.args, c.Args) && o.nulls == nulls {
					d = o
				}
			}
			if d == nil {
				d = &distinct{args: c.Args, filter: f, elems: elems(), nulls: nulls}
				if len(c.Args) > 1 || nulls {
					var ts []types.Type
					for _, x := range c.Args {
						ts = append(ts, in[x])
					}
					d.codec = state.NewCodec(batch.ArrowTypes(ts))
				}
				a.sets = append(a.sets, d)
			}
		}
		acc, err := newAccumulator(c, in, opts.Functions, retract)
		if err != nil {
			return nil, err
		}
		if w, ok := acc.(withElements); ok {
			w.use(elems())
		}
		a.calls = append(a.calls, call{acc: acc, filter: f, distinct: d})
	}
	return a, nil
}

func (a *aggregates) filterFor(col int) *filter {
	for _, f := range a.filters {
		if f.col == col {
			return f
		}
	}
	f := &filter{col: col}
	a.filters = append(a.filters, f)
	return f
}

func (a *aggregates) grow(n int) {
	a.owners.grow(n)
	for _, c := range a.calls {
		c.acc.grow(n)
	}
}

// begin starts a group's life in a row, end ends it.
func (a *aggregates) begin(row int32) {
	if len(a.elems) > 0 {
		a.owners.begin(row)
	}
	for _, c := range a.calls {
		c.acc.reset(row)
	}
}

func (a *aggregates) end(row int32) {
	if len(a.elems) == 0 {
		return
	}
	for _, c := range a.calls {
		if w, ok := c.acc.(withElements); ok {
			w.end(row)
		}
	}
	left := false
	for _, e := range a.elems {
		left = left || e.left(row)
	}
	if left {
		for _, e := range a.elems {
			e.bury(row)
		}
		e := a.elems[0]
		a.owners.end(row, state.Group(e.groups.Hash(row), e.nGroups), e.groups.Key(row))
	}
}

// sweep frees what dead groups left once it is a good part of all.
func (a *aggregates) sweep() error {
	dead, all := 0, 0
	for _, e := range a.elems {
		dead += e.dead
		all += e.len()
	}
	if dead < 1024 || dead < all/8 {
		return nil
	}
	for _, e := range a.elems {
		if err := e.sweep(); err != nil {
			return err
		}
	}
	for id := range a.owners.dead {
		a.owners.free = append(a.owners.free, id)
	}
	// Ids are internal, but a fixed order keeps runs alike.
	slices.Sort(a.owners.free)
	a.owners.dead = nil
	return nil
}

// add applies the rows in sel of the batch that a.in was set to.
func (a *aggregates) add(sel []int32) error {
	for _, f := range a.filters {
		f.set(a.in, sel)
	}
	for _, d := range a.sets {
		if err := d.set(a.in); err != nil {
			return err
		}
	}
	for _, c := range a.calls {
		rows := c.filter.sel
		if c.distinct != nil {
			rows = c.distinct.sel
		}
		if len(rows) > 0 {
			c.acc.add(a.in, rows)
		}
	}
	return a.failed()
}

// failed gives the error of an accumulator that cannot go on.
func (a *aggregates) failed() error {
	for _, c := range a.calls {
		if f, ok := c.acc.(interface{ failed() error }); ok && f.failed() != nil {
			return f.failed()
		}
	}
	return nil
}

func (f *filter) set(in *input, sel []int32) {
	f.sel = sel
	if f.col < 0 {
		return
	}
	f.buf = f.buf[:0]
	mask := in.cols[f.col].(*array.Boolean)
	for _, i := range sel {
		if mask.IsValid(int(i)) && mask.Value(int(i)) {
			f.buf = append(f.buf, i)
		}
	}
	f.sel = f.buf
}

func (d *distinct) set(in *input) error {
	sel := d.filter.sel
	if !d.nulls && slices.ContainsFunc(d.args, func(c int) bool { return in.cols[c].NullN() > 0 }) {
		d.buf = d.buf[:0]
		for _, i := range sel {
			if !slices.ContainsFunc(d.args, func(c int) bool { return in.cols[c].IsNull(int(i)) }) {
				d.buf = append(d.buf, i)
			}
		}
		sel = d.buf
	}
	keys := &d.keys
	if d.codec == nil {
		keys = in.encoded(d.args[0])
	} else {
		cols := make([]arrow.Array, len(d.args))
		for i, c := range d.args {
			cols[i] = in.cols[c]
		}
		d.codec.Encode(keys, cols, in.n)
	}
	if d.elems.set != nil {
		added, err := d.elems.addAll(in, sel, keys)
		d.sel = added
		return err
	}
	d.sel = d.sel[:0]
	for _, i := range sel {
		sign := in.signOf(i)
		row, before, err := d.elems.change(d.elems.owners.id[in.rows[i]], keys.At(int(i)), sign)
		if err != nil {
			return err
		}
		switch {
		case row < 0:
		case before <= 0: // it came
			d.sel = append(d.sel, i)
		case before+sign == 0: // it went
			d.sel = append(d.sel, i)
			d.elems.remove(row)
		}
	}
	return nil
}

// results appends a row's results to one builder a call.
func (a *aggregates) results(dst []array.Builder, row int32) {
	for i, c := range a.calls {
		c.acc.result(dst[i], row)
	}
}

func (a *aggregates) save(dst []byte, row int32) []byte {
	if len(a.elems) > 0 {
		dst = binary.AppendUvarint(dst, a.owners.gen[row])
	}
	for _, c := range a.calls {
		dst = c.acc.save(dst, row)
	}
	return dst
}

func (a *aggregates) load(row int32, data []byte) (err error) {
	if len(a.elems) > 0 {
		gen, n := binary.Uvarint(data)
		if n <= 0 {
			return errShort
		}
		data = data[n:]
		a.begin(row)
		a.owners.gen[row] = gen
		a.owners.nextGen = max(a.owners.nextGen, gen+1)
	}
	for _, c := range a.calls {
		if data, err = c.acc.load(row, data); err != nil {
			return err
		}
	}
	if len(data) > 0 {
		return fmt.Errorf("%w: %d bytes after the accumulators", state.ErrCorrupt, len(data))
	}
	return nil
}

func (a *aggregates) snapshot(w state.Writer, full bool) error {
	for _, e := range a.elems {
		if err := e.snapshot(w, full); err != nil {
			return fmt.Errorf("write state table %s: %w", e.name, err)
		}
	}
	return nil
}

func (a *aggregates) restore(r state.Reader, c *state.Codec) error {
	for _, e := range a.elems {
		var added func(groupRow, row int32)
		for _, c := range a.calls {
			if w, ok := c.acc.(withElements); ok {
				if mine, fn := w.elements(); mine == e {
					added = fn
				}
			}
		}
		if err := e.restore(r, c, added); err != nil {
			return err
		}
	}
	return nil
}

func (a *aggregates) bytes() int64 {
	n := int64(cap(a.owners.id)) * 16
	for _, c := range a.calls {
		n += c.acc.bytes()
	}
	for _, d := range a.sets {
		n += d.elems.bytes()
	}
	return n
}
