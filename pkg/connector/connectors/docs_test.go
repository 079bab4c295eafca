package connectors

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	chsink "github.com/freshet-dw/freshet/pkg/connector/clickhouse"
	"github.com/freshet-dw/freshet/pkg/connector/filesystem"
	hbasetable "github.com/freshet-dw/freshet/pkg/connector/hbase"
	kafkatable "github.com/freshet-dw/freshet/pkg/connector/kafka"
	mysqltable "github.com/freshet-dw/freshet/pkg/connector/mysql"
	"github.com/freshet-dw/freshet/pkg/connector/option"
	redistable "github.com/freshet-dw/freshet/pkg/connector/redis"
)

var rewrite = flag.Bool("rewrite", false, "write the option tables of docs/connectors.md anew")

const page = "../../../docs/connectors.md"

// The tables of options stand between <!-- options: name --> and <!-- end -->; they are made from the connectors' own declarations.
func TestOptionsAreDocumented(t *testing.T) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for name, specs := range map[string][]option.Spec{
		"hbase": hbasetable.Specs, "mysql": mysqltable.Specs, "redis": redistable.Specs, "clickhouse": chsink.Specs, "filesystem": filesystem.Specs,
		"kafka": kafkatable.Specs, "upsert-kafka": kafkatable.UpsertSpecs,
	} {
		head, rest, ok := strings.Cut(text, "<!-- options: "+name+" -->\n")
		_, tail, ended := strings.Cut(rest, "<!-- end -->\n")
		if !ok || !ended {
			t.Fatalf("%s has no place for the options of %s", page, name)
		}
		text = head + "<!-- options: " + name + " -->\n" + table(specs) + "<!-- end -->\n" + tail
		for _, s := range specs {
			if s.Help == "" {
				t.Errorf("%s: option %s has no help", name, s.Key)
			}
		}
	}
	if text == string(data) {
		return
	}
	if !*rewrite {
		t.Fatalf("%s is not up to date: run go test ./connector/connectors -rewrite", page)
	}
	if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

var kinds = [...]string{option.String: "text", option.Int: "number", option.Bool: "true, false", option.Duration: "duration", option.Size: "size", option.List: "list by ;"}

func table(specs []option.Spec) string {
	var b strings.Builder
	b.WriteString("| option | value | default | meaning |\n|---|---|---|---|\n")
	for _, s := range specs {
		value := kinds[s.Kind]
		if len(s.Enum) > 0 {
			value = strings.TrimPrefix(strings.Join(s.Enum, ", "), ", ")
		}
		def := ""
		if s.Default != "" {
			def = "`" + s.Default + "`"
		}
		if s.Required {
			def = "required"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.Key, value, def, s.Help)
	}
	return b.String()
}
