package optimize

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// reuse computes once what several parts of the job compute alike: of equal nodes over the same inputs one stays, and all read it.
func reuse(r *run) {
	r.p.Number()
	kept := map[string]plan.Node{} // by what they compute
	instead := map[plan.Node]plan.Node{}
	for _, n := range r.p.Nodes {
		for i, in := range n.Inputs() {
			if x := instead[in]; x != nil {
				n.SetInput(i, x)
			}
		}
		if _, ok := n.(*plan.Sink); ok {
			continue
		}
		s := shape{}
		if !s.value(reflect.ValueOf(n).Elem()) {
			continue
		}
		id := fmt.Sprintf("%T %s", n, s.text.String())
		if x := kept[id]; x != nil {
			instead[n] = x
		} else {
			kept[id] = n
		}
	}
	r.p.Number()
}

// shape writes what a node computes: all its fields but the properties that are derived from them. Its inputs are themselves.
type shape struct{ text strings.Builder }

var (
	nodeType = reflect.TypeFor[plan.Node]()
	exprType = reflect.TypeFor[plan.Expr]()
)

// value writes v; false when something in it may be another each time, or is of no kind that a plan has.
func (s *shape) value(v reflect.Value) bool {
	switch x := v.Interface().(type) {
	case plan.Props, catalog.Caps:
		return true
	case types.Type:
		s.text.WriteString(x.String() + " ")
		return true
	case *catalog.Table:
		fmt.Fprintf(&s.text, "%p ", x)
		return true
	}
	switch {
	case v.Type() == nodeType:
		fmt.Fprintf(&s.text, "%p ", v.Interface())
		return true
	case v.Type() == exprType:
		return s.expr(v)
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			s.text.WriteString("nil ")
			return true
		}
		return s.value(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() || !s.value(v.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		fmt.Fprintf(&s.text, "%d[", v.Len())
		for i := range v.Len() {
			if !s.value(v.Index(i)) {
				return false
			}
		}
		s.text.WriteString("] ")
		return true
	case reflect.String:
		fmt.Fprintf(&s.text, "%q ", v.String())
		return true
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Map:
		fmt.Fprintf(&s.text, "%v ", v.Interface())
		return true
	}
	return false
}

func (s *shape) expr(v reflect.Value) bool {
	if v.IsNil() {
		s.text.WriteString("nil ")
		return true
	}
	e := v.Interface().(plan.Expr)
	ok := deterministic(e)
	var write func(plan.Expr)
	write = func(e plan.Expr) {
		switch e := e.(type) {
		case *plan.ColRef:
			fmt.Fprintf(&s.text, "#%d ", e.Index)
		case *plan.Literal:
			fmt.Fprintf(&s.text, "%q:%s ", e.String(), e.T)
		case *plan.Call:
			fmt.Fprintf(&s.text, "%s:%s(", e.Func, e.T)
			for _, a := range e.Args {
				write(a)
			}
			s.text.WriteString(") ")
		default:
			ok = false
		}
	}
	write(e)
	return ok
}
