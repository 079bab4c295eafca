package avro

import (
	"encoding/binary"
	"errors"
	"math"
)

var (
	errEnd    = errors.New("the message ends early")
	errVarint = errors.New("a number of more than 10 bytes")
	errLength = errors.New("a length is negative or larger than the message")
	errItems  = errors.New("a list of more items than the message can hold")
	errDepth  = errors.New("nested too deeply")
)

// maxDepth bounds how deep values of recursive schemas are nested.
const maxDepth = 512

// cursor reads Avro's binary encoding.
type cursor struct {
	b     []byte
	i     int
	items int // how many items of lists may still come: a null takes no byte
	depth int
}

func (c *cursor) reset(b []byte) { *c = cursor{b: b, items: len(b) + 1<<16} }

// long reads a zigzag number.
func (c *cursor) long() (int64, error) {
	if c.i < len(c.b) && c.b[c.i] < 0x80 {
		v := c.b[c.i]
		c.i++
		return int64(v>>1) ^ -int64(v&1), nil
	}
	u, n := binary.Uvarint(c.b[c.i:])
	if n <= 0 {
		if n == 0 && len(c.b)-c.i < binary.MaxVarintLen64 {
			return 0, errEnd
		}
		return 0, errVarint
	}
	c.i += n
	return int64(u>>1) ^ -int64(u&1), nil
}

var errInt = errors.New("an int of more than 32 bits")

func (c *cursor) int() (int64, error) {
	v, err := c.long()
	if err == nil && (v > math.MaxInt32 || v < math.MinInt32) {
		return 0, errInt
	}
	return v, err
}

// take gives the next n bytes.
func (c *cursor) take(n int) ([]byte, error) {
	if n > len(c.b)-c.i {
		return nil, errEnd
	}
	v := c.b[c.i : c.i+n]
	c.i += n
	return v, nil
}

// bytes reads a length and so many bytes.
func (c *cursor) bytes() ([]byte, error) {
	n, err := c.long()
	if err != nil {
		return nil, err
	}
	if n < 0 || n > int64(len(c.b)-c.i) {
		return nil, errLength
	}
	v := c.b[c.i : c.i+int(n)]
	c.i += int(n)
	return v, nil
}

// block reads the head of a block of a list: how many items it has, and how many bytes if that is said, else -1.
func (c *cursor) block() (n int, size int, err error) {
	count, err := c.long()
	if err != nil {
		return 0, 0, err
	}
	size = -1
	if count < 0 {
		s, err := c.long()
		if err != nil {
			return 0, 0, err
		}
		if s < 0 || s > int64(len(c.b)-c.i) {
			return 0, 0, errLength
		}
		if size = int(s); count == math.MinInt64 {
			return 0, 0, errItems
		}
		count = -count
	}
	if count > int64(c.items) {
		return 0, 0, errItems
	}
	c.items -= int(count)
	return int(count), size, nil
}

func (c *cursor) float() (float32, error) {
	v, err := c.take(4)
	if err != nil {
		return 0, err
	}
	return math.Float32frombits(binary.LittleEndian.Uint32(v)), nil
}

func (c *cursor) double() (float64, error) {
	v, err := c.take(8)
	if err != nil {
		return 0, err
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(v)), nil
}

var errBool = errors.New("a boolean that is neither 0 nor 1")

func (c *cursor) bool() (bool, error) {
	v, err := c.take(1)
	if err == nil && v[0] > 1 {
		err = errBool
	}
	return err == nil && v[0] == 1, err
}
