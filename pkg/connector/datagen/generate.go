package datagen

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"

	"github.com/freshet-dw/freshet/pkg/connector/option"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// field makes the values of one column, or of a part of one.
type field struct {
	t          types.Type
	sequence   bool
	start, end int64
	min, max   int64   // of whole numbers
	fmin, fmax float64 // of FLOAT, DOUBLE and DECIMAL
	length     int     // of texts, bytes and collections
	varLen     bool    // of 1 to length characters or bytes
	nullRate   float64
	past       time.Duration
	parts      []field // of ROW the fields, of ARRAY and MULTISET the element, of MAP key and value
}

// The options of a field. Parts have the path of names before them: fields.r.x.min, fields.a.element.min, fields.m.key.min, fields.m.value.min.
var fieldOptions = []string{"kind", "min", "max", "max-past", "length", "var-len", "start", "end", "null-rate"}

// maker reads the options of fields.
type maker struct {
	v     option.Values
	known map[string]bool
	errs  []error
}

// fields reads the options of all columns that the connector fills, and checks that no others are set.
func fields(t *catalog.Table, v option.Values) ([]field, error) {
	m := &maker{v: v, known: map[string]bool{}}
	out := make([]field, len(t.Columns))
	for i, c := range t.Columns {
		if c.Kind == catalog.Physical {
			out[i] = m.field("fields."+c.Name+".", c.Type, true)
		}
	}
	for _, k := range v.Keys() {
		if strings.HasPrefix(k, "fields.") && !m.known[k] {
			var all []string
			for n := range m.known {
				all = append(all, n)
			}
			m.errs = append(m.errs, fault.WithRemedy(v.Errorf(k, "there is no option '%s'", k), fault.DidYouMean(k, all)))
		}
	}
	return out, fault.Join(m.errs...)
}

func (m *maker) errorf(key, format string, args ...any) {
	m.errs = append(m.errs, m.v.Errorf(key, "option '%s' "+format, append([]any{key}, args...)...))
}

func (m *maker) whole(key string, to *int64) bool {
	if !m.v.Has(key) {
		return false
	}
	n, err := strconv.ParseInt(m.v.Get(key), 10, 64)
	if err != nil {
		m.errorf(key, "is '%s'; it must be a whole number", m.v.Get(key))
	}
	*to = n
	return true
}

func (m *maker) number(key string, to *float64) bool {
	if !m.v.Has(key) {
		return false
	}
	n, err := strconv.ParseFloat(m.v.Get(key), 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		m.errorf(key, "is '%s'; it must be a number", m.v.Get(key))
	}
	*to = n
	return true
}

func (m *maker) field(at string, t types.Type, top bool) field {
	for _, o := range fieldOptions {
		m.known[at+o] = true
	}
	f := field{t: t}
	if m.number(at+"null-rate", &f.nullRate) && (f.nullRate < 0 || f.nullRate > 1) {
		m.errorf(at+"null-rate", "must be from 0 to 1")
	}
	switch kind := m.v.Get(at + "kind"); {
	case kind == "sequence" && top:
		m.sequence(at, &f)
	case kind != "" && kind != "random":
		m.errorf(at+"kind", "is '%s'; it must be random or, of a column, sequence", kind)
	default:
		m.random(at, &f)
	}
	return f
}

func (m *maker) sequence(at string, f *field) {
	f.sequence = true
	switch f.t.Kind {
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Float, types.Double, types.Decimal, types.Char, types.Varchar:
	default:
		m.errorf(at+"kind", "cannot be sequence for %s", f.t)
	}
	if !m.whole(at+"start", &f.start) || !m.whole(at+"end", &f.end) {
		m.errorf(at+"kind", "is sequence, which needs '%sstart' and '%send'", at, at)
	} else if f.end < f.start {
		m.errorf(at+"end", "is less than the start")
	}
}

func (m *maker) random(at string, f *field) {
	bounds := func(low, high int64) {
		f.min, f.max = low, high
		m.whole(at+"min", &f.min)
		m.whole(at+"max", &f.max)
		if f.min < low || f.max > high || f.min > f.max {
			m.errorf(at+"min", "and the max, %d to %d, are no range of %s", f.min, f.max, f.t)
		}
	}
	float := func(least, high float64) { // the default is positive, as Flink's
		low := -high
		f.fmin, f.fmax = least, high
		m.number(at+"min", &f.fmin)
		m.number(at+"max", &f.fmax)
		if f.fmin < low || f.fmax > high || f.fmin > f.fmax {
			m.errorf(at+"min", "and the max, %g to %g, are no range of %s", f.fmin, f.fmax, f.t)
		}
	}
	length := func(def, most int64) {
		n := def
		if m.whole(at+"length", &n) && (n < 1 || n > most) {
			m.errorf(at+"length", "must be from 1 to %d for %s", most, f.t)
			n = 1
		}
		f.length = int(n)
	}
	switch t := f.t; t.Kind {
	case types.TinyInt:
		bounds(math.MinInt8, math.MaxInt8)
	case types.SmallInt:
		bounds(math.MinInt16, math.MaxInt16)
	case types.Int, types.IntervalYearMonth:
		bounds(math.MinInt32, math.MaxInt32)
	case types.BigInt, types.IntervalDayTime:
		bounds(math.MinInt64, math.MaxInt64)
	case types.Float:
		float(math.SmallestNonzeroFloat32, math.MaxFloat32)
	case types.Double:
		float(math.SmallestNonzeroFloat64, math.MaxFloat64)
	case types.Decimal:
		most := math.Pow10(t.Precision - t.Scale)
		float(0, most)
	case types.Char, types.Binary:
		if f.length = t.Precision; m.v.Has(at + "length") {
			m.errorf(at+"length", "cannot be set for %s: its values have one length", t)
		}
	case types.Varchar, types.Varbinary:
		most, def := int64(t.Precision), int64(t.Precision)
		if t.Precision == types.MaxLength {
			most, def = 1<<20, 100
		}
		length(min(def, 1<<20), most)
		if s := strings.ToLower(m.v.Get(at + "var-len")); s != "" && s != "true" && s != "false" {
			m.errorf(at+"var-len", "is '%s'; it must be true or false", s)
		}
		f.varLen = m.v.Bool(at + "var-len")
	case types.Timestamp, types.TimestampLTZ:
		if s := m.v.Get(at + "max-past"); s != "" {
			d, err := option.ParseDuration(s)
			if err != nil {
				m.errorf(at+"max-past", "is '%s'; it must be a duration", s)
			}
			f.past = d
		}
	case types.Row:
		for _, p := range t.Fields {
			f.parts = append(f.parts, m.field(at+p.Name+".", p.Type, false))
		}
	case types.Array, types.Multiset:
		length(3, 1<<20)
		f.parts = []field{m.field(at+"element.", *t.Elem, false)}
	case types.Map:
		length(3, 1<<20)
		f.parts = []field{m.field(at+"key.", *t.Key, false), m.field(at+"value.", *t.Elem, false)}
	}
}

const hexDigits = "0123456789abcdef"

// append makes the value of row n. What it makes depends on rnd, n and now only.
func (f *field) append(col array.Builder, rnd *rand.Rand, n int64, now time.Time) error {
	if f.nullRate > 0 && rnd.Float64() < f.nullRate {
		col.AppendNull()
		return nil
	}
	switch b := col.(type) {
	case *array.BooleanBuilder:
		b.Append(rnd.IntN(2) == 0)
	case *array.Int8Builder:
		b.Append(int8(f.whole(rnd, n)))
	case *array.Int16Builder:
		b.Append(int16(f.whole(rnd, n)))
	case *array.Int32Builder:
		b.Append(int32(f.whole(rnd, n)))
	case *array.Int64Builder:
		b.Append(f.whole(rnd, n))
	case *array.Float32Builder:
		b.Append(float32(f.real(rnd, n)))
	case *array.Float64Builder:
		b.Append(f.real(rnd, n))
	case *array.Decimal128Builder:
		d, err := decimal128.FromFloat64(f.real(rnd, n), int32(f.t.Precision), int32(f.t.Scale))
		if err != nil {
			if d, err = decimal128.FromFloat64(f.fmin, int32(f.t.Precision), int32(f.t.Scale)); err != nil {
				b.AppendNull() // 10^p itself, by the rounding of floats
				return nil
			}
		}
		b.Append(d)
	case *array.StringBuilder:
		if f.sequence {
			b.Append(strconv.FormatInt(f.start+n, 10))
			return nil
		}
		s := make([]byte, f.size(rnd))
		for k := range s {
			s[k] = hexDigits[rnd.IntN(16)]
		}
		b.BinaryBuilder.Append(s)
	case *array.BinaryBuilder:
		s := make([]byte, f.size(rnd))
		for k := range s {
			s[k] = byte(rnd.IntN(256))
		}
		b.Append(s)
	case *array.Date32Builder:
		b.Append(arrow.Date32FromTime(now))
	case *array.Time32Builder:
		b.Append(arrow.Time32(now.UTC().UnixMilli() % 86_400_000))
	case *array.TimestampBuilder:
		past := time.Duration(0)
		if f.past > 0 {
			past = time.Duration(rnd.Int64N(int64(f.past)))
		}
		us := now.Add(-past).UnixMicro()
		if p := f.t.Precision; p < 6 {
			us -= us % int64(math.Pow10(6-p))
		}
		b.Append(arrow.Timestamp(us))
	case *array.StructBuilder:
		b.Append(true)
		for i := range f.parts {
			if err := f.parts[i].append(b.FieldBuilder(i), rnd, n, now); err != nil {
				return err
			}
		}
	case *array.MapBuilder:
		b.Append(true)
		for range f.length {
			if err := f.parts[0].append(b.KeyBuilder(), rnd, n, now); err != nil {
				return err
			}
			if len(f.parts) == 1 { // how often the element of a MULTISET is in it
				b.ItemBuilder().(*array.Int32Builder).Append(1 + int32(rnd.IntN(f.length)))
			} else if err := f.parts[1].append(b.ItemBuilder(), rnd, n, now); err != nil {
				return err
			}
		}
	case *array.ListBuilder:
		b.Append(true)
		for range f.length {
			if err := f.parts[0].append(b.ValueBuilder(), rnd, n, now); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("datagen cannot make a %s", f.t)
	}
	return nil
}

// whole is a number of the range, both ends included.
func (f *field) whole(rnd *rand.Rand, n int64) int64 {
	if f.sequence {
		return f.start + n
	}
	span := uint64(f.max) - uint64(f.min)
	if span == math.MaxUint64 {
		return int64(rnd.Uint64())
	}
	return int64(uint64(f.min) + rnd.Uint64N(span+1))
}

func (f *field) real(rnd *rand.Rand, n int64) float64 {
	if f.sequence {
		return float64(f.start + n)
	}
	x := rnd.Float64()
	return f.fmin*(1-x) + f.fmax*x
}

func (f *field) size(rnd *rand.Rand) int {
	if f.varLen {
		return 1 + rnd.IntN(f.length)
	}
	return f.length
}
