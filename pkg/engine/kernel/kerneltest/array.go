// Package kerneltest is a one-line notation for Arrow columns and the files of one-line cases in which kernels and
// expressions are tested. A column is written as [1 null 3]: strings bare or in '…', lists as [1 2], maps as {k=v k=v},
// rows as (1 x), dates 2024-01-31, times 12:30:00, timestamps 2024-01-31T12:30:00.5, binary in hexadecimal.
package kerneltest

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// Parse reads a column of type t.
func Parse(t arrow.DataType, text string) (arrow.Array, error) {
	b := array.NewBuilder(memory.DefaultAllocator, t)
	p := &parser{s: text}
	if err := p.expect('['); err != nil {
		return nil, err
	}
	for !p.take(']') {
		if err := p.value(b); err != nil {
			return nil, fmt.Errorf("read column %q: %w", text, err)
		}
	}
	if p.space(); p.i != len(p.s) {
		return nil, fmt.Errorf("read column %q: text after ]", text)
	}
	return b.NewArray(), nil
}

// Sliced gives the same rows as a, at a physical offset of pad rows with pad more behind, so that a test sees a kernel
// which forgets offsets.
func Sliced(a arrow.Array, pad int) arrow.Array {
	if pad == 0 || a.Len() == 0 {
		return a
	}
	p := array.NewSlice(a, 0, 1)
	parts := make([]arrow.Array, 0, 2*pad+1)
	for i := 0; i < pad; i++ {
		parts = append(parts, p)
	}
	parts = append(parts, a)
	for i := 0; i < pad; i++ {
		parts = append(parts, p)
	}
	all, err := array.Concatenate(parts, memory.DefaultAllocator)
	if err != nil {
		panic(err)
	}
	return array.NewSlice(all, int64(pad), int64(pad+a.Len()))
}

type parser struct {
	s    string
	i    int
	maps int // depth of {, in which = ends a key
}

func (p *parser) space() {
	for p.i < len(p.s) && p.s[p.i] == ' ' {
		p.i++
	}
}

func (p *parser) take(c byte) bool {
	if p.space(); p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *parser) expect(c byte) error {
	if !p.take(c) {
		return fmt.Errorf("want %q at %q", c, p.s[p.i:])
	}
	return nil
}

// token reads a bare word or a quoted text, in which ” is one quote.
func (p *parser) token() (s string, quoted bool, err error) {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == '\'' {
		var b strings.Builder
		for p.i++; p.i < len(p.s); p.i++ {
			if p.s[p.i] == '\'' {
				if p.i+1 == len(p.s) || p.s[p.i+1] != '\'' {
					p.i++
					return unescape(b.String()), true, nil
				}
				p.i++
			}
			b.WriteByte(p.s[p.i])
		}
		return "", false, fmt.Errorf("quote not closed")
	}
	from := p.i
	stop := " []{}()"
	if p.maps > 0 {
		stop += "="
	}
	for p.i < len(p.s) && strings.IndexByte(stop, p.s[p.i]) < 0 {
		p.i++
	}
	if from == p.i {
		return "", false, fmt.Errorf("want a value at %q", p.s[p.i:])
	}
	return p.s[from:p.i], false, nil
}

func unescape(s string) string { return strings.NewReplacer(`\n`, "\n", `\t`, "\t").Replace(s) }

func (p *parser) value(b array.Builder) error {
	if p.space(); strings.HasPrefix(p.s[p.i:], "null") {
		end := p.i + 4
		if end == len(p.s) || strings.IndexByte(" ]})", p.s[end]) >= 0 {
			p.i = end
			b.AppendNull()
			return nil
		}
	}
	switch b := b.(type) {
	case *array.StructBuilder:
		b.Append(true)
		if err := p.expect('('); err != nil {
			return err
		}
		for f := 0; f < b.NumField(); f++ {
			if err := p.value(b.FieldBuilder(f)); err != nil {
				return err
			}
		}
		return p.expect(')')
	case *array.MapBuilder:
		b.Append(true)
		if err := p.expect('{'); err != nil {
			return err
		}
		p.maps++
		defer func() { p.maps-- }()
		for !p.take('}') {
			if err := p.value(b.KeyBuilder()); err != nil {
				return err
			}
			if err := p.expect('='); err != nil {
				return err
			}
			if err := p.value(b.ItemBuilder()); err != nil {
				return err
			}
		}
		return nil
	case *array.ListBuilder:
		b.Append(true)
		if err := p.expect('['); err != nil {
			return err
		}
		for !p.take(']') {
			if err := p.value(b.ValueBuilder()); err != nil {
				return err
			}
		}
		return nil
	}
	s, _, err := p.token()
	if err != nil {
		return err
	}
	return Append(b, s)
}

// Append appends the value that s writes to a builder of a flat type.
func Append(b array.Builder, s string) (err error) {
	var i int64
	var f float64
	var t time.Time
	switch b := b.(type) {
	case *array.BooleanBuilder:
		var v bool
		v, err = strconv.ParseBool(s)
		b.Append(v)
	case *array.Int8Builder:
		i, err = strconv.ParseInt(s, 10, 8)
		b.Append(int8(i))
	case *array.Int16Builder:
		i, err = strconv.ParseInt(s, 10, 16)
		b.Append(int16(i))
	case *array.Int32Builder:
		i, err = strconv.ParseInt(s, 10, 32)
		b.Append(int32(i))
	case *array.Int64Builder:
		i, err = strconv.ParseInt(s, 10, 64)
		b.Append(i)
	case *array.Float32Builder:
		f, err = strconv.ParseFloat(s, 32)
		b.Append(float32(f))
	case *array.Float64Builder:
		f, err = strconv.ParseFloat(s, 64)
		b.Append(f)
	case *array.Decimal128Builder:
		dt := b.Type().(*arrow.Decimal128Type)
		whole, frac, _ := strings.Cut(s, ".")
		v, ok := new(big.Int).SetString(whole+frac+strings.Repeat("0", max(0, int(dt.Scale)-len(frac))), 10)
		if !ok || len(frac) > int(dt.Scale) {
			return fmt.Errorf("%q is no %s", s, dt)
		}
		b.Append(decimal128.FromBigInt(v))
	case *array.StringBuilder:
		b.Append(s)
	case *array.BinaryBuilder:
		var x []byte
		x, err = hex.DecodeString(s)
		b.Append(x)
	case *array.Date32Builder:
		t, err = time.Parse("2006-01-02", s)
		b.Append(arrow.Date32(math.Floor(float64(t.Unix()) / 86400)))
	case *array.Time32Builder:
		t, err = time.Parse("15:04:05", s)
		b.Append(arrow.Time32((t.Hour()*3600+t.Minute()*60+t.Second())*1000 + t.Nanosecond()/1e6))
	case *array.TimestampBuilder:
		t, err = time.Parse("2006-01-02T15:04:05", strings.TrimSuffix(s, "Z"))
		b.Append(arrow.Timestamp(t.UnixMicro()))
	default:
		err = fmt.Errorf("no notation for %s", b.Type())
	}
	return err
}
