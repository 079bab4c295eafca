package avro

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hamba/avro/v2"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/avro/registry/registrytest"
	"github.com/freshet-dw/freshet/pkg/format/internal/formattest"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// written is a message of the schema, as the Avro library writes it, with the schema registered.
func written(t testing.TB, srv *registrytest.Server, schema string, v any) string {
	t.Helper()
	s, err := ParseSchema(schema)
	if err != nil {
		t.Fatal(err)
	}
	data, err := avro.Marshal(s, v)
	if err != nil {
		t.Fatal(err)
	}
	return string(binary.BigEndian.AppendUint32([]byte{0}, uint32(srv.Register("t-value", schema)))) + string(data)
}

func rec(fields string) string {
	return `{"type":"record","name":"Order","namespace":"shop","fields":[` + fields + `]}`
}

// TestResolution reads records of older and newer schemas, and of other types, into one table.
func TestResolution(t *testing.T) {
	srv := registrytest.New(t)
	big := types.Of(types.BigInt)
	for _, c := range []struct {
		name   string
		fields []format.Field
		reader string // the option schema
		writer string
		value  any
		want   string
	}{
		{"other order, unread fields", formattest.Fields("a", types.Of(types.Int), "b", types.String()), "",
			rec(`{"name":"x","type":{"type":"array","items":{"type":"map","values":"double"}}},{"name":"b","type":"string"},{"name":"y","type":["null",{"type":"record","name":"Y","fields":[{"name":"f","type":{"type":"fixed","name":"F","size":3}},{"name":"e","type":{"type":"enum","name":"E","symbols":["P","Q"]}}]}]},{"name":"a","type":"int"},{"name":"z","type":"bytes"}`),
			map[string]any{"x": []map[string]float64{{"k": 1}}, "b": "hi", "y": map[string]any{"shop.Y": map[string]any{"f": [3]byte{1, 2, 3}, "e": "Q"}}, "a": 7, "z": []byte("zz")}, "+I[7, hi]"},
		{"promotion", formattest.Fields("a", big, "b", types.Of(types.Double), "c", types.Of(types.Float), "d", types.Of(types.Double), "e", types.Bytes(), "f", types.String()), "",
			rec(`{"name":"a","type":"int"},{"name":"b","type":"float"},{"name":"c","type":"long"},{"name":"d","type":"int"},{"name":"e","type":"string"},{"name":"f","type":"bytes"}`),
			map[string]any{"a": -5, "b": float32(0.5), "c": int64(3), "d": 4, "e": "ab", "f": []byte("cd")}, "+I[-5, 0.5, 3, 4, 6162, cd]"},
		{"no demotion", formattest.Fields("a", types.Of(types.Int)), "", rec(`{"name":"a","type":"long"}`), map[string]any{"a": int64(1)}, "bad: decode avro-confluent: schema %d: column a: a long of Avro cannot be read as INT"},
		{"a new nullable column is NULL", formattest.Fields("a", types.Of(types.Int), "n", types.String()), "", rec(`{"name":"a","type":"int"}`), map[string]any{"a": 1}, "+I[1, NULL]"},
		{"a new column that is NOT NULL", formattest.Fields("n", types.String().AsNotNull()), "", rec(`{"name":"a","type":"int"}`), map[string]any{"a": 1},
			"bad: decode avro-confluent: schema %d: column n: the writer's schema shop.Order has no such field, and the reader's no default for it"},
		{"defaults of the table's schema", formattest.Fields("a", types.Of(types.Int), "s", types.String(), "l", types.ArrayOf(big), "r", types.RowOf(types.Field{Name: "p", Type: types.String()}, types.Field{Name: "q", Type: big}), "e", types.String(), "by", types.Bytes(), "m", types.MapOf(types.String(), types.Of(types.Int)), "d", types.Of(types.Double), "fx", types.Bytes(), "t", types.Of(types.Boolean)),
			rec(`{"name":"a","type":"int"},{"name":"s","type":"string","default":"none"},{"name":"l","type":{"type":"array","items":"long"},"default":[1,2]},{"name":"r","type":{"type":"record","name":"R","fields":[{"name":"p","type":"string"},{"name":"q","type":"long","default":5}]},"default":{"p":"x"}},{"name":"e","type":{"type":"enum","name":"E","symbols":["P","Q"]},"default":"Q"},{"name":"by","type":"bytes","default":"\u00ff"},{"name":"m","type":{"type":"map","values":"int"},"default":{"k":3}},{"name":"d","type":"double","default":1.5},{"name":"fx","type":{"type":"fixed","name":"X","size":2},"default":"ab"},{"name":"t","type":"boolean","default":true}`),
			rec(`{"name":"a","type":"int"}`), map[string]any{"a": 1}, "+I[1, none, [1, 2], +I[x, 5], Q, ff, {k=3}, 1.5, 6162, true]"},
		{"aliases", formattest.Fields("amount", big), rec(`{"name":"amount","type":"long","aliases":["sum","price"]}`), rec(`{"name":"price","type":"long"}`), map[string]any{"price": int64(9)}, "+I[9]"},
		{"a name goes before an alias", formattest.Fields("amount", big), rec(`{"name":"amount","type":"long","aliases":["price"]}`), rec(`{"name":"price","type":"long"},{"name":"amount","type":"long"}`), map[string]any{"price": int64(9), "amount": int64(8)}, "+I[8]"},
		{"a union of many", formattest.Fields("a", big), "", rec(`{"name":"a","type":["string","int","null","long"]}`), map[string]any{"a": map[string]any{"long": int64(12)}}, "+I[12]"},
		{"a branch that cannot be read", formattest.Fields("a", big), "", rec(`{"name":"a","type":["string","int","null","long"]}`), map[string]any{"a": map[string]any{"string": "x"}}, "bad: decode avro-confluent: column a: a string of Avro cannot be read as BIGINT"},
		{"null in a union", formattest.Fields("a", big), "", rec(`{"name":"a","type":["int","null"]}`), map[string]any{"a": nil}, "+I[NULL]"},
		{"null for NOT NULL", formattest.Fields("a", big.AsNotNull()), "", rec(`{"name":"a","type":["int","null"]}`), map[string]any{"a": nil}, "bad: decode avro-confluent: column a: null in a column that is NOT NULL"},
		{"always null", formattest.Fields("a", big), "", rec(`{"name":"a","type":"null"}`), map[string]any{"a": nil}, "+I[NULL]"},
		{"enum and fixed as text", formattest.Fields("e", types.String(), "f", types.String(), "u", types.String()), "",
			rec(`{"name":"e","type":["null",{"type":"enum","name":"E","symbols":["P","Q"]}]},{"name":"f","type":{"type":"fixed","name":"F","size":2}},{"name":"u","type":{"type":"string","logicalType":"uuid"}}`),
			map[string]any{"e": map[string]any{"shop.E": "Q"}, "f": [2]byte{'o', 'k'}, "u": "b0a6a1e0-0000-4000-8000-000000000001"}, "+I[Q, ok, b0a6a1e0-0000-4000-8000-000000000001]"},
		{"units of time", formattest.Fields("a", types.TimestampOf(6), "b", types.TimestampLTZOf(3), "c", types.TimestampOf(3), "t", types.Type{Kind: types.Time, Precision: 3}, "u", types.Of(types.Time), "p", types.TimestampOf(3)), "",
			rec(`{"name":"a","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"b","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"c","type":{"type":"long","logicalType":"local-timestamp-millis"}},{"name":"t","type":{"type":"long","logicalType":"time-micros"}},{"name":"u","type":"int"},{"name":"p","type":"long"}`),
			map[string]any{"a": time.UnixMicro(1_700_000_000_123_456), "b": time.UnixMicro(-1), "c": time.UnixMilli(1_700_000_000_123), "t": 61_001_000 * time.Microsecond, "u": 2000, "p": int64(5)},
			"+I[2023-11-14T22:13:20.123456, 1969-12-31T23:59:59.999Z, 2023-11-14T22:13:20.123, 00:01:01.001, 00:00:02.000, 1970-01-01T00:00:00.005]"},
		{"scales", formattest.Fields("a", types.DecimalOf(10, 1), "b", types.DecimalOf(10, 4), "c", types.DecimalOf(4, 2), "d", types.DecimalOf(6, 3)), "",
			rec(`{"name":"a","type":{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}},{"name":"b","type":{"type":"fixed","name":"D","size":16,"logicalType":"decimal","precision":10,"scale":2}},{"name":"c","type":{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}},{"name":"d","type":"bytes"}`),
			nil, "+I[-12.4, -12.3500, NULL, 0.258]"},
		{"nested records", formattest.Fields("r", types.RowOf(types.Field{Name: "b", Type: types.String()}, types.Field{Name: "c", Type: big}), "l", types.ArrayOf(types.RowOf(types.Field{Name: "v", Type: big}))), "",
			rec(`{"name":"l","type":{"type":"array","items":["null",{"type":"record","name":"V","fields":[{"name":"u","type":"int"},{"name":"v","type":"int"}]}]}},{"name":"r","type":{"type":"record","name":"R","fields":[{"name":"a","type":"double"},{"name":"b","type":"string"}]}}`),
			map[string]any{"l": []any{map[string]any{"shop.V": map[string]any{"u": 1, "v": 2}}, nil}, "r": map[string]any{"a": 0.5, "b": "in"}}, "+I[+I[in, NULL], [+I[2], NULL]]"},
		{"a recursive schema that is read over", formattest.Fields("a", types.Of(types.Int)), "", rec(`{"name":"next","type":["null","Order"]},{"name":"kids","type":{"type":"array","items":"Order"}},{"name":"a","type":"int"}`),
			map[string]any{"next": map[string]any{"shop.Order": map[string]any{"next": nil, "kids": []any{}, "a": 2}}, "kids": []any{map[string]any{"next": nil, "kids": []any{}, "a": 3}}, "a": 4}, "+I[4]"},
	} {
		o, err := ParseConfluentOptions(format.Options{"url": srv.URL, "schema": c.reader})
		if c.reader == "" {
			o, err = ParseConfluentOptions(format.Options{"url": srv.URL})
		}
		if err != nil {
			t.Fatal(c.name, err)
		}
		d, err := NewConfluentDecoder(c.fields, nil, o)
		if err != nil {
			t.Fatal(c.name, err)
		}
		msg := ""
		if c.value != nil {
			msg = written(t, srv, c.writer, c.value)
		} else { // what the library's types cannot say: −12.35 twice, 123.45, 258
			msg = string(binary.BigEndian.AppendUint32([]byte{0}, uint32(srv.Register("t-value", c.writer)))) + "\x04\xfb\x2d" + strings.Repeat("\xff", 14) + "\xfb\x2d" + "\x04\x30\x39" + "\x04\x01\x02"
		}
		want := c.want
		if strings.Contains(want, "%d") {
			want = fmt.Sprintf(want, srv.Register("t-value", c.writer))
		}
		if got := formattest.Decode(t, d, c.fields, msg); got != want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, want)
		}
	}
}

// TestRegistry checks what happens when the registry refuses, does not know, or is down for a moment.
func TestRegistry(t *testing.T) {
	srv := registrytest.New(t)
	srv.User = "me:secret"
	f := formattest.Fields("id", types.Of(types.BigInt).AsNotNull(), "name", types.String())
	opts := func(kv ...string) ConfluentOptions {
		in := format.Options{"url": "http://127.0.0.1:1," + srv.URL, "subject": "orders-value", "basic-auth.user-info": "me:secret"}
		for i := 0; i < len(kv); i += 2 {
			in[kv[i]] = kv[i+1]
		}
		o, err := ParseConfluentOptions(in)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	srv.Fail(2)
	e, err := NewConfluentEncoder(f, opts())
	if err != nil {
		t.Fatal(err)
	}
	b := rows(t, f, `{"id":1,"name":"a"}`, `{"id":2}`)
	msgs, err := formattest.Encode(t, e, b)
	if err != nil {
		t.Fatal(err)
	}
	if got := srv.Latest("orders-value"); !strings.Contains(got, `"default":null`) || !strings.Contains(got, "org.apache.flink.avro.generated.record") {
		t.Error(got)
	}
	d, err := NewConfluentDecoder(f, nil, opts())
	if err != nil {
		t.Fatal(err)
	}
	if got, bad := formattest.Batch(t, d, f, msgs...); got.String() != b.String() || bad != nil {
		t.Error(got, bad)
	}
	calls := srv.Calls()
	if got, bad := formattest.Batch(t, d, f, append(msgs, msgs...)...); got.N != 4 || bad != nil || srv.Calls() != calls {
		t.Errorf("%d rows, %v, %d more calls", got.N, bad, srv.Calls()-calls)
	}
	for in, want := range map[string]string{
		"\x00\x00\x00\x00\x63x": "bad: decode avro-confluent: fetch schema 99: schema registry: Schema 99 not found",
		"\x01\x00\x00\x00\x01x": "bad: decode avro-confluent: the message does not begin",
		"\x00\x00":              "bad: decode avro-confluent: the message does not begin",
		msgs[0] + "x":           "bad: decode avro-confluent: 1 bytes follow the record",
	} {
		if got := formattest.Decode(t, d, f, in); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s", in, got)
		}
	}

	// A refusal is no fault of the record.
	o := opts("basic-auth.user-info", "me:wrong")
	if d, err = NewConfluentDecoder(f, nil, o); err != nil {
		t.Fatal(err)
	}
	d.Decode(formattest.Messages(msgs[0]), formattest.NewBuilder(f), func(_ int, err error) {
		if fault.KindOf(err) != fault.Permanent || fault.RemedyOf(err) == "" {
			t.Errorf("%v of kind %v", err, fault.KindOf(err))
		}
	})
	o = opts()
	o.Registry.URLs, o.Registry.WaitForDown = o.Registry.URLs[:1], 50*time.Millisecond
	if d, err = NewConfluentDecoder(f, nil, o); err != nil {
		t.Fatal(err)
	}
	d.Decode(formattest.Messages(msgs[0]), formattest.NewBuilder(f), func(_ int, err error) {
		if fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%v of kind %v", err, fault.KindOf(err))
		}
	})

	// A schema that readers of the old one cannot follow is refused by the registry.
	worse := formattest.Fields("id", types.String().AsNotNull(), "name", types.String())
	if e, err = NewConfluentEncoder(worse, opts()); err != nil {
		t.Fatal(err)
	}
	if _, err = formattest.Encode(t, e, rows(t, worse, `{"id":"x"}`)); fault.KindOf(err) != fault.Config || !strings.Contains(err.Error(), "incompatible") {
		t.Error(err)
	}
	o = opts()
	o.Subject = ""
	if _, err := NewConfluentEncoder(f, o); err == nil || !strings.Contains(err.Error(), "'avro-confluent.subject' is required") {
		t.Error(err)
	}
	srv.User, srv.Token = "", "abc"
	if d, err = NewConfluentDecoder(f, nil, opts("bearer-auth.token", "abc", "basic-auth.user-info", "")); err != nil {
		t.Fatal(err)
	}
	if got := formattest.Decode(t, d, f, msgs[0]); got != "+I[1, a]" {
		t.Error(got)
	}
}

const valueSchema = `{"type":"record","name":"Value","fields":[{"name":"id","type":"int"},{"name":"name","type":["null","string"],"default":null},{"name":"weight","type":"float"}]}`

// debeziumSchema is the shape of Debezium's own messages: more fields around the row than a table has.
const debeziumSchema = `{"type":"record","name":"Envelope","namespace":"db.inventory.products","fields":[{"name":"before","type":["null",` + valueSchema + `],"default":null},{"name":"after","type":["null","Value"],"default":null},` +
	`{"name":"source","type":{"type":"record","name":"Source","namespace":"io.debezium.connector.mysql","fields":[{"name":"db","type":"string"},{"name":"ts_ms","type":"long"},{"name":"gtid","type":["null","string"]}]}},{"name":"op","type":"string"},{"name":"ts_ms","type":["null","long"],"default":null}]}`

func envelopeOf(op string, before, after any) map[string]any {
	row := func(v any) any {
		if v == nil {
			return nil
		}
		return map[string]any{"db.inventory.products.Value": v}
	}
	return map[string]any{"before": row(before), "after": row(after), "op": op, "source": map[string]any{"db": "inventory", "ts_ms": int64(1), "gtid": nil}, "ts_ms": nil}
}

func TestDebezium(t *testing.T) {
	srv := registrytest.New(t)
	o, err := ParseDebeziumOptions(format.Options{"url": srv.URL, "subject": "out-value"})
	if err != nil {
		t.Fatal(err)
	}
	f := formattest.Fields("id", types.Of(types.BigInt).AsNotNull(), "name", types.String(), "weight", types.Of(types.Double), "more", types.String())
	d, err := NewDebeziumDecoder(f, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	saw := map[string]any{"id": 1, "name": map[string]any{"string": "saw"}, "weight": float32(1.5)}
	file := map[string]any{"id": 1, "name": nil, "weight": float32(0.25)}
	msgs := []string{written(t, srv, debeziumSchema, envelopeOf("r", nil, saw)), written(t, srv, debeziumSchema, envelopeOf("u", saw, file)), "", written(t, srv, debeziumSchema, envelopeOf("d", file, nil)), written(t, srv, debeziumSchema, envelopeOf("c", nil, file))}
	b, bad := formattest.Batch(t, d, f, msgs...)
	want := "+I[1, saw, 1.5, NULL]\n-U[1, saw, 1.5, NULL]\n+U[1, NULL, 0.25, NULL]\n-D[1, NULL, 0.25, NULL]\n+I[1, NULL, 0.25, NULL]\n"
	if b.String() != want || bad != nil {
		t.Errorf("%s%v\nwant\n%s", b, bad, want)
	}
	two := []format.Field{f[2], f[0]}
	if d, err = NewDebeziumDecoder(two, f, o); err != nil {
		t.Fatal(err)
	}
	if got := formattest.Decode(t, d, two, msgs[1]); got != "-U[1.5, 1]\n+U[0.25, 1]" {
		t.Error(got)
	}
	for what, c := range map[string][2]string{
		"update without before": {written(t, srv, debeziumSchema, envelopeOf("u", nil, saw)), "before is null"},
		"insert without after":  {written(t, srv, debeziumSchema, envelopeOf("c", saw, nil)), "after is null"},
		"other op":              {written(t, srv, debeziumSchema, envelopeOf("x", saw, saw)), `unknown op "x"`},
		"no envelope":           {written(t, srv, rec(`{"name":"op","type":"string"}`), map[string]any{"op": "c"}), "schema 2: the schema shop.Order has not the fields before, after and op of Debezium's messages"},
		"cut":                   {msgs[1][:len(msgs[1])-3], "the message ends early"},
	} {
		if got := formattest.Decode(t, d, two, c[0]); got != "bad: decode debezium-avro-confluent: "+c[1] {
			t.Errorf("%s: %s", what, got)
		}
	}

	// What the encoder writes is inserts and deletes; the decoder reads them, with the table's own schema or a given one.
	narrow := formattest.Fields("id", types.Of(types.Int).AsNotNull(), "name", types.String(), "weight", types.Of(types.Float))
	if d, err = NewDebeziumDecoder(narrow, nil, o); err != nil {
		t.Fatal(err)
	}
	b, _ = formattest.Batch(t, d, narrow, msgs...)
	given := strings.Replace(debeziumSchema, `"name":"source","type":{`, `"name":"source","default":{"db":"","ts_ms":0,"gtid":null},"type":{`, 1)
	given = strings.Replace(given, `{"name":"gtid","type":["null","string"]}`, `{"name":"gtid","type":["null","string"],"default":null}`, 1)
	for _, schema := range []string{"", given, "[" + given + `,"null"]`} {
		in := format.Options{"url": registrytest.New(t).URL, "subject": "out-value"}
		if schema != "" {
			in["schema"] = schema
		}
		if o, err = ParseDebeziumOptions(in); err != nil {
			t.Fatal(err)
		}
		e, err := NewDebeziumEncoder(narrow, o)
		if err != nil {
			t.Fatal(err)
		}
		out, err := formattest.Encode(t, e, b)
		if err != nil {
			t.Fatal(err)
		}
		if d, err = NewDebeziumDecoder(narrow, nil, o); err != nil {
			t.Fatal(err)
		}
		if schema == "" && out[0][5:7] != "\x02\x00" { // a record or null, as Flink writes it; no old row
			t.Errorf("%q", out[0])
		}
		if got := formattest.Decode(t, d, narrow, out[0][:5]+"\x00"); schema == "" && !strings.Contains(got, "the message is no record") {
			t.Error(got)
		}
		got, bad := formattest.Batch(t, d, narrow, out...)
		want := strings.NewReplacer("-U", "-D", "+U", "+I").Replace(b.String())
		if got.String() != want || bad != nil {
			t.Errorf("%s%v\nwant\n%s", got, bad, want)
		}
	}
	if o, err = ParseDebeziumOptions(format.Options{"url": srv.URL, "subject": "out-value", "schema": debeziumSchema}); err != nil {
		t.Fatal(err)
	}
	if _, err := NewDebeziumEncoder(narrow, o); err == nil || !strings.Contains(err.Error(), "no column for field source of the schema") {
		t.Error(err)
	}
}

func TestWriteErrors(t *testing.T) {
	f := formattest.Fields("e", types.String(), "d", types.DecimalOf(10, 2), "n", types.String())
	for schema, want := range map[string]string{
		rec(`{"name":"e","type":{"type":"enum","name":"E","symbols":["P"]}},{"name":"d","type":{"type":"fixed","name":"D","size":8,"logicalType":"decimal","precision":12,"scale":3}},{"name":"n","type":["string","null"]},{"name":"z","type":"int","default":7}`): "",
		rec(`{"name":"e","type":"string"}`): "column d: the schema shop.Order has no such field",
		rec(`{"name":"e","type":"int"},{"name":"d","type":"bytes"},{"name":"n","type":"string"}`):                                                                                                 "column e: STRING cannot be written as Avro's int",
		rec(`{"name":"e","type":"string"},{"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":10,"scale":1}},{"name":"n","type":"string"}`):                                    "column d: DECIMAL(10, 2) cannot be written as Avro's bytes (decimal)",
		rec(`{"name":"e","type":"string"},{"name":"d","type":["null",{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}]},{"name":"n","type":"string"},{"name":"z","type":"int"}`): "the table has no column for field z of the schema, and the field has no default",
	} {
		s, err := ParseSchema(schema)
		if err != nil {
			t.Fatal(err)
		}
		w, err := NewWriter(s, f)
		if want != "" {
			if err == nil || err.Error() != want {
				t.Errorf("%v, want %s", err, want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		b := rows(t, f, `{"e":"P","d":-12.5,"n":null}`, `{"e":"Q","d":1}`, `{"d":1}`)
		got, err := w.AppendRow(nil, b.Cols, 0)
		if string(got) != "\x00\xff\xff\xff\xff\xff\xff\xcf\x2c\x02\x0e" || err != nil {
			t.Errorf("%q %v", got, err)
		}
		if _, err := w.AppendRow(nil, b.Cols, 1); err == nil || err.Error() != `column e: "Q" is no symbol of the enum` {
			t.Error(err)
		}
		if _, err := w.AppendRow(nil, b.Cols, 2); err == nil || err.Error() != "column e: a NULL where the schema has none" {
			t.Error(err)
		}
	}
}
