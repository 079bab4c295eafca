package avro

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hamba/avro/v2"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// op is what a node does with the value of the writer's schema at the cursor.
type op uint8

const (
	opFail  op = iota // no value of this schema can be read into the column
	opNull            // append NULL
	opUnion           // read the branch's number and go on with it
	opBool            // append …
	opInt             // an int or long, as TINYINT to BIGINT
	opIntAsFloat
	opFloat
	opFloatAsDouble
	opDouble
	opString
	opBytes
	opFixed
	opFixedText
	opEnum
	opDecimalBytes
	opDecimalFixed
	opDate
	opTime
	opTimestamp
	opRecord
	opArray
	opMap
	opSkip // and the rest append nothing
	opSkipVarint
	opSkipFixed
	opSkipBytes
	opSkipRecord
	opSkipList
	opSkipMap
	opSkipUnion
)

// node reads or skips one value. Trees of nodes are made once for a pair of schemas and run for each message.
type node struct {
	op       op
	long     bool         // opInt: the writer's number has 64 bits
	kind     types.Kind   // of the column
	prec     int          // of DECIMAL and timestamps
	scale    int          // of DECIMAL
	from     int          // opDecimal: the writer's scale
	size     int          // of fixed
	mul, div int64        // opTime, opTimestamp: to the column's unit
	symbols  [][]byte     // opEnum
	err      error        // opFail
	branches []*node      // of unions
	steps    []step       // of records, in the writer's order
	missing  []substitute // of records: columns that the writer does not have
	elem     *node        // of arrays and maps
	target
}

// step is a field of a record; the wanted ones have the column's index, the others −1.
type step struct {
	node *node
	col  int
	name string
}

// substitute appends the reader's default, kept in binary form.
type substitute struct {
	node  *node
	col   int
	value []byte
}

// resolver makes nodes by Avro's rules of schema resolution. Skips of named schemas are kept, so that recursive ones end.
type resolver struct {
	skips map[avro.Schema]*node
}

var errNullHere = errors.New("null in a column that is NOT NULL")

// value resolves a value of the writer's schema w for a column of type t. r is the reader's schema, which gives aliases and defaults.
func (rs *resolver) value(w, r avro.Schema, t types.Type) (*node, error) {
	w = deref(w)
	if u, ok := w.(*avro.UnionSchema); ok {
		n := &node{op: opUnion}
		fits := false
		var why error
		for _, b := range u.Types() {
			bn, err := rs.value(b, r, t)
			switch {
			case err != nil:
				bn = &node{op: opFail, err: err}
				why = err
			case deref(b).Type() != avro.Null:
				fits = true
			}
			n.branches = append(n.branches, bn)
		}
		if !fits && why != nil {
			return nil, why
		}
		return n, nil
	}
	if w.Type() == avro.Null {
		if t.NotNull {
			return nil, errNullHere
		}
		return &node{op: opNull}, nil
	}
	n := &node{kind: t.Kind, prec: t.Precision, scale: t.Scale}
	mismatch := fmt.Errorf("a %s of Avro cannot be read as %s", describe(w), t.AsNullable())
	switch t.Kind {
	case types.Boolean:
		if w.Type() == avro.Boolean {
			n.op = opBool
			return n, nil
		}
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt:
		n.op, n.long = opInt, w.Type() == avro.Long
		if w.Type() == avro.Int || n.long && t.Kind == types.BigInt {
			return n, nil
		}
	case types.Float, types.Double:
		switch w.Type() {
		case avro.Int, avro.Long:
			n.op, n.long = opIntAsFloat, w.Type() == avro.Long
			return n, nil
		case avro.Float:
			n.op = opFloat
			if t.Kind == types.Double {
				n.op = opFloatAsDouble
			}
			return n, nil
		case avro.Double:
			if n.op = opDouble; t.Kind == types.Double {
				return n, nil
			}
		}
	case types.Char, types.Varchar, types.Binary, types.Varbinary:
		switch s := w.(type) {
		case *avro.PrimitiveSchema:
			if w.Type() == avro.String || w.Type() == avro.Bytes {
				if n.op = opBytes; t.IsString() {
					n.op = opString
				}
				return n, nil
			}
		case *avro.FixedSchema:
			if n.op, n.size = opFixed, s.Size(); t.IsString() {
				n.op = opFixedText
			}
			return n, nil
		case *avro.EnumSchema:
			if t.IsString() {
				n.op = opEnum
				for _, sym := range s.Symbols() {
					n.symbols = append(n.symbols, []byte(sym))
				}
				return n, nil
			}
		}
	case types.Decimal:
		n.from = t.Scale
		if l, ok := w.(avro.LogicalTypeSchema); ok && l.Logical() != nil {
			if d, ok := l.Logical().(*avro.DecimalLogicalSchema); ok {
				n.from = d.Scale()
			}
		}
		if f, ok := w.(*avro.FixedSchema); ok {
			n.op, n.size = opDecimalFixed, f.Size()
			return n, nil
		}
		if n.op = opDecimalBytes; w.Type() == avro.Bytes {
			return n, nil
		}
	case types.Date:
		if n.op = opDate; w.Type() == avro.Int {
			return n, nil
		}
	case types.Time:
		n.op, n.mul, n.div = opTime, 1, 1
		if logicalOf(w) == avro.TimeMicros {
			n.div = 1000
		}
		if w.Type() == avro.Int || w.Type() == avro.Long {
			return n, nil
		}
	case types.Timestamp, types.TimestampLTZ:
		n.op, n.mul, n.div = opTimestamp, 1000, 1
		switch {
		case logicalOf(w) == avro.TimestampMicros || logicalOf(w) == avro.LocalTimestampMicros || propOf(w, "connect.name") == "io.debezium.time.MicroTimestamp":
			n.mul = 1
		case propOf(w, "connect.name") == "io.debezium.time.NanoTimestamp":
			n.mul, n.div = 1, 1000
		}
		if w.Type() == avro.Long {
			return n, nil
		}
	case types.Row:
		if wr, ok := w.(*avro.RecordSchema); ok {
			n.op = opRecord
			return n, rs.record(n, wr, record(orWriter(r, w)), t.Fields)
		}
	case types.Array:
		if wa, ok := w.(*avro.ArraySchema); ok {
			var items avro.Schema
			if ra, ok := branch(r, avro.Array).(*avro.ArraySchema); ok {
				items = ra.Items()
			}
			n.op = opArray
			var err error
			if n.elem, err = rs.value(wa.Items(), items, *t.Elem); err != nil {
				return nil, fmt.Errorf("element: %w", err)
			}
			return n, nil
		}
	case types.Map, types.Multiset:
		if wm, ok := w.(*avro.MapSchema); ok {
			var values avro.Schema
			if rm, ok := branch(r, avro.Map).(*avro.MapSchema); ok {
				values = rm.Values()
			}
			key, value := t.Elem, types.Of(types.Int)
			if t.Kind == types.Map {
				key, value = t.Key, *t.Elem
			}
			if !key.IsString() {
				return nil, fmt.Errorf("map keys of type %s do not exist in Avro", key)
			}
			n.op = opMap
			var err error
			if n.elem, err = rs.value(wm.Values(), values, value); err != nil {
				return nil, fmt.Errorf("value: %w", err)
			}
			return n, nil
		}
	}
	return nil, mismatch
}

// orWriter is the reader's schema, or the writer's where nothing is known of the reader's.
func orWriter(r, w avro.Schema) avro.Schema {
	if r == nil {
		return w
	}
	return r
}

// branch is r, or the first of its branches if it is a union, if it has the type; else nil.
func branch(r avro.Schema, t avro.Type) avro.Schema {
	if r == nil {
		return nil
	}
	r = deref(r)
	if u, ok := r.(*avro.UnionSchema); ok {
		for _, b := range u.Types() {
			if b = deref(b); b.Type() == t {
				return b
			}
		}
	}
	if r.Type() == t {
		return r
	}
	return nil
}

// record resolves the fields of a record: those of w by the names and aliases that r has for the columns.
func (rs *resolver) record(n *node, w, r *avro.RecordSchema, columns []types.Field) error {
	if r == nil {
		r = w
	}
	readers := make([]*avro.Field, len(columns))
	colOf := map[string]int{} // by the writer's name of the field
	for i, c := range columns {
		at := slices.IndexFunc(r.Fields(), func(f *avro.Field) bool { return f.Name() == c.Name })
		if at < 0 {
			return fmt.Errorf("column %s: the schema of the table has no such field", c.Name)
		}
		readers[i] = r.Fields()[at]
		colOf[c.Name] = i
	}
	for i, f := range readers {
		if !slices.ContainsFunc(w.Fields(), func(wf *avro.Field) bool { return wf.Name() == f.Name() }) {
			for _, a := range f.Aliases() {
				if _, taken := colOf[a]; !taken {
					colOf[a] = i
				}
			}
		}
	}
	done := make([]bool, len(columns))
	for _, wf := range w.Fields() {
		i, ok := colOf[wf.Name()]
		if !ok || done[i] {
			n.steps = append(n.steps, step{node: rs.skip(wf.Type()), col: -1, name: wf.Name()})
			continue
		}
		v, err := rs.value(wf.Type(), readers[i].Type(), columns[i].Type)
		if err != nil {
			return fmt.Errorf("column %s: %w", columns[i].Name, err)
		}
		done[i] = true
		n.steps = append(n.steps, step{node: v, col: i, name: columns[i].Name})
	}
	for i, f := range readers {
		if done[i] {
			continue
		}
		if !f.HasDefault() {
			return fmt.Errorf("column %s: the writer's schema %s has no such field, and the reader's no default for it", columns[i].Name, w.FullName())
		}
		value, err := encodeDefault(nil, f.Type(), f.Default())
		if err != nil {
			return fmt.Errorf("column %s: default: %w", columns[i].Name, err)
		}
		v, err := rs.value(f.Type(), f.Type(), columns[i].Type)
		if err != nil {
			return fmt.Errorf("column %s: default: %w", columns[i].Name, err)
		}
		n.missing = append(n.missing, substitute{node: v, col: i, value: value})
	}
	return nil
}

// skip makes a node that reads over a value.
func (rs *resolver) skip(w avro.Schema) *node {
	w = deref(w)
	if n := rs.skips[w]; n != nil {
		return n
	}
	n := &node{}
	switch s := w.(type) {
	case *avro.RecordSchema:
		n.op = opSkipRecord
		if rs.skips == nil {
			rs.skips = map[avro.Schema]*node{}
		}
		rs.skips[w] = n
		for _, f := range s.Fields() {
			n.steps = append(n.steps, step{node: rs.skip(f.Type()), col: -1, name: f.Name()})
		}
		return n
	case *avro.UnionSchema:
		n.op = opSkipUnion
		for _, b := range s.Types() {
			n.branches = append(n.branches, rs.skip(b))
		}
		return n
	case *avro.ArraySchema:
		n.op, n.elem = opSkipList, rs.skip(s.Items())
		return n
	case *avro.MapSchema:
		n.op, n.elem = opSkipMap, rs.skip(s.Values())
		return n
	case *avro.FixedSchema:
		n.op, n.size = opSkipFixed, s.Size()
		return n
	}
	switch w.Type() {
	case avro.Int, avro.Long, avro.Enum:
		n.op = opSkipVarint
	case avro.Boolean:
		n.op, n.size = opSkipFixed, 1
	case avro.Float:
		n.op, n.size = opSkipFixed, 4
	case avro.Double:
		n.op, n.size = opSkipFixed, 8
	case avro.String, avro.Bytes:
		n.op = opSkipBytes
	default: // null
		n.op = opSkip
	}
	return n
}

func describe(s avro.Schema) string {
	if l := logicalOf(s); l != "" {
		return string(s.Type()) + " (" + string(l) + ")"
	}
	if n, ok := s.(avro.NamedSchema); ok {
		return string(s.Type()) + " " + n.FullName()
	}
	return string(s.Type())
}

// Reader decodes rows that were written with one schema. It is not safe for concurrent use.
type Reader struct {
	root *node
	cur  cursor
}

// NewReader makes a reader of rows with the fields from records that were written with writer. Reader is the table's own schema, for aliases
// and defaults.
func NewReader(writer, reader avro.Schema, fields []format.Field) (*Reader, error) {
	rs := &resolver{}
	n, err := rs.value(writer, reader, types.RowOf(rowFields(fields)...).AsNotNull())
	if err != nil {
		return nil, err
	}
	return &Reader{root: n}, nil
}

// Read appends the row in data, all of it, to the builder's columns. It does not end the row. After an error the columns are of different
// lengths.
func (r *Reader) Read(data []byte, out *batch.Builder) error {
	r.root.bindRow(out.Cols)
	r.cur.reset(data)
	if err := r.cur.read(r.root); err != nil {
		return err
	}
	if r.cur.i != len(data) {
		return fmt.Errorf("%d bytes follow the record: it was written with another schema", len(data)-r.cur.i)
	}
	return nil
}
