package binlog

import (
	"encoding/json"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/ods/internal/jsontext"
	"github.com/freshet-dw/freshet/ods/internal/positions"
)

// The types of canal-json records.
const (
	typeInsert = "INSERT"
	typeUpdate = "UPDATE"
	typeDelete = "DELETE"
)

// origin is what a record tells of where it is from.
type origin struct {
	es, ts int64 // milliseconds: of the change, of reading it
	id     int   // number of the row in its transaction
	gtid   string
}

// prepare renders what is the same for all records.
func (t *table) prepare(c *Config) {
	t.topic, t.wanted = c.topic(t.database, t.name), c.wanted(t.database, t.name)
	var pk []string
	for _, k := range t.pk {
		pk = append(pk, t.columns[k].name)
	}
	text := func(s string) []byte { return jsontext.AppendString(nil, []byte(s)) }
	t.names = nil
	var mysqlTypes, sqlTypes []byte
	for i := range t.columns {
		name := append(text(t.columns[i].name), ':')
		t.names = append(t.names, name)
		if i > 0 {
			mysqlTypes, sqlTypes = append(mysqlTypes, ','), append(sqlTypes, ',')
		}
		mysqlTypes = append(append(mysqlTypes, name...), text(t.columns[i].typ)...)
		sqlTypes = strconv.AppendInt(append(sqlTypes, name...), int64(t.columns[i].sqlType), 10)
	}
	keys, _ := json.Marshal(pk) // strings cannot fail
	b := append([]byte(`,"database":`), text(t.database)...)
	b = append(append(b, `,"table":`...), text(t.name)...)
	b = append(append(b, `,"pkNames":`...), keys...)
	b = append(append(b, `,"mysqlType":{`...), mysqlTypes...)
	b = append(append(b, `},"sqlType":{`...), sqlTypes...)
	t.tail = append(b, `},"isDdl":false`...)
}

func (t *table) appendRow(b []byte, r, other *row) []byte {
	b = append(b, '{')
	n := 0
	for i, name := range t.names {
		if other != nil && r.equal(other, i) {
			continue
		}
		if n > 0 {
			b = append(b, ',')
		}
		n++
		b = append(b, name...)
		if r.null[i] {
			b = append(b, "null"...)
		} else {
			b = jsontext.AppendString(b, r.text(i))
		}
	}
	return append(b, '}')
}

// key is the JSON object of the primary key's columns, integers as numbers; nil without a key.
func (t *table) key(r *row) []byte {
	if len(t.pk) == 0 {
		return nil
	}
	b := []byte{'{'}
	for n, i := range t.pk {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, t.names[i]...)
		switch {
		case r.null[i]:
			b = append(b, "null"...)
		case t.columns[i].kind == kindInt:
			b = append(b, r.text(i)...)
		default:
			b = jsontext.AppendString(b, r.text(i))
		}
	}
	return append(b, '}')
}

func (t *table) sameKey(a, b *row) bool {
	for _, i := range t.pk {
		if !a.equal(b, i) {
			return false
		}
	}
	return len(t.pk) > 0
}

// record makes the record of a row; old is set for an UPDATE only.
func (t *table) record(typ string, r, old *row, o origin) *kgo.Record {
	b := make([]byte, 0, len(r.buf)+len(t.tail)+16*len(t.names)+192)
	b = append(b, `{"data":[`...)
	b = t.appendRow(b, r, nil)
	if old != nil {
		b = append(b, `],"old":[`...)
		b = append(t.appendRow(b, old, r), ']')
	} else {
		b = append(b, `],"old":null`...)
	}
	b = append(append(append(b, `,"type":"`...), typ...), '"')
	b = append(b, t.tail...)
	b = strconv.AppendInt(append(b, `,"es":`...), o.es, 10)
	b = strconv.AppendInt(append(b, `,"ts":`...), o.ts, 10)
	b = strconv.AppendInt(append(b, `,"id":`...), int64(o.id), 10)
	b = append(append(b, `,"gtid":`...), jsontext.AppendString(nil, []byte(o.gtid))...)
	rec := &kgo.Record{Topic: t.topic, Key: t.key(r), Value: append(b, '}')}
	if rec.Key == nil {
		rec.Partition = positions.Spread(r.buf)
	}
	return rec
}

// changes calls emit for each record of a change; before is nil for an INSERT and after for a DELETE.
func (t *table) changes(before, after *row, o origin, emit func(typ string, rec *kgo.Record) error) error {
	switch {
	case before == nil:
		return emit(typeInsert, t.record(typeInsert, after, nil, o))
	case after == nil:
		return emit(typeDelete, t.record(typeDelete, before, nil, o))
	case t.sameKey(before, after):
		return emit(typeUpdate, t.record(typeUpdate, after, before, o))
	}
	if err := emit(typeDelete, t.record(typeDelete, before, nil, o)); err != nil {
		return err
	}
	return emit(typeInsert, t.record(typeInsert, after, nil, o))
}
