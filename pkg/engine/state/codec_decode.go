package state

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
)

// Size is the number of bytes that the row at the start of data takes. It checks all lengths, so that a row that has a
// size can be decoded. The error is ErrCorrupt.
func (c *Codec) Size(data []byte) (int, error) {
	if len(data) < c.nulls {
		return 0, corrupt("the null bitmap")
	}
	at := c.nulls
	for i := range c.phys {
		p := &c.phys[i]
		if isNull(data, i) && p.kind == physStruct {
			// A null struct has a zero byte for each field.
			for range p.elems {
				if at >= len(data) || data[at] != 0 {
					return 0, corrupt("a null struct")
				}
				at++
			}
			continue
		}
		n, err := p.size(data[at:])
		if err != nil {
			return 0, err
		}
		at += n
	}
	return at, nil
}

func isNull(row []byte, i int) bool { return row[i/8]&(1<<(i%8)) != 0 }

// uvarint reads a length that cannot be more than what is left; n is 0 if there is none.
func uvarint(data []byte) (v, n int) {
	x, n := binary.Uvarint(data)
	if n <= 0 || x > uint64(len(data)-n) || x > math.MaxInt32 {
		return 0, 0
	}
	return int(x), n
}

func (p *phys) size(data []byte) (int, error) {
	switch p.kind {
	case physBool, physFixed:
		if len(data) < p.width {
			return 0, corrupt("a value")
		}
		return p.width, nil
	case physBytes:
		v, n := uvarint(data)
		if n == 0 {
			return 0, corrupt("a string")
		}
		return n + v, nil
	case physList, physMap, physStruct:
		count, at := 1, 0
		if p.kind != physStruct {
			// Every element takes a byte at least, so the count is bounded by the bytes that are left.
			if count, at = uvarint(data); at == 0 {
				return 0, corrupt("a list's count")
			}
		}
		for ; count > 0; count-- {
			for e := range p.elems {
				if at >= len(data) {
					return 0, corrupt("a list")
				}
				valid := data[at]
				at++
				if valid == 0 {
					continue
				}
				n, err := p.elems[e].size(data[at:])
				if err != nil {
					return 0, err
				}
				at += n
			}
		}
		return at, nil
	}
	return 0, nil
}

// DecodeRow appends the row at the start of data to dst, one builder a column, and gives the rest of data. On error
// (ErrCorrupt) nothing was appended.
func (c *Codec) DecodeRow(data []byte, dst []array.Builder) ([]byte, error) {
	size, err := c.Size(data)
	if err != nil {
		return nil, err
	}
	row, rest := data[:size], data[size:]
	at := c.nulls
	for i := range c.phys {
		p := &c.phys[i]
		if isNull(row, i) {
			dst[i].AppendNull()
			if p.kind == physStruct {
				at += len(p.elems)
			} else {
				n, _ := p.size(row[at:])
				at += n
			}
			continue
		}
		at += p.decode(row[at:], dst[i])
	}
	return rest, nil
}

// decode appends the value at the start of data, whose size was checked, and gives its size.
func (p *phys) decode(data []byte, dst array.Builder) int {
	switch p.kind {
	case physNull:
		dst.AppendNull()
		return 0
	case physBool:
		dst.(*array.BooleanBuilder).Append(data[0] != 0)
		return 1
	case physFixed:
		appendFixed(dst, data)
		return p.width
	case physBytes:
		v, n := uvarint(data)
		switch b := dst.(type) {
		case *array.StringBuilder:
			b.BinaryBuilder.Append(data[n : n+v])
		case *array.BinaryBuilder:
			b.Append(data[n : n+v])
		}
		return n + v
	case physList:
		b := dst.(*array.ListBuilder)
		count, at := uvarint(data)
		b.Append(true)
		for ; count > 0; count-- {
			at += p.elems[0].decodeElem(data[at:], b.ValueBuilder())
		}
		return at
	case physMap:
		b := dst.(*array.MapBuilder)
		count, at := uvarint(data)
		b.Append(true)
		for ; count > 0; count-- {
			at += p.elems[0].decodeElem(data[at:], b.KeyBuilder())
			at += p.elems[1].decodeElem(data[at:], b.ItemBuilder())
		}
		return at
	default:
		b := dst.(*array.StructBuilder)
		b.Append(true)
		at := 0
		for f := range p.elems {
			at += p.elems[f].decodeElem(data[at:], b.FieldBuilder(f))
		}
		return at
	}
}

func (p *phys) decodeElem(data []byte, dst array.Builder) int {
	if data[0] == 0 {
		dst.AppendNull()
		return 1
	}
	return 1 + p.decode(data[1:], dst)
}

func appendFixed(dst array.Builder, data []byte) {
	le := binary.LittleEndian
	switch b := dst.(type) {
	case *array.Int8Builder:
		b.Append(int8(data[0]))
	case *array.Int16Builder:
		b.Append(int16(le.Uint16(data)))
	case *array.Int32Builder:
		b.Append(int32(le.Uint32(data)))
	case *array.Int64Builder:
		b.Append(int64(le.Uint64(data)))
	case *array.Float32Builder:
		b.Append(math.Float32frombits(le.Uint32(data)))
	case *array.Float64Builder:
		b.Append(math.Float64frombits(le.Uint64(data)))
	case *array.Date32Builder:
		b.Append(arrow.Date32(le.Uint32(data)))
	case *array.Time32Builder:
		b.Append(arrow.Time32(le.Uint32(data)))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(le.Uint64(data)))
	case *array.Decimal128Builder:
		b.Append(decimal128.New(int64(le.Uint64(data[8:])), le.Uint64(data)))
	default:
		panic("state: no decoder for " + dst.Type().String())
	}
}
