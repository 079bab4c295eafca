package ogg

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/formattest"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func fields() []format.Field {
	return formattest.Fields("ID", types.Of(types.Int).AsNotNull(), "NAME", types.String(), "NOTE", types.String(), "WEIGHT", types.Of(types.Float))
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

// TestFile reads a change log as GoldenGate writes it, and writes what it has read, both with nulls and without.
func TestFile(t *testing.T) {
	in, err := os.ReadFile("testdata/tools.txt")
	if err != nil {
		t.Fatal(err)
	}
	b, bad := formattest.Batch(t, decoder(t, fields(), nil, nil), fields(), strings.Split(strings.TrimSpace(string(in)), "\n")...)
	want := "+I[1, saw, for wood, 1.5]\n+I[2, file, NULL, 0.25]\n-U[2, file, NULL, 0.25]\n+U[2, file, flat, 0.25]\n-D[1, saw, for wood, 1.5]\n"
	if got := b.String(); got != want || bad != nil {
		t.Errorf("%v\n%s\nwant\n%s", bad, got, want)
	}
	for ignore, want := range map[string]string{
		"false": `{"before":{"ID":2,"NAME":"file","NOTE":null,"WEIGHT":0.25},"after":null,"op_type":"D"}` + "\n" +
			`{"before":null,"after":{"ID":2,"NAME":"file","NOTE":"flat","WEIGHT":0.25},"op_type":"I"}`,
		"true": `{"before":{"ID":2,"NAME":"file","WEIGHT":0.25},"op_type":"D"}` + "\n" +
			`{"after":{"ID":2,"NAME":"file","NOTE":"flat","WEIGHT":0.25},"op_type":"I"}`,
	} {
		o, err := ParseOptions(format.Options{"encode.ignore-null-fields": ignore})
		if err != nil {
			t.Fatal(err)
		}
		e, err := NewEncoder(fields(), o)
		if err != nil {
			t.Fatal(err)
		}
		out, err := formattest.Encode(t, e, b)
		if err != nil || len(out) != 5 {
			t.Fatal(err, out)
		}
		if got := strings.Join(out[2:4], "\n"); got != want {
			t.Error(got)
		}
	}
}

func TestDecode(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"truncate", `{"op_type":"T"}`, `bad: decode ogg-json: unknown "op_type" "T"`},
		{"no op", `{"after":{}}`, `bad: decode ogg-json: "op_type": the key is missing`},
		{"no after", `{"op_type":"I"}`, `bad: decode ogg-json: "after" is missing or null`},
		{"update without before", `{"op_type":"U","before":null,"after":{"ID":1}}`, `bad: decode ogg-json: "before" is missing or null`},
		{"delete without before", `{"op_type":"D","after":{"ID":1}}`, `bad: decode ogg-json: "before" is missing or null`},
		{"update without after", `{"op_type":"U","before":{"ID":1}}`, `bad: decode ogg-json: "after" is missing or null`},
		{"bad value", `{"op_type":"I","after":{"ID":"x"}}`, `bad: decode ogg-json: "after": column ID: "x" as INT: not an integer`},
		{"text after", `{"op_type":"I","after":{"ID":1}} x`, `bad: decode ogg-json: 'x' at byte 33 where the end should be`},
		{"empty", "", ""},
	} {
		if got := formattest.Decode(t, decoder(t, fields(), nil, nil), fields(), c.in); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
	d := decoder(t, fields(), nil, nil)
	d.Decode(formattest.Messages(`{"op_type":"U","after":{}}`), formattest.NewBuilder(fields()), func(_ int, err error) {
		if fault.RemedyOf(err) == "" {
			t.Errorf("no remedy in %v", err)
		}
	})
}

func TestMetadata(t *testing.T) {
	f := fields()[:1]
	keys := []string{"table", "value.primary-keys", "ingestion-timestamp", "event-timestamp"}
	all := f
	for _, k := range keys {
		all = append(all, format.Field{Name: k, Type: Metadata()[strings.TrimPrefix(k, "value.")]})
	}
	d := decoder(t, f, keys, nil)
	for in, want := range map[string]string{
		`{"table":"S.T","op_type":"I","op_ts":"2020-05-13 15:40:06.000000","current_ts":"2020-05-13T13:39:35.766001","primary_keys":["ID"],"after":{"ID":1}}`: "+I[1, S.T, [ID], 2020-05-13T13:39:35.766001Z, 2020-05-13T15:40:06Z]",
		`{"op_type":"I","after":{"ID":1}}`: "+I[1, NULL, NULL, NULL, NULL]",
	} {
		if got := formattest.Decode(t, d, all, in); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
	o, _ := ParseOptions(nil)
	if _, err := NewDecoder(f, []string{"event-time"}, o); err == nil || !strings.Contains(fault.RemedyOf(err), "there are event-timestamp") {
		t.Error(err, fault.RemedyOf(err))
	}
}

const update = `{"table":"S.T","op_type":"U","op_ts":"2020-05-13 15:40:06.000000","current_ts":"2020-05-13T13:39:35.766000","pos":"1","before":{"ID":1,"NAME":"a","NOTE":"x","WEIGHT":1.5},"after":{"ID":1,"NAME":"b","NOTE":"x","WEIGHT":2}}`

func FuzzDecode(f *testing.F) {
	for _, s := range []string{update, `{"op_type":"I","after":{"ID":"7"}}`, `{"op_type":"D","before":[]}`, `{"op_type":"I","after":{},"op_ts":5}`} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	meta := []string{"table", "ingestion-timestamp", "event-timestamp", "primary-keys"}
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
