package protobuf

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/formattest"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func load(t testing.TB, name string) protoreflect.MessageDescriptor {
	t.Helper()
	m, err := Load(Options{BaseDir: "testdata", Files: []string{"all.proto", "old.proto"}, Message: name})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func decoder(t testing.TB, m protoreflect.MessageDescriptor, f []format.Field, opts Options) *Decoder {
	t.Helper()
	d, err := NewDecoderOf(m, f, opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// wire makes the reference implementation's bytes of a message given as JSON.
func wire(t testing.TB, m protoreflect.MessageDescriptor, json string) string {
	t.Helper()
	msg := dynamicpb.NewMessage(m)
	if err := (protojson.UnmarshalOptions{AllowPartial: true}).Unmarshal([]byte(json), msg); err != nil {
		t.Fatalf("%s: %v", json, err)
	}
	b, err := proto.MarshalOptions{AllowPartial: true, Deterministic: true}.Marshal(msg)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func sub() types.Type {
	return types.RowOf(types.Field{Name: "id", Type: types.Of(types.BigInt)}, types.Field{Name: "name", Type: types.String()})
}

// TestValues decodes messages that the reference implementation encoded, and encodes them again.
func TestValues(t *testing.T) {
	m := load(t, "test.All")
	defaults := Options{ReadDefaultValues: true}
	deep := types.RowOf(types.Field{Name: "next", Type: types.RowOf(types.Field{Name: "next", Type: sub()})}, types.Field{Name: "list", Type: types.ArrayOf(types.Of(types.Int))})
	for _, c := range []struct {
		column     string
		typ        types.Type
		opts       Options
		json, want string
	}{
		{"bool", types.Of(types.Boolean), Options{}, `{"bool":true}`, "true"},
		{"bool", types.Of(types.Boolean), Options{}, `{}`, "false"},
		{"int32", types.Of(types.Int), Options{}, `{"int32":-5}`, "-5"},
		{"int32", types.Of(types.BigInt), Options{}, `{"int32":-5}`, "-5"},
		{"sint32", types.Of(types.Int), Options{}, `{"sint32":-2147483648}`, "-2147483648"},
		{"sfixed32", types.Of(types.BigInt), Options{}, `{"sfixed32":-7}`, "-7"},
		{"uint32", types.Of(types.BigInt), Options{}, `{"uint32":4294967295}`, "4294967295"},
		{"uint32", types.Of(types.Int), Options{}, `{"uint32":4294967295}`, "-1"},
		{"fixed32", types.Of(types.BigInt), Options{}, `{"fixed32":4294967295}`, "4294967295"},
		{"int64", types.Of(types.BigInt), Options{}, `{"int64":"-9223372036854775808"}`, "-9223372036854775808"},
		{"sint64", types.Of(types.BigInt), Options{}, `{"sint64":"-9223372036854775808"}`, "-9223372036854775808"},
		{"sfixed64", types.Of(types.BigInt), Options{}, `{"sfixed64":"-1"}`, "-1"},
		{"uint64", types.DecimalOf(20, 0), Options{}, `{"uint64":"18446744073709551615"}`, "18446744073709551615"},
		{"uint64", types.Of(types.BigInt), Options{}, `{"uint64":"18446744073709551615"}`, "-1"},
		{"fixed64", types.Of(types.BigInt), Options{}, `{"fixed64":"3"}`, "3"},
		{"float", types.Of(types.Float), Options{}, `{"float":1.5}`, "1.5"},
		{"float", types.Of(types.Double), Options{}, `{"float":-0.25}`, "-0.25"},
		{"double", types.Of(types.Double), Options{}, `{"double":3.125}`, "3.125"},
		{"string", types.String(), Options{}, `{"string":"中文😀"}`, "中文😀"},
		{"string", types.String(), Options{}, `{}`, ""},
		{"bytes", types.Bytes(), Options{}, `{"bytes":"aGVsbG8="}`, "68656c6c6f"},
		{"color", types.String(), Options{}, `{"color":"GREEN"}`, "GREEN"},
		{"color", types.String(), Options{}, `{}`, "COLOR_UNKNOWN"},
		{"color", types.String(), Options{}, `{"color":77}`, "77"},
		{"color", types.Of(types.Int), Options{}, `{"color":"NEGATIVE"}`, "-1"},
		{"color", types.Of(types.TinyInt), Options{}, `{"color":"RED"}`, "1"},
		{"sub", sub(), Options{}, `{"sub":{"id":"1","name":"x","list":[1,2]}}`, "+I[1, x]"},
		{"sub", sub(), Options{}, `{"sub":{}}`, "+I[0, ]"},
		{"sub", sub(), Options{}, `{}`, "NULL"},
		{"sub", sub(), defaults, `{}`, "+I[0, ]"},
		{"sub", deep, Options{}, `{"sub":{"next":{"next":{"id":"3"}},"list":[1,-1]}}`, "+I[+I[+I[3, ]], [1, -1]]"},
		{"at", types.TimestampLTZOf(3), Options{}, `{"at":"2024-01-31T12:30:00.123Z"}`, "2024-01-31T12:30:00.123Z"},
		{"at", types.TimestampOf(6), Options{}, `{"at":"1969-12-31T23:59:59.000001Z"}`, "1969-12-31T23:59:59.000001"},
		{"at", types.TimestampLTZOf(3), Options{}, `{}`, "NULL"},
		{"at", types.RowOf(types.Field{Name: "seconds", Type: types.Of(types.BigInt)}, types.Field{Name: "nanos", Type: types.Of(types.Int)}), Options{},
			`{"at":"1970-01-01T00:00:02.000000005Z"}`, "+I[2, 5]"},
		{"maybe", types.String(), Options{}, `{}`, "NULL"},
		{"maybe", types.String(), Options{}, `{"maybe":""}`, ""},
		{"maybe", types.String(), defaults, `{}`, ""},
		{"a", types.String(), Options{}, `{"a":"x"}`, "x"},
		{"a", types.String(), Options{}, `{"b":"1"}`, "NULL"},
		{"b", types.Of(types.BigInt), Options{}, `{"b":"0"}`, "0"},
		{"numbers", types.ArrayOf(types.Of(types.Int)), Options{}, `{"numbers":[0,-1,2147483647]}`, "[0, -1, 2147483647]"},
		{"numbers", types.ArrayOf(types.Of(types.Int)), Options{}, `{}`, "NULL"},
		{"numbers", types.ArrayOf(types.Of(types.Int)), defaults, `{}`, "[]"},
		{"words", types.ArrayOf(types.String()), Options{}, `{"words":["a","","c"]}`, "[a, , c]"},
		{"subs", types.ArrayOf(sub()), Options{}, `{"subs":[{"id":"1"},{},{"name":"z"}]}`, "[+I[1, ], +I[0, ], +I[0, z]]"},
		{"colors", types.ArrayOf(types.String()), Options{}, `{"colors":["RED","NEGATIVE","COLOR_UNKNOWN"]}`, "[RED, NEGATIVE, COLOR_UNKNOWN]"},
		{"unpacked", types.ArrayOf(types.Of(types.Double)), Options{}, `{"unpacked":[1.5,0]}`, "[1.5, 0]"},
		{"counts", types.MapOf(types.String(), types.Of(types.Int)), Options{}, `{"counts":{"a":1,"b":0}}`, "{a=1, b=0}"},
		{"counts", types.MapOf(types.String(), types.Of(types.Int)), Options{}, `{}`, "NULL"},
		{"by_id", types.MapOf(types.Of(types.BigInt), sub()), Options{}, `{"byId":{"-1":{"id":"5"},"2":{}}}`, "{-1=+I[5, ], 2=+I[0, ]}"},
		{"far", types.String(), Options{}, `{"far":"away"}`, "away"},
	} {
		f := formattest.Fields(c.column, c.typ)
		in := wire(t, m, c.json)
		if got := formattest.Decode(t, decoder(t, m, f, c.opts), f, in); got != "+I["+c.want+"]" {
			t.Errorf("%s of %s: %s, want %s", c.column, c.json, got, c.want)
		}
		// Written again by us and read by the reference, it is the same, as far as the column holds it.
		b, _ := formattest.Batch(t, decoder(t, m, f, Options{}), f, in)
		e, err := NewEncoderOf(m, f, Options{})
		if err != nil {
			t.Fatal(err)
		}
		out, err := formattest.Encode(t, e, b)
		if err != nil {
			t.Errorf("%s: %v", c.json, err)
			continue
		}
		again := dynamicpb.NewMessage(m)
		if err := proto.Unmarshal([]byte(out[0]), again); err != nil {
			t.Errorf("%s: the reference does not read what was written: %v", c.json, err)
		}
		b2, _ := formattest.Batch(t, decoder(t, m, f, Options{}), f, out[0])
		if b2.String() != b.String() {
			t.Errorf("%s: written and read again %s, want %s", c.json, b2, b)
		}
		if want, _ := (proto.MarshalOptions{Deterministic: true}).Marshal(again); len(want) != len(out[0]) {
			t.Errorf("%s: %d bytes written, the reference takes %d", c.json, len(out[0]), len(want))
		}
	}
}

func TestProto2(t *testing.T) {
	m := load(t, "Old")
	part := types.RowOf(types.Field{Name: "text", Type: types.String()})
	f := formattest.Fields("id", types.Of(types.BigInt), "name", types.String(), "level", types.String(), "part", part, "list", types.ArrayOf(types.Of(types.Int)), "delta", types.Of(types.Int), "ratio", types.Of(types.Float))
	part2 := protowire.AppendTag(nil, 3, protowire.VarintType)
	for _, c := range []struct {
		defaults bool
		in, want string
	}{
		{false, wire(t, m, `{}`), "+I[NULL, NULL, NULL, NULL, NULL, NULL, NULL]"},
		{true, wire(t, m, `{}`), "+I[0, none, HIGH, +I[], [], -3, 0.5]"},
		{false, wire(t, m, `{"id":"1","name":"n","level":"LOW","part":{"text":"p"},"list":[1,2],"delta":4,"ratio":0}`), "+I[1, n, LOW, +I[p], [1, 2], 4, 0]"},
		{false, string(protowire.AppendVarint(part2, 9)), "+I[NULL, NULL, NULL, NULL, NULL, NULL, NULL]"}, // no such level: an unknown field
		{false, "\x12\x02\xff!", "+I[NULL, \uFFFD!, NULL, NULL, NULL, NULL, NULL]"},
	} {
		if got := formattest.Decode(t, decoder(t, m, f, Options{ReadDefaultValues: c.defaults}), f, c.in); got != c.want {
			t.Errorf("%q: %s, want %s", c.in, got, c.want)
		}
	}
	b, _ := formattest.Batch(t, decoder(t, m, f, Options{}), f, wire(t, m, `{"id":"1","part":{"text":"p"},"list":[1,2],"delta":0}`))
	e, err := NewEncoderOf(m, f, Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := formattest.Encode(t, e, b)
	if err != nil {
		t.Fatal(err)
	}
	got, want := dynamicpb.NewMessage(m), dynamicpb.NewMessage(m)
	if err := proto.Unmarshal([]byte(out[0]), got); err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal([]byte(wire(t, m, `{"id":"1","part":{"text":"p"},"list":[1,2],"delta":0}`)), want); err != nil || !proto.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestWire decodes what encoders may write and rarely do.
func TestWire(t *testing.T) {
	m := load(t, "test.All")
	tag := func(n protowire.Number, w protowire.Type) []byte { return protowire.AppendTag(nil, n, w) }
	str := func(n protowire.Number, s string) string {
		return string(protowire.AppendString(tag(n, protowire.BytesType), s))
	}
	num := func(n protowire.Number, v uint64) string {
		return string(protowire.AppendVarint(tag(n, protowire.VarintType), v))
	}
	f := formattest.Fields("int64", types.Of(types.BigInt), "string", types.String(), "sub", sub(), "numbers", types.ArrayOf(types.Of(types.Int)), "a", types.String(),
		"counts", types.MapOf(types.String(), types.Of(types.Int)))
	zero := func(i int, v string) string {
		s := []string{"0", "", "NULL", "NULL", "NULL", "NULL"}
		s[i] = v
		return "+I[" + strings.Join(s, ", ") + "]"
	}
	group := string(tag(99, protowire.StartGroupType)) + num(1, 7) + string(tag(98, protowire.StartGroupType)) + str(14, "in group") + string(tag(98, protowire.EndGroupType)) + string(tag(99, protowire.EndGroupType))
	for _, c := range []struct{ name, in, want string }{
		{"last value counts", str(14, "a") + num(7, 1) + str(14, "b"), "+I[1, b, NULL, NULL, NULL, NULL]"},
		{"unknown fields", num(900, 1) + str(901, strings.Repeat("x", 300)) + string(protowire.AppendFixed64(tag(902, protowire.Fixed64Type), 1)) + string(protowire.AppendFixed32(tag(903, protowire.Fixed32Type), 1)) + group + num(7, 2), zero(0, "2")},
		{"other wire type", str(7, "text") + num(14, 5), "+I[0, , NULL, NULL, NULL, NULL]"},
		{"merged message", str(17, num(1, 5)+str(2, "a")) + num(7, 0) + str(17, str(2, "b")), zero(2, "+I[5, b]")},
		{"packed and not", str(30, "\x02\x04") + num(30, 6) + str(14, "") + str(30, "\x01"), zero(3, "[1, 2, 3, -1]")},
		{"oneof", str(20, "a") + num(21, 1), zero(4, "NULL")},
		{"oneof back", num(21, 1) + str(20, "a"), zero(4, "a")},
		{"map twice", str(40, str(1, "k")+num(2, 1)) + str(40, str(1, "j")) + str(40, num(2, 9)+str(1, "k")), zero(5, "{k=9, j=0}")},
		{"map without key", str(40, num(2, 3)), zero(5, "{=3}")},
		{"long varint", string(tag(7, protowire.VarintType)) + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", zero(0, "-1")},
		{"empty", "", "+I[0, , NULL, NULL, NULL, NULL]"},

		{"varint of 11 bytes", string(tag(7, protowire.VarintType)) + strings.Repeat("\xff", 10) + "\x01", "bad: decode protobuf message: a varint is longer than ten bytes"},
		{"cut tag", "\x80", "bad: decode protobuf message: the message ends early"},
		{"cut varint", string(tag(7, protowire.VarintType)) + "\x80", "bad: decode protobuf message: the message ends early"},
		{"cut string", string(tag(14, protowire.BytesType)) + "\x05abc", "bad: decode protobuf message: the message ends early"},
		{"cut unread string", string(tag(31, protowire.BytesType)) + "\x05abc", "bad: decode protobuf message: the message ends early"},
		{"cut unread long string", string(tag(31, protowire.BytesType)) + "\x85\x01abc", "bad: decode protobuf message: the message ends early"},
		{"huge length", string(tag(14, protowire.BytesType)) + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "bad: decode protobuf message: the message ends early"},
		{"cut fixed", string(tag(9, protowire.Fixed64Type)) + "abc", "bad: decode protobuf message: the message ends early"},
		{"cut inside", str(17, "\x08"), "bad: decode protobuf message: field sub: the message ends early"},
		{"cut packed", str(30, "\x02\x80"), "bad: decode protobuf message: field numbers: the message ends early"},
		{"field number 0", "\x00\x01", "bad: decode protobuf message: the field number 0 is invalid"},
		{"wire type 7", "\x0f", "bad: decode protobuf message: field 1 has the unknown wire type 7"},
		{"end of no group", string(tag(99, protowire.EndGroupType)), "bad: decode protobuf message: a group ends that did not begin"},
		{"open group", string(tag(99, protowire.StartGroupType)), "bad: decode protobuf message: the message ends early"},
		{"crossed groups", string(tag(99, protowire.StartGroupType)) + string(tag(98, protowire.EndGroupType)), "bad: decode protobuf message: a group ends that did not begin"},
		{"deep groups", strings.Repeat(string(tag(99, protowire.StartGroupType)), 101), "bad: decode protobuf message: groups are nested deeper than 100"},
		{"bad UTF-8", str(14, "\xff"), "bad: decode protobuf message: field string: a string is not valid UTF-8"},
		{"bad UTF-8 unread", str(31, "\xff"), "+I[0, , NULL, NULL, NULL, NULL]"},
		{"JSON", `{"int64":1}`, "bad: decode protobuf message: a group ends that did not begin"},
	} {
		got := formattest.Decode(t, decoder(t, m, f, Options{}), f, c.in)
		if c.name == "JSON" {
			if !strings.HasPrefix(got, "bad: ") {
				t.Error(got)
			}
			continue
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestBadBetweenGood(t *testing.T) {
	m := load(t, "test.All")
	f := formattest.Fields("string", types.String(), "numbers", types.ArrayOf(types.Of(types.Int)), "sub", sub())
	in := []string{wire(t, m, `{"string":"1","numbers":[1]}`), "\x72\x02no\xf2\x01\x02\x02\x80", "\x72\x01x\x8a\x01\x02\x08\x80", wire(t, m, `{"numbers":[2,3],"sub":{"name":"s"}}`)}
	b, bad := formattest.Batch(t, decoder(t, m, f, Options{}), f, in...)
	if got := b.String(); got != "+I[1, [1], NULL]\n+I[, [2, 3], +I[0, s]]\n" || len(bad) != 2 {
		t.Error(got, bad)
	}
	b, bad = formattest.Batch(t, decoder(t, m, f, Options{IgnoreParseErrors: true}), f, in...)
	if b.N != 2 || bad != nil {
		t.Error(b, bad)
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"test.All":                     "test.All",
		"All":                          "test.All",
		"com.example.pb.AllProto$All":  "test.All",
		"com.other.Outer$All$Sub":      "test.All.Sub",
		"test.old.Sub":                 "test.old.Sub",
		"com.example.old.Sub":          "test.old.Sub",
		"Old":                          "test.old.Old",
		"com.example.pb.AllProto$Alll": `the .proto files define no message "com.example.pb.AllProto$Alll"`,
		"Sub":                          `message "Sub" can be any of test.All.Sub, test.old.Sub`,
	} {
		m, err := Load(Options{BaseDir: "testdata", Files: []string{"all.proto", "old.proto"}, Message: name})
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = string(m.FullName())
		}
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestSchemaErrors(t *testing.T) {
	_, err := Compile(map[string]string{"x.proto": "syntax = \"proto3\";\nmessage X { int33 a = 1; }\n"}, "X")
	if p, ok := fault.PosOf(err); !ok || p.Line != 2 || fault.KindOf(err) != fault.Config {
		t.Errorf("%v at %v", err, p)
	}
	if _, err := Load(Options{BaseDir: "testdata", Files: []string{"none.proto"}, Message: "X"}); err == nil {
		t.Error("a missing file is no error")
	}
	m := load(t, "test.All")
	for column, typ := range map[string]types.Type{"string": types.Of(types.Int), "numbers": types.Of(types.Int), "sub": types.String(), "strin": types.String(), "uint64": types.DecimalOf(10, 0)} {
		_, err := NewDecoderOf(m, formattest.Fields(column, typ), Options{})
		if err == nil || fault.KindOf(err) != fault.Config {
			t.Errorf("%s %s: %v", column, typ, err)
		}
		if column == "strin" && fault.RemedyOf(err) != "did you mean string?" {
			t.Errorf("remedy %q", fault.RemedyOf(err))
		}
	}
}

func TestEncodeNulls(t *testing.T) {
	m := load(t, "test.All")
	f := formattest.Fields("words", types.ArrayOf(types.String()), "numbers", types.ArrayOf(types.Of(types.Int)))
	b := formattest.NewBuilder(f)
	for _, c := range b.Cols {
		if err := c.UnmarshalJSON([]byte(`[[null]]`)); err != nil {
			t.Fatal(err)
		}
	}
	b.RowDone(0, 0)
	e, err := NewEncoderOf(m, f, Options{NullString: "?"})
	if err != nil {
		t.Fatal(err)
	}
	out, err := formattest.Encode(t, e, b.Build())
	if err != nil || out[0] != wire(t, m, `{"words":["?"],"numbers":[0]}`) && out[0] != "\xfa\x01\x01?\xf2\x01\x01\x00" {
		t.Errorf("%q %v", out, err)
	}
}

const pageView = `syntax = "proto3";
message PageView {
  string mid = 1; string time_local = 2; string page_id = 3; string user_id = 4; string session_id = 5; string ip = 6;
  string url = 7; string referer = 8; string device = 9; string channel = 10; string app_version = 11; string duration = 12;
}`

func pageViews(b testing.TB, n int) (protoreflect.MessageDescriptor, []format.Message, int) {
	m, err := Compile(map[string]string{"pv.proto": pageView}, "PageView")
	if err != nil {
		b.Fatal(err)
	}
	size := 0
	msgs := make([]format.Message, n)
	for i := range msgs {
		var v []byte
		for k, s := range []string{fmt.Sprintf("%016x", i*7919), "2024-06-01 12:34:56", fmt.Sprintf("page_%d", i%5000), fmt.Sprint(100000000 + i), fmt.Sprintf("%016x", i*31), "10.1.2.3",
			fmt.Sprintf("https://m.example.com/p/%d?from=%d", i%5000, i%100), fmt.Sprintf("https://m.example.com/p/%d", i%4999), "iPhone14,5", "appstore", "6.12.3", "1234"} {
			v = protowire.AppendString(protowire.AppendTag(v, protowire.Number(k+1), protowire.BytesType), s)
		}
		msgs[i].Value = v
		size += len(v)
	}
	return m, msgs, size
}

func TestAllocations(t *testing.T) {
	m, msgs, _ := pageViews(t, 1000)
	f := formattest.Fields("mid", types.String(), "time_local", types.String())
	d := decoder(t, m, f, Options{})
	out := formattest.NewBuilder(f)
	if n := testing.AllocsPerRun(5, func() {
		d.Decode(msgs, out, func(i int, err error) { t.Error(i, err) })
		out.Build()
	}); n > 100 {
		t.Errorf("%v allocations for a batch of %d rows", n, len(msgs))
	}
}

func BenchmarkDecode2of12(b *testing.B) {
	m, msgs, size := pageViews(b, 4096)
	f := formattest.Fields("mid", types.String(), "time_local", types.String())
	d := decoder(b, m, f, Options{})
	out := formattest.NewBuilder(f)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		d.Decode(msgs, out, func(i int, err error) { b.Fatal(err) })
		out.Build()
	}
	b.ReportMetric(float64(b.N)*4096/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkEncode(b *testing.B) {
	m, msgs, size := pageViews(b, 4096)
	var f []format.Field
	for i := range m.Fields().Len() {
		f = append(f, format.Field{Name: string(m.Fields().Get(i).Name()), Type: types.String()})
	}
	out := formattest.NewBuilder(f)
	decoder(b, m, f, Options{}).Decode(msgs, out, func(i int, err error) { b.Fatal(err) })
	batch := out.Build()
	e, err := NewEncoderOf(m, f, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Encode(batch, func(int, []byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
