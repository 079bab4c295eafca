package jsonpath

import (
	"errors"
	"math"
	"strconv"
)

// function is what a path may end with: length(), sum(), …
type function struct{ name string }

var errEmptyAggregate = errors.New("an aggregate of no numbers")

// functions are those without arguments.
var functions = map[string]bool{"length": true, "size": true, "min": true, "max": true, "avg": true, "sum": true, "stddev": true, "keys": true}

// apply calls the path's function on what its steps have found: on all of it after "..", else on each value.
func (p *Path) apply(r *run) ([]byte, error) {
	found := r.found
	if len(p.steps) > 0 && p.steps[0].kind == scan {
		return p.function.call(list(found))
	}
	if p.Definite {
		if len(found) == 0 {
			if p.Lax {
				return nil, nil
			}
			return nil, ErrNotFound
		}
		return p.function.call(found[0])
	}
	var out [][]byte
	for _, v := range found {
		x, err := p.function.call(v)
		if err != nil {
			return nil, err
		}
		if x == nil {
			x = []byte("null")
		}
		out = append(out, x)
	}
	return list(out), nil
}

func (f *function) call(v []byte) ([]byte, error) {
	switch f.name {
	case "length", "size":
		n := 0
		switch v[0] {
		case '[':
			n = len(elements(v))
		case '{':
			keys, _ := members(v)
			n = len(keys)
		default:
			return nil, nil
		}
		return strconv.AppendInt(nil, int64(n), 10), nil
	case "keys":
		if v[0] != '{' {
			return nil, nil
		}
		keys, _ := members(v)
		return list(keys), nil
	}
	return f.aggregate(v)
}

func (f *function) aggregate(v []byte) ([]byte, error) {
	if v[0] != '[' {
		return nil, errEmptyAggregate
	}
	n, sum, squares, least, most := 0.0, 0.0, 0.0, math.Inf(1), math.Inf(-1)
	for _, e := range elements(v) {
		if e[0] != '-' && (e[0] < '0' || e[0] > '9') {
			continue
		}
		x, _ := strconv.ParseFloat(string(e), 64)
		n, sum, squares, least, most = n+1, sum+x, squares+x*x, min(least, x), max(most, x)
	}
	if n == 0 {
		return nil, errEmptyAggregate
	}
	x := sum
	switch f.name {
	case "min":
		x = least
	case "max":
		x = most
	case "avg":
		x = sum / n
	case "stddev":
		x = math.Sqrt(squares/n - sum*sum/n/n)
	}
	return AppendDouble(nil, x, 64), nil
}
