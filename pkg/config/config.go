// Package config makes one declaration, a Go struct with tags, serve as parser,
// lint, default values, environment and flag overrides, effective dump and
// reference page.
//
//	type Config struct {
//		Brokers []string        `cfg:"brokers,required" help:"Kafka bootstrap addresses."`
//		Linger  time.Duration   `cfg:"linger" default:"5ms" help:"How long a batch waits to fill."`
//		Acks    string          `cfg:"acks" default:"all" enum:"all|leader|none"`
//		Secret  config.Secret   `cfg:"password" help:"SASL password."`
//		Admin   obs.AdminConfig `cfg:"admin"`
//	}
//
// Tags: cfg:"name[,required][,secret]" declares a key (fields without it are
// not configuration; an embedded struct without it is part of its parent);
// default, help, enum:"a|b"; flag:"name" adds a command-line flag of its own.
// Types: string, bool, integers, floats, time.Duration (also "7d"), [Bytes],
// [Secret], encoding.TextUnmarshaler, structs, pointers to structs (optional
// sections), slices and string maps of all these, and any.
//
// Sources from weakest to strongest: values already in the struct or defaults,
// the YAML file, the environment (FRESHET_KAFKA_BROKERS for kafka.brokers, an
// empty variable counts as unset), flags. ${NAME} and ${NAME:-default} in the
// file's values are replaced from the environment; $${ stands for ${.
//
// [Load] reports every problem at once, each with file:line:column or the
// override it came from and, where possible, a remedy. Nothing is connected to
// and no secret's value ever appears in an error, a dump or a log.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"gopkg.in/yaml.v3"
)

// EnvPrefix starts the names of the environment variables that are read.
const EnvPrefix = "FRESHET_"

// Sources says where values come from. The zero Sources gives the defaults.
type Sources struct {
	File     string   // YAML file; empty for none
	Text     []byte   // the file's contents, when not nil; File is then only its name
	Optional bool     // a missing File is as good as an empty one
	Env      []string // "NAME=value", as of os.Environ
	Flags    *Flags   // parsed flags; may be nil
}

// Validator is implemented by sections (by pointer) that check combinations of
// their values. Validate is called once the section's own values have been read
// without error; it returns all problems, joined; [Invalid] places one at a key.
type Validator interface{ Validate() error }

// Invalid is a problem with the key (relative to the section) for a Validator.
func Invalid(key, format string, args ...any) error {
	return &invalid{key: key, err: fmt.Errorf(format, args...)}
}

type invalid struct {
	key string
	err error
}

func (e *invalid) Error() string { return e.key + ": " + e.err.Error() }
func (e *invalid) Unwrap() error { return e.err }

// Load fills cfg, a pointer to a struct, from the sources. The error joins all
// problems found, in the order of the declaration, each of kind Config.
func Load(cfg any, s Sources) error {
	v, err := target(cfg)
	if err != nil {
		return err
	}
	if err := checkDeclaration(v.Type()); err != nil {
		return err
	}
	d := &decoder{file: s.File, origins: map[*yaml.Node]string{}, bad: map[*yaml.Node]bool{}}
	env := environ(s.Env)
	root := d.read(s)
	if root == nil {
		root = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	}
	d.interpolate(root, env)
	d.applyEnv(root, v.Type(), env)
	if s.Flags != nil {
		for _, a := range s.Flags.assigned {
			d.override(root, v.Type(), a.path, a.value, a.origin)
		}
	}
	setDefaults(v)
	d.section(root, v, "")
	return fault.Join(d.errs...)
}

func target(cfg any) (reflect.Value, error) {
	v := reflect.ValueOf(cfg)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return v, fault.Newf(fault.Internal, "configuration target is %T, not a pointer to a struct", cfg)
	}
	return v.Elem(), nil
}

// yamlLine finds the line in yaml.v3's syntax errors, which carry it in no other way.
var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// read parses the file and expands its aliases. It returns nil for an empty
// or unusable file.
func (d *decoder) read(s Sources) *yaml.Node {
	text := s.Text
	if text == nil {
		if s.File == "" {
			return nil
		}
		var err error
		text, err = os.ReadFile(s.File)
		if errors.Is(err, fs.ErrNotExist) {
			if !s.Optional {
				d.errs = append(d.errs, fault.WithRemedy(fault.Wrap(fault.Config, err, "read configuration"),
					"create the file or name another with -config"))
			}
			return nil
		}
		if err != nil {
			d.errs = append(d.errs, fault.Wrap(fault.Config, err, "read configuration"))
			return nil
		}
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		pos, msg := fault.Pos{File: s.File}, strings.TrimPrefix(err.Error(), "yaml: ")
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
			pos.Line, _ = strconv.Atoi(m[1])
			msg = strings.TrimPrefix(err.Error(), m[0])
		}
		d.errs = append(d.errs, pos.Errorf(fault.Config, "not YAML: %s", msg))
		return nil
	}
	if len(doc.Content) == 0 {
		return nil
	}
	budget := 100_000
	return d.expand(doc.Content[0], &budget)
}

// expand returns a copy of the tree with aliases and merge keys resolved. The
// budget bounds the size of documents made of nested aliases.
func (d *decoder) expand(n *yaml.Node, budget *int) *yaml.Node {
	if *budget--; *budget <= 0 {
		if *budget == 0 {
			d.errorf(n, "", "too many values after expanding aliases")
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line, Column: n.Column}
	}
	if n.Kind == yaml.AliasNode {
		c := d.expand(n.Alias, budget)
		c.Line, c.Column = n.Line, n.Column
		return c
	}
	c := *n
	c.Content, c.Anchor = nil, ""
	if n.Kind != yaml.MappingNode {
		for _, child := range n.Content {
			c.Content = append(c.Content, d.expand(child, budget))
		}
		return &c
	}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], d.expand(n.Content[i+1], budget)
		if key.Tag != "!!merge" {
			c.Content = append(c.Content, key, value)
			continue
		}
		switch value.Kind {
		case yaml.MappingNode:
			merged = append(merged, value)
		case yaml.SequenceNode:
			merged = append(merged, value.Content...)
		default:
			d.errorf(value, "<<", "only a mapping can be merged")
		}
	}
	for _, m := range merged {
		for i := 0; m.Kind == yaml.MappingNode && i+1 < len(m.Content); i += 2 {
			if child(&c, m.Content[i].Value) == nil {
				c.Content = append(c.Content, m.Content[i], m.Content[i+1])
			}
		}
	}
	return &c
}

// child returns the value of a mapping's key, or nil.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func environ(list []string) map[string]string {
	env := make(map[string]string, len(list))
	for _, kv := range list {
		if k, v, ok := strings.Cut(kv, "="); ok {
			env[k] = v
		}
	}
	return env
}

// reference matches $${, ${NAME} and ${NAME:-default}.
var reference = regexp.MustCompile(`\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\}`)

// interpolate replaces variable references in all scalar values of the file.
func (d *decoder) interpolate(n *yaml.Node, env map[string]string) {
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "${") {
		value := reference.ReplaceAllStringFunc(n.Value, func(m string) string {
			if m == "$${" {
				return "${"
			}
			parts := reference.FindStringSubmatch(m)
			if v, ok := env[parts[1]]; ok && (v != "" || parts[2] == "") {
				return v
			}
			if parts[2] != "" {
				return parts[2][2:]
			}
			d.bad[n] = true
			d.errs = append(d.errs, fault.WithRemedy(d.pos(n).Errorf(fault.Config, "environment variable %s is not set", parts[1]),
				fmt.Sprintf("set it, or give a default as ${%s:-value}", parts[1])))
			return ""
		})
		n.Value = value
		// A plain ${X} is text to YAML; what it became may be a number or nothing.
		n.Tag = "!!str"
	}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			continue
		}
		d.interpolate(c, env)
	}
}
