// Package option checks the WITH options of a table against what its connector declares: unknown keys with a suggestion, wrong values with
// what would be right, all of them at once and each with its place in the file.
package option

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
)

// Kind is what an option's value must look like.
type Kind uint8

// The kinds: Duration is Flink's ("1 s", "500ms", "2 min"), Size its memory sizes ("64 mb").
const (
	String Kind = iota
	Int
	Bool
	Duration
	Size
	List // separated by ';'
)

// Spec declares one option. A Key that ends in ".*" admits any key with that prefix.
type Spec struct {
	Key      string
	Kind     Kind
	Default  string
	Enum     []string
	Required bool
	Help     string
}

// Values are a table's checked options.
type Values struct {
	table *catalog.Table
	specs []Spec
}

// Common are the options that every table may have.
var Common = []Spec{
	{Key: "connector", Required: true, Help: "The connector's name."},
	{Key: "property-version", Help: "Taken and ignored, as Flink does with version 1."},
}

// Check verifies t's options against specs and Common and returns all faults joined, each a fault.Config.
func Check(t *catalog.Table, specs []Spec) (Values, error) {
	specs = append(slices.Clone(Common), specs...)
	v := Values{table: t, specs: specs}
	var errs []error
	keys := make([]string, 0, len(t.Options))
	for k := range t.Options {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		s, ok := v.spec(k)
		if !ok && strings.HasPrefix(k, "scan.watermark.") {
			continue // the planner's: package bind checks them
		}
		if !ok {
			known := make([]string, len(specs))
			for i := range specs {
				known[i] = specs[i].Key
			}
			err := v.errorf(k, "option '%s' is unknown to connector %q", k, t.Options["connector"])
			if near := fault.DidYouMean(k, known); near != "" {
				err = fault.WithRemedy(err, near)
			}
			errs = append(errs, err)
			continue
		}
		if err := v.checkValue(s, k, t.Options[k]); err != nil {
			errs = append(errs, err)
		}
	}
	for _, s := range specs {
		if _, ok := t.Options[s.Key]; s.Required && !ok {
			errs = append(errs, fault.WithRemedy(v.errorf("connector", "option '%s' is required", s.Key), fmt.Sprintf("add '%s' = '…': %s", s.Key, s.Help)))
		}
	}
	return v, errors.Join(errs...)
}

func (v Values) spec(key string) (Spec, bool) {
	for _, s := range v.specs {
		if s.Key == key {
			return s, true
		}
	}
	for _, s := range v.specs {
		if strings.HasSuffix(s.Key, ".*") && strings.HasPrefix(key, strings.TrimSuffix(s.Key, "*")) {
			return s, true
		}
	}
	return Spec{}, false
}

// errorf is a configuration error at the option's place.
func (v Values) errorf(key, format string, args ...any) error {
	p := v.table.OptionPos[key]
	if p.Line == 0 {
		p = v.table.Pos
	}
	return fault.At(p.File, p.Line, p.Col).Errorf(fault.Config, "table %s: "+format, append([]any{v.table.Name}, args...)...)
}

// Errorf is a configuration error at the place of the option key.
func (v Values) Errorf(key, format string, args ...any) error { return v.errorf(key, format, args...) }

func (v Values) checkValue(s Spec, key, val string) error {
	var err error
	switch s.Kind {
	case Int:
		_, err = strconv.ParseInt(val, 10, 64)
	case Bool:
		_, err = parseBool(val)
	case Duration:
		_, err = ParseDuration(val)
	case Size:
		_, err = ParseSize(val)
	}
	if err != nil {
		want := [...]string{"", "a whole number", "true or false", "a duration like '1 s' or '500 ms'", "a size like '64 mb'", ""}[s.Kind]
		return v.errorf(key, "option '%s' is '%s'; it must be %s", key, val, want)
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, val) {
		return v.errorf(key, "option '%s' is '%s'; it must be one of %s", key, val, strings.Join(s.Enum, ", "))
	}
	return nil
}

// Get is the option's value or its default.
func (v Values) Get(key string) string {
	if s, ok := v.table.Options[key]; ok {
		return s
	}
	if s, ok := v.spec(key); ok {
		return s.Default
	}
	return ""
}

// Has tells whether the table sets the option.
func (v Values) Has(key string) bool { _, ok := v.table.Options[key]; return ok }

// Int, Bool, Duration, Size, List read a value that Check has accepted; an empty one is zero.
func (v Values) Int(key string) int64 {
	n, _ := strconv.ParseInt(v.Get(key), 10, 64)
	return n
}

// Bool: see Int.
func (v Values) Bool(key string) bool { b, _ := parseBool(v.Get(key)); return b }

// Duration: see Int.
func (v Values) Duration(key string) time.Duration { d, _ := ParseDuration(v.Get(key)); return d }

// Size is in bytes; see Int.
func (v Values) Size(key string) int64 { n, _ := ParseSize(v.Get(key)); return n }

// List: see Int.
func (v Values) List(key string) []string {
	var out []string
	for s := range strings.SplitSeq(v.Get(key), ";") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// WithPrefix gives the options that start with prefix, which is taken off.
func (v Values) WithPrefix(prefix string) map[string]string {
	out := map[string]string{}
	for k, val := range v.table.Options {
		if rest, ok := strings.CutPrefix(k, prefix); ok {
			out[rest] = val
		}
	}
	return out
}

func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%q is not true or false", s)
}

// ParseDuration reads Flink's durations: a number and a unit, with or without a space; without unit milliseconds.
func ParseDuration(s string) (time.Duration, error) {
	n, unit, err := number(s)
	if err != nil {
		return 0, err
	}
	per, ok := map[string]time.Duration{
		"": time.Millisecond, "ns": 1, "nano": 1, "nanosecond": 1, "us": time.Microsecond, "µs": time.Microsecond, "micro": time.Microsecond, "microsecond": time.Microsecond,
		"ms": time.Millisecond, "milli": time.Millisecond, "millisecond": time.Millisecond, "s": time.Second, "sec": time.Second, "second": time.Second,
		"m": time.Minute, "min": time.Minute, "minute": time.Minute, "h": time.Hour, "hour": time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour,
	}[singular(unit)]
	if !ok {
		return 0, fmt.Errorf("%q is no unit of time", unit)
	}
	if n > int64(1<<63-1)/int64(per) {
		return 0, fmt.Errorf("%q is too long", s)
	}
	return time.Duration(n) * per, nil
}

// ParseSize reads Flink's memory sizes, binary multiples; without unit bytes.
func ParseSize(s string) (int64, error) {
	n, unit, err := number(s)
	if err != nil {
		return 0, err
	}
	shift, ok := map[string]uint{"": 0, "b": 0, "byte": 0, "k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20, "g": 30, "gb": 30, "gib": 30, "t": 40, "tb": 40, "tib": 40}[singular(unit)]
	if !ok {
		return 0, fmt.Errorf("%q is no unit of size", unit)
	}
	if n > (1<<63-1)>>shift {
		return 0, fmt.Errorf("%q is too large", s)
	}
	return n << shift, nil
}

func singular(u string) string {
	if len(u) > 2 {
		u = strings.TrimSuffix(u, "s")
	}
	return u
}

func number(s string) (int64, string, error) {
	s = strings.TrimSpace(strings.ToLower(s))
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	n, err := strconv.ParseInt(s[:i], 10, 64)
	if err != nil {
		return 0, "", fmt.Errorf("%q does not start with a number", s)
	}
	return n, strings.TrimSpace(s[i:]), nil
}
