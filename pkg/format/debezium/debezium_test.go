package debezium

import (
	"fmt"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/formattest"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

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

const update = `{"before":{"id":111,"name":"scooter","weight":5.18},"after":{"id":111,"name":"scooter","weight":5.15},` +
	`"source":{"version":"2.7","connector":"mysql","ts_ms":1589361987000,"db":"inventory","table":"products","server_id":223344},"op":"u","ts_ms":1589361987936,"transaction":null}`

func TestDecode(t *testing.T) {
	f := formattest.Fields("id", types.Of(types.Int), "name", types.String(), "weight", types.DecimalOf(10, 2))
	for _, c := range []struct{ name, in, want string }{
		{"update", update, "-U[111, scooter, 5.18]\n+U[111, scooter, 5.15]"},
		{"with schema", `{"schema":{"type":"struct","fields":[{"op":"x"}]},"payload":` + update + `}`, "-U[111, scooter, 5.18]\n+U[111, scooter, 5.15]"},
		{"create", `{"before":null,"after":{"id":1},"op":"c"}`, "+I[1, NULL, NULL]"},
		{"read", `{"op":"r","after":{"id":1}}`, "+I[1, NULL, NULL]"},
		{"delete", `{"before":{"id":1},"after":null,"op":"d"}`, "-D[1, NULL, NULL]"},
		{"empty", ``, ""},
		{"null payload", `{"schema":null,"payload":null}`, ""},
		{"no before", `{"before":null,"after":{"id":1},"op":"u"}`, `bad: decode debezium-json: "before" is missing or null`},
		{"delete without before", `{"op":"d"}`, `bad: decode debezium-json: "before" is missing or null`},
		{"no after", `{"before":{"id":1},"op":"u"}`, `bad: decode debezium-json: "after" is missing or null`},
		{"bad after", `{"before":{"id":1},"after":{"id":"x"},"op":"u"}`, `bad: decode debezium-json: "after": column id: "x" as INT: not an integer`},
		{"other op", `{"op":"t"}`, `bad: decode debezium-json: unknown "op" "t"`},
		{"no op", `{"after":{}}`, `bad: decode debezium-json: "op": the key is missing`},
		{"cut", update[:50], `bad: decode debezium-json: the JSON text ends early`},
	} {
		if got := formattest.Decode(t, decoder(t, f, nil, nil), f, c.in); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestMetadata(t *testing.T) {
	f := formattest.Fields("id", types.Of(types.Int))
	keys := []string{"value.ingestion-timestamp", "source.timestamp", "value.source.database", "source.schema", "source.table", "source.properties", "schema"}
	all := f
	for _, k := range keys {
		all = append(all, format.Field{Name: k, Type: Metadata()[strings.TrimPrefix(k, "value.")]})
	}
	d := decoder(t, f, keys, nil)
	want := "[111, 2020-05-13T09:26:27.936Z, 2020-05-13T09:26:27Z, inventory, NULL, products, {version=2.7, connector=mysql, ts_ms=1589361987000, db=inventory, table=products, server_id=223344}, %s]"
	for in, schema := range map[string]string{update: "NULL", `{"schema": {"a": 1},"payload":` + update + `}`: `{"a":1}`} {
		w := fmt.Sprintf(want, schema)
		if got := formattest.Decode(t, d, all, in); got != "-U"+w+"\n+U"+w {
			t.Errorf("%s\nwant %s", got, w)
		}
	}
	if got := formattest.Decode(t, d, all, `{"op":"c","after":{"id":1}}`); got != "+I[1"+strings.Repeat(", NULL", 7)+"]" {
		t.Error(got)
	}
}

func TestIgnoreParseErrors(t *testing.T) {
	f := formattest.Fields("id", types.Of(types.Int))
	d := decoder(t, f, nil, format.Options{"ignore-parse-errors": "true", "schema-include": "true"})
	b, bad := formattest.Batch(t, d, f, `{"op":"c","after":{"id":"x"}}`, `{"op":"u"}`, `nonsense`)
	if b.String() != "+I[NULL]\n" || bad != nil {
		t.Error(b, bad)
	}
}

func TestEncode(t *testing.T) {
	f := formattest.Fields("id", types.Of(types.Int), "name", types.String())
	b, bad := formattest.Batch(t, decoder(t, f, nil, nil), f, `{"op":"c","after":{"id":1}}`, update, `{"op":"d","before":{"id":1}}`)
	e, err := NewEncoder(f, decoder(t, f, nil, nil).opts)
	if err != nil || bad != nil {
		t.Fatal(err, bad)
	}
	got, err := formattest.Encode(t, e, b)
	want := []string{`{"before":null,"after":{"id":1,"name":null},"op":"c"}`, `{"before":{"id":111,"name":"scooter"},"after":null,"op":"d"}`,
		`{"before":null,"after":{"id":111,"name":"scooter"},"op":"c"}`, `{"before":{"id":1,"name":null},"after":null,"op":"d"}`}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v\n%s", err, strings.Join(got, "\n"))
	}
}

func BenchmarkDecode(b *testing.B) {
	f := formattest.Fields("id", types.Of(types.Int), "name", types.String(), "weight", types.DecimalOf(10, 2))
	d := decoder(b, f, nil, nil)
	msgs := formattest.Messages(update)
	for range 11 {
		msgs = append(msgs, msgs...)
	}
	out := formattest.NewBuilder(f)
	b.SetBytes(int64(len(update) * len(msgs)))
	b.ReportAllocs()
	for b.Loop() {
		d.Decode(msgs, out, func(i int, err error) { b.Fatal(err) })
		out.Build()
	}
}
