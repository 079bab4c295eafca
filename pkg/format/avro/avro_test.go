package avro

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/hamba/avro/v2"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/formattest"
	"github.com/freshet-dw/freshet/pkg/format/json"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func allFields() []format.Field {
	sub := types.RowOf(types.Field{Name: "x", Type: types.Of(types.Int)}, types.Field{Name: "y", Type: types.ArrayOf(types.String())})
	return formattest.Fields("b", types.Of(types.Boolean), "i8", types.Of(types.TinyInt), "i16", types.Of(types.SmallInt), "i", types.Of(types.Int).AsNotNull(), "l", types.Of(types.BigInt),
		"f", types.Of(types.Float), "d", types.Of(types.Double), "s", types.String(), "c", types.Type{Kind: types.Char, Precision: 3}, "by", types.Bytes(), "dec", types.DecimalOf(20, 3),
		"dt", types.Of(types.Date), "tm", types.Type{Kind: types.Time, Precision: 3}, "ts", types.TimestampOf(3), "us", types.TimestampOf(6), "z", types.TimestampLTZOf(6),
		"a", types.ArrayOf(types.Of(types.BigInt)), "m", types.MapOf(types.String(), sub), "ms", types.MultisetOf(types.String()), "r", sub)
}

const allJSON = `{"b":true,"i8":-7,"i16":300,"i":-70000,"l":9007199254740993,"f":1.5,"d":-2.25e100,"s":"é中","c":"abc","by":"AP8=","dec":-12345678901234567.891,"dt":"1969-12-31",` +
	`"tm":"12:30:00.123","ts":"1969-12-31 23:59:59.999","us":"2024-01-31 12:30:00.123456","z":"2024-01-31 12:30:00.123456Z","a":[1,null,-3],"m":{"k":{"x":1,"y":["q",null]},"n":null},"ms":{"e":2},"r":{"x":null,"y":[]}}`

// rows decodes JSON: a short way to rows of all types.
func rows(t testing.TB, f []format.Field, values ...string) *batch.Batch {
	t.Helper()
	d, err := json.NewDecoder(f, json.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, bad := formattest.Batch(t, d, f, values...)
	if bad != nil {
		t.Fatal(bad)
	}
	return b
}

// TestRoundTrip writes all types, and NULL of all types, in both encodings and reads them again, all columns and each alone.
func TestRoundTrip(t *testing.T) {
	f := allFields()
	b := rows(t, f, allJSON, `{"i":0}`)
	for _, o := range []Options{{}, {JSON: true}} {
		e, err := NewEncoder(f, o)
		if err != nil {
			t.Fatal(err)
		}
		msgs, err := formattest.Encode(t, e, b)
		if err != nil {
			t.Fatal(err)
		}
		d, err := NewDecoder(f, nil, o)
		if err != nil {
			t.Fatal(err)
		}
		if got, bad := formattest.Batch(t, d, f, msgs...); got.String() != b.String() || bad != nil {
			t.Errorf("%v: %s%v\nwant\n%s", o, got, bad, b)
		}
		for i := range f {
			d, err := NewDecoder(f[i:i+1], f, o)
			if err != nil {
				t.Fatal(err)
			}
			want := batch.Select(b, []int{i}).String()
			if got, bad := formattest.Batch(t, d, f[i:i+1], msgs...); got.String() != want || bad != nil {
				t.Errorf("%s alone: %s%v want %s", f[i].Name, got, bad, want)
			}
		}
		for n := 1; n < len(msgs[0]); n++ {
			if got := formattest.Decode(t, d, f, msgs[0][:n]); !strings.HasPrefix(got, "bad: decode Avro: ") {
				t.Fatalf("%v cut after %d of %d bytes: %s", o, n, len(msgs[0]), got)
			}
		}
		if got := formattest.Decode(t, d, f, msgs[0]+" x"); !strings.Contains(got, "follow") {
			t.Error(got)
		}
	}
}

// TestAgainstLibrary reads what the Avro library writes, and has it read what we write.
func TestAgainstLibrary(t *testing.T) {
	f := allFields()
	s, err := TableSchema(f, false)
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]any{"b": false, "i8": 1, "i16": 2, "i": 3, "l": int64(4), "f": float32(5), "d": 6.5, "s": "x", "c": "y", "by": []byte{7, 8}, "dec": big.NewRat(-2500, 1000),
		"dt": time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), "tm": 90 * time.Second, "ts": time.UnixMilli(1700000000001).UTC(), "us": time.UnixMicro(1700000000000001).UTC(), "z": time.UnixMicro(-1).UTC(),
		"a": []any{int64(1), nil}, "m": map[string]any{"k": map[string]any{"org.apache.flink.avro.generated.record_m": map[string]any{"x": map[string]any{"int": 1}, "y": nil}}}, "ms": map[string]any{"e": 2},
		"r": map[string]any{"org.apache.flink.avro.generated.record_r": map[string]any{"x": map[string]any{"int": 9}, "y": map[string]any{"array": []any{map[string]any{"string": "z"}}}}}}
	for k, u := range map[string]string{"b": "boolean", "i8": "int", "i16": "int", "l": "long", "f": "float", "d": "double", "s": "string", "c": "string", "by": "bytes", "dec": "bytes.decimal", "dt": "int.date",
		"tm": "int.time-millis", "ts": "long.local-timestamp-millis", "us": "long.local-timestamp-micros", "z": "long.timestamp-micros", "ms": "map"} {
		in[k] = map[string]any{u: in[k]}
	}
	in["ms"] = map[string]any{"map": map[string]any{"e": map[string]any{"int": 2}}}
	in["a"] = map[string]any{"array": []any{map[string]any{"long": int64(1)}, nil}}
	in["m"] = map[string]any{"map": in["m"]}
	data, err := avro.Marshal(s, in)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDecoder(f, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := "+I[false, 1, 2, 3, 4, 5, 6.5, x, y, 0708, -2.500, 2024-02-29, 00:01:30.000, 2023-11-14T22:13:20.001, 2023-11-14T22:13:20.000001, 1969-12-31T23:59:59.999999Z, [1, NULL], {k=+I[1, NULL]}, {e=2}, +I[9, [z]]]"
	if got := formattest.Decode(t, d, f, string(data)); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	e, err := NewEncoder(f, Options{})
	if err != nil {
		t.Fatal(err)
	}
	msgs, err := formattest.Encode(t, e, rows(t, f, allJSON))
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := avro.Unmarshal(s, []byte(msgs[0]), &back); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(back["l"], back["s"], back["i"], back["by"]); got != "9007199254740993é中-70000 [0 255]" {
		t.Error(got)
	}
}

func TestSchemaOfTable(t *testing.T) {
	f := formattest.Fields("id", types.Of(types.BigInt).AsNotNull(), "at", types.TimestampOf(3), "r", types.RowOf(types.Field{Name: "p", Type: types.DecimalOf(10, 2).AsNotNull()}).AsNotNull())
	s, err := TableSchema(f, true)
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.(*avro.RecordSchema).MarshalJSON()
	want := `{"name":"org.apache.flink.avro.generated.record","type":"record","fields":[{"name":"id","type":"long"},{"name":"at","type":["null",{"type":"long","logicalType":"timestamp-millis"}],"default":null},` +
		`{"name":"r","type":{"name":"org.apache.flink.avro.generated.record_r","type":"record","fields":[{"name":"p","type":{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}}]}}]}`
	if string(text) != want || err != nil {
		t.Errorf("%s %v\nwant\n%s", text, err, want)
	}
	for _, c := range []struct {
		f      []format.Field
		legacy bool
		want   string
	}{
		{formattest.Fields("a", types.TimestampOf(6)), true, "column a: the legacy mapping of timestamps has no TIMESTAMP(6)"},
		{formattest.Fields("a", types.TimestampLTZOf(3)), true, "column a: the legacy mapping of timestamps has no TIMESTAMP_LTZ(3)"},
		{formattest.Fields("a", types.TimestampOf(9)), false, "column a: Avro holds timestamps to microseconds, not TIMESTAMP(9)"},
		{formattest.Fields("a", types.Type{Kind: types.Time, Precision: 6}), false, "column a: Avro holds times to milliseconds, not TIME(6)"},
		{formattest.Fields("a", types.MapOf(types.Of(types.Int), types.String())), false, "column a: Avro has no map keys of type INT"},
		{formattest.Fields("1a", types.String()), false, `"1a" cannot be the name of a field in Avro`},
	} {
		if _, err := TableSchema(c.f, c.legacy); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	f := formattest.Fields("id", types.Of(types.BigInt), "name", types.String(), "price", types.DecimalOf(10, 2), "at", types.TimestampOf(3), "paid", types.Of(types.Boolean), "note", types.String())
	e, err := NewEncoder(f, Options{Legacy: true})
	if err != nil {
		b.Fatal(err)
	}
	msgs, err := formattest.Encode(b, e, rows(b, f, `{"id":12345678,"name":"scooter","price":5.15,"at":"2024-01-31 12:30:00","paid":true,"note":"a longer text that few jobs read"}`))
	if err != nil {
		b.Fatal(err)
	}
	for name, wanted := range map[string][]format.Field{"all": f, "two": {f[0], f[3]}} {
		b.Run(name, func(b *testing.B) {
			d, err := NewDecoder(wanted, f, Options{Legacy: true})
			if err != nil {
				b.Fatal(err)
			}
			formattest.BenchmarkDecode(b, d, wanted, msgs...)
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	f := allFields()
	var in []string
	for range 256 {
		in = append(in, allJSON)
	}
	rows := rows(b, f, in...)
	e, err := NewEncoder(f, Options{})
	if err != nil {
		b.Fatal(err)
	}
	size := 0
	b.ReportAllocs()
	for b.Loop() {
		size = 0
		if err := e.Encode(rows, func(_ int, v []byte) error { size += len(v); return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(size))
}
