package debezium

import (
	"testing"

	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/formattest"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func FuzzDecode(f *testing.F) {
	for _, s := range []string{update, `{"schema":{},"payload":` + update + `}`, `{"op":"d","before":{}}`, `{"payload":null}`, `{"payload":[]}`, `{"op":"c","after":[],"source":1}`, `{"op":"r","after":{},"source":{"table":[]}}`} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	fields := formattest.Fields("id", types.Of(types.Int), "name", types.String())
	meta := []string{"source.table", "schema", "source.properties"}
	all := fields
	for _, k := range meta {
		all = append(all, format.Field{Name: k, Type: Metadata()[k]})
	}
	f.Fuzz(func(t *testing.T, data []byte, ignore bool) {
		opts := format.Options{}
		if ignore {
			opts["ignore-parse-errors"] = "true"
		}
		formattest.Fuzz(t, decoder(t, fields, meta, opts), all, []byte(update), data)
	})
}
