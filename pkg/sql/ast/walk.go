package ast

import (
	"fmt"
	"reflect"
	"strings"
)

var nodeType = reflect.TypeFor[Node]()

// Walk visits n and what it holds in written order of fields, parents first; f gives false to pass over a node's children.
func Walk(n Node, f func(Node) bool) {
	v := reflect.ValueOf(n)
	if n == nil || v.IsNil() || !f(n) {
		return
	}
	children(v.Elem(), func(_ string, c reflect.Value) { Walk(c.Interface().(Node), f) })
}

// children calls f for every non-nil node held by struct v.
func children(v reflect.Value, f func(field string, c reflect.Value)) {
	for i := range v.NumField() {
		c, name := v.Field(i), v.Type().Field(i).Name
		switch {
		case c.Kind() == reflect.Slice && c.Type().Elem().Implements(nodeType):
			for j := range c.Len() {
				f(name, c.Index(j))
			}
		case (c.Kind() == reflect.Pointer || c.Kind() == reflect.Interface) && c.Type().Implements(nodeType) && !c.IsNil():
			f(name, c)
		}
	}
}

// Dump shows the shape of a tree, one node a line with its place and its set fields: for tests and for people who debug.
func Dump(n Node) string { return dump(n, true) }

// Equal tells whether two trees have the same shape and content, wherever they were written.
func Equal(a, b Node) bool { return dump(a, false) == dump(b, false) }

func dump(n Node, places bool) string {
	var b strings.Builder
	var walk func(label string, v reflect.Value, depth int)
	walk = func(label string, v reflect.Value, depth int) {
		for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
			v = v.Elem()
		}
		fmt.Fprintf(&b, "%s%s%s", strings.Repeat("  ", min(depth, 200)), label, v.Type().Name())
		for i := range v.NumField() {
			c, f := v.Field(i), v.Type().Field(i)
			if f.Name == "OpPos" || f.Anonymous || c.IsZero() {
				continue
			}
			switch c.Kind() {
			case reflect.String:
				fmt.Fprintf(&b, " %s=%q", f.Name, c.String())
			case reflect.Bool:
				fmt.Fprintf(&b, " %s", f.Name)
			case reflect.Int, reflect.Uint8:
				fmt.Fprintf(&b, " %s=%d", f.Name, c.Interface())
			case reflect.Slice:
				if !c.Type().Elem().Implements(nodeType) {
					fmt.Fprintf(&b, " %s=%v", f.Name, c.Interface())
				}
			}
		}
		if places {
			l := v.FieldByName("Loc").Interface().(Loc)
			fmt.Fprintf(&b, " @%d:%d-%d:%d", l.Start.Line, l.Start.Col, l.End.Line, l.End.Col)
		}
		b.WriteByte('\n')
		children(v, func(field string, c reflect.Value) { walk(field+": ", c, depth+1) })
	}
	if n != nil && !reflect.ValueOf(n).IsNil() {
		walk("", reflect.ValueOf(n), 0)
	}
	return b.String()
}
