package protobuf

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/text"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// row reads messages of one type into columns.
type row struct {
	fields []field
	slots  []slot
	oneofs [][]int        // of each oneof with a wanted member, the wanted members
	dense  []int16        // field number → index, unwanted, or clearing and below
	sparse map[uint64]int // the same for large numbers
}

// field is one wanted field, or the element, key or value of a collection.
type field struct {
	name     string
	number   uint64
	kind     protoreflect.Kind
	wire     uint64
	repeated bool
	oneof    int // -1: none
	defaults bool
	strict   bool // invalid UTF-8 is an error (proto3)
	closed   bool // an enum whose unknown numbers are unknown fields
	def      slot // the default value
	enum     map[int32]string
	sql      types.Kind
	prec     int
	message  *row   // of messages and groups
	stamp    bool   // a google.protobuf.Timestamp read into a TIMESTAMP
	elem     *field // of repeated fields: the element, or the value of a map
	key      *field // of maps
	entries  []mapEntry
	current  slot // the element being read: kept here so that it is not allocated

	b   array.Builder
	str *array.BinaryBuilder
}

type mapEntry struct{ key, value slot }

const maxDense = 1024

func newRow(m protoreflect.MessageDescriptor, fields []format.Field, opts Options) (*row, error) {
	r := &row{fields: make([]field, len(fields)), slots: make([]slot, len(fields)), sparse: map[uint64]int{}}
	action := map[uint64]int{}
	oneof := map[protoreflect.FullName]int{}
	for i, f := range fields {
		fd, err := fieldNamed(m, f.Name)
		if err != nil {
			return nil, err
		}
		if r.fields[i], err = newField(fd, f.Type, opts); err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
		if o := fd.ContainingOneof(); o != nil && !o.IsSynthetic() {
			id, ok := oneof[o.FullName()]
			if !ok {
				id = len(r.oneofs)
				oneof[o.FullName()] = id
				r.oneofs = append(r.oneofs, nil)
				for j := range o.Fields().Len() {
					action[uint64(o.Fields().Get(j).Number())] = clearing - id
				}
			}
			r.fields[i].oneof = id
			r.oneofs[id] = append(r.oneofs[id], i)
		}
	}
	for i := range r.fields {
		action[r.fields[i].number] = i
	}
	for n, a := range action {
		if n >= maxDense || a > math.MaxInt16 || a < math.MinInt16 {
			r.sparse[n] = a
			continue
		}
		for uint64(len(r.dense)) <= n {
			r.dense = append(r.dense, unwanted)
		}
		r.dense[n] = int16(a)
	}
	return r, nil
}

func newField(fd protoreflect.FieldDescriptor, t types.Type, opts Options) (field, error) {
	if fd.IsMap() {
		f := field{name: string(fd.Name()), number: uint64(fd.Number()), repeated: true, oneof: -1, defaults: opts.ReadDefaultValues, sql: t.Kind}
		if t.Kind != types.Map {
			return f, mismatch(fd, t)
		}
		k, err := newField(fd.MapKey(), *t.Key, opts)
		if err != nil {
			return f, fmt.Errorf("key: %w", err)
		}
		v, err := newField(fd.MapValue(), *t.Elem, opts)
		if err != nil {
			return f, fmt.Errorf("value: %w", err)
		}
		k.defaults, v.defaults = true, true
		f.key, f.elem = &k, &v
		return f, nil
	}
	if fd.IsList() {
		f := field{name: string(fd.Name()), number: uint64(fd.Number()), repeated: true, oneof: -1, defaults: opts.ReadDefaultValues, sql: t.Kind}
		if t.Kind != types.Array {
			return f, mismatch(fd, t)
		}
		e, err := newSingular(fd, *t.Elem, opts)
		if err != nil {
			return f, fmt.Errorf("element: %w", err)
		}
		f.elem = &e
		return f, nil
	}
	return newSingular(fd, t, opts)
}

const timestampName = "google.protobuf.Timestamp"

func newSingular(fd protoreflect.FieldDescriptor, t types.Type, opts Options) (field, error) {
	f := field{
		name: string(fd.Name()), number: uint64(fd.Number()), kind: fd.Kind(), wire: wireOf(fd.Kind()), oneof: -1,
		defaults: opts.ReadDefaultValues || !fd.HasPresence() && !fd.IsList(), strict: fd.ParentFile().Syntax() != protoreflect.Proto2,
		sql: t.Kind, prec: t.Precision,
	}
	if md := fd.Message(); md != nil {
		if md.FullName() == timestampName && t.IsTimestamp() {
			f.stamp = true
			parts := []format.Field{{Name: "seconds", Type: types.Of(types.BigInt)}, {Name: "nanos", Type: types.Of(types.Int)}}
			r, err := newRow(md, parts, opts)
			f.message = r
			return f, err
		}
		if t.Kind != types.Row {
			return f, mismatch(fd, t)
		}
		fields := make([]format.Field, len(t.Fields))
		for i, sub := range t.Fields {
			fields[i] = format.Field{Name: sub.Name, Type: sub.Type}
		}
		r, err := newRow(md, fields, opts)
		f.message = r
		return f, err
	}
	if ed := fd.Enum(); ed != nil {
		f.enum = map[int32]string{}
		f.closed = ed.IsClosed()
		for i := ed.Values().Len() - 1; i >= 0; i-- { // of aliases the first name counts
			v := ed.Values().Get(i)
			f.enum[int32(v.Number())] = string(v.Name())
		}
	}
	if !holds(t, fd.Kind()) {
		return f, mismatch(fd, t)
	}
	f.def = defaultSlot(fd)
	return f, nil
}

func mismatch(fd protoreflect.FieldDescriptor, t types.Type) error {
	what := fd.Kind().String()
	switch {
	case fd.IsMap():
		what = "map"
	case fd.IsList():
		what = "repeated " + what
	case fd.Message() != nil:
		what = "message " + string(fd.Message().FullName())
	}
	return fmt.Errorf("%s cannot hold the %s field %s", t, what, fd.Name())
}

// holds reports whether a column of type t can hold scalars of kind k.
func holds(t types.Type, k protoreflect.Kind) bool {
	switch k {
	case protoreflect.BoolKind:
		return t.Kind == types.Boolean
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return t.Kind == types.Int || t.Kind == types.BigInt
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return t.Kind == types.BigInt
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return t.Kind == types.BigInt || t.Kind == types.Decimal && t.Scale == 0 && t.Precision >= 20
	case protoreflect.FloatKind:
		return t.Kind == types.Float || t.Kind == types.Double
	case protoreflect.DoubleKind:
		return t.Kind == types.Double
	case protoreflect.StringKind:
		return t.IsString()
	case protoreflect.BytesKind:
		return t.IsBinary()
	case protoreflect.EnumKind:
		return t.IsString() || t.IsInteger()
	}
	return false
}

func wireOf(k protoreflect.Kind) uint64 {
	switch k {
	case protoreflect.Sfixed32Kind, protoreflect.Fixed32Kind, protoreflect.FloatKind:
		return wire32
	case protoreflect.Sfixed64Kind, protoreflect.Fixed64Kind, protoreflect.DoubleKind:
		return wire64
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return wireBytes
	case protoreflect.GroupKind:
		return wireStart
	}
	return wireVarint
}

// defaultSlot is the field's default as it would be on the wire.
func defaultSlot(fd protoreflect.FieldDescriptor) slot {
	s := slot{set: true}
	v := fd.Default()
	if !v.IsValid() {
		return s
	}
	switch fd.Kind() {
	case protoreflect.BoolKind:
		if v.Bool() {
			s.num = 1
		}
	case protoreflect.EnumKind:
		s.num = uint64(v.Enum())
	case protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.Sfixed64Kind:
		s.num = uint64(v.Int())
	case protoreflect.Sfixed32Kind:
		s.num = uint64(uint32(v.Int()))
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		s.num = uint64(v.Int()<<1) ^ uint64(v.Int()>>63)
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		s.num = v.Uint()
	case protoreflect.FloatKind:
		s.num = uint64(math.Float32bits(float32(v.Float())))
	case protoreflect.DoubleKind:
		s.num = math.Float64bits(v.Float())
	case protoreflect.StringKind:
		s.data = []byte(v.String())
	case protoreflect.BytesKind:
		s.data = v.Bytes()
	}
	return s
}

func (f *field) isClosedEnumWithout(v uint64) bool {
	if !f.closed {
		return false
	}
	_, ok := f.enum[int32(v)]
	return !ok
}

func (r *row) bind(cols []array.Builder) {
	for i := range r.fields {
		r.fields[i].bind(cols[i])
	}
}

func (f *field) bind(b array.Builder) {
	f.b, f.str = b, nil
	switch b := b.(type) {
	case *array.StringBuilder:
		f.str = b.BinaryBuilder
	case *array.BinaryBuilder:
		f.str = b
	case *array.StructBuilder:
		for i := range f.message.fields {
			f.message.fields[i].bind(b.FieldBuilder(i))
		}
	case *array.MapBuilder: // before ListBuilder: a map is a list of structs
		f.key.bind(b.KeyBuilder())
		f.elem.bind(b.ItemBuilder())
	case *array.ListBuilder:
		f.elem.bind(b.ValueBuilder())
	}
}

// append appends what scan found, one value to each column. After an error the columns are of different lengths.
func (r *row) append() error {
	for i := range r.fields {
		f, s := &r.fields[i], &r.slots[i]
		if err := f.append(s); err != nil {
			return fmt.Errorf("field %s: %w", f.name, err)
		}
	}
	return nil
}

var errUTF8 = errors.New("a string is not valid UTF-8")

func (f *field) append(s *slot) error {
	if !s.set {
		if !f.defaults {
			f.b.AppendNull()
			return nil
		}
		if !f.repeated && f.message == nil {
			s = &f.def
		}
	}
	if f.repeated {
		if f.key != nil {
			return f.appendMap(s)
		}
		f.b.(*array.ListBuilder).Append(true)
		return f.appendElements(s)
	}
	if f.message != nil {
		return f.appendMessage(s)
	}
	return f.appendScalar(s)
}

func (f *field) appendMessage(s *slot) error {
	if err := f.message.scan(s.data); err != nil {
		return err
	}
	if f.stamp {
		us := int64(f.message.slots[0].num)*1_000_000 + int64(int32(f.message.slots[1].num))/1000
		f.b.(*array.TimestampBuilder).Append(arrow.Timestamp(text.Cut(us, f.prec)))
		return nil
	}
	f.b.(*array.StructBuilder).Append(true)
	return f.message.append()
}

func (f *field) appendScalar(s *slot) error {
	switch f.sql {
	case types.Varchar, types.Char:
		if f.enum != nil {
			n := int32(s.num)
			if name, ok := f.enum[n]; ok {
				f.b.(*array.StringBuilder).Append(name)
			} else {
				f.str.Append(strconv.AppendInt(nil, int64(n), 10))
			}
			return nil
		}
		if !utf8.Valid(s.data) {
			if f.strict {
				return errUTF8
			}
			f.str.Append(bytes.ToValidUTF8(s.data, []byte("\uFFFD")))
			return nil
		}
		f.str.Append(s.data)
	case types.Binary, types.Varbinary:
		f.str.Append(s.data)
	case types.Boolean:
		f.b.(*array.BooleanBuilder).Append(s.num != 0)
	case types.BigInt:
		f.b.(*array.Int64Builder).Append(f.integer(s.num))
	case types.Int:
		f.b.(*array.Int32Builder).Append(int32(f.integer(s.num)))
	case types.SmallInt:
		f.b.(*array.Int16Builder).Append(int16(s.num))
	case types.TinyInt:
		f.b.(*array.Int8Builder).Append(int8(s.num))
	case types.Decimal:
		f.b.(*array.Decimal128Builder).Append(decimal128.FromU64(s.num))
	case types.Float:
		f.b.(*array.Float32Builder).Append(math.Float32frombits(uint32(s.num)))
	case types.Double:
		v := math.Float64frombits(s.num)
		if f.kind == protoreflect.FloatKind {
			v = float64(math.Float32frombits(uint32(s.num)))
		}
		f.b.(*array.Float64Builder).Append(v)
	}
	return nil
}

// integer is the value of an integer field from its bits on the wire. Of unsigned kinds those that do not fit are
// taken as signed, as in Java.
func (f *field) integer(v uint64) int64 {
	switch f.kind {
	case protoreflect.Int32Kind, protoreflect.EnumKind, protoreflect.Sfixed32Kind:
		return int64(int32(v))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return int64(uint32(v))
	case protoreflect.Sint32Kind:
		n := uint32(v)
		return int64(int32(n>>1) ^ -int32(n&1))
	case protoreflect.Sint64Kind:
		return int64(v>>1) ^ -int64(v&1)
	}
	return int64(v)
}

// each calls fn with every element of the repeated field f: s.data may hold other fields between them.
func (f *field) each(s *slot, fn func(*slot) error) error {
	e, v := f.elem, &f.current
	wire := e.wire
	if f.key != nil {
		wire = wireBytes
	}
	for b, i := s.data, 0; i < len(b); {
		tag, next, err := varint(b, i)
		if err != nil {
			return err
		}
		i = next
		switch {
		case tag>>3 != f.number || tag&7 != wire && !(tag&7 == wireBytes && wire != wireStart):
			if i, err = skipValue(b, i, tag>>3, tag&7); err != nil {
				return err
			}
		case tag&7 != wire: // packed
			from, to, err := length(b, i)
			if err != nil {
				return err
			}
			for i = from; i < to; {
				*v = slot{}
				if i, err = e.read(b[:to], i, v); err != nil {
					return err
				}
				if v.set {
					if err := fn(v); err != nil {
						return err
					}
				}
			}
		default:
			*v = slot{}
			if f.key != nil {
				from, to, err := length(b, i)
				if err != nil {
					return err
				}
				v.data, v.set, i = b[from:to], true, to
			} else if i, err = e.read(b, i, v); err != nil {
				return err
			}
			if v.set {
				if err := fn(v); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (f *field) appendElements(s *slot) error {
	n := 0
	return f.each(s, func(v *slot) error {
		if err := f.elem.append(v); err != nil {
			return fmt.Errorf("element %d: %w", n, err)
		}
		n++
		return nil
	})
}

// appendMap appends the entries; of a key that comes twice the last one counts.
func (f *field) appendMap(s *slot) error {
	f.entries = f.entries[:0]
	var index map[string]int // by key, for a large map
	err := f.each(s, func(v *slot) error {
		e, err := f.entry(v.data)
		if err != nil {
			return err
		}
		n := len(f.entries)
		if n < smallMap {
			for i := range f.entries {
				if k := &f.entries[i].key; k.num == e.key.num && bytes.Equal(k.data, e.key.data) {
					f.entries[i].value = e.value
					return nil
				}
			}
			f.entries = append(f.entries, e)
			return nil
		}
		if index == nil {
			index = make(map[string]int, 2*smallMap)
			for i := range f.entries {
				index[f.entries[i].key.text()] = i
			}
		}
		k := e.key.text()
		if i, ok := index[k]; ok {
			f.entries[i].value = e.value
			return nil
		}
		index[k] = n
		f.entries = append(f.entries, e)
		return nil
	})
	if err != nil {
		return err
	}
	f.b.(*array.MapBuilder).Append(true)
	for i := range f.entries {
		if err := f.key.append(&f.entries[i].key); err != nil {
			return fmt.Errorf("key: %w", err)
		}
		if err := f.elem.append(&f.entries[i].value); err != nil {
			return fmt.Errorf("value: %w", err)
		}
	}
	return nil
}

// smallMap is up to how many entries a map is searched one by one.
const smallMap = 32

func (s *slot) text() string {
	return strconv.FormatUint(s.num, 36) + "/" + string(s.data)
}

// entry reads the message that holds an entry of a map.
func (f *field) entry(b []byte) (e mapEntry, err error) {
	for i := 0; i < len(b); {
		tag, next, err := varint(b, i)
		if err != nil {
			return e, err
		}
		switch tag {
		case 1<<3 | f.key.wire:
			i, err = f.key.read(b, next, &e.key)
		case 2<<3 | f.elem.wire:
			i, err = f.elem.read(b, next, &e.value)
		default:
			i, err = skipValue(b, next, tag>>3, tag&7)
		}
		if err != nil {
			return e, err
		}
	}
	if !e.key.set {
		e.key = f.key.def
	}
	return e, nil
}
