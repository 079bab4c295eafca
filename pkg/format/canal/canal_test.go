package canal

import (
	"fmt"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/formattest"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func fields() []format.Field {
	return formattest.Fields("id", types.Of(types.BigInt), "name", types.String(), "price", types.DecimalOf(10, 2), "at", types.TimestampOf(0), "paid", types.Of(types.Boolean))
}

func decoder(t testing.TB, f []format.Field, meta []string, opts format.Options) *Decoder {
	t.Helper()
	o, err := ParseOptions(opts)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDecoder(f, meta, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const insert = `{"data":[{"id":"111","name":"scooter","price":"5.15","at":"2024-01-31 12:30:00","paid":"1"},{"id":112,"name":null,"price":1,"at":null,"paid":false}],` +
	`"database":"shop","es":1589373515000,"id":3,"isDdl":false,"mysqlType":{"id":"BIGINT","name":"VARCHAR(255)"},"old":null,"pkNames":["id"],"sql":"","sqlType":{"id":-5,"name":12},"table":"orders","ts":1589373515477,"type":"INSERT"}`

func TestDecode(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"insert", insert, "+I[111, scooter, 5.15, 2024-01-31T12:30:00, true]\n+I[112, NULL, 1.00, NULL, false]"},
		{"update", `{"data":[{"id":"1","name":"b","price":"2.50","at":"2024-01-31 12:30:00","paid":"0"},{"id":"2","name":"x","price":null}],"old":[{"price":"1.25","paid":"1"},{"name":null,"price":"3"}],"type":"UPDATE"}`,
			"-U[1, b, 1.25, 2024-01-31T12:30:00, true]\n+U[1, b, 2.50, 2024-01-31T12:30:00, false]\n" +
				"-U[2, NULL, 3.00, NULL, NULL]\n+U[2, x, NULL, NULL, NULL]"},
		{"old first", `{"old":[{"name":"a"}],"type":"UPDATE","data":[{"id":1,"name":"b"}]}`,
			"-U[1, a, NULL, NULL, NULL]\n+U[1, b, NULL, NULL, NULL]"},
		{"delete", `{"data":[{"id":"1"}],"type":"DELETE","old":null}`, "-D[1, NULL, NULL, NULL, NULL]"},
		{"ddl", `{"data":null,"isDdl":true,"sql":"create table t (id int)","type":"CREATE"}`, ""},
		{"alter", `{"data":null,"isDdl":true,"type":"ALTER"}`, ""},
		{"empty", ``, ""},
		{"other type", `{"data":[],"type":"MERGE"}`, `bad: decode canal-json: unknown "type" "MERGE"`},
		{"no type", `{"data":[]}`, `bad: decode canal-json: "type": the key is missing`},
		{"no data", `{"data":null,"type":"INSERT"}`, `bad: decode canal-json: "data" is missing or null`},
		{"no old", `{"data":[{"id":1}],"old":null,"type":"UPDATE"}`, `bad: decode canal-json: "old" of an UPDATE is missing or null`},
		{"short old", `{"data":[{"id":1},{"id":2}],"old":[{}],"type":"UPDATE"}`, `bad: decode canal-json: "data" and "old" are of different lengths`},
		{"long old", `{"data":[{"id":1}],"old":[{},{}],"type":"UPDATE"}`, `bad: decode canal-json: "data" and "old" are of different lengths`},
		{"second row bad", `{"data":[{"id":1},{"id":"x"}],"type":"INSERT"}`, `bad: decode canal-json: column id: "x" as BIGINT: not an integer`},
		{"bad old", `{"data":[{"id":1}],"old":[{"id":"y"}],"type":"UPDATE"}`, `bad: decode canal-json: "old": column id: "y" as BIGINT: not an integer`},
		{"zero date", `{"data":[{"at":"0000-00-00 00:00:00"}],"type":"INSERT"}`, `bad: decode canal-json: column at: "0000-00-00 00:00:00" as TIMESTAMP: not a timestamp like 2024-01-31 12:30:00`},
		{"no object", `[]`, `bad: decode canal-json: '[' at byte 0 where an object should be`},
		{"cut", insert[:200], `bad: decode canal-json: the JSON text ends early`},
		{"text after", insert + "x", fmt.Sprintf(`bad: decode canal-json: 'x' at byte %d where the end should be`, len(insert))},
	} {
		if got := formattest.Decode(t, decoder(t, fields(), nil, nil), fields(), c.in); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestMessageIsAtomic checks that a message whose last row is bad leaves nothing, and Msg names the rows' messages.
func TestMessageIsAtomic(t *testing.T) {
	d := decoder(t, fields(), nil, nil)
	out := formattest.NewBuilder(fields())
	var bad []int
	d.Decode(formattest.Messages(
		`{"data":[{"id":1},{"id":2}],"type":"INSERT"}`,
		`{"data":[{"id":3},{"id":4,"name":"no"},{"id":"x"}],"type":"DELETE"}`,
		`{"data":[{"id":5,"name":"b"}],"old":[{"name":"a"}],"type":"UPDATE"}`), out, func(i int, err error) { bad = append(bad, i) })
	if got := fmt.Sprint(out.Msg, bad); got != "[0 0 2 2] [1]" {
		t.Error(got)
	}
	want := "+I[1, NULL, NULL, NULL, NULL]\n+I[2, NULL, NULL, NULL, NULL]\n-U[5, a, NULL, NULL, NULL]\n+U[5, b, NULL, NULL, NULL]\n"
	if got := out.Build().String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestFilters(t *testing.T) {
	f := formattest.Fields("id", types.Of(types.Int))
	msg := func(db, table string) string {
		return fmt.Sprintf(`{"data":[{"id":1}],"database":%q,"table":%q,"type":"INSERT"}`, db, table)
	}
	d := decoder(t, f, nil, format.Options{"database.include": "shop|pay", "table.include": "order_.*"})
	for in, want := range map[string]string{
		msg("shop", "order_1"):       "+I[1]",
		msg("pay", "order_2"):        "+I[1]",
		msg("shop2", "order_1"):      "",
		msg("shop", "old_order_1"):   "",
		`{"data":[],"type":"QUERY"}`: `bad: decode canal-json: "database": the key is missing`,
	} {
		if got := formattest.Decode(t, d, f, in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

func TestIgnoreParseErrors(t *testing.T) {
	d := decoder(t, fields(), nil, format.Options{"ignore-parse-errors": "true"})
	b, bad := formattest.Batch(t, d, fields(), `{"data":[{"id":"x","name":"n"}],"type":"INSERT"}`, `{"data"`, `{"type":"WHAT"}`)
	if got := b.String(); got != "+I[NULL, n, NULL, NULL, NULL]\n" || bad != nil {
		t.Error(got, bad)
	}
}

func TestMetadata(t *testing.T) {
	f := formattest.Fields("id", types.Of(types.Int))
	keys := []string{"value.database", "table", "value.ingestion-timestamp", "event-timestamp", "sql-type", "pk-names"}
	d := decoder(t, f, keys, nil)
	all := f
	for _, k := range keys {
		all = append(all, format.Field{Name: k, Type: Metadata()[strings.TrimPrefix(k, "value.")]})
	}
	want := "[%s, shop, orders, 2020-05-13T12:38:35.477Z, 2020-05-13T12:38:35Z, {id=-5, name=12}, [id]]"
	if got := formattest.Decode(t, d, all, insert); got != fmt.Sprintf("+I"+want+"\n+I"+want, "111", "112") {
		t.Error(got)
	}
	o, _ := ParseOptions(nil)
	if _, err := NewDecoder(f, []string{"databse"}, o); err == nil || !strings.Contains(err.Error(), `no metadata "databse"`) {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	for _, in := range []format.Options{{"database.include": "("}, {"ignore-parse-errors": "yes"}, {"table.inclde": "x"}} {
		if _, err := ParseOptions(in); err == nil {
			t.Errorf("%v: no error", in)
		}
	}
}

func TestEncode(t *testing.T) {
	f := formattest.Fields("id", types.Of(types.Int), "name", types.String())
	b, bad := formattest.Batch(t, decoder(t, f, nil, nil), f, `{"data":[{"id":1}],"type":"INSERT"}`,
		`{"data":[{"id":1,"name":"b"}],"old":[{"name":"a"}],"type":"UPDATE"}`, `{"data":[{"id":1}],"type":"DELETE"}`)
	e, err := NewEncoder(f, Options{})
	if err != nil || bad != nil {
		t.Fatal(err, bad)
	}
	got, err := formattest.Encode(t, e, b)
	want := []string{`{"data":[{"id":1,"name":null}],"type":"INSERT"}`, `{"data":[{"id":1,"name":"a"}],"type":"DELETE"}`,
		`{"data":[{"id":1,"name":"b"}],"type":"INSERT"}`, `{"data":[{"id":1,"name":null}],"type":"DELETE"}`}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v\n%s", err, strings.Join(got, "\n"))
	}
}

func BenchmarkDecode(b *testing.B) {
	f := fields()
	d := decoder(b, f, nil, nil)
	msgs := formattest.Messages(insert, `{"data":[{"id":"1","name":"b","price":"2.50","at":"2024-01-31 12:30:00","paid":"0"}],"database":"shop","es":1589373515000,"id":3,"isDdl":false,"old":[{"price":"1.25"}],"table":"orders","ts":1589373515477,"type":"UPDATE"}`)
	for range 10 {
		msgs = append(msgs, msgs...)
	}
	size := 0
	for _, m := range msgs {
		size += len(m.Value)
	}
	out := formattest.NewBuilder(f)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		d.Decode(msgs, out, func(i int, err error) { b.Fatal(err) })
		out.Build()
	}
}
