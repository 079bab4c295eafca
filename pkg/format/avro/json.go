package avro

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/hamba/avro/v2"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/text"
)

// Avro's JSON encoding goes by way of the binary one: it is for people to look at, not for volume.

// jsonReader reads records in Avro's JSON encoding.
type jsonReader struct {
	schema avro.Schema
	r      *Reader
	buf    []byte
}

func newJSONReader(s avro.Schema, fields []format.Field) (*jsonReader, error) {
	r, err := NewReader(s, s, fields)
	return &jsonReader{schema: s, r: r}, err
}

func (j *jsonReader) read(v []byte, out *batch.Builder) error {
	d := json.NewDecoder(bytes.NewReader(v))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("text follows the JSON value")
	}
	var err error
	if j.buf, err = jsonToBinary(j.buf[:0], j.schema, tree); err != nil {
		return err
	}
	return j.r.Read(j.buf, out)
}

// jsonToBinary writes a value of the JSON encoding in the binary one.
func jsonToBinary(dst []byte, s avro.Schema, v any) ([]byte, error) {
	s = deref(s)
	wrong := fmt.Errorf("%.40v where Avro's %s should be", v, describe(s))
	switch s := s.(type) {
	case *avro.UnionSchema:
		for i, b := range s.Types() {
			if b = deref(b); b.Type() == avro.Null && v == nil {
				return appendLong(dst, int64(i)), nil
			} else if m, ok := v.(map[string]any); ok && len(m) == 1 {
				if bv, ok := m[branchName(b)]; ok {
					return jsonToBinary(appendLong(dst, int64(i)), b, bv)
				}
			}
		}
		return nil, wrong
	case *avro.RecordSchema:
		m, ok := v.(map[string]any)
		if !ok {
			return nil, wrong
		}
		for _, f := range s.Fields() {
			fv, ok := m[f.Name()]
			if !ok {
				return nil, fmt.Errorf("field %s: the key is missing", f.Name())
			}
			var err error
			if dst, err = jsonToBinary(dst, f.Type(), fv); err != nil {
				return nil, fmt.Errorf("field %s: %w", f.Name(), err)
			}
		}
		return dst, nil
	case *avro.ArraySchema:
		list, ok := v.([]any)
		if !ok {
			return nil, wrong
		}
		if len(list) > 0 {
			dst = appendLong(dst, int64(len(list)))
		}
		for _, e := range list {
			var err error
			if dst, err = jsonToBinary(dst, s.Items(), e); err != nil {
				return nil, err
			}
		}
		return appendLong(dst, 0), nil
	case *avro.MapSchema:
		m, ok := v.(map[string]any)
		if !ok {
			return nil, wrong
		}
		if len(m) > 0 {
			dst = appendLong(dst, int64(len(m)))
		}
		for _, k := range slices.Sorted(maps.Keys(m)) {
			dst = append(appendLong(dst, int64(len(k))), k...)
			var err error
			if dst, err = jsonToBinary(dst, s.Values(), m[k]); err != nil {
				return nil, err
			}
		}
		return appendLong(dst, 0), nil
	}
	switch v := v.(type) {
	case nil:
		if s.Type() == avro.Null {
			return dst, nil
		}
	case bool:
		if s.Type() == avro.Boolean {
			if v {
				return append(dst, 1), nil
			}
			return append(dst, 0), nil
		}
	case string:
		switch s.Type() {
		case avro.String:
			return append(appendLong(dst, int64(len(v))), v...), nil
		case avro.Bytes:
			b, err := latin1(v)
			return append(appendLong(dst, int64(len(b))), b...), err
		case avro.Float, avro.Double:
			return jsonNumber(dst, s, v)
		}
	case json.Number:
		return jsonNumber(dst, s, string(v))
	}
	return nil, wrong
}

func jsonNumber(dst []byte, s avro.Schema, v string) ([]byte, error) {
	switch s.Type() {
	case avro.Int, avro.Long:
		n, err := strconv.ParseInt(v, 10, 64)
		if err == nil && s.Type() == avro.Int && int64(int32(n)) != n {
			err = errInt
		}
		return appendLong(dst, n), err
	case avro.Float:
		f, err := text.Float([]byte(v), 32)
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(f))), err
	case avro.Double:
		f, err := text.Float([]byte(v), 64)
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f)), err
	}
	return nil, fmt.Errorf("%s where Avro's %s should be", v, describe(s))
}

// latin1 gives the bytes that a text of code points up to 255 stands for.
func latin1(s string) ([]byte, error) {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 255 {
			return nil, fmt.Errorf("%q stands for no byte", r)
		}
		out = append(out, byte(r))
	}
	return out, nil
}

// branchName is the key of a union's branch.
func branchName(s avro.Schema) string {
	if n, ok := s.(avro.NamedSchema); ok {
		return n.FullName()
	}
	return string(s.Type())
}

// jsonWriter writes records in Avro's JSON encoding.
type jsonWriter struct {
	w      *writer
	schema *avro.RecordSchema
	bin    []byte
}

func (j *jsonWriter) appendRow(dst []byte, cols []arrow.Array, i int) ([]byte, error) {
	var err error
	if j.bin, err = (&Writer{root: j.w}).AppendRow(j.bin[:0], cols, i); err != nil {
		return dst, err
	}
	c := &cursor{}
	c.reset(j.bin)
	return c.appendJSON(dst, j.schema)
}

// appendJSON writes the binary value at the cursor in the JSON encoding.
func (c *cursor) appendJSON(dst []byte, s avro.Schema) ([]byte, error) {
	s = deref(s)
	switch s := s.(type) {
	case *avro.UnionSchema:
		i, err := c.long()
		if err != nil {
			return dst, err
		}
		b := deref(s.Types()[i])
		if b.Type() == avro.Null {
			return append(dst, "null"...), nil
		}
		dst = fmt.Appendf(dst, `{%q:`, branchName(b))
		dst, err = c.appendJSON(dst, b)
		return append(dst, '}'), err
	case *avro.RecordSchema:
		dst = append(dst, '{')
		for i, f := range s.Fields() {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = c.appendJSON(fmt.Appendf(dst, `%q:`, f.Name()), f.Type()); err != nil {
				return dst, err
			}
		}
		return append(dst, '}'), nil
	case *avro.ArraySchema:
		return c.appendList(dst, s.Items(), false)
	case *avro.MapSchema:
		return c.appendList(dst, s.Values(), true)
	}
	switch s.Type() {
	case avro.Boolean:
		v, err := c.bool()
		return strconv.AppendBool(dst, v), err
	case avro.Int, avro.Long:
		v, err := c.long()
		return strconv.AppendInt(dst, v, 10), err
	case avro.Float:
		v, err := c.float()
		return appendJSONFloat(dst, float64(v), 32), err
	case avro.Double:
		v, err := c.double()
		return appendJSONFloat(dst, v, 64), err
	case avro.String:
		v, err := c.bytes()
		return appendJSONString(dst, string(v)), err
	case avro.Bytes:
		v, err := c.bytes()
		r := make([]rune, len(v))
		for i, b := range v {
			r[i] = rune(b)
		}
		return appendJSONString(dst, string(r)), err
	}
	return dst, fmt.Errorf("a %s of Avro has no JSON form here", describe(s))
}

func (c *cursor) appendList(dst []byte, elem avro.Schema, keys bool) ([]byte, error) {
	open, end := byte('['), byte(']')
	if keys {
		open, end = '{', '}'
	}
	dst = append(dst, open)
	for first := true; ; {
		n, _, err := c.block()
		if err != nil {
			return dst, err
		}
		if n == 0 {
			return append(dst, end), nil
		}
		for ; n > 0; n-- {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			if keys {
				k, err := c.bytes()
				if err != nil {
					return dst, err
				}
				dst = append(appendJSONString(dst, string(k)), ':')
			}
			if dst, err = c.appendJSON(dst, elem); err != nil {
				return dst, err
			}
		}
	}
}

func appendJSONFloat(dst []byte, v float64, size int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(text.AppendFloat(append(dst, '"'), v, size), '"')
	}
	return text.AppendFloat(dst, v, size)
}

func appendJSONString(dst []byte, s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always has a JSON form
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}
