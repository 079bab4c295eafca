package maxwell

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/formattest"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func fields() []format.Field {
	return formattest.Fields("id", types.Of(types.Int).AsNotNull(), "name", types.String(), "note", types.String(), "weight", types.Of(types.Float))
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

// TestFile reads a change log as Maxwell writes it, and writes what it has read.
func TestFile(t *testing.T) {
	in, err := os.ReadFile("testdata/tools.txt")
	if err != nil {
		t.Fatal(err)
	}
	b, bad := formattest.Batch(t, decoder(t, fields(), nil, nil), fields(), strings.Split(strings.TrimSpace(string(in)), "\n")...)
	want := "+I[1, saw, for wood, 1.5]\n+I[2, file, NULL, 0.25]\n-U[2, file, NULL, 0.25]\n+U[2, file, flat, 0.25]\n" +
		"-U[1, saw, for wood, 1.5]\n+U[1, saw, for metal, NULL]\n-D[2, file, flat, 0.25]\n+I[3, vice, NULL, 11]\n"
	if got := b.String(); got != want || bad != nil {
		t.Errorf("%v\n%s\nwant\n%s", bad, got, want)
	}
	e, err := NewEncoder(fields(), decoder(t, nil, nil, nil).opts)
	if err != nil {
		t.Fatal(err)
	}
	out, err := formattest.Encode(t, e, b)
	if err != nil {
		t.Fatal(err)
	}
	wrote := []string{`{"data":{"id":1,"name":"saw","note":"for wood","weight":1.5},"type":"insert"}`, `{"data":{"id":2,"name":"file","note":null,"weight":0.25},"type":"insert"}`,
		`{"data":{"id":2,"name":"file","note":null,"weight":0.25},"type":"delete"}`, `{"data":{"id":2,"name":"file","note":"flat","weight":0.25},"type":"insert"}`}
	if got := strings.Join(out[:4], "\n"); got != strings.Join(wrote, "\n") {
		t.Error(got)
	}
}

func TestDecode(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"other type", `{"type":"upsert","data":{}}`, `bad: decode maxwell-json: unknown "type" "upsert"`},
		{"no type", `{"data":{}}`, `bad: decode maxwell-json: "type": the key is missing`},
		{"no data", `{"type":"insert","data":null}`, `bad: decode maxwell-json: "data" is missing or null`},
		{"data is an array", `{"type":"insert","data":[{}]}`, `bad: decode maxwell-json: "data": '[' at byte 24 where an object should be`},
		{"no old", `{"type":"update","data":{"id":1}}`, `bad: decode maxwell-json: "old" of an update is missing or null`},
		{"bad old", `{"type":"update","data":{"id":1},"old":{"id":"x"}}`, `bad: decode maxwell-json: "old": column id: "x" as INT: not an integer`},
		{"ddl", `{"type":"table-alter","database":"d","table":"t","sql":"alter table t add c int"}`, ""},
		{"bootstrap", `{"type":"bootstrap-start","data":{}}`, ""},
		{"empty", "", ""},
		{"empty old", `{"type":"update","data":{"id":1},"old":{}}`, "-U[1, NULL, NULL, NULL]\n+U[1, NULL, NULL, NULL]"},
	} {
		if got := formattest.Decode(t, decoder(t, fields(), nil, nil), fields(), c.in); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
	d := decoder(t, fields(), nil, format.Options{"ignore-parse-errors": "true"})
	if got := formattest.Decode(t, d, fields(), `{"type":"insert","data":{"id":"x","name":"n"}}`); got != "+I[NULL, n, NULL, NULL]" {
		t.Error(got)
	}
	if got := formattest.Decode(t, d, fields(), `{"type":"what"}`); got != "" {
		t.Error(got)
	}
}

func TestMetadata(t *testing.T) {
	f := fields()[:1]
	keys := []string{"database", "value.table", "primary-key-columns", "ingestion-timestamp"}
	all := f
	for _, k := range keys {
		all = append(all, format.Field{Name: k, Type: Metadata()[strings.TrimPrefix(k, "value.")]})
	}
	d := decoder(t, f, keys, nil)
	// Maxwell's ts is in seconds.
	for in, want := range map[string]string{
		`{"database":"shop","table":"orders","type":"insert","ts":1596684883,"data":{"id":1},"primary_key_columns":["id"]}`: "+I[1, shop, orders, [id], 2020-08-06T03:34:43Z]",
		`{"type":"update","data":{"id":1},"old":{"id":2}}`:                                                                  "-U[2, NULL, NULL, NULL, NULL]\n+U[1, NULL, NULL, NULL, NULL]",
		`{"type":"insert","data":{"id":1},"ts":9223372036854775807}`:                                                        `bad: decode maxwell-json: column ingestion-timestamp: "9223372036854775807" as TIMESTAMP_LTZ: out of range`,
	} {
		if got := formattest.Decode(t, d, all, in); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
	o, _ := ParseOptions(nil)
	if _, err := NewDecoder(f, []string{"tabel"}, o); err == nil || !strings.Contains(err.Error(), `no metadata "tabel"`) {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	for _, k := range []string{"ignore-parse-errors=true", "timestamp-format.standard=ISO-8601", "map-null-key.mode=DROP", "map-null-key.literal=x", "encode.decimal-as-plain-number=true", "encode.ignore-null-fields=true"} {
		k, v, _ := strings.Cut(k, "=")
		if _, err := ParseOptions(format.Options{k: v}); err != nil {
			t.Error(err)
		}
	}
	if _, err := ParseOptions(format.Options{"table.include": "x"}); err == nil {
		t.Error("an option of canal-json is taken")
	}
}

const update = `{"database":"shop","table":"orders","type":"update","ts":1596684893,"xid":7152,"commit":true,"data":{"id":106,"name":"hammer","note":"heavy","weight":1.0},"old":{"note":"light"},"primary_key_columns":["id"]}`

func FuzzDecode(f *testing.F) {
	for _, s := range []string{update, `{"type":"insert","data":{"id":"7"}}`, `{"type":"update","data":{},"old":[]}`, `{"type":"delete","data":1}`, `{"type":"insert","ts":"x","data":{}}`} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	meta := []string{"table", "ingestion-timestamp", "primary-key-columns"}
	all := fields()
	for _, k := range meta {
		all = append(all, format.Field{Name: k, Type: Metadata()[k]})
	}
	f.Fuzz(func(t *testing.T, data []byte, ignore bool) {
		formattest.Fuzz(t, decoder(t, fields(), meta, format.Options{"ignore-parse-errors": fmt.Sprint(ignore)}), all, []byte(update), data)
	})
}

func BenchmarkDecode(b *testing.B) {
	formattest.BenchmarkDecode(b, decoder(b, fields(), nil, nil), fields(), update)
}
