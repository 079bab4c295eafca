// Package option reads a format's options: it knows the names that were asked for, so that every other name is an error with
// the nearest known one as remedy.
package option

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
)

// Set is the options of one format. Ask for all of them, then call Err.
type Set struct {
	format string
	in     format.Options
	known  []string
	errs   []error
}

// New starts reading the options of the named format.
func New(name string, in format.Options) *Set { return &Set{format: name, in: in} }

// Text is an option without further form, or def when it is not set.
func (s *Set) Text(key, def string) string {
	s.known = append(s.known, key)
	if v, ok := s.in[key]; ok {
		return v
	}
	return def
}

// Has reports whether the option is set.
func (s *Set) Has(key string) bool {
	_, ok := s.in[key]
	return ok
}

// Bool is true or false.
func (s *Set) Bool(key string, def bool) bool {
	v := s.Text(key, "")
	switch {
	case v == "" && !s.Has(key):
		return def
	case strings.EqualFold(v, "true"):
		return true
	case !strings.EqualFold(v, "false"):
		s.Errorf(key, "write true or false", "%q is not a boolean", v)
	}
	return false
}

// Enum is the index of the value, whose case does not matter.
func (s *Set) Enum(key string, def int, values ...string) int {
	v := s.Text(key, values[def])
	for i, name := range values {
		if strings.EqualFold(v, name) {
			return i
		}
	}
	s.Errorf(key, "write one of "+strings.Join(values, ", "), "%q is not a value of it", v)
	return def
}

// Errorf notes what is wrong with an option.
func (s *Set) Errorf(key, remedy, msg string, args ...any) {
	err := fault.Newf(fault.Config, "option '%s.%s': %s", s.format, key, fmt.Sprintf(msg, args...))
	if remedy != "" {
		err = fault.WithRemedy(err, remedy)
	}
	s.errs = append(s.errs, err)
}

// Err is everything that was noted, and the options that nobody asked for.
func (s *Set) Err() error {
	for _, key := range slices.Sorted(maps.Keys(s.in)) {
		if slices.Contains(s.known, key) {
			continue
		}
		err := fault.Newf(fault.Config, "format %s has no option '%s.%s'", s.format, s.format, key)
		remedy := fault.DidYouMean(key, s.known)
		if remedy == "" && len(s.known) > 0 {
			remedy = "its options are " + strings.Join(s.known, ", ")
		}
		if remedy != "" {
			err = fault.WithRemedy(err, remedy)
		}
		s.errs = append(s.errs, err)
	}
	return fault.Join(s.errs...)
}
