package expr

import (
	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
)

// lazyForm compiles a form that decides which of its arguments a row needs.
type lazyForm func(b *binding) (func(e *env) (kernel.Vec, error), error)

func lazyForms() map[string]lazyForm {
	return map[string]lazyForm{
		"AND": junction(true), "OR": junction(false),
		"CASE": caseForm, "IF": caseForm, "COALESCE": coalesceForm, "IFNULL": coalesceForm,
	}
}

// evalOn computes x for the rows sel only if it can fail, else for all: at gives each row's position in the result.
func evalOn(x *node, e *env, sel []int32, whole bool) (v kernel.Vec, narrowed bool, err error) {
	if x.fail && !whole {
		v, err = x.eval(e.on(sel))
		return v, true, err
	}
	v, err = x.eval(e)
	return v, false, err
}

// junction is AND and OR: arguments after the first are computed for the rows that are not decided yet.
func junction(and bool) lazyForm {
	return func(b *binding) (func(e *env) (kernel.Vec, error), error) {
		args := b.args
		return func(e *env) (kernel.Vec, error) {
			var acc kernel.Truth
			for i, x := range args {
				if i == 0 {
					v, err := x.eval(e)
					if err != nil {
						return v, err
					}
					acc = kernel.TruthOf(v, e.n)
					continue
				}
				decided := acc.T
				if and {
					decided = acc.F
				}
				var sel []int32
				if x.fail {
					open := kernel.Invert(append([]byte(nil), decided...))
					sel = kernel.SelectedBits(open, e.n, make([]int32, 0, e.n))
					if len(sel) == 0 {
						break
					}
				}
				v, narrowed, err := evalOn(x, e, sel, len(sel) == e.n)
				if err != nil {
					return v, err
				}
				if narrowed {
					v = kernel.Vec{A: scatter(v, sel, e.n)}
				}
				if t := kernel.TruthOf(v, e.n); and {
					acc.And(t)
				} else {
					acc.Or(t)
				}
			}
			return kernel.Vec{A: acc.Array()}, nil
		}, nil
	}
}

// scatter puts the values for the rows sel back to their rows; the others are null.
func scatter(v kernel.Vec, sel []int32, n int) arrow.Array {
	at := make([]int32, n)
	for i := range at {
		at[i] = -1
	}
	for k, i := range sel {
		if at[i] = int32(k); v.Const {
			at[i] = 0
		}
	}
	return kernel.Take(v.A, at)
}

// choice collects, row by row, which of several columns holds the result.
type choice struct {
	t     arrow.DataType
	srcs  []arrow.Array
	which []uint8
	at    []int32
}

func newChoice(t arrow.DataType, n int) *choice {
	c := &choice{t: t, which: make([]uint8, n), at: make([]int32, n)}
	for i := range c.at {
		c.at[i] = -1
	}
	return c
}

func (c *choice) add(v kernel.Vec, sel []int32, narrowed bool) {
	s := uint8(len(c.srcs))
	c.srcs = append(c.srcs, v.A)
	for k, i := range sel {
		c.which[i] = s
		switch {
		case v.Const:
			c.at[i] = 0
		case narrowed:
			c.at[i] = int32(k)
		default:
			c.at[i] = i
		}
	}
}

func (c *choice) done() kernel.Vec {
	if len(c.srcs) == 0 {
		return kernel.Vec{A: kernel.Nulls(c.t, len(c.at))}
	}
	return kernel.Vec{A: kernel.Interleave(c.t, c.srcs, c.which, c.at)}
}

func allRows(n int) []int32 {
	sel := make([]int32, n)
	for i := range sel {
		sel[i] = int32(i)
	}
	return sel
}

// split parts sel into the rows whose bit is set and the others.
func split(bits []byte, sel []int32) (yes, no []int32) {
	yes, no = make([]int32, 0, len(sel)), make([]int32, 0, len(sel))
	for _, i := range sel {
		if bits[i>>3]>>(i&7)&1 != 0 {
			yes = append(yes, i)
		} else {
			no = append(no, i)
		}
	}
	return yes, no
}

// caseForm is CASE when1, then1, …, else. IF(condition, then, else) has the same arguments.
func caseForm(b *binding) (func(e *env) (kernel.Vec, error), error) {
	args, t := b.args, b.out()
	if len(args)%2 == 0 || len(args) > 255 {
		return nil, fault.Newf(fault.Config, "%s with %d arguments", b.call.Func, len(args))
	}
	return func(e *env) (kernel.Vec, error) {
		c := newChoice(t, e.n)
		rest := allRows(e.n)
		for i := 0; i < len(args) && len(rest) > 0; i += 2 {
			hit := rest
			if i+1 < len(args) {
				w, narrowed, err := evalOn(args[i], e, rest, len(rest) == e.n)
				if err != nil {
					return w, err
				}
				if narrowed {
					w = kernel.Vec{A: scatter(w, rest, e.n)}
				}
				hit, rest = split(kernel.TruthOf(w, e.n).T, rest)
				if len(hit) == 0 {
					continue
				}
			}
			x := args[min(i+1, len(args)-1)]
			v, narrowed, err := evalOn(x, e, hit, len(hit) == e.n)
			if err != nil {
				return v, err
			}
			c.add(v, hit, narrowed)
		}
		return c.done(), nil
	}, nil
}

// coalesceForm is the first argument that is not null.
func coalesceForm(b *binding) (func(e *env) (kernel.Vec, error), error) {
	args, t := b.args, b.out()
	if len(args) == 0 || len(args) > 255 {
		return nil, fault.Newf(fault.Config, "%s with %d arguments", b.call.Func, len(args))
	}
	return func(e *env) (kernel.Vec, error) {
		c := newChoice(t, e.n)
		rest := allRows(e.n)
		for _, x := range args {
			if len(rest) == 0 {
				break
			}
			v, narrowed, err := evalOn(x, e, rest, len(rest) == e.n)
			if err != nil {
				return v, err
			}
			if narrowed {
				v = kernel.Vec{A: scatter(v, rest, e.n)}
			}
			var hit []int32
			rest, hit = split(kernel.NullBits(v, e.n), rest)
			if len(hit) == e.n {
				return v, nil
			}
			if len(hit) > 0 {
				c.add(v, hit, false)
			}
		}
		return c.done(), nil
	}, nil
}
