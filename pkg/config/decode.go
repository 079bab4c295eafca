package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"gopkg.in/yaml.v3"
)

type decoder struct {
	file    string
	errs    []error
	origins map[*yaml.Node]string // nodes that overrides made
	bad     map[*yaml.Node]bool   // reported already
}

func (d *decoder) pos(n *yaml.Node) fault.Pos {
	if n == nil || n.Line == 0 {
		return fault.Pos{File: d.file}
	}
	return fault.At(d.file, n.Line, n.Column)
}

func (d *decoder) place(n *yaml.Node, err error) error {
	if origin := d.origins[n]; origin != "" {
		return fault.Wrap(fault.Config, err, "%s", origin)
	}
	return fault.WithPos(fault.Wrap(fault.Config, err, ""), d.pos(n))
}

func (d *decoder) errorf(n *yaml.Node, path, format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	if path != "" {
		msg = path + ": " + msg
	}
	d.errs = append(d.errs, d.place(n, errors.New(msg)))
}

func isNull(n *yaml.Node) bool {
	return n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

// section decodes a mapping into a struct whose defaults are set; a nil node
// only checks what is required and valid.
func (d *decoder) section(n *yaml.Node, v reflect.Value, path string) {
	before := len(d.errs)
	declared := fields(v.Type())
	var names []string
	for _, f := range declared {
		names = append(names, f.name)
	}
	given := map[string]*yaml.Node{}
	switch {
	case isNull(n):
	case n.Kind != yaml.MappingNode:
		d.errorf(n, path, "must be a section of keys and values")
		return
	default:
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			known := false
			for _, name := range names {
				known = known || name == k.Value
			}
			switch {
			case !known:
				err := d.place(k, fmt.Errorf("unknown key %q", join(path, k.Value)))
				if r := fault.DidYouMean(k.Value, names); r != "" {
					err = fault.WithRemedy(err, r)
				} else {
					err = fault.WithRemedy(err, "known keys here: "+strings.Join(names, ", "))
				}
				d.errs = append(d.errs, err)
			case given[k.Value] != nil:
				d.errorf(k, join(path, k.Value), "is given twice")
			default:
				given[k.Value] = n.Content[i+1]
			}
		}
	}
	for _, f := range declared {
		fv, p := v.FieldByIndex(f.index), join(path, f.name)
		node := given[f.name]
		if isNull(node) && !d.bad[node] {
			if shapeOf(f.typ) == section && fv.Kind() == reflect.Struct {
				d.section(nil, fv, p)
			} else if f.required && fv.IsZero() {
				d.missing(n, p)
			}
			continue
		}
		errs := len(d.errs)
		d.value(node, fv, f, p)
		if f.required && fv.IsZero() && len(d.errs) == errs && !d.bad[node] && fv.Kind() != reflect.Bool {
			d.errs = append(d.errs, d.place(node, fmt.Errorf("%s: must not be empty", p)))
		}
	}
	if len(d.errs) == before {
		d.validate(n, given, v, path)
	}
}

func (d *decoder) missing(n *yaml.Node, path string) {
	err := fault.Newf(fault.Config, "%s is required", path)
	if !isNull(n) && n.Line > 0 {
		err = fault.WithPos(err, d.pos(n))
	}
	remedy := fmt.Sprintf("set %s in the configuration file", path)
	if !strings.ContainsAny(path, "[<") {
		remedy = fmt.Sprintf("set it in the configuration file, by %s or by -set %s=…", EnvName(path), path)
	}
	d.errs = append(d.errs, fault.WithRemedy(err, remedy))
}

func (d *decoder) validate(n *yaml.Node, given map[string]*yaml.Node, v reflect.Value, path string) {
	validator, ok := v.Addr().Interface().(Validator)
	if !ok {
		return
	}
	for _, err := range fault.Flatten(validator.Validate()) {
		at := n
		var inv *invalid
		if errors.As(err, &inv) {
			if g := given[inv.key]; g != nil {
				at = g
			}
		}
		if path != "" {
			sep := ": "
			if inv != nil {
				sep = "."
			}
			err = fmt.Errorf("%s%s%w", path, sep, err)
		}
		if at == nil || at.Line == 0 && d.origins[at] == "" {
			d.errs = append(d.errs, fault.Wrap(fault.Config, err, ""))
			continue
		}
		d.errs = append(d.errs, d.place(at, err))
	}
}

// value decodes a node that is not null.
func (d *decoder) value(n *yaml.Node, v reflect.Value, f field, path string) {
	if d.bad[n] {
		return
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
			if shapeOf(v.Type()) == section {
				setDefaults(v.Elem())
			}
		}
		v = v.Elem()
	}
	switch s := shapeOf(v.Type()); {
	case s == section:
		d.section(n, v, path)
	case s == anything:
		var x any
		if err := n.Decode(&x); err != nil {
			d.errs = append(d.errs, d.place(n, fmt.Errorf("%s: %w", path, err)))
			return
		}
		if x != nil {
			v.Set(reflect.ValueOf(x))
		}
	case n.Kind == yaml.ScalarNode:
		d.text(n, v, f, path)
	case s == list && n.Kind == yaml.SequenceNode:
		d.list(n, v, f, path)
	case s == dictionary && n.Kind == yaml.MappingNode:
		d.dictionary(n, v, f, path)
	default:
		d.errorf(n, path, "must be a %s", typeName(v.Type()))
	}
}

func (d *decoder) text(n *yaml.Node, v reflect.Value, f field, path string) {
	// An empty text, as of ${X:-}, leaves everything but a string as it is.
	if n.Value == "" && v.Kind() != reflect.String {
		return
	}
	err := setText(v, n.Value, f.enum)
	if err == nil {
		return
	}
	if remedy := fault.RemedyOf(err); remedy != "" {
		defer func() { d.errs[len(d.errs)-1] = fault.WithRemedy(d.errs[len(d.errs)-1], remedy) }()
	}
	if f.secret {
		d.errorf(n, path, "%v", err)
		return
	}
	d.errorf(n, path, "%q: %v", n.Value, err)
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, f field, path string) {
	out := reflect.MakeSlice(v.Type(), 0, len(n.Content))
	for i, c := range n.Content {
		e := reflect.New(v.Type().Elem()).Elem()
		p := fmt.Sprintf("%s[%d]", path, i)
		if e.Kind() == reflect.Struct && shapeOf(e.Type()) == section {
			setDefaults(e)
		}
		switch {
		case d.bad[c]:
		case isNull(c):
			d.errorf(c, p, "is empty")
		default:
			d.value(c, e, f, p)
		}
		out = reflect.Append(out, e)
	}
	v.Set(out)
}

func (d *decoder) dictionary(n *yaml.Node, v reflect.Value, f field, path string) {
	out := reflect.MakeMapWithSize(v.Type(), len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, c := n.Content[i], n.Content[i+1]
		p := join(path, k.Value)
		name := reflect.ValueOf(k.Value).Convert(v.Type().Key())
		if out.MapIndex(name).IsValid() {
			d.errorf(k, p, "is given twice")
			continue
		}
		e := reflect.New(v.Type().Elem()).Elem()
		if e.Kind() == reflect.Struct && shapeOf(e.Type()) == section {
			setDefaults(e)
		}
		if !isNull(c) {
			d.value(c, e, f, p)
		} else if shapeOf(e.Type()) == section && e.Kind() == reflect.Struct {
			d.section(nil, e, p)
		}
		out.SetMapIndex(name, e)
	}
	v.Set(out)
}
