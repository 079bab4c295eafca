package formats

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/avro/registry/registrytest"
	"github.com/freshet-dw/freshet/pkg/format/internal/formattest"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func protoOptions(t *testing.T) format.Options {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.proto"), []byte("syntax = \"proto3\"; message X { int64 id = 1; string name = 2; }"), 0o600); err != nil {
		t.Fatal(err)
	}
	return format.Options{"message-class-name": "com.example.XProto$X", "proto-file": "x.proto", "base-dir": dir}
}

// TestRoundTrip writes rows with every format and reads them again.
func TestRoundTrip(t *testing.T) {
	f := formattest.Fields("id", types.Of(types.BigInt), "name", types.String())
	in := formattest.NewBuilder(f)
	d, err := NewDecoder("json", f, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Decode(formattest.Messages(`{"id":1,"name":"a,\"b\""}`, `{"id":2,"name":"中"}`), in, func(i int, err error) { t.Fatal(err) })
	b := in.Build()
	for _, name := range Names() {
		opts := format.Options{}
		fields, want := f, b.String()
		switch {
		case name == "protobuf":
			opts = protoOptions(t)
		case strings.Contains(name, "confluent"):
			opts = format.Options{"url": registrytest.New(t).URL, "subject": "x"}
		}
		rows := b
		if name == "raw" {
			fields = f[1:]
			rows = batch.New(b.N, b.Cols[1:]...)
			want = "+I[a,\"b\"]\n+I[中]\n"
		}
		e, err := NewEncoder(name, fields, opts)
		if err != nil {
			t.Fatal(name, err)
		}
		values, err := formattest.Encode(t, e, rows)
		if err != nil {
			t.Fatal(name, err)
		}
		d, err := NewDecoder(name, fields, opts)
		if err != nil {
			t.Fatal(name, err)
		}
		if got, bad := formattest.Batch(t, d, fields, values...); got.String() != want || bad != nil {
			t.Errorf("%s: %q gives\n%s%v", name, values, got, bad)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name string
		opts format.Options
		want string // error and remedy
	}{
		{"json", nil, ""},
		{"json", format.Options{"ignore-parse-errors": "true", "timestamp-format.standard": "iso-8601", "encode.decimal-as-plain-number": "true", "map-null-key.mode": "LITERAL", "map-null-key.literal": "?"}, ""},
		{"jsn", nil, `there is no format "jsn"; did you mean json?`},
		{"orc", nil, `there is no format "orc"; the formats are avro, avro-confluent, canal-json, csv, debezium-avro-confluent, debezium-json, json, maxwell-json, ogg-json, protobuf, raw`},
		{"json", format.Options{"ignore-parse-error": "true"}, "format json has no option 'json.ignore-parse-error'; did you mean ignore-parse-errors?"},
		{"json", format.Options{"ignore-parse-errors": "maybe"}, `option 'json.ignore-parse-errors': "maybe" is not a boolean; write true or false`},
		{"json", format.Options{"timestamp-format.standard": "RFC"}, `option 'json.timestamp-format.standard': "RFC" is not a value of it; write one of SQL, ISO-8601, ISO-8601-WITH-OFFSET`},
		{"json", format.Options{"ignore-parse-errors": "true", "fail-on-missing-field": "true"}, "option 'json.fail-on-missing-field': cannot be used with 'ignore-parse-errors'; set only one of them"},
		{"canal-json", format.Options{"table.include": "orders", "database.include": "shop"}, ""},
		{"canal-json", format.Options{"fail-on-missing-field": "true"}, "format canal-json has no option 'canal-json.fail-on-missing-field'; its options are"},
		{"debezium-json", format.Options{"schema-include": "true"}, ""},
		{"protobuf", format.Options{"message-class-name": "X", "proto-file": "x.proto"}, ""},
		{"protobuf", format.Options{"message-class-name": "X"}, "option 'protobuf.proto-file': is required"},
		{"avro", format.Options{"encoding": "JSON", "timestamp_mapping.legacy": "false"}, ""},
		{"avro", format.Options{"codec": "snapy"}, "format avro has no option 'avro.codec'; its options are encoding, timestamp_mapping.legacy"},
		{"avro-confluent", format.Options{"schema-registry.url": "http://localhost:8081,http://b:8081", "basic-auth.credentials-source": "USER_INFO", "basic-auth.user-info": "a:b"}, ""},
		{"avro-confluent", format.Options{"subject": "x"}, "option 'avro-confluent.url': is required"},
		{"avro-confluent", format.Options{"url": "localhost:8081"}, `option 'avro-confluent.url': "localhost:8081" is no address of a registry`},
		{"avro-confluent", format.Options{"url": "http://x", "schema": `{"type":"recrd"}`}, "option 'avro-confluent.schema': parse Avro schema"},
		{"debezium-avro-confluent", format.Options{"url": "http://x", "schema": `"string"`}, "option 'debezium-avro-confluent.schema': is no record"},
		{"csv", format.Options{"field-delimiter": ";", "null-literal": "n"}, ""},
		{"raw", format.Options{"charset": "GBK", "endianness": "little-endian"}, ""},
	} {
		err := Validate(c.name, c.opts)
		got := ""
		if err != nil {
			got = fmt.Sprintf("%v; %s", err, fault.RemedyOf(err))
			if fault.KindOf(err) != fault.Config {
				t.Errorf("%s %v: kind %v", c.name, c.opts, fault.KindOf(err))
			}
		}
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %v: %s, want %s", c.name, c.opts, got, c.want)
		}
	}
}

func TestModesAndMetadata(t *testing.T) {
	for _, name := range Names() {
		changes := strings.HasSuffix(name, "-json") || strings.HasPrefix(name, "debezium-")
		if got := ChangeMode(name) == catalog.AllChanges; got != changes {
			t.Errorf("%s: %s", name, ChangeMode(name))
		}
		if (Metadata(name) != nil) != strings.HasSuffix(name, "-json") {
			t.Errorf("%s: metadata %v", name, Metadata(name))
		}
	}
	f := formattest.Fields("id", types.Of(types.BigInt))
	all := append(f, format.Field{Name: "table", Type: types.String()})
	d, err := NewDecoder("canal-json", f, nil, WithMetadata("value.table"))
	if err != nil {
		t.Fatal(err)
	}
	if got := formattest.Decode(t, d, all, `{"data":[{"id":1}],"type":"INSERT","table":"t"}`); got != "+I[1, t]" {
		t.Error(got)
	}
	if _, err := NewDecoder("json", f, nil, WithMetadata("table")); err == nil {
		t.Error("json gives metadata")
	}
}

func TestSchema(t *testing.T) {
	all := formattest.Fields("a", types.String(), "b", types.String())
	d, err := NewDecoder("csv", all[1:], nil, WithSchema(all))
	if err != nil {
		t.Fatal(err)
	}
	if got := formattest.Decode(t, d, all[1:], "x,y"); got != "+I[y]" {
		t.Error(got)
	}
}
