package collect

import (
	"crypto/rand"
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// The quick path writes a flat JSON object straight to the Protobuf wire form, in one pass and without a message in between. It knows scalar fields and
// plain values only. Whatever else it meets (nested fields, exponents, doubled or unknown names, any error) it leaves to the library, which
// decides alone what is valid and words the errors. So the quick path may refuse anything, but what it takes must equal what the library makes of it,
// byte for byte; FuzzQuickEqualsLibrary holds it to that.

// form is how the quick path reads and writes a field.
type form uint8

const (
	formSlow form = iota // the library's
	formString
	formBool
	formVarint // int32, int64, uint32, uint64
	formZigzag // sint32, sint64
	formFixed32
	formFixed64
	formFloat
	formDouble
	formEnum
)

// column is a field of the message as the quick path needs it.
type column struct {
	name, jsonName string // the spellings that mean this field
	form           form
	narrow, signed bool // of integers: 32 bits; negative values allowed
	explicit       bool // written even when zero
	tag            []byte
	enum           map[string]int32
}

// layout is a message type compiled for the quick path. It is immutable.
type layout struct {
	columns           []column       // by field number: the order in which they are written
	names             map[string]int // both spellings of every field
	key, id, received int            // positions in columns; -1: not wanted
}

// compile returns nil when the quick path cannot serve the message type at all.
func compile(s *schema) *layout {
	m := s.message
	if strings.HasPrefix(string(m.FullName()), "google.protobuf.") || m.RequiredNumbers().Len() > 0 {
		return nil
	}
	l := &layout{names: map[string]int{}, key: -1, id: -1, received: -1}
	fields := make([]protoreflect.FieldDescriptor, 0, m.Fields().Len())
	for i := range m.Fields().Len() {
		fields = append(fields, m.Fields().Get(i))
	}
	// Insertion by number: a schema has few fields, declared in order as a rule.
	for i := 1; i < len(fields); i++ {
		for j := i; j > 0 && fields[j].Number() < fields[j-1].Number(); j-- {
			fields[j], fields[j-1] = fields[j-1], fields[j]
		}
	}
	for i, f := range fields {
		l.columns = append(l.columns, compileColumn(f))
		for _, special := range []struct {
			field protoreflect.FieldDescriptor
			to    *int
		}{{s.key, &l.key}, {s.id, &l.id}, {s.received, &l.received}} {
			if special.field == nil || special.field.Number() != f.Number() {
				continue
			}
			if f.HasDefault() || l.columns[i].form == formSlow {
				return nil
			}
			*special.to = i
		}
	}
	for i, c := range l.columns {
		l.names[c.name] = i
	}
	for i, c := range l.columns { // the JSON spelling wins where one field's name is another's JSON name
		l.names[c.jsonName] = i
	}
	for i := range l.columns {
		if c := &l.columns[i]; l.names[c.name] != i {
			c.name = c.jsonName
		}
	}
	return l
}

func compileColumn(f protoreflect.FieldDescriptor) column {
	c := column{name: f.TextName(), jsonName: f.JSONName(), explicit: f.HasPresence()}
	if one := f.ContainingOneof(); f.IsList() || f.IsMap() || one != nil && !one.IsSynthetic() {
		return c
	}
	wire := protowire.VarintType
	switch f.Kind() {
	case protoreflect.StringKind:
		c.form, wire = formString, protowire.BytesType
	case protoreflect.BoolKind:
		c.form = formBool
	case protoreflect.Int32Kind:
		c.form, c.narrow, c.signed = formVarint, true, true
	case protoreflect.Int64Kind:
		c.form, c.signed = formVarint, true
	case protoreflect.Uint32Kind:
		c.form, c.narrow = formVarint, true
	case protoreflect.Uint64Kind:
		c.form = formVarint
	case protoreflect.Sint32Kind:
		c.form, c.narrow, c.signed = formZigzag, true, true
	case protoreflect.Sint64Kind:
		c.form, c.signed = formZigzag, true
	case protoreflect.Fixed32Kind:
		c.form, wire, c.narrow = formFixed32, protowire.Fixed32Type, true
	case protoreflect.Sfixed32Kind:
		c.form, wire, c.narrow, c.signed = formFixed32, protowire.Fixed32Type, true, true
	case protoreflect.Fixed64Kind:
		c.form, wire = formFixed64, protowire.Fixed64Type
	case protoreflect.Sfixed64Kind:
		c.form, wire, c.signed = formFixed64, protowire.Fixed64Type, true
	case protoreflect.FloatKind:
		c.form, wire = formFloat, protowire.Fixed32Type
	case protoreflect.DoubleKind:
		c.form, wire = formDouble, protowire.Fixed64Type
	case protoreflect.EnumKind:
		if f.Enum().FullName() == "google.protobuf.NullValue" { // null is a value of it
			return c
		}
		c.form, c.enum = formEnum, map[string]int32{}
		for i := range f.Enum().Values().Len() {
			v := f.Enum().Values().Get(i)
			c.enum[string(v.Name())] = int32(v.Number())
		}
	default:
		return c
	}
	c.tag = protowire.AppendTag(nil, f.Number(), wire)
	return c
}

// slot is the value of one column in the event at hand.
type slot struct {
	seen, set bool   // the name occurred; it has a value
	bits      uint64 // numbers, as they are written (before zigzag)
	text      []byte // strings
}

// encoder turns the events of one request into records. It is not safe for concurrent use. Keys and values live in buffers that the records share and
// that are never written again.
type encoder struct {
	*schema
	slots   []slot
	follows []int  // by column: the column whose name came next last time; the last entry is for the first name
	scratch []byte // strings with escapes, of the event at hand
	buffer  []byte
	random  [512]byte
	used    int // of random
}

func (s *schema) encoder() *encoder {
	e := &encoder{schema: s, used: 512}
	if s.layout != nil {
		e.slots = make([]slot, len(s.layout.columns))
		e.follows = make([]int, len(s.layout.columns)+1)
		for i := range e.follows {
			e.follows[i] = i + 1
		}
		e.follows[len(s.layout.columns)] = 0
	}
	return e
}

// expect makes room for the events of n bytes of JSON: the wire form is shorter, but for ids and times that it adds.
func (e *encoder) expect(n int) {
	if cap(e.buffer)-len(e.buffer) < n {
		e.buffer = make([]byte, 0, n)
	}
}

// quick encodes the object that starts at data[at] and returns the position after it. False: the library must look at it; nothing was done.
func (e *encoder) quick(data []byte, at int, now int64) (event, int, bool) {
	l := e.layout
	if l == nil || at >= len(data) || data[at] != '{' {
		return event{}, at, false
	}
	clear(e.slots)
	e.scratch = e.scratch[:0]
	end, ok := e.object(data, at+1)
	if !ok {
		return event{}, at, false
	}
	if l.id >= 0 && len(e.slots[l.id].text) == 0 {
		id, err := e.newID()
		if err != nil {
			return event{}, at, false // the library's path meets and reports it again
		}
		e.slots[l.id].set, e.slots[l.id].text = true, id
	}
	if l.received >= 0 {
		e.slots[l.received].set, e.slots[l.received].bits = true, uint64(now)
	}
	if l.key >= 0 && len(e.slots[l.key].text) == 0 {
		return event{}, at, false
	}
	return e.write(), end, true
}

// write appends the slots to the buffer, by field number.
func (e *encoder) write() event {
	size := 0
	for i := range e.slots {
		size += len(e.slots[i].text) + 16 // tag of at most 5 bytes, length or number of at most 10
	}
	e.expectAtLeast(size)
	b := e.buffer
	start := len(b)
	ev := event{}
	for i := range e.slots {
		v, c := &e.slots[i], &e.layout.columns[i]
		if !v.set || !c.explicit && v.bits == 0 && len(v.text) == 0 {
			continue
		}
		b = append(b, c.tag...)
		switch c.form {
		case formString:
			b = protowire.AppendVarint(b, uint64(len(v.text)))
			b = append(b, v.text...)
			if i == e.layout.key {
				ev.key = b[len(b)-len(v.text) : len(b) : len(b)]
			}
		case formZigzag:
			b = protowire.AppendVarint(b, protowire.EncodeZigZag(int64(v.bits)))
		case formFixed32, formFloat:
			b = protowire.AppendFixed32(b, uint32(v.bits))
		case formFixed64, formDouble:
			b = protowire.AppendFixed64(b, v.bits)
		default:
			b = protowire.AppendVarint(b, v.bits)
		}
	}
	ev.value = b[start:len(b):len(b)]
	e.buffer = b
	return ev
}

func (e *encoder) expectAtLeast(n int) {
	if cap(e.buffer)-len(e.buffer) < n {
		e.buffer = make([]byte, 0, max(n, 32<<10))
	}
}

func (e *encoder) newID() ([]byte, error) {
	if e.used == len(e.random) {
		if _, err := rand.Read(e.random[:]); err != nil {
			return nil, err
		}
		e.used = 0
	}
	at := len(e.scratch)
	e.scratch = hex.AppendEncode(e.scratch, e.random[e.used:e.used+16])
	e.used += 16
	return e.scratch[at:], nil
}

func space(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\t' || data[i] == '\r') {
		i++
	}
	return i
}

// object reads the members from after the opening brace to after the closing one.
func (e *encoder) object(data []byte, i int) (int, bool) {
	i = space(data, i)
	if i < len(data) && data[i] == '}' {
		return i + 1, true
	}
	last := len(e.layout.columns)
	for {
		if i >= len(data) || data[i] != '"' {
			return i, false
		}
		i++
		col, n := e.name(data[i:], last)
		if n == 0 || e.slots[col].seen {
			return i, false
		}
		last = col
		i = space(data, i+n)
		if i >= len(data) || data[i] != ':' {
			return i, false
		}
		var ok bool
		e.slots[col].seen = true
		if i, ok = e.value(data, space(data, i+1), col); !ok {
			return i, false
		}
		i = space(data, i)
		if i >= len(data) {
			return i, false
		}
		if data[i] == '}' {
			return i + 1, true
		}
		if data[i] != ',' {
			return i, false
		}
		i = space(data, i+1)
	}
}

// name finds the column whose name starts rest and returns it with the bytes up to after the closing quote; 0: none. Senders keep their order of names, so
// the name that came after the last one before is tried first.
func (e *encoder) name(rest []byte, last int) (int, int) {
	if col := e.follows[last]; col < len(e.layout.columns) {
		c := &e.layout.columns[col]
		if n := len(c.name); len(rest) > n && rest[n] == '"' && string(rest[:n]) == c.name {
			return col, n + 1
		}
		if n := len(c.jsonName); len(rest) > n && rest[n] == '"' && string(rest[:n]) == c.jsonName {
			return col, n + 1
		}
	}
	for n, c := range rest {
		if c == '\\' {
			return 0, 0
		}
		if c == '"' {
			col, ok := e.layout.names[string(rest[:n])]
			if !ok {
				return 0, 0
			}
			e.follows[last] = col
			return col, n + 1
		}
	}
	return 0, 0
}

// value reads the value at i into the column's slot.
func (e *encoder) value(data []byte, i, col int) (int, bool) {
	if i >= len(data) {
		return i, false
	}
	c, v := &e.layout.columns[col], &e.slots[col]
	if c.form == formSlow {
		return i, false
	}
	if data[i] == 'n' { // null: the field is absent
		return literal(data, i, "null")
	}
	v.set = true
	switch c.form {
	case formString:
		if data[i] != '"' {
			return i, false
		}
		var ok bool
		v.text, i, ok = e.text(data, i+1)
		return i, ok
	case formEnum:
		if data[i] != '"' {
			return i, false
		}
		name, i, ok := e.text(data, i+1)
		number, known := c.enum[string(name)]
		v.bits = uint64(int64(number))
		return i, ok && known
	case formBool:
		if data[i] == 't' {
			v.bits = 1
			return literal(data, i, "true")
		}
		return literal(data, i, "false")
	case formFloat, formDouble:
		return float(data, i, c.form, v)
	}
	quoted := data[i] == '"'
	if quoted {
		i++
	}
	i, ok := integer(data, i, c, v)
	if !ok {
		return i, false
	}
	if quoted {
		return i + 1, i < len(data) && data[i] == '"'
	}
	return i, ends(data, i)
}

// ends tells whether a number may end at i.
func ends(data []byte, i int) bool {
	if i >= len(data) {
		return false
	}
	switch data[i] {
	case ',', '}', ' ', '\n', '\t', '\r':
		return true
	}
	return false
}

func literal(data []byte, i int, want string) (int, bool) {
	if end := i + len(want); end <= len(data) && string(data[i:end]) == want {
		return end, ends(data, end)
	}
	return i, false
}

// integer reads plain digits: no leading zeros, no fraction, no exponent, at most 18 of them so that nothing overflows.
func integer(data []byte, i int, c *column, v *slot) (int, bool) {
	negative := false
	if i < len(data) && data[i] == '-' {
		negative = true
		i++
	}
	from := i
	var n uint64
	for ; i < len(data) && data[i] >= '0' && data[i] <= '9'; i++ {
		n = n*10 + uint64(data[i]-'0')
	}
	digits := i - from
	if digits == 0 || digits > 18 || digits > 1 && data[from] == '0' || negative && (!c.signed || n == 0) {
		return i, false
	}
	if c.narrow && (c.signed && n > math.MaxInt32 || n > math.MaxUint32) {
		return i, false
	}
	if negative {
		n = -n
	}
	v.bits = n
	return i, true
}

// float reads a JSON number.
func float(data []byte, i int, f form, v *slot) (int, bool) {
	from := i
	digits := func() int {
		at := i
		for i < len(data) && data[i] >= '0' && data[i] <= '9' {
			i++
		}
		return i - at
	}
	if i < len(data) && data[i] == '-' {
		i++
	}
	whole := i
	if n := digits(); n == 0 || n > 1 && data[whole] == '0' {
		return i, false
	}
	if i < len(data) && data[i] == '.' {
		i++
		if digits() == 0 {
			return i, false
		}
	}
	if i-from > 64 || !ends(data, i) {
		return i, false
	}
	if f == formFloat {
		x, err := strconv.ParseFloat(string(data[from:i]), 32)
		v.bits = uint64(math.Float32bits(float32(x)))
		return i, err == nil
	}
	x, err := strconv.ParseFloat(string(data[from:i]), 64)
	v.bits = math.Float64bits(x)
	return i, err == nil
}

// plainText marks the bytes that stand for themselves in a JSON string and need no check of UTF-8.
var plainText = func() (t [256]bool) {
	for c := 0x20; c < 0x80; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// text reads a string from after its opening quote to after the closing one. The result points into data or, after escapes, into the scratch.
func (e *encoder) text(data []byte, i int) ([]byte, int, bool) {
	from, start := i, len(e.scratch)
	escaped, wide := false, false
	for i < len(data) {
		c := data[i]
		switch {
		case plainText[c]:
			i++
		case c >= 0x80:
			wide = true
			i++
		case c == '"':
			out := data[from:i]
			if escaped {
				e.scratch = append(e.scratch, out...)
				out = e.scratch[start:]
			}
			return out, i + 1, !wide || utf8.Valid(out)
		case c == '\\' && i+1 < len(data):
			e.scratch = append(e.scratch, data[from:i]...)
			escaped = true
			var ok bool
			if i, ok = e.escape(data, i+1); !ok {
				return nil, i, false
			}
			from = i
		default: // control characters
			return nil, i, false
		}
	}
	return nil, i, false
}

// escape reads an escape from after its backslash.
func (e *encoder) escape(data []byte, i int) (int, bool) {
	switch c := data[i]; c {
	case '"', '\\', '/':
		e.scratch = append(e.scratch, c)
	case 'b':
		e.scratch = append(e.scratch, '\b')
	case 'f':
		e.scratch = append(e.scratch, '\f')
	case 'n':
		e.scratch = append(e.scratch, '\n')
	case 'r':
		e.scratch = append(e.scratch, '\r')
	case 't':
		e.scratch = append(e.scratch, '\t')
	case 'u':
		r, ok := hex4(data, i+1)
		if !ok {
			return i, false
		}
		i += 5
		if utf16.IsSurrogate(r) {
			if i+1 >= len(data) || data[i] != '\\' || data[i+1] != 'u' {
				return i, false
			}
			low, ok := hex4(data, i+2)
			if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
				return i, false
			}
			i += 6
		}
		e.scratch = utf8.AppendRune(e.scratch, r)
		return i, true
	default:
		return i, false
	}
	return i + 1, true
}

func hex4(data []byte, i int) (r rune, ok bool) {
	if i+4 > len(data) {
		return 0, false
	}
	for _, h := range data[i : i+4] {
		switch {
		case h >= '0' && h <= '9':
			r = r<<4 | rune(h-'0')
		case h|0x20 >= 'a' && h|0x20 <= 'f':
			r = r<<4 | rune(h|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
