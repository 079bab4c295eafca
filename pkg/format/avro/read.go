package avro

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"

	"github.com/freshet-dw/freshet/pkg/format/internal/text"
)

// target is the column that a node appends to.
type target struct {
	b   array.Builder
	str *array.BinaryBuilder // b, of text and bytes
	row *array.StructBuilder // b, of rows within rows; nil at the top
}

// bindRow sets the columns of the top record.
func (n *node) bindRow(cols []array.Builder) {
	for _, b := range n.branches { // a union at the top
		b.bindRow(cols)
	}
	n.bindFields(func(i int) array.Builder { return cols[i] })
}

func (n *node) bindFields(col func(int) array.Builder) {
	for _, s := range n.steps {
		if s.col >= 0 {
			s.node.bind(col(s.col))
		}
	}
	for _, m := range n.missing {
		m.node.bind(col(m.col))
	}
}

func (n *node) bind(b array.Builder) {
	if n.b == b {
		return
	}
	n.target = target{b: b}
	for _, br := range n.branches {
		br.bind(b)
	}
	switch b := b.(type) {
	case *array.StringBuilder:
		n.str = b.BinaryBuilder
	case *array.BinaryBuilder:
		n.str = b
	case *array.StructBuilder:
		n.row = b
		n.bindFields(b.FieldBuilder)
	case *array.MapBuilder: // before ListBuilder: a map is a list of structs
		if n.elem != nil {
			n.str = b.KeyBuilder().(*array.StringBuilder).BinaryBuilder
			n.elem.bind(b.ItemBuilder())
		}
	case *array.ListBuilder:
		if n.elem != nil {
			n.elem.bind(b.ValueBuilder())
		}
	}
}

var (
	errUTF8   = errors.New("a text is not valid UTF-8")
	errRange  = errors.New("a number is out of range")
	errBranch = errors.New("a union has no such branch")
	errSymbol = errors.New("an enum has no such symbol")
)

// read reads the value at the cursor.
func (c *cursor) read(n *node) error {
	switch n.op {
	case opFail:
		return n.err
	case opNull:
		n.b.AppendNull()
		return nil
	case opUnion:
		i, err := c.long()
		if err != nil {
			return err
		}
		if uint64(i) >= uint64(len(n.branches)) {
			return errBranch
		}
		return c.read(n.branches[i])
	case opBool:
		v, err := c.bool()
		if err == nil {
			n.b.(*array.BooleanBuilder).Append(v)
		}
		return err
	case opInt:
		return c.integer(n)
	case opIntAsFloat:
		v, err := c.number(n.long)
		if err != nil {
			return err
		}
		if b, ok := n.b.(*array.Float32Builder); ok {
			b.Append(float32(v))
		} else {
			n.b.(*array.Float64Builder).Append(float64(v))
		}
		return nil
	case opFloat:
		v, err := c.float()
		if err == nil {
			n.b.(*array.Float32Builder).Append(v)
		}
		return err
	case opFloatAsDouble:
		v, err := c.float()
		if err == nil {
			n.b.(*array.Float64Builder).Append(float64(v))
		}
		return err
	case opDouble:
		v, err := c.double()
		if err == nil {
			n.b.(*array.Float64Builder).Append(v)
		}
		return err
	case opString, opBytes:
		v, err := c.bytes()
		if err != nil {
			return err
		}
		return appendText(n, v, n.op == opString)
	case opFixed, opFixedText:
		v, err := c.take(n.size)
		if err != nil {
			return err
		}
		return appendText(n, v, n.op == opFixedText)
	case opEnum:
		i, err := c.int()
		if err != nil {
			return err
		}
		if uint64(i) >= uint64(len(n.symbols)) {
			return errSymbol
		}
		n.str.Append(n.symbols[i])
		return nil
	case opDecimalBytes, opDecimalFixed, opDate, opTime, opTimestamp:
		return c.logical(n)
	case opRecord:
		if n.row != nil {
			n.row.Append(true)
		}
		return c.record(n)
	case opArray:
		n.b.(*array.ListBuilder).Append(true)
		return c.list(n, false)
	case opMap:
		n.b.(*array.MapBuilder).Append(true)
		return c.list(n, true)
	}
	return c.skip(n)
}

func appendText(n *node, v []byte, check bool) error {
	if check && !utf8.Valid(v) {
		return errUTF8
	}
	n.str.Append(v)
	return nil
}

func (c *cursor) number(long bool) (int64, error) {
	if long {
		return c.long()
	}
	return c.int()
}

func (c *cursor) integer(n *node) error {
	v, err := c.number(n.long)
	if err != nil {
		return err
	}
	switch b := n.b.(type) {
	case *array.Int64Builder:
		b.Append(v)
	case *array.Int32Builder:
		b.Append(int32(v))
	case *array.Int16Builder:
		if int64(int16(v)) != v {
			return errRange
		}
		b.Append(int16(v))
	case *array.Int8Builder:
		if int64(int8(v)) != v {
			return errRange
		}
		b.Append(int8(v))
	}
	return nil
}

func (c *cursor) logical(n *node) error {
	switch n.op {
	case opDecimalBytes, opDecimalFixed:
		var v []byte
		var err error
		if n.op == opDecimalBytes {
			v, err = c.bytes()
		} else {
			v, err = c.take(n.size)
		}
		if err != nil {
			return err
		}
		return appendDecimal(n, v)
	case opDate:
		v, err := c.int()
		if err == nil {
			n.b.(*array.Date32Builder).Append(arrow.Date32(v))
		}
		return err
	case opTime:
		v, err := c.long()
		if err != nil {
			return err
		}
		if v /= n.div; v < 0 || v >= 86_400_000 {
			return errRange
		}
		n.b.(*array.Time32Builder).Append(arrow.Time32(v))
		return nil
	}
	v, err := c.long()
	if err != nil {
		return err
	}
	if v > math.MaxInt64/n.mul || v < math.MinInt64/n.mul {
		return errRange
	}
	v *= n.mul
	if n.div > 1 {
		q := v / n.div
		if v%n.div < 0 {
			q--
		}
		v = q
	}
	n.b.(*array.TimestampBuilder).Append(arrow.Timestamp(text.Cut(v, n.prec)))
	return nil
}

// appendDecimal reads a number in two's complement, big-endian. One of more digits than the column holds is NULL, as in Flink.
func appendDecimal(n *node, v []byte) error {
	b := n.b.(*array.Decimal128Builder)
	if len(v) == 0 {
		return errors.New("a decimal of no bytes")
	}
	sign := byte(int8(v[0]) >> 7)
	for len(v) > 16 {
		if v[0] != sign {
			b.AppendNull()
			return nil
		}
		v = v[1:]
	}
	if byte(int8(v[0])>>7) != sign { // the number has 129 bits or more
		b.AppendNull()
		return nil
	}
	var buf [16]byte
	for i := range buf {
		buf[i] = sign
	}
	copy(buf[16-len(v):], v)
	d := decimal128.New(int64(binary.BigEndian.Uint64(buf[:8])), binary.BigEndian.Uint64(buf[8:]))
	d, err := text.Rescale(d, n.from, n.prec, n.scale)
	if err != nil {
		b.AppendNull()
		return nil
	}
	b.Append(d)
	return nil
}

func (c *cursor) record(n *node) error {
	if c.depth++; c.depth > maxDepth {
		return errDepth
	}
	for i := range n.steps {
		s := &n.steps[i]
		if err := c.read(s.node); err != nil {
			if s.col < 0 {
				return fmt.Errorf("field %s: %w", s.name, err)
			}
			return fmt.Errorf("column %s: %w", s.name, err)
		}
	}
	c.depth--
	for i := range n.missing {
		m := &n.missing[i]
		d := cursor{}
		d.reset(m.value)
		if err := d.read(m.node); err != nil {
			return fmt.Errorf("default: %w", err)
		}
	}
	return nil
}

// list reads the items of an array or map.
func (c *cursor) list(n *node, keys bool) error {
	for {
		count, _, err := c.block()
		if err != nil || count == 0 {
			return err
		}
		for ; count > 0; count-- {
			if keys {
				k, err := c.bytes()
				if err != nil {
					return err
				}
				if !utf8.Valid(k) {
					return errUTF8
				}
				n.str.Append(k)
			}
			if err := c.read(n.elem); err != nil {
				return err
			}
		}
	}
}

// skip reads over the value at the cursor.
func (c *cursor) skip(n *node) error {
	var err error
	switch n.op {
	case opSkip:
	case opSkipVarint:
		_, err = c.long()
	case opSkipFixed:
		_, err = c.take(n.size)
	case opSkipBytes:
		_, err = c.bytes()
	case opSkipUnion:
		var i int64
		if i, err = c.long(); err != nil {
			return err
		}
		if uint64(i) >= uint64(len(n.branches)) {
			return errBranch
		}
		return c.skip(n.branches[i])
	case opSkipRecord:
		if c.depth++; c.depth > maxDepth {
			return errDepth
		}
		for i := range n.steps {
			if err := c.skip(n.steps[i].node); err != nil {
				return err
			}
		}
		c.depth--
	case opSkipList, opSkipMap:
		return c.skipList(n)
	}
	return err
}

// skipList jumps over the blocks that say how long they are. A recursive schema may nest lists without a record between: they count as
// depth too.
func (c *cursor) skipList(n *node) error {
	if c.depth++; c.depth > maxDepth {
		return errDepth
	}
	for {
		count, size, err := c.block()
		if err != nil {
			return err
		}
		if count == 0 {
			c.depth--
			return nil
		}
		if size >= 0 {
			c.i += size
			continue
		}
		for ; count > 0; count-- {
			if n.op == opSkipMap {
				if _, err := c.bytes(); err != nil {
					return err
				}
			}
			if err := c.skip(n.elem); err != nil {
				return err
			}
		}
	}
}
