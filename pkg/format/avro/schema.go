package avro

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hamba/avro/v2"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Names of the records that are derived from tables, as in Flink.
const (
	namespace  = "org.apache.flink.avro.generated"
	recordName = "record"
)

// ParseSchema parses a schema's JSON text. Names defined in it are known in it only.
func ParseSchema(text string) (avro.Schema, error) {
	s, err := avro.ParseWithCache(text, "", &avro.SchemaCache{})
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "parse Avro schema")
	}
	return s, nil
}

// TableSchema is the schema of rows with the fields: a record with a field each, nullable ones as unions with null. With legacy,
// TIMESTAMP is timestamp-millis and there is no TIMESTAMP_LTZ; without, TIMESTAMP is local-timestamp-millis or -micros and TIMESTAMP_LTZ
// timestamp-millis or -micros, by their precision.
func TableSchema(fields []format.Field, legacy bool) (avro.Schema, error) {
	text, err := appendRecord(nil, types.RowOf(rowFields(fields)...), recordName, legacy)
	if err != nil {
		return nil, err
	}
	return ParseSchema(string(text))
}

func rowFields(fields []format.Field) []types.Field {
	out := make([]types.Field, len(fields))
	for i, f := range fields {
		out[i] = types.Field{Name: f.Name, Type: f.Type}
	}
	return out
}

// appendSchema writes the schema of a type; name is that of the record that it may be.
func appendSchema(dst []byte, t types.Type, name string, legacy bool) ([]byte, error) {
	if t.Kind == types.Null {
		return append(dst, `"null"`...), nil
	}
	if !t.NotNull {
		dst = append(dst, `["null",`...)
	}
	text, err := bareSchema(t, legacy)
	if err != nil {
		return dst, err
	}
	switch t.Kind {
	case types.Row:
		dst, err = appendRecord(dst, t, name, legacy)
	case types.Array:
		dst = append(dst, `{"type":"array","items":`...)
		dst, err = appendSchema(dst, *t.Elem, name, legacy)
		dst = append(dst, '}')
	case types.Map, types.Multiset:
		key, value := t.Elem, types.Of(types.Int)
		if t.Kind == types.Map {
			key, value = t.Key, *t.Elem
		}
		if !key.IsString() {
			return dst, fault.Newf(fault.Config, "Avro has no map keys of type %s; only CHAR, VARCHAR and STRING keys can be used", key)
		}
		dst = append(dst, `{"type":"map","values":`...)
		dst, err = appendSchema(dst, value, name, legacy)
		dst = append(dst, '}')
	default:
		dst = append(dst, text...)
	}
	if err == nil && !t.NotNull {
		dst = append(dst, ']')
	}
	return dst, err
}

func appendRecord(dst []byte, t types.Type, name string, legacy bool) ([]byte, error) {
	dst = fmt.Appendf(dst, `{"type":"record","name":%q,"namespace":%q,"fields":[`, name, namespace)
	for i, f := range t.Fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		if !validName(f.Name) {
			return dst, fault.WithRemedy(fault.Newf(fault.Config, "%q cannot be the name of a field in Avro", f.Name), "use letters, digits and underscores, and no digit first")
		}
		dst = fmt.Appendf(dst, `{"name":%q,"type":`, f.Name)
		var err error
		if dst, err = appendSchema(dst, f.Type, name+"_"+f.Name, legacy); err != nil {
			return dst, fmt.Errorf("column %s: %w", f.Name, err)
		}
		if !f.Type.NotNull {
			dst = append(dst, `,"default":null`...)
		}
		dst = append(dst, '}')
	}
	return append(dst, `]}`...), nil
}

func validName(s string) bool {
	for i, c := range []byte(s) {
		if !(c == '_' || c|32 >= 'a' && c|32 <= 'z' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return s != ""
}

// bareSchema is the schema of a type without parts; of the others it is empty.
func bareSchema(t types.Type, legacy bool) (string, error) {
	logical := func(base, name string) (string, error) {
		return `{"type":"` + base + `","logicalType":"` + name + `"}`, nil
	}
	switch t.Kind {
	case types.Boolean:
		return `"boolean"`, nil
	case types.TinyInt, types.SmallInt, types.Int:
		return `"int"`, nil
	case types.BigInt:
		return `"long"`, nil
	case types.Float:
		return `"float"`, nil
	case types.Double:
		return `"double"`, nil
	case types.Char, types.Varchar:
		return `"string"`, nil
	case types.Binary, types.Varbinary:
		return `"bytes"`, nil
	case types.Decimal:
		return `{"type":"bytes","logicalType":"decimal","precision":` + strconv.Itoa(t.Precision) + `,"scale":` + strconv.Itoa(t.Scale) + `}`, nil
	case types.Date:
		return logical("int", "date")
	case types.Time:
		if t.Precision > 3 {
			return "", fault.WithRemedy(fault.Newf(fault.Config, "Avro holds times to milliseconds, not %s", t), "declare it TIME(3), or cast to it")
		}
		return logical("int", "time-millis")
	case types.Timestamp, types.TimestampLTZ:
		unit := "-micros"
		switch {
		case t.Precision <= 3:
			unit = "-millis"
		case legacy:
			return "", legacyErr(t)
		case t.Precision > 6:
			return "", fault.WithRemedy(fault.Newf(fault.Config, "Avro holds timestamps to microseconds, not %s", t), "declare it with precision 6, or cast to it")
		}
		if t.Kind == types.TimestampLTZ {
			if legacy {
				return "", legacyErr(t)
			}
			return logical("long", "timestamp"+unit)
		}
		if legacy {
			return logical("long", "timestamp"+unit)
		}
		return logical("long", "local-timestamp"+unit)
	case types.Array, types.Map, types.Multiset, types.Row:
		return "", nil
	}
	return "", fault.Newf(fault.Config, "Avro cannot hold a %s", t)
}

func legacyErr(t types.Type) error {
	return fault.WithRemedy(fault.Newf(fault.Config, "the legacy mapping of timestamps has no %s", strings.TrimSuffix(t.String(), " NOT NULL")),
		"use TIMESTAMP(3), or set 'timestamp_mapping.legacy' = 'false'")
}

// deref follows references to named schemas.
func deref(s avro.Schema) avro.Schema {
	for {
		r, ok := s.(*avro.RefSchema)
		if !ok {
			return s
		}
		s = r.Schema()
	}
}

// record is the record that s is, or the only one of a union with null; nil if it is none.
func record(s avro.Schema) *avro.RecordSchema {
	if u, ok := deref(s).(*avro.UnionSchema); ok {
		var found *avro.RecordSchema
		for _, b := range u.Types() {
			if r, ok := deref(b).(*avro.RecordSchema); ok {
				if found != nil {
					return nil
				}
				found = r
			}
		}
		return found
	}
	r, _ := deref(s).(*avro.RecordSchema)
	return r
}

// logicalOf is the schema's logical type, "" if it has none.
func logicalOf(s avro.Schema) avro.LogicalType {
	if l, ok := s.(avro.LogicalTypeSchema); ok && l.Logical() != nil {
		return l.Logical().Type()
	}
	return ""
}

// propOf is a text property of the schema that Avro itself does not know, "" if it has none.
func propOf(s avro.Schema, name string) string {
	if p, ok := s.(interface{ Prop(string) any }); ok {
		v, _ := p.Prop(name).(string)
		return v
	}
	return ""
}
