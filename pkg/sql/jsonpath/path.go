// Package jsonpath finds values in JSON text by paths as Flink's JSON functions take them: Jayway's JsonPath with an optional "lax" or
// "strict" before it, strict by default.
//
// A path is definite when it can reach one value only: members, single positions. Others (wildcards, "..", slices, unions, filters) give a list.
// Strict, a definite path whose steps do not fit the document is an error; lax, it reaches nothing. An indefinite path gives an empty list in both.
//
// Values are slices of the document, never parsed into trees. Numbers, strings and objects are written again as Jackson writes them.
// The functions append, concat and the filter operators TYPE and MATCHES are not there.
package jsonpath

import (
	"errors"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// ErrNotFound is in the chain of the error of a strict path that the document does not have.
var ErrNotFound = errors.New("no such path in the document")

// errFilter is the error of a filter on a scalar, in strict and lax paths.
var errFilter = errors.New("a filter cannot be applied to a scalar")

// ErrUnsupported is in the chain of the error of a path that Jayway's JsonPath takes and this package does not.
var ErrUnsupported = errors.New("not available in this engine")

// Path is a compiled path. It is safe for use by several goroutines.
type Path struct {
	Lax bool
	// Definite is true if the path reaches one value at most; others give an array.
	Definite bool
	steps    []step
	function *function
}

type kind uint8

const (
	prop   kind = iota // names: one, or several merged (last step) or taken in turn
	index              // indexes
	slice              // from, to with their presence
	wild               // .* and [*]
	scan               // ..
	filter             // cond
)

type step struct {
	kind         kind
	names        []string
	indexes      []int
	from, to     int
	hasFrom      bool
	hasTo        bool
	cond         condition
	fragment     string // as Jayway prints single indexes, which `..[n].name` looks at
	upstreamSure bool   // all steps before are definite
}

func (s *step) definite(leaf bool) bool {
	switch s.kind {
	case prop:
		return len(s.names) == 1 || leaf
	case index:
		return len(s.indexes) == 1
	}
	return false
}

// Compile reads a path with its mode. Its errors are of kind fault.Config.
func Compile(spec string) (*Path, error) {
	p := &Path{}
	text := strings.TrimLeft(spec, " \t\r\n\v\f")
	for _, mode := range []string{"lax", "strict"} {
		if len(text) > len(mode) && strings.EqualFold(text[:len(mode)], mode) && strings.IndexByte(" \t\r\n\v\f", text[len(mode)]) >= 0 {
			if rest := strings.TrimLeft(text[len(mode):], " \t\r\n\v\f"); rest != "" {
				p.Lax, spec = mode == "lax", rest
			}
			break
		}
	}
	c := &compiler{in: strings.TrimSpace(spec)}
	if err := c.path(p); err != nil {
		return nil, fault.Newf(fault.Config, "JSON path '%s': %w", spec, err)
	}
	return p, nil
}

// Eval finds the value in doc, which First gave. nil is none, which only lax paths have; an indefinite path gives an array.
func (p *Path) Eval(doc []byte) ([]byte, error) {
	if p.plain() {
		return p.walk(doc)
	}
	r := &run{root: doc, lax: p.Lax}
	if err := r.eval(p.steps, 0, doc); err != nil {
		return nil, err
	}
	return p.result(r)
}

// plain tells whether all steps are single members and positions from the beginning.
func (p *Path) plain() bool {
	if p.function != nil {
		return false
	}
	for i := range p.steps {
		s := &p.steps[i]
		if s.kind == prop && len(s.names) == 1 || s.kind == index && len(s.indexes) == 1 {
			continue
		}
		return false
	}
	return true
}

// walk is Eval of a plain path, without allocations.
func (p *Path) walk(v []byte) ([]byte, error) {
	for i := range p.steps {
		s := &p.steps[i]
		ok := false
		switch {
		case s.kind == prop && v[0] == '{':
			v, ok = member(v, s.names[0])
		case s.kind == index && v[0] == '[':
			v, ok = at(v, s.indexes[0])
		}
		if !ok {
			if p.Lax {
				return nil, nil
			}
			return nil, ErrNotFound
		}
	}
	return v, nil
}

// at is the element of an array at a position, negative ones from the end.
func at(v []byte, k int) (val []byte, ok bool) {
	if k < 0 {
		n := 0
		each(v, func(_, _ []byte) bool { n++; return true })
		if k += n; k < 0 {
			return nil, false
		}
	}
	each(v, func(_, x []byte) bool {
		if k == 0 {
			val, ok = x, true
		}
		k--
		return !ok
	})
	return val, ok
}

func (p *Path) result(r *run) ([]byte, error) {
	if p.function != nil {
		return p.apply(r)
	}
	if !p.Definite {
		return list(r.found), nil
	}
	if len(r.found) == 0 {
		if p.Lax {
			return nil, nil
		}
		return nil, ErrNotFound
	}
	return r.found[len(r.found)-1], nil
}

// list writes values as an array.
func list(vs [][]byte) []byte {
	out := []byte{'['}
	for k, v := range vs {
		if k > 0 {
			out = append(out, ',')
		}
		out = append(out, v...)
	}
	return append(out, ']')
}

// run is one evaluation.
type run struct {
	root    []byte
	lax     bool
	require bool // a missing member is an error even as the last step (the test whether a path exists)
	found   [][]byte
}

// eval follows steps[i:] from v.
func (r *run) eval(steps []step, i int, v []byte) error {
	if i == len(steps) {
		r.found = append(r.found, v)
		return nil
	}
	s := &steps[i]
	missing := func() error {
		if !s.upstreamSure || r.lax {
			return nil
		}
		return ErrNotFound
	}
	switch s.kind {
	case prop:
		if v[0] != '{' {
			return missing()
		}
		if len(s.names) > 1 && i == len(steps)-1 {
			return r.merged(s, v)
		}
		for _, name := range s.names {
			if err := r.property(steps, i, v, name); err != nil {
				return err
			}
		}
	case index, slice:
		if v[0] != '[' {
			return missing()
		}
		es := elements(v)
		for _, k := range s.positions(len(es)) {
			if k < 0 {
				k += len(es)
			}
			if k >= 0 && k < len(es) {
				if err := r.eval(steps, i+1, es[k]); err != nil {
					return err
				}
			}
		}
	case wild:
		return r.all(steps, i, v)
	case scan:
		return r.scan(steps, i+1, v)
	case filter:
		switch v[0] {
		case '{':
			if s.cond(r, v) {
				return r.eval(steps, i+1, v)
			}
		case '[':
			for _, e := range elements(v) {
				if s.cond(r, e) {
					if err := r.eval(steps, i+1, e); err != nil {
						return err
					}
				}
			}
		default:
			if s.upstreamSure {
				return errFilter
			}
		}
	}
	return nil
}

func (r *run) property(steps []step, i int, v []byte, name string) error {
	s, leaf := &steps[i], i == len(steps)-1
	val, ok := member(v, name)
	if ok {
		return r.eval(steps, i+1, val)
	}
	if leaf {
		if r.lax || !r.require {
			return nil
		}
		return ErrNotFound
	}
	if !(s.upstreamSure && len(s.names) == 1) && !r.require || r.lax {
		return nil
	}
	return ErrNotFound
}

// merged is an object of several members, ['a', 'b'] as the last step.
func (r *run) merged(s *step, v []byte) error {
	out := []byte{'{'}
	for _, name := range s.names {
		val, ok := member(v, name)
		if !ok {
			if r.require {
				return ErrNotFound
			}
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(AppendString(out, name), ':'), val...)
	}
	r.found = append(r.found, append(out, '}'))
	return nil
}

// positions are those that an index or slice step takes of n elements; negative ones count from the end.
func (s *step) positions(n int) []int {
	if s.kind == index {
		return s.indexes
	}
	from, to := 0, n
	switch {
	case s.hasFrom && s.hasTo:
		from, to = s.from, min(n, s.to)
		if from < to-2*n-2 {
			from = to - 2*n - 2 // positions before those are not there either
		}
	case s.hasFrom:
		if from = s.from; from < 0 {
			from = max(n+from, 0)
		}
	default:
		if to = s.to; to < 0 {
			to += n
		}
		to = min(to, n)
	}
	var out []int
	for k := from; k < to; k++ {
		out = append(out, k)
	}
	return out
}

func (r *run) all(steps []step, i int, v []byte) error {
	switch v[0] {
	case '{':
		_, vals := members(v)
		for _, x := range vals {
			if err := r.eval(steps, i+1, x); err != nil {
				return err
			}
		}
	case '[':
		for _, x := range elements(v) {
			if err := r.eval(steps, i+1, x); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
		}
	}
	return nil
}

// scan follows steps[i:] from v and from everything in it, as "..".
func (r *run) scan(steps []step, i int, v []byte) error {
	s := &steps[i]
	switch v[0] {
	case '{':
		match := s.kind == wild
		switch s.kind {
		case prop:
			match = !s.definite(i == len(steps)-1)
			if !match {
				match = true
				for _, name := range s.names {
					_, ok := member(v, name)
					match = match && ok
				}
			}
		case filter:
			match = s.cond(r, v)
		}
		if match {
			if err := r.eval(steps, i, v); err != nil {
				return err
			}
		}
		_, vals := members(v)
		for _, x := range vals {
			if err := r.scan(steps, i, x); err != nil {
				return err
			}
		}
	case '[':
		es := elements(v)
		if s.kind == wild || s.kind == index || s.kind == slice || s.kind == filter && s.cond(r, v) {
			if err := r.scanArray(steps, i, v, es); err != nil {
				return err
			}
		}
		for _, x := range es {
			if err := r.scan(steps, i, x); err != nil {
				return err
			}
		}
	}
	return nil
}

// scanArray is what Jayway's JsonPath 2.7 makes of a step after ".." that meets an array: as the last step it is taken as it is, else the step after it
// goes on from all elements, and a name at the end only from the one at the position that the step writes.
func (r *run) scanArray(steps []step, i int, v []byte, es [][]byte) error {
	if i == len(steps)-1 {
		return r.eval(steps, i, v)
	}
	next := &steps[i+1]
	for k, x := range es {
		if i+1 == len(steps)-1 && next.kind == prop && len(next.names) == 1 && steps[i].fragment != bracketed(k) {
			continue
		}
		if err := r.eval(steps, i+1, x); err != nil {
			return err
		}
	}
	return nil
}
