package wasm

import (
	"context"
	"encoding/binary"
	"math"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/udf"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
)

// function makes what the planner and the engine need of a signature.
func (m *module) function(s signature, in *instance) (*catalog.Function, error) {
	f := &catalog.Function{Name: s.name, Kind: s.kind, Params: s.params, Result: s.result, Volatile: s.volatile, Retract: s.retract, Merge: s.merge}
	classes := make([]class, len(s.params))
	for i, t := range s.params {
		classes[i], _ = classOf(t)
	}
	switch s.kind {
	case catalog.ScalarFunction:
		result, _ := classOf(s.result)
		f.Impl = udf.NewScalar(func() (udf.ScalarFunc, error) {
			if s.nulls {
				b, err := m.batch(s.name, []class{classBytes}, classBytes)
				if err != nil {
					return nil, err
				}
				return (&rowScalar{b, classes, []class{result}}).call, nil
			}
			b, err := m.batch(s.name, classes, result)
			if err != nil {
				return nil, err
			}
			return b.scalar, nil
		})
	case catalog.TableFunction:
		var cols []class
		for _, c := range s.result.Fields {
			k, _ := classOf(c.Type)
			cols = append(cols, k)
		}
		f.Impl = udf.NewTable(func() (udf.TableFunc, error) {
			in, err := m.start()
			if err != nil {
				return nil, err
			}
			return (&tableCall{in: in, name: s.name, args: classes, cols: cols}).call, nil
		})
	case catalog.AggregateFunction:
		result, _ := classOf(s.result)
		f.Impl = udf.NewAggregate(func() (func() udf.Aggregator, error) {
			in, err := m.start()
			if err != nil {
				return nil, err
			}
			a := &aggregate{in: in, name: s.name, args: classes, result: []class{result}}
			return func() udf.Aggregator { return &aggregator{a: a} }, nil
		})
	}
	// What the functions export is looked at now, not in the middle of a job.
	need := []string{s.name}
	if s.kind == catalog.AggregateFunction {
		need = []string{s.name + "_add", s.name + "_result"}
		if s.retract {
			need = append(need, s.name+"_retract")
		}
		if s.merge {
			need = append(need, s.name+"_merge")
		}
	}
	for _, n := range need {
		if in.mod.ExportedFunction(n) == nil {
			return nil, fault.Newf(fault.Config, "the module's signatures have %s, but it does not export %s", s.name, n)
		}
	}
	if s.kind == catalog.ScalarFunction && !s.nulls {
		if _, err := in.driver(s.name, classes, must(classOf(s.result))); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func must(c class, _ bool) class { return c }

// batchCall calls a function for the rows of a batch by the driver.
type batchCall struct {
	in     *instance
	run    api.Function
	params []class
	result class
	rows   []int32 // the rows without NULLs
	stack  [3]uint64
}

func (m *module) batch(name string, params []class, result class) (*batchCall, error) {
	in, err := m.start()
	if err != nil {
		return nil, err
	}
	run, err := in.driver(name, params, result)
	if err != nil {
		in.close()
		return nil, err
	}
	return &batchCall{in: in, run: run, params: params, result: result}, nil
}

func (in *instance) driver(name string, params []class, result class) (api.Function, error) {
	d, err := in.rt.InstantiateWithConfig(context.Background(), driver(name, params, result), wazero.NewModuleConfig().WithName("driver"))
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "function %s has other parameters than its signature", name)
	}
	return d.ExportedFunction("run"), nil
}

// invoke runs the function n times over arguments laid out in in.buf, whose room for results begins at out; it gives the results.
func (b *batchCall) invoke(n, out int, fix func(base uint32)) ([]byte, error) {
	at, err := b.in.call("freshet_alloc", uint64(len(b.in.buf)))
	if err != nil {
		return nil, err
	}
	base := uint32(at)
	fix(base)
	if !b.in.mod.Memory().Write(base, b.in.buf) {
		return nil, fault.Newf(fault.Permanent, "freshet_alloc gave an address outside the module's memory")
	}
	ctx, stop := context.WithTimeout(context.Background(), b.in.limits.time())
	defer stop()
	b.stack = [3]uint64{uint64(n), uint64(base), uint64(base) + uint64(out)}
	if err := b.run.CallWithStack(ctx, b.stack[:]); err != nil {
		return nil, fault.Wrap(fault.Permanent, err, "run the WebAssembly function")
	}
	res, ok := b.in.mod.Memory().Read(base+uint32(out), uint32(8*n))
	if !ok {
		return nil, fault.Newf(fault.Permanent, "the results are outside the module's memory")
	}
	return res, nil
}

// scalar is a udf.ScalarFunc: rows with a NULL have the value NULL.
func (b *batchCall) scalar(args []arrow.Array, n int, out array.Builder) error {
	b.rows = b.rows[:0]
rows:
	for i := range int32(n) {
		for _, a := range args {
			if a.IsNull(int(i)) {
				continue rows
			}
		}
		b.rows = append(b.rows, i)
	}
	m := len(b.rows)
	if m == 0 {
		for range n {
			out.AppendNull()
		}
		return nil
	}
	// Columns of 8 bytes a row, the results, then the strings' bytes.
	buf := append(b.in.buf[:0], make([]byte, 8*m*(len(args)+1))...)
	le := binary.LittleEndian
	for k, a := range args {
		col := buf[8*m*k:]
		for j, i := range b.rows {
			switch b.params[k] {
			case classInt:
				le.PutUint64(col[8*j:], uint64(intAt(a, int(i))))
			case classFloat:
				le.PutUint64(col[8*j:], math.Float64bits(floatAt(a, int(i))))
			case classBytes:
				from := len(buf)
				buf = bytesAt(buf, a, int(i))
				col = buf[8*m*k:]
				le.PutUint32(col[8*j:], uint32(from))
				le.PutUint32(col[8*j+4:], uint32(len(buf)-from))
			}
		}
	}
	b.in.buf = buf
	res, err := b.invoke(m, 8*m*len(args), func(base uint32) {
		for k, p := range b.params {
			for j := 0; p == classBytes && j < m; j++ {
				at := buf[8*(m*k+j):]
				le.PutUint32(at, le.Uint32(at)+base)
			}
		}
	})
	if err != nil {
		return err
	}
	at := 0
	for i := range int32(n) {
		if at == m || b.rows[at] != i {
			out.AppendNull()
			continue
		}
		v := le.Uint64(res[8*at:])
		at++
		switch b.result {
		case classInt:
			err = appendInt(out, int64(v))
		case classFloat:
			err = appendFloat(out, math.Float64frombits(v))
		case classBytes:
			if v == math.MaxUint64 {
				out.AppendNull()
				continue
			}
			var data []byte
			if data, err = b.in.bytes(v); err == nil {
				err = appendBytes(out, data)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rowScalar is a scalar function that sees NULLs: rows in, rows of one value out.
type rowScalar struct {
	*batchCall
	args, result []class
}

func (r *rowScalar) call(args []arrow.Array, n int, out array.Builder) error {
	if n == 0 {
		return nil
	}
	le := binary.LittleEndian
	buf := append(r.in.buf[:0], make([]byte, 16*n)...)
	for i := range n {
		from := len(buf)
		buf = encodeRow(buf, args, r.args, i)
		le.PutUint32(buf[8*i:], uint32(from))
		le.PutUint32(buf[8*i+4:], uint32(len(buf)-from))
	}
	r.in.buf = buf
	res, err := r.invoke(n, 8*n, func(base uint32) {
		for i := range n {
			le.PutUint32(buf[8*i:], le.Uint32(buf[8*i:])+base)
		}
	})
	if err != nil {
		return err
	}
	dst := []array.Builder{out}
	for i := range n {
		data, err := r.in.bytes(le.Uint64(res[8*i:]))
		if err != nil {
			return err
		}
		if _, err := decodeRow(data, dst, r.result); err != nil {
			return err
		}
	}
	return nil
}

// tableCall is a table function: a row in, rows out.
type tableCall struct {
	in         *instance
	name       string
	args, cols []class
}

func (t *tableCall) call(args []arrow.Array, row int, out *batch.Builder) error {
	t.in.buf = encodeRow(t.in.buf[:0], args, t.args, row)
	at, err := t.in.put(t.in.buf)
	if err != nil {
		return err
	}
	p, err := t.in.call(t.name, uint64(at), uint64(len(t.in.buf)))
	if err != nil {
		return err
	}
	data, err := t.in.bytes(p)
	if err != nil {
		return err
	}
	if len(data) < 4 {
		return errRow
	}
	n := binary.LittleEndian.Uint32(data)
	data = data[4:]
	for range n {
		if data, err = decodeRow(data, out.Cols, t.cols); err != nil {
			return err
		}
		out.RowDone(batch.Insert, -1)
	}
	return nil
}

// aggregate is what the groups of an aggregate share.
type aggregate struct {
	in           *instance
	name         string
	args, result []class
}

// aggregator is one group's state: bytes that the module makes and reads.
type aggregator struct {
	a     *aggregate
	state []byte
}

// step calls a function of the state and other bytes, which gives the new state.
func (g *aggregator) step(name string, other []byte) error {
	in := g.a.in
	at, err := in.put(append(append(make([]byte, 0, len(g.state)+len(other)), g.state...), other...))
	if err != nil {
		return err
	}
	n := uint32(len(g.state))
	p, err := in.call(g.a.name+name, uint64(at), uint64(n), uint64(at+n), uint64(len(other)))
	if err != nil {
		return err
	}
	data, err := in.bytes(p)
	if err != nil {
		return err
	}
	g.state = append(g.state[:0], data...)
	return nil
}

// Add implements udf.Aggregator.
func (g *aggregator) Add(args []arrow.Array, row int) error {
	g.a.in.buf = encodeRow(g.a.in.buf[:0], args, g.a.args, row)
	return g.step("_add", g.a.in.buf)
}

// Retract implements udf.Aggregator.
func (g *aggregator) Retract(args []arrow.Array, row int) error {
	g.a.in.buf = encodeRow(g.a.in.buf[:0], args, g.a.args, row)
	return g.step("_retract", g.a.in.buf)
}

// Merge implements udf.Aggregator.
func (g *aggregator) Merge(other udf.Aggregator) error {
	return g.step("_merge", other.(*aggregator).state)
}

// Result implements udf.Aggregator.
func (g *aggregator) Result(dst array.Builder) error {
	in := g.a.in
	at, err := in.put(g.state)
	if err != nil {
		return err
	}
	p, err := in.call(g.a.name+"_result", uint64(at), uint64(len(g.state)))
	if err != nil {
		return err
	}
	data, err := in.bytes(p)
	if err != nil {
		return err
	}
	_, err = decodeRow(data, []array.Builder{dst}, g.a.result)
	return err
}

// Save implements udf.Aggregator.
func (g *aggregator) Save(dst []byte) []byte { return append(dst, g.state...) }

// Load implements udf.Aggregator.
func (g *aggregator) Load(data []byte) error {
	g.state = append(g.state[:0], data...)
	return nil
}
