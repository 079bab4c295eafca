package state

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
)

// Codec turns rows of columns into bytes and back. Two rows have the same bytes exactly when all their values are the
// same (floats by their bits), so encoded rows serve as hash keys.
//
// A row is: a null bitmap of (columns+7)/8 bytes (bit set: null), then the values in column order:
//
//	boolean: 1 byte · numbers, dates, times, timestamps, decimals: their width, little-endian, zeros when null
//	strings, binaries: uvarint length, bytes (length 0 when null)
//	lists: uvarint count, then per element a byte 1 and its value, or a byte 0 for null
//	maps: uvarint count, then per entry key and item, each as a list's element · structs: each field as a list's element
//
// Nothing of the types is stored: a row is read with the types it was written with.
type Codec struct {
	types []arrow.DataType
	phys  []phys
	width int // bytes of every row when all columns have a fixed width, else 0
	nulls int // bytes of the null bitmap
	flat  bool
}

// phys is how a type is laid out, which is all that the codec cares about.
type phys struct {
	kind  physKind
	width int
	elems []phys // list: element; map: key, item; struct: fields
}

type physKind uint8

const (
	physNull physKind = iota
	physBool
	physFixed
	physBytes
	physList
	physMap
	physStruct
)

// NewCodec makes a codec for rows of these column types: those of batch.ArrowType. It panics on others.
func NewCodec(types []arrow.DataType) *Codec {
	c := &Codec{types: types, nulls: (len(types) + 7) / 8, flat: true}
	c.width = c.nulls
	fixed := true
	for _, t := range types {
		p := physOf(t)
		c.phys = append(c.phys, p)
		switch p.kind {
		case physNull, physBool, physFixed:
			c.width += p.width
		case physBytes:
			fixed = false
		default:
			fixed, c.flat = false, false
		}
	}
	if !fixed {
		c.width = 0
	}
	return c
}

func physOf(t arrow.DataType) phys {
	switch t := t.(type) {
	case *arrow.NullType:
		return phys{kind: physNull}
	case *arrow.BooleanType:
		return phys{kind: physBool, width: 1}
	case *arrow.StringType, *arrow.BinaryType:
		return phys{kind: physBytes}
	case *arrow.MapType:
		return phys{kind: physMap, elems: []phys{physOf(t.KeyType()), physOf(t.ItemType())}}
	case *arrow.ListType:
		return phys{kind: physList, elems: []phys{physOf(t.Elem())}}
	case *arrow.StructType:
		p := phys{kind: physStruct}
		for _, f := range t.Fields() {
			p.elems = append(p.elems, physOf(f.Type))
		}
		return p
	case arrow.FixedWidthDataType:
		return phys{kind: physFixed, width: t.Bytes()}
	}
	panic("state: no row encoding for " + t.String())
}

// Types are the column types.
func (c *Codec) Types() []arrow.DataType { return c.types }

// Width is the number of bytes of every row when all columns have a fixed width, else 0.
func (c *Codec) Width() int { return c.width }

// AppendRow appends the encoding of one row. For many rows use Encode.
func (c *Codec) AppendRow(dst []byte, cols []arrow.Array, row int) []byte {
	base := len(dst)
	for i := 0; i < c.nulls; i++ {
		dst = append(dst, 0)
	}
	for i := range c.phys {
		if c.phys[i].null(cols[i], row) {
			dst[base+i/8] |= 1 << (i % 8)
			switch p := &c.phys[i]; p.kind {
			case physBool, physFixed:
				for range p.width {
					dst = append(dst, 0)
				}
			case physBytes, physList, physMap:
				dst = append(dst, 0)
			case physStruct:
				for range p.elems {
					dst = append(dst, 0)
				}
			}
			continue
		}
		dst = c.phys[i].append(dst, cols[i], row)
	}
	return dst
}

// null exists because Arrow's NullArray says of no row that it is null.
func (p *phys) null(a arrow.Array, row int) bool { return p.kind == physNull || a.IsNull(row) }

// append appends the value of a row that is not null.
func (p *phys) append(dst []byte, a arrow.Array, row int) []byte {
	switch p.kind {
	case physBool:
		if a.(*array.Boolean).Value(row) {
			return append(dst, 1)
		}
		return append(dst, 0)
	case physFixed:
		at := (a.Data().Offset() + row) * p.width
		return append(dst, a.Data().Buffers()[1].Bytes()[at:at+p.width]...)
	case physBytes:
		v := bytesAt(a, row)
		dst = binary.AppendUvarint(dst, uint64(len(v)))
		return append(dst, v...)
	case physList:
		l := a.(*array.List)
		from, to := l.ValueOffsets(row)
		dst = binary.AppendUvarint(dst, uint64(to-from))
		for j := from; j < to; j++ {
			dst = p.elems[0].appendElem(dst, l.ListValues(), int(j))
		}
	case physMap:
		m := a.(*array.Map)
		from, to := m.ValueOffsets(row)
		dst = binary.AppendUvarint(dst, uint64(to-from))
		for j := from; j < to; j++ {
			dst = p.elems[0].appendElem(dst, m.Keys(), int(j))
			dst = p.elems[1].appendElem(dst, m.Items(), int(j))
		}
	case physStruct:
		s := a.(*array.Struct)
		for f := range p.elems {
			// Field already starts at the struct's offset.
			dst = p.elems[f].appendElem(dst, s.Field(f), row)
		}
	}
	return dst
}

func (p *phys) appendElem(dst []byte, a arrow.Array, row int) []byte {
	if p.null(a, row) {
		return append(dst, 0)
	}
	return p.append(append(dst, 1), a, row)
}

func bytesAt(a arrow.Array, row int) []byte {
	d := a.Data()
	offs := arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())
	from, to := offs[d.Offset()+row], offs[d.Offset()+row+1]
	if from == to {
		return nil
	}
	return d.Buffers()[2].Bytes()[from:to]
}

// Keys are encoded rows, one after the other: row i is Data[Offs[i]:Offs[i+1]]. Hash holds the rows' hashes where a table asks for them.
// The slices are reused from batch to batch.
type Keys struct {
	Data []byte
	Offs []int32
	Hash []uint64

	pos []int32
}

// Len is the number of rows.
func (k *Keys) Len() int { return len(k.Offs) - 1 }

// At is row i.
func (k *Keys) At(i int) []byte { return k.Data[k.Offs[i]:k.Offs[i+1]] }

// Reset makes k empty: no rows.
func (k *Keys) Reset() {
	k.Data, k.Offs, k.Hash = k.Data[:0], append(k.Offs[:0], 0), k.Hash[:0]
}

// Append adds a row with its hash.
func (k *Keys) Append(key []byte, hash uint64) {
	if len(k.Offs) == 0 {
		k.Offs = append(k.Offs, 0)
	}
	k.Data = append(k.Data, key...)
	k.Offs = append(k.Offs, int32(len(k.Data)))
	k.Hash = append(k.Hash, hash)
}

// Resize gives s with length n, reusing its memory; the elements are not cleared.
func Resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

// Encode replaces k's rows by the first n rows of cols, column by column. It does not set k.Hash. The rows of a batch
// together must stay below 2 GiB.
func (c *Codec) Encode(k *Keys, cols []arrow.Array, n int) {
	if n == 0 {
		k.Reset()
		return
	}
	k.Offs = Resize(k.Offs, n+1)
	k.Offs[0] = 0
	if !c.flat {
		k.Data = k.Data[:0]
		for i := 0; i < n; i++ {
			k.Data = c.AppendRow(k.Data, cols, i)
			k.Offs[i+1] = int32(len(k.Data))
		}
		return
	}
	k.pos = Resize(k.pos, n)
	base := c.nulls
	for _, p := range c.phys {
		base += p.width
	}
	for i := range k.pos {
		k.pos[i] = int32(base)
	}
	for j := range c.phys {
		if c.phys[j].kind == physBytes {
			addLengths(k.pos, cols[j])
		}
	}
	var end int32
	for i, l := range k.pos {
		k.pos[i] = end
		end += l
		k.Offs[i+1] = end
	}
	k.Data = Resize(k.Data, int(end))
	if c.nulls == 1 {
		for i := range k.pos {
			k.Data[k.pos[i]] = 0
			k.pos[i]++
		}
	} else {
		for i := range k.pos {
			clear(k.Data[k.pos[i] : int(k.pos[i])+c.nulls])
			k.pos[i] += int32(c.nulls)
		}
	}
	for j := range c.phys {
		c.encodeColumn(k, j, cols[j])
	}
}

func addLengths(lens []int32, a arrow.Array) {
	d := a.Data()
	offs := arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())[d.Offset():]
	if a.NullN() == 0 {
		for i := range lens {
			l := offs[i+1] - offs[i]
			lens[i] += l + int32(uvarintLen(uint32(l)))
		}
		return
	}
	for i := range lens {
		l := offs[i+1] - offs[i]
		if a.IsNull(i) {
			l = 0
		}
		lens[i] += l + int32(uvarintLen(uint32(l)))
	}
}

func uvarintLen(x uint32) int { return (bits.Len32(x|1) + 6) / 7 }

// encodeColumn writes column j of all rows at k.pos and moves k.pos on.
func (c *Codec) encodeColumn(k *Keys, j int, a arrow.Array) {
	p, d, n := &c.phys[j], a.Data(), len(k.pos)
	if a.NullN() > 0 || p.kind == physNull {
		for i := 0; i < n; i++ {
			if p.null(a, i) {
				k.Data[int(k.Offs[i])+j/8] |= 1 << (j % 8)
			}
		}
	}
	hasNulls := a.NullN() > 0
	switch p.kind {
	case physBool:
		b := a.(*array.Boolean)
		for i := 0; i < n; i++ {
			var v byte
			if b.IsValid(i) && b.Value(i) {
				v = 1
			}
			k.Data[k.pos[i]] = v
			k.pos[i]++
		}
	case physFixed:
		w := p.width
		src := d.Buffers()[1].Bytes()
		src = src[d.Offset()*w:]
		for i := 0; i < n; i++ {
			at := k.pos[i]
			k.pos[i] += int32(w)
			dst := k.Data[at : int(at)+w]
			if hasNulls && a.IsNull(i) {
				clear(dst)
				continue
			}
			switch w {
			case 8:
				binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(src[i*8:]))
			case 4:
				binary.LittleEndian.PutUint32(dst, binary.LittleEndian.Uint32(src[i*4:]))
			default:
				copy(dst, src[i*w:i*w+w])
			}
		}
	case physBytes:
		offs := arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())[d.Offset():]
		var src []byte
		if d.Buffers()[2] != nil {
			src = d.Buffers()[2].Bytes()
		}
		for i := 0; i < n; i++ {
			from, to := offs[i], offs[i+1]
			if hasNulls && a.IsNull(i) {
				from, to = 0, 0
			}
			at := int(k.pos[i])
			if l := to - from; l < 0x80 {
				k.Data[at] = byte(l)
				at++
			} else {
				at += binary.PutUvarint(k.Data[at:], uint64(l))
			}
			at += copy(k.Data[at:], src[from:to])
			k.pos[i] = int32(at)
		}
	}
}

// corrupt is the error for bytes that are no row of the codec's types.
func corrupt(what string) error { return fmt.Errorf("%w: row ends inside %s", ErrCorrupt, what) }
