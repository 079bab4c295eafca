package json

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/text"
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
	out     []byte // text that is not in the message: base64, compacted containers
	entries []entry
	index   map[string]int // of entries, for a large map
}

// column is one field, or the element of a collection.
type column struct {
	name      string
	kind      types.Kind
	precision int
	scale     int
	b         array.Builder
	str       *array.BinaryBuilder // b, for CHAR, VARCHAR, BINARY and VARBINARY
	row       *Row                 // of ROW
	elem, key *column              // of ARRAY, MAP and MULTISET
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
	c := column{name: name, kind: t.Kind, precision: t.Precision, scale: t.Scale}
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
	c.b, c.str = b, nil
	switch b := b.(type) {
	case *array.StringBuilder:
		c.str = b.BinaryBuilder
	case *array.BinaryBuilder:
		c.str = b
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
		c.b.AppendNull()
		return nil
	}
	if data[s.From] == 'n' && IsNull(data, s) {
		c.b.AppendNull()
		return nil
	}
	if !r.opts.IgnoreParseErrors {
		return r.convert(c, data, s)
	}
	n := c.b.Len()
	if err := r.convert(c, data, s); err != nil {
		batch.Truncate(c.b, n)
		c.b.AppendNull()
	}
	return nil
}

// convert appends the value at s, which is not null.
func (r *Row) convert(c *column, data []byte, s Span) error {
	first := data[s.From]
	switch c.kind {
	case types.Row:
		if _, err := c.row.keys.Find(data, s.From, c.row.spans); err != nil {
			return err
		}
		c.b.(*array.StructBuilder).Append(true)
		return c.row.Append(data, c.row.spans)
	case types.Array:
		c.b.(*array.ListBuilder).Append(true)
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
		return r.scalar(c, t, first)
	case '{', '[':
		if c.kind != types.Varchar && c.kind != types.Char {
			return fmt.Errorf("%s where a %s should be", clip(v), c.kind)
		}
		out, err := appendCompact(r.out[:0], &r.buf, v)
		if err != nil {
			return err
		}
		r.out = out
		c.str.Append(out)
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
	return r.scalar(c, v, first)
}

// scalar appends a scalar given its text and its first byte in the message: a quote, a digit or '-', 't' or 'f'.
func (r *Row) scalar(c *column, v []byte, first byte) error {
	err := r.append(c, v, first)
	if err != nil {
		return fmt.Errorf("%q as %s: %w", clip(v), c.kind, err)
	}
	return nil
}

func (r *Row) append(c *column, v []byte, first byte) error {
	number := first == '-' || first >= '0' && first <= '9'
	switch c.kind {
	case types.Varchar, types.Char:
		c.str.Append(v)
		return nil
	case types.BigInt, types.IntervalDayTime:
		n, err := r.integer(v, 64, number)
		if err == nil {
			c.b.(*array.Int64Builder).Append(n)
		}
		return err
	case types.Int, types.IntervalYearMonth:
		n, err := r.integer(v, 32, number)
		if err == nil {
			c.b.(*array.Int32Builder).Append(int32(n))
		}
		return err
	case types.Double:
		f, err := text.Float(text.Trim(v), 64)
		if err == nil {
			c.b.(*array.Float64Builder).Append(f)
		}
		return err
	case types.Float:
		f, err := text.Float(text.Trim(v), 32)
		if err == nil {
			c.b.(*array.Float32Builder).Append(float32(f))
		}
		return err
	case types.Boolean:
		c.b.(*array.BooleanBuilder).Append(r.boolean(text.Trim(v)))
		return nil
	case types.TinyInt:
		n, err := text.Int(text.Trim(v), 8)
		if err == nil {
			c.b.(*array.Int8Builder).Append(int8(n))
		}
		return err
	case types.SmallInt:
		n, err := text.Int(text.Trim(v), 16)
		if err == nil {
			c.b.(*array.Int16Builder).Append(int16(n))
		}
		return err
	case types.Decimal:
		d, err := text.Decimal(text.Trim(v), c.precision, c.scale)
		if err == text.ErrOverflow {
			c.b.AppendNull()
			return nil
		}
		if err == nil {
			c.b.(*array.Decimal128Builder).Append(d)
		}
		return err
	case types.Date:
		d, err := text.Date(v)
		if err == nil {
			c.b.(*array.Date32Builder).Append(arrow.Date32(d))
		}
		return err
	case types.Time:
		us, err := text.TimeOfDay(v)
		if err == nil {
			c.b.(*array.Time32Builder).Append(arrow.Time32(us / 1000))
		}
		return err
	case types.Timestamp, types.TimestampLTZ:
		if number && r.opts.EpochMillis {
			ms, err := text.Int(v, 53)
			if err == nil {
				c.b.(*array.TimestampBuilder).Append(arrow.Timestamp(ms * 1000))
			}
			return err
		}
		us, err := text.Timestamp(v, r.opts.TimestampStandard, c.kind == types.TimestampLTZ)
		if err == nil {
			c.b.(*array.TimestampBuilder).Append(arrow.Timestamp(text.Cut(us, c.precision)))
		}
		return err
	case types.Binary, types.Varbinary:
		return r.base64(c, v, first)
	case types.Null:
		c.b.AppendNull()
		return nil
	}
	return fmt.Errorf("the type %s cannot be read from JSON", c.kind)
}

// integer reads a whole number. A JSON number with a fraction or an exponent is cut to its whole part, as Flink does; a string
// must hold a whole number.
func (r *Row) integer(v []byte, size int, number bool) (int64, error) {
	n, err := text.Int(text.Trim(v), size)
	if err == nil || !number {
		return n, err
	}
	f, ferr := text.Float(v, 64)
	limit := math.Ldexp(1, size-1)
	if ferr != nil || f != f || !hasFraction(v) {
		return 0, err
	}
	if f = math.Trunc(f); f < -limit || f >= limit {
		return 0, errors.New("out of range")
	}
	return int64(f), nil
}

func hasFraction(v []byte) bool {
	for _, c := range v {
		if c == '.' || c == 'e' || c == 'E' {
			return true
		}
	}
	return false
}

// boolean is Java's parseBoolean: everything but "true" is false. With NumericBooleans "1" is true too.
func (r *Row) boolean(v []byte) bool {
	if len(v) == 1 {
		return r.opts.NumericBooleans && v[0] == '1'
	}
	return len(v) == 4 && v[0]|32 == 't' && v[1]|32 == 'r' && v[2]|32 == 'u' && v[3]|32 == 'e'
}

func (r *Row) base64(c *column, v []byte, first byte) error {
	if first != '"' {
		return errors.New("not a base64 string")
	}
	n := base64.StdEncoding.DecodedLen(len(v))
	if cap(r.out) < n {
		r.out = make([]byte, n, 2*n)
	}
	n, err := base64.StdEncoding.Decode(r.out[:n], v)
	if err != nil {
		if n, err = base64.RawStdEncoding.Decode(r.out[:cap(r.out)], v); err != nil {
			return errors.New("not a base64 string")
		}
	}
	c.str.Append(r.out[:n])
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
	c.b.(*array.MapBuilder).Append(true)
	for n := base; n < len(r.entries); n++ {
		e := r.entries[n]
		k, err := unescape(&r.buf, data[e.key.From:e.key.To])
		if err != nil {
			return err
		}
		c.key.str.Append(k)
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
