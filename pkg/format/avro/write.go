package avro

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/hamba/avro/v2"

	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/text"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Writer encodes rows with one schema. It is not safe for concurrent use.
type Writer struct{ root *writer }

// writer writes the values of a column as one schema.
type writer struct {
	name     string
	nullAt   int // number of the union's branch null, −1: no null
	valueAt  int // number of the other branch, −1: no union
	typ      avro.Type
	size     int
	scale    int // of the decimal in the schema
	from     int // of the column
	mul, div int64
	symbols  map[string]int64
	fields   []writerField // of records, in the schema's order
	elem     *writer
}

// writerField is a field of a record: a column, or a constant for one that the table does not have.
type writerField struct {
	w     *writer
	col   int
	value []byte
}

// NewWriter makes a writer of rows with the fields. The schema may have further fields if they have defaults.
func NewWriter(schema avro.Schema, fields []format.Field) (*Writer, error) {
	w, err := newWriter(schema, types.RowOf(rowFields(fields)...).AsNotNull(), "row")
	if err != nil {
		return nil, err
	}
	return &Writer{root: w}, nil
}

func newWriter(s avro.Schema, t types.Type, name string) (*writer, error) {
	s = deref(s)
	w := &writer{name: name, nullAt: -1, valueAt: -1, mul: 1, div: 1}
	if u, ok := s.(*avro.UnionSchema); ok {
		var why error
		for i, b := range u.Types() {
			if deref(b).Type() == avro.Null {
				w.nullAt = i
				continue
			}
			v, err := newWriter(b, t, name)
			if err != nil {
				why = err
				continue
			}
			if w.valueAt < 0 {
				v.valueAt = i
				v.nullAt = w.nullAt
				w = v
			}
		}
		if i := slices.IndexFunc(u.Types(), func(b avro.Schema) bool { return deref(b).Type() == avro.Null }); i >= 0 {
			w.nullAt = i
		}
		if w.valueAt < 0 && t.Kind != types.Null {
			return nil, why
		}
		return w, nil
	}
	w.typ = s.Type()
	if err := w.bare(s, t); err != nil {
		return nil, err
	}
	return w, nil
}

// bare sets what a writer of a schema that is no union needs, and checks that the type can be written so.
func (w *writer) bare(s avro.Schema, t types.Type) error {
	ok := false
	switch t.Kind {
	case types.Null:
		ok = w.typ == avro.Null
	case types.Boolean:
		ok = w.typ == avro.Boolean
	case types.TinyInt, types.SmallInt, types.Int:
		ok = w.typ == avro.Int || w.typ == avro.Long
	case types.BigInt:
		ok = w.typ == avro.Long
	case types.Float:
		ok = w.typ == avro.Float || w.typ == avro.Double
	case types.Double:
		ok = w.typ == avro.Double
	case types.Char, types.Varchar:
		if e, isEnum := s.(*avro.EnumSchema); isEnum {
			w.symbols = map[string]int64{}
			for i, sym := range e.Symbols() {
				w.symbols[sym] = int64(i)
			}
			return nil
		}
		ok = w.typ == avro.String || w.typ == avro.Bytes
	case types.Binary, types.Varbinary:
		if f, isFixed := s.(*avro.FixedSchema); isFixed {
			w.size = f.Size()
			return nil
		}
		ok = w.typ == avro.Bytes
	case types.Decimal:
		l, _ := s.(avro.LogicalTypeSchema)
		if l != nil && l.Logical() != nil {
			if d, isDecimal := l.Logical().(*avro.DecimalLogicalSchema); isDecimal {
				w.scale, w.from = d.Scale(), t.Scale
				ok = d.Precision()-d.Scale() >= t.Precision-t.Scale && d.Scale() >= t.Scale
				if f, isFixed := s.(*avro.FixedSchema); isFixed {
					w.size = f.Size()
				}
			}
		}
	case types.Date:
		ok = w.typ == avro.Int
	case types.Time:
		ok = w.typ == avro.Int || w.typ == avro.Long
		if logicalOf(s) == avro.TimeMicros {
			w.mul = 1000
		}
	case types.Timestamp, types.TimestampLTZ:
		ok = w.typ == avro.Long
		if l := logicalOf(s); l != avro.TimestampMicros && l != avro.LocalTimestampMicros {
			w.div = 1000
		}
	case types.Row:
		if r, isRecord := s.(*avro.RecordSchema); isRecord {
			return w.record(r, t.Fields)
		}
	case types.Array:
		if a, isArray := s.(*avro.ArraySchema); isArray {
			var err error
			w.elem, err = newWriter(a.Items(), *t.Elem, "element")
			return err
		}
	case types.Map, types.Multiset:
		if m, isMap := s.(*avro.MapSchema); isMap {
			value := types.Of(types.Int)
			if t.Kind == types.Map {
				value = *t.Elem
			}
			var err error
			w.elem, err = newWriter(m.Values(), value, "value")
			return err
		}
	}
	if !ok {
		return fmt.Errorf("%s cannot be written as Avro's %s", t.AsNullable(), describe(s))
	}
	return nil
}

func (w *writer) record(r *avro.RecordSchema, columns []types.Field) error {
	for _, c := range columns {
		if !slices.ContainsFunc(r.Fields(), func(f *avro.Field) bool { return f.Name() == c.Name }) {
			return fmt.Errorf("column %s: the schema %s has no such field", c.Name, r.FullName())
		}
	}
	for _, f := range r.Fields() {
		i := slices.IndexFunc(columns, func(c types.Field) bool { return c.Name == f.Name() })
		if i < 0 {
			if !f.HasDefault() {
				return fmt.Errorf("the table has no column for field %s of the schema, and the field has no default", f.Name())
			}
			v, err := encodeDefault(nil, f.Type(), f.Default())
			if err != nil {
				return fmt.Errorf("field %s: default: %w", f.Name(), err)
			}
			w.fields = append(w.fields, writerField{col: -1, value: v})
			continue
		}
		fw, err := newWriter(f.Type(), columns[i].Type, f.Name())
		if err != nil {
			return fmt.Errorf("column %s: %w", f.Name(), err)
		}
		w.fields = append(w.fields, writerField{w: fw, col: i})
	}
	return nil
}

// AppendRow writes row i of the columns.
func (w *Writer) AppendRow(dst []byte, cols []arrow.Array, i int) ([]byte, error) {
	if w.root.valueAt >= 0 {
		dst = appendLong(dst, int64(w.root.valueAt))
	}
	var err error
	for _, f := range w.root.fields {
		if f.col < 0 {
			dst = append(dst, f.value...)
		} else if dst, err = f.w.append(dst, cols[f.col], i); err != nil {
			return dst, fmt.Errorf("column %s: %w", f.w.name, err)
		}
	}
	return dst, nil
}

var errNull = errors.New("a NULL where the schema has none")

// append writes value i.
func (w *writer) append(dst []byte, a arrow.Array, i int) ([]byte, error) {
	if a.IsNull(i) || a.DataType().ID() == arrow.NULL {
		if w.nullAt < 0 && w.typ != avro.Null {
			return dst, errNull
		}
		if w.nullAt >= 0 {
			dst = appendLong(dst, int64(w.nullAt))
		}
		return dst, nil
	}
	if w.valueAt >= 0 {
		dst = appendLong(dst, int64(w.valueAt))
	}
	switch a := a.(type) {
	case *array.String:
		v := a.Value(i)
		if w.symbols != nil {
			n, ok := w.symbols[v]
			if !ok {
				return dst, fmt.Errorf("%q is no symbol of the enum", v)
			}
			return appendLong(dst, n), nil
		}
		return append(appendLong(dst, int64(len(v))), v...), nil
	case *array.Binary:
		v := a.Value(i)
		if w.typ == avro.Fixed {
			if len(v) != w.size {
				return dst, fmt.Errorf("%d bytes where the schema has fixed(%d)", len(v), w.size)
			}
			return append(dst, v...), nil
		}
		return append(appendLong(dst, int64(len(v))), v...), nil
	case *array.Int64:
		return appendLong(dst, a.Value(i)), nil
	case *array.Int32:
		return appendLong(dst, int64(a.Value(i))), nil
	case *array.Int16:
		return appendLong(dst, int64(a.Value(i))), nil
	case *array.Int8:
		return appendLong(dst, int64(a.Value(i))), nil
	case *array.Boolean:
		if a.Value(i) {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case *array.Float64:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(a.Value(i))), nil
	case *array.Float32:
		if w.typ == avro.Double {
			return binary.LittleEndian.AppendUint64(dst, math.Float64bits(float64(a.Value(i)))), nil
		}
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(a.Value(i))), nil
	case *array.Decimal128:
		return w.decimal(dst, a.Value(i))
	case *array.Date32:
		return appendLong(dst, int64(a.Value(i))), nil
	case *array.Time32:
		return appendLong(dst, int64(a.Value(i))*w.mul), nil
	case *array.Timestamp:
		v := int64(a.Value(i))
		if w.div > 1 {
			q := v / w.div
			if v%w.div < 0 {
				q--
			}
			v = q
		}
		return appendLong(dst, v), nil
	case *array.Struct:
		var err error
		for _, f := range w.fields {
			if f.col < 0 {
				dst = append(dst, f.value...)
			} else if dst, err = f.w.append(dst, a.Field(f.col), i); err != nil {
				return dst, fmt.Errorf("field %s: %w", f.w.name, err)
			}
		}
		return dst, nil
	case *array.Map:
		return w.mapEntries(dst, a, i)
	case *array.List:
		from, to := a.ValueOffsets(i)
		if to > from {
			dst = appendLong(dst, to-from)
		}
		var err error
		for j := from; j < to; j++ {
			if dst, err = w.elem.append(dst, a.ListValues(), int(j)); err != nil {
				return dst, fmt.Errorf("element %d: %w", j-from, err)
			}
		}
		return appendLong(dst, 0), nil
	}
	return dst, fmt.Errorf("a %s has no form in Avro", a.DataType())
}

func (w *writer) mapEntries(dst []byte, a *array.Map, i int) ([]byte, error) {
	from, to := a.ValueOffsets(i)
	keys, items := a.Keys().(*array.String), a.Items()
	if to > from {
		dst = appendLong(dst, to-from)
	}
	var err error
	for j := int(from); j < int(to); j++ {
		if keys.IsNull(j) {
			return dst, errors.New("a map key is NULL")
		}
		k := keys.Value(j)
		dst = append(appendLong(dst, int64(len(k))), k...)
		if dst, err = w.elem.append(dst, items, j); err != nil {
			return dst, fmt.Errorf("key %q: %w", k, err)
		}
	}
	return appendLong(dst, 0), nil
}

// decimal writes the unscaled number in two's complement, big-endian, in as few bytes as it takes or as many as the fixed has.
func (w *writer) decimal(dst []byte, v decimal128.Num) ([]byte, error) {
	if w.scale != w.from {
		var err error
		if v, err = text.Rescale(v, w.from, 38, w.scale); err != nil {
			return dst, err
		}
	}
	var buf [16]byte
	binary.BigEndian.PutUint64(buf[:], uint64(v.HighBits()))
	binary.BigEndian.PutUint64(buf[8:], v.LowBits())
	b := buf[:]
	for len(b) > 1 && b[0] == byte(int8(b[1])>>7) {
		b = b[1:]
	}
	if w.typ != avro.Fixed {
		return append(appendLong(dst, int64(len(b))), b...), nil
	}
	if len(b) > w.size {
		return dst, fmt.Errorf("the number takes %d bytes and the schema has fixed(%d)", len(b), w.size)
	}
	for n := len(b); n < w.size; n++ {
		dst = append(dst, byte(int8(b[0])>>7))
	}
	return append(dst, b...), nil
}
