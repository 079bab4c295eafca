package protobuf

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The wire types.
const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
	wireStart  = 3 // of a group
	wireEnd    = 4
	wire32     = 5
)

var (
	errTruncated = errors.New("the message ends early")
	errVarint    = errors.New("a varint is longer than ten bytes")
	errEndGroup  = errors.New("a group ends that did not begin")
)

// slot is what the scan of a message found for a field.
type slot struct {
	set  bool
	num  uint64 // of varint and fixed values
	data []byte // of length-delimited values; for repeated fields all from the first element's tag to the last one's end
	from int    // where a repeated field's data begins
}

// varint reads a varint at b[i].
func varint(b []byte, i int) (uint64, int, error) {
	if i < len(b) && b[i] < 0x80 {
		return uint64(b[i]), i + 1, nil
	}
	v, n := binary.Uvarint(b[min(i, len(b)):])
	if n > 0 {
		return v, i + n, nil
	}
	if n == 0 {
		return 0, 0, errTruncated
	}
	return 0, 0, errVarint
}

// length reads a length-delimited value at b[i]: its text is b[from:to].
func length(b []byte, i int) (from, to int, err error) {
	n, i, err := varint(b, i)
	if err != nil {
		return 0, 0, err
	}
	if n > uint64(len(b)-i) {
		return 0, 0, errTruncated
	}
	return i, i + int(n), nil
}

// skipValue returns the end of a value of the wire type at b[i].
func skipValue(b []byte, i int, field uint64, wire uint64) (int, error) {
	switch wire {
	case wireVarint:
		_, i, err := varint(b, i)
		return i, err
	case wire64:
		i += 8
	case wire32:
		i += 4
	case wireBytes:
		_, to, err := length(b, i)
		return to, err
	case wireStart:
		return skipGroup(b, i, field)
	case wireEnd:
		return 0, errEndGroup
	default:
		return 0, fmt.Errorf("field %d has the unknown wire type %d", field, wire)
	}
	if i > len(b) {
		return 0, errTruncated
	}
	return i, nil
}

// maxGroups is how deep groups may be nested, as in the reference implementation.
const maxGroups = 100

// skipGroup returns the end of the group of the field that begins before b[i].
func skipGroup(b []byte, i int, field uint64) (int, error) {
	var open [maxGroups]uint64
	open[0] = field
	for depth := 1; ; {
		tag, next, err := varint(b, i)
		if err != nil {
			return 0, err
		}
		i = next
		switch tag & 7 {
		case wireStart:
			if depth == maxGroups {
				return 0, fmt.Errorf("groups are nested deeper than %d", maxGroups)
			}
			open[depth] = tag >> 3
			depth++
		case wireEnd:
			if depth--; open[depth] != tag>>3 {
				return 0, errEndGroup
			}
			if depth == 0 {
				return i, nil
			}
		default:
			if i, err = skipValue(b, i, tag>>3, tag&7); err != nil {
				return 0, err
			}
		}
	}
}

// What the tables of a row say for a field number.
const (
	unwanted = -1
	clearing = -2 // and below: an unread member of the oneof -2-x, which clears the others
)

// action is what to do with the field of the number.
func (r *row) action(number uint64) int {
	if number < uint64(len(r.dense)) {
		return int(r.dense[number])
	}
	if a, ok := r.sparse[number]; ok {
		return a
	}
	return unwanted
}

// scan finds the values of the wanted fields in the message b and sets the slots.
func (r *row) scan(b []byte) error {
	clear(r.slots)
	for i := 0; i < len(b); {
		start := i
		tag := uint64(b[i])
		if tag < 0x80 {
			i++
		} else {
			var err error
			if tag, i, err = varint(b, i); err != nil {
				return err
			}
		}
		number, wire := tag>>3, tag&7
		if number == 0 || number > 1<<29-1 {
			return fmt.Errorf("the field number %d is invalid", number)
		}
		a := r.action(number)
		if a <= clearing {
			r.clearOneof(clearing-a, -1)
		}
		if a < 0 {
			var err error
			if wire == wireBytes && i < len(b) && b[i] < 0x80 { // most fields by far
				if i += 1 + int(b[i]); i > len(b) {
					return errTruncated
				}
				continue
			}
			if i, err = skipValue(b, i, number, wire); err != nil {
				return err
			}
			continue
		}
		f, s := &r.fields[a], &r.slots[a]
		if f.repeated {
			end, err := skipValue(b, i, number, wire)
			if err != nil {
				return err
			}
			if i = end; !s.set {
				s.set, s.from = true, start
			}
			s.data = b[s.from:end]
			continue
		}
		if wire != f.wire {
			end, err := skipValue(b, i, number, wire)
			if err != nil {
				return err
			}
			i = end
			continue
		}
		if f.oneof >= 0 {
			r.clearOneof(f.oneof, a)
		}
		end, err := f.read(b, i, s)
		if err != nil {
			return err
		}
		i = end
	}
	return nil
}

// read sets s to the value at b[i], whose wire type is the field's.
func (f *field) read(b []byte, i int, s *slot) (int, error) {
	switch f.wire {
	case wireVarint:
		v, end, err := varint(b, i)
		if err != nil {
			return 0, err
		}
		if f.isClosedEnumWithout(v) {
			return end, nil // as if it were an unknown field
		}
		s.num, s.set = v, true
		return end, nil
	case wire64:
		if len(b)-i < 8 {
			return 0, errTruncated
		}
		s.num, s.set = binary.LittleEndian.Uint64(b[i:]), true
		return i + 8, nil
	case wire32:
		if len(b)-i < 4 {
			return 0, errTruncated
		}
		s.num, s.set = uint64(binary.LittleEndian.Uint32(b[i:])), true
		return i + 4, nil
	case wireStart:
		end, err := skipGroup(b, i, f.number)
		if err != nil {
			return 0, err
		}
		_, tagStart := varintSize(f.number << 3)
		s.merge(b[i : end-tagStart])
		return end, nil
	}
	from, to, err := length(b, i)
	if err != nil {
		return 0, err
	}
	if f.message != nil {
		s.merge(b[from:to])
	} else {
		s.data, s.set = b[from:to], true
	}
	return to, nil
}

// merge adds a part of a message: the parts one after the other are the merged message.
func (s *slot) merge(part []byte) {
	if s.set {
		part = append(append([]byte(nil), s.data...), part...)
	}
	s.data, s.set = part, true
}

func (r *row) clearOneof(oneof, except int) {
	for _, m := range r.oneofs[oneof] {
		if m != except {
			r.slots[m] = slot{}
		}
	}
}

// varintSize is the bytes of v as a varint, and their number.
func varintSize(v uint64) ([10]byte, int) {
	var b [10]byte
	return b, binary.PutUvarint(b[:], v)
}
