package hbase

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"regexp"
	"strings"

	"github.com/tsuna/gohbase/pb"
)

// comparator compares its own value with one from a cell: negative when its own is
// smaller. Comparators that only match return 0 for a match and 1 otherwise.
type comparator func(v []byte) int

// newComparator builds a comparator; raw is the value it holds, nil when it has none.
func newComparator(c *pb.Comparator) (compare comparator, raw []byte, err error) {
	name, _ := strings.CutPrefix(c.GetName(), filterPackage)
	body := c.GetSerializedComparator()
	switch name {
	case "BinaryComparator":
		var m pb.BinaryComparator
		err = decode(name, body, &m)
		own := m.GetComparable().GetValue()
		return func(v []byte) int { return bytes.Compare(own, v) }, own, err
	case "BinaryPrefixComparator":
		var m pb.BinaryPrefixComparator
		err = decode(name, body, &m)
		own := m.GetComparable().GetValue()
		return func(v []byte) int { return bytes.Compare(own, v[:min(len(v), len(own))]) }, own, err
	case "LongComparator":
		var m pb.LongComparator
		if err = decode(name, body, &m); err != nil {
			return nil, nil, err
		}
		own := m.GetComparable().GetValue()
		if len(own) != 8 {
			return nil, nil, throwf(classIllegalArgument, "LongComparator needs 8 bytes, has %d", len(own))
		}
		return longComparator(int64(binary.BigEndian.Uint64(own))), own, nil
	case "BitComparator":
		var m pb.BitComparator
		err = decode(name, body, &m)
		own := m.GetComparable().GetValue()
		return bitComparator(own, m.GetBitwiseOp()), own, err
	case "NullComparator":
		return func(v []byte) int {
			if v != nil {
				return 1
			}
			return 0
		}, nil, nil
	case "SubstringComparator":
		var m pb.SubstringComparator
		err = decode(name, body, &m)
		own := strings.ToLower(m.GetSubstr())
		return matches(func(v []byte) bool { return strings.Contains(strings.ToLower(string(v)), own) }), []byte(own), err
	case "RegexStringComparator":
		var m pb.RegexStringComparator
		if err = decode(name, body, &m); err != nil {
			return nil, nil, err
		}
		re, err := javaRegexp(m.GetPattern(), m.GetPatternFlags())
		if err != nil {
			return nil, nil, err
		}
		return matches(re.Match), []byte(m.GetPattern()), nil
	default:
		return nil, nil, throwf(classDoNotRetry, "java.lang.ClassNotFoundException: no comparator %s", c.GetName())
	}
}

func matches(f func([]byte) bool) comparator {
	return func(v []byte) int {
		if f(v) {
			return 0
		}
		return 1
	}
}

// longComparator reads cells as 8-byte big-endian numbers; others never compare equal.
func longComparator(own int64) comparator {
	return func(v []byte) int {
		if len(v) < 8 {
			return 1
		}
		return cmp.Compare(own, int64(binary.BigEndian.Uint64(v)))
	}
}

func bitComparator(own []byte, op pb.BitComparator_BitwiseOp) comparator {
	return matches(func(v []byte) bool {
		if len(v) != len(own) {
			return false
		}
		for i := range own {
			var b byte
			switch op {
			case pb.BitComparator_AND:
				b = own[i] & v[i]
			case pb.BitComparator_OR:
				b = own[i] | v[i]
			case pb.BitComparator_XOR:
				b = own[i] ^ v[i]
			}
			if b != 0 {
				return true
			}
		}
		return false
	})
}

// Flags of java.util.regex.Pattern.
const (
	javaCaseInsensitive = 2
	javaMultiline       = 8
	javaLiteral         = 16
	javaDotAll          = 32
)

// javaRegexp compiles a Java pattern with Go's syntax, which knows no look-around and
// no back references; those are refused.
func javaRegexp(pattern string, flags int32) (*regexp.Regexp, error) {
	if flags&javaLiteral != 0 {
		pattern = regexp.QuoteMeta(pattern)
	}
	prefix := ""
	for _, f := range []struct {
		flag int32
		mode string
	}{{javaCaseInsensitive, "i"}, {javaMultiline, "m"}, {javaDotAll, "s"}} {
		if flags&f.flag != 0 {
			prefix += f.mode
		}
	}
	if prefix != "" {
		pattern = "(?" + prefix + ")" + pattern
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, throwf(classDoNotRetry, "regular expression %q: %v", pattern, err)
	}
	return re, nil
}

// comparison is an operator with its comparator, of HBase's CompareFilter.
type comparison struct {
	op      pb.CompareType
	compare comparator
}

func newComparison(op pb.CompareType, c *pb.Comparator) (comparison, error) {
	if c == nil {
		return comparison{op: op}, nil
	}
	f, _, err := newComparator(c)
	return comparison{op: op, compare: f}, err
}

// drops reports that v does not stand in the wanted relation to the comparator.
func (c comparison) drops(v []byte) bool {
	if c.op == pb.CompareType_NO_OP || c.compare == nil {
		return true
	}
	return !holds(c.op, -c.compare(v))
}

// holds reports whether a value that compares as order with the operand satisfies op.
func holds(op pb.CompareType, order int) bool {
	switch op {
	case pb.CompareType_LESS:
		return order < 0
	case pb.CompareType_LESS_OR_EQUAL:
		return order <= 0
	case pb.CompareType_EQUAL:
		return order == 0
	case pb.CompareType_NOT_EQUAL:
		return order != 0
	case pb.CompareType_GREATER_OR_EQUAL:
		return order >= 0
	case pb.CompareType_GREATER:
		return order > 0
	default:
		return false
	}
}
