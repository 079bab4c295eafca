package hbase

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// Cell types as they stand in a KeyValue.
const (
	typePut                 = 4
	typeDelete              = 8
	typeDeleteFamilyVersion = 10
	typeDeleteColumn        = 12
	typeDeleteFamily        = 14
)

// latestTimestamp asks the server for its own clock.
const latestTimestamp = 1<<63 - 1

// cell is one KeyValue. ttl is the cell's own time to live in ms, 0 for none.
type cell struct {
	row, fam, qual, val []byte
	ts                  uint64
	ttl                 uint64
	typ                 byte
}

// size approximates HBase's heap size of a cell, which its size limits count.
func (c *cell) size() int { return len(c.row) + len(c.fam) + len(c.qual) + len(c.val) + 24 }

// Pebble layout:
//
//	'c' table name                          JSON catalog entry
//	's' snapshot name                       JSON snapshot entry
//	'm' name                                server-wide values
//	'd' data id (4) row family qualifier ^timestamp (8) ^type (1)
//
// row, family and qualifier are escaped (0x00 becomes 0x00 0xff) and end with 0x00 0x01,
// so that byte order is HBase's cell order: newest first, tombstones before puts.
const (
	keyCatalog  = 'c'
	keySnapshot = 's'
	keyMeta     = 'm'
	keyData     = 'd'

	escByte = 0xff
	endByte = 0x01
	// pastByte in the place of endByte gives the first key behind everything below it.
	pastByte = 0x02
)

var errBadKey = errors.New("stored key is malformed")

func appendEscaped(dst, s []byte) []byte {
	for {
		i := bytes.IndexByte(s, 0)
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i+1]...)
		dst = append(dst, escByte)
		s = s[i+1:]
	}
}

func appendPart(dst, s []byte) []byte {
	return append(appendEscaped(dst, s), 0, endByte)
}

func dataPrefix(id uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{keyData}, id)
}

// dataEnd is the first key behind a table's data.
func dataEnd(id uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{keyData}, id+1)
}

// rowKey is the prefix of all cells of a row, and the seek position of a scan that
// starts at row whether or not the row exists.
func rowKey(dst []byte, id uint32, row []byte) []byte {
	dst = append(dst, keyData)
	dst = binary.BigEndian.AppendUint32(dst, id)
	return appendPart(dst, row)
}

// past turns a prefix made of whole parts into the first key behind it, in place.
func past(prefix []byte) []byte {
	prefix[len(prefix)-1] = pastByte
	return prefix
}

func cellKey(dst []byte, id uint32, c *cell) []byte {
	dst = rowKey(dst, id, c.row)
	dst = appendPart(dst, c.fam)
	dst = appendPart(dst, c.qual)
	dst = binary.BigEndian.AppendUint64(dst, ^c.ts)
	return append(dst, ^c.typ)
}

// Stored values: one byte of flags, with flagTTL eight bytes of TTL in ms, then the
// value. A tombstone's value is the wall clock in ms at which it was written.
const flagTTL = 1

func cellValue(dst []byte, c *cell) []byte {
	if c.ttl != 0 {
		dst = append(dst, flagTTL)
		dst = binary.BigEndian.AppendUint64(dst, c.ttl)
	} else {
		dst = append(dst, 0)
	}
	return append(dst, c.val...)
}

// part reads one escaped part of key; the bytes are appended to arena when they had
// to be unescaped and alias key otherwise.
func part(key, arena []byte) (s, rest, newArena []byte, err error) {
	from := len(arena)
	start := 0
	escaped := false
	for {
		i := bytes.IndexByte(key[start:], 0)
		if i < 0 || start+i+1 >= len(key) {
			return nil, nil, arena, errBadKey
		}
		i += start
		switch key[i+1] {
		case endByte:
			if !escaped {
				return key[:i:i], key[i+2:], arena, nil
			}
			arena = append(arena, key[start:i]...)
			return arena[from:len(arena):len(arena)], key[i+2:], arena, nil
		case escByte:
			escaped = true
			arena = append(arena, key[start:i+1]...)
			start = i + 2
		default:
			return nil, nil, arena, errBadKey
		}
	}
}

// parseCell decodes a stored cell. Its slices alias key, value or arena.
func parseCell(key, value, arena []byte) (c cell, newArena []byte, err error) {
	if len(key) < 5 {
		return c, arena, errBadKey
	}
	key = key[5:]
	if c.row, key, arena, err = part(key, arena); err != nil {
		return c, arena, err
	}
	if c.fam, key, arena, err = part(key, arena); err != nil {
		return c, arena, err
	}
	if c.qual, key, arena, err = part(key, arena); err != nil {
		return c, arena, err
	}
	if len(key) != 9 || len(value) < 1 {
		return c, arena, errBadKey
	}
	c.ts = ^binary.BigEndian.Uint64(key)
	c.typ = ^key[8]
	if value[0]&flagTTL != 0 {
		if len(value) < 9 {
			return c, arena, errBadKey
		}
		c.ttl = binary.BigEndian.Uint64(value[1:])
		c.val = value[9:]
	} else {
		c.val = value[1:]
	}
	return c, arena, nil
}
