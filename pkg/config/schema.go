package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// field is one declared key of a section.
type field struct {
	name     string
	index    []int
	typ      reflect.Type
	help     string
	def      string
	enum     []string
	flag     string
	required bool
	secret   bool
}

// fields lists the keys of a struct type in the order of declaration, with
// embedded structs' keys in place.
func fields(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, ok := sf.Tag.Lookup("cfg")
		if !ok {
			if sf.Anonymous && sf.Type.Kind() == reflect.Struct {
				for _, f := range fields(sf.Type) {
					f.index = append([]int{i}, f.index...)
					out = append(out, f)
				}
			}
			continue
		}
		parts := strings.Split(tag, ",")
		if parts[0] == "-" {
			continue
		}
		f := field{
			name: parts[0], index: []int{i}, typ: sf.Type,
			help: sf.Tag.Get("help"), def: sf.Tag.Get("default"), flag: sf.Tag.Get("flag"),
			required: slices.Contains(parts[1:], "required"),
			secret:   slices.Contains(parts[1:], "secret") || sf.Type == reflect.TypeFor[Secret](),
		}
		if e := sf.Tag.Get("enum"); e != "" {
			f.enum = strings.Split(e, "|")
		}
		out = append(out, f)
	}
	return out
}

// shape is how a type is written.
type shape int

const (
	scalar shape = iota
	section
	list
	dictionary
	anything
)

var textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

func shapeOf(t reflect.Type) shape {
	if reflect.PointerTo(t).Implements(textUnmarshaler) {
		return scalar
	}
	switch t.Kind() {
	case reflect.Pointer:
		return shapeOf(t.Elem())
	case reflect.Struct:
		return section
	case reflect.Slice:
		return list
	case reflect.Map:
		return dictionary
	case reflect.Interface:
		return anything
	}
	return scalar
}

func deref(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// key is a declared path that can be overridden by name: one that passes
// through sections only.
type key struct {
	path string
	field
}

// keys lists all leaf keys reachable through sections.
func keys(t reflect.Type, prefix string) []key {
	var out []key
	for _, f := range fields(t) {
		path := join(prefix, f.name)
		if shapeOf(f.typ) == section {
			out = append(out, keys(deref(f.typ), path)...)
			continue
		}
		out = append(out, key{path, f})
	}
	return out
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// EnvName is the environment variable of a key path: kafka.brokers is
// FRESHET_KAFKA_BROKERS.
func EnvName(path string) string {
	return EnvPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(path))
}

// checkDeclaration finds mistakes of the programmer: keys or variables that
// mean two things, types that cannot be written, defaults that do not parse.
func checkDeclaration(t reflect.Type) error {
	var errs []error
	envs := map[string]string{}
	for _, k := range keys(t, "") {
		if other, taken := envs[EnvName(k.path)]; taken {
			errs = append(errs, fault.Newf(fault.Internal, "keys %s and %s share the variable %s", other, k.path, EnvName(k.path)))
		}
		envs[EnvName(k.path)] = k.path
	}
	errs = append(errs, checkType(t, "", nil)...)
	return fault.Join(errs...)
}

func checkType(t reflect.Type, path string, above []reflect.Type) []error {
	bad := func(format string, args ...any) []error {
		return []error{fault.Newf(fault.Internal, "declaration of %s: %s", path, fmt.Sprintf(format, args...))}
	}
	var errs []error
	switch shapeOf(t) {
	case section:
		t = deref(t)
		if slices.Contains(above, t) {
			return bad("%v contains itself", t)
		}
		seen := map[string]bool{}
		for _, f := range fields(t) {
			p := join(path, f.name)
			if f.name == "" || seen[f.name] {
				errs = append(errs, fault.Newf(fault.Internal, "declaration of %s: key %q is empty or declared twice", path, f.name))
			}
			seen[f.name] = true
			errs = append(errs, checkType(f.typ, p, append(above, t))...)
			if f.def != "" {
				v := reflect.New(f.typ).Elem()
				if err := setText(v, f.def, f.enum); err != nil {
					errs = append(errs, fault.Newf(fault.Internal, "declaration of %s: default %q: %v", p, f.def, err))
				}
			}
		}
	case list:
		return checkType(t.Elem(), path+"[]", above)
	case dictionary:
		if t.Key().Kind() != reflect.String {
			return bad("map keys must be strings")
		}
		return checkType(t.Elem(), path+".<name>", above)
	case scalar:
		if typeName(t) == "" {
			return bad("type %v cannot be configured", t)
		}
	}
	return errs
}

// typeName is the type in the words of the reference page, "" when unsupported.
func typeName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[Bytes]():
		return "size"
	case reflect.TypeFor[Secret]():
		return "secret"
	}
	switch shapeOf(t) {
	case section:
		return "section"
	case list:
		return "list of " + typeName(t.Elem())
	case dictionary:
		return "map of " + typeName(t.Elem())
	case anything:
		return "any"
	}
	if reflect.PointerTo(t).Implements(textUnmarshaler) {
		return strings.ToLower(t.Name())
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "int"
	case reflect.Float32, reflect.Float64:
		return "float"
	case reflect.Pointer:
		return typeName(t.Elem())
	}
	return ""
}

// setDefaults gives zero fields their declared defaults, through all
// sections. Optional sections (pointers) get theirs when they are named.
func setDefaults(v reflect.Value) {
	for _, f := range fields(v.Type()) {
		fv := v.FieldByIndex(f.index)
		switch {
		case fv.Kind() == reflect.Struct && shapeOf(f.typ) == section:
			setDefaults(fv)
		case f.def != "" && fv.IsZero():
			// checkDeclaration has proved that it parses.
			_ = setText(fv, f.def, nil)
		}
	}
}
