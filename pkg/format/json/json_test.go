package json

import (
	stdjson "encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/formattest"
	"github.com/freshet-dw/freshet/pkg/format/internal/text"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func decoder(t testing.TB, fields []format.Field, opts Options) *Decoder {
	t.Helper()
	d, err := NewDecoder(fields, opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestValues decodes one value of each type in each of the forms that Flink takes.
func TestValues(t *testing.T) {
	iso := Options{TimestampStandard: text.ISO}
	offset := Options{TimestampStandard: text.ISOOffset}
	user := types.RowOf(types.Field{Name: "id", Type: types.Of(types.Int)}, types.Field{Name: "name", Type: types.String()})
	for _, c := range []struct {
		typ        types.Type
		opts       Options
		json, want string
	}{
		{types.String(), Options{}, `"abc"`, "abc"},
		{types.String(), Options{}, `""`, ""},
		{types.String(), Options{}, `null`, "NULL"},
		{types.String(), Options{}, `12.50`, "12.50"},
		{types.String(), Options{}, `true`, "true"},
		{types.String(), Options{}, `"a\"\\\/\b\f\n\r\tz"`, "a\"\\/\b\f\n\r\tz"},
		{types.String(), Options{}, `"\u4e2d\u6587 中文"`, "中文 中文"},
		{types.String(), Options{}, `"\ud83d\ude00!"`, "😀!"},
		{types.String(), Options{}, `"\ud83d!"`, "?!"},
		{types.String(), Options{}, `"\ude00\u0041"`, "?A"},
		{types.String(), Options{}, `"\ud83d\u0041"`, "?A"},
		{types.String(), Options{}, "\"line\nbreak\"", "line\nbreak"},
		{types.String(), Options{}, `"\x"`, "bad: decode JSON: column v: a string has an invalid escape"},
		{types.String(), Options{}, `"\u12g4"`, "bad: decode JSON: column v: a string has an invalid escape"},
		{types.String(), Options{}, "\"\xff\"", "bad: decode JSON: column v: a string is not valid UTF-8"},
		{types.String(), Options{}, ` { "b" : [1, "x\u00e9\n" , null] , "a":{} } `, `{"b":[1,"xé\n",null],"a":{}}`},
		{types.String(), Options{}, `nul`, `bad: decode JSON: column v: "nul" is no JSON value`},
		{types.Of(types.Boolean), Options{}, `true`, "true"},
		{types.Of(types.Boolean), Options{}, `" TRUE "`, "true"},
		{types.Of(types.Boolean), Options{}, `"yes"`, "false"},
		{types.Of(types.Boolean), Options{}, `1`, "false"},
		{types.Of(types.Boolean), Options{NumericBooleans: true}, `"1"`, "true"},
		{types.Of(types.TinyInt), Options{}, `-128`, "-128"},
		{types.Of(types.TinyInt), Options{}, `128`, `bad: decode JSON: column v: "128" as TINYINT: out of range`},
		{types.Of(types.TinyInt), Options{}, `1.0`, `bad: decode JSON: column v: "1.0" as TINYINT: not an integer`},
		{types.Of(types.SmallInt), Options{}, `"32767"`, "32767"},
		{types.Of(types.Int), Options{}, `2147483647`, "2147483647"},
		{types.Of(types.Int), Options{}, `2147483648`, `bad: decode JSON: column v: "2147483648" as INT: out of range`},
		{types.Of(types.Int), Options{}, `-1.9`, "-1"},
		{types.Of(types.Int), Options{}, `1e3`, "1000"},
		{types.Of(types.Int), Options{}, `"1.5"`, `bad: decode JSON: column v: "1.5" as INT: not an integer`},
		{types.Of(types.Int), Options{}, `01`, `bad: decode JSON: column v: "01" is no JSON value`},
		{types.Of(types.Int), Options{}, `true`, `bad: decode JSON: column v: "true" as INT: not an integer`},
		{types.Of(types.Int), Options{}, `{"a":1}`, `bad: decode JSON: column v: {"a":1} where a INT should be`},
		{types.Of(types.BigInt), Options{}, `-9223372036854775808`, "-9223372036854775808"},
		{types.Of(types.BigInt), Options{}, `9223372036854775808`, `bad: decode JSON: column v: "9223372036854775808" as BIGINT: out of range`},
		{types.Of(types.BigInt), Options{}, `" 123 "`, "123"},
		{types.Of(types.BigInt), Options{}, `""`, `bad: decode JSON: column v: "" as BIGINT: not an integer`},
		{types.Of(types.Double), Options{}, `1.5e300`, "1.5e+300"},
		{types.Of(types.Double), Options{}, `"3.25"`, "3.25"},
		{types.Of(types.Double), Options{}, `7`, "7"},
		{types.Of(types.Double), Options{}, `"x"`, `bad: decode JSON: column v: "x" as DOUBLE: not a number`},
		{types.Of(types.Float), Options{}, `0.1`, "0.1"},
		{types.DecimalOf(10, 2), Options{}, `12.345`, "12.35"},
		{types.DecimalOf(10, 2), Options{}, `-12.345`, "-12.35"},
		{types.DecimalOf(10, 2), Options{}, `"99999999.99"`, "99999999.99"},
		{types.DecimalOf(10, 2), Options{}, `99999999.995`, "NULL"},
		{types.DecimalOf(10, 2), Options{}, `1e3`, "1000.00"},
		{types.DecimalOf(10, 2), Options{}, `"abc"`, `bad: decode JSON: column v: "abc" as DECIMAL: not a number`},
		{types.DecimalOf(38, 18), Options{}, `12345678901234567890.123456789012345678`, "12345678901234567890.123456789012345678"},
		{types.DecimalOf(38, 0), Options{}, `99999999999999999999999999999999999999`, "99999999999999999999999999999999999999"},
		{types.DecimalOf(38, 0), Options{}, `100000000000000000000000000000000000000`, "NULL"},
		{types.Of(types.Date), Options{}, `"2024-02-29"`, "2024-02-29"},
		{types.Of(types.Date), Options{}, `"2023-02-29"`, `bad: decode JSON: column v: "2023-02-29" as DATE: not a date like 2024-01-31`},
		{types.Of(types.Time), Options{}, `"12:30:01.5"`, "12:30:01.000"},
		{types.Type{Kind: types.Time, Precision: 3}, Options{}, `"12:30:01.5"`, "12:30:01.500"},
		{types.Of(types.Time), Options{}, `"24:00:00"`, "00:00:00.000"},
		{types.Of(types.Time), Options{}, `"12:30"`, `bad: decode JSON: column v: "12:30" as TIME: not a time like 12:30:00`},
		{types.TimestampOf(3), Options{}, `"2024-02-30 00:00:00"`, "2024-02-29T00:00:00"},
		{types.Of(types.Double), Options{}, `"1.5d"`, "1.5"},
		{types.String(), Options{}, `{"k":[1,2.50,1e3,true]}`, `{"k":[1,2.5,1000.0,true]}`},
		{types.TimestampOf(3), Options{}, `"2024-01-31 12:30:00.123456789"`, "2024-01-31T12:30:00.123"},
		{types.TimestampOf(6), Options{}, `"1969-12-31 23:59:59.999999"`, "1969-12-31T23:59:59.999999"},
		{types.TimestampOf(3), Options{}, `"2024-01-31T12:30:00"`, `bad: decode JSON: column v: "2024-01-31T12:30:00" as TIMESTAMP: not a timestamp like 2024-01-31 12:30:00`},
		{types.TimestampOf(3), iso, `"2024-01-31T12:30:00.5"`, "2024-01-31T12:30:00.500"},
		{types.TimestampOf(3), iso, `1706704200000`, `bad: decode JSON: column v: "1706704200000" as TIMESTAMP: not a timestamp like 2024-01-31T12:30:00`},
		{types.TimestampLTZOf(3), Options{}, `"2024-01-31 12:30:00Z"`, "2024-01-31T12:30:00Z"},
		{types.TimestampLTZOf(3), Options{}, `"2024-01-31 12:30:00"`, `bad: decode JSON: column v: "2024-01-31 12:30:00" as TIMESTAMP_LTZ: not a timestamp like 2024-01-31 12:30:00Z`},
		{types.TimestampLTZOf(3), iso, `"2024-01-31T12:30:00.001Z"`, "2024-01-31T12:30:00.001Z"},
		{types.TimestampLTZOf(3), offset, `"2024-01-31T12:30:00.001+08:00"`, "2024-01-31T04:30:00.001Z"},
		{types.Bytes(), Options{}, `"aGVsbG8="`, "68656c6c6f"},
		{types.Bytes(), Options{}, `"aGVsbG8="`, "68656c6c6f"},
		{types.Bytes(), Options{}, `"aGVsbG8"`, `bad: decode JSON: column v: "aGVsbG8" as VARBINARY: not a base64 string`},
		{types.Bytes(), Options{}, `"***"`, `bad: decode JSON: column v: "***" as VARBINARY: not a base64 string`},
		{types.ArrayOf(types.Of(types.Int)), Options{}, `[1, null ,"3"]`, "[1, NULL, 3]"},
		{types.ArrayOf(types.Of(types.Int)), Options{}, ` [ ] `, "[]"},
		{types.ArrayOf(types.Of(types.Int)), Options{}, `[1,"x"]`, `bad: decode JSON: column v: element 1: "x" as INT: not an integer`},
		{types.ArrayOf(types.Of(types.Int)), Options{IgnoreParseErrors: true}, `[1,"x",3]`, "[1, NULL, 3]"},
		{types.ArrayOf(types.Of(types.Int)), Options{}, `[1 2]`, `bad: decode JSON: column v: '2' at byte 8 where a comma should be`},
		{types.ArrayOf(types.Of(types.Int)), Options{}, `{}`, `bad: decode JSON: column v: {} where an array should be`},
		{types.ArrayOf(types.ArrayOf(types.String())), Options{}, `[["a"],[],null,["b","c"]]`, "[[a], [], NULL, [b, c]]"},
		{types.MapOf(types.String(), types.Of(types.Int)), Options{}, `{"a":1,"b":null,"a":3}`, "{a=3, b=NULL}"},
		{types.MapOf(types.String(), types.Of(types.Int)), Options{}, `{"a":1,}`, `bad: decode JSON: column v: '}' at byte 12 where a key should be`},
		{types.MapOf(types.String(), types.Of(types.Int)), Options{}, `{"a" 1}`, `bad: decode JSON: column v: '1' at byte 10 where a colon should be`},
		{types.MapOf(types.String(), types.MapOf(types.String(), types.String())), Options{}, `{"x":{"y":"z"},"w":{}}`, "{x={y=z}, w={}}"},
		{types.MultisetOf(types.String()), Options{}, `{"a":2}`, "{a=2}"},
		{user, Options{}, `{"name":"n","id":1,"extra":[{}]}`, "+I[1, n]"},
		{user, Options{}, `{}`, "+I[NULL, NULL]"},
		{user, Options{FailOnMissingField: true}, `{"id":1}`, "bad: decode JSON: column v: column name: the key is missing"},
		{user, Options{}, `[1]`, `bad: decode JSON: column v: '[' at byte 5 where an object should be`},
		{types.ArrayOf(user), Options{}, `[{"id":1},{"name":"b"}]`, "[+I[1, NULL], +I[NULL, b]]"},
		{types.ArrayOf(user), Options{IgnoreParseErrors: true}, `[{"id":"x","name":"a"},7,{"id":2}]`, "[+I[NULL, a], NULL, +I[2, NULL]]"},
	} {
		fields := formattest.Fields("v", c.typ)
		got := formattest.Decode(t, decoder(t, fields, c.opts), fields, `{"v":`+c.json+`}`)
		want := c.want
		if !strings.HasPrefix(want, "bad: ") {
			want = "+I[" + want + "]"
		}
		if got != want {
			t.Errorf("%s of %s:\n got %s\nwant %s", c.typ, c.json, got, want)
		}
	}
}

// TestMessages decodes whole messages with two columns.
func TestMessages(t *testing.T) {
	fields := formattest.Fields("id", types.Of(types.BigInt), "name", types.String())
	fail, ignore := Options{FailOnMissingField: true}, Options{IgnoreParseErrors: true}
	for _, c := range []struct {
		opts       Options
		json, want string
	}{
		{Options{}, `{"id":1,"name":"a"}`, "+I[1, a]"},
		{Options{}, "\t{ \"x\" : {\"id\":[9,{}]} ,\r\n\"name\":\"a\" , \"id\" : 1 } \n", "+I[1, a]"},
		{Options{}, `{"id":1,"id":2}`, "+I[2, NULL]"},
		{Options{}, `{"\u0069d":1}`, "+I[1, NULL]"},
		{Options{}, `{"ID":1}`, "+I[NULL, NULL]"},
		{Options{}, `{}`, "+I[NULL, NULL]"},
		{Options{}, `{"y":"\\\"}","id":5}`, "+I[5, NULL]"},
		{Options{}, `[{"id":1},{"id":2,"name":"b"}, null]`, "+I[1, NULL]\n+I[2, b]"},
		{Options{}, `[]`, ""},
		{Options{}, `null`, ""},
		{Options{}, `[{"id":1},{"id":"x"}]`, `bad: decode JSON: column id: "x" as BIGINT: not an integer`},
		{Options{}, ``, "bad: decode JSON: the JSON text ends early"},
		{Options{}, `   `, "bad: decode JSON: the JSON text ends early"},
		{Options{}, `{"id":1`, "bad: decode JSON: the JSON text ends early"},
		{Options{}, `{"id":"1`, "bad: decode JSON: the JSON text ends early"},
		{Options{}, `{"id":"1\`, "bad: decode JSON: the JSON text ends early"},
		{Options{}, `{"id":`, "bad: decode JSON: the JSON text ends early"},
		{Options{}, `{"id"`, "bad: decode JSON: the JSON text ends early"},
		{Options{}, `{"id":,"name":"a"}`, "bad: decode JSON: ',' at byte 6 where a value should be"},
		{Options{}, `{"id" 1}`, "bad: decode JSON: '1' at byte 6 where a colon should be"},
		{Options{}, `{"id":1 "name":2}`, "bad: decode JSON: '\"' at byte 8 where a comma should be"},
		{Options{}, `{"id":1,}`, "bad: decode JSON: '}' at byte 8 where a key should be"},
		{Options{}, `{id:1}`, "bad: decode JSON: 'i' at byte 1 where a key should be"},
		{Options{}, `{"x":[1},"id":1}`, "bad: decode JSON: '}' at byte 7 where another bracket should be"},
		{Options{}, `{"id":1}{"id":2}`, "bad: decode JSON: '{' at byte 8 where the end should be"},
		{Options{}, `"text"`, `bad: decode JSON: "text" where an object should be`},
		{Options{}, `17`, "bad: decode JSON: 17 where an object should be"},
		{fail, `{"id":null,"name":"a"}`, "+I[NULL, a]"},
		{fail, `{"id":1}`, "bad: decode JSON: column name: the key is missing"},
		{ignore, `{"id":"x","name":"a"}`, "+I[NULL, a]"},
		{ignore, `{"id":1`, ""},
		{ignore, `[{"id":1},7,{"id":3}]`, "+I[1, NULL]\n+I[3, NULL]"},
	} {
		if got := formattest.Decode(t, decoder(t, fields, c.opts), fields, c.json); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.json, got, c.want)
		}
	}
}

// TestBadBetweenGood checks that what a bad message appended before its fault does not show in the next rows.
func TestBadBetweenGood(t *testing.T) {
	fields := formattest.Fields("a", types.String(), "l", types.ArrayOf(types.Of(types.Int)), "n", types.Of(types.Int))
	d := decoder(t, fields, Options{})
	b, bad := formattest.Batch(t, d, fields,
		`{"a":"1","l":[1],"n":1}`, `{"a":"no","l":[7,8],"n":"x"}`, `{"a":"2","l":[1,"x"]}`, `{`, `{"n":5,"l":[2,3]}`)
	if got, want := b.String(), "+I[1, [1], 1]\n+I[NULL, [2, 3], 5]\n"; got != want {
		t.Errorf("rows\n%swant\n%s", got, want)
	}
	if len(bad) != 3 || bad[0][:2] != "1:" || bad[1][:2] != "2:" || bad[2][:2] != "3:" {
		t.Errorf("bad: %q", bad)
	}
}

// TestKeyOrders decodes objects whose keys come in changing orders and with many foreign keys, so that the remembered order
// is wrong more often than right.
func TestKeyOrders(t *testing.T) {
	fields := formattest.Fields("b", types.Of(types.Int), "d", types.Of(types.Int))
	d := decoder(t, fields, Options{})
	var msgs, want []string
	for i := 0; i < 3000; i++ {
		keys := []string{fmt.Sprintf(`"b":%d`, i), fmt.Sprintf(`"bb":[%d]`, i), fmt.Sprintf(`"d":%d`, -i), fmt.Sprintf(`"k%d":{"b":0}`, i)}
		r := i * 7919 % 24
		for n := 4; n > 1; n-- {
			keys[n-1], keys[r%n] = keys[r%n], keys[n-1]
			r /= n
		}
		msgs = append(msgs, "{"+strings.Join(keys, ",")+"}")
		want = append(want, fmt.Sprintf("+I[%d, %d]\n", i, -i))
	}
	b, bad := formattest.Batch(t, d, fields, msgs...)
	if len(bad) > 0 || b.String() != strings.Join(want, "") {
		t.Errorf("bad %v; rows differ: %v", bad, b.String() != strings.Join(want, ""))
	}
	if n := len(d.row.keys.known); n > maxKeys+2 {
		t.Errorf("%d keys remembered", n)
	}
}

func TestLargeMap(t *testing.T) {
	fields := formattest.Fields("m", types.MapOf(types.String(), types.Of(types.Int)))
	var in, want []string
	for i := 0; i < 100; i++ {
		in = append(in, fmt.Sprintf(`"k%d":0`, i))
		want = append(want, fmt.Sprintf("k%d=%d", i, i))
	}
	for i := 0; i < 100; i++ {
		in = append(in, fmt.Sprintf(`"k%d":%d`, i, i))
	}
	got := formattest.Decode(t, decoder(t, fields, Options{}), fields, `{"m":{`+strings.Join(in, ",")+"}}")
	if got != "+I[{"+strings.Join(want, ", ")+"}]" {
		t.Error(got)
	}
}

// TestEncode checks Flink's output forms: what was decoded from in is encoded as want.
func TestEncode(t *testing.T) {
	fields := formattest.Fields("v", types.Type{})
	iso, plain := Options{TimestampStandard: text.ISO}, Options{DecimalAsPlain: true}
	for _, c := range []struct {
		typ      types.Type
		opts     Options
		in, want string
	}{
		{types.String(), Options{}, `"a\"\\\/\n\u0001\u007f中😀"`, `"a\"\\/\n\u0001` + "\u007f中\\uD83D\\uDE00\""},
		{types.String(), Options{}, `null`, `null`},
		{types.Of(types.Boolean), Options{}, `true`, `true`},
		{types.Of(types.BigInt), Options{}, `-12`, `-12`},
		{types.Of(types.Double), Options{}, `1`, `1.0`},
		{types.Of(types.Double), Options{}, `1e10`, `1.0E10`},
		{types.Of(types.Double), Options{}, `0.00012`, `1.2E-4`},
		{types.Of(types.Double), Options{}, `1234567.5`, `1234567.5`},
		{types.Of(types.Double), Options{}, `"NaN"`, `"NaN"`},
		{types.Of(types.Float), Options{}, `3.4`, `3.4`},
		{types.DecimalOf(10, 2), Options{}, `1`, `1`},
		{types.DecimalOf(10, 2), Options{}, `120`, `1.2E+2`},
		{types.DecimalOf(10, 2), Options{DecimalAsPlain: true}, `120`, `120`},
		{types.DecimalOf(10, 2), Options{}, `-0.5`, `-0.5`},
		{types.DecimalOf(20, 9), Options{}, `0.000000027`, `2.7E-8`},
		{types.DecimalOf(20, 9), plain, `0.000000027`, `0.000000027`},
		{types.DecimalOf(38, 2), Options{}, `123456789012345678901234567890123456.78`, `123456789012345678901234567890123456.78`},
		{types.Of(types.Date), Options{}, `"0999-01-02"`, `"0999-01-02"`},
		{types.Of(types.Time), Options{}, `"01:02:03"`, `"01:02:03"`},
		{types.TimestampOf(3), Options{}, `"2024-01-01 00:00:00"`, `"2024-01-01 00:00:00"`},
		{types.TimestampOf(3), Options{}, `"2024-01-01 00:00:00.120"`, `"2024-01-01 00:00:00.12"`},
		{types.TimestampLTZOf(6), Options{}, `"1969-12-31 23:59:59.000001Z"`, `"1969-12-31 23:59:59.000001Z"`},
		{types.TimestampLTZOf(3), iso, `"2024-01-01T00:00:00.5Z"`, `"2024-01-01T00:00:00.5Z"`},
		{types.Bytes(), Options{}, `"aGVsbG8="`, `"aGVsbG8="`},
		{types.ArrayOf(types.String()), Options{}, `[ "a", null ]`, `["a",null]`},
		{types.MapOf(types.String(), types.Of(types.Int)), Options{}, `{"b":1,"a":null}`, `{"b":1,"a":null}`},
		{types.RowOf(types.Field{Name: "x", Type: types.Of(types.Int)}, types.Field{Name: "y", Type: types.String()}), Options{}, `{"y":"q"}`, `{"x":null,"y":"q"}`},
		{types.RowOf(types.Field{Name: "x", Type: types.Of(types.Int)}, types.Field{Name: "y", Type: types.String()}), Options{IgnoreNullFields: true}, `{"y":"q"}`, `{"y":"q"}`},
	} {
		fields[0].Type = c.typ
		b, bad := formattest.Batch(t, decoder(t, fields, c.opts), fields, `{"v":`+c.in+`}`)
		if len(bad) > 0 {
			t.Errorf("%s: %v", c.in, bad)
			continue
		}
		e, err := NewEncoder(fields, c.opts)
		if err != nil {
			t.Fatal(err)
		}
		got, err := formattest.Encode(t, e, b)
		if err != nil || len(got) != 1 || got[0] != `{"v":`+c.want+`}` {
			t.Errorf("%s %s: %s, %v; want %s", c.typ, c.in, got, err, c.want)
		}
		if len(got) == 1 && !stdjson.Valid([]byte(got[0])) {
			t.Errorf("%s is not valid JSON", got[0])
		}
	}
}

func TestNewErrors(t *testing.T) {
	fields := formattest.Fields("m", types.MapOf(types.Of(types.Int), types.String()))
	if _, err := NewDecoder(fields, Options{}); err == nil || !strings.Contains(err.Error(), "map keys of type INT") {
		t.Error(err)
	}
	if _, err := NewEncoder(fields, Options{}); err == nil || !strings.Contains(err.Error(), "map keys of type INT") {
		t.Error(err)
	}
}

func TestAllocations(t *testing.T) {
	fields := formattest.Fields("user_id", types.Of(types.BigInt), "url", types.String(), "ts", types.TimestampLTZOf(3))
	d := decoder(t, fields, Options{})
	msgs := benchMessages(1000)
	out := formattest.NewBuilder(fields)
	allocs := testing.AllocsPerRun(5, func() {
		d.Decode(msgs, out, func(i int, err error) { t.Error(i, err) })
		out.Build()
	})
	if allocs > 200 {
		t.Errorf("%v allocations for a batch of %d rows", allocs, len(msgs))
	}
}

func benchMessages(n int) []format.Message {
	out := make([]format.Message, n)
	for i := range out {
		out[i].Value = fmt.Appendf(nil, `{"event_id":"%016x","user_id":%d,"url":"https://shop.example.com/item/%d?from=search","referrer":"https://shop.example.com/search","agent":"Mozilla/5.0 (X11; Linux x86_64)","ts":"2024-01-31 12:%02d:%02d.%03dZ","amount":%d.%02d}`,
			i*7919, i%1000+1000000, i%5000, i/60%60, i%60, i%1000, i%500, i%100)
	}
	return out
}

func BenchmarkDecode3of7(b *testing.B) {
	fields := formattest.Fields("user_id", types.Of(types.BigInt), "url", types.String(), "ts", types.TimestampLTZOf(3))
	benchmark(b, fields)
}

func BenchmarkDecode7of7(b *testing.B) {
	benchmark(b, formattest.Fields("event_id", types.String(), "user_id", types.Of(types.BigInt), "url", types.String(), "referrer", types.String(),
		"agent", types.String(), "ts", types.TimestampLTZOf(3), "amount", types.DecimalOf(10, 2)))
}

func benchmark(b *testing.B, fields []format.Field) {
	d := decoder(b, fields, Options{})
	msgs := benchMessages(4096)
	size := 0
	for _, m := range msgs {
		size += len(m.Value)
	}
	out := formattest.NewBuilder(fields)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		d.Decode(msgs, out, func(i int, err error) { b.Fatal(i, err) })
		out.Build()
	}
	b.ReportMetric(float64(b.N)*4096/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkEncode(b *testing.B) {
	fields := formattest.Fields("event_id", types.String(), "user_id", types.Of(types.BigInt), "url", types.String(), "ts", types.TimestampLTZOf(3), "amount", types.DecimalOf(10, 2))
	in := formattest.NewBuilder(fields)
	decoder(b, fields, Options{}).Decode(benchMessages(4096), in, func(i int, err error) { b.Fatal(err) })
	batch := in.Build()
	e, err := NewEncoder(fields, Options{})
	if err != nil {
		b.Fatal(err)
	}
	size := 0
	count := func(_ int, v []byte) error { size += len(v); return nil }
	if err := e.Encode(batch, count); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Encode(batch, count); err != nil {
			b.Fatal(err)
		}
	}
}
