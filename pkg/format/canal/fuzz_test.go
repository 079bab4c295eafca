package canal

import (
	"testing"

	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/formattest"
)

func FuzzDecode(f *testing.F) {
	const update = `{"data":[{"id":"1","name":"b"},{"id":"2"}],"old":[{"name":null},{"price":"1"}],"type":"UPDATE","table":"t","ts":5}`
	for _, s := range []string{insert, update, `{"type":"DELETE","data":[{}]}`, `{"type":"ALTER"}`, `{"data":{},"type":"INSERT"}`, `{"data":[1],"old":[2],"type":"UPDATE"}`, `{"data":[{"id":1}],"type":"INSERT","ts":"x"}`} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	meta := []string{"table", "ingestion-timestamp"}
	all := fields()
	for _, k := range meta {
		all = append(all, format.Field{Name: k, Type: Metadata()[k]})
	}
	f.Fuzz(func(t *testing.T, data []byte, ignore bool) {
		opts := format.Options{}
		if ignore {
			opts["ignore-parse-errors"] = "true"
		}
		formattest.Fuzz(t, decoder(t, fields(), meta, opts), all, []byte(update), data)
	})
}
