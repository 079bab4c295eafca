package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Dump returns the effective configuration as YAML in the order of the
// declaration, with secrets masked. Loading it again gives the same values,
// secrets apart.
func Dump(cfg any) string {
	v, err := target(cfg)
	if err != nil {
		return ""
	}
	out, err := yaml.Marshal(node(v, false))
	if err != nil {
		return ""
	}
	return string(out)
}

func node(v reflect.Value, secret bool) *yaml.Node {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
		}
		v = v.Elem()
	}
	switch shapeOf(v.Type()) {
	case section:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, f := range fields(v.Type()) {
			fv := v.FieldByIndex(f.index)
			if fv.Kind() == reflect.Pointer && fv.IsNil() {
				continue
			}
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: f.name}, node(fv, f.secret))
		}
		return n
	case list:
		n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for i := range v.Len() {
			e := node(v.Index(i), secret)
			if e.Kind != yaml.ScalarNode {
				n.Style = 0
			}
			n.Content = append(n.Content, e)
		}
		return n
	case dictionary:
		n := &yaml.Node{Kind: yaml.MappingNode}
		names := v.MapKeys()
		slices.SortFunc(names, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range names {
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: k.String()}, node(v.MapIndex(k), secret))
		}
		return n
	case anything:
		n := &yaml.Node{}
		if err := n.Encode(v.Interface()); err != nil {
			n = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
		}
		return n
	}
	text := format(v)
	if secret && text != "" {
		text = Mask
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	if v.Kind() == reflect.String && v.Type() != reflect.TypeFor[Secret]() || text == "" {
		n.SetString(text)
	}
	// A literal ${ must survive the next Load.
	n.Value = strings.ReplaceAll(n.Value, "${", "$${")
	return n
}

// format writes a scalar as it would be configured.
func format(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return duration(x)
	case encoding.TextMarshaler:
		if text, err := x.MarshalText(); err == nil {
			return string(text)
		}
	}
	return fmt.Sprint(v.Interface())
}

// duration drops the zero parts that time.Duration prints: 5m0s is 5m.
func duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Reference returns the reference page of the declaration in Markdown: a
// table for each section, with type, default, variable and meaning. Defaults
// are those of the tags and of the values that cfg holds.
func Reference(cfg any) string {
	v, err := target(cfg)
	if err != nil {
		return ""
	}
	filled := reflect.New(v.Type()).Elem()
	filled.Set(v)
	setDefaults(filled)
	var b strings.Builder
	page(&b, filled, "", "", true)
	return strings.TrimLeft(b.String(), "\n")
}

func page(b *strings.Builder, v reflect.Value, path, help string, static bool) {
	type sub struct {
		v      reflect.Value
		path   string
		help   string
		static bool
	}
	var subs []sub
	header := false
	if path != "" {
		fmt.Fprintf(b, "\n## %s\n", path)
		if help != "" {
			fmt.Fprintf(b, "\n%s\n", help)
		}
	}
	for _, f := range fields(v.Type()) {
		fv, p := v.FieldByIndex(f.index), join(path, f.name)
		switch elem, suffix := element(f.typ); {
		case shapeOf(f.typ) == section:
			x := fv
			note := f.help
			if fv.Kind() == reflect.Pointer {
				note = strings.TrimSpace(note + " (Optional section.)")
				if fv.IsNil() {
					x = reflect.New(f.typ.Elem()).Elem()
					setDefaults(x)
				} else {
					x = fv.Elem()
				}
			}
			subs = append(subs, sub{x, p, note, static})
			continue
		case elem != nil:
			x := reflect.New(elem).Elem()
			setDefaults(x)
			subs = append(subs, sub{x, p + suffix, f.help, false})
			continue
		}
		if !header {
			b.WriteString("\n| Key | Type | Default | Environment | Meaning |\n|---|---|---|---|---|\n")
			header = true
		}
		def := ""
		switch {
		case f.required && fv.IsZero():
			def = "**required**"
		case f.def != "":
			def = "`" + f.def + "`"
		case !fv.IsZero() && shapeOf(f.typ) == scalar && !f.secret:
			def = "`" + format(fv) + "`"
		}
		env := ""
		if static {
			env = "`" + EnvName(p) + "`"
		}
		kind := typeName(f.typ)
		if f.secret {
			kind = "secret"
		}
		if len(f.enum) > 0 {
			kind = "`" + strings.Join(f.enum, "`, `") + "`"
		}
		meaning := f.help
		if f.flag != "" {
			meaning = strings.TrimSpace(meaning + " Flag `-" + f.flag + "`.")
		}
		cell := strings.NewReplacer("|", `\|`, "\n", " ")
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", p, cell.Replace(kind), cell.Replace(def), env, cell.Replace(meaning))
	}
	for _, s := range subs {
		page(b, s.v, s.path, s.help, s.static)
	}
}

// element returns the struct type inside a list or map of sections and how
// the path goes on.
func element(t reflect.Type) (reflect.Type, string) {
	suffix := ""
	for {
		switch shapeOf(t) {
		case list:
			suffix += "[]"
		case dictionary:
			suffix += ".<name>"
		case section:
			return deref(t), suffix
		default:
			return nil, ""
		}
		t = deref(t).Elem()
	}
}
