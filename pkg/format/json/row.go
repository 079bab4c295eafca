package json

import (
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/scalar"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Row decodes JSON objects into columns. The formats that wrap rows in an envelope use it too. It is not safe for
// concurrent use.
type Row struct {
	opts    Options
	columns []column
	keys    *Keys
	spans   []Span
	buf     []byte // text of a string with escapes
	out     []byte // a compacted container
	entries []entry
	index   map[string]int // of entries, for a large map
}

// column is one field, or the element of a collection.
type column struct {
	scalar.Column
	name      string
	row       *Row    // of ROW
	elem, key *column // of ARRAY, MAP and MULTISET
}

// entry is one entry of a map that is being read.
type entry struct{ key, value Span }

// NewRow makes a decoder for objects with the fields.
func NewRow(fields []format.Field, opts Options) (*Row, error) {
	r := &Row{opts: opts, columns: make([]column, len(fields)), spans: make([]Span, len(fields))}
	names := make([]string, len(fields))
	for i, f := range fields {
		c, err := newColumn(f.Name, f.Type, opts)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
		r.columns[i] = c
		names[i] = f.Name
	}
	r.keys = NewKeys(names...)
	return r, nil
}

func newColumn(name string, t types.Type, opts Options) (column, error) {
	c := column{name: name, Column: scalar.New(t, scalar.Options{Standard: opts.TimestampStandard, NumericBooleans: opts.NumericBooleans, EpochUnit: opts.EpochUnit,
		AnySeparator: opts.AnySeparator})}
	switch t.Kind {
	case types.Row:
		fields := make([]format.Field, len(t.Fields))
		for i, f := range t.Fields {
			fields[i] = format.Field{Name: f.Name, Type: f.Type}
		}
		row, err := NewRow(fields, opts)
		c.row = row
		return c, err
	case types.Array:
		e, err := newColumn("element", *t.Elem, opts)
		c.elem = &e
		return c, err
	case types.Map, types.Multiset:
		kt, vt := t.Elem, types.Of(types.Int)
		if t.Kind == types.Map {
			kt, vt = t.Key, *t.Elem
		}
		if !kt.IsString() {
			return c, fmt.Errorf("JSON has no map keys of type %s; only CHAR, VARCHAR and STRING keys can be used", kt)
		}
		k, err := newColumn("key", *kt, opts)
		if err != nil {
			return c, err
		}
		v, err := newColumn("value", vt, opts)
		c.key, c.elem = &k, &v
		return c, err
	}
	return c, nil
}

// Bind sets the builders that values are appended to, one for each field.
func (r *Row) Bind(cols []array.Builder) {
	for i := range r.columns {
		r.columns[i].bind(cols[i])
	}
}

func (c *column) bind(b array.Builder) {
	c.Bind(b)
	switch b := b.(type) {
	case *array.StructBuilder:
		for i := range c.row.columns {
			c.row.columns[i].bind(b.FieldBuilder(i))
		}
	case *array.MapBuilder: // before ListBuilder: a map is a list of structs
		c.key.bind(b.KeyBuilder())
		c.elem.bind(b.ItemBuilder())
	case *array.ListBuilder:
		c.elem.bind(b.ValueBuilder())
	}
}

// Scan finds the fields' values in the object at data[at] and returns the object's end. The spans are valid until the next
// call; of a missing key they are zero.
func (r *Row) Scan(data []byte, at int) (spans []Span, end int, err error) {
	end, err = r.keys.Find(data, at, r.spans)
	return r.spans, end, err
}

// Append appends the values at spans, one to each column. After an error the columns are of different lengths.
func (r *Row) Append(data []byte, spans []Span) error {
	for i := range r.columns {
		if err := r.value(&r.columns[i], data, spans[i]); err != nil {
			return fmt.Errorf("column %s: %w", r.columns[i].name, err)
		}
	}
	return nil
}

var errMissing = errors.New("the key is missing")

func (r *Row) value(c *column, data []byte, s Span) error {
	if s.Missing() {
		if r.opts.FailOnMissingField {
			return errMissing
		}
		c.B.AppendNull()
		return nil
	}
	if data[s.From] == 'n' && IsNull(data, s) {
		c.B.AppendNull()
		return nil
	}
	if !r.opts.IgnoreParseErrors {
		return r.convert(c, data, s)
	}
	n := c.B.Len()
	if err := r.convert(c, data, s); err != nil {
		batch.Truncate(c.B, n)
		c.B.AppendNull()
	}
	return nil
}

// convert appends the value at s, which is not null.
func (r *Row) convert(c *column, data []byte, s Span) error {
	first := data[s.From]
	switch c.Kind {
	case types.Row:
		if _, err := c.row.keys.Find(data, s.From, c.row.spans); err != nil {
			return err
		}
		c.B.(*array.StructBuilder).Append(true)
		return c.row.Append(data, c.row.spans)
	case types.Array:
		c.B.(*array.ListBuilder).Append(true)
		return r.array(c, data, s)
	case types.Map, types.Multiset:
		return r.mapEntries(c, data, s)
	}
	v := data[s.From:s.To]
	switch first {
	case '"':
		t, err := unescape(&r.buf, v[1:len(v)-1])
		if err != nil {
			return err
		}
		return scalarErr(c, t, c.Append(t, first))
	case '{', '[':
		if c.Kind != types.Varchar && c.Kind != types.Char {
			return fmt.Errorf("%s where a %s should be", clip(v), c.Kind)
		}
		out, err := appendCompact(r.out[:0], &r.buf, v)
		if err != nil {
			return err
		}
		r.out = out
		c.Str.Append(out)
		return nil
	case 't', 'f':
		if !isLiteral(v) {
			return notValue(v)
		}
	default:
		if !isNumber(v) {
			return notValue(v)
		}
	}
	return scalarErr(c, v, c.Append(v, first))
}

func scalarErr(c *column, v []byte, err error) error {
	if err != nil {
		return fmt.Errorf("%q as %s: %w", clip(v), c.Kind, err)
	}
	return nil
}

func (r *Row) array(c *column, data []byte, s Span) error {
	if data[s.From] != '[' {
		return fmt.Errorf("%s where an array should be", clip(data[s.From:s.To]))
	}
	i := space(data, s.From+1)
	if at(data, i) == ']' {
		return nil
	}
	for n := 0; ; n++ {
		end, err := skip(data, i)
		if err != nil {
			return err
		}
		if err := r.value(c.elem, data, Span{i, end}); err != nil {
			return fmt.Errorf("element %d: %w", n, err)
		}
		i = space(data, end)
		if at(data, i) == ']' {
			return nil
		}
		if at(data, i) != ',' {
			return unexpected(data, i, "a comma")
		}
		i = space(data, i+1)
	}
}

// mapEntries appends an object as a map; of a key that comes twice the last one counts.
func (r *Row) mapEntries(c *column, data []byte, s Span) error {
	if data[s.From] != '{' {
		return fmt.Errorf("%s where an object should be", clip(data[s.From:s.To]))
	}
	base := len(r.entries)
	defer func() { r.entries = r.entries[:base] }()
	i := space(data, s.From+1)
	for at(data, i) != '}' {
		if at(data, i) != '"' {
			return unexpected(data, i, "a key")
		}
		end, err := stringEnd(data, i+1)
		if err != nil {
			return err
		}
		k := Span{i + 1, end}
		if i = space(data, end+1); at(data, i) != ':' {
			return unexpected(data, i, "a colon")
		}
		i = space(data, i+1)
		if end, err = skip(data, i); err != nil {
			return err
		}
		r.put(data, base, entry{k, Span{i, end}})
		if i = space(data, end); at(data, i) == ',' {
			if i = space(data, i+1); at(data, i) == '}' {
				return unexpected(data, i, "a key")
			}
		} else if at(data, i) != '}' {
			return unexpected(data, i, "a comma")
		}
	}
	c.B.(*array.MapBuilder).Append(true)
	for n := base; n < len(r.entries); n++ {
		e := r.entries[n]
		k, err := unescape(&r.buf, data[e.key.From:e.key.To])
		if err != nil {
			return err
		}
		c.key.Str.Append(k)
		if err := r.value(c.elem, data, e.value); err != nil {
			return fmt.Errorf("key %q: %w", clip(data[e.key.From:e.key.To]), err)
		}
	}
	return nil
}

// put adds an entry, or replaces the one with the same key.
func (r *Row) put(data []byte, base int, e entry) {
	k := data[e.key.From:e.key.To]
	n := len(r.entries) - base
	if n < smallMap {
		for i := base; i < len(r.entries); i++ {
			if o := r.entries[i].key; string(data[o.From:o.To]) == string(k) {
				r.entries[i].value = e.value
				return
			}
		}
		r.entries = append(r.entries, e)
		return
	}
	if n == smallMap {
		r.index = make(map[string]int, 2*smallMap)
		for i := base; i < len(r.entries); i++ {
			o := r.entries[i].key
			r.index[string(data[o.From:o.To])] = i
		}
	}
	if i, ok := r.index[string(k)]; ok {
		r.entries[i].value = e.value
		return
	}
	r.index[string(k)] = len(r.entries)
	r.entries = append(r.entries, e)
}

// smallMap is up to how many entries a map is searched one by one.
const smallMap = 32

// at is data[i], or 0 beyond the end.
func at(data []byte, i int) byte {
	if i < len(data) {
		return data[i]
	}
	return 0
}
