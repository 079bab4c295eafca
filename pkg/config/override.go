package config

import (
	"flag"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"gopkg.in/yaml.v3"
)

// Flags collects assignments from the command line, in order. The zero value
// is ready.
type Flags struct{ assigned []assignment }

type assignment struct{ path, value, origin string }

// Register declares on fs the repeatable flag -set key=value and one flag for
// each key of cfg, a pointer to a struct, that is tagged flag:"name".
func (f *Flags) Register(fs *flag.FlagSet, cfg any) {
	fs.Func("set", "override a configuration `key=value`, as -set kafka.brokers=a:9092,b:9092; repeatable", f.Set)
	t := reflect.TypeOf(cfg).Elem()
	for _, k := range keys(t, "") {
		if k.flag == "" {
			continue
		}
		set := func(value string) error {
			f.assigned = append(f.assigned, assignment{k.path, value, "flag -" + k.flag})
			return nil
		}
		usage := strings.TrimSuffix(k.help, ".")
		if k.typ.Kind() == reflect.Bool {
			fs.BoolFunc(k.flag, usage, set)
		} else {
			fs.Func(k.flag, fmt.Sprintf("%s (`%s`, default %q)", usage, typeName(k.typ), k.def), set)
		}
	}
}

// Set records one "key=value" assignment.
func (f *Flags) Set(s string) error {
	path, value, ok := strings.Cut(s, "=")
	if !ok || path == "" {
		return fault.Newf(fault.Config, "%q is not key=value", s)
	}
	f.assigned = append(f.assigned, assignment{path, value, "flag -set " + path})
	return nil
}

// applyEnv overrides by variables. A variable that only resembles a declared
// one is a mistake; one that does not is somebody else's.
func (d *decoder) applyEnv(root *yaml.Node, t reflect.Type, env map[string]string) {
	declared := map[string]string{}
	var names []string
	for _, k := range keys(t, "") {
		declared[EnvName(k.path)] = k.path
		names = append(names, strings.TrimPrefix(EnvName(k.path), EnvPrefix))
	}
	var vars []string
	for name := range env {
		if strings.HasPrefix(name, EnvPrefix) && env[name] != "" {
			vars = append(vars, name)
		}
	}
	slices.Sort(vars)
	for _, name := range vars {
		if path, ok := declared[name]; ok {
			d.override(root, t, path, env[name], "environment "+name)
			continue
		}
		// Only small slips: other tools may use the prefix too.
		short := strings.TrimPrefix(name, EnvPrefix)
		for _, near := range fault.Nearest(short, names) {
			if len(near)-len(short) < 3 && len(short)-len(near) < 3 {
				d.errs = append(d.errs, fault.WithRemedy(fault.Newf(fault.Config, "unknown variable %s", name),
					"did you mean "+EnvPrefix+near+"?"))
				break
			}
		}
	}
}

// override puts a value into the tree at a path, making sections on the way.
func (d *decoder) override(root *yaml.Node, t reflect.Type, path, value, origin string) {
	n, typ := root, t
	rest := path
	fail := func(format string, args ...any) {
		d.errs = append(d.errs, fault.Newf(fault.Config, "%s: %s", origin, fmt.Sprintf(format, args...)))
	}
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, ".")
		switch shapeOf(typ) {
		case section:
			declared := fields(deref(typ))
			i := slices.IndexFunc(declared, func(f field) bool { return f.name == part })
			if i < 0 {
				var all []string
				for _, k := range keys(t, "") {
					all = append(all, k.path)
				}
				err := fault.Newf(fault.Config, "%s: unknown key", origin)
				if r := fault.DidYouMean(path, all); r != "" {
					err = fault.WithRemedy(err, r)
				}
				d.errs = append(d.errs, err)
				return
			}
			n, typ = d.step(n, part, origin), declared[i].typ
		case dictionary:
			typ = typ.Elem()
			if shapeOf(typ) != section && rest != "" {
				part, rest = part+"."+rest, ""
			}
			n = d.step(n, part, origin)
		case list:
			typ = typ.Elem()
			i, err := strconv.Atoi(part)
			if n.Kind != yaml.SequenceNode {
				*n = yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
			}
			if err != nil || i < 0 || i > len(n.Content) {
				fail("%q is not an index from 0 to %d", part, len(n.Content))
				return
			}
			if i == len(n.Content) {
				n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"})
			}
			n = n.Content[i]
		default:
			fail("%s has no keys of its own", strings.TrimSuffix(path, "."+part))
			return
		}
	}
	fresh := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
	if s := shapeOf(typ); s != scalar && strings.HasPrefix(value, "[") || strings.HasPrefix(value, "{") && s != scalar || s == anything {
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(value), &doc); err != nil {
			fail("%v", err)
			return
		}
		if len(doc.Content) > 0 {
			fresh = doc.Content[0]
		}
	}
	delete(d.bad, n) // a broken value in the file no longer matters
	*n = *fresh
	d.mark(n, origin)
}

// step enters a mapping's key, making mapping and key when they are missing.
func (d *decoder) step(n *yaml.Node, key, origin string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		*n = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	}
	if c := child(n, key); c != nil {
		return c
	}
	c := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	k := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}
	d.origins[k] = origin
	n.Content = append(n.Content, k, c)
	return c
}

// mark records the origin of a subtree, whose line numbers mean nothing.
func (d *decoder) mark(n *yaml.Node, origin string) {
	n.Line, n.Column = 0, 0
	d.origins[n] = origin
	for _, c := range n.Content {
		d.mark(c, origin)
	}
}
