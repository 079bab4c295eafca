// Package csv decodes and encodes lines of delimited text (RFC 4180) with the options of Flink's csv format.
//
// A message is a line; one that holds several lines gives a row for each. Columns go by position, so a decoder for some of the
// columns must know all of them. An empty value without quotes in a column that is no string, ROW, ARRAY or BOOLEAN (where it is false) is
// NULL, which Flink takes as an error. A ROW or ARRAY column is a list of values between array-element-delimiters.
package csv

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/option"
	"github.com/freshet-dw/freshet/pkg/format/internal/scalar"
	"github.com/freshet-dw/freshet/pkg/format/internal/text"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Name is the format's name in 'format' = '…'.
const Name = "csv"

// Options are the options of the format. A zero byte means that there is no such character.
type Options struct {
	Delimiter         byte
	Quote             byte
	Escape            byte
	ArrayDelimiter    string
	AllowComments     bool // lines that begin with # are left out
	IgnoreParseErrors bool
	NullLiteral       string
	HasNullLiteral    bool
	Scientific        bool // decimals may be written with an exponent
}

// ParseOptions reads the options and checks them.
func ParseOptions(in format.Options) (Options, error) {
	s := option.New(Name, in)
	o := Options{
		Delimiter:         char(s, "field-delimiter", ","),
		Quote:             char(s, "quote-character", `"`),
		Escape:            char(s, "escape-character", ""),
		ArrayDelimiter:    unescape(s.Text("array-element-delimiter", ";")),
		AllowComments:     s.Bool("allow-comments", false),
		IgnoreParseErrors: s.Bool("ignore-parse-errors", false),
		NullLiteral:       s.Text("null-literal", ""),
		HasNullLiteral:    s.Has("null-literal"),
		Scientific:        s.Bool("write-bigdecimal-in-scientific-notation", true),
	}
	if s.Bool("disable-quote-character", false) {
		if s.Has("quote-character") {
			s.Errorf("quote-character", "set only one of them", "cannot be used with 'disable-quote-character'")
		}
		o.Quote = 0
	}
	if o.Delimiter == 0 {
		s.Errorf("field-delimiter", "", "must not be empty")
	}
	if o.Delimiter == o.Quote && o.Quote != 0 {
		s.Errorf("quote-character", "", "is the same as the delimiter")
	}
	if o.ArrayDelimiter == "" {
		s.Errorf("array-element-delimiter", "", "must not be empty")
	}
	return o, s.Err()
}

// char is an option that is one ASCII character; escapes such as \t and \u0001 are understood.
func char(s *option.Set, key, def string) byte {
	v := unescape(s.Text(key, def))
	if v == "" {
		return 0
	}
	if len(v) > 1 || v[0] >= utf8.RuneSelf || v == "\n" || v == "\r" {
		s.Errorf(key, "write one ASCII character, no line break", "%q cannot be used", v)
	}
	return v[0]
}

func unescape(s string) string {
	if !strings.HasPrefix(s, `\`) || len(s) < 2 {
		return s
	}
	switch s[1:] {
	case "t":
		return "\t"
	case `\`:
		return `\`
	}
	var r rune
	if len(s) == 6 && s[1] == 'u' {
		if _, err := fmt.Sscanf(s[2:], "%04x", &r); err == nil {
			return string(r)
		}
	}
	return s
}

// Decoder decodes lines. It is not safe for concurrent use.
type Decoder struct {
	opts    Options
	all     int
	columns []column
	values  []value
	text    []byte // of values with quotes or escapes
}

// column is a wanted column, or a part of one.
type column struct {
	scalar.Column
	name  string
	at    int      // position in the line
	parts []column // of ROW the fields, of ARRAY the element
}

// value is one value of a line. Its text is data[from:to], or text[from:to] of the decoder when copied is set.
type value struct {
	from, to int
	quoted   bool
	copied   bool
}

var _ format.Decoder = (*Decoder)(nil)

// NewDecoder makes a decoder for the fields, which are some of all, the columns of the lines. All nil means that the fields
// are all columns.
func NewDecoder(fields, all []format.Field, opts Options) (*Decoder, error) {
	if all == nil {
		all = fields
	}
	position := map[string]int{}
	for i, f := range all {
		position[f.Name] = i
	}
	d := &Decoder{opts: opts, all: len(all)}
	for _, f := range fields {
		at, ok := position[f.Name]
		if !ok {
			return nil, fault.Newf(fault.Config, "csv: column %s is not among the columns of the table", f.Name)
		}
		c, err := newColumn(f.Name, f.Type, true)
		if err != nil {
			return nil, fault.Wrap(fault.Config, err, "csv column %s", f.Name)
		}
		c.at = at
		d.columns = append(d.columns, c)
	}
	return d, nil
}

func newColumn(name string, t types.Type, top bool) (column, error) {
	c := column{Column: scalar.New(t, scalar.Options{SQLDates: true}), name: name}
	switch t.Kind {
	case types.Array, types.Row:
		if !top {
			return c, fmt.Errorf("csv cannot hold a %s inside another value", t)
		}
		if t.Kind == types.Array {
			e, err := newColumn("element", *t.Elem, false)
			c.parts = []column{e}
			return c, err
		}
		for _, f := range t.Fields {
			p, err := newColumn(f.Name, f.Type, false)
			if err != nil {
				return c, err
			}
			c.parts = append(c.parts, p)
		}
	case types.Map, types.Multiset:
		return c, fmt.Errorf("csv cannot hold a %s", t)
	}
	return c, nil
}

func (c *column) bind(b array.Builder) {
	c.Bind(b)
	switch b := b.(type) {
	case *array.StructBuilder:
		for i := range c.parts {
			c.parts[i].bind(b.FieldBuilder(i))
		}
	case *array.ListBuilder:
		c.parts[0].bind(b.ValueBuilder())
	}
}

// Decode implements format.Decoder. A tombstone gives no row. With ignore-parse-errors bad is never called.
func (d *Decoder) Decode(msgs []format.Message, out *batch.Builder, bad func(i int, err error)) {
	for i := range d.columns {
		d.columns[i].bind(out.Cols[i])
	}
	for i := range msgs {
		n := out.Len()
		if err := d.message(msgs[i].Value, out, int32(i)); err != nil {
			out.RollbackTo(n)
			if !d.opts.IgnoreParseErrors {
				bad(i, fault.Wrap(fault.Data, err, "decode csv"))
			}
		}
	}
}

func (d *Decoder) message(v []byte, out *batch.Builder, msg int32) error {
	for line := 1; len(v) > 0; line++ {
		if d.opts.AllowComments && v[0] == '#' {
			at := bytes.IndexByte(v, '\n')
			if at < 0 {
				return nil
			}
			v = v[at+1:]
			continue
		}
		n, err := d.split(v)
		if err == nil && !(len(d.values) == 1 && d.values[0] == value{}) { // not a blank line
			if err = d.row(v); err == nil {
				out.RowDone(batch.Insert, msg)
			}
		}
		if err != nil {
			if line == 1 && n == len(v) {
				return err
			}
			return fmt.Errorf("line %d: %w", line, err)
		}
		v = v[n:]
	}
	return nil
}

var (
	errQuote = errors.New("a quoted value does not end")
	errAfter = errors.New("text follows a closing quote")
)

// split finds the values of the line at the beginning of v and returns where the next one begins.
func (d *Decoder) split(v []byte) (int, error) {
	d.values, d.text = d.values[:0], d.text[:0]
	o := &d.opts
	for i := 0; ; {
		if o.Quote != 0 && i < len(v) && v[i] == o.Quote {
			end, err := d.quoted(v, i+1)
			if err != nil {
				return len(v), err
			}
			i = end
		} else {
			from, plain := i, true
			for i < len(v) && v[i] != o.Delimiter && v[i] != '\n' {
				if o.Escape != 0 && v[i] == o.Escape && i+1 < len(v) {
					plain = false
					i++
				}
				i++
			}
			to := i
			if to > from && to < len(v) && v[to] == '\n' && v[to-1] == '\r' || to == len(v) && to > from && v[to-1] == '\r' {
				to--
			}
			if plain {
				d.values = append(d.values, value{from: from, to: to})
			} else {
				at := len(d.text)
				for j := from; j < to; j++ {
					if v[j] == o.Escape && j+1 < to {
						j++
					}
					d.text = append(d.text, v[j])
				}
				d.values = append(d.values, value{from: at, to: len(d.text), copied: true})
			}
		}
		switch {
		case i >= len(v):
			return i, nil
		case v[i] == '\n':
			return i + 1, nil
		case v[i] == '\r' && (i+1 == len(v) || v[i+1] == '\n'):
			return min(i+2, len(v)), nil
		case v[i] != o.Delimiter:
			return len(v), errAfter
		}
		i++
	}
}

// quoted reads a value after its opening quote and returns what follows its closing one.
func (d *Decoder) quoted(v []byte, i int) (int, error) {
	o := &d.opts
	from := i
	for i < len(v) && v[i] != o.Quote && (o.Escape == 0 || v[i] != o.Escape) {
		i++
	}
	if i < len(v) && v[i] == o.Quote && (i+1 >= len(v) || v[i+1] != o.Quote) {
		d.values = append(d.values, value{from: from, to: i, quoted: true})
		return i + 1, nil
	}
	at := len(d.text)
	d.text = append(d.text, v[from:i]...)
	for i < len(v) {
		switch {
		case o.Escape != 0 && v[i] == o.Escape && o.Escape != o.Quote && i+1 < len(v):
			i++
		case v[i] == o.Quote:
			if i+1 >= len(v) || v[i+1] != o.Quote {
				d.values = append(d.values, value{from: at, to: len(d.text), quoted: true, copied: true})
				return i + 1, nil
			}
			i++
		}
		d.text = append(d.text, v[i])
		i++
	}
	return 0, errQuote
}

func (d *Decoder) row(v []byte) error {
	if n := len(d.values); n > d.all || n < d.all && !d.opts.IgnoreParseErrors {
		return fmt.Errorf("%d values where there are %d columns", len(d.values), d.all)
	}
	for i := range d.columns {
		c := &d.columns[i]
		if c.at >= len(d.values) {
			c.B.AppendNull()
			continue
		}
		f := d.values[c.at]
		t := v
		if f.copied {
			t = d.text
		}
		if err := d.column(c, t[f.from:f.to], f.quoted); err != nil {
			return fmt.Errorf("column %s: %w", c.name, err)
		}
	}
	return nil
}

var errUTF8 = errors.New("the text is not valid UTF-8")

func (d *Decoder) column(c *column, t []byte, quoted bool) error {
	isString := c.Kind == types.Varchar || c.Kind == types.Char
	empty := len(t) == 0 && !quoted && !isString && c.Kind != types.Boolean && c.Kind != types.Array || len(t) == 0 && c.Kind == types.Row
	if d.opts.HasNullLiteral && string(t) == d.opts.NullLiteral || empty {
		c.B.AppendNull()
		return nil
	}
	n := c.B.Len()
	err := d.convert(c, t, isString)
	if err != nil && d.opts.IgnoreParseErrors {
		batch.Truncate(c.B, n)
		c.B.AppendNull()
		return nil
	}
	return err
}

func (d *Decoder) convert(c *column, t []byte, isString bool) error {
	switch {
	case c.Kind == types.Array:
		c.B.(*array.ListBuilder).Append(true)
		if len(t) == 0 {
			return nil
		}
		for n := 0; ; n++ {
			part, rest, more := bytes.Cut(t, []byte(d.opts.ArrayDelimiter))
			if err := d.column(&c.parts[0], part, false); err != nil {
				return fmt.Errorf("element %d: %w", n, err)
			}
			if !more {
				return nil
			}
			t = rest
		}
	case c.Kind == types.Row:
		n := 1 + bytes.Count(t, []byte(d.opts.ArrayDelimiter))
		if n < len(c.parts) && !d.opts.IgnoreParseErrors {
			return fmt.Errorf("%d values where the ROW has %d fields", n, len(c.parts))
		}
		c.B.(*array.StructBuilder).Append(true)
		for i := range c.parts {
			if i >= n {
				c.parts[i].B.AppendNull()
				continue
			}
			part, rest, _ := bytes.Cut(t, []byte(d.opts.ArrayDelimiter))
			if err := d.column(&c.parts[i], part, false); err != nil {
				return fmt.Errorf("field %s: %w", c.parts[i].name, err)
			}
			t = rest
		}
		return nil
	case isString && !utf8.Valid(t):
		return errUTF8
	case !isString && c.Kind != types.Date && c.Kind != types.Time && c.Kind != types.Decimal:
		t = text.Trim(t) // of those not, in Flink
	}
	if err := c.Append(t, '"'); err != nil {
		return fmt.Errorf("%q as %s: %w", t[:min(len(t), 64)], c.Kind, err)
	}
	return nil
}

// Split is a bufio.SplitFunc for lines, which line breaks within quotes do not end. The break is not part of the line.
func (o Options) Split(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if atEOF && len(data) == 0 {
		return 0, nil, nil
	}
	start := true // of a value
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case i == 0 && o.AllowComments && c == '#':
			if n := bytes.IndexByte(data, '\n'); n >= 0 {
				return n + 1, data[:n], nil
			}
			i = len(data)
		case start && o.Quote != 0 && c == o.Quote:
			end := o.quoteEnd(data, i+1)
			if end < 0 {
				i = len(data)
				continue
			}
			i, start = end, false
		case c == '\n':
			line := data[:i]
			if i > 0 && data[i-1] == '\r' {
				line = data[:i-1]
			}
			return i + 1, line, nil
		case o.Escape != 0 && c == o.Escape:
			i, start = i+1, false
		default:
			start = c == o.Delimiter
		}
	}
	if !atEOF {
		return 0, nil, nil // more is needed
	}
	return len(data), bytes.TrimSuffix(data, []byte("\r")), nil
}

// quoteEnd is where the quote is that ends the value whose text begins at i, −1 if it is not in data.
func (o Options) quoteEnd(data []byte, i int) int {
	for ; i < len(data); i++ {
		switch {
		case o.Escape != 0 && o.Escape != o.Quote && data[i] == o.Escape:
			i++
		case data[i] != o.Quote:
		case i+1 < len(data) && data[i+1] == o.Quote:
			i++
		default:
			return i
		}
	}
	return -1
}
